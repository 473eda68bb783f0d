// CREATE TABLE, CREATE TABLE AS, columns and constraints. PostgreSQL's grammar: CreateStmt, columnDef, TableConstraint.

import SQLTypes

extension SyntaxParser {
  /// After CREATE [persistence] TABLE.
  mutating func createTable(_ persistence: Persistence) throws(ParseFailure) -> Statement {
    let ifNotExists = try acceptIfNotExists()
    let name = try qualifiedName()
    if isAt(.partition), isNext(.of) {
      var table = CreateTableStatement(name: name, persistence: persistence, ifNotExists: ifNotExists, elements: [])
      try partitionOf(&table)
      return .createTable(try tableOptions(table))
    }
    // `name (column type …)` or `name (a, b) AS query` or `name AS query`.
    if !isAt(.leftParen) || isColumnListAhead {
      return try createTableAs(name, persistence, ifNotExists)
    }
    var table = CreateTableStatement(name: name, persistence: persistence, ifNotExists: ifNotExists, elements: [])
    try expect(.leftParen)
    if !isAt(.rightParen) {
      repeat { table.elements.append(try tableElement()) } while accept(.comma)
    }
    try expect(.rightParen)
    if accept(.inherits) {
      try expect(.leftParen)
      table.inherits = try qualifiedNames()
      try expect(.rightParen)
    }
    return .createTable(try tableOptions(table))
  }

  /// What may follow the columns.
  private mutating func tableOptions(_ given: CreateTableStatement) throws(ParseFailure) -> CreateTableStatement {
    var table = given
    if accept(.partition) { table.partitionBy = try partitionSpecification() }
    if accept(.using) { table.accessMethod = try self.name() }
    table.storage = try optionalWithStorage()
    table.onCommit = try optionalOnCommit()
    if accept(.tablespace) { table.tablespace = try self.name() }
    return table
  }

  /// Whether `(a, b)` with nothing but names is at hand.
  private var isColumnListAhead: Bool {
    guard isColumnID(peek()) else { return false }
    let kind = peek(2).kind
    return kind == .comma || kind == .rightParen
  }

  /// `WITH (…)`, `WITHOUT OIDS` or nothing.
  mutating func optionalWithStorage() throws(ParseFailure) -> [UtilityOption] {
    if accept(.with) { return try storageParameters() }
    if accept(.without) { try expect(.oids) }
    return []
  }

  private mutating func optionalOnCommit() throws(ParseFailure) -> CreateTableStatement.OnCommit? {
    guard accept(.on) else { return nil }
    try expect(.commit)
    if accept(.drop) { return .drop }
    if accept(.delete) {
      try expect(.rows)
      return .deleteRows
    }
    try expect(.preserve)
    try expect(.rows)
    return .preserveRows
  }

  private mutating func createTableAs(
    _ name: QualifiedName, _ persistence: Persistence, _ ifNotExists: Bool
  ) throws(ParseFailure) -> Statement {
    let columns = try optionalNames()
    var table = CreateTableAsStatement(
      name: name, columns: columns, persistence: persistence, ifNotExists: ifNotExists, query: .checkpoint)
    if accept(.using) { table.accessMethod = try self.name() }
    table.storage = try optionalWithStorage()
    table.onCommit = try optionalOnCommit()
    if accept(.tablespace) { table.tablespace = try self.name() }
    try expect(.as)
    table.query = isAt(.execute) ? .execute(try executeStatement()) : .select(try selectStatement())
    table.withData = try optionalWithData()
    return .createTableAs(table)
  }

  /// `WITH [NO] DATA` or nothing.
  mutating func optionalWithData() throws(ParseFailure) -> Bool {
    guard accept(.with) else { return true }
    let isWithout = accept(.no)
    try expect(.data)
    return !isWithout
  }

  // MARK: - Elements

  private mutating func tableElement() throws(ParseFailure) -> TableElement {
    switch token.keyword {
    case .like: return .like(try likeClause())
    case .constraint, .check, .unique, .primary, .foreign:
      return .constraint(try tableConstraint())
    case .exclude where isNext(.using) || isNext(.leftParen):
      return .constraint(try tableConstraint())
    default: return .column(try columnDefinition())
    }
  }

