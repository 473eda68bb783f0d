// The shell's variables: `\set`, `-v`, and those that steer the shell itself, whose values are checked when they are set.
// Source: PostgreSQL manual, psql, "Variables".

struct Variables {
  private(set) var values: [String: String] = [:]

  /// Those that mean yes or no.
  private static let switches: Set<String> = [
    "AUTOCOMMIT", "ON_ERROR_STOP", "QUIET", "SINGLELINE", "SINGLESTEP", "SHOW_ALL_RESULTS", "HIDE_TABLEAM",
    "HIDE_TOAST_COMPRESSION",
  ]
  private static let choices: [String: [String]] = [
    "VERBOSITY": ["default", "verbose", "terse", "sqlstate"], "SHOW_CONTEXT": ["never", "errors", "always"],
    "ECHO": ["none", "errors", "queries", "all"], "ECHO_HIDDEN": ["off", "on", "noexec"],
    "ON_ERROR_ROLLBACK": ["off", "on", "interactive"],
    "COMP_KEYWORD_CASE": ["lower", "upper", "preserve-lower", "preserve-upper"],
  ]

  init() {
    for (name, value) in [
      ("AUTOCOMMIT", "on"), ("ON_ERROR_STOP", "off"), ("QUIET", "off"), ("VERBOSITY", "default"),
      ("SHOW_CONTEXT", "errors"), ("ECHO", "none"), ("ECHO_HIDDEN", "off"), ("ON_ERROR_ROLLBACK", "off"),
      ("COMP_KEYWORD_CASE", "preserve-upper"), ("PROMPT1", "%/%R%x%# "), ("PROMPT2", "%/%R%x%# "), ("PROMPT3", ">> "),
      ("IGNOREEOF", "0"), ("LAST_ERROR_SQLSTATE", "00000"),
      ("LAST_ERROR_MESSAGE", ""),
    ] { values[name] = value }
  }

  subscript(name: String) -> String? { values[name] }

  func isOn(_ name: String) -> Bool { values[name].flatMap(Self.truth) ?? false }

  /// Sets a variable that a program or person names.
  mutating func set(_ name: String, _ value: String) throws(ShellFailure) {
    guard Self.isName(name) else { throw ShellFailure("invalid variable name: \"\(name)\"") }
    if Self.switches.contains(name) {
      guard let truth = value.isEmpty ? true : Self.truth(value) else {
        throw ShellFailure("unrecognized value \"\(value)\" for \"\(name)\": Boolean expected")
      }
      values[name] = truth ? "on" : "off"
      return
    }
    if let allowed = Self.choices[name] {
      let value =
        name == "ON_ERROR_ROLLBACK" || name == "ECHO_HIDDEN"
        ? Self.truth(value).map { $0 ? "on" : "off" } ?? value : value
      guard allowed.contains(value.lowercased()) else {
        throw ShellFailure(
          "unrecognized value \"\(value)\" for \"\(name)\"\nAvailable values are: \(allowed.joined(separator: ", ")).")
      }
      values[name] = value.lowercased()
      return
    }
    values[name] = value
  }

  mutating func unset(_ name: String) throws(ShellFailure) {
    guard Self.isName(name) else { throw ShellFailure("invalid variable name: \"\(name)\"") }
    if Self.switches.contains(name) { values[name] = "off" } else { values[name] = nil }
  }

  /// Sets what the shell itself reports.
  mutating func report(_ name: String, _ value: String) { values[name] = value }

  private static func isName(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.allSatisfy { StatementScanner.continuesWord($0) && $0 != UInt8(ascii: "$") }
  }

  /// `on`, `off` and what else PostgreSQL takes for a truth value; nil for anything else.
  static func truth(_ text: String) -> Bool? {
    let word = text.lowercased()
    if word.isEmpty { return nil }
    if word == "1" { return true }
    if word == "0" { return false }
    if word == "on" { return true }
    if word == "off" || word == "of" { return false }
    for name in ["true", "yes"] where name.hasPrefix(word) { return true }
    for name in ["false", "no"] where name.hasPrefix(word) { return false }
    return nil
  }
}
