// Time without a time service: the nodes elect one whose clock counts, and each knows what that clock shows to within the round trip to it.
//
// True time here is one function T that nobody knows exactly. While a node holds the lease on being the reference, T runs as its oscillator does,
// but for a steering of at most `steerPerBillion` towards its time of day; while nobody holds it T goes on somehow, no faster or slower than clocks may
// differ (`ClockEstimate.freeDriftPerBillion`). Every node keeps bounds of T relative to its own oscillator:
//   * an answer of the reference says in what interval T lay at some moment between asking and hearing;
//   * bounds move apart with age, by the free drift; what an answer says is intersected with them;
//   * the reference's own bounds stay as they are when it takes over, so that others' bounds, old and new alike, hold the same T: a change
//     of the reference takes no wait, and costs only what its bounds had widened meanwhile. Steering takes that away again: it moves every
//     value towards the time of day, so bounds that include that close in on it.
// Invariant: T is inside every node's bounds, always; two nodes hold the lease never.
//
// The lease: a node asks all members with its heartbeats, and holds it while a majority, itself counted, has promised to support nobody else. It counts a promise
// from when it asked and a little less than its duration, others from when they were asked and a little more. Promises are not kept over a restart:
// whoever has begun anew promises nothing for as long as an old promise may last.
//
// T begins once: if a majority knows no time, one of those elects itself the reference, and T begins at its time of day, but not below what any
// of that majority had reached in an earlier life (`floor`).
// Source: Spanner Omni's description of its time servers; Cristian, "Probabilistic clock synchronization", 1989; Docs/Decisions/0033-clocks.md.

/// One node's part in cluster time. All times are nanoseconds of its oscillator unless something else is said.
public struct ClusterTime: Sendable {
  public enum Limits {
    /// For which a promise counts.
    public static let leaseDuration: Int64 = 2_000_000_000
    /// Oscillators differ by less than one part in so many; ten times what the bounds allow.
    public static let rateTolerance: Int64 = 100
    /// How much faster or slower than its oscillator the reference lets T run. Together with the drift of two oscillators, 200 parts in
    /// a million each, it stays below the free drift.
    public static let steerPerBillion: Int64 = 100_000
    /// Between the turns of nodes to have themselves elected, in the order of their numbers.
    public static let turn: Int64 = 500_000_000
    /// A peer that was heard no longer ago is waited for in its turn.
    public static let liveTime: Int64 = 1_000_000_000
    /// How long a node without time waits for its time of day to pass what it had reached before.
    public static let floorPatience: Int64 = 5_000_000_000
  }

  /// What a node asks with a heartbeat.
  public struct Ask: Hashable, Sendable {
    /// Whether it asks for a promise.
    public var wantsLease: Bool
    public var hasTime: Bool

    public init(wantsLease: Bool, hasTime: Bool) {
      self.wantsLease = wantsLease
      self.hasTime = hasTime
    }
  }

  /// What a node answers.
  public struct Answer: Hashable, Sendable {
    /// Whether the asker is promised support from when it was asked.
    public var isPromised: Bool
    public var hasTime: Bool
    /// Nanoseconds since 1970.
    public var floor: Int64
    /// Whether T lies in the interval that is told beside: the answering node is the reference.
    public var isReference: Bool

    public init(isPromised: Bool, hasTime: Bool, floor: Int64, isReference: Bool) {
      self.isPromised = isPromised
      self.hasTime = hasTime
      self.floor = floor
      self.isReference = isReference
    }
  }

  /// Of T less the oscillator.
  private struct Bounds: Hashable, Sendable {
    var lower: Int64
    var upper: Int64
    var asOf: Int64

    func aged(to now: Int64, _ perBillion: Int64) -> Bounds {
      let wider = ClockEstimate.drift(max(0, now - asOf), perBillion)
      return Bounds(lower: lower - wider, upper: upper + wider, asOf: max(asOf, now))
    }

    /// Every value moved towards `target`.
    func steered(to target: Int64, by step: Int64, at now: Int64) -> Bounds {
      func moved(_ value: Int64) -> Int64 {
        value < target ? min(target, value + step) : max(target, value - step)
      }
      return Bounds(lower: moved(lower), upper: moved(upper), asOf: now)
    }
  }

