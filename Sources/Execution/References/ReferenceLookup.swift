// HOT: whether the parents of rows are there: one locking read of the parent's unique index for all keys of a batch. The lock
// is shared, so that the parent stays until the commit. A row whose key has a NULL refers to nothing.

import Catalog
import Encoding
import Expressions
import Planning
import SQLTypes
import Transactions

struct ReferenceLookup {
  private let reference: OutgoingReference
  private let context: ExecutionContext
  private let index: IndexCodec

  init(_ reference: OutgoingReference, _ context: ExecutionContext) throws(SQLError) {
    self.reference = reference
    self.context = context
    guard let index = try context.codecs.codec(for: reference.parent).index(reference.index.id) else {
      throw SQLError(.internalError, "the index behind foreign key \"\(reference.key.name)\" is gone")
    }
    self.index = index
  }

  /// The rows, whole ones of the referencing table, that have no parent. Error 23503 for a MATCH FULL key that is partly NULL.
  func missing(_ rows: Batch) async throws(SQLError) -> [Int32] {
    var wanted: [Int32] = []
    for row in 0..<rows.rowCount {
      var nullCount = 0
      for ordinal in reference.ordinals where rows.columns[ordinal].nulls[row] { nullCount += 1 }
      if nullCount == 0 {
        wanted.append(Int32(row))
      } else if reference.key.matchesFull && nullCount < reference.ordinals.count {
        throw SQLError(
          .foreignKeyViolation,
          "insert or update on table \"\(childName)\" violates foreign key constraint \"\(reference.key.name)\"",
          detail: "MATCH FULL does not allow mixing of null and nonnull key values.")
      }
    }
    if wanted.isEmpty { return [] }
    let present = wanted.count == rows.rowCount ? rows : rows.gather(wanted)
    var columns: [ColumnVector] = []
    for value in reference.values { columns.append(try Evaluator.evaluate(value, present, context.evaluation)) }
    var keys: [Key] = []
    var numberOfRow: [Int] = []
    var distinct = KeyTable()
    var bytes: [UInt8] = []
    for row in 0..<present.rowCount {
      bytes.removeAll(keepingCapacity: true)
      bytes.append(contentsOf: index.prefix)
      for (position, column) in index.columns.enumerated() {
        column.info.encodeKey(
          columns, position, row, descending: column.isDescending, nulls: column.nulls, into: &bytes)
      }
      let (number, isNew) = distinct.insert(bytes)
      if isNew { keys.append(Key(bytes)) }
      numberOfRow.append(number)
    }
    var sorted = keys
    SpanBuilder.sort(&sorted, isReverse: false)
    var block = KeyValueBlock()
    try await context.get(sorted, lock: LockRequest(.shared), into: &block)
    if block.count == keys.count { return [] }
    var found = KeyTable()
    for row in 0..<block.count { _ = block.withKey(row) { found.insert($0) } }
    let isThere = keys.map { found.find($0.bytes) != nil }
    return wanted.indices.filter { !isThere[numberOfRow[$0]] }.map { wanted[$0] }
  }

  private var childName: String { context.relation(reference.child)?.name ?? "" }

  /// Of rows that were written, those that still are there with the same key.
  func current(_ rows: Batch, of child: TableDescriptor) async throws(SQLError) -> Batch {
    let codec = try context.codecs.codec(for: child)
    var scratch: [UInt8] = []
    var keys: [Key] = []
    for row in 0..<rows.rowCount { keys.append(codec.primary.key(rows, row, scratch: &scratch)) }
    SpanBuilder.sort(&keys, isReverse: false)
    var block = KeyValueBlock()
    try await context.get(keys, lock: nil, into: &block)
    let decoding = try RowDecoding(codec.primary, of: codec, columns: child.columns.map(\.id))
    let present = try decoding.decode(block, rows: 0..<block.count)
    var before = KeyTable()
    func identity(_ batch: Batch, _ row: Int) -> [UInt8] {
      var bytes = codec.primary.key(batch, row, scratch: &scratch).bytes
      for ordinal in reference.ordinals {
        codec.infos[ordinal].encodeKey(batch.columns, ordinal, row, nulls: .last, into: &bytes)
      }
      return bytes
    }
    for row in 0..<rows.rowCount { _ = before.insert(identity(rows, row)) }
    let same = (0..<present.rowCount).filter { before.find(identity(present, $0)) != nil }
    return same.count == present.rowCount ? present : present.gather(same.map(Int32.init))
  }

