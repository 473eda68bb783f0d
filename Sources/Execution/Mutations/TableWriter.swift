// HOT: turns rows into writes of one table and all its indexes, and checks constraints as PostgreSQL does: row by row in
// order, NOT NULL, then CHECK, then uniqueness, so that the error reported is that of the first offending row. Uniqueness
// is known from locking reads, one request for a batch; what rows of the same batch add and take away is kept beside.

import Catalog
import Encoding
import Expressions
import Planning
import SQLTypes
import Transactions

/// Keys of unique indexes that a batch adds, and the rows they belong to.
struct UniqueCandidates {
  var keys: [Key] = []
  var rows: [Int32] = []
  var indexes: [IndexCodec] = []
}

final class TableWriter {
  let codec: TableCodec
  let context: ExecutionContext
  private let checks: [RowCheck]
  private let predicates: IndexPredicates
  private let foreignKeys: ReferenceTriggers?
  let rowTriggers: RowTriggers?
  private let notNull: [Int]
  private let rowIDOrdinal: Int?
  /// The row of the last batch that an error is about.
  private(set) var failedRow: Int?
  private var scratch: [UInt8] = []
  private var suffixScratch: [UInt8] = []
  private var encoder = RowEncoder()

  static let exclusive = LockRequest(.exclusive)

  init(
    _ table: TableDescriptor, checks: [RowCheck], predicates: IndexPredicates,
    references: ReferencePlan = ReferencePlan(), _ context: ExecutionContext
  ) throws(SQLError) {
    foreignKeys = references.isEmpty ? nil : ReferenceTriggers(references, table, context)
    rowTriggers = references.triggers.map { RowTriggers($0, table, context) }
    codec = try context.codecs.codec(for: table)
    self.checks = checks
    self.predicates = predicates
    self.context = context
    notNull = table.columns.indices.filter { !table.columns[$0].isNullable }
    rowIDOrdinal = codec.primary.columns.first.flatMap { table.columns[$0.ordinal].isHidden ? $0.ordinal : nil }
  }

  var table: TableDescriptor { codec.table }

  // MARK: Row constraints

  /// How many of the first rows satisfy NOT NULL and CHECK, and the error of the row after them.
  func validate(_ batch: Batch) throws(SQLError) -> (rowCount: Int, error: SQLError?) {
    var valid = batch.rowCount
    var error: SQLError?
    for ordinal in notNull where !batch.columns[ordinal].nulls.isEmpty {
      // A later column's earlier row wins; within a row the first column does.
      guard let row = (0..<valid).first(where: { batch.columns[ordinal].nulls[$0] }) else { continue }
      valid = row
      let name = table.columns[ordinal].name
      error = SQLError(
        .notNullViolation,
        "null value in column \"\(name)\" of relation \"\(table.name)\" violates not-null constraint",
        detail: "Failing row contains (\(RowText.row(batch, row, codec, context.format)))."
      ).of(table, context, column: name)
    }
    for check in checks where valid > 0 {
      switch check {
      case .condition(let name, let condition):
        let passed = try Evaluator.evaluate(condition, batch.slice(0..<valid), context.evaluation)
        guard let row = (0..<valid).first(where: { !passed.nulls[$0] && passed.int64s[$0] == 0 }) else { continue }
        valid = row
        error = SQLError(
          .checkViolation, "new row for relation \"\(table.name)\" violates check constraint \"\(name)\"",
          detail: "Failing row contains (\(RowText.row(batch, row, codec, context.format)))."
        ).of(table, context, constraint: name)
      case .partition(let guarded):
        guard let row = try guarded.strays(batch.slice(0..<valid), context).first else { continue }
        valid = Int(row)
        error = SQLError.strayRow(batch, valid, codec, context)
      }
    }
    return (valid, error)
  }

  /// For each secondary index, which rows it has; nil for all.
  func membership(_ batch: Batch) throws(SQLError) -> [[Bool]?] {
    if predicates.isEmpty { return Array(repeating: nil, count: codec.secondary.count) }
    var result: [[Bool]?] = []
    for index in codec.secondary {
      guard let predicate = predicates[index.descriptor.id] else {
        result.append(nil)
        continue
      }
      var isMember = Array(repeating: false, count: batch.rowCount)
      for row in try Evaluator.filter(predicate, batch, context.evaluation) { isMember[Int(row)] = true }
      result.append(isMember)
    }
    return result
  }

  // MARK: Insert

