// Writes syntax trees back as SQL: what EXPLAIN VERBOSE, catalogs and tests read.
//
// Contract: for every tree that the parser made, parsing the printed text gives an equal tree (positions
// aside), and PostgreSQL reads the text the same way. Identifiers are quoted by the rule of `quote_ident`:
// whenever they are no plain lower-case word, or are a key word that is not unreserved.

/// A printer of statements, expressions and types.
public struct SyntaxPrinter {
  var out: [UInt8] = []
  /// The last token was the dot of a qualified name.
  private var endsInDot = false

  init() { out.reserveCapacity(128) }

  /// The statement as SQL text, without a semicolon.
  public static func print(_ statement: Statement) -> [UInt8] {
    var printer = SyntaxPrinter()
    printer.statement(statement)
    return printer.out
  }

  /// The expression as SQL text. An extracted literal appears as `$n`.
  public static func print(_ expression: Expression) -> [UInt8] {
    var printer = SyntaxPrinter()
    printer.expression(expression)
    return printer.out
  }

  /// The type's name, SQL's spelling where it has one: `integer`, `timestamp(3) with time zone[]`.
  public static func print(_ type: TypeName) -> [UInt8] {
    var printer = SyntaxPrinter()
    printer.type(type)
    return printer.out
  }

  /// As PostgreSQL's `quote_ident`.
  public static func quoteIdentifier(_ name: String) -> String {
    var printer = SyntaxPrinter()
    printer.name(name)
    return String(decoding: printer.out, as: UTF8.self)
  }

  /// As PostgreSQL's `quote_literal` for text without backslashes: quotes doubled.
  public static func quoteLiteral(_ text: [UInt8]) -> [UInt8] {
    var printer = SyntaxPrinter()
    printer.string(text)
    return printer.out
  }

  // MARK: - Tokens

  /// A token, with a space before it where one belongs.
  mutating func word(_ text: String) {
    space()
    out.append(contentsOf: text.utf8)
  }

