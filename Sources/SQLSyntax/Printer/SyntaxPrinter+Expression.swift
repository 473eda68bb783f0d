// Expressions, with as few parentheses as precedence allows.
//
// Contract: an operand is printed bare only when its level is at least what its place asks; what the grammar
// restricts (the low bound of BETWEEN, DEFAULT, POSITION) asks for an operand that is no operator at all.

extension SyntaxPrinter {
  /// The level of an operand that needs no parentheses anywhere.
  static let primary = 20

  static func level(_ name: OperatorName) -> Int {
    if name.schema != nil { return Precedence.other }
    switch name.symbol {
    case "+", "-": return Precedence.sum
    case "*", "/", "%": return Precedence.product
    case "^": return Precedence.power
    case "<", ">", "=", "<=", ">=", "<>": return Precedence.comparison
    default: return Precedence.other
    }
  }

  static func level(_ expression: Expression) -> Int {
    switch expression {
    case .or: return Precedence.or
    case .and: return Precedence.and
    case .not: return Precedence.not
    case .isTest, .isDistinctFrom: return Precedence.is
    case .binary(let name, _, _): return level(name)
    case .quantifiedArray(let comparison, _), .quantifiedSubquery(let comparison, _):
      return level(comparison.operator)
    case .between, .inList, .inSubquery, .like: return Precedence.between
    case .unary: return Precedence.between + 1
    case .literal(.integer(let value), _): return value < 0 ? Precedence.between + 1 : primary
    case .literal(.numeric(let digits), _):
      return digits.first == UInt8(ascii: "-") ? Precedence.between + 1 : primary
    case .collate: return Precedence.collate
    case .function(let call):
      switch call.syntax {
      case .atTimeZone: return Precedence.atTimeZone
      case .overlaps: return Precedence.or
      default: return primary
      }
    case .currentOf: return 0
    default: return primary
    }
  }

  /// An operand that must bind at least at `minimum`.
  mutating func operand(_ expression: Expression, _ minimum: Int) {
    if SyntaxPrinter.level(expression) >= minimum {
      self.expression(expression)
    } else {
      parenthesized { $0.expression(expression) }
    }
  }

  mutating func operatorName(_ name: OperatorName) {
    guard let schema = name.schema else { return word(name.symbol) }
    word("OPERATOR(")
    self.name(schema)
    tight(".")
    tight(name.symbol)
    tight(")")
  }

  mutating func expressions(_ list: [Expression]) { self.list(list) { $0.expression($1) } }

  mutating func query(_ query: SelectStatement) { parenthesized { $0.select(query) } }

