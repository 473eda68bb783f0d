// The session's run-time parameters. `SET` inside a transaction is undone with it, `SET LOCAL` ends with it, and a
// savepoint brings both back: three levels of one value, copied where a transaction or savepoint begins.
// Source: PostgreSQL manual, SET.

import SQLTypes
import Transactions

struct SessionSettings {
  /// Values by lower-case name where they differ from the start.
  struct Values {
    fileprivate(set) var session: [String: String] = [:]
    fileprivate(set) var local: [String: String] = [:]
  }

  private(set) var values = Values()
  /// What `RESET` goes back to: the defaults changed by the connection's startup parameters.
  private var initial: [String: String] = [:]
  /// Names changed since the client was told last; reported ones only.
  private(set) var unreported: [String] = []
  /// Rises with each change, for whoever derives something from the values.
  private(set) var generation = 0
  /// The state to return to when the transaction fails.
  private var atBegin: Values?

  /// The values that text conversions need.
  private(set) var format = FormatSettings() { didSet { formatVersion &+= 1 } }
  /// Rises with each change of `format`.
  private(set) var formatVersion = 0
  private(set) var searchPath: [String] = ["$user", "public"]
  private(set) var statementTimeout: Int64 = 0
  private(set) var lockTimeout: Int64 = 0
  private(set) var idleInTransactionTimeout: Int64 = 0
  private(set) var transactionTimeout: Int64 = 0
  private(set) var workMemoryByteCount = 64 << 20
  private(set) var defaultIsolation = IsolationLevel.serializable
  private(set) var defaultPriority = TransactionPriority.normal
  private(set) var isReadOnlyByDefault = false
  private(set) var usesFollowerReads = false
  /// What `SET SESSION AUTHORIZATION` said; nil: nothing.
  private(set) var sessionUser: String?
  /// The role that it, or `SET ROLE`, made the current one.
  private(set) var currentRole: String?

  /// The conversions' settings for a transaction that began then: `now` and its kin mean that moment.
  func format(at transactionTime: Int64) -> FormatSettings {
    var format = self.format
    format.transactionTime = transactionTime
    return format
  }

  func value(_ name: String) -> String? {
    let key = name.lowercased()
    if let value = values.local[key] ?? values.session[key] ?? initial[key] { return value }
    return SettingDefinition.find(key)?.initial
  }

  /// What `RESET` returns to.
  func resetValue(_ name: String) -> String? {
    initial[name.lowercased()] ?? SettingDefinition.find(name)?.initial
  }

  func show(_ name: String) throws(SQLError) -> (name: String, value: String) {
    guard let value = value(name) else { throw Self.unknown(name) }
    guard let definition = SettingDefinition.find(name) else { return (name, value) }
    return (definition.name, definition.display(value))
  }

  static func unknown(_ name: String) -> SQLError {
    SQLError(.undefinedObject, "unrecognized configuration parameter \"\(name)\"")
  }

  /// Parameters of the startup message: they become what `RESET` returns to.
  mutating func setInitial(_ name: String, to value: String) throws(SQLError) {
    initial[name.lowercased()] = try check(name, value)
    try derive(name)
  }

  /// Facts of the session (`is_superuser`, `session_authorization`), not checked.
  mutating func setFact(_ name: String, to value: String) { initial[name.lowercased()] = value }

  mutating func set(_ name: String, to value: String?, isLocal: Bool) throws(SQLError) {
    let key = name.lowercased()
    let old = self.value(name)
    if let definition = SettingDefinition.find(key), definition.access == .fixed {
      throw SQLError(.cantChangeRuntimeParam, "parameter \"\(definition.name)\" cannot be changed")
    }
    let checked: String?
    if let value { checked = try check(name, value) } else { checked = nil }
    if value == nil, SettingDefinition.find(key) == nil, !key.contains(".") { throw Self.unknown(name) }
    let before = values
    if isLocal {
      values.local[key] = checked ?? initial[key] ?? SettingDefinition.find(key)?.initial
    } else {
      values.session[key] = checked
      values.local[key] = nil
    }
    do {
      try derive(name)
    } catch {
      values = before
      throw error
    }
    if old != self.value(name) { noteChange(key) }
  }

