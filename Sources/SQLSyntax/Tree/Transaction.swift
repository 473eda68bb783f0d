// Transaction control. PostgreSQL manual, BEGIN and its kin.

/// BEGIN, COMMIT, ROLLBACK, savepoints and two-phase commit.
public enum TransactionStatement: Sendable, Equatable {
  /// BEGIN or START TRANSACTION (PostgreSQL's command tags differ).
  case begin(TransactionModes, isStart: Bool)
  case commit(chain: Bool)
  case rollback(chain: Bool)
  case savepoint(Identifier)
  case release(Identifier)
  case rollbackTo(Identifier)
  case prepare(String)
  case commitPrepared(String)
  case rollbackPrepared(String)
}

/// `ISOLATION LEVEL …`, as written; what a level means is the session's business.
public enum IsolationLevel: String, Sendable, Hashable, CaseIterable {
  case readUncommitted = "read uncommitted"
  case readCommitted = "read committed"
  case repeatableRead = "repeatable read"
  case serializable = "serializable"
}

/// `PRIORITY …`, which PostgreSQL does not have.
public enum TransactionPriority: String, Sendable, Hashable, CaseIterable {
  case low, normal, high
}

/// The modes of a transaction; `nil` where nothing was said. Of several, the last one written counts.
public struct TransactionModes: Sendable, Equatable {
  public var isolation: IsolationLevel?
  public var isReadOnly: Bool?
  public var isDeferrable: Bool?
  public var priority: TransactionPriority?
  public var asOf: AsOfClause?
  public init(
    isolation: IsolationLevel? = nil, isReadOnly: Bool? = nil, isDeferrable: Bool? = nil,
    priority: TransactionPriority? = nil, asOf: AsOfClause? = nil
  ) {
    self.isolation = isolation
    self.isReadOnly = isReadOnly
    self.isDeferrable = isDeferrable
    self.priority = priority
    self.asOf = asOf
  }
}
