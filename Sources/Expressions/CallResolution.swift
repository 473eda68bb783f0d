// Which function or operator a call means, given the types of its arguments.
// Source: PostgreSQL manual, 10.2 "Operators" and 10.3 "Functions"; the messages are PostgreSQL's.

import SQLTypes

/// The outcome of resolution: the function, and the types that its arguments must be coerced to.
public struct ResolvedCall: Sendable {
  public var function: ScalarFunction
  /// One per actual argument.
  public var argumentTypes: [SQLType]

  public init(function: ScalarFunction, argumentTypes: [SQLType]) {
    self.function = function
    self.argumentTypes = argumentTypes
  }
}

/// What resolution needs of a candidate, scalar or not.
struct Signature {
  var arguments: [SQLType]
  var result: SQLType
  var variadic: SQLType?

  /// The declared types for a call with `count` arguments, or nil if it takes another number.
  func arguments(forCount count: Int) -> [SQLType]? {
    if arguments.count == count { return arguments }
    guard let variadic, count > arguments.count else { return nil }
    return arguments + Array(repeating: variadic, count: count - arguments.count)
  }
}

extension FunctionRegistry {
  /// Resolves `name(arguments…)`.
  /// - Throws: 42883 if there is no such function, 42725 if several are equally good.
  public func resolveFunction(_ name: String, _ arguments: [SQLType]) throws(SQLError) -> ResolvedCall {
    let candidates = functions(named: name)
    let chosen = try Resolution.function(name, arguments, candidates.map(\.signature))
    return try bind(candidates[chosen], arguments)
  }

  /// Resolves a call among the registry's functions of that name and others; `only`: among the others alone.
  public func resolveFunction(
    _ name: String, _ arguments: [SQLType], among others: [ScalarFunction], only: Bool
  ) throws(SQLError) -> ResolvedCall {
    let candidates = (only ? [] : functions(named: name)) + others
    let chosen = try Resolution.function(name, arguments, candidates.map(\.signature))
    return try bind(candidates[chosen], arguments)
  }

  /// Resolves `left name right`, or `name right` without a left operand.
  /// - Throws: 42883 if there is no such operator, 42725 if several are equally good.
  public func resolveOperator(_ name: String, left: SQLType?, right: SQLType) throws(SQLError) -> ResolvedCall {
    let arguments = left.map { [$0, right] } ?? [right]
    let name = name == "!=" ? "<>" : name
    let candidates = operators(named: name, left == nil ? .prefix : .infix)
    let chosen = try Resolution.operator(name, arguments, candidates.map(\.signature))
    return try bind(candidates[chosen], arguments)
  }

  private func bind(_ function: ScalarFunction, _ actual: [SQLType]) throws(SQLError) -> ResolvedCall {
    let bound = try Polymorphism.bind(function.signature, actual, name: function.name)
    return ResolvedCall(
      function: try function.specialized(bound.arguments, returns: bound.result), argumentTypes: bound.arguments)
  }
}

extension ScalarFunction {
  var signature: Signature { Signature(arguments: arguments, result: result, variadic: variadic) }
}

enum Resolution {
  /// `f(integer, text)`
  static func describe(_ name: String, _ arguments: [SQLType]) -> String {
    name + "(" + arguments.map(\.displayName).joined(separator: ", ") + ")"
  }

  static func function(_ name: String, _ arguments: [SQLType], _ candidates: [Signature]) throws(SQLError) -> Int {
    switch choose(arguments, candidates) {
    case .one(let index): return index
    case .none:
      throw SQLError(
        .undefinedFunction, "function \(describe(name, arguments)) does not exist",
        hint: "No function matches the given name and argument types. You might need to add explicit type casts.")
    case .many:
      throw SQLError(
        .ambiguousFunction, "function \(describe(name, arguments)) is not unique",
        hint: "Could not choose a best candidate function. You might need to add explicit type casts.")
    }
  }

