// Workload (a): one Raft group on simulated machines, with clients that write and read, operators that change members and
// hand leadership on, and faults. First everything may happen, and nothing may break; then a quorum is healed while the
// rest stays as it is or dies, and the group must make progress.
//
// Members talk in bytes and write bytes. A machine whose disk has lost what it promised to keep comes back as a new
// member, under an id that was never used.

import Raft
import Reactors

final class RaftGroup {
  static let journalName = "journal"
  static let newJournalName = "journal.new"
  static let stateName = "state"
  static let newStateName = "state.new"
  /// The group's log begins after this entry: who joins later needs a snapshot.
  static let base = EntryID(term: 1, index: 10)
  /// Ids of the members that a machine has had differ by this.
  static let idStride: UInt64 = 32

  /// A place for a process.
  final class Slot {
    let machine: SimulatedMachine
    var peer: PeerID
    var member: RaftMember?
    /// Whether it stays down.
    var isRetired = false

    init(_ machine: SimulatedMachine, _ peer: PeerID) {
      self.machine = machine
      self.peer = peer
    }
  }

  let world: SimulatedWorld
  let options: SimulationOptions
  let plan: RaftPlan
  var network: SimulatedNetwork
  private(set) var slots: [Slot] = []
  private var checker = SafetyChecker(base: RaftGroup.base.index)
  private(set) var violation: SafetyChecker.Violation?
  private(set) var violationTime: Int64 = 0
  /// Members whose disks failed them.
  private(set) var lostDisks: Set<PeerID> = []

  private var clientRandom: RandomSource
  private var operatorRandom: RandomSource
  private var restartRandom: RandomSource
  private var commandCount: UInt64 = 0
  private var readCount: UInt64 = 0
  /// What had been acknowledged when a read began, by its number.
  private var readFloors: [UInt64: LogIndex] = [:]
  private(set) var isHealed = false
  private var clientsWrite = true

  // For the summary
  private(set) var acknowledgedCount = 0
  private var readsReturned = 0
  private var restartCount = 0
  private var changeCount = 0
  private var damagedPacketCount = 0

  var hasFailed: Bool { violation != nil }

  init(_ options: SimulationOptions, seed: UInt64, onTrace: ((Int64, String) -> Void)? = nil) {
    world = SimulatedWorld(seed: seed)
    world.onTrace = onTrace
    self.options = options
    var random = world.makeRandom("plan")
    plan = RaftPlan(options, &random)
    network = SimulatedNetwork(machineCount: plan.machineCount, random: world.makeRandom("network"))
    clientRandom = world.makeRandom("clients")
    operatorRandom = world.makeRandom("operators")
    restartRandom = world.makeRandom("restarts")

    let ids = (1...UInt64(plan.voterCount + plan.learnerCount)).map { PeerID($0) }
    let membership = Membership(
      voters: PeerSet(ids.prefix(plan.voterCount)), learners: PeerSet(ids.dropFirst(plan.voterCount)))
    for number in 0..<plan.machineCount {
      let machine = SimulatedMachine(number, world)
      machine.disk.meanSyncTime = plan.meanSyncTime
      let slot = Slot(machine, PeerID(UInt64(number + 1)))
      if membership.contains(slot.peer) {
        var record = RaftJournal.Record()
        record.base = Self.base
        record.hardState = HardState(term: Self.base.term, commit: Self.base.index)
        var bytes: [UInt8] = []
        record.encode(into: &bytes)
        machine.disk.install(Self.journalName, bytes)
        let state = Ledger(after: Self.base, membership).encode(paddingCount: plan.statePaddingCount)
        machine.disk.install(Self.stateName, state)
      }
      slots.append(slot)
    }
  }

  // MARK: The run

  func run() -> SimulationOutcome {
    for slot in slots { begin(slot) }
    let faults = RaftFaults(self)
    faults.start()
    clientTurn()
    operatorTurn()
    world.run(until: options.duration)
    if !hasFailed {
      faults.stop()
      heal()
      requireProgress()
    }
    let simulated = hasFailed ? violationTime : world.now
    return SimulationOutcome(
      seed: world.seed, violation: violation?.description, simulatedTime: simulated, eventCount: world.eventCount,
      traceHash: world.traceHash, summary: summary)
  }

