// One range's Raft group as its replica uses it: drives the pure core, hands its writes to the log writer, its messages to
// whoever carries them, and what is committed back to the replica.
//
// Contract: committed entries are handed over in order, each once, on the replica's reactor, and only when they survive a
// crash here. Responses that vouch for a write leave after it is durable. A commit index alone is never worth a write: it
// is remembered with the next one.

import DequeModule
import Raft
import Storage
import Transport

/// Confined to its replica's reactor.
final class ConsensusGroup {
  /// What is being written: told to the core once it is durable.
  private struct Write {
    var sequence: UInt64
    var entries: [Entry]
    var responses: [Message]
    /// Told once it is durable that this member has fortified its leader.
    var fortified: PeerID?
    /// The commit index that is written with it.
    var commit: LogIndex
  }

  let range: RangeID
  let log: ReplicaLog
  private(set) var node: RaftNode<ReplicaLog>
  private let reactor: Int
  private let writer: LogWriter
  private var writes: Deque<Write> = []
  private var sequence: UInt64 = 0
  /// Term and vote as they were handed to the writer.
  private var writtenState: Raft.HardState
  /// Everything through here is known to be committed, over a restart as well.
  private(set) var durableCommit: LogIndex
  /// Whom this member has promised to follow, as it was handed to the writer.
  private(set) var lead: LeadSupport?
  /// Ticks until this member, whose leader's support has ended, campaigns; nil while it has one or none ended.
  private var campaignCountdown: Int?
  /// As a leader: who has promised.
  private var fortification = Fortification()
  /// Planted by simulations.
  var breaksPromises = false
  /// A tick has nothing to do here, as long as no message comes and what stores promise each other stays the same.
  private(set) var isQuiet = false
  private let support: StoreSupport
  private var isWorking = false
  private var isStopped = false

  /// Takes what is committed; set by the replica.
  var onCommitted: ([Entry]) -> Void = { _ in }
  /// The role or the leader changed.
  var onRoleChange: () -> Void = {}
  /// Carries a message to another member.
  var onMessage: (_ to: PeerID, GroupMessage) -> Void = { _, _ in }
  /// Somebody campaigns, and this member keeps its vote for the node that it has promised to follow.
  var onPromiseInTheWay: (LeadSupport) -> Void = { _ in }
  /// Ticks are wanted again.
  var onWake: () -> Void = {}
  /// The node that a member lives on.
  var nodeOf: (PeerID) -> NodeID? = { _ in nil }

  /// - Parameter applied: the last entry whose effects the state holds.
  init(
    range: RangeID, reactor: Int, id: PeerID, log: ReplicaLog, lead: LeadSupport?, settings: RaftSettings,
    applied: LogIndex, seed: UInt64, support: StoreSupport, writer: LogWriter
  ) {
    self.range = range
    self.reactor = reactor
    self.log = log
    self.writer = writer
    self.support = support
    self.lead = lead
    writtenState = log.initialState().hardState
    durableCommit = writtenState.commit
    node = RaftNode(id: id, settings: settings, storage: log, applied: applied, seed: seed)
  }

  // MARK: - What it is

  var term: UInt64 { node.term.rawValue }
  var isLeader: Bool { node.isLeader }
  var membership: Membership { node.membership }
  var leader: PeerID? { node.leader == .none ? nil : node.leader }

  /// The last entry of the log, durable or on its way.
  var last: LogPosition {
    let id = node.lastEntryID
    return LogPosition(index: id.index.rawValue, term: id.term.rawValue)
  }

  // MARK: - What it is told

  /// Appends a command to the log, to be committed later. Nil: this member cannot propose now.
  func propose(_ payload: [UInt8]) -> LogPosition? {
    guard !isStopped, node.isLeader, let entry = try? node.propose(payload) else { return nil }
    wake()
    work()
    return LogPosition(index: entry.index.rawValue, term: entry.term.rawValue)
  }

  /// What the leader knows of a member.
  func progress(of peer: PeerID) -> Progress? { node.progress.first { $0.id == peer }?.progress.progress }

  /// Asks for a change of the members. False: this member cannot propose now.
  func propose(_ change: ConfigurationChange) -> Bool {
    guard !isStopped, node.isLeader, (try? node.propose(change)) != nil else { return false }
    wake()
    work()
    return true
  }

  /// The leader that this member has promised to follow is no member any more: the promise is void.
  func forgetLead(besides nodes: [NodeID]) {
    guard let promised = lead, !nodes.contains(promised.node) else { return }
    lead = nil
    node.forgetLeader()
  }

  /// A committed change of the members is applied. False if it does not fit the members, on every member alike; then it changes nothing.
  func apply(_ change: ConfigurationChange) -> Bool { (try? node.apply(change)) != nil }

  func campaign() {
    wake()
    node.campaign()
    work()
  }

  /// Something has happened, or may have: the next ticks find out.
  private func wake() {
    isQuiet = false
    onWake()
  }

