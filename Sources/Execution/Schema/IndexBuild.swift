// Fills indexes and rewrites tables.
//
// Online, outside of transaction blocks: (1) a transaction adds the index in the state `backfilling`, from whose commit on
// every writer maintains it; (2) transactions of their own add the entries of rows that were there before, a bounded
// number each; (3) a transaction makes the index active. Every transaction reads the catalog's version at its own
// timestamp, so none that wrote by the old descriptor commits after step 1. A duplicate found in step 2 undoes step 1.
// Inside a block all of it happens in the block's transaction.
// Source: Rae et al., "Online, Asynchronous Schema Change in F1", VLDB 2013.

import Catalog
import Encoding
import Expressions
import Planning
import SQLTypes
import Transactions

struct IndexBuild {
  let context: SchemaContext
  private var execution: ExecutionContext { context.execution }

  /// Rows handled by one transaction of an online build: its writes stay well below the transaction's buffer.
  private static let rowsPerStep = 8 * Batch.maximumRowCount

  /// Adds an index and fills it. Nil: it exists and `ifNotExists` allows it. Error 23505.
  func create(
    _ index: IndexDescriptor, on table: OID, ifNotExists: Bool, writer: CatalogWriter?
  ) async throws(SQLError) -> Bool {
    guard let steps = context.steps, writer == nil else {
      let writer: CatalogWriter = if let writer { writer } else { try await context.writer() }
      guard let (changed, added) = try writer.addIndex(index, to: table, ifNotExists: ifNotExists) else { return false }
      var reader = try TableReader(changed, execution.codecs)
      _ = try await fill(added.id, of: changed, &reader, rowLimit: Int.max)
      _ = try writer.activateIndex(added.id, of: table)
      return true
    }
    var made: (table: TableDescriptor, index: IndexDescriptor)?
    try await steps.run { (transaction, view) throws(SQLError) in
      made = try await context.writer(transaction, view).addIndex(index, to: table, ifNotExists: ifNotExists)
    }
    guard let made else { return false }
    do throws(SQLError) {
      var rest: KeySpan?
      var isDone = false
      while !isDone {
        let from = rest
        try await steps.run { (transaction, view) throws(SQLError) in
          guard let current = view.relation(table), current.indexes.contains(where: { $0.id == made.index.id }) else {
            throw SQLError(.undefinedObject, "index \"\(made.index.name)\" was dropped while it was being built")
          }
          let before = execution.transaction
          execution.transaction = transaction
          defer { execution.transaction = before }
          var reader = try TableReader(current, execution.codecs, from: from)
          rest = try await fill(made.index.id, of: current, &reader, rowLimit: IndexBuild.rowsPerStep)
          isDone = rest == nil
        }
      }
      try execution.checkInterruption()
      try await steps.run { (transaction, view) throws(SQLError) in
        _ = try await context.writer(transaction, view).activateIndex(made.index.id, of: table)
      }
    } catch {
      try await steps.run(isUndo: true) { (transaction, view) throws(SQLError) in
        if view.relation(table)?.indexes.contains(where: { $0.id == made.index.id }) == true {
          _ = try await context.writer(transaction, view).dropIndex(made.index.id, of: table)
        }
      }
      throw error
    }
    return true
  }

  /// Adds an index of which some keys are expressions: each gets a hidden column, filled first. All of it in the statement's
  /// transaction.
  func create(
    _ index: IndexDescriptor, over expressions: [IndexExpression], on oid: OID, ifNotExists: Bool
  ) async throws(SQLError) -> Bool {
    let writer = try await context.writer()
    if ifNotExists, !index.name.isEmpty, let table = context.view.relation(oid),
      context.view.snapshot.namedRelation(index.name, in: table.schema) != nil
    {
      return false
    }
    var index = index
    for expression in expressions {
      guard let before = context.view.relation(oid) else {
        throw SQLError(.undefinedTable, "relation with OID \(oid) does not exist")
      }
      let made = try writer.addIndexExpression(expression.sql, type: expression.type, to: oid)
      index.columns[expression.position].columnID = made.column
      if made.isNew, let ordinal = made.table.ordinal(ofColumn: made.column) {
        let value = try context.compiler.compile(expression.sql, over: made.table, as: expression.type)
        try await fillColumn(value, of: ordinal, from: before, in: made.table)
      }
    }
    return try await create(index, on: oid, ifNotExists: ifNotExists, writer: writer)
  }

