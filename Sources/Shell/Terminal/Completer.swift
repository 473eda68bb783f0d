// Completion of a word under the cursor: keywords, names of the database, backslash commands, settings. Decides by the words
// before it what may stand there; names come from `NameSource`, so that this needs no server to be tested.

import Foundation

/// The database's own names.
protocol NameSource: AnyObject {
  /// Tables, views and the like that are found without a schema; with one, its own.
  func relations(schema: String?) -> [String]
  func schemas() -> [String]
  /// Columns of a table or view, `schema.table` or just its name.
  func columns(of relation: String) -> [String]
  func settings() -> [String]
  func databases() -> [String]
  func roles() -> [String]
  func functions() -> [String]
  func types() -> [String]
  func variables() -> [String]
  /// Forgets what is cached.
  func forget()
}

final class Completer: CompletionSource {
  private let names: any NameSource
  /// The lines before the one that is edited.
  var statement: () -> String = { "" }

  init(names: any NameSource) { self.names = names }

  func forget() { names.forget() }

  func completions(line: String, word: String) -> [String]? {
    let before = String(line.dropLast(word.count))
    let trimmed = before.drop(while: \.isWhitespace)
    if trimmed.hasPrefix("\\") || (trimmed.isEmpty && word.hasPrefix("\\")) {
      return command(String(trimmed), word)
    }
    if let start = word.lastIndex(of: "\\") {
      // A command after SQL, as in `select 1 \gx`.
      return start == word.startIndex ? CommandHelp.names.filter { $0.hasPrefix(word) } : []
    }
    if word.hasPrefix(":"), !word.hasPrefix("::") {
      return names.variables().map { ":\($0)" }.filter { $0.hasPrefix(word) }.sorted()
    }
    return sql(before: statement() + "\n" + before, word)
  }

  // MARK: Backslash commands

  private func command(_ before: String, _ word: String) -> [String]? {
    let words = before.split(whereSeparator: \.isWhitespace).map(String.init)
    guard let command = words.first else { return CommandHelp.names.filter { $0.hasPrefix(word) } }
    let place = words.count
    switch command {
    case "\\c", "\\connect":
      return match(place == 1 ? names.databases() : place == 2 ? names.roles() : [], word)
    case "\\d", "\\d+", "\\dt", "\\dt+", "\\di", "\\dv", "\\ds", "\\dm", "\\dp", "\\z", "\\sv":
      return relations(word)
    case "\\dn", "\\dn+": return match(names.schemas(), word)
    case "\\du", "\\du+", "\\dg": return match(names.roles(), word)
    case "\\df", "\\df+", "\\sf": return match(names.functions(), word)
    case "\\dT", "\\dT+": return match(names.types(), word)
    case "\\l", "\\l+": return match(names.databases(), word)
    case "\\x": return match(["auto", "off", "on"], word)
    case "\\t", "\\timing": return match(["off", "on"], word)
    case "\\pset":
      if place == 1 { return match(PrintOption.names, word) }
      switch words[1] {
      case "format": return match(PrintOptions.Format.allCases.map(\.rawValue), word)
      case "linestyle": return match(PrintOptions.LineStyle.allCases.map(\.rawValue), word)
      case "expanded": return match(["auto", "off", "on"], word)
      case "pager": return match(["always", "off", "on"], word)
      case "border": return match(["0", "1", "2"], word)
      default: return match(["off", "on"], word)
      }
    case "\\set", "\\unset":
      if place == 1 { return match(names.variables(), word) }
      switch words.count > 1 ? words[1] : "" {
      case "VERBOSITY": return match(["default", "sqlstate", "terse", "verbose"], word)
      case "ECHO": return match(["all", "errors", "none", "queries"], word)
      case "SHOW_CONTEXT": return match(["always", "errors", "never"], word)
      case "COMP_KEYWORD_CASE": return match(["lower", "preserve-lower", "preserve-upper", "upper"], word)
      default: return match(["off", "on"], word)
      }
    case "\\h", "\\help":
      let typed = words.dropFirst().joined(separator: " ").uppercased()
      let prefix = typed.isEmpty ? word.uppercased() : typed + " " + word.uppercased()
      return Set(
        SyntaxHelp.commands.filter { $0.hasPrefix(prefix) }.compactMap { name in
          let skipped = typed.isEmpty ? 0 : typed.count + 1
          return name.dropFirst(skipped).split(separator: " ").first.map(String.init)
        }
      ).sorted()
    case "\\copy":
      if place == 1 { return relations(word) }
      if place == 2 { return match(["FROM", "TO"], word.uppercased()) }
      return place == 3 ? nil : match(["WITH", "CSV", "HEADER", "DELIMITER", "NULL", "FORMAT"], word.uppercased())
    case "\\i", "\\ir", "\\include", "\\o", "\\out", "\\e", "\\edit", "\\w", "\\write", "\\g", "\\cd", "\\s": return nil
    default: return []
    }
  }

