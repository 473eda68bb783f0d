// Looks after a node's clock: asks its sources again and again, takes part in cluster time, compares what other nodes claim with what this one
// knows, and ends the node when its clock is not to be trusted any more.
//
// Contract: what proves a clock wrong is durable before the node ends for it (or a second has passed: the disk may be as bad). With cluster time the
// clock is not read before a majority's time is known, and the store keeps a bound of what was reached before that is used.
// Claims travel with every heartbeat, and with every request to a range and its answer.

import Clocks
import Logging
import Reactors
import Storage
import Synchronization
import Transport

public final class ClockWatch: HeartbeatCargo {
  private enum Limits {
    /// Between two looks at sources that change.
    static let pollInterval: Int64 = 250_000_000
    /// Between two turns of cluster time: half of what heartbeats take.
    static let turnInterval: Int64 = 100_000_000
    /// How far ahead of the clock the kept bound is set, and how close it may come.
    static let ceilingLead: Int64 = 6_000_000_000
    static let ceilingMargin: Int64 = 3_000_000_000
    static let farewellTime: Int64 = 1_000_000_000
  }

  private struct State {
    var node: NodeID?
    var jury: ClockJury
    /// Where that is gone by, once the node has a place.
    var time: ClusterTime?
    /// Nanoseconds since 1970 up to which the store knows that this node may come.
    var ceiling: Int64 = 0
    var isSavingCeiling = false
    var isReady: Bool
    var waiters: [UnsafeContinuation<Bool, Never>] = []
    var order = RealTimeOrderSwitch()
    /// Not yet known to the cluster.
    var incidents: [ClockIncident] = []
    var incidentCount = 0
    var mismatch: String?
    var sourceFailure: String?
    var isEnded = false
    var isStopped = false
  }

  public let clock: NodeClock
  /// As it was resolved when the node started.
  public let choice: TimeSourceChoice
  private let environment: any Environment
  private let local: LocalStore
  /// All members but this node. The transport holds on to the watch, so not the other way round.
  private let others: @Sendable () -> [UInt32]
  private let worker: any Worker
  private let logger: Logger
  private let onFatal: @Sendable (String) -> Void
  private let begun: Int64
  private let state: Mutex<State>

  /// What the environment reads, all at about one moment.
  public static func readings(of environment: any Environment) -> TimeReadings {
    var readings = readClocks(environment)
    // A thread that stood still in between has read nothing of use.
    for _ in 0..<4 where readings.spread > 50_000 {
      let again = readClocks(environment)
      if again.spread < readings.spread { readings = again }
    }
    readings.kernel = environment.kernelClock().map {
      KernelClock(state: $0.state, status: $0.status, maximumError: $0.maximumError)
    }
    readings.clockBound = ClockBoundSegment.consistentCopy { environment.clockBoundMemory() }
    return readings
  }

  private static func readClocks(_ environment: any Environment) -> TimeReadings {
    let before = environment.monotonicNow().nanoseconds
    let wall = environment.wallNow()
    let monotonic = environment.monotonicNow().nanoseconds
    return TimeReadings(
      clocks: ClockReading(wall: wall, monotonic: monotonic, steady: environment.steadyNow()),
      spread: monotonic - before)
  }

  /// - Parameters:
  ///   - choice: the operator's.
  ///   - transport: before it listens; nil for a node that is alone.
  ///   - onFatal: the node must exit. Called once, on any thread.
  /// - Throws: `UnusableTimeSource` if the sources that were asked for are, or the store's damaged.
  public init(
    environment: any Environment, choice: TimeSourceChoice, local: LocalStore, transport: NodeTransport?,
    logger: Logger, onFatal: @escaping @Sendable (String) -> Void
  ) throws(UnusableTimeSource) {
    let readings = Self.readings(of: environment)
    self.choice = try choice.resolved(readings)
    let estimates = try self.choice.estimates(readings)
    var incidents: [ClockIncident] = []
    do throws(StorageError) {
      incidents = try ClockRecords.incidents(local)
    } catch {
      throw UnusableTimeSource("\(error)")
    }
    self.environment = environment
    self.local = local
    others = { [weak transport] in transport?.peers().map(\.id.rawValue) ?? [] }
    self.logger = logger
    self.onFatal = onFatal
    worker = environment.makeWorker("clock-records", threads: 1)
    begun = readings.clocks.monotonic
    clock = NodeClock(environment: environment, estimates: estimates, permittedError: self.choice.permittedError)
    var initial = State(jury: ClockJury(at: begun), isReady: !self.choice.isClusterTime)
    initial.incidents = incidents
    state = Mutex(initial)
    transport?.setCargo(self)
    if self.choice.changes { schedulePoll() }
  }