  private mutating func likeClause() throws(ParseFailure) -> LikeTableClause {
    advance()
    var like = LikeTableClause(source: try qualifiedName())
    while isAt(.including) || isAt(.excluding) {
      let isIncluded = isAt(.including)
      advance()
      var property: LikeTableClause.Property?
      if isAt(.all) {
        property = nil
      } else {
        guard token.kind == .keyword, let known = LikeTableClause.Property(rawValue: token.keyword.text) else {
          throw syntaxError()
        }
        property = known
      }
      advance()
      like.choices.append(.init(isIncluded: isIncluded, property: property))
    }
    return like
  }

  mutating func columnDefinition() throws(ParseFailure) -> ColumnDefinition {
    let name = try name()
    var column = ColumnDefinition(name: name, type: try typeName())
    if accept(.compression) { column.compression = isAt(.default) ? try takeName() : try self.name() }
    while let constraint = try columnConstraint(&column) { column.constraints.append(constraint) }
    return column
  }

  /// The next constraint of a column; COLLATE goes into the column itself.
  mutating func columnConstraint(
    _ column: inout ColumnDefinition
  ) throws(ParseFailure) -> ColumnConstraint? {
    while isAt(.collate) {
      let at = position
      advance()
      if column.collation != nil { throw grammarError("multiple COLLATE clauses not allowed", at) }
      column.collation = try qualifiedName()
    }
    let at = position
    let name = accept(.constraint) ? try name() : nil
    guard let kind = try columnConstraintKind() else {
      if name != nil { throw syntaxError() }
      return nil
    }
    var constraint = ColumnConstraint(name: name, kind, position: at)
    if case .check = kind, isAt(.no), isNext(.inherit) {
      advance()
      advance()
      constraint.attributes.isNoInherit = true
    }
    try deferrability(&constraint.attributes)
    return constraint
  }

  /// DEFERRABLE and INITIALLY DEFERRED with their opposites, in any order.
  private mutating func deferrability(_ attributes: inout ConstraintAttributes) throws(ParseFailure) {
    var saidDeferrable: Bool?
    while true {
      let at = position
      if isAt(.deferrable) || isAt(.not) && isNext(.deferrable) {
        let isDeferrable = !accept(.not)
        advance()
        if saidDeferrable != nil {
          throw grammarError("multiple DEFERRABLE/NOT DEFERRABLE clauses not allowed", at)
        }
        saidDeferrable = isDeferrable
        if !isDeferrable, attributes.isInitiallyDeferred {
          throw grammarError("constraint declared INITIALLY DEFERRED must be DEFERRABLE", at)
        }
        attributes.isDeferrable = isDeferrable
      } else if accept(.initially) {
        if accept(.immediate) { continue }
        try expect(.deferred)
        if saidDeferrable == false {
          throw grammarError("constraint declared INITIALLY DEFERRED must be DEFERRABLE", at)
        }
        attributes.isInitiallyDeferred = true
        attributes.isDeferrable = true
      } else {
        return
      }
    }
  }

  private mutating func columnConstraintKind() throws(ParseFailure) -> ColumnConstraint.Kind? {
    switch token.keyword {
    case .not:
      advance()
      try expect(.null)
      return .notNull
    case .null:
      advance()
      return .null
    case .unique:
      advance()
      let isDistinct = try optionalNullsNotDistinct()
      return .unique(nullsNotDistinct: isDistinct, try indexParameters())
    case .primary:
      advance()
      try expect(.key)
      return .primaryKey(try indexParameters())
    case .check:
      advance()
      try expect(.leftParen)
      let condition = try expression()
      try expect(.rightParen)
      return .check(condition)
    case .default:
      advance()
      return .default(try restrictedExpression())
    case .references:
      return .references(try foreignKeyTarget())
    case .generated:
      advance()
      return try generatedKind()
    default: return nil
    }
  }

