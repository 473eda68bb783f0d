// A view's query as the catalog keeps it: every name resolved, `*` spelt out, each implicit cast written, predicates that PostgreSQL
// turns into operators turned into them. What it reads is named by OID and number (`StoredName`), so that renames do no harm.
// The types come from the binder, which has bound the query before; the scopes that it met are found by where they begin.
// Source: PostgreSQL's rules of analysis (parse_expr.c, parse_clause.c), as `pg_get_viewdef` shows them.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

/// Thrown for what has no stored form yet: the text is kept as it was written.
private let noStoredForm = SQLError(.internalError, "no stored form")

final class StoredQuery {
  let binder: Binder
  /// The columns that are read, by relation.
  private(set) var reads: [OID: Set<UInt32>] = [:]
  private var number = 0

  init(_ binder: Binder) { self.binder = binder }

  private var context: BindingContext { binder.context }

  /// The stored form and what it depends on; nil if there is none. The query must have been bound while scopes were kept.
  func make(_ query: SelectStatement) -> (query: SelectStatement, reads: [RelationDependency])? {
    guard let stored = try? self.query(query) else { return nil }
    let dependencies = reads.keys.sorted().map { RelationDependency(relation: $0, columns: reads[$0]!.sorted()) }
    return (stored, dependencies)
  }

  private func scope(at position: SourcePosition) throws(SQLError) -> Scope {
    guard let scope = context.scopes?[Int(position.offset)] else { throw noStoredForm }
    scope.clause = .select
    return scope
  }

  // MARK: Queries

  private func query(_ query: SelectStatement) throws(SQLError) -> SelectStatement {
    var made = query
    if var with = query.with {
      for index in with.expressions.indices {
        guard case .select(let body) = with.expressions[index].statement else { throw noStoredForm }
        with.expressions[index].statement = .select(try self.query(body))
        if let value = with.expressions[index].cycle?.markValue {
          with.expressions[index].cycle?.markValue = try typed(value, Scope(parent: nil, ctes: []), nil)
        }
        if let value = with.expressions[index].cycle?.markDefault {
          with.expressions[index].cycle?.markDefault = try typed(value, Scope(parent: nil, ctes: []), nil)
        }
      }
      made.with = with
    }
    switch query.body {
    case .select(let core): (made.body, made.orderBy) = try select(core, query.orderBy)
    case .values(let rows, let position):
      let scope = try scope(at: position)
      var types: [SQLType] = []
      for column in (rows.first ?? []).indices {
        types.append(
          try binder.unifyTypes(
            try rows.mapTyped { (row: [Expression]) throws(SQLError) in try type(row[column], scope) }, [], "VALUES"))
      }
      made.body = .values(
        try rows.mapTyped { (row: [Expression]) throws(SQLError) in
          var items: [Expression] = []
          for (item, type) in zip(row, types) {
            // A cast of what has a type goes without saying.
            let isOpen = try self.type(item, scope).oid == SQLType.unknown.oid
            items.append(try typed(item, scope, isOpen ? type : nil))
          }
          return items
        }, position)
    case .setOperation(var operation):
      operation.left = try self.query(operation.left)
      operation.right = try self.query(operation.right)
      made.body = .setOperation(operation)
      for index in made.orderBy.indices {
        guard case .column(let reference) = made.orderBy[index].expression, reference.qualifiers.isEmpty,
          case .select(let core) = query.firstBody
        else { continue }
        let names = core.targets.map { $0.alias?.text ?? Binder.outputName($0.expression) }
        guard let place = names.firstIndex(of: reference.name.text) else { throw noStoredForm }
        made.orderBy[index].expression = .literal(.integer(Int64(place + 1)), .unknown)
      }
    }
    if let limit = query.limit {
      let scope = Scope(parent: nil, ctes: [])
      made.limit?.count = try limit.count.map { (count: Expression) throws(SQLError) in try expression(count, scope) }
      made.limit?.offset = try limit.offset.map { (offset: Expression) throws(SQLError) in try expression(offset, scope)
      }
    }
    if !query.locking.isEmpty { throw noStoredForm }
    return made
  }

