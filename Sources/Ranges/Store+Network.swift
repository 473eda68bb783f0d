// The store among others: messages of groups, requests for support, requests to ranges, pieces of snapshots.

import Clocks
import Encoding
import Raft
import Reactors
import Storage
import Transport

/// Kinds of messages of this room; other rooms use others.
enum StoreMessageKind {
  static let groups: UInt16 = 1
  static let heartbeat: UInt16 = 2
  static let heartbeatResponse: UInt16 = 3
  static let closed: UInt16 = 4
  static let closedAgain: UInt16 = 5
  static let bequest: UInt16 = 6
  // Calls
  static let request: UInt16 = 16
  static let snapshot: UInt16 = 17
  static let lockWaits: UInt16 = 18
  static let contention: UInt16 = 21
  static let check: UInt16 = 19
  static let frozen: UInt16 = 20
}

/// What a range answered, and under which lease.
public struct RangeReply: Sendable {
  public var response: RangeResponse
  /// Under which what the transaction has locked there counts. 0: of no replica.
  public var lease: UInt64

  public init(response: RangeResponse, lease: UInt64) {
    self.response = response
    self.lease = lease
  }
}

extension Store {
  /// Has the network's messages handled, and begins to tick.
  func beginNetworking() {
    for index in environment.reactors.indices { scheduleTick(shard: index) }
    guard let network else { return }
    network.onMessage(StoreMessageKind.groups) { [weak self] node, message, reactor in
      self?.receiveGroups(message, from: node)
    }
    network.onMessage(StoreMessageKind.heartbeat) { [weak self] node, message, _ in
      self?.receiveHeartbeat(message, from: node)
    }
    network.onMessage(StoreMessageKind.heartbeatResponse) { [weak self] node, message, _ in
      self?.receiveHeartbeatResponse(message, from: node)
    }
    network.onMessage(StoreMessageKind.closed) { [weak self] node, message, _ in
      self?.receiveClosed(message, from: node)
    }
    network.onMessage(StoreMessageKind.closedAgain) { [weak self] node, message, _ in
      self?.tellClosedAgain(message, to: node)
    }
    network.onMessage(StoreMessageKind.bequest) { [weak self] node, message, _ in
      self?.receiveBequest(message, from: node)
    }
    network.onCall(StoreMessageKind.request) { [weak self] node, message, _ in
      guard let self else { return .failure(CallRefusal("the node is stopping")) }
      return await answer(message, from: node)
    }
    network.onCall(StoreMessageKind.snapshot) { [weak self] _, message, _ in
      guard let self else { return .failure(CallRefusal("the node is stopping")) }
      return await takeSnapshot(message)
    }
    network.onCall(StoreMessageKind.contention) { [weak self] _, _, _ in
      guard let self else { return .failure(CallRefusal("the node is stopping")) }
      return .success(await answerContention())
    }
    network.onCall(StoreMessageKind.lockWaits) { [weak self] _, _, _ in
      guard let self else { return .failure(CallRefusal("the node is stopping")) }
      return .success(await answerLockWaits())
    }
    network.onCall(StoreMessageKind.frozen) { [weak self] _, message, _ in
      guard let self else { return .failure(CallRefusal("the node is stopping")) }
      return await answerFrozen(message)
    }
    scheduleHeartbeat()
  }

  // MARK: - Groups

  private func scheduleTick(shard index: Int) {
    let shard = confinedShard(index)
    _ = environment.reactors[index].schedule(afterNanoseconds: Limits.tickInterval) { [weak self] reactor in
      guard let self, !isStopped else { return }
      shard.access(on: reactor).tick()
      scheduleTick(shard: index)
    }
  }

  private func receiveGroups(_ message: NodeMessage, from node: NodeID) {
    guard let envelopes = try? RangeEnvelope.decode(message.body, message.payloads) else { return }
    for index in environment.reactors.indices {
      let own = envelopes.filter { reactorIndex(of: $0.range) == index }
      if own.isEmpty { continue }
      let shard = confinedShard(index)
      environment.reactors[index].enqueue { reactor in
        for envelope in own { shard.access(on: reactor).receive(envelope, from: node) }
      }
    }
  }

  // MARK: - Support