  static func `operator`(_ name: String, _ arguments: [SQLType], _ candidates: [Signature]) throws(SQLError) -> Int {
    // One unknown operand is first taken to be of the other's type.
    if arguments.count == 2 {
      var assumed = arguments
      if assumed[0].oid == SQLType.unknown.oid { assumed[0] = assumed[1] }
      if assumed[1].oid == SQLType.unknown.oid { assumed[1] = assumed[0] }
      if assumed[0].oid != SQLType.unknown.oid,
        let index = candidates.firstIndex(where: { matchesExactly($0.arguments, assumed) })
      {
        return index
      }
    }
    switch choose(arguments, candidates) {
    case .one(let index): return index
    case .none:
      throw SQLError(
        .undefinedFunction, "operator does not exist: \(describeOperator(name, arguments))",
        hint: arguments.count == 2
          ? "No operator matches the given name and argument types. You might need to add explicit type casts."
          : "No operator matches the given name and argument type. You might need to add an explicit type cast.")
    case .many:
      throw SQLError(
        .ambiguousFunction, "operator is not unique: \(describeOperator(name, arguments))",
        hint: "Could not choose a best candidate operator. You might need to add explicit type casts.")
    }
  }

  private static func describeOperator(_ name: String, _ arguments: [SQLType]) -> String {
    arguments.count == 2
      ? "\(arguments[0].displayName) \(name) \(arguments[1].displayName)" : "\(name) \(arguments[0].displayName)"
  }

  private static func matchesExactly(_ declared: [SQLType], _ actual: [SQLType]) -> Bool {
    declared.count == actual.count && zip(declared, actual).allSatisfy { $0.oid == $1.oid }
  }

  private enum Choice {
    case none, one(Int), many
  }

  /// A candidate with its types for this number of arguments.
  private struct Candidate {
    var index: Int
    var types: [SQLType]
    var isVariadic: Bool
  }

  private static func choose(_ arguments: [SQLType], _ signatures: [Signature]) -> Choice {
    var candidates: [Candidate] = []
    for (index, signature) in signatures.enumerated() {
      guard let types = signature.arguments(forCount: arguments.count) else { continue }
      if matchesExactly(types, arguments) && !types.contains(where: { $0.oid == SQLType.unknown.oid }) {
        return .one(index)
      }
      if fits(arguments, types) {
        candidates.append(Candidate(index: index, types: types, isVariadic: signature.variadic != nil))
      }
    }
    if candidates.isEmpty { return .none }
    if candidates.count == 1 { return .one(candidates[0].index) }
    let isKnown = arguments.map { $0.oid != SQLType.unknown.oid }

    // Most exact matches.
    candidates = keepingBest(candidates) { candidate in
      arguments.indices.count { isKnown[$0] && candidate.types[$0].oid == arguments[$0].oid }
    }
    if candidates.count == 1 { return .one(candidates[0].index) }

    // Most exact or preferred types.
    candidates = keepingBest(candidates) { candidate in
      arguments.indices.count { position in
        guard isKnown[position] else { return false }
        let type = candidate.types[position]
        return type.oid == arguments[position].oid
          || (type.isPreferred && type.category == arguments[position].category)
      }
    }
    if candidates.count == 1 { return .one(candidates[0].index) }
    if isKnown.allSatisfy({ $0 }) { return preferringFixed(candidates) }

    // The category that unknown literals should have: string if any candidate takes one there, else the only one.
    var categories: [TypeInfo.Category?] = Array(repeating: nil, count: arguments.count)
    var hasPreferred = Array(repeating: false, count: arguments.count)
    var isResolved = true
    for position in arguments.indices where !isKnown[position] {
      let types = candidates.map { $0.types[position] }
      if types.contains(where: { $0.category == .string }) {
        categories[position] = .string
      } else if types.allSatisfy({ $0.category == types[0].category }) {
        categories[position] = types[0].category
      } else {
        isResolved = false
        break
      }
      hasPreferred[position] = types.contains { $0.category == categories[position] && $0.isPreferred }
    }
    if isResolved {
      let fitting = candidates.filter { candidate in
        arguments.indices.allSatisfy { position in
          guard let category = categories[position] else { return true }
          let type = candidate.types[position]
          return type.category == category && (!hasPreferred[position] || type.isPreferred)
        }
      }
      if !fitting.isEmpty { candidates = fitting }
      if candidates.count == 1 { return .one(candidates[0].index) }
    }

    // All known arguments of one type: try that for the unknown ones.
    let known = arguments.filter { $0.oid != SQLType.unknown.oid }
    if let first = known.first, known.allSatisfy({ $0.oid == first.oid }) {
      let assumed = arguments.map { _ in first }
      let fitting = candidates.filter { fits(assumed, $0.types) }
      if fitting.count == 1 { return .one(fitting[0].index) }
    }
    return preferringFixed(candidates)
  }

