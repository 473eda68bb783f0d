// Statements about the session: settings, prepared statements, cursors.

/// SET and RESET of one setting (or RESET ALL).
public struct SetStatement: Sendable, Equatable {
  public enum Scope: Sendable, Hashable {
    case session, local
    /// `SET CLUSTER SETTING`, `RESET CLUSTER SETTING`: for all nodes, kept in the cluster.
    case cluster
  }
  public enum Value: Sendable, Equatable {
    case values([Argument])
    /// `SET x TO DEFAULT`
    case `default`
    /// `SET x FROM CURRENT` (in ALTER ROLE and the like)
    case current
    /// `RESET x`
    case reset
  }
  public enum Argument: Sendable, Equatable {
    /// A quoted string, or a word (identifier, `on`, `true`), which PostgreSQL treats alike.
    case string(String)
    case integer(Int64)
    /// The text of a number that is no int4, with its sign.
    case numeric(String)
    /// `SET TIME ZONE INTERVAL '-08:00' HOUR TO MINUTE`
    case interval(TypeName, String)
  }
  public var scope: Scope
  /// Lower case, parts joined by dots; `nil` for RESET ALL. SQL's own spellings are mapped as in PostgreSQL:
  /// TIME ZONE to `timezone`, SCHEMA to `search_path`, NAMES to `client_encoding`, ROLE to `role`,
  /// SESSION AUTHORIZATION to `session_authorization`, XML OPTION to `xmloption`.
  public var name: String?
  public var value: Value
  public init(scope: Scope = .session, name: String?, value: Value) {
    self.scope = scope
    self.name = name
    self.value = value
  }
}

/// SET TRANSACTION and SET SESSION CHARACTERISTICS.
public enum SetTransactionStatement: Sendable, Equatable {
  case transaction(TransactionModes)
  case sessionCharacteristics(TransactionModes)
  case snapshot(String)
}

/// SET CONSTRAINTS.
public struct SetConstraintsStatement: Sendable, Equatable {
  /// Empty: ALL.
  public var constraints: [QualifiedName]
  public var isDeferred: Bool
  public init(constraints: [QualifiedName], isDeferred: Bool) {
    self.constraints = constraints
    self.isDeferred = isDeferred
  }
}

/// SHOW. The name is mapped as in `SetStatement` (`transaction_isolation` for TRANSACTION ISOLATION LEVEL).
public enum ShowStatement: Sendable, Hashable {
  case setting(String)
  case all
  /// `SHOW CLUSTER SETTING x`
  case clusterSetting(String)
  /// `SHOW CLUSTER SETTINGS`
  case clusterSettings
  /// `SHOW RANGES`
  case ranges
  /// `SHOW CLOCK`
  case clock
}

/// DISCARD.
public enum DiscardStatement: Sendable, Hashable { case all, plans, sequences, temporary }

/// PREPARE.
public struct PrepareStatement: Sendable, Equatable {
  public var name: Identifier
  public var types: [TypeName]
  public var statement: Statement
  /// Highest `$n` inside.
  public var parameterCount: Int
  public init(name: Identifier, types: [TypeName], statement: Statement, parameterCount: Int) {
    self.name = name
    self.types = types
    self.statement = statement
    self.parameterCount = parameterCount
  }
}

/// EXECUTE.
public struct ExecuteStatement: Sendable, Equatable {
  public var name: Identifier
  public var arguments: [Expression]
  public init(name: Identifier, arguments: [Expression]) {
    self.name = name
    self.arguments = arguments
  }
}

/// DECLARE … CURSOR.
public struct DeclareCursorStatement: Sendable, Equatable {
  public var name: Identifier
  public var isBinary: Bool
  public var isInsensitive: Bool?
  /// SCROLL, NO SCROLL, or not said.
  public var isScroll: Bool?
  public var isHold: Bool
  public var query: SelectStatement
  public init(
    name: Identifier, isBinary: Bool = false, isInsensitive: Bool? = nil, isScroll: Bool? = nil,
    isHold: Bool = false, query: SelectStatement
  ) {
    self.name = name
    self.isBinary = isBinary
    self.isInsensitive = isInsensitive
    self.isScroll = isScroll
    self.isHold = isHold
    self.query = query
  }
}

/// FETCH and MOVE.
public struct FetchStatement: Sendable, Equatable {
  /// Where to go. NEXT is `forward(1)`, PRIOR `backward(1)`, FIRST `absolute(1)`, LAST `absolute(-1)`;
  /// a `nil` count is ALL.
  public enum Direction: Sendable, Hashable {
    case forward(Int64?)
    case backward(Int64?)
    case absolute(Int64)
    case relative(Int64)
  }
  public var direction: Direction
  public var cursor: Identifier
  public var isMove: Bool
  public init(_ direction: Direction, cursor: Identifier, isMove: Bool) {
    self.direction = direction
    self.cursor = cursor
    self.isMove = isMove
  }
}
