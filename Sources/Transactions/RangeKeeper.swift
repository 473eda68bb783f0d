// What must be done for the ranges that a reactor serves and takes transactions or other ranges: their descriptors are written to
// `meta`, what transactions left in other ranges is settled when their coordinator does not do it, and of transactions that
// left intents here it is asked how they stand. Deadlocks over several ranges are broken. Ranges that have grown too large, or have too
// much to bear, are split, and small neighbours merged.
//
// Each piece of work may fail, be done twice, or be done by two keepers at once: the next round sees what is left.

import Encoding
import Ranges
import Reactors
import Transport

/// Confined to its gateway's reactor.
public final class RangeKeeper {
  /// Nanoseconds between two rounds.
  private static let interval: Int64 = 200_000_000
  /// Nanoseconds that a coordinator has to settle what it left.
  private static let patience: Int64 = 2_000_000_000
  /// Rounds between two looks at transactions.
  private static let settlingRounds = 5
  /// Rounds between two looks at sizes.
  private static let sizingRounds = 25
  /// Nanoseconds without a leader after which a replica asks whether it is still wanted.
  private static let loneliness: Int64 = 5_000_000_000

  let system: TransactionSystem
  /// Bytes beyond which a range is split.
  let rangeByteLimit: UInt64
  private var round = 0
  /// Set while deadlocks are being looked for.
  var waitWatch: WaitWatch?
  private var underWay: Set<Duty> = []
  /// Brings a range that is led here nearer to being on the given nodes; nil: ranges are merged only where they lie side by side.
  public var gather: (@Sendable (RangeID, [NodeID]) async -> Void)?
  /// Frozen ranges that are seen to.
  var thawing: Set<RangeID> = []
  /// The range at which the search for ranges to be merged goes on.
  var mergeCursor = RangeID(0)
  /// When loads were last looked at, by the monotonic clock.
  var loadsSeen: Int64 = 0
  private(set) var isStopped = false

  public init(_ system: TransactionSystem, rangeByteLimit: UInt64 = 512 << 20) {
    self.system = system
    self.rangeByteLimit = rangeByteLimit
  }

  /// Works until `stop`.
  public func start() {
    schedule(after: 0)
    system.shard.onLockWait = { [weak self] in self?.watchWaits() }
    watchWaits()
  }

  public func stop() { isStopped = true }

  /// What there is to do. Each may wait long for a range that does not answer, so none waits for another.
  private enum Duty {
    case publish, settle, sweep, split, merge
  }

  private func schedule(after nanoseconds: Int64) {
    let me = Confined(self, to: system.reactor)
    _ = system.reactor.schedule(afterNanoseconds: nanoseconds) { reactor in
      let keeper = me.access(on: reactor)
      if keeper.isStopped || keeper.system.store.isStopped { return keeper.stop() }
      for duty in keeper.due() {
        reactor.run { reactor in await me.access(on: reactor).perform(duty) }
      }
      keeper.schedule(after: Self.interval)
    }
  }

  /// What is due now and not being done.
  private func due() -> [Duty] {
    round += 1
    var due: [Duty] = [.publish]
    if round % Self.settlingRounds == 0 {
      thawForgotten()
      due += [.settle, .sweep]
    }
    if round % Self.sizingRounds == 0 { due += [.split, .merge] }
    return due.filter { underWay.insert($0).inserted }
  }

  private func perform(_ duty: Duty) async {
    switch duty {
    case .publish: await publish()
    case .settle:
      await settle()
      await splitBusy()
    case .sweep: await sweep()
    case .split: await splitLarge()
    case .merge: await mergeSmall()
    }
    underWay.remove(duty)
  }

  /// Descriptors that are written to `meta` in one transaction.
  private static let publishedAtOnce = 32

  private func publish() async {
    var rest = system.shard.takeUnpublished()[...]
    while !rest.isEmpty {
      do throws(TransactionError) {
        try await system.publish(Array(rest.prefix(Self.publishedAtOnce)))
        rest = rest.dropFirst(Self.publishedAtOnce)
      } catch {
        for descriptor in rest { system.shard.putBack(descriptor.id) }
        return
      }
    }
  }

  private func settle() async {
    for replica in system.shard.busyReplicas where replica.holdsLease && replica.hasTransactions {
      for transaction in replica.unsettled(after: Self.patience) {
        try? await system.settleElsewhere(transaction)
      }
      let inquiries = replica.doubtful()
      if !inquiries.isEmpty { try? await system.settle(inquiries, in: replica.descriptor) }
    }
  }

