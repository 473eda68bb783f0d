// One range on one store: proposes commands, applies them in the order of the log, and serves requests in between.
//
// A plain class that its reactor owns. Every request is evaluated in one synchronous step: latches, locks, evaluation.
// Where it must wait, the step returns what to wait for, and the request begins again once that is over; nothing is
// remembered across a wait but the locks it holds.
// Contract: what a command changes here is told to nobody before it is committed and applied; the applied index stands in
// the same engine batch as the changes, so replay after a crash goes on exactly where the state ends.
// Applying either succeeds or ends the node: there is no skipping.

import Clocks
import DequeModule
import Encoding
import Raft
import Reactors
import Storage
import Transport

public final class Replica {
  public internal(set) var descriptor: RangeDescriptor { didSet { shard.changeCount &+= 1 } }
  unowned let shard: StoreShard
  // What a leaseholder knows; it begins anew with each lease.
  private(set) var latches = LatchManager()
  private(set) var locks = LockTable()
  /// Who lost its locks under this lease or an earlier one.
  var bereaved = BereavedTransactions()
  private(set) var registry = TransactionRegistry()
  let group: ConsensusGroup
  let replicaID: ReplicaID
  /// Whether requests are served here: this member leads, and has applied whatever was committed before it did.
  public private(set) var holdsLease = false { didSet { shard.changeCount &+= 1 } }
  /// Until when nobody else can hold the lease, as it was last worked out; a group of one has it for ever.
  private var leaseEnd = LeaseEnd.past
  /// Reads of earlier leaseholders lie below.
  private(set) var leaseStart = Timestamp.zero
  /// The term of the entry before the first one of this term; 0: it was not applied in this life.
  private(set) var previousTerm: UInt64 = 0
  /// What was left here by whoever hands the lease on.
  var bequest: LockBequest?
  /// Set when the replica is to go, or to be opened anew.
  private(set) var isRemoved = false
  /// It has applied its own removal. It applies nothing more, and keeps its log and its vote until a member tells it to go: the others
  /// may need both to learn that the removal is committed.
  private(set) var isOutside = false
  /// The last change of the members that was applied in this life.
  private var lastChange = LogIndex.zero
  /// A change of the members, or of who leads, is under way.
  public internal(set) var isChanging = false
  /// Held over the whole range while it is being cut: what is proposed without a latch of its own waits for it, too.
  var structuralLatch: Latch?
  /// Split off by what is being applied, to be opened once that is written.
  private var splitOff: [RangeDescriptor] = []
  /// Whose keys were taken over by what is being applied.
  private var absorbed: [FrozenRange] = []
  /// Committed entries from a merge on whose right half is still at work on another reactor.
  var held: [Entry] = []
  /// The frozen range that is out of the way of the first of them.
  var madeWay: RangeID?
  /// When the range was seen to be frozen, by the monotonic clock; nil: it is not.
  var frozenSince: Int64?
  /// Since when it has been forgotten, as far as it can tell, by the monotonic clock.
  var lonelySince: Int64?
  /// The number of a check that is being applied; 0: none.
  private var checkNumber: UInt64 = 0
  /// The last check that was applied here in this life.
  var check: ReplicaCheck?
  var isChecking = false
  /// The term in which the lease was given up: it is not taken up again before another one.
  private var surrenderedTerm: UInt64 = 0
  /// Members that a snapshot is on its way to.
  var snapshotsUnderWay: Set<UInt64> = []
  var leaseWaiters: [UnsafeContinuation<Void, Never>] = []
  var applied: AppliedState
  var pending: Deque<Proposal> = []
  var quota = ProposalQuota()
  var progress = ProgressWatch()
  var load = RangeLoad()
  /// Transactions whose intents are still to be settled, first come first served.
  var resolutions: Deque<TransactionID> = []
  var isResolving = false
  var isSweeping = false
  /// Where the search for intents of unregistered transactions goes on after a restart.
  var strangerCursor: KeySpan?
  /// Bytes applied since the range's size was last looked at, and up to where it had been applied when that was last considered.
  var bytesSinceSizing: UInt64 = 0
  var sizedIndex: UInt64 = 0
  /// Whether ticks look after it.
  var isAwake = false
  /// Where the log stood when the last collection ended.
  var collectedIndex: UInt64 = 0
  /// What transactions wait for here now; each makes one request at a time.
  var waits: [TransactionID: Waiter] = [:]
  /// When a mute member says next that it has lost its state; nil: it is not mute.
  var complaint: Int64?
  /// Whether it has served in an earlier life of the store.
  var isFromDisk = false
  /// The log that an earlier replica left here has not been removed yet.
  var isLogOthers = false
  /// The piece of a snapshot that is to come next.
  var nextSnapshotPiece: UInt64 = 0
  var origins: [(replica: ReplicaID, node: NodeID)] = []
  /// The era in which it rests and what its reactor closes is closed here; 0: it does not, or nobody was told.
  var closedEra: UInt64 = 0
  /// What was closed in it, as the leaseholder has said apart from the log, and is here.
  var heardClosed = Timestamp.zero
  /// The same of a position that is not applied yet.
  var closedAhead: ClosedTimestampReceiver.Note?
  private let appliedKey: [UInt8]