  mutating func resetAll() throws(SQLError) {
    let names = values.session.keys.sorted() + values.local.keys.sorted()
    values = Values()
    try deriveAll()
    names.forEach { noteChange($0) }
  }

  private func check(_ name: String, _ value: String) throws(SQLError) -> String {
    guard let definition = SettingDefinition.find(name) else {
      // A name with a dot is an extension's or the application's own.
      if name.contains(".") { return value }
      throw Self.unknown(name)
    }
    if definition.name == "TimeZone", let hours = Double(value), abs(hours) <= 168 {
      // A number is hours east of Greenwich, unlike the same text in a zone's POSIX name.
      return TimeZoneRules.offsetName(seconds: Int((hours * 3600).rounded()))
    }
    return try definition.normalize(value)
  }

  private mutating func noteChange(_ key: String) {
    generation += 1
    if SettingDefinition.find(key)?.isReported == true { unreported.append(key) }
  }

  mutating func takeUnreported() -> [(name: String, value: String)] {
    if unreported.isEmpty { return [] }
    defer { unreported = [] }
    return unreported.compactMap { key in
      guard let definition = SettingDefinition.find(key), let value = value(key) else { return nil }
      return (definition.name, definition.display(value))
    }
  }

  var reported: [(name: String, value: String)] {
    SettingDefinition.all.filter(\.isReported).map { ($0.name, $0.display(value($0.name) ?? $0.initial)) }
  }

  // MARK: Transactions

  mutating func transactionBegins() { atBegin = values }

  /// `SET LOCAL` ends; at a rollback all changes of the transaction do.
  mutating func transactionEnds(isCommit: Bool) {
    if values.local.isEmpty && (isCommit || atBegin == nil) {
      atBegin = nil
      return
    }
    var next = isCommit ? values : atBegin ?? values
    next.local = [:]
    restore(next)
    atBegin = nil
  }

  /// Back to the values at a savepoint.
  mutating func restore(_ next: Values) {
    let changed = Set(values.session.keys).union(values.local.keys).union(next.session.keys).union(next.local.keys)
    let old = values
    values = next
    // The values were valid when they were set.
    try? deriveAll()
    for key in changed.sorted() {
      let before = old.local[key] ?? old.session[key]
      let after = next.local[key] ?? next.session[key]
      if before != after { noteChange(key) }
    }
  }

  // MARK: Derived values

  private mutating func deriveAll() throws(SQLError) {
    for name in [
      "datestyle", "intervalstyle", "timezone", "extra_float_digits", "bytea_output", "search_path",
      "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout", "work_mem",
      "default_transaction_isolation", "default_transaction_priority", "default_transaction_read_only",
      "default_transaction_use_follower_reads", "role",
    ] { try derive(name) }
  }

  private mutating func derive(_ name: String) throws(SQLError) {
    let key = name.lowercased()
    let value = self.value(key) ?? ""
    switch key {
    case "datestyle": try deriveDateStyle(value)
    case "intervalstyle":
      format.intervalStyle =
        switch value {
        case "postgres_verbose": .postgresVerbose
        case "sql_standard": .sqlStandard
        case "iso_8601": .iso8601
        default: .postgres
        }
    case "timezone":
      guard let zone = TimeZoneRules.find(value) else {
        throw SQLError(.invalidParameterValue, "invalid value for parameter \"TimeZone\": \"\(value)\"")
      }
      format.timeZone = zone
    case "extra_float_digits": format.extraFloatDigits = Int(value) ?? 1
    case "bytea_output": format.byteaOutput = value == "escape" ? .escape : .hex
    case "search_path": searchPath = Self.splitNames(value)
    case "statement_timeout": statementTimeout = (Int64(value) ?? 0) * 1_000_000
    case "lock_timeout": lockTimeout = (Int64(value) ?? 0) * 1_000_000
    case "idle_in_transaction_session_timeout": idleInTransactionTimeout = (Int64(value) ?? 0) * 1_000_000
    case "transaction_timeout": transactionTimeout = (Int64(value) ?? 0) * 1_000_000
    case "default_transaction_priority": defaultPriority = TransactionPriority(sqlName: value) ?? .normal
    case "default_transaction_isolation":
      defaultIsolation =
        switch value {
        case "repeatable read": .repeatableRead
        case "read committed", "read uncommitted": .readCommitted
        default: .serializable
        }
    case "role", "session_authorization":
      sessionUser = values.local["session_authorization"] ?? values.session["session_authorization"]
      let role = self.value("role")
      currentRole = role == nil || role == "none" ? sessionUser : role
    case "default_transaction_read_only": isReadOnlyByDefault = value == "on"
    case "default_transaction_use_follower_reads": usesFollowerReads = value == "on"
    case "work_mem": workMemoryByteCount = (Int(value) ?? 65536) * 1024
    default: break
    }
  }

