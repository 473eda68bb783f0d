// CREATE of what is no table, DROP, COMMENT ON, REFRESH. PostgreSQL's grammar: IndexStmt, ViewStmt,
// CreateSchemaStmt, CreatedbStmt, CreateSeqStmt, DropStmt, CommentStmt.

import SQLTypes

extension SyntaxParser {
  mutating func createStatement() throws(ParseFailure) -> Statement {
    try expect(.create)
    let orReplace = accept(.or)
    if orReplace { try expect(.replace) }
    let hasPersistence = isAt(.temp) || isAt(.temporary) || isAt(.unlogged) || isAt(.local) || isAt(.global)
    let persistence = optionalPersistence()
    switch token.keyword {
    case .view, .recursive:
      guard persistence != .unlogged else { throw syntaxError() }
      return .createView(try createView(persistence, orReplace))
    case .function where !hasPersistence: return .createFunction(try createFunction(orReplace: orReplace))
    case .trigger where !hasPersistence:
      return .createTrigger(try createTrigger(orReplace: orReplace, isConstraint: false))
    case .constraint where !hasPersistence:
      advance()
      return .createTrigger(try createTrigger(orReplace: orReplace, isConstraint: true))
    case .rule where !hasPersistence: return .createRule(try createRule(orReplace: orReplace))
    case _ where orReplace: throw syntaxError()
    case .table:
      advance()
      return try createTable(persistence)
    case .sequence:
      advance()
      let ifNotExists = try acceptIfNotExists()
      let name = try qualifiedName()
      var options: [SequenceOption] = []
      while let option = try sequenceOption() { options.append(option) }
      return .createSequence(
        CreateSequenceStatement(name: name, persistence: persistence, ifNotExists: ifNotExists, options: options))
    case .materialized:
      guard persistence != .temporary else { throw syntaxError() }
      return .createTableAs(try createMaterializedView(persistence))
    case _ where hasPersistence: throw syntaxError()
    case .unique, .index: return .createIndex(try createIndex())
    case .schema: return .createSchema(try createSchema())
    case .database: return .createDatabase(try createDatabase())
    case .type: return try createType()
    case .domain: return .createDomain(try createDomain())
    case .role, .user, .group: return .createRole(try createRole())
    default: throw syntaxError()
    }
  }

  // MARK: - Indexes

  private mutating func createIndex() throws(ParseFailure) -> CreateIndexStatement {
    let isUnique = accept(.unique)
    try expect(.index)
    let isConcurrent = accept(.concurrently)
    let ifNotExists = try acceptIfNotExists()
    let name = isAt(.on) && !ifNotExists ? nil : try name()
    try expect(.on)
    let table = try relation()
    var index = CreateIndexStatement(
      name: name, table: table, elements: [], isUnique: isUnique, isConcurrent: isConcurrent,
      ifNotExists: ifNotExists)
    if accept(.using) { index.method = try self.name() }
    index.elements = try indexElements()
    if accept(.include) { index.include = try indexElements() }
    if accept(.nulls) {
      index.nullsNotDistinct = accept(.not)
      try expect(.distinct)
    }
    if isAt(.with) {
      advance()
      index.storage = try storageParameters()
    }
    if accept(.tablespace) { index.tablespace = try self.name() }
    if accept(.where) { index.filter = try expression() }
    return index
  }

  /// `(element, …)`
  mutating func indexElements() throws(ParseFailure) -> [IndexElement] {
    try expect(.leftParen)
    var list: [IndexElement] = []
    repeat { list.append(try indexElement()) } while accept(.comma)
    try expect(.rightParen)
    return list
  }

  /// An index_elem: column, function call or expression in parentheses, and its options.
  mutating func indexElement() throws(ParseFailure) -> IndexElement {
    let at = position
    let key: IndexElement.Key
    if accept(.leftParen) {
      key = .expression(try expression())
      try expect(.rightParen)
    } else if isColumnID(token), peek().kind != .leftParen, peek().kind != .dot {
      key = .column(try takeName())
    } else {
      key = .expression(try windowlessFunction())
    }
    var element = IndexElement(key, position: at)
    if accept(.collate) { element.collation = try qualifiedName() }
    if isColumnID(token), !isAt(.nulls) || !(isNext(.first) || isNext(.last)), !isAt(.include) {
      element.operatorClass = try qualifiedName()
      if isAt(.leftParen) { element.operatorClassOptions = try storageParameters() }
    }
    if accept(.asc) {
      element.isDescending = false
    } else if accept(.desc) {
      element.isDescending = true
    }
    element.nulls = try optionalNulls()
    return element
  }

  // MARK: - Views

