// What simulations and jitter draw, in integers only, so that a seed means the same on every machine.

extension RandomSource {
  /// A number below `bound`, which must be positive, by the high half of a product (Lemire 2019, without its rejection
  /// step: the bias for the bounds used is below one in 2^40).
  public mutating func draw(below bound: Int) -> Int {
    precondition(bound > 0, "a draw needs something to draw from")
    return Int(next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  public mutating func draw(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + draw(below: range.upperBound - range.lowerBound + 1)
  }

  public mutating func draw(_ range: ClosedRange<Int64>) -> Int64 {
    range.lowerBound + Int64(draw(below: Int(range.upperBound - range.lowerBound + 1)))
  }

  /// True with a probability of `count` in a million.
  public mutating func chance(perMillion count: Int) -> Bool {
    count > 0 && draw(below: 1_000_000) < count
  }

  public mutating func chance(percent count: Int) -> Bool { chance(perMillion: count * 10_000) }

  public mutating func pick<Element>(_ elements: [Element]) -> Element { elements[draw(below: elements.count)] }

  /// A number of exponential distribution around `mean`, at most 45 times it: the logarithm of a uniform draw, by
  /// counting leading zeros and going straight between powers of two (which is off by at most 6 % of the mean).
  public mutating func exponential(mean: Int64) -> Int64 {
    let bits = next() | 1
    let zeros = bits.leadingZeroBitCount
    let fraction = Int64(zeros == 63 ? 0 : (bits << UInt64(zeros + 1)) >> 44)
    let logarithm = (Int64(zeros + 1) << 20) - fraction
    return (mean >> 10) * logarithm / 1024 * 693 / 1000
  }

  /// Brings `elements` into an order drawn at random.
  public mutating func shuffle<Element>(_ elements: inout [Element]) {
    guard elements.count > 1 else { return }
    for position in stride(from: elements.count - 1, to: 0, by: -1) {
      elements.swapAt(position, draw(below: position + 1))
    }
  }
}
