// HOT: rows of one table through one of its indexes. Spans are computed when the scan begins; whole keys become gets (one
// request for all of them), the rest pages that grow from a few rows to a full batch. Entries of a secondary index that
// lack a wanted column lead to a batched get of their rows. Locks are taken on primary keys, on rows that pass the filter,
// which is then checked again: the row may have changed before the lock was ours.

import Catalog
import Encoding
import Expressions
import Planning
import SQLTypes
import Transactions

final class ScanOperator: Operator {
  private enum Access {
    case keys
    case spans
  }

  private let plan: ScanPlan
  private let table: TableCodec
  private let index: IndexCodec
  /// From entries of the index to the wanted columns; nil when rows must be fetched.
  private let direct: RowDecoding?
  /// From rows to the wanted columns.
  private let rows: RowDecoding
  private let lock: LockRequest?

  private var isOpen = false
  private var access = Access.spans
  private var keys: [Key] = []
  private var spans: [KeySpan] = []
  private var position = 0
  private var resume: KeySpan?
  private var pageRows = 0
  private var block = KeyValueBlock()
  private var fetched = KeyValueBlock()

  init(_ context: ExecutionContext, _ plan: ScanPlan, kinds: [PhysicalKind]) throws(SQLError) {
    self.plan = plan
    table = try context.codecs.codec(for: plan.table)
    guard let index = table.index(plan.index.id) else {
      throw SQLError(.undefinedObject, "index \"\(plan.index.name)\" does not exist")
    }
    self.index = index
    rows = try RowDecoding(table.primary, of: table, columns: plan.columns)
    if index.isPrimary {
      direct = rows
    } else {
      let entries = try RowDecoding(index, of: table, columns: plan.columns)
      direct = entries.missing.isEmpty ? entries : nil
    }
    lock = plan.lock.map { LockRequest($0.isExclusive ? .exclusive : .shared, wait: $0.wait.policy) }
    super.init(context, kinds: kinds)
  }

  override func rewind(_ reason: Rewind) {
    isOpen = false
    // Kept with a prepared statement: the next run begins small.
    if reason == .restart, block.byteCapacity > 64 << 10 { block = KeyValueBlock() }
    if reason == .restart, fetched.byteCapacity > 64 << 10 { fetched = KeyValueBlock() }
  }

  override var isExhausted: Bool { isOpen && access == .keys && position == keys.count }

  override func next() async throws(SQLError) -> Batch? {
    if !isOpen { try open() }
    while true {
      if access == .keys, position == keys.count { return nil }
      try await context.breathe()
      block.removeAll()
      // A lock without a filter, or on named keys, is taken by the read itself.
      let locksAtOnce = index.isPrimary && (plan.filter == nil || access == .keys)
      guard try await fill(lock: locksAtOnce ? lock : nil) else { return nil }
      if block.isEmpty { continue }
      if let batch = try await batch(isLocked: lock == nil || locksAtOnce), batch.rowCount > 0 { return batch }
    }
  }

  /// Reads the next keys or page into `block`; false when nothing is left.
  private func fill(lock: LockRequest?) async throws(SQLError) -> Bool {
    switch access {
    case .keys:
      if keys.count == 1 {
        position = 1
        return try await context.get(keys[0], lock: lock, into: &block)
      }
      let end = min(keys.count, position + Batch.maximumRowCount)
      try await context.get(Array(keys[position..<end]), lock: lock, into: &block)
      position = end
      return true
    case .spans:
      guard let span = resume ?? (position < spans.count ? spans[position] : nil) else { return false }
      if resume == nil { position += 1 }
      resume = try await context.scan(
        span, ScanOptions(isReverse: plan.isReverse, rowLimit: pageRows, lock: lock), into: &block)
      pageRows = min(Batch.maximumRowCount, pageRows * 4)
      return true
    }
  }

