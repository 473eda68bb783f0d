// Locks where a range's lease moves: they come along when it is handed on, to its transaction's as to all others' eyes, and are known to be lost
// when it is not.

import Encoding
import Storage
import Synchronization
import Testing
import Transport

@testable import Ranges
@testable import Simulation
@testable import Transactions

@Suite struct LeaseLockTests {
  private static func key(_ text: String) -> Key { Key(Array(text.utf8)) }

  /// Messages of this kind tell the next leaseholder of locks.
  private static let bequest: UInt16 = 6

  private func cluster(delay: Int64 = 100_000) -> TestCluster { TestCluster(3, delay: delay) }

  /// Has a node take over a range's lease.
  private func move(_ range: UInt64 = 1, to number: Int, _ cluster: TestCluster) {
    for _ in 0..<5 {
      guard let holder = cluster.serving(range).first, holder != number else { break }
      _ = cluster.act(holder, range) { _, replica in
        try? await replica.transferLease(to: NodeID(rawValue: UInt32(number)))
      }
      cluster.run(seconds: 0.3)
    }
    #expect(cluster.serving(range) == [number])
  }

  /// One transaction that locks keys, holds them for a while, and adds a mark to each.
  private func mark(
    _ keys: [String], _ mark: String, through number: Int, _ cluster: TestCluster,
    isolation: IsolationLevel = .serializable,
    seconds: Double = 0, strength: LockStrength = .exclusive, wait: LockWaitPolicy = .wait, lays: Bool = false
  ) -> TestCluster.Pending<Void> {
    cluster.begin(number) { system async throws(TransactionError) in
      let transaction = system.begin(isolation: isolation, label: mark)
      do throws(TransactionError) {
        var values: [String] = []
        for key in keys {
          var block = KeyValueBlock()
          let exists = try await transaction.get(Self.key(key), lock: LockRequest(strength, wait: wait), into: &block)
          values.append(exists ? String(decoding: block.value(0), as: UTF8.self) : "")
        }
        for (key, value) in zip(keys, values) where lays { transaction.put(Self.key(key), Array((value + "?").utf8)) }
        if lays { try await transaction.flush() }
        if seconds > 0 { await system.reactor.sleep(nanoseconds: Int64(seconds * 1e9)) }
        for (key, value) in zip(keys, values) where !mark.isEmpty {
          transaction.put(Self.key(key), Array((value + mark).utf8))
        }
        _ = try await transaction.commit()
      } catch {
        await transaction.rollback()
        throw error
      }
    }
  }

  private func isRefused(_ answer: TestCluster.Answer<Void>?) -> Bool {
    if case .failure(.lockNotAvailable)? = answer?.result { return true }
    return false
  }

  /// Why a transaction has to begin anew.
  private func reason(_ answer: TestCluster.Answer<Void>?) -> String? {
    if case .failure(.retry(let reason, _))? = answer?.result { return reason }
    return nil
  }

  private static let lost = "its locks were lost when the range's lease moved"

