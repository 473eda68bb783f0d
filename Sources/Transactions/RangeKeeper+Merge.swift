// Ranges that begin for no good reason are merged into their left neighbours, a step at a time and each safe to be cut short: see
// Docs/Decisions/0011. Whoever leads the right half sees to it, and to its serving again where that was begun and not ended.

import Encoding
import Ranges
import Reactors
import Transport

extension RangeKeeper {
  private enum MergeLimits {
    /// Nanoseconds that a merge may take before the right half serves again instead.
    static let patience: Int64 = 5_000_000_000
    /// Ranges that are looked at in one round.
    static let candidates = 16
  }

  /// Ranges that somebody froze, and neither merged nor thawed. One may have to wait for another, so they do not take turns.
  func thawForgotten() {
    let now = system.reactor.environment.monotonicNow().nanoseconds
    let me = Confined(self, to: system.reactor)
    for replica in system.shard.frozenReplicas {
      let descriptor = replica.descriptor
      guard let time = replica.frozenTime(at: now), time >= MergeLimits.patience,
        thawing.insert(descriptor.id).inserted
      else { continue }
      system.reactor.enqueue { reactor in
        reactor.run { reactor in
          // What does not succeed is tried again.
          _ = try? await me.access(on: reactor).system.thaw(descriptor)
          me.access(on: reactor).thawing.remove(descriptor.id)
        }
      }
    }
  }

  /// Merges one range that is led here into the one before, if both together are small and quiet.
  func mergeSmall() async {
    guard system.store.merging == .automatic else { return }
    for _ in 0..<MergeLimits.candidates {
      guard let replica = system.shard.firstReplica(after: mergeCursor) else {
        mergeCursor = RangeID(0)
        return
      }
      mergeCursor = replica.descriptor.id
      let range = replica.descriptor
      guard replica.holdsLease, !replica.isChanging, !range.isPinned, range.span.start > Key.min, isSmall(replica)
      else {
        continue
      }
      let limit = rangeByteLimit / 4
      let busy = system.store.splitLoad / 2
      let reason = try? await system.merge(at: range.span.start) { left, right in
        if left.byteCount + right.byteCount > limit { return "they are too large" }
        if busy > 0, left.requestsPerSecond + right.requestsPerSecond > busy { return "they are too busy" }
        return nil
      }
      switch reason {
      case .merged?: return
      case .elsewhere(let nodes)?:
        guard let gather else { continue }
        return await gather(range.id, nodes)
      case .refused?, nil: break
      }
    }
  }

  private func isSmall(_ replica: Replica) -> Bool { replica.approximateByteCount <= rangeByteLimit / 4 }
}

/// What came of a merge.
public enum MergeOutcome: Sendable, Equatable {
  case merged
  /// Their replicas are not on the same nodes; the left one's are on these.
  case elsewhere([NodeID])
  /// Why not.
  case refused(String)
}

