// Transactions, settings, prepared statements, cursors. PostgreSQL's grammar: TransactionStmt, VariableSetStmt,
// VariableShowStmt, PrepareStmt, DeclareCursorStmt, FetchStmt.

import SQLTypes

extension SyntaxParser {
  // MARK: - Transactions

  mutating func transactionStatement() throws(ParseFailure) -> TransactionStatement {
    let word = token.keyword
    advance()
    switch word {
    case .begin:
      optionalTransactionWord()
      return .begin(try transactionModes(isRequired: false), isStart: false)
    case .start:
      try expect(.transaction)
      return .begin(try transactionModes(isRequired: false), isStart: true)
    case .commit where isAt(.prepared):
      advance()
      return .commitPrepared(try stringText())
    case .rollback where isAt(.prepared):
      advance()
      return .rollbackPrepared(try stringText())
    case .commit, .end:
      optionalTransactionWord()
      return .commit(chain: try optionalChain())
    case .savepoint: return .savepoint(try savepointName())
    case .release:
      if isAt(.savepoint), isColumnID(peek()) { advance() }
      return .release(try savepointName())
    default:
      optionalTransactionWord()
      if word == .rollback, accept(.to) {
        if isAt(.savepoint), isColumnID(peek()) { advance() }
        return .rollbackTo(try savepointName())
      }
      return .rollback(chain: try optionalChain())
    }
  }

  private mutating func savepointName() throws(ParseFailure) -> Identifier { try name() }

  private mutating func optionalTransactionWord() {
    if !accept(.work) { _ = accept(.transaction) }
  }

  /// `AND CHAIN`, `AND NO CHAIN` or nothing.
  private mutating func optionalChain() throws(ParseFailure) -> Bool {
    guard accept(.and) else { return false }
    let isNot = accept(.no)
    try expect(.chain)
    return !isNot
  }

  /// A transaction_mode_list; commas are optional.
  mutating func transactionModes(isRequired: Bool) throws(ParseFailure) -> TransactionModes {
    var modes = TransactionModes()
    var isFirst = true
    while true {
      let sawComma = !isFirst && accept(.comma)
      switch token.keyword {
      case .isolation:
        advance()
        try expect(.level)
        modes.isolation = try isolationLevel()
      case .read:
        advance()
        if accept(.only) {
          modes.isReadOnly = true
        } else {
          try expect(.write)
          modes.isReadOnly = false
        }
      case .deferrable:
        advance()
        modes.isDeferrable = true
      case .not where isNext(.deferrable):
        advance()
        advance()
        modes.isDeferrable = false
      case _ where isWord("priority", token):
        advance()
        guard let priority = TransactionPriority.allCases.first(where: { isWord($0.rawValue, token) }) else {
          throw syntaxError()
        }
        advance()
        modes.priority = priority
      case .as where isAtAsOf:
        modes.asOf = try asOfClause()
      default:
        if sawComma || isFirst && isRequired { throw syntaxError() }
        return modes
      }
      isFirst = false
    }
  }

  private mutating func isolationLevel() throws(ParseFailure) -> IsolationLevel {
    if accept(.serializable) { return .serializable }
    if accept(.repeatable) {
      try expect(.read)
      return .repeatableRead
    }
    try expect(.read)
    if accept(.uncommitted) { return .readUncommitted }
    try expect(.committed)
    return .readCommitted
  }

  // MARK: - Settings

  mutating func setStatement() throws(ParseFailure) -> Statement {
    try expect(.set)
    switch token.keyword {
    case .constraints:
      advance()
      let names = accept(.all) ? [] : try qualifiedNames()
      let isDeferred = accept(.deferred)
      if !isDeferred { try expect(.immediate) }
      return .setConstraints(SetConstraintsStatement(constraints: names, isDeferred: isDeferred))
    case .cluster where isWord("setting", peek()):
      advance()
      advance()
      return .set(try clusterSetting())
    case .local where !followsAsSetting(1):
      advance()
      return try setRest(.local)
    case .session where isNext(.characteristics):
      advance()
      advance()
      try expect(.as)
      try expect(.transaction)
      return .setTransaction(.sessionCharacteristics(try transactionModes(isRequired: true)))
    case .session where isNext(.authorization):
      return .set(try settingRest(.session))
    case .session where !followsAsSetting(1):
      advance()
      return try setRest(.session)
    default:
      return try setRest(.session)
    }
  }