  /// Whether the arguments can be given where `declared` is.
  private static func fits(_ arguments: [SQLType], _ declared: [SQLType]) -> Bool {
    zip(arguments, declared).allSatisfy { TypeRules.canCoerce($0, $1) }
      && Polymorphism.isConsistent(declared, arguments)
  }

  /// A function with exactly this number of parameters goes before a variadic one.
  private static func preferringFixed(_ candidates: [Candidate]) -> Choice {
    let fixed = candidates.filter { !$0.isVariadic }
    return fixed.count == 1 && candidates.count > 1 ? .one(fixed[0].index) : .many
  }

  private static func keepingBest(_ candidates: [Candidate], _ score: (Candidate) -> Int) -> [Candidate] {
    let scores = candidates.map(score)
    guard let best = scores.max() else { return candidates }
    return zip(candidates, scores).filter { $0.1 == best }.map(\.0)
  }
}

/// The actual types behind a signature's pseudo-types (manual, 38.2.5).
enum Polymorphism {
  /// Whether actual types can stand together behind the pseudo-types of `declared`; unknown ones always can.
  static func isConsistent(_ declared: [SQLType], _ actual: [SQLType]) -> Bool {
    guard declared.contains(where: \.isPolymorphic) else { return true }
    let signature = Signature(arguments: declared, result: .void, variadic: nil)
    return (try? bind(signature, actual, name: "", allowsUnknown: true)) != nil
  }

  static func bind(
    _ signature: Signature, _ actual: [SQLType], name: String, allowsUnknown: Bool = false
  ) throws(SQLError) -> (arguments: [SQLType], result: SQLType) {
    let declared = signature.arguments(forCount: actual.count) ?? signature.arguments
    guard declared.contains(where: { $0.isPolymorphic || $0.oid == SQLType.record.oid }) else {
      return (declared, signature.result)
    }
    var element: SQLType?
    var array: SQLType?
    var compatible: [SQLType] = []
    for (declaredType, actualType) in zip(declared, actual) where actualType.oid != SQLType.unknown.oid {
      switch declaredType.oid {
      case SQLType.anyelement.oid, SQLType.anynonarray.oid, SQLType.anyenum.oid:
        if let element, element.oid != actualType.oid {
          throw SQLError(
            .datatypeMismatch, "arguments declared \"anyelement\" are not all alike",
            detail: "\(element.displayName) versus \(actualType.displayName)")
        }
        // A record's modifier tells its fields.
        element = actualType.isRow ? actualType : actualType.unmodified
      case SQLType.anyarray.oid:
        if let array, array.oid != actualType.oid {
          throw SQLError(
            .datatypeMismatch, "arguments declared \"anyarray\" are not all alike",
            detail: "\(array.displayName) versus \(actualType.displayName)")
        }
        array = actualType.unmodified
      case SQLType.anycompatible.oid: compatible.append(actualType)
      case SQLType.anycompatiblearray.oid:
        if let element = actualType.element { compatible.append(element) }
      default: break
      }
    }
    if let array, let own = array.element {
      if let element, element.oid != own.oid {
        throw SQLError(
          .datatypeMismatch, "argument declared anyarray is not consistent with argument declared anyelement",
          detail: "\(array.displayName) versus \(element.displayName)")
      }
      element = own
    }
    if array == nil { array = element?.array }
    let usesAnyCompatible = declared.contains {
      $0.oid == SQLType.anycompatible.oid || $0.oid == SQLType.anycompatiblearray.oid
    }
    let common = usesAnyCompatible ? try TypeRules.commonType(compatible, construct: name.uppercased()) : nil
    if !allowsUnknown && element == nil && array == nil
      && declared.contains(where: { [2277, 2283, 2776, 3500].contains($0.oid.rawValue) })
    {
      throw SQLError(
        .datatypeMismatch, "could not determine polymorphic type because input has type unknown")
    }
    func actualType(_ declared: SQLType, _ given: SQLType?) -> SQLType {
      switch declared.oid {
      case SQLType.any.oid: given ?? declared
      case SQLType.record.oid: given.flatMap { $0.isRow ? $0 : nil } ?? declared
      case SQLType.anyelement.oid, SQLType.anynonarray.oid, SQLType.anyenum.oid: element ?? .text
      case SQLType.anyarray.oid: array ?? .textArray
      case SQLType.anycompatible.oid: common ?? .text
      case SQLType.anycompatiblearray.oid: common?.array ?? .textArray
      default: declared
      }
    }
    let arguments = zip(declared, actual).map { actualType($0, $1) }
    return (arguments, actualType(signature.result, nil))
  }
}
