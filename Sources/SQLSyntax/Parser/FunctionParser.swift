// Function calls with all that may follow them, the functions with a grammar of their own, and windows.
// PostgreSQL's grammar: func_expr, func_expr_common_subexpr, window_specification.

import SQLTypes

extension SyntaxParser {
  /// A call whose name was read; the current token is its left parenthesis.
  @inline(never)
  mutating func functionCall(_ name: QualifiedName) throws(ParseFailure) -> Expression {
    .function(try functionCallTail(try functionApplication(name)))
  }

  /// func_application: the name and the parentheses.
  @inline(never)
  mutating func functionApplication(_ name: QualifiedName) throws(ParseFailure) -> FunctionCall {
    var call = FunctionCall(name, position: name.position)
    try enter()
    let outer = height
    height = 0
    try expect(.leftParen)
    if isAt(.star), isNext(.rightParen) {
      advance()
      call.isStar = true
    } else if !isAt(.rightParen) {
      if accept(.distinct) {
        call.isDistinct = true
      } else {
        _ = accept(.all)
      }
      repeat {
        if isAt(.variadic), !call.isDistinct {
          advance()
          call.isVariadic = true
        }
        call.arguments.append(try argument())
      } while !call.isVariadic && accept(.comma)
      call.orderBy = try optionalOrderBy()
    }
    try expect(.rightParen)
    try grow()
    height = max(outer, height)
    leave()
    return call
  }

  @inline(never)
  private mutating func argument() throws(ParseFailure) -> FunctionCall.Argument {
    let next = peek().kind
    if next == .arrow || next == .colonEquals, isTypeOrFunctionName(token) {
      let name = try takeName()
      advance()
      return .init(try expression(), name: name)
    }
    return .init(try expression())
  }

  /// WITHIN GROUP, FILTER and OVER.
  @inline(never)
  mutating func functionCallTail(_ application: FunctionCall) throws(ParseFailure) -> FunctionCall {
    guard token.kind == .keyword else { return application }
    var call = application
    if isAt(.within), isNext(.group) {
      let at = position
      advance()
      advance()
      if !call.orderBy.isEmpty {
        throw grammarError("cannot use multiple ORDER BY clauses with WITHIN GROUP", at)
      }
      if call.isDistinct { throw grammarError("cannot use DISTINCT with WITHIN GROUP", at) }
      if call.isVariadic { throw grammarError("cannot use VARIADIC with WITHIN GROUP", at) }
      try expect(.leftParen)
      guard isAt(.order) else { throw syntaxError() }
      call.orderBy = try optionalOrderBy()
      call.isWithinGroup = true
      try expect(.rightParen)
    }
    if accept(.filter) {
      try expect(.leftParen)
      try expect(.where)
      call.filter = try expression()
      try expect(.rightParen)
    }
    if accept(.over) {
      call.over =
        isAt(.leftParen) ? .specification(try windowSpecification()) : .named(try name())
    }
    return call
  }

  // MARK: - Functions with a grammar of their own

  /// The key word of such a function is at hand, with its parenthesis after it.
  @inline(never)
  mutating func specialFunction(_ word: Keyword) throws(ParseFailure) -> Expression {
    let at = position
    try enter()
    let outer = height
    height = 0
    advance()
    let result: Expression
    switch word {
    case .overlay, .substring:
      result = try textFunction(word, at)
    case .cast, .treat:
      try expect(.leftParen)
      let operand = try expression()
      try expect(.as)
      let type = try typeName()
      try expect(.rightParen)
      result =
        word == .cast
        ? .cast(operand, type, at)
        : try systemFunction(type.name.name.text, [operand], .call, at)
    case .coalesce: result = .coalesce(try parenthesizedExpressions(), at)
    case .greatest: result = .greatest(try parenthesizedExpressions(), at)
    case .least: result = .least(try parenthesizedExpressions(), at)
    case .grouping: result = .grouping(try parenthesizedExpressions(), at)
    case .nullif:
      try expect(.leftParen)
      let first = try expression()
      try expect(.comma)
      let second = try expression()
      try expect(.rightParen)
      result = .nullIf(first, second, at)
    case .extract: result = try extract(at)
    case .position:
      try expect(.leftParen)
      let needle = try restrictedExpression()
      try expect(.in)
      let haystack = try restrictedExpression()
      try expect(.rightParen)
      result = try systemFunction("position", [haystack, needle], .position, at)
    case .trim: result = try trim(at)
    default: result = try normalize(at)
    }
    try grow()
    height = max(outer, height)
    leave()
    return result
  }

