// Calls of functions that users have written in SQL. A body is bound where the call stands, with the arguments in the place of its
// parameters: one expression becomes part of the statement's own, a query a sub-query of it.
// Source: PostgreSQL manual, 38.5 "Query Language (SQL) Functions"; its clauses.c for what is inlined and the messages.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

/// What `$1` and the parameters' names mean while a function's body is bound.
struct FunctionFrame {
  var function: FunctionDescriptor
  var values: [ScalarExpression]
  /// The variables of a body in PL/pgSQL, with what they are worth at this point of it.
  var variables: [String: (type: SQLType, value: ScalarExpression)] = [:]
  /// The body is running: its variables are parameters, and what may mean one of them or a column is an error.
  var isRunning = false

  func value(named name: String) -> ScalarExpression? {
    if let variable = variables[name] { return variable.value }
    return function.parameters.firstIndex { $0.name == name }.flatMap { $0 < values.count ? values[$0] : nil }
  }
}

extension Binder {
  /// How deep bodies may call.
  private static let depthLimit = 64

  // MARK: Which function

  /// A call's function, and its arguments as the function wants them; nil if it is none of the users'.
  func userFunction(
    _ call: FunctionCall, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> (FunctionDescriptor, result: SQLType, arguments: [ScalarExpression])? {
    let name = call.name.name.text
    let own = names.catalog.functions(named: name, schema: call.name.schema?.text)
    if own.isEmpty { return nil }
    var written = call.arguments
    if written.contains(where: { $0.name != nil }) {
      var complete: [FunctionCall.Argument]?
      for function in own where complete == nil { complete = Self.ordered(written, for: function) }
      guard let complete else {
        if call.name.schema == nil, FunctionParameters.of(name) != nil { return nil }
        let shown = try call.arguments.mapTyped { (argument: FunctionCall.Argument) throws(SQLError) -> String in
          let type = try bind(argument.value, scope).type.shown
          return argument.name.map { "\($0.text) => \(type)" } ?? type
        }
        throw context.error(
          .undefinedFunction, "function \(name)(\(shown.joined(separator: ", "))) does not exist",
          hint: "No function matches the given name and argument types. You might need to add explicit type casts.",
          at: position)
      }
      written = complete
    }
    var arguments: [ScalarExpression] = []
    for argument in written { arguments.append(try bind(argument.value, scope)) }
    let candidates = own.flatMap { Self.callable($0, givesArray: call.isVariadic) }
    let resolved = try context.located(position) { () throws(SQLError) in
      try registry.resolveFunction(name, arguments.map(\.type), among: candidates, only: call.name.schema != nil)
    }
    guard let function = own.first(where: { $0.oid == resolved.function.oid }) else { return nil }
    names.uses.addCatalog()
    var values: [ScalarExpression] = []
    for (index, argument) in arguments.enumerated() {
      let type = resolved.argumentTypes[index]
      values.append(
        TypeInfo.find(type.oid)?.category == .pseudo
          ? try resolveUnknown(argument)
          : try coerce(argument, to: type, .implicit, at: written[index].value.leftmost))
    }
    if function.isVariadic, !call.isVariadic {
      let fixed = function.parameters.count - 1
      let type = function.parameters[fixed].type
      values = Array(values[..<fixed]) + [try makeArray(Array(values[fixed...]), type)]
    }
    for parameter in function.parameters.dropFirst(values.count) {
      guard let sql = parameter.defaultSQL else { break }
      let scope = Scope(parent: nil, ctes: [])
      scope.clause = .columnDefault
      values.append(
        try coerce(try bind(try Binder.parseExpression(sql), scope), to: parameter.type, .implicit, at: position))
    }
    return (function, resolved.function.result, values)
  }

  private func makeArray(_ elements: [ScalarExpression], _ type: SQLType) throws(SQLError) -> ScalarExpression {
    var array = try coerce(.constant(.bytes(Array("{}".utf8)), .unknown), to: type, .implicit, at: .unknown)
    for element in elements { array = try makeCall("array_append", [array, element], at: .unknown) }
    return array
  }

  /// Named arguments in the order of the parameters, those left out filled in; nil if they do not fit.
  private static func ordered(
    _ written: [FunctionCall.Argument], for function: FunctionDescriptor
  ) -> [FunctionCall.Argument]? {
    var places = [Expression?](repeating: nil, count: function.parameters.count)
    for (index, argument) in written.enumerated() {
      let place = argument.name.map { name in function.parameters.firstIndex { $0.name == name.text } } ?? index
      guard let place, place < places.count, places[place] == nil else { return nil }
      places[place] = argument.value
    }
    var result: [FunctionCall.Argument] = []
    for (place, parameter) in zip(places, function.parameters) {
      guard let value = place ?? parameter.defaultSQL.flatMap({ try? Binder.parseExpression($0) }) else { return nil }
      result.append(FunctionCall.Argument(value))
    }
    return result
  }

  /// The function's signatures, one for each number of arguments that a call may give.
  private static func callable(_ function: FunctionDescriptor, givesArray: Bool) -> [ScalarFunction] {
    var types = function.parameters.map(\.type)
    var variadic: SQLType?
    if function.isVariadic, !givesArray, let last = types.last, let element = TypeInfo.find(last.oid)?.elementOID {
      variadic = SQLType(element)
      types[types.count - 1] = SQLType(element)
    }
    let required = function.parameters.count { $0.defaultSQL == nil }
    return (min(required, types.count)...types.count).map { count in
      ScalarFunction(
        function.name, oid: function.oid, Array(types.prefix(count)), variadic: variadic, returns: function.result,
        volatility: function.volatility, isStrict: function.isStrict,
        specialize: { (_) throws(SQLError) in Self.uncalled }, kernel: Self.uncalled)
    }
  }

  private static let uncalled: ScalarKernel = { (_, _, _) throws(SQLError) in
    throw SQLError(.internalError, "a function in SQL was called without its body")
  }

  // MARK: Its value

  /// A call as an expression.
  func bindUserCall(
    _ function: FunctionDescriptor, _ result: SQLType, _ arguments: [ScalarExpression], _ scope: Scope,
    at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    if function.returnsSet {
      throw context.unsupported("functions in SQL that give rows are, other than in FROM,", at: position)
    }
    if function.result.oid == SQLType.trigger.oid {
      throw context.error(
        .featureNotSupported, "trigger functions can only be called as triggers", at: position)
    }
    // One that calls itself has no end but in running.
    let callsItself = context.frames.contains { $0.function.oid == function.oid && !$0.isRunning }
    let isInlined = function.isProcedural && !callsItself ? try self.isInlined(function) : false
    if function.isProcedural, !isInlined {
      if let clause = scope.clause.refusesSubqueries {
        throw context.unsupported(
          "functions in language plpgsql with effects or loops are, in a \(clause),", at: position)
      }
      let (relation, columns) = running(function, result, arguments, alias: function.name)
      if columns.count == 1 { return attachScalar(relation, columns[0].id, scope) }
      let row = try makeRow(columns.map { context.column($0.id) }, names: columns.map(\.name), at: position)
      let id = context.makeColumn(function.name, row.type)
      return attachScalar(.compute(relation, [ComputedColumn(id: id, expression: row)]), id, scope)
    }
    if !function.outputs.isEmpty {
      throw context.unsupported("functions in SQL with several results are, other than in FROM,", at: position)
    }
    let once = try evaluatedOnce(arguments, scope)
    var value = try inFrame(of: function, once) { () throws(SQLError) in
      try self.value(of: function, result, scope, at: position)
    }
    if function.isStrict {
      let mayBeNull = once.filter(isNullable)
      if !mayBeNull.isEmpty {
        let condition = ScalarExpression.and(mayBeNull.map { .isNull($0, negated: true) })
        value = .conditional(
          [
            CaseBranch(
              condition: mayBeNull.count == 1 ? .isNull(mayBeNull[0], negated: true) : condition, result: value)
          ],
          otherwise: .null(value.type), type: value.type)
      }
    }
    return value
  }

  /// Arguments that may give another value each time become columns.
  private func evaluatedOnce(_ arguments: [ScalarExpression], _ scope: Scope) throws(SQLError) -> [ScalarExpression] {
    arguments.map { argument in
      guard argument.isVolatile, scope.clause.refusesSubqueries == nil else { return argument }
      let id = context.makeColumn("argument", argument.type)
      attach(
        Attachment(kind: .inner, relation: .compute(.unit, [ComputedColumn(id: id, expression: argument)])), scope)
      return context.column(id)
    }
  }

  func inFrame<T>(
    of function: FunctionDescriptor, _ values: [ScalarExpression], _ body: () throws(SQLError) -> T
  ) throws(SQLError) -> T {
    guard context.frames.count < Self.depthLimit else {
      throw SQLError(
        .statementTooComplex, "stack depth limit exceeded",
        hint: "Functions in SQL may call each other \(Self.depthLimit) levels deep.")
    }
    context.frames.append(FunctionFrame(function: function, values: values))
    defer { context.frames.removeLast() }
    return try body()
  }

  /// The query that a body is. Errors 42P13, 0A000.
  func body(of function: FunctionDescriptor) throws(SQLError) -> SelectStatement {
    let statements = try Parser.parse(Array(function.body.utf8))
    guard let last = statements.last else {
      throw Self.mismatch(
        function, "Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING.")
    }
    guard case .select(let query) = last.statement, statements.count == 1 else {
      throw SQLError(
        .featureNotSupported, "functions in SQL of several statements, or that change rows, are not supported yet")
    }
    return query
  }

  private static func mismatch(_ function: FunctionDescriptor, _ detail: String) -> SQLError {
    SQLError(
      .invalidFunctionDefinition,
      "return type mismatch in function declared to return \(TypeInfo.format(function.result))", detail: detail)
  }

  private func value(
    of function: FunctionDescriptor, _ result: SQLType, _ scope: Scope, at position: SourcePosition
  ) throws(SQLError) -> ScalarExpression {
    if function.isProcedural {
      let block = try Parser.parseProcedure(Array(function.body.utf8))
      return try procedureValue(of: block, function, result, scope)
    }
    let query = try body(of: function)
    if let expression = query.onlyExpression {
      let inner = Scope(parent: nil, ctes: [])
      let value = try bind(expression, inner)
      if inner.aggregates.isEmpty && inner.windows.steps.isEmpty && inner.setReturning.isEmpty {
        for attachment in inner.attachments { attach(attachment, scope) }
        return try returned(value, function, result)
      }
    }
    if let clause = scope.clause.refusesSubqueries {
      throw context.unsupported("functions in SQL that read tables are, in a \(clause),", at: position)
    }
    let bound = try bindQuery(query, parent: nil, ctes: [])
    guard bound.outputs.count == 1, let output = bound.outputs.first else {
      throw Self.mismatch(function, "Final statement must return exactly one column.")
    }
    let first = Relation.limit(bound.relation, count: .constant(.int64(1), .int8), offset: nil)
    return try returned(attachScalar(first, output.id, scope), function, result)
  }

  func returned(
    _ value: ScalarExpression, _ function: FunctionDescriptor, _ result: SQLType
  ) throws(SQLError) -> ScalarExpression {
    if result.oid == SQLType.void.oid { return .null(.void) }
    guard let value = try coerceIfPossible(value, to: result, .assignment, at: .unknown) else {
      throw Self.mismatch(function, "Actual return type is \(TypeInfo.format(value.type)).")
    }
    return value
  }

  // MARK: In FROM

  /// A function that gives a table, as an element of FROM.
  func bindUserTable(
    _ function: FunctionDescriptor, _ result: SQLType, _ arguments: [ScalarExpression], alias: String
  ) throws(SQLError) -> (relation: Relation, columns: [ScopeColumn]) {
    if function.isProcedural { return running(function, result, arguments, alias: alias) }
    let outputs =
      function.outputs.isEmpty ? [FunctionDescriptor.Parameter(name: alias, type: result)] : function.outputs
    let bound = try inFrame(of: function, arguments) { () throws(SQLError) in
      try bindQuery(try self.body(of: function), parent: nil, ctes: [])
    }
    guard bound.outputs.count == outputs.count else {
      throw Self.mismatch(
        function,
        bound.outputs.count < outputs.count
          ? "Final statement returns too few columns." : "Final statement returns too many columns.")
    }
    var computed: [ComputedColumn] = []
    var columns: [ScopeColumn] = []
    for (index, (output, wanted)) in zip(bound.outputs, outputs).enumerated() {
      let value = context.column(output.id)
      guard let assigned = try coerceIfPossible(value, to: wanted.type, .assignment, at: .unknown) else {
        throw Self.mismatch(
          function,
          "Final statement returns \(TypeInfo.format(value.type)) instead of \(TypeInfo.format(wanted.type)) at column \(index + 1)."
        )
      }
      let name = wanted.name ?? "column\(index + 1)"
      let id = context.makeColumn(name, wanted.type, qualifier: alias)
      computed.append(ComputedColumn(id: id, expression: assigned))
      columns.append(ScopeColumn(name: name, id: id))
    }
    var relation = bound.relation
    if !function.returnsSet { relation = .limit(relation, count: .constant(.int64(1), .int8), offset: nil) }
    relation = .compute(relation, computed)
    if function.isStrict {
      relation = relation.filtered(arguments.filter(isNullable).map { .isNull($0, negated: true) })
    }
    return (relation, columns)
  }
}

extension SelectStatement {
  /// The one expression of `SELECT expression`.
  fileprivate var onlyExpression: Expression? {
    guard case .select(let core) = body, with == nil, orderBy.isEmpty, limit == nil, locking.isEmpty,
      core.targets.count == 1, core.from.isEmpty, core.filter == nil, core.groupBy == nil, core.having == nil,
      core.windows.isEmpty, core.distinct == nil, core.into == nil
    else { return nil }
    if case .wildcard = core.targets[0].expression { return nil }
    return core.targets[0].expression
  }
}
