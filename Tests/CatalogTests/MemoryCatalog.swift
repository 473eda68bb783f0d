// A catalog in memory for tests: one committed map of keys, transactions that buffer and commit whole.

import Encoding
import SQLTypes
import Transactions

@testable import Catalog

final class MemoryStorage: CatalogStorage {
  var committed: [Key: [UInt8]] = [:]
  var buffer: [Key: [UInt8]?] = [:]
  var readWallTime: Int64 = 1_700_000_000_000_000_000

  func value(_ key: Key, lock: LockRequest?) async throws(TransactionError) -> [UInt8]? {
    if let own = buffer[key] { return own }
    return committed[key]
  }

  func entries(_ span: KeySpan) async throws(TransactionError) -> KeyValueBlock {
    var all = committed
    for (key, value) in buffer { all[key] = value }
    var block = KeyValueBlock()
    for key in all.keys.sorted() where span.contains(key) {
      if let value = all[key] { block.append(key: key.bytes, value: value) }
    }
    return block
  }

  func unrecordedValue(_ key: Key) async throws(TransactionError) -> [UInt8]? { try await value(key, lock: nil) }
  func unrecordedEntries(_ span: KeySpan) async throws(TransactionError) -> KeyValueBlock { try await entries(span) }
  func depend(on key: Key) {}

  func put(_ key: Key, _ value: [UInt8]) { buffer[key] = .some(value) }
  func delete(_ key: Key) { buffer[key] = .some(nil) }

  func commit() {
    for (key, value) in buffer { committed[key] = value }
    buffer = [:]
  }
}

final class MemorySequences: SequenceStorage {
  var values: [Key: [UInt8]] = [:]
  var updateCount = 0

  func update<R>(
    _ key: Key, _ change: ([UInt8]?) -> (value: [UInt8], result: R)
  ) async throws(TransactionError) -> R {
    updateCount += 1
    let (value, result) = change(values[key])
    values[key] = value
    return result
  }

  func read(_ key: Key) async throws(TransactionError) -> [UInt8]? { values[key] }
}

final class NoServices: CatalogServices {}

/// A catalog to run DDL on, a transaction for each `run`.
final class TestCatalog {
  let storage = MemoryStorage()
  let cache = CatalogCache()
  var searchPath = ["$user", "public"]
  var user = "postgres"

  func view() async throws -> CatalogView {
    let view = try await cache.view(in: storage)
    view.searchPath = searchPath
    view.user = user
    return view
  }

  @discardableResult
  func run<R>(_ body: (CatalogWriter) throws -> R) async throws -> R {
    do {
      let view = try await view()
      let result = try body(try await CatalogWriter(view, in: storage))
      storage.commit()
      storage.readWallTime += 1_000_000
      cache.publish(view)
      return result
    } catch {
      storage.buffer = [:]
      throw error
    }
  }

  /// The descriptors as another node would load them.
  func reloaded() async throws -> CatalogView {
    let view = try await CatalogCache().view(in: storage)
    view.searchPath = searchPath
    return view
  }
}

/// `name type`, with `!` for NOT NULL.
func columns(_ text: String...) -> [ColumnDescriptor] {
  text.enumerated().map { index, text in
    var parts = text.split(separator: " ").map(String.init)
    let isRequired = parts.last == "!"
    if isRequired { parts.removeLast() }
    let type = TypeInfo.find(name: parts[1...].joined(separator: " "))?.type ?? .unknown
    return ColumnDescriptor(id: UInt32(index + 1), name: parts[0], type: type, isNullable: !isRequired)
  }
}

func index(
  _ columns: UInt32..., name: String = "", unique: Bool = false, primary: Bool = false, constraint: Bool = false
) -> IndexDescriptor {
  var index = IndexDescriptor(
    id: 0, oid: .invalid, name: name, columns: columns.map { IndexColumn(columnID: $0) },
    isUnique: unique || primary, isPrimary: primary)
  index.isConstraint = constraint || primary
  return index
}

/// The error that the body throws.
func failure(_ body: () async throws -> Void) async -> SQLError? {
  do {
    try await body()
    return nil
  } catch {
    return error as? SQLError
  }
}
