// What the catalog needs of a transaction, and how it is loaded through one.
//
//   KeyLayout.catalogVersion                 varint: the version, grows by one with each transaction that changes the catalog
//   KeyLayout.descriptor(kind, oid)          one object, see DescriptorCoding
//   KeyLayout.nextStorageID                  a counter outside of transactions: ids of indexes' data
//   KeyLayout.garbage(table, index)          data of an index that no descriptor knows, see DroppedStorage
//
// Without a version key the store is fresh, and the catalog is `CatalogSnapshot.genesis`.

import Encoding
import SQLTypes
import Transactions

/// The part of `Transaction` that the catalog uses.
public protocol CatalogStorage: AnyObject {
  func value(_ key: Key, lock: LockRequest?) async throws(TransactionError) -> [UInt8]?
  /// All entries of a span.
  func entries(_ span: KeySpan) async throws(TransactionError) -> KeyValueBlock
  /// The same as of the transaction's read timestamp, without a collision if they change later.
  func unrecordedValue(_ key: Key) async throws(TransactionError) -> [UInt8]?
  func unrecordedEntries(_ span: KeySpan) async throws(TransactionError) -> KeyValueBlock
  /// Makes a later change of the key a collision, at every isolation level.
  func depend(on key: Key)
  func put(_ key: Key, _ value: [UInt8])
  func delete(_ key: Key)
  /// Makes sure that a statement may take as many numbers for the data of indexes as it likes.
  func reserveStorageIDs() async throws(TransactionError)
  /// A number that was never used before; nil once the reserve is used up.
  func takeStorageID() -> UInt32?
  /// Nobody else can address a key of `span` before this transaction commits.
  func declarePrivate(_ span: KeySpan)
  /// Nanoseconds since the Unix epoch of the transaction's read timestamp.
  var readWallTime: Int64 { get }
}

extension Transaction: CatalogStorage {
  public var readWallTime: Int64 { readTimestamp.wall }

  public func value(_ key: Key, lock: LockRequest?) async throws(TransactionError) -> [UInt8]? {
    var block = KeyValueBlock()
    return try await get(key, lock: lock, into: &block) ? block.value(0) : nil
  }

  public func entries(_ span: KeySpan) async throws(TransactionError) -> KeyValueBlock {
    try await entries(span, ScanOptions())
  }

  public func unrecordedValue(_ key: Key) async throws(TransactionError) -> [UInt8]? {
    var block = takeScratch()
    defer { giveBack(scratch: block) }
    return try await getUnrecorded(key, into: &block) ? block.value(0) : nil
  }

  public func unrecordedEntries(_ span: KeySpan) async throws(TransactionError) -> KeyValueBlock {
    var options = ScanOptions()
    options.isRecorded = false
    return try await entries(span, options)
  }

  private func entries(_ span: KeySpan, _ options: ScanOptions) async throws(TransactionError) -> KeyValueBlock {
    var block = KeyValueBlock()
    var rest: KeySpan? = span
    while let next = rest { rest = try await scan(next, options, into: &block) }
    return block
  }
}

extension Transaction {
  /// Drawn in blocks of this many; at least half of it is there when a statement begins.
  private static let storageIDBlock: Int64 = 4_096

  public func reserveStorageIDs() async throws(TransactionError) {
    try await numbers.reserve(KeyLayout.nextStorageID, atLeast: Self.storageIDBlock / 2, block: Self.storageIDBlock)
  }

  public func takeStorageID() -> UInt32? {
    numbers.take(KeyLayout.nextStorageID).flatMap { UInt32(exactly: $0) }
  }
}

extension CatalogSnapshot {
  public static func decodeVersion(_ value: [UInt8]?) throws(TransactionError) -> UInt64 {
    guard let value else { return 0 }
    let version = value.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes)
      let version = reader.readVarint()
      return reader.isAtEnd ? version : nil
    }
    guard let version else { throw .unavailable("the catalog's version is damaged") }
    return version
  }

  static func encodeVersion(_ version: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    ValueEncoding.appendVarint(version, to: &bytes)
    return bytes
  }

  /// Reads every descriptor through `storage`, whose transaction sees the catalog at `version`.
  /// - Parameter isPast: a newer version is known here.
  static func load(
    version: UInt64, from storage: some CatalogStorage, isPast: Bool
  ) async throws(TransactionError) -> CatalogSnapshot {
    if version == 0 { return .genesis }
    let block = try await storage.unrecordedEntries(KeySpan(prefix: KeyLayout.descriptors))
    var contents = CatalogContents()
    for row in 0..<block.count {
      let kind = block.withKey(row) { $0.count > KeyLayout.descriptors.bytes.count ? $0[2] : 0 }
      guard let object = block.withValue(row, { DescriptorCoding.decode(kind: kind, $0) }) else {
        throw .unavailable("the catalog's entry at \(block.key(row)) is damaged")
      }
      contents.put(object, isPast: isPast)
    }
    let snapshot = CatalogSnapshot(version: version, contents: contents)
    snapshot.registerRowTypes(isPast: isPast)
    return snapshot
  }
}
