// How a client of a simulated node speaks to it: as transactions over keys, or in SQL. The workload is written once, over
// this protocol. One transaction at a time.

import Checkers
import Encoding
import Ranges
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
  func begin(_ isolation: Isolation, _ priority: TransactionPriority, isReadOnly: Bool) async throws(ClientFailure)
  /// One step of the transaction, with what it reads.
  /// - Parameter isLocking: whether what is read is locked.
  func perform(_ step: Operation, isLocking: Bool) async throws(ClientFailure) -> Operation
  func commit() async throws(ClientFailure)
  func rollback() async

  /// A transaction of one step, without a begin and a commit of its own.
  func performAlone(_ step: Operation, _ isolation: Isolation) async throws(ClientFailure) -> Operation

  /// Makes room for what steps write, unless that was done before.
  func setUp() async throws(ClientFailure)
  func close() async
}

/// Speaks in keys, to the gateway's transactions.
///
///   key := kind id:u32be      the list, the register, the bag
///   key := bag value:u32be    a row of a bag
final class KeyClient: NodeClient {
  private let system: TransactionSystem
  private var transaction: Transaction?

  private enum Kind: UInt8 {
    case list = 0x6c
    case register = 0x61
    case bag = 0x62
  }

  init(_ system: TransactionSystem) { self.system = system }

  private static func key(_ kind: Kind, _ id: Int, _ more: Int? = nil) -> Key {
    var bytes = [kind.rawValue]
    for number in [id, more].compactMap({ $0 }) { ValueEncoding.appendFixed(UInt32(number).byteSwapped, to: &bytes) }
    return Key(bytes)
  }

  private static func span(_ kind: Kind, _ id: Int? = nil) -> KeySpan {
    guard let id else { return KeySpan(start: Key([kind.rawValue]), end: Key([kind.rawValue + 1])) }
    return KeySpan(start: key(kind, id), end: key(kind, id + 1))
  }

  /// The last number of a key.
  private static func number(_ key: Key) -> Int { key.bytes.suffix(4).reduce(0) { $0 << 8 | Int($1) } }

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
  private func request<Value>(
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

  func begin(_ isolation: Isolation, _ priority: TransactionPriority, isReadOnly: Bool) async throws(ClientFailure) {
    let level: IsolationLevel =
      switch isolation {
      case .serializable: .serializable
      case .repeatableRead: .repeatableRead
      case .readCommitted: .readCommitted
      }
    let transaction = system.begin(isolation: level, isReadOnly: isReadOnly)
    transaction.priority = priority
    self.transaction = transaction
  }

  func perform(_ step: Operation, isLocking: Bool) async throws(ClientFailure) -> Operation {
    try await request { transaction async throws(TransactionError) in
      transaction.beginStatement()
      // Under READ COMMITTED what is to be changed must be locked, as UPDATE does.
      let lock = isLocking || transaction.isolation == .readCommitted ? LockRequest(.exclusive) : nil
      switch step {
      case .append(let list, let value):
        let key = Self.key(.list, list)
        let before = try await Self.value(key, lock, transaction).map(Self.numbers) ?? []
        transaction.put(key, Self.bytes(before + [value]))
        try await transaction.flushIfNeeded()
      case .write(let id, let value):
        let key = Self.key(.register, id)
        if transaction.isolation == .readCommitted { _ = try await Self.value(key, lock, transaction) }
        transaction.put(key, TransactionSystem.bytes(Int64(value)))
        try await transaction.flushIfNeeded()
      case .insert(let bag, let value):
        transaction.put(Self.key(.bag, bag, value), [])
        try await transaction.flushIfNeeded()
      case .list(let list, _):
        let found = try await Self.value(Self.key(.list, list), isLocking ? lock : nil, transaction)
        return .list(list, found.map(Self.numbers) ?? [])
      case .read(let id, _):
        let found = try await Self.value(Self.key(.register, id), isLocking ? lock : nil, transaction)
        return .read(key: id, found.map { Int(TransactionSystem.number($0)) })
      case .readAll:
        var found: [RegisterValue] = []
        try await Self.scan(Self.span(.register), transaction) { key, value in
          found.append(RegisterValue(key: Self.number(key), value: Int(TransactionSystem.number(value))))
        }
        return .readAll(found)
      case .bag(let bag, _):
        var found: [Int] = []
        try await Self.scan(Self.span(.bag, bag), transaction) { key, _ in found.append(Self.number(key)) }
        return .bag(bag, found)
      }
      return step
    }
  }

  private static func value(
    _ key: Key, _ lock: LockRequest?, _ transaction: Transaction
  ) async throws(TransactionError) -> [UInt8]? {
    var block = KeyValueBlock()
    return try await transaction.get(key, lock: lock, into: &block) ? block.value(0) : nil
  }

  private static func scan(
    _ span: KeySpan, _ transaction: Transaction, _ body: (Key, [UInt8]) -> Void
  ) async throws(TransactionError) {
    var rest: KeySpan? = span
    while let span = rest {
      var block = KeyValueBlock()
      rest = try await transaction.scan(span, into: &block)
      for row in 0..<block.count { body(block.key(row), block.value(row)) }
    }
  }

  func commit() async throws(ClientFailure) {
    try await request { transaction async throws(TransactionError) in _ = try await transaction.commit() }
    transaction = nil
  }

  func rollback() async {
    await transaction?.rollback()
    transaction = nil
  }

  func performAlone(_ step: Operation, _ isolation: Isolation) async throws(ClientFailure) -> Operation {
    try await begin(isolation, .normal, isReadOnly: step.isRead)
    let done: Operation
    do throws(ClientFailure) { done = try await perform(step, isLocking: false) } catch { throw .retry }
    try await commit()
    return done
  }

  func setUp() async throws(ClientFailure) {}

  func close() async {}

  /// The registers in rows together.
  static func sum(_ rows: [(key: Key, value: [UInt8])]) -> Int {
    rows.filter { $0.key.bytes.first == Kind.register.rawValue }
      .reduce(0) { $0 + Int(TransactionSystem.number($1.value)) }
  }
}
