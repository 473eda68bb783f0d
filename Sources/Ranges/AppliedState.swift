// How far a replica has applied its log, written in the same batch as what was applied; and where a range's own keys lie
// in the `local` family.
//
//   'r' | range, 8 bytes BE | 'a'                        applied state
//   'r' | range, 8 bytes BE | 'd'                        descriptor, see RangeDescriptor
//   'r' | range, 8 bytes BE | 'x'                        tombstone: varint least replica id that may come
//   't' | anchor key, escaped, 00 01 | transaction id    transaction record: it lies where its anchor key lies, whatever range that is
//   applied state: CRC-32C of the rest, 4 bytes LE | version 2 | varint index | varint term | closed, 12 | largest, 12
//                  | collected, 12

import Clocks
import Encoding
import Storage

struct AppliedState: Equatable {
  var index: UInt64 = 0
  var term: UInt64 = 0
  var closedTimestamp = Timestamp.zero
  /// The largest timestamp of anything ever written.
  var largestTimestamp = Timestamp.zero
  /// Versions that no read at or above it sees may be gone; reads below are refused.
  var collectionThreshold = Timestamp.zero

  /// Where the log of a range begins: after some entries that never were, so that a replica without anything needs a snapshot,
  /// or the split that makes it, and with it the descriptor.
  static let initialPosition = LogPosition(index: 10, term: 1)

  func encoded() -> [UInt8] {
    var body: [UInt8] = [2]
    ValueEncoding.appendVarint(index, to: &body)
    ValueEncoding.appendVarint(term, to: &body)
    closedTimestamp.appendEncoded(to: &body)
    largestTimestamp.appendEncoded(to: &body)
    collectionThreshold.appendEncoded(to: &body)
    return LocalKeys.sealed(body)
  }

  init() {}

  init(encoded bytes: [UInt8], range: RangeID) throws(StorageError) {
    let damaged = StorageError.corruption("the applied state of range \(range) is damaged")
    let decoded: AppliedState? = LocalKeys.opened(bytes) { reader in
      guard reader.readUInt8() == 2, let index = reader.readVarint(), let term = reader.readVarint(),
        let closedBytes = reader.readBytes(Timestamp.encodedCount),
        let closed = Timestamp(encoded: closedBytes),
        let largestBytes = reader.readBytes(Timestamp.encodedCount),
        let largest = Timestamp(encoded: largestBytes),
        let collectedBytes = reader.readBytes(Timestamp.encodedCount),
        let collected = Timestamp(encoded: collectedBytes)
      else { return nil }
      var state = AppliedState()
      state.index = index
      state.term = term
      state.closedTimestamp = closed
      state.largestTimestamp = largest
      state.collectionThreshold = collected
      return state
    }
    guard let decoded else { throw damaged }
    self = decoded
  }
}

enum LocalKeys {
  static func prefix(_ range: RangeID) -> [UInt8] {
    var key: [UInt8] = [UInt8(ascii: "r")]
    ValueEncoding.appendBigEndian(range.rawValue, to: &key)
    return key
  }

  static func appliedState(_ range: RangeID) -> [UInt8] { prefix(range) + [UInt8(ascii: "a")] }

  static func descriptor(_ range: RangeID) -> [UInt8] { prefix(range) + [UInt8(ascii: "d")] }

  /// The least replica id that may come to this store.
  static func tombstone(_ range: RangeID) -> [UInt8] { prefix(range) + [UInt8(ascii: "x")] }

  /// Where the records of transactions begin whose anchor is `key` or above.
  static func records(from key: Key) -> [UInt8] {
    var bytes: [UInt8] = [UInt8(ascii: "t")]
    key.bytes.withUnsafeBytes { KeyEncoding.appendEscaped($0, to: &bytes) }
    return bytes
  }

  static func record(_ anchor: Key, _ id: TransactionID) -> [UInt8] {
    var bytes = records(from: anchor)
    bytes += [0x00, 0x01]
    ValueEncoding.appendBigEndian(id.high, to: &bytes)
    ValueEncoding.appendBigEndian(id.low, to: &bytes)
    return bytes
  }

  /// Where all lies that a range's log has made, besides what bears its number.
  static func parts(of span: KeySpan) -> [(family: ColumnFamily, lower: [UInt8], upper: [UInt8])] {
    let bounds = MVCC.bounds(span)
    return [
      (.data, bounds.lower, bounds.upper), (.locks, bounds.lower, bounds.upper),
      (.local, records(from: span.start), records(from: span.end)),
    ]
  }

  /// Removes all that a range holds: versions, intents, transaction records.
  static func clear(_ span: KeySpan, into batch: inout WriteBatch) {
    guard !span.isEmpty else { return }
    MVCC.clear(span, into: &batch)
    batch.deleteRange(.local, start: records(from: span.start), end: records(from: span.end))
  }

  /// Removes what there is of a range besides its data, and keeps away replicas with ids below.
  static func bury(_ range: RangeID, below least: ReplicaID, into batch: inout WriteBatch) {
    let prefix = prefix(range)
    batch.deleteRange(.local, start: prefix, end: Key(prefix).prefixEnd.bytes)
    var bytes: [UInt8] = []
    ValueEncoding.appendVarint(least.rawValue, to: &bytes)
    batch.put(.local, tombstone(range), bytes)
  }

  /// Bytes behind their checksum.
  static func sealed(_ body: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(body.count + 4)
    ValueEncoding.appendFixed(body.withUnsafeBytes { CRC32C.checksum($0) }, to: &bytes)
    bytes.append(contentsOf: body)
    return bytes
  }

  /// Nil if the checksum fails or `body` cannot make sense of the bytes.
  static func opened<T>(_ bytes: [UInt8], _ body: (inout ByteReader) -> T?) -> T? {
    bytes.withUnsafeBytes { raw in
      guard raw.count >= 4 else { return nil }
      let rest = UnsafeRawBufferPointer(rebasing: raw[4...])
      guard CRC32C.checksum(rest) == UInt32(littleEndian: raw.loadUnaligned(as: UInt32.self)) else {
        return nil
      }
      var reader = ByteReader(rest)
      return body(&reader)
    }
  }
}
