// CREATE TYPE … AS ENUM and ALTER TYPE … VALUE. PostgreSQL manual, CREATE TYPE, ALTER TYPE.

public struct CreateEnumStatement: Sendable, Equatable {
  public var name: QualifiedName
  public var labels: [[UInt8]]
  public init(name: QualifiedName, labels: [[UInt8]]) {
    self.name = name
    self.labels = labels
  }
}

public struct AlterEnumStatement: Sendable, Equatable {
  public enum Change: Sendable, Equatable {
    /// `ADD VALUE [IF NOT EXISTS] label [BEFORE|AFTER neighbor]`
    case add([UInt8], ifNotExists: Bool, neighbor: [UInt8]?, isBefore: Bool)
    /// `RENAME VALUE old TO new`
    case rename([UInt8], to: [UInt8])
  }
  public var name: QualifiedName
  public var change: Change
  public init(name: QualifiedName, change: Change) {
    self.name = name
    self.change = change
  }
}