  /// The rows with row ids where the hidden column of a table without primary key has none yet.
  func withRowIDs(_ batch: Batch) -> Batch {
    guard let ordinal = rowIDOrdinal, !batch.columns[ordinal].nulls.isEmpty else { return batch }
    var result = batch
    var id = context.rowIDs.next(count: batch.rowCount, wallTime: context.transaction.readTimestamp.wall)
    var ids = batch.columns[ordinal].int64s
    for row in 0..<batch.rowCount where batch.columns[ordinal].nulls[row] {
      ids[row] = id
      id += RowIDGenerator.stride
    }
    result.columns[ordinal] = ColumnVector(int64s: ids)
    return result
  }

  /// The unique keys that these rows need, row by row; those of `skipping` left out.
  func uniqueKeys(_ batch: Batch, _ members: [[Bool]?], skipping: IndexCodec? = nil) -> UniqueCandidates {
    var candidates = UniqueCandidates()
    let checksPrimary = !table.columns[codec.primary.columns.first?.ordinal ?? 0].isHidden && codec.primary !== skipping
    for row in 0..<batch.rowCount {
      if checksPrimary { add(codec.primary, batch, row, &candidates) }
      for (number, index) in codec.secondary.enumerated()
      where index.descriptor.isUnique && index !== skipping && members[number]?[row] != false
        && index.isUnique(batch, row)
      {
        add(index, batch, row, &candidates)
      }
    }
    return candidates
  }

  private func add(_ index: IndexCodec, _ batch: Batch, _ row: Int, _ candidates: inout UniqueCandidates) {
    candidates.keys.append(index.key(batch, row, scratch: &scratch))
    candidates.rows.append(Int32(row))
    candidates.indexes.append(index)
  }

  /// The keys among `keys` that exist, locked together with those that do not.
  func existing(_ keys: [Key]) async throws(SQLError) -> KeyTable {
    var found = KeyTable()
    if keys.isEmpty { return found }
    var block = KeyValueBlock()
    if keys.count == 1 {
      _ = try await context.get(keys[0], lock: TableWriter.exclusive, into: &block)
    } else {
      try await context.get(keys, lock: TableWriter.exclusive, into: &block)
    }
    for row in 0..<block.count { _ = block.withKey(row) { found.insert($0) } }
    return found
  }

  /// Inserts rows after all checks. Error 23502, 23514 or 23505.
  /// - Parameters:
  ///   - skipping: a unique index that the caller has looked at.
  ///   - isValidated: the caller has checked NOT NULL and CHECK.
  ///   - captured: what the rows count as in transition tables.
  ///   - isBuild: the rows were there before and get new indexes: duplicates are reported as such.
  func insert(
    _ batch: Batch, skipping: IndexCodec? = nil, isValidated: Bool = false, isBuild: Bool = false,
    capturedAs captured: TriggerDescriptor.Events? = nil
  ) async throws(SQLError) {
    var (valid, error) = (batch.rowCount, SQLError?.none)
    if !isValidated { (valid, error) = try validate(batch) }
    let rows = batch.slice(0..<valid)
    let members = try membership(rows)
    if !codec.canInsertBlindly {
      let candidates = uniqueKeys(rows, members, skipping: skipping)
      let found = try await existing(candidates.keys)
      var added = KeyTable()
      let mayRepeat = candidates.keys.count > 1
      for position in candidates.keys.indices {
        let key = candidates.keys[position].bytes
        if (found.count > 0 && found.find(key) != nil) || (mayRepeat && !added.insert(key).isNew) {
          let row = Int(candidates.rows[position])
          failedRow = row
          throw isBuild
            ? IndexBuild.duplicate(rows, row, candidates.indexes[position], table, context)
            : SQLError.duplicateKey(rows, row, candidates.indexes[position], table, context)
        }
      }
    }
    if let error {
      failedRow = valid
      throw error
    }
    write(rows, members)
    context.affectedRows += rows.rowCount
    try await foreignKeys?.wrote(rows)
    try rowTriggers?.after(.insert, old: nil, new: rows, capturedAs: captured)
    try await context.flushIfNeeded()
  }

  private func write(_ batch: Batch, _ members: [[Bool]?]) {
    let transaction = context.transaction
    noteTouched(batch)
    for row in 0..<batch.rowCount {
      // Row ids are never given twice.
      transaction.put(
        codec.primary.key(batch, row, scratch: &scratch),
        codec.primary.value(batch, row, encoder: &encoder, scratch: &suffixScratch), isNew: rowIDOrdinal != nil)
      for (number, index) in codec.secondary.enumerated() where members[number]?[row] != false {
        transaction.put(
          index.key(batch, row, scratch: &scratch),
          index.value(batch, row, encoder: &encoder, scratch: &suffixScratch))
      }
    }
  }

