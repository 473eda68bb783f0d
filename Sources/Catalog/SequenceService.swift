// Sequences' values. They are drawn outside the transactions that use them, as in PostgreSQL: a rollback gives nothing
// back. A node draws blocks, each in one small transaction, and hands values out from memory; what a crash finds in
// memory becomes a gap. A statement reserves values before it runs (the only step that waits) and takes them as
// its rows are made.
//
//   KeyLayout.sequence(oid, generation)    zig-zag varint: the last value drawn; byte: 1 once it was given (`is_called`)
//
// Without the key the sequence stands at its start, or where it was restarted, not yet called.
// Invariant: a value leaves the service once, until `setval`, a cycle or a restart makes it anew.

import Encoding
import SQLTypes
import Synchronization
import Transactions

/// Where sequences' values are kept: small transactions of their own, begun on the caller's reactor.
public protocol SequenceStorage: AnyObject {
  /// Replaces the value of `key` by what `change` makes of it and returns its result; tried again until it commits. `change`
  /// may be called more than once.
  func update<R>(
    _ key: Key, _ change: (_ value: [UInt8]?) -> (value: [UInt8], result: R)
  ) async throws(TransactionError) -> R
  func read(_ key: Key) async throws(TransactionError) -> [UInt8]?
}

extension TransactionSystem: SequenceStorage {
  public func update<R>(
    _ key: Key, _ change: ([UInt8]?) -> (value: [UInt8], result: R)
  ) async throws(TransactionError) -> R {
    var attempt = 0
    while true {
      let transaction = begin(label: "a sequence")
      do throws(TransactionError) {
        let (value, result) = change(try await transaction.value(key, lock: LockRequest(.exclusive)))
        transaction.put(key, value)
        _ = try await transaction.commit()
        return result
      } catch {
        await transaction.rollback()
        guard case .retry = error, attempt < 20 else { throw error }
        attempt += 1
        await backOff(attempt)
      }
    }
  }

  public func read(_ key: Key) async throws(TransactionError) -> [UInt8]? {
    let transaction = begin(isReadOnly: true, label: "a sequence")
    do throws(TransactionError) {
      let value = try await transaction.value(key, lock: nil)
      _ = try await transaction.commit()
      return value
    } catch {
      await transaction.rollback()
      throw error
    }
  }
}

/// What a sequence shows of itself: `SELECT last_value, is_called FROM s`.
public struct SequenceState: Sendable, Hashable {
  public var lastValue: Int64
  public var isCalled: Bool

  public init(lastValue: Int64, isCalled: Bool) {
    self.lastValue = lastValue
    self.isCalled = isCalled
  }

  init(initialFor options: SequenceOptions) {
    self.init(lastValue: options.restart ?? options.start, isCalled: false)
  }

  /// Nil if damaged.
  init?(_ bytes: [UInt8]) {
    let fields = bytes.withUnsafeBytes { bytes -> (Int64, UInt8)? in
      var reader = ByteReader(bytes)
      guard let value = reader.readSignedVarint(), let called = reader.readUInt8() else { return nil }
      return (value, called)
    }
    guard let fields else { return nil }
    self.init(lastValue: fields.0, isCalled: fields.1 != 0)
  }

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    ValueEncoding.appendSignedVarint(lastValue, to: &bytes)
    bytes.append(isCalled ? 1 : 0)
    return bytes
  }

  /// The next values, as many as come before the sequence's end, at most `count`; it has cycled before if it must. Nil at the end.
  mutating func draw(_ count: Int, _ options: SequenceOptions) -> SequenceRun? {
    let step = options.increment
    var first = lastValue
    if isCalled {
      let (next, overflow) = lastValue.addingReportingOverflow(step)
      let isPast = overflow || (step > 0 ? next > options.maximum : next < options.minimum)
      if isPast && !options.cycles { return nil }
      first = isPast ? (step > 0 ? options.minimum : options.maximum) : next
    }
    // Distances fit 64 bits unsigned whatever the bounds.
    let room =
      step > 0
      ? UInt64(bitPattern: options.maximum &- first) / UInt64(step)
      : UInt64(bitPattern: first &- options.minimum) / step.magnitude
    let isInside = step > 0 ? first <= options.maximum : first >= options.minimum
    let drawn = isInside ? Int(min(UInt64(max(count, 1) - 1), room)) + 1 : 1
    lastValue = first &+ Int64(drawn - 1) &* step
    isCalled = true
    return SequenceRun(first: first, step: step, count: drawn)
  }
}

/// Values one step apart.
struct SequenceRun: Sendable, Hashable {
  var first: Int64
  var step: Int64
  var count: Int

  mutating func takeFirst() -> Int64 {
    defer {
      first = first &+ step
      count -= 1
    }
    return first
  }

  /// Splits off at most `wanted` values from the front.
  mutating func split(_ wanted: Int) -> SequenceRun {
    let part = SequenceRun(first: first, step: step, count: min(wanted, count))
    first = first &+ Int64(part.count) &* step
    count -= part.count
    return part
  }
}

/// A sequence as it was at some time: other options or another generation share no values with it.
struct SequenceIdentity: Hashable, Sendable {
  var oid: OID
  var generation: UInt64
}

/// A sequence's descriptor, taken apart.
public struct SequenceHandle: Sendable, Hashable {
  public let oid: OID
  public let name: String
  public let options: SequenceOptions
  var identity: SequenceIdentity { SequenceIdentity(oid: oid, generation: options.generation) }
  var key: Key { KeyLayout.sequence(oid, generation: options.generation) }

  /// Nil if the relation is no sequence.
  public init?(_ table: TableDescriptor) {
    guard case .sequence(let options) = table.kind else { return nil }
    oid = table.oid
    name = table.name
    self.options = options
  }
}

