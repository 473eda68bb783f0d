// Bodies in PL/pgSQL: blocks of variables and statements. Statements in SQL stand in them as they are, but for INTO, which is taken
// out. PostgreSQL manual, chapter 43.

import SQLTypes

public struct ProcedureBlock: Sendable, Equatable {
  public var label: Identifier?
  public var variables: [ProcedureVariable]
  public var statements: [ProcedureStatement]
  public init(label: Identifier? = nil, variables: [ProcedureVariable], statements: [ProcedureStatement]) {
    self.label = label
    self.variables = variables
    self.statements = statements
  }
}

public struct ProcedureVariable: Sendable, Equatable {
  public enum Kind: Sendable, Equatable {
    case value(TypeName)
    /// `record`: whatever row was assigned last.
    case record
    /// `table%ROWTYPE`
    case row(QualifiedName)
    /// `column%TYPE`, of a table or of a variable.
    case like([Identifier])
    /// `ALIAS FOR name`
    case alias(Identifier)
  }
  public var name: Identifier
  public var kind: Kind
  public var initial: ProcedureExpression?
  public var isConstant: Bool
  public var isNotNull: Bool
  public init(
    name: Identifier, kind: Kind, initial: ProcedureExpression?, isConstant: Bool = false, isNotNull: Bool = false
  ) {
    self.name = name
    self.kind = kind
    self.initial = initial
    self.isConstant = isConstant
    self.isNotNull = isNotNull
  }
}

/// An expression, and what tells it apart from the others of its body.
public struct ProcedureExpression: Sendable, Equatable {
  public var number: Int
  public var expression: Expression
  public init(number: Int, expression: Expression) {
    self.number = number
    self.expression = expression
  }
}

/// A statement in SQL, with the text that its positions are in.
public struct ProcedureQuery: Sendable, Equatable {
  public var number: Int
  public var statement: Statement
  public var source: [UInt8]
  public init(number: Int, statement: Statement, source: [UInt8]) {
    self.number = number
    self.statement = statement
    self.source = source
  }
}

/// What is assigned to: a variable, or a field of one that is a row.
public struct ProcedureTarget: Sendable, Equatable {
  public var name: Identifier
  public var field: Identifier?
  /// `[…]` behind it, as an expression of the whole with the new element: not taken.
  public init(name: Identifier, field: Identifier? = nil) {
    self.name = name
    self.field = field
  }
}

/// A statement with the line that it stands on.
public struct ProcedureStatement: Sendable, Equatable {
  public var line: Int
  public var action: ProcedureAction
  public init(line: Int, action: ProcedureAction) {
    self.line = line
    self.action = action
  }
}

public indirect enum ProcedureAction: Sendable, Equatable {
  case nothing
  case block(ProcedureBlock)
  case assign(ProcedureTarget, ProcedureExpression)
  /// The conditions in order with what they lead to.
  case `if`([ProcedureBranch], otherwise: [ProcedureStatement])
  /// Each branch's conditions are those of a searched CASE; without a branch taken and without ELSE an error.
  case `case`([ProcedureBranch], otherwise: [ProcedureStatement]?)
  case loop(label: Identifier?, ProcedureLoop, [ProcedureStatement])
  /// EXIT, or CONTINUE.
  case leave(label: Identifier?, continues: Bool, when: ProcedureExpression?)
  /// `nil`: nothing is returned, or what OUT parameters hold.
  case `return`(ProcedureExpression?)
  case returnNext(ProcedureExpression?)
  case returnQuery(ProcedureQuery)
  case raise(ProcedureRaise)
  case query(ProcedureQuery, into: [ProcedureTarget], isStrict: Bool)
  /// A query whose rows are of no interest.
  case perform(ProcedureQuery)
  /// EXECUTE of a text.
  case dynamic(
    ProcedureExpression, using: [ProcedureExpression], into: [ProcedureTarget], isStrict: Bool, returnsRows: Bool)
  /// GET DIAGNOSTICS
  case diagnostics([ProcedureDiagnostic])
  case assert(ProcedureExpression, message: ProcedureExpression?)
}

public struct ProcedureDiagnostic: Sendable, Equatable {
  public var target: ProcedureTarget
  public var item: String
  public init(target: ProcedureTarget, item: String) {
    self.target = target
    self.item = item
  }
}

public struct ProcedureBranch: Sendable, Equatable {
  public var condition: ProcedureExpression
  public var statements: [ProcedureStatement]
  public init(condition: ProcedureExpression, statements: [ProcedureStatement]) {
    self.condition = condition
    self.statements = statements
  }
}

public enum ProcedureLoop: Sendable, Equatable {
  case forever
  case `while`(ProcedureExpression)
  case integers(
    Identifier, from: ProcedureExpression, to: ProcedureExpression, by: ProcedureExpression?, isReverse: Bool)
  case rows([ProcedureTarget], ProcedureQuery)
  case dynamicRows([ProcedureTarget], ProcedureExpression, using: [ProcedureExpression])
  case elements(ProcedureTarget, ProcedureExpression)
}

public struct ProcedureRaise: Sendable, Equatable {
  public enum Level: String, Sendable, Hashable { case debug, log, info, notice, warning, exception }
  public var level: Level
  /// nil: only options, or nothing at all, which raises again what was caught.
  public var format: String?
  public var arguments: [ProcedureExpression]
  /// The name of a condition, or a SQLSTATE.
  public var condition: String?
  public var options: [(name: String, value: ProcedureExpression)]
  public init(level: Level) {
    self.level = level
    arguments = []
    options = []
  }

  public static func == (a: ProcedureRaise, b: ProcedureRaise) -> Bool {
    a.level == b.level && a.format == b.format && a.arguments == b.arguments && a.condition == b.condition
      && a.options.map(\.name) == b.options.map(\.name) && a.options.map(\.value) == b.options.map(\.value)
  }
}
