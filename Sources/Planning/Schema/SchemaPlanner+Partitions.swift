// PARTITION BY, PARTITION OF, INHERITS, ATTACH and DETACH: what a table takes over from those above it, and which bounds may stand
// beside each other. Source: PostgreSQL manual, CREATE TABLE, ALTER TABLE; its parse_utilcmd.c, partbounds.c and tablecmds.c for
// the messages.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension SchemaPlanner {
  // MARK: PARTITION BY

  func partitioning(
    _ specification: PartitionSpecification, _ columns: [ColumnDescriptor], table: String
  ) throws(SQLError) -> Partitioning {
    let strategies: [String: PartitionStrategy] = ["range": .range, "list": .list, "hash": .hash]
    guard let strategy = strategies[specification.strategy.text.lowercased()] else {
      throw SQLError(
        .invalidParameterValue, "unrecognized partitioning strategy \"\(specification.strategy.text)\"")
    }
    if strategy == .list && specification.keys.count > 1 {
      throw context.error(
        .invalidObjectDefinition, "cannot use \"list\" partition strategy with more than one column", at: .unknown)
    }
    if specification.keys.count > 32 {
      throw SQLError(.tooManyColumns, "cannot partition using more than 32 columns")
    }
    var keys: [PartitionKey] = []
    for element in specification.keys {
      if let name = element.operatorClass { try checkOperatorClass(name, isHash: strategy == .hash) }
      if let collation = element.collation { try checkCollation(collation) }
      switch element.key {
      case .column(let name):
        if ["tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"].contains(name.text) {
          throw context.error(
            .invalidObjectDefinition, "cannot use system column \"\(name.text)\" in partition key", at: element.position
          )
        }
        guard let column = columns.first(where: { $0.name == name.text && !$0.isHidden }) else {
          throw context.error(
            .undefinedColumn, "column \"\(name.text)\" named in partition key does not exist", at: element.position)
        }
        if column.generatedSQL != nil {
          throw context.error(
            .invalidObjectDefinition, "cannot use generated column in partition key",
            detail: "Column \"\(column.name)\" is a generated column.", at: element.position)
        }
        try requirePartitionable(column.type, strategy)
        keys.append(PartitionKey(column: column.id, columns: [column.id], type: column.type))
      case .expression(let expression):
        let (scope, ids) = scope(columns, of: table, .partitionKey)
        let bound = try binder.resolveUnknown(try binder.bind(expression, scope))
        let read = read(bound, columns, ids)
        if !bound.isImmutable {
          throw SQLError(
            .invalidObjectDefinition, "functions in partition key expression must be marked IMMUTABLE")
        }
        if read.isEmpty {
          throw SQLError(.invalidObjectDefinition, "cannot use constant expression as partition key")
        }
        try requirePartitionable(bound.type, strategy)
        keys.append(
          PartitionKey(column: nil, expressionSQL: keyText(expression), columns: read, type: bound.type))
      }
    }
    return Partitioning(strategy, keys: keys)
  }

  /// A call stands as it is, anything else in parentheses.
  private func keyText(_ expression: Expression) -> String {
    let text = SyntaxPrinter.text(expression)
    if case .function = expression { return text }
    return "(\(text))"
  }

  private func requirePartitionable(_ type: SQLType, _ strategy: PartitionStrategy) throws(SQLError) {
    guard TypeInfo.find(type.oid)?.isOrderable == true else {
      let method = strategy == .hash ? "hash" : "btree"
      throw SQLError(
        .undefinedObject,
        "data type \(TypeInfo.format(type.unmodified)) has no default operator class for access method \"\(method)\"",
        hint:
          "You must specify a \(method) operator class or define a default \(method) operator class for the data type.")
    }
  }

  private func checkOperatorClass(_ name: QualifiedName, isHash: Bool) throws(SQLError) {
    guard OperatorClasses.names.contains(name.name.text) else {
      throw SQLError(
        .undefinedObject,
        "operator class \"\(name)\" does not exist for access method \"\(isHash ? "hash" : "btree")\"")
    }
  }

  // MARK: Bounds

  /// A bound as a value, checked against the partitions that are there.
  func partitionBound(
    _ specification: PartitionBoundSpecification, of parent: TableDescriptor, partition: String
  ) throws(SQLError) -> PartitionBound {
    guard let partitioning = parent.lineage.partitioning else {
      throw SQLError(.invalidObjectDefinition, "table \"\(parent.name)\" is not partitioned")
    }
    func misfit() -> SQLError {
      context.error(
        .invalidTableDefinition, "invalid bound specification for a \(partitioning.strategy.name) partition",
        at: specification.position)
    }
    func invalid(_ message: String) -> SQLError { context.error(.invalidObjectDefinition, message, at: .unknown) }
    let bound: PartitionBound
    switch (specification.kind, partitioning.strategy) {
    case (.rest, .hash):
      throw SQLError(.invalidTableDefinition, "a hash-partitioned table may not have a default partition")
    case (.rest, _): bound = .rest
    case (.hash(let modulus, let remainder), .hash):
      if modulus <= 0 {
        throw SQLError(.invalidTableDefinition, "modulus for hash partition must be an integer value greater than zero")
      }
      if remainder < 0 {
        throw SQLError(
          .invalidTableDefinition,
          "remainder for hash partition must be an integer value greater than or equal to zero")
      }
      if remainder >= modulus {
        throw SQLError(.invalidTableDefinition, "remainder for hash partition must be less than modulus")
      }
      bound = .hash(modulus: modulus, remainder: remainder)
    case (.list(let values), .list):
      var edges: [PartitionEdge] = []
      for value in values {
        let edge = try edge(value, parent, partitioning.keys[0])
        if !edges.contains(edge) { edges.append(edge) }
      }
      bound = .list(edges)
    case (.range(let from, let to), .range):
      if from.count != partitioning.keys.count {
        throw SQLError(
          .invalidTableDefinition, "FROM must specify exactly one value per partitioning column")
      }
      if to.count != partitioning.keys.count {
        throw SQLError(
          .invalidTableDefinition, "TO must specify exactly one value per partitioning column")
      }
      bound = .range(from: try edges(from, parent, partitioning), to: try edges(to, parent, partitioning))
    default: throw misfit()
    }
    try check(bound, specification, of: parent, partition: partition)
    return bound
  }

  private func edges(
    _ values: [Expression], _ parent: TableDescriptor, _ partitioning: Partitioning
  ) throws(SQLError) -> [PartitionEdge] {
    var edges: [PartitionEdge] = []
    for (value, key) in zip(values, partitioning.keys) {
      var edge: PartitionEdge?
      if case .column(let reference) = value, reference.qualifiers.isEmpty {
        if reference.name.text == "minvalue" { edge = .minimum }
        if reference.name.text == "maxvalue" { edge = .maximum }
      }
      let made: PartitionEdge = if let edge { edge } else { try self.edge(value, parent, key) }
      if made == .null {
        throw context.error(.invalidObjectDefinition, "cannot specify NULL in range bound", at: .unknown)
      }
      if let last = edges.last, last == .minimum || last == .maximum, made != last {
        let name = last == .minimum ? "MINVALUE" : "MAXVALUE"
        throw context.error(
          .datatypeMismatch, "every bound following \(name) must also be \(name)", at: value.leftmost)
      }
      edges.append(made)
    }
    return edges
  }

  /// A value of a bound: constant once and for all, of the key's type.
  private func edge(
    _ value: Expression, _ parent: TableDescriptor, _ key: PartitionKey
  ) throws(SQLError) -> PartitionEdge {
    let scope = Scope(parent: nil, ctes: [])
    scope.clause = .partitionBound
    let bound = try binder.bind(value, scope)
    guard let assigned = try binder.coerceIfPossible(bound, to: key.type, .assignment, at: value.leftmost) else {
      throw context.error(
        .datatypeMismatch,
        "specified value cannot be cast to type \(TypeInfo.format(key.type)) for column \"\(parent.text(of: key))\"",
        at: value.leftmost)
    }
    let folded = FoldConstants.expression(assigned)
    guard case .constant(let datum, let type) = folded else {
      throw context.unsupported("partition bounds that depend on the time or the session are", at: value.leftmost)
    }
    if datum.isNull { return .null }
    return .value(String(decoding: type.behavior.text(datum, settings: .standard), as: UTF8.self))
  }

  private func check(
    _ bound: PartitionBound, _ specification: PartitionBoundSpecification, of parent: TableDescriptor, partition: String
  ) throws(SQLError) {
    let routing = try PartitionRouting(parent, children: catalog.children(of: parent), keys: [])
    func name(_ oid: OID) -> String { catalog.relation(oid)?.name ?? "" }
    if bound == .rest {
      if let other = routing.defaultPartition {
        throw context.error(
          .invalidObjectDefinition,
          "partition \"\(partition)\" conflicts with existing default partition \"\(name(other))\"",
          at: specification.position)
      }
      return
    }
    if case .hash(let modulus, _) = bound {
      let moduli = routing.moduli.sorted()
      let next = moduli.first { $0 >= modulus }
      let previous = moduli.last { $0 <= modulus }
      if let next, next % modulus != 0 {
        throw SQLError(
          .invalidObjectDefinition, "every hash partition modulus must be a factor of the next larger modulus",
          detail:
            "The new modulus \(modulus) is not a factor of \(next), the modulus of existing partition \"\(owner(of: next, routing))\"."
        )
      }
      if let previous, modulus % previous != 0 {
        throw SQLError(
          .invalidObjectDefinition, "every hash partition modulus must be a factor of the next larger modulus",
          detail:
            "The new modulus \(modulus) is not divisible by \(previous), the modulus of existing partition \"\(owner(of: previous, routing))\"."
        )
      }
    }
    if case .range(let from, let to) = bound, try routing.isEmpty(bound) {
      throw context.error(
        .invalidObjectDefinition, "empty range bound specified for partition \"\(partition)\"",
        detail:
          "Specified lower bound \(BoundText.list(from, parent)) is greater than or equal to upper bound \(BoundText.list(to, parent)).",
        at: specification.position)
    }
    if let other = try routing.overlap(with: bound) {
      throw context.error(
        .invalidObjectDefinition, "partition \"\(partition)\" would overlap partition \"\(name(other))\"",
        at: specification.position)
    }
  }

  private func owner(of modulus: Int64, _ routing: PartitionRouting) -> String {
    for oid in routing.children {
      guard let child = catalog.relation(oid), case .hash(modulus, _)? = child.lineage.bound else { continue }
      return child.name
    }
    return ""
  }

  // MARK: What is taken over

  /// Columns and checks of a table's parents, in their order; the table's own come after.
  func inherited(
    from parents: [TableDescriptor], notices: inout [String]
  ) throws(SQLError) -> (columns: [ColumnDescriptor], checks: [CheckConstraint]) {
    var columns: [ColumnDescriptor] = []
    var checks: [CheckConstraint] = []
    for parent in parents {
      for column in parent.columns where !column.isHidden {
        if let known = columns.firstIndex(where: { $0.name == column.name }) {
          notices.append("merging multiple inherited definitions of column \"\(column.name)\"")
          guard columns[known].type == column.type else {
            throw SQLError(
              .datatypeMismatch, "inherited column \"\(column.name)\" has a type conflict",
              detail: "\(TypeInfo.format(columns[known].type)) versus \(TypeInfo.format(column.type))")
          }
          if !column.isNullable { columns[known].isNullable = false }
          continue
        }
        var copy = ColumnDescriptor(
          id: UInt32(columns.count + 1), name: column.name, type: column.type, isNullable: column.isNullable)
        copy.defaultSQL = column.defaultSQL
        copy.generatedSQL = column.generatedSQL
        copy.isInherited = true
        copy.isLocal = false
        columns.append(copy)
      }
      for check in parent.checks where !check.isNoInherit {
        if let known = checks.first(where: { $0.name == check.name }) {
          guard known.expressionSQL == check.expressionSQL else {
            throw SQLError(
              .duplicateObject,
              "check constraint name \"\(check.name)\" appears multiple times but with different expressions")
          }
          continue
        }
        var copy = CheckConstraint(oid: .invalid, name: check.name, expressionSQL: check.expressionSQL)
        copy.isInherited = true
        checks.append(copy)
      }
    }
    return (columns, checks)
  }

  /// A parent's index for a child whose columns have other ids; nil if it needs a column that the child lacks.
  func inherited(_ index: IndexDescriptor, of parent: TableDescriptor, _ columns: [ColumnDescriptor])
    -> IndexDescriptor?
  {
    func id(_ old: UInt32) -> UInt32? {
      guard let column = parent.column(id: old), !column.isHidden else { return nil }
      return columns.first { $0.name == column.name && !$0.isHidden }?.id
    }
    var copy = index
    copy.name = ""
    copy.oid = .invalid
    copy.constraintOID = .invalid
    copy.comment = nil
    copy.constraintComment = nil
    copy.columns = []
    for key in index.columns {
      guard let own = id(key.columnID) else { return nil }
      copy.columns.append(IndexColumn(columnID: own, isDescending: key.isDescending, nullsFirst: key.nullsFirst))
    }
    copy.included = index.included.compactMap(id)
    copy.predicateColumns = index.predicateColumns.compactMap(id)
    return copy
  }

  func inherited(
    _ key: ForeignKey, of parent: TableDescriptor, _ columns: [ColumnDescriptor]
  ) -> ForeignKey? {
    var copy = key
    copy.oid = .invalid
    func ids(_ old: [UInt32]) -> [UInt32] {
      old.compactMap { id in
        parent.column(id: id).flatMap { column in columns.first { $0.name == column.name && !$0.isHidden }?.id }
      }
    }
    copy.columns = ids(key.columns)
    copy.setColumns = ids(key.setColumns)
    return copy.columns.count == key.columns.count ? copy : nil
  }

  /// Error 0A000 unless a unique index of a partitioned table tells its partitions apart.
  func requirePartitionKey(
    in index: IndexDescriptor, _ partitioning: Partitioning, _ columns: [ColumnDescriptor], table: String
  ) throws(SQLError) {
    guard index.isUnique else { return }
    let kind = index.isPrimary ? "PRIMARY KEY" : "UNIQUE"
    for key in partitioning.keys {
      guard let id = key.column else {
        throw SQLError(
          .featureNotSupported, "unsupported \(kind) constraint with partition key definition",
          detail: "\(kind) constraints cannot be used when partition keys include expressions.")
      }
      guard !index.columns.contains(where: { $0.columnID == id }) else { continue }
      let name = columns.first { $0.id == id }?.name ?? ""
      throw SQLError(
        .featureNotSupported, "unique constraint on partitioned table must include all partitioning columns",
        detail: "\(kind) constraint on table \"\(table)\" lacks column \"\(name)\" which is part of the partition key.")
    }
  }

  // MARK: ATTACH, DETACH, INHERIT

  func planAttach(
    _ name: QualifiedName, _ specification: PartitionBoundSpecification, to parent: TableDescriptor
  ) throws(SQLError) -> [AlterTableAction] {
    try requirePartitioned(parent)
    let child = try binder.names.relation(name)
    guard case .table = child.kind else {
      throw SQLError(
        .wrongObjectType, "ALTER action ATTACH PARTITION cannot be performed on relation \"\(child.name)\"",
        detail: "This operation is not supported for \(child.kind.plural).")
    }
    if child.isPartition { throw SQLError(.wrongObjectType, "\"\(child.name)\" is already a partition") }
    if !child.lineage.parents.isEmpty {
      throw SQLError(.wrongObjectType, "cannot attach inheritance child as partition")
    }
    if !child.isPartitioned && !child.lineage.children.isEmpty {
      throw SQLError(.wrongObjectType, "cannot attach inheritance parent as partition")
    }
    try refuseCircle(child, parent)
    for column in child.columns where !column.isHidden {
      guard parent.column(named: column.name).map({ !$0.isHidden }) ?? false else {
        throw SQLError(
          .datatypeMismatch,
          "table \"\(child.name)\" contains column \"\(column.name)\" not found in parent \"\(parent.name)\"",
          detail: "The new partition may contain only the columns present in parent.")
      }
    }
    try requireLikeness(child, parent)
    let bound = try partitionBound(specification, of: parent, partition: child.name)
    var indexes: [IndexDescriptor] = []
    for index in parent.allIndexes where !index.name.isEmpty {
      guard let wanted = inherited(index, of: parent, child.columns) else { continue }
      let isThere = child.allIndexes.contains {
        $0.columns == wanted.columns && $0.isUnique == wanted.isUnique && $0.isPrimary == wanted.isPrimary
          && $0.predicateSQL == wanted.predicateSQL
      }
      if !isThere { indexes.append(wanted) }
    }
    var keys: [ForeignKey] = []
    for key in parent.foreignKeys {
      guard let wanted = inherited(key, of: parent, child.columns),
        !child.foreignKeys.contains(where: {
          $0.columns == wanted.columns && $0.referencedTable == wanted.referencedTable
        })
      else { continue }
      keys.append(wanted)
    }
    return [.attachPartition(child.oid, bound, indexes: indexes, foreignKeys: keys)]
  }

  func planDetach(_ name: QualifiedName, from parent: TableDescriptor) throws(SQLError) -> [AlterTableAction] {
    try requirePartitioned(parent)
    let child = try binder.names.relation(name)
    guard child.isPartition, child.lineage.parents.contains(parent.oid) else {
      throw SQLError(
        .undefinedTable, "relation \"\(child.name)\" is not a partition of relation \"\(parent.name)\"")
    }
    return [.detach(child.oid)]
  }

  private func requirePartitioned(_ table: TableDescriptor) throws(SQLError) {
    guard table.isPartitioned else {
      throw SQLError(.invalidObjectDefinition, "table \"\(table.name)\" is not partitioned")
    }
  }

  func planInherit(_ name: QualifiedName, _ table: TableDescriptor) throws(SQLError) -> [AlterTableAction] {
    let parent = try binder.names.relation(name)
    if table.isPartition { throw SQLError(.wrongObjectType, "cannot change inheritance of a partition") }
    if table.isPartitioned { throw SQLError(.wrongObjectType, "cannot change inheritance of partitioned table") }
    if parent.isPartitioned {
      throw SQLError(.wrongObjectType, "cannot inherit from partitioned table \"\(parent.name)\"")
    }
    if parent.isPartition { throw SQLError(.wrongObjectType, "cannot inherit from a partition") }
    if table.lineage.parents.contains(parent.oid) {
      throw SQLError(.duplicateTable, "relation \"\(parent.name)\" would be inherited from more than once")
    }
    try refuseCircle(table, parent)
    try requireLikeness(table, parent)
    return [.inherit(parent.oid)]
  }

  func planNoInherit(_ name: QualifiedName, _ table: TableDescriptor) throws(SQLError) -> [AlterTableAction] {
    let parent = try binder.names.relation(name)
    if table.isPartition { throw SQLError(.wrongObjectType, "cannot change inheritance of a partition") }
    guard table.lineage.parents.contains(parent.oid) else {
      throw SQLError(.undefinedTable, "relation \"\(parent.name)\" is not a parent of relation \"\(table.name)\"")
    }
    return [.noInherit(parent.oid)]
  }

  private func refuseCircle(_ child: TableDescriptor, _ parent: TableDescriptor) throws(SQLError) {
    guard catalog.family(of: child).contains(where: { $0.oid == parent.oid }) else { return }
    throw SQLError(
      .duplicateTable, "circular inheritance not allowed",
      detail: "\"\(parent.name)\" is already a child of \"\(child.name)\".")
  }

  /// Error 42804 unless a table has the columns and checks of what is to be its parent.
  private func requireLikeness(_ child: TableDescriptor, _ parent: TableDescriptor) throws(SQLError) {
    for column in parent.columns where !column.isHidden {
      guard let own = child.column(named: column.name), !own.isHidden else {
        throw SQLError(.datatypeMismatch, "child table is missing column \"\(column.name)\"")
      }
      if own.type != column.type {
        throw SQLError(
          .datatypeMismatch, "child table \"\(child.name)\" has different type for column \"\(column.name)\"")
      }
      if !column.isNullable && own.isNullable {
        throw SQLError(
          .datatypeMismatch, "column \"\(column.name)\" in child table must be marked NOT NULL")
      }
    }
    for check in parent.checks where !check.isNoInherit {
      guard let own = child.checks.first(where: { $0.name == check.name }) else {
        throw SQLError(.datatypeMismatch, "child table is missing constraint \"\(check.name)\"")
      }
      if own.expressionSQL != check.expressionSQL {
        throw SQLError(
          .datatypeMismatch,
          "child table \"\(child.name)\" has different definition for check constraint \"\(check.name)\"")
      }
    }
  }
}
