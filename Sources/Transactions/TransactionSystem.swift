// A reactor's gateway to the store: begins transactions, finds the ranges of their requests, and serves the few needs
// that stand outside transactions. A range whose replica lives on the same reactor is called directly; any other with
// one hop each way.

import Clocks
import Encoding
import Ranges
import Reactors
import Storage

public final class TransactionSystem {
  public let store: Store
  public let reactor: Reactor
  let shard: StoreShard
  let router: RangeRouter
  /// Numbers that are never used twice.
  public private(set) lazy var numbers = NumberReserve(self)
  /// Bytes of buffered writes after which they are sent on.
  public var bufferLimit = 4 << 20

  /// The gateway of `reactor`; made on it.
  public init(_ store: Store, on reactor: isolated Reactor) {
    self.store = store
    self.reactor = reactor
    shard = store.shard(on: reactor)
    router = RangeRouter(store.ranges)
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
    begin(isolation: isolation, isReadOnly: isReadOnly, at: store.clock.now(), label: label)
  }

  /// Begins a read-only transaction in the past: it sees what was committed at or below `timestamp`.
  public func beginRead(asOf timestamp: Timestamp, label: String = "") -> Transaction {
    begin(isolation: .repeatableRead, isReadOnly: true, at: timestamp, label: label)
  }

  private func begin(
    isolation: IsolationLevel, isReadOnly: Bool, at timestamp: Timestamp, label: String
  ) -> Transaction {
    let header = TransactionHeader(
      id: makeID(at: timestamp), start: timestamp, readTimestamp: timestamp, isolation: isolation, label: label)
    return Transaction(self, header, isDeclaredReadOnly: isReadOnly)
  }

  func makeID(at timestamp: Timestamp) -> TransactionID { shard.makeTransactionID(at: timestamp) }

  /// A number in `0..<bound`, for backoff.
  func random(below bound: Int64) -> Int64 { shard.random(below: bound) }

  // MARK: - Reaching ranges

  /// The replica of a range if it lives on this reactor.
  @inline(__always)
  func replica(_ range: RangeDescriptor) -> Replica? { shard.replica(range.id) }

  /// Sends a request to a range, wherever its replica lives.
  func send(
    _ request: RangeRequest, _ header: TransactionHeader, to range: RangeDescriptor
  ) async -> RangeResponse {
    if let replica = replica(range) { return await replica.execute(request, header) }
    let store = store
    return await store.reactor(of: range.id).perform { reactor in
      guard let replica = store.shard(on: reactor).replica(range.id) else {
        return .failed(.unavailable("range \(range.id) has no replica here"))
      }
      return await replica.execute(request, header)
    }
  }

  /// Sends a request whose answer nobody waits for.
  func post(_ request: RangeRequest, _ header: TransactionHeader, to range: RangeDescriptor) {
    let store = store
    store.reactor(of: range.id).enqueue { reactor in
      reactor.run { reactor in
        guard let replica = store.shard(on: reactor).replica(range.id) else { return }
        _ = await replica.execute(request, header)
      }
    }
  }

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
    for range in router.all where range.span.overlaps(span) {
      if case .failed(let failure) = await send(.clear(span), ownHeader(), to: range) {
        throw TransactionError(failure)
      }
    }
  }

  /// Deletes versions that no read at or above `threshold` sees.
  public func collectGarbage(below threshold: Timestamp) async throws(TransactionError) {
    for range in router.all {
      let response = await send(.collectGarbage(below: threshold), ownHeader(), to: range)
      if case .failed(let failure) = response { throw TransactionError(failure) }
    }
  }

  /// About how many bytes and rows a span holds.
  public func statistics(_ span: KeySpan) async -> RangeStatistics {
    var sum = RangeStatistics()
    for range in router.all where range.span.overlaps(span) {
      if case .statistics(let part) = await send(.statistics(span), ownHeader(), to: range) {
        sum.byteCount += part.byteCount
        sum.rowCount += part.rowCount
      }
    }
    return sum
  }

  private func ownHeader() -> TransactionHeader {
    let now = store.clock.now()
    return TransactionHeader(
      id: makeID(at: now), start: now, readTimestamp: now, isolation: .serializable, label: "upkeep")
  }
}
