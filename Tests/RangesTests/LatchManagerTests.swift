// A latch stops whoever reads at or above its timestamp, and nobody else.

import Clocks
import Encoding
import Reactors
import Storage
import Testing

@testable import Ranges

@Suite struct LatchManagerTests {
  private func at(_ wall: Int64) -> Timestamp { Timestamp(wall: wall) }

  private func conflict(_ latches: LatchManager, _ name: StaticString, _ wall: Int64) -> Latch? {
    latches.conflict(Key(name), hash: KeyHash.hash(Key(name).bytes), upTo: at(wall))
  }

  @Test func keysAndSpans() {
    let latches = LatchManager()
    let first = latches.acquire(keys: [Key("b"), Key("d"), Key("f")], timestamp: at(10))
    let second = latches.acquire(
      keys: [], spans: [KeySpan(start: Key("m"), end: Key("p"))], timestamp: at(20))
    #expect(conflict(latches, "d", 10) === first)
    #expect(conflict(latches, "d", 9) == nil)
    #expect(conflict(latches, "c", 99) == nil)
    #expect(conflict(latches, "n", 20) === second)
    #expect(conflict(latches, "p", 20) == nil)
    #expect(latches.conflict(KeySpan(start: Key("c"), end: Key("e"))) === first)
    #expect(latches.conflict(KeySpan(start: Key("e"), end: Key("f"))) == nil)
    #expect(latches.conflict(KeySpan(start: Key("a"), end: Key("z")), upTo: at(15)) === first)
    let waiter = first.makeWaiter()
    latches.release(first)
    #expect(waiter.isFinished)
    #expect(conflict(latches, "d", 99) == nil)
    latches.release(second)
    #expect(latches.isEmpty)
  }

  @Test func commandsAndRecordsReadBack() throws {
    var batch = WriteBatch()
    batch.put(.data, [1, 2], [3])
    batch.delete(.locks, [4])
    var command = Command(range: RangeID(7), batch: batch, largestTimestamp: at(5))
    command.closedTimestamp = at(3)
    command.spanGeneration = 4
    command.collectedBelow = at(2)
    command.change = .split(.first(on: .init(rawValue: 3)))
    let read = try #require(Command(encoded: command.encoded()))
    #expect(read.range == RangeID(7) && read.batch == batch)
    #expect(read.largestTimestamp == at(5) && read.closedTimestamp == at(3))
    #expect(read.spanGeneration == 4 && read.collectedBelow == at(2) && read.change == command.change)
    #expect(Command(encoded: Array(command.encoded().dropLast())) == nil)
    #expect(Command(encoded: [9]) == nil)

    var record = TransactionRecord(id: TransactionID(high: 1, low: 2), anchor: Key("b"), status: .committed)
    record.epoch = 3
    record.timestamp = at(77)
    record.heartbeat = 55
    record.spans = [KeySpan(start: Key("a"), end: Key("b"))]
    record.ignored = [2...4]
    let key = record.key
    let back = key.withUnsafeBytes { TransactionRecord(key: $0, encoded: record.encoded()) }
    #expect(back == record)
    var damaged = record.encoded()
    damaged[damaged.count - 1] ^= 1
    #expect(key.withUnsafeBytes { TransactionRecord(key: $0, encoded: damaged) } == nil)
  }

  @Test func aKeyIsFoundInWhicheverSpanHoldsIt() {
    var random = RandomSource(seed: 11, label: "spans")
    for _ in 0..<200 {
      let spans = (0..<Int.random(in: 0...20, using: &random)).map { _ in
        let start = UInt8.random(in: 0...250, using: &random)
        return KeySpan(start: Key([start]), end: Key([start + UInt8.random(in: 0...5, using: &random)]))
      }
      let normalized = KeySpans.normalized(spans)
      for byte in 0...UInt8.max {
        #expect(KeySpans.contain(normalized, Key([byte])) == spans.contains { $0.contains(Key([byte])) })
      }
    }
  }

  @Test func condensedSpansCoverWhatTheyReplace() {
    let spans = (0..<100).map { KeySpan(Key([UInt8($0 * 2)])) }
    let condensed = KeySpans.condensed(spans, limit: 10)
    #expect(condensed.count <= 10)
    for span in spans { #expect(condensed.contains { $0.contains(span) }) }
    #expect(
      KeySpans.normalized([KeySpan(start: Key("b"), end: Key("d")), KeySpan(start: Key("a"), end: Key("c"))])
        == [KeySpan(start: Key("a"), end: Key("d"))])
  }
}