  /// A space unless at the beginning or after an opening bracket or a name's dot (a number's dot is another matter).
  mutating func space() {
    if endsInDot {
      endsInDot = false
      return
    }
    switch out.last {
    case nil, UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: " "): break
    default: out.append(0x20)
    }
  }

  /// A token right after the one before.
  mutating func tight(_ text: String) {
    out.append(contentsOf: text.utf8)
    endsInDot = text == "."
  }

  /// `, `-separated.
  mutating func list<T>(_ items: [T], _ body: (inout SyntaxPrinter, T) -> Void) {
    for (index, item) in items.enumerated() {
      if index > 0 { tight(",") }
      body(&self, item)
    }
  }

  /// `(…)` with a space before.
  mutating func parenthesized(_ body: (inout SyntaxPrinter) -> Void) {
    word("(")
    body(&self)
    tight(")")
  }

  // MARK: - Names

  mutating func name(_ text: String) {
    space()
    if SyntaxPrinter.isPlain(text) {
      out.append(contentsOf: text.utf8)
      return
    }
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\"") { out.append(byte) }
      out.append(byte)
    }
    out.append(UInt8(ascii: "\""))
  }

  /// Whether a name can stand without quotes.
  private static func isPlain(_ text: String) -> Bool {
    var hash = KeywordTable.seed
    var isFirst = true
    for byte in text.utf8 {
      let isLetter = byte &- 97 < 26 || byte == UInt8(ascii: "_")
      guard isLetter || !isFirst && byte &- 48 < 10 else { return false }
      hash = KeywordTable.mix(hash, byte)
      isFirst = false
    }
    if isFirst { return false }
    let keyword = Array(text.utf8).withUnsafeBufferPointer {
      KeywordTable.shared.find(hash, $0, 0, $0.count)
    }
    return keyword == .absent || keyword.category == .unreserved
  }

  mutating func name(_ identifier: Identifier) { name(identifier.text) }

  mutating func name(_ qualified: QualifiedName) {
    if let catalog = qualified.catalog {
      name(catalog)
      tight(".")
    }
    if let schema = qualified.schema {
      name(schema)
      tight(".")
    }
    name(qualified.name)
  }

  mutating func names(_ list: [Identifier]) { self.list(list) { $0.name($1) } }
  mutating func names(_ list: [QualifiedName]) { self.list(list) { $0.name($1) } }

  /// `(a, b)`, nothing when empty.
  mutating func optionalNames(_ list: [Identifier]) {
    if !list.isEmpty { parenthesized { $0.names(list) } }
  }

  mutating func role(_ role: RoleName) {
    switch role {
    case .named(let identifier): name(identifier)
    case .currentRole: word("CURRENT_ROLE")
    case .currentUser: word("CURRENT_USER")
    case .sessionUser: word("SESSION_USER")
    case .public: word("public")
    }
  }

  mutating func roles(_ list: [RoleName]) { self.list(list) { $0.role($1) } }

  // MARK: - Constants

  mutating func string(_ text: [UInt8]) {
    space()
    out.append(UInt8(ascii: "'"))
    for byte in text {
      if byte == UInt8(ascii: "'") { out.append(byte) }
      out.append(byte)
    }
    out.append(UInt8(ascii: "'"))
  }

  mutating func string(_ text: String) { string(Array(text.utf8)) }

  mutating func optionValue(_ value: UtilityOption.Value) {
    switch value {
    // A word that is reserved (`true`, `on`) must not be quoted.
    case .word("true"), .word("false"), .word("on"):
      if case .word(let text) = value { word(text) }
    case .word(let text): name(text)
    case .string(let text): string(text)
    case .integer(let number): word(String(number))
    case .numeric(let digits): word(digits)
    case .all: word("*")
    case .list(let items): parenthesized { $0.list(items) { $0.optionValue($1) } }
    }
  }

  /// `(name value, …)`
  mutating func utilityOptions(_ options: [UtilityOption]) {
    guard !options.isEmpty else { return }
    parenthesized {
      $0.list(options) { printer, option in
        printer.label(option.name)
        if let value = option.value { printer.optionValue(value) }
      }
    }
  }

  /// An option's name, which may be any word: only ANALYZE among the reserved ones is not to be quoted.
  private mutating func label(_ text: String) {
    if text == "analyze" { word(text) } else { name(text) }
  }

  /// `(name = value, …)`
  mutating func storage(_ options: [UtilityOption]) {
    parenthesized {
      $0.list(options) { printer, option in
        if let namespace = option.namespace {
          printer.name(namespace)
          printer.tight(".")
        }
        printer.name(option.name)
        if let value = option.value {
          printer.word("=")
          printer.optionValue(value)
        }
      }
    }
  }

  mutating func optionalStorage(_ options: [UtilityOption]) {
    guard !options.isEmpty else { return }
    word("WITH")
    storage(options)
  }

  // MARK: - Types

  mutating func type(_ type: TypeName) {
    if type.isSetOf { word("SETOF") }
    if type.isColumnType {
      name(type.name)
      tight("%TYPE")
      return
    }
    if !systemType(type) {
      name(type.name)
      if !type.modifiers.isEmpty {
        tight("(")
        list(type.modifiers) { $0.expression($1) }
        tight(")")
      }
    }
    for bound in type.arrayBounds {
      tight("[")
      if let bound { tight(String(bound)) }
      tight("]")
    }
  }

  /// SQL's own spelling of a type in `pg_catalog`; false when it has none.
  private mutating func systemType(_ type: TypeName) -> Bool {
    guard type.name.catalog == nil, type.name.schema?.text == "pg_catalog" else { return false }
    if type.name.name.text == "numeric" {
      word("numeric")
      if !type.modifiers.isEmpty {
        tight("(")
        list(type.modifiers) { $0.expression($1) }
        tight(")")
      }
      return true
    }
    var length: Int64?
    for modifier in type.modifiers {
      guard case .literal(.integer(let value), _) = modifier, value >= 0, type.modifiers.count == 1 else {
        return false
      }
      length = value
    }
    let name = type.name.name.text
    func spell(_ printer: inout SyntaxPrinter, _ first: String, _ second: String = "") {
      printer.word(first)
      if let length { printer.tight("(\(length))") }
      if !second.isEmpty { printer.word(second) }
    }
    if name == "interval" {
      word("interval")
      if let fields = type.intervalFields {
        word(fields.rawValue)
        if let length { tight("(\(length))") }
      } else if let length {
        tight("(\(length))")
      }
      return true
    }
    switch (name, length) {
    case ("bool", nil): word("boolean")
    case ("int2", nil): word("smallint")
    case ("int4", nil): word("integer")
    case ("int8", nil): word("bigint")
    case ("float4", nil): word("real")
    case ("float8", nil): word("double precision")
    case ("varchar", _): spell(&self, "character varying")
    case ("bpchar", .some): spell(&self, "character")
    case ("bit", .some): spell(&self, "bit")
    case ("varbit", _): spell(&self, "bit varying")
    case ("time", _): spell(&self, "time", "without time zone")
    case ("timetz", _): spell(&self, "time", "with time zone")
    case ("timestamp", _): spell(&self, "timestamp", "without time zone")
    case ("timestamptz", _): spell(&self, "timestamp", "with time zone")
    default: return false
    }
    return true
  }
}