  private func scheduleHeartbeat() {
    _ = environment.reactors[0].schedule(afterNanoseconds: supportInterval) { [weak self] reactor in
      guard let self, !isStopped else { return }
      sendHeartbeats(on: reactor)
      scheduleHeartbeat()
    }
    environment.reactors[0].enqueue { [weak self] reactor in self?.sendHeartbeats(on: reactor) }
    scheduleWithdrawal()
  }

  /// Twice may an answer be lost before support runs out.
  private var supportInterval: Int64 { options.withLock { $0.supportDuration } / 3 }

  private func scheduleWithdrawal() {
    _ = environment.reactors[0].schedule(afterNanoseconds: Limits.tickInterval) { [weak self] reactor in
      guard let self, !isStopped else { return }
      // Whatever is written later, votes among it, becomes durable after the withdrawal.
      if let record = support.withdrawExpired() {
        writer.setRecord(StoreSupport.recordKind, record)
      }
      scheduleWithdrawal()
    }
  }

  /// Between requests for support that are answered with "not yet".
  private static let askAgainInterval: Int64 = 20_000_000

  private func sendHeartbeats(on reactor: isolated Reactor) {
    if let network { sendHeartbeats(to: network.peerIDs, on: reactor) }
  }

  private func sendHeartbeats(to peers: [NodeID], on reactor: isolated Reactor) {
    guard let network else { return }
    if peers.isEmpty || support.isSaving.withLock({ $0 > 0 }) { return }
    for (peer, heartbeat) in zip(peers, support.heartbeats(to: peers)) {
      var writer = RangeWriter()
      writer.put(heartbeat.epoch)
      writer.putSigned(heartbeat.expiration)
      writer.putSigned(heartbeat.duration)
      let message = NodeMessage(kind: StoreMessageKind.heartbeat, body: writer.bytes)
      network.send(message, to: peer, class: .system, from: reactor)
    }
  }

  private func receiveHeartbeat(_ message: NodeMessage, from node: NodeID) {
    let heartbeat = message.body.withUnsafeBytes { raw -> StoreLiveness.Heartbeat? in
      var reader = RangeReader(raw)
      guard let epoch = try? reader.number(), let expiration = try? reader.signed(),
        let duration = try? reader.signed(),
        duration > 0
      else { return nil }
      return StoreLiveness.Heartbeat(epoch: epoch, expiration: expiration, duration: duration)
    }
    guard let heartbeat, !isStopped, isAnswered(by: node, within: heartbeat.duration) else { return }
    let (response, record) = support.receive(heartbeat, from: node)
    if let record {
      writer.setRecord(StoreSupport.recordKind, record) { [weak self] in self?.respond(response, to: node) }
    } else {
      respond(response, to: node)
    }
  }

  /// Whether a node hears this one, as far as its answers tell. One that does not could neither lead nor learn that it is supported, and
  /// support in one direction would keep others from leading in its place.
  private func isAnswered(by node: NodeID, within duration: Int64) -> Bool {
    guard let network, let peer = network.peer(node) else { return false }
    guard let heard = peer.lastHeard else { return peer.isUp != false }
    // Two answers may be missing.
    let patience = max(duration / 3 * 2, network.heartbeatInterval / 5 * 11)
    return environment.monotonicNow().nanoseconds - heard <= patience
  }

  private func respond(_ response: StoreLiveness.Response, to node: NodeID) {
    guard let network else { return }
    var writer = RangeWriter()
    writer.put(response.epoch)
    writer.putSigned(response.expiration)
    let message = NodeMessage(kind: StoreMessageKind.heartbeatResponse, body: writer.bytes)
    environment.reactors[0].enqueue { reactor in
      network.send(message, to: node, class: .system, from: reactor)
    }
  }

  private func receiveHeartbeatResponse(_ message: NodeMessage, from node: NodeID) {
    let response = message.body.withUnsafeBytes { raw -> StoreLiveness.Response? in
      var reader = RangeReader(raw)
      guard let epoch = try? reader.number(), let expiration = try? reader.signed() else { return nil }
      return StoreLiveness.Response(epoch: epoch, expiration: expiration)
    }
    guard let response, !isStopped else { return }
    if support.mustAskAgain(response, from: node) {
      _ = environment.reactors[0].schedule(afterNanoseconds: Self.askAgainInterval) { [weak self] reactor in
        guard let self, !isStopped else { return }
        sendHeartbeats(to: [node], on: reactor)
      }
    }
    guard let record = support.receive(response, from: node) else { return }
    // An epoch that a crash could forget would be used again by the next life.
    support.isSaving.withLock { $0 += 1 }
    writer.setRecord(StoreSupport.recordKind, record) { [support] in support.isSaving.withLock { $0 -= 1 } }
  }