  /// A style, an order of day and month, or both, comma-separated; what is not said stays. Error 22023.
  private mutating func deriveDateStyle(_ value: String) throws(SQLError) {
    var style: FormatSettings.DateStyle?
    var order: FormatSettings.DateOrder?
    var impliedOrder: FormatSettings.DateOrder?
    func invalid(_ detail: String) -> SQLError {
      SQLError(.invalidParameterValue, "invalid value for parameter \"DateStyle\": \"\(value)\"", detail: detail)
    }
    func conflict() -> SQLError { invalid("Conflicting \"datestyle\" specifications.") }
    for part in value.split(separator: ",") {
      let word = String(part.filter { $0 != " " })
      var wantedStyle: FormatSettings.DateStyle?
      var wantedOrder: FormatSettings.DateOrder?
      switch word.lowercased() {
      case "iso": wantedStyle = .iso
      case "sql": wantedStyle = .sql
      case let name where name.hasPrefix("postgres"): wantedStyle = .postgres
      case "german":
        wantedStyle = .german
        // German dates are day first unless something else is said.
        impliedOrder = .dmy
      case "mdy", "us": wantedOrder = .mdy
      case let name where name.hasPrefix("noneuro"): wantedOrder = .mdy
      case "dmy": wantedOrder = .dmy
      case let name where name.hasPrefix("euro"): wantedOrder = .dmy
      case "ymd": wantedOrder = .ymd
      case "default":
        style = style ?? .iso
        order = order ?? .mdy
      default: throw invalid("Unrecognized key word: \"\(word.lowercased())\".")
      }
      if let wantedStyle {
        if let style, style != wantedStyle { throw conflict() }
        style = wantedStyle
      }
      if let wantedOrder {
        if let order, order != wantedOrder { throw conflict() }
        order = wantedOrder
      }
    }
    if let style { format.dateStyle = style }
    if let order = order ?? impliedOrder { format.dateOrder = order }
    let orderName: String =
      switch format.dateOrder {
      case .mdy: "MDY"
      case .dmy: "DMY"
      case .ymd: "YMD"
      }
    // Whatever part was given, the whole is shown.
    let whole = "\(format.dateStyle.rawValue), \(orderName)"
    if values.local["datestyle"] != nil {
      values.local["datestyle"] = whole
    } else if values.session["datestyle"] != nil {
      values.session["datestyle"] = whole
    } else if initial["datestyle"] != nil {
      initial["datestyle"] = whole
    }
  }

  /// A comma-separated list of names, quoted or not, as in `search_path`.
  static func splitNames(_ text: String) -> [String] {
    var names: [String] = []
    var current = ""
    var isQuoted = false
    var wasQuoted = false
    for character in text {
      switch character {
      case "\"":
        isQuoted.toggle()
        wasQuoted = true
      case "," where !isQuoted:
        if !current.isEmpty || wasQuoted { names.append(current) }
        current = ""
        wasQuoted = false
      case " " where !isQuoted: break
      default: current += isQuoted ? String(character) : character.lowercased()
      }
    }
    if !current.isEmpty || wasQuoted { names.append(current) }
    return names
  }
}
