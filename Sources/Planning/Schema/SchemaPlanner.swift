// From a DDL statement to a `SchemaOperation`: names resolved, types known, expressions bound once to see that they are sound, then
// kept as SQL text. Nothing is changed here.
// Source: PostgreSQL manual, the pages of these commands; messages are PostgreSQL's.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

struct SchemaPlanner {
  let binder: Binder
  let source: [UInt8]
  /// Plans a query, for `CREATE TABLE AS`.
  let planQuery: (Statement) throws(SQLError) -> QueryPlan

  var context: BindingContext { binder.context }
  var catalog: CatalogView { binder.names.catalog }

  /// The operation; nil if the statement is no DDL.
  func plan(_ statement: Statement) throws(SQLError) -> SchemaOperation? {
    switch statement {
    case .createTable(let statement): try planCreateTable(statement)
    case .createTableAs(let statement): try planCreateTableAs(statement)
    case .createIndex(let statement): try planCreateIndex(statement)
    case .createView(let statement): try planCreateView(statement)
    case .createFunction(let statement): try planCreateFunction(statement)
    case .dropFunction(let statement): try planDropFunction(statement)
    case .createTrigger(let statement): try planCreateTrigger(statement)
    case .dropFromTable(let statement): try planDrop(statement)
    case .createRule(let statement): try planCreateRule(statement)
    case .createEnum(let statement): try planCreateEnum(statement)
    case .alterEnum(let statement): try planAlterEnum(statement)
    case .createComposite(let statement): try planCreateComposite(statement)
    case .createDomain(let statement): try planCreateDomain(statement)
    case .alterDomain(let statement): try planAlterDomain(statement)
    case .createSchema(let statement): try planCreateSchema(statement)
    case .createDatabase(let statement): .createDatabase(name: statement.name.text)
    case .createSequence(let statement): try planCreateSequence(statement)
    case .alterSequence(let statement): try planAlterSequence(statement)
    case .alterTable(let statement): try planAlterTable(statement)
    case .rename(let statement): try planRename(statement)
    case .setSchema(let statement): try planSetSchema(statement)
    case .changeOwner(let statement): try planChangeOwner(statement)
    case .drop(let statement): try planDrop(statement)
    case .truncate(let statement): try planTruncate(statement)
    case .comment(let statement): try planComment(statement)
    case .createRole(let statement):
      .createRole(
        name: statement.name.text,
        try roleOptions(statement.options, canLogin: statement.spelling == .user ? true : nil))
    case .alterRole(let statement): try planAlterRole(statement)
    case .refresh: throw context.unsupported("materialized views are")
    case .alterDatabase: throw context.unsupported("ALTER DATABASE is")
    case .grant(let statement): try planGrant(statement)
    case .grantRole(let statement):
      .changeMembership(
        of: try statement.members.mapTyped { (name: RoleName) throws(SQLError) in try role(name) },
        in: try statement.roles.mapTyped { (name: Identifier) throws(SQLError) in try role(.named(name)) },
        isGrant: statement.isGrant, adminOption: statement.adminOption)
    default: nil
    }
  }

  // MARK: Names

  /// A relation that must exist; nil, with the notice to give, if it need not.
  func relation(
    _ name: QualifiedName, ifExists: Bool
  ) throws(SQLError) -> (table: TableDescriptor?, notice: SchemaOperation) {
    let notice = SchemaOperation.notice(
      SQLError(.undefinedTable, "relation \"\(binder.names.plain(name))\" does not exist, skipping"))
    if ifExists, try binder.names.namedRelation(name) == nil { return (nil, notice) }
    let table = try binder.names.relation(name)
    return (table, notice)
  }

  /// A stored table that must exist and may be changed.
  func table(_ name: QualifiedName, _ action: String) throws(SQLError) -> TableDescriptor {
    let table = try binder.names.relation(name)
    try requireTable(table, action)
    return table
  }

  func requireTable(_ table: TableDescriptor, _ action: String) throws(SQLError) {
    switch table.kind {
    case .table: return
    case .virtual:
      throw SQLError(.insufficientPrivilege, "permission denied: \"\(table.name)\" is a system catalog")
    case .view, .sequence:
      throw SQLError(
        .wrongObjectType, "\(action) cannot be performed on relation \"\(table.name)\"",
        detail: "This operation is not supported for \(table.kind.plural).")
    }
  }

