// CREATE TYPE … AS ENUM and ALTER TYPE. PostgreSQL's grammar: DefineStmt, AlterEnumStmt, RenameStmt, AlterOwnerStmt.

extension SyntaxParser {
  mutating func createType() throws(ParseFailure) -> Statement {
    try expect(.type)
    let name = try qualifiedName()
    try expect(.as)
    if isAt(.leftParen) { return .createComposite(try createComposite(name)) }
    return .createEnum(try createEnum(name))
  }

  private mutating func createComposite(_ name: QualifiedName) throws(ParseFailure) -> CreateCompositeStatement {
    try expect(.leftParen)
    var fields: [ColumnDefinition] = []
    if !isAt(.rightParen) {
      repeat {
        let field = try self.name()
        let type = try typeName()
        fields.append(
          ColumnDefinition(name: field, type: type, collation: accept(.collate) ? try qualifiedName() : nil))
      } while accept(.comma)
    }
    try expect(.rightParen)
    return CreateCompositeStatement(name: name, fields: fields)
  }

  mutating func createDomain() throws(ParseFailure) -> CreateDomainStatement {
    try expect(.domain)
    let name = try qualifiedName()
    _ = accept(.as)
    var column = ColumnDefinition(name: name.name, type: try typeName())
    while let constraint = try columnConstraint(&column) { column.constraints.append(constraint) }
    return CreateDomainStatement(
      name: name, type: column.type, collation: column.collation, constraints: column.constraints)
  }

  mutating func alterDomain() throws(ParseFailure) -> Statement {
    try expect(.domain)
    let name = try qualifiedName()
    func altered(_ change: AlterDomainStatement.Change) -> Statement {
      .alterDomain(AlterDomainStatement(name: name, change: change))
    }
    switch token.keyword {
    case .set:
      advance()
      if accept(.default) { return altered(.setDefault(try expression())) }
      if accept(.not) {
        try expect(.null)
        return altered(.setNotNull(true))
      }
      try expect(.schema)
      return .setSchema(
        SetSchemaStatement(.domain, name: TableReference(name), ifExists: false, schema: try self.name()))
    case .drop:
      advance()
      if accept(.default) { return altered(.setDefault(nil)) }
      if accept(.not) {
        try expect(.null)
        return altered(.setNotNull(false))
      }
      try expect(.constraint)
      let ifExists = try acceptIfExists()
      let constraint = try self.name()
      return altered(.dropConstraint(constraint, ifExists: ifExists, optionalBehavior()))
    case .add:
      advance()
      return altered(.addConstraint(try tableConstraint()))
    case .validate:
      advance()
      try expect(.constraint)
      return altered(.validateConstraint(try self.name()))
    case .rename:
      advance()
      if accept(.constraint) {
        let constraint = try self.name()
        try expect(.to)
        return .rename(
          RenameStatement(
            .domain, name: TableReference(name), subject: .constraint(constraint), newName: try self.name()))
      }
      try expect(.to)
      return .rename(RenameStatement(.domain, name: TableReference(name), newName: try self.name()))
    case .owner:
      advance()
      try expect(.to)
      return .changeOwner(ChangeOwnerStatement(.domain, name: name, owner: try roleName()))
    default: throw syntaxError()
    }
  }

  private mutating func createEnum(_ name: QualifiedName) throws(ParseFailure) -> CreateEnumStatement {
    try expect(.enum)
    try expect(.leftParen)
    var labels: [[UInt8]] = []
    if !isAt(.rightParen) {
      repeat { labels.append(try string()) } while accept(.comma)
    }
    try expect(.rightParen)
    return CreateEnumStatement(name: name, labels: labels)
  }

  mutating func alterType() throws(ParseFailure) -> Statement {
    try expect(.type)
    let name = try qualifiedName()
    switch token.keyword {
    case .add:
      advance()
      try expect(.value)
      let ifNotExists = try acceptIfNotExists()
      let label = try string()
      var neighbor: [UInt8]?
      var isBefore = false
      if accept(.before) {
        isBefore = true
        neighbor = try string()
      } else if accept(.after) {
        neighbor = try string()
      }
      return .alterEnum(
        AlterEnumStatement(
          name: name, change: .add(label, ifNotExists: ifNotExists, neighbor: neighbor, isBefore: isBefore)))
    case .rename:
      advance()
      if accept(.value) {
        let old = try string()
        try expect(.to)
        return .alterEnum(AlterEnumStatement(name: name, change: .rename(old, to: try string())))
      }
      try expect(.to)
      return .rename(
        RenameStatement(.type, name: TableReference(name), ifExists: false, newName: try self.name()))
    case .set:
      advance()
      try expect(.schema)
      return .setSchema(
        SetSchemaStatement(.type, name: TableReference(name), ifExists: false, schema: try self.name()))
    case .owner:
      advance()
      try expect(.to)
      return .changeOwner(ChangeOwnerStatement(.type, name: name, owner: try roleName()))
    default: throw syntaxError()
    }
  }
}
