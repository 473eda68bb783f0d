// HOT: the window of append messages that a follower has been sent and has not acknowledged.
// A ring buffer of (last index, bytes) that grows by doubling as far as it is used: a store has a hundred thousand
// groups and most of them send nothing.
// Invariant: indexes ascend from the oldest to the newest; `byteCount` is the sum of what is in the window.
// The limit on bytes is soft: the message that reaches it is still let through.

/// How much may be under way to one follower.
public struct InflightLimits: Hashable, Sendable {
  /// Messages.
  public var count: Int
  /// Bytes of payload.
  public var byteCount: Int

  public init(count: Int, byteCount: Int = .max) {
    self.count = count
    self.byteCount = byteCount
  }
}

/// A sliding window of unacknowledged append messages.
public struct Inflights: Sendable {
  private struct Flight {
    var index: LogIndex
    var byteCount: Int
  }

  private var ring: [Flight] = []
  private var start: UInt32 = 0
  private var length: UInt32 = 0
  public private(set) var byteCount = 0

  public init() {}

  public var count: Int { Int(length) }
  public var isEmpty: Bool { length == 0 }

  public func isFull(_ limits: InflightLimits) -> Bool { count >= limits.count || byteCount >= limits.byteCount }

  private func slot(_ offset: Int) -> Int {
    let position = Int(start) + offset
    return position < ring.count ? position : position - ring.count
  }

  /// Adds a message that ends with `index`. The window must not be full, and `index` not below an earlier one.
  public mutating func add(_ index: LogIndex, byteCount bytes: Int, limits: InflightLimits) {
    precondition(!isFull(limits), "an append was sent into a full window")
    assert(isEmpty || ring[slot(count - 1)].index <= index, "appends in flight must ascend")
    if count == ring.count { grow(limits) }
    ring[slot(count)] = Flight(index: index, byteCount: bytes)
    length += 1
    byteCount += bytes
  }

  private mutating func grow(_ limits: InflightLimits) {
    let capacity = Swift.min(Swift.max(1, ring.count * 2), limits.count)
    var larger: [Flight] = []
    larger.reserveCapacity(capacity)
    for offset in 0..<count { larger.append(ring[slot(offset)]) }
    while larger.count < capacity { larger.append(Flight(index: .zero, byteCount: 0)) }
    ring = larger
    start = 0
  }

  /// Frees what `index` acknowledges.
  public mutating func free(through index: LogIndex) {
    while length > 0, ring[Int(start)].index <= index {
      byteCount -= ring[Int(start)].byteCount
      start = UInt32(slot(1))
      length -= 1
    }
    if length == 0 { start = 0 }
  }

  /// Gives the ring back when nothing is under way.
  mutating func releaseIfIdle() {
    if length == 0, !ring.isEmpty { ring = [] }
  }
}