  func column(_ name: Identifier, of table: TableDescriptor) throws(SQLError) -> ColumnDescriptor {
    guard let column = table.column(named: name.text), !column.isHidden else {
      throw context.error(
        .undefinedColumn, "column \"\(name.text)\" of relation \"\(table.name)\" does not exist", at: .unknown)
    }
    return column
  }

  func role(_ name: RoleName) throws(SQLError) -> OID {
    switch name {
    case .named(let identifier):
      guard let role = catalog.snapshot.role(named: identifier.text) else {
        throw SQLError(.undefinedObject, "role \"\(identifier.text)\" does not exist")
      }
      return role.oid
    case .currentRole, .currentUser, .sessionUser: return catalog.userOID
    case .public:
      throw SQLError(.reservedName, "role name \"public\" is reserved")
    }
  }

  // MARK: Expressions kept with a table

  /// A scope in which the columns of a table, existing or to be made, can be named.
  func scope(_ columns: [ColumnDescriptor], of table: String, _ clause: Clause) -> (scope: Scope, ids: [ColumnID]) {
    let scope = Scope(parent: nil, ctes: [])
    var ids: [ColumnID] = []
    for column in columns {
      let id = context.makeColumn(column.name, column.type, isNullable: column.isNullable)
      ids.append(id)
      scope.columns.append(ScopeColumn(name: column.name, id: id, isHidden: column.isHidden))
    }
    scope.tables = [ScopeTable(alias: table, schema: nil, columns: scope.columns, table: nil)]
    scope.clause = clause
    return (scope, ids)
  }

  /// The condition's text, and the columns it reads.
  func condition(
    _ expression: Expression, _ columns: [ColumnDescriptor], of table: String, _ clause: Clause
  ) throws(SQLError) -> (sql: String, columns: [UInt32]) {
    let (scope, ids) = scope(columns, of: table, clause)
    let bound = try binder.bind(expression, scope)
    let boolean = try binder.coerceToBoolean(bound, clause.argumentName, at: expression)
    return (SyntaxPrinter.text(expression), read(boolean, columns, ids))
  }

  /// The ids of the columns that an expression reads, ascending.
  func read(_ expression: ScalarExpression, _ columns: [ColumnDescriptor], _ ids: [ColumnID]) -> [UInt32] {
    let found = expression.columns
    return zip(columns, ids).filter { found.contains($1) }.map { $0.0.id }.sorted()
  }

  /// A default's text, once it is known to fit the column.
  func defaultSQL(_ expression: Expression, for name: String, type: SQLType) throws(SQLError) -> String? {
    if case .literal(.null, _) = expression { return nil }
    let scope = Scope(parent: nil, ctes: [])
    scope.clause = .columnDefault
    let bound = try binder.bind(expression, scope)
    guard try binder.coerceIfPossible(bound, to: type, .assignment, at: expression.position) != nil else {
      throw context.error(
        .datatypeMismatch,
        "column \"\(name)\" is of type \(TypeInfo.format(type)) but default expression is of type \(TypeInfo.format(bound.type))",
        hint: "You will need to rewrite or cast the expression.", at: .unknown)
    }
    return SyntaxPrinter.text(try namingSequencesByOID(expression))
  }

  /// The expression with the sequences that it draws from named by OID: they may be renamed, and dropping one finds it.
  private func namingSequencesByOID(_ expression: Expression) throws(SQLError) -> Expression {
    switch expression {
    case .function(var call):
      let isOfSequences = ["nextval", "currval", "setval"].contains(call.name.name.text)
      for index in call.arguments.indices {
        if isOfSequences && index == 0, let name = literalText(call.arguments[0].value) {
          let oid = try binder.names.regclass(name)
          guard case .function(let named) = try Binder.parseExpression(SequenceReferences.nextValueSQL(oid)) else {
            preconditionFailure("nextval is a function")
          }
          call.arguments[0] = named.arguments[0]
        } else {
          call.arguments[index].value = try namingSequencesByOID(call.arguments[index].value)
        }
      }
      return .function(call)
    case .binary(let name, let left, let right):
      return .binary(name, try namingSequencesByOID(left), try namingSequencesByOID(right))
    case .cast(let operand, let type, let position):
      return .cast(try namingSequencesByOID(operand), type, position)
    case .coalesce(let list, let position):
      return .coalesce(
        try list.mapTyped { (item: Expression) throws(SQLError) in try namingSequencesByOID(item) }, position)
    default: return expression
    }
  }

