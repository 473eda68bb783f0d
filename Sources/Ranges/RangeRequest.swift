// What a gateway may ask of a range, and what it may answer: values, so that they cross reactors, and later nodes.

import Clocks
import Encoding
import Storage
import Transport

/// The transaction on whose behalf a request comes.
public struct TransactionHeader: Sendable {
  public var id: TransactionID
  /// When it began, for choosing among deadlocked transactions; restarts keep it.
  public var start: Timestamp
  /// When it took its id: no intent of it is older.
  public var named: Timestamp
  public var epoch: UInt32 = 0
  public var readTimestamp: Timestamp
  /// Up to here, versions above the read timestamp may have been acknowledged before the transaction began, and move it above them.
  public var uncertainUpTo = Timestamp.zero
  /// The number of its last write.
  public var sequence: UInt32 = 0
  /// Writes that were rolled back to a savepoint after they had become intents.
  public var ignored: [ClosedRange<UInt32>] = []
  public var isolation: IsolationLevel
  public var priority = TransactionPriority.normal
  /// Whether it has laid intents down: in a request, in the range that is asked.
  public var hasIntents = false
  /// Whether it has laid, or lays just now, intents down in other ranges.
  public var hasIntentsElsewhere = false
  /// The key beside which its record lives; set with the first intent.
  public var anchor = Key.min
  /// Nanoseconds to wait for one lock; 0: for ever.
  public var lockTimeout: Int64 = 0
  /// What it calls itself in messages to others: mostly the statement that it runs, as it was written.
  public var label: [UInt8]
  /// The lease of the range asked under which it holds locks there; 0: it holds none. Locks do not outlive their lease.
  public var locksLease: UInt64 = 0
  /// It only reads, in the past, and any replica may serve that.
  public var isServedByAny = false
  /// Who coordinates it, if another node does. It is not sent: the node that is asked takes note of who asks.
  var coordinator: Coordinator?

  public init(
    id: TransactionID, start: Timestamp, readTimestamp: Timestamp, isolation: IsolationLevel, label: String
  ) {
    self.id = id
    self.start = start
    named = readTimestamp
    self.readTimestamp = readTimestamp
    self.isolation = isolation
    self.label = Array(label.utf8)
  }

  /// The owner's name in the timestamp cache: random bits, never 0.
  @inline(__always)
  public var tag: UInt64 { id.low | 1 }

  var view: TransactionView {
    TransactionView(id: id, epoch: epoch, sequence: sequence, ignored: ignored)
  }
}

/// How a transaction stands, as the range of its record says.
public struct TransactionFate: Sendable, Equatable {
  public var id: TransactionID
  public var anchor: Key
  public var status: TransactionStatus
  /// Committed, or to be committed if it is staging: when. Pending: it will commit at or above.
  public var timestamp: Timestamp
  public var epoch: UInt32 = 0
  /// Writes that do not count.
  public var ignored: [ClosedRange<UInt32>] = []
  /// Staging: what must be there for it to have committed.
  public var promised: [PromisedWrite] = []

  public init(
    id: TransactionID, anchor: Key, status: TransactionStatus, timestamp: Timestamp, epoch: UInt32 = 0,
    ignored: [ClosedRange<UInt32>] = [], promised: [PromisedWrite] = []
  ) {
    self.id = id
    self.anchor = anchor
    self.status = status
    self.timestamp = timestamp
    self.epoch = epoch
    self.ignored = ignored
    self.promised = promised
  }
}

/// What is asked about a transaction, by who met an intent of it.
public struct TransactionInquiry: Sendable, Equatable {
  public var id: TransactionID
  public var anchor: Key
  /// Of the intent; its age stands for a sign of life where the record's range knows nothing.
  public var epoch: UInt32
  public var timestamp: Timestamp
  /// A reader at this timestamp wants to pass: if the transaction is pending, it is to commit above. Nil: it only wants to know.
  public var reader: Timestamp?
  /// Whether the reader waits where it cannot pass, since the commit is staged.
  public var waits = true
}

