// A catalog for tests, made from CREATE TABLE statements without any storage, and short ways to plan against it.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

@testable import Planning

struct TestStatistics: StatisticsProvider {
  var counts: [OID: Double] = [:]
  func rowCount(of table: OID) -> Double? { counts[table] }
}

final class TestCatalog {
  private(set) var objects: [CatalogObject] = SystemObjects.genesis
  private(set) var view: CatalogView
  var statistics = TestStatistics()
  private var nextOID: UInt32 = 16384

  init(_ definitions: String...) throws {
    view = CatalogView(CatalogSnapshot(version: 1, objects: objects))
    for definition in definitions { try run(definition) }
  }

  private func makeOID() -> OID {
    nextOID += 1
    return OID(nextOID - 1)
  }

  func run(_ sql: String) throws {
    for parsed in try Parser.parse(Array(sql.utf8)) {
      let planned = try StatementPlanner(catalog: view).plan(parsed.statement, source: Array(sql.utf8))
      guard case .schema(let operation) = planned else { continue }
      apply(operation)
    }
  }

  func table(_ name: String) -> TableDescriptor? { view.relation(name) }

  private func put(_ table: TableDescriptor) {
    objects.removeAll { $0.oid == table.oid }
    objects.append(.relation(table))
    view = CatalogView(CatalogSnapshot(version: 1, objects: objects))
  }

  private func apply(_ operation: SchemaOperation) {
    switch operation {
    case .createTable(let definition, _):
      var columns = definition.columns
      for ordinal in columns.indices {
        guard definition.sequences[columns[ordinal].id] != nil else { continue }
        let sequence = makeOID()
        columns[ordinal].ownedSequence = sequence
        put(
          TableDescriptor(
            oid: sequence, schema: definition.schema, name: "\(definition.name)_\(columns[ordinal].name)_seq",
            owner: .bootstrapSuperuser, kind: .sequence(SequenceOptions()), columns: [], nextColumnID: 1
          ))
      }
      let oid = makeOID()
      var primary = definition.primaryKey
      primary?.id = 1
      primary?.name = "\(definition.name)_pkey"
      for column in primary?.columns ?? [] {
        if let ordinal = columns.firstIndex(where: { $0.id == column.columnID }) { columns[ordinal].isNullable = false }
      }
      if primary == nil {
        var hidden = ColumnDescriptor(id: UInt32(columns.count + 1), name: "rowid", type: .int8, isNullable: false)
        hidden.isHidden = true
        columns.append(hidden)
        primary = IndexDescriptor(
          id: 1, oid: .invalid, name: "", columns: [IndexColumn(columnID: hidden.id)], isUnique: true, isPrimary: true)
        primary?.isConstraint = false
      }
      primary?.oid = makeOID()
      var indexes = definition.indexes
      for index in indexes.indices {
        indexes[index].id = UInt32(index + 2)
        indexes[index].oid = makeOID()
        if indexes[index].name.isEmpty {
          let names = indexes[index].columns.compactMap { key in columns.first { $0.id == key.columnID }?.name }
          indexes[index].name = "\(definition.name)_\(names.joined(separator: "_"))_key"
        }
      }
      put(
        TableDescriptor(
          oid: oid, schema: definition.schema, name: definition.name, owner: .bootstrapSuperuser, kind: .table,
          columns: columns, primaryIndex: primary, indexes: indexes, checks: definition.checks,
          nextColumnID: UInt32(columns.count + 1)))
    case .createIndex(let oid, let index, _, _, _):
      guard let table = view.relation(oid) else { return }
      var index = index
      index.id = (table.allIndexes.map(\.id).max() ?? 0) + 1
      index.oid = makeOID()
      put(
        TableDescriptor(
          oid: table.oid, schema: table.schema, name: table.name, owner: table.owner, kind: table.kind,
          columns: table.columns, primaryIndex: table.primaryIndex, indexes: table.indexes + [index],
          checks: table.checks,
          nextColumnID: table.nextColumnID))
    case .createView(let schema, let name, let sql, let columns, _, _, _):
      put(
        TableDescriptor(
          oid: makeOID(), schema: schema, name: name, owner: .bootstrapSuperuser, kind: .view(sql: sql),
          columns: columns,
          nextColumnID: UInt32(columns.count + 1)))
    default: break
    }
  }

  // MARK: Planning

  func plan(_ sql: String, parameters: [SQLType?] = []) throws -> PlannedStatement {
    let source = Array(sql.utf8)
    let parsed = try Parser.parse(source)
    return try StatementPlanner(catalog: view, statistics: statistics).plan(
      parsed[0].statement, source: source, parameterTypes: parameters)
  }

  func query(_ sql: String, parameters: [SQLType?] = []) throws -> QueryPlan {
    switch try plan(sql, parameters: parameters) {
    case .query(let plan): return plan
    case .explain(let plan): return plan.query
    default: throw SQLError(.internalError, "no query")
    }
  }

  /// The error that planning gives: its SQLSTATE, message, hint and position.
  func error(_ sql: String) -> SQLError? {
    do {
      _ = try plan(sql)
      return nil
    } catch { return error as? SQLError }
  }
}
