// The parts of a body in PL/pgSQL as what can be run: each expression and each statement in SQL is planned by itself, with the variables
// that it sees as its parameters. A row is one parameter of a row type, so `new.a` is a field of it.
// Source: PostgreSQL manual, 43.11.1 "Variable Substitution".

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

/// What names mean where a part of a body stands.
public struct ProcedureNames: Sendable, Hashable {
  public struct Variable: Sendable, Hashable {
    public var name: String
    public var type: SQLType
    public init(name: String, type: SQLType) {
      self.name = name
      self.type = type
    }
  }
  /// The parameters in order; of the same name the last counts.
  public var variables: [Variable]
  /// How many of the first ones are `$1`, `$2`, …
  public var argumentCount: Int
  /// Tables of rows that a statement has changed, by name: the working table's number and the table whose rows they are.
  public var transitions: [Transition]

  public struct Transition: Sendable, Hashable {
    public var name: String
    public var number: Int
    public var table: OID
    public init(name: String, number: Int, table: OID) {
      self.name = name
      self.number = number
      self.table = table
    }
  }

  public init(variables: [Variable], argumentCount: Int, transitions: [Transition]) {
    self.variables = variables
    self.argumentCount = argumentCount
    self.transitions = transitions
  }
}

/// How an expression of a body is computed.
public enum ProcedureValue: Sendable {
  case expression(ScalarExpression)
  /// One row of one column.
  case query(QueryPlan)

  public var type: SQLType {
    switch self {
    case .expression(let expression): expression.type
    case .query(let plan): plan.columns.first?.type ?? .unknown
    }
  }
}

extension StatementPlanner {
  private func makeContext(
    _ names: ProcedureNames, _ function: FunctionDescriptor, _ source: [UInt8]
  ) -> BindingContext {
    let context = makeContext(source, names.variables.map { Optional($0.type) })
    var frame = FunctionFrame(function: function, values: [])
    frame.isRunning = true
    for (index, variable) in names.variables.enumerated() {
      let value = ScalarExpression.parameter(index, variable.type)
      frame.variables[variable.name] = (variable.type, value)
      if index < names.argumentCount { frame.values.append(value) }
    }
    context.frames.append(frame)
    for transition in names.transitions {
      guard let table = catalog.relation(transition.table) else { continue }
      let columns = table.columns.filter { !$0.isHidden }
      let outputs = columns.map { column in
        OutputColumn(name: column.name, id: context.makeColumn(column.name, column.type), type: column.type)
      }
      let expression = CommonTableExpression(
        name: Identifier(transition.name), statement: .select(SelectStatement(body: .select(SelectCore()))))
      let definition = CTEDefinition(expression, visible: [], isShared: true)
      context.sharedCount += 1
      definition.shared = (
        .workingTable(id: transition.number, name: transition.name, outputs.map(\.id)), outputs, context.sharedCount
      )
      context.ambient.append(VisibleCTE(name: transition.name, expression: expression, outputs: definition))
    }
    return context
  }

  /// An expression of a body; `type`: what its value is assigned to.
  public func plan(
    _ expression: Expression, as type: SQLType?, _ names: ProcedureNames, in function: FunctionDescriptor,
    source: [UInt8]
  ) throws(SQLError) -> ProcedureValue {
    let context = makeContext(names, function, source)
    let binder = Binder(context)
    let scope = Scope(parent: nil, ctes: context.ambient)
    var value = try binder.resolveUnknownUnless(type, try binder.bind(expression, scope))
    if !scope.aggregates.isEmpty || !scope.windows.steps.isEmpty || !scope.setReturning.isEmpty {
      throw context.unsupported("aggregates in expressions of functions in language plpgsql are")
    }
    if let type, !type.isRow || type.oid != SQLType.record.oid { value = try binder.assigned(value, to: type) }
    if scope.attachments.isEmpty, !value.isVolatile {
      return .expression(FoldConstants.expression(value))
    }
    let id = context.makeColumn("value", value.type)
    let relation = Relation.compute(scope.attach(to: .unit), [ComputedColumn(id: id, expression: value)])
    let bound = BoundQuery(relation: relation, outputs: [OutputColumn(name: "value", id: id, type: value.type)])
    return .query(Self.finish(bound, .select, context, statistics))
  }

  /// A statement of a body.
  public func plan(
    _ statement: Statement, _ names: ProcedureNames, in function: FunctionDescriptor, source: [UInt8]
  ) throws(SQLError) -> PlannedStatement {
    switch statement {
    case .select, .insert, .update, .delete:
      return .query(try Self.planQuery(statement, makeContext(names, function, source), statistics))
    default: return try plan(statement, source: source, allowsParameters: false)
    }
  }

  /// From a value of one type, the only parameter, to another, as PL/pgSQL assigns.
  public func planCast(from source: SQLType, to target: SQLType) throws(SQLError) -> ScalarExpression {
    let context = makeContext([], [source])
    return FoldConstants.expression(try Binder(context).assigned(.parameter(0, source), to: target))
  }

  /// The type of a variable; nil: whatever row it is given.
  public func type(
    of kind: ProcedureVariable.Kind, _ names: ProcedureNames, in function: FunctionDescriptor
  ) throws(SQLError) -> SQLType? {
    let context = makeContext(names, function, [])
    let binder = Binder(context)
    func row(_ name: QualifiedName) throws(SQLError) -> SQLType {
      let table = try context.names.relation(name)
      guard let type = table.rowType else {
        throw SQLError(.undefinedTable, "relation \"\(name.name.text)\" does not exist")
      }
      return SQLType(type.oid)
    }
    switch kind {
    case .record: return nil
    case .value(let name): return try binder.resolveType(name)
    case .row(let name): return try row(name)
    case .alias: return nil
    case .like(let parts):
      if parts.count == 1, let variable = names.variables.last(where: { $0.name == parts[0].text }) {
        return variable.type
      }
      guard let column = parts.last, parts.count > 1 else {
        throw SQLError(.syntaxError, "variable \"\(parts.first?.text ?? "")\" does not exist")
      }
      let name =
        parts.count == 2
        ? QualifiedName(parts[0]) : QualifiedName(parts[parts.count - 2], schema: parts[parts.count - 3])
      let table = try context.names.relation(name)
      guard let found = table.column(named: column.text), !found.isHidden else {
        throw SQLError(
          .undefinedColumn, "column \"\(column.text)\" of relation \"\(table.name)\" does not exist")
      }
      return found.type
    }
  }
}

extension Binder {
  fileprivate func resolveUnknownUnless(
    _ type: SQLType?, _ value: ScalarExpression
  ) throws(SQLError) -> ScalarExpression {
    type == nil || type?.isRow == true ? try resolveUnknown(value) : value
  }

  /// As PL/pgSQL assigns: by an assignment cast, else through the text form.
  fileprivate func assigned(_ value: ScalarExpression, to type: SQLType) throws(SQLError) -> ScalarExpression {
    if let fit = try coerceIfPossible(value, to: type, .assignment, at: .unknown) { return fit }
    return try coerce(try coerce(value, to: .text, .explicit, at: .unknown), to: type, .explicit, at: .unknown)
  }
}
