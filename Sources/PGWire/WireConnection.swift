// HOT: One client: its messages in order, its session, its output. A message that comes while no other is being worked on is
// worked on at once, inside the socket's read callback; the task suspends only where the session truly waits.
//
// Ordering: messages are answered in the order in which they came. Output leaves when the queue is empty, on `Flush`,
// or past `Limits.outputByteCount`; until then an automatic retry may take it back.
// Source: PostgreSQL manual, 55.2 "Message Flow".

import DequeModule
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Reactors
import SQLTypes
import Sessions

/// `@unchecked Sendable`: confined to `reactor`, whose executor is the channel's event loop; every method runs there.
final class WireConnection: ClientChannel, @unchecked Sendable {
  enum Limits {
    /// Output beyond this leaves before the statement ends: bounds memory, and ends the time for retries.
    static let outputByteCount = 1 << 16
    /// Whole messages beyond this many bytes, or this many, stop the reading from the socket until half is worked off.
    static let queuedByteCount = 8 << 20
    static let queuedMessageCount = 10_000
  }

  let reactor: Reactor
  let context: WireContext
  private let channel: any Channel
  private let pipeline: ChannelPipeline.SynchronousOperations
  /// The channel's socket, once something was sent. Closed with the channel, after which nothing is sent.
  private var socket: NIOBSDSocket.Handle?
  /// Pieces of output that are still on their way through the channel.
  private var queuedOutputCount = 0
  private let turn: LoopTurn
  private var decoder = FrontendDecoder()
  private var queue: Deque<(message: FrontendMessage, byteCount: Int)> = []
  private var queuedByteCount = 0
  private var isReadingPaused = false
  private var encoder = BackendEncoder()
  /// Bytes that have left before the ones in `encoder`.
  private var flushedByteCount = 0
  private var session: Session?
  private var process: Int32 = 0
  private var secret: Int32 = 0
  private var isWorking = false
  private var isStarted = false
  /// Where the task waits for messages.
  private var idle: UnsafeContinuation<Void, Never>?
  private var isClosed = false
  /// The last message to the client has been written: what it still sends is dropped.
  private var isEnding = false
  /// Encryption, once the client has asked for it.
  private var encryption: NIOSSLServerHandler?
  /// The client is asked who it is, to go on with this startup message.
  private var login: (state: Login, startup: Startup)?
  /// The node is stopping: the connection ends as soon as its client is between transactions.
  private var isDraining = false
  /// What waits for COPY data shall stop waiting.
  private var isCopyInterrupted = false
  /// After an error in the extended protocol, messages are dropped until `Sync`.
  private var skipsToSync = false
  private var messageWaiter: UnsafeContinuation<Void, Never>?
  private var drainWaiter: UnsafeContinuation<Void, Never>?
  private var described: (columns: [ResultColumn], formats: [ValueFormat], bytes: [UInt8]) = ([], [], [])
  private var rowInfos: [TypeInfo] = []
  private var rowFormat: RowFormat?

  init(channel: any Channel, reactor: Reactor, turn: LoopTurn, context: WireContext) {
    self.turn = turn
    self.channel = channel
    pipeline = channel.pipeline.syncOperations
    self.reactor = reactor
    self.context = context
  }

  /// What a startup message asks for.
  private struct Startup {
    var user: String
    var database: String
    var parameters: [(name: String, value: String)]
  }

  // MARK: From the channel

  /// Called on the reactor, in the socket's callback.
  func received(_ bytes: UnsafeRawBufferPointer) {
    if isEnding { return }
    decoder.append(bytes)
    do {
      var pending = decoder.pendingByteCount
      while let message = try decoder.next() {
        let byteCount = pending - decoder.pendingByteCount
        pending = decoder.pendingByteCount
        if case .cancelRequest(let process, let secret) = message, session == nil {
          // Here and not in its turn: who asks often closes at once, and what a closed connection has queued is dropped.
          // Clients take the end of this connection for a sign that the request cannot hit what they send from then on.
          context.registry.cancel(process: process, secret: secret) { [channel] in channel.close(promise: nil) }
          return
        }
        queue.append((message, byteCount))
        queuedByteCount += byteCount
      }
    } catch {
      fail(SQLError(.protocolViolation, error.message))
      return
    }
    if let waiter = messageWaiter {
      messageWaiter = nil
      waiter.resume()
    } else if !isWorking, !queue.isEmpty {
      wake()
    }
    if !isReadingPaused, queue.count > Limits.queuedMessageCount || queuedByteCount > Limits.queuedByteCount {
      isReadingPaused = true
      channel.setOption(.autoRead, value: false).whenComplete { _ in }
    }
  }