  private func select(
    _ core: SelectCore, _ orderBy: [SortItem]
  ) throws(SQLError) -> (QueryBody, [SortItem]) {
    let scope = try scope(at: core.position)
    var made = core
    made.from = try core.from.mapTyped { (item: FromItem) throws(SQLError) in try self.item(item, scope, scope) }
    var targets: [SelectTarget] = []
    // The elements as written by their places, for ORDER BY and GROUP BY that name them.
    for target in core.targets {
      switch target.expression {
      case .wildcard(let qualifiers, _):
        for (name, value) in try wildcard(qualifiers, scope) {
          targets.append(SelectTarget(value, alias: Identifier(name)))
        }
      case .allFields: throw noStoredForm
      default:
        targets.append(
          SelectTarget(
            try typed(target.expression, scope, nil),
            alias: target.alias ?? Identifier(Binder.outputName(target.expression))))
      }
    }
    made.targets = targets
    func element(_ item: Expression, prefersInput: Bool) throws(SQLError) -> Expression {
      switch item {
      case .literal(.integer(let place), _) where targets.indices.contains(Int(place) - 1):
        return targets[Int(place) - 1].expression
      case .column(let reference) where reference.qualifiers.isEmpty:
        if prefersInput, scope.columns.contains(where: { $0.name == reference.name.text && !$0.isHidden }) { break }
        if let found = targets.first(where: { $0.alias?.text == reference.name.text }) { return found.expression }
      default: break
      }
      return try typed(item, scope, nil)
    }
    made.filter = try core.filter.map { (filter: Expression) throws(SQLError) in try typed(filter, scope, .bool) }
    made.having = try core.having.map { (having: Expression) throws(SQLError) in try typed(having, scope, .bool) }
    if case .on(let list)? = core.distinct {
      made.distinct = .on(
        try list.mapTyped { (item: Expression) throws(SQLError) in try element(item, prefersInput: false) })
    }
    func grouping(_ part: GroupingElement) throws(SQLError) -> GroupingElement {
      func all(_ list: [Expression]) throws(SQLError) -> [Expression] {
        try list.mapTyped { (item: Expression) throws(SQLError) in try element(item, prefersInput: true) }
      }
      switch part {
      case .expression(.row(let items, isExplicit: false, let position)):
        return .expression(.row(try all(items), isExplicit: false, position))
      case .expression(let item): return .expression(try element(item, prefersInput: true))
      case .empty: return part
      case .rollup(let list, let position): return .rollup(try all(list), position)
      case .cube(let list, let position): return .cube(try all(list), position)
      case .sets(let list, let position): return .sets(try list.mapTyped(grouping), position)
      }
    }
    made.groupBy?.elements = try (core.groupBy?.elements ?? []).mapTyped(grouping)
    for index in made.windows.indices {
      made.windows[index].specification = try window(made.windows[index].specification, scope)
    }
    var order = orderBy
    for index in order.indices { order[index].expression = try element(order[index].expression, prefersInput: false) }
    return (.select(made), order)
  }

  private func window(_ window: WindowSpecification, _ scope: Scope) throws(SQLError) -> WindowSpecification {
    var made = window
    made.partitionBy = try window.partitionBy.mapTyped { (item: Expression) throws(SQLError) in
      try expression(item, scope)
    }
    made.orderBy = try sorted(window.orderBy, scope)
    func bound(_ bound: WindowFrame.Bound) throws(SQLError) -> WindowFrame.Bound {
      switch bound {
      case .preceding(let offset): .preceding(try expression(offset, scope))
      case .following(let offset): .following(try expression(offset, scope))
      default: bound
      }
    }
    if let frame = window.frame {
      made.frame?.start = try bound(frame.start)
      made.frame?.end = try bound(frame.end)
    }
    return made
  }

  private func sorted(_ items: [SortItem], _ scope: Scope) throws(SQLError) -> [SortItem] {
    var made = items
    for index in made.indices { made[index].expression = try typed(made[index].expression, scope, nil) }
    return made
  }

  // MARK: FROM

