// Where to cut a range so that each half gets about half of its requests. Keys are sampled from what is asked for; each of a few that were
// chosen at random counts how many of the requests after it lie to its left, to its right, or over it. Pure.
//
// A range whose requests nearly all want one key cannot be helped by a cut, nor one whose requests mostly span it.
// Source: CockroachDB's load-based splitting, reference 2.11.

import Encoding

struct LoadSplitFinder {
  private struct Candidate {
    var key: Key
    var left = 0
    var right = 0
    var across = 0
    /// Of those to the right, requests for the key itself.
    var same = 0

    init(_ key: Key) { self.key = key }

    var total: Int { left + right + across }
  }

  private enum Limits {
    static let candidates = 20
    /// Requests that a candidate must have seen before it is believed.
    static let samples = 100
    /// How uneven the halves may be, of their sum.
    static let imbalance = 0.25
    /// Of a candidate's requests, how many may span it.
    static let across = 0.5
    /// Of a candidate's requests, how many for its own key make it the range's trouble.
    static let popularity = 0.4
  }

  enum Verdict: Equatable {
    case split(at: Key)
    /// Nearly everybody wants this key, so much of the requests.
    case hotKey(Key, percent: Int)
    /// Too many requests span any key, or too little was seen.
    case none
  }

  private var candidates: [Candidate] = []
  private var seen: UInt64 = 0

  /// - Parameter random: gives a number in `0..<bound`.
  mutating func note(_ span: KeySpan, random: (Int64) -> Int64) {
    for place in candidates.indices {
      let key = candidates[place].key
      if span.end <= key {
        candidates[place].left += 1
      } else if span.start >= key {
        candidates[place].right += 1
        if span.start == key, span.end == key.next { candidates[place].same += 1 }
      } else {
        candidates[place].across += 1
      }
    }
    seen += 1
    if candidates.count < Limits.candidates {
      candidates.append(Candidate(span.start))
    } else {
      // Each request so far is a candidate with the same probability.
      let place = random(Int64(clamping: seen))
      if place < Limits.candidates { candidates[Int(place)] = Candidate(span.start) }
    }
  }

  /// - Parameter range: the cut must leave something on both sides.
  func verdict(in range: KeySpan) -> Verdict {
    let ripe = candidates.filter { $0.total >= Limits.samples }
    let best = ripe.filter { candidate in
      let sides = Double(candidate.left + candidate.right)
      return candidate.key > range.start && range.contains(candidate.key)
        && Double(candidate.across) / Double(candidate.total) < Limits.across
        && Double(abs(candidate.left - candidate.right)) / sides < Limits.imbalance
    }.min { a, b in
      (Self.cost(a), a.key) < (Self.cost(b), b.key)
    }
    if let best { return .split(at: best.key) }
    let popular = ripe.max { Self.popularity($0) < Self.popularity($1) }
    if let popular, Self.popularity(popular) >= Limits.popularity {
      return .hotKey(popular.key, percent: Int(100 * Self.popularity(popular)))
    }
    return .none
  }

  private static func cost(_ candidate: Candidate) -> Double {
    Double(abs(candidate.left - candidate.right) + candidate.across) / Double(candidate.total)
  }

  private static func popularity(_ candidate: Candidate) -> Double {
    Double(candidate.same) / Double(candidate.total)
  }
}
