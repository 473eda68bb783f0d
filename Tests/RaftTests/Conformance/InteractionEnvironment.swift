// The environment of the interaction files: members 1..n with storages in memory, one list of messages under way, and a
// state machine that appends what it applies. Everything that happens is printed: what the directives do, and the
// events of the members as log lines.
// Invariant: messages between two parties keep their order; those to a member's own threads are never lost.
// Source: reference 2.3 and 2.4.

@testable import Raft

/// A storage whose snapshot is always the newest state.
final class HistoryStorage: LogStorage {
  let log: MemoryStorage
  var history: [Snapshot]

  init(_ first: Snapshot) {
    log = first.isEmpty ? MemoryStorage() : MemoryStorage(first)
    history = [first]
  }

  var firstIndex: LogIndex { log.firstIndex }
  var lastIndex: LogIndex { log.lastIndex }
  func initialState() -> (hardState: HardState, membership: Membership) { log.initialState() }
  func term(at index: LogIndex) -> Term? { log.term(at: index) }
  func snapshot() -> Snapshot? { history.last }
  func entries(_ range: Range<LogIndex>, byteCount: Int) throws(LogStorageError) -> [Entry] {
    try log.entries(range, byteCount: byteCount)
  }
}

struct InteractionError: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

final class InteractionEnvironment {
  final class Member {
    var node: RaftNode<HistoryStorage>
    let storage: HistoryStorage
    let settings: RaftSettings
    var appendWork: [Message] = []
    var applyWork: [Message] = []

    init(_ node: RaftNode<HistoryStorage>, _ storage: HistoryStorage, _ settings: RaftSettings) {
      self.node = node
      self.storage = storage
      self.settings = settings
    }
  }

  private static let levels = ["DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE"]

  private var members: [Member] = []
  private var messages: [Message] = []
  private var output = ""
  private var level = 0

  private var isQuiet: Bool { level == 5 }

  func run(_ directive: Directive) -> String {
    output = ""
    do {
      try handle(directive)
    } catch {
      if isQuiet { return "\(error)" }
      output += "\(error)"
    }
    return output.isEmpty ? "ok" : output
  }

  // MARK: Output

  private func write(_ text: String) {
    if !isQuiet { output += text }
  }

  private func indented(_ body: () throws -> Void) throws {
    let before = output
    output = ""
    defer {
      var lines = output.split(separator: "\n", omittingEmptySubsequences: false)
      if lines.last == "" { lines.removeLast() }
      output = before + lines.map { "  \($0)\n" }.joined()
    }
    try body()
  }

  /// Prints what happened in a member since the last time.
  private func drain(_ member: Member) {
    for recorded in member.node.takeEvents() where Int(recorded.level.rawValue) >= level {
      write("\(Self.levels[Int(recorded.level.rawValue)]) \(recorded.event.text(of: member.node.id))\n")
    }
  }

  // MARK: Directives

  private func handle(_ directive: Directive) throws {
    func member(_ position: Int = 0) throws -> Member { try self.member(directive.plain[position]) }
    func targets() throws -> [Member] { try directive.plain.map(self.member) }

    switch directive.command {
    case "add-nodes": try addMembers(directive)
    case "campaign": call(try member()) { $0.campaign() }
    case "compact":
      guard let index = UInt64(directive.plain[1]), try member().storage.log.compact(through: LogIndex(index)) else {
        throw InteractionError("requested index is unavailable due to compaction")
      }
      printLog(try member())
    case "deliver-msgs": try deliver(directive)
    case "process-ready": try each(targets(), "handling Ready", processReady)
    case "process-append-thread": try each(targets(), "processing append thread", processAppendThread)
    case "process-apply-thread": try each(targets(), "processing apply thread", processApplyThread)
    case "log-level": try setLevel(directive.plain[0])
    case "raft-log": printLog(try member())
    case "raft-state":
      for member in members {
        let node = member.node
        let voter = node.membership.voters.contains(node.id) ? "(Voter)" : "(Non-Voter)"
        write("\(node.id.rawValue): \(node.role) \(voter) Term:\(node.term) Lead:\(node.leader.rawValue)\n")
      }
    case "set-randomized-election-timeout":
      try member().node.randomizedElectionTimeout = Int32(directive.value("timeout")!)!
    case "stabilize":
      let before = level
      if let name = directive.value("log-level") { try setLevel(name) }
      defer { level = before }
      try stabilize(directive.plain.isEmpty ? members : targets())
    case "status": write(describe(try member().node.progress))
    case "tick-election":
      for _ in 0..<(try member().settings.electionTicks) { call(try member()) { $0.tick() } }
    case "tick-heartbeat":
      for _ in 0..<(try member().settings.heartbeatTicks) { call(try member()) { $0.tick() } }
    case "transfer-leadership":
      let target = PeerID(UInt64(directive.value("to")!)!)
      call(try self.member(directive.value("from")!)) { $0.transferLeadership(to: target) }
    case "forget-leader": call(try member()) { $0.forgetLeader() }
    case "send-snapshot":
      let (source, target) = try (member(0), member(1))
      let message = Message(
        .snapshot, to: target.node.id, from: source.node.id, term: source.node.term, snapshot: source.storage.snapshot()
      )
      messages.append(message)
      write("\(message)")
    case "propose":
      let data = Array(directive.plain[1].utf8)
      try call(try member()) { try $0.propose(data) }
    case "propose-conf-change": try proposeChange(directive, try member())
    case "report-unreachable":
      let peer = try member(1).node.id
      call(try member()) { $0.reportUnreachable(peer) }
    default: throw InteractionError("unknown command")
    }
  }

