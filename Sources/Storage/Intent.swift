// A write that is not decided yet.
//
// At most one intent stands on a key, in the family `locks` under the key's stem. It carries its transaction's earlier
// values of the key, so that a savepoint can be rolled back without reading anything else, and the key of the
// transaction's record, so that whoever meets it knows whom to ask.
//
//   CRC-32C of what follows, 4 bytes LE | 1 | transaction, 16 bytes | epoch, varint | timestamp, 12 bytes
//   | sequence, varint | anchor key, length-prefixed | value | count of earlier values, varint | (sequence, value)…
//   value: 0 deleted, or 1 and length-prefixed bytes. Earlier values are in ascending order of their sequence.

import Clocks
import Encoding

/// The 128 random bits that name a transaction.
public struct TransactionID: Hashable, Comparable, Sendable {
  public var high: UInt64
  public var low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Half of the name is random enough.
  public func hash(into hasher: inout Hasher) { hasher.combine(low) }

  public static func < (left: TransactionID, right: TransactionID) -> Bool {
    left.high != right.high ? left.high < right.high : left.low < right.low
  }
}

extension TransactionID: CustomStringConvertible {
  /// The first 32 bits in hexadecimal: enough to tell transactions apart in a log.
  public var description: String {
    let digits = String(high >> 32, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}

/// A transaction's writes as one of its reads sees them.
public struct TransactionView: Sendable, Equatable {
  public var id: TransactionID
  /// Counts the restarts; intents of earlier epochs are void.
  public var epoch: UInt32
  /// Writes up to and with this number are visible.
  public var sequence: UInt32
  /// Writes that were rolled back to a savepoint.
  public var ignored: [ClosedRange<UInt32>]

  public init(
    id: TransactionID, epoch: UInt32 = 0, sequence: UInt32 = UInt32.max,
    ignored: [ClosedRange<UInt32>] = []
  ) {
    self.id = id
    self.epoch = epoch
    self.sequence = sequence
    self.ignored = ignored
  }

  func sees(_ sequence: UInt32) -> Bool {
    sequence <= self.sequence && !ignored.contains { $0.contains(sequence) }
  }
}

/// An undecided write on one key.
public struct Intent: Sendable, Equatable {
  public var key: Key
  public var transaction: TransactionID
  /// The key beside which the transaction's record lives.
  public var anchor: Key
  public var epoch: UInt32
  /// Where the write would stand if it were committed now.
  public var timestamp: Timestamp
  public var sequence: UInt32
  /// Nil for a deletion.
  public var value: [UInt8]?
  /// Earlier values of the same transaction and epoch, ascending.
  public var history: [EarlierValue]

  /// What the same transaction wrote before.
  public struct EarlierValue: Sendable, Equatable {
    public var sequence: UInt32
    public var value: [UInt8]?

    public init(sequence: UInt32, value: [UInt8]?) {
      self.sequence = sequence
      self.value = value
    }
  }

  public init(
    key: Key, transaction: TransactionID, anchor: Key, epoch: UInt32, timestamp: Timestamp, sequence: UInt32,
    value: [UInt8]?, history: [EarlierValue] = []
  ) {
    self.key = key
    self.transaction = transaction
    self.anchor = anchor
    self.epoch = epoch
    self.timestamp = timestamp
    self.sequence = sequence
    self.value = value
    self.history = history
  }

  /// What a transaction sees of its own intent.
  enum Visible: Equatable {
    /// Nothing: every value is later, rolled back, or of another epoch.
    case nothing
    case deleted
    case value([UInt8])
  }

  func visible(to view: TransactionView) -> Visible {
    guard view.id == transaction, view.epoch == epoch else { return .nothing }
    if view.sees(sequence) { return value.map(Visible.value) ?? .deleted }
    for earlier in history.reversed() where view.sees(earlier.sequence) {
      return earlier.value.map(Visible.value) ?? .deleted
    }
    return .nothing
  }

  /// Whether a reader must settle this intent before it can go on.
  func blocks(_ options: ReadOptions) -> Bool {
    (options.isLocking || timestamp <= options.timestamp) && !options.passed.contains(transaction)
  }
}

extension Intent {
  private static let format: UInt8 = 1

  func encoded() -> [UInt8] {
    var bytes: [UInt8] = [0, 0, 0, 0, Self.format]
    ValueEncoding.appendBigEndian(transaction.high, to: &bytes)
    ValueEncoding.appendBigEndian(transaction.low, to: &bytes)
    ValueEncoding.appendVarint(UInt64(epoch), to: &bytes)
    timestamp.appendEncoded(to: &bytes)
    ValueEncoding.appendVarint(UInt64(sequence), to: &bytes)
    ValueEncoding.appendLengthPrefixed(anchor.bytes, to: &bytes)
    Self.append(value, to: &bytes)
    ValueEncoding.appendVarint(UInt64(history.count), to: &bytes)
    for earlier in history {
      ValueEncoding.appendVarint(UInt64(earlier.sequence), to: &bytes)
      Self.append(earlier.value, to: &bytes)
    }
    bytes.withUnsafeMutableBytes { raw in
      let checksum = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: raw[4...]))
      raw.storeBytes(of: checksum.littleEndian, as: UInt32.self)
    }
    return bytes
  }

  private static func append(_ value: [UInt8]?, to bytes: inout [UInt8]) {
    bytes.append(value == nil ? 0 : 1)
    if let value { ValueEncoding.appendLengthPrefixed(value, to: &bytes) }
  }

  /// Reads what stands in `locks` under the stem of `key`.
  init(key: Key, encoded bytes: UnsafeRawBufferPointer) throws(StorageError) {
    guard bytes.count > 5,
      CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[4...]))
        == UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self))
    else { throw .corruption("the intent on \(key) fails its checksum") }
    guard let intent = Self.decode(key: key, bytes) else {
      throw .corruption("the intent on \(key) is malformed")
    }
    self = intent
  }

  private static func decode(key: Key, _ bytes: UnsafeRawBufferPointer) -> Intent? {
    var reader = ByteReader(bytes, offset: 4)
    guard reader.readUInt8() == format, let high = reader.readBigEndian(UInt64.self),
      let low = reader.readBigEndian(UInt64.self),
      let epoch = reader.readVarint().flatMap(UInt32.init(exactly:)),
      let timestamp = reader.readBytes(Timestamp.encodedCount).flatMap(Timestamp.init(encoded:)),
      let sequence = reader.readVarint().flatMap(UInt32.init(exactly:)),
      let anchor = reader.readLengthPrefixed(),
      let value = readValue(&reader), let count = reader.readVarint(), count <= UInt64(reader.remaining)
    else { return nil }
    var intent = Intent(
      key: key, transaction: TransactionID(high: high, low: low), anchor: Key(copying: anchor), epoch: epoch,
      timestamp: timestamp, sequence: sequence, value: value.bytes)
    for _ in 0..<count {
      guard let sequence = reader.readVarint().flatMap(UInt32.init(exactly:)), let value = readValue(&reader)
      else { return nil }
      intent.history.append(EarlierValue(sequence: sequence, value: value.bytes))
    }
    return reader.isAtEnd ? intent : nil
  }

  /// A value that may be a deletion, told apart from one that does not decode.
  private struct StoredValue {
    var bytes: [UInt8]?
  }

  private static func readValue(_ reader: inout ByteReader) -> StoredValue? {
    switch reader.readUInt8() {
    case 0: return StoredValue(bytes: nil)
    case 1:
      guard let bytes = reader.readLengthPrefixed() else { return nil }
      return StoredValue(bytes: [UInt8](bytes))
    default: return nil
    }
  }
}
