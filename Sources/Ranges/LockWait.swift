// Who waits for whom, in all ranges: what a search for deadlocks over several of them starts from.

import Clocks
import Encoding
import Reactors
import Storage
import Transport

/// A transaction that waits for a lock.
public struct LockWait: Sendable, Hashable {
  public var waiter: TransactionID
  /// When it began; the larger, the younger.
  public var start: Timestamp
  public var priority = TransactionPriority.normal
  /// What it calls itself.
  public var name: String
  public var key: Key
  public var blockers: [TransactionID]

  public var rank: VictimRank { VictimRank(priority: priority, start: start, id: waiter) }

  fileprivate func encode(into writer: inout RangeWriter) {
    writer.put(waiter.high)
    writer.put(waiter.low)
    writer.put(start)
    writer.put(name)
    writer.put(key)
    writer.put(blockers) { writer, blocker in
      writer.put(blocker.high)
      writer.put(blocker.low)
    }
  }

  fileprivate static func list(from bytes: [UInt8]) throws(MalformedMessage) -> [LockWait] {
    try bytes.span.withUnsafeBytes { (raw) throws(MalformedMessage) -> [LockWait] in
      var reader = RangeReader(raw)
      var waits: [LockWait] = []
      for _ in 0..<(try reader.count()) {
        var wait = LockWait(
          waiter: TransactionID(high: try reader.number(), low: try reader.number()), start: try reader.timestamp(),
          name: try reader.text(), key: try reader.key(), blockers: [])
        for _ in 0..<(try reader.count()) {
          wait.blockers.append(TransactionID(high: try reader.number(), low: try reader.number()))
        }
        waits.append(wait)
      }
      // Nodes that know nothing of priorities say no more.
      guard !reader.isAtEnd else { return waits }
      for _ in 0..<(try reader.count()) {
        let place = try reader.number(Int.self)
        guard let priority = TransactionPriority(rawValue: Int8(bitPattern: try reader.byte())),
          waits.indices.contains(place)
        else { throw MalformedMessage() }
        waits[place].priority = priority
      }
      return waits
    }
  }
}

extension StoreShard {
  /// The waits of the ranges that this reactor serves, in the order of ranges and transactions.
  public func lockWaits() -> [LockWait] {
    var waits: [LockWait] = []
    for replica in busyReplicas where !replica.locks.isEmpty { waits += replica.locks.waits }
    return waits
  }

  /// Who waits for locks of the ranges that this reactor serves.
  public var lockWaiters: Set<TransactionID> {
    var waiters: Set<TransactionID> = []
    for replica in awake where replica.holdsLease && !replica.locks.isEmpty { waiters.formUnion(replica.locks.waiters) }
    return waiters
  }

  /// Ends the wait of a transaction that was chosen to break a deadlock.
  public func breakWait(of id: TransactionID, _ cycle: String) {
    for replica in busyReplicas { replica.locks.breakWait(of: id, cycle) }
  }
}

extension Store {
  func answerLockWaits() async -> NodeMessage {
    var writer = RangeWriter()
    let waits = await ownLockWaits()
    writer.put(waits) { $1.encode(into: &$0) }
    let special = waits.indices.filter { waits[$0].priority != .normal }
    if !special.isEmpty {
      writer.put(special) { writer, place in
        writer.put(UInt64(place))
        writer.bytes.append(UInt8(bitPattern: waits[place].priority.rawValue))
      }
    }
    return NodeMessage(kind: StoreMessageKind.lockWaits, body: writer.bytes)
  }

  /// The waits of all ranges that this node serves.
  public func ownLockWaits() async -> [LockWait] {
    var waits: [LockWait] = []
    for (index, reactor) in environment.reactors.enumerated() {
      let shard = confinedShard(index)
      waits += await reactor.perform { reactor in shard.access(on: reactor).lockWaits() }
    }
    return waits
  }

  /// The other nodes that may have waits.
  public var peersUp: [NodeID] { network.map { $0.peers().filter { $0.isUp == true }.map(\.id) } ?? [] }

  /// The waits of the ranges that another node serves; none if it does not answer.
  public func lockWaits(of peer: NodeID, on reactor: Reactor) async -> [LockWait] {
    guard let network else { return [] }
    let reply = await reactor.perform { reactor in
      try? await network.call(
        NodeMessage(kind: StoreMessageKind.lockWaits), to: peer, class: .system, timeoutNanoseconds: 1_000_000_000,
        on: reactor)
    }
    return reply.flatMap { try? LockWait.list(from: $0.body) } ?? []
  }
}
