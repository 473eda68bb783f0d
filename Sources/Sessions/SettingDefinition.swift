// The run-time parameters that a session knows: their kinds, defaults and bounds. One table; what a parameter does is
// decided where it is used.
// Source: PostgreSQL manual, chapter 20, and its view pg_settings.

import SQLTypes
import Transactions

/// What a parameter's value may be and how it is printed.
enum SettingKind: Sendable {
  case bool
  /// A whole number between bounds, in the unit that PostgreSQL prints (`ms`, `kB`, none).
  case integer(ClosedRange<Int64>, unit: SettingUnit)
  case real(ClosedRange<Double>)
  case choice([String])
  case text
}

enum SettingUnit: String, Sendable {
  case none = ""
  case milliseconds = "ms"
  case kilobytes = "kB"

  /// Multipliers of the suffixes that `SET` takes.
  var factors: [(suffix: String, factor: Double)] {
    switch self {
    case .none: []
    case .milliseconds:
      [("us", 0.001), ("ms", 1), ("min", 60_000), ("s", 1_000), ("h", 3_600_000), ("d", 86_400_000)]
    case .kilobytes: [("kB", 1), ("MB", 1024), ("GB", 1024 * 1024), ("TB", 1024 * 1024 * 1024), ("B", 1.0 / 1024)]
    }
  }

  /// The value with the largest unit that divides it, as `SHOW` prints it.
  func format(_ value: Int64) -> String {
    if value <= 0 { return String(value) }
    for (suffix, factor) in factors.sorted(by: { $0.factor > $1.factor }) where factor >= 1 {
      let whole = Int64(factor)
      if value % whole == 0 { return "\(value / whole)\(suffix)" }
    }
    return String(value)
  }
}

struct SettingDefinition: Sendable {
  enum Access: Sendable {
    case user
    /// Told, never set (`server_version`).
    case fixed
    /// Belongs to the transaction (`transaction_isolation`): only settable inside one.
    case transaction
  }

  var name: String
  var kind: SettingKind
  var initial: String
  var access = Access.user
  /// Told to the client whenever it changes (`ParameterStatus`).
  var isReported = false
  var summary: String

  init(
    _ name: String, _ kind: SettingKind, _ initial: String, access: Access = .user, isReported: Bool = false,
    _ summary: String
  ) {
    self.name = name
    self.kind = kind
    self.initial = initial
    self.access = access
    self.isReported = isReported
    self.summary = summary
  }

  private static let milliseconds = SettingKind.integer(0...Int64(Int32.max), unit: .milliseconds)
  static let priorities = TransactionPriority.allCases.map(\.sqlName)
  static let isolationLevels = ["serializable", "repeatable read", "read committed", "read uncommitted"]

  static let all: [SettingDefinition] = own + planner

