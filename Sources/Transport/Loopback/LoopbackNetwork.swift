// A network inside the process: for tests, for a demonstration of several nodes in one process, and beneath a simulation, whose faults it
// takes from a closure. It carries frames as they are; a link keeps the order of its frames, as TCP does.
//
// Every delivery is an event of the receiving reactor's executor, after the delay that the closure has given: in a simulation that is
// virtual time, and it dies with the receiver's machine. Two writes of one run happen in the same order, so a run is as reproducible
// as the reactors and the closure are.
// Before an address is used by a new life of its node all links of the old one are broken: nothing reaches the dead.

import Reactors
import Synchronization

/// Nodes within one process, by address.
public final class LoopbackNetwork: Sendable {
  /// Something that one side of a link sends to the other.
  public struct Packet: Sendable {
    public enum Content: Sendable, Hashable {
      /// The attempt to connect, from who dials, and its success, from who listens.
      case dial, accept
      case frame(Frame.Purpose, MessageKind)
      case close
    }
    /// The `kind` of the message in a frame.
    public typealias MessageKind = UInt16

    public var source: NodeAddress
    public var target: NodeAddress
    public var content: Content
    public var byteCount: Int
  }

  /// What becomes of it. A frame that is lost leaves a gap in its link, which is harsher than TCP: there loss is delay.
  public enum Fate: Sendable, Hashable {
    case deliver(afterNanoseconds: Int64)
    case lose
    /// The link breaks for both sides.
    case reset
  }

  fileprivate struct Listener: Sendable {
    var reactors: [Reactor]
    var next = 0
    var accept: @Sendable (any Link, isolated Reactor) -> any LinkOwner
  }

  private struct State {
    var listeners: [NodeAddress: Listener] = [:]
    var ends: [UInt64: LoopbackLink] = [:]
    var lastEnd: UInt64 = 0
    /// How often the process at an address has ended.
    var lives: [NodeAddress: Int] = [:]
    var nextPort = 30_000
  }

  private let state = Mutex(State())
  private let decide: @Sendable (Packet) -> Fate

  /// - Parameter fate: asked for every packet, in the order of sending as far as there is one.
  public init(fate: @escaping @Sendable (Packet) -> Fate = { _ in .deliver(afterNanoseconds: 0) }) { decide = fate }

  /// A node's way into the network, for one life of it. What it dials comes from `address`, which it listens on, too; what an earlier life
  /// of that address has left is broken.
  public func carrier(for address: NodeAddress, reactors: [Reactor]) -> LoopbackCarrier {
    disconnect(address)
    return LoopbackCarrier(self, address, reactors, life: state.withLock { $0.lives[address] ?? 0 })
  }

  /// The process at an address ends: all its links break, and its carrier neither dials nor listens any more. Other sides notice it at once.
  public func disconnect(_ address: NodeAddress) {
    state.withLock { state in
      state.listeners[address] = nil
      state.lives[address, default: 0] += 1
    }
    breakLinks(of: address)
  }

  /// Breaks all links of an address.
  public func breakLinks(of address: NodeAddress) {
    let broken = state.withLock { state in
      let broken = state.ends.filter { $0.value.local == address || $0.value.remote == address }
      for serial in broken.keys { state.ends[serial] = nil }
      return broken
    }
    for (_, end) in broken.sorted(by: { $0.key < $1.key }) { end.breakOff("connection reset by peer") }
  }

  func fate(_ packet: Packet) -> Fate { decide(packet) }

  // MARK: Links

  /// Nil if it cannot be listened on.
  fileprivate func listen(_ address: NodeAddress, _ listener: Listener, life: Int, of owner: NodeAddress)
    -> NodeAddress?
  {
    state.withLock { state in
      guard state.lives[owner] == life else { return nil }
      var address = address
      if address.port == 0 {
        address.port = state.nextPort
        state.nextPort += 1
      }
      guard state.listeners[address] == nil else { return nil }
      state.listeners[address] = listener
      return address
    }
  }

  fileprivate func stopListening(_ address: NodeAddress) { state.withLock { $0.listeners[address] = nil } }

