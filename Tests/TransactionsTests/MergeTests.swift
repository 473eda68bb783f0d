// Ranges whose keys go to their left neighbour, and what becomes of transactions that had to do with them.

import Clocks
import Encoding
import Reactors
import Storage
import Synchronization
import Testing

@testable import Ranges
@testable import Transactions

@Suite struct MergeTests {
  private func open(
    _ local: LocalStore = .inMemory(), reactors: Int = 1, faults: PlantedFaults = .init()
  ) async throws -> TestStore {
    let test = try await TestStore.open(local, reactors: reactors, faults: faults)
    test.store.setMerging(.onDemand)
    return test
  }

  private func merge(_ system: TransactionSystem, _ place: String) async throws -> MergeOutcome {
    try await system.merge(at: key(place))
  }

  @Test func rowsStayWhereTheyAreFound() async throws {
    for reactors in [1, 2] {
      let local = LocalStore.inMemory()
      var test = try await open(local, reactors: reactors)
      try await test.on { _, system in
        let t = system.begin()
        for key in ["a", "e", "n"] { t.write(key, 1) }
        _ = try await t.commit()
        for place in ["d", "f", "m"] { try await system.split(at: key(place)) }
        #expect(try await system.begin().rows("a", "z") == ["a=1", "e=1", "n=1"])
        #expect(try await merge(system, "f") == .merged)
        #expect(try await system.begin().rows("a", "z") == ["a=1", "e=1", "n=1"])
        #expect(try await merge(system, "d") == .merged)
        #expect(try await merge(system, "m") == .merged)
        let later = system.begin()
        later.write("n", 2)
        later.write("b", 2)
        _ = try await later.commit()
        #expect(try await system.begin().rows("a", "z") == ["a=1", "b=2", "e=1", "n=2"])
        #expect(system.shard.descriptors(overlapping: .all).map(\.span) == [.all])
        // What was merged is no range any more, and a cut makes a new one.
        try await system.split(at: key("f"))
        #expect(try await system.begin().rows("a", "z") == ["a=1", "b=2", "e=1", "n=2"])
      }
      try await test.close()
      test = try await open(local, reactors: reactors)
      try await test.on { _, system in
        let found = try await system.begin().rows("a", "z")
        #expect(found == ["a=1", "b=2", "e=1", "n=2"])
        #expect(system.shard.descriptors(overlapping: .all).count == 2)
      }
      try await test.close()
    }
  }

  /// A gateway knows a range from before it took its neighbour's keys over, and looks those up in the middle of the commit.
  @Test func aRangeThatIsKnownUnderTwoDescriptorsGetsAllOfACommit() async throws {
    let test = try await open()
    try await test.on { reactor, system in
      try await system.split(at: key("m"))
      let gateway = TransactionSystem(system.store, on: reactor)
      let right = try #require(gateway.router.find(key("x")))
      #expect(try await merge(system, "m") == .merged)
      gateway.router.forget(right.id)
      #expect(gateway.router.find(key("a"))?.span.contains(key("x")) == false)
      let t = gateway.begin()
      t.write("a", 1)
      t.write("x", 1)
      _ = try await t.commit()
      #expect(try await system.begin().rows("a", "z") == ["a=1", "x=1"])
    }
    try await test.close()
  }

  /// Another node has applied a merge and told of it, and the leaseholder has yet to.
  @Test(.timeLimit(.minutes(5))) func whoKnowsOfAMergeBeforeTheLeaseholderLetsItHappen() async throws {
    let test = try await open()
    try await test.on { reactor, system in
      try await system.split(at: key("m"))
      let t = system.begin()
      t.write("x", 1)
      _ = try await t.commit()
      let ranges = system.shard.descriptors(overlapping: .all)
      try #require(ranges.map(\.span.start) == [.min, key("m")])
      var merged = ranges[0]
      merged.span = .all
      // One for the freezing of the right one, and one for the merge.
      merged.generation = (ranges.map(\.generation).max() ?? 0) + 2
      let found = Mutex<[String]>([])
      for number in 0..<3 {
        let gateway = Confined(TransactionSystem(system.store, on: reactor), to: reactor)
        gateway.access(on: reactor).router.learn(merged)
        reactor.run { reactor in
          let t = gateway.access(on: reactor).begin()
          var answers: [String] = []
          do {
            switch number {
            case 0: answers.append("\(try await t.number("x"))")
            case 1: answers += try await t.rows("x", "z")
            default: answers.append("\(try await t.number("x", lock: LockRequest(.shared)))")
            }
          } catch {
            answers.append("\(error)")
          }
          found.withLock { [answers] in $0 += answers }
        }
      }
      await reactor.sleep(nanoseconds: 20_000_000)
      #expect(found.withLock { $0 } == [])
      #expect(try await merge(system, "m") == .merged)
      while found.withLock({ $0.count }) < 3 { await reactor.sleep(nanoseconds: 1_000_000) }
      #expect(found.withLock { $0.sorted() } == ["1", "1", "x=1"])
    }
    try await test.close()
  }