/// The blocks that a node has drawn. Shared by its reactors.
public final class SequenceService: Sendable {
  /// Values drawn at once: a transaction for every 32nd `nextval`, at most so many lost in a crash. PostgreSQL logs as many ahead.
  public static let blockCount = 32

  private struct Block {
    var options: SequenceOptions
    var runs: [SequenceRun] = []
    /// The last value of the last run drawn here.
    var drawnTo: Int64
    /// Grows with `setval`: values reserved before are not taken back.
    var epoch = 0
  }

  private let blocks = Mutex<[SequenceIdentity: Block]>([:])

  public init() {}

  /// Up to `count` values; fewer only if the sequence ends.
  func draw(
    _ sequence: SequenceHandle, _ count: Int, in storage: any SequenceStorage
  ) async throws(TransactionError) -> (runs: [SequenceRun], epoch: Int) {
    var (runs, epoch, givenBack) = takeFromBlock(sequence, count)
    var missing = count - runs.reduce(0) { $0 + $1.count }
    while missing > 0 {
      let wanted = max(missing, Self.blockCount, Int(clamping: min(sequence.options.cache, 10_000)))
      let options = sequence.options
      // Values of a block that was made void by new options are not lost if nobody has drawn since.
      let unused = givenBack
      givenBack = nil
      let run = try await storage.update(sequence.key) { stored -> (value: [UInt8], result: SequenceRun?) in
        var state = stored.flatMap(SequenceState.init) ?? SequenceState(initialFor: options)
        if let unused, state.isCalled, state.lastValue == unused.drawnTo { state = unused.state }
        let run = state.draw(wanted, options)
        return (state.bytes, run)
      }
      guard var run else { break }
      runs.append(run.split(missing))
      missing -= runs[runs.count - 1].count
      keep(run, drawnTo: run.first &+ Int64(run.count - 1) &* run.step, sequence, epoch)
    }
    return (runs, epoch)
  }

  private struct Unused: Sendable {
    var drawnTo: Int64
    var state: SequenceState
  }

  private func takeFromBlock(
    _ sequence: SequenceHandle, _ count: Int
  ) -> (runs: [SequenceRun], epoch: Int, unused: Unused?) {
    blocks.withLock { blocks in
      guard var block = blocks[sequence.identity] else { return ([], 0, nil) }
      var unused: Unused?
      if block.options != sequence.options {
        if let first = block.runs.first {
          unused = Unused(
            drawnTo: block.drawnTo, state: SequenceState(lastValue: first.first &- first.step, isCalled: true))
        }
        block.runs = []
        block.options = sequence.options
        block.epoch += 1
      }
      var runs: [SequenceRun] = []
      var missing = count
      while missing > 0, !block.runs.isEmpty {
        let run = block.runs[0].split(missing)
        missing -= run.count
        runs.append(run)
        if block.runs[0].count == 0 { block.runs.removeFirst() }
      }
      blocks[sequence.identity] = block
      return (runs, block.epoch, unused)
    }
  }

  private func keep(_ run: SequenceRun, drawnTo: Int64, _ sequence: SequenceHandle, _ epoch: Int) {
    blocks.withLock { blocks in
      var block = blocks[sequence.identity] ?? Block(options: sequence.options, drawnTo: drawnTo)
      guard block.epoch == epoch, block.options == sequence.options else { return }
      block.drawnTo = drawnTo
      if run.count > 0 { block.runs.append(run) }
      blocks[sequence.identity] = block
    }
  }

  /// Takes back what a statement reserved and did not use.
  func giveBack(_ runs: [SequenceRun], _ sequence: SequenceHandle, epoch: Int) {
    blocks.withLock { blocks in
      guard var block = blocks[sequence.identity], block.epoch == epoch, block.options == sequence.options
      else { return }
      block.runs = runs + block.runs
      blocks[sequence.identity] = block
    }
  }

  /// `setval`, for good.
  func set(
    _ sequence: SequenceHandle, to state: SequenceState, in storage: any SequenceStorage
  ) async throws(TransactionError) {
    try await storage.update(sequence.key) { _ in (state.bytes, ()) }
    blocks.withLock { blocks in
      guard var block = blocks[sequence.identity] else { return }
      block.epoch += 1
      block.runs = []
      block.drawnTo = state.lastValue
      blocks[sequence.identity] = block
    }
  }

  /// What `SELECT last_value, is_called FROM s` shows: values drawn ahead and not given out do not count.
  public func state(
    of sequence: SequenceHandle, in storage: any SequenceStorage
  ) async throws(TransactionError) -> SequenceState {
    let stored = try await storage.read(sequence.key).flatMap(SequenceState.init)
    guard let stored else { return SequenceState(initialFor: sequence.options) }
    return blocks.withLock { blocks in
      guard let block = blocks[sequence.identity], block.drawnTo == stored.lastValue, let next = block.runs.first
      else { return stored }
      return state(before: next, sequence)
    }
  }

  /// The last value given on this node, without a look at storage; nil if none is known.
  public func lastValue(of sequence: SequenceHandle) -> Int64? {
    blocks.withLock { blocks in
      guard let block = blocks[sequence.identity] else { return nil }
      guard let next = block.runs.first else { return block.drawnTo }
      let state = state(before: next, sequence)
      return state.isCalled ? state.lastValue : nil
    }
  }

  /// As if everything from `run` on had not been drawn.
  private func state(before run: SequenceRun, _ sequence: SequenceHandle) -> SequenceState {
    let initial = SequenceState(initialFor: sequence.options)
    if run.first == initial.lastValue { return initial }
    return SequenceState(lastValue: run.first &- run.step, isCalled: true)
  }
}
