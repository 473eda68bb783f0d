// The body of a function in PL/pgSQL. Statements in SQL are found by their ends, their INTO is taken out, and what is left parsed as
// the text that it is. PostgreSQL's grammar: pl_gram.y; manual, chapter 43.

import SQLTypes

extension Parser {
  /// A body, from its DECLARE or BEGIN to its END.
  public static func parseProcedure(_ body: [UInt8]) throws(SQLError) -> ProcedureBlock {
    try withParser(body, []) { (parser) throws(ParseFailure) in
      var reader = ProcedureParser()
      let block = try reader.block(&parser, label: nil)
      _ = parser.accept(.semicolon)
      try parser.expectEnd()
      return block
    }
  }
}

/// What is counted while a body is read.
struct ProcedureParser {
  private var count = 0

  private mutating func number() -> Int {
    count += 1
    return count
  }

  private func isWord(_ parser: SyntaxParser, _ word: String, ahead: Int = 0) -> Bool {
    let token = ahead == 0 ? parser.token : parser.peek(ahead)
    return parser.text(Int(token.start), Int(token.end)).lowercased() == word
  }

  private func accept(_ parser: inout SyntaxParser, _ word: String) -> Bool {
    guard isWord(parser, word) else { return false }
    parser.advance()
    return true
  }

  private func expect(_ parser: inout SyntaxParser, _ word: String) throws(ParseFailure) {
    guard accept(&parser, word) else { throw parser.syntaxError() }
  }

  private func refuse(_ what: String) -> ParseFailure {
    ParseFailure(.featureNotSupported, "\(what) in language plpgsql is not supported yet", position: nil)
  }

  private func line(_ parser: SyntaxParser) -> Int {
    var count = 1
    for at in 0..<Int(parser.token.start) where parser.source[at] == UInt8(ascii: "\n") { count += 1 }
    return count
  }

  private mutating func expression(_ parser: inout SyntaxParser) throws(ParseFailure) -> ProcedureExpression {
    let value = try parser.expression()
    return ProcedureExpression(number: number(), expression: value)
  }

  // MARK: Blocks

  mutating func block(_ parser: inout SyntaxParser, label: Identifier?) throws(ParseFailure) -> ProcedureBlock {
    var block = ProcedureBlock(label: label, variables: [], statements: [])
    if parser.accept(.declare) {
      while !parser.isAt(.begin) {
        if parser.accept(.declare) { continue }
        block.variables.append(try variable(&parser))
      }
    }
    try parser.expect(.begin)
    block.statements = try statements(&parser)
    if isWord(parser, "exception") { throw refuse("EXCEPTION") }
    try parser.expect(.end)
    if label != nil, parser.isColumnLabel(parser.token) { parser.advance() }
    return block
  }

  private mutating func variable(_ parser: inout SyntaxParser) throws(ParseFailure) -> ProcedureVariable {
    let name = try parser.name()
    if accept(&parser, "alias") {
      try parser.expect(.for)
      let other: Identifier
      if parser.isAt(TokenKind.parameter) {
        other = Identifier(parser.text(Int(parser.token.start), Int(parser.token.end)))
        parser.advance()
      } else {
        other = try parser.name()
      }
      try parser.expect(.semicolon)
      return ProcedureVariable(name: name, kind: .alias(other), initial: nil)
    }
    let isConstant = accept(&parser, "constant")
    let kind = try variableKind(&parser)
    let isNotNull = parser.accept(.not, .null)
    var initial: ProcedureExpression?
    if parser.isAt(.colonEquals) || parser.isAt(.equals) || parser.isAt(.default) {
      parser.advance()
      initial = try expression(&parser)
    }
    try parser.expect(.semicolon)
    return ProcedureVariable(name: name, kind: kind, initial: initial, isConstant: isConstant, isNotNull: isNotNull)
  }

