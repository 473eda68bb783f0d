// How a node comes to its place in a cluster. All that decides runs in one place, a round on the first reactor: ask the nodes that this one
// was told to join; if one of them is a member, take the number that it gives; only if none is, and `meridian init` was called here, begin
// a cluster. Rounds follow each other until the node is a member.
//
// A number is given once: it comes from a counter in the cluster itself. The identity is on disk before it is used. A number whose reply is
// lost is nobody's for ever.

import Certificates
import Logging
import PGWire
import Ranges
import Reactors
import Sessions
import Storage
import Transactions
import Transport

/// What a node without a place does.
struct JoiningState {
  var isRoundUnderWay = false
  /// Whether another round is to follow at once.
  var isRoundWanted = false
  /// Who waits for the cluster to begin here.
  var initialisations: [UnsafeContinuation<InitialisationReply, Never>] = []
  /// What went wrong when each node was last asked, by its address.
  var failures: [NodeAddress: String] = [:]
}

extension Node {
  // MARK: The transport

  static func makeTransport(
    _ cluster: ClusterConfiguration, _ identity: StoreIdentity?, _ certificates: NodeCertificates?,
    environment: ProductionEnvironment, logger: Logger
  ) -> NodeTransport {
    var random = environment.makeRandom("boot")
    let security = certificates.map { TransportSecurity.certificates($0.transport) } ?? .insecure
    // Who is believed to be dead is not waited for: its connections are given up about when its ranges are led elsewhere.
    var options = TransportOptions()
    options.heartbeatInterval = min(options.heartbeatInterval, cluster.supportDuration / 3)
    if cluster.timeSources.isClusterTime {
      // The bounds widen between answers of the node whose clock counts.
      let silence = options.silentHeartbeatCount * options.heartbeatInterval
      options.heartbeatInterval = min(options.heartbeatInterval, clockHeartbeatInterval)
      options.silentHeartbeatCount = silence / options.heartbeatInterval
    }
    return NodeTransport(
      environment: environment,
      identity: NodeIdentity(
        clusterID: identity?.cluster, nodeID: identity?.node, binaryVersion: ServerVersion.meridian,
        bootID: random.next(), machineBootID: cluster.machineBootID, reactorCount: environment.reactors.count,
        advertisedAddress: cluster.advertisedAddress),
      carrier: SocketCarrier(environment: environment, security: security), options: options, logger: logger)
  }

  /// Has the calls of this room answered, by members and by nodes that wait alike.
  func registerCalls() {
    guard let transport else { return }
    let stopping = CallRefusal("the node is stopping")
    transport.onCall(ClusterCall.join) { [weak self] _, message, reactor in
      guard let self else { return .failure(stopping) }
      return await answerJoin(message, on: reactor)
    }
    transport.onCall(ClusterCall.initialise) { [weak self] _, _, _ in
      guard let self else { return .failure(stopping) }
      return .success(await initialise().message(ClusterCall.initialise))
    }
    transport.onCall(ClusterCall.report) { [weak self] from, _, _ in
      guard let self else { return .failure(stopping) }
      guard let member, from != nil else { return .failure(CallRefusal("the node is in no cluster")) }
      return .success(await report(member).message(ClusterCall.report))
    }
    transport.onCall(ClusterCall.nodes) { [weak self] _, message, reactor in
      guard let self else { return .failure(stopping) }
      let request = NodesRequest(message) ?? NodesRequest(withReports: false)
      return .success(
        await nodes(withReports: request.withReports, on: reactor).message(ClusterCall.nodes))
    }
    transport.onCall(ClusterCall.decommission) { [weak self] _, message, reactor in
      guard let self else { return .failure(stopping) }
      return await answerDecommission(message, on: reactor)
    }
    transport.onCall(ClusterCall.ranges) { [weak self] from, _, _ in
      guard let self else { return .failure(stopping) }
      guard let member, from != nil else { return .failure(CallRefusal("the node is in no cluster")) }
      return .success(await rangeReport(member).message(ClusterCall.ranges))
    }
    transport.onCall(ClusterCall.check) { [weak self] from, message, reactor in
      guard let self else { return .failure(stopping) }
      return await answerCheck(message, isForwarded: from != nil, on: reactor)
    }
    transport.onCall(ClusterCall.scatter) { [weak self] from, message, _ in
      guard let self else { return .failure(stopping) }
      guard let member, from != nil else { return .failure(CallRefusal("the node is in no cluster")) }
      guard let request = ScatterRequest(message) else { return .failure(CallRefusal("the request makes no sense")) }
      return .success(ScatterReply(await scatter(request.ranges, member)).message(ClusterCall.scatter))
    }
    transport.onCall(ClusterCall.drain) { [weak self] _, _, _ in
      guard let self else { return .failure(stopping) }
      return .success(DrainReply(leaseCount: await drain()).message(ClusterCall.drain))
    }
    transport.onDismissal { [weak self] _ in self?.leave() }
    transport.onPeerStateChange { [weak self] peer, state, _ in
      if case .up(let identity) = state { self?.peerAnswers(peer, identity) }
    }
  }

