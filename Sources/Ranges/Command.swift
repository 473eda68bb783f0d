// What a range's log carries: the outcome of an evaluated request, ready to be applied by every replica alike.
//
//   version, 1 byte (1)
//   range id, varint
//   lease sequence, varint          a command proposed under another lease is void (one member: always 1)
//   closed timestamp, 12 bytes      no later command of this range writes at or below it (zero: says nothing)
//   largest timestamp, 12 bytes     of the versions and intents written; after a restart the clock starts above it
//   batch                           the engine changes, as `WriteBatch` encodes them, up to the end
//
// Applying needs no reading and no decision, so it is deterministic, and replay after a crash repeats it exactly.

import Clocks
import Encoding
import Storage

struct Command {
  static let version: UInt8 = 1

  var range: RangeID
  var leaseSequence: UInt64 = 1
  var closedTimestamp = Timestamp.zero
  var largestTimestamp = Timestamp.zero
  var batch: WriteBatch

  init(range: RangeID, batch: WriteBatch, largestTimestamp: Timestamp) {
    self.range = range
    self.batch = batch
    self.largestTimestamp = largestTimestamp
  }

  /// Changes nothing, but keeps later writes above what was read.
  init(range: RangeID, readsBelow timestamp: Timestamp, lease: UInt64) {
    self.init(range: range, batch: WriteBatch(), largestTimestamp: .zero)
    leaseSequence = lease
    closedTimestamp = timestamp
  }

  func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(batch.byteCount + 40)
    bytes.append(Self.version)
    ValueEncoding.appendVarint(range.rawValue, to: &bytes)
    ValueEncoding.appendVarint(leaseSequence, to: &bytes)
    closedTimestamp.appendEncoded(to: &bytes)
    largestTimestamp.appendEncoded(to: &bytes)
    bytes.append(contentsOf: batch.bytes)
    return bytes
  }

  /// Nil if the bytes are no command.
  init?(encoded bytes: [UInt8]) {
    let decoded: Command? = bytes.withUnsafeBytes { raw -> Command? in
      var reader = ByteReader(raw)
      guard reader.readUInt8() == Self.version, let range = reader.readVarint(),
        let lease = reader.readVarint(),
        let closedBytes = reader.readBytes(Timestamp.encodedCount),
        let closed = Timestamp(encoded: closedBytes),
        let largestBytes = reader.readBytes(Timestamp.encodedCount),
        let largest = Timestamp(encoded: largestBytes),
        let batch = WriteBatch(encoded: [UInt8](reader.rest))
      else { return nil }
      var command = Command(range: RangeID(range), batch: batch, largestTimestamp: largest)
      command.leaseSequence = lease
      command.closedTimestamp = closed
      return command
    }
    guard let decoded else { return nil }
    self = decoded
  }
}