  /// After GENERATED: identity or stored expression.
  private mutating func generatedKind() throws(ParseFailure) -> ColumnConstraint.Kind {
    let at = position
    let isAlways = try generatedWhen()
    try expect(.as)
    if accept(.identity) { return .identity(isAlways: isAlways, try optionalSequenceOptions()) }
    try expect(.leftParen)
    let expression = try expression()
    try expect(.rightParen)
    try expect(.stored)
    if !isAlways { throw grammarError("for a generated column, GENERATED ALWAYS must be specified", at) }
    return .generated(expression)
  }

  /// `ALWAYS` or `BY DEFAULT`
  mutating func generatedWhen() throws(ParseFailure) -> Bool {
    if accept(.always) { return true }
    try expect(.by)
    try expect(.default)
    return false
  }

  /// `(options)` of an identity column, or nothing.
  mutating func optionalSequenceOptions() throws(ParseFailure) -> [SequenceOption] {
    guard accept(.leftParen) else { return [] }
    var options: [SequenceOption] = []
    while let option = try sequenceOption() { options.append(option) }
    if options.isEmpty { throw syntaxError() }
    try expect(.rightParen)
    return options
  }

  private mutating func optionalNullsNotDistinct() throws(ParseFailure) -> Bool {
    guard accept(.nulls) else { return false }
    let isNot = accept(.not)
    try expect(.distinct)
    return isNot
  }

  /// `[WITH (…)] [USING INDEX TABLESPACE t]`
  private mutating func indexParameters() throws(ParseFailure) -> IndexParameters {
    var parameters = IndexParameters()
    if isAt(.with), isNext(.leftParen) {
      advance()
      parameters.storage = try storageParameters()
    }
    if isAt(.using), isNext(.index) {
      advance()
      advance()
      try expect(.tablespace)
      parameters.tablespace = try name()
    }
    return parameters
  }

  /// `REFERENCES …`
  private mutating func foreignKeyTarget() throws(ParseFailure) -> ForeignKeyTarget {
    try expect(.references)
    var target = ForeignKeyTarget(table: try qualifiedName(), columns: try optionalNames())
    if isAt(.match) {
      let at = position
      advance()
      if accept(.full) {
        target.match = .full
      } else if accept(.partial) {
        throw grammarError("MATCH PARTIAL not yet implemented", at, state: .featureNotSupported)
      } else {
        try expect(.simple)
      }
    }
    var sawDelete = false
    var sawUpdate = false
    while isAt(.on) {
      if isNext(.delete), !sawDelete {
        advance()
        advance()
        sawDelete = true
        target.onDelete = try referentialAction()
      } else if isNext(.update), !sawUpdate {
        let at = position
        advance()
        advance()
        sawUpdate = true
        target.onUpdate = try referentialAction()
        switch target.onUpdate {
        case .setNull(let columns) where !columns.isEmpty, .setDefault(let columns) where !columns.isEmpty:
          throw grammarError(
            "a column list with SET \(isSetNull(target.onUpdate) ? "NULL" : "DEFAULT") is only supported for ON DELETE actions",
            at, state: .featureNotSupported)
        default: break
        }
      } else {
        advance()
        throw syntaxError()
      }
    }
    return target
  }

  private func isSetNull(_ action: ForeignKeyTarget.Action) -> Bool {
    if case .setNull = action { return true }
    return false
  }

  private mutating func referentialAction() throws(ParseFailure) -> ForeignKeyTarget.Action {
    if accept(.no) {
      try expect(.action)
      return .noAction
    }
    if accept(.restrict) { return .restrict }
    if accept(.cascade) { return .cascade }
    try expect(.set)
    if accept(.null) { return .setNull(try optionalNames()) }
    try expect(.default)
    return .setDefault(try optionalNames())
  }

  // MARK: - Table constraints