  /// What PostgreSQL's planner can be told; ours decides by itself. They are taken and told, so that scripts which set them run.
  private static let planner: [SettingDefinition] =
    [
      "async_append", "bitmapscan", "gathermerge", "hashagg", "hashjoin", "incremental_sort", "indexonlyscan",
      "indexscan",
      "material", "memoize", "mergejoin", "nestloop", "parallel_append", "parallel_hash", "partition_pruning",
      "partitionwise_aggregate", "partitionwise_join", "seqscan", "sort", "tidscan",
    ].map { SettingDefinition("enable_\($0)", .bool, "on", unused) }
    + [
      SettingDefinition("constraint_exclusion", .choice(["partition", "on", "off"]), "partition", unused),
      SettingDefinition("cpu_index_tuple_cost", .real(0...1.0e308), "0.005", unused),
      SettingDefinition("cpu_operator_cost", .real(0...1.0e308), "0.0025", unused),
      SettingDefinition("cpu_tuple_cost", .real(0...1.0e308), "0.01", unused),
      SettingDefinition("cursor_tuple_fraction", .real(0...1), "0.1", unused),
      SettingDefinition("default_statistics_target", .integer(1...10000, unit: .none), "100", unused),
      SettingDefinition("force_parallel_mode", .choice(["off", "on", "regress"]), "off", unused),
      SettingDefinition("from_collapse_limit", .integer(1...2_147_483_647, unit: .none), "8", unused),
      SettingDefinition("geqo", .bool, "on", unused),
      SettingDefinition("geqo_threshold", .integer(2...2_147_483_647, unit: .none), "12", unused),
      SettingDefinition("jit_above_cost", .real(-1...1.0e308), "100000", unused),
      SettingDefinition("jit_inline_above_cost", .real(-1...1.0e308), "500000", unused),
      SettingDefinition("jit_optimize_above_cost", .real(-1...1.0e308), "500000", unused),
      SettingDefinition("hash_mem_multiplier", .real(1...1000), "2", unused),
      SettingDefinition("join_collapse_limit", .integer(1...2_147_483_647, unit: .none), "8", unused),
      SettingDefinition("max_parallel_workers", .integer(0...1024, unit: .none), "8", unused),
      SettingDefinition("max_parallel_workers_per_gather", .integer(0...1024, unit: .none), "2", unused),
      SettingDefinition("min_parallel_index_scan_size", .text, "512kB", unused),
      SettingDefinition("min_parallel_table_scan_size", .text, "8MB", unused),
      SettingDefinition("parallel_leader_participation", .bool, "on", unused),
      SettingDefinition("parallel_setup_cost", .real(0...1.0e308), "1000", unused),
      SettingDefinition("parallel_tuple_cost", .real(0...1.0e308), "0.1", unused),
      SettingDefinition(
        "plan_cache_mode", .choice(["auto", "force_generic_plan", "force_custom_plan"]), "auto", unused),
      SettingDefinition("random_page_cost", .real(0...1.0e308), "4", unused),
      SettingDefinition("recursive_worktable_factor", .real(0.001...1_000_000), "10", unused),
      SettingDefinition("seq_page_cost", .real(0...1.0e308), "1", unused),
    ]
  private static let unused = "Accepted for compatibility: the planner decides by itself."

