// EXPLAIN, VACUUM, ANALYZE, LOCK, REINDEX, CLUSTER, LISTEN, NOTIFY. PostgreSQL's grammar: the statements of these names.

import SQLTypes

extension SyntaxParser {
  mutating func explainStatement() throws(ParseFailure) -> ExplainStatement {
    try expect(.explain)
    var options: [UtilityOption] = []
    if isAt(.leftParen), !isQueryAhead {
      options = try utilityOptions()
    } else {
      if isAt(.analyze) || isAt(.analyse) {
        options.append(UtilityOption("analyze", position: position))
        advance()
      }
      if isAt(.verbose) {
        options.append(UtilityOption("verbose", position: position))
        advance()
      }
    }
    return ExplainStatement(options: options, statement: try explainableStatement())
  }

  /// An ExplainableStmt.
  private mutating func explainableStatement() throws(ParseFailure) -> Statement {
    try enter()
    let statement: Statement
    switch token.keyword {
    case .execute: statement = .execute(try executeStatement())
    case .declare: statement = .declareCursor(try declareStatement())
    case .refresh: statement = .refresh(try refreshStatement())
    case .create:
      let start = token
      statement = try createStatement()
      guard case .createTableAs = statement else { throw syntaxError(at: start) }
    default: statement = try preparableStatement()
    }
    leave()
    return statement
  }

  // MARK: - VACUUM and ANALYZE

  mutating func vacuumStatement() throws(ParseFailure) -> VacuumStatement {
    let isVacuum = accept(.vacuum)
    if !isVacuum { advance() }
    var vacuum = VacuumStatement(isVacuum: isVacuum)
    if isAt(.leftParen) {
      vacuum.options = try utilityOptions()
    } else if isVacuum {
      for word in [Keyword.full, .freeze, .verbose, .analyze] {
        let at = position
        guard accept(word) || word == .analyze && accept(.analyse) else { continue }
        vacuum.options.append(UtilityOption(word.text, position: at))
      }
    } else {
      let at = position
      if accept(.verbose) { vacuum.options.append(UtilityOption("verbose", position: at)) }
    }
    if isColumnID(token) {
      repeat {
        let table = try qualifiedName()
        vacuum.targets.append(.init(table, columns: try optionalNames()))
      } while accept(.comma)
    }
    return vacuum
  }

  // MARK: - LOCK

  mutating func lockStatement() throws(ParseFailure) -> LockStatement {
    try expect(.lock)
    _ = accept(.table)
    var lock = LockStatement(tables: try relations())
    if accept(.in) {
      lock.mode = try lockMode()
      try expect(.mode)
    }
    lock.noWait = accept(.nowait)
    return lock
  }

  private mutating func lockMode() throws(ParseFailure) -> LockStatement.Mode {
    if accept(.access) {
      if accept(.share) { return .accessShare }
      try expect(.exclusive)
      return .accessExclusive
    }
    if accept(.row) {
      if accept(.share) { return .rowShare }
      try expect(.exclusive)
      return .rowExclusive
    }
    if accept(.share) {
      if accept(.update) {
        try expect(.exclusive)
        return .shareUpdateExclusive
      }
      if accept(.row) {
        try expect(.exclusive)
        return .shareRowExclusive
      }
      return .share
    }
    try expect(.exclusive)
    return .exclusive
  }

  // MARK: - REINDEX and CLUSTER

  mutating func reindexStatement() throws(ParseFailure) -> ReindexStatement {
    try expect(.reindex)
    let options = isAt(.leftParen) ? try utilityOptions() : []
    guard let kind = ReindexStatement.Kind(rawValue: token.keyword.text) else { throw syntaxError() }
    advance()
    let isConcurrent = accept(.concurrently)
    let name: QualifiedName
    switch kind {
    case .index, .table: name = try qualifiedName()
    default: name = QualifiedName(try self.name())
    }
    return ReindexStatement(kind, name: name, isConcurrent: isConcurrent, options: options)
  }

  mutating func clusterStatement() throws(ParseFailure) -> ClusterStatement {
    try expect(.cluster)
    var cluster = ClusterStatement(table: nil)
    if isAt(.leftParen) {
      cluster.options = try utilityOptions()
      guard isColumnID(token) else { throw syntaxError() }
    } else {
      let at = position
      if accept(.verbose) { cluster.options = [UtilityOption("verbose", position: at)] }
    }
    guard isColumnID(token) else { return cluster }
    let first = try qualifiedName()
    if accept(.on) {
      // CLUSTER index ON table is the spelling of PostgreSQL 8.2.
      guard first.schema == nil else { throw syntaxError(at: tokens[index - 1]) }
      cluster.index = first.name
      cluster.table = try qualifiedName()
      return cluster
    }
    cluster.table = first
    if accept(.using) { cluster.index = try name() }
    return cluster
  }

  // MARK: - Notifications

  mutating func notificationStatement() throws(ParseFailure) -> NotificationStatement {
    if accept(.listen) { return .listen(try name()) }
    if accept(.unlisten) { return .unlisten(accept(.star) ? nil : try name()) }
    try expect(.notify)
    let channel = try name()
    return .notify(channel, payload: accept(.comma) ? try stringText() : nil)
  }
}
