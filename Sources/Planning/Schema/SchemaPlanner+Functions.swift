// CREATE FUNCTION and DROP FUNCTION: types resolved, and the body bound once to see that it fits them.
// Source: PostgreSQL manual, CREATE FUNCTION; its functioncmds.c for the messages.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension SchemaPlanner {
  func planCreateFunction(_ statement: CreateFunctionStatement) throws(SQLError) -> SchemaOperation {
    let schema = try context.located(statement.name.position) { () throws(SQLError) in
      try binder.names.schemaForCreation(statement.name)
    }
    let language = statement.language?.text.lowercased()
    guard let written = statement.body else {
      throw SQLError(.invalidFunctionDefinition, "no function body specified")
    }
    if case .text = written, language == nil {
      throw SQLError(.invalidFunctionDefinition, "no language specified")
    }
    if let language, language != "sql", language != "plpgsql" {
      guard ["c", "internal"].contains(language) else {
        throw SQLError(.undefinedObject, "language \"\(language)\" does not exist")
      }
      throw SQLError(.featureNotSupported, "functions in language \(language) are not supported yet")
    }
    var function = FunctionDescriptor(
      oid: .invalid, schema: schema, name: statement.name.name.text, owner: .invalid, parameters: [], result: .void,
      body: "")
    try addParameters(statement, to: &function)
    switch written {
    case .text(let texts):
      if texts.count > 1 {
        throw SQLError(.invalidFunctionDefinition, "only one AS item needed for language \"sql\"")
      }
      function.body = texts[0]
    case .value(let value):
      function.body = "SELECT \(SyntaxPrinter.text(value))"
      function.isStandard = true
    case .atomic(let statements):
      function.body = statements.map { SyntaxPrinter.text($0) }.joined(separator: ";\n")
      function.isStandard = true
    }
    function.volatility =
      switch statement.volatility {
      case .immutable?: .immutable
      case .stable?: .stable
      case .volatile?, nil: .volatile
      }
    function.isStrict = statement.isStrict ?? false
    function.isProcedural = language == "plpgsql"
    if function.isProcedural {
      if function.isStandard {
        throw SQLError(.invalidFunctionDefinition, "inline SQL function body only valid for language SQL")
      }
      // Names and types are looked at when it is called, as in PostgreSQL.
      _ = try Parser.parseProcedure(Array(function.body.utf8))
    } else {
      if function.result.oid == SQLType.trigger.oid {
        throw SQLError(.invalidFunctionDefinition, "SQL functions cannot return type trigger")
      }
      try checkBody(function)
    }
    return .createFunction(function, replaces: statement.orReplace)
  }

  private func addParameters(
    _ statement: CreateFunctionStatement, to function: inout FunctionDescriptor
  ) throws(SQLError) {
    var outputs: [FunctionDescriptor.Parameter] = []
    var sawDefault = false
    for parameter in statement.parameters {
      let type = try binder.resolveType(parameter.type)
      var made = FunctionDescriptor.Parameter(name: parameter.name?.text, type: type)
      if let value = parameter.defaultValue {
        if parameter.mode == .output {
          throw SQLError(.invalidFunctionDefinition, "only input parameters can have default values")
        }
        made.defaultSQL = try defaultSQL(value, for: made.name ?? "", type: type) ?? "NULL"
        sawDefault = true
      } else if sawDefault, parameter.mode == .input || parameter.mode == .both {
        throw SQLError(
          .invalidFunctionDefinition, "input parameters after one with a default value must also have defaults")
      }
      let isInput = parameter.mode == .input || parameter.mode == .both || parameter.mode == .variadic
      if let name = made.name {
        let others = isInput ? function.parameters : outputs
        if others.contains(where: { $0.name == name }) {
          throw SQLError(.invalidFunctionDefinition, "parameter name \"\(name)\" used more than once")
        }
      }
      if isInput { function.parameters.append(made) }
      if parameter.mode == .variadic {
        guard TypeInfo.find(type.oid)?.isArray == true else {
          throw SQLError(.invalidFunctionDefinition, "VARIADIC parameter must be an array")
        }
        function.isVariadic = true
      }
      if parameter.mode != .input && parameter.mode != .variadic { outputs.append(made) }
    }
    if statement.returnsTable { function.returnsSet = true }
    if outputs.count == 1, !statement.returnsTable {
      function.result = outputs[0].type
    } else if !outputs.isEmpty {
      function.result = outputs.count == 1 ? outputs[0].type : .record
      function.outputs = outputs
    }
    guard let returns = statement.returns else {
      if outputs.isEmpty {
        throw SQLError(.invalidFunctionDefinition, "function result type must be specified")
      }
      return
    }
    var type = returns
    type.isSetOf = false
    let declared = try binder.resolveType(type)
    function.returnsSet = returns.isSetOf
    if outputs.isEmpty {
      function.result = declared
      // The rows of a table are what its columns are.
      if case .relation(let table)? = try binder.names.namedRelation(type.name), type.arrayBounds.isEmpty {
        function.outputs = table.columns.filter { !$0.isHidden }.map { .init(name: $0.name, type: $0.type) }
      }
    } else if declared != function.result {
      throw SQLError(
        .invalidFunctionDefinition,
        "function result type must be \(TypeInfo.format(function.result)) because of OUT parameters")
    }
  }

  /// Binds the body with columns for its arguments; what depends on the arguments' types has to wait for a call.
  private func checkBody(_ function: FunctionDescriptor) throws(SQLError) {
    let query = try binder.body(of: function)
    _ = query
    let types = function.parameters.map(\.type) + [function.result]
    if types.contains(where: {
      TypeInfo.find($0.oid)?.category == .pseudo && $0.oid != SQLType.void.oid && $0.oid != SQLType.record.oid
    }) {
      return
    }
    let scope = Scope(parent: nil, ctes: [])
    let arguments = function.parameters.map { parameter in
      context.column(context.makeColumn(parameter.name ?? "", parameter.type))
    }
    if function.returnsSet || !function.outputs.isEmpty {
      _ = try binder.bindUserTable(function, function.result, arguments, alias: function.name)
    } else {
      _ = try binder.bindUserCall(function, function.result, arguments, scope, at: .unknown)
    }
  }

  func planDropFunction(_ statement: DropFunctionStatement) throws(SQLError) -> SchemaOperation {
    var found: [OID] = []
    var absent: [String] = []
    for signature in statement.functions {
      let name = signature.name
      var types: [SQLType]?
      if let written = signature.argumentTypes {
        types = try written.mapTyped { (type: TypeName) throws(SQLError) in try binder.resolveType(type) }
      }
      let candidates = catalog.functions(named: name.name.text, schema: name.schema?.text).filter { function in
        types.map { $0.map(\.oid) == function.parameters.map(\.type.oid) } ?? true
      }
      let shown = types.map { "\(name)(\($0.map { TypeInfo.format($0) }.joined(separator: ", ")))" }
      if candidates.count > 1 {
        throw SQLError(
          .ambiguousFunction, "function name \"\(name)\" is not unique",
          hint: "Specify the argument list to select the function unambiguously.")
      }
      guard let function = candidates.first else {
        if statement.ifExists {
          absent.append("function \(shown ?? "\(name)") does not exist, skipping")
          continue
        }
        throw SQLError(
          .undefinedFunction,
          shown.map { "function \($0) does not exist" } ?? "could not find a function named \"\(name)\"")
      }
      found.append(function.oid)
    }
    if found.isEmpty { return .notice(SQLError(.successfulCompletion, absent.last ?? "nothing to do")) }
    return .dropFunctions(found, cascades: statement.behavior == .cascade)
  }
}