extension TransactionSystem {
  /// Merges the range that begins at `key` into the one before.
  /// - Parameter objection: why two ranges should not be merged; nil: they may.
  public func merge(
    at key: Key, unless objection: (_ left: RangeDescription, _ right: RangeDescription) -> String? = { _, _ in nil }
  ) async throws(TransactionError) -> MergeOutcome {
    guard store.merging != .unknown else { return .refused("not all members of the cluster know how to merge ranges") }
    guard key > Key.min, key < Key.max else { return .refused("there is nothing to both sides of \(key)") }
    let right = try await describe { () async throws(TransactionError) in try await self.range(of: key) }
    guard right.descriptor.span.start == key else { return .refused("no range begins at \(key)") }
    let left = try await describe { () async throws(TransactionError) in try await self.range(below: key) }
    guard left.descriptor.span.end == key, left.descriptor.rightNeighbor == right.descriptor.id else {
      return .refused("the range before \(key) is being changed")
    }
    if let reason = objection(left, right) { return .refused(reason) }
    guard left.descriptor.isBeside(right.descriptor) else {
      return .elsewhere(left.descriptor.replicas.filter { $0.kind == .voter }.map(\.node))
    }
    let target = MergeTarget(range: left.descriptor.id, generation: left.descriptor.generation)
    let frozen: FrozenRange
    let freeze = RangeRequest.freeze(into: target, generation: right.descriptor.generation)
    switch await send(freeze, ownHeader(), to: right.descriptor) {
    case .frozen(let range): frozen = range
    case .failed(let failure): return .refused("\(TransactionError(failure))")
    default: throw .unavailable("a range gave an answer to another question")
    }
    var reason = await confirm(frozen)
    if reason == nil {
      switch await send(.merge(frozen), ownHeader(), to: left.descriptor) {
      case .done:
        learn(shard.descriptors(overlapping: KeySpan(key)))
        return .merged
      case .failed(let failure): reason = "\(TransactionError(failure))"
      default: throw .unavailable("a range gave an answer to another question")
      }
    }
    return try await thaw(frozen.descriptor) ? .merged : .refused(reason ?? "it was given up")
  }

  /// A range as its leaseholder sees it.
  private func describe(
    _ find: () async throws(TransactionError) -> RangeDescriptor
  ) async throws(TransactionError) -> RangeDescription {
    switch await send(.describe, ownHeader(), to: try await find()) {
    case .description(let description):
      learn([description.descriptor])
      return description
    case .failed(let failure): throw TransactionError(failure)
    default: throw .unavailable("a range gave an answer to another question")
    }
  }

  /// Waits until a range is frozen on all of its nodes, for good. Why it is not known to be; nil: it is.
  private func confirm(_ frozen: FrozenRange) async -> String? {
    let replicas = frozen.descriptor.replicas
    let store = store
    let reactor = reactor
    let failures = await together(replicas.count) { index in
      await store.confirmFrozen(frozen, on: replicas[index], from: reactor)
    }
    return failures.compactMap { $0 }.first
  }

  /// Has a frozen range serve again, unless it is merged. Returns whether it is.
  func thaw(_ frozen: RangeDescriptor) async throws(TransactionError) -> Bool {
    guard let target = frozen.mergingInto else { return false }
    let key = frozen.span.start
    learn([frozen])
    var attempt = 0
    while true {
      let left = try await range(below: key)
      if left.span.contains(key), left.generation > frozen.generation { return true }
      let keepApart = RangeRequest.keepApart(frozen.id, from: key, generation: target.generation)
      let failure: TransactionError
      switch await send(keepApart, ownHeader(), to: left) {
      case .description(let description):
        // Cut there again, it would have another neighbour.
        if description.descriptor.rightNeighbor != frozen.id { return true }
        return try await thawApart(frozen)
      case .failed(let reason): failure = TransactionError(reason)
      default: throw .unavailable("a range gave an answer to another question")
      }
      attempt += 1
      if attempt > 10 { throw failure }
      await backOff(attempt + 4)
    }
  }

  private func thawApart(_ frozen: RangeDescriptor) async throws(TransactionError) -> Bool {
    switch await send(.thaw(generation: frozen.generation), ownHeader(), to: frozen) {
    case .done: return false
    case .failed(let failure): throw TransactionError(failure)
    default: throw .unavailable("a range gave an answer to another question")
    }
  }

  /// Whether a cut is to stay.
  func pin(_ isPinned: Bool, at key: Key) async throws(TransactionError) {
    var attempt = 0
    while true {
      let range = try await range(of: key)
      switch await send(.pin(isPinned, at: key), ownHeader(), to: range) {
      case .done: return
      case .failed(.outOfRange): continue
      case .failed(let failure):
        attempt += 1
        if attempt > 10 { throw TransactionError(failure) }
        await backOff(attempt + 4)
      default: throw .unavailable("a range gave an answer to another question")
      }
    }
  }
}
