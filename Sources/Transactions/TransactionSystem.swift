// A reactor's gateway to the store: begins transactions, finds the ranges of their requests, and serves the few needs
// that stand outside transactions. A range whose replica lives on the same reactor is called directly; any other with
// one hop each way.

import Clocks
import Encoding
import Ranges
import Reactors
import Storage
import Transport

public final class TransactionSystem {
  public let store: Store
  public let reactor: Reactor
  package let shard: StoreShard
  var router: RangeRouter
  /// Numbers that are never used twice.
  public private(set) lazy var numbers = NumberReserve(self)
  /// Memory for short reads, between two of them.
  var scratch = KeyValueBlock()
  /// Bytes of buffered writes after which they are sent on.
  public var bufferLimit = 4 << 20
  /// Bytes of a transaction's memory of what it has read after which neighbours are joined.
  public var readLimit = 4 << 20
  /// When it was made, by the monotonic clock.
  let beginning: Int64

  /// The gateway of `reactor`; made on it.
  public init(_ store: Store, on reactor: isolated Reactor) {
    self.store = store
    self.reactor = reactor
    shard = store.shard(on: reactor)
    beginning = reactor.environment.monotonicNow().nanoseconds
    let own = shard.sortedReplicas.filter(\.isInitialized).map(\.descriptor)
    router = RangeRouter(own)
  }

  /// The clock's timestamp now; above everything committed before the call.
  public func currentTimestamp() -> Timestamp { store.clock.now() }

  /// Begins a transaction.
  /// - Parameters:
  ///   - isReadOnly: promises that nothing will be written or locked; reads then cost no memory.
  ///   - label: what the transaction calls itself in messages to others.
  public func begin(
    isolation: IsolationLevel = .serializable, isReadOnly: Bool = false, label: String = ""
  ) -> Transaction {
    let now = shard.faults.readsAtEarliest ? Timestamp(wall: store.clock.interval().earliest) : store.clock.now()
    return begin(isolation: isolation, isReadOnly: isReadOnly, at: now, label: label)
  }

  func begin(
    isolation: IsolationLevel, isReadOnly: Bool, at timestamp: Timestamp, isHistorical: Bool = false, label: String
  ) -> Transaction {
    let header = TransactionHeader(
      id: makeID(at: timestamp), start: timestamp, readTimestamp: timestamp, isolation: isolation, label: label)
    return Transaction(self, header, isDeclaredReadOnly: isReadOnly, isHistorical: isHistorical)
  }

  func makeID(at timestamp: Timestamp) -> TransactionID { shard.makeTransactionID(at: timestamp) }

  /// A number in `0..<bound`, for backoff.
  func random(below bound: Int64) -> Int64 { shard.random(below: bound) }

  // MARK: - Outside transactions

  /// Adds to the number at `key` (absent: 0), in a transaction of its own, and returns the sum.
  /// The value is eight bytes, little endian.
  public func increment(_ key: Key, by amount: Int64) async throws(TransactionError) -> Int64 {
    var attempt = 0
    while true {
      let transaction = begin(label: "a counter")
      do throws(TransactionError) {
        var block = KeyValueBlock()
        var number: Int64 = 0
        if try await transaction.get(key, lock: LockRequest(.exclusive), into: &block) {
          number = Self.number(block.value(0))
        }
        let (sum, overflow) = number.addingReportingOverflow(amount)
        if overflow { throw .limit("a counter passed the bounds of a 64-bit number") }
        transaction.put(key, Self.bytes(sum))
        _ = try await transaction.commit()
        return sum
      } catch {
        await transaction.rollback()
        guard case .retry = error, attempt < 20 else { throw error }
        attempt += 1
        await backOff(attempt)
      }
    }
  }

  /// The bytes of a counter's value.
  public static func bytes(_ number: Int64) -> [UInt8] {
    var bytes: [UInt8] = []
    ValueEncoding.appendFixed(number, to: &bytes)
    return bytes
  }

  /// The number that a counter's value holds.
  public static func number(_ bytes: [UInt8]) -> Int64 {
    bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw)
      return reader.readFixed(Int64.self) ?? 0
    }
  }

  /// Sleeps before attempt `attempt + 1`: exponentially longer, with jitter, at most about 100 ms.
  public func backOff(_ attempt: Int) async {
    let longest = Int64(200_000) << Int64(min(9, max(0, attempt - 1)))
    await reactor.sleep(nanoseconds: longest / 2 + random(below: longest / 2))
  }

  /// Removes everything in `span`, past versions included: for what is dropped and no longer read.
  public func clear(_ span: KeySpan) async throws(TransactionError) {
    try await send(over: span, ownHeader()) { .clear($0) }
  }

  /// Deletes versions that no read at or above `threshold` sees.
  public func collectGarbage(below threshold: Timestamp) async throws(TransactionError) {
    var key = Key.min
    while key < Key.max {
      let range = try await range(of: key)
      let response = await send(.collectGarbage(below: threshold), ownHeader(), to: range)
      if case .failed(.outOfRange) = response { continue }
      if case .failed(let failure) = response { throw TransactionError(failure) }
      key = range.span.end
    }
  }

  /// About how many bytes and rows a span holds.
  public func statistics(_ span: KeySpan) async -> RangeStatistics {
    var sum = RangeStatistics()
    var key = span.start
    while key < span.end, let range = try? await range(of: key) {
      if case .statistics(let part) = await send(.statistics(span), ownHeader(), to: range) {
        sum.byteCount += part.byteCount
        sum.rowCount += part.rowCount
      }
      key = range.span.end
    }
    return sum
  }

  func ownHeader() -> TransactionHeader {
    let now = store.clock.now()
    return TransactionHeader(
      id: makeID(at: now), start: now, readTimestamp: now, isolation: .serializable, label: "upkeep")
  }
}
