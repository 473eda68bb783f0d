// What the tests of transactions share: a store on a few reactors, tasks that run beside each other on one of them, and
// short forms for keys and values.

import Clocks
import Encoding
import Reactors
import Storage
import Synchronization
import Testing

@testable import Ranges
@testable import Transactions

/// A store that a test opens, crashes and opens again.
struct TestStore {
  let environment: ProductionEnvironment
  let store: Store
  let fatal: FatalWord

  static func open(
    _ local: LocalStore = .inMemory(), reactors: Int = 1, clock: NodeClock? = nil, faults: PlantedFaults = .init()
  ) async throws -> TestStore {
    let environment = ProductionEnvironment(reactorCount: reactors)
    let fatal = FatalWord()
    let store = try await Store.open(
      environment: environment, local: local, clock: clock ?? NodeClock(environment: environment),
      onFatal: { fatal.say($0) })
    for reactor in environment.reactors {
      await reactor.perform { reactor in store.shard(on: reactor).faults = faults }
    }
    return TestStore(environment: environment, store: store, fatal: fatal)
  }

  func close() async throws {
    await store.stop()
    try await environment.shutdown()
  }

  /// Runs `body` on a reactor, with its gateway.
  func on<R: Sendable>(
    _ index: Int = 0, _ body: @Sendable (isolated Reactor, TransactionSystem) async throws -> R
  ) async throws -> R {
    let store = store
    return try await environment.reactors[index].perform { reactor in
      try await body(reactor, TransactionSystem(store, on: reactor))
    }
  }

  /// Runs `count` tasks beside each other on a reactor, each with a gateway of its own, and waits for all.
  func together(
    _ count: Int, on index: Int = 0,
    _ body: @escaping @Sendable (Int, isolated Reactor, TransactionSystem) async -> Void
  ) async {
    let store = store
    let reactor = environment.reactors[index]
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      let left = Countdown(count) { done.resume() }
      for task in 0..<count {
        reactor.enqueue { reactor in
          reactor.run { reactor in
            await body(task, reactor, TransactionSystem(store, on: reactor))
            left.one()
          }
        }
      }
    }
  }
}

final class FatalWord: Sendable {
  private let word = Mutex<String?>(nil)
  func say(_ text: String) { word.withLock { $0 = text } }
  var said: String? { word.withLock { $0 } }
}

final class Countdown: Sendable {
  private let left: Mutex<Int>
  private let end: @Sendable () -> Void
  init(_ count: Int, _ end: @escaping @Sendable () -> Void) {
    left = Mutex(count)
    self.end = end
  }
  func one() {
    let isLast = left.withLock { left in
      left -= 1
      return left == 0
    }
    if isLast { end() }
  }
}

func key(_ text: String) -> Key { Key(Array(text.utf8)) }
func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension Transaction {
  /// The text at a key, or nil.
  func read(_ name: String, lock: LockRequest? = nil) async throws(TransactionError) -> String? {
    var block = KeyValueBlock()
    guard try await get(key(name), lock: lock, into: &block) else { return nil }
    return String(decoding: block.value(0), as: UTF8.self)
  }

  func number(_ name: String, lock: LockRequest? = nil) async throws(TransactionError) -> Int {
    guard let text = try await read(name, lock: lock) else { return 0 }
    return Int(text) ?? 0
  }

  func write(_ name: String, _ value: String) { put(key(name), bytes(value)) }
  func write(_ name: String, _ value: Int) { put(key(name), bytes("\(value)")) }

  /// All rows between two keys, as `key=value`.
  func rows(
    _ start: String, _ end: String, isReverse: Bool = false, limit: Int = 0, lock: LockRequest? = nil
  ) async throws(TransactionError) -> [String] {
    var rest: KeySpan? = KeySpan(start: key(start), end: key(end))
    var block = KeyValueBlock()
    while let span = rest {
      rest = try await scan(
        span, ScanOptions(isReverse: isReverse, rowLimit: limit == 0 ? 0 : limit - block.count, lock: lock),
        into: &block)
      if limit > 0 && block.count >= limit { break }
    }
    return (0..<block.count).map {
      String(decoding: block.key($0).bytes, as: UTF8.self) + "="
        + String(decoding: block.value($0), as: UTF8.self)
    }
  }
}

extension TransactionSystem {
  /// Runs `body` in a transaction, again after each retry; returns its result and the number of attempts.
  func atomically<R>(
    isolation: IsolationLevel = .serializable, _ body: (Transaction) async throws(TransactionError) -> R
  ) async throws(TransactionError) -> (R, attempts: Int) {
    var attempt = 1
    let transaction = begin(isolation: isolation)
    while true {
      do throws(TransactionError) {
        transaction.beginStatement()
        let result = try await body(transaction)
        _ = try await transaction.commit()
        return (result, attempt)
      } catch {
        switch error {
        case .retry where attempt < 1000: await transaction.restart()
        case .deadlock where attempt < 1000:
          await transaction.rollback()
          let (result, more) = try await atomically(isolation: isolation, body)
          return (result, attempt + more)
        default:
          await transaction.rollback()
          throw error
        }
      }
      attempt += 1
      await backOff(min(attempt, 4))
    }
  }
}

func isRetry(_ error: TransactionError) -> Bool {
  if case .retry = error { return true }
  return false
}
