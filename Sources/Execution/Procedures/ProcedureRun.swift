// One call of a function in PL/pgSQL: its variables, and the statements carried out one after the other.
// Source: PostgreSQL manual, chapter 43; its pl_exec.c for the messages.

import Catalog
import Expressions
import Planning
import SQLSyntax
import SQLTypes

final class ProcedureRun {
  struct Variable {
    var name: String
    var type: SQLType
    var value: Datum
    /// A record takes the type of what it is given.
    var isRecord = false
    var isConstant = false
    var isNotNull = false
    /// Another name for the variable at this place.
    var alias: Int?
  }

  /// How a statement ended.
  enum Outcome {
    case done
    case leaving(label: String?, continues: Bool)
    case returned
  }

  let program: ProcedureProgram
  let context: ExecutionContext
  let library: any ProcedureLibrary
  var variables: [Variable] = []
  private let argumentCount: Int
  private let transitions: [ProcedureNames.Transition]
  /// What expressions are computed in, with the variables as its parameters.
  private let evaluation: EvaluationContext
  private var knownNames: (names: ProcedureNames, number: Int)?
  /// The line and the kind of the statement under way.
  var place = (line: 0, kind: "")
  var returned: (type: SQLType, value: Datum)?
  /// The rows of a function that gives rows.
  var rows: Batch
  var rowCount = 0

  /// How deep functions may call each other, triggers among them.
  private static let depthLimit = 100

  init(
    _ program: ProcedureProgram, _ context: ExecutionContext, arguments: [Datum],
    transitions: [ProcedureNames.Transition] = []
  ) throws(SQLError) {
    guard let library = context.procedures else {
      throw SQLError(.internalError, "functions in language plpgsql cannot run here")
    }
    guard context.callDepth < Self.depthLimit else {
      throw SQLError(
        .statementTooComplex, "stack depth limit exceeded",
        hint: "Functions and triggers may call each other \(Self.depthLimit) levels deep.")
    }
    self.program = program
    self.context = context
    evaluation = context.evaluation.nested(parameters: [])
    self.library = library
    self.transitions = transitions
    let function = program.function
    argumentCount = function.parameters.count
    let kinds = Self.outputs(of: function).map { TypeInfo.find($0.type.oid)?.kind ?? .bytes }
    rows = Batch(kinds: kinds)
    for (parameter, value) in zip(function.parameters, arguments) {
      variables.append(Variable(name: parameter.name ?? "", type: parameter.type.valueType, value: value))
    }
    variables.append(Variable(name: "found", type: .bool, value: .bool(false)))
    for output in function.outputs where !function.parameters.contains(where: { $0.name == output.name }) {
      if let name = output.name { variables.append(Variable(name: name, type: output.type.valueType, value: .null)) }
    }
  }

  static func outputs(of function: FunctionDescriptor) -> [FunctionDescriptor.Parameter] {
    function.outputs.isEmpty ? [.init(name: nil, type: function.result)] : function.outputs
  }

  func add(_ name: String, _ type: SQLType, _ value: Datum) {
    variables.append(Variable(name: name, type: type, value: value))
    knownNames = nil
  }

  /// A variable that is a row, and takes rows of any shape.
  func add(row name: String, _ type: SQLType, _ value: Datum) {
    variables.append(Variable(name: name, type: type, value: value, isRecord: true))
    knownNames = nil
  }

  /// Carries out the body. Error 2F005 if it ends without RETURN where one is needed.
  func run() async throws(SQLError) {
    do throws(SQLError) {
      let outcome = try await run(program.block)
      let function = program.function
      switch outcome {
      case .returned: break
      case .leaving(let label, let continues):
        throw SQLError(
          .syntaxError,
          "\(continues ? "CONTINUE" : "EXIT") cannot be used outside a loop\(label.map { " (\($0))" } ?? "")")
      case .done:
        let needsNone = function.result.oid == SQLType.void.oid || function.returnsSet || !function.outputs.isEmpty
        if !needsNone {
          place = (0, "")
          let what = function.result.oid == SQLType.trigger.oid ? "trigger procedure" : "function"
          throw SQLError(.functionReturnedNothing, "control reached end of \(what) without RETURN")
        }
      }
    } catch {
      throw inContext(error)
    }
  }