  mutating func tableConstraint() throws(ParseFailure) -> TableConstraint {
    let at = position
    let name = accept(.constraint) ? try name() : nil
    let kind: TableConstraint.Kind
    switch token.keyword {
    case .check:
      advance()
      try expect(.leftParen)
      let condition = try expression()
      try expect(.rightParen)
      kind = .check(condition)
    case .unique:
      advance()
      if isAt(.using), isNext(.index) {
        advance()
        advance()
        kind = .uniqueUsingIndex(try self.name())
      } else {
        let isDistinct = try optionalNullsNotDistinct()
        let columns = try parenthesizedNames()
        kind = .unique(columns, nullsNotDistinct: isDistinct, try keyParameters())
      }
    case .primary:
      advance()
      try expect(.key)
      if isAt(.using), isNext(.index) {
        advance()
        advance()
        kind = .primaryKeyUsingIndex(try self.name())
      } else {
        let columns = try parenthesizedNames()
        kind = .primaryKey(columns, try keyParameters())
      }
    case .foreign:
      advance()
      try expect(.key)
      let columns = try parenthesizedNames()
      kind = .foreignKey(columns, try foreignKeyTarget())
    case .exclude:
      kind = .exclude(try exclusion())
    default: throw syntaxError()
    }
    var constraint = TableConstraint(name: name, kind, position: at)
    try attributes(&constraint)
    return constraint
  }

  /// `[INCLUDE (…)] [WITH (…)] [USING INDEX TABLESPACE t]`
  private mutating func keyParameters() throws(ParseFailure) -> IndexParameters {
    let include = accept(.include) ? try parenthesizedNames() : []
    var parameters = try indexParameters()
    parameters.include = include
    return parameters
  }

  private mutating func exclusion() throws(ParseFailure) -> ExclusionConstraint {
    advance()
    let method = accept(.using) ? try name() : nil
    try expect(.leftParen)
    var elements: [ExclusionConstraint.Element] = []
    repeat {
      let element = try indexElement()
      try expect(.with)
      elements.append(.init(element, isAt(.operator) ? try qualifiedOperator() : try anyOperator()))
    } while accept(.comma)
    try expect(.rightParen)
    let parameters = try keyParameters()
    var filter: Expression?
    if accept(.where) {
      try expect(.leftParen)
      filter = try expression()
      try expect(.rightParen)
    }
    return ExclusionConstraint(method: method, elements: elements, parameters: parameters, filter: filter)
  }

  /// ConstraintAttributeSpec: which attributes a kind of constraint may have is checked as in PostgreSQL.
  private mutating func attributes(_ constraint: inout TableConstraint) throws(ParseFailure) {
    let kindName: String
    var mayDefer = true
    var mayBeNotValid = false
    var mayNotInherit = false
    switch constraint.kind {
    case .check:
      kindName = "CHECK"
      mayDefer = false
      mayBeNotValid = true
      mayNotInherit = true
    case .foreignKey:
      kindName = "FOREIGN KEY"
      mayBeNotValid = true
    case .unique, .uniqueUsingIndex: kindName = "UNIQUE"
    case .primaryKey, .primaryKeyUsingIndex: kindName = "PRIMARY KEY"
    case .exclude: kindName = "EXCLUDE"
    }
    func refuse(_ what: String, _ at: SourcePosition) -> ParseFailure {
      grammarError("\(kindName) constraints cannot be marked \(what)", at, state: .featureNotSupported)
    }
    while true {
      let at = position
      if isAt(.not), isNext(.valid) {
        advance()
        advance()
        if !mayBeNotValid { throw refuse("NOT VALID", at) }
        constraint.attributes.isNotValid = true
      } else if isAt(.no), isNext(.inherit) {
        advance()
        advance()
        if !mayNotInherit { throw refuse("NO INHERIT", at) }
        constraint.attributes.isNoInherit = true
      } else if isAt(.deferrable) || isAt(.initially) || isAt(.not) && isNext(.deferrable) {
        try deferrability(&constraint.attributes)
        if !mayDefer, constraint.attributes.isDeferrable { throw refuse("DEFERRABLE", at) }
      } else {
        return
      }
    }
  }

  /// Attributes alone, for ALTER CONSTRAINT.
  mutating func constraintAttributes() throws(ParseFailure) -> ConstraintAttributes {
    var attributes = ConstraintAttributes()
    try deferrability(&attributes)
    return attributes
  }
}