  mutating func expression(_ expression: Expression) {
    switch expression {
    case .literal(let literal, _): self.literal(literal)
    case .extractedLiteral(let index, _, _): word("$\(index + 1)")
    case .parameter(let number, _): word("$\(number)")
    case .column(let column):
      for qualifier in column.qualifiers {
        name(qualifier)
        tight(".")
      }
      name(column.name)
    case .wildcard(let qualifiers, _):
      for qualifier in qualifiers {
        name(qualifier)
        tight(".")
      }
      space()
      tight("*")
    case .field(let base, let field):
      self.base(base, isField: true)
      tight(".")
      name(field)
    case .allFields(let base, _):
      self.base(base, isField: true)
      tight(".*")
    case .subscripted(let base, let indexes):
      self.base(base, isField: false)
      for index in indexes { subscripts(index) }

    case .unary(let name, let value):
      operatorName(name)
      operand(value, SyntaxPrinter.primary)
    case .binary(let name, let left, let right):
      let level = SyntaxPrinter.level(name)
      operand(left, level == Precedence.comparison ? level + 1 : level)
      operatorName(name)
      operand(right, level + 1)
    case .and(let operands): chain(operands, "AND", Precedence.and + 1)
    case .or(let operands): chain(operands, "OR", Precedence.or + 1)
    case .not(let value, _):
      word("NOT")
      operand(value, Precedence.not + 1)
    case .isTest(let value, let test, let negated, _):
      operand(value, Precedence.is + 1)
      word(negated ? "IS NOT" : "IS")
      isTest(test)
    case .isDistinctFrom(let left, let right, let negated, _):
      operand(left, Precedence.is + 1)
      word(negated ? "IS NOT DISTINCT FROM" : "IS DISTINCT FROM")
      operand(right, Precedence.is + 1)
    case .between(let between):
      operand(between.value, Precedence.between + 1)
      word(between.isNegated ? "NOT BETWEEN" : "BETWEEN")
      if between.isSymmetric { word("SYMMETRIC") }
      operand(between.low, SyntaxPrinter.primary)
      word("AND")
      operand(between.high, Precedence.between + 1)
    case .inList(let value, let list, let negated, _):
      operand(value, Precedence.between + 1)
      word(negated ? "NOT IN" : "IN")
      parenthesized { $0.expressions(list) }
    case .inSubquery(let value, let query, let negated, _):
      operand(value, Precedence.between + 1)
      word(negated ? "NOT IN" : "IN")
      self.query(query)
    case .like(let like): self.like(like)
    case .quantifiedArray(let comparison, let array):
      quantified(comparison)
      parenthesized { $0.expression(array) }
    case .quantifiedSubquery(let comparison, let query):
      quantified(comparison)
      self.query(query)

    case .exists(let query, _):
      word("EXISTS")
      self.query(query)
    case .scalarSubquery(let query, _): self.query(query)
    case .arraySubquery(let query, _):
      word("ARRAY")
      self.query(query)
    case .array(let elements, _):
      word("ARRAY[")
      expressions(elements)
      tight("]")
    case .row(let fields, let isExplicit, _):
      if isExplicit || fields.count < 2 { word("ROW") }
      parenthesized { $0.expressions(fields) }

    case .function(let call): function(call)
    case .cast(let value, let type, _):
      word("CAST(")
      self.expression(value)
      word("AS")
      self.type(type)
      tight(")")
    case .typedLiteral(let type, let text, _): typedLiteral(type, text)
    case .collate(let value, let collation, _):
      operand(value, Precedence.collate)
      word("COLLATE")
      name(collation)
    case .caseWhen(let choice): caseWhen(choice)
    case .coalesce(let list, _): call("COALESCE", list)
    case .nullIf(let first, let second, _): call("NULLIF", [first, second])
    case .greatest(let list, _): call("GREATEST", list)
    case .least(let list, _): call("LEAST", list)
    case .grouping(let list, _): call("GROUPING", list)
    case .currentValue(let value, let precision, _):
      word(value.rawValue.uppercased())
      if let precision { tight("(\(precision))") }
    case .defaultValue: word("DEFAULT")
    case .currentOf(let cursor, _):
      word("CURRENT OF")
      name(cursor)
    }
  }

  private mutating func literal(_ literal: Literal) {
    switch literal {
    case .null: word("NULL")
    case .boolean(let value): word(value ? "TRUE" : "FALSE")
    case .integer(let value): word(String(value))
    case .numeric(let digits): word(String(decoding: digits, as: UTF8.self))
    case .string(let text): string(text)
    case .bitString(let digits, let isHexadecimal):
      word(isHexadecimal ? "X'" : "B'")
      for byte in digits {
        if byte == UInt8(ascii: "'") { out.append(byte) }
        out.append(byte)
      }
      tight("'")
    }
  }

  /// What a field or subscript is taken from.
  private mutating func base(_ base: Expression, isField: Bool) {
    switch base {
    case .parameter, .field: expression(base)
    case .subscripted where isField: expression(base)
    case .column where !isField: expression(base)
    default: parenthesized { $0.expression(base) }
    }
  }

  mutating func subscripts(_ index: Subscript) {
    tight("[")
    switch index {
    case .index(let value): expression(value)
    case .slice(let lower, let upper):
      if let lower { expression(lower) }
      word(":")
      if let upper { expression(upper) }
    }
    tight("]")
  }