  private func variableKind(_ parser: inout SyntaxParser) throws(ParseFailure) -> ProcedureVariable.Kind {
    if isWord(parser, "record"), !parser.isNext(.dot) {
      parser.advance()
      return .record
    }
    if parser.isAt(.cursor) || isWord(parser, "refcursor") { throw refuse("a cursor") }
    // `a.b%TYPE`, `t%ROWTYPE`
    var ahead = 0
    while parser.isColumnLabel(parser.peek(ahead)), parser.peek(ahead + 1).kind == .dot { ahead += 2 }
    if parser.isColumnLabel(parser.peek(ahead)), parser.peek(ahead + 1).kind == .percent {
      var parts = [try parser.name()]
      while parser.accept(.dot) { parts.append(try parser.label()) }
      try parser.expect(.percent)
      if parser.accept(.type) { return .like(parts) }
      try expect(&parser, "rowtype")
      return .row(try parser.qualifiedName(parts))
    }
    return .value(try parser.typeName())
  }

  // MARK: Statements

  /// Statements up to what ends them.
  private mutating func statements(_ parser: inout SyntaxParser) throws(ParseFailure) -> [ProcedureStatement] {
    var statements: [ProcedureStatement] = []
    while !parser.isAt(.end), !parser.isAt(.else), !parser.isAt(.when), !isWord(parser, "elsif"),
      !isWord(parser, "elseif"), !isWord(parser, "exception"), !parser.isAt(.endOfInput)
    {
      try parser.enter()
      let line = line(parser)
      let action = try action(&parser)
      statements.append(ProcedureStatement(line: line, action: action))
      parser.leave()
    }
    return statements
  }

  private mutating func action(_ parser: inout SyntaxParser) throws(ParseFailure) -> ProcedureAction {
    var label: Identifier?
    if isWord(parser, "<<") {
      parser.advance()
      label = try parser.label()
      guard accept(&parser, ">>") else { throw parser.syntaxError() }
    }
    switch parser.token.keyword {
    case .declare, .begin:
      let inner = try block(&parser, label: label)
      try parser.expect(.semicolon)
      return .block(inner)
    case .for:
      parser.advance()
      return try forLoop(&parser, label)
    case .return:
      parser.advance()
      return try returned(&parser)
    case .null where parser.isNext(.semicolon):
      parser.advance()
      parser.advance()
      return .nothing
    case .if:
      parser.advance()
      return try conditional(&parser)
    case .case:
      parser.advance()
      return try caseStatement(&parser)
    case .continue:
      parser.advance()
      return try leave(&parser, continues: true)
    case .execute:
      parser.advance()
      let dynamic = try dynamic(&parser, returnsRows: false)
      try parser.expect(.semicolon)
      return dynamic
    case .select, .insert, .update, .delete, .with, .values: return try query(&parser)
    default: break
    }
    if isWord(parser, "loop") {
      parser.advance()
      return .loop(label: label, .forever, try loopBody(&parser, label))
    }
    if isWord(parser, "while") {
      parser.advance()
      let condition = try expression(&parser)
      try expect(&parser, "loop")
      return .loop(label: label, .while(condition), try loopBody(&parser, label))
    }
    if isWord(parser, "foreach") {
      parser.advance()
      let target = try target(&parser)
      if isWord(parser, "slice") { throw refuse("SLICE") }
      try parser.expect(.in)
      try parser.expect(.array)
      let array = try expression(&parser)
      try expect(&parser, "loop")
      return .loop(label: label, .elements(target, array), try loopBody(&parser, label))
    }
    if isWord(parser, "exit") {
      parser.advance()
      return try leave(&parser, continues: false)
    }
    if isWord(parser, "raise") {
      parser.advance()
      return .raise(try raise(&parser))
    }
    if isWord(parser, "perform") {
      parser.advance()
      let text = try statementText(&parser, prefix: "SELECT ").text
      return .perform(try parsed(text))
    }
    if isWord(parser, "assert") {
      parser.advance()
      let condition = try expression(&parser)
      let message = parser.accept(.comma) ? try expression(&parser) : nil
      try parser.expect(.semicolon)
      return .assert(condition, message: message)
    }
    if isWord(parser, "get") { return try diagnostics(&parser) }
    switch parser.peek().kind {
    case .colonEquals, .equals, .dot: guard parser.isColumnID(parser.token) else { return try query(&parser) }
    case .leftBracket: throw refuse("an assignment to an element")
    default: return try query(&parser)
    }
    let target = try target(&parser)
    if parser.isAt(.leftBracket) { throw refuse("an assignment to an element") }
    guard parser.accept(.colonEquals) || parser.accept(.equals) else { throw parser.syntaxError() }
    let value = try expression(&parser)
    try parser.expect(.semicolon)
    return .assign(target, value)
  }