  private struct Peer: Sendable {
    var node: UInt32
    /// When it answered last, and what it said then.
    var heard: Int64
    var hasTime: Bool
    var floor: Int64
    /// Until when its promise counts.
    var countedUntil: Int64?
  }

  public let node: UInt32
  /// Nanoseconds since 1970 that this node reached in earlier lives, at the most.
  public let floor: Int64
  private let begun: Int64
  /// Before, promises of an earlier life may stand.
  private let silentUntil: Int64
  private var memberCount = 1
  private var peers: [Peer] = []
  private var bounds: Bounds?
  /// To whom this node has promised its support; 0: nobody.
  private var promised: (node: UInt32, until: Int64) = (0, 0)
  /// Since when it asks for the lease without having it, or with it.
  private var askingSince: Int64?
  /// Since when nobody was promised anything, and it was somebody's turn.
  private var idleSince: Int64
  /// Up to when the lease was known to be held when it was last looked at.
  private var heldUntil: Int64?
  /// Whose answer told the time last, and when.
  private var teller: (node: UInt32, at: Int64)?

  /// - Parameter floor: nanoseconds since 1970 that this node may have reached in earlier lives.
  public init(node: UInt32, floor: Int64, at now: Int64) {
    self.node = node
    self.floor = floor
    begun = now
    silentUntil = now + Limits.leaseDuration + Limits.leaseDuration / Limits.rateTolerance
    idleSince = silentUntil
  }

  // MARK: The time

  /// Whether there are bounds at all.
  public var hasTime: Bool { bounds != nil }

  /// The bounds, for whoever reads the clock until something changes; nil before the first.
  public var estimate: ClockEstimate? {
    bounds.map { bounds in
      ClockEstimate(
        base: .steady, lower: bounds.lower, upper: bounds.upper, asOf: bounds.asOf,
        driftPerBillion: heldUntil == nil ? ClockEstimate.freeDriftPerBillion : Limits.steerPerBillion,
        trustedUntil: heldUntil ?? .max)
    }
  }

  /// Whether this node is the reference, certainly.
  public func isReference(at now: Int64) -> Bool { hasTime && heldUntil.map { now < $0 } ?? false }

  /// The reference as far as this node knows; nil if it knows none.
  public func reference(at now: Int64) -> UInt32? {
    if isReference(at: now) { return node }
    return teller.flatMap { now - $0.at < Limits.leaseDuration ? $0.node : nil }
  }

  // MARK: The lease

  private var majority: Int { memberCount / 2 + 1 }

  /// Until when a majority's promises count.
  private var leaseEnd: Int64 {
    var ends = peers.compactMap(\.countedUntil)
    if promised.node == node { ends.append(ownCountedUntil) }
    guard ends.count >= majority else { return .min }
    return ends.sorted(by: >)[majority - 1]
  }

  /// It promises itself with the margins of everybody.
  private var ownCountedUntil: Int64 { promised.until - 2 * (Limits.leaseDuration / Limits.rateTolerance) }

  private mutating func promise(_ node: UInt32, at now: Int64) {
    promised = (node, now + Limits.leaseDuration + Limits.leaseDuration / Limits.rateTolerance)
  }

  /// Brings what follows from the passing of time up to date.
  private mutating func advance(to reading: ClockReading) {
    let now = reading.steady
    let end = leaseEnd
    if let held = heldUntil, let known = bounds {
      if held >= now {
        let step =
          max(0, now - known.asOf) / 1_000_000_000 * Limits.steerPerBillion
          + max(0, now - known.asOf) % 1_000_000_000 * Limits.steerPerBillion / 1_000_000_000
        bounds = known.steered(to: reading.wall - now, by: step, at: now)
        heldUntil = max(held, end)
        return
      }
      // It ended in between.
      bounds = known.aged(to: max(held, known.asOf), Limits.steerPerBillion)
        .aged(to: now, ClockEstimate.freeDriftPerBillion)
      heldUntil = nil
      askingSince = nil
      idleSince = now
    }
    guard heldUntil == nil, end > now else { return }
    if let known = bounds {
      bounds = known.aged(to: now, ClockEstimate.freeDriftPerBillion)
    } else {
      // Whoever has promised knows no time either.
      let floors = peers.filter { $0.countedUntil.map { $0 > now } ?? false }.map(\.floor) + [floor]
      let start = max(reading.wall, floors.max() ?? 0)
      bounds = Bounds(lower: start - now, upper: start - now, asOf: now)
    }
    heldUntil = end
  }

