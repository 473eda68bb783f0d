// One SELECT: FROM, WHERE, grouping, the select list, DISTINCT, ORDER BY, row locks and LIMIT, in the order in which they
// mean something. The select list is bound before it is known whether the query groups; what then is neither grouped nor
// aggregated is refused. Source: PostgreSQL manual, SELECT; its parse_agg.c for the grouping checks.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

/// An element of a select list on its way to a column.
private struct Target {
  var name: String
  var expression: ScalarExpression
  /// nil: from a wildcard.
  var source: Expression?
  /// The attachments (by position in the scope's) that it asked for.
  var attachments: Range<Int>
}

extension Binder {
  func bindSelect(
    _ core: SelectCore, _ query: SelectStatement, parent: Scope?, ctes: [VisibleCTE], keepsUnknown: Bool
  ) throws(SQLError) -> BoundQuery {
    if core.into != nil { throw context.unsupported("SELECT INTO is", at: core.position) }
    try checkReadTime(core)
    let scope = Scope(parent: parent, ctes: ctes)
    scope.clause = .from
    let recursions = ctes.compactMap(\.recursion)
    let mentions = recursions.map(\.mentions.count)
    var relation = try bindFrom(core.from, scope)
    context.noteScope(scope, at: core.position)
    let isRecursiveTerm = zip(recursions, mentions).contains { $0.mentions.count > $1 }

    if let filter = core.filter {
      scope.clause = .whereClause
      let conditions = try bindCondition(filter, scope)
      relation = scope.attach(to: relation).filtered(conditions)
    }
    // What WHERE mentions is below any grouping.
    scope.mentions = []
    scope.subqueryMentions = []

    scope.clause = .select
    try bindWindowClause(core.windows, scope)
    var targets: [Target] = []
    for target in core.targets { targets += try bindTarget(target, scope, keepsUnknown: keepsUnknown) }

    // Sort keys see the select list, and are bound before grouping is decided: they may hold aggregates.
    scope.clause = .orderBy
    var sortKeys: [(key: SortKey, target: Int?)] = []
    for item in query.orderBy {
      let place = item.expression.leftmost
      if let index = try targetIndex(item.expression, targets, scope, "ORDER BY", prefersInput: false) {
        sortKeys.append((try sortKey(targets[index].expression, item, at: place), index))
        continue
      }
      let key = try resolveUnknown(try bind(item.expression, scope))
      let same = targets.firstIndex { $0.expression.isSame(as: key) }
      sortKeys.append((try sortKey(key, item, at: place), same))
    }

    var keys: [ComputedColumn] = []
    var keyAttachments: [Attachment] = []
    var sets: [[Int]]?
    if let groupBy = core.groupBy {
      (keys, keyAttachments, sets) = try bindGroupBy(groupBy, &targets, scope)
    }

    var having: [ScalarExpression] = []
    if let condition = core.having {
      scope.clause = .having
      having = try bindCondition(condition, scope)
    }

    var distinctOn: [ScalarExpression] = []
    if case .on(let expressions)? = core.distinct {
      scope.clause = .distinctOn
      for expression in expressions {
        if let index = try targetIndex(expression, targets, scope, "DISTINCT ON", prefersInput: false) {
          distinctOn.append(targets[index].expression)
        } else {
          distinctOn.append(try resolveUnknown(try bind(expression, scope)))
        }
      }
    }

    if isRecursiveTerm && !scope.aggregates.isEmpty {
      throw SQLError(
        .invalidRecursion, "aggregate functions are not allowed in a recursive query's recursive term")
    }
    let isGrouped =
      core.groupBy != nil || core.having != nil || !scope.aggregates.isEmpty || !scope.groupings.isEmpty
    if isGrouped {
      let grouping = try Grouping(keys: keys, scope: scope, relation: relation, binder: self)
      for index in targets.indices { targets[index].expression = grouping.rewrite(targets[index].expression) }
      for index in sortKeys.indices {
        sortKeys[index].key.expression = grouping.rewrite(sortKeys[index].key.expression)
      }
      having = having.map(grouping.rewrite)
      distinctOn = distinctOn.map(grouping.rewrite)
      for index in scope.attachments.indices {
        scope.attachments[index].conditions = scope.attachments[index].conditions.map(grouping.rewrite)
      }
      for index in scope.windows.steps.indices {
        scope.windows.steps[index] = scope.windows.steps[index].map(pure: grouping.rewrite)
      }
      for index in scope.setReturning.indices {
        scope.setReturning[index].arguments = scope.setReturning[index].arguments.map(grouping.rewrite)
      }
      if sets != nil || !scope.groupings.isEmpty {
        // Sub-queries see the grouped columns as they are now.
        var replacements: [ColumnID: ScalarExpression] = [:]
        for key in grouping.allKeys {
          if case .column(let id, _) = key.expression { replacements[id] = context.column(key.id) }
        }
        for index in scope.attachments.indices {
          scope.attachments[index].relation = scope.attachments[index].relation.mapExpressions {
            $0.substituting(replacements)
          }
        }
      }
      try grouping.check(
        targets.map(\.expression) + having + sortKeys.map(\.key.expression) + distinctOn
          + scope.setReturning.flatMap(\.arguments) + scope.windows.steps.flatMap(\.expressions), scope.attachments)
      for attachment in scope.aggregateAttachments + keyAttachments {
        relation = .apply(attachment.kind, relation, attachment.relation, attachment.conditions)
      }
      if sets != nil || !scope.groupings.isEmpty {
        // Without sets everything is grouped by all keys.
        relation = try grouped(
          relation, by: GroupingSets(keys: grouping.allKeys, sets: sets ?? [Array(grouping.allKeys.indices)]), scope)
      } else {
        relation = .aggregate(
          relation, keys: grouping.allKeys, calls: scope.aggregates, isGrouped: core.groupBy != nil)
      }
    }
    relation = windowed(scope.attach(to: relation).filtered(having), scope)
    relation = repeated(relation, for: scope.setReturning)

    // The select list as columns: plain columns stay, everything else is computed.
    var outputs: [OutputColumn] = []
    var computed: [ComputedColumn] = []
    // A column of an enclosing query gets a name of its own: outer joins make this one NULL where that one is not.
    let own: Set<ColumnID>? = scope.parent == nil ? nil : Set(relation.columns)
    for target in targets {
      if case .column(let id, let type) = target.expression, type == context.columns[id].type,
        own?.contains(id) ?? true
      {
        outputs.append(OutputColumn(name: target.name, id: id, type: type))
        continue
      }
      let type = target.expression.type
      let id = context.makeColumn(target.name, type, isNullable: isNullable(target.expression))
      computed.append(ComputedColumn(id: id, expression: target.expression))
      outputs.append(
        OutputColumn(name: target.name, id: id, type: type, isUnknownLiteral: type.oid == SQLType.unknown.oid))
    }
    if !computed.isEmpty { relation = .compute(relation, computed) }
    var order = sortKeys.map { entry in
      guard let target = entry.target else { return entry.key }
      var key = entry.key
      key.expression = .column(outputs[target].id, outputs[target].type)
      return key
    }

    switch core.distinct {
    case .all?:
      for (entry, item) in zip(sortKeys, query.orderBy) where entry.target == nil {
        throw context.error(
          .invalidColumnReference, "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
          at: item.expression.leftmost)
      }
      for (target, output) in zip(targets, outputs) where TypeInfo.find(output.type.oid)?.isOrderable == false {
        throw context.error(
          .undefinedFunction, "could not identify an equality operator for type \(output.type.shown)",
          at: target.source?.leftmost ?? core.position)
      }
      var columns: [ColumnID] = []
      for output in outputs where !columns.contains(output.id) { columns.append(output.id) }
      relation = .distinct(relation, columns)
    case .on(let expressions)?:
      // The sort begins with the DISTINCT ON expressions, in the order that ORDER BY has them.
      var rest = distinctOn
      for (key, entry) in zip(order, sortKeys) {
        if rest.isEmpty { break }
        guard
          let index = rest.firstIndex(where: { $0.isSame(as: entry.key.expression) || $0.isSame(as: key.expression) })
        else {
          throw context.error(
            .invalidColumnReference, "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
            at: expressions.first?.leftmost ?? .unknown)
        }
        rest.remove(at: index)
      }
      order += rest.map { SortKey($0) }
      if !order.isEmpty { relation = .sort(relation, order) }
      relation = .distinctOn(relation, distinctOn)
      order = []
    case nil: break
    }
    if !order.isEmpty { relation = .sort(relation, order) }
    for lock in query.locking {
      relation = try locked(relation, lock, core, scope, isGrouped: isGrouped)
    }
    relation = try limited(relation, query.limit, parent: parent, ctes: ctes)
    return BoundQuery(relation: relation, outputs: outputs)
  }

