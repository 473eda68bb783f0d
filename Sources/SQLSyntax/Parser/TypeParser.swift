// Type names: SQL's own spellings mapped to `pg_catalog`, and everybody else's. PostgreSQL's grammar: Typename.

import SQLTypes

extension SyntaxParser {
  /// A Typename: `[SETOF] type [(modifiers)] [array bounds]`
  mutating func typeName() throws(ParseFailure) -> TypeName {
    try enter()
    let at = position
    let isSetOf = accept(.setof)
    var type = try simpleTypeName()
    type.isSetOf = isSetOf
    type.position = at
    if accept(.array) {
      if accept(.leftBracket) {
        type.arrayBounds = [try integer()]
        try expect(.rightBracket)
      } else {
        type.arrayBounds = [nil]
      }
    } else {
      while accept(.leftBracket) {
        type.arrayBounds.append(isAt(.rightBracket) ? nil : try integer())
        try expect(.rightBracket)
      }
    }
    leave()
    return type
  }

  /// A func_type: as `typeName`, and `table.column%TYPE`.
  mutating func functionTypeName() throws(ParseFailure) -> TypeName {
    let start = index
    if isTypeOrFunctionName(token) {
      var offset = 1
      while peek(offset).kind == .dot, isColumnLabel(peek(offset + 1)) { offset += 2 }
      if offset > 1, peek(offset).kind == .percent, peek(offset + 1).keyword == .type {
        var type = TypeName(try qualifiedName(try takeName()), position: SourcePosition(tokens[start].start))
        advance()
        advance()
        type.isColumnType = true
        return type
      }
    }
    return try typeName()
  }

  private mutating func simpleTypeName() throws(ParseFailure) -> TypeName {
    switch token.keyword {
    case .int, .integer, .smallint, .bigint, .real, .float, .decimal, .dec, .numeric, .boolean, .bit,
      .character, .char, .varchar, .national, .nchar, .time, .timestamp:
      return try constantTypeName()
    case .double where isNext(.precision):
      return try constantTypeName()
    case .interval:
      var type = try constantTypeName()
      if type.modifiers.isEmpty { try intervalFields(&type) }
      return type
    default: break
    }
    guard isTypeOrFunctionName(token) else { throw syntaxError() }
    let name = try qualifiedName(try takeName())
    return TypeName(name, modifiers: try optionalModifiers())
  }

  private mutating func optionalModifiers() throws(ParseFailure) -> [Expression] {
    isAt(.leftParen) ? try parenthesizedExpressions() : []
  }

  /// `(n)` or nothing.
  private mutating func optionalLength() throws(ParseFailure) -> [Expression] {
    guard accept(.leftParen) else { return [] }
    let at = position
    let value = try integer()
    try expect(.rightParen)
    return [.literal(.integer(Int64(value)), at)]
  }

  /// A ConstTypename that begins with one of SQL's type key words; for `interval` without its fields.
  mutating func constantTypeName() throws(ParseFailure) -> TypeName {
    let at = position
    let word = token.keyword
    advance()
    func system(_ name: String, _ modifiers: [Expression] = []) -> TypeName {
      TypeName(.system(name, at), modifiers: modifiers, position: at)
    }
    switch word {
    case .int, .integer: return system("int4")
    case .smallint: return system("int2")
    case .bigint: return system("int8")
    case .real: return system("float4")
    case .boolean: return system("bool")
    case .decimal, .dec, .numeric: return system("numeric", try optionalModifiers())
    case .double:
      try expect(.precision)
      return system("float8")
    case .float: return system(try floatName())
    case .bit:
      if accept(.varying) { return system("varbit", try optionalModifiers()) }
      let modifiers = try optionalModifiers()
      // `bit` is bit(1), as SQL says.
      return system("bit", modifiers.isEmpty ? [.literal(.integer(1), .unknown)] : modifiers)
    case .varchar: return system("varchar", try optionalLength())
    case .national:
      guard accept(.character) || accept(.char) else { throw syntaxError() }
      return try characterType(at)
    case .character, .char, .nchar: return try characterType(at)
    case .time, .timestamp:
      let modifiers = try optionalLength()
      return system(word.text + (try withTimeZone() ? "tz" : ""), modifiers)
    case .interval: return system("interval", try optionalLength())
    default: throw syntaxError()
    }
  }

  private mutating func characterType(_ at: SourcePosition) throws(ParseFailure) -> TypeName {
    if accept(.varying) {
      return TypeName(.system("varchar", at), modifiers: try optionalLength(), position: at)
    }
    let length = try optionalLength()
    return TypeName(
      .system("bpchar", at), modifiers: length.isEmpty ? [.literal(.integer(1), .unknown)] : length, position: at)
  }

  /// `float(p)`: single precision up to 24 bits, double up to 53.
  private mutating func floatName() throws(ParseFailure) -> String {
    guard accept(.leftParen) else { return "float8" }
    let at = position
    let precision = try integer()
    try expect(.rightParen)
    if precision < 1 {
      throw grammarError(
        "precision for type float must be at least 1 bit", at, state: .invalidParameterValue)
    }
    if precision > 53 {
      throw grammarError(
        "precision for type float must be less than 54 bits", at, state: .invalidParameterValue)
    }
    return precision <= 24 ? "float4" : "float8"
  }

  /// `WITH TIME ZONE`, `WITHOUT TIME ZONE` or nothing.
  private mutating func withTimeZone() throws(ParseFailure) -> Bool {
    guard isNext(.time), isAt(.with) || isAt(.without) else { return false }
    let isWith = isAt(.with)
    advance()
    advance()
    try expect(.zone)
    return isWith
  }

  /// The fields after `interval`: `day to second(3)`.
  mutating func intervalFields(_ type: inout TypeName) throws(ParseFailure) {
    let first = token.keyword
    switch first {
    case .year, .month, .day, .hour, .minute: advance()
    case .second:
      advance()
      type.intervalFields = .second
      type.modifiers = try optionalLength()
      return
    default: return
    }
    // TO is not the field's own when no field follows that can end the range.
    guard isAt(.to) else {
      type.intervalFields = IntervalFields(rawValue: first.text)
      return
    }
    advance()
    guard let fields = IntervalFields(rawValue: first.text + " to " + token.keyword.text) else {
      throw syntaxError()
    }
    let endsInSecond = isAt(.second)
    advance()
    type.intervalFields = fields
    if endsInSecond { type.modifiers = try optionalLength() }
  }
}