  /// To be called some times in a lease's duration, before the members are asked.
  /// - Parameter others: all members but this one.
  public mutating func tick(at reading: ClockReading, others: [UInt32]) {
    let now = reading.steady
    memberCount = others.count + 1
    peers.removeAll { !others.contains($0.node) }
    advance(to: reading)
    guard now >= silentUntil else { return }
    if promised.node != node, now < promised.until {
      // It is somebody else's.
      askingSince = nil
      idleSince = promised.until
      return
    }
    if heldUntil == nil, let since = askingSince, now - since > Limits.leaseDuration {
      // Too few answer, or another one asks as well, whom this node may not hear: it gets a turn in which to be promised something, and no
      // two nodes wait for the same time.
      askingSince = nil
      promised = (0, 0)
      idleSince = now + Limits.turn * (1 + Int64(others.count { $0 < node }))
    }
    guard heldUntil != nil || askingSince != nil || isMyTurn(reading) else { return }
    if askingSince == nil { askingSince = now }
    promise(node, at: now)
    advance(to: reading)
  }

  /// Whether this node is to ask for the lease, since nobody has it.
  private func isMyTurn(_ reading: ClockReading) -> Bool {
    let now = reading.steady
    let live = peers.filter { now - $0.heard < Limits.liveTime }
    if !hasTime {
      if live.contains(where: \.hasTime) { return false }
      let floor = max(floor, live.map(\.floor).max() ?? 0)
      if reading.wall < floor, now - begun < Limits.floorPatience { return false }
    }
    let before = live.count { $0.node < node && $0.hasTime == hasTime }
    return now - idleSince >= Int64(before) * Limits.turn
  }

  // MARK: Messages

  public func ask() -> Ask { Ask(wantsLease: promised.node == node && askingSince != nil, hasTime: hasTime) }

  /// Answers a question. If it says that this node is the reference, the interval that goes with it must have been read before.
  public mutating func answer(_ ask: Ask, from asker: UInt32, at now: Int64) -> Answer {
    var isPromised = false
    if ask.wantsLease, now >= silentUntil, promised.node == asker || now >= promised.until, ask.hasTime || !hasTime {
      promise(asker, at: now)
      askingSince = nil
      isPromised = true
    }
    return Answer(isPromised: isPromised, hasTime: hasTime, floor: floor, isReference: isReference(at: now))
  }

  /// Takes an answer.
  /// - Parameters:
  ///   - sent: when it was asked.
  ///   - interval: what the answering node believes, at a moment after it was asked.
  /// - Returns: nanoseconds by which it contradicts what this node knows; 0 if it does not.
  public mutating func receive(
    _ answer: Answer, from peer: UInt32, sent: Int64, interval: ClockInterval?, at reading: ClockReading
  ) -> Int64 {
    let now = reading.steady
    var counted = peers.first { $0.node == peer }?.countedUntil
    if answer.isPromised, promised.node == node {
      counted = max(
        counted ?? .min, sent + Limits.leaseDuration - Limits.leaseDuration / Limits.rateTolerance)
    }
    peers.removeAll { $0.node == peer }
    peers.append(
      Peer(node: peer, heard: now, hasTime: answer.hasTime, floor: answer.floor, countedUntil: counted))
    peers.sort { $0.node < $1.node }
    advance(to: reading)
    guard answer.isReference, let interval, heldUntil == nil, now >= sent else { return 0 }
    let trip = ClockEstimate.drift(now - sent, ClockEstimate.freeDriftPerBillion)
    let said = Bounds(lower: interval.earliest - now, upper: interval.latest - sent + trip, asOf: now)
    guard let known = bounds?.aged(to: now, ClockEstimate.freeDriftPerBillion) else {
      bounds = said
      teller = (peer, now)
      return 0
    }
    let (lower, upper) = (max(known.lower, said.lower), min(known.upper, said.upper))
    bounds = known
    guard lower <= upper else { return lower - upper }
    bounds = Bounds(lower: lower, upper: upper, asOf: now)
    teller = (peer, now)
    return 0
  }
}
