// Random concurrent histories, checked for strict serializability: transactions append their names to lists and read
// lists; the final lists give the order of versions, and the dependencies between transactions, real time included, must
// have no cycle. Source: Adya, "Weak Consistency", 1999; Kingsbury and Alvaro, "Elle", 2020.
// With a planted fault (no timestamp cache, no refresh) the same check must find a cycle: else it would prove nothing.

import Encoding
import Reactors
import Synchronization
import Testing

@testable import Ranges
@testable import Transactions

struct ListTransaction: Sendable {
  var name: Int
  var begun: Int
  var ended = 0
  /// List name and the names read from it.
  var reads: [(Int, [Int])] = []
  var appends: [Int] = []
}

final class Outcomes: Sendable {
  private let words = Mutex<[String]>([])
  func add(_ word: String) { words.withLock { $0.append(word) } }
  var sorted: [String] { words.withLock { $0.sorted() } }
}

final class History: Sendable {
  private let state = Mutex<(clock: Int, done: [ListTransaction])>((0, []))
  func tick() -> Int {
    state.withLock { state in
      state.clock += 1
      return state.clock
    }
  }
  func add(_ transaction: ListTransaction) { state.withLock { $0.done.append(transaction) } }
  var done: [ListTransaction] { state.withLock { $0.done } }

  /// Nil if the history is strictly serializable; else what is wrong.
  static func check(_ done: [ListTransaction], final: [[Int]]) -> String? {
    let indexOf = Dictionary(uniqueKeysWithValues: done.enumerated().map { ($1.name, $0) })
    var edges = [[Int]](repeating: [], count: done.count)
    for list in final {
      for name in list where indexOf[name] == nil { return "list holds \(name), which did not commit" }
      for (a, b) in zip(list, list.dropFirst()) {
        if let from = indexOf[a], let to = indexOf[b] { edges[from].append(to) }
      }
    }
    for (index, transaction) in done.enumerated() {
      for list in transaction.appends where final[list].filter({ $0 == transaction.name }).count != 1 {
        return "\(transaction.name)'s append to list \(list) is lost or doubled"
      }
      for (list, seen) in transaction.reads {
        guard Array(final[list].prefix(seen.count)) == seen else {
          return "\(transaction.name) read \(seen) from list \(list), which became \(final[list])"
        }
        if let last = seen.last, let writer = indexOf[last], writer != index { edges[writer].append(index) }
        if seen.count < final[list].count, let next = indexOf[final[list][seen.count]], next != index {
          edges[index].append(next)
        }
      }
    }
    for (a, first) in done.enumerated() {
      for (b, second) in done.enumerated() where first.ended < second.begun { _ = b; edges[a].append(b) }
    }
    // Depth-first search for a cycle: 0 new, 1 open, 2 closed.
    var color = [UInt8](repeating: 0, count: done.count)
    for start in done.indices where color[start] == 0 {
      var path: [(node: Int, next: Int)] = [(start, 0)]
      color[start] = 1
      while let top = path.last {
        guard top.next < edges[top.node].count else {
          color[top.node] = 2
          path.removeLast()
          continue
        }
        path[path.count - 1].next += 1
        let next = edges[top.node][top.next]
        if color[next] == 1 {
          let names = path.drop { $0.node != next }.map { "\(done[$0.node].name)" }
          return "a cycle of dependencies: \(names.joined(separator: " -> "))"
        }
        if color[next] == 0 {
          color[next] = 1
          path.append((next, 0))
        }
      }
    }
    return nil
  }
}

@Suite struct HistoryTests {
  static let lists = 6

  static func names(_ text: String?) -> [Int] {
    (text ?? "").split(separator: ",").compactMap { Int($0) }
  }

  /// Runs `workers` beside each other and checks what happened.
  func run(
    seed: UInt64, workers: Int, perWorker: Int, reactors: Int = 1, intents: Bool, faults: PlantedFaults = .init()
  ) async throws -> String? {
    let test = try await TestStore.open(reactors: reactors, faults: faults)
    let history = History()
    for index in 0..<reactors where index + 1 < reactors {
      _ = index
    }
    await withTaskGroup(of: Void.self) { group in
      for index in 0..<reactors {
        group.addTask {
          await test.together(workers, on: index) { worker, reactor, system in
            if intents && worker % 2 == 0 { system.bufferLimit = 1 }
            var random = RandomSource(seed: seed, label: "worker \(index) \(worker)")
            for round in 0..<perWorker {
              let name = (index * workers + worker) * 10_000 + round + 1
              await Self.one(name, reactor, system, &random, history)
            }
          }
        }
      }
    }
    let final = try await test.on { _, system -> [[Int]] in
      let t = system.begin(isReadOnly: true)
      var final: [[Int]] = []
      for list in 0..<Self.lists { final.append(Self.names(try await t.read("l\(list)"))) }
      return final
    }
    #expect(test.fatal.said == nil)
    try await test.close()
    return History.check(history.done, final: final)
  }