  // MARK: Select list

  private func bindTarget(
    _ target: SelectTarget, _ scope: Scope, keepsUnknown: Bool
  ) throws(SQLError) -> [Target] {
    if case .wildcard(let qualifiers, let position) = target.expression {
      return try expandWildcard(qualifiers, scope, at: position).map {
        Target(name: $0.name, expression: $0.expression, source: nil, attachments: 0..<0)
      }
    }
    let before = scope.attachments.count
    if case .allFields(let operand, let position) = target.expression {
      let fields = try expandFields(of: operand, scope, at: position)
      return fields.map {
        Target(
          name: $0.name, expression: $0.expression, source: nil, attachments: before..<scope.attachments.count)
      }
    }
    var expression = try bind(target.expression, scope)
    if !keepsUnknown { expression = try resolveUnknown(expression) }
    return [
      Target(
        name: target.alias?.text ?? Binder.outputName(target.expression), expression: expression,
        source: target.expression, attachments: before..<scope.attachments.count)
    ]
  }

  /// Binds RETURNING over a scope.
  func bindReturning(
    _ list: [SelectTarget], _ scope: Scope
  ) throws(SQLError) -> [(name: String, expression: ScalarExpression)] {
    scope.clause = .returning
    var result: [(name: String, expression: ScalarExpression)] = []
    for target in list {
      for bound in try bindTarget(target, scope, keepsUnknown: false) { result.append((bound.name, bound.expression)) }
    }
    return result
  }

