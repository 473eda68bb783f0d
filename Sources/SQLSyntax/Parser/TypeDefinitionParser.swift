// CREATE TYPE … AS ENUM and ALTER TYPE. PostgreSQL's grammar: DefineStmt, AlterEnumStmt, RenameStmt, AlterOwnerStmt.

extension SyntaxParser {
  mutating func createEnum() throws(ParseFailure) -> CreateEnumStatement {
    try expect(.type)
    let name = try qualifiedName()
    try expect(.as)
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