  /// The next message. Every way to take one leads through here, so that reading goes on once enough is taken.
  private func nextMessage() -> FrontendMessage? {
    guard let next = queue.popFirst() else { return nil }
    queuedByteCount -= next.byteCount
    if isReadingPaused, queue.count <= Limits.queuedMessageCount / 2, queuedByteCount <= Limits.queuedByteCount / 2 {
      isReadingPaused = false
      channel.setOption(.autoRead, value: true).whenComplete { _ in }
    }
    return next.message
  }

  func writabilityChanged(on reactor: isolated Reactor) {
    if channel.isWritable, let waiter = drainWaiter {
      drainWaiter = nil
      waiter.resume()
    }
  }

  /// The client is gone.
  func closed(on reactor: isolated Reactor) {
    guard !isClosed else { return }
    isClosed = true
    if process != 0 { context.registry.unregister(process) }
    session?.cancelCurrentStatement()
    for waiter in [messageWaiter, drainWaiter] { waiter?.resume() }
    messageWaiter = nil
    drainWaiter = nil
    if !isWorking, isStarted { wake() }
  }

  /// The node is stopping: an idle client goes at once, another when its transaction ends, or now if `isForced`.
  func shutDown(isForced: Bool, on reactor: isolated Reactor) {
    guard !isClosed else { return }
    isDraining = true
    if isForced {
      session?.cancelCurrentStatement()
      failForShutdown()
    } else {
      endIfDrained()
    }
  }

  private func endIfDrained() {
    guard isDraining, !isWorking, session == nil || session?.status == .idle else { return }
    failForShutdown()
  }

  private func failForShutdown() {
    fail(SQLError(.adminShutdown, "terminating connection due to administrator command"))
  }

  /// Tells the client why, then closes.
  private func fail(_ error: SQLError) {
    guard !isEnding else { return }
    encoder.error(error, severity: "FATAL")
    flushOutput()
    isEnding = true
    channel.close(promise: nil)
  }

  // MARK: Work

  /// There are messages, or the connection has come to its end. One task serves a connection for life: a new one for each message
  /// would ask for memory for all of its frames anew.
  private func wake() {
    isWorking = true
    turn.addReceived(self)
  }

  /// Its turn has come.
  func takeTurn() {
    if let idle {
      self.idle = nil
      reactor.resume(idle)
    } else if !isStarted {
      isStarted = true
      reactor.spawn { _ in await self.work() }
    }
  }

  private nonisolated(nonsending) func work() async {
    while !isClosed {
      while !isClosed, !isEnding, let message = nextMessage() {
        if !answersAtOnce(message) { await handle(message) }
        if queue.isEmpty, !encoder.bytes.isEmpty { turn.addAnswered(self) }
      }
      if isClosed { break }
      isWorking = false
      endIfDrained()
      // Whoever wakes it before it waits finds nobody to resume.
      await withUnsafeContinuation { if isClosed || isWorking { $0.resume() } else { idle = $0 } }
    }
    if let session {
      self.session = nil
      await session.close()
    }
  }

  /// Handles what needs not wait for anything; false: `handle` must do it.
  private func answersAtOnce(_ message: FrontendMessage) -> Bool {
    guard let session, !skipsToSync else { return false }
    switch message {
    case .bind(let bind):
      // An error is told by whoever can wait for what follows from it.
      guard (try? self.bind(bind, session)) != nil else { return false }
    case .describe(.portal, let name):
      guard (try? describePortal(name, session)) != nil else { return false }
    case .sync:
      guard session.syncAtOnce() else { return false }
      encoder.readyForQuery(session.status)
    default: return false
    }
    return true
  }

  private func bind(_ bind: FrontendMessage.Bind, _ session: Session) throws(SQLError) {
    try session.bind(
      portal: bind.portal, statement: bind.statement, parameterFormats: bind.parameterFormats,
      parameters: bind.parameters, resultFormats: bind.resultFormats)
    encoder.bindComplete()
  }

  private func describePortal(_ name: String, _ session: Session) throws(SQLError) {
    let description = try session.describePortal(name)
    describe(description.columns, description.formats)
  }