  init(
    _ descriptor: RangeDescriptor, replicaID: ReplicaID, shard: StoreShard, group: ConsensusGroup, applied: AppliedState
  ) {
    self.descriptor = descriptor
    self.replicaID = replicaID
    self.shard = shard
    self.group = group
    self.applied = applied
    appliedKey = LocalKeys.appliedState(descriptor.id)
    if descriptor.isFrozen { frozenSince = shard.reactor.environment.monotonicNow().nanoseconds }
    group.onCommitted = { [unowned self] in apply($0) }
    group.onRoleChange = { [unowned self] in roleChanged() }
    group.onPromiseInTheWay = { [unowned self] in askForLeader($0) }
    group.onWake = { [unowned self] in wake() }
    group.nodeOf = { [unowned self] peer in node(of: peer) }
    group.onMessage = { [unowned self] peer, message in send(message, to: peer) }
    group.log.makeSnapshot = { [unowned self] in
      Snapshot(
        index: LogIndex(self.applied.index), term: Term(self.applied.term), membership: self.descriptor.membership)
    }
  }

  /// Whether it has anything: a replica that was made for a message waits for a snapshot.
  public var isInitialized: Bool { applied.index > 0 }

  /// Whether its group has other members.
  var hasPeers: Bool { descriptor.replicas.count > 1 }

  /// The node whose replica leads, as far as it is known here.
  var leaderNode: NodeID? { group.leader.flatMap { descriptor.node(of: $0) } }

  /// Names the lease under which requests are served: no two leaseholders of a range have the same.
  public var leaseSequence: UInt64 { group.term }

  var id: RangeID { descriptor.id }

  var largestTimestamp: Timestamp { applied.largestTimestamp }

  /// Whether anything was applied since the last look for old versions.
  var hasNewGarbage: Bool { applied.index > collectedIndex }

  /// Whether its log holds what is applied.
  var hasLogToCut: Bool { applied.index > group.log.base.index.rawValue }

  /// Up to where the log is applied.
  public var appliedPosition: LogPosition { LogPosition(index: applied.index, term: applied.term) }

  // MARK: - Proposing

  /// Sends a command on its way. The caller holds the latch over its keys. Nil when nothing can be proposed.
  func propose(_ batch: WriteBatch, largestTimestamp: Timestamp, latch: Latch?) -> Proposal? {
    let command = Command(range: id, batch: batch, largestTimestamp: largestTimestamp)
    return propose(command, latch: latch)
  }

  /// `propose`, of a command that says more than what changes.
  func propose(_ unsigned: Command, latch: Latch?) -> Proposal? {
    var command = unsigned
    command.leaseSequence = group.term
    command.spanGeneration = descriptor.spanGeneration
    command.closedTimestamp = max(command.closedTimestamp, closedByCommand)
    let bytes = command.encoded()
    guard holdsLease, !progress.isStalled, let position = group.propose(bytes) else { return nil }
    let proposal = Proposal(position: position, command: command, byteCount: bytes.count, latch: latch)
    pending.append(proposal)
    quota.take(proposal.byteCount)
    shard.counters.commands &+= 1
    return proposal
  }