  /// `names`: the scope in which the item's tables can be found.
  private func item(_ item: FromItem, _ names: Scope, _ scope: Scope) throws(SQLError) -> FromItem {
    switch item {
    case .table(var reference):
      if reference.sample != nil { throw noStoredForm }
      if reference.name.schema == nil, scope.cte(named: reference.name.name.text) != nil { return item }
      let table = try binder.names.relation(reference.name)
      // The system's own tables do not change.
      if reads[table.oid] == nil, !table.isVirtual { reads[table.oid] = [] }
      let written = reference.alias
      reference.name = QualifiedName(
        Identifier(table.name), schema: Identifier(StoredName.relation(table.oid)))
      let found = names.tables.first {
        $0.table === table && $0.alias == written?.name.text ?? table.name && ($0.schema != nil) == (written == nil)
      }
      let alias: String
      if let written { alias = written.name.text } else { alias = implicitAlias(found, table.name) }
      var columns: [Identifier] = []
      for (place, column) in table.columns.filter({ !$0.isHidden }).enumerated() {
        let given = written.flatMap { place < $0.columns.count ? $0.columns[place].text : nil }
        let name = given ?? column.name
        if name.utf8.count > 48 { throw noStoredForm }
        columns.append(
          Identifier(StoredName.Column(id: column.id, name: name, isAlias: given != nil).text))
      }
      reference.alias = TableAlias(Identifier(alias), columns: columns)
      return .table(reference)
    case .subquery(var reference):
      reference.query = try query(reference.query)
      return .subquery(reference)
    case .function(var function):
      let inner = try self.scope(at: function.position)
      for index in function.items.indices {
        let made = try expression(function.items[index].expression, inner)
        if case .cast(_, let name, _) = function.items[index].expression {
          function.items[index].expression = try cast(made, to: try binder.resolveType(name))
        } else {
          function.items[index].expression = made
        }
      }
      if function.columnDefinitions.isEmpty, let made = function.items.first, !function.isRowsFrom {
        let alias = function.alias?.name.text ?? Binder.outputName(made.expression)
        guard let table = names.tables.first(where: { $0.alias == alias }) else { throw noStoredForm }
        function.alias = TableAlias(Identifier(alias), columns: table.columns.map { Identifier($0.name) })
      }
      return .function(function)
    case .join(var join):
      var inner = names
      if join.alias != nil {
        // What is within has names in the condition alone.
        guard let own = context.scopes?[Int(join.position.offset)] else { throw noStoredForm }
        inner = own
      }
      join.left = try self.item(join.left, inner, scope)
      join.right = try self.item(join.right, inner, scope)
      if case .natural = join.condition {
        let shared = context.naturalNames[Int(join.position.offset)] ?? []
        if shared.isEmpty {
          join.condition = join.kind == .inner ? .cross : .on(.literal(.boolean(true), .unknown))
          return .join(join)
        }
        join.condition = .using(shared.map { Identifier($0) }, alias: nil)
      }
      switch join.condition {
      case .cross: break
      case .on(let condition):
        join.condition = .on(try typed(condition, try self.scope(at: join.position), .bool))
      case .natural: throw noStoredForm
      case .using(let list, let alias):
        if alias == nil, let first = context.mergedColumns[Int(join.position.offset)]?.first {
          join.condition = .using(list, alias: Identifier(StoredName.merged(first)))
        }
        for name in list {
          for table in inner.tables where table.columns.contains(where: { $0.name == name.text }) {
            note(table, table.columns.first { $0.name == name.text }!)
          }
        }
      }
      return .join(join)
    }
  }

  private func implicitAlias(_ table: ScopeTable?, _ name: String) -> String {
    if let first = table?.columns.first { return StoredName.implicitAlias(name, number: first.id) }
    number -= 1
    return StoredName.implicitAlias(name, number: number)
  }

  private func note(_ table: ScopeTable, _ column: ScopeColumn) {
    guard let relation = table.table, !relation.isVirtual else { return }
    let visible = relation.columns.filter { !$0.isHidden }
    guard let place = table.columns.filter({ !$0.isHidden }).firstIndex(where: { $0.id == column.id }),
      place < visible.count
    else { return }
    reads[relation.oid, default: []].insert(visible[place].id)
  }

  // MARK: Names