  private func target(_ parser: inout SyntaxParser) throws(ParseFailure) -> ProcedureTarget {
    let name = try parser.name()
    guard parser.accept(.dot) else { return ProcedureTarget(name: name) }
    return ProcedureTarget(name: name, field: try parser.label())
  }

  private func targets(_ parser: inout SyntaxParser) throws(ParseFailure) -> [ProcedureTarget] {
    var list = [try target(&parser)]
    while parser.accept(.comma) { list.append(try target(&parser)) }
    return list
  }

  private mutating func conditional(_ parser: inout SyntaxParser) throws(ParseFailure) -> ProcedureAction {
    var branches: [ProcedureBranch] = []
    repeat {
      let condition = try expression(&parser)
      try parser.expect(.then)
      branches.append(ProcedureBranch(condition: condition, statements: try statements(&parser)))
    } while accept(&parser, "elsif") || accept(&parser, "elseif")
    let otherwise = parser.accept(.else) ? try statements(&parser) : []
    try parser.expect(.end)
    try parser.expect(.if)
    try parser.expect(.semicolon)
    return .if(branches, otherwise: otherwise)
  }

  private mutating func caseStatement(_ parser: inout SyntaxParser) throws(ParseFailure) -> ProcedureAction {
    let operand = parser.isAt(.when) ? nil : try parser.expression()
    var branches: [ProcedureBranch] = []
    while parser.accept(.when) {
      var condition = try parser.expression()
      if let operand {
        var list = [condition]
        while parser.accept(.comma) { list.append(try parser.expression()) }
        condition = .inList(operand, list, negated: false, .unknown)
      }
      try parser.expect(.then)
      branches.append(
        ProcedureBranch(
          condition: ProcedureExpression(number: number(), expression: condition), statements: try statements(&parser)))
    }
    let otherwise = parser.accept(.else) ? try statements(&parser) : nil
    try parser.expect(.end)
    try parser.expect(.case)
    try parser.expect(.semicolon)
    return .case(branches, otherwise: otherwise)
  }

  private mutating func loopBody(
    _ parser: inout SyntaxParser, _ label: Identifier?
  ) throws(ParseFailure) -> [ProcedureStatement] {
    let body = try statements(&parser)
    try parser.expect(.end)
    try expect(&parser, "loop")
    if label != nil, parser.isColumnLabel(parser.token) { parser.advance() }
    try parser.expect(.semicolon)
    return body
  }

  private mutating func forLoop(
    _ parser: inout SyntaxParser, _ label: Identifier?
  ) throws(ParseFailure) -> ProcedureAction {
    let targets = try targets(&parser)
    try parser.expect(.in)
    if parser.accept(.execute) {
      guard case .dynamic(let text, let using, _, _, _) = try dynamic(&parser, returnsRows: true) else {
        throw parser.syntaxError()
      }
      try expect(&parser, "loop")
      return .loop(label: label, .dynamicRows(targets, text, using: using), try loopBody(&parser, label))
    }
    if parser.isAt(.select) || parser.isAt(.with) || parser.isAt(.values) || parser.isAt(.insert)
      || parser.isAt(.update)
      || parser.isAt(.delete)
    {
      let text = try statementText(&parser, prefix: "", endingAtLoop: true).text
      return .loop(label: label, .rows(targets, try parsed(text)), try loopBody(&parser, label))
    }
    let isReverse = accept(&parser, "reverse")
    let from = try expression(&parser)
    guard parser.isAt(.dotDot), targets.count == 1, targets[0].field == nil else { throw refuse("this kind of FOR") }
    parser.advance()
    let to = try expression(&parser)
    let step = parser.accept(.by) ? try expression(&parser) : nil
    try expect(&parser, "loop")
    return .loop(
      label: label, .integers(targets[0].name, from: from, to: to, by: step, isReverse: isReverse),
      try loopBody(&parser, label))
  }

