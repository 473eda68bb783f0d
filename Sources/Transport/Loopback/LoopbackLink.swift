// One end of a link within the process. The other end's writes come to this end's inbox at once and become due with their delay; they are
// taken out in order, so that a frame waits for those before it, as in a stream.

import DequeModule
import Reactors
import Synchronization

/// `@unchecked Sendable`: all but the inbox, which has a lock, is confined to `reactor` once the link is in use.
final class LoopbackLink: Link, @unchecked Sendable {
  /// What may be under way to a reader, in bytes, before the writer must wait: about a socket's buffers.
  static let windowByteCount = 1 << 20

  private enum Item {
    case frame(Frame)
    case end
  }

  private struct Inbox {
    var items: Deque<(item: Item, isDue: Bool)> = []
    /// How many have been taken out, ever.
    var taken = 0
    var byteCount = 0
    var isWriterWaiting = false
    var isBroken = false
  }

  let local: NodeAddress
  let remote: NodeAddress
  let reactor: Reactor
  /// Set before the link is in use.
  var serial: UInt64 = 0
  private let network: LoopbackNetwork
  /// The other end; gone when it has been closed and forgotten there.
  private weak var other: LoopbackLink?
  private let inbox = Mutex(Inbox())
  private var owner: (any LinkOwner)?
  private var isPaused = false
  private var isDelivering = false

  init(_ network: LoopbackNetwork, local: NodeAddress, remote: NodeAddress, _ reactor: Reactor) {
    self.network = network
    self.local = local
    self.remote = remote
    self.reactor = reactor
  }

  var peer: String { "\(remote)" }

  func pair(_ other: LoopbackLink) { self.other = other }
  func own(_ owner: any LinkOwner) { self.owner = owner }

  /// The dial has succeeded.
  func opened(_ owner: any LinkOwner, on reactor: isolated Reactor) {
    guard !inbox.withLock({ $0.isBroken }) else {
      owner.closed("connection reset by peer", on: reactor)
      return
    }
    self.owner = owner
    owner.opened(self, on: reactor)
    deliver(on: reactor)
  }

  // MARK: Writing

  var isWritable: Bool {
    guard let other else { return true }
    return other.inbox.withLock { inbox in
      if inbox.isBroken || inbox.byteCount < Self.windowByteCount { return true }
      inbox.isWriterWaiting = true
      return false
    }
  }

  func write(_ frame: Frame, on reactor: isolated Reactor) {
    send(.frame(frame), .frame(frame.purpose, frame.message.kind), frame.byteCount)
  }

  func flush(on reactor: isolated Reactor) {}

  private func send(_ item: Item, _ content: LoopbackNetwork.Packet.Content, _ byteCount: Int) {
    guard let other, !inbox.withLock({ $0.isBroken }) else { return }
    let packet = LoopbackNetwork.Packet(source: local, target: remote, content: content, byteCount: byteCount)
    switch network.fate(packet) {
    case .lose: break
    case .reset:
      other.breakOff("connection reset by peer")
      breakOff("connection reset by peer")
    case .deliver(let delay):
      let number = other.inbox.withLock { inbox -> Int? in
        if inbox.isBroken { return nil }
        inbox.items.append((item, false))
        inbox.byteCount += byteCount
        return inbox.taken + inbox.items.count - 1
      }
      guard let number else { return }
      LoopbackNetwork.run(on: other.reactor, after: delay) { other.arrived(number, on: $0) }
    }
  }

  func close(on reactor: isolated Reactor) {
    guard owner != nil else { return }
    owner = nil
    send(.end, .close, 0)
    inbox.withLock { $0.isBroken = true }
    network.ended(self)
  }

  // MARK: Reading

  private func arrived(_ number: Int, on reactor: isolated Reactor) {
    inbox.withLock { inbox in
      let position = number - inbox.taken
      if inbox.items.indices.contains(position) { inbox.items[position].isDue = true }
    }
    deliver(on: reactor)
  }

  func pauseReading(_ isPaused: Bool, on reactor: isolated Reactor) {
    self.isPaused = isPaused
    if !isPaused { deliver(on: reactor) }
  }

  private func deliver(on reactor: isolated Reactor) {
    guard !isDelivering else { return }
    isDelivering = true
    defer { isDelivering = false }
    while !isPaused, let owner, let item = take() {
      switch item {
      case .frame(let frame): owner.received(frame, on: reactor)
      case .end: broken("the other side closed it", on: reactor)
      }
    }
  }

  private func take() -> Item? {
    let (item, wakesWriter) = inbox.withLock { inbox -> (Item?, Bool) in
      guard !inbox.isBroken, let first = inbox.items.first, first.isDue else { return (nil, false) }
      inbox.items.removeFirst()
      inbox.taken += 1
      if case .frame(let frame) = first.item { inbox.byteCount -= frame.byteCount }
      guard inbox.isWriterWaiting, inbox.byteCount < Self.windowByteCount / 2 else { return (first.item, false) }
      inbox.isWriterWaiting = false
      return (first.item, true)
    }
    if wakesWriter, let other { other.reactor.enqueue { other.owner?.becameWritable(on: $0) } }
    return item
  }

  /// From any thread: nothing that is under way arrives any more, and the owner is told.
  func breakOff(_ reason: String) {
    let isNews = inbox.withLock { inbox in
      defer { inbox.isBroken = true }
      return !inbox.isBroken
    }
    network.ended(self)
    if isNews { reactor.enqueue { self.broken(reason, on: $0) } }
  }

  private func broken(_ reason: String, on reactor: isolated Reactor) {
    inbox.withLock { $0.isBroken = true }
    network.ended(self)
    guard let owner else { return }
    self.owner = nil
    owner.closed(reason, on: reactor)
  }
}
