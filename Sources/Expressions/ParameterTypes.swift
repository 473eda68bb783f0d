// What is known about the types of a statement's parameters while it is being analysed. A parameter that nobody declared
// takes the type that its first use asks for.
// Source: PostgreSQL manual, PREPARE; 10.2.

import SQLTypes

public final class ParameterTypes {
  /// The types so far; `unknown` where nothing is decided.
  public private(set) var types: [SQLType]

  /// - Parameter declared: the types that PREPARE or Parse gave, `unknown` (or OID 0) where they gave none.
  public init(declared: [SQLType] = []) {
    types = declared.map { $0.oid == .invalid ? .unknown : $0 }
  }

  /// The type of `$index+1` at this moment; makes room for it.
  public func type(_ index: Int) -> SQLType {
    while types.count <= index { types.append(.unknown) }
    return types[index]
  }

  /// Decides a parameter's type. Error 42P08 if it is another one already.
  public func settle(_ index: Int, _ type: SQLType) throws(SQLError) {
    let known = self.type(index)
    if known.isUnknown {
      types[index] = type.unmodified
    } else if known.oid != type.oid {
      throw SQLError(
        .ambiguousParameter, "inconsistent types deduced for parameter $\(index + 1)",
        detail: "\(known.displayName) versus \(type.displayName)")
    }
  }

  /// Decides what nothing decided: text. Error 42P18 is for callers that insist on a type.
  public func settleRest() {
    for index in types.indices where types[index].isUnknown { types[index] = .text }
  }
}