  private mutating func createView(
    _ persistence: Persistence, _ orReplace: Bool
  ) throws(ParseFailure) -> CreateViewStatement {
    let isRecursive = accept(.recursive)
    try expect(.view)
    let name = try qualifiedName()
    let columns = isRecursive ? try parenthesizedNames() : try optionalNames()
    var options: [UtilityOption] = []
    if accept(.with) { options = try storageParameters() }
    try expect(.as)
    let start = Int(token.start)
    var view = CreateViewStatement(
      name: name, columns: columns, persistence: persistence, orReplace: orReplace, isRecursive: isRecursive,
      options: options, query: try selectStatement())
    view.queryRange = SourceRange(start..<previousEnd)
    if isAt(.with) {
      let at = position
      advance()
      if accept(.local) {
        view.checkOption = .local
      } else {
        _ = accept(.cascaded)
        view.checkOption = .cascaded
      }
      try expect(.check)
      try expect(.option)
      if isRecursive {
        throw grammarError(
          "WITH CHECK OPTION not supported on recursive views", at, state: .featureNotSupported)
      }
    }
    return view
  }

  private mutating func createMaterializedView(
    _ persistence: Persistence
  ) throws(ParseFailure) -> CreateTableAsStatement {
    advance()
    try expect(.view)
    let ifNotExists = try acceptIfNotExists()
    let name = try qualifiedName()
    let columns = try optionalNames()
    let method = accept(.using) ? try self.name() : nil
    let storage = try optionalWithStorage()
    let tablespace = accept(.tablespace) ? try self.name() : nil
    try expect(.as)
    let query = Statement.select(try selectStatement())
    return CreateTableAsStatement(
      name: name, columns: columns, isMaterializedView: true, persistence: persistence,
      ifNotExists: ifNotExists, accessMethod: method, storage: storage, tablespace: tablespace, query: query,
      withData: try optionalWithData())
  }

  mutating func refreshStatement() throws(ParseFailure) -> RefreshStatement {
    advance()
    try expect(.materialized)
    try expect(.view)
    let isConcurrent = accept(.concurrently)
    let name = try qualifiedName()
    return RefreshStatement(name: name, isConcurrent: isConcurrent, withData: try optionalWithData())
  }

  // MARK: - Schemas and databases

  private mutating func createSchema() throws(ParseFailure) -> CreateSchemaStatement {
    advance()
    let ifNotExists = try acceptIfNotExists()
    var schema = CreateSchemaStatement(name: nil, ifNotExists: ifNotExists)
    if !isAt(.authorization) { schema.name = try name() }
    if accept(.authorization) { schema.owner = try roleName() }
    while isAt(.create) || isAt(.grant) {
      let at = position
      let element = try topStatement()
      switch element {
      case .createTable, .createIndex, .createSequence, .createView, .grant: break
      default: throw syntaxError()
      }
      if ifNotExists {
        throw grammarError(
          "CREATE SCHEMA IF NOT EXISTS cannot include schema elements", at, state: .featureNotSupported)
      }
      schema.elements.append(element)
    }
    return schema
  }

  private mutating func createDatabase() throws(ParseFailure) -> CreateDatabaseStatement {
    advance()
    let name = try name()
    _ = accept(.with)
    return CreateDatabaseStatement(name: name, options: try databaseOptions())
  }

  /// `OWNER = x ENCODING 'UTF8' CONNECTION LIMIT 5 …`
  mutating func databaseOptions() throws(ParseFailure) -> [UtilityOption] {
    var options: [UtilityOption] = []
    while true {
      let at = position
      let name: String
      switch token.keyword {
      case .connection:
        advance()
        try expect(.limit)
        name = "connection_limit"
      case .encoding, .location, .owner, .tablespace, .template:
        name = token.keyword.text
        advance()
      default:
        guard token.kind == .identifier || token.kind == .quotedIdentifier else { return options }
        name = try takeName().text
      }
      _ = accept(.equals)
      let value: UtilityOption.Value?
      if accept(.default) {
        value = nil
      } else if let written = try optionalOptionValue() {
        value = written
      } else {
        throw syntaxError()
      }
      options.append(UtilityOption(name, value, position: at))
    }
  }

  // MARK: - Sequences

