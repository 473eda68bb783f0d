// The statements of PL/pgSQL. Source: PostgreSQL manual, 43.5 and 43.6; its pl_exec.c for the messages.

import Catalog
import Expressions
import Planning
import SQLSyntax
import SQLTypes

extension ProcedureRun {
  func run(_ statements: [ProcedureStatement]) async throws(SQLError) -> Outcome {
    for statement in statements {
      place = (statement.line, statement.action.kind)
      let outcome = try await run(statement.action)
      if case .done = outcome { continue }
      return outcome
    }
    return .done
  }

  private func run(_ action: ProcedureAction) async throws(SQLError) -> Outcome {
    switch action {
    case .nothing: break
    case .block(let block): return try await run(block)
    case .assign(let target, let expression):
      let made = try await evaluate(expression, as: try type(of: target))
      try assign(target, made.value, made.type)
    case .if(let branches, let otherwise):
      for branch in branches where try await holds(branch.condition) { return try await run(branch.statements) }
      return try await run(otherwise)
    case .case(let branches, let otherwise):
      for branch in branches where try await holds(branch.condition) { return try await run(branch.statements) }
      guard let otherwise else {
        throw SQLError(.caseNotFound, "case not found", hint: "CASE statement is missing ELSE part.")
      }
      return try await run(otherwise)
    case .loop(let label, let loop, let body): return try await run(loop, body, label?.text)
    case .leave(let label, let continues, let condition):
      if let condition, !(try await holds(condition)) { break }
      return .leaving(label: label?.text, continues: continues)
    case .return(let expression):
      try await setReturned(expression)
      return .returned
    case .returnNext(let expression): try await returnNext(expression)
    case .returnQuery(let query):
      _ = try await rows(of: try begin(try plan(query))) { (batch) throws(SQLError) in
        try self.addRows(batch.batch, batch.columns)
        return .done
      }
    case .raise(let raise): try await self.raise(raise)
    case .perform(let query): try await runQuery(try plan(query), into: [], isStrict: false, discards: true)
    case .query(let query, let into, let isStrict):
      try await inStatement(query) { () async throws(SQLError) in
        try await self.runQuery(try self.plan(query), into: into, isStrict: isStrict, discards: false)
      }
    case .dynamic(let text, let using, let into, let isStrict, let returnsRows):
      let (plan, parameters) = try await dynamicPlan(text, using)
      if returnsRows {
        _ = try await rows(of: try begin(plan, parameters: parameters)) { (batch) throws(SQLError) in
          try self.addRows(batch.batch, batch.columns)
          return .done
        }
      } else {
        try await runQuery(plan, into: into, isStrict: isStrict, discards: true, parameters: parameters)
      }
    case .diagnostics(let items):
      for item in items { try assign(item.target, .int64(Int64(rowCount)), .int8) }
    case .assert(let condition, let message):
      if try await holds(condition) { break }
      var text = "assertion failed"
      if let message, case .bytes(let bytes) = try await evaluate(message, as: .text).value {
        text = String(decoding: bytes, as: UTF8.self)
      }
      throw SQLError(.assertFailure, text)
    }
    return .done
  }

  /// With the statement's text in the error's context.
  private func inStatement(
    _ query: ProcedureQuery, _ body: () async throws(SQLError) -> Void
  ) async throws(SQLError) {
    do throws(SQLError) { try await body() } catch {
      var error = error
      let text = String(decoding: query.source, as: UTF8.self)
      let line = "SQL statement \"\(text.trimmed)\""
      error.context = error.context.map { "\($0)\n\(line)" } ?? line
      throw error
    }
  }

  // MARK: RETURN

