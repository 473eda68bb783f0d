// What functions and the executor ask of the session: who and where, settings, catalog functions, sequences, the rows of
// relations computed from the catalog.

import Catalog
import Execution
import Expressions
import SQLTypes

extension Session: SessionServices {
  public var currentUser: String { user }
  public var sessionUser: String { user }
  public var currentDatabase: String { database }

  public func currentSchemas(includingImplicit: Bool) -> [String] {
    transaction?.catalog?.searchSchemaNames(includingImplicit: includingImplicit) ?? []
  }

  public func setting(_ name: String) -> String? { try? showParameter(name).value }

  public func catalogFunction(_ name: String, _ arguments: [Datum]) throws(SQLError) -> Datum {
    guard let catalog = transaction?.catalog else {
      throw SQLError(.internalError, "\(name) was called outside a transaction")
    }
    if name == "pg_backend_pid" { return .int64(Int64(process)) }
    if name == "set_config" {
      guard arguments.count == 3, case .bytes(let key) = arguments[0], case .int64(let isLocal) = arguments[2] else {
        return .null
      }
      let value: String? = if case .bytes(let text) = arguments[1] { String(decoding: text, as: UTF8.self) } else { nil }
      let parameter = String(decoding: key, as: UTF8.self)
      try setParameter(parameter, to: value, isLocal: isLocal != 0)
      return .text(try showParameter(parameter).value)
    }
    return try CatalogFunctions(view: catalog).call(name, arguments)
  }

  public func nextValue(ofSequence oid: OID) throws(SQLError) -> Int64 { try sequenceSession.nextValue(oid) }
  public func currentValue(ofSequence oid: OID) throws(SQLError) -> Int64 { try sequenceSession.currentValue(oid) }

  public func setValue(ofSequence oid: OID, to value: Int64, isCalled: Bool) throws(SQLError) {
    try sequenceSession.setValue(oid, to: value, isCalled: isCalled)
  }
}