  private nonisolated(nonsending) func handle(_ message: FrontendMessage) async {
    guard let session else {
      await handleBeforeSession(message)
      return
    }
    if skipsToSync {
      switch message {
      case .sync, .terminate: break
      default: return
      }
    }
    switch message {
    case .query(let text):
      await session.simpleQuery(text) { self.report($0) }
      encoder.readyForQuery(session.status)
    case .parse, .bind, .describe, .execute, .close:
      do throws(SQLError) {
        try await handleExtended(message, session)
      } catch {
        skipsToSync = true
        await session.extendedQueryFailed()
        report(error)
      }
    case .flush: flushOutput()
    case .sync:
      skipsToSync = false
      await session.sync { self.report($0) }
      encoder.readyForQuery(session.status)
    case .terminate:
      flushOutput()
      channel.close(promise: nil)
    case .copyData, .copyDone, .copyFail:
      // What a client still sends after a COPY has failed is dropped, as the manual says.
      break
    case .functionCall:
      report(SQLError(.featureNotSupported, "the fast-path function call protocol is not supported"))
      encoder.readyForQuery(session.status)
    case .startup, .sslRequest, .gssEncryptionRequest, .cancelRequest, .password:
      fail(SQLError(.protocolViolation, "unexpected message in an established session"))
    }
  }

  @inline(__always)
  private nonisolated(nonsending) func handleExtended(
    _ message: FrontendMessage, _ session: Session
  ) async throws(SQLError) {
    switch message {
    case .parse(let name, let query, let types):
      try await session.parse(name: name, query: query, types: types.map { SQLType(OID($0)) })
      encoder.parseComplete()
    case .bind(let bind): try self.bind(bind, session)
    case .describe(.statement, let name):
      let description = try session.describeStatement(name)
      encoder.parameterDescription(description.parameterTypes)
      describe(description.columns, [ValueFormat](repeating: .text, count: description.columns.count))
    case .describe(.portal, let name): try describePortal(name, session)
    case .execute(let portal, let maximumRowCount):
      try await session.execute(portal: portal, maximumRowCount: Int(max(0, maximumRowCount)))
    case .close(let target, let name):
      switch target {
      case .statement: session.closeStatement(name)
      case .portal: session.closePortal(name)
      }
      encoder.closeComplete()
    default: preconditionFailure("not a message of the extended protocol")
    }
  }

  /// The description of the same columns is the same bytes.
  private func describe(_ columns: [ResultColumn], _ formats: [ValueFormat]) {
    if columns.isEmpty {
      encoder.noData()
    } else if columns == described.columns, formats == described.formats {
      encoder.bytes.append(contentsOf: described.bytes)
    } else {
      let start = encoder.bytes.count
      encoder.rowDescription(columns, formats: formats)
      described = (columns, formats, Array(encoder.bytes[start...]))
    }
  }

  private func report(_ error: SQLError) {
    // Nothing that is still to be done for the transaction can succeed: the session ends, as the manual says.
    if error.state == .transactionTimeout { return fail(error) }
    encoder.error(error, severity: "ERROR")
  }

  // MARK: Startup

  private nonisolated(nonsending) func handleBeforeSession(_ message: FrontendMessage) async {
    switch message {
    case .sslRequest where context.security.certificates != nil && encryption == nil: encrypt()
    case .sslRequest, .gssEncryptionRequest:
      encoder.bytes.append(UInt8(ascii: "N"))
      flushOutput()
    case .startup(let major, let minor, let parameters):
      await start(major: major, minor: minor, parameters: parameters)
    case .password(let body) where login != nil: await continueLogin(body)
    case .terminate: channel.close(promise: nil)
    default:
      fail(SQLError(.protocolViolation, login == nil ? "expected a startup packet" : "expected SASL response"))
    }
  }

  private nonisolated(nonsending) func start(
    major: Int, minor: Int, parameters: [(name: String, value: String)]
  ) async {
    guard major == 3 else {
      fail(
        SQLError(
          .featureNotSupported, "unsupported frontend protocol \(major).\(minor): server supports 3.0 to 3.0"))
      return
    }
    let unknown = parameters.filter { $0.name.hasPrefix("_pq_.") }.map(\.name)
    if minor > 0 || !unknown.isEmpty { encoder.negotiateProtocolVersion(newestMinor: 0, unknownOptions: unknown) }
    guard let user = parameters.first(where: { $0.name == "user" })?.value, !user.isEmpty else {
      fail(
        SQLError(.invalidAuthorizationSpecification, "no PostgreSQL user name specified in startup packet"))
      return
    }
    let database = parameters.first { $0.name == "database" }?.value ?? user
    let reactor = self.reactor
    // Until it is closed, which takes it out again: held weakly each count of references to it would take a detour.
    let registered = context.registry.register(
      cancel: { [self] done in
        reactor.enqueue { _ in
          self.session?.cancelCurrentStatement()
          done()
        }
      },
      close: { [self] isForced in
        reactor.enqueue { reactor in self.shutDown(isForced: isForced, on: reactor) }
      })
    guard let registered else {
      fail(SQLError(.tooManyConnections, "sorry, too many clients already"))
      return
    }
    process = registered.process
    let startup = Startup(
      user: user, database: database.isEmpty ? user : database,
      parameters: parameters.filter {
        !["user", "database", "replication"].contains($0.name) && !$0.name.hasPrefix("_pq_.")
      })
    secret = registered.secret
    if let certificates = context.security.certificates {
      await beginLogin(startup, certificates)
    } else {
      await open(startup)
    }
  }

