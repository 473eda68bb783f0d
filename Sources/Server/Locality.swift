// Where a node stands, from the widest to the narrowest: `region=eu-west,zone=b`. Placement spreads replicas over what differs.

/// Labels of a node's place in their order.
public struct Locality: Hashable, Sendable, CustomStringConvertible {
  public struct Tier: Hashable, Sendable {
    public var name: String
    public var value: String
  }

  enum Limits {
    static let tierCount = 16
    static let byteCount = 64
  }

  public private(set) var tiers: [Tier] = []

  /// Nowhere in particular.
  public init() {}

  /// `name=value,name=value`; nil if it is not that, if a name comes twice, or if a word holds anything but letters, digits and `-._`.
  public init?(_ text: String) {
    if text.isEmpty { return }
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let words = part.split(separator: "=", omittingEmptySubsequences: false)
      guard words.count == 2, words.allSatisfy(Self.isWord), !tiers.contains(where: { $0.name == words[0] }),
        tiers.count < Limits.tierCount
      else { return nil }
      tiers.append(Tier(name: String(words[0]), value: String(words[1])))
    }
  }

  private static func isWord(_ text: Substring) -> Bool {
    (1...Limits.byteCount).contains(text.utf8.count)
      && text.utf8.allSatisfy { (48...57).contains($0) || (97...122).contains($0 | 32) || "-._".utf8.contains($0) }
  }

  public var description: String { tiers.map { "\($0.name)=\($0.value)" }.joined(separator: ",") }
}
