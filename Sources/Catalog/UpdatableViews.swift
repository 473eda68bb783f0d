// Which views stand for one table, so that rows can be changed through them. Source: PostgreSQL manual, CREATE VIEW, "Updatable
// Views"; the reasons are worded as in its rewriteHandler.c.

import Expressions
import SQLSyntax
import SQLTypes

extension SelectStatement {
  /// Why a view stands for no table; nil if it does.
  public var whyNotUpdatable: String? {
    let registry = FunctionRegistry.shared
    func contains(_ what: String) -> String { "Views containing \(what) are not automatically updatable." }
    if with != nil { return contains("WITH") }
    guard case .select(let core) = body else {
      if case .setOperation = body { return contains("UNION, INTERSECT, or EXCEPT") }
      return "Views that do not select from a single table or view are not automatically updatable."
    }
    if core.distinct != nil { return contains("DISTINCT") }
    if core.groupBy != nil { return contains("GROUP BY") }
    if core.having != nil { return contains("HAVING") }
    if limit != nil { return contains("LIMIT or OFFSET") }
    for target in core.targets {
      guard case .function(let call) = target.expression else { continue }
      if call.over != nil { return "Views that return window functions are not automatically updatable." }
      if registry.isAggregate(call.name.name.text) {
        return "Views that return aggregate functions are not automatically updatable."
      }
      if registry.isTableFunction(call.name.name.text) {
        return "Views that return set-returning functions are not automatically updatable."
      }
    }
    guard core.from.count == 1, case .table(let reference) = core.from[0], reference.sample == nil else {
      return "Views that do not select from a single table or view are not automatically updatable."
    }
    return nil
  }
}

extension CatalogView {
  /// Whether rows of the relation can be changed: it is a table, or a view that stands for one.
  func isUpdatable(_ relation: TableDescriptor) -> Bool {
    switch relation.kind {
    case .table: return true
    case .sequence, .virtual: return false
    case .view(let sql):
      guard let parsed = try? Parser.parse(Array(sql.utf8)).first, case .select(let query) = parsed.statement,
        query.whyNotUpdatable == nil, case .select(let core) = query.body,
        case .table(let reference)? = core.from.first,
        let below = reference.name.schema.flatMap({ StoredName.relation(in: $0.text) }).flatMap(self.relation)
          ?? namedRelation(reference.name.name.text, schema: reference.name.schema?.text).flatMap({ found in
            if case .relation(let table) = found { table } else { nil }
          })
      else { return false }
      return isUpdatable(below) && core.targets.contains { $0.expression.plainColumn(of: reference, below) != nil }
    }
  }
}

extension Expression {
  /// The column of the relation that the expression is, if it is one.
  public func plainColumn(of reference: TableReference, _ table: TableDescriptor) -> String? {
    guard case .column(let column) = self else { return nil }
    let stored = (reference.alias?.columns ?? []).compactMap { StoredName.column($0.text) }
    if let known = stored.first(where: { $0.name == column.name.text }) { return table.column(id: known.id)?.name }
    let visible = table.columns.filter { !$0.isHidden }
    if let place = reference.alias?.columns.firstIndex(where: { $0.text == column.name.text }), stored.isEmpty {
      return place < visible.count ? visible[place].name : nil
    }
    return visible.first { $0.name == column.name.text }?.name
  }
}
