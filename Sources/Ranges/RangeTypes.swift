// What names a range and where it lies, and the bounds of everything in this room that could grow without end.

import Encoding
import Storage

/// A range's number, given once and never again. Its replica lives on reactor `rangeID mod R` of each store.
public struct RangeID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public static func < (a: RangeID, b: RangeID) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "r\(rawValue)" }
}

/// Bounds, each beside its reason.
public enum Limits {
  /// Nanoseconds ahead of a transaction that its gateway may read what it wants to know for a while. Whoever changes that waits as long.
  public static let readAhead: Int64 = 5_000_000
  /// Locks of one transaction in one range's lock table, about 200 bytes each.
  public static let locksPerTransaction = 1_000_000
  /// Bytes of what a transaction calls itself that others are told, enough to know a statement by.
  public static let labelByteCount = 400
  /// Waits for locks that a reactor remembers, with both statements about 1 kB each.
  public static let contentionEvents = 500
  /// Requests waiting for one key. Behind so many, an error is the kinder answer.
  public static let waitersPerLock = 10_000
  /// Conflicting intents looked at in one pass of a reader; the next pass sees the rest.
  public static let intentsPerPass = 1_000
  /// Spans of intents in a transaction's record, and in what its coordinator knows; beyond, neighbours are joined.
  public static let spansPerRecord = 256
  /// Bytes of resolved intents in one command: a few milliseconds of a reactor's time at most.
  public static let resolutionBatchBytes = 256 << 10
  /// Rows of a slice of garbage collection or intent resolution, between which the reactor serves others.
  public static let sliceKeys = 2_000
  /// Entries applied in one engine batch.
  public static let applyBatchBytes = 8 << 20
  /// Log bytes after which the state is flushed so that the log may be cut; bounds replay after a crash.
  public static let logBytesBeforeFlush = 128 << 20
  /// Bytes of a range's commands that are on their way. Beyond it new ones wait: a few seconds of a disk's work.
  public static let proposedBytes = 64 << 20
  /// Bytes of a range's commands that are proposed and not yet committed. Beyond it new ones are refused; those that wait for `proposedBytes`
  /// come together with the largest command never near it.
  public static let uncommittedBytes = 512 << 20
  /// Bytes of snapshots that leave a store in a second.
  public static let snapshotBytesPerSecond: Int64 = 64 << 20
  /// Nanoseconds after the loss of a lease after which whoever waits for a command is told that its outcome is unknown.
  public static let outcomeTimeout: Int64 = 10_000_000_000
  /// Nanoseconds without progress after which a range counts as unavailable, and refuses what would wait. Elections take a few seconds.
  public static let stallTime: Int64 = 10_000_000_000
  /// Bytes that a store reads in a second to compare replicas.
  public static let checkedBytesPerSecond: Int64 = 16 << 20
  /// Bytes of state in one message of a snapshot.
  public static let snapshotChunkBytes = 1 << 20
  /// Nanoseconds between ticks of groups that are not at rest.
  public static let tickInterval: Int64 = 100_000_000
  /// Nanoseconds behind true time at which leaseholders close the past: transactions that write and take longer have to look again at what
  /// they read.
  public static let closedLag: Int64 = 3_000_000_000
  /// Replicas of a reactor that a store's start, death or return wakes in one tick: what they have to do then, elections at worst, must
  /// leave time to tell others that this store lives. A request wakes its own out of turn.
  public static let wokenPerTick = 100
  /// Nanoseconds of support asked for at a time, three times as often.
  public static let supportDuration: Int64 = 3_000_000_000
  /// The largest command. A coordinator flushes long before.
  public static let commandBytes = 64 << 20
  /// Nanoseconds without a heartbeat after which anybody may abort a transaction.
  public static let transactionExpiry: Int64 = 5_000_000_000
  /// Nanoseconds between a coordinator's heartbeats.
  public static let heartbeatInterval: Int64 = 1_000_000_000
  /// How far a store may be ahead of its machine's clock when it is opened; beyond it a clock is broken somewhere.
  public static let clockJump: Int64 = 10_000_000_000
}