  @inline(never)
  private mutating func systemFunction(
    _ name: String, _ arguments: [Expression], _ syntax: FunctionSyntax, _ at: SourcePosition
  ) throws(ParseFailure) -> Expression {
    .function(
      try functionCallTail(
        FunctionCall(.system(name, at), arguments.map { FunctionCall.Argument($0) }, syntax: syntax, position: at)))
  }

  @inline(never)
  private mutating func extract(_ at: SourcePosition) throws(ParseFailure) -> Expression {
    try expect(.leftParen)
    let fieldPosition = position
    let field: [UInt8]
    if isAtString {
      field = try string()
    } else {
      switch token.keyword {
      case .absent:
        guard isColumnLabel(token) else { throw syntaxError() }
      case .year, .month, .day, .hour, .minute, .second: break
      default: throw syntaxError()
      }
      field = Array(try takeName().text.utf8)
    }
    try expect(.from)
    let operand = try expression()
    try expect(.rightParen)
    return try systemFunction("extract", [.literal(.string(field), fieldPosition), operand], .extract, at)
  }

  @inline(never)
  private mutating func normalize(_ at: SourcePosition) throws(ParseFailure) -> Expression {
    try expect(.leftParen)
    var arguments = [try expression()]
    if accept(.comma) {
      let formPosition = position
      switch token.keyword {
      case .nfc, .nfd, .nfkc, .nfkd:
        arguments.append(.literal(.string(Array(token.keyword.text.utf8)), formPosition))
        advance()
      default: throw syntaxError()
      }
    }
    try expect(.rightParen)
    return try systemFunction("normalize", arguments, .normalize, at)
  }

  @inline(never)
  private mutating func trim(_ at: SourcePosition) throws(ParseFailure) -> Expression {
    try expect(.leftParen)
    var name = "btrim"
    if accept(.leading) {
      name = "ltrim"
    } else if accept(.trailing) {
      name = "rtrim"
    } else {
      _ = accept(.both)
    }
    var arguments: [Expression]
    if accept(.from) {
      arguments = try expressions()
    } else {
      let first = try expression()
      if accept(.from) {
        arguments = try expressions()
        arguments.append(first)
      } else {
        arguments = [first]
        while accept(.comma) { arguments.append(try expression()) }
      }
    }
    try expect(.rightParen)
    return try systemFunction(name, arguments, .trim, at)
  }

  /// OVERLAY and SUBSTRING, which may also be called as plain functions.
  @inline(never)
  private mutating func textFunction(_ word: Keyword, _ at: SourcePosition) throws(ParseFailure) -> Expression {
    let plainName = QualifiedName(Identifier(word.text, position: at))
    try expect(.leftParen)
    if accept(.rightParen) {
      return .function(try functionCallTail(FunctionCall(plainName, position: at)))
    }
    let first = try argument()
    if first.name == nil {
      if word == .overlay, accept(.placing) {
        var arguments = [first.value, try expression()]
        try expect(.from)
        arguments.append(try expression())
        if accept(.for) { arguments.append(try expression()) }
        try expect(.rightParen)
        return try systemFunction("overlay", arguments, .overlay, at)
      }
      if word == .substring {
        if let arguments = try substringArguments(first.value) {
          try expect(.rightParen)
          return try systemFunction("substring", arguments.0, arguments.1, at)
        }
      }
    }
    var call = FunctionCall(plainName, [first], position: at)
    while accept(.comma) { call.arguments.append(try argument()) }
    try expect(.rightParen)
    return .function(try functionCallTail(call))
  }

  /// FROM, FOR or SIMILAR after SUBSTRING's first argument; `nil` when none follows.
  private mutating func substringArguments(
    _ first: Expression
  ) throws(ParseFailure) -> ([Expression], FunctionSyntax)? {
    if accept(.from) {
      let start = try expression()
      if accept(.for) { return ([first, start, try expression()], .substring) }
      return ([first, start], .substring)
    }
    if accept(.for) {
      let length = try expression()
      if accept(.from) { return ([first, try expression(), length], .substring) }
      // PostgreSQL casts the length, so that SUBSTRING(text FOR text) finds no function.
      return (
        [first, .literal(.integer(1), .unknown), .cast(length, TypeName(.system("int4")), .unknown)], .substring
      )
    }
    if accept(.similar) {
      let pattern = try expression()
      try expect(.escape)
      return ([first, pattern, try expression()], .substringSimilar)
    }
    return nil
  }