  // MARK: - Requests

  /// Asks a range's replica on another node.
  public func call(
    _ request: RangeRequest, _ header: TransactionHeader, range: RangeID, on node: NodeID, timeout: Int64,
    from reactor: isolated Reactor
  ) async throws(TransportError) -> RangeReply {
    guard let network else { throw .unreachable("this node is alone") }
    var writer = RangeWriter()
    writer.put(range.rawValue)
    header.encode(into: &writer)
    request.encode(into: &writer)
    let asked = clock.interval()
    writer.put(claim: asked)
    let reply = try await network.call(
      NodeMessage(kind: StoreMessageKind.request, body: writer.bytes), to: node, class: .system,
      timeoutNanoseconds: timeout, on: reactor)
    let decoded = try? reply.body.span.withUnsafeBytes {
      (raw) throws(MalformedMessage) -> (RangeReply, ClockInterval?) in
      var reader = RangeReader(raw)
      let lease = try reader.number()
      let reply = RangeReply(response: try RangeResponse(from: &reader, payloads: reply.payloads), lease: lease)
      // Nodes of an earlier version claim nothing.
      return (reply, reader.isAtEnd ? nil : try reader.claim())
    }
    guard let (answer, claim) = decoded else { throw .refused("node \(node) gave an answer that makes no sense") }
    if let claim { clockWatch?.judge(claim, of: node, since: asked.earliest) }
    return answer
  }

  /// `call`, for asynchronous code of a reactor that the compiler does not see on it.
  public func reactorCall(
    _ request: RangeRequest, _ header: TransactionHeader, range: RangeID, on node: NodeID, from reactor: Reactor,
    timeout: Int64? = nil
  ) async throws(TransportError) -> RangeReply {
    // A request may wait for locks as long as it likes; a connection that breaks ends it.
    try await call(
      request, header, range: range, on: node,
      timeout: timeout ?? (header.lockTimeout > 0 ? header.lockTimeout + 30_000_000_000 : Int64.max / 4),
      from: reactor)
  }

  private func answer(_ message: NodeMessage, from node: NodeID?) async -> Result<NodeMessage, CallRefusal> {
    let decoded = try? message.body.span.withUnsafeBytes {
      (raw) throws(MalformedMessage) -> (RangeID, TransactionHeader, RangeRequest, ClockInterval?) in
      var reader = RangeReader(raw)
      let range = RangeID(try reader.number())
      let header = try TransactionHeader(from: &reader)
      let request = try RangeRequest(from: &reader)
      return (range, header, request, reader.isAtEnd ? nil : try reader.claim())
    }
    guard let (range, sent, request, claim) = decoded else {
      return .failure(CallRefusal("the request makes no sense"))
    }
    if let node, let claim { clockWatch?.judge(claim, of: node, since: nil) }
    var header = sent
    if let node { header.coordinator = support.coordinator(node, at: environment.monotonicNow().nanoseconds) }
    let shard = confinedShard(reactorIndex(of: range))
    let reply = await reactor(of: range).perform { [header] reactor -> RangeReply in
      guard let replica = shard.access(on: reactor).replica(range) else {
        return RangeReply(response: .failed(.notLeaseholder(nil, leader: nil)), lease: 0)
      }
      let response = await replica.execute(request, header)
      return RangeReply(response: response, lease: replica.lease(of: header.id))
    }
    var writer = RangeWriter()
    writer.put(reply.lease)
    let payloads = reply.response.encode(into: &writer)
    writer.put(claim: clock.interval())
    return .success(NodeMessage(kind: StoreMessageKind.request, body: writer.bytes, payloads: payloads))
  }

  private func takeSnapshot(_ message: NodeMessage) async -> Result<NodeMessage, CallRefusal> {
    guard let piece = try? SnapshotPiece(encoded: message.body) else {
      return .failure(CallRefusal("the piece of a snapshot makes no sense"))
    }
    let shard = confinedShard(reactorIndex(of: piece.range))
    let refusal = await reactor(of: piece.range).perform { reactor in
      await shard.access(on: reactor).take(piece, message.payloads)
    }
    if let refusal { return .failure(CallRefusal(refusal)) }
    return .success(NodeMessage(kind: StoreMessageKind.snapshot))
  }
}