  /// The element of the select list that an ordinal or a name means.
  /// - Parameter prefersInput: GROUP BY takes a name for a column of FROM first, ORDER BY for an output's.
  private func targetIndex(
    _ expression: Expression, _ targets: [Target], _ scope: Scope, _ clause: String, prefersInput: Bool
  ) throws(SQLError) -> Int? {
    switch expression {
    case .literal(.integer(let ordinal), let position):
      guard ordinal >= 1, ordinal <= targets.count else {
        throw context.error(
          .invalidColumnReference, "\(clause) position \(ordinal) is not in select list", at: position)
      }
      return Int(ordinal) - 1
    case .literal(.numeric, let position), .literal(.string, let position), .literal(.boolean, let position),
      .literal(.null, let position):
      throw context.error(.syntaxError, "non-integer constant in \(clause)", at: position)
    case .extractedLiteral: throw literalNeeded
    case .column(let reference) where reference.qualifiers.isEmpty:
      if prefersInput, scope.columns.contains(where: { $0.name == reference.name.text && !$0.isHidden }) { return nil }
      let found = targets.indices.filter { targets[$0].name == reference.name.text }
      guard let first = found.first else { return nil }
      if found.contains(where: { !targets[$0].expression.isSame(as: targets[first].expression) }) {
        throw context.error(
          .ambiguousColumn, "\(clause) \"\(reference.name.text)\" is ambiguous", at: reference.position)
      }
      return first
    default: return nil
    }
  }

  // MARK: Grouping

