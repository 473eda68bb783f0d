// The patterns of `\d` and its kin: `*` and `?` as in a shell, a dot between schema and name, double quotes for what is to be
// taken as it stands; all else folds to lower case and may be a regular expression. Source: PostgreSQL manual, psql, "Patterns".

struct NamePattern {
  /// A part that the pattern names: exactly, or by a regular expression.
  enum Part: Equatable {
    case exactly(String)
    case matching(String)

    /// An SQL condition on `column`; nil if everything satisfies it.
    func condition(on column: String) -> String? {
      switch self {
      case .exactly(let name): "\(column) = \(SQLText.literal(name))"
      case .matching(".*"): nil
      case .matching(let expression): "\(column) ~ \(SQLText.literal("^(\(expression))$"))"
      }
    }
  }

  var schema: Part?
  var name: Part

  init(_ text: String) throws(ShellFailure) {
    var parts: [Part] = []
    var expression = ""
    var plain = ""
    var isPlain = true
    var inQuotes = false
    func finish() { parts.append(isPlain ? .exactly(plain) : .matching(expression)) }
    let scalars = Array(text.unicodeScalars)
    var index = 0
    while index < scalars.count {
      let scalar = scalars[index]
      index += 1
      if scalar == "\"" {
        if inQuotes, index < scalars.count, scalars[index] == "\"" {
          index += 1
          plain += "\""
          expression += "\""
        } else {
          inQuotes.toggle()
        }
      } else if inQuotes {
        plain.unicodeScalars.append(scalar)
        if "|*+?()[]{}.^$\\".unicodeScalars.contains(scalar) { expression += "\\" }
        expression.unicodeScalars.append(scalar)
      } else if scalar == "." {
        finish()
        (expression, plain, isPlain) = ("", "", true)
      } else {
        switch scalar {
        case "*": expression += ".*"
        case "?": expression += "."
        case "$": expression += "\\$"
        default: expression += String(scalar).lowercased()
        }
        plain += String(scalar).lowercased()
        if "*?|+()[]{}^\\".unicodeScalars.contains(scalar) { isPlain = false }
      }
    }
    finish()
    if parts.count > 3 { throw ShellFailure("improper qualified name (too many dotted names): \(text)") }
    name = parts.removeLast()
    // A database before the schema can only be the one that is connected to.
    schema = parts.last
  }

  /// Conditions for a catalog query: the pattern's, and that the object is found without its schema if none is named.
  static func conditions(
    _ pattern: String?, name: String, schema: String?, visibility: String?
  ) throws(ShellFailure) -> [String] {
    guard let pattern else { return visibility.map { [$0] } ?? [] }
    let parsed = try NamePattern(pattern)
    var conditions: [String] = []
    if let condition = parsed.name.condition(on: name) { conditions.append(condition) }
    if let part = parsed.schema, let schema {
      if let condition = part.condition(on: schema) { conditions.append(condition) }
    } else if let visibility {
      conditions.append(visibility)
    }
    return conditions
  }
}