  private func setReturned(_ expression: ProcedureExpression?) async throws(SQLError) {
    let function = program.function
    guard let expression else {
      if function.returnsSet || function.result.oid == SQLType.void.oid { return }
      if !function.outputs.isEmpty { addOutputs() }
      return
    }
    if function.returnsSet {
      throw SQLError(.datatypeMismatch, "RETURN cannot have a parameter in function returning set")
    }
    let isRow = function.result.oid == SQLType.trigger.oid || !function.outputs.isEmpty
    let made = try await evaluate(expression, as: isRow ? nil : function.result)
    returned = made
    if isRow, function.result.oid != SQLType.trigger.oid { try addRow(made.value, made.type) }
    if !isRow { rows.append(row: [made.value]) }
  }

  /// The row that OUT parameters make.
  private func addOutputs() {
    let values = Self.outputs(of: program.function).map { output in
      variables.last { $0.name == output.name }?.value ?? .null
    }
    rows.append(row: values)
  }

  func finishOutputs() {
    let function = program.function
    if function.returnsSet || rows.rowCount > 0 { return }
    if function.result.oid == SQLType.void.oid { rows.append(row: [.bytes([])]) }
    if !function.outputs.isEmpty { addOutputs() }
  }

  private func returnNext(_ expression: ProcedureExpression?) async throws(SQLError) {
    let function = program.function
    guard function.returnsSet else {
      throw SQLError(.syntaxError, "cannot use RETURN NEXT in a non-SETOF function")
    }
    guard let expression else {
      addOutputs()
      return
    }
    let made = try await evaluate(expression, as: function.outputs.isEmpty ? function.result : nil)
    if function.outputs.isEmpty { rows.append(row: [made.value]) } else { try addRow(made.value, made.type) }
    try context.checkHardMemory()
  }

  private func addRow(_ value: Datum, _ type: SQLType) throws(SQLError) {
    let outputs = Self.outputs(of: program.function)
    guard let shape = RowShape.of(type) else {
      if value.isNull {
        rows.append(row: Array(repeating: .null, count: outputs.count))
        return
      }
      throw SQLError(.datatypeMismatch, "cannot return non-composite value from function returning composite type")
    }
    guard shape.fields.count == outputs.count else {
      throw SQLError(
        .datatypeMismatch, "returned record type does not match expected record type",
        detail:
          "Number of returned columns (\(shape.fields.count)) does not match expected column count (\(outputs.count)).")
    }
    var row: [Datum] = []
    for ((value, field), output) in zip(zip(try Self.fields(value, shape), shape.fields), outputs) {
      row.append(try convert(value, from: field.type, to: output.type.valueType))
    }
    rows.append(row: row)
  }

  private func addRows(_ batch: Batch, _ columns: [ResultColumn]) throws(SQLError) {
    let outputs = Self.outputs(of: program.function)
    guard program.function.returnsSet else {
      throw SQLError(.syntaxError, "cannot use RETURN QUERY in a non-SETOF function")
    }
    guard columns.count == outputs.count else {
      throw SQLError(
        .datatypeMismatch, "structure of query does not match function result type",
        detail: "Number of returned columns (\(columns.count)) does not match expected column count (\(outputs.count))."
      )
    }
    for row in 0..<batch.rowCount {
      var values: [Datum] = []
      for (place, output) in outputs.enumerated() {
        values.append(
          try convert(batch.columns[place].datum(row), from: columns[place].type, to: output.type.valueType))
      }
      rows.append(row: values)
    }
    try context.checkHardMemory()
  }

  // MARK: Loops

