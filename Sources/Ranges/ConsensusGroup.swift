// One range's Raft group as its replica uses it: drives the pure core, hands its writes to the log writer, its messages to
// whoever carries them, and what is committed back to the replica.
//
// Contract: committed entries are handed over in order, each once, on the replica's reactor, and only when they survive a
// crash here. Responses that vouch for a write leave after it is durable. A commit index alone is never worth a write: it
// is remembered with the next one.

import DequeModule
import Raft
import Storage

/// Confined to its replica's reactor.
final class ConsensusGroup {
  /// What is being written: told to the core once it is durable.
  private struct Write {
    var sequence: UInt64
    var entries: [Entry]
    var snapshot: Snapshot?
    var responses: [Message]
  }

  let range: RangeID
  let log: ReplicaLog
  private(set) var node: RaftNode<ReplicaLog>
  private let reactor: Int
  private let writer: LogWriter
  private var writes: Deque<Write> = []
  private var sequence: UInt64 = 0
  /// Term and vote as they were handed to the writer.
  private var writtenState: Raft.HardState
  private var isWorking = false
  private var isStopped = false

  /// Takes what is committed; set by the replica.
  var onCommitted: ([Entry]) -> Void = { _ in }
  /// The role or the leader changed.
  var onRoleChange: () -> Void = {}
  /// Carries a message to another member.
  var onMessage: (Message) -> Void = { _ in }
  /// Takes in the state that a snapshot speaks of; it is durable already.
  var onSnapshot: (Snapshot) -> Void = { _ in }

  /// - Parameter applied: the last entry whose effects the state holds.
  init(
    range: RangeID, reactor: Int, id: PeerID, log: ReplicaLog, settings: RaftSettings, applied: LogIndex, seed: UInt64,
    writer: LogWriter
  ) {
    self.range = range
    self.reactor = reactor
    self.log = log
    self.writer = writer
    writtenState = log.initialState().hardState
    node = RaftNode(id: id, settings: settings, storage: log, applied: applied, seed: seed)
  }

  // MARK: - What it is

  var term: UInt64 { node.term.rawValue }
  var isLeader: Bool { node.isLeader }
  var membership: Membership { node.membership }

  /// The last entry of the log, durable or on its way.
  var last: LogPosition {
    let id = node.lastEntryID
    return LogPosition(index: id.index.rawValue, term: id.term.rawValue)
  }

  // MARK: - What it is told

  /// Appends a command to the log, to be committed later. Nil: this member cannot propose now.
  func propose(_ payload: [UInt8]) -> LogPosition? {
    guard !isStopped, node.isLeader, (try? node.propose(payload)) != nil else { return nil }
    let position = last
    work()
    return position
  }

  /// Asks for a change of the members. False: this member cannot propose now.
  func propose(_ change: ConfigurationChange) -> Bool {
    guard !isStopped, node.isLeader, (try? node.propose(change)) != nil else { return false }
    work()
    return true
  }

  /// A committed change of the members is applied.
  func apply(_ change: ConfigurationChange) { _ = try? node.apply(change) }

  func campaign() {
    node.campaign()
    work()
  }

  func tick() {
    guard !isStopped else { return }
    node.tick()
    work()
  }

  /// Takes a message from another member.
  func step(_ message: Message) {
    guard !isStopped else { return }
    try? node.step(message)
    work()
  }

  /// Anything else that changes the core.
  func act(_ body: (inout RaftNode<ReplicaLog>) -> Void) {
    guard !isStopped else { return }
    body(&node)
    work()
  }

  /// The effects of committed entries are in the state, without their having been handed out: replay.
  func replayed(_ entries: [Entry]) {
    try? node.step(Message(.storageApplyResponse, to: node.id, from: .applyThread, entries: entries))
  }

  /// The log writer has made everything through a write durable.
  func written(through sequence: UInt64) {
    guard !isStopped else { return }
    while let first = writes.first, first.sequence <= sequence {
      writes.removeFirst()
      if let snapshot = first.snapshot {
        log.restart(after: snapshot.id)
        onSnapshot(snapshot)
      }
      log.append(first.entries)
      deliver(first.responses)
    }
    work()
  }

  func stop() { isStopped = true }

  // MARK: - Work

  private func deliver(_ responses: [Message]) {
    for response in responses {
      if response.to == node.id { try? node.step(response) } else { onMessage(response) }
    }
  }

  private func work() {
    // What is applied may propose; the loop below takes that up.
    guard !isWorking else { return }
    isWorking = true
    defer { isWorking = false }
    while !isStopped, node.hasReady {
      let ready = node.ready()
      for message in ready.messages {
        switch message.kind {
        case .storageAppend: write(message)
        case .storageApply:
          onCommitted(message.entries)
          deliver(message.responses)
        default: onMessage(message)
        }
      }
      if ready.softState != nil { onRoleChange() }
    }
  }

  private func write(_ message: Message) {
    let state = message.hardState ?? writtenState
    let mustPersistState = state.term != writtenState.term || state.vote != writtenState.vote
    if message.entries.isEmpty, message.snapshot == nil, !mustPersistState {
      // Nothing to make durable: its responses wait for what is under way, if anything is.
      if writes.isEmpty {
        deliver(message.responses)
      } else {
        writes[writes.count - 1].responses += message.responses
      }
      return
    }
    sequence += 1
    writtenState = state
    let durableEnd = writes.last { !$0.entries.isEmpty }?.entries.last?.index ?? log.lastIndex
    let replaces = message.entries.first.map { $0.index <= durableEnd } ?? false
    writer.write(
      LogWrite(
        reactor: reactor, range: range, sequence: sequence,
        hardState: Storage.HardState(
          term: state.term.rawValue, vote: state.vote.rawValue, commit: node.commitIndex.rawValue),
        restart: message.snapshot.map { LogPosition(index: $0.index.rawValue, term: $0.term.rawValue) },
        replacesTail: replaces, entries: message.entries))
    writes.append(
      Write(
        sequence: sequence, entries: message.entries, snapshot: message.snapshot, responses: message.responses))
  }
}
