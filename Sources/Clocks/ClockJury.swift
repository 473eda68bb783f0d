// Whose clock is wrong, as far as a node can tell from what others claim: a value that collects, peer by peer, whether the two nodes'
// intervals can both hold.
//
// A contradiction proves that one of two clocks breaks its bound, not which. A node that agrees with a majority of the members, itself
// counted, goes on: the other one is wrong. One that a majority contradicts is wrong itself, at once. Where there is no majority either
// way nobody can tell, and after a while, in which others may be heard, the node gives up, too: better none than a wrong answer. A node that has just
// started waits less: whoever came last is the one that should go.

/// What a node has found out about its peers' clocks. Times are of its monotonic clock, in nanoseconds.
public struct ClockJury: Sendable {
  public enum Limits {
    /// What was found goes stale: two heartbeats of a second, and some.
    public static let freshTime: Int64 = 2_500_000_000
    /// How long a node that nobody outvotes waits for others to be heard.
    public static let patience: Int64 = 4_000_000_000
    /// The same of a newcomer: with what it proved stale by the time at which the others would give up.
    public static let newcomerPatience: Int64 = 1_500_000_000
    /// A process that has run for less is the newcomer.
    public static let newcomerTime: Int64 = 30_000_000_000
  }

  public enum Verdict: Hashable, Sendable {
    case sound
    /// Somebody contradicts, and it is not clear yet who is wrong.
    case doubtful
    /// This node's clock is not to be trusted.
    case wrong
  }

  private struct Opinion: Sendable {
    var peer: UInt32
    var agreed: Int64?
    var contradicted: Int64?
    /// Since when it contradicts without an agreement in between.
    var since: Int64 = 0

    func contradicts(at now: Int64) -> Bool {
      contradicted.map { now - $0 <= Limits.freshTime } ?? false
    }
    func agrees(at now: Int64) -> Bool {
      contradicted == nil && agreed.map { now - $0 <= Limits.freshTime } ?? false
    }
  }

  private let begun: Int64
  private var opinions: [Opinion] = []

  public init(at now: Int64) { begun = now }

  private mutating func change(_ peer: UInt32, _ body: (inout Opinion) -> Void) {
    if let place = opinions.firstIndex(where: { $0.peer == peer }) {
      body(&opinions[place])
    } else {
      var opinion = Opinion(peer: peer)
      body(&opinion)
      opinions.append(opinion)
      opinions.sort { $0.peer < $1.peer }
    }
  }

  /// The two intervals can both hold.
  public mutating func agree(_ peer: UInt32, at now: Int64) {
    change(peer) { opinion in
      opinion.agreed = now
      opinion.contradicted = nil
    }
  }

  /// They cannot.
  /// - Returns: whether that is news.
  public mutating func contradict(_ peer: UInt32, at now: Int64) -> Bool {
    var isNews = false
    change(peer) { opinion in
      isNews = !opinion.contradicts(at: now)
      if isNews { opinion.since = now }
      opinion.contradicted = now
    }
    return isNews
  }

  /// The peer is another process now, or none.
  public mutating func forget(_ peer: UInt32) { opinions.removeAll { $0.peer == peer } }

  public func contradicting(at now: Int64) -> [UInt32] { opinions.filter { $0.contradicts(at: now) }.map(\.peer) }

  /// - Parameter memberCount: this node counted.
  public func verdict(memberCount: Int, at now: Int64) -> Verdict {
    let against = opinions.filter { $0.contradicts(at: now) }
    guard let first = against.map(\.since).min() else { return .sound }
    let majority = memberCount / 2 + 1
    if 1 + opinions.count(where: { $0.agrees(at: now) }) >= majority { return .sound }
    if against.count >= majority { return .wrong }
    let patience = now - begun < Limits.newcomerTime ? Limits.newcomerPatience : Limits.patience
    return now - first >= patience ? .wrong : .doubtful
  }
}
