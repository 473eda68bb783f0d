// Expressions of stored queries as PostgreSQL shows them. Pretty text leaves out the parentheses that its own rules call needless, which
// are fewer than precedence would allow.

import SQLSyntax

extension QueryText {
  /// What an operand belongs to, as far as parentheses depend on it.
  enum Place {
    case `operator`(OperatorName, isFirst: Bool)
    case and, or, not
    case cast
    case other
  }

  /// An operand, in parentheses where they are due.
  private mutating func operand(_ expression: Expression, _ place: Place) {
    let needs = isPretty && !isSimple(expression, place)
    if needs { add("(") }
    self.expression(expression)
    if needs { add(")") }
  }

  private func isSimple(_ expression: Expression, _ place: Place) -> Bool {
    switch expression {
    case .cast(.literal, _, _): return true
    case .cast(let inner, _, _): return isSimple(inner, place)
    case .unary, .binary:
      if case .binary(let name, .row, .row) = expression, name.symbol != "=" { return true }
      if case .operator(let parent, let isFirst) = place {
        guard case .binary(let name, _, _) = expression, let own = rank(name), let above = rank(parent) else {
          return false
        }
        return own > above || own == above && isFirst
      }
      return isBelowBoolean(place)
    case .exists, .scalarSubquery, .arraySubquery, .inSubquery, .quantifiedSubquery, .isTest, .isDistinctFrom:
      return isBelowBoolean(place)
    case .and, .not:
      switch place {
      case .and, .or: return true
      default: return false
      }
    case .or: if case .or = place { return true } else { return false }
    case .quantifiedArray, .collate: return false
    default: return true
    }
  }

  private func isBelowBoolean(_ place: Place) -> Bool {
    switch place {
    case .and, .or, .not: true
    default: false
    }
  }

  /// How tightly a simple arithmetic operator binds.
  private func rank(_ name: OperatorName) -> Int? {
    switch name.symbol {
    case "+", "-": 1
    case "*", "/", "%": 2
    default: nil
    }
  }

  /// Something in parentheses unless the text is pretty.
  private mutating func enclosed(_ body: (inout QueryText) -> Void) {
    if !isPretty { add("(") }
    body(&self)
    if !isPretty { add(")") }
  }

  private mutating func expressions(_ list: [Expression]) { self.list(list) { $0.expression($1) } }