  /// `name = value` or `name TO DEFAULT` of a setting of the cluster.
  private mutating func clusterSetting() throws(ParseFailure) -> SetStatement {
    let name = try settingName()
    guard accept(.to) || accept(.equals) else { throw syntaxError() }
    let value: SetStatement.Value = accept(.default) ? .default : .values([try settingValue()])
    return SetStatement(scope: .cluster, name: name, value: value)
  }

  /// Whether a token is this word, which is a keyword nowhere else.
  private func isWord(_ word: String, _ token: Token) -> Bool {
    token.kind == .identifier && text(Int(token.start), Int(token.end)).lowercased() == word
  }

  /// Whether the token at `offset` shows that the word before it is itself the setting's name.
  private func followsAsSetting(_ offset: Int) -> Bool {
    let next = peek(offset)
    return next.kind == .equals || next.kind == .dot || next.keyword == .to
  }

  private mutating func setRest(_ scope: SetStatement.Scope) throws(ParseFailure) -> Statement {
    if isAt(.transaction), !followsAsSetting(1) {
      advance()
      if accept(.snapshot) { return .setTransaction(.snapshot(try stringText())) }
      return .setTransaction(.transaction(try transactionModes(isRequired: true)))
    }
    return .set(try settingRest(scope))
  }

  /// The rest of `SET x = …` or one of SQL's own spellings, for SET and ALTER … SET.
  private mutating func settingRest(_ scope: SetStatement.Scope) throws(ParseFailure) -> SetStatement {
    func setting(_ name: String, _ value: SetStatement.Value) -> SetStatement {
      SetStatement(scope: scope, name: name, value: value)
    }
    if !followsAsSetting(1) {
      switch token.keyword {
      case .time where isNext(.zone):
        advance()
        advance()
        return setting("timezone", try timeZoneValue())
      case .catalog:
        let at = position
        advance()
        _ = try string()
        throw grammarError("current database cannot be changed", at, state: .featureNotSupported)
      case .schema:
        advance()
        return setting("search_path", .values([.string(try stringText())]))
      case .names:
        advance()
        if isAtString { return setting("client_encoding", .values([.string(try stringText())])) }
        _ = accept(.default)
        return setting("client_encoding", .default)
      case .role:
        advance()
        return setting("role", .values([.string(isAtString ? try stringText() : try nonReservedWord().text)]))
      case .session where isNext(.authorization):
        advance()
        advance()
        if accept(.default) { return setting("session_authorization", .default) }
        let user = isAtString ? try stringText() : try nonReservedWord().text
        return setting("session_authorization", .values([.string(user)]))
      case .xml where isNext(.option):
        advance()
        advance()
        let isDocument = accept(.document)
        if !isDocument { try expect(.content) }
        return setting("xmloption", .values([.string(isDocument ? "DOCUMENT" : "CONTENT")]))
      default: break
      }
    }
    let name = try settingName()
    if accept(.from) {
      try expect(.current)
      return setting(name, .current)
    }
    guard accept(.to) || accept(.equals) else { throw syntaxError() }
    if accept(.default) { return setting(name, .default) }
    var values = [try settingValue()]
    while accept(.comma) { values.append(try settingValue()) }
    return setting(name, .values(values))
  }

  /// A var_name: `work_mem`, `my.setting`
  private mutating func settingName() throws(ParseFailure) -> String {
    var text = try name().text
    while accept(.dot) { text += "." + (try name().text) }
    return text
  }

