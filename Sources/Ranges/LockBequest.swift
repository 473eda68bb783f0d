// The locks of a range, as a leaseholder that hands its lease on leaves them to the next one: a message of its own from store to store, since
// nothing but waiting hangs on it. Where it does not arrive, or comes to another than the next leaseholder, those locks are lost.
//
//   varint range, node that leaves them, replica that they are for, lease | signed varint made at | count, {
//     varint transaction, high and low | start, 12 bytes | varint epoch, lease | unquestioned, 1 byte
//     | varint node, support epoch | label, with its length | count, { key, with its length | exclusive + 2 * current, 1 byte } }

import Clocks
import Encoding
import Storage
import Transport

struct LockBequest: Equatable, Sendable {
  struct Lock: Equatable, Sendable {
    var key: Key
    var strength: LockStrength
    /// As `KeyLock.Holder.isCurrent`.
    var isCurrent: Bool
  }

  /// What one transaction holds.
  struct Owner: Equatable, Sendable {
    var id: TransactionID
    var start: Timestamp
    var epoch: UInt32
    /// Under which it took its first lock, and since which it has lost none.
    var lease: UInt64
    /// As `LockOwner.isUnquestioned`.
    var isUnquestioned: Bool
    /// Its coordinator's node, and the epoch in which the leaseholder supports that; of the leaseholder's own node the one in which the next leaseholder
    /// is to support it.
    var coordinator: StoreLiveness.Life
    var label: [UInt8]
    var locks: [Lock]

    /// About what it takes of a message.
    fileprivate var byteCount: Int { locks.reduce(64 + label.count) { $0 + $1.key.bytes.count + 4 } }
  }

  /// Locks of a bequest, and the bytes that they may take: less than the 100 ms of a heartbeat on a slow line.
  static let lockLimit = 10_000
  static let byteLimit = 256 << 10
  /// Nanoseconds for which it may be taken up. Ends of transactions look for the next leaseholder for three times as long, so none of them misses
  /// a lock that it is to release.
  static let lifetime: Int64 = 5_000_000_000

  var range: RangeID
  var giver: NodeID
  var heir: ReplicaID
  /// The lease that ended with it.
  var lease: UInt64
  /// Nanoseconds since 1970, the latest that it may have been.
  var madeAt: Int64
  /// The oldest first: they have most to lose.
  private(set) var owners: [Owner] = []
  private(set) var lockCount = 0
  private var byteCount = 0

  init(range: RangeID, giver: NodeID, heir: ReplicaID, lease: UInt64, madeAt: Int64) {
    self.range = range
    self.giver = giver
    self.heir = heir
    self.lease = lease
    self.madeAt = madeAt
  }

  /// Adds all that a transaction holds, or nothing if that would be too much.
  mutating func add(_ owner: Owner) -> Bool {
    guard lockCount + owner.locks.count <= Self.lockLimit, byteCount + owner.byteCount <= Self.byteLimit else {
      return false
    }
    lockCount += owner.locks.count
    byteCount += owner.byteCount
    owners.append(owner)
    return true
  }

  /// Makes it out to another replica, whose node is asked for support in an epoch.
  mutating func address(to replica: ReplicaID, asking epoch: SupportEpoch) {
    heir = replica
    for place in owners.indices where owners[place].coordinator.node == giver {
      owners[place].coordinator.epoch = epoch
    }
  }

  // MARK: - As bytes

  func encoded() -> [UInt8] {
    var writer = RangeWriter()
    writer.bytes.reserveCapacity(byteCount + 64)
    writer.put(range.rawValue)
    writer.put(UInt64(giver.rawValue))
    writer.put(heir.rawValue)
    writer.put(lease)
    writer.putSigned(madeAt)
    writer.put(owners) { writer, owner in
      writer.put(owner.id.high)
      writer.put(owner.id.low)
      writer.put(owner.start)
      writer.put(UInt64(owner.epoch))
      writer.put(owner.lease)
      writer.put(owner.isUnquestioned)
      writer.put(UInt64(owner.coordinator.node.rawValue))
      writer.put(owner.coordinator.epoch)
      writer.put(owner.label)
      writer.put(owner.locks) { writer, lock in
        writer.put(lock.key)
        writer.bytes.append((lock.strength == .exclusive ? 1 : 0) + (lock.isCurrent ? 2 : 0))
      }
    }
    return writer.bytes
  }

  init(encoded bytes: [UInt8]) throws(MalformedMessage) {
    self = try bytes.span.withUnsafeBytes { (raw) throws(MalformedMessage) -> LockBequest in
      var reader = RangeReader(raw)
      var bequest = LockBequest(
        range: RangeID(try reader.number()), giver: NodeID(rawValue: try reader.number(UInt32.self)),
        heir: ReplicaID(try reader.number()), lease: try reader.number(), madeAt: try reader.signed())
      for _ in 0..<(try reader.count()) {
        var owner = Owner(
          id: TransactionID(high: try reader.number(), low: try reader.number()), start: try reader.timestamp(),
          epoch: try reader.number(UInt32.self), lease: try reader.number(), isUnquestioned: try reader.flag(),
          coordinator: StoreLiveness.Life(
            node: NodeID(rawValue: try reader.number(UInt32.self)), epoch: try reader.number()),
          label: try reader.string(), locks: [])
        for _ in 0..<(try reader.count()) {
          let key = try reader.key()
          let flags = try reader.byte()
          guard flags < 4 else { throw MalformedMessage() }
          owner.locks.append(Lock(key: key, strength: flags & 1 != 0 ? .exclusive : .shared, isCurrent: flags & 2 != 0))
        }
        guard owner.lease <= bequest.lease, bequest.add(owner) else { throw MalformedMessage() }
      }
      guard reader.isAtEnd else { throw MalformedMessage() }
      return bequest
    }
  }
}
