// Carries out what the plan says about the ranges that this node leads: looks now and then, and again as soon as a step is done.
//
// Every leaseholder plans for its own ranges, so that nothing waits for anybody else; what it knows of nodes comes from outside. A step
// that fails, or comes too late, is no harm: the next look sees what is left to do.

import Logging
import Ranges
import Reactors
import Synchronization
import Transport

public final class PlacementDriver: Sendable {
  public struct Options: Sendable {
    /// Replicas that each range is to have at first; odd.
    public var factor = 3
    /// Nanoseconds between looks.
    public var interval: Int64 = 1_000_000_000
    public init() {}
  }

  private enum Limits {
    /// Nanoseconds after which a range that was changed, or whose learner is being filled, is looked at again.
    static let soon: Int64 = 50_000_000
    /// Steps that are carried out at a time on one reactor.
    static let stepsAtOnce = 16
    /// Ranges that a look plans for, besides those that are being filled; the next look goes on behind them.
    static let rangesAtOnce = 64
  }

  let store: Store
  private let options: Options
  private let nodes: @Sendable () -> [PlacementNode]
  let logger: Logger
  private let isStopped = Mutex(false)
  private let factorNow: Mutex<Int>
  /// Steps under way, by reactor.
  private let underWay: Mutex<[Int]>
  /// Ranges that somebody else changes meanwhile.
  private let reserved = Mutex<Set<RangeID>>([])
  /// When there was nothing to do for any range, by reactor.
  private let settled: Mutex<[Settlement?]>
  /// Behind which range the next look begins, by reactor.
  private let places: Mutex<[RangeID]>

  /// What a look has seen. While it is the same there is nothing new to be seen.
  private struct Settlement: Equatable {
    var ground: PlacementPlan.Ground
    var changeCount: UInt64
  }

  /// - Parameter nodes: all members as they are known now, this one among them.
  public init(
    _ store: Store, options: Options = Options(), logger: Logger, nodes: @escaping @Sendable () -> [PlacementNode]
  ) {
    self.store = store
    self.options = options
    self.logger = logger
    self.nodes = nodes
    factorNow = Mutex(options.factor)
    underWay = Mutex(Array(repeating: 0, count: store.environment.reactors.count))
    settled = Mutex(Array(repeating: nil, count: store.environment.reactors.count))
    places = Mutex(Array(repeating: RangeID(0), count: store.environment.reactors.count))
  }

  /// Begins to look.
  public func start() {
    for index in store.environment.reactors.indices { schedule(index, afterNanoseconds: options.interval) }
  }

  /// Replicas that each range is to have; odd.
  public var factor: Int { factorNow.withLock { $0 } }
  public func setFactor(_ factor: Int) { factorNow.withLock { $0 = factor } }

  /// Looks no more.
  public func stop() { isStopped.withLock { $0 = true } }

  private var isOver: Bool { isStopped.withLock { $0 } || store.isStopped }

  private func schedule(_ index: Int, afterNanoseconds nanoseconds: Int64) {
    _ = store.environment.reactors[index].schedule(afterNanoseconds: nanoseconds) { [weak self] reactor in
      guard let self, !isOver else { return }
      let isBusy = look(on: reactor)
      schedule(index, afterNanoseconds: isBusy ? min(Limits.soon, options.interval) : options.interval)
    }
  }

  /// From what is known now.
  var currentPlan: PlacementPlan { PlacementPlan(own: store.identity.node, factor: factor, nodes: nodes()) }

  /// Leaves a range alone until it is given back. False: it is already.
  func reserve(_ range: RangeID) -> Bool { reserved.withLock { $0.insert(range).inserted } }
  func giveBack(_ range: RangeID) { reserved.withLock { _ = $0.remove(range) } }

  /// Begins what is to be done. Whether there is something under way, or to come.
  private func look(on reactor: isolated Reactor) -> Bool {
    let plan = currentPlan
    let shard = store.shard(on: reactor)
    let seen = Settlement(ground: plan.ground, changeCount: shard.changeCount)
    if settled.withLock({ $0[reactor.index] == seen }) { return false }
    if underWay.withLock({ $0[reactor.index] }) >= Limits.stepsAtOnce { return true }
    let reserved = reserved.withLock { $0 }
    var ranges: [PlacementRange] = []
    var isSettled = true
    var place = places.withLock { $0[reactor.index] }
    var room = Limits.rangesAtOnce
    let all = shard.sortedReplicas
    let first = all.firstIndex { [place] in $0.descriptor.id > place } ?? 0
    for replica in all[first...] + all[..<first] where replica.holdsLease && !plan.isSettled(replica.descriptor) {
      isSettled = false
      if replica.isChanging || reserved.contains(replica.descriptor.id) { continue }
      let isFilling = replica.descriptor.replicas.contains { $0.kind == .learner }
      guard room > 0 || isFilling else { continue }
      ranges.append(PlacementRange(replica.descriptor, caughtUp: replica.caughtUpNodes))
      if room > 0, !isFilling {
        room -= 1
        place = replica.descriptor.id
      }
    }
    places.withLock { [place] in $0[reactor.index] = place }
    settled.withLock { [isSettled] in $0[reactor.index] = isSettled ? seen : nil }
    let steps = plan.steps(for: ranges)
    for step in steps {
      let index = reactor.index
      let begins = underWay.withLock { counts in
        if counts[index] >= Limits.stepsAtOnce { return false }
        counts[index] += 1
        return true
      }
      guard begins else { break }
      reactor.run { reactor in
        await self.carryOut(step, on: reactor)
        self.underWay.withLock { $0[index] -= 1 }
      }
    }
    return !steps.isEmpty || ranges.contains { $0.descriptor.replicas.contains { $0.kind == .learner } }
  }

  private func carryOut(_ step: PlacementStep, on reactor: isolated Reactor) async {
    guard let replica = store.shard(on: reactor).replica(step.range) else { return }
    do throws(MembershipFailure) {
      switch step.change {
      case .transferLease(let node): try await replica.transferLease(to: node)
      case .addLearner(let node): try await replica.addLearner(on: node)
      case .promoteLearner(let node): try await replica.promoteLearner(on: node)
      case .removeReplica(let node): try await replica.removeReplica(on: node)
      }
    } catch {
      logger.info("a change of a range was not made", metadata: ["change": "\(step)", "reason": "\(error)"])
    }
  }

  // MARK: Handing over

  /// Waits until this node leads no range that another one could lead; meanwhile `nodes` must say that it drains.
  /// - Returns: how many ranges it leads in the end.
  public func handOver(withinNanoseconds limit: Int64) async -> Int {
    let environment = store.environment
    let deadline = environment.monotonicNow().nanoseconds + limit
    while true {
      var leases = 0
      var heirs = 0
      let plan = currentPlan
      for reactor in environment.reactors {
        let (led, inherited) = await reactor.perform { reactor in
          _ = self.look(on: reactor)
          // A range whose lease is on its way is led by nobody, and its members need this one until it is.
          let replicas = self.store.shard(on: reactor).sortedReplicas.filter { $0.holdsLease || $0.isChanging }
          return (replicas.count, replicas.count { plan.hasHeirs($0.descriptor) })
        }
        leases += led
        heirs += inherited
      }
      if heirs == 0 || isOver || environment.monotonicNow().nanoseconds > deadline { return leases }
      // Counting many takes its time, too.
      await environment.reactors[0].sleep(nanoseconds: leases < 1000 ? 10_000_000 : 100_000_000)
    }
  }
}
