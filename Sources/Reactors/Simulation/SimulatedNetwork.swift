// The network between simulated machines as a value: for each packet it draws when it arrives, how often, and if at all.
//
// Faults: loss, duplication, flipped bits; delays that reorder, or links that keep order; links cut in one direction or
// both; clogged machines, whose packets wait until the clog is over. A machine reaches itself always.
// Swizzled clogging (FoundationDB's name) clogs some machines one after the other and frees them in another order: it is
// planned ahead, so that packets can be told on sending when they will get through.

/// A simulated network.
public struct SimulatedNetwork: Sendable {
  /// The least time that a packet takes, in nanoseconds, and what comes on top, on average.
  public var minimumDelay: Int64 = 200_000
  public var meanDelay: Int64 = 500_000
  /// How many packets in a million are late: by up to `lateness` nanoseconds.
  public var latePerMillion = 0
  public var lateness: Int64 = 100_000_000
  public var lossPerMillion = 0
  public var duplicationPerMillion = 0
  public var corruptionPerMillion = 0
  /// Whether a link delivers in the order of sending, as a connection does.
  public var keepsOrder = false

  private struct Clog: Sendable {
    var machine: Int
    var from: Int64
    var until: Int64
  }

  private var random: RandomSource
  private let machineCount: Int
  /// Row: sender; column: receiver.
  private var isCut: [Bool]
  private var lastArrival: [Int64]
  private var clogs: [Clog] = []

  /// A packet's arrivals, in nanoseconds from now: none when it is lost, two when it is doubled.
  public struct Fate: Sendable, Equatable {
    public var first: Int64?
    public var second: Int64?
    /// Of the first arrival: a bit to flip, counted from the packet's beginning.
    public var flippedBit: Int?
  }

  /// Machines are numbered from 0.
  public init(machineCount: Int, random: RandomSource) {
    self.machineCount = machineCount
    self.random = random
    isCut = Array(repeating: false, count: machineCount * machineCount)
    lastArrival = Array(repeating: 0, count: machineCount * machineCount)
  }

  // MARK: Packets

  public mutating func send(from: Int, to: Int, byteCount: Int, now: Int64) -> Fate {
    let link = from * machineCount + to
    if from == to { return Fate(first: 1_000) }
    if isCut[link] || random.chance(perMillion: lossPerMillion) { return Fate() }
    var fate = Fate(first: arrival(link, from, to, now))
    if random.chance(perMillion: duplicationPerMillion) { fate.second = arrival(link, from, to, now) }
    if byteCount > 0, random.chance(perMillion: corruptionPerMillion) {
      fate.flippedBit = random.draw(below: byteCount * 8)
    }
    return fate
  }

  private mutating func arrival(_ link: Int, _ from: Int, _ to: Int, _ now: Int64) -> Int64 {
    var time = now + minimumDelay + random.exponential(mean: meanDelay)
    if random.chance(perMillion: latePerMillion) { time += random.draw(0...lateness) }
    if !clogs.isEmpty {
      clogs.removeAll { $0.until <= now }
      for clog in clogs where clog.machine == from || clog.machine == to {
        if time >= clog.from, time < clog.until { time = clog.until + random.exponential(mean: meanDelay) }
      }
    }
    if keepsOrder {
      time = max(time, lastArrival[link] + 1)
      lastArrival[link] = time
    }
    return time - now
  }

  // MARK: Partitions

  public func reaches(from: Int, to: Int) -> Bool { !isCut[from * machineCount + to] }

  /// Whether every packet between two machines is dropped, in one direction.
  public mutating func cut(from: Int, to: Int, _ cut: Bool = true) {
    if from != to { isCut[from * machineCount + to] = cut }
  }

  /// Cuts `side` off from the others; with `isOneWay` only what it sends, or only what it is sent, is lost.
  public mutating func partition(_ side: Set<Int>, isOneWay: Bool = false) {
    let outward = !isOneWay || random.chance(percent: 50)
    for a in 0..<machineCount where side.contains(a) {
      for b in 0..<machineCount where !side.contains(b) {
        if outward { cut(from: a, to: b) }
        if !isOneWay || !outward { cut(from: b, to: a) }
      }
    }
  }

  /// Ends all partitions.
  public mutating func join() { isCut = Array(repeating: false, count: isCut.count) }

  // MARK: Clogging

  /// Clogs some machines one by one over the first half of `duration`, and frees them over the second in another order.
  public mutating func swizzle(now: Int64, duration: Int64) {
    var machines = (0..<machineCount).filter { _ in random.chance(percent: 50) }
    if machines.isEmpty { machines = [random.draw(below: machineCount)] }
    var ends: [Int64] = machines.map { _ in now + duration / 2 + random.draw(0...duration / 2) }
    random.shuffle(&ends)
    for (position, machine) in machines.enumerated() {
      clogs.append(Clog(machine: machine, from: now + random.draw(0...duration / 2), until: ends[position]))
    }
    clogs.sort { ($0.until, $0.machine) < ($1.until, $1.machine) }
  }

  /// Ends all faults.
  public mutating func heal() {
    join()
    clogs = []
    latePerMillion = 0
    lossPerMillion = 0
    duplicationPerMillion = 0
    corruptionPerMillion = 0
  }
}
