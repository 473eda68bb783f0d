// Carries out DDL: metadata through the catalog's writer, rows through `IndexBuild`. Everything happens in the statement's
// transaction, except for index builds outside of transaction blocks, which are done in steps.
// What a dropped or rewritten table leaves behind is noted by the writer as garbage, to be cleared after the commit.

import Catalog
import Encoding
import Expressions
import Planning
import SQLTypes
import Transactions

public enum SchemaExecutor {
  /// Carries out one operation. Errors are PostgreSQL's; after one the transaction is to be rolled back (to a savepoint).
  public static func run(
    _ operation: SchemaOperation, _ context: SchemaContext
  ) async throws(SQLError) -> SchemaOutcome {
    var outcome = SchemaOutcome()
    switch operation {
    case .sequence(let operations):
      let inOne = context.withoutSteps
      for operation in operations {
        let part = try await run(operation, inOne)
        outcome.notices += part.notices
      }
    case .createTable(let definition, let ifNotExists):
      let writer = try await context.writer()
      guard let table = try writer.createTable(definition, ifNotExists: ifNotExists) else {
        outcome.notices.append(exists("relation", definition.name))
        break
      }
      outcome.notices += definition.notices.map { SQLError(.successfulCompletion, $0) }
      if table.isPartition, let parent = table.lineage.parents.first {
        try await TableAlteration(context: context).requireFreeDefault(of: parent, beside: table.oid)
      }
    case .createIndex(let table, let index, let expressions, let ifNotExists, _):
      let build = IndexBuild(context: context)
      let isMade: Bool
      if expressions.isEmpty {
        isMade = try await build.create(index, on: table, ifNotExists: ifNotExists, writer: nil)
      } else {
        isMade = try await build.create(index, over: expressions, on: table, ifNotExists: ifNotExists)
      }
      if !isMade { outcome.notices.append(exists("relation", index.name)) }
    case .alterTable(let table, let actions):
      try await TableAlteration(context: context).run(actions, on: table, &outcome)
    case .notice(let notice):
      outcome.notices.append(notice)
    case .dropTypes(let types, let cascades):
      let build = IndexBuild(context: context)
      for change in try await context.writer().dropTypes(types, cascades: cascades) {
        outcome.notices += change.notices
        if change.isRewritten { try await build.rewrite(from: change.old, to: change.new) }
      }
    case .setDomain(let type, let domain, let validations):
      for validation in validations {
        let query = try Executor.run(validation.query, context.execution)
        while let batch = try await query.next() { if batch.rowCount > 0 { throw validation.error } }
      }
      try await context.writer().setDomain(domain, of: type)
    case .createTableAs(let definition, let ifNotExists, let source, let withData):
      let writer = try await context.writer()
      guard let table = try writer.createTable(definition, ifNotExists: ifNotExists) else {
        outcome.notices.append(exists("relation", definition.name))
        break
      }
      if withData { outcome.rowCount = try await fill(table, source, context) }
    case .split(let table, let index, let points, let isUndone):
      try await split(table, index, at: points, isUndone: isUndone, context)
    case .unsplitAll(let table, let index): try await unsplitAll(table, index, context)
    default:
      try runInCatalog(operation, try await context.writer(), &outcome)
    }
    return outcome
  }

  private static func unsplitAll(
    _ table: OID, _ index: UInt32, _ context: SchemaContext
  ) async throws(SQLError) {
    guard let descriptor = context.view.relation(table),
      let codec = try context.execution.codecs.codec(for: descriptor).index(index)
    else { throw SQLError(.undefinedTable, "the table was dropped by another transaction") }
    do throws(TransactionError) {
      try await context.execution.transaction.unsplitRanges(in: KeySpan(prefix: Key(codec.prefix)))
    } catch {
      throw SQLError(error, relation: context.execution.relation)
    }
  }

  /// Begins a range at each point, or lets it be merged again. At once, and whatever becomes of the transaction: where ranges begin says nothing about rows.
  private static func split(
    _ table: OID, _ index: UInt32, at points: QueryPlan, isUndone: Bool, _ context: SchemaContext
  ) async throws(SQLError) {
    guard let descriptor = context.view.relation(table),
      let codec = try context.execution.codecs.codec(for: descriptor).index(index)
    else { throw SQLError(.undefinedTable, "the table was dropped by another transaction") }
    let query = try Executor.run(points, context.execution)
    context.progress.phase = "\(isUndone ? "unsplitting" : "splitting") ranges of \(descriptor.name)"
    var keys: [Key] = []
    while let batch = try await query.next() {
      for row in 0..<batch.rowCount {
        var key = codec.prefix
        for (column, part) in zip(batch.columns, codec.columns) {
          part.info.encodeKey(
            column.datum(row), descending: part.isDescending, nulls: part.nulls, into: &key)
        }
        keys.append(Key(key))
      }
    }
    do throws(TransactionError) {
      if isUndone {
        for key in keys { try await context.execution.transaction.unsplitRange(at: key) }
      } else {
        try await context.execution.transaction.splitRanges(at: keys) { context.progress.rowCount = $0 }
      }
    } catch {
      throw SQLError(error, relation: context.execution.relation)
    }
  }

