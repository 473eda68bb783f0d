// Which stores vouch for which: the ground that leases of all ranges stand on, so that an idle range costs no heartbeat.
//
// Each store asks every other one for support, once a second: "until time X, in my epoch E, believe that I live." While a
// store supports another one it helps nobody else to lead a range that the other one leads: see `Fortification`.
// Contract, for each pair: once support for an epoch is withdrawn it is never given for that epoch again, over restarts as
// well: what a store supports is durable before it is told, and so is what it withdraws before it acts on it.
// Expiry is measured twice, and both must hold. By the clocks: the supported store counts on X only while `latest < X`, the
// supporter withdraws only once `earliest > X`. By rates: the supported store counts on it for less than the duration from
// when it asked, the supporter for more than the duration from when it was asked. So two leaseholders at once take two
// broken promises: clocks beyond their bounds, and clocks that run at wildly different rates.
// A store that asks in a later life serves nothing any more under an earlier one: that one's support ends as soon as the
// clock has passed whatever its leases can have served, so that who leads next begins above.
// Source: Docs/Decisions/0010-replicated-ranges.md; CockroachDB's design of store liveness, reference 2.8.

import Clocks
import Transport

/// An epoch of one store's requests for support of another one; raised when that one has withdrawn, and by each restart.
public typealias SupportEpoch = UInt64

/// That a store believes another one to live.
public struct StoreSupportGrant: Hashable, Sendable {
  public var node: NodeID
  public var epoch: SupportEpoch
  /// Nanoseconds since 1970 by the other store's clock.
  public var expiration: Int64
  public var isWithdrawn: Bool

  public init(node: NodeID, epoch: SupportEpoch, expiration: Int64, isWithdrawn: Bool) {
    self.node = node
    self.epoch = epoch
    self.expiration = expiration
    self.isWithdrawn = isWithdrawn
  }
}

/// Pure: times come in, messages and duties come out.
struct StoreLiveness {
  struct Heartbeat: Equatable, Sendable {
    var epoch: SupportEpoch
    /// Nanoseconds since 1970 by the sender's clock.
    var expiration: Int64
    var duration: Int64
  }

  struct Response: Equatable, Sendable {
    /// The epoch that is supported, or, above the one asked for, the least that could be.
    var epoch: SupportEpoch
    /// That of the heartbeat, if it is supported; otherwise 0.
    var expiration: Int64
  }

  /// Of another store by this one.
  private struct Granted {
    var node: NodeID
    var epoch: SupportEpoch
    var expiration: Int64
    var duration: Int64
    /// When it was asked for last, by this store's monotonic clock.
    var heardAt: Int64
    var isWithdrawn: Bool
    /// The other store asks in a later life: nothing extends this one.
    var isOver = false

    /// By this store's monotonic clock.
    var heldUntil: Int64 { isOver ? .min : heardAt &+ duration &+ duration / StoreLiveness.rateTolerance }

    /// The latest time that the other store's clock shows now, by what it said last.
    func latest(at monotonic: Int64) -> Int64 { expiration &- duration &+ (monotonic &- heardAt) }
  }

  /// Of this store by another one.
  struct Received: Equatable {
    var node: NodeID
    var epoch: SupportEpoch
    var expiration: Int64
    /// By this store's monotonic clock.
    var countedUntil: Int64

    var end: LeaseEnd { LeaseEnd(wall: expiration, monotonic: countedUntil) }
  }

  /// A store in one of its epochs.
  struct Life: Hashable, Sendable {
    var node: NodeID
    var epoch: SupportEpoch
  }

  /// Clocks run at rates that differ by less than one in this many.
  static let rateTolerance: Int64 = 100

  /// Nanoseconds that support is asked for at a time.
  let duration: Int64
  /// The epoch in which this life of the store began.
  let life: SupportEpoch
  /// In which others are asked, where that is not the one in which this life began.
  private var raised: [Life] = []
  private var granted: [Granted] = []
  private var received: [Received] = []
  /// When recent heartbeats were sent, by their expirations.
  private var sent: [(expiration: Int64, monotonic: Int64)] = []

  /// - Parameters:
  ///   - epoch: above every one that this store has asked for before.
  ///   - granted: what it supported before the restart; when that ends is not known, so it is taken to last for a whole
  ///     duration from now.
  init(
    duration: Int64, epoch: SupportEpoch, granted: [(node: NodeID, epoch: SupportEpoch, isWithdrawn: Bool)] = [],
    at interval: ClockInterval, monotonic: Int64
  ) {
    self.duration = duration
    life = epoch
    self.granted = granted.map {
      Granted(
        node: $0.node, epoch: $0.epoch, expiration: interval.latest &+ duration, duration: duration,
        heardAt: monotonic, isWithdrawn: $0.isWithdrawn)
    }
  }

  /// What must be durable: epochs that are supported or withdrawn.
  var durable: [(node: NodeID, epoch: SupportEpoch, isWithdrawn: Bool)] {
    granted.map { ($0.node, $0.epoch, $0.isWithdrawn) }
  }

  /// What was promised to others, for show.
  var grants: [StoreSupportGrant] {
    granted.map {
      StoreSupportGrant(node: $0.node, epoch: $0.epoch, expiration: $0.expiration, isWithdrawn: $0.isWithdrawn)
    }
  }

