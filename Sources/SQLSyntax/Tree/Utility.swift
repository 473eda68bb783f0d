// Everything that looks after the database: EXPLAIN, VACUUM, ANALYZE, LOCK, REINDEX, CLUSTER, notifications.

/// EXPLAIN. The old words ANALYZE and VERBOSE are options of these names without a value.
public struct ExplainStatement: Sendable, Equatable {
  public var options: [UtilityOption]
  public var statement: Statement
  public init(options: [UtilityOption], statement: Statement) {
    self.options = options
    self.statement = statement
  }
}

/// VACUUM and ANALYZE. Old words (FULL, FREEZE, VERBOSE, ANALYZE) are options of these names.
public struct VacuumStatement: Sendable, Equatable {
  public struct Target: Sendable, Equatable {
    public var table: QualifiedName
    public var columns: [Identifier]
    public init(_ table: QualifiedName, columns: [Identifier] = []) {
      self.table = table
      self.columns = columns
    }
  }
  /// ANALYZE alone when false.
  public var isVacuum: Bool
  public var options: [UtilityOption]
  /// Empty: every table.
  public var targets: [Target]
  public init(isVacuum: Bool, options: [UtilityOption] = [], targets: [Target] = []) {
    self.isVacuum = isVacuum
    self.options = options
    self.targets = targets
  }
}

/// LOCK TABLE.
public struct LockStatement: Sendable, Equatable {
  /// From weakest to strongest.
  public enum Mode: String, Sendable, Hashable, CaseIterable {
    case accessShare = "access share"
    case rowShare = "row share"
    case rowExclusive = "row exclusive"
    case shareUpdateExclusive = "share update exclusive"
    case share = "share"
    case shareRowExclusive = "share row exclusive"
    case exclusive = "exclusive"
    case accessExclusive = "access exclusive"
  }
  public var tables: [TableReference]
  public var mode: Mode
  public var noWait: Bool
  public init(tables: [TableReference], mode: Mode = .accessExclusive, noWait: Bool = false) {
    self.tables = tables
    self.mode = mode
    self.noWait = noWait
  }
}

/// REINDEX.
public struct ReindexStatement: Sendable, Equatable {
  public enum Kind: String, Sendable, Hashable { case index, table, schema, database, system }
  public var kind: Kind
  public var name: QualifiedName
  public var isConcurrent: Bool
  public var options: [UtilityOption]
  public init(_ kind: Kind, name: QualifiedName, isConcurrent: Bool = false, options: [UtilityOption] = []) {
    self.kind = kind
    self.name = name
    self.isConcurrent = isConcurrent
    self.options = options
  }
}

/// CLUSTER.
public struct ClusterStatement: Sendable, Equatable {
  /// `nil`: every table clustered before.
  public var table: QualifiedName?
  public var index: Identifier?
  public var options: [UtilityOption]
  public init(table: QualifiedName?, index: Identifier? = nil, options: [UtilityOption] = []) {
    self.table = table
    self.index = index
    self.options = options
  }
}

/// LISTEN, NOTIFY, UNLISTEN.
public enum NotificationStatement: Sendable, Equatable {
  case listen(Identifier)
  case notify(Identifier, payload: String?)
  /// `nil`: `*`.
  case unlisten(Identifier?)
}
