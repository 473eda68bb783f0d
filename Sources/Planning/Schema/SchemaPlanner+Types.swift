// CREATE TYPE … AS ENUM and its changes. Source: PostgreSQL manual, CREATE TYPE, ALTER TYPE.

import Catalog
import SQLSyntax
import SQLTypes

extension SchemaPlanner {
  func planCreateEnum(_ statement: CreateEnumStatement) throws(SQLError) -> SchemaOperation {
    .createEnum(
      schema: try binder.names.schemaForCreation(statement.name), name: statement.name.name.text,
      labels: statement.labels.map { String(decoding: $0, as: UTF8.self) })
  }

  func planAlterEnum(_ statement: AlterEnumStatement) throws(SQLError) -> SchemaOperation {
    let type = try userType(statement.name)
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    switch statement.change {
    case .add(let label, let ifNotExists, let neighbor, let isBefore):
      return .addEnumLabel(
        type.oid, label: text(label), next: neighbor.map(text), isBefore: isBefore, ifNotExists: ifNotExists)
    case .rename(let old, let new): return .renameEnumLabel(type.oid, from: text(old), to: text(new))
    }
  }

  /// A user's type that must exist. Error 42704.
  func userType(_ name: QualifiedName) throws(SQLError) -> TypeDescriptor {
    guard let type = catalog.type(named: name.name.text, schema: name.schema?.text) else {
      if name.schema == nil, TypeInfo.find(name: name.name.text) != nil {
        throw SQLError(.wrongObjectType, "\(name.name.text) is not an enum")
      }
      throw SQLError(.undefinedObject, "type \"\(binder.names.plain(name))\" does not exist")
    }
    return type
  }
}
