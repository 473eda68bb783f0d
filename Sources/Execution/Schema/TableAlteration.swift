// ALTER TABLE, one action after the other in one transaction; a lone `ADD UNIQUE` outside of blocks is built in steps.

import Catalog
import Expressions
import Planning
import SQLTypes

struct TableAlteration {
  let context: SchemaContext
  private var build: IndexBuild { IndexBuild(context: context) }

  func run(
    _ actions: [AlterTableAction], on table: OID, _ outcome: inout SchemaOutcome
  ) async throws(SQLError) {
    if actions.count == 1, case .addUnique(let index) = actions[0], context.steps != nil {
      _ = try await build.create(index, on: table, ifNotExists: false, writer: nil)
      return
    }
    let writer = try await context.writer()
    for action in actions { try await run(action, on: table, writer, &outcome) }
  }

  private func run(
    _ action: AlterTableAction, on oid: OID, _ writer: CatalogWriter, _ outcome: inout SchemaOutcome
  ) async throws(SQLError) {
    guard let table = context.view.relation(oid) else {
      throw SQLError(.undefinedTable, "relation with OID \(oid) does not exist")
    }
    switch action {
    case .addColumn(let column, let ifNotExists, let check, let sequence):
      guard
        let changed = try writer.addColumn(
          column, to: oid, checks: check.map { [$0] } ?? [], sequence: sequence, ifNotExists: ifNotExists)
      else {
        outcome.notices.append(
          SQLError(
            .duplicateColumn, "column \"\(column.name)\" of relation \"\(table.name)\" already exists, skipping"))
        return
      }
      guard case .table = changed.kind, let ordinal = changed.columns.indices.last else { return }
      let added = changed.columns[ordinal]
      var value: ScalarExpression?
      if let sql = added.generatedSQL ?? added.defaultSQL {
        value = try context.compiler.compile(sql, over: changed, as: added.type)
      } else if let sequence = added.ownedSequence {
        value = try context.compiler.compile(
          SequenceReferences.nextValueSQL(sequence), over: changed, as: added.type)
      }
      if case .constant(.null, _)? = value { value = nil }
      if value != nil || !added.isNullable {
        try await build.fillColumn(value, of: ordinal, from: table, in: changed)
      }
      for check in changed.checks where !table.checks.contains(where: { $0.oid == check.oid }) {
        try await build.requireCheck(check, in: changed)
      }
    case .dropColumn(let name, let ifExists, let cascades):
      guard let result = try writer.dropColumn(of: oid, named: name, ifExists: ifExists, cascades: cascades) else {
        outcome.notices.append(
          SQLError(.undefinedColumn, "column \"\(name)\" of relation \"\(table.name)\" does not exist, skipping"))
        return
      }
      outcome.notices += result.notices
      if result.isRewritten { try await build.rewrite(from: result.old, to: result.new) }
    case .renameColumn(let old, let new): _ = try writer.renameColumn(of: oid, from: old, to: new)
    case .setDefault(let column, let sql): _ = try writer.setDefault(of: oid, column: column, sql: sql)
    case .setNotNull(let column, let isNotNull):
      if isNotNull, let id = table.column(named: column)?.id { try await build.requireNoNulls([id], in: table) }
      _ = try writer.setNotNull(of: oid, column: column, isNotNull: isNotNull)
    case .setType(let column, let type, let using):
      let (old, new) = try writer.setType(of: oid, column: column, to: type)
      guard let ordinal = new.columns.firstIndex(where: { $0.name == column && !$0.isHidden }) else { return }
      let value = try context.compiler.compile(using, over: old, as: type)
      try await build.rewrite(from: old, to: new, replacing: ordinal, by: value)
      for check in new.checks where check.columns.contains(new.columns[ordinal].id) {
        try await build.requireCheck(check, in: new)
      }
      for key in new.foreignKeys where key.columns.contains(new.columns[ordinal].id) {
        try await requireParents(key, in: new)
      }
      for (child, key) in context.view.incomingKeys(of: new)
      where key.referencedColumns.contains(new.columns[ordinal].id) {
        try await requireParents(key, in: child)
      }
    case .addIdentity(let column, let kind, let options):
      _ = try writer.addIdentity(to: oid, column: column, kind, options)
    case .setIdentity(let column, let kind, let sequence, let options, let restart):
      if let kind { _ = try writer.setIdentity(of: oid, column: column, kind) }
      if let options { _ = try writer.alterSequence(sequence, options, restart: restart) }
    case .dropIdentity(let column): _ = try writer.dropIdentity(of: oid, column: column)
    case .dropExpression(let column): _ = try writer.dropExpression(of: oid, column: column)
    case .addPrimaryKey(let index):
      if table.primaryIndex?.isConstraint != true {
        try await build.requireNoNulls(index.columns.map(\.columnID), in: table)
      }
      let (old, new) = try writer.swapPrimaryIndex(of: oid, to: index)
      try await build.rewrite(from: old, to: new)
    case .addUnique(let index):
      _ = try await build.create(index, on: oid, ifNotExists: false, writer: writer)
    case .addCheck(let check):
      let changed = try writer.addCheck(check, to: oid)
      for check in changed.checks where !table.checks.contains(where: { $0.oid == check.oid }) {
        try await build.requireCheck(check, in: changed)
      }
    case .addForeignKey(let key):
      let changed = try writer.addForeignKey(key, to: oid)
      guard let added = changed.foreignKeys.last, added.isValidated else { return }
      try await requireParents(added, in: changed)
    case .validateConstraint(let name):
      guard table.hasConstraint(named: name) else { throw .undefinedConstraint(name, of: table.name) }
      guard let key = table.foreignKeys.first(where: { $0.name == name }), !key.isValidated else { return }
      try await requireParents(key, in: table)
      _ = try writer.validateForeignKey(key.oid, of: oid)
    case .alterConstraint(let name, let isDeferrable, let isInitiallyDeferred):
      _ = try writer.setDeferrability(
        ofForeignKey: name, of: oid, isDeferrable: isDeferrable, isInitiallyDeferred: isInitiallyDeferred)
    case .dropConstraint(let name, let ifExists, let cascades):
      guard let result = try writer.dropConstraint(of: oid, named: name, ifExists: ifExists, cascades: cascades)
      else {
        outcome.notices.append(
          SQLError(
            .undefinedObject, "constraint \"\(name)\" of relation \"\(table.name)\" does not exist, skipping"))
        return
      }
      outcome.notices += result.notices
      if result.isRewritten { try await build.rewrite(from: result.old, to: result.new) }
    case .renameConstraint(let old, let new): _ = try writer.renameConstraint(of: oid, from: old, to: new)
    case .rename(let name): _ = try writer.rename(oid, to: name)
    case .setSchema(let schema): _ = try writer.setSchema(of: oid, to: schema)
    case .enableTriggers(let name, let isEnabled): try writer.enableTriggers(name, of: oid, isEnabled)
    case .setOwner(let role): _ = try writer.setOwner(of: oid, to: role)
    case .attachPartition(let child, let bound, let indexes, let foreignKeys):
      try writer.attach(child, to: oid, bound: bound)
      if let attached = context.view.relation(child) { try await requireFit(attached, isNew: true) }
      try await requireFreeDefault(of: oid, beside: child)
      for index in indexes {
        try await run(index.isPrimary ? .addPrimaryKey(index) : .addUnique(index), on: child, writer, &outcome)
      }
      for key in foreignKeys { try await run(.addForeignKey(key), on: child, writer, &outcome) }
    case .detach(let child): try writer.detach(child, from: oid)
    case .inherit(let parent): try writer.attach(oid, to: parent, bound: nil)
    case .noInherit(let parent): try writer.detach(oid, from: parent)
    case .disinheritColumn(let name): try writer.disinheritColumn(of: oid, named: name)
    }
  }