  // MARK: Rounds

  /// What is done from the start on: the search for a cluster, or what members do.
  /// - Parameter identity: as its store has it.
  func beginMembership(_ identity: StoreIdentity?) {
    guard configuration.cluster != nil else {
      schedule(afterNanoseconds: 0) { node, reactor in await node.beginAlone(on: reactor) }
      return
    }
    if let identity, member == nil {
      schedule(afterNanoseconds: 0) { node, _ in await node.resume(identity) }
      return
    }
    if member == nil { wantSeeking() } else { beginMemberRounds() }
  }

  /// Goes on as the member that it was, once it knows the time.
  private func resume(_ identity: StoreIdentity) async {
    do throws(StorageError) {
      let isKnown = knownRecords.contains { $0.node == identity.node }
      try await becomeMember(identity, isServing: isKnown)
    } catch {
      if !isStopping { fail("cannot open the store: \(error)") }
      return
    }
    announce(identity)
    if isReady { for waiter in takeWaiters() { waiter.resume(returning: true) } }
    beginMemberRounds()
  }

  private func wantSeeking() {
    let begins = joining.withLock { joining in
      if joining.isRoundUnderWay {
        joining.isRoundWanted = true
        return false
      }
      joining.isRoundUnderWay = true
      return true
    }
    if begins { schedule(afterNanoseconds: 0) { node, reactor in await node.seekInTurn(on: reactor) } }
  }

  private func seekInTurn(on reactor: isolated Reactor) async {
    var goesOn = true
    while goesOn {
      await seek(on: reactor)
      goesOn = joining.withLock { joining in
        defer { joining.isRoundWanted = false }
        joining.isRoundUnderWay = joining.isRoundWanted
        return joining.isRoundWanted
      }
    }
    if member == nil, let interval = configuration.cluster?.seekInterval {
      schedule(afterNanoseconds: interval) { node, _ in node.wantSeeking() }
    }
  }

  /// Asks everybody once.
  private func seek(on reactor: isolated Reactor) async {
    guard let transport, let cluster = configuration.cluster, member == nil else { return }
    let own = transport.identity.advertisedAddress ?? cluster.rpcAddress
    let request = JoinRequest(address: own, clock: clockFacts).message(ClusterCall.join)
    for address in cluster.join where address != own && !isStopping {
      var failure: String?
      do throws(TransportError) {
        // A member may have to wait for the range that the number comes from.
        let reply = try await transport.call(request, to: address, timeoutNanoseconds: 20_000_000_000, on: reactor)
        switch JoinReply(reply) {
        case .joined(let identity, let places):
          await take(identity, places)
          return
        case .waiting: break
        case .refused(let reason):
          answerInitialisations(.refused("the cluster at \(address) refuses this node: \(reason)"))
          fail("the cluster at \(address) refuses this node: \(reason)")
          return
        case nil: failure = "it gave an answer that makes no sense"
        }
      } catch {
        failure = error.description
      }
      joining.withLock { $0.failures[address] = failure }
    }
    if joining.withLock({ !$0.initialisations.isEmpty }) { await beginCluster() }
  }

  // MARK: Becoming a member

  private func take(_ identity: StoreIdentity, _ places: [JoinReply.Place]) async {
    do throws(StorageError) {
      try await onRecordWorker { local throws(StorageError) in try identity.write(to: local) }
      if clockWatch.choice.isClusterTime { know(places, besides: identity.node) }
      try await becomeMember(identity, isServing: false)
    } catch {
      if !isStopping { fail("cannot join the cluster: \(error)") }
      return
    }
    announce(identity)
    know(places, besides: identity.node)
    logger.info("joined cluster \(identity.cluster)", metadata: ["node": "\(identity.node)"])
    answerInitialisations(.already(identity.cluster, identity.node))
    beginMemberRounds()
  }

  private func know(_ places: [JoinReply.Place], besides own: NodeID) {
    for place in places where place.node != own { transport?.setAddress(of: place.node, place.address) }
  }

  private func beginCluster() async {
    var random = environment.makeRandom("cluster")
    let cluster = ClusterID(&random)
    let identity: StoreIdentity
    do throws(StorageError) {
      identity = try await onRecordWorker { local throws(StorageError) in
        try StoreIdentity.bootstrap(local, cluster: cluster)
      }
      try await becomeMember(identity, isServing: false)
    } catch {
      answerInitialisations(.refused("the store cannot be prepared: \(error)"))
      if isStopping { return }
      fail("cannot begin a cluster: \(error)")
      return
    }
    announce(identity)
    logger.info("began cluster \(identity.cluster)", metadata: ["node": "\(identity.node)"])
    answerInitialisations(.begun(cluster))
    beginMemberRounds()
  }