  /// Takes the latch over `keys` and proposes. Nil, with the latch given back, when nothing can be proposed.
  func propose(
    _ batch: WriteBatch, over keys: [Key], spans: [KeySpan] = [], at timestamp: Timestamp
  ) -> Proposal? {
    if let first = keys.first, let last = keys.last {
      precondition(
        descriptor.span.contains(first) && descriptor.span.contains(last), "\(id) is to write outside of its bounds")
    }
    let latch = latches.acquire(keys: keys, spans: spans, timestamp: timestamp)
    if let proposal = propose(batch, largestTimestamp: timestamp, latch: latch) { return proposal }
    latches.release(latch)
    return nil
  }

  /// Where in the log the oldest command stands that is proposed here and not yet known to be committed.
  var oldestCommand: UInt64? { pending.first?.position.index }

  var unavailable: RangeFailure {
    if let reason = shard.stopReason { return .unavailable(reason) }
    if holdsLease, let stall { return .unavailable(stall) }
    if holdsLease { return .unavailable("range \(id) takes no commands now") }
    return .notLeaseholder(isInitialized ? descriptor : nil, leader: leaderNode)
  }

  /// Why a request at `timestamp` is not served here; nil if it is.
  @inline(__always)
  func refusal(at timestamp: Timestamp) -> RangeFailure? {
    guard holdsLease else { return unavailable }
    return leaseEnd == .never ? nil : refusalUnderLease(at: timestamp)
  }

  @inline(__always)
  func refusal(_ header: TransactionHeader) -> RangeFailure? {
    if let refusal = refusal(at: header.readTimestamp) { return refusal }
    if header.locksLease != 0 {
      if header.locksLease != leaseSequence, header.locksLease != lease(of: header.id) {
        return .retry(reason: "its locks were lost when the range's lease moved", key: nil)
      }
      if !bereaved.isEmpty, bereaved.contains(header.id, epoch: header.epoch) {
        return Self.bereavement
      }
    }
    return nil
  }

  /// Who else on this store may hold what is asked for.
  public func outOfRange(_ span: KeySpan) -> RangeFailure {
    .outOfRange([descriptor] + shard.directory.overlapping(span).filter { $0.id != id })
  }

  @inline(__always)
  func refusal(of key: Key) -> RangeFailure? { descriptor.span.contains(key) ? nil : outOfRange(KeySpan(key)) }

  @inline(__always)
  func refusal(of span: KeySpan) -> RangeFailure? { descriptor.span.contains(span) ? nil : outOfRange(span) }
  private static let bereavement = RangeFailure.retry(
    reason: "its locks were lost when its node was taken for dead", key: nil)

  /// Whether a request of this moment would be served.
  package var servesNow: Bool { holdsLease && refusal(at: shard.clock.now()) == nil }

  private func refusalUnderLease(at timestamp: Timestamp) -> RangeFailure? {
    if timestamp.wall < leaseEnd.wall, shard.support.isBefore(leaseEnd) { return nil }
    if shard.faults.ignoresLeaseEnd { return nil }
    leaseEnd = group.leaseEnd
    if timestamp.wall < leaseEnd.wall, shard.support.isBefore(leaseEnd) { return nil }
    return .notLeaseholder(descriptor, leader: nil)
  }

  // MARK: - Applying

  /// The log writer has made everything through one of this range's writes durable.
  func written(through sequence: UInt64) { group.written(through: sequence) }

  func apply(_ entries: [Entry]) {
    if isOutside { return }
    if !held.isEmpty {
      held += entries
      return
    }
    var batch = WriteBatch()
    var finished: [Proposal] = []
    do throws(StorageError) {
      for (place, entry) in entries.enumerated() {
        if isMerge(entry), let right = try rightHalf(entry), try !makeWay(for: right) {
          held = Array(entries[place...])
          break
        }
        let position = LogPosition(index: entry.index.rawValue, term: entry.term.rawValue)
        precondition(
          position.index == applied.index + 1, "\(id) applies entry \(position.index) after \(applied.index)")
        var own: Proposal?
        while let first = pending.first, first.position.index <= position.index {
          pending.removeFirst()
          quota.give(first.byteCount)
          if first.position == position { own = first } else { lose(first) }
        }
        if let own {
          if try take(&own.command, into: &batch) { finished.append(own) } else { lose(own) }
        } else {
          try take(entry, into: &batch)
        }
        applied.index = position.index
        if position.term != applied.term { previousTerm = applied.term }
        applied.term = position.term
        shard.unflushedLogBytes &+= entry.data.count
        if isOutside { break }
        if batch.byteCount > Limits.applyBatchBytes || checkNumber != 0 || !absorbed.isEmpty {
          try writeOut(&batch, &finished)
        }
      }
      try writeOut(&batch, &finished)
      group.log.forget(through: LogIndex(applied.index), keeping: 0)
    } catch {
      shard.fail(error)
      return
    }
    roleChanged()
  }

