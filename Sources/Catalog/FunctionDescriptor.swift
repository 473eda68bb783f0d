// Functions that users have made, in SQL: what they are called with and give, and their bodies as text.
// Source: PostgreSQL manual, CREATE FUNCTION, 38.5 "Query Language (SQL) Functions".

import Expressions
import SQLTypes

public struct FunctionDescriptor: Sendable, Hashable {
  public struct Parameter: Sendable, Hashable {
    public var name: String?
    public var type: SQLType
    public var defaultSQL: String?

    public init(name: String?, type: SQLType, defaultSQL: String? = nil) {
      self.name = name
      self.type = type
      self.defaultSQL = defaultSQL
    }
  }

  public var oid: OID
  public var schema: OID
  public var name: String
  public var owner: OID
  /// Those that a call gives.
  public var parameters: [Parameter]
  /// The last parameter is an array of all that is left.
  public var isVariadic = false
  public var result: SQLType
  public var returnsSet = false
  /// The columns of a result that is a table, or several OUT parameters.
  public var outputs: [Parameter] = []
  public var volatility: Volatility = .volatile
  public var isStrict = false
  /// The statements, as they were written.
  public var body: String
  /// Whether the body was given as statements or an expression, rather than as a string.
  public var isStandard = false
  /// PL/pgSQL rather than SQL.
  public var isProcedural = false
  public var comment: String?

  public init(
    oid: OID, schema: OID, name: String, owner: OID, parameters: [Parameter], result: SQLType, body: String
  ) {
    self.oid = oid
    self.schema = schema
    self.name = name
    self.owner = owner
    self.parameters = parameters
    self.result = result
    self.body = body
  }

  /// `add(integer, integer)`.
  public var signature: String {
    "\(quoteIdentifier(name))(\(parameters.map { TypeInfo.format($0.type.unmodified) }.joined(separator: ",")))"
  }
}

extension FunctionDescriptor {
  var volatilityLetter: String {
    switch volatility {
    case .immutable: "i"
    case .stable: "s"
    case .volatile: "v"
    }
  }

  /// `x integer, VARIADIC rest text[] DEFAULT …`; `identity`: without the defaults.
  func argumentText(identity: Bool) -> String {
    parameters.enumerated().map { index, parameter in
      var words: [String] = []
      if isVariadic && index == parameters.count - 1 { words.append("VARIADIC") }
      if let name = parameter.name { words.append(quoteIdentifier(name)) }
      words.append(TypeInfo.format(parameter.type))
      if !identity, let sql = parameter.defaultSQL { words.append("DEFAULT \(sql)") }
      return words.joined(separator: " ")
    }.joined(separator: ", ")
  }

  /// `integer`, `SETOF text`, `TABLE(a integer, b text)`.
  var resultText: String {
    if !outputs.isEmpty, returnsSet {
      let columns = outputs.map { "\(quoteIdentifier($0.name ?? "")) \(TypeInfo.format($0.type))" }
      return "TABLE(\(columns.joined(separator: ", ")))"
    }
    return (returnsSet ? "SETOF " : "") + TypeInfo.format(result)
  }

  /// The statement that makes it.
  func definition(schema: String) -> String {
    var lines = [
      "CREATE OR REPLACE FUNCTION \(quoteIdentifier(schema)).\(quoteIdentifier(name))(\(argumentText(identity: false)))",
      " RETURNS \(resultText)", " LANGUAGE \(isProcedural ? "plpgsql" : "sql")",
    ]
    var words: [String] = []
    if volatility != .volatile { words.append(volatility == .immutable ? "IMMUTABLE" : "STABLE") }
    if isStrict { words.append("STRICT") }
    if !words.isEmpty { lines.append(" " + words.joined(separator: " ")) }
    lines.append("AS $function$\(body)$function$")
    return lines.joined(separator: "\n") + "\n"
  }
}

extension CatalogSnapshot {
  public var functions: [FunctionDescriptor] { contents.functions.values.sorted { $0.oid < $1.oid } }
  public func function(_ oid: OID) -> FunctionDescriptor? { contents.functions[oid] }
  public func functions(named name: String, in schema: OID) -> [FunctionDescriptor] {
    (contents.functionNames[ScopedName(scope: schema, name: name)] ?? []).compactMap { contents.functions[$0] }
  }
}

extension CatalogView {
  /// The functions of the database connected to.
  public var functions: [FunctionDescriptor] {
    snapshot.functions.filter { snapshot.schema($0.schema)?.database == database }
  }

  /// Users' functions of a name: in a schema, or along the search path; of the same parameters the first.
  public func functions(named name: String, schema: String?) -> [FunctionDescriptor] {
    if let schema { return self.schema(named: schema).map { snapshot.functions(named: name, in: $0.oid) } ?? [] }
    var found: [FunctionDescriptor] = []
    for oid in searchSchemas() {
      for function in snapshot.functions(named: name, in: oid)
      where !found.contains(where: { $0.parameters.map(\.type.oid) == function.parameters.map(\.type.oid) }) {
        found.append(function)
      }
    }
    return found
  }
}