  private var summary: String {
    "\(plan.voterCount)+\(plan.learnerCount) of \(plan.machineCount), \(checker.committedCount) committed, "
      + "\(acknowledgedCount) acknowledged, \(readsReturned) reads, \(checker.leaderCount) leaders, "
      + "\(restartCount) restarts, \(changeCount) changes, \(damagedPacketCount) damaged"
  }

  func note(_ kind: UInt64, _ value: UInt64, _ line: @autoclosure () -> String) { world.note(kind, value, line()) }

  func fail(_ violation: SafetyChecker.Violation) {
    if hasFailed { return }
    self.violation = violation
    violationTime = world.now
    note(1, 0, "FAILED: \(violation)")
    world.stop()
  }

  /// Lets the checker look.
  func checked(_ body: (inout SafetyChecker) throws(SafetyChecker.Violation) -> Void) {
    do throws(SafetyChecker.Violation) {
      try body(&checker)
    } catch {
      fail(error)
    }
  }

  // MARK: Processes

  /// Starts a process: what is on the disk is made durable before anything rests on it.
  func begin(_ slot: Slot) {
    if slot.isRetired || hasFailed { return }
    if !slot.machine.isUp { slot.machine.boot() }
    let disk = slot.machine.disk
    let recovered: RecoveredMember
    do throws(RecoveredMember.Failure) {
      recovered = try RecoveredMember(reading: disk)
    } catch {
      switch error {
      case .damaged(let what): replaceDisk(slot, what)
      case .forgot(let what): fail(.forgot(slot.peer, what))
      }
      return
    }
    disk.remove(Self.newJournalName)
    disk.remove(Self.newStateName)
    let start = { [self] in
      let member = RaftMember(slot.peer, slot.machine, self, recovered)
      slot.member = member
      note(
        2, slot.peer.rawValue, "\(slot.peer) starts: term \(member.node.term), log to \(recovered.storage.lastIndex)")
      member.start()
    }
    if disk.exists(Self.journalName) {
      try? disk.truncate(Self.journalName, to: recovered.journalByteCount)
      disk.sync(Self.journalName, on: slot.machine) { [self] error in
        if error != nil {
          exit(slot.machine, "a sync failed")
        } else {
          disk.syncNames(on: slot.machine) { _ in start() }
        }
      }
    } else {
      disk.create(Self.journalName)
      disk.syncNames(on: slot.machine) { _ in start() }
    }
  }

  /// A process ends, and is started again after a while.
  func crash(_ slot: Slot, losingPower: Bool, _ reason: String) {
    guard slot.machine.isUp, !slot.isRetired else { return }
    note(3, slot.peer.rawValue, "\(slot.peer) goes down: \(reason)")
    slot.member = nil
    if losingPower { slot.machine.losePower() } else { slot.machine.killProcess() }
    restartCount += 1
    world.schedule(afterNanoseconds: 10 * .millisecond + restartRandom.exponential(mean: plan.downTime)) { [self] in
      if !slot.machine.isUp { begin(slot) }
    }
  }

  /// A process gives up.
  func exit(_ machine: SimulatedMachine, _ reason: String) {
    crash(slots[machine.id], losingPower: false, reason)
  }

  func losePower(_ machine: SimulatedMachine, _ reason: String) {
    crash(slots[machine.id], losingPower: true, reason)
  }

  /// The machine gets a new disk and begins anew as someone else.
  private func replaceDisk(_ slot: Slot, _ what: String) {
    note(4, slot.peer.rawValue, "the disk of \(slot.peer) is damaged: \(what)")
    lostDisks.insert(slot.peer)
    if !plan.faults.contains(.rot) { fail(.forgot(slot.peer, what)) }
    slot.machine.disk.replace()
    slot.peer = PeerID(slot.peer.rawValue + Self.idStride)
    begin(slot)
  }

  private func slot(of peer: PeerID) -> Slot? {
    let number = Int((peer.rawValue - 1) % Self.idStride)
    return number < slots.count ? slots[number] : nil
  }

  // MARK: Messages

