// COPY with both of its option syntaxes, and option lists in parentheses. PostgreSQL's grammar: CopyStmt.

import SQLTypes

extension SyntaxParser {
  mutating func copyStatement() throws(ParseFailure) -> CopyStatement {
    advance()
    if isAt(.leftParen) {
      advance()
      let query = try preparableStatement()
      try expect(.rightParen)
      try expect(.to)
      let target = try copyTarget(.to)
      var copy = CopyStatement(source: .query(query), direction: .to, target: target)
      _ = accept(.with)
      copy.options = try copyOptions()
      return copy
    }
    let isBinary = accept(.binary)
    let table = try qualifiedName()
    let columns = try optionalNames()
    let direction: CopyStatement.Direction
    if accept(.from) {
      direction = .from
    } else {
      try expect(.to)
      direction = .to
    }
    let target = try copyTarget(direction)
    var copy = CopyStatement(source: .table(table, columns: columns), direction: direction, target: target)
    if isBinary { copy.options.append(UtilityOption("format", .string("binary"))) }
    if isAt(.using) || isAt(.delimiters) {
      _ = accept(.using)
      try expect(.delimiters)
      copy.options.append(UtilityOption("delimiter", .string(try stringText())))
    }
    _ = accept(.with)
    copy.options += try copyOptions()
    if isAt(.where) {
      let at = position
      advance()
      copy.filter = try expression()
      if direction == .to {
        throw grammarError("WHERE clause not allowed with COPY TO", at)
      }
    }
    return copy
  }

  private mutating func copyTarget(
    _ direction: CopyStatement.Direction
  ) throws(ParseFailure) -> CopyStatement.Target {
    if isAtString { return .file(try stringText()) }
    if isAt(.program) {
      let at = position
      advance()
      if isAt(.stdin) || isAt(.stdout) { throw grammarError("STDIN/STDOUT not allowed with PROGRAM", at) }
      return .program(try stringText())
    }
    // PostgreSQL takes either word in either direction.
    guard accept(.stdin) || accept(.stdout) else { throw syntaxError() }
    return .client
  }

  private mutating func copyOptions() throws(ParseFailure) -> [UtilityOption] {
    if isAt(.leftParen) { return try copyOptionList() }
    var options: [UtilityOption] = []
    while true {
      let at = position
      let word = token.keyword
      switch word {
      case .binary, .csv:
        advance()
        options.append(UtilityOption("format", .string(word.text), position: at))
      case .freeze, .header:
        advance()
        options.append(UtilityOption(word.text, .word("true"), position: at))
      case .delimiter, .null, .quote, .escape:
        advance()
        _ = accept(.as)
        options.append(UtilityOption(word.text, .string(try stringText()), position: at))
      case .encoding:
        advance()
        options.append(UtilityOption("encoding", .string(try stringText()), position: at))
      case .force:
        advance()
        options.append(try forceOption(at))
      default: return options
      }
    }
  }

  /// `FORCE QUOTE columns`, `FORCE QUOTE *`, `FORCE NOT NULL columns`, `FORCE NULL columns`
  private mutating func forceOption(_ at: SourcePosition) throws(ParseFailure) -> UtilityOption {
    if accept(.quote) {
      if accept(.star) { return UtilityOption("force_quote", .all, position: at) }
      return UtilityOption("force_quote", .list(try names().map { .word($0.text) }), position: at)
    }
    let isNot = accept(.not)
    try expect(.null)
    return UtilityOption(
      isNot ? "force_not_null" : "force_null", .list(try names().map { .word($0.text) }), position: at)
  }

  /// `(FORMAT csv, HEADER, FORCE_QUOTE (a, b))`
  private mutating func copyOptionList() throws(ParseFailure) -> [UtilityOption] {
    try expect(.leftParen)
    var options: [UtilityOption] = []
    repeat {
      let name = try label()
      options.append(UtilityOption(name.text, try copyOptionValue(), position: name.position))
    } while accept(.comma)
    try expect(.rightParen)
    return options
  }

  private mutating func copyOptionValue() throws(ParseFailure) -> UtilityOption.Value? {
    if accept(.star) { return .all }
    if accept(.leftParen) {
      var list: [UtilityOption.Value] = []
      repeat {
        list.append(try booleanOrString())
      } while accept(.comma)
      try expect(.rightParen)
      return .list(list)
    }
    return try optionalOptionValue()
  }

  /// opt_boolean_or_string
  private mutating func booleanOrString() throws(ParseFailure) -> UtilityOption.Value {
    if isAtString { return .string(try stringText()) }
    if isAt(.true) || isAt(.false) || isAt(.on) {
      let word = token.keyword.text
      advance()
      return .word(word)
    }
    return .word(try nonReservedWord().text)
  }

  /// A value after an option's name: a word, a string, a number, or nothing.
  mutating func optionalOptionValue() throws(ParseFailure) -> UtilityOption.Value? {
    if isAtNumber || isAt(.plus) || isAt(.minus) { return try numericOptionValue() }
    if isAtString || isAt(.true) || isAt(.false) || isAt(.on) || isNonReservedWord(token) {
      return try booleanOrString()
    }
    return nil
  }

  mutating func numericOptionValue() throws(ParseFailure) -> UtilityOption.Value {
    let digits = try signedNumberText()
    if let value = Int32(digits) { return .integer(Int64(value)) }
    return .numeric(digits)
  }

  /// `(ANALYZE, VERBOSE off, FORMAT json)`, as EXPLAIN, VACUUM, REINDEX and CLUSTER take it.
  mutating func utilityOptions() throws(ParseFailure) -> [UtilityOption] {
    try expect(.leftParen)
    var options: [UtilityOption] = []
    repeat {
      let at = position
      let name: String
      if isAt(.analyze) || isAt(.analyse) {
        name = "analyze"
        advance()
      } else {
        name = try nonReservedWord().text
      }
      options.append(UtilityOption(name, try optionalOptionValue(), position: at))
    } while accept(.comma)
    try expect(.rightParen)
    return options
  }

  /// `(fillfactor = 100, toast.autovacuum_enabled = off)`: reloptions and opclass options.
  mutating func storageParameters() throws(ParseFailure) -> [UtilityOption] {
    try expect(.leftParen)
    var options: [UtilityOption] = []
    repeat {
      let first = try label()
      var option = UtilityOption(first.text, position: first.position)
      if accept(.dot) {
        option.namespace = first.text
        option.name = try label().text
      }
      if accept(.equals) { option.value = try definitionArgument() }
      options.append(option)
    } while accept(.comma)
    try expect(.rightParen)
    return options
  }

  /// A def_arg, as far as storage parameters use it: a number, a string, a word.
  private mutating func definitionArgument() throws(ParseFailure) -> UtilityOption.Value {
    if isAtNumber || isAt(.plus) || isAt(.minus) { return try numericOptionValue() }
    if isAtString { return .string(try stringText()) }
    guard isColumnLabel(token) else { throw syntaxError() }
    return .word(try takeName().text)
  }
}