  private func member(_ name: String) throws -> Member {
    guard let id = UInt64(name) else { throw InteractionError("\(name) is no member") }
    return try member(id)
  }

  private func member(_ id: UInt64) throws -> Member {
    guard id >= 1, id <= UInt64(members.count) else { throw InteractionError("there is no member \(id)") }
    return members[Int(id) - 1]
  }

  private func call(_ member: Member, _ body: (inout RaftNode<HistoryStorage>) throws -> Void) rethrows {
    defer { drain(member) }
    try body(&member.node)
  }

  private func each(_ targets: [Member], _ doing: String, _ body: (Member) throws -> Void) throws {
    for member in targets {
      if targets.count > 1 {
        write("> \(member.node.id.rawValue) \(doing)\n")
        try indented { try body(member) }
      } else {
        try body(member)
      }
    }
  }

  private func setLevel(_ name: String) throws {
    guard let position = Self.levels.firstIndex(of: name.uppercased()) else {
      throw InteractionError("log levels must be either of \(Self.levels)")
    }
    level = position
  }

  private func printLog(_ member: Member) {
    let log = member.storage.log
    if log.entries.isEmpty {
      write("log is empty: first index=\(log.firstIndex), last index=\(log.lastIndex)")
    }
    write(log.entries.map { "\($0)\n" }.joined())
  }

  private func addMembers(_ directive: Directive) throws {
    func flag(_ key: String) -> Bool { directive.value(key) == "true" }
    func peers(_ key: String) -> PeerSet { PeerSet((directive.values(key) ?? []).map { PeerID(UInt64($0)!) }) }
    let settings = try RaftSettings(
      electionTicks: 3, heartbeatTicks: 1, usesAsynchronousStorage: flag("async-storage-writes"),
      maxMessageByteCount: .max,
      maxApplyingByteCount: directive.value("max-committed-size-per-ready").map { Int($0)! } ?? .max,
      maxUncommittedByteCount: .max,
      inflightLimits: InflightLimits(count: directive.value("inflight").map { Int($0)! } ?? Int(Int32.max)),
      checksQuorum: flag("checkquorum"), usesPreVote: flag("prevote"),
      readMode: directive.value("read-only") == "lease-based" ? .lease : .quorum,
      validatesChanges: !flag("disable-conf-change-validation"), stepsDownOnRemoval: flag("step-down-on-removal"),
      eventLevel: .debug)
    var snapshot = Snapshot(
      index: LogIndex(directive.value("index").map { UInt64($0)! } ?? 0),
      membership: Membership(voters: peers("voters"), learners: peers("learners")),
      data: Array((directive.value("content") ?? "").utf8))
    if snapshot != Snapshot() {
      if snapshot.index <= 1 { throw InteractionError("index must be specified as > 1 due to bootstrap") }
      snapshot.term = 1
    }
    for _ in 0..<Int(directive.plain[0])! {
      let id = PeerID(UInt64(members.count + 1))
      let storage = HistoryStorage(snapshot)
      let node = RaftNode(
        id: id, settings: settings, storage: storage, applied: snapshot.index, seed: id.rawValue)
      members.append(Member(node, storage, settings))
      drain(members[members.count - 1])
    }
  }

  private func proposeChange(_ directive: Directive, _ member: Member) throws {
    guard let steps = parseSteps(directive.input) else { throw InteractionError("unknown input: \(directive.input)") }
    let transition: ConfigurationChange.Transition =
      switch directive.value("transition") {
      case "implicit": .implicit
      case "explicit": .explicit
      default: .automatic
      }
    let change = ConfigurationChange(steps, transition: transition)
    try call(member) { try $0.propose(change, asSingle: directive.value("v1") == "true") }
  }

  // MARK: Delivery

  private static func isLocal(_ message: Message) -> Bool {
    message.from == message.to || message.from.isLocalThread || message.to.isLocalThread
  }