  func send(_ message: Message, from machine: SimulatedMachine) {
    guard let target = slot(of: message.to) else { return }
    let bytes = message.encode()
    let fate = network.send(from: machine.id, to: target.machine.id, byteCount: bytes.count, now: world.now)
    note(
      5, UInt64(bytes[0]) | UInt64(bytes[1]) << 8 | UInt64(bytes[2]) << 16 | UInt64(bytes[3]) << 24,
      "\(message.from) > \(message.to) \(describe(message))\(fate.first == nil ? ", lost" : "")")
    if let first = fate.first {
      var arriving = bytes
      if let bit = fate.flippedBit { arriving[bit / 8] ^= 1 << UInt8(bit % 8) }
      deliver(arriving, to: target, after: first)
    }
    if let second = fate.second { deliver(bytes, to: target, after: second) }
    if message.kind == .snapshot {
      // A connection tells whether a snapshot got through.
      let hasFailed = fate.first == nil
      machine.schedule(afterNanoseconds: (fate.first ?? 0) + 50 * .millisecond) { [self] in
        slots[machine.id].member?.act { $0.reportSnapshot(message.to, hasFailed: hasFailed) }
      }
    } else if fate.first == nil, message.kind == .append, clientRandom.chance(percent: 20) {
      machine.schedule(afterNanoseconds: 20 * .millisecond) { [self] in
        slots[machine.id].member?.act { $0.reportUnreachable(message.to) }
      }
    }
  }

  private func deliver(_ bytes: [UInt8], to target: Slot, after delay: Int64) {
    // On its way the packet belongs to no process: one that begins meanwhile may get it.
    world.schedule(afterNanoseconds: delay) { [self] in
      guard target.machine.isUp else { return }
      if target.machine.pausedUntil > world.now {
        target.machine.schedule(afterNanoseconds: 0) { [self] in arrive(bytes, at: target) }
      } else {
        arrive(bytes, at: target)
      }
    }
  }

  private func arrive(_ bytes: [UInt8], at target: Slot) {
    guard let member = target.member else { return }
    guard let message = try? Message(decoding: bytes) else {
      damagedPacketCount += 1
      note(6, UInt64(bytes.count), "a damaged packet reached \(member.id)")
      return
    }
    member.receive(message)
  }

  private func describe(_ message: Message) -> String {
    var text = "\(message.kind) t\(message.term)"
    if message.index != .zero { text += " log \(message.logTerm)/\(message.index)" }
    if !message.entries.isEmpty { text += " +\(message.entries.count)" }
    if message.commit != .zero { text += " commit \(message.commit)" }
    if let snapshot = message.snapshot { text += " snapshot \(snapshot.index)" }
    if message.isRejection { text += " rejected" }
    return text
  }

  // MARK: Clients

  private var leader: RaftMember? {
    slots.lazy.compactMap(\.member).filter(\.node.isLeader).max { $0.node.term < $1.node.term }
  }

  private func clientTurn() {
    world.schedule(afterNanoseconds: 1_000 + clientRandom.exponential(mean: plan.clientInterval)) { [self] in
      clientTurn()
    }
    guard clientsWrite else { return }
    let members = slots.compactMap(\.member)
    guard !members.isEmpty else { return }
    let anyone = clientRandom.pick(members)
    let target = clientRandom.chance(percent: 85) ? leader ?? anyone : anyone
    if clientRandom.chance(percent: 15) {
      readCount += 1
      readFloors[readCount] = checker.lastAcknowledged
      let context = withUnsafeBytes(of: readCount.littleEndian) { [UInt8]($0) }
      target.read(context)
      return
    }
    commandCount += 1
    let delta = clientRandom.draw(Int64(-1000)...1000)
    let padding = clientRandom.draw(below: plan.maxPayloadByteCount + 1)
    target.propose(commandCount, Ledger.command(commandCount, delta: delta, paddingCount: padding))
  }

  func acknowledged(_ index: LogIndex) {
    acknowledgedCount += 1
    checker.acknowledged(index)
  }

  /// A read may be served at an index: never one below what was acknowledged before it began.
  func readReturned(_ read: ReadState) {
    guard read.context.count == 8 else { return }
    let number = read.context.withUnsafeBytes { UInt64(littleEndian: $0.loadUnaligned(as: UInt64.self)) }
    // A forwarded request that was doubled on the way returns twice.
    guard let floor = readFloors[number] else { return }
    readsReturned += 1
    if read.index < floor { fail(.staleRead(read.index, floor)) }
  }