  /// Takes up the lease once this member leads, has applied what was committed before, and is fortified.
  private func roleChanged() {
    if !group.isLeader {
      if holdsLease { loseLease() }
      // Another one has taken over.
      if let left = bequest?.lease, applied.term > left { bequest = nil }
      return
    }
    guard !holdsLease, !isRemoved, !isOutside, !descriptor.isFrozen, applied.term == group.term,
      surrenderedTerm != group.term,
      shard.stopReason == nil
    else { return }
    leaseEnd = group.leaseEnd
    guard leaseEnd == .never || shard.support.isBefore(leaseEnd) else { return }
    do throws(StorageError) {
      try acquireLease()
    } catch {
      shard.fail(error)
    }
  }

  /// Adds the effects of a committed entry that was not proposed here, or in another life.
  private func take(_ entry: Entry, into batch: inout WriteBatch) throws(StorageError) {
    if let change = entry.change {
      guard let next = RangeDescriptor(encoded: change.context) else { return }
      precondition(
        next.spanGeneration == descriptor.spanGeneration, "\(id) changes its members for bounds that it has no more")
      guard group.apply(change) else { return }
      descriptor = next
      shard.directory.set(next)
      if holdsLease { shard.unpublished.insert(id) }
      shard.logger.info(
        "the replicas changed", metadata: ["range": "\(id)", "at": "\(entry.index)", "replicas": "\(next.summary)"])
      batch.put(.local, LocalKeys.descriptor(id), change.context)
      group.forgetLead(besides: next.replicas.map(\.node))
      leaseEnd = group.leaseEnd
      lastChange = entry.index
      noteWhetherOutside()
    } else if !entry.data.isEmpty {
      var command = try decode(entry)
      _ = try take(&command, into: &batch)
    }
  }

  private func noteWhetherOutside() {
    isOutside = isInitialized && !descriptor.replicas.contains { $0.replica == replicaID }
  }

  /// Adds a command's effects. False: it is void, since it was made for other bounds of the range, or another generation.
  private func take(_ command: inout Command, into batch: inout WriteBatch) throws(StorageError) -> Bool {
    guard command.spanGeneration == descriptor.spanGeneration else { return false }
    if let change = command.change, !change.fits(descriptor) { return false }
    if shard.faults.losesAppliedWrites, !group.isLeader, applied.index % 16 == replicaID.rawValue {
      command.batch = WriteBatch()
    }
    if command.largestTimestamp > applied.largestTimestamp {
      applied.largestTimestamp = command.largestTimestamp
    }
    if command.closedTimestamp > applied.closedTimestamp { applied.closedTimestamp = command.closedTimestamp }
    if command.collectedBelow > applied.collectionThreshold { applied.collectionThreshold = command.collectedBelow }
    if batch.isEmpty {
      swap(&batch, &command.batch)
    } else {
      batch.append(contentsOf: command.batch)
    }
    checkNumber = command.check
    switch command.change {
    case nil: break
    case .split(let right):
      try split(off: right, into: &batch)
      splitOff.append(right)
    case .edit(let next): edit(to: next, into: &batch)
    case .merge(let right):
      try absorb(right, into: &batch)
      absorbed.append(right)
      madeWay = nil
    }
    return true
  }

  private func writeOut(_ batch: inout WriteBatch, _ finished: inout [Proposal]) throws(StorageError) {
    batch.put(.local, appliedKey, applied.encoded())
    try shard.engine.write(batch)
    shard.reader.noteWritten(batch)
    shard.counters.appliedBytes &+= UInt64(batch.byteCount)
    bytesSinceSizing &+= UInt64(batch.byteCount)
    batch = WriteBatch()
    if checkNumber != 0 { beginCheck(checkNumber) }
    checkNumber = 0
    openSplitOff()
    let taken = absorbed
    absorbed = []
    for right in taken { try mergeApplied(right) }
    let proposals = finished
    finished = []
    for proposal in proposals {
      proposal.onApplied?()
      proposal.onApplied = nil
      if let latch = proposal.latch { latches.release(latch) }
      if let ending = proposal.ending { locks.release(ending) }
      proposal.finish(.applied)
    }
    if descriptor.isFrozen, holdsLease { freezeApplied() }
  }

