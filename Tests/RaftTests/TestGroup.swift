// A group whose members carry out their own work at once, and a network that delivers in order whatever is not cut.
// For scenarios where every step is chosen; the simulation has its own, hostile one.

@testable import Raft

func makeSettings(
  electionTicks: Int = 10, asynchronous: Bool = false, maxMessageByteCount: Int = 1 << 20,
  maxApplyingByteCount: Int = .max, maxUncommittedByteCount: Int = .max, inflight: Int = 256,
  inflightByteCount: Int = .max, checksQuorum: Bool = false, preVote: Bool = false, readMode: ReadMode = .quorum,
  faults: PlantedFaults = []
) -> RaftSettings {
  try! RaftSettings(
    electionTicks: electionTicks, heartbeatTicks: 1, usesAsynchronousStorage: asynchronous,
    maxMessageByteCount: maxMessageByteCount, maxApplyingByteCount: maxApplyingByteCount,
    maxUncommittedByteCount: maxUncommittedByteCount,
    inflightLimits: InflightLimits(count: inflight, byteCount: inflightByteCount), checksQuorum: checksQuorum,
    usesPreVote: preVote, readMode: readMode, forwardsProposals: true, validatesChanges: true, stepsDownOnRemoval: true,
    eventLevel: .off, plantedFaults: faults)
}

/// Entries from index 1 on with the given terms.
func makeEntries(_ terms: [Term], from first: LogIndex = 1) -> [Entry] {
  terms.enumerated().map { Entry(term: $1, index: first + $0) }
}

/// A member with its disk and state machine.
final class TestMember {
  let storage: MemoryStorage
  let settings: RaftSettings
  var node: RaftNode<MemoryStorage>
  /// What the state machine has been given, in order.
  var applied: [Entry] = []
  var readStates: [ReadState] = []

  var id: PeerID { node.id }
  /// The terms of the log, from index 1 on.
  var terms: [Term] { (1...max(1, node.lastEntryID.index.rawValue)).compactMap { node.term(at: LogIndex($0)) } }
  var commands: [String] {
    applied.filter { $0.kind == .normal && !$0.data.isEmpty }.map { String(decoding: $0.data, as: UTF8.self) }
  }

  init(
    _ id: PeerID, voters: PeerSet, learners: PeerSet = [], log: [Term] = [], term: Term = .zero, vote: PeerID = .none,
    commit: LogIndex = .zero, settings: RaftSettings = makeSettings(), seed: UInt64 = 1
  ) {
    storage = MemoryStorage(Snapshot(membership: Membership(voters: voters, learners: learners)))
    storage.append(makeEntries(log))
    storage.save(HardState(term: term, vote: vote, commit: commit))
    self.settings = settings
    node = RaftNode(id: id, settings: settings, storage: storage, seed: seed &* 1000 &+ id.rawValue)
  }

  /// Crashes and comes back with what is on disk.
  func restart() {
    applied = []
    node = RaftNode(id: id, settings: settings, storage: storage, seed: id.rawValue)
  }

  /// Carries out all there is to do; returns what leaves.
  func work() -> [Message] {
    var outgoing: [Message] = []
    while node.hasReady {
      let ready = node.ready()
      readStates += ready.readStates
      var responses: [Message] = []
      if settings.usesAsynchronousStorage {
        for message in ready.messages {
          switch message.kind {
          case .storageAppend:
            persist(message.hardState, message.entries, message.snapshot)
            responses += message.responses
          case .storageApply:
            apply(message.entries)
            responses += message.responses
          default: outgoing.append(message)
          }
        }
        for response in responses {
          if response.to == id { try? node.step(response) } else { outgoing.append(response) }
        }
      } else {
        persist(ready.hardState, ready.entries, ready.snapshot)
        outgoing += ready.messages
        apply(ready.committedEntries)
        node.advance()
      }
    }
    return outgoing
  }

  private func persist(_ hardState: HardState?, _ entries: [Entry], _ snapshot: Snapshot?) {
    if let hardState { storage.save(hardState) }
    if let snapshot { storage.install(snapshot) }
    storage.append(entries)
  }

  private func apply(_ entries: [Entry]) {
    for entry in entries {
      applied.append(entry)
      if let change = entry.change { try! node.apply(change) }
    }
  }

  /// Steps a message in and carries out what follows.
  func take(_ message: Message) -> [Message] {
    try? node.step(message)
    return work()
  }
}

/// Members and the messages between them.
final class TestGroup {
  var members: [TestMember]
  var queue: [Message] = []
  /// Members that nothing reaches and nothing leaves.
  var isolated: Set<PeerID> = []
  var isLost: (Message) -> Bool = { _ in false }

  init(_ members: [TestMember]) { self.members = members }

  convenience init(_ count: Int, learners: PeerSet = [], settings: RaftSettings = makeSettings(), seed: UInt64 = 1) {
    let ids = (1...UInt64(count)).map { PeerID($0) }
    let voters = PeerSet(ids.filter { !learners.contains($0) })
    self.init(ids.map { TestMember($0, voters: voters, learners: learners, settings: settings, seed: seed) })
  }

  subscript(id: PeerID) -> TestMember { members.first { $0.id == id }! }

  var leaders: [PeerID] { members.filter(\.node.isLeader).map(\.id) }

  /// Delivers until nothing moves.
  func settle() {
    while true {
      for member in members { queue += member.work() }
      if queue.isEmpty { return }
      let batch = queue
      queue = []
      for message in batch {
        if isolated.contains(message.to) || isolated.contains(message.from) || isLost(message) { continue }
        guard let member = members.first(where: { $0.id == message.to }) else { continue }
        queue += member.take(message)
      }
    }
  }

  func elect(_ id: PeerID) {
    self[id].node.campaign()
    settle()
  }

  func propose(_ command: String, at id: PeerID) throws {
    try self[id].node.propose(Array(command.utf8))
    settle()
  }

  func tick(_ count: Int = 1) {
    for _ in 0..<count {
      for member in members { member.node.tick() }
      settle()
    }
  }
}
