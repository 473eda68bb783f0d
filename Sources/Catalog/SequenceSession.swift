// A session's side of sequences: values reserved for the running statement, `currval` and `lastval`, and `setval`s that
// wait for the statement's end to be stored. Confined to its session.
//
// Order for a statement: `reserve` (waits), then `next`, `current`, `last`, `set` (never wait), then `finish` (waits).

import SQLTypes
import Transactions

public final class SequenceSession {
  private struct Reserved {
    var runs: [SequenceRun] = []
    var epoch = 0
    /// The sequence had no more to give than `runs`.
    var isExhausted = false
    /// Set by `setval` in this statement: further values follow from here.
    var override: SequenceState?
    var handle: SequenceHandle
  }

  private let service: SequenceService
  private let storage: any SequenceStorage
  private var reserved: [OID: Reserved] = [:]
  private var currentValues: [OID: Int64] = [:]
  private var lastDrawn: OID?
  /// Sequences that `next` found without a reserved value, and how often: to be reserved before the statement is tried again.
  public private(set) var missing: [OID: Int] = [:]

  /// `storage` is the `TransactionSystem` of the session's reactor.
  public init(service: SequenceService, storage: any SequenceStorage) {
    self.service = service
    self.storage = storage
  }

  /// Makes at least `count` values ready, beyond those that are ready already, as far as the sequence has them.
  public func reserve(_ sequence: SequenceHandle, count: Int) async throws(TransactionError) {
    if let present = reserved[sequence.oid], present.handle != sequence { release(sequence.oid) }
    guard count > 0, reserved[sequence.oid]?.override == nil else { return }
    let (runs, epoch) = try await service.draw(sequence, count, in: storage)
    var entry = reserved[sequence.oid] ?? Reserved(handle: sequence)
    entry.runs += runs
    entry.epoch = epoch
    entry.isExhausted = runs.reduce(0) { $0 + $1.count } < count
    reserved[sequence.oid] = entry
    missing[sequence.oid] = nil
  }

  /// `nextval`. Errors: 2200H at the sequence's end; 55000, to be retried after reserving `missing`, if nothing was reserved.
  public func next(_ sequence: SequenceHandle) throws(SQLError) -> Int64 {
    var entry = reserved[sequence.oid] ?? Reserved(handle: sequence)
    let value: Int64
    if var state = entry.override {
      guard let run = state.draw(1, sequence.options) else { throw exhausted(sequence) }
      entry.override = state
      value = run.first
    } else if !entry.runs.isEmpty, entry.handle == sequence {
      value = entry.runs[0].takeFirst()
      if entry.runs[0].count == 0 { entry.runs.removeFirst() }
    } else if entry.isExhausted {
      throw exhausted(sequence)
    } else {
      missing[sequence.oid, default: 0] += 1
      throw SQLError(
        .objectNotInPrerequisiteState, "no value of sequence \"\(sequence.name)\" was reserved", retry: .statement)
    }
    reserved[sequence.oid] = entry
    currentValues[sequence.oid] = value
    lastDrawn = sequence.oid
    return value
  }

  private func exhausted(_ sequence: SequenceHandle) -> SQLError {
    let ascends = sequence.options.increment > 0
    let bound = ascends ? sequence.options.maximum : sequence.options.minimum
    return SQLError(
      .sequenceGeneratorLimitExceeded,
      "nextval: reached \(ascends ? "maximum" : "minimum") value of sequence \"\(sequence.name)\" (\(bound))")
  }

  /// `currval`. Error 55000 before the session's first `nextval`.
  public func current(_ sequence: SequenceHandle) throws(SQLError) -> Int64 {
    guard let value = currentValues[sequence.oid] else {
      throw SQLError(
        .objectNotInPrerequisiteState, "currval of sequence \"\(sequence.name)\" is not yet defined in this session")
    }
    return value
  }

  /// The sequence of the session's last `nextval`.
  public var lastSequence: OID? { lastDrawn }

  /// `lastval`. Error 55000 before the session's first `nextval`.
  public func last() throws(SQLError) -> Int64 {
    guard let value = lastDrawn.flatMap({ currentValues[$0] }) else {
      throw SQLError(.objectNotInPrerequisiteState, "lastval is not yet defined in this session")
    }
    return value
  }

  /// `setval`. Error 22003 out of the sequence's bounds.
  public func set(_ sequence: SequenceHandle, to value: Int64, isCalled: Bool) throws(SQLError) {
    let options = sequence.options
    guard value >= options.minimum, value <= options.maximum else {
      throw SQLError(
        .numericValueOutOfRange,
        "setval: value \(value) is out of bounds for sequence \"\(sequence.name)\" "
          + "(\(options.minimum)..\(options.maximum))")
    }
    var entry = reserved[sequence.oid] ?? Reserved(handle: sequence)
    entry.handle = sequence
    entry.override = SequenceState(lastValue: value, isCalled: isCalled)
    entry.runs = []
    reserved[sequence.oid] = entry
    if isCalled { currentValues[sequence.oid] = value }
  }

  /// Whether `finish` has anything to do.
  public var hasReserved: Bool { !reserved.isEmpty }

  /// The statement is over, well or not: stores what `setval` said, gives back what was not used.
  public func finish() async throws(TransactionError) {
    guard !reserved.isEmpty else { return }
    let entries = reserved.keys.sorted().compactMap { reserved[$0] }
    reserved = [:]
    missing = [:]
    for entry in entries {
      if let state = entry.override {
        try await service.set(entry.handle, to: state, in: storage)
      } else if !entry.runs.isEmpty {
        service.giveBack(entry.runs, entry.handle, epoch: entry.epoch)
      }
    }
  }

  private func release(_ oid: OID) {
    if let entry = reserved.removeValue(forKey: oid), entry.override == nil {
      service.giveBack(entry.runs, entry.handle, epoch: entry.epoch)
    }
  }

  /// `DISCARD SEQUENCES`.
  public func discard() {
    currentValues = [:]
    lastDrawn = nil
  }
}
