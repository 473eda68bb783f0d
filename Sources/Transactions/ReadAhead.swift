// A key that everybody wants to know and hardly anybody writes, such as the version of the catalog, is not read by each transaction: one read at
// a time that has not quite come answers for all transactions of the reactor until then.
//
// Contract: the range has noted the read, as it notes every one, so nobody writes the key at or below `upTo`: a write in the meantime is put
// above, and its commit waits until that is past. Who leads the range next begins above it, too (`StoreLiveness.endLife` for a lease that ended
// early). What a transaction sees through it is what it would have read itself.

import Clocks
import Encoding
import Ranges

/// What a key holds from one time to another.
public struct ReadAhead: Sendable {
  public let key: Key
  public let value: [UInt8]?
  /// When the value was written.
  public let from: Timestamp
  public let upTo: Timestamp
}

extension TransactionSystem {
  /// Reads a key ahead of a transaction's horizon, so that it holds for that one and those that come within the next milliseconds.
  public func readAhead(_ key: Key, of horizon: Timestamp) async throws(TransactionError) -> ReadAhead {
    let upTo = horizon.adding(nanoseconds: Limits.readAhead)
    let reader = beginRead(asOf: upTo, fromLeaseholders: true)
    var block = KeyValueBlock()
    let isFound = try await reader.getUnrecorded(key, into: &block)
    return ReadAhead(key: key, value: isFound ? block.value(0) : nil, from: reader.observed, upTo: upTo)
  }
}

extension Transaction {
  /// Up to here versions matter to its reads.
  public var horizon: Timestamp { max(header.readTimestamp, header.uncertainUpTo) }

  /// Whether it may be told of keys instead of reading them: it has written nothing itself that they may hold.
  public func mayReadAhead(_ key: Key) -> Bool {
    !isHistorical && !header.hasIntents && !header.hasIntentsElsewhere && buffer.find(key) == nil
  }

  /// Whether what was read ahead is what this transaction reads. If so it counts as read.
  public func sees(_ read: ReadAhead) -> Bool {
    guard read.from <= header.readTimestamp, horizon <= read.upTo else { return false }
    if read.from > observed { observed = read.from }
    return true
  }
}