  private func takeMessages(to id: PeerID, _ kind: MessageKind? = nil, isDropped: Bool = false) -> [Message] {
    var taken: [Message] = []
    var rest: [Message] = []
    for message in messages {
      if message.to == id, !(isDropped && Self.isLocal(message)), kind == nil || message.kind == kind {
        taken.append(message)
      } else {
        rest.append(message)
      }
    }
    messages = rest
    return taken
  }

  private func deliver(_ directive: Directive) throws {
    var kind: MessageKind?
    if let name = directive.value("type") {
      kind = MessageKind.allCases.first { "\($0)" == name }
      if kind == nil { throw InteractionError("unknown message type \(name)") }
    }
    var count = 0
    // In the order of the arguments.
    for argument in directive.arguments {
      if argument.values.isEmpty {
        count += try deliver(to: PeerID(UInt64(argument.key)!), kind)
      } else if argument.key == "drop" {
        for id in argument.values {
          for message in takeMessages(to: PeerID(UInt64(id)!), kind, isDropped: true) {
            write("dropped: \(message)\n")
            count += 1
          }
        }
      }
    }
    if count == 0 { write("no messages\n") }
  }

  private func deliver(to id: PeerID, _ kind: MessageKind? = nil) throws -> Int {
    let taken = takeMessages(to: id, kind)
    for message in taken {
      write("\(message)\n")
      let member = try member(id.rawValue)
      do {
        try call(member) { try $0.step(message) }
      } catch {
        write("\(error)\n")
      }
    }
    return taken.count
  }

  // MARK: Work

  private func processReady(_ member: Member) throws {
    let ready = member.node.ready()
    write("\(ready)")
    if !member.settings.usesAsynchronousStorage {
      persist(member, ready.hardState, ready.entries, ready.snapshot)
      try apply(member, ready.committedEntries)
    }
    for message in ready.messages {
      switch message.kind {
      case .storageAppend: member.appendWork.append(message)
      case .storageApply: member.applyWork.append(message)
      default: messages.append(message)
      }
    }
    if !member.settings.usesAsynchronousStorage { call(member) { $0.advance() } }
  }

  private func processAppendThread(_ member: Member) throws {
    guard !member.appendWork.isEmpty else {
      write("no append work to perform")
      return
    }
    var message = member.appendWork.removeFirst()
    let responses = message.responses
    message.responses = []
    write("Processing:\n\(message)\n")
    persist(member, message.hardState, message.entries, message.snapshot)
    finish(responses)
  }

  private func processApplyThread(_ member: Member) throws {
    guard !member.applyWork.isEmpty else {
      write("no apply work to perform")
      return
    }
    var message = member.applyWork.removeFirst()
    let responses = message.responses
    message.responses = []
    write("Processing:\n\(message)\n")
    try apply(member, message.entries)
    finish(responses)
  }

  private func finish(_ responses: [Message]) {
    write("Responses:\n" + responses.map { "\($0)\n" }.joined())
    messages += responses
  }

  private func persist(_ member: Member, _ hardState: HardState?, _ entries: [Entry], _ snapshot: Snapshot?) {
    if let hardState { member.storage.log.save(hardState) }
    if let snapshot {
      member.storage.log.install(snapshot)
    } else {
      member.storage.log.append(entries)
    }
  }

  private func apply(_ member: Member, _ entries: [Entry]) throws {
    for entry in entries {
      var update = entry.data
      var membership = member.storage.history.last!.membership
      if let change = entry.change {
        update = change.context
        membership = try { () throws in
          defer { drain(member) }
          return try member.node.apply(change)
        }()
      }
      member.storage.history.append(
        Snapshot(
          index: entry.index, term: entry.term, membership: membership,
          data: member.storage.history.last!.data + update))
    }
  }

  private func stabilize(_ targets: [Member]) throws {
    var isDone = false
    while !isDone {
      isDone = true
      for member in targets where member.node.hasReady {
        write("> \(member.node.id.rawValue) handling Ready\n")
        try indented { try processReady(member) }
        isDone = false
      }
      for member in targets where messages.contains(where: { $0.to == member.node.id }) {
        write("> \(member.node.id.rawValue) receiving messages\n")
        try indented { _ = try deliver(to: member.node.id) }
        isDone = false
      }
      for member in targets where !member.appendWork.isEmpty {
        write("> \(member.node.id.rawValue) processing append thread\n")
        while !member.appendWork.isEmpty { try indented { try processAppendThread(member) } }
        isDone = false
      }
      for member in targets where !member.applyWork.isEmpty {
        write("> \(member.node.id.rawValue) processing apply thread\n")
        while !member.applyWork.isEmpty { try indented { try processApplyThread(member) } }
        isDone = false
      }
    }
  }
}
