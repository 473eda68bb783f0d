// A reference to a shell variable in SQL or in a command's arguments, and the texts that it may turn into: the value as it
// is, as an SQL literal, as an SQL identifier, or whether it is set at all.

struct VariableReference {
  enum Kind { case plain, literal, identifier, test }

  var kind: Kind
  var name: String
  /// Where it stands, the colon included.
  var range: Range<Int>

  /// The reference that begins with the colon at `start`, if there is one.
  init?(_ bytes: [UInt8], at start: Int) {
    guard start + 1 < bytes.count, bytes[start] == UInt8(ascii: ":") else { return nil }
    var nameStart = start + 2
    var closing: UInt8?
    switch bytes[start + 1] {
    case UInt8(ascii: "'"): (kind, closing) = (.literal, UInt8(ascii: "'"))
    case UInt8(ascii: "\""): (kind, closing) = (.identifier, UInt8(ascii: "\""))
    case UInt8(ascii: "{"):
      guard start + 2 < bytes.count, bytes[start + 2] == UInt8(ascii: "?") else { return nil }
      nameStart = start + 3
      (kind, closing) = (.test, UInt8(ascii: "}"))
    default:
      nameStart = start + 1
      kind = .plain
    }
    var end = nameStart
    while end < bytes.count, bytes[end] != UInt8(ascii: "$"), StatementScanner.continuesWord(bytes[end]) { end += 1 }
    guard end > nameStart else { return nil }
    name = String(decoding: bytes[nameStart..<end], as: UTF8.self)
    if let closing {
      guard end < bytes.count, bytes[end] == closing else { return nil }
      end += 1
    }
    range = start..<end
  }

  /// What stands in its place; nil leaves the reference as it is.
  func text(_ variables: (String) -> String?) -> String? {
    let value = variables(name)
    return switch kind {
    case .plain: value
    case .literal: value.map(SQLText.literal)
    case .identifier: value.map(SQLText.identifier)
    case .test: value == nil ? "FALSE" : "TRUE"
    }
  }
}

/// Texts as SQL spells them.
enum SQLText {
  /// In single quotes; with backslashes as an escape string, so that no setting changes its meaning.
  static func literal(_ text: String) -> String {
    let quoted = text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
    guard text.utf8.contains(UInt8(ascii: "\\")) else { return "'\(quoted)'" }
    return " E'" + quoted.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\") + "'"
  }

  static func identifier(_ text: String) -> String {
    "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }

  /// Quoted only where it must be.
  static func name(_ text: String) -> String {
    let isPlain = text.utf8.enumerated().allSatisfy { index, byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"): true
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "$"): index > 0
      default: false
      }
    }
    return isPlain && !text.isEmpty && !reserved.contains(text) ? text : identifier(text)
  }

  /// Words that cannot be names of tables or columns. Source: PostgreSQL manual, appendix C.
  private static let reserved: Set<String> = [
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "between", "bigint",
    "binary", "bit", "boolean", "both", "case", "cast", "char", "character", "check", "coalesce", "collate",
    "collation",
    "column", "concurrently", "constraint", "create", "cross", "current_catalog", "current_date", "current_role",
    "current_schema", "current_time", "current_timestamp", "current_user", "dec", "decimal", "default", "deferrable",
    "desc",
    "distinct", "do", "else", "end", "except", "exists", "extract", "false", "fetch", "float", "for", "foreign",
    "freeze",
    "from", "full", "grant", "greatest", "group", "grouping", "having", "ilike", "in", "initially", "inner", "inout",
    "int",
    "integer", "intersect", "interval", "into", "is", "isnull", "join", "lateral", "leading", "least", "left", "like",
    "limit", "localtime", "localtimestamp", "national", "natural", "nchar", "none", "normalize", "not", "notnull",
    "null",
    "nullif", "numeric", "offset", "on", "only", "or", "order", "out", "outer", "overlaps", "overlay", "placing",
    "position",
    "precision", "primary", "real", "references", "returning", "right", "row", "select", "session_user", "setof",
    "similar",
    "smallint", "some", "substring", "symmetric", "table", "tablesample", "then", "time", "timestamp", "to", "trailing",
    "treat", "trim", "true", "union", "unique", "user", "using", "values", "varchar", "variadic", "verbose", "when",
    "where",
    "window", "with", "xmlattributes", "xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlnamespaces", "xmlparse",
    "xmlpi", "xmlroot", "xmlserialize", "xmltable",
  ]
}