  static func violation(
    _ reference: OutgoingReference, _ rows: Batch, _ row: Int, _ child: TableDescriptor, _ context: ExecutionContext
  ) -> SQLError {
    let names = reference.ordinals.map { child.columns[$0].name }.joined(separator: ", ")
    let values = reference.ordinals.map {
      RowText.value(rows.columns[$0], row, child.columns[$0].type.behavior, context.format)
    }.joined(separator: ", ")
    return SQLError(
      .foreignKeyViolation,
      "insert or update on table \"\(child.name)\" violates foreign key constraint \"\(reference.key.name)\"",
      detail: "Key (\(names))=(\(values)) is not present in table \"\(reference.parent.name)\"."
    ).of(child, context, constraint: reference.key.name)
  }
}

/// A table's writer's part in foreign keys: it tells the statement's queue what changes.
struct ReferenceTriggers {
  private let plan: ReferencePlan
  private let table: TableDescriptor
  private let context: ExecutionContext

  init(_ plan: ReferencePlan, _ table: TableDescriptor, _ context: ExecutionContext) {
    self.plan = plan
    self.table = table
    self.context = context
  }

  /// Rows were written; `changed`: an update of these ordinals.
  func wrote(_ rows: Batch, changed: Set<Int>? = nil) async throws(SQLError) {
    for reference in plan.outgoing {
      if let changed, changed.isDisjoint(with: reference.ordinals) { continue }
      if context.deferredReferences?.isDeferred(reference.key) == true {
        context.deferredReferences?.append(.added(reference, child: table, rows: rows))
        continue
      }
      let missing = try await ReferenceLookup(reference, context).missing(rows)
      // The parent may still come in the same statement.
      if !missing.isEmpty { context.references.append(.added(reference, child: table, rows: rows.gather(missing))) }
    }
  }

  /// Rows are gone, or have become others.
  func removed(_ old: Batch, new: Batch? = nil, changed: Set<Int>? = nil) {
    for reference in plan.incoming {
      if let changed, changed.isDisjoint(with: reference.ordinals) { continue }
      var rows: [Int32] = []
      for row in 0..<old.rowCount {
        if reference.ordinals.contains(where: { old.columns[$0].nulls[row] }) { continue }
        if let new, reference.ordinals.allSatisfy({ isSame(old, new, row, $0) }) { continue }
        rows.append(Int32(row))
      }
      if rows.isEmpty { continue }
      func key(_ batch: Batch) -> Batch {
        Batch(columns: reference.ordinals.map { batch.columns[$0].gather(rows) }, rowCount: rows.count)
      }
      let event = ReferenceEvent.removed(reference, parent: table, old: key(old), new: new.map(key))
      let action = new == nil ? reference.key.onDelete : reference.key.onUpdate
      if action == .noAction, context.deferredReferences?.isDeferred(reference.key) == true {
        context.deferredReferences?.append(event)
      } else {
        context.references.append(event)
      }
    }
  }

  private func isSame(_ old: Batch, _ new: Batch, _ row: Int, _ ordinal: Int) -> Bool {
    if new.columns[ordinal].nulls[row] { return false }
    return table.columns[ordinal].type.behavior.compare(
      old.columns[ordinal].datum(row), new.columns[ordinal].datum(row)) == 0
  }
}