  private static let own: [SettingDefinition] = [
    .init(
      "application_name", .text, "", isReported: true, "The application name to be reported in statistics and logs."),
    .init(
      "backslash_quote", .choice(["safe_encoding", "on", "off"]), "safe_encoding",
      "Whether \"\\'\" is allowed in string literals."),
    .init("bytea_output", .choice(["hex", "escape"]), "hex", "The output format for bytea."),
    .init("check_function_bodies", .bool, "on", "Check routine bodies when they are created."),
    .init("client_encoding", .choice(["UTF8"]), "UTF8", isReported: true, "The client's character set encoding."),
    .init(
      "client_min_messages",
      .choice(["debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error"]),
      "notice", "The message levels that are sent to the client."),
    .init("DateStyle", .text, "ISO, MDY", isReported: true, "The display format for date and time values."),
    .init("default_table_access_method", .text, "heap", "The default table access method for new tables."),
    .init("default_tablespace", .text, "", "The default tablespace to create tables and indexes in."),
    .init("default_transaction_deferrable", .bool, "off", "The default deferrable status of new transactions."),
    .init(
      "default_transaction_isolation", .choice(isolationLevels), "serializable", isReported: false,
      "The transaction isolation level of each new transaction."),
    .init(
      "default_transaction_priority", .choice(priorities), "normal",
      "The priority of each new transaction: where it stands in line for locks."),
    .init(
      "default_transaction_read_only", .bool, "off", isReported: true,
      "The default read-only status of new transactions."),
    .init(
      "default_transaction_use_follower_reads", .bool, "off",
      "Whether transactions that only read do so as of follower_read_timestamp(), where any replica can serve them."),
    .init("escape_string_warning", .bool, "on", "Warn about backslash escapes in ordinary string literals."),
    .init(
      "extra_float_digits", .integer(-15...3, unit: .none), "1",
      "The number of digits displayed for floating-point values."),
    .init(
      "idle_in_transaction_session_timeout", milliseconds, "0",
      "The maximum idle time between queries in a transaction."),
    .init("in_hot_standby", .bool, "off", access: .fixed, isReported: true, "Whether hot standby is currently active."),
    .init("integer_datetimes", .bool, "on", access: .fixed, isReported: true, "Whether datetimes are integer based."),
    .init(
      "IntervalStyle", .choice(["postgres", "postgres_verbose", "sql_standard", "iso_8601"]), "postgres",
      isReported: true,
      "The display format for interval values."),
    .init("is_superuser", .bool, "on", access: .fixed, isReported: true, "Whether the current user is a superuser."),
    .init("jit", .bool, "off", "Accepted for compatibility: there is no JIT compilation."),
    .init("lc_collate", .text, "C.UTF-8", access: .fixed, "The collation order locale."),
    .init("lc_ctype", .text, "C.UTF-8", access: .fixed, "The character classification and case conversion locale."),
    .init("lc_messages", .text, "C.UTF-8", "The language in which messages are displayed."),
    .init("lc_monetary", .text, "C.UTF-8", "The locale for formatting monetary amounts."),
    .init("lc_numeric", .text, "C.UTF-8", "The locale for formatting numbers."),
    .init("lc_time", .text, "C.UTF-8", "The locale for formatting date and time values."),
    .init("lock_timeout", milliseconds, "0", "The maximum allowed duration of any wait for a lock."),
    .init(
      "maintenance_work_mem", .integer(1024...2_147_483_647, unit: .kilobytes), "65536",
      "The maximum memory to be used for maintenance operations."),
    .init(
      "max_identifier_length", .integer(63...63, unit: .none), "63", access: .fixed, "The maximum identifier length."),
    .init("max_index_keys", .integer(32...32, unit: .none), "32", access: .fixed, "The maximum number of index keys."),
    .init(
      "password_encryption", .choice(["scram-sha-256"]), "scram-sha-256",
      "Chooses the algorithm for encrypting passwords."),
    .init("row_security", .bool, "on", "Enable row security."),
    .init(
      "search_path", .text, "\"$user\", public", "The schema search order for names that are not schema-qualified."),
    .init(
      "server_encoding", .text, "UTF8", access: .fixed, isReported: true,
      "The server (database) character set encoding."),
    .init("server_version", .text, ServerVersion.postgres, access: .fixed, isReported: true, "The server version."),
    .init(
      "server_version_num", .integer(0...999_999, unit: .none), String(ServerVersion.postgresNumber), access: .fixed,
      "The server version as an integer."),
    .init("role", .text, "none", "The current role."),
    .init("session_authorization", .text, "postgres", isReported: true, "The session user name."),
    .init(
      "standard_conforming_strings", .choice(["on"]), "on", isReported: true,
      "Causes '...' strings to treat backslashes literally."),
    .init("statement_timeout", milliseconds, "0", "The maximum allowed duration of any statement."),
    .init(
      "synchronous_commit", .choice(["on", "off", "local", "remote_write", "remote_apply"]), "on",
      "Accepted for compatibility: a commit is always on disk before it is acknowledged."),
    .init("TimeZone", .text, "UTC", isReported: true, "The time zone for displaying and interpreting time stamps."),
    .init(
      "transaction_deferrable", .bool, "off", access: .transaction,
      "Whether to defer a read-only serializable transaction."),
    .init(
      "transaction_isolation", .choice(isolationLevels), "serializable", access: .transaction,
      "The current transaction's isolation level."),
    .init(
      "transaction_priority", .choice(priorities), "normal", access: .transaction,
      "The current transaction's priority: where it stands in line for locks."),
    .init("transaction_read_only", .bool, "off", access: .transaction, "The current transaction's read-only status."),
    .init(
      "transaction_timeout", milliseconds, "0",
      "The maximum allowed duration of any transaction, after which its session ends."),
    .init("vacuum_cost_delay", .real(0...100), "0", "Accepted for compatibility: there is no vacuum."),
    .init(
      "work_mem", .integer(64...2_147_483_647, unit: .kilobytes), "65536",
      "The maximum memory to be used for query workspaces."),
    .init(
      "xmloption", .choice(["content", "document"]), "content",
      "Whether XML data is to be considered documents or content."),
  ]