  private func batch(isLocked: Bool) async throws(SQLError) -> Batch? {
    var batch: Batch
    if let direct, isLocked || index.isPrimary {
      batch = try direct.decode(block, rows: 0..<block.count)
    } else {
      // Through a secondary index: the rows themselves, locked at once if there is nothing to check before.
      let early = isLocked || plan.filter != nil ? nil : lock
      try await fetch(try primaryKeys(), lock: early)
      if early == nil && plan.lock?.wait != .skipLocked && fetched.count != block.count && isLocked {
        throw index.damaged(plan.table)
      }
      if fetched.isEmpty { return nil }
      batch = try rows.decode(fetched, rows: 0..<fetched.count)
      if early != nil { return batch }
      swap(&block, &fetched)
    }
    guard let filter = plan.filter else { return batch }
    let passing = try Evaluator.filter(filter, batch, context.evaluation)
    if passing.isEmpty { return nil }
    if isLocked { return passing.count == batch.rowCount ? batch : batch.gather(passing) }
    // `block` holds primary rows now.
    try await fetch(passing.map { block.key(Int($0)) }, lock: lock)
    if fetched.isEmpty { return nil }
    batch = try rows.decode(fetched, rows: 0..<fetched.count)
    let still = try Evaluator.filter(filter, batch, context.evaluation)
    return still.count == batch.rowCount ? batch : batch.gather(still)
  }

  private func fetch(_ keys: [Key], lock: LockRequest?) async throws(SQLError) {
    fetched.removeAll()
    try await context.get(keys, lock: lock, into: &fetched)
  }

  /// The primary keys that the index entries in `block` lead to.
  private func primaryKeys() throws(SQLError) -> [Key] {
    let prefix = table.primary.prefix
    var keys: [Key] = []
    keys.reserveCapacity(block.count)
    for row in 0..<block.count {
      let key = block.withKey(row) { key in
        block.withValue(row) { value -> Key? in
          guard let suffix = IndexCodec.suffix(key: key, value: value)?.suffix else { return nil }
          var bytes: [UInt8] = []
          bytes.reserveCapacity(prefix.count + suffix.count)
          bytes.append(contentsOf: prefix)
          bytes.append(contentsOf: suffix)
          return Key(bytes)
        }
      }
      guard let key else { throw index.damaged(plan.table) }
      keys.append(key)
    }
    return keys
  }

  private func open() throws(SQLError) {
    isOpen = true
    position = 0
    resume = nil
    if !spans.isEmpty { spans.removeAll(keepingCapacity: true) }
    for pruning in plan.pruning {
      if try !pruning.mayHold(context) {
        access = .keys
        keys.removeAll(keepingCapacity: true)
        return
      }
    }
    pageRows = min(max(1, plan.rowHint ?? ExecutionLimits.firstPageRows), Batch.maximumRowCount)
    if plan.spans.count == 1, let range = try SpanBuilder.range(plan.spans, 0, of: index, context.evaluation) {
      switch range {
      case .key(let key):
        access = .keys
        // In place of the last execution's.
        if keys.count == 1 { keys[0] = key } else { keys = [key] }
      case .span(let span):
        access = .spans
        spans.append(span)
      }
      return
    }
    keys.removeAll(keepingCapacity: true)
    var ranges: [SpanBuilder.Range] = []
    for number in plan.spans.indices {
      if let range = try SpanBuilder.range(plan.spans, number, of: index, context.evaluation) { ranges.append(range) }
    }
    let areKeys = ranges.allSatisfy { if case .key = $0 { true } else { false } }
    if areKeys {
      access = .keys
      for case .key(let key) in ranges { keys.append(key) }
      if keys.count > 1 { SpanBuilder.sort(&keys, isReverse: plan.isReverse) }
    } else {
      access = .spans
      spans = ranges.map(\.span)
      if spans.count > 1 { SpanBuilder.sort(&spans, isReverse: plan.isReverse) }
    }
  }
}

extension RowLock.Wait {
  var policy: LockWaitPolicy {
    switch self {
    case .wait: .wait
    case .noWait: .fail
    case .skipLocked: .skip
    }
  }
}