  /// Adds the entries of rows from `reader` on; returns where it stopped, or nil at the end.
  private func fill(
    _ id: UInt32, of table: TableDescriptor, _ reader: inout TableReader, rowLimit: Int
  ) async throws(SQLError) -> KeySpan? {
    guard let index = reader.codec.index(id) else { preconditionFailure("the index is the table's") }
    let predicate = try context.predicates(of: table)[id]
    context.progress.phase = "building index \(index.descriptor.name)"
    var rows = 0
    while rows < rowLimit, let batch = try await reader.next(execution) {
      var members = batch
      if let predicate { members = batch.gather(try Evaluator.filter(predicate, batch, execution.evaluation)) }
      try await add(index, members, table)
      rows += batch.rowCount
      context.progress.rowCount += batch.rowCount
      try await execution.flushIfNeeded()
    }
    return reader.rest
  }

  private func add(_ index: IndexCodec, _ batch: Batch, _ table: TableDescriptor) async throws(SQLError) {
    var scratch: [UInt8] = []
    var suffix: [UInt8] = []
    var encoder = RowEncoder()
    var keys: [Key] = []
    var values: [[UInt8]] = []
    for row in 0..<batch.rowCount {
      keys.append(index.key(batch, row, scratch: &scratch))
      values.append(index.value(batch, row, encoder: &encoder, scratch: &suffix))
    }
    if index.descriptor.isUnique {
      // An entry that stands already is the row's own, made by a writer meanwhile, or a duplicate.
      var block = KeyValueBlock()
      try await execution.get(keys, lock: TableWriter.exclusive, into: &block)
      var known = KeyTable()
      var knownValues: [[UInt8]] = []
      for row in 0..<block.count where block.withKey(row, { known.insert($0) }).isNew {
        knownValues.append(block.value(row))
      }
      for row in 0..<batch.rowCount where index.isUnique(batch, row) {
        let (number, isNew) = known.insert(keys[row].bytes)
        if isNew {
          knownValues.append(values[row])
        } else if knownValues[number] != values[row] {
          throw IndexBuild.duplicate(batch, row, index, table, execution)
        }
      }
    }
    for row in 0..<batch.rowCount { execution.transaction.put(keys[row], values[row]) }
  }

  static func duplicate(
    _ batch: Batch, _ row: Int, _ index: IndexCodec, _ table: TableDescriptor, _ context: ExecutionContext
  ) -> SQLError {
    SQLError(
      .uniqueViolation, "could not create unique index \"\(index.descriptor.name)\"",
      detail: "Key \(RowText.key(batch, row, index, context.format)) is duplicated."
    ).of(table, context, constraint: index.descriptor.name)
  }

  // MARK: Rewriting

  /// Writes the rows of `old` as rows of `new`, whose indexes have ids of their own: a new primary key, or none any more.
  /// Error 23505 for duplicates in unique indexes.
  /// - Parameters:
  ///   - replacing: the ordinal, in `new`, of a column that takes another value: `value` over the old row.
  func rewrite(
    from old: TableDescriptor, to new: TableDescriptor, replacing replaced: Int? = nil,
    by value: ScalarExpression? = nil
  ) async throws(SQLError) {
    var reader = try TableReader(old, execution.codecs)
    let writer = try TableWriter(new, checks: [], predicates: try context.predicates(of: new), execution)
    let codec = writer.codec
    let sources = new.columns.map { old.ordinal(ofColumn: $0.id) }
    context.progress.phase = "rewriting table \(new.name)"
    let affected = execution.affectedRows
    while let batch = try await reader.next(execution) {
      var columns: [ColumnVector] = []
      for (ordinal, source) in sources.enumerated() {
        columns.append(
          source.map { batch.columns[$0] }
            ?? ColumnVector(codec.kinds[ordinal], repeating: .null, count: batch.rowCount))
      }
      if let replaced, let value {
        columns[replaced] = try Evaluator.evaluate(value, batch, execution.evaluation)
        if !new.columns[replaced].isNullable && !columns[replaced].nulls.isEmpty {
          throw IndexBuild.containsNull(new.columns[replaced].name, new, execution)
        }
      }
      let rows = writer.withRowIDs(Batch(columns: columns, rowCount: batch.rowCount))
      try await writer.insert(rows, isValidated: true, isBuild: true)
      context.progress.rowCount += batch.rowCount
    }
    execution.affectedRows = affected
  }

