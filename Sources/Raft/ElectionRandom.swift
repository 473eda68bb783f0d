// The generator of election timeouts: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
// 2014). Eight bytes of state, all of it from the owner's seed.

/// A seeded generator.
struct ElectionRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A number below `bound`, by the high half of a product (Lemire, "Fast random integer generation in an interval", 2019;
  /// without its rejection step: the bias for bounds this small is below one in 2^50).
  mutating func draw(below bound: Int) -> Int {
    Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }
}
