// INSERT, UPDATE and DELETE in WITH. Each runs once and to its end before the main statement, which reads what they return; all
// of them see the tables as they were before: what others read of a table that one changes is read and kept first.
// Source: PostgreSQL manual, 7.8.4.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// A statement of a WITH clause that changes rows.
  func bindModification(
    _ expression: CommonTableExpression, _ visible: [VisibleCTE], _ parent: Scope?
  ) throws(SQLError) -> VisibleCTE {
    if parent != nil || context.viewDepth > 0 {
      throw context.error(
        .featureNotSupported, "WITH clause containing a data-modifying statement must be at the top level",
        at: expression.name.position)
    }
    let bound: BoundQuery
    let wasInWith = context.isInWith
    context.isInWith = true
    defer { context.isInWith = wasInWith }
    switch expression.statement {
    case .insert(let statement): bound = try bindInsert(statement, ctes: visible)
    case .update(let statement): bound = try bindUpdate(statement, ctes: visible)
    case .delete(let statement): bound = try bindDelete(statement, ctes: visible)
    default: throw context.unsupported("this statement in WITH is", at: expression.name.position)
    }
    var outputs = bound.outputs
    if expression.columns.count > outputs.count {
      throw context.error(
        .invalidColumnReference,
        "WITH query \"\(expression.name.text)\" has \(outputs.count) columns available but \(expression.columns.count) columns specified",
        at: expression.name.position)
    }
    for (index, name) in expression.columns.enumerated() { outputs[index].name = name.text }
    context.sharedCount += 1
    let columns = outputs.map(\.id)
    context.modifications.append(
      SharedQuery(
        id: context.sharedCount, name: expression.name.text, relation: bound.relation, source: columns,
        columns: columns, types: outputs.reduce(into: [:]) { $0[$1.id] = $1.type }, isMaterialized: true))
    let definition = CTEDefinition(expression, visible: visible, isShared: true)
    definition.isModification = true
    definition.shared = (bound.relation, outputs, context.sharedCount)
    return VisibleCTE(name: expression.name.text, expression: expression, outputs: definition)
  }

  /// The statement with those of its WITH clause that change rows.
  func withModifications(_ main: Relation) -> Relation {
    let changed = Set(context.modifications.map(\.relation).flatMap(\.changedTables))
    var earlier: [SharedQuery] = []
    func snapshot(_ relation: Relation) -> Relation {
      // The rows that a statement changes are locked, and read as they are then.
      if case .scan(let scan) = relation, scan.lock == nil, changed.contains(scan.table.oid) {
        var source = scan
        source.columns = scan.columns.map { id in
          let info = context.columns[id]
          return context.makeColumn(info.name, info.type, isNullable: info.isNullable, qualifier: info.qualifier)
        }
        context.sharedCount += 1
        let shared = SharedQuery(
          id: context.sharedCount, name: scan.alias, relation: .scan(source), source: source.columns,
          columns: scan.columns, types: source.columns.reduce(into: [:]) { $0[$1] = context.columns[$1].type },
          isMaterialized: true)
        earlier.append(shared)
        return .shared(shared)
      }
      if case .shared(let query) = relation, context.modifications.contains(where: { $0.id == query.id }) {
        return relation
      }
      return relation.mapInputs(pure: snapshot)
    }
    var queries = context.modifications
    // The first one meets nothing that others have changed.
    for index in queries.indices.dropFirst() { queries[index].relation = snapshot(queries[index].relation) }
    let rest = snapshot(main)
    return .sequence(earlier + queries, rest)
  }
}

extension Relation {
  /// The tables that it changes.
  fileprivate var changedTables: [OID] {
    var own: [OID] = []
    if case .modification(let change) = self {
      let plan = change.partitions ?? change.move?.plan
      own = [change.table.oid] + (plan?.targets.map(\.table.oid) ?? [])
    }
    return own + inputs.flatMap(\.changedTables)
  }
}
