// A write never goes beneath a read of somebody else, however much was forgotten; the step function of spans agrees with
// a simple list.

import Clocks
import Encoding
import Reactors
import Testing

@testable import Ranges

@Suite struct TimestampCacheTests {
  private func at(_ wall: Int64) -> Timestamp { Timestamp(wall: wall) }

  @Test func pointsRaiseTheFloorOfOthers() {
    let cache = TimestampCache(lowWater: at(10))
    let k = Key("k")
    #expect(cache.floor(k, owner: 7) == at(10).next)
    cache.noteRead(k, at: at(20), owner: 7)
    #expect(cache.floor(k, owner: 7) == at(20))
    #expect(cache.floor(k, owner: 8) == at(20).next)
    cache.noteRead(k, at: at(15), owner: 8)
    #expect(cache.floor(k, owner: 7) == at(20))
    cache.noteRead(k, at: at(20), owner: 8)
    #expect(cache.floor(k, owner: 7) == at(20).next)
    #expect(cache.floor(Key("other"), owner: 7) == at(10).next)
  }

  @Test func spansCoverTheirGaps() {
    let cache = TimestampCache(lowWater: .zero)
    cache.noteRead(KeySpan(start: Key("b"), end: Key("f")), at: at(20), owner: 1)
    cache.noteRead(KeySpan(start: Key("d"), end: Key("h")), at: at(30), owner: 2)
    cache.noteRead(KeySpan(start: Key("c"), end: Key("e")), at: at(25), owner: 3)
    let floors: [(StaticString, Timestamp)] = [
      ("a", Timestamp.zero.next), ("b", at(20).next), ("c", at(25).next), ("cz", at(25).next),
      ("d", at(30).next), ("e", at(30).next), ("g", at(30).next), ("h", Timestamp.zero.next),
    ]
    for (name, floor) in floors { #expect(cache.floor(Key(name), owner: 9) == floor, "\(name)") }
    #expect(cache.floor(Key("g"), owner: 2) == at(30))
  }

  @Test func forgettingRaisesTheLowWaterMark() {
    let cache = TimestampCache(lowWater: .zero, pointLimit: 16, spanLimit: 8)
    for number in 0..<100 {
      cache.noteRead(Key([UInt8(number)]), at: at(Int64(100 + number)), owner: 1)
    }
    for number in 0..<100 {
      #expect(cache.floor(Key([UInt8(number)]), owner: 2) > at(Int64(100 + number)))
    }
    #expect(cache.lowWater > .zero)
    #expect(cache.lowWater < at(199))
  }

  @Test func randomSpansAgreeWithAList() {
    var random = RandomSource(seed: 11, label: "spans")
    for _ in 0..<12 {
      var spans = SpanReads()
      var list: [(KeySpan, SpanReads.Read)] = []
      for _ in 0..<30 {
        let a = UInt8.random(in: 0..<20, using: &random)
        let b = UInt8.random(in: 0..<20, using: &random)
        guard a != b else { continue }
        let span = KeySpan(start: Key([min(a, b)]), end: Key([max(a, b)]))
        let read = SpanReads.Read(
          timestamp: at(Int64.random(in: 1..<30, using: &random)), owner: UInt64.random(in: 1..<4, using: &random))
        spans.note(span, at: read.timestamp, owner: read.owner)
        list.append((span, read))
        for point in 0..<UInt8(20) {
          for owner in UInt64(1)..<4 {
            var floor = Timestamp.zero
            spans.raise(&floor, key: Key([point]), owner: owner)
            let covering = list.filter { $0.0.contains(Key([point])) }.map(\.1)
            let newest = covering.map(\.timestamp).max() ?? .zero
            let isOwn = covering.filter { $0.timestamp == newest }.allSatisfy { $0.owner == owner }
            let expected = newest.isZero ? .zero : isOwn ? newest : newest.next
            #expect(floor == expected)
          }
        }
      }
      #expect(spans.starts == spans.starts.sorted())
    }
  }
}