  @Test func whatCannotBeMergedSaysWhy() async throws {
    let test = try await open()
    try await test.on { _, system in
      try await system.split(at: key("d"))
      #expect(try await merge(system, "c") == .refused("no range begins at \(key("c"))"))
      let objected = try await system.merge(at: key("d")) { left, right in
        "\(left.descriptor.id) \(right.descriptor.id) of \(left.byteCount > 1 << 30)"
      }
      #expect(objected == .refused("r1 r2 of false"))
      system.store.setMerging(.unknown)
      guard case .refused = try await system.merge(at: key("d")) else {
        Issue.record("merged in a cluster that does not know how")
        return
      }
    }
    try await test.close()
  }

  @Test(arguments: [false, true]) func readsOfTheRightHalfProtectIt(_ isPlanted: Bool) async throws {
    var faults = PlantedFaults()
    faults.forgetsReadsAtMerge = isPlanted
    // Beside each other on two reactors, so that the left half does not happen to remember what was read in the right one.
    let test = try await open(reactors: 2, faults: faults)
    try await test.on { _, system in
      try await system.split(at: key("m"))
      let writer = system.begin()
      let reader = system.begin()
      #expect(try await reader.number("x") == 0)
      #expect(try await merge(system, "m") == .merged)
      writer.write("x", 1)
      let committed = try await writer.commit()
      #expect((committed > reader.readTimestamp) != isPlanted)
    }
    try await test.close()
  }

  @Test func locksOfTheRightHalfAreLostWithAWord() async throws {
    let test = try await open()
    try await test.on { _, system in
      try await system.split(at: key("m"))
      let t = system.begin()
      #expect(try await t.number("x", lock: LockRequest(.exclusive)) == 0)
      let left = system.begin()
      #expect(try await left.number("b", lock: LockRequest(.exclusive)) == 0)
      #expect(try await merge(system, "m") == .merged)
      let other = system.begin()
      other.write("x", 5)
      _ = try await other.commit()
      t.write("a", 1)
      await #expect(throws: TransactionError.self) { _ = try await t.commit() }
      await t.rollback()
      // Those of the left half are not.
      left.write("b", 3)
      _ = try await left.commit()
      #expect(try await system.begin().rows("a", "z") == ["b=3", "x=5"])
    }
    try await test.close()
  }

  /// Its record lies in the left half, an intent that nobody has settled in the right one.
  @Test func whatACommittedTransactionLeftInTheRightHalfIsSettled() async throws {
    let test = try await open()
    try await test.on { _, system in
      try await system.split(at: key("d"))
      let left = try #require(system.shard.replica(RangeID(1)))
      let right = try #require(system.shard.replica(RangeID(2)))
      let t = system.begin()
      t.write("a", 1)
      t.write("e", 1)
      _ = try await t.commit()
      // Whoever settles it has not had a turn yet, unless it is done.
      #expect(try await merge(system, "d") == .merged)
      #expect(!right.holdsLease && left.holdsLease)
      #expect(try await system.begin().rows("a", "z") == ["a=1", "e=1"])
      let writer = system.begin()
      writer.write("e", 2)
      _ = try await writer.commit()
      #expect(try await system.begin().rows("a", "z") == ["a=1", "e=2"])
    }
    try await test.close()
  }

  /// Its record lies in the right half, or would, and its coordinator is silent.
  @Test func aTransactionOfTheRightHalfIsGivenUpOrGoesOn() async throws {
    let test = try await open()
    try await test.on { _, system in
      try await system.split(at: key("d"))
      // Once the right half is served: what began before that would have to begin anew in any case.
      _ = try await system.begin().rows("a", "z")
      let t = system.begin()
      t.write("e", 1)
      try await t.flush()
      t.write("a", 1)
      try await t.flush()
      #expect(try await merge(system, "d") == .merged)
      // It does not pass for committed, nor does half of it.
      await #expect(throws: TransactionError.self) { _ = try await t.commit() }
      await t.rollback()
      #expect(try await system.begin().rows("a", "z") == [])
      let writer = system.begin()
      writer.write("e", 2)
      _ = try await writer.commit()
      #expect(try await system.begin().rows("a", "z") == ["e=2"])
    }
    try await test.close()
  }