  /// What was split off while the log was replayed, and is yet to be opened.
  func takeSplitOff() -> [RangeDescriptor] {
    defer { splitOff = [] }
    return splitOff
  }

  private func openSplitOff() {
    let opened = splitOff
    splitOff = []
    for right in opened { splitApplied(right) }
  }

  private func lose(_ proposal: Proposal) {
    if let latch = proposal.latch { latches.release(latch) }
    proposal.finish(.lost)
  }

  func decode(_ entry: Entry) throws(StorageError) -> Command {
    guard let command = Command(encoded: entry.data), command.range == id, command.leaseSequence == entry.term.rawValue
    else { throw .corruption("entry \(entry.index) of the log of range \(id) is no command of this range") }
    return command
  }

  /// Applies what the log holds above the applied index, through an entry that is known to be committed; before the
  /// group begins to live.
  func replay(_ log: LogStore, through commit: UInt64) throws(StorageError) {
    noteWhetherOutside()
    while applied.index < commit, !isOutside {
      let entries = try log.entries(
        range: id.rawValue, from: applied.index + 1, to: commit + 1, byteLimit: Limits.applyBatchBytes
      ).map(Entry.init)
      // Merges concern other replicas, which may be open already: from there on applying is left to the group.
      if let first = entries.first, isMerge(first) { break }
      if entries.isEmpty { throw .corruption("the log of range \(id) has no entry \(applied.index + 1)") }
      var batch = WriteBatch()
      let before = entries.prefix { !isMerge($0) }
      for entry in before where !isOutside {
        try take(entry, into: &batch)
        applied.index = entry.index.rawValue
        applied.term = entry.term.rawValue
      }
      batch.put(.local, appliedKey, applied.encoded())
      try shard.engine.write(batch)
      shard.reader.noteWritten(batch)
      group.replayed(Array(before))
    }
    // What was asked for in an earlier life says nothing about the state now.
    checkNumber = 0
  }

  // MARK: - The lease

  /// Everything that was committed before this member led is applied: requests may come. Reads that earlier leaseholders
  /// served lie at or below the clock now, and what they wrote does too once the clock has been told.
  private func acquireLease() throws(StorageError) {
    wake()
    if !shard.faults.forgetsTimeAtRestart {
      shard.clock.update(ClockTimestamp(reached: applied.largestTimestamp))
      if !shard.faults.forgetsReadsAtLease {
        // Of a lease that was handed on, its end has told what was served under it; of one that ran out, the clock does.
        leaseStart = max(shard.clock.now(), applied.closedTimestamp.next, closedTimestamp.next)
        if leaseEnd == .never, isFromDisk {
          // A group of one has its lease for ever, and no end of it has been waited for: another node may have read here just before the
          // restart, at the latest time that its clock allowed.
          let interval = shard.clock.interval()
          leaseStart = max(
            leaseStart, Timestamp(wall: interval.latest + (interval.latest - interval.earliest) + Limits.readAhead))
        }
      }
    }
    holdsLease = true
    shard.unpublished.insert(id)
    shard.logger.info(
      "took up a lease",
      metadata: [
        "range": "\(id)", "lease": "\(leaseSequence)", "applied": "\(applied.index)",
        "replicas": "\(descriptor.summary)",
      ])
    try loadRecords(in: descriptor.span)
    try takeUpBequest()
    let waiters = leaseWaiters
    leaseWaiters = []
    for waiter in waiters { waiter.resume() }
  }

  /// Requests come that earlier leaseholders of other keys knew more of.
  func beginLeaseAnew() { leaseStart = max(leaseStart, shard.clock.now(), applied.closedTimestamp.next) }