  /// Nothing is on its way to the disk.
  var isWritten: Bool { writes.isEmpty }

  /// A tenth of a second has passed.
  func tick() {
    guard !isStopped else {
      isQuiet = true
      return
    }
    if node.isLeader {
      fortify()
      isQuiet = mayRest
      if isQuiet { return }
      node.tick()
    } else if followsSupported {
      // The leader's store is believed to live: no election.
      campaignCountdown = nil
      isQuiet = true
      return
    } else {
      isQuiet = false
      tickWithoutSupport()
    }
    work()
  }

  /// Takes a message from another member.
  func receive(_ message: GroupMessage, from peer: PeerID) {
    guard !isStopped else { return }
    wake()
    switch message {
    case .raft(let message):
      if message.kind == .vote || message.kind == .preVote, message.context != .leadershipTransfer,
        keepsItsVote(from: peer)
      {
        if let lead { onPromiseInTheWay(lead) }
        return
      }
      // Who asks for votes leads no more. Under its store's support this member does not tick, and would take it for the leader for ever.
      if message.kind == .preVote, peer == leader, message.term > node.term { node.forgetLeader() }
      try? node.step(message)
      // Whoever asks does not know that this member leads, and everybody may be at rest.
      if message.kind == .preVote, node.isLeader { node.sendHeartbeats() }
    case .fortify(let term): fortifyLeader(peer, in: term)
    case .fortified(let term, let epoch):
      if node.isLeader, term == .zero {
        // A member that does not know who leads: after a restart, say.
        node.sendHeartbeats()
      } else if node.isLeader, node.term == term {
        fortification.note(peer, epoch, in: term)
        onRoleChange()
      }
    }
    work()
  }

  /// Anything else that changes the core.
  func act(_ body: (inout RaftNode<ReplicaLog>) -> Void) {
    guard !isStopped else { return }
    wake()
    body(&node)
    work()
  }

  /// The effects of committed entries are in the state, without their having been handed out: replay.
  func replayed(_ entries: [Entry]) {
    try? node.step(Message(.storageApplyResponse, to: node.id, from: .applyThread, entries: entries))
  }

  /// The log writer has made everything through a write durable.
  func written(through sequence: UInt64) {
    guard !isStopped else { return }
    while let first = writes.first, first.sequence <= sequence {
      writes.removeFirst()
      log.append(first.entries)
      durableCommit = max(durableCommit, first.commit)
      deliver(first.responses)
      if let leader = first.fortified, let lead, lead.term == node.term {
        onMessage(leader, .fortified(term: lead.term, epoch: lead.epoch))
      }
    }
    work()
  }

  func stop() { isStopped = true }

  // MARK: - Work

  private func deliver(_ responses: [Message]) {
    for response in responses {
      if response.to == node.id { try? node.step(response) } else { onMessage(response.to, .raft(response)) }
    }
  }

  private func work() {
    // What is applied may propose; the loop below takes that up.
    guard !isWorking else { return }
    isWorking = true
    defer { isWorking = false }
    while !isStopped, let ready = node.nextReady() {
      for message in ready.messages {
        switch message.kind {
        case .storageAppend: write(message)
        case .storageApply:
          onCommitted(message.entries)
          deliver(message.responses)
        default: onMessage(message.to, .raft(message))
        }
      }
      if ready.softState != nil {
        if node.isLeader { fortify() }
        onRoleChange()
      }
    }
  }

  private func write(_ message: Message) {
    let state = message.hardState ?? writtenState
    let mustPersistState = state.term != writtenState.term || state.vote != writtenState.vote
    precondition(message.snapshot == nil, "snapshots come to a replica by another way")
    if message.entries.isEmpty, !mustPersistState {
      // Nothing to make durable: its responses wait for what is under way, if anything is.
      if writes.isEmpty {
        deliver(message.responses)
      } else {
        writes[writes.count - 1].responses += message.responses
      }
      return
    }
    if state.term != writtenState.term { lead = nil }
    writtenState = state
    submit(message.entries, message.responses, fortified: nil)
  }

  /// Makes durable what is known to be committed, ahead of whatever is written later.
  func writeCommit() {
    if !isStopped, durableCommit < node.commitIndex { submit([], [], fortified: nil) }
  }

  private func submit(_ entries: [Entry], _ responses: [Message], fortified: PeerID?) {
    sequence += 1
    let commit = node.commitIndex
    let durableEnd = writes.last { !$0.entries.isEmpty }?.entries.last?.index ?? log.lastIndex
    let replaces = entries.first.map { $0.index <= durableEnd } ?? false
    writer.write(
      LogWrite(
        reactor: reactor, range: range, sequence: sequence,
        hardState: Storage.HardState(
          term: writtenState.term.rawValue, vote: writtenState.vote.rawValue, commit: commit.rawValue,
          leadNode: UInt64(lead?.node.rawValue ?? 0), leadEpoch: lead?.epoch ?? 0, replica: node.id.rawValue),
        replacesTail: replaces, entries: entries))
    writes.append(
      Write(sequence: sequence, entries: entries, responses: responses, fortified: fortified, commit: commit))
  }