  private func run(
    _ loop: ProcedureLoop, _ body: [ProcedureStatement], _ label: String?
  ) async throws(SQLError) -> Outcome {
    /// Nil: the loop goes on.
    func round() async throws(SQLError) -> Outcome? {
      try await context.breathe()
      let outcome = try await run(body)
      switch outcome {
      case .done: return nil
      case .leaving(let target, let continues) where target == nil || target == label: return continues ? nil : .done
      default: return outcome
      }
    }
    switch loop {
    case .forever:
      while true { if let end = try await round() { return end } }
    case .while(let condition):
      while try await holds(condition) { if let end = try await round() { return end } }
      return .done
    case .integers(let name, let from, let to, let by, let isReverse):
      var value = try await integer(from, isReverse ? "upper bound" : "lower bound")
      let last = try await integer(to, isReverse ? "lower bound" : "upper bound")
      var step: Int64 = 1
      if let by { step = try await integer(by, "BY value") }
      if step <= 0 { throw SQLError(.invalidParameterValue, "BY value of FOR loop must be greater than zero") }
      add(name.text, .int4, .null)
      defer { dropLastVariable() }
      var isFound = false
      while isReverse ? value >= last : value <= last {
        isFound = true
        variables[variables.count - 1].value = .int64(value)
        if let end = try await round() {
          try setFound(isFound)
          return end
        }
        value += isReverse ? -step : step
      }
      try setFound(isFound)
      return .done
    case .rows(let targets, let query):
      return try await loopOver(try begin(try plan(query)), targets, round)
    case .dynamicRows(let targets, let text, let using):
      let (plan, parameters) = try await dynamicPlan(text, using)
      return try await loopOver(try begin(plan, parameters: parameters), targets, round)
    case .elements(let target, let expression):
      let made = try await evaluate(expression)
      guard let element = TypeInfo.find(made.type.oid)?.elementOID, element != .invalid else {
        throw SQLError(
          .datatypeMismatch, "FOREACH expression must yield an array, not type \(TypeInfo.format(made.type))")
      }
      guard case .bytes(let bytes) = made.value else {
        throw SQLError(.nullValueNotAllowed, "FOREACH expression must not be null")
      }
      let values = try ArrayValue(bytes).elements
      for value in values {
        try assign(target, value, SQLType(element))
        if let end = try await round() {
          try setFound(true)
          return end
        }
      }
      try setFound(!values.isEmpty)
      return .done
    }
  }

  private func loopOver(
    _ execution: QueryExecution, _ targets: [ProcedureTarget], _ round: () async throws(SQLError) -> Outcome?
  ) async throws(SQLError) -> Outcome {
    var isFound = false
    var end: Outcome?
    while end == nil, let batch = try await execution.next() {
      for row in 0..<batch.rowCount {
        isFound = true
        try assignRow(batch, row, execution.plan.columns, to: targets)
        end = try await round()
        if end != nil { break }
      }
    }
    try setFound(isFound)
    return end ?? .done
  }

  private func setFound(_ isFound: Bool) throws(SQLError) {
    variables[try index(of: "found")].value = .bool(isFound)
  }

  // MARK: Queries

  /// All rows of an execution.
  private func rows(
    of execution: QueryExecution,
    _ body: ((batch: Batch, columns: [ResultColumn])) throws(SQLError) -> Outcome
  ) async throws(SQLError) -> Int {
    var count = 0
    while let batch = try await execution.next() {
      count += batch.rowCount
      _ = try body((batch, execution.plan.columns))
    }
    rowCount = count
    try setFound(count > 0)
    return count
  }

  private func runQuery(
    _ plan: QueryPlan, into targets: [ProcedureTarget], isStrict: Bool, discards: Bool, parameters: [Datum]? = nil
  ) async throws(SQLError) {
    if plan.kind == .select, targets.isEmpty, !discards {
      throw SQLError(
        .syntaxError, "query has no destination for result data",
        hint: "If you want to discard the results of a SELECT, use PERFORM instead.")
    }
    if !targets.isEmpty, plan.columns.isEmpty {
      throw SQLError(.syntaxError, "INTO used with a command that cannot return data")
    }
    let execution = try begin(plan, parameters: parameters)
    var count = 0
    var isFull = false
    while !isFull, let batch = try await execution.next() {
      for row in 0..<batch.rowCount {
        count += 1
        if targets.isEmpty { continue }
        if count == 1 { try assignRow(batch, row, plan.columns, to: targets) }
        // Statements that change rows may give one row at most.
        if count == 2, isStrict || plan.kind != .select {
          throw SQLError(
            .tooManyRows, "query returned more than one row",
            hint: plan.kind == .select ? "Make sure the query returns a single row, or use LIMIT 1." : nil)
        }
      }
      isFull = !targets.isEmpty && plan.kind == .select && count > 1
    }
    if count == 0, !targets.isEmpty {
      if isStrict { throw SQLError(.noDataFound, "query returned no rows") }
      try assignNulls(to: targets, plan.columns)
    }
    rowCount = plan.kind == .select ? (targets.isEmpty ? count : min(count, 1)) : execution.affectedRows
    try setFound(rowCount > 0)
  }

