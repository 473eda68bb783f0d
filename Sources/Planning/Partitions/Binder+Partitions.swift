// Tables with descendants in statements: scans that read a whole family as one, and the plans of rows that find their partition.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  // MARK: Reading

  /// The tables whose rows a mention of `table` without ONLY means; partitions in the order of their bounds.
  func members(of table: TableDescriptor) throws(SQLError) -> [TableDescriptor] {
    if table.lineage.children.isEmpty { return [table] }
    let catalog = names.catalog
    var found: [TableDescriptor] = []
    if table.isPartitioned {
      let routing = try PartitionRouting(table, children: catalog.children(of: table), keys: [])
      for oid in routing.children {
        guard let child = catalog.relation(oid) else { continue }
        names.uses.add(.relation(child))
        found += try members(of: child)
      }
    } else {
      found = catalog.family(of: table)
      for member in found.dropFirst() { names.uses.add(.relation(member)) }
    }
    return found
  }

  /// A table with all that descend from it as one table.
  func bindFamily(
    _ table: TableDescriptor, alias: String, written: TableAlias?
  ) throws(SQLError) -> FromSource {
    let members = try members(of: table)
    let visible = table.columns.filter { !$0.isHidden }
    func made(_ name: String, _ type: SQLType, _ isNullable: Bool, _ attribute: UInt32) -> ColumnID {
      context.makeColumn(
        name, type, isNullable: isNullable, qualifier: alias, table: attribute == 0 ? .invalid : table.oid,
        attribute: Int16(truncatingIfNeeded: attribute))
    }
    var whole: (relation: Relation, columns: [ColumnID])?
    for member in members {
      var scan = try bindScan(member, alias: alias, written: nil, lock: nil).scan
      scan.guarded = try partitionGuard(member, scan.columns)
      let tableID = made("tableoid", .oid, false, 0)
      let own = ComputedColumn(id: tableID, expression: .constant(.int64(Int64(member.oid.rawValue)), .oid))
      let columns = visible.compactMap { column in
        member.columns.firstIndex { $0.name == column.name && !$0.isHidden }.map { scan.columns[$0] }
      }
      guard columns.count == visible.count else {
        throw SQLError(.internalError, "table \"\(member.name)\" lacks a column of \"\(table.name)\"")
      }
      let part = (relation: Relation.compute(.scan(scan), [own]), columns: columns + [tableID])
      guard let left = whole else {
        whole = part
        continue
      }
      let merged = visible.map { made($0.name, $0.type, $0.isNullable, $0.id) } + [made("tableoid", .oid, false, 0)]
      whole = (
        .setOperation(
          SetOperation(
            kind: .unionAll, left: left.relation, right: part.relation, leftColumns: left.columns,
            rightColumns: part.columns, columns: merged)), merged
      )
    }
    if whole == nil {
      let columns = visible.map { made($0.name, $0.type, true, $0.id) } + [made("tableoid", .oid, true, 0)]
      whole = (.values([], columns), columns)
    }
    guard let whole else { preconditionFailure("there is a relation by now") }
    var columns = zip(visible, whole.columns).map { ScopeColumn(name: $0.name, id: $1) }
    columns.append(ScopeColumn(name: "tableoid", id: whole.columns[visible.count], isHidden: true))
    let shown = try renamed(columns, alias, written, of: table)
    let named = ScopeTable(
      alias: alias, schema: written == nil ? names.schemaName(table.schema) : nil, columns: shown, table: table)
    return FromSource(relation: whole.relation, tables: [named], columns: shown)
  }

  /// `tableoid` of a table in scope; nil if it is something else or there is none.
  func systemColumn(_ name: String, of tables: [ScopeTable]) -> ScalarExpression? {
    guard name == "tableoid" else { return nil }
    for table in tables where table.isVisible {
      if let column = table.columns.first(where: { $0.name == name && $0.isHidden }) {
        return context.column(column.id)
      }
      guard let descriptor = table.table, case .table = descriptor.kind else { continue }
      let oid = ScalarExpression.constant(.int64(Int64(descriptor.oid.rawValue)), .oid)
      // Where an outer join misses its row there is no table either.
      let key = descriptor.primaryIndex?.columns.first.flatMap { descriptor.ordinal(ofColumn: $0.columnID) }
      guard let key, key < table.columns.count, context.columns[table.columns[key].id].isNullable else { return oid }
      let isThere = ScalarExpression.isNull(context.column(table.columns[key].id), negated: true)
      return .conditional([CaseBranch(condition: isThere, result: oid)], otherwise: .null(.oid), type: .oid)
    }
    return nil
  }

  // MARK: Writing

  /// The routing of a partitioned table over a row's columns.
  func routing(_ table: TableDescriptor, _ shape: TableDescriptor, _ columns: [ColumnID]) throws(SQLError)
    -> PartitionRouting
  {
    let catalog = names.catalog
    var keys: [ScalarExpression] = []
    for key in table.lineage.partitioning?.keys ?? [] {
      let bound = try bind(try Binder.parseExpression(table.text(of: key)), rowScope(shape, columns, .partitionKey))
      keys.append(ConstantFolding.fold(try coerce(bound, to: key.type, .implicit, at: .unknown)))
    }
    let children = catalog.children(of: table)
    for child in children { names.uses.add(.relation(child)) }
    return try PartitionRouting(table, children: children, keys: keys)
  }

  /// What a partition's rows must satisfy, over their columns.
  func partitionGuard(_ table: TableDescriptor, _ columns: [ColumnID]) throws(SQLError) -> PartitionGuard? {
    var levels: [PartitionGuard.Level] = []
    var current = table
    while current.isPartition, let parent = current.lineage.parents.first.flatMap(names.catalog.relation) {
      names.uses.add(.relation(parent))
      let routing = try routing(parent, table, columns)
      guard let child = routing.children.firstIndex(of: current.oid) else {
        throw SQLError(.internalError, "table \"\(current.name)\" is no partition of \"\(parent.name)\"")
      }
      levels.append(PartitionGuard.Level(routing: routing, child: child))
      current = parent
    }
    return levels.isEmpty ? nil : PartitionGuard(levels: levels.reversed())
  }

  /// How rows of a partitioned table find their places.
  func partitionPlan(
    _ table: TableDescriptor, _ triggers: StatementTriggerPlan? = nil
  ) throws(SQLError) -> PartitionPlan {
    let planner = PhysicalPlanner(context, statistics: NoStatistics())
    let top = table.columns.map { context.makeColumn($0.name, $0.type, isNullable: true) }
    var targets: [PartitionTarget] = []
    func tree(_ current: TableDescriptor) throws(SQLError) -> PartitionTree {
      guard current.isPartitioned else {
        let (_, scan) = try bindScan(current, alias: current.name, written: nil, lock: nil)
        let layout = scan.columns
        var target = PartitionTarget(
          table: current, columns: Self.places(of: current, in: table), computed: [],
          checks: try checks(current, layout).map {
            .condition(name: $0.name, planner.translate($0.condition, layout))
          },
          predicates: [:], references: try references(of: current, triggers), onConflict: nil)
        for (ordinal, expression) in try generated(current, values: layout.map { .some(context.column($0)) })
        where current.columns[ordinal].isHidden {
          target.computed.append(ColumnAssignment(column: ordinal, value: planner.translate(expression, layout)))
        }
        for predicate in try predicates(current, layout) {
          target.predicates[predicate.index] = planner.translate(predicate.condition, layout)
        }
        targets.append(target)
        return .leaf(targets.count - 1)
      }
      let own = try routing(current, table, top)
      var below: [PartitionTree] = []
      for oid in own.children {
        guard let child = names.catalog.relation(oid) else {
          throw SQLError(.undefinedTable, "relation with OID \(oid) does not exist")
        }
        below.append(try tree(child))
      }
      return .branch(own.over(own.keys.map { planner.translate($0, top) }), below)
    }
    let made = try tree(table)
    let guarded = try partitionGuard(table, top)?.map { planner.translate($0, top) }
    return PartitionPlan(table: table, guarded: guarded, tree: made, targets: targets)
  }

  /// For each column of `table` the ordinal of the column of that name in `other`.
  static func places(of table: TableDescriptor, in other: TableDescriptor) -> [Int?] {
    table.columns.map { column in
      column.isHidden ? nil : other.columns.firstIndex { $0.name == column.name && !$0.isHidden }
    }
  }
}
