// A reactor closes the past of the ranges that it leads, tells other stores of it, and takes in what they tell: see `ClosedTimestampSender`.
// It comes round with the ticks, so that idle ranges cost nothing more.

import Clocks
import Encoding
import Reactors
import Synchronization
import Transport

/// How far behind true time leaseholders close the past, in nanoseconds; nil: they do not. Shared by the reactors of a store.
final class Closing: Sendable {
  private let state: Mutex<Int64?>
  init(lag: Int64?) { state = Mutex(lag) }
  var lag: Int64? { state.withLock { $0 } }
  func set(_ lag: Int64?) { state.withLock { $0 = lag } }
}

extension StoreShard {
  static let ticksPerUpdate: UInt64 = 2

  /// Whatever is led here writes nothing any more at or below what lies so far behind.
  func closePast() {
    guard network != nil, let lag = closing.lag else { return }
    closedSender.close(at: Timestamp(wall: max(0, clock.interval().earliest &- max(0, lag))))
  }

  /// Tells every store that answers what is closed in the ranges that it has a part in.
  func tellOfClosedPast() {
    guard let network, closing.lag != nil, !closedSender.closed.isZero else { return }
    let awake = awake.compactMap { replica in replica.closedWhileAwake().map { (replica, $0) } }
      .sorted { $0.1.range < $1.1.range }
    let era = closedSender.era
    func isAudience(_ replica: Replica, _ node: NodeID) -> Bool { replica.descriptor.replica(on: node) != nil }
    var updates: [(node: NodeID, update: ClosedTimestampUpdate)] = []
    for peer in network.peers() where peer.id != support.node {
      guard peer.isUp == true else {
        closedSender.beginAnew(for: peer.id)
        continue
      }
      let update = closedSender.update(
        for: peer.id,
        awake: awake.filter { isAudience($0.0, peer.id) }.map(\.1),
        resting: {
          sortedReplicas.filter { $0.closedEra == era && isAudience($0, peer.id) }.map(\.closedPosition)
        })
      updates.append((peer.id, update))
    }
    if updates.isEmpty { return }
    let me = Confined(self, to: reactor)
    let told = updates
    reactor.enqueue { reactor in me.access(on: reactor).send(told, on: reactor) }
  }

  private func send(_ updates: [(node: NodeID, update: ClosedTimestampUpdate)], on reactor: isolated Reactor) {
    for (node, update) in updates {
      let message = NodeMessage(kind: StoreMessageKind.closed, body: update.encoded())
      if network?.send(message, to: node, class: .system, from: reactor) != true { closedSender.beginAnew(for: node) }
    }
  }

  /// Takes the part of an update that is about ranges of this reactor.
  func take(_ update: ClosedTimestampUpdate, from node: NodeID, on reactor: isolated Reactor) {
    guard stopReason == nil else { return }
    let (notes, mustBeginAnew) = closedReceiver.receive(update, from: node)
    for note in notes { replica(note.position.range)?.hear(note) }
    guard mustBeginAnew else { return }
    var writer = RangeWriter()
    writer.put(update.reactor)
    network?.send(
      NodeMessage(kind: StoreMessageKind.closedAgain, body: writer.bytes), to: node, class: .system, from: reactor)
  }

  /// How far behind the past is closed in the replicas that do not lead, at most.
  var closedLag: Int64 {
    let now = clock.interval().earliest
    return sortedReplicas.reduce(0) { max($0, $1.closedLag(at: now) ?? 0) }
  }
}

extension Store {
  /// Whether any replica may be asked for reads of the past.
  public var readsAnywhere: Bool { network != nil && closing.lag != nil }

  /// Changes how far behind true time leaseholders close the past, in nanoseconds; nil: they do not, since not all members of the cluster know how.
  public func setClosedLag(nanoseconds: Int64?) { closing.set(nanoseconds) }

  func receiveClosed(_ message: NodeMessage, from node: NodeID) {
    guard let update = try? ClosedTimestampUpdate(encoded: message.body) else { return }
    for index in environment.reactors.indices {
      let part = environment.reactors.count == 1 ? update : update.restricted { reactorIndex(of: $0) == index }
      let shard = confinedShard(index)
      environment.reactors[index].enqueue { reactor in
        shard.access(on: reactor).take(part, from: node, on: reactor)
      }
    }
  }

  /// A store has missed something that a reactor of this one has said.
  func tellClosedAgain(_ message: NodeMessage, to node: NodeID) {
    let index = message.body.withUnsafeBytes { raw -> Int? in
      var reader = RangeReader(raw)
      return try? reader.number(Int.self)
    }
    guard let index, environment.reactors.indices.contains(index) else { return }
    let shard = confinedShard(index)
    environment.reactors[index].enqueue { reactor in shard.access(on: reactor).closedSender.beginAnew(for: node) }
  }
}