  /// From now on this node talks to others as a member.
  func announce(_ identity: StoreIdentity) {
    guard let transport else { return }
    var own = transport.identity
    own.clusterID = identity.cluster
    own.nodeID = identity.node
    transport.setIdentity(own)
  }

  /// Runs what waits for the disk, off the reactors.
  private func onRecordWorker<R: Sendable>(
    _ work: @escaping @Sendable (LocalStore) throws(StorageError) -> R
  ) async throws(StorageError) -> R {
    let result = await environment.reactors[0].suspend {
      (continuation: UnsafeContinuation<Result<R, StorageError>, Never>) in
      recordWorker.submit { [local] in
        do throws(StorageError) {
          continuation.resume(returning: .success(try work(local)))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
    }
    return try result.get()
  }

  // MARK: Initialisation

  /// Begins a cluster on this node, unless it or one that it was told to join belongs to one.
  public func initialise() async -> InitialisationReply {
    if let identity = member?.identity { return .already(identity.cluster, identity.node) }
    guard configuration.cluster != nil, !isStopping else { return .refused("the node takes no part in a cluster") }
    return await withUnsafeContinuation { continuation in
      joining.withLock { $0.initialisations.append(continuation) }
      // The node may have become a member just now, or be stopping.
      if isStopping { answerInitialisations(.refused("the node is stopping")) }
      if let identity = member?.identity { answerInitialisations(.already(identity.cluster, identity.node)) }
      wantSeeking()
    }
  }

  func answerInitialisations(_ reply: InitialisationReply) {
    let waiting = joining.withLock { joining in
      defer { joining.initialisations = [] }
      return joining.initialisations
    }
    for continuation in waiting { continuation.resume(returning: reply) }
  }

  // MARK: Giving places

  private func answerJoin(
    _ message: NodeMessage, on reactor: isolated Reactor
  ) async -> Result<NodeMessage, CallRefusal> {
    guard let request = JoinRequest(message) else { return .failure(CallRefusal("the request makes no sense")) }
    func reply(_ reply: JoinReply) -> Result<NodeMessage, CallRefusal> { .success(reply.message(ClusterCall.join)) }
    guard let member else { return reply(.waiting) }
    if let objection = ClockAgreement.objection(toJoining: request.clock, clockFacts) {
      return reply(.refused(objection))
    }
    let transactions = member.gateways[reactor.index].access(on: reactor).transactions
    let number: Int64
    do throws(TransactionError) {
      number = try await transactions.increment(ClusterKeys.joinedCount, by: 1) + 1
    } catch {
      return .failure(CallRefusal("no number can be given to the node: \(error)"))
    }
    guard let number = UInt32(exactly: number), number <= Self.largestNode else {
      return reply(.refused("\(Self.largestNode) nodes have been given numbers, which are never given again"))
    }
    var places = knownRecords.filter { $0.standing != .gone }.map {
      JoinReply.Place(node: $0.node, address: $0.address)
    }
    if let own = transport?.identity.advertisedAddress {
      places.removeAll { $0.node == member.identity.node }
      places.append(JoinReply.Place(node: member.identity.node, address: own))
    }
    let identity = StoreIdentity(cluster: member.identity.cluster, node: NodeID(rawValue: number))
    logger.info(
      "a node joins", metadata: ["node": "\(identity.node)", "address": "\(request.address)"])
    return reply(.joined(identity, places))
  }

  /// Row ids hold a node's number in 12 bits.
  private static let largestNode: UInt32 = 4095

  // MARK: Clocks

  var clockFacts: ClockFacts {
    let choice = clockWatch.choice
    return ClockFacts(
      machineBootID: configuration.cluster?.machineBootID ?? "",
      maximumError: choice == .oneMachine ? nil : choice.permittedError, goesByClusterTime: choice.isClusterTime)
  }

  /// Nanoseconds between heartbeats where they tell the time: a fifth of a millisecond's drift.
  private static let clockHeartbeatInterval: Int64 = 200_000_000

  /// What stands between the node and its service.
  var obstacle: String {
    if isDraining || directory.withLock({ $0.isGone }), let own = nodeID {
      return directory.withLock { $0.isGone } ? Self.goneText(own) : "the node is draining"
    }
    if member != nil { return "the node makes itself known to its cluster" }
    if transport?.identity.nodeID != nil, let complaint = clockWatch.complaint { return complaint }
    guard let cluster = configuration.cluster else { return "the store is being opened" }
    let host = transport?.identity.advertisedAddress ?? cluster.rpcAddress
    var text = "the node belongs to no cluster yet: `meridian init --host \(host)` begins one"
    let failures = joining.withLock { $0.failures }
    let others = cluster.join.filter { $0 != host }
    if !others.isEmpty {
      text += ", or it joins that of "
      text += others.map { address in
        failures[address].map { "\(address) (\($0))" } ?? "\(address)"
      }.joined(separator: ", ")
    }
    return text
  }
}