  /// The client may come in.
  private nonisolated(nonsending) func open(_ startup: Startup) async {
    do {
      let session = try await context.sessions.makeSession(
        on: reactor, user: startup.user, database: startup.database, parameters: startup.parameters,
        process: process, client: self)
      guard !isClosed else {
        await session.close()
        return
      }
      self.session = session
      encoder.authenticationOK()
      for (name, value) in session.reportedParameters { encoder.parameterStatus(name, value) }
      encoder.backendKey(process: process, secret: secret)
      encoder.readyForQuery(.idle)
    } catch {
      fail(error)
    }
  }

  // MARK: Encryption and login

  /// Agrees to TLS; everything after this byte goes through it.
  private func encrypt() {
    guard let certificates = context.security.certificates else { return }
    guard queue.isEmpty, decoder.pendingByteCount == 0 else {
      // What came in the clear would be taken for what came encrypted.
      fail(
        SQLError(
          .protocolViolation, "received unencrypted data after SSL request",
          detail: "This could be either a client-software bug or evidence of an attempted man-in-the-middle attack."))
      return
    }
    encoder.bytes.append(UInt8(ascii: "S"))
    flushOutput()
    let handler = NIOSSLServerHandler(context: certificates.context)
    do {
      try pipeline.addHandler(handler, position: .first)
      encryption = handler
    } catch {
      channel.close(promise: nil)
    }
  }

  /// Ends the connection if its client is not in after a while.
  func limitLogin() {
    _ = reactor.schedule(afterNanoseconds: Login.Limits.nanoseconds) { [weak self] _ in
      guard let self, self.session == nil, !self.isClosed else { return }
      self.isEnding = true
      self.channel.close(promise: nil)
    }
  }

  private nonisolated(nonsending) func beginLogin(_ startup: Startup, _ certificates: WireCertificates) async {
    if let encryption {
      if let shown = try? encryption.peerCertificate?.toDERBytes(), certificates.commonName(shown) == startup.user {
        await open(startup)
        return
      }
    } else if channel.remoteAddress?.isLoopback != true {
      let host = channel.remoteAddress?.ipAddress ?? "???"
      fail(
        SQLError(
          .invalidAuthorizationSpecification,
          "connections from host \"\(host)\" must be encrypted, user \"\(startup.user)\", database \"\(startup.database)\", no encryption",
          hint: "Connect with sslmode=require, or better with sslmode=verify-full."))
      return
    }
    do {
      let verifier = try await context.sessions.passwordVerifier(of: startup.user, on: reactor)
      guard !isClosed else { return }
      let state = Login(
        user: startup.user, verifier: verifier, isEncrypted: encryption != nil, certificates)
      encoder.authentication(state.begin())
      login = (state, startup)
      flushOutput()
    } catch {
      fail(error)
    }
  }

  private nonisolated(nonsending) func continueLogin(_ body: [UInt8]) async {
    guard var login = self.login else { return }
    self.login = nil
    do {
      switch try login.state.receive(body) {
      case .ask(let reply):
        self.login = login
        encoder.authentication(reply)
        flushOutput()
      case .accepted(let reply):
        encoder.authentication(reply)
        await open(login.startup)
      }
    } catch {
      context.logger.info(
        "login refused",
        metadata: [
          "user": "\(login.startup.user)", "address": "\(channel.remoteAddress?.ipAddress ?? "local")",
          "error": "\(error.message)",
        ])
      fail(error)
    }
  }

  // MARK: Output

  func flushOutput() {
    guard !encoder.bytes.isEmpty, !isClosed else { return }
    let byteCount = encoder.bytes.count
    let sent = encoder.bytes.withUnsafeBytes { sendAtOnce($0) }
    if sent < byteCount { queueOutput(from: sent) }
    flushedByteCount += byteCount
    encoder.bytes.removeAll(keepingCapacity: byteCount <= Limits.outputByteCount * 4)
  }