  private mutating func settingValue() throws(ParseFailure) -> SetStatement.Argument {
    if isAtNumber || isAt(.plus) || isAt(.minus) {
      let digits = try signedNumberText()
      if let value = Int32(digits) { return .integer(Int64(value)) }
      return .numeric(digits)
    }
    if isAtString { return .string(try stringText()) }
    if isAt(.true) || isAt(.false) || isAt(.on) {
      let word = token.keyword.text
      advance()
      return .string(word)
    }
    return .string(try nonReservedWord().text)
  }

  /// A zone_value.
  private mutating func timeZoneValue() throws(ParseFailure) -> SetStatement.Value {
    if accept(.default) || accept(.local) { return .default }
    if isAtString { return .values([.string(try stringText())]) }
    if isAt(.interval) {
      let at = position
      var type = try constantTypeName()
      let text = try stringText()
      if type.modifiers.isEmpty {
        try intervalFields(&type)
        switch type.intervalFields {
        case nil, .hour, .hourToMinute: break
        default:
          throw grammarError("time zone interval must be HOUR or HOUR TO MINUTE", at)
        }
      }
      return .values([.interval(type, text)])
    }
    if isAtNumber || isAt(.plus) || isAt(.minus) { return .values([try settingValue()]) }
    guard isAt(.identifier) || isAt(.quotedIdentifier) else { throw syntaxError() }
    return .values([.string(try takeName().text)])
  }

  mutating func resetStatement() throws(ParseFailure) -> SetStatement {
    try expect(.reset)
    if accept(.all) { return SetStatement(name: nil, value: .reset) }
    if isAt(.cluster), isWord("setting", peek()) {
      advance()
      advance()
      return SetStatement(scope: .cluster, name: try settingName(), value: .reset)
    }
    if accept(.time, .zone) { return SetStatement(name: "timezone", value: .reset) }
    if isAt(.transaction), isNext(.isolation) {
      advance()
      advance()
      try expect(.level)
      return SetStatement(name: "transaction_isolation", value: .reset)
    }
    if accept(.session, .authorization) {
      return SetStatement(name: "session_authorization", value: .reset)
    }
    return SetStatement(name: try settingName(), value: .reset)
  }

  /// `SET x …` or `RESET x` after ALTER DATABASE or ALTER ROLE.
  mutating func setOrReset() throws(ParseFailure) -> SetStatement {
    if isAt(.reset) { return try resetStatement() }
    try expect(.set)
    return try settingRest(.session)
  }

  mutating func showStatement() throws(ParseFailure) -> ShowStatement {
    try expect(.show)
    if accept(.all) { return .all }
    if isAt(.cluster), isWord("setting", peek()) {
      advance()
      advance()
      return .clusterSetting(try settingName())
    }
    if isAt(.cluster), isWord("settings", peek()) {
      advance()
      advance()
      return .clusterSettings
    }
    if isWord("ranges", token) {
      advance()
      return .ranges
    }
    if isWord("clock", token) {
      advance()
      return .clock
    }
    if accept(.time, .zone) { return .setting("timezone") }
    if isAt(.transaction), isNext(.isolation) {
      advance()
      advance()
      try expect(.level)
      return .setting("transaction_isolation")
    }
    if isAt(.transaction), isWord("priority", peek()) {
      advance()
      advance()
      return .setting("transaction_priority")
    }
    if accept(.session, .authorization) { return .setting("session_authorization") }
    return .setting(try settingName())
  }

  mutating func discardStatement() throws(ParseFailure) -> DiscardStatement {
    try expect(.discard)
    if accept(.all) { return .all }
    if accept(.temp) || accept(.temporary) { return .temporary }
    if accept(.plans) { return .plans }
    try expect(.sequences)
    return .sequences
  }

  // MARK: - Prepared statements

