// INSERT, UPDATE and DELETE on views: a view over one table whose columns are columns of it stands for that table, with other names
// and fewer rows. Nothing below the binder knows of it. Source: PostgreSQL manual, CREATE VIEW, "Updatable Views"; its
// rewriteHandler.c for what makes a view no such view, and for the messages.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

/// What a statement that changes rows names: a table, or a view that stands for one.
struct WriteTarget {
  /// The table whose rows are changed.
  var table: TableDescriptor
  /// The views between, the one that is named first.
  var views: [TableDescriptor] = []
  /// For each column of the view that is named, the table's column that it is, if it is one.
  var columns: [String: String?] = [:]

  var named: TableDescriptor { views.first ?? table }
}

/// A view's columns over the rows of the table that it stands for.
struct ViewedRows {
  var source: FromSource
  var scan: TableScan
  /// The view's columns that are no columns of the table.
  var computed: [ComputedColumn] = []
  /// What WITH CHECK OPTION asks of new rows, the innermost view's first.
  var checks: [ViewCondition] = []

  /// The table's own columns.
  func scopeColumns(of table: TableDescriptor) -> [ScopeColumn] {
    zip(table.columns, scan.columns).map { ScopeColumn(name: $0.name, id: $1, isHidden: $0.isHidden) }
  }
}

extension Binder {
  /// The table that a statement changes, found through views. Error 55000 if a view stands for none.
  func writeTarget(_ name: QualifiedName, _ verb: String) throws(SQLError) -> WriteTarget {
    let named = try context.located(name.position) { () throws(SQLError) in try names.relation(name) }
    if context.viewDepth == 0 { context.relationMentions.append((name, named)) }
    guard case .view = named.kind else { return WriteTarget(table: try targetTable(name, verb)) }
    var target = WriteTarget(table: named)
    var current = named
    while case .view(let sql) = current.kind {
      let query = try Binder.parseQuery(sql)
      if let reason = query.whyNotUpdatable {
        throw notUpdatable(named, verb, reason)
      }
      guard case .select(let core) = query.body, case .table(let reference)? = core.from.first else {
        preconditionFailure("a view that stands for a table reads one")
      }
      let below = try names.relation(reference.name)
      var columns: [String: String?] = [:]
      for (column, item) in zip(current.columns, core.targets) {
        columns[column.name] = item.expression.plainColumn(of: reference, below)
      }
      target.columns =
        target.views.isEmpty ? columns : target.columns.mapValues { name in name.flatMap { columns[$0] ?? nil } }
      target.views.append(current)
      current = below
    }
    guard case .table = current.kind else {
      throw notUpdatable(
        named, verb, "Views that do not select from a single table or view are not automatically updatable.")
    }
    target.table = current
    if target.columns.values.allSatisfy({ $0 == nil }) {
      throw notUpdatable(named, verb, "Views that have no updatable columns are not automatically updatable.")
    }
    return target
  }

  private func notUpdatable(_ view: TableDescriptor, _ verb: String, _ reason: String) -> SQLError {
    let (doing, event) =
      switch verb {
      case "insert into": ("inserting into", "INSERT")
      case "update": ("updating", "UPDATE")
      default: ("deleting from", "DELETE")
      }
    return SQLError(
      .objectNotInPrerequisiteState, "cannot \(verb) view \"\(view.name)\"", detail: reason,
      hint: "To enable \(doing) the view, provide an INSTEAD OF \(event) trigger or an unconditional ON \(event) DO"
        + " INSTEAD rule.")
  }

  /// The rows of `target`'s table as the view that is named shows them. `bind` gives the table's own, under the name that the innermost
  /// view has for it.
  func viewedRows(
    _ target: WriteTarget, _ reference: TableReference,
    _ bind: (TableReference) throws(SQLError) -> (FromSource, TableScan)
  ) throws(SQLError) -> ViewedRows {
    if target.views.isEmpty {
      let (source, scan) = try bind(reference)
      return ViewedRows(source: source, scan: scan)
    }
    let reader = context.viewOwner
    defer { context.viewOwner = reader }
    return try viewedRows(target.views[...], reference, bind, checksAll: false)
  }

  private func viewedRows(
    _ views: ArraySlice<TableDescriptor>, _ reference: TableReference,
    _ bind: (TableReference) throws(SQLError) -> (FromSource, TableScan), checksAll: Bool
  ) throws(SQLError) -> ViewedRows {
    guard let view = views.first else {
      let (source, scan) = try bind(reference)
      return ViewedRows(source: source, scan: scan)
    }
    guard case .view(let sql) = view.kind, case .select(let core) = try Binder.parseQuery(sql).body,
      case .table(let inner)? = core.from.first
    else { preconditionFailure("a view that stands for a table reads one") }
    context.viewOwner = view.owner
    let option = view.options.first { $0.hasPrefix("check_option=") }
    let cascades = checksAll || option == "check_option=cascaded"
    var rows = try viewedRows(views.dropFirst(), inner, bind, checksAll: cascades)
    let scope = Scope(parent: nil, ctes: [])
    scope.add(rows.source)
    if let filter = core.filter {
      scope.clause = .whereClause
      let conditions = try bindCondition(filter, scope)
      if cascades || option != nil {
        // As values over one row, whatever they are as joins.
        let checkScope = Scope(parent: nil, ctes: [])
        checkScope.add(rows.source)
        checkScope.clause = .whereClause
        let condition = try coerceToBoolean(try self.bind(filter, checkScope), "WHERE", at: filter)
        rows.checks.append(
          ViewCondition(view: view.name, condition: condition, attachments: checkScope.takeAttachments()))
      }
      rows.source.relation = scope.attach(to: rows.source.relation).filtered(conditions)
    }
    scope.clause = .select
    var columns: [ScopeColumn] = []
    for (column, item) in zip(view.columns, core.targets) {
      let bound = try self.bind(item.expression, scope)
      if case .column(let id, let type) = bound, type == context.columns[id].type {
        columns.append(ScopeColumn(name: column.name, id: id))
      } else {
        let id = context.makeColumn(column.name, column.type)
        rows.computed.append(ComputedColumn(id: id, expression: try resolveUnknown(bound)))
        columns.append(ScopeColumn(name: column.name, id: id))
      }
    }
    if !scope.attachments.isEmpty {
      throw context.unsupported("changing rows through a view with sub-queries in its select list is")
    }
    let own = columns.map(\.id)
    let computed = rows.computed.filter { own.contains($0.id) }
    if !computed.isEmpty { rows.source.relation = .compute(rows.source.relation, computed) }
    let alias = reference.alias?.name.text ?? view.name
    let shown = try renamed(columns, alias, reference.alias, of: view)
    rows.source.columns = shown
    rows.source.tables = [
      ScopeTable(
        alias: alias, schema: reference.alias == nil ? names.schemaName(view.schema) : nil, columns: shown, table: view)
    ]
    return rows
  }

  /// The column of the table that a column of what is named is. Errors: 42703, 0A000 if it is none.
  func baseColumn(_ name: Identifier, of target: WriteTarget, _ verb: String) throws(SQLError) -> String {
    guard let found = target.columns[name.text] else {
      throw context.error(
        .undefinedColumn, "column \"\(name.text)\" of relation \"\(target.named.name)\" does not exist",
        at: name.position)
    }
    guard let base = found else {
      throw SQLError(
        .featureNotSupported, "cannot \(verb) column \"\(name.text)\" of view \"\(target.named.name)\"",
        detail: "View columns that are not columns of their base relation are not updatable.")
    }
    return base
  }
}