  /// Hands bytes to the socket itself, past the channel's pipeline, which does nothing with them as long as they need no encryption and
  /// nothing waits before them. Returns how many it took; what fails is for the channel to find out.
  private func sendAtOnce(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard encryption == nil, queuedOutputCount == 0 else { return 0 }
    if socket == nil {
      socket = try? pipeline.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { $0 }
    }
    guard let socket else { return 0 }
    return max(0, Glibc.send(socket, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)))
  }

  /// The rest leaves through the channel, as the client takes it.
  private func queueOutput(from start: Int) {
    let rest = encoder.bytes.count - start
    var buffer = channel.allocator.buffer(capacity: rest)
    encoder.bytes.withUnsafeBytes { _ = buffer.writeBytes($0[start...]) }
    queuedOutputCount += 1
    let promise = channel.eventLoop.makePromise(of: Void.self)
    promise.futureResult.whenComplete { [self] _ in queuedOutputCount -= 1 }
    pipeline.writeAndFlush(NIOAny(buffer), promise: promise)
  }

  var mark: OutputMark { OutputMark(position: flushedByteCount + encoder.bytes.count) }

  func rewind(to mark: OutputMark) -> Bool {
    guard mark.position >= flushedByteCount else { return false }
    encoder.bytes.removeSubrange((mark.position - flushedByteCount)...)
    return true
  }

  var mustDrain: Bool { encoder.bytes.count > Limits.outputByteCount || isClosed || !channel.isWritable }

  nonisolated(nonsending) func drain() async throws(SQLError) {
    if encoder.bytes.count > Limits.outputByteCount { flushOutput() }
    while !channel.isWritable, !isClosed {
      await withUnsafeContinuation { drainWaiter = $0 }
    }
    if isClosed { throw SQLError(.connectionFailure, "connection to client lost") }
  }

  func send(rowDescription columns: [ResultColumn], formats: [ValueFormat]) {
    encoder.rowDescription(columns, formats: formats)
  }

  func send(_ batch: Batch, _ format: RowFormat) {
    if format !== rowFormat {
      rowFormat = format
      rowInfos = format.columns.map(\.type.behavior)
    }
    encoder.dataRows(batch, format, infos: rowInfos)
  }

  func send(commandTag tag: String) { encoder.commandComplete(tag) }
  func send(_ tag: RowCountTag) { encoder.commandComplete(tag) }
  func sendEmptyQuery() { encoder.emptyQueryResponse() }
  func sendPortalSuspended() { encoder.portalSuspended() }
  func send(notice: SQLError, severity: String) { encoder.error(notice, severity: severity, isNotice: true) }
  func send(parameter name: String, value: String) { encoder.parameterStatus(name, value) }

  func sendCopyOut(columnCount: Int, isBinary: Bool) {
    encoder.copyResponse(isOut: true, columnCount: columnCount, isBinary: isBinary)
  }
  func send(copyData bytes: UnsafeRawBufferPointer) { encoder.copyData(bytes) }
  func sendCopyDone() { encoder.copyDone() }

  func interruptCopy() {
    guard let waiter = messageWaiter else { return }
    isCopyInterrupted = true
    messageWaiter = nil
    waiter.resume()
  }

  func terminate(_ error: SQLError) {
    guard !isClosed else { return }
    fail(error)
  }

  func sendCopyIn(columnCount: Int, isBinary: Bool) {
    isCopyInterrupted = false
    encoder.copyResponse(isOut: false, columnCount: columnCount, isBinary: isBinary)
    flushOutput()
  }

  nonisolated(nonsending) func receiveCopyData() async throws(SQLError) -> [UInt8]? {
    while true {
      if isClosed { throw SQLError(.connectionFailure, "unexpected EOF on client connection with an open transaction") }
      if isCopyInterrupted {
        isCopyInterrupted = false
        throw SQLError(.queryCanceled, "canceling statement due to user request")
      }
      guard let message = nextMessage() else {
        await withUnsafeContinuation { messageWaiter = $0 }
        continue
      }
      switch message {
      case .copyData(let bytes): return bytes
      case .copyDone: return nil
      case .copyFail(let reason):
        throw SQLError(.queryCanceled, "COPY from stdin failed: \(reason)")
      case .flush, .sync: continue
      case .terminate:
        channel.close(promise: nil)
        throw SQLError(.connectionFailure, "unexpected EOF on client connection with an open transaction")
      default:
        throw SQLError(.protocolViolation, "unexpected message type during COPY from stdin")
      }
    }
  }
}
