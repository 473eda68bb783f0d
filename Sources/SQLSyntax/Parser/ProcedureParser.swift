// The body of a function in PL/pgSQL, as far as it is variables, assignments, IF and RETURN; all else is 0A000.
// PostgreSQL's grammar: pl_gram.y.

import SQLTypes

extension Parser {
  /// A body, from its DECLARE or BEGIN to its END.
  public static func parseProcedure(_ body: [UInt8]) throws(SQLError) -> ProcedureBlock {
    try withParser(body, []) { (parser) throws(ParseFailure) in
      let block = try parser.procedureBlock()
      _ = parser.accept(.semicolon)
      try parser.expectEnd()
      return block
    }
  }
}

extension SyntaxParser {
  mutating func procedureBlock() throws(ParseFailure) -> ProcedureBlock {
    var variables: [ProcedureVariable] = []
    if accept(.declare) {
      while !isAt(.begin) {
        let name = try name()
        if isWord("constant") { advance() }
        let type = try typeName()
        var initial: Expression?
        if isAt(.colonEquals) || isAt(.equals) || isAt(.default) {
          advance()
          initial = try expression()
        }
        try expect(.semicolon)
        variables.append(ProcedureVariable(name: name, type: type, initial: initial))
      }
    }
    try expect(.begin)
    let statements = try procedureStatements()
    try expect(.end)
    return ProcedureBlock(variables: variables, statements: statements)
  }

  private func isWord(_ word: String) -> Bool { text(Int(token.start), Int(token.end)).lowercased() == word }

  /// Statements up to what ends them.
  private mutating func procedureStatements() throws(ParseFailure) -> [ProcedureStatement] {
    var statements: [ProcedureStatement] = []
    while !isAt(.end), !isAt(.else), !isWord("elsif"), !isWord("elseif"), !isAt(.endOfInput) {
      try enter()
      statements.append(try procedureStatement())
      leave()
    }
    return statements
  }

  private mutating func procedureStatement() throws(ParseFailure) -> ProcedureStatement {
    if accept(.return) {
      if isAt(.semicolon) || isWord("next") || isWord("query") { throw unsupportedStatement() }
      let value = try expression()
      try expect(.semicolon)
      return .return(value)
    }
    if accept(.null) {
      try expect(.semicolon)
      return .nothing
    }
    if accept(.if) {
      var branches: [ProcedureBranch] = []
      repeat {
        let condition = try expression()
        try expect(.then)
        branches.append(ProcedureBranch(condition: condition, statements: try procedureStatements()))
      } while acceptElseIf()
      var otherwise: [ProcedureStatement] = []
      if accept(.else) { otherwise = try procedureStatements() }
      try expect(.end)
      try expect(.if)
      try expect(.semicolon)
      return .if(branches, otherwise: otherwise)
    }
    guard isColumnID(token), peek().kind == .colonEquals || peek().kind == .equals else { throw unsupportedStatement() }
    let name = try takeName()
    advance()
    let value = try expression()
    try expect(.semicolon)
    return .assign(name, value)
  }

  private mutating func acceptElseIf() -> Bool {
    guard isWord("elsif") || isWord("elseif") else { return false }
    advance()
    return true
  }

  private func unsupportedStatement() -> ParseFailure {
    ParseFailure(
      .featureNotSupported,
      "functions in language plpgsql with more than variables, assignments, IF and RETURN are not supported yet",
      position: nil)
  }
}