  /// Gives a column just added its value in every row: `value` over the old row; then checks what holds of it.
  func fillColumn(
    _ value: ScalarExpression?, of ordinal: Int, from old: TableDescriptor, in table: TableDescriptor
  ) async throws(SQLError) {
    var reader = try TableReader(old, execution.codecs)
    let codec = try execution.codecs.codec(for: table)
    let column = table.columns[ordinal]
    let draws = value.map { SequenceDraws(in: [$0]) } ?? .none
    let sources = table.columns.map { old.ordinal(ofColumn: $0.id) }
    var scratch: [UInt8] = []
    var encoder = RowEncoder()
    context.progress.phase = "adding column \(column.name)"
    while let batch = try await reader.next(execution) {
      try await draws.reserve(rows: batch.rowCount, execution)
      var added = ColumnVector(codec.kinds[ordinal], repeating: .null, count: batch.rowCount)
      if let value {
        // The value is written over the new table's columns; of these the added one is not known yet.
        var columns: [ColumnVector] = []
        for source in sources { columns.append(source.map { batch.columns[$0] } ?? added) }
        added = try Evaluator.evaluate(
          value, Batch(columns: columns, rowCount: batch.rowCount), execution.evaluation)
      }
      if !column.isNullable && !added.nulls.isEmpty { throw IndexBuild.containsNull(column.name, table, execution) }
      if value == nil { return }
      var columns: [ColumnVector] = []
      for source in sources { columns.append(source.map { batch.columns[$0] } ?? added) }
      let rows = Batch(columns: columns, rowCount: batch.rowCount)
      for row in 0..<rows.rowCount {
        execution.transaction.put(
          codec.primary.key(rows, row, scratch: &scratch),
          codec.primary.value(rows, row, encoder: &encoder, scratch: &scratch))
      }
      context.progress.rowCount += batch.rowCount
      try await execution.flushIfNeeded()
    }
  }

  // MARK: Checks of what is there

  /// Error 23502 if a row has NULL in one of the columns with these ids.
  func requireNoNulls(_ columns: [UInt32], in table: TableDescriptor) async throws(SQLError) {
    let ordinals = columns.compactMap { table.ordinal(ofColumn: $0) }.filter { table.columns[$0].isNullable }
    if ordinals.isEmpty { return }
    var reader = try TableReader(table, execution.codecs)
    context.progress.phase = "looking for NULLs in \(table.name)"
    while let batch = try await reader.next(execution) {
      for ordinal in ordinals where !batch.columns[ordinal].nulls.isEmpty {
        throw IndexBuild.containsNull(table.columns[ordinal].name, table, execution)
      }
      context.progress.rowCount += batch.rowCount
    }
  }

  static func containsNull(_ column: String, _ table: TableDescriptor, _ context: ExecutionContext) -> SQLError {
    SQLError(.notNullViolation, "column \"\(column)\" of relation \"\(table.name)\" contains null values")
      .of(table, context, column: column)
  }

  /// Error 23514 if a row does not satisfy the check.
  func requireCheck(_ check: CheckConstraint, in table: TableDescriptor) async throws(SQLError) {
    let condition = try context.compiler.compile(check.expressionSQL, over: table, as: .bool)
    var reader = try TableReader(table, execution.codecs)
    context.progress.phase = "checking \(check.name)"
    while let batch = try await reader.next(execution) {
      let result = try Evaluator.evaluate(condition, batch, execution.evaluation)
      for row in 0..<batch.rowCount where !result.nulls[row] && result.int64s[row] == 0 {
        throw SQLError(
          .checkViolation,
          "check constraint \"\(check.name)\" of relation \"\(table.name)\" is violated by some row"
        ).of(table, execution, constraint: check.name)
      }
      context.progress.rowCount += batch.rowCount
    }
  }
}