  // MARK: Update

  /// Whether rows that differ in these columns alone keep their keys, and no index and no foreign key has a part in it.
  func staysInPlace(_ changed: Set<Int>) -> Bool {
    foreignKeys == nil && rowTriggers == nil && predicates.isEmpty
      && ([codec.primary] + codec.secondary).allSatisfy { index in
        index.isPrimary
          ? !index.columns.contains { changed.contains($0.ordinal) } : index.ordinals.isDisjoint(with: changed)
      }
  }

  /// Replaces rows, locked before, by ones with the same keys that differ only in what concerns nobody else.
  func update(inPlace batch: Batch) async throws(SQLError) {
    let (valid, error) = try validate(batch)
    if let error { throw error }
    write(inPlace: batch, rowCount: valid)
    try await context.flushIfNeeded()
  }

  private func write(inPlace batch: Batch, rowCount: Int) {
    noteTouched(batch)
    for row in 0..<rowCount {
      context.transaction.put(
        codec.primary.key(batch, row, scratch: &scratch),
        codec.primary.value(batch, row, encoder: &encoder, scratch: &suffixScratch))
    }
    context.affectedRows += rowCount
  }

  /// Replaces rows, locked before, by new ones; `changed` are the ordinals of columns that may differ.
  /// - Parameter assigned: those of them that the statement itself gives values.
  func update(old: Batch, new: Batch, changed: Set<Int>, assigned: Set<Int>? = nil) async throws(SQLError) {
    let assigned = assigned ?? changed
    var (valid, error) = try validate(new)
    let new = new.slice(0..<valid)
    let old = old.slice(0..<valid)
    valid = new.rowCount
    let movesRows = codec.primary.columns.contains { changed.contains($0.ordinal) }
    let touched = codec.secondary.indices.filter {
      movesRows || predicates[codec.secondary[$0].descriptor.id] != nil
        || !codec.secondary[$0].ordinals.isDisjoint(with: changed)
    }
    if !movesRows && touched.isEmpty {
      if let error { throw error }
      write(inPlace: new, rowCount: valid)
      foreignKeys?.removed(old, new: new, changed: changed)
      try await foreignKeys?.wrote(new, changed: changed)
      try rowTriggers?.after(.update, old: old, new: new, changed: assigned)
      try await context.flushIfNeeded()
      return
    }
    let oldMembers = try membership(old)
    let newMembers = try membership(new)
    var changes: [EntryChange] = []
    for row in 0..<valid {
      changes.append(change(codec.primary, old, new, row, wasMember: true, isMember: true))
      for number in touched {
        changes.append(
          change(
            codec.secondary[number], old, new, row, wasMember: oldMembers[number]?[row] ?? true,
            isMember: newMembers[number]?[row] ?? true))
      }
    }
    try await checkUnique(changes, new)
    if let error { throw error }
    noteTouched(old)
    noteTouched(new)
    for change in changes {
      if let key = change.oldKey, key != change.newKey { context.transaction.delete(key) }
      if let key = change.newKey {
        let value = change.index.value(new, change.row, encoder: &encoder, scratch: &suffixScratch)
        if change.oldKey != key || change.index.isPrimary || value != change.oldValue {
          context.transaction.put(key, value)
        }
      }
    }
    error = nil
    context.affectedRows += valid
    foreignKeys?.removed(old, new: new, changed: changed)
    try await foreignKeys?.wrote(new, changed: changed)
    try rowTriggers?.after(.update, old: old, new: new, changed: assigned)
    try await context.flushIfNeeded()
  }

  private struct EntryChange {
    var index: IndexCodec
    var row: Int
    var oldKey: Key?
    var oldValue: [UInt8]
    var newKey: Key?
  }

  private func change(
    _ index: IndexCodec, _ old: Batch, _ new: Batch, _ row: Int, wasMember: Bool, isMember: Bool
  ) -> EntryChange {
    var change = EntryChange(index: index, row: row, oldKey: nil, oldValue: [], newKey: nil)
    if wasMember {
      change.oldKey = index.key(old, row, scratch: &scratch)
      if !index.isPrimary { change.oldValue = index.value(old, row, encoder: &encoder, scratch: &suffixScratch) }
    }
    if isMember { change.newKey = index.key(new, row, scratch: &scratch) }
    return change
  }