/// Why a range did not do what was asked.
public enum RangeFailure: Error, Sendable {
  /// The transaction must begin anew.
  case retry(reason: String, key: Key?)
  /// A locking read met a version above its read timestamp. The lock is held; the read timestamp must move first.
  case writeTooOld(Timestamp, key: Key?)
  case deadlock(String)
  case lockNotAvailable(Key, timedOut: Bool)
  case cancelled
  case limit(String)
  case unavailable(String)
  /// Whether the command will be applied cannot be known.
  case ambiguous(String)
  /// Another replica serves the range; what is known of the range here, and who may lead it.
  case notLeaseholder(RangeDescriptor?, leader: NodeID?)
  /// This replica has known of nobody who serves the range for `Limits.stallTime`; perhaps another one does.
  case stalled(String)
  /// The range does not hold all that is asked for; what is known here of ranges that do.
  case outOfRange([RangeDescriptor])
  /// Intents are in the way of transactions whose records lie in other ranges: they are to be asked about there, and the range
  /// told the answers (`settle`), before the request is made again.
  case conflict([TransactionInquiry])
}

/// What a transaction has read and must find unchanged when its timestamp moves.
public struct ReadFootprint: Sendable {
  public var keys: [Key] = []
  public var spans: [KeySpan] = []
  public init() {}
  public var isEmpty: Bool { keys.isEmpty && spans.isEmpty }
}

/// One write of a transaction: nil deletes.
public struct KeyWrite: Sendable {
  public var key: Key
  public var value: [UInt8]?
  public var sequence: UInt32
  /// The key holds a number that nobody ever used: there is no version of it to look for.
  public var isNew: Bool

  public init(key: Key, value: [UInt8]?, sequence: UInt32, isNew: Bool = false) {
    self.key = key
    self.value = value
    self.sequence = sequence
    self.isNew = isNew
  }
}

/// Writes of a transaction, in ascending order of their keys, each key once.
public struct WriteRequest: Sendable {
  public enum Purpose: UInt8, Sendable {
    /// The last writes, and the end of the transaction, in one command.
    case commit
    /// Lay down intents; the transaction goes on.
    case flush
    /// Lay down the last intents; the commit follows. What was read under locks here counts as read at their timestamp.
    case prepare
    /// Write versions at the read timestamp into spans that nobody else can address before the transaction's end.
    case ingest
    /// The last intents of the range of the record, and the record: the transaction commits at `fixedTimestamp` if every promised write is
    /// laid down in other ranges at or below it.
    case stage
  }

  public var purpose: Purpose
  public var writes: [KeyWrite]
  /// What must hold at the commit timestamp: what was read, where the isolation level asks for that, and dependencies.
  public var reads: ReadFootprint
  /// Of an ingestion: the private spans that it writes to, cleared unless the transaction commits. Of a commit: those
  /// that are to be cleared all the same, since their making was rolled back to a savepoint.
  public var privateSpans: [KeySpan] = []
  /// Of a commit: other ranges were made sure of at this timestamp, and the commit must stand there; nil: wherever it fits. Of the last
  /// intents: they are to stand there or above.
  public var fixedTimestamp: Timestamp?
  /// Of a commit: where all of the transaction's intents are.
  public var intentSpans: [KeySpan] = []
  /// Of a staged commit: the writes that go to other ranges at the same time.
  public var promised: [PromisedWrite] = []

  public init(_ purpose: Purpose, writes: [KeyWrite], reads: ReadFootprint = ReadFootprint()) {
    self.purpose = purpose
    self.writes = writes
    self.reads = reads
  }
}