  private mutating func chain(_ operands: [Expression], _ text: String, _ minimum: Int) {
    for (index, operand) in operands.enumerated() {
      if index > 0 { word(text) }
      self.operand(operand, minimum)
    }
  }

  private mutating func isTest(_ test: IsTest) {
    switch test {
    case .null: word("NULL")
    case .true: word("TRUE")
    case .false: word("FALSE")
    case .unknown: word("UNKNOWN")
    case .document: word("DOCUMENT")
    case .normalized(let form):
      if let form { word(form.rawValue.uppercased()) }
      word("NORMALIZED")
    }
  }

  private mutating func like(_ like: LikeExpression) {
    operand(like.value, Precedence.between + 1)
    if like.isNegated { word("NOT") }
    switch like.kind {
    case .like: word("LIKE")
    case .ilike: word("ILIKE")
    case .similarTo: word("SIMILAR TO")
    }
    operand(like.pattern, Precedence.between + 1)
    if let escape = like.escape {
      word("ESCAPE")
      operand(escape, Precedence.between + 1)
    }
  }

  private mutating func quantified(_ comparison: QuantifiedComparison) {
    operand(comparison.left, SyntaxPrinter.level(comparison.operator) + 1)
    operatorName(comparison.operator)
    word(comparison.isAll ? "ALL" : "ANY")
  }

  private mutating func call(_ text: String, _ arguments: [Expression]) {
    word(text)
    tight("(")
    expressions(arguments)
    tight(")")
  }

  private mutating func typedLiteral(_ type: TypeName, _ text: [UInt8]) {
    guard type.name.schema?.text == "pg_catalog", type.name.name.text == "interval",
      let fields = type.intervalFields
    else {
      self.type(type)
      string(text)
      return
    }
    word("interval")
    string(text)
    word(fields.rawValue)
    if let precision = type.modifiers.first {
      tight("(")
      expression(precision)
      tight(")")
    }
  }

  private mutating func caseWhen(_ choice: CaseExpression) {
    word("CASE")
    if let value = choice.operand { expression(value) }
    for branch in choice.branches {
      word("WHEN")
      expression(branch.condition)
      word("THEN")
      expression(branch.result)
    }
    if let otherwise = choice.otherwise {
      word("ELSE")
      expression(otherwise)
    }
    word("END")
  }

  // MARK: - Calls

  mutating func function(_ call: FunctionCall) {
    let arguments = call.arguments.map(\.value)
    switch call.syntax {
    case .call: plainCall(call)
    case .atTimeZone where arguments.count == 2:
      operand(arguments[1], Precedence.atTimeZone)
      word("AT TIME ZONE")
      operand(arguments[0], Precedence.atTimeZone + 1)
    case .overlaps where arguments.count == 4:
      parenthesized { $0.expressions(Array(arguments[0...1])) }
      word("OVERLAPS")
      parenthesized { $0.expressions(Array(arguments[2...3])) }
    case .extract where arguments.count == 2:
      word("EXTRACT(")
      expression(arguments[0])
      word("FROM")
      expression(arguments[1])
      tight(")")
    case .position where arguments.count == 2:
      word("POSITION(")
      operand(arguments[1], SyntaxPrinter.primary)
      word("IN")
      operand(arguments[0], SyntaxPrinter.primary)
      tight(")")
    case .overlay where arguments.count > 2: clauses("OVERLAY(", arguments, ["PLACING", "FROM", "FOR"])
    case .substring where arguments.count > 1: clauses("SUBSTRING(", arguments, ["FROM", "FOR"])
    case .substringSimilar where arguments.count == 3:
      clauses("SUBSTRING(", arguments, ["SIMILAR", "ESCAPE"])
    case .trim where !arguments.isEmpty:
      switch call.name.name.text {
      case "ltrim": word("TRIM(LEADING")
      case "rtrim": word("TRIM(TRAILING")
      default: word("TRIM(BOTH")
      }
      if arguments.count > 1 { expression(arguments[arguments.count - 1]) }
      word("FROM")
      expressions(arguments.count > 1 ? arguments.dropLast() : arguments)
      tight(")")
    case .normalize where !arguments.isEmpty:
      word("NORMALIZE(")
      expression(arguments[0])
      if arguments.count > 1, case .literal(.string(let form), _) = arguments[1] {
        tight(",")
        word(String(decoding: form, as: UTF8.self).uppercased())
      }
      tight(")")
    case .collationFor where arguments.count == 1:
      word("COLLATION FOR (")
      expression(arguments[0])
      tight(")")
    default: plainCall(call)
    }
    callTail(call)
  }

