// Who waited for whose lock, and who holds which now. A wait is noted when it ends, where the lock is: by the reactor that serves the
// range, in a ring of bounded length. Nothing is done for locks that nobody waits for.
//
// Statements are told by transactions in their requests (`TransactionHeader.label`), and so are those of the last lock that a
// transaction asked for in the range.

import Clocks
import DequeModule
import Encoding
import Reactors
import Storage
import Transport

/// That a transaction waited for another's lock.
public struct ContentionEvent: Sendable, Hashable {
  /// How the wait ended.
  public enum Outcome: UInt8, Sendable, Hashable {
    case granted, timedOut, cancelled, deadlock, stopped
  }

  public var range: RangeID
  public var key: Key
  public var waiter: TransactionID
  /// What it called itself, cut to `Limits.labelByteCount`; empty if it did not.
  public var waiterLabel: [UInt8]
  /// The one that held the lock when the wait began.
  public var blocker: TransactionID
  public var blockerLabel: [UInt8]
  /// Nanoseconds since 1970.
  public var beginning: Int64
  /// Nanoseconds.
  public var duration: Int64 = 0
  public var outcome = Outcome.granted

  /// What messages call a transaction.
  static func name(_ id: TransactionID, _ label: [UInt8]) -> String {
    label.isEmpty ? "transaction \(id)" : "transaction \(id) (\(String(decoding: cut(label), as: UTF8.self)))"
  }

  static func cut(_ label: [UInt8]) -> [UInt8] {
    label.count > Limits.labelByteCount ? Array(label.prefix(Limits.labelByteCount)) : label
  }
}

/// A lock, or the wait for one.
public struct HeldLock: Sendable, Hashable {
  public var key: Key
  public var transaction: TransactionID
  public var label: [UInt8]
  public var isExclusive: Bool
  public var isGranted: Bool
}

/// The last waits that have ended, the oldest first.
public struct ContentionLog {
  public private(set) var events: Deque<ContentionEvent> = []

  mutating func add(_ event: ContentionEvent) {
    if events.count >= Limits.contentionEvents { events.removeFirst() }
    events.append(event)
  }

  /// Whom a transaction waited for last, at this key.
  public func lastBlocker(of waiter: TransactionID, at key: Key) -> String? {
    guard let event = events.last(where: { $0.waiter == waiter && $0.key == key }) else { return nil }
    return ContentionEvent.name(event.blocker, event.blockerLabel)
  }
}

extension Replica {
  /// A wait for a lock begins; nil: for something else, or it is over already.
  func contention(_ waiter: Waiter) -> (event: ContentionEvent, monotonic: Int64)? {
    guard let key = waiter.lock?.key, !waiter.isFinished, let owner = waiter.owner,
      let blocker = locks.blocker(of: waiter)
    else { return nil }
    let environment = shard.reactor.environment
    let event = ContentionEvent(
      range: id, key: key, waiter: owner.id, waiterLabel: ContentionEvent.cut(owner.label), blocker: blocker.id,
      blockerLabel: ContentionEvent.cut(blocker.label), beginning: environment.wallNow())
    return (event, environment.monotonicNow().nanoseconds)
  }

  /// A transaction has collided at a key: with whom, as far as that is known from the lock there, or from a wait for it.
  func collision(_ reason: String, at key: Key, _ header: TransactionHeader) -> RangeFailure {
    let holder = locks.holder(of: key, conflictingWith: header.id)?.name
    let other = holder ?? shard.contention.lastBlocker(of: header.id, at: key)
    return .retry(reason: reason + (other.map { ": \($0)" } ?? ""), key: key)
  }

  /// A locking read has met a newer version. Under REPEATABLE READ that is the end.
  func tooOld(_ newer: Timestamp, _ key: Key, _ header: TransactionHeader) -> RangeFailure {
    if header.isolation == .repeatableRead {
      return collision("a concurrent transaction wrote the row", at: key, header)
    }
    return .writeTooOld(newer, key: key)
  }

  func note(_ contention: (event: ContentionEvent, monotonic: Int64), _ outcome: WaitOutcome) {
    var event = contention.event
    event.duration = shard.reactor.environment.monotonicNow().nanoseconds - contention.monotonic
    switch outcome {
    case .granted: event.outcome = .granted
    case .timedOut: event.outcome = .timedOut
    case .cancelled: event.outcome = .cancelled
    case .deadlock: event.outcome = .deadlock
    case .stopped: event.outcome = .stopped
    }
    shard.contention.add(event)
  }
}