extension CatalogWriter {
  public func createFunction(_ new: FunctionDescriptor, replaces: Bool) throws(SQLError) {
    let schema = try schemaToCreateIn(new.schema)
    var function = new
    let types = new.parameters.map(\.type.oid)
    if let old = view.snapshot.functions(named: new.name, in: schema.oid).first(where: {
      $0.parameters.map(\.type.oid) == types
    }) {
      guard replaces else {
        throw SQLError(
          .duplicateFunction, "function \"\(new.name)\" already exists with same argument types")
      }
      try requireOwner(old.owner, "function \(new.name)")
      if old.result != new.result || old.returnsSet != new.returnsSet {
        throw SQLError(
          .invalidFunctionDefinition, "cannot change return type of existing function",
          hint: "Use DROP FUNCTION \(old.signature) first.")
      }
      function.oid = old.oid
      function.owner = old.owner
      function.comment = old.comment
    } else {
      function.oid = try makeOID()
      function.owner = view.userOID
    }
    apply(put: [.function(function)])
  }

  public func dropFunctions(_ oids: [OID], cascades: Bool) throws(SQLError) -> DropOutcome {
    var functions: [CatalogObject] = []
    var plan = DropPlan(view, requested: oids)
    var fallen: [(table: TableDescriptor, triggers: [OID])] = []
    var signature: String?
    for oid in oids {
      guard let function = view.snapshot.function(oid) else {
        throw SQLError(.undefinedFunction, "function with OID \(oid) does not exist")
      }
      try requireOwner(function.owner, "function \(function.name)")
      functions.append(.function(function))
      signature = function.signature
      for table in view.relations {
        let using = table.triggers.filter { $0.function == oid }
        for trigger in using {
          plan.add(trigger: trigger, of: table, dependsOn: "function \(function.signature)")
        }
        if !using.isEmpty { fallen.append((table, using.map(\.oid))) }
      }
    }
    try plan.check(dropping: oids.count == 1 ? signature.map { "function \($0)" } : nil, cascades: cascades)
    for (table, triggers) in fallen {
      let changed = try self.table(table.oid).changed { (draft) throws(SQLError) in
        draft.triggers.removeAll { triggers.contains($0.oid) }
      }
      apply(put: [.relation(changed)])
    }
    apply(remove: functions)
    return DropOutcome(relations: [], notices: plan.notices)
  }
}

extension DescriptorCoding {
  static func write(_ function: FunctionDescriptor, _ out: inout FieldWriter) {
    out.oid(1, function.oid)
    out.oid(2, function.schema)
    out.text(3, function.name)
    out.oid(4, function.owner)
    for parameter in function.parameters { out.message(5) { write(parameter, &$0) } }
    out.flag(6, function.isVariadic)
    out.type(7, function.result)
    out.flag(8, function.returnsSet)
    for parameter in function.outputs { out.message(9) { write(parameter, &$0) } }
    out.integer(10, Int64(function.volatility.rawValue))
    out.flag(11, function.isStrict)
    out.text(12, function.body)
    out.flag(13, function.isStandard)
    out.text(14, function.comment)
    out.flag(15, function.isProcedural)
  }

  private static func write(_ parameter: FunctionDescriptor.Parameter, _ out: inout FieldWriter) {
    out.text(1, parameter.name)
    out.type(2, parameter.type)
    out.text(3, parameter.defaultSQL)
  }

  static func readFunction(_ bytes: UnsafeRawBufferPointer) -> FunctionDescriptor? {
    var function = FunctionDescriptor(
      oid: .invalid, schema: .invalid, name: "", owner: .invalid, parameters: [], result: .void, body: "")
    function.volatility = .immutable
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.oid.store(in: &function.oid)
      case 2: value.oid.store(in: &function.schema)
      case 3: value.text.store(in: &function.name)
      case 4: value.oid.store(in: &function.owner)
      case 5: readParameter(value.bytes).append(to: &function.parameters)
      case 6: value.flag.store(in: &function.isVariadic)
      case 7: value.type.store(in: &function.result)
      case 8: value.flag.store(in: &function.returnsSet)
      case 9: readParameter(value.bytes).append(to: &function.outputs)
      case 10:
        value.integer.flatMap { UInt8(exactly: $0) }.flatMap { Volatility(rawValue: $0) }.store(
          in: &function.volatility)
      case 11: value.flag.store(in: &function.isStrict)
      case 12: value.text.store(in: &function.body)
      case 13: value.flag.store(in: &function.isStandard)
      case 14: value.text.store(in: &function.comment)
      case 15: value.flag.store(in: &function.isProcedural)
      default: true
      }
    }
    return isWhole ? function : nil
  }

  private static func readParameter(_ bytes: UnsafeRawBufferPointer) -> FunctionDescriptor.Parameter? {
    var parameter = FunctionDescriptor.Parameter(name: nil, type: .unknown)
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.text.store(in: &parameter.name)
      case 2: value.type.store(in: &parameter.type)
      case 3: value.text.store(in: &parameter.defaultSQL)
      default: true
      }
    }
    return isWhole ? parameter : nil
  }
}
