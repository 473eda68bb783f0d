// Heartbeats: the first reactor asks every peer for the time, once per interval, over its system connection. The answers tell that the
// peer lives and can be reached in both directions, how long the way is, and how far its clock is off.

import Logging
import Reactors

extension Switchboard {
  /// One round.
  func beat(on reactor: isolated Reactor) {
    let now = context.monotonicNow
    let own = context.ownNode.load(ordering: .relaxed)
    for record in context.allPeers() where record.id.rawValue != own {
      connection(to: record.id, .system, on: reactor)?.ping(now, on: reactor)
      let options = context.options
      let isSilent = record.state.withLock { state in
        let heard = state.lastHeard ?? state.firstPing ?? now
        if state.firstPing == nil { state.firstPing = now }
        guard state.isUp != false, now - heard > options.silentHeartbeatCount * options.heartbeatInterval else {
          return false
        }
        state.isUp = false
        return true
      }
      if isSilent { fellSilent(record, on: reactor) }
    }
  }

  private func fellSilent(_ record: PeerRecord, on reactor: isolated Reactor) {
    context.logger.warning("node \(record.id) does not answer", metadata: ["node": "\(record.id)"])
    for board in all {
      board.reactor.enqueue { board.giveUp(record.id, "node \(record.id) does not answer", on: $0) }
    }
    for handler in context.handlersNow().peerStates { handler(record.id, .down, reactor) }
  }

  /// A heartbeat has been answered.
  func heard(_ pong: WirePong, from record: PeerRecord, _ identity: NodeIdentity, on reactor: isolated Reactor) {
    let now = context.monotonicNow
    let isNews = record.state.withLock { state in
      state.lastHeard = now
      state.clock.record(sent: Int64(bitPattern: pong.sent), received: now, wall: pong.wall)
      defer {
        state.isUp = true
        state.identity = identity
      }
      return state.isUp != true || state.identity?.bootID != identity.bootID
    }
    guard isNews else { return }
    for handler in context.handlersNow().peerStates { handler(record.id, .up(identity), reactor) }
  }
}