/// Everything that a range does for others, as one value.
public enum RangeRequest: Sendable {
  case get([Key], lock: LockRequest?)
  case scan(KeySpan, isReverse: Bool, rowLimit: Int, byteLimit: Int, lock: LockRequest?)
  case write(WriteRequest)
  /// Whether the reads hold up to a timestamp; if so, they count as reads at it.
  case refresh(ReadFootprint, to: Timestamp)
  case heartbeat
  /// Gives locks back, after noting what was read under them at the header's read timestamp.
  case release([KeySpan])
  /// Ends without effect: intents in the spans, and locks, go.
  case abort([KeySpan])
  /// Asks the range of a transaction's record how it stands, and makes it stand above a reader.
  case inquire(TransactionInquiry)
  /// Whether what a transaction promised to write here is there; if not, it can no more be there at the timestamp of its staged commit.
  case verify(TransactionFate, [PromisedWrite])
  /// Tells the range of a transaction's record what came of its staged commit.
  case conclude(TransactionFate, isCommitted: Bool)
  /// Tells a range how transactions of other ranges stand.
  case settle([TransactionFate])
  /// Tells a range how a transaction ended, and settles its intents in the spans before the answer.
  case resolve(TransactionFate, [KeySpan])
  /// What a transaction left in the spans is settled, intents and what was to be cleared. Once that is so everywhere its record, at
  /// `anchor`, goes.
  case forget(TransactionID, anchor: Key, settled: [KeySpan])
  /// Cuts the range in two, if this is still its generation: a request that comes twice must not make a range of this number anew, after it was
  /// merged. The new one holds everything from the key on. A cut that is pinned stays until somebody takes it back.
  case split(at: Key, into: RangeID, isPinned: Bool, generation: UInt64)
  /// Whether the cut at which the range begins, if it begins there, is to stay.
  case pin(Bool, at: Key)
  /// How the range stands, as its leaseholder knows.
  case describe
  /// Ends all service, if this is still the range's generation, so that another range takes the keys over.
  case freeze(into: MergeTarget, generation: UInt64)
  /// Takes over the keys of a range that is frozen for that, on all nodes.
  case merge(FrozenRange)
  /// Makes sure that another range, which begins at the key, is not merged into this one in a generation, if it has not been.
  case keepApart(RangeID, from: Key, generation: UInt64)
  /// The merge for which the range was frozen in a generation cannot come to pass: it serves again.
  case thaw(generation: UInt64)
  /// Removes everything in a span, past versions included.
  case clear(KeySpan)
  case collectGarbage(below: Timestamp)
  case statistics(KeySpan)
  /// The newest timestamp at which all of a span can be read without waiting for anybody.
  case newest(KeySpan)
  /// Ends whatever the transaction waits for.
  case cancelWait
}

extension RangeRequest {
  /// What it means that nobody knows whether the request was carried out; nil if it may be sent again.
  public func failureIfExecuted(_ reason: String) -> RangeFailure? {
    guard case .write(let write) = self else { return nil }
    if write.purpose == .commit || write.purpose == .stage { return .ambiguous(reason) }
    return .retry(reason: reason, key: nil)
  }
}

public struct RangeStatistics: Sendable {
  public var byteCount: UInt64 = 0
  /// Estimated from a sample of rows.
  public var rowCount: UInt64 = 0
  public init() {}
}

/// A range as its leaseholder knows it.
public struct RangeDescription: Sendable, Equatable {
  public var descriptor: RangeDescriptor
  /// As the engine estimates it.
  public var byteCount: UInt64
  public var requestsPerSecond: UInt64
  /// Whoever is no member may go: a restart would not take the others back to when it was one.
  public var isDurable: Bool
}

public enum RangeResponse: Sendable {
  case rows(KeyValueBlock, resume: KeySpan?, observed: Timestamp)
  /// Where the writes stand, or the commit.
  case written(Timestamp)
  case done
  case statistics(RangeStatistics)
  case fate(TransactionFate)
  /// Whether promised writes are there.
  case verified(Bool)
  case newest(Timestamp)
  case description(RangeDescription)
  case frozen(FrozenRange)
  case failed(RangeFailure)
}
