// How a client of a simulated node speaks to it: as transactions over keys, or in SQL. The workload is written once, over
// this protocol. One transaction at a time.

import Encoding
import Storage
import Transactions

/// Why a request of a client failed.
enum ClientFailure: Error {
  /// The transaction did not happen and may be tried again.
  case retry
  /// Of a commit: it may have happened or not.
  case unknown
}

/// Used by the thread of its world alone.
protocol NodeClient: AnyObject {
  func begin(isReadOnly: Bool) async throws(ClientFailure)
  func commit() async throws(ClientFailure)
  func rollback() async

  /// The numbers of a list; none if it does not exist.
  func list(_ list: Int) async throws(ClientFailure) -> [Int]
  func setList(_ list: Int, to numbers: [Int]) async throws(ClientFailure)
  func lists() async throws(ClientFailure) -> [Int: [Int]]

  /// Nil if there is no such account.
  func balance(of account: Int, locking: Bool) async throws(ClientFailure) -> Int64?
  func setBalance(of account: Int, to balance: Int64) async throws(ClientFailure)
  func balances() async throws(ClientFailure) -> [Int64]
  /// Makes room for lists and opens accounts `0..<count`, unless that was done before.
  func setUp(accountCount: Int, openingBalance: Int64) async throws(ClientFailure)

  func close() async
}

/// Speaks in keys, to the gateway's transactions.
final class KeyClient: NodeClient {
  private let system: TransactionSystem
  private var transaction: Transaction?

  init(_ system: TransactionSystem) { self.system = system }

  private static func account(_ number: Int) -> Key { Key([0x61, UInt8(number)]) }
  private static let accounts = KeySpan(start: Key([0x61]), end: Key([0x62]))
  private static func list(_ number: Int) -> Key {
    Key([0x6c] + withUnsafeBytes(of: UInt32(number).bigEndian) { Array($0) })
  }
  private static let lists = KeySpan(start: Key([0x6c]), end: Key([0x6d]))

  private static func numbers(_ bytes: [UInt8]) -> [Int] {
    bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw)
      var numbers: [Int] = []
      while let number = reader.readVarint() { numbers.append(Int(number)) }
      return numbers
    }
  }

  private static func bytes(_ numbers: [Int]) -> [UInt8] {
    var bytes: [UInt8] = []
    for number in numbers { ValueEncoding.appendVarint(UInt64(number), to: &bytes) }
    return bytes
  }

  /// Runs one request of the transaction under way.
  private func perform<Value>(
    _ body: (Transaction) async throws(TransactionError) -> Value
  ) async throws(ClientFailure) -> Value {
    guard let transaction else { throw .unknown }
    do throws(TransactionError) {
      return try await body(transaction)
    } catch {
      switch error {
      case .retry, .deadlock: throw .retry
      default: throw .unknown
      }
    }
  }

  func begin(isReadOnly: Bool) async throws(ClientFailure) { transaction = system.begin(isReadOnly: isReadOnly) }

  func commit() async throws(ClientFailure) {
    try await perform { transaction async throws(TransactionError) in _ = try await transaction.commit() }
    transaction = nil
  }

  func rollback() async {
    await transaction?.rollback()
    transaction = nil
  }

  func list(_ list: Int) async throws(ClientFailure) -> [Int] {
    try await perform { transaction async throws(TransactionError) in
      var block = KeyValueBlock()
      return try await transaction.get(Self.list(list), into: &block) ? Self.numbers(block.value(0)) : []
    }
  }

  func setList(_ list: Int, to numbers: [Int]) async throws(ClientFailure) {
    try await perform { transaction async throws(TransactionError) in
      transaction.put(Self.list(list), Self.bytes(numbers))
      try await transaction.flushIfNeeded()
    }
  }

  func lists() async throws(ClientFailure) -> [Int: [Int]] {
    try await perform { transaction async throws(TransactionError) in
      var found: [Int: [Int]] = [:]
      var rest: KeySpan? = Self.lists
      while let span = rest {
        var block = KeyValueBlock()
        rest = try await transaction.scan(span, into: &block)
        for row in 0..<block.count {
          let key = block.key(row).bytes
          found[key.dropFirst().reduce(0) { $0 << 8 | Int($1) }] = Self.numbers(block.value(row))
        }
      }
      return found
    }
  }

  func balance(of account: Int, locking: Bool) async throws(ClientFailure) -> Int64? {
    try await perform { transaction async throws(TransactionError) in
      var block = KeyValueBlock()
      let lock = locking ? LockRequest(.exclusive) : nil
      guard try await transaction.get(Self.account(account), lock: lock, into: &block) else { return nil }
      return TransactionSystem.number(block.value(0))
    }
  }

  func setBalance(of account: Int, to balance: Int64) async throws(ClientFailure) {
    try await perform { transaction async throws(TransactionError) in
      transaction.put(Self.account(account), TransactionSystem.bytes(balance))
      try await transaction.flushIfNeeded()
    }
  }

  func balances() async throws(ClientFailure) -> [Int64] {
    try await perform { transaction async throws(TransactionError) in
      var block = KeyValueBlock()
      var rest: KeySpan? = Self.accounts
      while let span = rest { rest = try await transaction.scan(span, into: &block) }
      return (0..<block.count).map { TransactionSystem.number(block.value($0)) }
    }
  }

  func setUp(accountCount: Int, openingBalance: Int64) async throws(ClientFailure) {
    try await begin(isReadOnly: false)
    if try await balance(of: 0, locking: false) == nil {
      for account in 0..<accountCount { try await setBalance(of: account, to: openingBalance) }
    }
    try await commit()
  }

  func close() async {}
}