  private func shape(_ columns: [ResultColumn]) -> RowShape {
    RowShape(columns.map { RowShape.Field($0.name, $0.type.valueType) })
  }

  private func assignRow(
    _ batch: Batch, _ row: Int, _ columns: [ResultColumn], to targets: [ProcedureTarget]
  ) throws(SQLError) {
    let values = columns.indices.map { batch.columns[$0].datum(row) }
    if targets.count == 1, let target = targets.first, target.field == nil {
      let variable = variables[try index(of: target.name.text)]
      if variable.isRecord {
        let shape = shape(columns)
        try assign(target, Self.row(values, shape), shape.recordType)
        return
      }
      if let shape = RowShape.of(variable.type), columns.count != 1 || !columns[0].type.isRow {
        var fields: [Datum] = []
        for (place, field) in shape.fields.enumerated() {
          fields.append(
            place < values.count ? try convert(values[place], from: columns[place].type, to: field.type) : .null)
        }
        try assign(target, Self.row(fields, shape), variable.type)
        return
      }
    }
    for (place, target) in targets.enumerated() {
      if place < values.count {
        try assign(target, values[place], columns[place].type)
      } else {
        try assign(target, .null, try type(of: target) ?? .text)
      }
    }
  }

  private func assignNulls(to targets: [ProcedureTarget], _ columns: [ResultColumn]) throws(SQLError) {
    for target in targets {
      let variable = variables[try index(of: target.name.text)]
      if variable.isRecord, target.field == nil {
        try assign(target, .null, shape(columns).recordType)
      } else {
        try assign(target, .null, try type(of: target) ?? .text)
      }
    }
  }

  /// The plan of a text that is made while the function runs.
  private func dynamicPlan(
    _ text: ProcedureExpression, _ using: [ProcedureExpression]
  ) async throws(SQLError) -> (QueryPlan, [Datum]) {
    guard case .bytes(let source) = try await evaluate(text, as: .text).value else {
      throw SQLError(.nullValueNotAllowed, "query string argument of EXECUTE is null")
    }
    let parsed = try Parser.parse(source)
    guard parsed.count == 1, let statement = parsed.first?.statement else {
      throw SQLError(.featureNotSupported, "EXECUTE of several statements is not supported yet")
    }
    var types: [ProcedureNames.Variable] = []
    var values: [Datum] = []
    for expression in using {
      let made = try await evaluate(expression)
      types.append(ProcedureNames.Variable(name: "", type: made.type))
      values.append(made.value)
    }
    // Its text sees no variables, only what USING gives.
    let names = ProcedureNames(variables: types, argumentCount: types.count, transitions: names.names.transitions)
    return (try library.plan(statement, names, in: program.function, source: source), values)
  }

  // MARK: RAISE

  private func raise(_ raise: ProcedureRaise) async throws(SQLError) {
    var message = raise.format ?? ""
    if let format = raise.format {
      message = ""
      var arguments = raise.arguments.makeIterator()
      var characters = format.makeIterator()
      var pending = characters.next()
      while let character = pending {
        pending = characters.next()
        guard character == "%" else {
          message.append(character)
          continue
        }
        if pending == "%" {
          message.append("%")
          pending = characters.next()
          continue
        }
        guard let argument = arguments.next() else { continue }
        message += try await shown(argument)
      }
    }
    var error = SQLError(raise.level == .exception ? .raiseException : .successfulCompletion, message)
    if raise.level == .warning { error.state = .warning }
    if let condition = raise.condition {
      guard let state = Self.state(named: condition) else {
        throw SQLError(.undefinedObject, "unrecognized exception condition \"\(condition)\"")
      }
      error.state = state
      if raise.format == nil { error.message = condition }
    }
    for option in raise.options {
      let text = try await shown(option.value)
      switch option.name {
      case "message": error.message = text
      case "detail": error.detail = text
      case "hint": error.hint = text
      case "errcode":
        guard let state = Self.state(named: text) else {
          throw SQLError(.undefinedObject, "unrecognized exception condition \"\(text)\"")
        }
        error.state = state
        if raise.format == nil, error.message.isEmpty { error.message = text }
      case "column": error.column = text
      case "constraint": error.constraint = text
      case "datatype": error.dataType = text
      case "table": error.table = text
      case "schema": error.schema = text
      default: throw SQLError(.syntaxError, "unrecognized RAISE statement option")
      }
    }
    if raise.level == .exception { throw error }
    library.send(notice: error, severity: raise.level.rawValue.uppercased())
  }