  static func one(
    _ name: Int, _ reactor: isolated Reactor, _ system: TransactionSystem, _ random: inout RandomSource,
    _ history: History
  ) async {
    let plan = (0..<Int.random(in: 1...4, using: &random)).map { _ in
      (Int.random(in: 0..<lists, using: &random), UInt8.random(in: 0..<6, using: &random))
    }
    let pause = UInt8.random(in: 0..<4, using: &random)
    for attempt in 1...200 {
      var record = ListTransaction(name: name, begun: history.tick())
      let t = system.begin()
      do throws(TransactionError) {
        for (list, action) in plan {
          if pause == 0 { await reactor.sleep(nanoseconds: 200_000) }
          switch action {
          case 0, 1:
            let seen = names(try await t.read("l\(list)"))
            if !record.appends.contains(list) { record.reads.append((list, seen)) }
          case 2:
            for row in try await t.rows("l1", "l4") {
              let parts = row.split(separator: "=", omittingEmptySubsequences: false)
              guard let number = Int(parts[0].dropFirst()), !record.appends.contains(number) else { continue }
              record.reads.append((number, names(String(parts[1]))))
            }
          default:
            guard !record.appends.contains(list) else { continue }
            let lock = action == 3 ? nil : LockRequest(.exclusive)
            let seen = names(try await t.read("l\(list)", lock: lock))
            record.reads.append((list, seen))
            if action == 5 {
              let savepoint = t.savepoint()
              t.write("l\(list)", "99999999")
              try await t.flushIfNeeded()
              t.rollback(to: savepoint)
            }
            record.appends.append(list)
            t.write("l\(list)", (seen + [name]).map { "\($0)" }.joined(separator: ","))
            try await t.flushIfNeeded()
          }
        }
        _ = try await t.commit()
        record.ended = history.tick()
        history.add(record)
        return
      } catch {
        await t.rollback()
        switch error {
        case .retry, .deadlock: break
        default: Issue.record("\(name): \(error)")
        }
      }
      await system.backOff(min(attempt, 3))
    }
    Issue.record("\(name) found no way through")
  }

  @Test(arguments: [UInt64(1), 2, 3, 4]) func historiesAreStrictlySerializable(seed: UInt64) async throws {
    #expect(try await run(seed: seed, workers: 8, perWorker: 25, intents: false) == nil)
  }

  @Test(arguments: [UInt64(5), 6, 7, 8]) func historiesWithIntents(seed: UInt64) async throws {
    #expect(try await run(seed: seed, workers: 6, perWorker: 20, intents: true) == nil)
  }

  @Test(arguments: [UInt64(9), 10]) func historiesAcrossReactors(seed: UInt64) async throws {
    #expect(try await run(seed: seed, workers: 4, perWorker: 20, reactors: 2, intents: seed == 10) == nil)
  }

  @Test func theCheckFindsAMissingTimestampCache() async throws {
    var faults = PlantedFaults()
    faults.skipsTimestampCache = true
    var found: String?
    for seed in UInt64(20)..<60 where found == nil {
      found = try await run(seed: seed, workers: 8, perWorker: 30, intents: false, faults: faults)
    }
    #expect(found != nil)
  }

  @Test func theCheckFindsAMissingRefresh() async throws {
    var faults = PlantedFaults()
    faults.skipsRefresh = true
    var found: String?
    for seed in UInt64(20)..<60 where found == nil {
      found = try await run(seed: seed, workers: 8, perWorker: 30, intents: false, faults: faults)
    }
    #expect(found != nil)
  }

  @Test func transfersKeepTheSum() async throws {
    let test = try await TestStore.open(reactors: 2)
    let accounts = 10
    try await test.on { _, system in
      _ = try await system.atomically { (t) async throws(TransactionError) in
        for account in 0..<accounts { t.write("acct\(account)", 100) }
      }
    }
    for index in 0..<2 {
      await test.together(8, on: index) { worker, _, system in
        var random = RandomSource(seed: 3, label: "transfer \(index) \(worker)")
        for _ in 0..<20 {
          let from = Int.random(in: 0..<accounts, using: &random)
          let to = Int.random(in: 0..<accounts, using: &random)
          let amount = Int.random(in: 1..<10, using: &random)
          do {
            _ = try await system.atomically { (t) async throws(TransactionError) in
              let a = try await t.number("acct\(from)", lock: LockRequest(.exclusive))
              t.write("acct\(from)", a - amount)
              let b = try await t.number("acct\(to)", lock: LockRequest(.exclusive))
              t.write("acct\(to)", b + amount)
            }
            let (sum, _) = try await system.atomically { (t) async throws(TransactionError) -> Int in
              try await t.rows("acct", "acd").reduce(0) { $0 + (Int($1.split(separator: "=")[1]) ?? 0) }
            }
            #expect(sum == accounts * 100)
          } catch {
            Issue.record("\(error)")
          }
        }
      }
    }
    try await test.close()
  }
}