  /// Replicas that everybody whom they know has left, too, find out from whoever serves their keys now.
  private func sweep() async {
    for descriptor in system.shard.lonely(for: Self.loneliness) {
      guard let current = try? await system.describe(at: descriptor.span.start) else { continue }
      system.shard.take(current, of: descriptor.id)
    }
  }

  private func splitLarge() async {
    for replica in system.shard.busyReplicas where replica.holdsLease {
      guard let key = replica.splitKey(above: rangeByteLimit) else { continue }
      try? await system.split(at: key)
    }
  }
}

extension Transaction {
  /// The range that begins at `key`, if one does, may be merged again.
  public func unsplitRange(at key: Key) async throws(TransactionError) { try await system.pin(false, at: key) }

  /// All ranges that begin in `span` may be merged again.
  public func unsplitRanges(in span: KeySpan) async throws(TransactionError) {
    var rest = span
    while !rest.isEmpty {
      let range = try await system.range(of: rest.start)
      if span.contains(range.span.start) { try await system.pin(false, at: range.span.start) }
      rest.start = min(rest.end, range.span.end)
    }
  }
}

extension TransactionSystem {
  /// Cuts the range that holds `key` there, unless one begins there already.
  /// - Parameters:
  ///   - reserved: a number that no range has had; otherwise one is drawn.
  ///   - isPinned: the cut stays until somebody takes it back.
  public func split(
    at key: Key, into reserved: RangeID? = nil, isPinned: Bool = false
  ) async throws(TransactionError) {
    let isPinned = isPinned && store.merging != .unknown
    guard key >= MetaKeys.span.end, key < Key.max else {
      throw .limit("ranges cannot be split at \(key)")
    }
    var reserved = reserved
    var attempt = 0
    while true {
      let range = try await range(of: key)
      if range.span.start == key {
        if isPinned { try await pin(true, at: key) }
        return
      }
      let number: RangeID
      if let given = reserved {
        // Whoever lost the answer to an attempt does not know whether the number is taken.
        reserved = nil
        number = given
      } else {
        number = try await drawRangeNumbers(1)
      }
      let request = RangeRequest.split(at: key, into: number, isPinned: isPinned, generation: range.generation)
      switch await send(request, ownHeader(), to: range) {
      case .done:
        let own = shard.descriptors(overlapping: KeySpan(key))
        learn(own)
        return
      case .failed(.outOfRange): continue
      case .failed(let failure):
        attempt += 1
        if attempt > 10 { throw TransactionError(failure) }
        await backOff(attempt + 4)
      default: throw .unavailable("a range gave an answer to another question")
      }
    }
  }

  /// Writes ranges' descriptors to `meta`, unless something newer stands there.
  func publish(_ descriptors: [RangeDescriptor]) async throws(TransactionError) {
    var attempt = 0
    while true {
      let transaction = begin(label: "an index of ranges")
      do throws(TransactionError) {
        for descriptor in descriptors { try await publish(descriptor, in: transaction) }
        _ = try await transaction.commit()
        return
      } catch {
        await transaction.rollback()
        guard case .retry = error, attempt < 20 else { throw error }
        attempt += 1
        await backOff(attempt)
      }
    }
  }

  private func publish(_ descriptor: RangeDescriptor, in transaction: Transaction) async throws(TransactionError) {
    let own = MetaKeys.descriptor(startingAt: descriptor.span.start)
    // The one before may reach into this one.
    var block = KeyValueBlock()
    _ = try await transaction.scan(
      KeySpan(start: MetaKeys.descriptors.start, end: own), ScanOptions(isReverse: true, rowLimit: 1), into: &block)
    var rest: KeySpan? = KeySpan(start: own, end: MetaKeys.descriptor(startingAt: descriptor.span.end))
    while let span = rest { rest = try await transaction.scan(span, into: &block) }
    var obsolete: [Key] = []
    for row in 0..<block.count {
      guard let known = RangeDescriptor(encoded: block.value(row)) else {
        throw .unavailable("the entry \(block.key(row)) of meta is damaged")
      }
      guard known.span.overlaps(descriptor.span) else { continue }
      if known.generation > descriptor.generation || known == descriptor { return }
      if block.key(row) > own { obsolete.append(block.key(row)) }
    }
    for key in obsolete { transaction.delete(key) }
    transaction.put(own, descriptor.encoded())
  }
}