  /// The text of a string constant, also one that is cast.
  private func literalText(_ expression: Expression) -> String? {
    switch expression {
    case .literal(.string(let text), _): String(decoding: text, as: UTF8.self)
    case .cast(let operand, _, _): literalText(operand)
    default: nil
    }
  }

  // MARK: Sequences

  /// Options over PostgreSQL's defaults for the type.
  func sequenceOptions(
    _ options: [SequenceOption], type: SQLType = .int8, base: SequenceOptions? = nil
  ) throws(SQLError) -> (options: SequenceOptions, restart: Int64?) {
    var result = base ?? SequenceOptions()
    if base == nil { result.type = type }
    for case .type(let name) in options {
      let resolved = try binder.resolveType(name)
      guard [SQLType.int2, .int4, .int8].contains(resolved.unmodified) else {
        throw context.error(
          .invalidParameterValue, "sequence type must be smallint, integer, or bigint", at: name.position)
      }
      result.type = resolved.unmodified
    }
    if let base, base.type != result.type {
      // Bounds that were those of the old type become those of the new.
      func bounds(_ type: SQLType) -> (minimum: Int64, maximum: Int64) {
        switch type {
        case .int2: (Int64(Int16.min), Int64(Int16.max))
        case .int4: (Int64(Int32.min), Int64(Int32.max))
        default: (Int64.min, Int64.max)
        }
      }
      if base.maximum == bounds(base.type).maximum { result.maximum = bounds(result.type).maximum }
      if base.minimum == bounds(base.type).minimum { result.minimum = bounds(result.type).minimum }
    }
    var increment = result.increment
    for case .increment(let value) in options { increment = value }
    guard increment != 0 else { throw SQLError(.invalidParameterValue, "INCREMENT must not be zero") }
    result.increment = increment
    let bounds: (minimum: Int64, maximum: Int64) =
      switch result.type {
      case .int2: (Int64(Int16.min), Int64(Int16.max))
      case .int4: (Int64(Int32.min), Int64(Int32.max))
      default: (Int64.min, Int64.max)
      }
    if base == nil {
      result.minimum = increment > 0 ? 1 : bounds.minimum
      result.maximum = increment > 0 ? bounds.maximum : -1
    }
    var start: Int64?
    var restart: Int64?
    for option in options {
      switch option {
      case .minimum(let value): result.minimum = value ?? (increment > 0 ? 1 : bounds.minimum)
      case .maximum(let value): result.maximum = value ?? (increment > 0 ? bounds.maximum : -1)
      case .start(let value): start = value
      case .cache(let value):
        guard value > 0 else {
          throw SQLError(.invalidParameterValue, "CACHE (\(value)) must be greater than zero")
        }
        result.cache = value
      case .cycle(let cycles): result.cycles = cycles
      case .ownedBy(let name, let columnName):
        let owner = try table(name, "OWNED BY")
        result.ownerTable = owner.oid
        result.ownerColumn = try column(columnName, of: owner).id
      case .ownedByNone:
        result.ownerTable = nil
        result.ownerColumn = nil
      case .type, .increment, .restart, .sequenceName, .logged: break
      }
    }
    guard result.minimum >= bounds.minimum, result.minimum <= bounds.maximum else {
      throw SQLError(
        .invalidParameterValue,
        "MINVALUE (\(result.minimum)) is out of range for sequence data type \(TypeInfo.format(result.type))")
    }
    guard result.maximum >= bounds.minimum, result.maximum <= bounds.maximum else {
      throw SQLError(
        .invalidParameterValue,
        "MAXVALUE (\(result.maximum)) is out of range for sequence data type \(TypeInfo.format(result.type))")
    }
    guard result.minimum < result.maximum else {
      throw SQLError(
        .invalidParameterValue, "MINVALUE (\(result.minimum)) must be less than MAXVALUE (\(result.maximum))")
    }
    if let start {
      result.start = start
    } else if base == nil {
      result.start = increment > 0 ? result.minimum : result.maximum
    }
    if result.start < result.minimum {
      throw SQLError(
        .invalidParameterValue, "START value (\(result.start)) cannot be less than MINVALUE (\(result.minimum))")
    }
    if result.start > result.maximum {
      throw SQLError(
        .invalidParameterValue, "START value (\(result.start)) cannot be greater than MAXVALUE (\(result.maximum))")
    }
    for case .restart(let value) in options { restart = value ?? result.start }
    if let restart, restart < result.minimum || restart > result.maximum {
      let bound =
        restart < result.minimum
        ? "less than MINVALUE (\(result.minimum))" : "greater than MAXVALUE (\(result.maximum))"
      throw SQLError(.invalidParameterValue, "RESTART value (\(restart)) cannot be \(bound)")
    }
    return (result, restart)
  }

