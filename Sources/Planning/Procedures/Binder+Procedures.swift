// Calls of functions in PL/pgSQL. A body of nothing but variables, assignments, IF and RETURN is bound where the call stands, like one
// in SQL: assignments are carried along, branches become conditions. Any other runs: it is a table function, which the executor
// carries out statement by statement.
// Source: PostgreSQL manual, chapter 43.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension Binder {
  /// Whether a body's value can be told without running anything.
  func isInlined(_ function: FunctionDescriptor) throws(SQLError) -> Bool {
    if function.returnsSet || !function.outputs.isEmpty || function.result.oid == SQLType.void.oid { return false }
    let block = try Parser.parseProcedure(Array(function.body.utf8))
    func areStraight(_ statements: ArraySlice<ProcedureStatement>) -> Bool {
      statements.allSatisfy { statement in
        switch statement.action {
        case .nothing: true
        case .assign(let target, _): target.field == nil
        case .return(let value): value != nil
        case .if(let branches, let otherwise):
          branches.allSatisfy { areStraight($0.statements[...]) } && areStraight(otherwise[...])
        default: false
        }
      }
    }
    func returns(_ statements: ArraySlice<ProcedureStatement>) -> Bool {
      guard let first = statements.first else { return false }
      let rest = statements.dropFirst()
      switch first.action {
      case .return: return true
      case .if(let branches, let otherwise):
        return returns(rest) || (branches.allSatisfy { returns($0.statements[...]) } && returns(otherwise[...]))
      default: return returns(rest)
      }
    }
    return block.variables.allSatisfy { variable in
      if case .value = variable.kind { !variable.isNotNull && !variable.isConstant } else { false }
    } && areStraight(block.statements[...]) && returns(block.statements[...])
  }

  /// A call that runs, as an element of FROM.
  func running(
    _ function: FunctionDescriptor, _ result: SQLType, _ arguments: [ScalarExpression], alias: String
  ) -> (relation: Relation, columns: [ScopeColumn]) {
    let outputs =
      function.outputs.isEmpty ? [FunctionDescriptor.Parameter(name: alias, type: result)] : function.outputs
    names.uses.addCatalog()
    var columns: [ScopeColumn] = []
    for (index, output) in outputs.enumerated() {
      let name = output.name ?? "column\(index + 1)"
      let id = context.makeColumn(name, output.type, qualifier: alias)
      columns.append(ScopeColumn(name: name, id: id))
    }
    let table = TableFunction(
      function.name, oid: function.oid, arguments.map(\.type),
      columns: zip(columns, outputs).map { ($0.name, $1.type) }, volatility: function.volatility,
      isStrict: function.isStrict, isProcedure: true
    ) { (_, _) throws(SQLError) in
      throw SQLError(.internalError, "a function in language plpgsql was called without its body")
    }
    let scan = FunctionScan(
      function: table, alias: alias, arguments: arguments, columns: columns.map(\.id), withOrdinality: false)
    return (.function(scan), columns)
  }

  /// What a body without loops and effects returns.
  func procedureValue(
    of block: ProcedureBlock, _ function: FunctionDescriptor, _ result: SQLType, _ scope: Scope
  ) throws(SQLError) -> ScalarExpression {
    let inner = Scope(parent: nil, ctes: [])
    let last = context.frames.count - 1
    func bound(_ expression: ProcedureExpression, as type: SQLType) throws(SQLError) -> ScalarExpression {
      let value = try bind(expression.expression, inner)
      if let fit = try coerceIfPossible(value, to: type, .explicit, at: .unknown) { return fit }
      // PL/pgSQL goes through the text form where there is no cast.
      return try coerce(try coerce(value, to: .text, .explicit, at: .unknown), to: type, .explicit, at: .unknown)
    }
    func value(_ statements: ArraySlice<ProcedureStatement>) throws(SQLError) -> ScalarExpression {
      // Never reached: what follows every path to the end is unreachable.
      guard let first = statements.first else { return .null(result) }
      let rest = statements.dropFirst()
      switch first.action {
      case .return(let expression?): return try bound(expression, as: result)
      case .assign(let target, let expression):
        let name = target.name
        guard let known = context.frames[last].variables[name.text] else {
          if let place = function.parameters.firstIndex(where: { $0.name == name.text }) {
            context.frames[last].values[place] = try bound(expression, as: function.parameters[place].type)
            return try value(rest)
          }
          throw SQLError(.syntaxError, "\"\(name.text)\" is not a known variable")
        }
        context.frames[last].variables[name.text] = (known.type, try bound(expression, as: known.type))
        return try value(rest)
      case .if(let branches, let otherwise):
        let before = context.frames[last]
        var cases: [CaseBranch] = []
        for branch in branches {
          let condition = branch.condition.expression
          let holds = try coerceToBoolean(try bind(condition, inner), "IF", at: condition)
          cases.append(CaseBranch(condition: holds, result: try value(branch.statements + rest)))
          context.frames[last] = before
        }
        let other = try value(otherwise + rest)
        context.frames[last] = before
        return .conditional(cases, otherwise: other, type: result)
      default: return try value(rest)
      }
    }
    for variable in block.variables {
      guard case .value(let name) = variable.kind else { continue }
      let type = try resolveType(name)
      let initial: ScalarExpression =
        if let expression = variable.initial { try bound(expression, as: type) } else { .null(type.valueType) }
      context.frames[last].variables[variable.name.text] = (type, initial)
    }
    let whole = try value(block.statements[...])
    for attachment in inner.attachments { attach(attachment, scope) }
    return whole
  }
}