  private func alias(_ table: ScopeTable) -> String {
    table.schema == nil ? table.alias : implicitAlias(table, table.alias)
  }

  /// A column of a level under the name of the table that it comes from.
  private func reference(_ column: ScopeColumn, _ level: Scope) -> Expression {
    for table in level.tables where table.columns.contains(where: { $0.id == column.id }) {
      guard let own = table.columns.first(where: { $0.id == column.id }) else { continue }
      note(table, own)
      return .column(ColumnReference(Identifier(own.name), qualifiers: [Identifier(alias(table))]))
    }
    // One that a join computes of two.
    if let merged = context.mergedColumns.values.first(where: { $0.contains(column.id) }) {
      return .column(
        ColumnReference(Identifier(column.name), qualifiers: [Identifier(StoredName.merged(merged[0]))]))
    }
    return .column(ColumnReference(Identifier(column.name)))
  }

  private func wildcard(_ qualifiers: [Identifier], _ scope: Scope) throws(SQLError) -> [(String, Expression)] {
    guard let name = qualifiers.last?.text else {
      return scope.columns.filter { !$0.isHidden }.map { ($0.name, reference($0, scope)) }
    }
    let schema = qualifiers.count > 1 ? qualifiers[qualifiers.count - 2].text : nil
    var level: Scope? = scope
    while let current = level {
      if let table = current.tables.first(where: {
        $0.isVisible && $0.alias == name && (schema == nil || $0.schema == schema)
      }) {
        return table.columns.filter { !$0.isHidden }.map { column in
          note(table, column)
          return (
            column.name, .column(ColumnReference(Identifier(column.name), qualifiers: [Identifier(alias(table))]))
          )
        }
      }
      level = current.parent
    }
    throw noStoredForm
  }

  private func column(_ name: ColumnReference, _ scope: Scope) throws(SQLError) -> Expression {
    var level: Scope? = scope
    while let current = level {
      if let qualifier = name.qualifiers.last?.text {
        let schema = name.qualifiers.count > 1 ? name.qualifiers[name.qualifiers.count - 2].text : nil
        if let table = current.tables.first(where: {
          $0.isVisible && $0.alias == qualifier && (schema == nil || $0.schema == schema)
        }) {
          guard let column = table.columns.first(where: { $0.name == name.name.text && !$0.isHidden }) else {
            throw noStoredForm
          }
          note(table, column)
          return .column(ColumnReference(Identifier(column.name), qualifiers: [Identifier(alias(table))]))
        }
      } else if let column = current.columns.first(where: { $0.name == name.name.text && !$0.isHidden }) {
        return reference(column, current)
      }
      level = current.parent
    }
    level = scope
    while let current = level, name.qualifiers.isEmpty {
      if let table = current.tables.first(where: { $0.alias == name.name.text && $0.isVisible }) {
        return .column(ColumnReference(Identifier(alias(table))))
      }
      level = current.parent
    }
    throw noStoredForm
  }

  // MARK: Types

  private func type(_ expression: Expression, _ scope: Scope) throws(SQLError) -> SQLType {
    try binder.bind(expression, scope).type
  }

  private func element(of type: SQLType) -> SQLType? {
    TypeInfo.find(type.oid).flatMap { $0.isArray ? SQLType($0.elementOID) : nil }
  }

  private func array(of type: SQLType) -> SQLType? {
    TypeInfo.find(type.oid).flatMap { $0.arrayOID == .invalid ? nil : SQLType($0.arrayOID) }
  }

  /// A type as its name is written.
  private func name(of type: SQLType) throws(SQLError) -> TypeName {
    guard case .cast(_, let name, _) = try Binder.parseExpression("NULL::\(TypeInfo.format(type))") else {
      throw noStoredForm
    }
    return name
  }

  private func cast(_ expression: Expression, to type: SQLType) throws(SQLError) -> Expression {
    .cast(expression, try name(of: type), .unknown)
  }