  // MARK: SQL

  private static let beforeRelation: Set<String> = [
    "FROM", "JOIN", "INTO", "UPDATE", "TABLE", "TRUNCATE", "COPY", "ANALYZE", "VACUUM", "REFERENCES", "VIEW", "INDEX",
    "ONLY", "LOCK",
  ]

  private func sql(before: String, _ word: String) -> [String] {
    let words = Self.words(before)
    let upper = words.map { $0.uppercased() }
    let last = upper.last ?? ""
    let first = upper.first ?? ""
    let previous = upper.count > 1 ? upper[upper.count - 2] : ""

    switch last {
    case "SET" where first == "SET" || first == "ALTER":
      return match(names.settings() + ["LOCAL", "SESSION", "TRANSACTION"].map { cased($0, word) }, word)
    case "LOCAL" where first == "SET": return match(names.settings(), word)
    case "SESSION" where first == "SET": return match(names.settings(), word)
    case "SHOW", "RESET": return match(names.settings() + [cased("ALL", word)], word)
    case "SCHEMA": return match(names.schemas() + keywords(["IF", "AUTHORIZATION"], word), word)
    case "DATABASE" where first != "CREATE": return match(names.databases(), word)
    case "ROLE", "USER": if first != "CREATE" { return match(names.roles(), word) }
    case "OWNER": return keywords(["TO"], word)
    case "TO" where first == "GRANT" || previous == "OWNER": return match(names.roles(), word)
    case "FROM" where first == "REVOKE": return match(names.roles(), word)
    case "TO" where first == "SET" && words.count > 2: return match(Self.settingValues(words[1]), word)
    case "=" where first == "SET" && words.count > 2: return match(Self.settingValues(words[1]), word)
    case "TYPE" where first == "ALTER" && upper.contains("COLUMN"): return match(names.types(), word)
    default: break
    }
    if last == "ON", first == "CREATE" || first == "DROP" || first == "GRANT" || first == "REVOKE" {
      return relations(word)
    }
    if Self.beforeRelation.contains(last) || (last == "EXISTS" && previous == "IF" && first == "DROP") {
      let extra: [String] =
        switch last {
        case "TABLE" where first == "CREATE": ["IF NOT EXISTS"]
        case "TABLE", "VIEW", "INDEX": ["IF EXISTS"]
        case "FROM", "JOIN": ["LATERAL", "ONLY"]
        default: []
        }
      return relations(word) + keywords(extra, word)
    }

    let tables = Self.tables(words)
    if let dot = word.lastIndex(of: ".") {
      let qualifier = String(word[..<dot])
      // An alias or a table of the statement comes before a schema of the same name.
      if let table = tables.first(where: { $0.alias == qualifier || $0.name == qualifier }) {
        return match(names.columns(of: table.name).map { "\(qualifier).\(SQLText.name($0))" }, word)
      }
      let members = relations(word)
      return members.isEmpty
        ? match(names.columns(of: qualifier).map { "\(qualifier).\(SQLText.name($0))" }, word) : members
    }
    if last == "(" || last == ",", first == "INSERT", upper.contains("INTO"), !upper.contains("VALUES"),
      !upper.contains("SELECT"), words.count > 2
    {
      return match(names.columns(of: Self.unquoted(words[2])).map(SQLText.name), word)
    }

    if words.isEmpty || last == ";" { return keywords(SQLKeywords.statements, word) }
    var found = tables.flatMap { names.columns(of: $0.name) }.map(SQLText.name)
    found += tables.compactMap(\.alias)
    if word.isEmpty {
      // All keywords would bury what the statement is about.
      let likely = SQLKeywords.after[last] ?? []
      return match(found, word) + keywords(likely, word)
    }
    if tables.isEmpty { found += names.functions().filter { !$0.hasPrefix("_") } }
    return match(found, word) + keywords((SQLKeywords.after[last] ?? []) + SQLKeywords.all, word)
  }

