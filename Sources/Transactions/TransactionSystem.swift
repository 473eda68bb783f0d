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
  let shard: StoreShard
  private(set) var router: RangeRouter
  /// Numbers that are never used twice.
  public private(set) lazy var numbers = NumberReserve(self)
  /// Memory for short reads, between two of them.
  var scratch = KeyValueBlock()
  /// Bytes of buffered writes after which they are sent on.
  public var bufferLimit = 4 << 20

  /// The gateway of `reactor`; made on it.
  public init(_ store: Store, on reactor: isolated Reactor) {
    self.store = store
    self.reactor = reactor
    shard = store.shard(on: reactor)
    let own = shard.sortedReplicas.filter(\.isInitialized).map(\.descriptor)
    // A node without replicas knows that some range holds every key, and asks the others for it.
    router = RangeRouter(own.isEmpty ? [.unknown] : own)
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

  /// The replica of a range if it lives on this reactor and serves requests.
  @inline(__always)
  func replica(_ range: RangeDescriptor) -> Replica? {
    guard let replica = shard.replica(range.id), replica.holdsLease else { return nil }
    return replica
  }

  /// Sends a request to a range, wherever it is served.
  func send(
    _ request: RangeRequest, _ header: TransactionHeader, to range: RangeDescriptor
  ) async -> RangeResponse {
    await ask(request, header, range).response
  }

  /// Sends a request to whoever serves a range, and again to somebody else until it is served, for up to `patience`.
  func ask(_ request: RangeRequest, _ header: TransactionHeader, _ range: RangeDescriptor) async -> RangeReply {
    let deadline = reactor.environment.monotonicNow().nanoseconds + Self.patience
    var attempt = 0
    var tried: [NodeID] = []
    while true {
      let node = nextNode(for: range.id, besides: tried)
      let reply: RangeReply
      if node == store.identity.node {
        reply = await askHere(request, header, range.id)
      } else {
        do throws(TransportError) {
          reply = try await store.reactorCall(request, header, range: range.id, on: node, from: reactor)
        } catch {
          router.setLeaseholder(nil, of: range.id)
          if error.mayHaveBeenExecuted, let failure = request.failureIfExecuted(error.description) {
            return RangeReply(response: .failed(failure), lease: 0)
          }
          reply = RangeReply(response: .failed(.notLeaseholder(nil, leader: nil)), lease: 0)
        }
      }
      guard case .failed(.notLeaseholder(let descriptor, let leader)) = reply.response else {
        router.setLeaseholder(node, of: range.id)
        return reply
      }
      if let descriptor { router.learn(descriptor) }
      tried.append(node)
      if let leader, leader != node, !tried.contains(leader) {
        router.setLeaseholder(leader, of: range.id)
        continue
      }
      router.setLeaseholder(nil, of: range.id)
      if candidates(for: range.id).allSatisfy(tried.contains) {
        // Nobody serves it now: an election, perhaps.
        tried = []
        attempt += 1
        if reactor.environment.monotonicNow().nanoseconds > deadline {
          let nodes = candidates(for: range.id).map(\.description).joined(separator: ", ")
          return RangeReply(
            response: .failed(.unavailable("range \(range.id) is served by none of its replicas (\(nodes))")), lease: 0)
        }
        await backOff(attempt + 4)
      }
    }
  }

  /// How long a request waits for its range to be served by anybody.
  private static let patience: Int64 = 15_000_000_000

  /// Who may serve a range: its replicas as far as they are known, and otherwise everybody.
  private func candidates(for range: RangeID) -> [NodeID] {
    if let known = router.descriptor(of: range), !known.replicas.isEmpty { return known.replicas.map(\.node) }
    return [store.identity.node] + (store.network?.peers().map(\.id) ?? [])
  }

  private func nextNode(for range: RangeID, besides tried: [NodeID]) -> NodeID {
    let own = store.identity.node
    if let node = router.leaseholder(of: range), !tried.contains(node) { return node }
    let candidates = candidates(for: range)
    if candidates.contains(own), !tried.contains(own) { return own }
    return candidates.first { !tried.contains($0) } ?? candidates.first ?? own
  }

  private func askHere(_ request: RangeRequest, _ header: TransactionHeader, _ range: RangeID) async -> RangeReply {
    let store = store
    return await store.reactor(of: range).perform { reactor in
      guard let replica = store.shard(on: reactor).replica(range) else {
        return RangeReply(response: .failed(.notLeaseholder(nil, leader: nil)), lease: 0)
      }
      return RangeReply(response: await replica.execute(request, header), lease: replica.leaseSequence)
    }
  }

  /// Sends a request whose answer nobody waits for.
  func post(_ request: RangeRequest, _ header: TransactionHeader, to range: RangeDescriptor) {
    let me = Confined(self, to: reactor)
    reactor.enqueue { reactor in
      reactor.run { reactor in _ = await me.access(on: reactor).send(request, header, to: range) }
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
