// The store's liveness as all its reactors see it.

import Clocks
import Encoding
import Reactors
import Synchronization
import Transport

/// Says which stores this one supports, and which support it.
final class StoreSupport: Sendable {
  let node: NodeID
  private let state: Mutex<StoreLiveness>
  /// How many raises of this store's epoch are not durable yet; meanwhile it asks for no support.
  let isSaving = Mutex(0)
  /// Names this life of the store: no other one has begun with this epoch.
  let life: UInt64
  private let clock: NodeClock
  private let environment: any Environment

  init(node: NodeID, _ liveness: StoreLiveness, clock: NodeClock, environment: any Environment) {
    self.node = node
    self.clock = clock
    self.environment = environment
    life = liveness.life
    state = Mutex(liveness)
  }

  private var monotonic: Int64 { environment.monotonicNow().nanoseconds }

  var grants: [StoreSupportGrant] { state.withLock { $0.grants } }
  /// In which this store asks another one for support now.
  func epoch(for node: NodeID) -> SupportEpoch { state.withLock { $0.epoch(for: node) } }
  func supportedEpoch(of node: NodeID) -> SupportEpoch? { state.withLock { $0.supportedEpoch(of: node) } }
  func supports(_ node: NodeID, in epoch: SupportEpoch) -> Bool { state.withLock { $0.supports(node, in: epoch) } }
  func support(from node: NodeID) -> StoreLiveness.Received? { state.withLock { $0.support(from: node) } }

  /// Whether a lease that ends then still stands: by the clocks and by their rates.
  func isBefore(_ end: LeaseEnd) -> Bool {
    clock.interval().isCertainlyBefore(end.wall) && monotonic < end.monotonic
  }

  /// What stores promise each other now, as far as groups at rest depend on it. While it stays the same nothing changes for them.
  struct Promises: Equatable {
    /// By this store.
    var given: [StoreLiveness.Life] = []
    /// To this store: by whom, in which epoch of this one.
    var received: [StoreLiveness.Life] = []
  }

  var promises: Promises {
    let (given, received) = state.withLock { ($0.supported, $0.supporters) }
    return Promises(
      given: given,
      received: received.filter { isBefore($0.end) }.map { StoreLiveness.Life(node: $0.node, epoch: $0.epoch) })
  }

  func heartbeats(to nodes: [NodeID]) -> [StoreLiveness.Heartbeat] {
    let interval = clock.interval()
    let monotonic = monotonic
    return state.withLock { state in nodes.map { state.heartbeat(to: $0, at: interval, monotonic: monotonic) } }
  }

  /// The record to be made durable before the answer leaves, if it changed.
  func receive(
    _ heartbeat: StoreLiveness.Heartbeat, from node: NodeID
  ) -> (response: StoreLiveness.Response, record: [UInt8]?) {
    let interval = clock.interval()
    let monotonic = monotonic
    return state.withLock { state in
      let (response, mustPersist) = state.receive(heartbeat, from: node, at: interval, monotonic: monotonic)
      return (response, mustPersist ? Self.record(state) : nil)
    }
  }

  func mustAskAgain(_ response: StoreLiveness.Response, from node: NodeID) -> Bool {
    state.withLock { $0.mustAskAgain(response, from: node) }
  }

  /// The record to be made durable before the next heartbeat, if it changed.
  func receive(_ response: StoreLiveness.Response, from node: NodeID) -> [UInt8]? {
    state.withLock { state in state.receive(response, from: node) ? Self.record(state) : nil }
  }

  /// The record to be made durable before anything else is, if it changed.
  func withdrawExpired() -> [UInt8]? {
    let interval = clock.interval()
    let monotonic = monotonic
    return state.withLock { state in
      state.withdrawExpired(at: interval, monotonic: monotonic).isEmpty ? nil : Self.record(state)
    }
  }

  // MARK: - The record

  /// Its kind among the store's records.
  static let recordKind: UInt8 = 1

  /// Varint own epoch, count, { varint node, epoch | withdrawn, 1 byte }.
  private static func record(_ liveness: StoreLiveness) -> [UInt8] {
    var bytes: [UInt8] = []
    ValueEncoding.appendVarint(liveness.epoch, to: &bytes)
    let durable = liveness.durable
    ValueEncoding.appendVarint(UInt64(durable.count), to: &bytes)
    for grant in durable {
      ValueEncoding.appendVarint(UInt64(grant.node.rawValue), to: &bytes)
      ValueEncoding.appendVarint(grant.epoch, to: &bytes)
      bytes.append(grant.isWithdrawn ? 1 : 0)
    }
    return bytes
  }

  /// A store's liveness after a restart, in an epoch of its own, and the record that must be durable before it is used.
  static func restored(
    from record: [UInt8]?, duration: Int64, clock: NodeClock, environment: any Environment
  ) -> (liveness: StoreLiveness, record: [UInt8])? {
    var epoch: SupportEpoch = 0
    var granted: [(node: NodeID, epoch: SupportEpoch, isWithdrawn: Bool)] = []
    if let record {
      let isSound = record.withUnsafeBytes { raw -> Bool in
        var reader = ByteReader(raw)
        guard let own = reader.readVarint(), let count = reader.readVarint() else { return false }
        epoch = own
        for _ in 0..<count {
          guard let node = reader.readVarint().flatMap({ UInt32(exactly: $0) }), let epoch = reader.readVarint(),
            let flag = reader.readUInt8()
          else { return false }
          granted.append((NodeID(rawValue: node), epoch, flag != 0))
        }
        return true
      }
      guard isSound else { return nil }
    }
    let liveness = StoreLiveness(
      duration: duration, epoch: epoch + 1, granted: granted, at: clock.interval(),
      monotonic: environment.monotonicNow().nanoseconds)
    return (liveness, Self.record(liveness))
  }
}

/// When a lease ends unless it is extended: nanoseconds since 1970, and of this node's monotonic clock.
struct LeaseEnd: Equatable {
  var wall: Int64
  var monotonic: Int64

  static let never = LeaseEnd(wall: .max, monotonic: .max)
  static let past = LeaseEnd(wall: 0, monotonic: 0)
}
