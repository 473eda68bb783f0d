// What a transaction remembers of its reads takes bounded memory, and covers all of them.

import Encoding
import Ranges
import Reactors
import Testing

@testable import Transactions

@Suite struct ReadSetTests {
  private func covers(_ set: ReadSet, _ key: Key) -> Bool {
    set.footprint.keys.contains(key) || set.footprint.spans.contains { $0.contains(key) }
  }

  @Test(arguments: 1...8) func aCondensedSetCoversWhatWasRead(seed: UInt64) {
    var random = RandomSource(seed: seed, label: "reads")
    let limit = 2_000
    var set = ReadSet()
    var keys: [Key] = []
    var spans: [KeySpan] = []
    func name() -> Key { key("k\(random.next() % 100_000)") }
    for _ in 0..<600 {
      if random.next() % 4 == 0 {
        let (a, b) = (name(), name())
        guard a != b else { continue }
        spans.append(KeySpan(start: min(a, b), end: min(min(a, b).next, max(a, b))))
        set.add(spans[spans.count - 1], limit: limit)
      } else {
        keys.append(name())
        set.add(keys[keys.count - 1], limit: limit)
      }
      #expect(set.byteCount <= limit)
    }
    #expect(keys.allSatisfy { covers(set, $0) })
    #expect(spans.allSatisfy { covers(set, $0.start) })
    set.removeAll()
    #expect(set.isEmpty && set.byteCount == 0)
  }

  /// A key longer than the limit stays, since something must.
  @Test func oneSpanAlwaysStays() {
    var set = ReadSet()
    set.add(Key([UInt8](repeating: 1, count: 500)), limit: 100)
    set.add(Key([UInt8](repeating: 9, count: 500)), limit: 100)
    #expect(set.footprint.keys.isEmpty && set.footprint.spans.count == 1)
    #expect(covers(set, Key([5])))
  }

  @Test func pagesOfAScanGrowTogether() {
    var set = ReadSet()
    for page in 0..<10 { set.add(KeySpan(start: Key([UInt8(page)]), end: Key([UInt8(page + 1)])), limit: 1_000) }
    #expect(set.footprint.spans == [KeySpan(start: Key([0]), end: Key([10]))])
    #expect(set.byteCount == 2 + 2 * ReadSet.keyOverhead)
  }

  /// Whichever of many keys changes, the transaction that read them may not move past that.
  @Test func noChangeIsMissed() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      system.readLimit = 300
      let writer = system.begin()
      for number in 0..<100 { writer.write("k\(100 + number)", number) }
      _ = try await writer.commit()
      for changed in stride(from: 0, to: 100, by: 7) {
        let t = system.begin()
        for number in 0..<100 { _ = try await t.number("k\(100 + number)") }
        #expect(t.reads.byteCount <= 300)
        t.write("z", changed)
        let other = system.begin()
        other.write("k\(100 + changed)", -1)
        _ = try await other.commit()
        // Somebody reads where it writes, so that it has to commit above.
        _ = try await system.begin().read("z")
        await #expect(throws: TransactionError.self) { _ = try await t.commit() }
        await t.rollback()
      }
      // What nobody changed does not hold it up.
      let t = system.begin()
      for number in 0..<100 { _ = try await t.number("k\(100 + number)") }
      t.write("z", 1)
      _ = try await system.begin().read("z")
      _ = try await t.commit()
    }
    try await test.close()
  }
}