  mutating func expression(_ expression: Expression) {
    switch expression {
    case .literal(let literal, _): self.literal(literal)
    case .column(let reference) where names.isWholeRow(reference):
      add("\(quoted(names.table(reference.name.text))).*")
    case .column(let reference):
      let (table, name) = names.column(reference)
      add(table.map { "\(quoted($0)).\(quoted(name))" } ?? quoted(name))
    case .wildcard(let qualifiers, _) where !qualifiers.isEmpty:
      add("\(quoted(names.table(qualifiers[qualifiers.count - 1].text))).*")
    case .field(let base, let field):
      let isPlain =
        switch base {
        case .field, .subscripted: true
        default: false
        }
      if !isPlain { add("(") }
      self.expression(base)
      if !isPlain { add(")") }
      add(".\(quoted(field.text))")
    case .subscripted(let base, let subscripts): subscripted(base, subscripts)
    case .unary(let name, let value):
      enclosed { text in
        text.add("\(name.symbol) ")
        text.operand(value, .operator(name, isFirst: true))
      }
    case .binary(let name, .row(let left, _, _), .row(let right, _, _)):
      add("(ROW(")
      expressions(left)
      add(") \(name.symbol) ROW(")
      expressions(right)
      add("))")
    case .binary(let name, let left, let right):
      enclosed { text in
        text.operand(left, .operator(name, isFirst: true))
        text.add(" \(name.symbol) ")
        text.operand(right, .operator(name, isFirst: false))
      }
    case .and(let list): enclosed { $0.list(list, " AND ") { $0.operand($1, .and) } }
    case .or(let list): enclosed { $0.list(list, " OR ") { $0.operand($1, .or) } }
    case .not(let value, _):
      enclosed { text in
        text.add("NOT ")
        text.operand(value, .not)
      }
    case .isTest(let value, let test, let negated, _):
      enclosed { text in
        text.operand(value, .other)
        let word =
          switch test {
          case .null: "NULL"
          case .true: "TRUE"
          case .false: "FALSE"
          case .unknown: "UNKNOWN"
          case .document: "DOCUMENT"
          case .normalized: "NORMALIZED"
          }
        text.add(" IS \(negated ? "NOT " : "")\(word)")
      }
    case .isDistinctFrom(let left, let right, let negated, _):
      enclosed { text in
        text.operand(left, .other)
        text.add(negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ")
        text.operand(right, .other)
      }
    case .quantifiedArray(let comparison, let array):
      enclosed { text in
        text.operand(comparison.left, .other)
        text.add(" \(comparison.operator.symbol) \(comparison.isAll ? "ALL" : "ANY") (")
        if case .cast(let query, let type, _) = array, case .scalarSubquery = query {
          text.operand(query, .other)
          text.add("::\(text.type(type))")
        } else {
          text.operand(array, .other)
        }
        text.add(")")
      }
    case .exists(let query, _):
      add("(EXISTS (")
      subquery(query)
      add("))")
    case .scalarSubquery(let query, _):
      add("(")
      subquery(query)
      add(")")
    case .arraySubquery(let query, _):
      add("ARRAY(")
      subquery(query)
      add(")")
    case .inSubquery(let value, let query, _, _): membership(value, "IN", query)
    case .quantifiedSubquery(let comparison, let query):
      let word = comparison.isAll ? "ALL" : "ANY"
      membership(
        comparison.left,
        comparison.operator.symbol == "=" && !comparison.isAll ? "IN" : "\(comparison.operator.symbol) \(word)",
        query)
    case .array(let elements, _):
      add("ARRAY[")
      expressions(elements)
      add("]")
    case .row(let fields, _, _):
      add("ROW(")
      list(fields) { $0.item($1) }
      add(")")
    case .function(let call): self.call(call)
    case .cast(.literal(let literal, _), let type, _):
      constant(literal)
      add("::\(self.type(type))")
    case .cast(let value, let type, _):
      if case .array(let elements, _) = value, elements.isEmpty {
        self.expression(value)
      } else {
        enclosed { $0.operand(value, .cast) }
      }
      add("::\(self.type(type))")
    case .collate(let value, let collation, _):
      enclosed { text in
        text.operand(value, .other)
        text.add(" COLLATE \(text.quoted(collation.name.text))")
      }
    case .caseWhen(let choice): self.choice(choice)
    case .coalesce(let list, _): named("COALESCE", list)
    case .nullIf(let first, let second, _): named("NULLIF", [first, second])
    case .greatest(let list, _): named("GREATEST", list)
    case .least(let list, _): named("LEAST", list)
    case .grouping(let list, _): named("GROUPING", list)
    case .currentValue(let value, let precision, _):
      add(value.rawValue.uppercased())
      if let precision { add("(\(precision))") }
    default: add(String(decoding: SyntaxPrinter.print(expression), as: UTF8.self))
    }
  }

  private mutating func named(_ name: String, _ list: [Expression]) {
    add("\(name)(")
    expressions(list)
    add(")")
  }

  private mutating func membership(_ value: Expression, _ word: String, _ query: SelectStatement) {
    add("(")
    if case .row(let fields, _, _) = value {
      add("(")
      expressions(fields)
      add(")")
    } else {
      expression(value)
    }
    add(" \(word) (")
    subquery(query)
    add("))")
  }

  // MARK: Constants

  private mutating func literal(_ literal: Literal) {
    switch literal {
    case .integer(let value) where value < 0: add("'\(value)'::integer")
    case .numeric(let digits) where digits.first == UInt8(ascii: "-"):
      add("'\(String(decoding: digits, as: UTF8.self))'::numeric")
    default: constant(literal)
    }
  }

  private mutating func constant(_ literal: Literal) {
    switch literal {
    case .null: add("NULL")
    case .boolean(let value): add(value ? "true" : "false")
    case .integer(let value): add(value < 0 ? "(\(value))" : String(value))
    case .numeric(let digits): add(String(decoding: digits, as: UTF8.self))
    case .string(let text): string(text)
    case .bitString(let digits, let isHexadecimal):
      add("\(isHexadecimal ? "X" : "B")'\(String(decoding: digits, as: UTF8.self))'")
    }
  }

  private mutating func string(_ text: [UInt8]) {
    let hasBackslash = text.contains(UInt8(ascii: "\\"))
    var quoted: [UInt8] = hasBackslash ? Array("E'".utf8) : [UInt8(ascii: "'")]
    for byte in text {
      if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\\") { quoted.append(byte) }
      quoted.append(byte)
    }
    quoted.append(UInt8(ascii: "'"))
    add(String(decoding: quoted, as: UTF8.self))
  }

  private mutating func subscripted(_ base: Expression, _ subscripts: [Subscript]) {
    let isPlain =
      switch base {
      case .column, .field: true
      default: false
      }
    if !isPlain { add("(") }
    expression(base)
    if !isPlain { add(")") }
    for item in subscripts {
      add("[")
      switch item {
      case .index(let value): expression(value)
      case .slice(let lower, let upper):
        if let lower { expression(lower) }
        add(":")
        if let upper { expression(upper) }
      }
      add("]")
    }
  }

  private mutating func choice(_ choice: CaseExpression) {
    line("CASE", 0, 4, 0)
    if let value = choice.operand {
      add(" ")
      expression(value)
    }
    for branch in choice.branches {
      line("WHEN ", 0, 0, 0)
      expression(branch.condition)
      add(" THEN ")
      expression(branch.result)
    }
    if let otherwise = choice.otherwise {
      line("ELSE ", 0, 0, 0)
      expression(otherwise)
    }
    line("END", -4, 0, 0)
  }

  // MARK: Calls

  private mutating func call(_ call: FunctionCall) {
    let arguments = call.arguments.map(\.value)
    switch call.syntax {
    case .extract where arguments.count == 2:
      var field = arguments[0]
      if case .cast(let inner, _, _) = field { field = inner }
      add("EXTRACT(")
      if case .literal(.string(let text), _) = field { add(quoted(String(decoding: text, as: UTF8.self))) }
      add(" FROM ")
      expression(arguments[1])
      add(")")
    case .atTimeZone where arguments.count == 2:
      add("(")
      operand(arguments[1], .other)
      add(" AT TIME ZONE ")
      operand(arguments[0], .other)
      add(")")
    case .overlaps where arguments.count == 4:
      add("((")
      expressions(Array(arguments[0...1]))
      add(") OVERLAPS (")
      expressions(Array(arguments[2...3]))
      add("))")
    case .position where arguments.count == 2:
      add("POSITION((")
      expression(arguments[1])
      add(") IN (")
      expression(arguments[0])
      add("))")
    case .overlay where arguments.count > 2: clauses("OVERLAY(", arguments, [" PLACING ", " FROM ", " FOR "])
    case .substring where arguments.count > 1: clauses("SUBSTRING(", arguments, [" FROM ", " FOR "])
    case .substringSimilar where arguments.count == 3: clauses("SUBSTRING(", arguments, [" SIMILAR ", " ESCAPE "])
    case .trim where !arguments.isEmpty:
      switch call.name.name.text {
      case "ltrim": add("TRIM(LEADING")
      case "rtrim": add("TRIM(TRAILING")
      default: add("TRIM(BOTH")
      }
      if arguments.count > 1 {
        add(" ")
        expression(arguments[1])
      }
      add(" FROM ")
      expression(arguments[0])
      add(")")
    case .normalize where !arguments.isEmpty:
      add("NORMALIZE(")
      expression(arguments[0])
      if arguments.count > 1 {
        var form = arguments[1]
        if case .cast(let inner, _, _) = form { form = inner }
        if case .literal(.string(let text), _) = form {
          add(", \(String(decoding: text, as: UTF8.self).uppercased())")
        }
      }
      add(")")
    case .collationFor where arguments.count == 1:
      add("COLLATION FOR (")
      expression(arguments[0])
      add(")")
    default: plain(call)
    }
    if let filter = call.filter {
      add(" FILTER (WHERE ")
      expression(filter)
      add(")")
    }
    switch call.over {
    case nil: break
    case .named(let name)?: add(" OVER \(quoted(name.text))")
    case .specification(let window)?:
      add(" OVER ")
      self.window(window)
    }
  }

  private mutating func clauses(_ opening: String, _ arguments: [Expression], _ words: [String]) {
    add(opening)
    for (index, argument) in arguments.enumerated() {
      if index > 0 { add(words[index - 1]) }
      expression(argument)
    }
    add(")")
  }

  private mutating func plain(_ call: FunctionCall) {
    if let schema = call.name.schema, schema.text != "pg_catalog" { add("\(quoted(schema.text)).") }
    add("\(quoted(call.name.name.text))(")
    if call.isDistinct { add("DISTINCT ") }
    if call.isStar { add("*") }
    for (index, argument) in call.arguments.enumerated() {
      if index > 0 { add(", ") }
      if call.isVariadic, index == call.arguments.count - 1 { add("VARIADIC ") }
      if let name = argument.name { add("\(quoted(name.text)) => ") }
      expression(argument.value)
    }
    if call.isWithinGroup { add(") WITHIN GROUP (") }
    if !call.orderBy.isEmpty {
      add(call.isWithinGroup ? "ORDER BY " : " ORDER BY ")
      orderBy(call.orderBy)
    }
    add(")")
  }
}
