// CREATE FUNCTION and DROP FUNCTION. PostgreSQL manual, the pages of these commands.

/// A parameter of a function.
public struct FunctionParameter: Sendable, Equatable {
  public enum Mode: Sendable, Hashable { case input, output, both, variadic, table }
  public var mode: Mode
  public var name: Identifier?
  public var type: TypeName
  public var defaultValue: Expression?
  public init(mode: Mode = .input, name: Identifier?, type: TypeName, defaultValue: Expression? = nil) {
    self.mode = mode
    self.name = name
    self.type = type
    self.defaultValue = defaultValue
  }
}

public struct CreateFunctionStatement: Sendable, Equatable {
  public enum Body: Sendable, Equatable {
    /// `AS 'text'`, of languages other than SQL perhaps two.
    case text([String])
    /// `RETURN expression`
    case value(Expression)
    /// `BEGIN ATOMIC … END`
    case atomic([Statement])
  }
  public enum Volatility: Sendable, Hashable { case immutable, stable, volatile }
  public var name: QualifiedName
  public var orReplace: Bool
  /// Those of RETURNS TABLE come last.
  public var parameters: [FunctionParameter]
  /// `nil`: none was written.
  public var returns: TypeName?
  public var returnsTable: Bool
  public var language: Identifier?
  public var volatility: Volatility?
  /// RETURNS NULL ON NULL INPUT; `nil`: nothing was said.
  public var isStrict: Bool?
  public var isWindow: Bool
  /// Accepted, and of no consequence here: LEAKPROOF, SECURITY, PARALLEL, COST, ROWS, SUPPORT.
  public var others: [UtilityOption]
  public var body: Body?
  public init(name: QualifiedName, orReplace: Bool = false) {
    self.name = name
    self.orReplace = orReplace
    parameters = []
    returnsTable = false
    isWindow = false
    others = []
  }
}

/// `name [(types)]` in DROP FUNCTION.
public struct DropFunctionStatement: Sendable, Equatable {
  public var ifExists: Bool
  public var functions: [GrantStatement.RoutineSignature]
  public var behavior: DropBehavior
  public init(ifExists: Bool, functions: [GrantStatement.RoutineSignature], behavior: DropBehavior) {
    self.ifExists = ifExists
    self.functions = functions
    self.behavior = behavior
  }
}