  private static func settingValues(_ name: String) -> [String] {
    switch name.lowercased() {
    case "datestyle": ["ISO", "SQL", "Postgres", "German", "YMD", "MDY", "DMY", "DEFAULT"]
    case "timezone": ["UTC", "DEFAULT"]
    case "client_min_messages", "log_min_messages": ["debug", "log", "notice", "warning", "error", "DEFAULT"]
    case "default_transaction_isolation": ["'serializable'", "'repeatable read'", "'read committed'", "DEFAULT"]
    case "default_transaction_priority", "transaction_priority": ["low", "normal", "high", "DEFAULT"]
    case "intervalstyle": ["postgres", "postgres_verbose", "sql_standard", "iso_8601", "DEFAULT"]
    case "bytea_output": ["hex", "escape", "DEFAULT"]
    default: ["on", "off", "DEFAULT"]
    }
  }

  /// Relations and schemas that begin as the word does; after a dot, what the schema holds.
  private func relations(_ word: String) -> [String] {
    if let dot = word.lastIndex(of: ".") {
      let schema = String(word[..<dot])
      return match(names.relations(schema: Self.unquoted(schema)).map { "\(schema).\(SQLText.name($0))" }, word)
    }
    let schemas = names.schemas().filter {
      word.hasPrefix("pg_") || word.hasPrefix("i") || !$0.hasPrefix("pg_") && $0 != "information_schema"
    }
    return match(names.relations(schema: nil).map(SQLText.name), word)
      + match(schemas.map { SQLText.name($0) + "." }, word)
  }

  /// Those that begin as the word does, without regard to case if the word has none of its own; sorted, each once.
  private func match(_ candidates: [String], _ word: String) -> [String] {
    let lowered = word.lowercased()
    return Array(Set(candidates.filter { $0.hasPrefix(word) || $0.lowercased().hasPrefix(lowered) })).sorted()
  }

  /// Keywords that begin as the word does, in the case that it is written in.
  private func keywords(_ candidates: [String], _ word: String) -> [String] {
    let upper = word.uppercased()
    return Array(Set(candidates.filter { $0.hasPrefix(upper) })).sorted().map { cased($0, word) }
  }

  private func cased(_ keyword: String, _ word: String) -> String {
    word.first?.isLowercase == true ? keyword.lowercased() : keyword
  }

  // MARK: Reading the statement

  /// Words, quoted names and single signs of the statement that the text ends in; literals and comments are left out.
  static func words(_ text: String) -> [String] {
    var words: [String] = []
    let characters = Array(text)
    var index = 0
    func isWord(_ character: Character) -> Bool {
      character.isLetter || character.isNumber || character == "_" || character == "." || character == "$"
    }
    while index < characters.count {
      let character = characters[index]
      if character.isWhitespace {
        index += 1
      } else if character == "'" {
        index += 1
        while index < characters.count, characters[index] != "'" { index += 1 }
        index += 1
        words.append("''")
      } else if character == "-", index + 1 < characters.count, characters[index + 1] == "-" {
        while index < characters.count, characters[index] != "\n" { index += 1 }
      } else if character == ";" {
        words = []
        index += 1
      } else if isWord(character) || character == "\"" {
        var word = ""
        while index < characters.count, isWord(characters[index]) || characters[index] == "\"" {
          if characters[index] == "\"" {
            repeat {
              word.append(characters[index])
              index += 1
            } while index < characters.count && characters[index] != "\""
          }
          if index < characters.count { word.append(characters[index]) }
          index += 1
        }
        words.append(word)
      } else {
        words.append(String(character))
        index += 1
      }
    }
    return words
  }

  /// The tables that the statement names so far, with their aliases.
  static func tables(_ words: [String]) -> [(name: String, alias: String?)] {
    var found: [(name: String, alias: String?)] = []
    var index = 0
    while index < words.count {
      let word = words[index].uppercased()
      index += 1
      guard ["FROM", "JOIN", "UPDATE", "INTO", "ON"].contains(word) else { continue }
      // ON begins a condition, except in CREATE INDEX.
      if word == "ON", words.first?.uppercased() != "CREATE" { continue }
      while index < words.count {
        if words[index].uppercased() == "ONLY" || words[index].uppercased() == "LATERAL" { index += 1 }
        guard index < words.count, let start = words[index].first, start.isLetter || start == "_" || start == "\""
        else { break }
        let name = unquoted(words[index])
        index += 1
        if index < words.count, words[index].uppercased() == "AS" { index += 1 }
        var alias: String?
        if index < words.count, let start = words[index].first, start.isLetter || start == "_" || start == "\"",
          !SQLKeywords.set.contains(words[index].uppercased())
        {
          alias = unquoted(words[index])
          index += 1
        }
        found.append((name, alias))
        guard index < words.count, words[index] == "," else { break }
        index += 1
      }
    }
    return found
  }

  private static func unquoted(_ name: String) -> String {
    name.contains("\"") ? name.filter { $0 != "\"" } : name.lowercased()
  }
}