  /// Checks new unique keys in the order of rows, as if each row were written before the next is looked at.
  private func checkUnique(_ changes: [EntryChange], _ new: Batch) async throws(SQLError) {
    func isAdded(_ change: EntryChange) -> Bool {
      guard let key = change.newKey, key != change.oldKey else { return false }
      return change.index.isUnique(new, change.row)
    }
    var keys: [Key] = []
    for change in changes where isAdded(change) { if let key = change.newKey { keys.append(key) } }
    if keys.isEmpty { return }
    let found = try await existing(keys)
    var overlay = KeyTable()
    var isPresent: [Bool] = []
    func set(_ key: Key, _ present: Bool) {
      let (number, isNew) = overlay.insert(key.bytes)
      if isNew { isPresent.append(present) } else { isPresent[number] = present }
    }
    for change in changes where change.newKey != change.oldKey {
      if let key = change.newKey, isAdded(change) {
        let exists = overlay.find(key.bytes).map { isPresent[$0] } ?? (found.find(key.bytes) != nil)
        if exists { throw SQLError.duplicateKey(new, change.row, change.index, table, context) }
        set(key, true)
      }
      if let key = change.oldKey { set(key, false) }
    }
  }

  // MARK: Delete

  /// Deletes rows, locked before, with all their entries.
  func delete(
    _ batch: Batch, capturedAs captured: TriggerDescriptor.Events? = nil
  ) async throws(SQLError) {
    let members = try membership(batch)
    noteTouched(batch)
    for row in 0..<batch.rowCount {
      context.transaction.delete(codec.primary.key(batch, row, scratch: &scratch))
      for (number, index) in codec.secondary.enumerated() where members[number]?[row] != false {
        context.transaction.delete(index.key(batch, row, scratch: &scratch))
      }
    }
    context.affectedRows += batch.rowCount
    foreignKeys?.removed(batch)
    try rowTriggers?.after(.delete, old: batch, new: nil, capturedAs: captured)
    try await context.flushIfNeeded()
  }

  func primaryKey(_ batch: Batch, _ row: Int) -> Key { codec.primary.key(batch, row, scratch: &scratch) }

  func key(_ index: IndexCodec, _ batch: Batch, _ row: Int) -> Key { index.key(batch, row, scratch: &scratch) }

  // MARK: Triggers before a row

  /// Fires what comes before each row's INSERT; the rows that are left to insert.
  func beforeInsert(_ batch: Batch) async throws(SQLError) -> Batch {
    guard let rowTriggers, rowTriggers.hasBefore(.insert) else { return batch }
    var result = Batch(kinds: codec.kinds)
    for row in 0..<batch.rowCount {
      if let made = try await rowTriggers.before(.insert, old: nil, new: batch.row(row)) { result.append(row: made) }
    }
    return result
  }

  /// The same for UPDATE; `kept`: which rows are left.
  func beforeUpdate(
    old: Batch, new: Batch, assigned: Set<Int>
  ) async throws(SQLError) -> (new: Batch, kept: [Int32]) {
    var result = Batch(kinds: codec.kinds)
    var kept: [Int32] = []
    for row in 0..<new.rowCount {
      let made = try await rowTriggers?.before(.update, old: old.row(row), new: new.row(row), changed: assigned)
      guard let made else { continue }
      result.append(row: made)
      kept.append(Int32(row))
    }
    return (result, kept)
  }

  /// The rows that are left to delete.
  func beforeDelete(_ batch: Batch) async throws(SQLError) -> [Int32] {
    guard let rowTriggers, rowTriggers.hasBefore(.delete) else { return (0..<Int32(batch.rowCount)).map { $0 } }
    var kept: [Int32] = []
    for row in 0..<batch.rowCount {
      if try await rowTriggers.before(.delete, old: batch.row(row), new: nil) != nil { kept.append(Int32(row)) }
    }
    return kept
  }

  var allOrdinals: Set<Int> { Set(table.columns.indices) }

  // MARK: Statements within one statement

  private func noteTouched(_ batch: Batch) {
    if context.touched == nil { return }
    for row in 0..<batch.rowCount {
      _ = context.touched?[table.oid, default: KeyTable()].insert(primaryKey(batch, row).bytes)
    }
  }

  /// The rows among these that no other part of the statement has written.
  func untouched(_ batch: Batch, by others: KeyTable?) -> Batch {
    guard let others, others.count > 0 else { return batch }
    let left = (0..<batch.rowCount).filter { others.find(primaryKey(batch, $0).bytes) == nil }.map { Int32($0) }
    return left.count == batch.rowCount ? batch : batch.gather(left)
  }

  /// What other parts of the statement have written so far.
  var touchedByOthers: KeyTable? { context.touched?[table.oid] }
}