  private static let byName: [String: SettingDefinition] = Dictionary(
    uniqueKeysWithValues: all.map { ($0.name.lowercased(), $0) })

  static func find(_ name: String) -> SettingDefinition? { byName[name.lowercased()] }

  /// The value in its normal form.
  /// - Throws: 22023.
  func normalize(_ value: String) throws(SQLError) -> String {
    switch kind {
    case .bool:
      guard let bool = Self.parseBool(value) else {
        throw SQLError(.invalidParameterValue, "parameter \"\(name)\" requires a Boolean value")
      }
      return bool ? "on" : "off"
    case .integer(let bounds, let unit):
      let number = try parseNumber(value, unit: unit)
      guard number >= Double(bounds.lowerBound), number <= Double(bounds.upperBound) else {
        let suffix = unit == .none ? "" : " \(unit.rawValue)"
        throw SQLError(
          .invalidParameterValue,
          "\(value) is outside the valid range for parameter \"\(name)\" (\(bounds.lowerBound)\(suffix) .. \(bounds.upperBound)\(suffix))"
        )
      }
      return String(Int64(number.rounded()))
    case .real(let bounds):
      guard let number = Double(value), bounds.contains(number) else {
        throw SQLError(.invalidParameterValue, "invalid value for parameter \"\(name)\": \"\(value)\"")
      }
      return value
    case .choice(let choices):
      if let choice = choices.first(where: { $0.lowercased() == value.lowercased() }) { return choice }
      if name == "client_encoding" {
        let plain = value.lowercased().filter { $0.isLetter || $0.isNumber }
        if ["utf8", "unicode"].contains(plain) { return "UTF8" }
        throw SQLError(
          .invalidParameterValue, "invalid value for parameter \"client_encoding\": \"\(value)\"",
          hint: "Only UTF8 is supported.")
      }
      if choices == ["on"], let bool = Self.parseBool(value), bool { return "on" }
      if let bool = Self.parseBool(value), choices.contains(bool ? "on" : "off") { return bool ? "on" : "off" }
      throw SQLError(
        .invalidParameterValue, "invalid value for parameter \"\(name)\": \"\(value)\"",
        hint: "Available values: \(choices.joined(separator: ", ")).")
    case .text: return value
    }
  }

  /// The value as `SHOW` prints it.
  func display(_ value: String) -> String {
    if case .integer(_, let unit) = kind, unit != .none, let number = Int64(value) { return unit.format(number) }
    return value
  }

  private func parseNumber(_ value: String, unit: SettingUnit) throws(SQLError) -> Double {
    let trimmed = value.filter { $0 != " " }
    if let number = Double(trimmed) { return number }
    for (suffix, factor) in unit.factors where trimmed.hasSuffix(suffix) {
      if let number = Double(trimmed.dropLast(suffix.count)) { return number * factor }
    }
    var hint: String?
    if unit != .none {
      let units = unit.factors.sorted { $0.factor < $1.factor }.map { "\"\($0.suffix)\"" }
      hint = "Valid units for this parameter are \(units.dropLast().joined(separator: ", ")), and \(units.last ?? "")."
    }
    throw SQLError(.invalidParameterValue, "invalid value for parameter \"\(name)\": \"\(value)\"", hint: hint)
  }

  /// PostgreSQL's spellings of a Boolean, unique prefixes included.
  static func parseBool(_ value: String) -> Bool? {
    let text = value.lowercased()
    if text.isEmpty { return nil }
    if text == "on" || text == "1" || "true".hasPrefix(text) || "yes".hasPrefix(text) { return true }
    if text == "0" || (text.count > 1 && "off".hasPrefix(text)) || "false".hasPrefix(text) || "no".hasPrefix(text) {
      return false
    }
    return nil
  }
}

/// Whom we tell clients we are. Drivers decide by the number which catalogs and syntax they may use.
public enum ServerVersion {
  public static let meridian = "0.1.0"
  public static let postgres = "15.0"
  public static let postgresNumber = 150_000
}
