// Cuts at many keys at once. Each cut halves what is left to be cut between its neighbours, so that those that come next lie in ranges of
// their own: several go on at a time, and share the syncs of their logs.

import Encoding
import Ranges
import Reactors

/// In which order keys are cut at: the middle one first, then those in the middle of the halves, and so on. Pure.
struct SplitPlan {
  /// Ascending, each once.
  private let keys: [Key]
  /// Parts of `keys` that nobody has taken yet, in the order in which they come.
  private var parts: [Range<Int>]
  private var next = 0

  init(_ unordered: [Key]) {
    var keys = unordered.sorted()
    var count = 0
    for key in keys where count == 0 || keys[count - 1] != key {
      keys[count] = key
      count += 1
    }
    keys.removeSubrange(count...)
    self.keys = keys
    parts = keys.isEmpty ? [] : [0..<keys.count]
  }

  var count: Int { keys.count }

  mutating func take() -> Key? {
    guard next < parts.count else { return nil }
    let part = parts[next]
    next += 1
    let middle = (part.lowerBound + part.upperBound) / 2
    for half in [part.lowerBound..<middle, middle + 1..<part.upperBound] where !half.isEmpty { parts.append(half) }
    return keys[middle]
  }
}

extension Transaction {
  /// Makes ranges begin at keys, until they are unsplit. At once, and whatever becomes of the transaction.
  /// - Parameter progress: told how many of them are done.
  public func splitRanges(
    at keys: [Key], progress: (Int) -> Void
  ) async throws(TransactionError) {
    try await system.split(at: keys) { count in
      progress(count)
      return !isCancelled
    }
  }
}

/// Cuts under way. Confined to their gateway's reactor.
private final class SplitWork {
  var plan: SplitPlan
  /// Numbers for new ranges, the next of them.
  var number: UInt64
  var underWay = 0
  var doneCount = 0
  var failure: TransactionError?

  init(_ plan: SplitPlan, firstNumber: UInt64) {
    self.plan = plan
    number = firstNumber
  }
}

extension TransactionSystem {
  /// Cuts that go on at the same time.
  private static let splitsAtOnce = 16
  private static let pollInterval: Int64 = 2_000_000

  /// `count` numbers that no range has had, by the first of them.
  func drawRangeNumbers(_ count: Int) async throws(TransactionError) -> RangeID {
    // The first range has number 1 without asking.
    RangeID(UInt64(try await increment(MetaKeys.lastRange, by: Int64(count)) - Int64(count)) + 2)
  }

  /// Cuts ranges at keys, in an order of its own; after a failure no further cuts begin.
  /// - Parameter goesOn: is told now and then how many are done; false: no further cuts begin.
  func split(at keys: [Key], goesOn: (Int) -> Bool) async throws(TransactionError) {
    let plan = SplitPlan(keys)
    if plan.count == 0 { return }
    let work = SplitWork(plan, firstNumber: try await drawRangeNumbers(plan.count).rawValue)
    let shared = Confined(work, to: reactor)
    let me = Confined(self, to: reactor)
    while true {
      while work.failure == nil, work.underWay < Self.splitsAtOnce, let key = work.plan.take() {
        work.underWay += 1
        work.number += 1
        let number = RangeID(work.number - 1)
        reactor.enqueue { reactor in
          reactor.run { reactor in
            var failure: TransactionError?
            do throws(TransactionError) {
              try await me.access(on: reactor).split(at: key, into: number, isPinned: true)
            } catch {
              failure = error
            }
            let work = shared.access(on: reactor)
            work.underWay -= 1
            if let failure { work.failure = work.failure ?? failure } else { work.doneCount += 1 }
          }
        }
      }
      if work.underWay == 0 { break }
      await reactor.sleep(nanoseconds: Self.pollInterval)
      if !goesOn(work.doneCount), work.failure == nil { work.failure = .cancelled }
    }
    _ = goesOn(work.doneCount)
    if let failure = work.failure { throw failure }
  }
}
