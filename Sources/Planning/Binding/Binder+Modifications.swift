// INSERT, UPDATE and DELETE: target columns, defaults, generated columns, checks, ON CONFLICT, RETURNING.
// Source: PostgreSQL manual, the pages of these commands; messages and positions are PostgreSQL's.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// The table that a statement changes.
  func targetTable(_ name: QualifiedName, _ verb: String) throws(SQLError) -> TableDescriptor {
    // COPY is no query: its errors have no position.
    let place = verb == "copy to" ? SourcePosition.unknown : name.position
    let table = try context.located(place) { () throws(SQLError) in try names.relation(name) }
    switch table.kind {
    case .table: return table
    case .view:
      throw SQLError(.wrongObjectType, "cannot \(verb) view \"\(table.name)\"")
    case .sequence: throw SQLError(.wrongObjectType, "cannot change sequence \"\(table.name)\"")
    case .virtual:
      throw SQLError(
        .insufficientPrivilege, "permission denied: \"\(table.name)\" is a system catalog")
    }
  }

  // MARK: Defaults, generated columns, checks

  /// The value that a column takes when none is given.
  func defaultValue(_ column: ColumnDescriptor) throws(SQLError) -> ScalarExpression {
    if let sql = column.defaultSQL, column.identity == nil {
      let scope = Scope(parent: nil, ctes: [])
      scope.clause = .columnDefault
      let bound = try bind(try Binder.parseExpression(sql), scope)
      return try assign(bound, to: column.type, column: column.name, at: .unknown)
    }
    if let sequence = column.ownedSequence {
      let next = try makeCall("nextval", [.constant(.int64(Int64(sequence.rawValue)), .regclass)], at: .unknown)
      return try assign(next, to: column.type, column: column.name, at: .unknown)
    }
    if let type = domain(column.type) {
      let scope = Scope(parent: nil, ctes: [])
      scope.clause = .columnDefault
      let bound: ScalarExpression =
        if let sql = type.domain.defaultSQL { try bind(try Binder.parseExpression(sql), scope) } else {
          .null(.unknown)
        }
      return try assign(bound, to: column.type, column: column.name, at: .unknown)
    }
    return .null(column.type)
  }

  /// Expressions kept with a table, over a row of it.
  func rowScope(_ table: TableDescriptor, _ columns: [ColumnID], _ clause: Clause) -> Scope {
    let scope = Scope(parent: nil, ctes: [])
    scope.columns = zip(table.columns, columns).map { ScopeColumn(name: $0.name, id: $1) }
    scope.tables = [ScopeTable(alias: table.name, schema: nil, columns: scope.columns, table: table)]
    scope.clause = clause
    return scope
  }

  func checks(
    _ table: TableDescriptor, _ columns: [ColumnID]
  ) throws(SQLError) -> [(name: String, condition: ScalarExpression)] {
    var result: [(name: String, condition: ScalarExpression)] = []
    for check in table.checks {
      let source = try Binder.parseExpression(check.expressionSQL)
      let bound = try bind(source, rowScope(table, columns, .check))
      result.append((check.name, ConstantFolding.fold(try coerceToBoolean(bound, "CHECK", at: source))))
    }
    return result
  }

  func predicates(
    _ table: TableDescriptor, _ columns: [ColumnID]
  ) throws(SQLError) -> [(index: UInt32, condition: ScalarExpression)] {
    var result: [(index: UInt32, condition: ScalarExpression)] = []
    for index in table.indexes {
      guard let sql = index.predicateSQL else { continue }
      let source = try Binder.parseExpression(sql)
      let bound = try bind(source, rowScope(table, columns, .indexPredicate))
      result.append((index.id, ConstantFolding.fold(try coerceToBoolean(bound, "WHERE", at: source))))
    }
    return result
  }

  /// The expressions of generated columns, over the new row's values.
  func generated(
    _ table: TableDescriptor, values: [ScalarExpression?]
  ) throws(SQLError) -> [(ordinal: Int, expression: ScalarExpression)] {
    var result: [(ordinal: Int, expression: ScalarExpression)] = []
    for (ordinal, column) in table.columns.enumerated() {
      guard let sql = column.generatedSQL else { continue }
      let row = table.columns.map { context.makeColumn($0.name, $0.type, isNullable: $0.isNullable) }
      let bound = try bind(try Binder.parseExpression(sql), rowScope(table, row, .generated))
      let assigned = try assign(bound, to: column.type, column: column.name, at: .unknown)
      var replacements: [ColumnID: ScalarExpression] = [:]
      for (id, value) in zip(row, values) { if let value { replacements[id] = value } }
      result.append((ordinal, assigned.substituting(replacements)))
    }
    return result
  }

  /// The ordinal of a column to be given a value.
  private func targetOrdinal(
    _ target: AssignmentTarget, _ table: TableDescriptor, of whole: WriteTarget? = nil, _ verb: String = "update"
  ) throws(SQLError) -> Int {
    let name =
      if let whole, !whole.views.isEmpty { try baseColumn(target.column, of: whole, verb) } else { target.column.text }
    guard let ordinal = table.columns.firstIndex(where: { $0.name == name && !$0.isHidden }) else {
      throw context.error(
        .undefinedColumn, "column \"\(name)\" of relation \"\(whole?.table.name ?? table.name)\" does not exist",
        at: target.column.position)
    }
    return ordinal
  }

  private func refuseGenerated(_ column: ColumnDescriptor, _ statement: String) throws(SQLError) {
    if column.generatedSQL != nil {
      throw SQLError(
        .generatedAlways,
        statement == "insert"
          ? "cannot insert a non-DEFAULT value into column \"\(column.name)\""
          : "column \"\(column.name)\" can only be updated to DEFAULT",
        detail: "Column \"\(column.name)\" is a generated column.")
    }
  }

  // MARK: INSERT

  func bindInsert(
    _ statement: InsertStatement, ctes outer: [VisibleCTE] = []
  ) throws(SQLError) -> BoundQuery {
    let whole = try writeTarget(statement.table, "insert into")
    let table = whole.table
    var ordinals: [Int] = []
    for target in statement.columns {
      let ordinal = try targetOrdinal(target, table, of: whole, "insert into")
      if let index = ordinals.firstIndex(of: ordinal),
        target.indirection.isEmpty || statement.columns[index].indirection.isEmpty
      {
        throw context.error(
          .duplicateColumn, "column \"\(target.column.text)\" specified more than once", at: target.column.position)
      }
      ordinals.append(ordinal)
    }
    let hasList = !ordinals.isEmpty
    if !hasList {
      ordinals =
        whole.views.isEmpty
        ? table.columns.indices.filter { !table.columns[$0].isHidden }
        : try whole.named.columns.mapTyped { (column: ColumnDescriptor) throws(SQLError) in
          try targetOrdinal(AssignmentTarget(Identifier(column.name)), table, of: whole, "insert into")
        }
    }

    noteWriting(.insert, whole, ordinals: ordinals)
    if case .update(let assignments, _)? = statement.onConflict?.action {
      noteWriting(.update, whole, ordinals: assignedOrdinals(assignments, table))
    }
    var defaults: [Int: ScalarExpression] = [:]
    func defaultExpression(_ ordinal: Int) throws(SQLError) -> ScalarExpression {
      if let known = defaults[ordinal] { return known }
      let value = try defaultValue(table.columns[ordinal])
      defaults[ordinal] = value
      return value
    }
    /// Which target columns get values; error 42601 if the counts do not fit.
    func fit(_ count: Int, excess: SourcePosition, missing: SourcePosition) throws(SQLError) -> [Int] {
      if count > ordinals.count {
        throw context.error(.syntaxError, "INSERT has more expressions than target columns", at: excess)
      }
      if hasList && count < ordinals.count {
        throw context.error(.syntaxError, "INSERT has more target columns than expressions", at: missing)
      }
      return Array(ordinals.prefix(count))
    }
    func checkIdentity(_ ordinal: Int) throws(SQLError) {
      let column = table.columns[ordinal]
      try refuseGenerated(column, "insert")
      if column.identity == .always, statement.overriding == nil {
        throw SQLError(
          .generatedAlways, "cannot insert a non-DEFAULT value into column \"\(column.name)\"",
          detail: "Column \"\(column.name)\" is an identity column defined as GENERATED ALWAYS.",
          hint: "Use OVERRIDING SYSTEM VALUE to override.")
      }
    }
    func ignoresValue(_ ordinal: Int) -> Bool {
      statement.overriding == .user && table.columns[ordinal].identity != nil
    }

    var source: Relation
    var columns: [ColumnID]
    let ctes = try bindWithClause(statement.with, outer, nil)
    switch statement.source {
    case .defaultValues:
      let row = try Array(table.columns.indices).mapTyped(defaultExpression)
      columns = table.columns.map { context.makeColumn($0.name, $0.type) }
      source = .values([row], columns)
    case .query(let query):
      if case .values(let rows, _) = query.body, query.with == nil, query.orderBy.isEmpty, query.limit == nil,
        query.locking.isEmpty
      {
        let scope = Scope(parent: nil, ctes: ctes)
        scope.clause = .values
        var bound: [[ScalarExpression]] = []
        var attachments: [[Attachment]] = []
        let width = rows.first?.count ?? 0
        for row in rows {
          guard row.count == width else {
            throw context.error(
              .syntaxError, "VALUES lists must all be the same length", at: row.first?.leftmost ?? .unknown)
          }
          let targets = try fit(
            row.count, excess: row.count > ordinals.count ? row[ordinals.count].leftmost : .unknown,
            missing: row.count < statement.columns.count ? statement.columns[row.count].column.position : .unknown)
          var values = [ScalarExpression?](repeating: nil, count: table.columns.count)
          for (place, (ordinal, item)) in zip(targets, row).enumerated() {
            if case .defaultValue = item {
              if hasList, !statement.columns[place].indirection.isEmpty {
                throw context.error(
                  .featureNotSupported, "cannot set an array element to DEFAULT", at: item.leftmost)
              }
              continue
            }
            let value = try bind(item, scope)
            try checkIdentity(ordinal)
            if ignoresValue(ordinal) { continue }
            let column = table.columns[ordinal]
            if hasList, !statement.columns[place].indirection.isEmpty {
              let whole = values[ordinal] ?? .null(column.type.valueType)
              values[ordinal] = try assignedPart(
                statement.columns[place], whole, value, column, scope, at: item.leftmost)
              continue
            }
            values[ordinal] = try assign(value, to: column.type, column: column.name, at: item.leftmost)
          }
          var complete: [ScalarExpression] = []
          for ordinal in table.columns.indices {
            if let value = values[ordinal] {
              complete.append(value)
            } else {
              complete.append(try defaultExpression(ordinal))
            }
          }
          bound.append(complete)
          attachments.append(scope.takeAttachments())
        }
        columns = table.columns.map { context.makeColumn($0.name, $0.type) }
        source = rowsRelation(bound, attachments, columns)
      } else {
        let bound = try bindQuery(query, parent: nil, ctes: ctes, keepsUnknown: true)
        let targets = try fit(
          bound.outputs.count, excess: query.targetPosition(ordinals.count) ?? .unknown,
          missing: bound.outputs.count < statement.columns.count
            ? statement.columns[bound.outputs.count].column.position : .unknown)
        source = bound.relation
        columns = []
        var computed: [ComputedColumn] = []
        for ordinal in table.columns.indices {
          let column = table.columns[ordinal]
          if let index = targets.firstIndex(of: ordinal), !ignoresValue(ordinal) {
            try checkIdentity(ordinal)
            let output = bound.outputs[index]
            if hasList, !statement.columns[index].indirection.isEmpty {
              let scope = Scope(parent: nil, ctes: ctes)
              var whole = ScalarExpression.null(column.type.valueType)
              for (place, target) in targets.enumerated() where target == ordinal {
                let part = bound.outputs[place]
                let literal = source.literal(part.id).flatMap { $0.type.oid == SQLType.unknown.oid ? $0 : nil }
                whole = try assignedPart(
                  statement.columns[place], whole, literal ?? context.column(part.id), column, scope,
                  at: query.targetPosition(place) ?? .unknown)
              }
              let id = context.makeColumn(column.name, column.type)
              computed.append(ComputedColumn(id: id, expression: whole))
              columns.append(id)
              continue
            }
            let plain = source.literal(output.id).flatMap { $0.type.oid == SQLType.unknown.oid ? $0 : nil }
            let value = try assign(
              plain ?? context.column(output.id), to: column.type, column: column.name,
              at: query.targetPosition(index) ?? .unknown)
            if case .column(let id, _) = value, context.columns[id].type.oid == column.type.oid {
              columns.append(id)
              continue
            }
            let id = context.makeColumn(column.name, column.type)
            computed.append(ComputedColumn(id: id, expression: value))
            columns.append(id)
          } else {
            let id = context.makeColumn(column.name, column.type)
            computed.append(ComputedColumn(id: id, expression: try defaultExpression(ordinal)))
            columns.append(id)
          }
        }
        if !computed.isEmpty { source = .compute(source, computed) }
      }
    }
    // Generated columns come from the others' values.
    let computed = try generated(table, values: columns.map { .some(context.column($0)) })
    if !computed.isEmpty {
      var extra: [ComputedColumn] = []
      for (ordinal, expression) in computed {
        let id = context.makeColumn(table.columns[ordinal].name, table.columns[ordinal].type)
        extra.append(ComputedColumn(id: id, expression: expression))
        columns[ordinal] = id
      }
      source = .compute(source, extra)
    }

    let rules = self.rules(of: table, .insert)
    var beside: [Relation] = []
    if !rules.isEmpty {
      let new = zip(table.columns, columns).map { ScopeColumn(name: $0.name, id: $1, isHidden: $0.isHidden) }
      let ruled = try applied(
        rules, .insert, RuleRows(relation: source, new: new, old: [], table: table), isFiltered: true,
        returning: statement.returning, alias: statement.alias?.text ?? table.name)
      if let replacement = ruled.replacement { return self.beside(replacement, ruled.actions, after: false) }
      source = source.filtered(ruled.exclusions.map { .booleanTest($0, .isNotTrue) })
      beside = ruled.actions
    }
    let alias = statement.alias?.text ?? table.name
    let named = TableReference(statement.table, alias: statement.alias.map { TableAlias($0) })
    let rows = try viewedRows(whole, named) { (reference) throws(SQLError) in
      try bindScan(table, alias: reference.alias?.name.text ?? table.name, written: reference.alias, lock: nil)
    }
    let (target, scan) = (rows.source, rows.scan)
    context.noteReading(table, target.columns.filter { !$0.isHidden }.map(\.id), always: false)
    var change = Modification(
      kind: .insert(onConflict: nil), table: table, source: source, sourceColumns: columns, rowColumns: scan.columns,
      checks: try checks(table, scan.columns), predicates: try predicates(table, scan.columns), returnsRows: false)
    change.viewChecks = rows.checks
    var events: [TriggerDescriptor.Events] = [.insert]
    var assigned: [Int] = []
    if case .update(let assignments, _)? = statement.onConflict?.action {
      events.append(.update)
      assigned = assignedOrdinals(assignments, table)
    }
    change.statement = try statementTriggers(of: table, events, changed: assigned)
    change.references = try references(of: table, change.statement)
    if table.isPartitioned {
      change.partitions = try partitionPlan(table, change.statement)
      let tableID = context.makeColumn("tableoid", .oid, isNullable: false, qualifier: alias)
      change.otherColumns = [tableID]
      var tables = target.tables
      tables[0].columns.append(ScopeColumn(name: "tableoid", id: tableID, isHidden: true))
      if let clause = statement.onConflict {
        _ = try bindConflict(clause, table, target, scan, ctes)
        for leaf in change.partitions?.targets.map(\.table) ?? [] {
          let own = try bindScan(leaf, alias: leaf.name, written: nil, lock: nil).scan
          let member = try bindMember(
            leaf, of: table, alias: alias, written: statement.alias.map { TableAlias($0) }, own)
          change.partitionConflicts.append(try bindConflict(clause, leaf, member, own, ctes))
        }
      }
      let whole = try returning(
        statement.returning, &change, tables: tables, columns: target.columns, computed: rows.computed)
      return self.beside(whole, beside, after: true)
    }
    change.guarded = try partitionGuard(table, scan.columns)
    if let clause = statement.onConflict {
      change.kind = .insert(onConflict: try bindConflict(clause, table, target, scan, ctes))
    }
    let made = try returning(
      statement.returning, &change, tables: target.tables, columns: target.columns, computed: rows.computed)
    return self.beside(made, beside, after: true)
  }

  /// The privilege to write, on the view that is named in the name of who runs the statement, beneath it in its owner's.
  private func noteWriting(_ privilege: Privileges, _ target: WriteTarget, ordinals: [Int] = []) {
    let reader = context.viewOwner
    defer { context.viewOwner = reader }
    for view in target.views {
      let names = Set(ordinals.map { target.table.columns[$0].name })
      let own =
        view === target.named
        ? view.columns.indices.filter { place in
          target.columns[view.columns[place].name].flatMap { $0 }.map(names.contains) ?? false
        } : []
      context.noteWriting(privilege, view, ordinals: own)
      context.viewOwner = view.owner
    }
    context.noteWriting(privilege, target.table, ordinals: ordinals)
  }

  /// A descendant under the names and in the order of the table that was mentioned.
  private func bindMember(
    _ member: TableDescriptor, of table: TableDescriptor, alias: String, written: TableAlias?, _ scan: TableScan
  ) throws(SQLError) -> FromSource {
    var columns: [ScopeColumn] = []
    for column in table.columns where !column.isHidden {
      guard let ordinal = member.columns.firstIndex(where: { $0.name == column.name && !$0.isHidden }) else {
        throw SQLError(.internalError, "table \"\(member.name)\" lacks a column of \"\(table.name)\"")
      }
      columns.append(ScopeColumn(name: column.name, id: scan.columns[ordinal]))
    }
    let shown = try renamed(columns, alias, written, of: table)
    let named = ScopeTable(
      alias: alias, schema: written == nil ? names.schemaName(table.schema) : nil, columns: shown, table: member)
    return FromSource(relation: .scan(scan), tables: [named], columns: shown)
  }

  private func bindConflict(
    _ clause: ConflictClause, _ table: TableDescriptor, _ target: FromSource, _ scan: TableScan,
    _ ctes: [VisibleCTE]
  ) throws(SQLError) -> ConflictResolution {
    var arbiters: [UInt32] = []
    switch clause.target {
    case nil:
      if case .update = clause.action {
        throw context.error(
          .syntaxError, "ON CONFLICT DO UPDATE requires inference specification or constraint name",
          hint: "For example, ON CONFLICT (column_name).", at: clause.position)
      }
    case .constraint(let name)?:
      guard let index = table.allIndexes.first(where: { $0.name == name.text && $0.isConstraint }) else {
        if table.checks.contains(where: { $0.name == name.text }) {
          throw SQLError(.wrongObjectType, "constraint in ON CONFLICT clause has no associated index")
        }
        throw SQLError(
          .undefinedObject, "constraint \"\(name.text)\" for table \"\(table.name)\" does not exist")
      }
      arbiters = [index.id]
    case .elements(let elements, let filter)?:
      var wanted: Set<UInt32> = []
      for element in elements {
        guard case .column(let name) = element.key else {
          guard case .expression(let expression) = element.key else { continue }
          let bound = FoldConstants.expression(
            try bind(expression, rowScope(table, scan.columns, .indexExpression)))
          var found: UInt32 = 0
          for column in table.columns where column.isIndexExpression {
            guard let sql = column.generatedSQL else { continue }
            let own = try bind(try Binder.parseExpression(sql), rowScope(table, scan.columns, .indexExpression))
            if FoldConstants.expression(own).isSame(as: bound) { found = column.id }
          }
          // 0: no index has it.
          wanted.insert(found)
          continue
        }
        guard let column = table.columns.first(where: { $0.name == name.text && !$0.isHidden }) else {
          let scope = Scope(parent: nil, ctes: [])
          scope.tables = target.tables
          throw missingColumn(name.text, qualifier: nil, scope, at: name.position)
        }
        wanted.insert(column.id)
      }
      let condition: ScalarExpression? =
        if let filter {
          try coerceToBoolean(
            try bind(filter, rowScope(table, scan.columns, .indexPredicate)), "WHERE", at: filter)
        } else { nil }
      let predicates = try predicates(table, scan.columns)
      for index in table.allIndexes where index.isUnique && Set(index.columns.map(\.columnID)) == wanted {
        if let predicate = predicates.first(where: { $0.index == index.id }) {
          // A partial index fits if the clause's predicate implies its own.
          guard let condition,
            predicate.condition.conjuncts.allSatisfy({ needed in
              condition.conjuncts.contains { $0.isSame(as: needed) }
            })
          else { continue }
        }
        arbiters.append(index.id)
      }
      if arbiters.isEmpty {
        throw SQLError(
          .invalidColumnReference,
          "there is no unique or exclusion constraint matching the ON CONFLICT specification")
      }
    }
    guard case .update(let assignments, let filter) = clause.action else {
      return ConflictResolution(arbiters: arbiters, existing: scan.columns, excluded: [])
    }
    let (excluded, excludedScan) = try bindScan(table, alias: "excluded", written: TableAlias("excluded"), lock: nil)
    let scope = Scope(parent: nil, ctes: ctes)
    scope.clause = .update
    scope.add(target)
    scope.add(excluded)
    let bound = try bindAssignments(assignments, table, scan.columns, scope)
    scope.clause = .whereClause
    let condition: ScalarExpression? =
      if let filter { try coerceToBoolean(try bind(filter, scope), "WHERE", at: filter) } else { nil }
    return ConflictResolution(
      arbiters: arbiters, assignments: bound, condition: condition, existing: scan.columns,
      excluded: excludedScan.columns, attachments: scope.takeAttachments())
  }

  // MARK: UPDATE and DELETE

  /// New values by ordinal, generated columns included.
  private func bindAssignments(
    _ assignments: [Assignment], _ table: TableDescriptor, _ columns: [ColumnID], _ scope: Scope,
    of whole: WriteTarget? = nil
  ) throws(SQLError) -> [ComputedColumn] {
    var result: [ComputedColumn] = []
    // Columns of which parts are given, as many as there are.
    var partial: Set<Int> = []
    func add(_ target: AssignmentTarget, _ source: Expression, _ bound: ScalarExpression?) throws(SQLError) {
      let ordinal = try targetOrdinal(target, table, of: whole)
      let column = table.columns[ordinal]
      let known = result.firstIndex { $0.id == ordinal }
      if known != nil, target.indirection.isEmpty || !partial.contains(ordinal) {
        throw SQLError(.syntaxError, "multiple assignments to same column \"\(column.name)\"")
      }
      if case .defaultValue = source {
        if column.generatedSQL != nil { return }
        result.append(ComputedColumn(id: ordinal, expression: try defaultValue(column)))
        return
      }
      try refuseGenerated(column, "update")
      if column.identity == .always {
        throw SQLError(
          .generatedAlways, "column \"\(column.name)\" can only be updated to DEFAULT",
          detail: "Column \"\(column.name)\" is an identity column defined as GENERATED ALWAYS.")
      }
      let value: ScalarExpression = if let bound { bound } else { try bind(source, scope) }
      if !target.indirection.isEmpty {
        let whole = known.map { result[$0].expression } ?? context.column(columns[ordinal])
        let part = try assignedPart(target, whole, value, column, scope, at: source.leftmost)
        partial.insert(ordinal)
        if let known {
          result[known].expression = part
        } else {
          result.append(ComputedColumn(id: ordinal, expression: part))
        }
        return
      }
      result.append(
        ComputedColumn(
          id: ordinal,
          expression: try assign(value, to: column.type, column: column.name, at: source.leftmost)))
    }
    for assignment in assignments {
      switch assignment {
      case .single(let target, let source): try add(target, source, nil)
      case .multiple(let targets, let source):
        switch source {
        case .row(let items, _, let position)
        where items.contains(where: { item in
          switch item {
          case .wildcard, .allFields: true
          default: false
          }
        }):
          let values = try bindRowItems(items, scope)
          guard values.count == targets.count else {
            throw context.error(.syntaxError, "number of columns does not match number of values", at: position)
          }
          for (target, value) in zip(targets, values) { try add(target, source, value) }
        case .row(let items, _, let position):
          guard items.count == targets.count else {
            throw context.error(.syntaxError, "number of columns does not match number of values", at: position)
          }
          for (target, item) in zip(targets, items) { try add(target, item, nil) }
        case .scalarSubquery(let query, let position):
          for (index, target) in targets.enumerated() {
            // The same query for each column; each takes its own.
            let bound = try bindSubquery(query, scope)
            guard bound.outputs.count == targets.count else {
              throw context.error(.syntaxError, "number of columns does not match number of values", at: position)
            }
            try add(target, source, attachScalar(bound.relation, bound.outputs[index].id, scope))
          }
        default:
          guard targets.count == 1, let target = targets.first else {
            throw context.error(
              .featureNotSupported,
              "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression",
              at: source.leftmost)
          }
          try add(target, source, nil)
        }
      }
    }
    // Generated columns follow what they are computed from.
    var values: [ScalarExpression?] = columns.map { context.column($0) }
    for assignment in result { values[assignment.id] = assignment.expression }
    for (ordinal, expression) in try generated(table, values: values) {
      result.append(ComputedColumn(id: ordinal, expression: expression))
    }
    return result
  }

  func bindUpdate(
    _ statement: UpdateStatement, ctes outer: [VisibleCTE] = []
  ) throws(SQLError) -> BoundQuery {
    let whole = try writeTarget(statement.table.name, "update")
    let table = whole.table
    let assigned = assignedOrdinals(statement.assignments, table, of: whole)
    noteWriting(.update, whole, ordinals: assigned)
    let ctes = try bindWithClause(statement.with, outer, nil)
    let triggers = try statementTriggers(of: table, [.update], changed: assigned)
    return try eachMember(of: table, statement.table) { (member, family, place) throws(SQLError) in
      let scope = Scope(parent: nil, ctes: ctes)
      let (rows, affected) = try bindAffected(
        member, of: whole, statement.table, joining: statement.from, where: statement.filter, scope)
      scope.clause = .update
      let scan = rows.scan
      let assignments = try bindAssignments(statement.assignments, member, scan.columns, scope, of: whole)
      var relation = scope.attach(to: affected)
      let rules = self.rules(of: member, .update)
      var beside: [Relation] = []
      if !rules.isEmpty {
        var computed: [ComputedColumn] = []
        var new: [ScopeColumn] = []
        for (ordinal, column) in member.columns.enumerated() {
          var id = scan.columns[ordinal]
          if let assignment = assignments.first(where: { $0.id == ordinal }) {
            id = context.makeColumn(column.name, column.type)
            computed.append(ComputedColumn(id: id, expression: assignment.expression))
          }
          new.append(ScopeColumn(name: column.name, id: id, isHidden: column.isHidden))
        }
        let changed = Relation.compute(relation, computed)
        let ruled = try applied(
          rules, .update, RuleRows(relation: changed, new: new, old: rows.scopeColumns(of: member), table: member),
          isFiltered: statement.filter != nil || !statement.from.isEmpty, returning: statement.returning,
          alias: statement.table.alias?.name.text ?? member.name)
        if let replacement = ruled.replacement { return self.beside(replacement, ruled.actions, after: false) }
        relation =
          ruled.exclusions.isEmpty
          ? relation : changed.filtered(ruled.exclusions.map { .booleanTest($0, .isNotTrue) })
        beside = ruled.actions
      }
      var change = Modification(
        kind: .update(assignments), table: member, source: relation, sourceColumns: scan.columns,
        rowColumns: scan.columns, checks: try checks(member, scan.columns),
        predicates: try predicates(member, scan.columns), returnsRows: false)
      change.viewChecks = rows.checks
      change.family = family
      change.statement = triggers?.at(place)
      change.references = try references(of: member, triggers)
      let mayMove = change.references.triggers?.hasBefore(.update) == true
      let keyOrdinals = member.isPartition ? try partitionKeyOrdinals(member) : []
      if member.isPartition, mayMove || change.touches(keyOrdinals) {
        if member.oid == table.oid {
          change.guarded = try partitionGuard(member, scan.columns)
        } else if let stays = try partitionGuard(member, scan.columns) {
          // A row that moves is of another table afterwards.
          let tableID = context.makeColumn("tableoid", .oid, isNullable: false)
          let own = ScalarExpression.constant(.int64(Int64(member.oid.rawValue)), .oid)
          change.source = .compute(relation, [ComputedColumn(id: tableID, expression: own)])
          let hidden = ScopeColumn(name: "tableoid", id: tableID, isHidden: true)
          if let first = scope.tables.indices.first { scope.tables[first].columns.append(hidden) }
          scope.columns.append(hidden)
          change.tableColumn = tableID
          change.move = PartitionMove(
            stays: stays, plan: try partitionPlan(table, triggers), columns: Self.places(of: table, in: member))
        }
      }
      let made = try returning(
        statement.returning, &change, tables: scope.tables, columns: scope.columns, computed: rows.computed)
      return self.beside(made, beside, after: false)
    }
  }

  func bindDelete(
    _ statement: DeleteStatement, ctes outer: [VisibleCTE] = []
  ) throws(SQLError) -> BoundQuery {
    let whole = try writeTarget(statement.table.name, "delete from")
    let table = whole.table
    noteWriting(.delete, whole)
    let ctes = try bindWithClause(statement.with, outer, nil)
    let triggers = try statementTriggers(of: table, [.delete])
    return try eachMember(of: table, statement.table) { (member, family, place) throws(SQLError) in
      let scope = Scope(parent: nil, ctes: ctes)
      let (rows, affected) = try bindAffected(
        member, of: whole, statement.table, joining: statement.using, where: statement.filter, scope)
      let scan = rows.scan
      var relation = affected
      let rules = self.rules(of: member, .delete)
      var beside: [Relation] = []
      if !rules.isEmpty {
        let ruled = try applied(
          rules, .delete, RuleRows(relation: relation, new: [], old: rows.scopeColumns(of: member), table: member),
          isFiltered: statement.filter != nil || !statement.using.isEmpty, returning: statement.returning,
          alias: statement.table.alias?.name.text ?? member.name)
        if let replacement = ruled.replacement { return self.beside(replacement, ruled.actions, after: false) }
        relation = relation.filtered(ruled.exclusions.map { .booleanTest($0, .isNotTrue) })
        beside = ruled.actions
      }
      var change = Modification(
        kind: .delete, table: member, source: relation, sourceColumns: scan.columns, rowColumns: scan.columns,
        checks: [], predicates: try predicates(member, scan.columns), returnsRows: false)
      change.family = family
      change.statement = triggers?.at(place)
      change.references = try references(of: member, triggers)
      let made = try returning(
        statement.returning, &change, tables: scope.tables, columns: scope.columns, computed: rows.computed)
      return self.beside(made, beside, after: false)
    }
  }

  /// The rows that an UPDATE or DELETE changes in one table, and what they are read from; `scope` sees their columns.
  private func bindAffected(
    _ member: TableDescriptor, of whole: WriteTarget, _ reference: TableReference, joining others: [FromItem],
    where filter: Expression?, _ scope: Scope
  ) throws(SQLError) -> (rows: ViewedRows, relation: Relation) {
    let rows = try viewedRows(whole, reference) { (reference) throws(SQLError) in
      try bindTarget(member, of: whole.table, reference)
    }
    let target = rows.source
    context.noteReading(whole.named, target.columns.filter { !$0.isHidden }.map(\.id), always: false)
    scope.add(target)
    let joined = try bindOtherTables(others, target, scope)
    guard let filter else { return (rows, joined) }
    scope.clause = .whereClause
    let conditions = try bindCondition(filter, scope)
    return (rows, scope.attach(to: joined).filtered(conditions))
  }

  /// The target of an UPDATE or DELETE.
  private func bindTarget(
    _ member: TableDescriptor, of table: TableDescriptor, _ reference: TableReference
  ) throws(SQLError) -> (FromSource, TableScan) {
    let alias = reference.alias?.name.text ?? table.name
    let lock = RowLock(isExclusive: true)
    if member.oid == table.oid { return try bindScan(table, alias: alias, written: reference.alias, lock: lock) }
    var scan = try bindScan(member, alias: alias, written: nil, lock: lock).scan
    scan.guarded = try partitionGuard(member, scan.columns)
    return (try bindMember(member, of: table, alias: alias, written: reference.alias, scan), scan)
  }

  private func assignedOrdinals(
    _ assignments: [Assignment], _ table: TableDescriptor, of whole: WriteTarget? = nil
  ) -> [Int] {
    assignments.flatMap { assignment in
      switch assignment {
      case .single(let target, _): [target]
      case .multiple(let targets, _): targets
      }
    }.compactMap { target in
      let name = whole?.columns[target.column.text] ?? target.column.text
      return table.columns.firstIndex { $0.name == name && !$0.isHidden }
    }
  }

  /// The columns that decide in which partition a row stands.
  private func partitionKeyOrdinals(_ table: TableDescriptor) throws(SQLError) -> Set<Int> {
    var found: Set<Int> = []
    for ancestor in names.catalog.ancestors(of: table) {
      for id in (ancestor.lineage.partitioning?.keys ?? []).flatMap(\.columns) {
        let name = ancestor.column(id: id)?.name
        found.formUnion(table.columns.indices.filter { table.columns[$0].name == name })
      }
    }
    return found
  }

  /// The statement for each table whose rows its target means, one after the other, as one.
  private func eachMember(
    of table: TableDescriptor, _ reference: TableReference,
    _ bind: (TableDescriptor, _ family: Int?, _ place: (isFirst: Bool, isLast: Bool)) throws(SQLError) -> BoundQuery
  ) throws(SQLError) -> BoundQuery {
    var members = reference.isOnly ? [table] : try members(of: table)
    // Without partitions there are no rows; the statement must be sound all the same.
    if members.isEmpty { members = [table] }
    context.sharedCount += 1
    let family = members.count > 1 ? context.sharedCount : nil
    var whole = try bind(members[0], family, (true, members.count == 1))
    for (index, member) in members.enumerated().dropFirst() {
      let next = try bind(member, family, (false, index == members.count - 1))
      let columns = whole.outputs.map { context.makeColumn($0.name, $0.type) }
      whole.relation = .setOperation(
        SetOperation(
          kind: .unionAll, left: whole.relation, right: next.relation, leftColumns: whole.outputs.map(\.id),
          rightColumns: next.outputs.map(\.id), columns: columns))
      for index in columns.indices { whole.outputs[index].id = columns[index] }
    }
    return whole
  }

  /// The target joined with what `FROM` or `USING` adds.
  private func bindOtherTables(
    _ items: [FromItem], _ target: FromSource, _ scope: Scope
  ) throws(SQLError) -> Relation {
    if items.isEmpty { return target.relation }
    scope.clause = .from
    let others = try bindFrom(items, scope)
    return combine(target.relation, others)
  }
}

extension Modification {
  /// Whether an UPDATE gives any of these columns a value.
  fileprivate func touches(_ ordinals: Set<Int>) -> Bool {
    guard case .update(let assignments) = kind else { return false }
    return assignments.contains { ordinals.contains($0.id) }
  }
}
