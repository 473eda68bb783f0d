// FROM: tables, views, CTEs, sub-queries, functions and joins, each giving a relation and the names it makes visible.
// Source: PostgreSQL manual, 7.2.1; its parse_clause.c for the order of merged columns and for the messages.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// The relation of a FROM list; its names are added to `scope`.
  func bindFrom(_ items: [FromItem], _ scope: Scope) throws(SQLError) -> Relation {
    var relation: Relation?
    for item in items {
      let source = try bindFromItem(item, scope, siblings: [])
      relation =
        try relation.map { (left: Relation) throws(SQLError) in combine(left, source.relation) } ?? source.relation
      try checkAliases(source.tables, against: scope.tables)
      scope.add(source)
    }
    return relation ?? .unit
  }

  /// A cross join, dependent if the right side uses the left.
  func combine(_ left: Relation, _ right: Relation) -> Relation {
    right.freeColumns.isDisjoint(with: left.columns) ? .join(.inner, left, right, []) : .apply(.inner, left, right, [])
  }

  func checkAliases(_ new: [ScopeTable], against old: [ScopeTable]) throws(SQLError) {
    for table in new where table.isVisible && !table.alias.isEmpty {
      if old.contains(where: {
        $0.isVisible && $0.alias == table.alias
          && ($0.schema == nil || table.schema == nil || $0.schema == table.schema)
      }) {
        throw SQLError(.duplicateAlias, "table name \"\(table.alias)\" specified more than once")
      }
    }
  }

  /// - Parameter siblings: what stands to the left within the same join, for LATERAL.
  private func bindFromItem(
    _ item: FromItem, _ scope: Scope, siblings: [FromSource]
  ) throws(SQLError) -> FromSource {
    switch item {
    case .table(let reference): return try bindTable(reference, scope)
    case .subquery(let reference):
      let parent: Scope?
      if reference.isLateral {
        parent = lateralScope(scope, siblings)
      } else {
        let hidden = Scope(parent: scope.parent, ctes: scope.ctes)
        hidden.hiddenTables = (scope.tables + siblings.flatMap(\.tables)).map(\.alias)
        hidden.clause = .from
        parent = hidden
      }
      let bound = try bindQuery(reference.query, parent: parent, ctes: scope.ctes)
      return try named(bound, reference.alias?.name.text ?? "", reference.alias)
    case .function(let function): return try bindTableFunction(function, scope, siblings)
    case .join(let join): return try bindJoin(join, scope, siblings)
    }
  }

  /// What a LATERAL element sees: the elements before it, then the enclosing queries.
  private func lateralScope(_ scope: Scope, _ siblings: [FromSource]) -> Scope {
    let visible = Scope(parent: scope.parent, ctes: scope.ctes)
    visible.tables = scope.tables
    visible.columns = scope.columns
    visible.clause = .from
    for sibling in siblings { visible.add(sibling) }
    return visible
  }

  /// A query's result as a table of FROM.
  func named(_ bound: BoundQuery, _ alias: String, _ written: TableAlias?) throws(SQLError) -> FromSource {
    let columns = try renamed(
      bound.outputs.map { ScopeColumn(name: $0.name, id: $0.id) }, alias, written)
    let table = ScopeTable(alias: alias, schema: nil, columns: columns, table: nil)
    return FromSource(relation: bound.relation, tables: [table], columns: columns)
  }

  /// Columns under the names of `AS alias (names)`.
  func renamed(
    _ columns: [ScopeColumn], _ alias: String, _ written: TableAlias?, of table: TableDescriptor? = nil
  ) throws(SQLError) -> [ScopeColumn] {
    guard let written, !written.columns.isEmpty else { return columns }
    let stored = written.columns.compactMap { StoredName.column($0.text) }
    if let table, stored.count == written.columns.count {
      return columns.map { column in
        let id = table.column(named: column.name)?.id
        let known = stored.first { $0.id == id }
        return ScopeColumn(name: known?.name ?? column.name, id: column.id, isHidden: known == nil)
      }
    }
    let visible = columns.indices.filter { !columns[$0].isHidden }
    if written.columns.count > visible.count {
      throw SQLError(
        .invalidColumnReference,
        "table \"\(alias)\" has \(visible.count) columns available but \(written.columns.count) columns specified")
    }
    var result = columns
    for (index, name) in zip(visible, written.columns) { result[index].name = name.text }
    return result
  }

  // MARK: Tables

  private func bindTable(_ reference: TableReference, _ scope: Scope) throws(SQLError) -> FromSource {
    if let sample = reference.sample { throw context.unsupported("TABLESAMPLE is", at: sample.method.position) }
    if reference.name.name.text == RuleRows.name { return try bindRuleRows() }
    if reference.name.schema == nil, let cte = scope.cte(named: reference.name.name.text) {
      return try bindCTEReference(cte, reference, scope)
    }
    let table = try context.located(reference.position) { () throws(SQLError) in try names.relation(reference.name) }
    if context.viewDepth == 0 { context.relationMentions.append((reference.name, table)) }
    let written = reference.alias?.name.text
    let alias = written.flatMap { StoredName.isImplicit($0) ? nil : $0 } ?? table.name
    var source = try bindRelation(table, alias, reference)
    if let written { for index in source.tables.indices { source.tables[index].alias = written } }
    return source
  }

  private func bindRelation(
    _ table: TableDescriptor, _ alias: String, _ reference: TableReference
  ) throws(SQLError) -> FromSource {
    if case .view(let sql) = table.kind {
      let source = try bindView(table, sql, alias, reference)
      context.noteReading(table, source.columns.map(\.id), always: true)
      return source
    }
    if case .sequence = table.kind {
      let source = try bindScan(table.asTable, alias: alias, written: reference.alias, lock: nil).source
      context.noteReading(table, source.columns.map(\.id), always: true)
      return source
    }
    let isFamily = !reference.isOnly && (table.isPartitioned || !table.lineage.children.isEmpty)
    let source =
      isFamily
      ? try bindFamily(table, alias: alias, written: reference.alias)
      : try bindScan(table, alias: alias, written: reference.alias, lock: nil).source
    context.noteReading(table, source.columns.filter { !$0.isHidden }.map(\.id), always: true)
    return source
  }

  /// A scan of a table under an alias.
  func bindScan(
    _ table: TableDescriptor, alias: String, written: TableAlias?, lock: RowLock?
  ) throws(SQLError) -> (source: FromSource, scan: TableScan) {
    var columns: [ScopeColumn] = []
    for column in table.columns {
      let isVirtual = if case .virtual = table.kind { true } else { false }
      let id = context.makeColumn(
        column.name, column.type, isNullable: column.isNullable || isVirtual, qualifier: alias,
        table: column.isHidden ? .invalid : table.oid, attribute: Int16(truncatingIfNeeded: column.id))
      columns.append(ScopeColumn(name: column.name, id: id, isHidden: column.isHidden))
    }
    let scan = TableScan(table: table, alias: alias, columns: columns.map(\.id), lock: lock)
    let visible = try renamed(columns, alias, written, of: table)
    let named = ScopeTable(
      alias: alias, schema: written == nil ? names.schemaName(table.schema) : nil, columns: visible, table: table)
    return (FromSource(relation: .scan(scan), tables: [named], columns: visible), scan)
  }

  private func bindView(
    _ view: TableDescriptor, _ sql: String, _ alias: String, _ reference: TableReference
  ) throws(SQLError) -> FromSource {
    guard context.viewDepth < 64 else {
      throw SQLError(.statementTooComplex, "views are nested too deeply")
    }
    context.viewDepth += 1
    let reader = context.viewOwner
    context.viewOwner = view.owner
    defer {
      context.viewDepth -= 1
      context.viewOwner = reader
    }
    // The body's names are qualified; it sees nothing of the query around it.
    let query = try Binder.parseQuery(sql)
    let bound = try bindQuery(query, parent: nil, ctes: [])
    // A `*` in the body may give columns that were added after the view was made: then names decide.
    let matches = bound.outputs.count == view.columns.count
    var outputs: [OutputColumn] = []
    for (index, column) in view.columns.enumerated() {
      guard let output = matches ? bound.outputs[index] : bound.outputs.first(where: { $0.name == column.name }) else {
        throw SQLError(.undefinedColumn, "column \"\(column.name)\" of view \"\(view.name)\" does not exist")
      }
      outputs.append(OutputColumn(name: column.name, id: output.id, type: output.type))
    }
    let columns = try renamed(
      outputs.map { ScopeColumn(name: $0.name, id: $0.id) }, alias, reference.alias, of: view)
    let table = ScopeTable(
      alias: alias, schema: reference.alias == nil ? names.schemaName(view.schema) : nil, columns: columns, table: view)
    return FromSource(relation: bound.relation, tables: [table], columns: columns)
  }

  // MARK: Functions

  private func bindTableFunction(
    _ function: SQLSyntax.TableFunction, _ scope: Scope, _ siblings: [FromSource]
  ) throws(SQLError) -> FromSource {
    guard function.items.count == 1, !function.isRowsFrom, let item = function.items.first else {
      throw context.unsupported("ROWS FROM is", at: function.position)
    }
    let definitions = function.columnDefinitions.isEmpty ? item.columnDefinitions : function.columnDefinitions
    let inner = lateralScope(scope, siblings)
    inner.clause = .functionInFrom
    context.noteScope(inner, at: function.position)
    let alias = function.alias?.name.text ?? Binder.outputName(item.expression)
    var columns: [ScopeColumn] = []
    var relation: Relation
    var population: Population?
    if case .function(let call) = item.expression,
      let (own, result, arguments) = try userFunction(call, inner, at: call.position),
      own.returnsSet || !own.outputs.isEmpty
    {
      if function.withOrdinality {
        throw context.unsupported("WITH ORDINALITY of functions in SQL is", at: function.position)
      }
      (relation, columns) = try bindUserTable(own, result, arguments, alias: alias)
      columns = try renamed(columns, alias, function.alias)
      return FromSource(
        relation: inner.attachments.isEmpty ? relation : inner.attach(to: relation),
        tables: [ScopeTable(alias: alias, schema: nil, columns: columns, table: nil)], columns: columns)
    }
    if case .function(let call) = item.expression {
      population = try bindPopulation(call, inner, definitions: definitions, at: call.position)
    }
    if population == nil, !definitions.isEmpty {
      throw context.error(
        .syntaxError, "a column definition list is only allowed for functions returning \"record\"",
        at: function.position)
    }
    if case .set(let made, let arguments, _)? = population {
      columns = made.columns.map {
        ScopeColumn(name: $0.name, id: context.makeColumn($0.name, $0.type, qualifier: alias))
      }
      if function.withOrdinality {
        columns.append(
          ScopeColumn(
            name: "ordinality", id: context.makeColumn("ordinality", .int8, isNullable: false, qualifier: alias)))
      }
      relation = .function(
        FunctionScan(
          function: made, alias: alias, arguments: arguments, columns: columns.map(\.id),
          withOrdinality: function.withOrdinality))
    } else if case .row(let row)? = population, let made = try self.columns(of: row, alias: alias) {
      (relation, columns) = made
    } else if case .function(let call) = item.expression, isTableFunction(call.name.name.text) {
      var arguments: [ScalarExpression] = []
      for argument in call.arguments { arguments.append(try bind(argument.value, inner)) }
      let resolved = try context.located(call.position) { () throws(SQLError) in
        try resolveTableFunction(call.name.name.text, arguments.map(\.type))
      }
      for index in arguments.indices {
        let type = resolved.argumentTypes[index]
        arguments[index] =
          TypeInfo.find(type.oid)?.category == .pseudo
          ? try resolveUnknown(arguments[index])
          : try coerce(arguments[index], to: type, .implicit, at: call.arguments[index].value.leftmost)
      }
      for column in resolved.function.columns {
        // The one column of a function takes its alias, unless it has a name of its own.
        let isAlone = resolved.function.columns.count == 1 && column.name == resolved.function.name
        let name = isAlone ? alias : column.name
        columns.append(ScopeColumn(name: name, id: context.makeColumn(name, column.type, qualifier: alias)))
      }
      if function.withOrdinality {
        let id = context.makeColumn("ordinality", .int8, isNullable: false, qualifier: alias)
        columns.append(ScopeColumn(name: "ordinality", id: id))
      }
      relation = .function(
        FunctionScan(
          function: resolved.function, alias: alias, arguments: arguments, columns: columns.map(\.id),
          withOrdinality: function.withOrdinality))
    } else {
      let value = try resolveUnknown(try bind(item.expression, inner))
      let id = context.makeColumn(alias, value.type, qualifier: alias)
      columns = [ScopeColumn(name: alias, id: id)]
      var computed = [ComputedColumn(id: id, expression: value)]
      if function.withOrdinality {
        let ordinal = context.makeColumn("ordinality", .int8, isNullable: false, qualifier: alias)
        columns.append(ScopeColumn(name: "ordinality", id: ordinal))
        computed.append(ComputedColumn(id: ordinal, expression: .constant(.int64(1), .int8)))
      }
      relation = .compute(.unit, computed)
    }
    if !inner.attachments.isEmpty {
      throw context.unsupported("sub-queries in functions in FROM are", at: function.position)
    }
    columns = try renamed(columns, alias, function.alias)
    var table = ScopeTable(alias: alias, schema: nil, columns: columns, table: nil)
    table.isScalarFunction = columns.count == 1 && population == nil
    return FromSource(relation: relation, tables: [table], columns: columns)
  }

  // MARK: Joins

  private func bindJoin(
    _ join: JoinClause, _ scope: Scope, _ siblings: [FromSource]
  ) throws(SQLError) -> FromSource {
    // The side of an outer join that may be missing is no place for a recursive mention.
    let left = try withoutRecursion(
      "an outer join", join.kind == .right || join.kind == .full ? scope.ctes : []
    ) { () throws(SQLError) in try bindFromItem(join.left, scope, siblings: siblings) }
    let right = try withoutRecursion(
      "an outer join", join.kind == .left || join.kind == .full ? scope.ctes : []
    ) { () throws(SQLError) in try bindFromItem(join.right, scope, siblings: siblings + [left]) }
    try checkAliases(right.tables, against: left.tables)
    let isLateral = !right.relation.freeColumns.isDisjoint(with: left.relation.columns)
    if isLateral && (join.kind == .right || join.kind == .full) {
      throw SQLError(
        .invalidColumnReference, "invalid reference to FROM-clause entry in the right side of a join",
        detail: "The combining JOIN type must be INNER or LEFT for a LATERAL reference.")
    }
    if join.alias != nil {
      // Its parts have names within it alone.
      let within = Scope(parent: scope.parent, ctes: scope.ctes)
      within.add(left)
      within.add(right)
      context.noteScope(within, at: join.position)
    }
    var leftRelation = left.relation
    var rightRelation = right.relation
    var conditions: [ScalarExpression] = []
    var columns = left.columns + right.columns
    var merged: [ComputedColumn] = []
    var usingAlias: ScopeTable?

    switch join.condition {
    case .cross: break
    case .natural, .using:
      let pairs = try sharedColumns(join, left, right)
      if case .natural = join.condition { context.noteNatural(pairs.map(\.name), at: join.position) }
      var mergedColumns: [ScopeColumn] = []
      for (name, a, b, position) in pairs {
        let (x, y) = (context.column(a.id), context.column(b.id))
        let equality = try makeOperator("=", x, y, at: position)
        conditions.append(equality)
        let type = try unifyTypes([x.type, y.type], [], "JOIN/USING")
        let value: ScalarExpression
        switch join.kind {
        case .inner where x.type.oid != type.oid && y.type.oid == type.oid: value = y
        case .inner, .left: value = try coerce(x, to: type, .implicit, at: position)
        case .right: value = try coerce(y, to: type, .implicit, at: position)
        case .full:
          value = .coalesce(
            [
              try coerce(x, to: type, .implicit, at: position), try coerce(y, to: type, .implicit, at: position),
            ], type: type)
        }
        if case .column(let id, let own) = value, own == context.columns[id].type {
          mergedColumns.append(ScopeColumn(name: name, id: id))
        } else {
          let id = context.makeColumn(name, type)
          merged.append(ComputedColumn(id: id, expression: value))
          mergedColumns.append(ScopeColumn(name: name, id: id))
        }
      }
      context.noteMerged(merged.map(\.id), at: join.position)
      let names = Set(pairs.map(\.name))
      columns =
        mergedColumns + left.columns.filter { !names.contains($0.name) }
        + right.columns.filter { !names.contains($0.name) }
      if case .using(_, let alias?) = join.condition {
        usingAlias = ScopeTable(alias: alias.text, schema: nil, columns: mergedColumns, table: nil)
      }
    case .on(let condition):
      let inner = Scope(parent: scope.parent, ctes: scope.ctes)
      inner.clause = .joinOn
      for sibling in siblings { inner.hiddenTables += sibling.tables.map(\.alias) }
      inner.hiddenTables += scope.tables.map(\.alias)
      inner.add(left)
      inner.add(right)
      context.noteScope(inner, at: join.position)
      if join.kind == .inner {
        conditions = try bindCondition(condition, inner)
        if !inner.attachments.isEmpty {
          let joined = inner.attach(to: combine(leftRelation, rightRelation)).filtered(conditions)
          return try finishJoin(join, joined, left, right, columns, merged, usingAlias)
        }
      } else {
        // Sub-queries of an outer join's condition belong to the side that they depend on.
        conditions = try coerceToBoolean(try bind(condition, inner), "JOIN/ON", at: condition).conjuncts
        for attachment in inner.attachments {
          let free = attachment.relation.freeColumns
          if free.isDisjoint(with: leftRelation.columns) {
            rightRelation = .apply(attachment.kind, rightRelation, attachment.relation, attachment.conditions)
          } else if free.isDisjoint(with: rightRelation.columns) {
            leftRelation = .apply(attachment.kind, leftRelation, attachment.relation, attachment.conditions)
          } else {
            throw context.unsupported("sub-queries over both sides of an outer join are", at: condition.leftmost)
          }
        }
      }
    }
    let kind: JoinKind =
      switch join.kind {
      case .inner: .inner
      case .left: .left
      case .right: .right
      case .full: .full
      }
    if kind == .left || kind == .full { noteNullable(rightRelation) }
    if kind == .right || kind == .full { noteNullable(leftRelation) }
    let joined: Relation =
      isLateral
      ? .apply(kind == .left ? .left : .inner, leftRelation, rightRelation, conditions)
      : .join(kind, leftRelation, rightRelation, conditions)
    return try finishJoin(join, joined, left, right, columns, merged, usingAlias)
  }

  private func finishJoin(
    _ join: JoinClause, _ relation: Relation, _ left: FromSource, _ right: FromSource, _ columns: [ScopeColumn],
    _ merged: [ComputedColumn], _ usingAlias: ScopeTable?
  ) throws(SQLError) -> FromSource {
    let computed: Relation = merged.isEmpty ? relation : .compute(relation, merged)
    if let alias = join.alias {
      let named = try renamed(columns, alias.name.text, alias)
      let table = ScopeTable(alias: alias.name.text, schema: nil, columns: named, table: nil)
      return FromSource(relation: computed, tables: [table], columns: named)
    }
    return FromSource(
      relation: computed, tables: left.tables + right.tables + (usingAlias.map { [$0] } ?? []), columns: columns)
  }

  /// Columns from the side of an outer join that may be missing can be NULL from here on.
  private func noteNullable(_ relation: Relation) {
    for id in relation.columns { context.columns[id].isNullable = true }
  }

  /// The columns that NATURAL or USING pairs.
  private func sharedColumns(
    _ join: JoinClause, _ left: FromSource, _ right: FromSource
  ) throws(SQLError) -> [(name: String, ScopeColumn, ScopeColumn, SourcePosition)] {
    func only(_ name: String, _ source: FromSource, _ side: String, required: Bool) throws(SQLError) -> ScopeColumn? {
      let found = source.columns.filter { $0.name == name && !$0.isHidden }
      if found.count > 1 {
        throw SQLError(.ambiguousColumn, "common column name \"\(name)\" appears more than once in \(side) table")
      }
      if found.isEmpty && required {
        throw SQLError(
          .undefinedColumn, "column \"\(name)\" specified in USING clause does not exist in \(side) table")
      }
      return found.first
    }
    var pairs: [(name: String, ScopeColumn, ScopeColumn, SourcePosition)] = []
    if case .using(let list, _) = join.condition {
      for name in list {
        if pairs.contains(where: { $0.name == name.text }) {
          throw SQLError(
            .duplicateColumn, "column name \"\(name.text)\" appears more than once in USING clause")
        }
        guard let a = try only(name.text, left, "left", required: true),
          let b = try only(name.text, right, "right", required: true)
        else { continue }
        pairs.append((name.text, a, b, name.position))
      }
    } else {
      for column in left.columns where !column.isHidden {
        guard right.columns.contains(where: { $0.name == column.name && !$0.isHidden }),
          let a = try only(column.name, left, "left", required: true),
          let b = try only(column.name, right, "right", required: true)
        else { continue }
        pairs.append((column.name, a, b, .unknown))
      }
    }
    return pairs
  }
}