  /// The keys, the sub-queries that they need, and where there are grouping sets these by positions among the keys.
  private func bindGroupBy(
    _ clause: GroupByClause, _ targets: inout [Target], _ scope: Scope
  ) throws(SQLError) -> ([ComputedColumn], [Attachment], [[Int]]?) {
    scope.clause = .groupBy
    let later = scope.attachments
    var moved: Set<Int> = []
    scope.attachments = []
    var keys: [ComputedColumn] = []
    let hasSets =
      clause.elements.contains { element in
        if case .expression = element { false } else { true }
      } || clause.isDistinct || !scope.groupings.isEmpty
    func add(_ expression: Expression) throws(SQLError) -> [Int] {
      if case .row(let items, isExplicit: false, _) = expression {
        return try items.mapTyped(add).flatMap { $0 }
      }
      let key: ScalarExpression
      if let index = try targetIndex(expression, targets, scope, "GROUP BY", prefersInput: true) {
        key = targets[index].expression
        let uses = key.columns
        if scope.aggregates.contains(where: { uses.contains($0.id) }) {
          throw context.error(
            .groupingError, "aggregate functions are not allowed in GROUP BY",
            at: targets[index].source?.leftmost ?? .unknown)
        }
        if scope.windows.steps.contains(where: { $0.calls.contains { uses.contains($0.id) } }) {
          throw context.error(
            .windowingError, "window functions are not allowed in GROUP BY",
            at: targets[index].source?.leftmost ?? .unknown)
        }
        moved.formUnion(targets[index].attachments)
      } else {
        key = try resolveUnknown(try bind(expression, scope))
      }
      if TypeInfo.find(key.type.oid)?.isOrderable == false {
        throw context.error(
          .undefinedFunction, "could not identify an equality operator for type \(key.type.shown)",
          at: expression.leftmost)
      }
      if let known = keys.firstIndex(where: { $0.expression.isSame(as: key) }) { return [known] }
      if !hasSets, case .column(let id, let type) = key, type == context.columns[id].type {
        keys.append(ComputedColumn(id: id, expression: key))
      } else {
        let id = context.makeColumn(
          Binder.outputName(expression), key.type, isNullable: hasSets || isNullable(key))
        keys.append(ComputedColumn(id: id, expression: key))
      }
      return [keys.count - 1]
    }
    let sets = try groupingSets(clause, key: add)
    let own = scope.attachments + later.indices.filter(moved.contains).map { later[$0] }
    scope.attachments = later.indices.filter { !moved.contains($0) }.map { later[$0] }
    // What the keys mention is grouped by them.
    return (keys, own, hasSets ? sets : nil)
  }

  // MARK: Locks

  private func locked(
    _ relation: Relation, _ clause: LockingClause, _ core: SelectCore, _ scope: Scope, isGrouped: Bool
  ) throws(SQLError) -> Relation {
    let name = clause.strength.name
    if core.distinct != nil {
      throw SQLError(.featureNotSupported, "\(name) is not allowed with DISTINCT clause")
    }
    if core.groupBy != nil { throw SQLError(.featureNotSupported, "\(name) is not allowed with GROUP BY clause") }
    if core.having != nil { throw SQLError(.featureNotSupported, "\(name) is not allowed with HAVING clause") }
    if isGrouped { throw SQLError(.featureNotSupported, "\(name) is not allowed with aggregate functions") }
    if !scope.windows.steps.isEmpty {
      throw SQLError(.featureNotSupported, "\(name) is not allowed with window functions")
    }
    let wait: RowLock.Wait =
      switch clause.waitPolicy {
      case .block: .wait
      case .noWait: .noWait
      case .skipLocked: .skipLocked
      }
    let isExclusive = clause.strength == .update || clause.strength == .noKeyUpdate
    let lock = RowLock(isExclusive: isExclusive, wait: wait)
    var wanted: [ScopeTable] = []
    if clause.tables.isEmpty {
      wanted = scope.tables
    } else {
      for name in clause.tables {
        if let schema = name.schema {
          throw context.error(
            .syntaxError, "\(clause.strength.name) must specify unqualified relation names", at: schema.position)
        }
        guard let table = scope.tables.first(where: { $0.alias == name.name.text }) else {
          throw context.error(
            .undefinedTable,
            "relation \"\(name.name.text)\" in \(clause.strength.name) clause not found in FROM clause",
            at: name.position)
        }
        wanted.append(table)
      }
    }
    var scans: [TableScan] = []
    for table in wanted {
      guard let first = table.columns.first?.id else { continue }
      for var scan in relation.lockableScans where scan.columns.contains(first) {
        scan.lock = lock
        scans.append(scan)
      }
    }
    return scans.isEmpty ? relation : .lock(relation, scans)
  }
}