  private func inContext(_ error: SQLError) -> SQLError {
    var error = error
    let arguments = program.function.parameters.map { TypeInfo.format($0.type) }.joined(separator: ",")
    var line = "PL/pgSQL function \(quoteIdentifier(program.function.name))(\(arguments))"
    if place.line > 0 { line += " line \(place.line) at \(place.kind)" }
    error.context = error.context.map { "\($0)\n\(line)" } ?? line
    // Positions are in the body, not in the client's text.
    error.position = nil
    return error
  }

  // MARK: Names

  var names: (names: ProcedureNames, number: Int) {
    if let knownNames { return knownNames }
    let names = ProcedureNames(
      variables: variables.map { variable in
        ProcedureNames.Variable(name: variable.name, type: (variable.alias.map { variables[$0] } ?? variable).type)
      }, argumentCount: argumentCount,
      transitions: transitions)
    let made = (names, program.number(of: names))
    knownNames = made
    return made
  }

  func index(of name: String) throws(SQLError) -> Int {
    if let index = variables.lastIndex(where: { $0.name == name }) { return variables[index].alias ?? index }
    throw SQLError(.syntaxError, "\"\(name)\" is not a known variable")
  }

  /// A block's variables, which are gone after it.
  func run(_ block: ProcedureBlock) async throws(SQLError) -> Outcome {
    let outer = variables.count
    for variable in block.variables { try await declare(variable) }
    let outcome = try await run(block.statements)
    if variables.count > outer {
      variables.removeLast(variables.count - outer)
      knownNames = nil
    }
    if case .leaving(let label?, false) = outcome, label == block.label?.text { return .done }
    return outcome
  }

  private func declare(_ declared: ProcedureVariable) async throws(SQLError) {
    if case .alias(let other) = declared.kind {
      let index: Int
      if other.text.first == "$", let number = Int(other.text.dropFirst()), number >= 1, number <= argumentCount {
        index = number - 1
      } else {
        index = try self.index(of: other.text)
      }
      var alias = variables[index]
      alias.name = declared.name.text
      alias.alias = index
      variables.append(alias)
      knownNames = nil
      return
    }
    let type = try library.type(of: declared.kind, names.names, in: program.function)
    var variable = Variable(
      name: declared.name.text, type: type?.valueType ?? .record, value: .null, isRecord: type == nil)
    variable.isConstant = declared.isConstant
    variable.isNotNull = declared.isNotNull
    if let initial = declared.initial {
      let made = try await evaluate(initial, as: type)
      variable.value = made.value
      if type == nil { variable.type = made.type }
    }
    if variable.isNotNull, variable.value.isNull {
      throw SQLError(
        .nullValueNotAllowed,
        "null value cannot be assigned to variable \"\(variable.name)\" declared NOT NULL")
    }
    variables.append(variable)
    knownNames = nil
  }

  func dropLastVariable() {
    variables.removeLast()
    knownNames = nil
  }

  // MARK: Values

  /// What the variables hold, in order.
  private var values: [Datum] { variables.map { $0.alias.map { variables[$0].value } ?? $0.value } }

  func evaluate(
    _ expression: ProcedureExpression, as type: SQLType? = nil
  ) async throws(SQLError) -> (type: SQLType, value: Datum) {
    let names = names
    let part = ProcedureProgram.Part(number: expression.number, names: names.number, type: type)
    let plan: ProcedureValue
    if let known = program.values[part] {
      plan = known
    } else {
      plan = try library.plan(
        expression.expression, as: type, names.names, in: program.function, source: program.source)
      program.values[part] = plan
    }
    switch plan {
    case .expression(let expression):
      evaluation.parameters = values
      return (expression.type, try Evaluator.value(expression, evaluation))
    case .query(let query):
      var value = Datum.null
      let execution = try begin(query)
      while let batch = try await execution.next() {
        if batch.rowCount > 0 { value = batch.columns[0].datum(batch.rowCount - 1) }
      }
      return (plan.type, value)
    }
  }

  func holds(_ condition: ProcedureExpression) async throws(SQLError) -> Bool {
    let value = try await evaluate(condition, as: .bool).value
    return value == .bool(true)
  }

  func integer(_ expression: ProcedureExpression, _ what: String) async throws(SQLError) -> Int64 {
    guard case .int64(let value) = try await evaluate(expression, as: .int4).value else {
      throw SQLError(.nullValueNotAllowed, "\(what) of FOR loop cannot be null")
    }
    return value
  }

