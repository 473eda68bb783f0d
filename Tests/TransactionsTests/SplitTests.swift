// Ranges that are cut in two, and transactions over several of them.

import Clocks
import Encoding
import Reactors
import Storage
import Testing

@testable import Ranges
@testable import Transactions

@Suite struct SplitTests {
  private func keys(_ letters: String) -> [String] { letters.map { String($0) } }

  @Test func rowsStayWhereTheyAreFound() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      let t = system.begin()
      for key in keys("abcdefgh") { t.write(key, 1) }
      _ = try await t.commit()
      try await system.split(at: Key("d"))
      try await system.split(at: Key("d"))
      try await system.split(at: Key("f"))
      #expect(try await system.begin().rows("a", "z") == keys("abcdefgh").map { "\($0)=1" })
      let backwards = system.begin()
      var block = KeyValueBlock()
      var rest: KeySpan? = KeySpan(start: Key("a"), end: Key("z"))
      while let span = rest {
        rest = try await backwards.scan(span, ScanOptions(isReverse: true, rowLimit: 3), into: &block)
      }
      #expect((0..<block.count).map { block.key($0) } == keys("hgfedcba").map { Key(Array($0.utf8)) })
      #expect(system.router.find(Key("e"))?.span == KeySpan(start: Key("d"), end: Key("f")))
    }
    try await test.close()
  }

  @Test func theHalfOfALateSplitTouchesNothingThatCameToItsPlace() async throws {
    let test = try await TestStore.open()
    try await test.on { reactor, system in
      let t = system.begin()
      for key in keys("abcdef") { t.write(key, 1) }
      _ = try await t.commit()
      try await system.split(at: Key("d"))
      // A replica of this half has been here and gone before the split was applied, which therefore left nothing of it.
      let shard = system.shard
      let late = RangeID(UInt64(1000 * reactor.environment.reactors.count + reactor.index))
      var batch = WriteBatch()
      LocalKeys.bury(late, below: ReplicaID(5), into: &batch)
      try shard.engine.write(batch)
      var half = try await system.range(of: Key("d"))
      half.id = late
      half.replicas = [ReplicaDescriptor(node: system.store.identity.node, replica: ReplicaID(4))]
      shard.takeSplit(half, leads: false)
      #expect(try await system.begin().rows("a", "z") == keys("abcdef").map { "\($0)=1" })
    }
    try await test.close()
  }

  @Test func manyCutsHalveWhatIsLeft() async throws {
    func order(_ letters: String) -> String {
      var plan = SplitPlan(letters.map { Key(Array($0.utf8)) })
      var order = ""
      while let key = plan.take() { order += String(decoding: key.bytes, as: UTF8.self) }
      return order
    }
    #expect(order("gacebdf") == "dbfaceg")
    #expect(order("aabbccc") == "bac" && order("") == "")
    let test = try await TestStore.open()
    try await test.on { _, system in
      var told: [Int] = []
      let cuts = (1...40).map { Key([UInt8(ascii: "k"), UInt8($0)]) }
      try await system.split(at: cuts + cuts) { count in
        told.append(count)
        return true
      }
      #expect(told.last == 40 && told == told.sorted())
      var ranges: [RangeDescriptor] = []
      for key in cuts { ranges.append(try await system.range(of: key)) }
      #expect(ranges.map(\.span.start) == cuts && Set(ranges.map(\.id)).count == 40)
      do throws(TransactionError) {
        try await system.split(at: [Key("x"), Key.max]) { _ in true }
        Issue.record("cut at the end")
      } catch {}
    }
    try await test.close()
  }

  @Test func aRangeRestsUntilSomebodyAsks() async throws {
    let test = try await TestStore.open()
    try await test.on { reactor, system in
      let replica = try #require(system.shard.replica(RangeID(1)))
      let t = system.begin()
      t.write("a", 1)
      try await t.flushIfNeeded()
      system.shard.tick()
      #expect(system.shard.busyReplicas.count == 1)
      _ = try await t.commit()
      try await settled(system, reactor)
      // Keepers look at its size, and twice at its load.
      _ = replica.splitKey(above: 1 << 30)
      for _ in 0..<2 { _ = replica.loadSplitKey(above: 0, sinceLastLook: 1) }
      system.shard.tick()
      #expect(system.shard.busyReplicas.isEmpty && system.shard.holdings.leaseCount == 1)
      #expect(try await system.begin().rows("a", "z") == ["a=1"])
      #expect(system.shard.busyReplicas.count == 1)
    }
    try await test.close()
  }

  /// As a gateway that knows nothing.
  @Test func rangesAreFoundThroughMeta() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      for key in ["d", "f", "m"] { try await system.split(at: Key(Array(key.utf8))) }
      // The last half may not be served yet.
      _ = try await system.begin().rows("a", "z")
      try await system.publish(system.shard.takeUnpublished())
      func meta() async throws -> [RangeDescriptor] {
        var block = KeyValueBlock()
        _ = try await system.begin().scan(MetaKeys.descriptors, into: &block)
        return try (0..<block.count).map { try #require(RangeDescriptor(encoded: block.value($0))) }
      }
      let described = try await meta()
      #expect(described.map(\.span.start) == [Key.min, Key("d"), Key("f"), Key("m")])
      #expect(described.map(\.span.end) == [Key("d"), Key("f"), Key("m"), Key.max])
      // Publishing what is older does no harm.
      var old = described[1]
      old.span.end = Key.max
      old.generation -= 1
      try await system.publish([old])
      #expect(try await meta() == described)
    }
    try await test.close()
  }

  @Test func aTransactionCommitsOverRanges() async throws {
    let test = try await TestStore.open()
    try await test.on { reactor, system in
      try await system.split(at: Key("d"))
      try await system.split(at: Key("m"))
      let t = system.begin()
      for key in ["a", "e", "p"] { t.write(key, 7) }
      #expect(try await t.rows("a", "z") == ["a=7", "e=7", "p=7"])
      _ = try await t.commit()
      #expect(try await system.begin().rows("a", "z") == ["a=7", "e=7", "p=7"])
      try await settled(system, reactor)
      #expect(try await system.begin().rows("a", "z") == ["a=7", "e=7", "p=7"])
    }
    try await test.close()
  }

  @Test func whatIsRolledBackLeavesNothing() async throws {
    let test = try await TestStore.open()
    try await test.on { reactor, system in
      system.bufferLimit = 1
      try await system.split(at: Key("d"))
      let t = system.begin()
      t.write("a", 1)
      t.write("e", 1)
      try await t.flushIfNeeded()
      await t.rollback()
      try await settled(system, reactor)
      #expect(try await system.begin().rows("a", "z") == [])
    }
    try await test.close()
  }

  /// Its coordinator goes away without a word after it has laid intents in both ranges; nobody knows of an end.
  @Test func whatNobodyFinishesIsGivenUp() async throws {
    let test = try await TestStore.open()
    try await test.on { reactor, system in
      system.bufferLimit = 1
      try await system.split(at: Key("d"))
      let t = system.begin()
      t.write("a", 1)
      t.write("e", 1)
      try await t.flushIfNeeded()
      // As after a crash: no heartbeat, no rollback.
      t.state = .unknown
      #expect(try await system.begin().rows("a", "z") == [])
      let writer = system.begin()
      writer.write("e", 2)
      let keeper = RangeKeeper(system)
      keeper.start()
      _ = try await writer.commit()
      keeper.stop()
      #expect(try await system.begin().rows("a", "z") == ["e=2"])
    }
    try await test.close()
  }

  /// A committed transaction whose coordinator settles nothing in the other range.
  @Test func whoMeetsAnIntentFindsTheRecord() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      try await system.split(at: Key("d"))
      let t = system.begin()
      t.write("a", 1)
      t.write("e", 1)
      let timestamp = try await t.commit()
      // At once: the intents may or may not be settled yet.
      #expect(try await system.begin().rows("d", "z") == ["e=1"])
      #expect(try await system.beginRead(asOf: timestamp.previous).rows("a", "z") == [])
    }
    try await test.close()
  }

  /// Whoever asks how a transaction stands has not read the key beside which that one's record lies.
  @Test func twoWithTheSameAnchorDoNotKeepEachOtherFromCommitting() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      try await system.split(at: Key("d"))
      _ = try await system.begin().rows("a", "z")
      let pair = [system.begin(), system.begin()].sorted { $0.id < $1.id }
      let (t, other) = (pair[0], pair[1])
      #expect(try await t.number("e") == 0)
      t.write("a", 1)
      t.write("f", 1)
      other.header.anchor = key("a")
      other.isAnchored = true
      other.write("e", 2)
      try await other.flush()
      // So that the first must move, past the intent.
      #expect(try await system.begin().number("a") == 0)
      _ = try await t.commit()
      _ = try await other.commit()
      #expect(try await system.begin().rows("a", "z") == ["a=1", "e=2", "f=1"])
    }
    try await test.close()
  }

  /// Each has laid intents into what the other has read: if both passed they would push each other for ever.
  @Test func ofTwoInEachOthersWayOneYields() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      try await system.split(at: Key("d"))
      _ = try await system.begin().rows("a", "z")
      let left = system.begin()
      let right = system.begin()
      #expect(try await left.number("e") == 0)
      #expect(try await right.number("a") == 0)
      left.write("a", 1)
      right.write("e", 1)
      try await left.flush()
      try await right.flush()
      let (first, second) = left.id < right.id ? (left, right) : (right, left)
      try await first.moveForward(above: system.store.clock.now(), key: nil)
      do throws(TransactionError) {
        try await second.moveForward(above: system.store.clock.now(), key: nil)
        Issue.record("both have passed the other's intents")
      } catch .retry {}
      await second.rollback()
      _ = try await first.commit()
      #expect(try await system.begin().rows("a", "z") == [first === left ? "a=1" : "e=1"])
    }
    try await test.close()
  }

  @Test func readsOfTheLeftHalfProtectTheRight() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      // A reader, the split, and a writer that began before the reader.
      let writer = system.begin()
      let reader = system.begin()
      #expect(try await reader.number("x") == 0)
      try await system.split(at: Key("m"))
      writer.write("x", 1)
      let committed = try await writer.commit()
      #expect(committed > reader.readTimestamp)
      #expect(try await reader.number("x") == 0)
    }
    try await test.close()
  }

  @Test func locksOfTheRightHalfAreLostWithAWord() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      let t = system.begin()
      #expect(try await t.number("x", lock: LockRequest(.exclusive)) == 0)
      try await system.split(at: Key("m"))
      let other = system.begin()
      other.write("x", 5)
      _ = try await other.commit()
      t.write("a", 1)
      await #expect(throws: TransactionError.self) { _ = try await t.commit() }
      await t.rollback()
      let left = system.begin()
      #expect(try await left.number("b", lock: LockRequest(.exclusive)) == 0)
      try await system.split(at: Key("d"))
      left.write("b", 3)
      _ = try await left.commit()
      #expect(try await system.begin().rows("a", "z") == ["b=3", "x=5"])
    }
    try await test.close()
  }

  /// Sums stay while money moves between ranges that are being cut, on reactors of their own.
  @Test func transfersGoOnWhileRangesAreCut() async throws {
    for reactors in [1, 2] {
      let test = try await TestStore.open(reactors: reactors)
      let accounts = keys("abcdefghijklmnop")
      try await test.on { _, system in
        let t = system.begin()
        for account in accounts { t.write(account, 100) }
        _ = try await t.commit()
      }
      // As in a node: whoever waits needs the keeper of his range's reactor.
      for index in 0..<reactors {
        try await test.on(index) { reactor, system in
          let keeper = RangeKeeper(system)
          keeper.start()
        }
      }
      let moved = Outcomes()
      await test.together(6, on: reactors - 1) { number, reactor, system in
        if number == 5 { system.bufferLimit = 1 }
        for step in 0..<20 {
          if number == 0 {
            try? await system.split(at: Key(Array(accounts[(step * 7) % accounts.count].utf8)))
            await reactor.sleep(nanoseconds: 2_000_000)
            continue
          }
          let from = accounts[(number * 5 + step * 3) % accounts.count]
          let to = accounts[(number * 11 + step * 7 + 1) % accounts.count]
          if from == to { continue }
          let t = system.begin()
          do {
            let lock = number % 2 == 0 ? LockRequest(.exclusive) : nil
            let payer = try await t.number(from, lock: lock)
            let payee = try await t.number(to, lock: lock)
            t.write(from, payer - 1)
            t.write(to, payee + 1)
            try await t.flushIfNeeded()
            _ = try await t.commit()
            moved.add("moved")
          } catch {
            await t.rollback()
          }
        }
      }
      #expect(moved.sorted.count > 10)
      try await test.on { reactor, system in
        let t = system.begin()
        var sum = 0
        for account in accounts { sum += try await t.number(account) }
        #expect(sum == 1600)
        #expect(system.shard.descriptors(overlapping: .all).count > 8)
      }
      try await test.close()
    }
  }

  @Test func rangesAreThereAfterARestart() async throws {
    let local = LocalStore.inMemory()
    var test = try await TestStore.open(local)
    try await test.on { _, system in
      for key in ["d", "m"] { try await system.split(at: Key(Array(key.utf8))) }
      let t = system.begin()
      for key in ["a", "e", "p"] { t.write(key, 7) }
      _ = try await t.commit()
    }
    try await test.close()
    test = try await TestStore.open(local)
    try await test.on { _, system in
      #expect(system.shard.descriptors(overlapping: .all).count == 3)
      let found = try await system.begin().rows("a", "z")
      #expect(found == ["a=7", "e=7", "p=7"])
    }
    try await test.close()
  }

  /// Waits until no intent is left.
  private func settled(_ system: TransactionSystem, _ reactor: Reactor) async throws {
    for _ in 0..<1000 {
      if try system.shard.reader.intents(in: .all, limit: 1).isEmpty { return }
      await reactor.sleep(nanoseconds: 1_000_000)
    }
    Issue.record("intents are left")
  }
}
