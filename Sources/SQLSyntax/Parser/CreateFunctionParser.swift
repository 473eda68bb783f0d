// CREATE FUNCTION and DROP FUNCTION. PostgreSQL's grammar: CreateFunctionStmt, RemoveFuncStmt.

import SQLTypes

extension SyntaxParser {
  /// After CREATE [OR REPLACE], at FUNCTION.
  mutating func createFunction(orReplace: Bool) throws(ParseFailure) -> CreateFunctionStatement {
    advance()
    guard isColumnID(token) || isTypeOrFunctionName(token) else { throw syntaxError() }
    var function = CreateFunctionStatement(name: try qualifiedName(try takeName()), orReplace: orReplace)
    try expect(.leftParen)
    if !isAt(.rightParen) {
      repeat { function.parameters.append(try functionParameter()) } while accept(.comma)
    }
    try expect(.rightParen)
    if accept(.returns) {
      if accept(.table) {
        function.returnsTable = true
        try expect(.leftParen)
        repeat {
          let name = try parameterName()
          function.parameters.append(FunctionParameter(mode: .table, name: name, type: try functionTypeName()))
        } while accept(.comma)
        try expect(.rightParen)
      } else {
        function.returns = try functionTypeName()
      }
    }
    while try functionOption(&function) {}
    if isAt(.return) {
      advance()
      function.body = .value(try expression())
    } else if isAt(.begin), isNext(.atomic) {
      advance()
      advance()
      var statements: [Statement] = []
      while !isAt(.end) {
        if accept(.semicolon) { continue }
        if isAt(.return) {
          statements.append(try returnStatement())
        } else {
          statements.append(try preparableStatement())
        }
        try expect(.semicolon)
      }
      advance()
      function.body = .atomic(statements)
    }
    return function
  }

  /// `RETURN expression` among the statements of a body: a SELECT of it.
  private mutating func returnStatement() throws(ParseFailure) -> Statement {
    advance()
    var core = SelectCore()
    core.targets = [SelectTarget(try expression())]
    return .select(SelectStatement(body: .select(core)))
  }

  private mutating func parameterName() throws(ParseFailure) -> Identifier {
    guard isTypeOrFunctionName(token) else { throw syntaxError() }
    return try takeName()
  }

  private mutating func parameterMode() -> FunctionParameter.Mode? {
    if accept(.in) { return accept(.out) ? .both : .input }
    if accept(.out) { return .output }
    if accept(.inout) { return .both }
    return accept(.variadic) ? .variadic : nil
  }

  mutating func functionParameter() throws(ParseFailure) -> FunctionParameter {
    var mode = parameterMode()
    var name: Identifier?
    if isParameterName {
      name = try takeName()
      if mode == nil { mode = parameterMode() }
    }
    var parameter = FunctionParameter(mode: mode ?? .input, name: name, type: try functionTypeName())
    if accept(.default) || isAt(.equals) {
      if isAt(.equals) { advance() }
      parameter.defaultValue = try expression()
    }
    return parameter
  }

  /// Whether a name stands before the type that follows.
  private var isParameterName: Bool {
    guard isTypeOrFunctionName(token) else { return false }
    switch token.keyword {
    case .double, .character, .char, .nchar, .national, .timestamp, .time, .bit, .interval, .varchar: return false
    default: break
    }
    let next = peek()
    switch next.keyword {
    case .default: return false
    case .in, .out, .inout, .variadic, .setof: return true
    default: return isColumnID(next) || isTypeOrFunctionName(next)
    }
  }

  /// One of the clauses after the parameters; false if there is none.
  private mutating func functionOption(_ function: inout CreateFunctionStatement) throws(ParseFailure) -> Bool {
    func other(_ name: String, _ value: UtilityOption.Value? = nil) {
      function.others.append(UtilityOption(name, value))
    }
    switch token.keyword {
    case .as:
      advance()
      var texts = [try stringText()]
      if accept(.comma) { texts.append(try stringText()) }
      function.body = .text(texts)
    case .language:
      advance()
      if token.kind == .string {
        function.language = Identifier(try stringText())
      } else {
        function.language = try languageName()
      }
    case .immutable:
      advance()
      function.volatility = .immutable
    case .stable:
      advance()
      function.volatility = .stable
    case .volatile:
      advance()
      function.volatility = .volatile
    case .strict:
      advance()
      function.isStrict = true
    case .called:
      advance()
      try expect(.on)
      try expect(.null)
      try expect(.input)
      function.isStrict = false
    case .returns:
      advance()
      try expect(.null)
      try expect(.on)
      try expect(.null)
      try expect(.input)
      function.isStrict = true
    case .window:
      advance()
      function.isWindow = true
    case .leakproof:
      advance()
      other("leakproof", .word("true"))
    case .not where isNext(.leakproof):
      advance()
      advance()
      other("leakproof", .word("false"))
    case .external, .security:
      _ = accept(.external)
      try expect(.security)
      if accept(.definer) {
        other("security", .word("true"))
      } else {
        try expect(.invoker)
        other("security", .word("false"))
      }
    case .parallel:
      advance()
      other("parallel", .word(try name().text))
    case .cost:
      advance()
      other("cost", .numeric(try signedNumberText()))
    case .rows:
      advance()
      other("rows", .numeric(try signedNumberText()))
    default: return false
    }
    return true
  }

  private mutating func languageName() throws(ParseFailure) -> Identifier {
    guard isColumnID(token) || isTypeOrFunctionName(token) else { throw syntaxError() }
    return try takeName()
  }

  /// After DROP, at FUNCTION.
  mutating func dropFunction() throws(ParseFailure) -> DropFunctionStatement {
    advance()
    let ifExists = try acceptIfExists()
    var functions: [GrantStatement.RoutineSignature] = []
    repeat { functions.append(try routineSignature()) } while accept(.comma)
    return DropFunctionStatement(ifExists: ifExists, functions: functions, behavior: optionalBehavior())
  }
}
