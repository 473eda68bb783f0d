// What a range's log carries: the outcome of an evaluated request, ready to be applied by every replica alike.
//
//   version, 1 byte (3)
//   range id, varint
//   lease sequence, varint          a command proposed under another lease is void (one member: always 1)
//   span generation, varint         a command evaluated for other bounds of the range is void
//   closed timestamp, 12 bytes      no later command of this range writes at or below it (zero: says nothing)
//   largest timestamp, 12 bytes     of the versions and intents written; after a restart the clock starts above it
//   collected below, 12 bytes       what the batch, or one before, removes is seen by no read at or above (zero: says nothing)
//   descriptor of a new range, with its length: splits it off at its start; empty: none
//   check, varint                   each replica works out a checksum of its state behind this command (zero: none is asked for)
//   batch                           the engine changes, as `WriteBatch` encodes them, up to the end
//
// Applying needs no reading and no decision, so it is deterministic, and replay after a crash repeats it exactly.

import Clocks
import Encoding
import Storage

struct Command {
  static let version: UInt8 = 3

  var range: RangeID
  var leaseSequence: UInt64 = 1
  var spanGeneration: UInt64 = 1
  var closedTimestamp = Timestamp.zero
  var largestTimestamp = Timestamp.zero
  var collectedBelow = Timestamp.zero
  /// The range that takes over what lies from its start on.
  var splitOff: RangeDescriptor?
  /// Under this number each replica's state behind the command is compared.
  var check: UInt64 = 0
  var batch: WriteBatch

  init(range: RangeID, batch: WriteBatch, largestTimestamp: Timestamp) {
    self.range = range
    self.batch = batch
    self.largestTimestamp = largestTimestamp
  }

  /// Changes nothing, but keeps later writes above what was read.
  init(_ descriptor: RangeDescriptor, readsBelow timestamp: Timestamp, lease: UInt64) {
    self.init(range: descriptor.id, batch: WriteBatch(), largestTimestamp: .zero)
    spanGeneration = descriptor.spanGeneration
    leaseSequence = lease
    closedTimestamp = timestamp
  }

  func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(batch.byteCount + 40)
    bytes.append(Self.version)
    ValueEncoding.appendVarint(range.rawValue, to: &bytes)
    ValueEncoding.appendVarint(leaseSequence, to: &bytes)
    ValueEncoding.appendVarint(spanGeneration, to: &bytes)
    closedTimestamp.appendEncoded(to: &bytes)
    largestTimestamp.appendEncoded(to: &bytes)
    collectedBelow.appendEncoded(to: &bytes)
    if let splitOff {
      ValueEncoding.appendLengthPrefixed(splitOff.encoded(), to: &bytes)
    } else {
      bytes.append(0)
    }
    ValueEncoding.appendVarint(check, to: &bytes)
    bytes.append(contentsOf: batch.bytes)
    return bytes
  }

  /// Nil if the bytes are no command.
  init?(encoded bytes: [UInt8]) {
    let decoded: Command? = bytes.withUnsafeBytes { raw -> Command? in
      var reader = ByteReader(raw)
      guard reader.readUInt8() == Self.version, let range = reader.readVarint(),
        let lease = reader.readVarint(), let spanGeneration = reader.readVarint(),
        let closedBytes = reader.readBytes(Timestamp.encodedCount),
        let closed = Timestamp(encoded: closedBytes),
        let largestBytes = reader.readBytes(Timestamp.encodedCount),
        let largest = Timestamp(encoded: largestBytes),
        let collectedBytes = reader.readBytes(Timestamp.encodedCount),
        let collected = Timestamp(encoded: collectedBytes), let split = reader.readLengthPrefixed(),
        let check = reader.readVarint(), let batch = WriteBatch(encoded: [UInt8](reader.rest))
      else { return nil }
      var command = Command(range: RangeID(range), batch: batch, largestTimestamp: largest)
      command.leaseSequence = lease
      command.spanGeneration = spanGeneration
      command.collectedBelow = collected
      if !split.isEmpty {
        guard let descriptor = RangeDescriptor(encoded: [UInt8](split)) else { return nil }
        command.splitOff = descriptor
      }
      command.closedTimestamp = closed
      command.check = check
      return command
    }
    guard let decoded else { return nil }
    self = decoded
  }
}