  /// Error 23514 if the default partition holds rows that a new partition is to hold.
  func requireFreeDefault(of parent: OID, beside new: OID) async throws(SQLError) {
    guard let table = context.view.relation(parent) else { return }
    for child in context.view.children(of: table) where child.oid != new && child.lineage.bound == .rest {
      try await requireFit(child, isNew: false)
    }
  }

  /// Error 23514 if a row of the partition, or of those below it, does not belong there.
  private func requireFit(_ table: TableDescriptor, isNew: Bool) async throws(SQLError) {
    for member in context.view.family(of: table) where !member.isPartitioned {
      guard let guarded = try context.compiler.partitionGuard(of: member) else { continue }
      var reader = try TableReader(member, context.execution.codecs)
      context.progress.phase = "checking the rows of partition \(member.name)"
      while let batch = try await reader.next(context.execution) {
        guard try guarded.strays(batch, context.execution).isEmpty else {
          throw SQLError(
            .checkViolation,
            isNew
              ? "partition constraint of relation \"\(member.name)\" is violated by some row"
              : "updated partition constraint for default partition \"\(member.name)\" would be violated by some row"
          ).of(member, context.execution)
        }
        context.progress.rowCount += batch.rowCount
      }
    }
  }

  /// Error 23503 if a row of the table refers to nothing.
  private func requireParents(_ key: ForeignKey, in table: TableDescriptor) async throws(SQLError) {
    let execution = context.execution
    guard let reference = try execution.referencePlanner?.outgoingReference(key, of: table) else { return }
    let lookup = try ReferenceLookup(reference, execution)
    var reader = try TableReader(table, execution.codecs)
    context.progress.phase = "checking \(key.name)"
    while let batch = try await reader.next(execution) {
      if let row = try await lookup.missing(batch).first {
        throw ReferenceLookup.violation(reference, batch, Int(row), table, execution)
      }
      context.progress.rowCount += batch.rowCount
    }
  }
}