  /// Another member leads, or may. Requests under way are sent away, and what this leaseholder knew is forgotten.
  /// Commands under way may still be committed; whoever proposed them waits until that is known.
  func loseLease() {
    wakeClosed()
    holdsLease = false
    shard.logger.info("gave a lease up", metadata: ["range": "\(id)", "term": "\(group.term)"])
    let reason = "range \(id) is led elsewhere"
    for proposal in pending {
      proposal.latch = nil
      proposal.ending = nil
      proposal.onApplied = nil
    }
    locks.stop(reason)
    latches.stop(reason)
    latches = LatchManager()
    locks = LockTable()
    structuralLatch = nil
    registry.abandonWaiters()
    registry = TransactionRegistry()
    resolutions = []
    quota.wakeAll()
    // If this node is cut off, nobody learns what becomes of its commands; after a while that is the answer.
    let proposals = Confined(Array(pending), to: shard.reactor)
    _ = shard.reactor.schedule(afterNanoseconds: Limits.outcomeTimeout) { reactor in
      for proposal in proposals.access(on: reactor) {
        proposal.finish(.stopped("the range's leader was lost while the command was under way"))
      }
    }
  }

  /// Serves nothing any more until leadership has passed through other hands.
  func surrenderLease() {
    surrenderedTerm = group.term
    loseLease()
  }

  // MARK: - Other members

  private func send(_ message: GroupMessage, to peer: PeerID) {
    guard let node = node(of: peer) else { return }
    if case .raft(let raft) = message, raft.kind == .snapshot {
      sendSnapshot(to: peer, on: node)
      return
    }
    shard.post(RangeEnvelope(range: id, to: ReplicaID(peer.rawValue), from: replicaID, message: message), to: node)
  }

  private func node(of peer: PeerID) -> NodeID? {
    if let node = descriptor.node(of: peer) { return node }
    return origins.last { $0.replica.peer == peer }?.node
  }

  /// Where a message came from, for a replica whose descriptor does not tell: it has none yet, or an old one.
  func noteOrigin(of replica: ReplicaID, _ node: NodeID) {
    if origins.last?.replica == replica, origins.last?.node == node { return }
    origins.removeAll { $0.replica == replica }
    origins.append((replica, node))
  }

  /// Whether a replica is no member any more.
  func hasLeft(_ replica: ReplicaID) -> Bool {
    replica < descriptor.nextReplica && !descriptor.replicas.contains { $0.replica == replica }
  }

  /// Whether this member knows also after a restart who the members are: those that have left may go.
  var knowsMembersDurably: Bool { group.durableCommit >= lastChange }

  /// The commit index is written with the next entry, so one that says nothing makes the last change known for good.
  func writeDownCommit() {
    guard !knowsMembersDurably, holdsLease else { return }
    _ = group.propose(Command(descriptor, readsBelow: .zero, lease: group.term).encoded())
  }

  /// Somebody else campaigns while this member is bound by a promise: the leader may have been removed from the range, with its replica,
  /// and its node lives on. That node tells, if it is so.
  private func askForLeader(_ promise: LeadSupport) {
    // Of a replica that is no member any more, and whose number is not known here, 0 stands for any.
    let leader = descriptor.replica(on: promise.node)?.replica ?? ReplicaID(0)
    shard.post(
      RangeEnvelope(
        range: id, to: leader, from: replicaID, message: .fortified(term: promise.term, epoch: promise.epoch)),
      to: promise.node)
  }

  /// Asks those that have stayed whether this replica may go. If it was elected before it knew of its removal, it leads on until one of
  /// them has the whole log and takes over.
  func askToGo() {
    if group.isLeader {
      let heirs = descriptor.replicas.filter { $0.kind == .voter && isCaughtUp($0.replica.peer) }
      if let heir = heirs.first { group.act { $0.transferLeadership(to: heir.replica.peer) } }
      return
    }
    askWhetherItHasLeft()
  }

  /// Whoever knows that this replica is no member any more answers so to any message.
  func askWhetherItHasLeft() {
    if !group.isLeader, let promise = group.lead, promise.term.rawValue == group.term { askForLeader(promise) }
    for member in descriptor.replicas where member.replica != replicaID {
      shard.post(
        RangeEnvelope(
          range: id, to: member.replica, from: replicaID, message: .fortified(term: .zero, epoch: 0)), to: member.node)
    }
  }

  func tick() {
    group.tick()
    roleChanged()
    watchProgress()
  }

