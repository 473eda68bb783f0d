// ALTER, DROP, TRUNCATE and COMMENT.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension SchemaPlanner {
  // MARK: ALTER TABLE

  func planAlterTable(_ statement: AlterTableStatement) throws(SQLError) -> SchemaOperation {
    if statement.actions.count == 1 {
      switch statement.actions[0] {
      case .splitAt(let query): return try planSplit(statement, at: query, "split")
      case .unsplit(let query?): return try planSplit(statement, at: query, "unsplit")
      case .unsplit(nil):
        guard let (table, index) = try indexInRanges(statement, "unsplit") else { return try absence(statement) }
        return .unsplitAll(table: table.oid, index: index.id)
      default: break
      }
    }
    if statement.actions == [.scatter] { return try planScatter(statement) }
    let (found, notice) = try relation(statement.table.name, ifExists: statement.ifExists)
    guard let found else { return notice }
    if statement.kind == .table { try requireTable(found, "ALTER TABLE") }
    for action in statement.actions { try refuseInherited(action, found) }
    let own = SchemaOperation.alterTable(found.oid, try planned(statement.actions, found))
    if statement.table.isOnly || found.lineage.children.isEmpty { return own }
    // Descendants follow, each with its own columns.
    var operations = [own]
    for member in catalog.family(of: found).dropFirst() {
      let actions = statement.actions.filter { descends($0, from: found) }
      var current = member
      var own: [AlterTableAction] = []
      for action in try planned(actions, member) {
        guard let taken = inherited(action, by: current) else { continue }
        own.append(taken)
        current = try foreseen(current, after: taken)
      }
      if !own.isEmpty { operations.append(.alterTable(member.oid, own)) }
    }
    return operations.count == 1 ? own : .sequence(operations)
  }

  private func planned(
    _ actions: [SQLSyntax.AlterTableAction], _ table: TableDescriptor
  ) throws(SQLError) -> [AlterTableAction] {
    var result: [AlterTableAction] = []
    var addedColumns: [ColumnDescriptor] = []
    // Each action finds the columns as those before it leave them.
    var current = table
    for action in actions {
      let planned = try plan(action, current, &addedColumns)
      for action in planned { current = try foreseen(current, after: action) }
      result += planned
    }
    return result
  }

  /// Whether what is done to a table is done to those below it, too.
  private func descends(_ action: SQLSyntax.AlterTableAction, from table: TableDescriptor) -> Bool {
    switch action {
    case .addColumn, .dropColumn, .setDefault, .dropDefault, .setNotNull, .dropNotNull, .setType, .dropConstraint,
      .dropExpression, .validateConstraint:
      return true
    case .addConstraint(let constraint):
      if case .check = constraint.kind { return !constraint.attributes.isNoInherit }
      return table.isPartitioned
    default: return false
    }
  }

  /// An action of a parent as its child carries it out.
  private func inherited(_ action: AlterTableAction, by table: TableDescriptor) -> AlterTableAction? {
    switch action {
    case .addColumn(var column, _, let check, let sequence):
      if table.column(named: column.name).map({ !$0.isHidden }) ?? false { return nil }
      column.isInherited = true
      column.isLocal = false
      var check = check
      check?.isInherited = true
      return .addColumn(column, ifNotExists: false, check: check, sequence: sequence)
    case .addCheck(var check):
      if table.checks.contains(where: { $0.name == check.name && !check.name.isEmpty }) { return nil }
      check.isInherited = true
      return .addCheck(check)
    case .addUnique(var index):
      index.name = ""
      return .addUnique(index)
    case .addPrimaryKey(var index):
      index.name = ""
      return .addPrimaryKey(index)
    case .dropColumn(let name, _, let cascades):
      guard let column = table.column(named: name), !column.isHidden else { return nil }
      return column.isLocal ? .disinheritColumn(name) : .dropColumn(name, ifExists: true, cascades: cascades)
    case .dropConstraint(let name, _, let cascades):
      return table.hasConstraint(named: name) ? .dropConstraint(name, ifExists: true, cascades: cascades) : nil
    default: return action
    }
  }

  /// Error 42P16 for a change that only the table above may make.
  private func refuseInherited(_ action: SQLSyntax.AlterTableAction, _ table: TableDescriptor) throws(SQLError) {
    func isInherited(_ name: Identifier) -> Bool {
      table.columns.contains { $0.name == name.text && !$0.isHidden && $0.isInherited }
    }
    switch action {
    case .addColumn where table.isPartition:
      throw SQLError(.wrongObjectType, "cannot add column to a partition")
    case .dropColumn(let name, _, _) where isInherited(name):
      throw SQLError(.invalidTableDefinition, "cannot drop inherited column \"\(name.text)\"")
    case .setType(let name, _, _, _) where isInherited(name):
      throw SQLError(.invalidTableDefinition, "cannot alter inherited column \"\(name.text)\"")
    case .dropConstraint(let name, _, _) where table.checks.contains(where: { $0.name == name.text && $0.isInherited }):
      throw SQLError(
        .invalidTableDefinition, "cannot drop inherited constraint \"\(name.text)\" of relation \"\(table.name)\"")
    default: break
    }
    let keys = table.lineage.partitioning?.keys ?? []
    func refuse(_ name: Identifier, _ verb: String) throws(SQLError) {
      guard let id = table.column(named: name.text)?.id, keys.contains(where: { $0.columns.contains(id) }) else {
        return
      }
      throw SQLError(
        .invalidTableDefinition,
        "cannot \(verb) column \"\(name.text)\" because it is part of the partition key of relation \"\(table.name)\"")
    }
    switch action {
    case .dropColumn(let name, _, _): try refuse(name, "drop")
    case .setType(let name, _, _, _): try refuse(name, "alter")
    default: break
    }
  }

  // MARK: SPLIT AT, UNSPLIT, SCATTER

  /// The index that a statement about its ranges speaks of; nil if it does not exist and need not.
  private func indexInRanges(
    _ statement: AlterTableStatement, _ verb: String
  ) throws(SQLError) -> (table: TableDescriptor, index: IndexDescriptor)? {
    let name = statement.table.name
    if statement.kind == .index {
      if let found = catalog.index(name.name.text, schema: name.schema?.text) { return found }
      if statement.ifExists { return nil }
      throw SQLError(.undefinedTable, "relation \"\(name.name.text)\" does not exist")
    }
    guard let found = try relation(name, ifExists: statement.ifExists).0 else { return nil }
    try requireTable(found, "ALTER TABLE")
    guard let primary = found.primaryIndex else {
      throw SQLError(.wrongObjectType, "relation \"\(found.name)\" has no index to \(verb)")
    }
    return (found, primary)
  }

  private func absence(_ statement: AlterTableStatement) throws(SQLError) -> SchemaOperation {
    .notice(
      SQLError(.undefinedTable, "relation \"\(statement.table.name.name.text)\" does not exist, skipping"))
  }

  /// `ALTER TABLE … SCATTER`: all ranges of the table, or of one index.
  private func planScatter(_ statement: AlterTableStatement) throws(SQLError) -> SchemaOperation {
    guard let (table, index) = try indexInRanges(statement, "scatter") else { return try absence(statement) }
    return .scatter(table: table.oid, index: statement.kind == .index ? index.id : nil)
  }

  /// `ALTER TABLE … SPLIT AT`, by the primary key, or `ALTER INDEX … SPLIT AT`; the same with `UNSPLIT`.
  private func planSplit(
    _ statement: AlterTableStatement, at query: SelectStatement, _ verb: String
  ) throws(SQLError) -> SchemaOperation {
    guard let (table, index) = try indexInRanges(statement, verb) else { return try absence(statement) }
    let columns = try planQuery(.select(query)).columns
    guard columns.count <= index.columns.count else {
      throw SQLError(
        .syntaxError,
        "\(verb.uppercased()) AT gives \(columns.count) values for the \(index.columns.count) columns of index \"\(index.name)\""
      )
    }
    // The values get the types of the columns, as in an assignment.
    var casts: [String] = []
    var names: [String] = []
    for (place, part) in index.columns.prefix(columns.count).enumerated() {
      guard let ordinal = table.ordinal(ofColumn: part.columnID) else { continue }
      names.append("c\(place)")
      casts.append("CAST(c\(place) AS \(TypeInfo.format(table.columns[ordinal].type)))")
    }
    let inner = String(decoding: SyntaxPrinter.print(.select(query)), as: UTF8.self)
    let sql = "SELECT \(casts.joined(separator: ", ")) FROM (\(inner)) AS points(\(names.joined(separator: ", ")))"
    guard let parsed = try Parser.parse(Array(sql.utf8)).first else {
      throw SQLError(.internalError, "no query to split at")
    }
    return .split(
      table: table.oid, index: index.id, points: try planQuery(parsed.statement), isUndone: verb == "unsplit")
  }

  /// The table as it will be after an action, as far as the planning of others looks at it.
  private func foreseen(
    _ table: TableDescriptor, after action: AlterTableAction
  ) throws(SQLError) -> TableDescriptor {
    func changing(_ name: String, _ body: (inout ColumnDescriptor) -> Void) throws(SQLError) -> TableDescriptor {
      try table.changed { (draft) throws(SQLError) in
        for index in draft.columns.indices where draft.columns[index].name == name && !draft.columns[index].isHidden {
          body(&draft.columns[index])
        }
      }
    }
    switch action {
    case .setDefault(let name, let sql): return try changing(name) { $0.defaultSQL = sql }
    case .setNotNull(let name, let isNotNull): return try changing(name) { $0.isNullable = !isNotNull }
    case .setType(let name, let type, _): return try changing(name) { $0.type = type }
    case .dropIdentity(let name): return try changing(name) { $0.identity = nil }
    case .dropColumn(let name, _, _):
      return try table.changed { (draft) throws(SQLError) in
        draft.columns.removeAll { $0.name == name && !$0.isHidden }
      }
    default: return table
    }
  }

  private func plan(
    _ action: SQLSyntax.AlterTableAction, _ table: TableDescriptor, _ added: inout [ColumnDescriptor]
  ) throws(SQLError) -> [AlterTableAction] {
    switch action {
    case .addColumn(let definition, let ifNotExists):
      let id = table.nextColumnID + UInt32(added.count)
      let made = try column(definition, id: id, table: table.name)
      if table.column(named: made.column.name) != nil || added.contains(where: { $0.name == made.column.name }) {
        if ifNotExists { return [.addColumn(made.column, ifNotExists: true, check: nil, sequence: nil)] }
        throw SQLError(
          .duplicateColumn, "column \"\(made.column.name)\" of relation \"\(table.name)\" already exists")
      }
      added.append(made.column)
      if let sql = made.column.generatedSQL {
        try checkGenerated(sql, made.column, table.columns + added, table: table.name)
      }
      var check: CheckConstraint?
      var others: [AlterTableAction] = []
      for constraint in made.constraints {
        if case .check(let expression) = constraint.kind, check == nil {
          let condition = try condition(expression, table.columns + added, of: table.name, .check)
          check = CheckConstraint(
            oid: .invalid, name: constraint.name?.text ?? "", expressionSQL: condition.sql, columns: condition.columns)
        } else {
          others += try addConstraint(constraint, table, table.columns + added)
        }
      }
      return [.addColumn(made.column, ifNotExists: ifNotExists, check: check, sequence: made.sequence)] + others
    case .dropColumn(let name, let ifExists, let behavior):
      return [.dropColumn(name.text, ifExists: ifExists, cascades: behavior == .cascade)]
    case .addConstraint(let constraint): return try addConstraint(constraint, table, table.columns + added)
    case .dropConstraint(let name, let ifExists, let behavior):
      return [.dropConstraint(name.text, ifExists: ifExists, cascades: behavior == .cascade)]
    case .setDefault(let name, let expression):
      let column = try column(name, of: table)
      if column.identity != nil {
        throw SQLError(
          .syntaxError, "column \"\(column.name)\" of relation \"\(table.name)\" is an identity column",
          hint: "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.")
      }
      return [.setDefault(column: column.name, sql: try defaultSQL(expression, for: column.name, type: column.type))]
    case .dropDefault(let name): return [.setDefault(column: try column(name, of: table).name, sql: nil)]
    case .setNotNull(let name):
      return [.setNotNull(column: try column(name, of: table).name, isNotNull: true)]
    case .dropNotNull(let name):
      let column = try column(name, of: table)
      if table.primaryIndex?.columns.contains(where: { $0.columnID == column.id }) == true {
        throw SQLError(.invalidTableDefinition, "column \"\(column.name)\" is in a primary key")
      }
      return [.setNotNull(column: column.name, isNotNull: false)]
    case .ownerTo(let name): return [.setOwner(try role(name))]
    case .validateConstraint(let name): return [.validateConstraint(name.text)]
    case .alterConstraint(let name, let attributes):
      return [
        .alterConstraint(
          name.text, isDeferrable: attributes.isDeferrable, isInitiallyDeferred: attributes.isInitiallyDeferred)
      ]
    case .setStatistics, .setColumnStorage, .setColumnOptions, .resetColumnOptions, .setStorage,
      .resetStorage, .setLogged, .clusterOn, .setWithoutCluster, .replicaIdentity:
      // How PostgreSQL lays out its files; there is nothing like it to change here.
      return []
    case .setType(let name, let type, _, let using): return [try planSetType(name, type, using, of: table)]
    case .addIdentity(let name, let isAlways, let options):
      return [try planAddIdentity(name, isAlways: isAlways, options, of: table)]
    case .setIdentity(let name, let changes): return [try planSetIdentity(name, changes, of: table)]
    case .dropIdentity(let name, let ifExists): return [try planDropIdentity(name, ifExists: ifExists, of: table)]
    case .dropExpression(let name, let ifExists):
      return [try planDropExpression(name, ifExists: ifExists, of: table)]
    case .setTablespace, .setAccessMethod: throw context.unsupported("tablespaces and access methods are")
    case .inherit(let parent): return try planInherit(parent, table)
    case .noInherit(let parent): return try planNoInherit(parent, table)
    case .attachPartition(let name, let bound): return try planAttach(name, bound, to: table)
    case .detachPartition(let name, _, _): return try planDetach(name, from: table)
    case .splitAt: throw SQLError(.syntaxError, "SPLIT AT cannot be combined with other actions")
    case .unsplit: throw SQLError(.syntaxError, "UNSPLIT cannot be combined with other actions")
    case .scatter: throw SQLError(.syntaxError, "SCATTER cannot be combined with other actions")
    case .rowLevelSecurity: throw context.unsupported("row-level security is")
    case .trigger(let selection, let isEnabled):
      if case .named(let name) = selection { return [.enableTriggers(name.text, isEnabled)] }
      return [.enableTriggers(nil, isEnabled)]
    }
  }

  private func addConstraint(
    _ constraint: TableConstraint, _ table: TableDescriptor, _ columns: [ColumnDescriptor]
  ) throws(SQLError) -> [AlterTableAction] {
    switch constraint.kind {
    case .primaryKey:
      if table.primaryIndex?.isConstraint == true, table.columns.allSatisfy({ !$0.isHidden }) {
        throw context.error(
          .invalidTableDefinition, "multiple primary keys for table \"\(table.name)\" are not allowed", at: .unknown)
      }
      return [.addPrimaryKey(try partitionedKey(constraint, columns, table))]
    case .unique: return [.addUnique(try partitionedKey(constraint, columns, table))]
    case .check(let expression):
      let condition = try condition(expression, columns, of: table.name, .check)
      var check = CheckConstraint(
        oid: .invalid, name: constraint.name?.text ?? "", expressionSQL: condition.sql, columns: condition.columns)
      check.isNoInherit = constraint.attributes.isNoInherit
      return [.addCheck(check)]
    case .foreignKey(let names, let target):
      return [.addForeignKey(try foreignKey(constraint, names, target, of: table, columns: columns))]
    case .exclude: throw context.unsupported("exclusion constraints are", at: constraint.position)
    case .primaryKeyUsingIndex, .uniqueUsingIndex:
      throw context.unsupported("constraints using an existing index are", at: constraint.position)
    }
  }

  private func partitionedKey(
    _ constraint: TableConstraint, _ columns: [ColumnDescriptor], _ table: TableDescriptor
  ) throws(SQLError) -> IndexDescriptor {
    let index = try keyIndex(constraint, columns, table: table.name)
    if let partitioning = table.lineage.partitioning {
      try requirePartitionKey(in: index, partitioning, columns, table: table.name)
    }
    return index
  }

  // MARK: Renames and moves

  func planRename(_ statement: RenameStatement) throws(SQLError) -> SchemaOperation {
    let name = statement.name.name
    let newName = statement.newName.text
    switch statement.kind {
    case .type: return .renameType(try userType(name).oid, to: newName)
    case .domain:
      let type = try userType(name)
      guard case .constraint(let constraint) = statement.subject else { return .renameType(type.oid, to: newName) }
      guard var domain = type.domain, let index = domain.checks.firstIndex(where: { $0.name == constraint.text }) else {
        throw SQLError(
          .undefinedObject, "constraint \"\(constraint.text)\" for domain \(quoted(type.name)) does not exist")
      }
      domain.checks[index].name = newName
      return .setDomain(type.oid, domain, validations: [])
    case .schema:
      return .renameSchema(try catalog.schema(required: name.name.text).oid, to: newName)
    case .index:
      guard case .index(let index, let table)? = try binder.names.namedRelation(name) else {
        return try missing(statement, "index")
      }
      return .renameIndex(table: table.oid, index: index.oid, to: newName)
    case .table, .view, .sequence, .column, .constraint:
      // ALTER TABLE renames whatever relation it names, indexes too.
      if case .index(let index, let table)? = try binder.names.namedRelation(name), statement.subject == .object {
        return .renameIndex(table: table.oid, index: index.oid, to: newName)
      }
      let (found, notice) = try relation(name, ifExists: statement.ifExists)
      guard let found else { return notice }
      if case .virtual = found.kind { try requireTable(found, "RENAME") }
      switch statement.subject {
      case .object: return .alterTable(found.oid, [.rename(to: newName)])
      case .column(let column):
        let old = try self.column(column, of: found)
        if old.isInherited {
          throw SQLError(.invalidTableDefinition, "cannot rename inherited column \"\(old.name)\"")
        }
        let own = SchemaOperation.alterTable(found.oid, [.renameColumn(from: old.name, to: newName)])
        if found.lineage.children.isEmpty { return own }
        if statement.name.isOnly {
          throw SQLError(
            .invalidTableDefinition, "inherited column \"\(old.name)\" must be renamed in child tables too")
        }
        return .sequence(
          catalog.family(of: found).map { .alterTable($0.oid, [.renameColumn(from: old.name, to: newName)]) })
      case .constraint(let constraint):
        return .alterTable(found.oid, [.renameConstraint(from: constraint.text, to: newName)])
      }
    case .trigger, .rule:
      let found = try binder.names.relation(name)
      guard case .constraint(let trigger) = statement.subject else { return .sequence([]) }
      if statement.kind == .rule { return .renameRule(trigger.text, of: found.oid, to: newName) }
      return .renameTrigger(trigger.text, of: found.oid, to: newName)
    default: throw context.unsupported("renaming a \(statement.kind.rawValue) is")
    }
  }

  private func missing(_ statement: RenameStatement, _ kind: String) throws(SQLError) -> SchemaOperation {
    let name = binder.names.plain(statement.name.name)
    if statement.ifExists {
      return .notice(SQLError(.undefinedTable, "relation \"\(name)\" does not exist, skipping"))
    }
    throw SQLError(.undefinedTable, "relation \"\(name)\" does not exist")
  }

  func planSetSchema(_ statement: SetSchemaStatement) throws(SQLError) -> SchemaOperation {
    if statement.kind == .type || statement.kind == .domain {
      return .setTypeSchema(
        try userType(statement.name.name).oid, to: try catalog.schema(required: statement.schema.text).oid)
    }
    let (found, notice) = try relation(statement.name.name, ifExists: statement.ifExists)
    guard let found else { return notice }
    return .alterTable(found.oid, [.setSchema(try catalog.schema(required: statement.schema.text).oid)])
  }

  func planChangeOwner(_ statement: ChangeOwnerStatement) throws(SQLError) -> SchemaOperation {
    switch statement.kind {
    case .type, .domain: return .setTypeOwner(try userType(statement.name).oid, to: try role(statement.owner))
    case .table, .view, .sequence:
      let found = try binder.names.relation(statement.name)
      return .alterTable(found.oid, [.setOwner(try role(statement.owner))])
    default: throw context.unsupported("changing the owner of a \(statement.kind.rawValue) is")
    }
  }

  // MARK: DROP, TRUNCATE, COMMENT

  func planDrop(_ statement: DropStatement) throws(SQLError) -> SchemaOperation {
    let cascades = statement.behavior == .cascade
    var notices: [String] = []
    var found: [OID] = []
    /// PostgreSQL gives a notice for each name that IF EXISTS passes over; the last one stands for all.
    func absent(_ state: SQLState, _ what: String) throws(SQLError) {
      if statement.ifExists {
        notices.append("\(what) does not exist, skipping")
      } else {
        throw SQLError(state, "\(what) does not exist")
      }
    }
    switch statement.kind {
    case .table, .view, .sequence:
      for name in statement.names {
        let plain = binder.names.plain(name)
        if let schema = name.schema?.text, catalog.schema(named: schema) == nil {
          try absent(.invalidSchemaName, "schema \"\(schema)\"")
          continue
        }
        guard let relation = try binder.names.namedRelation(name) else {
          try absent(.undefinedTable, "\(statement.kind.rawValue) \"\(plain)\"")
          continue
        }
        let kind: String? =
          switch relation {
          case .index: "index"
          case .relation(let table):
            switch table.kind {
            case .table, .virtual: "table"
            case .view: "view"
            case .sequence: "sequence"
            }
          }
        guard kind == statement.kind.rawValue else {
          let article = kind == "index" ? "an index" : "a \(kind ?? "")"
          _ = article
          throw SQLError(
            .wrongObjectType, "\"\(name.name.text)\" is not a \(statement.kind.rawValue)",
            hint: "Use DROP \((kind ?? "").uppercased()) to remove \(kind == "index" ? "an" : "a") \(kind ?? "").")
        }
        if case .relation(let table) = relation, case .virtual = table.kind {
          throw SQLError(
            .insufficientPrivilege, "permission denied: \"\(table.name)\" is a system catalog")
        }
        found.append(relation.oid)
      }
      return found.isEmpty ? notice(notices) : .dropRelations(found, cascades: cascades)
    case .index:
      for name in statement.names {
        switch try binder.names.namedRelation(name) {
        case .index(let index, _)?: found.append(index.oid)
        case .relation?:
          throw SQLError(
            .wrongObjectType, "\"\(name.name.text)\" is not an index",
            hint: "Use DROP TABLE to remove a table.")
        case nil: try absent(.undefinedObject, "index \"\(binder.names.plain(name))\"")
        }
      }
      return found.isEmpty ? notice(notices) : .dropIndexes(found, cascades: cascades)
    case .schema:
      for name in statement.names {
        guard let schema = catalog.schema(named: name.name.text) else {
          try absent(.invalidSchemaName, "schema \"\(name.name.text)\"")
          continue
        }
        found.append(schema.oid)
      }
      return found.isEmpty ? notice(notices) : .dropSchemas(found, cascades: cascades)
    case .type, .domain:
      for name in statement.names {
        guard let type = catalog.type(named: name.name.text, schema: name.schema?.text) else {
          try absent(.undefinedObject, "type \"\(binder.names.plain(name))\"")
          continue
        }
        found.append(type.oid)
      }
      return found.isEmpty ? notice(notices) : .dropTypes(found, cascades: cascades)
    case .database:
      for name in statement.names {
        guard let database = catalog.snapshot.database(named: name.name.text) else {
          try absent(.invalidCatalogName, "database \"\(name.name.text)\"")
          continue
        }
        return .dropDatabase(database.oid)
      }
      return notice(notices)
    case .role:
      for name in statement.roles.isEmpty ? statement.names.map({ RoleName.named($0.name) }) : statement.roles {
        if case .named(let identifier) = name, catalog.snapshot.role(named: identifier.text) == nil {
          try absent(.undefinedObject, "role \"\(identifier.text)\"")
          continue
        }
        found.append(try role(name))
      }
      return found.isEmpty ? notice(notices) : .dropRoles(found)
    default:
      if statement.ifExists {
        return .notice(SQLError(.undefinedObject, "\(statement.kind.rawValue) does not exist, skipping"))
      }
      throw context.unsupported("DROP \(statement.kind.rawValue.uppercased()) is")
    }
  }

  private func notice(_ notices: [String]) -> SchemaOperation {
    .notice(SQLError(.successfulCompletion, notices.last ?? "nothing to do"))
  }

  func planTruncate(_ statement: TruncateStatement) throws(SQLError) -> SchemaOperation {
    var tables: [OID] = []
    for reference in statement.tables {
      let table = try table(reference.name, "TRUNCATE")
      if reference.isOnly, table.isPartitioned {
        throw SQLError(
          .wrongObjectType, "cannot truncate only a partitioned table",
          hint: "Do not specify the ONLY keyword, or use TRUNCATE ONLY on the partitions directly.")
      }
      for member in reference.isOnly ? [table] : catalog.family(of: table) where !tables.contains(member.oid) {
        tables.append(member.oid)
      }
    }
    return .truncate(tables, restartsIdentity: statement.restartsIdentity, cascades: statement.behavior == .cascade)
  }

  func planComment(_ statement: CommentStatement) throws(SQLError) -> SchemaOperation {
    switch statement.kind {
    case .table, .view, .sequence, .index:
      guard let relation = try binder.names.namedRelation(statement.name) else {
        throw context.error(
          .undefinedTable, "relation \"\(binder.names.plain(statement.name))\" does not exist",
          at: statement.name.position)
      }
      return .comment(on: relation.oid, column: nil, text: statement.text)
    case .type, .domain: return .comment(on: try userType(statement.name).oid, column: nil, text: statement.text)
    case .column:
      let found = try binder.names.relation(statement.name)
      guard let member = statement.member else { throw SQLError(.syntaxError, "a column must be named") }
      return .comment(on: found.oid, column: try column(member, of: found).id, text: statement.text)
    case .schema:
      return .comment(on: try catalog.schema(required: statement.name.name.text).oid, column: nil, text: statement.text)
    case .database:
      guard let database = catalog.snapshot.database(named: statement.name.name.text) else {
        throw SQLError(.invalidCatalogName, "database \"\(statement.name.name.text)\" does not exist")
      }
      return .comment(on: database.oid, column: nil, text: statement.text)
    case .role:
      return .comment(on: try role(.named(statement.name.name)), column: nil, text: statement.text)
    case .constraint:
      let found = try table(statement.name, "COMMENT")
      guard let member = statement.member,
        let oid = found.checks.first(where: { $0.name == member.text })?.oid
          ?? found.foreignKeys.first(where: { $0.name == member.text })?.oid
          ?? found.allIndexes.first(where: { $0.isConstraint && $0.name == member.text })?.constraintOID
      else {
        throw SQLError(
          .undefinedObject, "constraint \"\(statement.member?.text ?? "")\" for table \"\(found.name)\" does not exist")
      }
      return .comment(on: oid, column: nil, text: statement.text)
    case .trigger:
      let found = try binder.names.relation(statement.name)
      return .commentTrigger(statement.member?.text ?? "", of: found.oid, statement.text)
    default: throw context.unsupported("comments on a \(statement.kind.rawValue) are")
    }
  }
}
