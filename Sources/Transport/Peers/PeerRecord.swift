// What all reactors share about one peer. Each touches it seldom (dialling, heartbeats), counters aside, so a lock does.

import Synchronization

final class PeerRecord: Sendable {
  struct State {
    var address: NodeAddress?
    var identity: NodeIdentity?
    var clock = PeerClock()
    var isConnected = false
    var isUp: Bool?
    /// When heartbeats to it began.
    var firstPing: Int64?
    var lastHeard: Int64?
    /// What has been logged about not reaching it, so that it is said once.
    var loggedFailure: String?
  }

  let id: NodeID
  let state: Mutex<State>
  let shedCount = Atomic<Int>(0)
  let unsentCount = Atomic<Int>(0)

  init(_ id: NodeID, address: NodeAddress?) {
    self.id = id
    state = Mutex(State(address: address))
  }

  var address: NodeAddress? { state.withLock { $0.address } }

  /// Takes note of a failure to connect; whether it is news.
  func failed(_ text: String) -> Bool {
    state.withLock { state in
      defer { state.loggedFailure = text }
      return state.loggedFailure != text
    }
  }

  /// Takes note of a connection; whether failures were logged before.
  func connected() -> Bool {
    state.withLock { state in
      defer { state.loggedFailure = nil }
      return state.loggedFailure != nil
    }
  }

  func status(monotonic: Int64, wall: Int64) -> PeerStatus {
    let state = self.state.withLock { $0 }
    return PeerStatus(
      id: id, address: state.address, identity: state.identity, isConnected: state.isConnected, isUp: state.isUp,
      roundTrip: state.clock.roundTrip, clock: state.clock.offset(monotonic: monotonic, wall: wall),
      lastHeard: state.lastHeard, shedCount: shedCount.load(ordering: .relaxed),
      unsentCount: unsentCount.load(ordering: .relaxed))
  }
}
