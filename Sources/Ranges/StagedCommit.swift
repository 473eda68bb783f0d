// A commit over several ranges in one round: the writes of all ranges and a STAGING record leave together. The record names every write
// that is on its way to another range, and the timestamp at which the transaction is to commit.
//
// The transaction has committed as soon as the record and all of those writes are applied, none of them above that timestamp. Nobody need
// say so: it is true. Its coordinator finds out from the answers (`StagedRound`). If it does not come back, whoever is in the transaction's
// way asks for every promised write (`PromisedWrite.isKept`). One that is not there is prevented: it counts as read at the timestamp,
// so that it can only stand higher from then on. Then the record says what came of it (`TransactionRecord.conclude`).
// These are values without time and place, so that a test can go through all the orders in which things may happen.
// Source: Taft et al., "CockroachDB: The Resilient Geo-Distributed SQL Database", 2020, section 3.1 (parallel commits).

import Clocks
import Encoding
import Storage

/// A write on its way to another range than that of its transaction's record.
public struct PromisedWrite: Sendable, Equatable {
  public var key: Key
  /// Which of the transaction's writes to the key.
  public var sequence: UInt32

  public init(key: Key, sequence: UInt32) {
    self.key = key
    self.sequence = sequence
  }

  /// Whether what stands at the key is this write, where it may be committed at `timestamp`.
  func isKept(by intent: Intent?, of id: TransactionID, epoch: UInt32, at timestamp: Timestamp) -> Bool {
    guard let intent else { return false }
    return intent.transaction == id && intent.epoch == epoch && intent.sequence >= sequence
      && intent.timestamp <= timestamp
  }
}

/// What a coordinator knows of the one round.
public struct StagedRound: Sendable {
  public enum Outcome: Sendable, Equatable {
    /// It has committed, at the timestamp of the round.
    case committed
    /// It has not, and never will at that timestamp: all that was to be written is there, and has to stand at the given one. The coordinator
    /// commits by a second round.
    case tooLow(Timestamp)
    /// No record was written; what was laid down, stands at or below the given timestamp.
    case notStaged(Timestamp)
    /// Something may be missing. Only the record's range can say what came of it.
    case unknown
  }

  public let timestamp: Timestamp
  /// The largest timestamp of what was laid down.
  private var largest: Timestamp
  private var isMissing = false
  public private(set) var isStaged = false

  public init(at timestamp: Timestamp) {
    self.timestamp = timestamp
    largest = timestamp
  }

  /// The record is applied.
  public mutating func noteStaged() { isStaged = true }

  /// The writes to one range are applied, at a timestamp.
  public mutating func noteWritten(at timestamp: Timestamp) { largest = max(largest, timestamp) }

  /// The writes to one range may not be there.
  public mutating func noteMissing() { isMissing = true }

  /// What came of it, once everybody has answered.
  public var outcome: Outcome {
    if isMissing { return .unknown }
    if !isStaged { return .notStaged(largest) }
    return largest > timestamp ? .tooLow(largest) : .committed
  }
}

extension TransactionRecord {
  /// Makes the record say what came of a staged commit. False: it is about another attempt, or has been decided.
  mutating func conclude(staged: Timestamp, epoch: UInt32, isCommitted: Bool) -> Bool {
    guard status == .staging, timestamp == staged, self.epoch == epoch else { return false }
    status = isCommitted ? .committed : .aborted
    promised = []
    return true
  }
}