  /// A constant with its type, unless its digits tell that.
  private func constant(_ value: Datum, _ type: SQLType) throws(SQLError) -> Expression {
    if value.isNull { return try cast(.literal(.null, .unknown), to: type) }
    var settings = context.settings
    if type.namesObjects { settings.objectNames = binder.names.catalog.objectNames() }
    guard let text = TypeInfo.find(type.oid)?.text(value, settings: settings) else { throw noStoredForm }
    switch type.oid {
    case SQLType.int4.oid: return .literal(.integer(Int64(String(decoding: text, as: UTF8.self)) ?? 0), .unknown)
    case SQLType.bool.oid: return .literal(.boolean(text == [UInt8(ascii: "t")]), .unknown)
    case SQLType.numeric.oid where type.modifier < 0 && text.first.map { $0 &- 48 < 10 } == true && text.contains(0x2E):
      return .literal(.numeric(text), .unknown)
    default: return try cast(.literal(.string(text), .unknown), to: type)
    }
  }

  /// The expression as a value of `target`, nil: of its own type, text for a literal.
  private func typed(_ expression: Expression, _ scope: Scope, _ target: SQLType?) throws(SQLError) -> Expression {
    let bound = try binder.bind(expression, scope)
    let isOpen = bound.type.oid == SQLType.unknown.oid
    guard let target, target.oid != SQLType.unknown.oid, TypeInfo.find(target.oid)?.category != .pseudo else {
      guard isOpen else { return try self.expression(expression, scope) }
      return try literal(bound, as: .text)
    }
    if isOpen { return try literal(bound, as: target) }
    let made = try self.expression(expression, scope)
    if bound.type.oid == target.oid || bound.type.isRow { return made }
    return try cast(made, to: target.unmodified)
  }

  private func literal(_ bound: ScalarExpression, as type: SQLType) throws(SQLError) -> Expression {
    guard case .constant(let value, _) = bound else { throw noStoredForm }
    if case .bytes(let text) = value, type.namesObjects {
      return try cast(.literal(.string(text), .unknown), to: type)
    }
    guard case .constant(let read, let own) = try binder.coerce(bound, to: type.unmodified, .implicit, at: .unknown)
    else { throw noStoredForm }
    return try constant(read, own)
  }

  private func unified(
    _ list: [Expression], _ scope: Scope, _ what: String
  ) throws(SQLError) -> (items: [Expression], type: SQLType) {
    let type = try binder.unifyTypes(
      try list.mapTyped { (item: Expression) throws(SQLError) in try self.type(item, scope) }, [], what)
    return (try list.mapTyped { (item: Expression) throws(SQLError) in try typed(item, scope, type) }, type)
  }

  // MARK: Expressions

  private func comparison(
    _ name: OperatorName, _ left: Expression, _ right: Expression, _ scope: Scope
  ) throws(SQLError) -> Expression {
    let types = try operands(name, try type(left, scope), try type(right, scope))
    return .binary(name, try typed(left, scope, types.0), try typed(right, scope, types.1))
  }

  private func operands(
    _ name: OperatorName, _ left: SQLType, _ right: SQLType
  ) throws(SQLError) -> (SQLType, SQLType) {
    let call = try binder.registry.resolveOperator(name.symbol, left: left, right: right)
    return (call.argumentTypes[0], call.argumentTypes[1])
  }

