// The cache of newest versions against a plain dictionary: whatever is written, deleted and forgotten, what is found is true.

import Clocks
import Encoding
import Testing

@testable import Storage

@Suite struct VersionCacheTests {
  private struct Draws {
    var state: UInt64
    mutating func below(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
  }

  private func stem(_ number: Int) -> [UInt8] { MVCCFormat.stem(Key(Array("row\(number)".utf8))) }

  private func find(_ cache: VersionCache, _ stem: [UInt8]) -> (version: Timestamp, payload: [UInt8])? {
    stem.withUnsafeBytes { raw in
      cache.find(raw, KeyHash.hash(raw)).map { ($0.version, [UInt8]($0.payload)) }
    }
  }

  /// Small, so that the ring turns many times; planted: a batch that the cache does not hear of.
  private func run(seed: UInt64, misses batchNumber: Int? = nil) -> (wrong: Int, found: Int) {
    let cache = VersionCache(byteCount: 1 << 20)
    var draws = Draws(state: seed)
    var truth: [Int: (Timestamp, [UInt8])] = [:]
    var wrong = 0
    var found = 0
    for step in 1...3_000 {
      var batch = WriteBatch()
      let version = Timestamp(wall: Int64(step))
      for _ in 0...draws.below(8) {
        let number = draws.below(4_000)
        let key = Key(Array("row\(number)".utf8))
        switch draws.below(20) {
        case 0:
          MVCC.delete(key, at: version, into: &batch)
          truth[number] = nil
        case 1:
          // Collects the newest version itself.
          guard let (newest, _) = truth[number] else { continue }
          var data = stem(number)
          newest.appendInverted(to: &data)
          batch.delete(.data, data)
          truth[number] = nil
        default:
          let value = [UInt8](repeating: UInt8(truncatingIfNeeded: step), count: draws.below(600))
          MVCC.put(key, value, at: version, into: &batch)
          truth[number] = (version, value)
        }
      }
      if draws.below(200) == 0 {
        // Keys order as text: the span holds every row whose number begins with this digit.
        let digit = 1 + draws.below(9)
        MVCC.clear(KeySpan(prefix: Key(Array("row\(digit)".utf8))), into: &batch)
        truth = truth.filter { !"\($0.key)".hasPrefix("\(digit)") }
      }
      if step != batchNumber { cache.note(batch) }
      for _ in 0..<4 {
        let number = draws.below(4_000)
        guard let kept = find(cache, stem(number)) else { continue }
        found += 1
        if truth[number].map({ $0.0 != kept.version || $0.1 != kept.payload }) ?? true { wrong += 1 }
      }
    }
    for number in 0..<4_000 {
      guard let kept = find(cache, stem(number)) else { continue }
      if truth[number].map({ $0.0 != kept.version || $0.1 != kept.payload }) ?? true { wrong += 1 }
    }
    return (wrong, found)
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func whatIsFoundIsTheNewestVersion(seed: UInt64) {
    let outcome = run(seed: seed)
    #expect(outcome.wrong == 0)
    #expect(outcome.found > 1_000)
  }

  @Test func aBatchThatIsNotToldOfIsSeen() {
    var wrong = 0
    for step in 100..<110 { wrong += run(seed: 5, misses: step).wrong }
    #expect(wrong > 0)
  }

  @Test func hotEntriesStay() {
    let cache = VersionCache(byteCount: 1 << 20)
    func keep(_ number: Int) {
      var batch = WriteBatch()
      MVCC.put(Key(Array("row\(number)".utf8)), [UInt8](repeating: 7, count: 200), at: Timestamp(wall: 1), into: &batch)
      cache.note(batch)
    }
    keep(0)
    for number in 1...50_000 {
      keep(number)
      if number % 500 == 0 { #expect(find(cache, stem(0))?.payload.count == 200) }
    }
    #expect(find(cache, stem(1)) == nil)
    #expect(find(cache, stem(50_000)) != nil)
  }
}