  private mutating func leave(
    _ parser: inout SyntaxParser, continues: Bool
  ) throws(ParseFailure) -> ProcedureAction {
    var label: Identifier?
    if !parser.isAt(.semicolon), !parser.isAt(.when) { label = try parser.label() }
    let condition = parser.accept(.when) ? try expression(&parser) : nil
    try parser.expect(.semicolon)
    return .leave(label: label, continues: continues, when: condition)
  }

  private mutating func returned(_ parser: inout SyntaxParser) throws(ParseFailure) -> ProcedureAction {
    if parser.accept(.semicolon) { return .return(nil) }
    if isWord(parser, "next"), !parser.isNext(.dot) {
      parser.advance()
      let value = parser.isAt(.semicolon) ? nil : try expression(&parser)
      try parser.expect(.semicolon)
      return .returnNext(value)
    }
    if isWord(parser, "query"), !parser.isNext(.dot), !parser.isNext(.semicolon) {
      parser.advance()
      if parser.accept(.execute) {
        let dynamic = try dynamic(&parser, returnsRows: true)
        try parser.expect(.semicolon)
        return dynamic
      }
      return .returnQuery(try parsed(try statementText(&parser, prefix: "").text))
    }
    let value = try expression(&parser)
    try parser.expect(.semicolon)
    return .return(value)
  }

  private mutating func dynamic(
    _ parser: inout SyntaxParser, returnsRows: Bool
  ) throws(ParseFailure) -> ProcedureAction {
    let text = try expression(&parser)
    var into: [ProcedureTarget] = []
    var isStrict = false
    var using: [ProcedureExpression] = []
    while true {
      if parser.accept(.into) {
        isStrict = parser.accept(.strict)
        into = try targets(&parser)
      } else if parser.accept(.using) {
        repeat { using.append(try expression(&parser)) } while parser.accept(.comma)
      } else {
        break
      }
    }
    return .dynamic(text, using: using, into: into, isStrict: isStrict, returnsRows: returnsRows)
  }

  private func diagnostics(_ parser: inout SyntaxParser) throws(ParseFailure) -> ProcedureAction {
    parser.advance()
    if isWord(parser, "stacked") { throw refuse("GET STACKED DIAGNOSTICS") }
    _ = accept(&parser, "current")
    try expect(&parser, "diagnostics")
    var items: [ProcedureDiagnostic] = []
    repeat {
      let target = try target(&parser)
      guard parser.accept(.colonEquals) || parser.accept(.equals) else { throw parser.syntaxError() }
      let item = try parser.label().text
      guard item == "row_count" else { throw refuse("GET DIAGNOSTICS \(item)") }
      items.append(ProcedureDiagnostic(target: target, item: item))
    } while parser.accept(.comma)
    try parser.expect(.semicolon)
    return .diagnostics(items)
  }