  private func expression(_ expression: Expression, _ scope: Scope) throws(SQLError) -> Expression {
    switch expression {
    case .literal(let literal, let position):
      guard case .constant(let value, let type) = try binder.bindLiteral(literal, at: position) else {
        throw noStoredForm
      }
      return type.oid == SQLType.unknown.oid ? expression : try constant(value, type)
    case .extractedLiteral, .parameter, .allFields, .defaultValue, .currentOf: throw noStoredForm
    case .column(let name): return try column(name, scope)
    case .wildcard(let qualifiers, _):
      return try column(ColumnReference(qualifiers[qualifiers.count - 1]), scope)
    case .field(let base, let name): return .field(try self.expression(base, scope), name)
    case .subscripted(let base, let subscripts):
      return .subscripted(
        try self.expression(base, scope),
        try subscripts.mapTyped { (item: Subscript) throws(SQLError) in
          switch item {
          case .index(let value): return .index(try self.expression(value, scope))
          case .slice(let lower, let upper):
            return .slice(
              try lower.map { (value: Expression) throws(SQLError) in try self.expression(value, scope) },
              try upper.map { (value: Expression) throws(SQLError) in try self.expression(value, scope) })
          }
        })
    case .unary(let name, let operand):
      let bound = try binder.bind(expression, scope)
      if case .constant(let value, let type) = bound { return try constant(value, type) }
      let call = try binder.registry.resolveOperator(name.symbol, left: nil, right: try type(operand, scope))
      return .unary(name, try typed(operand, scope, call.argumentTypes[0]))
    case .binary(let name, let left, let right):
      if case .row(let a, _, _) = left, case .row(let b, _, _) = right, a.count == b.count {
        var parts: [Expression] = []
        let each = name.symbol == "<>" ? name : name.symbol == "=" ? name : OperatorName("<")
        for (x, y) in zip(a, b) { parts.append(try comparison(each, x, y, scope)) }
        switch name.symbol {
        case "=": return parts.count == 1 ? parts[0] : .and(parts)
        case "<>": return parts.count == 1 ? parts[0] : .or(parts)
        default: break
        }
        func side(_ second: Bool) -> Expression {
          .row(
            parts.map { part in
              guard case .binary(_, let x, let y) = part else { return part }
              return second ? y : x
            }, isExplicit: true, .unknown)
        }
        return .binary(name, side(false), side(true))
      }
      if case .row = left { throw noStoredForm }
      return try comparison(name, left, right, scope)
    case .and(let list):
      return .and(try list.mapTyped { (item: Expression) throws(SQLError) in try typed(item, scope, .bool) })
    case .or(let list):
      return .or(try list.mapTyped { (item: Expression) throws(SQLError) in try typed(item, scope, .bool) })
    case .not(let operand, let position): return .not(try typed(operand, scope, .bool), position)
    case .isTest(let operand, let test, let negated, let position):
      switch test {
      case .null: return .isTest(try typed(operand, scope, nil), test, negated: negated, position)
      case .true, .false, .unknown: return .isTest(try typed(operand, scope, .bool), test, negated: negated, position)
      default: throw noStoredForm
      }
    case .isDistinctFrom(let left, let right, let negated, let position):
      if case .row = left { throw noStoredForm }
      guard case .binary(_, let x, let y) = try comparison("=", left, right, scope) else { throw noStoredForm }
      let made = Expression.isDistinctFrom(x, y, negated: false, position)
      return negated ? .not(made, position) : made
    case .between(let between):
      func range(_ low: Expression, _ high: Expression) throws(SQLError) -> Expression {
        let first = try comparison(between.isNegated ? "<" : ">=", between.value, low, scope)
        let second = try comparison(between.isNegated ? ">" : "<=", between.value, high, scope)
        return between.isNegated ? .or([first, second]) : .and([first, second])
      }
      let plain = try range(between.low, between.high)
      if !between.isSymmetric { return plain }
      let turned = try range(between.high, between.low)
      return between.isNegated ? .and([plain, turned]) : .or([plain, turned])
    case .inList(let operand, let list, let negated, _): return try inList(operand, list, negated, scope)
    case .inSubquery(let operand, let query, let negated, let position):
      let made = Expression.inSubquery(
        try typed(operand, scope, nil), try self.query(query), negated: false, position)
      return negated ? .not(made, position) : made
    case .like(let like): return try self.like(like, scope)
    case .quantifiedArray(let comparison, let array):
      let (left, right) = (try type(comparison.left, scope), try type(array, scope))
      let element = right.oid == SQLType.unknown.oid ? right : element(of: right) ?? right
      let types = try operands(comparison.operator, left, element)
      let wanted = right.oid == SQLType.unknown.oid || types.1.oid != element.oid ? self.array(of: types.1) : right
      return .quantifiedArray(
        QuantifiedComparison(
          try typed(comparison.left, scope, types.0), comparison.operator, isAll: comparison.isAll),
        array: try listed(array, scope, wanted ?? right))
    case .quantifiedSubquery(let comparison, let query):
      return .quantifiedSubquery(
        QuantifiedComparison(
          try typed(comparison.left, scope, nil), comparison.operator, isAll: comparison.isAll),
        try self.query(query))
    case .exists(let query, let position): return .exists(try self.query(query), position)
    case .scalarSubquery(let query, let position): return .scalarSubquery(try self.query(query), position)
    case .arraySubquery(let query, let position): return .arraySubquery(try self.query(query), position)
    case .array(let elements, let position):
      if elements.isEmpty { return expression }
      return .array(try unified(elements, scope, "ARRAY").items, position)
    case .row(let items, _, let position):
      return .row(
        try items.mapTyped { (item: Expression) throws(SQLError) in try typed(item, scope, nil) }, isExplicit: true,
        position)
    case .function(let call): return .function(try self.call(call, scope))
    case .cast(let operand, let typeName, _): return try explicitCast(expression, operand, typeName, scope)
    case .typedLiteral(let typeName, let text, _):
      let type = try binder.resolveType(typeName)
      guard case .constant(let value, _) = try binder.bind(expression, scope) else {
        return try cast(.literal(.string(text), .unknown), to: type)
      }
      return try constant(value, type)
    case .collate(let operand, let name, let position):
      return .collate(try typed(operand, scope, nil), name, position)
    case .caseWhen(let choice): return .caseWhen(try self.choice(choice, scope))
    case .coalesce(let list, let position): return .coalesce(try unified(list, scope, "COALESCE").items, position)
    case .greatest(let list, let position): return .greatest(try unified(list, scope, "GREATEST").items, position)
    case .least(let list, let position): return .least(try unified(list, scope, "LEAST").items, position)
    case .nullIf(let left, let right, let position):
      guard case .binary(_, let x, let y) = try comparison("=", left, right, scope) else { throw noStoredForm }
      return .nullIf(x, y, position)
    case .currentValue: return expression
    case .grouping(let list, let position):
      return .grouping(
        try list.mapTyped { (item: Expression) throws(SQLError) in try self.expression(item, scope) }, position)
    }
  }