  /// Operations that change nothing but the catalog.
  private static func runInCatalog(
    _ operation: SchemaOperation, _ writer: CatalogWriter, _ outcome: inout SchemaOutcome
  ) throws(SQLError) {
    switch operation {
    case .createView(let schema, let name, let sql, let columns, let dependencies, let options, let replaces):
      _ = try writer.createView(
        schema: schema, name: name, sql: sql, columns: columns, dependencies: dependencies, options: options,
        replaces: replaces)
    case .createSequence(let schema, let name, let options, let ifNotExists):
      if try writer.createSequence(schema: schema, name: name, options, ifNotExists: ifNotExists) == nil {
        outcome.notices.append(exists("relation", name))
      }
    case .alterSequence(let sequence, let options, let restart):
      _ = try writer.alterSequence(sequence, options, restart: restart)
    case .createEnum(let schema, let name, let labels):
      _ = try writer.createEnum(schema: schema, name: name, labels: labels)
    case .createType(let schema, let name, let definition):
      _ = try writer.createType(schema: schema, name: name, definition)
    case .addEnumLabel(let type, let label, let next, let isBefore, let ifNotExists):
      let isNew = try writer.addEnumLabel(label, to: type, next: next, isBefore: isBefore, ifNotExists: ifNotExists)
      if !isNew {
        outcome.notices.append(SQLError(.duplicateObject, "enum label \"\(label)\" already exists, skipping"))
      }
    case .renameEnumLabel(let type, let old, let new): try writer.renameEnumLabel(old, to: new, of: type)
    case .renameType(let type, let name): try writer.renameType(type, to: name)
    case .setTypeSchema(let type, let schema): try writer.setSchema(ofType: type, to: schema)
    case .setTypeOwner(let type, let role): try writer.setOwner(ofType: type, to: role)
    case .createSchema(let name, let owner, let ifNotExists):
      if try writer.createSchema(name: name, owner: owner, ifNotExists: ifNotExists) == nil {
        outcome.notices.append(SQLError(.duplicateSchema, "schema \"\(name)\" already exists, skipping"))
      }
    case .createDatabase(let name): _ = try writer.createDatabase(name: name)
    case .createRole(let name, let options): _ = try writer.createRole(name: name, options)
    case .alterRole(let name, let options): _ = try writer.alterRole(name: name, options)
    case .renameIndex(_, let index, let name): _ = try writer.renameIndex(index, to: name)
    case .renameSchema(let schema, let name): _ = try writer.renameSchema(schema, to: name)
    case .dropRelations(let relations, let cascades):
      outcome.notices += try writer.dropRelations(relations, cascades: cascades).notices
    case .dropIndexes(let indexes, let cascades): _ = try writer.dropIndexes(indexes, cascades: cascades)
    case .dropSchemas(let schemas, let cascades):
      outcome.notices += try writer.dropSchemas(schemas, cascades: cascades).notices
    case .dropDatabase(let database): outcome.notices += try writer.dropDatabase(database).notices
    case .dropRoles(let roles): try writer.dropRoles(roles)
    case .truncate(let named, let restartsIdentity, let cascades):
      let tables = try writer.truncated(named, cascades: cascades, &outcome.notices)
      for table in tables {
        _ = try writer.replaceStorage(of: table)
        if restartsIdentity { try writer.restartSequences(ownedBy: table) }
      }
    case .createFunction(let function, let replaces): try writer.createFunction(function, replaces: replaces)
    case .dropFunctions(let functions, let cascades):
      outcome.notices += try writer.dropFunctions(functions, cascades: cascades).notices
    case .createTrigger(let trigger, let table, let replaces):
      try writer.createTrigger(trigger, on: table, replaces: replaces)
    case .createRule(let rule, let table, let replaces): try writer.createRule(rule, on: table, replaces: replaces)
    case .dropRule(let name, let table): try writer.dropRule(name, of: table)
    case .renameRule(let name, let table, let new): try writer.renameRule(name, of: table, to: new)
    case .dropTrigger(let name, let table): try writer.dropTrigger(name, of: table)
    case .renameTrigger(let name, let table, let new): try writer.renameTrigger(name, of: table, to: new)
    case .commentTrigger(let name, let table, let text): try writer.commentTrigger(name, of: table, text)
    case .changePrivileges(let change): try writer.change(change, &outcome.notices)
    case .changeMembership(let members, let roles, let isGrant, let adminOption):
      try writer.changeMembership(
        of: members, in: roles, isGrant: isGrant, adminOption: adminOption, &outcome.notices)
    case .comment(let object, let column, let text): try writer.comment(on: object, column: column, text: text)
    case .sequence, .createTable, .createIndex, .alterTable, .createTableAs, .dropTypes, .setDomain, .notice, .split,
      .unsplitAll,
      .scatter:
      preconditionFailure("these are carried out with rows")
    }
  }

  static func exists(_ what: String, _ name: String) -> SQLError {
    SQLError(.duplicateTable, "\(what) \"\(name)\" already exists, skipping")
  }

  private static func fill(
    _ table: TableDescriptor, _ source: QueryPlan, _ context: SchemaContext
  ) async throws(SQLError) -> Int {
    let query = try Executor.run(source, context.execution)
    let writer = try TableWriter(table, checks: [], predicates: [:], context.execution)
    context.progress.phase = "filling table \(table.name)"
    var rows = 0
    while let batch = try await query.next() {
      // Columns behind the query's are the hidden row id.
      var columns = batch.columns
      for ordinal in columns.count..<max(columns.count, table.columns.count) {
        columns.append(ColumnVector(writer.codec.kinds[ordinal], repeating: .null, count: batch.rowCount))
      }
      try await writer.insert(writer.withRowIDs(Batch(columns: columns, rowCount: batch.rowCount)))
      rows += batch.rowCount
      context.progress.rowCount = rows
    }
    return rows
  }
}