  @Test(arguments: [(1, false), (2, true), (3, false), (1, true)])
  func `A lock is held where the lease has gone`(_ coordinator: Int, _ readsCommitted: Bool) throws {
    let cluster = cluster()
    let isolation: IsolationLevel = readsCommitted ? .readCommitted : .serializable
    #expect(cluster.put("k", "0", through: 1)?.value != nil)
    #expect(cluster.put("s", "0", through: 1)?.value != nil)
    move(to: 1, cluster)
    let first = mark(["k"], "a", through: coordinator, cluster, isolation: isolation, seconds: 3)
    let shared = mark(["s"], "", through: coordinator, cluster, isolation: isolation, seconds: 3, strength: .shared)
    cluster.run(seconds: 0.5)
    let second = mark(["k"], "b", through: 4 - coordinator == 2 ? 1 : 4 - coordinator, cluster, isolation: isolation)
    cluster.run(seconds: 0.2)
    move(to: 2, cluster)
    #expect(cluster.look(2) { $0.locks.lockCount } == 2)
    for number in 1...3 {
      #expect(isRefused(cluster.wait(for: mark(["k"], "c", through: number, cluster, wait: .fail))))
      #expect(isRefused(cluster.wait(for: mark(["s"], "c", through: number, cluster, wait: .fail))))
      #expect(
        cluster.wait(for: mark(["s"], "", through: number, cluster, strength: .shared, wait: .fail))?.value != nil)
    }
    #expect(cluster.wait(for: second, withinSeconds: 0.01) == nil)
    #expect(try #require(cluster.wait(for: first)).result.get() == ())
    #expect(try #require(cluster.wait(for: shared)).result.get() == ())
    #expect(try #require(cluster.wait(for: second, withinSeconds: 1)).result.get() == ())
    #expect(cluster.get("k", through: 3)?.value == "0ab")
    #expect(cluster.wait(for: mark(["s"], "d", through: 3, cluster, wait: .fail))?.value != nil)
    cluster.run(seconds: 1)
    #expect(cluster.look(2) { $0.locks.isEmpty } == true)
    cluster.end()
  }

  @Test func `A transaction over two ranges survives several moves of both`() throws {
    let cluster = cluster()
    for key in ["a", "m"] { #expect(cluster.put(key, "0", through: 1)?.value != nil) }
    let right = cluster.ask(1) { system async throws(TransactionError) -> UInt64 in
      try await system.split(at: Self.key("m"))
      return try await system.range(of: Self.key("m")).id.rawValue
    }
    let other = try #require(right?.value)
    move(to: 1, cluster)
    move(other, to: 3, cluster)
    let first = mark(["a", "m"], "x", through: 3, cluster, seconds: 4)
    cluster.run(seconds: 0.5)
    for (one, two) in [(2, 1), (3, 2), (1, 3)] {
      move(to: one, cluster)
      move(other, to: two, cluster)
    }
    for key in ["a", "m"] { #expect(isRefused(cluster.wait(for: mark([key], "y", through: 2, cluster, wait: .fail)))) }
    #expect(try #require(cluster.wait(for: first)).result.get() == ())
    #expect(cluster.wait(for: mark(["a", "m"], "z", through: 2, cluster))?.value != nil)
    for key in ["a", "m"] { #expect(cluster.get(key, through: 1)?.value == "0xz") }
    cluster.end()
  }

  @Test func `Locks are known to be lost where nobody was told of them`() throws {
    let cluster = cluster()
    #expect(cluster.put("k", "0", through: 1)?.value != nil)
    move(to: 1, cluster)
    for isolation in [IsolationLevel.serializable, .readCommitted] {
      let first = mark(["k"], "a", through: 3, cluster, isolation: isolation, seconds: 2)
      cluster.run(seconds: 0.5)
      cluster.lose { packet in
        guard case .frame(_, Self.bequest) = packet.content else { return false }
        return true
      }
      move(to: 2, cluster)
      cluster.heal()
      #expect(cluster.wait(for: mark(["k"], "b", through: 3, cluster, wait: .fail))?.value != nil)
      #expect(reason(cluster.wait(for: first)) == Self.lost)
      move(to: 1, cluster)
    }
    #expect(cluster.get("k", through: 1)?.value == "0bb")
    cluster.end()
  }

  @Test func `A lease that was not handed on takes its locks along`() throws {
    let cluster = cluster()
    #expect(cluster.put("k", "0", through: 1)?.value != nil)
    move(to: 1, cluster)
    let first = mark(["k"], "a", through: 3, cluster, seconds: 20)
    cluster.run(seconds: 0.5)
    cluster.isolate(1)
    cluster.run(seconds: 10)
    #expect(cluster.serving().first != 1)
    #expect(cluster.wait(for: mark(["k"], "b", through: 2, cluster, wait: .fail))?.value != nil)
    #expect(reason(cluster.wait(for: first)) == Self.lost)
    cluster.heal()
    cluster.end()
  }

  @Test func `A commit beside a leaseholder that is cut off ends`() throws {
    let cluster = cluster()
    #expect(cluster.put("k", "0", through: 1)?.value != nil)
    move(to: 1, cluster)
    let first = mark(["k"], "a", through: 1, cluster, seconds: 6)
    cluster.run(seconds: 0.5)
    cluster.isolate(1)
    // Its lease is over, and it has not heard of another.
    let answer = try #require(cluster.wait(for: first, withinSeconds: 40))
    #expect(answer.value == nil, "\(answer)")
    cluster.heal()
    #expect(cluster.wait(for: mark(["k"], "b", through: 2, cluster))?.value != nil)
    #expect(cluster.get("k", through: 3)?.value == "0b")
    cluster.end()
  }

  @Test func `Whoever has begun to write begins anew`() throws {
    let cluster = cluster()
    for key in ["k", "l"] { #expect(cluster.put(key, "0", through: 1)?.value != nil) }
    move(to: 1, cluster)
    let first = mark(["k", "l"], "a", through: 3, cluster, seconds: 2, lays: true)
    cluster.run(seconds: 0.5)
    move(to: 2, cluster)
    #expect(cluster.look(2) { $0.locks.isEmpty } == true)
    #expect(reason(cluster.wait(for: first)) == Self.lost)
    #expect(cluster.wait(for: mark(["k", "l"], "b", through: 2, cluster), withinSeconds: 10)?.value != nil)
    for key in ["k", "l"] { #expect(cluster.get(key, through: 1)?.value == "0b") }
    cluster.end()
  }

  @Test func `What the dead hold goes where the lease has gone`() throws {
    let cluster = cluster()
    #expect(cluster.put("k", "0", through: 1)?.value != nil)
    move(to: 1, cluster)
    let first = mark(["k"], "a", through: 3, cluster, seconds: 60)
    cluster.run(seconds: 0.5)
    move(to: 2, cluster)
    cluster.kill(3)
    #expect(isRefused(cluster.wait(for: mark(["k"], "b", through: 2, cluster, wait: .fail))))
    let second = try #require(cluster.wait(for: mark(["k"], "b", through: 2, cluster)))
    // As soon as its node counts as dead: support lasts for three seconds.
    #expect(second.value != nil && second.seconds < 6, "\(second)")
    _ = first
    cluster.end()
  }

  /// Ends come before the lease moves, while it does, and after.
  @Test(arguments: [(1, true), (2, true), (3, true), (3, false)])
  func `No lock outlives its transaction`(_ coordinator: Int, _ commits: Bool) throws {
    let cluster = cluster(delay: 3_000_000)
    for key in ["k", "l"] { #expect(cluster.put(key, "0", through: 1)?.value != nil) }
    move(to: 1, cluster)
    var leader = 1
    for step in 0..<12 {
      let seconds = 0.5 + Double(step) * 0.004
      let first = cluster.begin(coordinator) { system async throws(TransactionError) in
        let transaction = system.begin()
        for key in ["k", "l"] {
          var block = KeyValueBlock()
          _ = try await transaction.get(Self.key(key), lock: LockRequest(.exclusive), into: &block)
        }
        let spent = system.store.clock.now().wall - transaction.readTimestamp.wall
        await system.reactor.sleep(nanoseconds: max(0, Int64(seconds * 1e9) - spent))
        if commits {
          transaction.put(Self.key("k"), Array("\(step)".utf8))
          do throws(TransactionError) {
            _ = try await transaction.commit()
          } catch {
            await transaction.rollback()
            throw error
          }
        } else {
          await transaction.rollback()
        }
      }
      cluster.run(seconds: 0.5)
      let next = leader == 1 ? 2 : 1
      _ = cluster.act(leader) { _, replica in try? await replica.transferLease(to: NodeID(rawValue: UInt32(next))) }
      leader = next
      #expect(cluster.wait(for: first) != nil)
      cluster.run(seconds: 1)
      #expect(cluster.serving() == [leader])
      #expect(cluster.look(leader) { $0.locks.isEmpty } == true, "\(step)")
      #expect(cluster.wait(for: mark(["k", "l"], "", through: 3, cluster, wait: .fail))?.value != nil)
    }
    cluster.end()
  }

  @Test(arguments: [false, true]) func `A commit of unknown outcome leaves no lock`(_ moves: Bool) throws {
    let cluster = cluster()
    for key in ["k", "l"] { #expect(cluster.put(key, "0", through: 1)?.value != nil) }
    move(to: 1, cluster)
    let first = mark(["k", "l"], "a", through: 3, cluster, seconds: 1)
    cluster.run(seconds: 0.5)
    if moves { move(to: 2, cluster) }
    let isOver = Atomic(false)
    cluster.decide { packet in
      guard packet.source == SimulatedNode.address(3), case .frame(.call, 16) = packet.content,
        packet.target == SimulatedNode.address(moves ? 2 : 1), !isOver.exchange(true, ordering: .relaxed)
      else { return nil }
      return .reset
    }
    let answer = try #require(cluster.wait(for: first))
    guard case .failure(.ambiguousCommit) = answer.result else {
      Issue.record("\(answer)")
      return
    }
    cluster.run(seconds: 1)
    #expect(cluster.wait(for: mark(["k", "l"], "b", through: 2, cluster, wait: .fail))?.value != nil)
    for key in ["k", "l"] { #expect(cluster.get(key, through: 3)?.value == "0b") }
    cluster.end()
  }
}
