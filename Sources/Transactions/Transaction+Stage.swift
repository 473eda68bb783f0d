// The commit over several ranges in one round, from the coordinator's side: the last intents of all ranges and the record that promises them
// leave together, and the answers say what came of it (`StagedCommit`). It is tried once; where the timestamp turns out too low, what was
// laid down stays, and the commit goes on in a second round.

import Clocks
import Encoding
import Ranges
import Storage

extension Transaction {
  /// More than so many promised writes are too much for a record.
  private static let promiseLimit = 500

  /// Whether one round may do. What was read elsewhere must hold without a look, that is, at the read timestamp.
  func mayStage(
    _ home: RangeDescriptor, _ others: [(range: RangeDescriptor, writes: [KeyWrite])], at timestamp: Timestamp
  ) async throws(TransactionError) -> Bool {
    guard !others.isEmpty, system.store.stagesCommits, timestamp == header.readTimestamp, privateSpans.isEmpty,
      privateSpans.abandoned.isEmpty,
      others.reduce(0, { $0 + $1.writes.count }) <= Self.promiseLimit
    else { return false }
    // Locks in ranges that are not written to now must be there before anything is promised.
    _ = try await holdElsewhere(home, writing: Set(others.map(\.range.id)), upTo: timestamp)
    return true
  }

  /// What is asked of the range of the record.
  private func staging(_ own: [KeyWrite], _ others: [[KeyWrite]], at timestamp: Timestamp) -> WriteRequest {
    for writes in [own] + others {
      guard let first = writes.first, let last = writes.last else { continue }
      // They may be laid down even if nobody hears of it.
      let hull = KeySpan(start: first.key, end: last.key.next)
      intentSpans = KeySpans.adding(hull, to: intentSpans, limit: Limits.spansPerRecord)
    }
    var request = WriteRequest(.stage, writes: own)
    request.fixedTimestamp = timestamp
    request.promised = others.joined().map { PromisedWrite(key: $0.key, sequence: $0.sequence) }
    request.intentSpans = intentSpans
    return request
  }

  /// Lays everything down and stages the record, at once.
  func stage(
    _ home: RangeDescriptor, _ own: [KeyWrite], _ others: [(range: RangeDescriptor, writes: [KeyWrite])],
    at timestamp: Timestamp
  ) async throws(TransactionError) -> CommitAnswer {
    header.hasIntents = true
    beginHeartbeats()
    // A constant: a closure that lists what it captures would not run on this reactor.
    let request = staging(own, others.map(\.writes), at: timestamp)
    let answers = await system.together(others.count + 1) { index -> Result<CommitAnswer, TransactionError> in
      do throws(TransactionError) {
        if index == 0 { return .success(try await self.sendCommit(request, to: home)) }
        return .success(.committed(try await self.lay(others[index - 1].writes, .prepare, from: timestamp)))
      } catch {
        return .failure(error)
      }
    }
    var round = StagedRound(at: timestamp)
    var failure: TransactionError?
    let record = try answers[0].get()
    if case .committed = record { round.noteStaged() }
    for answer in answers.dropFirst() {
      switch answer {
      case .success(.committed(let written)): round.noteWritten(at: written)
      case .success: preconditionFailure("intents are laid down, or fail")
      case .failure(let error):
        failure = failure ?? error
        round.noteMissing()
      }
    }
    switch round.outcome {
    case .committed: return .committed(timestamp)
    case .tooLow(let least): return .tooLow(least)
    case .notStaged(let least):
      if case .tooLow(let other) = record { return .tooLow(max(least, other)) }
      return .tooLow(least)
    case .unknown:
      let failure = failure ?? .unavailable("a range did not answer")
      guard round.isStaged else { throw failure }
      // What was refused is not there, and what nobody answered for may be: only the record can tell.
      let fate = TransactionFate(
        id: header.id, anchor: header.anchor, status: .staging, timestamp: timestamp, epoch: header.epoch,
        ignored: header.ignored, promised: request.promised)
      let concluded: TransactionFate
      do throws(TransactionError) {
        concluded = try await system.recover(fate)
      } catch {
        if system.shard.faults.retriesAmbiguousCommits { throw failure }
        loseSight(of: home)
        throw .ambiguousCommit("\(failure); how the commit ended cannot be known: \(error)")
      }
      guard concluded.status == .committed else { throw failure }
      return .committed(concluded.timestamp)
    }
  }
}

extension Transaction {
  /// What is laid down in the range of the record binds the transaction to the lease there, too.
  func noteStaged(_ request: WriteRequest, _ home: RangeDescriptor, _ lease: UInt64) {
    guard request.purpose == .stage, let first = request.writes.first, let last = request.writes.last else { return }
    // The range has made sure of the lease that earlier locks count on.
    try? bind(to: home, lease: lease, over: KeySpan(start: first.key, end: last.key.next), hasIntents: true)
  }
}

extension TransactionSystem {
  /// Finds out how a staged commit of a silent coordinator ended, and has it written down.
  func recover(_ fate: TransactionFate) async throws(TransactionError) -> TransactionFate {
    var rest = fate.promised.sorted { $0.key < $1.key }[...]
    while let first = rest.first {
      let range = try await range(of: first.key)
      let part = rest.prefix { range.span.contains($0.key) }
      switch await send(.verify(fate, Array(part)), ownHeader(), to: range) {
      case .verified(true): rest = rest.dropFirst(part.count)
      case .verified(false): return try await conclude(fate, isCommitted: false)
      case .failed(.outOfRange): continue
      case .failed(let failure): throw TransactionError(failure)
      default: throw .unavailable("a range gave an answer to another question")
      }
    }
    return try await conclude(fate, isCommitted: true)
  }

  /// Has the range of a staged record write down how it ended, and returns how it stands.
  func conclude(_ fate: TransactionFate, isCommitted: Bool) async throws(TransactionError) -> TransactionFate {
    var attempt = 0
    while true {
      let range = try await range(of: fate.anchor)
      switch await send(.conclude(fate, isCommitted: isCommitted), ownHeader(), to: range) {
      case .fate(let fate): return fate
      case .failed(.outOfRange): continue
      case .failed(.notLeaseholder), .failed(.unavailable):
        attempt += 1
        guard attempt < 5 else { throw .unavailable("the range of the transaction's record does not answer") }
        await backOff(attempt + 4)
      case .failed(let failure): throw TransactionError(failure)
      default: throw .unavailable("a range gave an answer to another question")
      }
    }
  }
}
