// CREATE TABLE, CREATE TABLE AS, CREATE INDEX and CREATE VIEW.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension SchemaPlanner {
  // MARK: CREATE TABLE

  /// A table as it comes together from columns and constraints.
  private struct Draft {
    var columns: [ColumnDescriptor] = []
    var primaryKey: IndexDescriptor?
    var uniques: [IndexDescriptor] = []
    var checks: [(constraint: TableConstraint, expression: Expression)] = []
    var sequences: [UInt32: SequenceOptions] = [:]
    var foreignKeys: [(constraint: TableConstraint, columns: [Identifier], target: ForeignKeyTarget)] = []
  }

  func planCreateTable(_ statement: CreateTableStatement) throws(SQLError) -> SchemaOperation {
    let name = statement.name.name.text
    let schema = try context.located(statement.name.position) { () throws(SQLError) in
      try binder.names.schemaForCreation(statement.name, isTemporary: statement.persistence == .temporary)
    }
    var draft = Draft()
    var constraints: [TableConstraint] = []
    var notices: [String] = []
    let parents = try self.parents(of: statement)
    let above = try inherited(from: parents, notices: &notices)
    draft.columns = above.columns
    for element in statement.elements {
      switch element {
      case .column(let column) where statement.partitionOf != nil:
        try merge(column, into: &draft, &constraints, table: name)
      case .column(let column) where draft.columns.contains(where: { $0.name == column.name.text && !$0.isLocal }):
        notices.append("merging column \"\(column.name.text)\" with inherited definition")
        try merge(column, into: &draft, &constraints, table: name)
      case .column(let column): try add(column, to: &draft, &constraints, table: name)
      case .constraint(let constraint): constraints.append(constraint)
      case .like(let clause): try add(clause, to: &draft)
      }
    }
    for constraint in constraints { try add(constraint, to: &draft, table: name) }
    var definition = TableDefinition(schema: schema, name: name, columns: draft.columns)
    definition.lineage.parents = parents.map(\.oid)
    definition.notices = notices
    definition.checks = above.checks
    if let partition = statement.partitionOf {
      for index in parents[0].allIndexes where !index.name.isEmpty {
        guard let copy = inherited(index, of: parents[0], draft.columns) else { continue }
        if copy.isPrimary { draft.primaryKey = copy } else { draft.uniques.append(copy) }
      }
      definition.foreignKeys = parents[0].foreignKeys.compactMap { inherited($0, of: parents[0], draft.columns) }
      definition.lineage.bound = try partitionBound(partition.bound, of: parents[0], partition: name)
    }
    if let specification = statement.partitionBy {
      let partitioning = try partitioning(specification, draft.columns, table: name)
      for index in draft.uniques + [draft.primaryKey].compactMap({ $0 }) {
        try requirePartitionKey(in: index, partitioning, draft.columns, table: name)
      }
      definition.lineage.partitioning = partitioning
    }
    definition.columns = draft.columns
    definition.primaryKey = draft.primaryKey
    definition.indexes = draft.uniques
    definition.sequences = draft.sequences
    definition.dropsOnCommit = try dropsOnCommit(statement.onCommit, in: schema)
    // The primary index has id 1, also where a hidden one is added.
    for index in definition.indexes.indices { definition.indexes[index].id = UInt32(index + 2) }
    for (constraint, expression) in draft.checks {
      let condition = try condition(expression, definition.columns, of: name, .check)
      var check = CheckConstraint(
        oid: .invalid, name: constraint.name?.text ?? "", expressionSQL: condition.sql, columns: condition.columns)
      check.isNoInherit = constraint.attributes.isNoInherit
      if check.isNoInherit, definition.lineage.partitioning != nil {
        throw SQLError(
          .invalidTableDefinition, "cannot add NO INHERIT constraint to partitioned table \"\(name)\"")
      }
      // What a parent has under the same name is the same constraint.
      if definition.checks.contains(where: { $0.name == check.name && $0.expressionSQL == check.expressionSQL }) {
        definition.notices.append("merging constraint \"\(check.name)\" with inherited definition")
        continue
      }
      definition.checks.append(check)
    }
    for ordinal in definition.columns.indices {
      guard let sql = definition.columns[ordinal].generatedSQL else { continue }
      try checkGenerated(sql, definition.columns[ordinal], definition.columns, table: name)
    }
    for key in draft.foreignKeys {
      definition.foreignKeys.append(
        try foreignKey(key.constraint, key.columns, key.target, of: definition, as: statement.name))
    }
    return .createTable(definition, ifNotExists: statement.ifNotExists)
  }

  private func parents(of statement: CreateTableStatement) throws(SQLError) -> [TableDescriptor] {
    if let partition = statement.partitionOf {
      let parent = try context.located(partition.parent.position) { () throws(SQLError) in
        try binder.names.relation(partition.parent)
      }
      guard parent.isPartitioned else {
        throw SQLError(.invalidObjectDefinition, "\"\(parent.name)\" is not partitioned")
      }
      return [parent]
    }
    if !statement.inherits.isEmpty, statement.partitionBy != nil {
      throw SQLError(.invalidTableDefinition, "cannot create partitioned table as inheritance child")
    }
    var parents: [TableDescriptor] = []
    for name in statement.inherits {
      let parent = try context.located(name.position) { () throws(SQLError) in try binder.names.relation(name) }
      guard case .table = parent.kind else {
        throw SQLError(.wrongObjectType, "inherited relation \"\(parent.name)\" is not a table or foreign table")
      }
      if parent.isPartitioned {
        throw SQLError(.wrongObjectType, "cannot inherit from partitioned table \"\(parent.name)\"")
      }
      if parent.isPartition {
        throw SQLError(.wrongObjectType, "cannot inherit from partition \"\(parent.name)\"")
      }
      if parents.contains(where: { $0.oid == parent.oid }) {
        throw SQLError(
          .duplicateTable, "relation \"\(parent.name)\" would be inherited from more than once")
      }
      parents.append(parent)
    }
    return parents
  }

  /// A column that the table has from above, with what it says of it itself.
  private func merge(
    _ definition: ColumnDefinition, into draft: inout Draft, _ constraints: inout [TableConstraint], table: String
  ) throws(SQLError) {
    guard let ordinal = draft.columns.firstIndex(where: { $0.name == definition.name.text }) else {
      throw SQLError(.undefinedColumn, "column \"\(definition.name.text)\" does not exist")
    }
    let known = draft.columns[ordinal]
    // PARTITION OF gives no type.
    let hasType = !definition.type.name.name.text.isEmpty
    let made = try column(definition, id: known.id, table: table, type: hasType ? nil : known.type)
    if made.column.type != known.type {
      throw SQLError(
        .datatypeMismatch, "column \"\(known.name)\" has a type conflict",
        detail: "\(TypeInfo.format(known.type)) versus \(TypeInfo.format(made.column.type))")
    }
    if !made.column.isNullable { draft.columns[ordinal].isNullable = false }
    if made.column.defaultSQL != nil { draft.columns[ordinal].defaultSQL = made.column.defaultSQL }
    draft.columns[ordinal].isLocal = true
    constraints += made.constraints
  }

  /// Whether a generated column's expression is sound: no other generated column in it, nothing that changes by itself.
  func checkGenerated(
    _ sql: String, _ column: ColumnDescriptor, _ columns: [ColumnDescriptor], table: String
  ) throws(SQLError) {
    let expression = try Parser.parseExpression(Array(sql.utf8))
    let (scope, ids) = scope(columns, of: table, .generated)
    let bound = try binder.bind(expression, scope)
    _ = try binder.assign(bound, to: column.type, column: column.name, at: .unknown)
    for id in read(bound, columns, ids) {
      if let other = columns.first(where: { $0.id == id }), other.generatedSQL != nil {
        throw SQLError(
          .syntaxError, "cannot use generated column \"\(other.name)\" in column generation expression",
          detail: "A generated column cannot reference another generated column.")
      }
    }
    if bound.isVolatile {
      throw SQLError(.invalidObjectDefinition, "generation expression is not immutable")
    }
  }

  /// What ON COMMIT asks for, in a schema that can have it.
  private func dropsOnCommit(_ action: CreateTableStatement.OnCommit?, in schema: OID) throws(SQLError) -> Bool? {
    guard let action else { return nil }
    guard catalog.schema(schema)?.isTemporary == true else {
      throw SQLError(.invalidTableDefinition, "ON COMMIT can only be used on temporary tables")
    }
    return action == .preserveRows ? nil : action == .drop
  }

  private static let serialTypes: [String: SQLType] = [
    "serial": .int4, "serial4": .int4, "bigserial": .int8, "serial8": .int8, "smallserial": .int2, "serial2": .int2,
  ]

  /// A column's descriptor, and the constraints that came with it as constraints of the table.
  func column(
    _ definition: ColumnDefinition, id: UInt32, table: String, type given: SQLType? = nil
  ) throws(SQLError) -> (column: ColumnDescriptor, constraints: [TableConstraint], sequence: SequenceOptions?) {
    let name = definition.name.text
    if ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"].contains(name) {
      throw context.error(
        .duplicateColumn, "column name \"\(name)\" conflicts with a system column name", at: .unknown)
    }
    let typeName = definition.type
    let serial =
      typeName.name.schema == nil && typeName.arrayBounds.isEmpty ? Self.serialTypes[typeName.name.name.text] : nil
    let type: SQLType
    if let given { type = given } else if let serial { type = serial } else { type = try binder.resolveType(typeName) }
    guard let info = TypeInfo.find(type.oid), info.category != .pseudo, type.oid != SQLType.unknown.oid else {
      throw context.error(
        .invalidTableDefinition, "column \"\(name)\" has pseudo-type \(TypeInfo.format(type))", at: .unknown)
    }
    if let collation = definition.collation { try checkCollation(collation) }
    var column = ColumnDescriptor(id: id, name: name, type: type)
    var constraints: [TableConstraint] = []
    var sequence: SequenceOptions?
    var nullability: Bool?
    if serial != nil {
      sequence = try sequenceOptions([], type: type).options
      column.isNullable = false
    }
    func twoDefaults(_ position: SourcePosition) -> SQLError {
      context.error(
        .syntaxError, "multiple default values specified for column \"\(name)\" of table \"\(table)\"", at: position)
    }
    for constraint in definition.constraints {
      switch constraint.kind {
      case .notNull, .null:
        let isNullable = constraint.kind == .null
        if let nullability, nullability != isNullable {
          throw context.error(
            .syntaxError, "conflicting NULL/NOT NULL declarations for column \"\(name)\" of table \"\(table)\"",
            at: constraint.position)
        }
        nullability = isNullable
        if isNullable, serial != nil || column.identity != nil {
          throw context.error(
            .syntaxError, "conflicting NULL/NOT NULL declarations for column \"\(name)\" of table \"\(table)\"",
            at: constraint.position)
        }
        if !isNullable { column.isNullable = false }
      case .default(let expression):
        if column.defaultSQL != nil || serial != nil { throw twoDefaults(constraint.position) }
        if column.identity != nil {
          throw context.error(
            .syntaxError, "both default and identity specified for column \"\(name)\" of table \"\(table)\"",
            at: constraint.position)
        }
        column.defaultSQL = try defaultSQL(expression, for: name, type: type)
      case .identity(let isAlways, let options):
        guard [SQLType.int2, .int4, .int8].contains(type.unmodified) else {
          throw context.error(
            .invalidParameterValue, "identity column type must be smallint, integer, or bigint", at: .unknown)
        }
        if column.identity != nil {
          throw context.error(
            .syntaxError, "multiple identity specifications for column \"\(name)\" of table \"\(table)\"",
            at: constraint.position)
        }
        if column.defaultSQL != nil || serial != nil {
          throw context.error(
            .syntaxError, "both default and identity specified for column \"\(name)\" of table \"\(table)\"",
            at: constraint.position)
        }
        column.identity = isAlways ? .always : .byDefault
        column.isNullable = false
        sequence = try sequenceOptions(options, type: type).options
      case .generated(let expression):
        if column.defaultSQL != nil {
          throw context.error(
            .syntaxError,
            "both default and generation expression specified for column \"\(name)\" of table \"\(table)\"",
            at: constraint.position)
        }
        column.generatedSQL = SyntaxPrinter.text(expression)
      case .check(let expression):
        constraints.append(
          TableConstraint(
            name: constraint.name, .check(expression), attributes: constraint.attributes,
            position: constraint.position))
      case .primaryKey(let parameters):
        constraints.append(
          TableConstraint(
            name: constraint.name, .primaryKey([definition.name], parameters), attributes: constraint.attributes,
            position: constraint.position))
      case .unique(let nullsNotDistinct, let parameters):
        constraints.append(
          TableConstraint(
            name: constraint.name, .unique([definition.name], nullsNotDistinct: nullsNotDistinct, parameters),
            attributes: constraint.attributes, position: constraint.position))
      case .references(let target):
        constraints.append(
          TableConstraint(
            name: constraint.name, .foreignKey([definition.name], target), attributes: constraint.attributes,
            position: constraint.position))
      }
    }
    return (column, constraints, sequence)
  }

  func checkCollation(_ name: QualifiedName) throws(SQLError) {
    guard ["default", "C", "POSIX", "ucs_basic"].contains(name.name.text) else {
      throw context.error(
        .undefinedObject, "collation \"\(name)\" for encoding \"UTF8\" does not exist", at: name.position)
    }
  }

  private func add(
    _ definition: ColumnDefinition, to draft: inout Draft, _ constraints: inout [TableConstraint], table: String
  ) throws(SQLError) {
    if draft.columns.contains(where: { $0.name == definition.name.text }) {
      throw context.error(
        .duplicateColumn, "column \"\(definition.name.text)\" specified more than once", at: .unknown)
    }
    guard draft.columns.count < 1600 else {
      throw SQLError(.tooManyColumns, "tables can have at most 1600 columns")
    }
    let made = try column(definition, id: UInt32(draft.columns.count + 1), table: table)
    if let sequence = made.sequence { draft.sequences[made.column.id] = sequence }
    draft.columns.append(made.column)
    constraints += made.constraints
  }

  /// `LIKE`: names, types and NOT NULL; defaults where they are asked for.
  private func add(_ clause: LikeTableClause, to draft: inout Draft) throws(SQLError) {
    let source = try context.located(clause.source.position) { () throws(SQLError) in
      try binder.names.relation(clause.source)
    }
    var included: Set<LikeTableClause.Property> = []
    for choice in clause.choices {
      let properties = choice.property.map { [$0] } ?? LikeTableClause.Property.allCases
      if choice.isIncluded { included.formUnion(properties) } else { included.subtract(properties) }
    }
    for column in source.columns where !column.isHidden {
      if draft.columns.contains(where: { $0.name == column.name }) {
        throw SQLError(.duplicateColumn, "column \"\(column.name)\" specified more than once")
      }
      var copy = ColumnDescriptor(
        id: UInt32(draft.columns.count + 1), name: column.name, type: column.type, isNullable: column.isNullable)
      if included.contains(.defaults), column.identity == nil { copy.defaultSQL = column.defaultSQL }
      if included.contains(.generated) { copy.generatedSQL = column.generatedSQL }
      if included.contains(.comments) { copy.comment = column.comment }
      if included.contains(.identity), let identity = column.identity {
        copy.identity = identity
        copy.isNullable = false
        var options = SequenceOptions()
        if let own = column.ownedSequence.flatMap(catalog.relation), case .sequence(let given) = own.kind {
          options = given
          (options.ownerTable, options.ownerColumn, options.restart, options.generation) = (nil, nil, nil, 0)
        }
        draft.sequences[copy.id] = options
      }
      draft.columns.append(copy)
    }
    if included.contains(.constraints) {
      for check in source.checks {
        let expression = try Parser.parseExpression(Array(check.expressionSQL.utf8))
        draft.checks.append((TableConstraint(name: Identifier(check.name), .check(expression)), expression))
      }
    }
    if included.contains(.indexes) { try addIndexes(of: source, to: &draft) }
  }

  /// The indexes of a table, under names to be chosen.
  private func addIndexes(of source: TableDescriptor, to draft: inout Draft) throws(SQLError) {
    func id(_ old: UInt32) -> UInt32? {
      guard let column = source.column(id: old), !column.isHidden else { return nil }
      return draft.columns.first { $0.name == column.name }?.id
    }
    for index in source.allIndexes where index.state == .active && index.oid != .invalid {
      var copy = index
      copy.name = ""
      copy.oid = .invalid
      copy.comment = nil
      copy.columns = []
      for key in index.columns {
        guard let own = id(key.columnID) else {
          throw context.unsupported("LIKE INCLUDING INDEXES of a table with expression indexes is")
        }
        copy.columns.append(IndexColumn(columnID: own, isDescending: key.isDescending, nullsFirst: key.nullsFirst))
      }
      copy.included = index.included.compactMap(id)
      copy.predicateColumns = index.predicateColumns.compactMap(id)
      if index.isPrimary {
        draft.primaryKey = copy
        for key in copy.columns {
          for ordinal in draft.columns.indices where draft.columns[ordinal].id == key.columnID {
            draft.columns[ordinal].isNullable = false
          }
        }
      } else {
        draft.uniques.append(copy)
      }
    }
  }

  private func add(_ constraint: TableConstraint, to draft: inout Draft, table: String) throws(SQLError) {
    switch constraint.kind {
    case .primaryKey:
      if draft.primaryKey != nil {
        throw context.error(
          .invalidTableDefinition, "multiple primary keys for table \"\(table)\" are not allowed",
          at: constraint.position)
      }
      let key = try keyIndex(constraint, draft.columns, table: table)
      for column in key.columns {
        if let ordinal = draft.columns.firstIndex(where: { $0.id == column.columnID }) {
          draft.columns[ordinal].isNullable = false
        }
      }
      draft.primaryKey = key
    case .unique: draft.uniques.append(try keyIndex(constraint, draft.columns, table: table))
    case .check(let expression): draft.checks.append((constraint, expression))
    case .foreignKey(let columns, let target): draft.foreignKeys.append((constraint, columns, target))
    case .exclude: throw context.unsupported("exclusion constraints are", at: constraint.position)
    case .primaryKeyUsingIndex, .uniqueUsingIndex:
      throw context.unsupported("constraints using an existing index are", at: constraint.position)
    }
  }

  /// The index behind a PRIMARY KEY or UNIQUE constraint; its id is for the caller to give.
  func keyIndex(
    _ constraint: TableConstraint, _ columns: [ColumnDescriptor], table: String
  ) throws(SQLError) -> IndexDescriptor {
    let names: [Identifier]
    let parameters: IndexParameters
    var isPrimary = false
    var nullsNotDistinct = false
    switch constraint.kind {
    case .primaryKey(let key, let given): (names, parameters, isPrimary) = (key, given, true)
    case .unique(let key, let notDistinct, let given): (names, parameters, nullsNotDistinct) = (key, given, notDistinct)
    default: preconditionFailure("only keys have an index")
    }
    if constraint.attributes.isDeferrable {
      throw context.unsupported("deferrable unique constraints are", at: constraint.position)
    }
    var keys: [IndexColumn] = []
    for name in names {
      guard let column = columns.first(where: { $0.name == name.text && !$0.isHidden }) else {
        throw context.error(
          .undefinedColumn, "column \"\(name.text)\" named in key does not exist", at: constraint.position)
      }
      if keys.contains(where: { $0.columnID == column.id }) {
        throw context.error(
          .duplicateColumn,
          "column \"\(name.text)\" appears twice in \(isPrimary ? "primary key" : "unique") constraint",
          at: constraint.position)
      }
      try requireOrderable(column)
      keys.append(IndexColumn(columnID: column.id))
    }
    var index = IndexDescriptor(
      id: 1, oid: .invalid, name: constraint.name?.text ?? "", columns: keys, isUnique: true, isPrimary: isPrimary)
    index.isConstraint = true
    index.nullsNotDistinct = nullsNotDistinct
    for name in parameters.include {
      guard let column = columns.first(where: { $0.name == name.text }) else {
        throw context.error(
          .undefinedColumn, "column \"\(name.text)\" named in key does not exist", at: constraint.position)
      }
      index.included.append(column.id)
    }
    try requireFewColumns(index)
    return index
  }

  /// PostgreSQL's bound for an index, columns that it only holds included.
  private func requireFewColumns(_ index: IndexDescriptor) throws(SQLError) {
    if index.columns.count + index.included.count > 32 {
      throw SQLError(.tooManyColumns, "cannot use more than 32 columns in an index")
    }
  }

  func requireOrderable(_ column: ColumnDescriptor) throws(SQLError) {
    guard TypeInfo.find(column.type.oid)?.isOrderable == true else {
      throw SQLError(
        .undefinedObject,
        "data type \(TypeInfo.format(column.type.unmodified)) has no default operator class for access method \"btree\"",
        hint: "You must specify an operator class for the index or define a default operator class for the data type.")
    }
  }

  // MARK: CREATE TABLE AS

  func planCreateTableAs(_ statement: CreateTableAsStatement) throws(SQLError) -> SchemaOperation {
    if statement.isMaterializedView { throw context.unsupported("materialized views are") }
    guard case .select = statement.query else { throw context.unsupported("CREATE TABLE AS EXECUTE is") }
    let schema = try binder.names.schemaForCreation(statement.name, isTemporary: statement.persistence == .temporary)
    let plan = try planQuery(statement.query)
    guard statement.columns.count <= plan.columns.count else {
      throw SQLError(.syntaxError, "too many column names were specified")
    }
    var columns: [ColumnDescriptor] = []
    for (index, output) in plan.columns.enumerated() {
      let name = index < statement.columns.count ? statement.columns[index].text : output.name
      if columns.contains(where: { $0.name == name }) {
        throw SQLError(.duplicateColumn, "column \"\(name)\" specified more than once")
      }
      let type = output.type.oid == SQLType.unknown.oid ? SQLType.text : output.type
      columns.append(ColumnDescriptor(id: UInt32(index + 1), name: name, type: type))
    }
    var definition = TableDefinition(schema: schema, name: statement.name.name.text, columns: columns)
    definition.dropsOnCommit = try dropsOnCommit(statement.onCommit, in: schema)
    return .createTableAs(
      definition,
      ifNotExists: statement.ifNotExists, source: plan, withData: statement.withData)
  }

  // MARK: CREATE INDEX

  func planCreateIndex(_ statement: CreateIndexStatement) throws(SQLError) -> SchemaOperation {
    let table = try table(statement.table.name, "CREATE INDEX")
    if let method = statement.method, method.text != "btree" {
      if ["hash", "gin", "gist", "spgist", "brin"].contains(method.text) {
        throw context.unsupported("\(method.text) indexes are")
      }
      throw SQLError(.undefinedObject, "access method \"\(method.text)\" does not exist")
    }
    var keys: [IndexColumn] = []
    var expressions: [IndexExpression] = []
    for element in statement.elements {
      let id: UInt32
      switch element.key {
      case .column(let name):
        let column = try indexColumn(name, of: table)
        try requireOrderable(column)
        id = column.id
      case .expression(let expression):
        // Its column is made when the statement runs.
        expressions.append(try indexExpression(expression, keys.count, of: table))
        id = 0
      }
      let isDescending = element.isDescending == true
      keys.append(
        IndexColumn(
          columnID: id, isDescending: isDescending, nullsFirst: element.nulls.map { $0 == .first }))
    }
    var index = IndexDescriptor(
      id: 0, oid: .invalid, name: statement.name?.text ?? "", columns: keys,
      isUnique: statement.isUnique)
    index.nullsNotDistinct = statement.nullsNotDistinct
    for element in statement.include {
      guard case .column(let name) = element.key else {
        throw SQLError(.featureNotSupported, "expressions are not supported in included columns")
      }
      index.included.append(try indexColumn(name, of: table).id)
    }
    try requireFewColumns(index)
    if let filter = statement.filter {
      let condition = try condition(filter, table.columns, of: table.name, .indexPredicate)
      index.predicateSQL = condition.sql
      index.predicateColumns = condition.columns
    }
    if let partitioning = table.lineage.partitioning, index.isUnique {
      try requirePartitionKey(in: index, partitioning, table.columns, table: table.name)
    }
    let own = SchemaOperation.createIndex(
      table: table.oid, index, expressions: expressions, ifNotExists: statement.ifNotExists,
      isConcurrent: statement.isConcurrent)
    if !table.isPartitioned || statement.table.isOnly { return own }
    if statement.isConcurrent {
      throw SQLError(
        .featureNotSupported, "cannot create index on partitioned table \"\(table.name)\" concurrently")
    }
    // Each partition gets one of its own.
    var operations = [own]
    for member in catalog.family(of: table).dropFirst() {
      guard var copy = inherited(index, of: table, member.columns) ?? (expressions.isEmpty ? nil : index) else {
        continue
      }
      copy.name = ""
      operations.append(
        .createIndex(table: member.oid, copy, expressions: expressions, ifNotExists: false, isConcurrent: false))
    }
    return .sequence(operations)
  }

  /// A key that is an expression: its text and type. Error 42P17 if its value may change by itself.
  private func indexExpression(
    _ expression: Expression, _ position: Int, of table: TableDescriptor
  ) throws(SQLError) -> IndexExpression {
    let (scope, _) = scope(table.columns, of: table.name, .indexExpression)
    let bound = try binder.resolveUnknown(try binder.bind(expression, scope))
    if !bound.isImmutable {
      throw SQLError(.invalidObjectDefinition, "functions in index expression must be marked IMMUTABLE")
    }
    var column = ColumnDescriptor(id: 0, name: "", type: bound.type)
    try requireOrderable(column)
    column.name = SyntaxPrinter.text(expression)
    return IndexExpression(position: position, sql: column.name, type: bound.type)
  }

  private func indexColumn(_ name: Identifier, of table: TableDescriptor) throws(SQLError) -> ColumnDescriptor {
    guard let column = table.column(named: name.text), !column.isHidden else {
      throw context.error(.undefinedColumn, "column \"\(name.text)\" does not exist", at: .unknown)
    }
    return column
  }

  // MARK: CREATE VIEW

  func planCreateView(_ statement: CreateViewStatement) throws(SQLError) -> SchemaOperation {
    if statement.isRecursive { return try planCreateView(statement.spelledOut) }
    let options = try viewOptions(statement)
    var isTemporary = statement.persistence == .temporary
    _ = try binder.names.schemaForCreation(statement.name, isTemporary: isTemporary)
    context.relationMentions = []
    context.keepScopes()
    let bound = try binder.bindQuery(statement.query, parent: nil, ctes: [])
    guard statement.columns.count <= bound.outputs.count else {
      throw SQLError(.invalidTableDefinition, "CREATE VIEW specifies more column names than columns")
    }
    var columns: [ColumnDescriptor] = []
    for (index, output) in bound.outputs.enumerated() {
      let name = index < statement.columns.count ? statement.columns[index].text : output.name
      if columns.contains(where: { $0.name == name }) {
        throw SQLError(.duplicateColumn, "column \"\(name)\" specified more than once")
      }
      let type = output.type.oid == SQLType.unknown.oid ? SQLType.text : output.type
      if TypeInfo.find(type.oid)?.category == .pseudo {
        throw SQLError(.invalidTableDefinition, "column \"\(name)\" has pseudo-type \(TypeInfo.format(type))")
      }
      columns.append(ColumnDescriptor(id: UInt32(index + 1), name: name, type: type))
    }
    // What reads temporary tables goes with them.
    if context.relationMentions.contains(where: { catalog.isTemporary($0.table) }) { isTemporary = true }
    let schema = try binder.names.schemaForCreation(statement.name, isTemporary: isTemporary)
    var dependencies: [RelationDependency] = []
    for mention in context.relationMentions {
      if case .virtual = mention.table.kind { continue }
      guard !dependencies.contains(where: { $0.relation == mention.table.oid }) else { continue }
      dependencies.append(
        RelationDependency(
          relation: mention.table.oid, columns: mention.table.columns.filter { !$0.isHidden }.map(\.id)))
    }
    var sql: String
    if let stored = StoredQuery(binder).make(statement.query) {
      sql = SyntaxPrinter.text(Statement.select(stored.query))
      dependencies = stored.reads
    } else {
      sql = try qualifiedQuery(statement)
    }
    dependencies += context.neededKeys.map { RelationDependency(relation: $0) }
    return .createView(
      schema: schema, name: statement.name.name.text, sql: sql, columns: columns,
      dependencies: dependencies.sorted { $0.relation < $1.relation }, options: options,
      replaces: statement.orReplace)
  }

  /// The options as the catalog keeps them. Errors: 22023.
  private func viewOptions(_ statement: CreateViewStatement) throws(SQLError) -> [String] {
    var options: [String] = []
    for option in statement.options {
      let text =
        switch option.value {
        case .word(let word)?: word
        case .string(let string)?: string
        case .integer(let number)?: String(number)
        case .numeric(let digits)?: digits
        case nil: "true"
        default: ""
        }
      switch option.name {
      case "security_barrier", "security_invoker":
        guard ["true", "false", "on", "off", "yes", "no", "1", "0"].contains(text.lowercased()) else {
          throw SQLError(
            .invalidParameterValue, "invalid value for boolean option \"\(option.name)\": \(text)")
        }
      case "check_option":
        guard ["local", "cascaded"].contains(text.lowercased()) else {
          throw SQLError(
            .invalidParameterValue, "invalid value for enum option \"check_option\": \(text)",
            detail: "Valid values are \"local\" and \"cascaded\".")
        }
      default: throw SQLError(.invalidParameterValue, "unrecognized parameter \"\(option.name)\"")
      }
      options.append("\(option.name)=\(text)")
    }
    if let check = statement.checkOption { options.append("check_option=\(check == .local ? "local" : "cascaded")") }
    if options.contains(where: { $0.hasPrefix("check_option=") }),
      let reason = statement.query.whyNotUpdatable
    {
      throw SQLError(
        .featureNotSupported, "WITH CHECK OPTION is supported only on automatically updatable views", hint: reason)
    }
    return options
  }

  /// The query's text with the schema written before each relation's name, so that it means the same under every search path:
  /// put into the source where the names stand, then parsed and printed again.
  private func qualifiedQuery(_ statement: CreateViewStatement) throws(SQLError) -> String {
    var text = source
    for mention in context.relationMentions.sorted(by: { $0.name.position.offset > $1.name.position.offset })
    where mention.name.schema == nil && mention.name.position.offset >= 0 {
      let schema = quoteIdentifier(binder.names.schemaName(mention.table.schema)) + "."
      text.insert(contentsOf: schema.utf8, at: Int(mention.name.position.offset))
    }
    for parsed in try Parser.parse(text) {
      if case .createView(let view) = parsed.statement, view.name == statement.name {
        return SyntaxPrinter.text(Statement.select(view.query))
      }
    }
    throw SQLError(.internalError, "the view's text does not parse again")
  }
}

extension CreateViewStatement {
  /// `CREATE RECURSIVE VIEW v (a) AS q` as `CREATE VIEW v AS WITH RECURSIVE v (a) AS (q) SELECT a FROM v`.
  fileprivate var spelledOut: CreateViewStatement {
    var made = self
    made.isRecursive = false
    let common = CommonTableExpression(name: name.name, columns: columns, statement: .select(query))
    let core = SelectCore(
      targets: columns.map { SelectTarget(.column(ColumnReference($0)), alias: $0) },
      from: [.table(TableReference(QualifiedName(name.name)))])
    made.query = SelectStatement(with: WithClause(isRecursive: true, expressions: [common]), body: .select(core))
    made.columns = []
    return made
  }
}