  /// An array to compare with; a sub-query that gives one stays apart from one whose rows are compared with.
  private func listed(_ array: Expression, _ scope: Scope, _ type: SQLType) throws(SQLError) -> Expression {
    let made = try typed(array, scope, type)
    if case .scalarSubquery = made { return try cast(made, to: type) }
    return made
  }

  private func explicitCast(
    _ whole: Expression, _ operand: Expression, _ typeName: TypeName, _ scope: Scope
  ) throws(SQLError) -> Expression {
    let type = try binder.resolveType(typeName)
    if case .array(let elements, let position) = operand, let element = element(of: type) {
      let made = Expression.array(
        try elements.mapTyped { (item: Expression) throws(SQLError) in try typed(item, scope, element) }, position)
      return elements.isEmpty || type.modifier >= 0 ? try cast(made, to: type) : made
    }
    let bound = try binder.bind(operand, scope)
    if bound.type.oid == SQLType.unknown.oid {
      guard type.modifier < 0, case .constant(let value, _) = try binder.bind(whole, scope) else {
        if case .literal(let literal, _) = operand { return try cast(.literal(literal, .unknown), to: type) }
        throw noStoredForm
      }
      if case .literal(.string(let text), _) = operand, type.namesObjects {
        return try cast(.literal(.string(text), .unknown), to: type)
      }
      return try constant(value, type)
    }
    let made = try self.expression(operand, scope)
    if bound.type.oid == type.oid, type.modifier < 0 || type.modifier == bound.type.modifier { return made }
    return try cast(made, to: type)
  }

  private func inList(
    _ operand: Expression, _ list: [Expression], _ negated: Bool, _ scope: Scope
  ) throws(SQLError) -> Expression {
    if case .row = operand { throw noStoredForm }
    let equality = OperatorName(negated ? "<>" : "=")
    if list.count == 1 { return try comparison(equality, operand, list[0], scope) }
    let value = try type(operand, scope)
    var (listed, others): ([Expression], [Expression]) = ([], [])
    for item in list {
      if try binder.bind(item, scope).columns.isEmpty { listed.append(item) } else { others.append(item) }
    }
    var parts: [Expression] = []
    let types = [value] + (try listed.mapTyped { (item: Expression) throws(SQLError) in try type(item, scope) })
    if listed.count > 1, let common = binder.commonType(types) {
      let sides = try operands(equality, value, common)
      var array = Expression.array(
        try listed.mapTyped { (item: Expression) throws(SQLError) in try typed(item, scope, common) }, .unknown)
      if sides.1.oid != common.oid, let wanted = self.array(of: sides.1) { array = try cast(array, to: wanted) }
      parts.append(
        .quantifiedArray(
          QuantifiedComparison(try typed(operand, scope, sides.0), equality, isAll: negated), array: array))
    } else {
      others = list
    }
    for item in others { parts.append(try comparison(equality, operand, item, scope)) }
    return parts.count == 1 ? parts[0] : negated ? .and(parts) : .or(parts)
  }