  /// The next SeqOptElem, `nil` when none follows.
  mutating func sequenceOption() throws(ParseFailure) -> SequenceOption? {
    switch token.keyword {
    case .as:
      advance()
      return .type(try typeName())
    case .cache:
      advance()
      return .cache(try signedInteger64())
    case .cycle:
      advance()
      return .cycle(true)
    case .increment:
      advance()
      _ = accept(.by)
      return .increment(try signedInteger64())
    case .maxvalue:
      advance()
      return .maximum(try signedInteger64())
    case .minvalue:
      advance()
      return .minimum(try signedInteger64())
    case .no:
      advance()
      if accept(.cycle) { return .cycle(false) }
      if accept(.maxvalue) { return .maximum(nil) }
      try expect(.minvalue)
      return .minimum(nil)
    case .owned:
      advance()
      try expect(.by)
      return try ownedBy()
    case .sequence:
      advance()
      try expect(.name)
      return .sequenceName(try qualifiedName())
    case .start:
      advance()
      _ = accept(.with)
      return .start(try signedInteger64())
    case .restart:
      advance()
      if accept(.with) { return .restart(try signedInteger64()) }
      return .restart(isAtNumber || isAt(.plus) || isAt(.minus) ? try signedInteger64() : nil)
    case .logged, .unlogged:
      let isLogged = isAt(.logged)
      advance()
      return .logged(isLogged)
    default: return nil
    }
  }

  private mutating func ownedBy() throws(ParseFailure) -> SequenceOption {
    guard isColumnID(token) else { throw syntaxError() }
    var parts = [try takeName()]
    while accept(.dot) { parts.append(try label()) }
    if parts.count == 1 {
      if parts[0].text == "none" { return .ownedByNone }
      throw grammarError(
        "invalid OWNED BY option", .unknown, hint: "Specify OWNED BY table.column or OWNED BY NONE.")
    }
    let column = parts.removeLast()
    return .ownedBy(table: try qualifiedName(parts), column: column)
  }

  // MARK: - DROP

  /// The kind of object that the next words name, and their consumption.
  mutating func objectKind() throws(ParseFailure) -> ObjectKind {
    let kind: ObjectKind
    switch token.keyword {
    case .table: kind = .table
    case .index: kind = .index
    case .view: kind = .view
    case .sequence: kind = .sequence
    case .schema: kind = .schema
    case .database: kind = .database
    case .role, .user, .group: kind = .role
    case .type: kind = .type
    case .domain: kind = .domain
    case .column: kind = .column
    case .constraint: kind = .constraint
    case .trigger: kind = .trigger
    case .rule: kind = .rule
    case .tablespace: kind = .tablespace
    case .extension: kind = .extension_
    case .collation: kind = .collation
    case .materialized where isNext(.view):
      advance()
      kind = .materializedView
    case .foreign where isNext(.table):
      advance()
      kind = .foreignTable
    default: throw syntaxError()
    }
    advance()
    return kind
  }

  mutating func dropStatement() throws(ParseFailure) -> Statement {
    try expect(.drop)
    switch token.keyword {
    case .column, .constraint, .tablespace: throw syntaxError()
    case .function: return .dropFunction(try dropFunction())
    case .trigger: return .dropFromTable(try dropFromTable(.trigger))
    case .rule: return .dropFromTable(try dropFromTable(.rule))
    default: break
    }
    let kind = try objectKind()
    var drop = DropStatement(kind, names: [])
    if kind == .index, accept(.concurrently) { drop.isConcurrent = true }
    drop.ifExists = try acceptIfExists()
    switch kind {
    case .role:
      drop.roles = try roleNames()
    case .database:
      drop.names = [QualifiedName(try name())]
      let hasWith = accept(.with)
      if isAt(.leftParen) {
        repeat {
          advance()
          try expect(.force)
        } while isAt(.comma)
        try expect(.rightParen)
        drop.isForced = true
      } else if hasWith {
        throw syntaxError()
      }
    case .schema, .extension_:
      // These have no schema of their own.
      drop.names = try names().map { QualifiedName($0) }
      drop.behavior = optionalBehavior()
    default:
      drop.names = try qualifiedNames()
      drop.behavior = optionalBehavior()
    }
    return .drop(drop)
  }

  // MARK: - COMMENT

  mutating func commentStatement() throws(ParseFailure) -> CommentStatement {
    advance()
    try expect(.on)
    let kind = try objectKind()
    var name: QualifiedName
    var member: Identifier?
    switch kind {
    case .column:
      var parts = [try self.name()]
      while accept(.dot) { parts.append(try label()) }
      guard parts.count > 1 else {
        throw grammarError("column name must be qualified", .unknown)
      }
      member = parts.removeLast()
      name = try qualifiedName(parts)
    case .constraint, .trigger, .rule:
      member = try self.name()
      try expect(.on)
      name = try qualifiedName()
    case .schema, .database, .role, .tablespace, .extension_:
      name = QualifiedName(try self.name())
    default:
      name = try qualifiedName()
    }
    try expect(.is)
    let text: String? = accept(.null) ? nil : try stringText()
    return CommentStatement(kind, name: name, member: member, text: text)
  }
}