  /// A value as one of another type.
  func convert(_ value: Datum, from source: SQLType, to target: SQLType) throws(SQLError) -> Datum {
    if source == target { return value }
    // A domain may have something against NULL.
    if value.isNull, target.oid < OID.firstUser { return .null }
    let key = ProcedureProgram.Conversion(source: source, target: target)
    let cast: ScalarExpression
    if let known = program.casts[key] {
      cast = known
    } else {
      cast = try library.planCast(from: source, to: target)
      program.casts[key] = cast
    }
    return try Evaluator.value(cast, context.evaluation.nested(parameters: [value]))
  }

  // MARK: Queries

  /// A statement's plan under the names of now.
  func plan(_ query: ProcedureQuery) throws(SQLError) -> QueryPlan {
    let names = names
    let part = ProcedureProgram.Part(number: query.number, names: names.number, type: nil)
    if let known = program.queries[part] { return known }
    let plan = try library.plan(query.statement, names.names, in: program.function, source: query.source)
    program.queries[part] = plan
    return plan
  }

  func begin(_ plan: QueryPlan, parameters: [Datum]? = nil) throws(SQLError) -> QueryExecution {
    try library.admit(plan)
    let inner = context.nested(parameters: parameters ?? values)
    // What it changes is checked at its own end.
    inner.references = ReferenceQueue()
    inner.callDepth = context.callDepth + 1
    inner.workingTables = context.workingTables
    return try QueryExecution(plan, inner)
  }

  // MARK: Assignment

  func assign(_ target: ProcedureTarget, _ value: Datum, _ type: SQLType) throws(SQLError) {
    let index = try index(of: target.name.text)
    if variables[index].isConstant {
      throw SQLError(.errorInAssignment, "variable \"\(target.name.text)\" is declared CONSTANT")
    }
    if let field = target.field {
      try assign(field, of: index, value, type)
      return
    }
    if variables[index].isRecord {
      if !type.isRow, !value.isNull {
        throw SQLError(.datatypeMismatch, "cannot assign non-composite value to a record variable")
      }
      if type.isRow, variables[index].type != type {
        variables[index].type = type
        knownNames = nil
      }
      variables[index].value = value
      return
    }
    let converted = try convert(value, from: type, to: variables[index].type)
    if variables[index].isNotNull, converted.isNull {
      throw SQLError(
        .nullValueNotAllowed,
        "null value cannot be assigned to variable \"\(target.name.text)\" declared NOT NULL")
    }
    variables[index].value = converted
  }

  private func assign(_ field: Identifier, of index: Int, _ value: Datum, _ type: SQLType) throws(SQLError) {
    let variable = variables[index]
    guard let shape = RowShape.of(variable.type) else {
      if variable.isRecord {
        throw SQLError(
          .objectNotInPrerequisiteState, "record \"\(variable.name)\" is not assigned yet",
          detail: "The tuple structure of a not-yet-assigned record is indeterminate.")
      }
      throw SQLError(.datatypeMismatch, "variable \"\(variable.name)\" is no row")
    }
    guard let place = shape.fields.firstIndex(where: { $0.name == field.text }) else {
      throw SQLError(.undefinedColumn, "record \"\(variable.name)\" has no field \"\(field.text)\"")
    }
    var row = try Self.fields(variable.value, shape)
    row[place] = try convert(value, from: type, to: shape.fields[place].type)
    variables[index].value = Self.row(row, shape)
  }

  /// The type of the field that a target names; nil: whatever comes.
  func type(of target: ProcedureTarget) throws(SQLError) -> SQLType? {
    let variable = variables[try index(of: target.name.text)]
    guard let field = target.field else { return variable.isRecord ? nil : variable.type }
    return RowShape.of(variable.type)?.fields.first { $0.name == field.text }?.type
  }

  static func fields(_ value: Datum, _ shape: RowShape) throws(SQLError) -> [Datum] {
    guard case .bytes(let bytes) = value else { return Array(repeating: .null, count: shape.fields.count) }
    return try RowValue(bytes).values
  }

  static func row(_ values: [Datum], _ shape: RowShape) -> Datum {
    RowValue(types: shape.fields.map(\.type.oid), values: values).datum
  }
}