/// What a node tells of the locks of the ranges that it serves.
public struct ContentionReport: Sendable, Equatable {
  public var node: NodeID
  /// In the order of their beginnings.
  public var events: [ContentionEvent] = []
  public var locks: [HeldLock] = []

  /// Locks that a reactor tells of.
  fileprivate static let lockLimit = 10_000
}

extension Store {
  private func ownContention() async -> ContentionReport {
    var report = ContentionReport(node: identity.node)
    for (index, reactor) in environment.reactors.enumerated() {
      let shard = confinedShard(index)
      let part = await reactor.perform { reactor in
        let shard = shard.access(on: reactor)
        var locks: [HeldLock] = []
        for replica in shard.sortedReplicas where !replica.locks.isEmpty && locks.count < ContentionReport.lockLimit {
          locks += replica.locks.held(limit: ContentionReport.lockLimit - locks.count)
        }
        return (Array(shard.contention.events), locks)
      }
      report.events += part.0
      report.locks += part.1
    }
    report.events.sort { ($0.beginning, $0.key) < ($1.beginning, $1.key) }
    report.locks.sort { $0.key < $1.key }
    return report
  }

  func answerContention() async -> NodeMessage {
    var writer = RangeWriter()
    await ownContention().encode(into: &writer)
    return NodeMessage(kind: StoreMessageKind.contention, body: writer.bytes)
  }

  /// The waits and locks of all nodes that answer, in the order of the nodes.
  public func contention(on reactor: Reactor) async -> [ContentionReport] {
    var reports = [await ownContention()]
    guard let network else { return reports }
    for peer in network.peers() where peer.isUp == true {
      let reply = await reactor.perform { reactor in
        try? await network.call(
          NodeMessage(kind: StoreMessageKind.contention), to: peer.id, class: .system,
          timeoutNanoseconds: 1_000_000_000, on: reactor)
      }
      if let reply, let report = try? ContentionReport(reply.body, from: peer.id) { reports.append(report) }
    }
    return reports.sorted { $0.node < $1.node }
  }
}

// MARK: - As bytes

extension ContentionReport {
  func encode(into writer: inout RangeWriter) {
    writer.put(events) { $1.encode(into: &$0) }
    writer.put(locks) { $1.encode(into: &$0) }
  }

  init(_ body: [UInt8], from node: NodeID) throws(MalformedMessage) {
    self.init(node: node)
    (events, locks) = try body.span.withUnsafeBytes { (raw) throws(MalformedMessage) in
      var reader = RangeReader(raw)
      var events: [ContentionEvent] = []
      for _ in 0..<(try reader.count()) { events.append(try ContentionEvent(from: &reader)) }
      var locks: [HeldLock] = []
      for _ in 0..<(try reader.count()) { locks.append(try HeldLock(from: &reader)) }
      return (events, locks)
    }
  }
}

extension ContentionEvent {
  fileprivate func encode(into writer: inout RangeWriter) {
    writer.put(range.rawValue)
    writer.put(key)
    for (id, label) in [(waiter, waiterLabel), (blocker, blockerLabel)] {
      writer.put(id)
      writer.put(label)
    }
    writer.putSigned(beginning)
    writer.putSigned(duration)
    writer.bytes.append(outcome.rawValue)
  }

  fileprivate init(from reader: inout RangeReader) throws(MalformedMessage) {
    range = RangeID(try reader.number())
    key = try reader.key()
    waiter = try reader.transaction()
    waiterLabel = try reader.string()
    blocker = try reader.transaction()
    blockerLabel = try reader.string()
    beginning = try reader.signed()
    duration = try reader.signed()
    guard let outcome = Outcome(rawValue: try reader.byte()) else { throw MalformedMessage() }
    self.outcome = outcome
  }
}

extension HeldLock {
  fileprivate func encode(into writer: inout RangeWriter) {
    writer.put(key)
    writer.put(transaction)
    writer.put(label)
    writer.put(isExclusive)
    writer.put(isGranted)
  }

  fileprivate init(from reader: inout RangeReader) throws(MalformedMessage) {
    key = try reader.key()
    transaction = try reader.transaction()
    label = try reader.string()
    isExclusive = try reader.flag()
    isGranted = try reader.flag()
  }
}

extension RangeWriter {
  fileprivate mutating func put(_ id: TransactionID) {
    put(id.high)
    put(id.low)
  }
}

extension RangeReader {
  fileprivate mutating func transaction() throws(MalformedMessage) -> TransactionID {
    TransactionID(high: try number(), low: try number())
  }
}
