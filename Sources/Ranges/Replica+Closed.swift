// Reads of the past that any replica may serve: of what its range has closed (`ClosedTimestampSender`), as far as this replica has applied.
//
// Contract: a replica that serves a read at `t` has applied every command of its range that will ever write at or below `t`: what was closed
// stands at a position of the log, and it has come that far. Nothing is noted in a timestamp cache, since nobody may write there any more.
// What it cannot decide, an intent at or below `t`, or what is not closed here, is left to the leaseholder: it answers as any replica
// does that does not hold the lease. Source: Docs/Transactions.md.

import Clocks
import Encoding
import Storage
import Transport

extension Replica {
  // MARK: - The leaseholder

  /// Whether the past is closed here: for others, so not without any.
  private var closesPast: Bool { hasPeers && !shard.closedSender.closed.isZero }

  /// Whatever is written from now on stands above.
  @inline(__always)
  var closedFloor: Timestamp {
    if shard.faults.writesIntoThePast { return .zero }
    return max(applied.closedTimestamp, closedByCommand)
  }

  /// What a command that is proposed now says of the past: no later one writes there.
  var closedByCommand: Timestamp { hasPeers ? shard.closedSender.closed : .zero }

  /// The range comes to rest under its leaseholder: what the reactor closes from now on is closed here.
  func restClosed() {
    guard holdsLease, hasPeers else { return }
    closedEra = shard.closedSender.era
    shard.closedSender.rest(closedPosition, on: descriptor.replicas.lazy.map(\.node).filter { $0 != self.ownNode })
  }

  func wakeClosed() {
    guard closedEra != 0 else { return }
    closedEra = 0
    shard.closedSender.wake(id)
  }

  /// Behind everything that was proposed.
  var closedPosition: ClosedPosition { ClosedPosition(range: id, term: group.term, index: group.last.index) }

  private var ownNode: NodeID { shard.support.node }

  /// What other stores are told of a range that is awake; nil: nothing can be said now.
  func closedWhileAwake() -> ClosedPosition? {
    guard holdsLease, closesPast, structuralLatch == nil, refusal(at: .zero) == nil else { return nil }
    return closedPosition
  }

  // MARK: - Any replica

  /// The leaseholder has closed the past behind a position of the log.
  func hear(_ note: ClosedTimestampReceiver.Note) {
    guard note.position.term == group.term else { return }
    foldClosed()
    if note.position.index <= applied.index {
      heardClosed = max(heardClosed, note.closed)
    } else if closedAhead == nil {
      // Commands bring their own; what is ahead is kept until it is reached, lest the next one always come first.
      closedAhead = note
    }
  }

  private func foldClosed() {
    guard let ahead = closedAhead, ahead.position.index <= applied.index else { return }
    heardClosed = max(heardClosed, ahead.closed)
    closedAhead = nil
  }

  /// Up to here nothing of the range will change any more, and all of it is here.
  public var closedTimestamp: Timestamp {
    foldClosed()
    return max(
      applied.closedTimestamp, heardClosed, shard.closedReceiver.closed(id, term: group.term, index: applied.index))
  }

  /// Nanoseconds by which what is closed here lies behind `wall`; nil: the range has no other replicas, or is not here.
  func closedLag(at wall: Int64) -> Int64? {
    guard isInitialized, hasPeers, !isOutside, !holdsLease else { return nil }
    return max(0, wall &- closedTimestamp.wall)
  }

  /// Serves a request that any replica may serve; nil: the leaseholder is to.
  func serveClosed(_ request: RangeRequest, _ header: TransactionHeader) -> RangeResponse? {
    guard isInitialized, !isRemoved, !isOutside, shard.stopReason == nil else { return nil }
    let response: RangeResponse?
    do throws(StorageError) {
      switch request {
      case .get(let keys, nil): response = try getClosed(keys, header)
      case .scan(let span, let isReverse, let rowLimit, let byteLimit, nil):
        let limits = ScanLimits(
          rows: rowLimit == 0 ? Int.max : rowLimit, bytes: byteLimit, intents: 1)
        response = try scanClosed(span, header, isReverse: isReverse, limits)
      case .newest(let span): return try newestClosed(span)
      default: return nil
      }
    } catch {
      shard.fail(error)
      return .failed(.unavailable("\(error)"))
    }
    if response == nil {
      shard.counters.closedReadsRefused &+= 1
    } else {
      shard.counters.closedReads &+= 1
    }
    return response
  }

  private func getClosed(_ keys: [Key], _ header: TransactionHeader) throws(StorageError) -> RangeResponse? {
    let timestamp = header.readTimestamp
    guard timestamp <= closedTimestamp, keys.allSatisfy(descriptor.span.contains) else { return nil }
    if timestamp < applied.collectionThreshold { return .failed(tooOld) }
    var block = KeyValueBlock()
    var observed = Timestamp.zero
    let options = ReadOptions(at: timestamp)
    for key in keys {
      let outcome = try shard.reader.get(key, options, into: &block)
      if outcome.intent != nil { return nil }
      observed = max(observed, outcome.version)
    }
    return .rows(block, resume: nil, observed: observed)
  }

  private func scanClosed(
    _ span: KeySpan, _ header: TransactionHeader, isReverse: Bool, _ limits: ScanLimits
  ) throws(StorageError) -> RangeResponse? {
    let timestamp = header.readTimestamp
    guard timestamp <= closedTimestamp, descriptor.span.contains(span) else { return nil }
    if timestamp < applied.collectionThreshold { return .failed(tooOld) }
    var block = KeyValueBlock()
    let outcome = try shard.reader.scan(
      span, ReadOptions(at: timestamp), limits: limits, reverse: isReverse, into: &block)
    guard outcome.intents.isEmpty else { return nil }
    return .rows(block, resume: outcome.resume, observed: outcome.newest)
  }

  /// Intents looked at to find the newest timestamp that can be read; behind more of them the leaseholder answers.
  private static let intentLimit = 1_000

  /// The newest timestamp at which a span can be read here without waiting for anybody.
  private func newestClosed(_ span: KeySpan) throws(StorageError) -> RangeResponse? {
    guard descriptor.span.contains(span) else { return nil }
    return try newest(span, below: closedTimestamp)
  }

  /// The newest timestamp up to `limit` below which no intent of the span stands.
  func newest(_ span: KeySpan, below limit: Timestamp) throws(StorageError) -> RangeResponse? {
    let intents = try shard.reader.intents(in: span, limit: Self.intentLimit)
    guard intents.count < Self.intentLimit else { return nil }
    return .newest(intents.reduce(limit) { min($0, $1.timestamp.previous) })
  }
}