  fileprivate func dial(
    _ source: NodeAddress, _ target: NodeAddress, _ owner: any LinkOwner, _ reactor: Reactor, life: Int
  ) {
    // A process that has ended sends nothing.
    guard state.withLock({ $0.lives[source] == life }) else { return }
    let packet = Packet(source: source, target: target, content: .dial, byteCount: 0)
    switch decide(packet) {
    case .lose: return
    case .reset: Self.run(on: reactor, after: 0) { owner.closed("connection reset by peer", on: $0) }
    case .deliver(let delay):
      let (chosen, targetLife) = state.withLock { state -> (Listener?, Int?) in
        guard let listener = state.listeners[target], !listener.reactors.isEmpty else { return (nil, nil) }
        state.listeners[target]?.next = (listener.next + 1) % listener.reactors.count
        return (listener, state.lives[target])
      }
      guard let chosen else {
        Self.run(on: reactor, after: delay) { owner.closed("connection refused", on: $0) }
        return
      }
      let there = chosen.reactors[chosen.next]
      Self.run(on: there, after: delay) { there in
        // Either side may have ended while this was on its way.
        let (isSourceAlive, isTargetAlive) = self.state.withLock {
          ($0.lives[source] == life, $0.lives[target] == targetLife)
        }
        guard isSourceAlive else { return }
        if isTargetAlive {
          self.accept(source, target, owner, reactor, chosen, there)
        } else {
          Self.run(on: reactor, after: 0) { owner.closed("connection refused", on: $0) }
        }
      }
    }
  }

  /// On the reactor that accepts.
  private func accept(
    _ source: NodeAddress, _ target: NodeAddress, _ owner: any LinkOwner, _ reactor: Reactor, _ listener: Listener,
    _ there: isolated Reactor
  ) {
    let near = LoopbackLink(self, local: source, remote: target, reactor)
    let far = LoopbackLink(self, local: target, remote: source, there)
    near.pair(far)
    far.pair(near)
    state.withLock { state in
      for end in [near, far] {
        state.lastEnd += 1
        end.serial = state.lastEnd
        state.ends[end.serial] = end
      }
    }
    far.own(listener.accept(far, there))
    switch decide(Packet(source: target, target: source, content: .accept, byteCount: 0)) {
    case .lose: near.breakOff("nobody waits for it")
    case .reset: far.breakOff("connection reset by peer")
    case .deliver(let delay): Self.run(on: reactor, after: delay) { near.opened(owner, on: $0) }
    }
  }

  func ended(_ end: LoopbackLink) { state.withLock { $0.ends[end.serial] = nil } }

  static func run(
    on reactor: Reactor, after nanoseconds: Int64, _ work: @escaping @Sendable (isolated Reactor) -> Void
  ) {
    if nanoseconds <= 0 {
      reactor.enqueue(work)
    } else {
      _ = reactor.schedule(afterNanoseconds: nanoseconds, work)
    }
  }
}

/// One node's way into a loopback network.
public final class LoopbackCarrier: Carrier {
  private let network: LoopbackNetwork
  private let address: NodeAddress
  private let reactors: [Reactor]
  private let life: Int
  private let bound = Mutex<NodeAddress?>(nil)

  fileprivate init(_ network: LoopbackNetwork, _ address: NodeAddress, _ reactors: [Reactor], life: Int) {
    self.life = life
    self.network = network
    self.address = address
    self.reactors = reactors
  }

  public func listen(
    on address: NodeAddress, accept: @escaping @Sendable (any Link, isolated Reactor) -> any LinkOwner
  ) async throws(TransportError) -> NodeAddress {
    let listener = LoopbackNetwork.Listener(reactors: reactors, accept: accept)
    guard let bound = network.listen(address, listener, life: life, of: self.address) else {
      throw .unreachable("cannot listen on \(address): address already in use")
    }
    self.bound.withLock { $0 = bound }
    return bound
  }

  public func dial(
    _ address: NodeAddress, owner: any LinkOwner, limit nanoseconds: Int64, on reactor: isolated Reactor
  ) {
    network.dial(self.address, address, owner, reactor, life: life)
  }

  public func stopListening() async {
    let address = bound.withLock { bound in
      defer { bound = nil }
      return bound
    }
    if let address { network.stopListening(address) }
  }
}