  private mutating func clauses(_ opening: String, _ arguments: [Expression], _ words: [String]) {
    word(opening)
    for (index, argument) in arguments.enumerated() {
      if index > 0 { word(words[index - 1]) }
      expression(argument)
    }
    tight(")")
  }

  private mutating func plainCall(_ call: FunctionCall) {
    name(call.name)
    tight("(")
    if call.isStar { tight("*") }
    if call.isDistinct { word("DISTINCT") }
    for (index, argument) in call.arguments.enumerated() {
      if index > 0 { tight(",") }
      if call.isVariadic, index == call.arguments.count - 1 { word("VARIADIC") }
      if let name = argument.name {
        self.name(name)
        word("=>")
      }
      expression(argument.value)
    }
    if !call.isWithinGroup { orderBy(call.orderBy) }
    tight(")")
  }

  private mutating func callTail(_ call: FunctionCall) {
    if call.isWithinGroup {
      word("WITHIN GROUP (")
      orderBy(call.orderBy)
      tight(")")
    }
    if let filter = call.filter {
      word("FILTER (WHERE")
      expression(filter)
      tight(")")
    }
    switch call.over {
    case nil: break
    case .named(let window):
      word("OVER")
      name(window)
    case .specification(let window):
      word("OVER")
      self.window(window)
    }
  }

  // MARK: - Windows

  mutating func window(_ window: WindowSpecification) {
    word("(")
    if let base = window.base { name(base) }
    if !window.partitionBy.isEmpty {
      word("PARTITION BY")
      expressions(window.partitionBy)
    }
    orderBy(window.orderBy)
    if let frame = window.frame {
      switch frame.mode {
      case .range: word("RANGE")
      case .rows: word("ROWS")
      case .groups: word("GROUPS")
      }
      if frame.isBetween { word("BETWEEN") }
      bound(frame.start)
      if frame.isBetween {
        word("AND")
        bound(frame.end)
      }
      switch frame.exclusion {
      case nil: break
      case .currentRow: word("EXCLUDE CURRENT ROW")
      case .group: word("EXCLUDE GROUP")
      case .ties: word("EXCLUDE TIES")
      }
    }
    tight(")")
  }

  private mutating func bound(_ bound: WindowFrame.Bound) {
    switch bound {
    case .unboundedPreceding: word("UNBOUNDED PRECEDING")
    case .currentRow: word("CURRENT ROW")
    case .unboundedFollowing: word("UNBOUNDED FOLLOWING")
    case .preceding(let offset):
      expression(offset)
      word("PRECEDING")
    case .following(let offset):
      expression(offset)
      word("FOLLOWING")
    }
  }

  mutating func orderBy(_ items: [SortItem]) {
    guard !items.isEmpty else { return }
    word("ORDER BY")
    list(items) { printer, item in
      printer.expression(item.expression)
      switch item.direction {
      case nil: break
      case .ascending: printer.word("ASC")
      case .descending: printer.word("DESC")
      case .using(let name):
        printer.word("USING")
        printer.operatorName(name)
      }
      printer.nulls(item.nulls)
    }
  }

  mutating func nulls(_ nulls: SortItem.Nulls?) {
    switch nulls {
    case nil: break
    case .first: word("NULLS FIRST")
    case .last: word("NULLS LAST")
    }
  }
}