  /// The replica leaves its range: nothing of it may answer any more.
  func retire(_ reason: String) {
    isRemoved = true
    stop(reason)
  }

  /// Suspends until requests are served here, or nothing is any more.
  func untilServing() async {
    if holdsLease || shard.stopReason != nil { return }
    await shard.reactor.suspend { continuation in
      // It may run in a later turn.
      if holdsLease || shard.stopReason != nil { continuation.resume() } else { leaseWaiters.append(continuation) }
    }
  }

  // MARK: - Waiting

  /// Suspends until what `waiter` waits for comes to pass; nil: look again.
  func wait(_ waiter: Waiter, key: Key?, timeout: Int64) async -> RangeFailure? {
    if progress.isStalled {
      cancel(waiter)
      return unavailable
    }
    var timer: TimerToken?
    let isLock = waiter.lock != nil
    if isLock { shard.counters.lockWaits &+= 1 } else { shard.counters.latchWaits &+= 1 }
    let lockKey = waiter.lock?.key ?? key
    if timeout > 0 && isLock && !waiter.isFinished {
      let locks = Confined(self.locks, to: shard.reactor)
      timer = shard.reactor.schedule(afterNanoseconds: timeout) { reactor in
        locks.access(on: reactor).cancel(waiter, .timedOut)
      }
    }
    if isLock, !waiter.isFinished { shard.onLockWait?() }
    let owner = waiter.owner.map { (id: $0.id, epoch: $0.epoch) }
    let contention = contention(waiter)
    let outcome = await waiter.value(on: shard.reactor)
    timer?.cancel()
    if let contention { note(contention, outcome) }
    switch outcome {
    case .granted: return nil
    case .timedOut: return .lockNotAvailable(lockKey ?? Key.min, timedOut: true)
    case .cancelled:
      if let owner, bereaved.contains(owner.id, epoch: owner.epoch) { return Self.bereavement }
      return .cancelled
    case .deadlock(let cycle):
      shard.counters.deadlocks &+= 1
      return .deadlock(cycle)
    case .stopped(let reason): return shard.stopReason == nil ? unavailable : .unavailable(reason)
    }
  }

  /// Ends whatever a transaction waits for here, be it a lock or a latch: its request does not begin again.
  public func cancelWait(_ id: TransactionID) {
    if let waiter = waits[id] { cancel(waiter) }
  }

  /// Ends every wait here, for locks, latches and commands; what is waited for stays.
  func endWaits(_ reason: String) {
    locks.stop(reason)
    latches.stop(reason)
    for proposal in pending { proposal.abandon(reason) }
    quota.wakeAll()
  }

  func cancel(_ waiter: Waiter) {
    waiter.isCancelled = true
    if waiter.lock == nil { waiter.finish(.cancelled) } else { locks.cancel(waiter, .cancelled) }
  }

  func stop(_ reason: String) {
    wakeClosed()
    holdsLease = false
    group.stop()
    let waiting = leaseWaiters
    leaseWaiters = []
    for waiter in waiting { waiter.resume() }
    locks.stop(reason)
    latches.stop(reason)
    registry.abandonWaiters()
    let proposals = pending
    pending = []
    for proposal in proposals { proposal.finish(.stopped(reason)) }
    quota.wakeAll()
  }
}

extension Replica: CustomStringConvertible {
  /// How it stands, in a line.
  public var description: String {
    var words = ["\(id)/\(replicaID) \(descriptor.span) at \(applied.index) of \(descriptor.summary)"]
    words.append(
      "term \(group.term)" + (group.isLeader ? ", leads" : leaderNode.map { ", led by \($0)" } ?? ", without leader"))
    if holdsLease { words.append(servesNow ? "serves" : "its lease is over") }
    if isMute { words.append("mute") }
    if isOutside { words.append("outside") }
    if let target = descriptor.mergingInto { words.append("frozen for \(target.range)") }
    if !held.isEmpty { words.append("\(held.count) entries held") }
    if isChanging { words.append("changing") }
    if structuralLatch != nil { words.append("latched") }
    if !isInitialized { words.append("empty") }
    if !pending.isEmpty { words.append("\(pending.count) commands under way") }
    if !waits.isEmpty { words.append("\(waits.count) waiting") }
    return words.joined(separator: ", ")
  }
}