  // MARK: - Being supported

  /// The last epoch that this store has asked in: what must be durable of it.
  var epoch: SupportEpoch { raised.reduce(life) { max($0, $1.epoch) } }

  /// The epoch in which another store is asked for support. One that stopped to believe does not end what the rest promised.
  func epoch(for node: NodeID) -> SupportEpoch { raised.first { $0.node == node }?.epoch ?? life }

  mutating func heartbeat(to node: NodeID, at interval: ClockInterval, monotonic: Int64) -> Heartbeat {
    let expiration = interval.latest &+ duration
    if sent.last.map({ $0 != (expiration, monotonic) }) ?? true { sent.append((expiration, monotonic)) }
    if sent.count > 16 { sent.removeFirst() }
    return Heartbeat(epoch: epoch(for: node), expiration: expiration, duration: duration)
  }

  /// Takes an answer. True if this store's epoch rose, which must be durable before the next heartbeat.
  mutating func receive(_ response: Response, from node: NodeID) -> Bool {
    let epoch = epoch(for: node)
    if response.epoch > epoch {
      // It had stopped to believe.
      raised.removeAll { $0.node == node }
      raised.append(Life(node: node, epoch: response.epoch))
      return true
    }
    guard response.epoch == epoch, response.expiration > 0,
      let heartbeat = sent.first(where: { $0.expiration == response.expiration })
    else { return false }
    let counted = heartbeat.monotonic &+ duration &- duration / Self.rateTolerance
    if let place = received.firstIndex(where: { $0.node == node }) {
      if received[place].epoch == epoch, received[place].expiration >= response.expiration { return false }
      received[place].epoch = epoch
      received[place].expiration = response.expiration
      received[place].countedUntil = counted
    } else {
      received.append(
        Received(node: node, epoch: epoch, expiration: response.expiration, countedUntil: counted))
    }
    return false
  }

  /// The latest support of this store by another one, whether it has ended or not.
  func support(from node: NodeID) -> Received? { received.first { $0.node == node } }

  /// Who supports this store, by what was last heard, and in which of its epochs.
  var supporters: [Received] { received }

  // MARK: - Supporting

  /// The stores that this one supports.
  var supported: [Life] { granted.filter { !$0.isWithdrawn }.map { Life(node: $0.node, epoch: $0.epoch) } }

  /// Takes a request. The answer may leave once what `durable` says is, if it changed.
  mutating func receive(
    _ heartbeat: Heartbeat, from node: NodeID, at interval: ClockInterval, monotonic: Int64
  ) -> (response: Response, mustPersist: Bool) {
    let response = Response(epoch: heartbeat.epoch, expiration: heartbeat.expiration)
    let grant = Granted(
      node: node, epoch: heartbeat.epoch, expiration: heartbeat.expiration, duration: heartbeat.duration,
      heardAt: monotonic, isWithdrawn: false)
    guard let place = granted.firstIndex(where: { $0.node == node }) else {
      granted.append(grant)
      granted.sort { $0.node < $1.node }
      return (response, true)
    }
    let known = granted[place]
    let refusal = Response(epoch: known.isWithdrawn ? known.epoch + 1 : known.epoch, expiration: 0)
    if heartbeat.epoch < known.epoch { return (refusal, false) }
    if heartbeat.epoch > known.epoch {
      if !known.isWithdrawn, !endLife(place, heartbeat, at: interval, monotonic: monotonic) {
        return (Response(epoch: heartbeat.epoch, expiration: 0), false)
      }
      granted[place] = grant
      return (response, true)
    }
    if known.isWithdrawn || known.isOver { return (refusal, false) }
    granted[place] = grant
    granted[place].expiration = max(known.expiration, heartbeat.expiration)
    return (response, false)
  }

  /// A supported store asks in a later life. Its leases of the earlier one served no timestamp above what its clock showed, by what it
  /// said then and says now.
  /// - Returns: whether the clock has passed that.
  private mutating func endLife(
    _ place: Int, _ heartbeat: Heartbeat, at interval: ClockInterval, monotonic: Int64
  ) -> Bool {
    if !granted[place].isOver {
      let latest = max(heartbeat.expiration &- heartbeat.duration, granted[place].latest(at: monotonic))
      granted[place].expiration = min(granted[place].expiration, latest)
      granted[place].isOver = true
    }
    return interval.earliest > granted[place].expiration
  }

  /// The epoch in which this store supports another one now.
  func supportedEpoch(of node: NodeID) -> SupportEpoch? {
    guard let grant = granted.first(where: { $0.node == node }), !grant.isWithdrawn else { return nil }
    return grant.epoch
  }

  func supports(_ node: NodeID, in epoch: SupportEpoch) -> Bool { supportedEpoch(of: node) == epoch }

  /// Ends support that has run out. Nobody may act on that before `durable` is.
  mutating func withdrawExpired(at interval: ClockInterval, monotonic: Int64) -> [NodeID] {
    var withdrawn: [NodeID] = []
    for place in granted.indices where !granted[place].isWithdrawn {
      guard interval.earliest > granted[place].expiration, monotonic > granted[place].heldUntil else { continue }
      granted[place].isWithdrawn = true
      withdrawn.append(granted[place].node)
    }
    return withdrawn
  }
}