  private mutating func raise(_ parser: inout SyntaxParser) throws(ParseFailure) -> ProcedureRaise {
    var raise = ProcedureRaise(level: .exception)
    let word = parser.text(Int(parser.token.start), Int(parser.token.end)).lowercased()
    if let level = ProcedureRaise.Level(rawValue: word) {
      raise.level = level
      parser.advance()
    }
    if parser.isAtString {
      raise.format = try parser.stringText()
      while parser.accept(.comma) { raise.arguments.append(try expression(&parser)) }
    } else if accept(&parser, "sqlstate") {
      raise.condition = try parser.stringText()
    } else if parser.isAt(.semicolon) {
      throw refuse("RAISE of what was caught")
    } else if !parser.isAt(.using) {
      raise.condition = try parser.label().text
    }
    if parser.accept(.using) {
      repeat {
        let name = try parser.label().text
        guard parser.accept(.equals) || parser.accept(.colonEquals) else { throw parser.syntaxError() }
        raise.options.append((name, try expression(&parser)))
      } while parser.accept(.comma)
    }
    let holes = raise.format.map(Self.holes) ?? 0
    if raise.arguments.count != holes {
      throw ParseFailure(
        .syntaxError,
        raise.arguments.count > holes
          ? "too many parameters specified for RAISE" : "too few parameters specified for RAISE", position: nil)
    }
    try parser.expect(.semicolon)
    return raise
  }

  /// How many values a format asks for: `%%` is none.
  private static func holes(_ format: String) -> Int {
    var count = 0
    var isEscaped = false
    for byte in format.utf8 {
      if isEscaped {
        isEscaped = false
        if byte != UInt8(ascii: "%") { count += 1 }
      } else if byte == UInt8(ascii: "%") {
        isEscaped = true
      }
    }
    return count + (isEscaped ? 1 : 0)
  }

  // MARK: Statements in SQL

  private mutating func query(_ parser: inout SyntaxParser) throws(ParseFailure) -> ProcedureAction {
    let read = try statementText(&parser, prefix: "")
    return .query(try parsed(read.text), into: read.into, isStrict: read.isStrict)
  }

  /// The text up to the semicolon, or to LOOP, without its INTO; consumed with what ends it.
  private func statementText(
    _ parser: inout SyntaxParser, prefix: String, endingAtLoop: Bool = false
  ) throws(ParseFailure) -> (text: [UInt8], into: [ProcedureTarget], isStrict: Bool) {
    var text = Array(prefix.utf8)
    var into: [ProcedureTarget] = []
    var isStrict = false
    var depth = 0
    var previous = Keyword.absent
    var start = Int(parser.token.start)
    func keep(upTo end: Int, from start: Int) -> [UInt8] {
      end > start ? Array(UnsafeBufferPointer(rebasing: parser.source[start..<end])) : []
    }
    while !(depth == 0 && (endingAtLoop ? isWord(parser, "loop") : parser.isAt(.semicolon))) {
      if parser.isAt(.endOfInput) || parser.token.kind == .failure { throw parser.syntaxError() }
      if parser.isAt(.leftParen) { depth += 1 }
      if parser.isAt(.rightParen) { depth -= 1 }
      if parser.isAt(.into), depth == 0, previous != .insert, previous != .merge, !endingAtLoop, prefix.isEmpty {
        text += keep(upTo: Int(parser.token.start), from: start) + [UInt8(ascii: " ")]
        parser.advance()
        isStrict = parser.accept(.strict)
        into = try targets(&parser)
        start = Int(parser.token.start)
        previous = .absent
        continue
      }
      previous = parser.token.keyword
      parser.advance()
    }
    text += keep(upTo: Int(parser.token.start), from: start)
    parser.advance()
    return (text, into, isStrict)
  }

  private mutating func parsed(_ text: [UInt8]) throws(ParseFailure) -> ProcedureQuery {
    let statements: [ParsedStatement]
    do {
      statements = try Parser.parse(text)
    } catch {
      throw ParseFailure(error.state, error.message, detail: error.detail, hint: error.hint, position: nil)
    }
    guard let statement = statements.first?.statement, statements.count == 1 else {
      throw ParseFailure(.syntaxError, "syntax error at end of input", position: nil)
    }
    return ProcedureQuery(number: number(), statement: statement, source: text)
  }
}
