// Numbers that are never used twice, drawn from counters in blocks and outside of transactions: what a transaction took and
// then rolled back is not given out again. A restart forgets the rest of a block.

import Encoding

public final class NumberReserve {
  private unowned let system: TransactionSystem
  private var blocks: [Key: Range<Int64>] = [:]

  init(_ system: TransactionSystem) { self.system = system }

  /// Makes sure that `count` numbers of the counter at `key` can be taken; draws `block` numbers when there are fewer.
  public func reserve(_ key: Key, atLeast count: Int64, block: Int64) async throws(TransactionError) {
    if let rest = blocks[key], Int64(rest.count) >= count { return }
    let end = try await system.increment(key, by: block)
    // Numbers begin at 1. What was left of the block before is let go: blocks of two gateways may lie in between.
    blocks[key] = (end - block + 1)..<(end + 1)
  }

  /// The next number, nil if the reserve is used up.
  public func take(_ key: Key) -> Int64? {
    guard let rest = blocks[key], let first = rest.first else { return nil }
    blocks[key] = (first + 1)..<rest.upperBound
    return first
  }
}