  // MARK: Operators

  private func operatorTurn() {
    world.schedule(afterNanoseconds: 1_000 + operatorRandom.exponential(mean: plan.operatorInterval)) { [self] in
      operatorTurn()
    }
    guard let leader else { return }
    if !leader.node.membership.voters.contains(leader.id) {
      // A leader that was removed and need not step down takes no proposals; it hands on or is in the way.
      if let heir = leader.node.membership.voters.incoming.first(where: { _ in operatorRandom.chance(percent: 40) }) {
        leader.act { $0.transferLeadership(to: heir) }
      }
      return
    }
    if leader.node.membership.isJoint, !leader.node.membership.leavesAutomatically {
      leader.propose(ConfigurationChange())
      return
    }
    if isHealed { return }
    if plan.faults.contains(.membership), operatorRandom.chance(percent: 60) {
      changeMembers(leader)
    } else if plan.faults.contains(.transfers) {
      let members = slots.compactMap(\.member)
      let anyone = operatorRandom.pick(members)
      switch operatorRandom.draw(below: 4) {
      case 0, 1: leader.act { $0.transferLeadership(to: anyone.id) }
      case 2: anyone.act { $0.campaign() }
      default: anyone.act { $0.forgetLeader() }
      }
    }
  }

  private func changeMembers(_ leader: RaftMember) {
    let current = leader.node.membership
    // Who is a member, who could be one, and who must be replaced.
    var candidates = slots.map(\.peer) + current.members
    if let lost = current.members.first(where: lostDisks.contains), operatorRandom.chance(percent: 50) {
      candidates = [lost]
    }
    let kinds: [MembershipStep.Kind] = [.addVoter, .addVoter, .addLearner, .remove]
    let steps = (0...operatorRandom.draw(below: 3)).map { _ in
      let peer = operatorRandom.pick(candidates)
      return MembershipStep(lostDisks.contains(peer) ? .remove : operatorRandom.pick(kinds), peer)
    }
    let change = ConfigurationChange(
      steps, transition: operatorRandom.pick([.automatic, .automatic, .implicit, .explicit]))
    // Tried on a copy first.
    var trial = leader.node
    guard let outcome = try? trial.apply(change), isSurvivable(outcome, after: current) else { return }
    changeCount += 1
    note(9, UInt64(steps.count), "\(leader.id) is asked for \(outcome)")
    leader.propose(change)
  }

  /// Whether a group can always go on after a change.
  ///
  /// A majority of the old voters must stay. Members learn of a change when they apply it, and one that has applied its own
  /// removal stands for no election any more but keeps its log, which may be the longest: who has not applied the change
  /// yet needs a majority of the old voters and will not get the votes of such. (Found here; etcd's core is the same.)
  /// Where a disk may be lost besides, what stays must be a majority without it, too.
  private func isSurvivable(_ outcome: Membership, after current: Membership) -> Bool {
    let old = current.voters.incoming
    let new = outcome.voters.incoming
    if new.count < plan.minimumVoterCount { return false }
    if new.contains(where: { lostDisks.contains($0) && !old.contains($0) }) { return false }
    let kept = old.count { new.contains($0) && !lostDisks.contains($0) }
    let reserve = plan.faults.contains(.rot) && lostDisks.isEmpty ? 1 : 0
    return kept - reserve >= old.count / 2 + 1
  }

  // MARK: Healing