  /// A range that somebody froze for a merge that does not come.
  @Test func aMergeThatIsGivenUpLeavesBothHalves() async throws {
    let test = try await open()
    try await test.on { reactor, system in
      let t = system.begin()
      for key in ["a", "e"] { t.write(key, 1) }
      _ = try await t.commit()
      try await system.split(at: key("d"))
      _ = try await system.begin().rows("a", "z")
      let left = try #require(system.shard.replica(RangeID(1)))
      let right = try #require(system.shard.replica(RangeID(2)))
      let target = MergeTarget(range: left.descriptor.id, generation: left.descriptor.generation)
      guard case .frozen(let frozen) = await right.freeze(into: target, in: right.descriptor.generation) else {
        Issue.record("it is not frozen")
        return
      }
      #expect(!right.holdsLease)
      let wasMerged = try await system.thaw(frozen.descriptor)
      #expect(wasMerged == false)
      // The merge comes too late, whoever sends it.
      #expect(await left.merge(frozen) != nil)
      #expect(left.descriptor.span.end == key("d"))
      #expect(try await system.begin().rows("a", "z") == ["a=1", "e=1"])
      #expect(try await merge(system, "d") == .merged)
      // Whoever comes to thaw it now finds it merged.
      let isMerged = try await system.thaw(frozen.descriptor)
      #expect(isMerged == true)
      #expect(try await system.begin().rows("a", "z") == ["a=1", "e=1"])
    }
    try await test.close()
  }

  /// Whoever lost the answer to a request sends it again; a range that was merged cannot come back under its number.
  @Test func aRequestToCutThatComesAgainAfterTheMergeIsRefused() async throws {
    let test = try await open()
    try await test.on { _, system in
      let before = try await system.range(of: key("d"))
      let number = try await system.drawRangeNumbers(1)
      let request = RangeRequest.split(
        at: key("d"), into: number, isPinned: false, generation: before.generation)
      guard case .done = await system.send(request, system.ownHeader(), to: before) else {
        Issue.record("the range was not cut")
        return
      }
      system.learn(system.shard.descriptors(overlapping: .all))
      #expect(try await merge(system, "d") == .merged)
      let after = try await system.range(of: key("d"))
      guard case .failed(.outOfRange) = await system.send(request, system.ownHeader(), to: after) else {
        Issue.record("the range was cut again")
        return
      }
      #expect(system.shard.descriptors(overlapping: .all).map(\.span) == [.all])
    }
    try await test.close()
  }

  @Test func thoseOnDemandAreKeptAndTakenBack() async throws {
    let test = try await open()
    try await test.on { _, system in
      try await system.split(at: key("d"), isPinned: true)
      try await system.split(at: key("f"))
      _ = try await system.begin().rows("a", "z")
      let pinned = { system.shard.descriptors(overlapping: .all).map(\.isPinned) }
      #expect(pinned() == [false, true, false])
      try await system.pin(true, at: key("f"))
      try await system.pin(false, at: key("d"))
      #expect(pinned() == [false, false, true])
    }
    try await test.close()
  }

  @Test func smallNeighboursAreMergedByThemselves() async throws {
    let test = try await open()
    try await test.on { _, system in
      for place in ["d", "f", "h"] { try await system.split(at: key(place), isPinned: place == "f") }
      _ = try await system.begin().rows("a", "z")
      let keeper = RangeKeeper(system)
      func starts() -> [Key] { system.shard.descriptors(overlapping: .all).map(\.span.start) }
      await keeper.mergeSmall()
      #expect(starts() == [Key.min, key("d"), key("f"), key("h")])
      system.store.setMerging(.automatic)
      for _ in 0..<4 { await keeper.mergeSmall() }
      #expect(starts() == [Key.min, key("f")])
      try await system.begin().unsplitRange(at: key("f"))
      for _ in 0..<2 { await keeper.mergeSmall() }
      #expect(starts() == [Key.min])
    }
    try await test.close()
  }

  /// Sums stay while money moves between ranges that are being cut and merged.
  @Test func transfersGoOnWhileRangesAreCutAndMerged() async throws {
    for reactors in [1, 2] {
      let test = try await open(reactors: reactors)
      let accounts = "abcdefghijklmnop".map { String($0) }
      try await test.on { _, system in
        let t = system.begin()
        for account in accounts { t.write(account, 100) }
        _ = try await t.commit()
      }
      for index in 0..<reactors { try await test.on(index) { _, system in RangeKeeper(system).start() } }
      let outcomes = Outcomes()
      await test.together(6, on: reactors - 1) { number, reactor, system in
        for step in 0..<20 {
          if number == 0 {
            let place = key(accounts[(step * 7) % accounts.count])
            try? await system.split(at: place)
            await reactor.sleep(nanoseconds: 2_000_000)
            if step % 2 == 0, case .merged? = try? await system.merge(at: place) { outcomes.add("merged") }
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
            _ = try await t.commit()
            outcomes.add("moved")
          } catch {
            await t.rollback()
          }
        }
      }
      #expect(outcomes.sorted.count { $0 == "moved" } > 10)
      #expect(outcomes.sorted.count { $0 == "merged" } > 2)
      try await test.on { _, system in
        let t = system.begin()
        var sum = 0
        for account in accounts { sum += try await t.number(account) }
        #expect(sum == 1600)
      }
      try await test.close()
    }
  }
}