  mutating func prepareStatement() throws(ParseFailure) -> Statement {
    try expect(.prepare)
    if isAt(.transaction), peek().kind == .string || peek().kind == .escapeString {
      advance()
      return .transaction(.prepare(try stringText()))
    }
    let name = try name()
    var types: [TypeName] = []
    if accept(.leftParen) {
      repeat { types.append(try typeName()) } while accept(.comma)
      try expect(.rightParen)
    }
    try expect(.as)
    let outer = parameterCount
    parameterCount = 0
    let statement = try preparableStatement()
    let count = parameterCount
    // These parameters belong to EXECUTE, not to the client's bind message.
    parameterCount = outer
    return .prepare(PrepareStatement(name: name, types: types, statement: statement, parameterCount: count))
  }

  mutating func executeStatement() throws(ParseFailure) -> ExecuteStatement {
    try expect(.execute)
    let name = try name()
    return ExecuteStatement(name: name, arguments: isAt(.leftParen) ? try parenthesizedExpressions() : [])
  }

  // MARK: - Cursors

  mutating func declareStatement() throws(ParseFailure) -> DeclareCursorStatement {
    try expect(.declare)
    let name = try name()
    var cursor = DeclareCursorStatement(
      name: name, query: SelectStatement(body: .values([], .unknown)))
    while true {
      if accept(.no) {
        try expect(.scroll)
        cursor.isScroll = false
      } else if accept(.scroll) {
        cursor.isScroll = true
      } else if accept(.binary) {
        cursor.isBinary = true
      } else if accept(.asensitive) {
        cursor.isInsensitive = false
      } else if accept(.insensitive) {
        cursor.isInsensitive = true
      } else {
        break
      }
    }
    try expect(.cursor)
    if accept(.with) {
      try expect(.hold)
      cursor.isHold = true
    } else if accept(.without) {
      try expect(.hold)
    }
    try expect(.for)
    cursor.query = try selectStatement()
    return cursor
  }

  mutating func fetchStatement() throws(ParseFailure) -> FetchStatement {
    let isMove = isAt(.move)
    advance()
    let direction = try fetchDirection()
    return FetchStatement(direction, cursor: try name(), isMove: isMove)
  }

  /// Consumes the direction and FROM or IN. A direction's word may also be the cursor's name.
  private mutating func fetchDirection() throws(ParseFailure) -> FetchStatement.Direction {
    let next = peek()
    let isCursorNext = isColumnID(next) || next.keyword == .from || next.keyword == .in
    var direction = FetchStatement.Direction.forward(1)
    switch token.keyword {
    case .next where isCursorNext, .prior where isCursorNext, .first where isCursorNext, .last where isCursorNext:
      switch token.keyword {
      case .next: direction = .forward(1)
      case .prior: direction = .backward(1)
      case .first: direction = .absolute(1)
      default: direction = .absolute(-1)
      }
      advance()
    case .absolute where next.kind != .endOfInput && next.kind != .semicolon,
      .relative where next.kind != .endOfInput && next.kind != .semicolon:
      let isAbsolute = isAt(.absolute)
      advance()
      let count = Int64(try signedInteger())
      direction = isAbsolute ? .absolute(count) : .relative(count)
    case .all:
      advance()
      direction = .forward(nil)
    case .forward where next.kind != .endOfInput && next.kind != .semicolon,
      .backward where next.kind != .endOfInput && next.kind != .semicolon:
      let isForward = isAt(.forward)
      advance()
      var count: Int64? = 1
      if accept(.all) {
        count = nil
      } else if isAt(.integerConstant) || isAt(.plus) || isAt(.minus) {
        count = Int64(try signedInteger())
      }
      direction = isForward ? .forward(count) : .backward(count)
    default:
      if isAt(.integerConstant) || isAt(.plus) || isAt(.minus) { direction = .forward(Int64(try signedInteger())) }
    }
    if !accept(.from) { _ = accept(.in) }
    return direction
  }
}