  /// CURRENT_DATE and its like, with their precision.
  mutating func currentValue() throws(ParseFailure) -> Expression {
    let at = position
    let word = token.keyword
    guard let value = CurrentValue(rawValue: word.text) else { throw syntaxError() }
    advance()
    var precision: Int32?
    switch value {
    case .currentTime, .currentTimestamp, .localTime, .localTimestamp:
      if accept(.leftParen) {
        precision = try integer()
        try expect(.rightParen)
      }
    default: break
    }
    return .currentValue(value, precision: precision, at)
  }

  // MARK: - Windows

  /// `([name] [PARTITION BY …] [ORDER BY …] [frame])`
  @inline(never)
  mutating func windowSpecification() throws(ParseFailure) -> WindowSpecification {
    var window = WindowSpecification(position: position)
    try expect(.leftParen)
    if isColumnID(token) {
      switch token.keyword {
      case .partition, .range, .rows, .groups: break
      default: window.base = try takeName()
      }
    }
    if accept(.partition) {
      try expect(.by)
      window.partitionBy = try expressions()
    }
    window.orderBy = try optionalOrderBy()
    if let mode = frameMode {
      advance()
      window.frame = try frame(mode)
    }
    try expect(.rightParen)
    return window
  }

  private var frameMode: WindowFrame.Mode? {
    switch token.keyword {
    case .range: .range
    case .rows: .rows
    case .groups: .groups
    default: nil
    }
  }

  @inline(never)
  private mutating func frame(_ mode: WindowFrame.Mode) throws(ParseFailure) -> WindowFrame {
    let startPosition: SourcePosition
    let start: WindowFrame.Bound
    var end = WindowFrame.Bound.currentRow
    let isBetween = isAt(.between)
    if accept(.between) {
      startPosition = position
      start = try frameBound()
      try expect(.and)
      let endPosition = position
      end = try frameBound()
      if case .unboundedFollowing = start {
        throw frameError("frame start cannot be UNBOUNDED FOLLOWING", startPosition)
      }
      switch (start, end) {
      case (_, .unboundedPreceding): throw frameError("frame end cannot be UNBOUNDED PRECEDING", endPosition)
      case (.currentRow, .preceding):
        throw frameError("frame starting from current row cannot have preceding rows", endPosition)
      case (.following, .preceding), (.following, .currentRow):
        throw frameError("frame starting from following row cannot have preceding rows", endPosition)
      default: break
      }
    } else {
      startPosition = position
      start = try frameBound()
      switch start {
      case .unboundedFollowing: throw frameError("frame start cannot be UNBOUNDED FOLLOWING", startPosition)
      case .following:
        throw frameError("frame starting from following row cannot end with current row", startPosition)
      default: break
      }
    }
    var exclusion: WindowFrame.Exclusion?
    if accept(.exclude) {
      if accept(.current) {
        try expect(.row)
        exclusion = .currentRow
      } else if accept(.group) {
        exclusion = .group
      } else if accept(.ties) {
        exclusion = .ties
      } else {
        try expect(.no)
        try expect(.others)
      }
    }
    return WindowFrame(mode, start: start, end: end, exclusion: exclusion, isBetween: isBetween)
  }

  private func frameError(_ message: String, _ at: SourcePosition) -> ParseFailure {
    grammarError(message, at, state: .windowingError)
  }

  private mutating func frameBound() throws(ParseFailure) -> WindowFrame.Bound {
    if isAt(.unbounded), isNext(.preceding) || isNext(.following) {
      advance()
      let precedes = isAt(.preceding)
      advance()
      return precedes ? .unboundedPreceding : .unboundedFollowing
    }
    if isAt(.current), isNext(.row) {
      advance()
      advance()
      return .currentRow
    }
    let offset = try expression()
    if accept(.preceding) { return .preceding(offset) }
    try expect(.following)
    return .following(offset)
  }
}