extension Relation {
  /// The stored tables whose rows stand one to one in its rows.
  var lockableScans: [TableScan] {
    switch self {
    case .scan(let scan):
      if case .table = scan.table.kind { return [scan] }
      return []
    case .filter(let input, _), .compute(let input, _), .sort(let input, _), .limit(let input, _, _),
      .lock(let input, _):
      return input.lockableScans
    case .join(let kind, let left, let right, _):
      return kind == .semi || kind == .anti ? left.lockableScans : left.lockableScans + right.lockableScans
    case .apply(let kind, let left, let right, _):
      switch kind {
      case .inner, .left: return left.lockableScans + right.lockableScans
      case .semi, .anti, .scalar: return left.lockableScans
      }
    default: return []
    }
  }
}

/// The checks and replacements of a grouped query.
private struct Grouping {
  let binder: Binder
  let scope: Scope
  let keys: [ComputedColumn]
  /// The keys, and columns that depend on them.
  let allKeys: [ComputedColumn]
  private let allowed: Set<ColumnID>
  private let own: Set<ColumnID>

  init(keys: [ComputedColumn], scope: Scope, relation: Relation, binder: Binder) throws(SQLError) {
    self.binder = binder
    self.scope = scope
    self.keys = keys
    var own = Set(scope.columns.map(\.id))
    for table in scope.tables { own.formUnion(table.columns.map(\.id)) }
    self.own = own
    var all = keys
    var allowed = Set(keys.map(\.id))
    // A table whose primary key is grouped by has all of its columns determined.
    let mentioned = Set((scope.mentions + scope.subqueryMentions).map(\.id))
    for scan in relation.lockableScans {
      guard let primary = scan.table.primaryIndex else { continue }
      let keyIDs = primary.columns.compactMap { scan.table.ordinal(ofColumn: $0.columnID).map { scan.columns[$0] } }
      guard keyIDs.allSatisfy(allowed.contains) else { continue }
      for id in scan.columns where mentioned.contains(id) && allowed.insert(id).inserted {
        if primary.isConstraint { binder.context.neededKeys.insert(primary.constraintOID) }
        all.append(ComputedColumn(id: id, expression: binder.context.column(id)))
      }
    }
    allKeys = all
    self.allowed = allowed
  }

  /// Puts key columns in the place of the expressions that are grouped by.
  func rewrite(_ expression: ScalarExpression) -> ScalarExpression {
    if let key = keys.first(where: { $0.expression.isSame(as: expression) }) {
      return .column(key.id, expression.type)
    }
    return expression.mapChildren(rewrite)
  }

  func check(_ expressions: [ScalarExpression], _ attachments: [Attachment]) throws(SQLError) {
    var used: Set<ColumnID> = []
    for expression in expressions { expression.collectColumns(into: &used) }
    for attachment in attachments { for condition in attachment.conditions { condition.collectColumns(into: &used) } }
    let bad = used.filter { own.contains($0) && !allowed.contains($0) }
    if let mention = scope.mentions.first(where: { bad.contains($0.id) }) {
      throw binder.context.error(
        .groupingError,
        "column \"\(shown(mention))\" must appear in the GROUP BY clause or be used in an aggregate function",
        at: mention.position)
    }
    var free: Set<ColumnID> = []
    for attachment in attachments { free.formUnion(attachment.relation.freeColumns) }
    let badOuter = free.filter { own.contains($0) && !allowed.contains($0) }
    if let mention = scope.subqueryMentions.first(where: { badOuter.contains($0.id) }) {
      throw binder.context.error(
        .groupingError, "subquery uses ungrouped column \"\(shown(mention))\" from outer query", at: mention.position)
    }
  }

  private func shown(_ mention: ColumnMention) -> String {
    let table = scope.tables.first { $0.columns.contains { $0.id == mention.id } }
    return table.map { "\($0.alias).\(mention.name)" } ?? mention.name
  }
}
