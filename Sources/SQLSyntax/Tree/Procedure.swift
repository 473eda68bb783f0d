// The part of PL/pgSQL whose value can be told without running anything: variables, assignments, IF and RETURN.
// PostgreSQL manual, chapter 43.

public struct ProcedureBlock: Sendable, Equatable {
  public var variables: [ProcedureVariable]
  public var statements: [ProcedureStatement]
  public init(variables: [ProcedureVariable], statements: [ProcedureStatement]) {
    self.variables = variables
    self.statements = statements
  }
}

public struct ProcedureVariable: Sendable, Equatable {
  public var name: Identifier
  public var type: TypeName
  public var initial: Expression?
  public init(name: Identifier, type: TypeName, initial: Expression?) {
    self.name = name
    self.type = type
    self.initial = initial
  }
}

public indirect enum ProcedureStatement: Sendable, Equatable {
  case assign(Identifier, Expression)
  case `return`(Expression)
  /// The conditions in order with what they lead to.
  case `if`([ProcedureBranch], otherwise: [ProcedureStatement])
  case nothing
}

public struct ProcedureBranch: Sendable, Equatable {
  public var condition: Expression
  public var statements: [ProcedureStatement]
  public init(condition: Expression, statements: [ProcedureStatement]) {
    self.condition = condition
    self.statements = statements
  }
}