  /// The node has its place in the cluster: it takes part in judging clocks, and in cluster time.
  public func enter(_ node: NodeID) {
    let begins = state.withLock { state in
      defer { state.node = node }
      return state.node == nil && choice.isClusterTime
    }
    if begins {
      worker.submit { [weak self] in self?.beginClusterTime(node) }
    }
  }

  /// On the worker's thread.
  private func beginClusterTime(_ node: NodeID) {
    do throws(StorageError) {
      let ceiling = try ClockRecords.ceiling(local)
      state.withLock { state in
        state.ceiling = ceiling
        state.time = ClusterTime(node: node.rawValue, floor: ceiling, at: environment.steadyNow())
      }
      environment.reactors[0].enqueue { [weak self] _ in self?.turn() }
    } catch {
      end("\(error)")
    }
  }

  /// Waits until the clock can be read; false if the node stops before.
  public func untilReady() async -> Bool {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Bool, Never>) in
      let answer = state.withLock { state -> Bool? in
        if state.isReady { return true }
        if state.isStopped { return false }
        state.waiters.append(continuation)
        return nil
      }
      if let answer { continuation.resume(returning: answer) }
    }
  }

  public func stop() {
    release { state in
      state.isStopped = true
      return true
    }
    worker.stop()
  }

  /// Lets go who waits, if `change` says so.
  private func release(_ change: (inout State) -> Bool) {
    let (waiters, isReady) = state.withLock { state in
      guard change(&state) else { return ([UnsafeContinuation<Bool, Never>](), false) }
      defer { state.waiters = [] }
      return (state.waiters, state.isReady)
    }
    for waiter in waiters { waiter.resume(returning: isReady) }
  }

  // MARK: - Sources

  private func schedulePoll() {
    _ = environment.reactors[0].schedule(afterNanoseconds: Limits.pollInterval) { [weak self] _ in
      guard let self, !state.withLock({ $0.isStopped || $0.isEnded }) else { return }
      poll()
      schedulePoll()
    }
  }

  private func poll() {
    let readings = Self.readings(of: environment)
    do throws(UnusableTimeSource) {
      clock.set(try choice.estimates(readings))
      state.withLock { $0.sourceFailure = nil }
    } catch {
      let isNews = state.withLock { state in
        defer { state.sourceFailure = error.description }
        return state.sourceFailure == nil
      }
      if error.isDisruption {
        let own = clock.interval()
        note(.sources, other: state.withLock { $0.node } ?? NodeID(rawValue: 0), excess: 0, own: own, claim: own)
        end(error.description)
        return
      }
      if isNews { logger.error("\(error)") }
    }
    checkError(state.withLock { $0.sourceFailure })
  }

  /// A clock that may be off by more than anybody reckons with serves nobody.
  private func checkError(_ cause: String?) {
    let error = clock.interval().error
    guard error > choice.permittedError else { return }
    end((cause.map { "\($0); " } ?? "") + choice.excuse(error))
  }

  // MARK: - Cluster time

  private func read() -> ClockReading {
    ClockReading(
      wall: environment.wallNow(), monotonic: environment.monotonicNow().nanoseconds, steady: environment.steadyNow())
  }

  private func turn() {
    let others = others()
    let reading = read()
    let isOver = state.withLock { state in
      if state.isStopped || state.isEnded { return true }
      state.time?.tick(at: reading, others: others)
      return false
    }
    if isOver { return }
    timeChanged()
    _ = environment.reactors[0].schedule(afterNanoseconds: Limits.turnInterval) { [weak self] _ in self?.turn() }
  }

  /// Hands new bounds to the clock, once the store knows how far they may lead.
  private func timeChanged() {
    let reading = read()
    let save = state.withLock { state -> Int64? in
      guard let estimate = state.time?.estimate else { return nil }
      let latest = estimate.interval(at: reading).latest
      if state.isReady { clock.set([estimate]) }
      guard latest > state.ceiling - Limits.ceilingMargin, !state.isSavingCeiling else {
        return nil
      }
      state.isSavingCeiling = true
      return latest + Limits.ceilingLead
    }
    if let save {
      worker.submit { [weak self] in self?.save(ceiling: save) }
    } else {
      becomeReady()
    }
    if state.withLock({ $0.isReady }) { checkError(nil) }
  }

  /// On the worker's thread.
  private func save(ceiling: Int64) {
    do throws(StorageError) {
      try ClockRecords.write(ceiling: ceiling, to: local)
      state.withLock { state in
        state.ceiling = ceiling
        state.isSavingCeiling = false
      }
      becomeReady()
    } catch {
      end("\(error)")
    }
  }

  private func becomeReady() {
    let reading = read()
    release { state in
      guard !state.isReady, !state.isStopped, let estimate = state.time?.estimate else { return false }
      let interval = estimate.interval(at: reading)
      guard interval.latest < state.ceiling, interval.error <= choice.permittedError else { return false }
      clock.set([estimate])
      state.isReady = true
      return true
    }
  }

  // MARK: - Heartbeats

  private var claim: ClockInterval? { state.withLock { $0.isReady && $0.node != nil } ? clock.interval() : nil }

  public func question(to peer: NodeID) -> [UInt8] {
    let ask = state.withLock { $0.time?.ask() } ?? ClusterTime.Ask(wantsLease: false, hasTime: false)
    let interval = claim
    return ClockQuestion(
      sent: environment.steadyNow(), interval: interval, goesByClusterTime: choice.isClusterTime, ask: ask,
      orderRead: orderRead
    ).bytes
  }

  public func answer(to question: [UInt8], from peer: NodeID) -> [UInt8] {
    guard let question = ClockQuestion(question) else { return [] }
    let interval = claim
    changeOrder { $0.hear(peer.rawValue, read: question.orderRead) }
    // After the interval was read: whoever is the reference now was it then.
    let now = environment.steadyNow()
    let answer = state.withLock { state in
      question.goesByClusterTime ? state.time?.answer(question.ask, from: peer.rawValue, at: now) : nil
    }
    if let claimed = question.interval, interval != nil, question.goesByClusterTime == choice.isClusterTime {
      judge(claimed, of: peer, since: nil)
    }
    return ClockAnswer(
      interval: interval, goesByClusterTime: choice.isClusterTime, sent: question.sent,
      asked: question.interval?.earliest ?? .min,
      answer: answer ?? ClusterTime.Answer(isPromised: false, hasTime: false, floor: 0, isReference: false),
      orderRead: orderRead
    ).bytes
  }

  public func received(_ answer: [UInt8], from peer: NodeID) {
    guard let answer = ClockAnswer(answer) else { return }
    changeOrder { $0.hear(peer.rawValue, read: answer.orderRead) }
    guard answer.goesByClusterTime == choice.isClusterTime else {
      mismatched(peer)
      return
    }
    var missed: Int64 = 0
    if choice.isClusterTime {
      let reading = read()
      missed = state.withLock { state in
        state.time?.receive(
          answer.answer, from: peer.rawValue, sent: answer.sent, interval: answer.interval, at: reading) ?? 0
      }
      timeChanged()
    }
    guard let claimed = answer.interval, let own = claim else { return }
    if missed > 0 {
      contradicted(.reference, by: peer, excess: missed, own: own, claim: claimed)
    } else if judge(claimed, of: peer, since: answer.asked) {
      let now = environment.monotonicNow().nanoseconds
      state.withLock { state in
        state.jury.agree(peer.rawValue, at: now)
        state.mismatch = nil
      }
    }
    giveVerdict()
  }

  /// The peer takes another kind of time for the true one: what the two claim has nothing to do with each other.
  private func mismatched(_ peer: NodeID) {
    let text =
      choice.isClusterTime
      ? "this node goes by cluster time, and node \(peer) does not"
      : "node \(peer) goes by cluster time, and this node does not"
    let isNews = state.withLock { state in
      defer { state.mismatch = text }
      return state.mismatch != text
    }
    if environment.monotonicNow().nanoseconds - begun < ClockJury.Limits.newcomerTime {
      end("\(text): all nodes of a cluster must be started with --clock-source cluster, or none")
    } else if isNews {
      logger.critical("\(text)")
    }
  }

  // MARK: - Claims

  /// Compares what another node claims with what this one knows.
  /// - Parameter since: this node's `earliest` when it asked, if the claim answers something.
  /// - Returns: whether both can hold.
  @discardableResult
  public func judge(_ claimed: ClockInterval, of peer: NodeID, since asked: Int64?) -> Bool {
    let excess = clock.excess(of: claimed)
    let shortfall = asked.map { clock.shortfall(of: claimed, since: $0) } ?? 0
    guard excess > 0 || shortfall > 0 else { return true }
    var own = clock.interval()
    if excess == 0, let asked { own = ClockInterval(earliest: asked, latest: max(asked, own.latest)) }
    contradicted(excess > 0 ? .ahead : .behind, by: peer, excess: max(excess, shortfall), own: own, claim: claimed)
    giveVerdict()
    return false
  }

  private func contradicted(
    _ kind: ClockIncident.Kind, by peer: NodeID, excess: Int64, own: ClockInterval, claim: ClockInterval
  ) {
    let now = environment.monotonicNow().nanoseconds
    guard state.withLock({ $0.jury.contradict(peer.rawValue, at: now) }) else { return }
    note(kind, other: peer, excess: excess, own: own, claim: claim)
  }

  private func note(
    _ kind: ClockIncident.Kind, other: NodeID, excess: Int64, own: ClockInterval, claim: ClockInterval
  ) {
    let incidents = state.withLock { state -> (ClockIncident, [ClockIncident])? in
      guard let node = state.node else { return nil }
      let incident = ClockIncident(
        kind: kind, time: own.middle, node: node, other: other, excess: excess, own: own, claim: claim)
      state.incidentCount += 1
      if state.incidents.count < ClockRecords.incidentLimit { state.incidents.append(incident) }
      return (incident, state.incidents)
    }
    guard let (incident, all) = incidents else { return }
    logger.critical(
      "\(incident.text)",
      metadata: [
        "own": "\(own.earliest)...\(own.latest)", "claim": "\(claim.earliest)...\(claim.latest)",
      ])
    worker.submit { [local, logger] in
      do throws(StorageError) {
        try ClockRecords.write(all, to: local)
      } catch {
        logger.error("a clock incident cannot be kept", metadata: ["reason": "\(error)"])
      }
    }
  }

  private func giveVerdict() {
    let now = environment.monotonicNow().nanoseconds
    let memberCount = 1 + others().count
    let against = state.withLock { state -> [UInt32]? in
      state.jury.verdict(memberCount: memberCount, at: now) == .wrong ? state.jury.contradicting(at: now) : nil
    }
    guard let against else { return }
    let who = against.map { "\(NodeID(rawValue: $0))" }.joined(separator: ", ")
    end("this node's clock cannot be reconciled with those of a majority of the nodes: it contradicts \(who)")
  }

  /// The clock is not to be trusted.
  private func end(_ reason: String) {
    let isFirst = state.withLock { state in
      defer { state.isEnded = true }
      return !state.isEnded
    }
    guard isFirst else { return }
    let farewell = Farewell(onFatal)
    // What was submitted before is written first.
    worker.submit { farewell.say(reason) }
    _ = environment.reactors[0].schedule(afterNanoseconds: Limits.farewellTime) { _ in farewell.say(reason) }
  }

  private final class Farewell: Sendable {
    private let isSaid = Atomic<Bool>(false)
    private let onFatal: @Sendable (String) -> Void

    init(_ onFatal: @escaping @Sendable (String) -> Void) { self.onFatal = onFatal }

    func say(_ reason: String) {
      if isSaid.exchange(true, ordering: .relaxed) { return }
      onFatal(reason)
    }
  }

  // MARK: - Order

  /// Something was learnt that says how transactions are to be ordered (`RealTimeOrderSwitch`).
  public func changeOrder(_ change: (inout RealTimeOrderSwitch) -> Void) {
    let (order, before) = state.withLock { state in
      change(&state.order)
      let before = clock.order
      if state.isReady, let order = state.order.order(at: clock.interval().earliest) { clock.set(order) }
      return (clock.order, before)
    }
    guard order != before else { return }
    switch order {
    case .strict: logger.info("transactions are ordered as they happen")
    case .changing: logger.info("the nodes agree on how transactions are ordered")
    case .perKey: logger.info("commits are acknowledged before they are past: transactions are ordered key by key")
    }
  }

  private var orderRead: Int64 {
    state.withLock { $0.isReady ? $0.order.report(at: clock.interval().earliest) : 0 }
  }

  // MARK: - Reports

  /// What the cluster has not been told of yet, by this life of the node and earlier ones.
  public var incidents: [ClockIncident] { state.withLock { $0.incidents } }
  /// In this life.
  public var incidentCount: Int { state.withLock { $0.incidentCount } }

  /// The cluster knows of these now.
  public func forget(_ known: [ClockIncident]) {
    if known.isEmpty { return }
    let rest = state.withLock { state in
      state.incidents.removeAll(where: known.contains)
      return state.incidents
    }
    worker.submit { [local] in try? ClockRecords.write(rest, to: local) }
  }

  /// The node whose clock counts, with cluster time; nil if none is known, or that is not gone by.
  public var reference: NodeID? {
    let now = environment.steadyNow()
    return state.withLock { $0.time?.reference(at: now) }.map { NodeID(rawValue: $0) }
  }

  /// By how much the clock may be off now, in nanoseconds; nil while it cannot be read.
  public var error: Int64? { state.withLock { $0.isReady } ? clock.interval().error : nil }

  /// What is wrong with this node's clock, or may be, in words; nil if nothing is.
  public var complaint: String? {
    let now = environment.monotonicNow().nanoseconds
    let memberCount = 1 + others().count
    return state.withLock { state in
      if !state.isReady { return "no majority of the nodes knows what time it is in the cluster" }
      if state.jury.verdict(memberCount: memberCount, at: now) != .sound {
        let who = state.jury.contradicting(at: now).map { "\(NodeID(rawValue: $0))" }.joined(separator: ", ")
        return "this node's clock and that of \(who) cannot both be right"
      }
      return state.mismatch ?? state.sourceFailure
    }
  }
}