  /// Heals a quorum of the voters; what is beyond it stays as it is, dies, or is cut off.
  private func heal() {
    isHealed = true
    note(10, 0, "healing begins")
    for slot in slots {
      slot.machine.clock.setDrift(perMillion: 0, at: world.now)
      slot.machine.disk.slowness = 1
      slot.machine.disk.capacity = nil
      slot.machine.disk.failuresPerMillion = 0
      slot.machine.resume()
    }
    network.heal()
    // What a slow network and small windows have piled up must not be taken for a standstill.
    network.minimumDelay = 100_000
    network.meanDelay = 50_000
    for slot in slots { slot.machine.disk.meanSyncTime = 200_000 }
    var core = Set(slots.map(\.machine.id))
    if let membership = settledMembership {
      var voters = membership.voters.incoming.filter { !lostDisks.contains($0) }
      let quorum = membership.voters.incoming.count / 2 + 1
      restartRandom.shuffle(&voters)
      for peer in voters.dropFirst(quorum) {
        guard let slot = slot(of: peer), restartRandom.chance(percent: 70) else { continue }
        core.remove(slot.machine.id)
        note(11, peer.rawValue, "\(peer) stays behind")
        if slot.machine.isUp, restartRandom.chance(percent: 30) {
          for other in slots where other !== slot {
            network.cut(from: slot.machine.id, to: other.machine.id)
            network.cut(from: other.machine.id, to: slot.machine.id)
          }
          slot.isRetired = true
        } else {
          if slot.machine.isUp { slot.machine.killProcess() }
          slot.member = nil
          slot.isRetired = true
        }
      }
    }
    for slot in slots where core.contains(slot.machine.id) && !slot.machine.isUp { begin(slot) }
  }

  /// The members, if no log anywhere holds a change that could still come into force.
  private var settledMembership: Membership? {
    var newest: Ledger?
    var logs: [(peer: PeerID, ledger: Ledger, entries: [Entry])] = []
    for slot in slots {
      if let member = slot.member {
        logs.append((slot.peer, member.ledger, member.storage.entries))
        // What is still in memory only may come to the disk.
        if member.node.lastEntryID.index != member.storage.lastIndex { return nil }
      } else {
        guard let found = try? RecoveredMember(reading: slot.machine.disk) else { return nil }
        logs.append((slot.peer, found.ledger, found.storage.entries))
      }
    }
    for log in logs where newest.map({ $0.index < log.ledger.index }) ?? true { newest = log.ledger }
    guard let newest, !newest.membership.isJoint else { return nil }
    // Voters that have not heard of the last change need those of before.
    for log in logs where log.ledger.membership != newest.membership {
      if newest.membership.voters.contains(log.peer) { return nil }
    }
    for log in logs where log.entries.contains(where: { $0.index > newest.index && $0.kind != .normal }) {
      return nil
    }
    return newest.membership
  }

  /// Everything that was acknowledged must be there, new writes must get through, and members must become equal.
  private func requireProgress() {
    let deadline = world.now + 300 * .second
    let target = acknowledgedCount + 3
    while world.now < deadline, !hasFailed {
      world.run(until: world.now + .second / 2)
      if clientsWrite {
        if acknowledgedCount >= target { clientsWrite = false }
      } else if hasConverged {
        for member in convergingMembers() ?? [] {
          checked { checker throws(SafetyChecker.Violation) in
            try checker.observeEnd(of: member.id, at: member.ledger.index)
          }
        }
        return
      }
    }
    if !hasFailed { fail(.noProgress(description)) }
  }

  /// Members that must become equal: those of the leader's group that were healed.
  private func convergingMembers() -> [RaftMember]? {
    guard
      let leader = slots.filter({ !$0.isRetired }).compactMap(\.member).filter(\.node.isLeader)
        .max(by: { $0.node.term < $1.node.term })
    else { return nil }
    if leader.node.membership.isJoint { return nil }
    let healed = slots.filter { !$0.isRetired && leader.node.membership.contains($0.peer) }
    let members = healed.compactMap(\.member)
    return members.count == healed.count ? members : nil
  }

  private var hasConverged: Bool {
    guard let members = convergingMembers(), let leader = members.first(where: \.node.isLeader) else { return false }
    return members.allSatisfy {
      $0.ledger == leader.ledger && $0.node.lastEntryID == leader.node.lastEntryID
        && $0.node.commitIndex == leader.node.commitIndex && $0.ledger.index == leader.node.commitIndex
    }
  }

  private var description: String {
    let states = slots.map { slot -> String in
      guard let member = slot.member else { return "\(slot.peer) down" }
      return "\(slot.peer) \(member.node.role) term \(member.node.term) log \(member.node.lastEntryID.index) "
        + "commit \(member.node.commitIndex) applied \(member.ledger.index) \(member.node.membership)"
        + (slot.isRetired ? " retired" : "")
    }
    return states.joined(separator: "; ") + "; \(plan.settingsText)"
  }
}