  private func shown(_ expression: ProcedureExpression) async throws(SQLError) -> String {
    let made = try await evaluate(expression)
    if made.value.isNull { return "<NULL>" }
    return String(decoding: made.type.behavior.text(made.value, settings: context.format), as: UTF8.self)
  }

  /// A SQLSTATE by its code or by the name of its condition.
  private static func state(named name: String) -> SQLState? {
    if let known = conditions[name] { return known }
    let isCode = name.utf8.count == 5 && name.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0) }
    return isCode ? SQLState(rawValue: name) : nil
  }

  private static let conditions: [String: SQLState] = [
    "raise_exception": .raiseException, "no_data_found": .noDataFound, "too_many_rows": .tooManyRows,
    "assert_failure": .assertFailure, "unique_violation": .uniqueViolation, "check_violation": .checkViolation,
    "foreign_key_violation": .foreignKeyViolation, "not_null_violation": .notNullViolation,
    "division_by_zero": .divisionByZero, "invalid_parameter_value": .invalidParameterValue,
    "feature_not_supported": .featureNotSupported, "data_exception": .dataException,
    "insufficient_privilege": .insufficientPrivilege, "undefined_table": .undefinedTable,
    "undefined_column": .undefinedColumn, "undefined_function": .undefinedFunction,
    "undefined_object": .undefinedObject, "duplicate_object": .duplicateObject, "syntax_error": .syntaxError,
    "datatype_mismatch": .datatypeMismatch, "null_value_not_allowed": .nullValueNotAllowed,
    "numeric_value_out_of_range": .numericValueOutOfRange,
    "invalid_text_representation": .invalidTextRepresentation, "serialization_failure": .serializationFailure,
    "object_not_in_prerequisite_state": .objectNotInPrerequisiteState, "case_not_found": .caseNotFound,
  ]
}

extension ProcedureAction {
  /// As an error's context calls it.
  var kind: String {
    switch self {
    case .nothing: "NULL"
    case .block: "statement block"
    case .assign: "assignment"
    case .if: "IF"
    case .case: "CASE"
    case .loop(_, let loop, _):
      switch loop {
      case .forever: "LOOP"
      case .while: "WHILE"
      case .integers: "FOR with integer loop variable"
      case .rows: "FOR over SELECT rows"
      case .dynamicRows: "FOR over EXECUTE statement"
      case .elements: "FOREACH over array"
      }
    case .leave(_, let continues, _): continues ? "CONTINUE" : "EXIT"
    case .return: "RETURN"
    case .returnNext: "RETURN NEXT"
    case .returnQuery: "RETURN QUERY"
    case .raise: "RAISE"
    case .perform: "PERFORM"
    case .query: "SQL statement"
    case .dynamic: "EXECUTE"
    case .diagnostics: "GET DIAGNOSTICS"
    case .assert: "ASSERT"
    }
  }
}

extension String {
  /// Without blanks at its ends.
  fileprivate var trimmed: String {
    var bytes = Array(utf8)[...]
    while let first = bytes.first, first <= 32 { bytes.removeFirst() }
    while let last = bytes.last, last <= 32 { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }
}
