// The rows of pg_proc: the functions that SQL may call, and those behind the types' text and binary forms.

import Expressions
import SQLTypes

struct SystemProcedure: Sendable {
  var oid: OID
  var name: String
  var arguments: [OID]
  var variadic = OID.invalid
  var result: OID
  /// `f` function, `a` aggregate, `w` window function.
  var kind = "f"
  var volatility: String
  var isStrict: Bool
  var returnsSet = false
}

enum SystemProcedures {
  /// By OID, each once.
  static let all: [SystemProcedure] = {
    var found: [OID: SystemProcedure] = [:]
    for function in SystemTypes.functions {
      found[function.oid] = SystemProcedure(
        oid: function.oid, name: function.name, arguments: function.arguments, result: function.result,
        volatility: function.volatility, isStrict: function.isStrict)
    }
    for function in FunctionRegistry.shared.allScalars where function.form == .function {
      var row = SystemProcedure(
        oid: function.oid, name: function.name, arguments: function.arguments.map(\.oid),
        result: function.result.oid, volatility: letter(function.volatility), isStrict: function.isStrict)
      if let variadic = function.variadic { row.variadic = variadic.oid }
      found[function.oid] = row
    }
    for function in FunctionRegistry.shared.allAggregates {
      found[function.oid] = SystemProcedure(
        oid: function.oid, name: function.name, arguments: function.arguments.map(\.oid),
        result: function.result.oid, kind: "a", volatility: "i", isStrict: false)
    }
    for function in FunctionRegistry.shared.allTableFunctions {
      let result = function.columns.count == 1 ? function.columns[0].type : SQLType.record
      found[function.oid] = SystemProcedure(
        oid: function.oid, name: function.name, arguments: function.arguments.map(\.oid), result: result.oid,
        volatility: letter(function.volatility), isStrict: function.isStrict, returnsSet: function.delay == nil)
    }
    for function in FunctionRegistry.windowFunctions {
      found[function.oid] = SystemProcedure(
        oid: function.oid, name: function.name, arguments: function.arguments.map(\.oid),
        result: function.result.oid, kind: "w", volatility: "i", isStrict: function.rule != .lag)
    }
    return found.keys.sorted().compactMap { found[$0] }
  }()

  private static let byName = Dictionary(grouping: all, by: \.name)
  private static let byOID = Dictionary(uniqueKeysWithValues: all.map { ($0.oid, $0) })

  static func find(_ oid: OID) -> SystemProcedure? { byOID[oid] }
  static func named(_ name: String) -> [SystemProcedure] { byName[name] ?? [] }

  private static func letter(_ volatility: Volatility) -> String {
    switch volatility {
    case .immutable: "i"
    case .stable: "s"
    case .volatile: "v"
    }
  }
}

extension SystemProcedure {
  /// `integer, text`.
  var argumentText: String {
    arguments.enumerated().map { index, type in
      (variadic != .invalid && index == arguments.count - 1 ? "VARIADIC " : "") + TypeInfo.format(SQLType(type))
    }.joined(separator: ", ")
  }
}