  // MARK: - Leases

  /// Until when nobody else can be elected. Only a leader has a lease.
  var leaseEnd: LeaseEnd {
    guard node.isLeader else { return .past }
    let voters = node.membership.voters
    if node.membership.isSingleton, voters.contains(node.id) { return .never }
    var ends: [(peer: PeerID, end: LeaseEnd)] = []
    for peer in voters.all {
      if peer == node.id {
        ends.append((peer, .never))
      } else if let epoch = fortification.epoch(of: peer, in: node.term), let host = nodeOf(peer),
        let received = support.support(from: host), received.epoch == epoch
      {
        ends.append((peer, received.end))
      }
    }
    func end(_ peer: PeerID) -> LeaseEnd { ends.first { $0.peer == peer }?.end ?? .past }
    return LeaseEnd(wall: voters.quorumValue { end($0).wall }, monotonic: voters.quorumValue { end($0).monotonic })
  }

  /// Whether this member has promised its leader to vote for nobody else, and its store supports the leader's.
  private var followsSupported: Bool {
    guard let lead, lead.term == node.term, !breaksPromises else { return false }
    return support.supports(lead.node, in: lead.epoch)
  }

  /// Nobody of a node leads any more in a term in which this member has promised to follow it.
  func forgetPromise(to host: NodeID, in term: Term) {
    guard let lead, lead.node == host, lead.term == term, node.term == term else { return }
    forgetLeader()
  }

  /// Whoever this member follows does not lead any more, whatever stores promise each other.
  func forgetLeader() {
    guard !node.isLeader else { return }
    lead = nil
    wake()
    node.forgetLeader()
    campaignCountdown = 0
  }

  /// The promise is to the leader's node: that may be elected again, as when its leader has stepped down.
  private func keepsItsVote(from candidate: PeerID) -> Bool {
    !node.isLeader && followsSupported && lead?.node != nodeOf(candidate)
  }

  /// As a leader: asks voters that have not fortified this leadership in the epoch that their stores support now.
  private func fortify() {
    for peer in node.membership.voters.all where peer != node.id {
      guard let host = nodeOf(peer) else { continue }
      if let epoch = fortification.epoch(of: peer, in: node.term), support.support(from: host)?.epoch == epoch {
        continue
      }
      onMessage(peer, .fortify(term: node.term))
    }
  }

  private func fortifyLeader(_ peer: PeerID, in term: Term) {
    guard term == node.term, node.leader == peer, !node.isLeader, let host = nodeOf(peer),
      let epoch = support.supportedEpoch(of: host)
    else { return }
    let promise = LeadSupport(term: term, node: host, epoch: epoch)
    if lead == promise, !writes.contains(where: { $0.fortified != nil }) {
      onMessage(peer, .fortified(term: term, epoch: epoch))
      return
    }
    guard lead != promise else { return }
    lead = promise
    submit([], [], fortified: peer)
  }

  /// Everybody whose store lives has the whole log, everything is applied and the lease stands: nothing to say. What stores promise each
  /// other is looked at for all groups at once (`StoreSupport.promises`): a store that comes back, or ends a lease, wakes them.
  private var mayRest: Bool {
    guard writes.isEmpty, !node.hasReady, node.transferee == .none, !node.membership.isJoint,
      node.appliedIndex == node.lastEntryID.index, support.isBefore(leaseEnd)
    else { return false }
    let last = node.lastEntryID.index
    for (peer, view) in node.progress where peer != node.id {
      guard let host = nodeOf(peer) else { return false }
      guard let received = support.support(from: host), support.isBefore(received.end) else { continue }
      if view.progress.match != last { return false }
      if node.membership.voters.contains(peer), fortification.epoch(of: peer, in: node.term) != received.epoch {
        return false
      }
    }
    return true
  }

  /// What a group at rest can do without.
  func releaseIdleMemory() {
    if writes.isEmpty { writes = [] }
    log.releaseIdleMemory()
    node.releaseIdleMemory()
  }

  /// The leader is not believed to live any more. Members campaign one after the other, so that they do not split votes.
  private func tickWithoutSupport() {
    if lead != nil, lead?.term == node.term {
      lead = nil
      node.forgetLeader()
      let others = node.membership.voters.all.filter { $0 != node.id }
      let rank = others.count { $0 < node.id }
      campaignCountdown = 2 * rank
    }
    guard let countdown = campaignCountdown, node.leader == .none else {
      campaignCountdown = nil
      node.tick()
      return
    }
    if countdown > 0 {
      campaignCountdown = countdown - 1
    } else {
      campaignCountdown = 8
      node.campaign()
    }
  }
}
