// The statement list and the choice of a production by a statement's first words. PostgreSQL's grammar: stmtmulti.

import SQLTypes

extension SyntaxParser {
  /// All statements, separated by semicolons; empty ones are left out.
  mutating func statements() throws(ParseFailure) -> [ParsedStatement] {
    var list: [ParsedStatement] = []
    while true {
      while accept(.semicolon) {}
      if isAt(.endOfInput) { return list }
      let start = Int(token.start)
      parameterCount = 0
      let statement = try topStatement()
      list.append(
        ParsedStatement(
          statement: statement, range: SourceRange(start..<previousEnd), parameterCount: parameterCount))
      guard isAt(.semicolon) || isAt(.endOfInput) else { throw syntaxError() }
    }
  }

  /// One statement.
  mutating func topStatement() throws(ParseFailure) -> Statement {
    try enter()
    let statement = try dispatch()
    leave()
    return statement
  }

  private mutating func dispatch() throws(ParseFailure) -> Statement {
    switch token.keyword {
    case .select, .values, .table: return .select(try selectStatement())
    case .with: return try statementWithClause()
    case .insert: return .insert(try insertStatement(nil))
    case .update: return .update(try updateStatement(nil))
    case .delete: return .delete(try deleteStatement(nil))
    case .truncate: return .truncate(try truncateStatement())
    case .copy: return .copy(try copyStatement())

    case .create: return try createStatement()
    case .alter: return try alterStatement()
    case .drop: return try dropStatement()
    case .comment: return .comment(try commentStatement())
    case .refresh: return .refresh(try refreshStatement())
    case .grant, .revoke: return try grantStatement()

    case .begin, .start, .commit, .end, .rollback, .abort, .savepoint, .release:
      return .transaction(try transactionStatement())
    case .set: return try setStatement()
    case .reset: return .set(try resetStatement())
    case .show: return .show(try showStatement())
    case .discard: return .discard(try discardStatement())
    case .prepare: return try prepareStatement()
    case .execute: return .execute(try executeStatement())
    case .deallocate:
      advance()
      if isAt(.prepare), isColumnID(peek()) || isNext(.all) { advance() }
      return .deallocate(accept(.all) ? nil : try name())
    case .declare: return .declareCursor(try declareStatement())
    case .fetch, .move: return .fetch(try fetchStatement())
    case .close:
      advance()
      return .closeCursor(accept(.all) ? nil : try name())

    case .explain: return .explain(try explainStatement())
    case .vacuum, .analyze, .analyse: return .vacuum(try vacuumStatement())
    case .lock: return .lock(try lockStatement())
    case .reindex: return .reindex(try reindexStatement())
    case .cluster: return .cluster(try clusterStatement())
    case .listen, .notify, .unlisten: return .notification(try notificationStatement())
    case .do: return try anonymousBlock()
    case .checkpoint:
      advance()
      return .checkpoint
    default:
      guard isAt(.leftParen) else { throw syntaxError() }
      return .select(try selectStatement())
    }
  }

  /// `DO [LANGUAGE name] 'body'`
  private mutating func anonymousBlock() throws(ParseFailure) -> Statement {
    advance()
    var body: String?
    var language: Identifier?
    repeat {
      let at = position
      if accept(.language) {
        if language != nil { throw grammarError("conflicting or redundant options", at) }
        language = isAtString ? Identifier(try stringText()) : try nonReservedWord()
      } else {
        if body != nil { throw grammarError("conflicting or redundant options", at) }
        body = try stringText()
      }
    } while !isAt(.semicolon) && !isAt(.endOfInput)
    return .anonymousBlock(body: body ?? "", language: language)
  }
}