  private func planCreateSequence(_ statement: CreateSequenceStatement) throws(SQLError) -> SchemaOperation {
    return .createSequence(
      schema: try binder.names.schemaForCreation(
        statement.name, isTemporary: statement.persistence == .temporary), name: statement.name.name.text,
      try sequenceOptions(statement.options).options, ifNotExists: statement.ifNotExists)
  }

  private func planAlterSequence(_ statement: AlterSequenceStatement) throws(SQLError) -> SchemaOperation {
    let (found, notice) = try relation(statement.name, ifExists: statement.ifExists)
    guard let found else { return notice }
    guard case .sequence(let options) = found.kind else {
      throw SQLError(.wrongObjectType, "\"\(found.name)\" is not a sequence")
    }
    let changed = try sequenceOptions(statement.options, base: options)
    return .alterSequence(found.oid, changed.options, restart: changed.restart)
  }

  // MARK: Schemas and roles

  private func planCreateSchema(_ statement: CreateSchemaStatement) throws(SQLError) -> SchemaOperation {
    precondition(statement.elements.isEmpty, "the session makes what a schema holds")
    var owner: OID?
    if let name = statement.owner { owner = try role(name) }
    let name = statement.name?.text ?? owner.flatMap { catalog.snapshot.role($0)?.name } ?? catalog.user
    return .createSchema(name: name, owner: owner, ifNotExists: statement.ifNotExists)
  }

  private func roleOptions(_ options: [RoleOption], canLogin: Bool?) throws(SQLError) -> RoleOptions {
    var result = RoleOptions()
    result.canLogin = canLogin
    for (index, option) in options.enumerated() where options[..<index].contains(where: { $0.isSame(as: option) }) {
      throw SQLError(.syntaxError, "conflicting or redundant options")
    }
    for option in options {
      switch option {
      case .superuser(let value): result.isSuperuser = value
      case .createDatabase(let value): result.createsDatabases = value
      case .createRole(let value): result.createsRoles = value
      case .inherit(let value): result.inherits = value
      case .login(let value): result.canLogin = value
      case .replication(let value): result.isReplication = value
      case .bypassRowLevelSecurity(let value): result.bypassesRowSecurity = value
      case .connectionLimit(let value): result.connectionLimit = value
      case .password(nil): result.removesPassword = true
      case .password(let text): result.password = text
      case .validUntil(let text):
        guard
          case .int64(let time) = try TypeInfo.find(SQLType.timestamptz.oid)?.input(text, settings: context.settings)
        else { continue }
        result.validUntil = time
      case .inRoles(let names): for name in names { result.inRoles.append(try role(name)) }
      case .members(let names): for name in names { result.members.append(try role(name)) }
      case .adminMembers(let names): for name in names { result.administrators.append(try role(name)) }
      case .systemID: break
      }
    }
    return result
  }

  private func planAlterRole(_ statement: AlterRoleStatement) throws(SQLError) -> SchemaOperation {
    guard let name = statement.role, case .options(let options) = statement.action else {
      throw context.unsupported("ALTER ROLE ... SET is")
    }
    let oid = try role(name)
    return .alterRole(
      name: catalog.snapshot.role(oid)?.name ?? "", try roleOptions(options, canLogin: nil))
  }
}

extension RoleOption {
  /// Whether both set the same thing.
  fileprivate func isSame(as other: RoleOption) -> Bool {
    switch (self, other) {
    case (.superuser, .superuser), (.createDatabase, .createDatabase), (.createRole, .createRole), (.inherit, .inherit),
      (.login, .login), (.replication, .replication), (.bypassRowLevelSecurity, .bypassRowLevelSecurity),
      (.connectionLimit, .connectionLimit), (.password, .password), (.validUntil, .validUntil), (.inRoles, .inRoles),
      (.members, .members), (.adminMembers, .adminMembers):
      true
    default: false
    }
  }
}

extension RelationKind {
  var plural: String {
    switch self {
    case .table: "tables"
    case .view: "views"
    case .sequence: "sequences"
    case .virtual: "system catalogs"
    }
  }
}

extension SyntaxPrinter {
  static func text(_ expression: Expression) -> String { String(decoding: print(expression), as: UTF8.self) }
  static func text(_ statement: Statement) -> String { String(decoding: print(statement), as: UTF8.self) }
}
