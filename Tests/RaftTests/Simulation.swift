// A group under a hostile schedule drawn from a seed: messages late, lost, twice and in any order; partitions; disks that
// finish writes when they like; crashes that lose every write under way. The checker looks on after each event.
// The same seed gives the same run.

@testable import Raft

struct SimulationPlan {
  var voters: Int
  var learners = 0
  var events = 3000
  /// A crash forgets whom the member had voted for.
  var forgetsVote = false
  var faults: PlantedFaults = []
  var changesMembers = false
  var preVote = false
  /// One entry in a message.
  var singleEntries = true
  /// Contested elections, and crashes right after a write: for bugs that live there.
  var isTurbulent = false
}

final class Simulation {
  private final class Member {
    let id: PeerID
    /// What survives a crash.
    var disk: MemoryStorage
    var node: RaftNode<MemoryStorage>
    var writes: [Message] = []
    var applies: [Message] = []

    init(_ id: PeerID, _ disk: MemoryStorage, _ settings: RaftSettings, _ seed: UInt64) {
      self.id = id
      self.disk = disk
      node = RaftNode(id: id, settings: settings, storage: disk, seed: seed)
    }
  }

  private let plan: SimulationPlan
  private let settings: RaftSettings
  private var random: ElectionRandom
  private var members: [Member] = []
  private var network: [Message] = []
  private var cut: Set<PeerID> = []
  private var proposed = 0
  private var turns = 0
  private var checker = SafetyChecker()

  /// Entries that some member took for committed.
  var committedCount: Int { checker.committed.count }
  private(set) var electionCount = 0

  init(_ plan: SimulationPlan, seed: UInt64) {
    self.plan = plan
    random = ElectionRandom(seed: seed)
    settings = makeSettings(
      electionTicks: 4, asynchronous: true, maxMessageByteCount: plan.singleEntries ? 0 : 1 << 20, inflight: 3,
      checksQuorum: plan.preVote, preVote: plan.preVote, faults: plan.faults)
    let ids = (1...UInt64(plan.voters + plan.learners)).map { PeerID($0) }
    let membership = Membership(voters: PeerSet(ids.prefix(plan.voters)), learners: PeerSet(ids.dropFirst(plan.voters)))
    for id in ids {
      members.append(Member(id, MemoryStorage(Snapshot(membership: membership)), settings, random.next()))
    }
  }

  private func draw(_ count: Int) -> Int { random.draw(below: count) }

  /// The first violation, or nil.
  func run() -> SafetyChecker.Violation? {
    do {
      for _ in 0..<plan.events { try turn() }
      return nil
    } catch let violation as SafetyChecker.Violation {
      return violation
    } catch {
      return nil
    }
  }

  private func turn() throws {
    var member = members[draw(members.count)]
    turns += 1
    if plan.isTurbulent, turns == 1 || draw(40) == 0 {
      // Two candidates in one term.
      let (first, second) = (members[0], members[1])
      let term = max(first.node.term, second.node.term).next
      for member in [first, second] {
        for _ in 0..<4 where member.node.term < term { member.node.campaign() }
      }
      try drain(first)
      try drain(second)
      return
    }
    switch draw(100) {
    case ..<45:
      // What has been under way for long is lost.
      if network.count > 30 { network.removeFirst(network.count - 30) }
      for _ in 0..<2 {
        if let target = deliver() { try drain(target) }
      }
      return
    case ..<65:
      let busy = members.filter { !$0.writes.isEmpty }
      if busy.isEmpty { return }
      member = busy[draw(busy.count)]
      try write(member)
      if plan.isTurbulent, member.node.role == .follower, draw(3) == 0 { crash(member) }
    case ..<75: try apply(member)
    case ..<90: member.node.tick()
    case ..<95:
      guard let leader = members.first(where: { $0.node.isLeader && !cut.contains($0.id) }) else { return }
      proposed += 1
      try? leader.node.propose(Array("\(proposed)".utf8))
      try drain(leader)
    case ..<96: proposeChange(member)
    case ..<98: cut = draw(3) > 0 ? [] : Set(members.filter { _ in draw(2) == 0 }.map(\.id))
    case ..<99: member.node.campaign()
    default: crash(member)
    }
    try drain(member)
  }

  /// Takes what a member has to do; looks at the member.
  private func drain(_ member: Member) throws {
    while member.node.hasReady {
      let ready = member.node.ready()
      if ready.softState?.role == .leader { electionCount += 1 }
      for message in ready.messages {
        switch message.kind {
        case .storageAppend: member.writes.append(message)
        case .storageApply: member.applies.append(message)
        default: network.append(message)
        }
      }
    }
    try checker.observe(member.node)
  }

  /// Delivers some message, or loses it. Returns who got it.
  private func deliver() -> Member? {
    guard !network.isEmpty else { return nil }
    let position = draw(network.count)
    let message = network[position]
    // One in eight is delivered again later.
    if draw(8) != 0 {
      network.swapAt(position, network.count - 1)
      network.removeLast()
    }
    if cut.contains(message.from) != cut.contains(message.to) || draw(20) == 0 { return nil }
    guard let target = members.first(where: { $0.id == message.to }) else { return nil }
    try? target.node.step(message)
    return target
  }

  private func write(_ member: Member) throws {
    guard !member.writes.isEmpty else { return }
    let message = member.writes.removeFirst()
    if let first = message.entries.first {
      try checker.observe(message.entries, after: member.disk.term(at: first.index.previous) ?? .zero)
    }
    if let hardState = message.hardState { member.disk.save(hardState) }
    member.disk.append(message.entries)
    respond(member, message.responses)
  }

  private func apply(_ member: Member) throws {
    guard !member.applies.isEmpty else { return }
    let message = member.applies.removeFirst()
    try checker.observeApplied(message.entries)
    for entry in message.entries {
      if let change = entry.change { _ = try? member.node.apply(change) }
    }
    respond(member, message.responses)
  }

  private func respond(_ member: Member, _ responses: [Message]) {
    for response in responses {
      if response.to == member.id { try? member.node.step(response) } else { network.append(response) }
    }
  }

  private func proposeChange(_ member: Member) {
    guard plan.changesMembers, member.node.isLeader else { return }
    if member.node.membership.isJoint {
      try? member.node.propose(ConfigurationChange())
      return
    }
    let steps = (0...draw(2)).map { _ in
      MembershipStep(
        [.addVoter, .addVoter, .addLearner, .remove][draw(4)], members[draw(members.count)].id)
    }
    let transition: [ConfigurationChange.Transition] = [.implicit, .explicit]
    // Never without voters: what the owner must refuse, it does not propose.
    let change = ConfigurationChange(steps, transition: transition[draw(2)])
    let changer = MembershipChanger(member.node.tracker, lastIndex: 1)
    if (try? changer.applying(change)) != nil { try? member.node.propose(change) }
  }

  /// Writes under way are lost; so is the state machine, which is built anew from the log.
  private func crash(_ member: Member) {
    member.disk = MemoryStorage(copying: member.disk)
    if plan.forgetsVote {
      var state = member.disk.hardState
      state.vote = .none
      member.disk.save(state)
    }
    member.writes = []
    member.applies = []
    member.node = RaftNode(id: member.id, settings: settings, storage: member.disk, seed: random.next())
  }
}
