// CREATE TRIGGER, DROP TRIGGER and ALTER TRIGGER. PostgreSQL manual, the pages of these commands.

/// What a trigger waits for.
public enum TriggerOccasion: Sendable, Equatable {
  case insert, delete, truncate
  /// `UPDATE [OF columns]`
  case update([Identifier])
}

public struct CreateTriggerStatement: Sendable, Equatable {
  public enum Timing: Sendable, Hashable { case before, after, insteadOf }
  /// `OLD TABLE AS name`
  public struct TransitionTable: Sendable, Equatable {
    public var isNew: Bool
    public var isTable: Bool
    public var name: Identifier
    public init(isNew: Bool, isTable: Bool, name: Identifier) {
      self.isNew = isNew
      self.isTable = isTable
      self.name = name
    }
  }
  public var name: Identifier
  public var table: QualifiedName
  public var orReplace: Bool
  public var isConstraint: Bool
  public var timing: Timing
  public var occasions: [TriggerOccasion]
  public var isRow: Bool
  public var transitions: [TransitionTable]
  public var condition: Expression?
  public var function: QualifiedName
  public var arguments: [String]
  /// `FROM table` of a constraint trigger.
  public var referenced: QualifiedName?
  public var attributes: ConstraintAttributes
  public init(name: Identifier, table: QualifiedName, timing: Timing, function: QualifiedName) {
    self.name = name
    self.table = table
    self.timing = timing
    self.function = function
    orReplace = false
    isConstraint = false
    occasions = []
    isRow = false
    transitions = []
    arguments = []
    attributes = ConstraintAttributes()
  }
}

/// `DROP TRIGGER name ON table`, `DROP RULE name ON table`.
public struct DropFromTableStatement: Sendable, Equatable {
  public enum Kind: String, Sendable, Hashable { case trigger, rule }
  public var kind: Kind
  public var name: Identifier
  public var table: QualifiedName
  public var ifExists: Bool
  public var behavior: DropBehavior
  public init(_ kind: Kind, name: Identifier, table: QualifiedName, ifExists: Bool, behavior: DropBehavior) {
    self.kind = kind
    self.name = name
    self.table = table
    self.ifExists = ifExists
    self.behavior = behavior
  }
}

/// `CREATE RULE`.
public struct CreateRuleStatement: Sendable, Equatable {
  public enum Event: String, Sendable, Hashable { case select, insert, update, delete }
  public var name: Identifier
  public var table: QualifiedName
  public var orReplace: Bool
  public var event: Event
  public var condition: Expression?
  public var isInstead: Bool
  /// Empty: NOTHING.
  public var actions: [Statement]
  public init(
    name: Identifier, table: QualifiedName, orReplace: Bool, event: Event, condition: Expression?, isInstead: Bool,
    actions: [Statement]
  ) {
    self.name = name
    self.table = table
    self.orReplace = orReplace
    self.event = event
    self.condition = condition
    self.isInstead = isInstead
    self.actions = actions
  }
}