  private func like(_ like: LikeExpression, _ scope: Scope) throws(SQLError) -> Expression {
    var pattern = like.pattern
    let symbol: String
    switch like.kind {
    case .like: symbol = like.isNegated ? "!~~" : "~~"
    case .ilike: symbol = like.isNegated ? "!~~*" : "~~*"
    case .similarTo: symbol = like.isNegated ? "!~" : "~"
    }
    if like.escape != nil || like.kind == .similarTo {
      let arguments = [like.pattern] + (like.escape.map { [$0] } ?? [])
      pattern = .function(
        FunctionCall(
          QualifiedName(Identifier(like.kind == .similarTo ? "similar_to_escape" : "like_escape")),
          arguments.map { FunctionCall.Argument($0) }))
    }
    return try comparison(OperatorName(symbol), like.value, pattern, scope)
  }

  private func choice(_ choice: CaseExpression, _ scope: Scope) throws(SQLError) -> CaseExpression {
    var made = choice
    let results = choice.branches.map(\.result) + (choice.otherwise.map { [$0] } ?? [])
    // ELSE comes first when the type is looked for.
    let type = try binder.unifyTypes(
      try (choice.otherwise.map { [$0] + choice.branches.map(\.result) } ?? results).mapTyped {
        (item: Expression) throws(SQLError) in try self.type(item, scope)
      }, [], "CASE")
    for index in choice.branches.indices {
      made.branches[index].result = try typed(choice.branches[index].result, scope, type)
      if let operand = choice.operand {
        guard
          case .binary(_, let left, let right) = try comparison("=", operand, choice.branches[index].condition, scope)
        else { throw noStoredForm }
        made.operand = left
        made.branches[index].condition = right
      } else {
        made.branches[index].condition = try typed(choice.branches[index].condition, scope, .bool)
      }
    }
    made.otherwise = try typed(choice.otherwise ?? .literal(.null, .unknown), scope, type)
    return made
  }

  private func call(_ call: FunctionCall, _ scope: Scope) throws(SQLError) -> FunctionCall {
    var made = call
    let name = call.name.name.text
    let types = try call.arguments.mapTyped { (argument: FunctionCall.Argument) throws(SQLError) in
      try type(argument.value, scope)
    }
    var wanted: [SQLType]?
    if call.arguments.allSatisfy({ $0.name == nil }), !call.isVariadic {
      if binder.isAggregate(name), !call.isWithinGroup {
        wanted = try? binder.resolveAggregate(name, types).argumentTypes
      } else if binder.isTableFunction(name) {
        wanted = try? binder.resolveTableFunction(name, types).argumentTypes
      } else if call.over != nil, binder.registry.isWindowFunction(name) {
        wanted = try? binder.registry.resolveWindowFunction(name, types).argumentTypes
      } else {
        wanted = try? binder.registry.resolveFunction(name, types).argumentTypes
      }
    }
    for index in call.arguments.indices {
      // Words of the grammar stay words.
      if call.syntax == .extract && index == 0 || call.syntax == .normalize && index == 1 { continue }
      let type = wanted.flatMap { index < $0.count ? $0[index] : nil }
      made.arguments[index].value = try typed(call.arguments[index].value, scope, type)
    }
    made.orderBy = try sorted(call.orderBy, scope)
    made.filter = try call.filter.map { (filter: Expression) throws(SQLError) in try typed(filter, scope, .bool) }
    if case .specification(let window)? = call.over { made.over = .specification(try self.window(window, scope)) }
    return made
  }
}
