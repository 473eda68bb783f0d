// RETURNING: over the rows as the statement leaves them, and over those of FROM and USING.
// Source: PostgreSQL manual, 6.4 "Returning Data from Modified Rows".

import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// The change with what RETURNING computes of its rows. `viewed`: the columns that a view computes of its table's.
  func returning(
    _ list: [SelectTarget], _ change: inout Modification, tables: [ScopeTable], columns: [ScopeColumn],
    computed viewed: [ComputedColumn] = []
  ) throws(SQLError) -> BoundQuery {
    if list.isEmpty {
      change.otherColumns = []
      return BoundQuery(relation: .modification(change), outputs: [])
    }
    let scope = Scope(parent: nil, ctes: [])
    scope.tables = tables
    scope.columns = columns
    // A view's own columns are those of the row as it then is.
    var renewed: [ColumnID: ScalarExpression] = [:]
    var after: [ComputedColumn] = []
    for column in viewed {
      let id = context.makeColumn(context.columns[column.id].name, context.columns[column.id].type)
      after.append(ComputedColumn(id: id, expression: column.expression.substituting(renewed)))
      renewed[column.id] = context.column(id)
    }
    func renew(_ column: inout ScopeColumn) {
      if case .column(let id, _)? = renewed[column.id] { column.id = id }
    }
    for index in scope.columns.indices { renew(&scope.columns[index]) }
    for table in scope.tables.indices {
      for index in scope.tables[table].columns.indices { renew(&scope.tables[table].columns[index]) }
    }
    let bound = try bindReturning(list, scope)
    change.returnsRows = true
    var used: Set<ColumnID> = []
    for target in bound { target.expression.collectColumns(into: &used) }
    for attachment in scope.attachments {
      used.formUnion(attachment.relation.freeColumns)
      for condition in attachment.conditions { condition.collectColumns(into: &used) }
    }
    let own = Set(change.rowColumns + after.map(\.id))
    if change.partitions == nil {
      change.otherColumns = columns.map(\.id).filter { used.contains($0) && !own.contains($0) }
    }
    let changed: Relation = after.isEmpty ? .modification(change) : .compute(.modification(change), after)
    var relation = scope.attach(to: changed)
    var outputs: [OutputColumn] = []
    var computed: [ComputedColumn] = []
    for target in bound {
      if case .column(let id, let type) = target.expression, type == context.columns[id].type {
        outputs.append(OutputColumn(name: target.name, id: id, type: type))
      } else {
        let id = context.makeColumn(target.name, target.expression.type)
        computed.append(ComputedColumn(id: id, expression: target.expression))
        outputs.append(OutputColumn(name: target.name, id: id, type: target.expression.type))
      }
    }
    if !computed.isEmpty { relation = .compute(relation, computed) }
    return BoundQuery(relation: relation, outputs: outputs)
  }
}
