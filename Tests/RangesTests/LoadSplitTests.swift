import Encoding
import Storage
import Testing

@testable import Ranges

@Suite struct LoadSplitTests {
  private func key(_ number: Int) -> Key { Key([UInt8(number / 256), UInt8(number % 256)]) }

  /// What is found after requests over keys `0..<1000`.
  private func verdict(
    _ count: Int = 5000, in range: KeySpan = .all, request: (inout MinimalRandom) -> KeySpan
  ) -> LoadSplitFinder.Verdict {
    var finder = LoadSplitFinder()
    var random = MinimalRandom(state: 7)
    for _ in 0..<count {
      let span = request(&random)
      finder.note(span) { random.next(Int($0)) }
    }
    return finder.verdict(in: range)
  }

  @Test func `Even requests are cut in the middle, uneven ones where they balance`() throws {
    guard case .split(let even) = verdict(request: { KeySpan(key(Int($0.next(1000)))) }) else {
      Issue.record("no key was found")
      return
    }
    #expect(key(375) < even && even < key(625), "\(even)")
    // Nine of ten requests go to the last tenth.
    let uneven = verdict { random in
      KeySpan(key(random.next(10) == 0 ? Int(random.next(900)) : 900 + Int(random.next(100))))
    }
    guard case .split(let cut) = uneven else {
      Issue.record("no key was found")
      return
    }
    #expect(cut > key(900), "\(cut)")
  }

  @Test func `One key that nearly everybody wants is named`() {
    let found = verdict { random in KeySpan(key(random.next(10) == 0 ? Int(random.next(1000)) : 700)) }
    guard case .hotKey(let hot, let percent) = found else {
      Issue.record("\(found)")
      return
    }
    #expect(hot == key(700) && percent > 80)
  }

  @Test func `Requests over everything, and too few of them, say nothing`() {
    #expect(verdict { _ in KeySpan(start: key(0), end: key(1000)) } == .none)
    #expect(verdict(60) { KeySpan(key(Int($0.next(1000)))) } == .none)
    // Where the range begins there is nothing to cut off.
    #expect(verdict(in: KeySpan(start: key(2000), end: key(3000))) { KeySpan(key(Int($0.next(1000)))) } == .none)
  }
}

/// A linear congruential generator (Knuth's MMIX), so that a test repeats.
private struct MinimalRandom {
  var state: UInt64
  mutating func next(_ bound: Int) -> Int64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int64(state >> 33) % Int64(bound)
  }
}
