// Names of objects as values: `'t'::regclass` and back, for `regclass`, `regtype`, `regproc`, `regnamespace`, `regrole` and
// their kin. Immutable: made from a view whenever a statement needs it.

import Expressions
import SQLTypes

/// A dotted name taken apart as PostgreSQL reads it in `regclass` and in functions that take names: unquoted parts fold
/// to lower case.
enum NameText {
  /// Error 42602 `invalid name syntax`.
  static func parts(_ text: String) throws(SQLError) -> [String] {
    let bytes = Array(text.utf8)
    let invalid = SQLError(.invalidName, "invalid name syntax")
    var parts: [String] = []
    var position = 0
    func skipBlanks() { while position < bytes.count, bytes[position] <= 0x20 { position += 1 } }
    while true {
      skipBlanks()
      guard position < bytes.count else { throw invalid }
      var part: [UInt8] = []
      if bytes[position] == UInt8(ascii: "\"") {
        position += 1
        while true {
          guard position < bytes.count else { throw invalid }
          if bytes[position] == UInt8(ascii: "\"") {
            position += 1
            guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { break }
          }
          part.append(bytes[position])
          position += 1
        }
      } else {
        while position < bytes.count, bytes[position] != UInt8(ascii: "."), bytes[position] > 0x20,
          bytes[position] != UInt8(ascii: "\"")
        {
          let byte = bytes[position]
          part.append((UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte)
          position += 1
        }
      }
      if part.isEmpty { throw invalid }
      parts.append(ObjectNaming.clipped(String(decoding: part, as: UTF8.self), toByteCount: 63))
      skipBlanks()
      if position >= bytes.count { return parts }
      guard bytes[position] == UInt8(ascii: ".") else { throw invalid }
      position += 1
    }
  }

  /// Schema and name of a relation.
  static func relation(_ text: String) throws(SQLError) -> (schema: String?, name: String) {
    let parts = try parts(text)
    switch parts.count {
    case 1: return (nil, parts[0])
    case 2: return (parts[0], parts[1])
    case 3: return (parts[1], parts[2])
    default:
      throw SQLError(.syntaxError, "improper relation name (too many dotted names): \(text)")
    }
  }
}

extension CatalogView {
  /// The relation or index that a written name means. Errors 42602, 42601, 42P01.
  public func relationOID(named text: String) throws(SQLError) -> OID {
    let (schema, name) = try NameText.relation(text)
    guard let found = namedRelation(name, schema: schema) else {
      throw .undefinedRelation(schema.map { "\($0).\(name)" } ?? name)
    }
    return found.oid
  }
}

struct CatalogObjectNames: ObjectNames {
  private let snapshot: CatalogSnapshot
  private let searchPath: [String]
  private let user: String
  private let database: OID
  private let temporary: TemporarySchema?

  init(_ view: CatalogView) {
    snapshot = view.snapshot
    searchPath = view.searchPath
    user = view.user
    database = view.database
    temporary = view.temporary
  }

  private var view: CatalogView {
    let view = CatalogView(snapshot)
    view.searchPath = searchPath
    view.user = user
    view.database = database
    view.temporary = temporary
    return view
  }

  func name(of object: OID, type: OID) -> [UInt8]? {
    var text: String?
    switch type {
    case SQLType.regclass.oid: text = snapshot.namedRelation(object).map(view.displayName)
    case SQLType.regtype.oid:
      // Without a modifier `bpchar` is a type of its own; as a type's name it is SQL's.
      text =
        switch object.rawValue {
        case 1042: "character"
        case 1014: "character[]"
        default: TypeInfo.find(object)?.formatted()
        }
    case SQLType.regproc.oid:
      text =
        SystemProcedures.find(object).map { quoteIdentifier($0.name) } ?? snapshot.function(object).map(displayName)
    case OID(2202):
      text = SystemProcedures.find(object).map { procedure in
        let types = procedure.arguments.map { TypeInfo.format(SQLType($0)) }
        return "\(quoteIdentifier(procedure.name))(\(types.joined(separator: ",")))"
      }
      if text == nil, let function = snapshot.function(object) {
        let types = function.parameters.map { TypeInfo.format($0.type.unmodified) }
        text = "\(displayName(function))(\(types.joined(separator: ",")))"
      }
    case OID(2203): text = FunctionRegistry.shared.allScalars.first { $0.oid == object && $0.form != .function }?.name
    case OID(4089): text = snapshot.schema(object).map { quoteIdentifier($0.name) }
    case OID(4096): text = snapshot.role(object).map { quoteIdentifier($0.name) }
    case OID(4191): text = SystemRelations.collationNames[object].map(quoteIdentifier)
    default: text = nil
    }
    return text.map { Array($0.utf8) }
  }

  /// With its schema where the search path does not find it.
  private func displayName(_ function: FunctionDescriptor) -> String {
    let isVisible = view.functions(named: function.name, schema: nil).contains { $0.oid == function.oid }
    let name = quoteIdentifier(function.name)
    return isVisible ? name : quoteIdentifier(snapshot.schema(function.schema)?.name ?? "") + "." + name
  }

  /// Functions of a written name, users' and the system's.
  private func functions(named text: String) throws(SQLError) -> [(oid: OID, arguments: [OID])] {
    let parts = try NameText.parts(text)
    guard let name = parts.last, parts.count <= 3 else { throw SQLError(.invalidName, "invalid name syntax") }
    let schema = parts.count > 1 ? parts[parts.count - 2] : nil
    var found = view.functions(named: name, schema: schema).map { ($0.oid, $0.parameters.map(\.type.oid)) }
    if schema == nil || schema == "pg_catalog" {
      found += SystemProcedures.named(name).map { ($0.oid, $0.arguments) }
    }
    return found
  }

  func object(named name: [UInt8], type: OID) throws(SQLError) -> OID {
    let text = String(decoding: name, as: UTF8.self)
    switch type {
    case SQLType.regclass.oid: return try view.relationOID(named: text)
    case SQLType.regtype.oid:
      guard let oid = CatalogObjectNames.type(named: text) ?? userType(named: text) else {
        throw SQLError(.undefinedObject, "type \"\(text)\" does not exist")
      }
      return oid
    case SQLType.regproc.oid:
      let found = try functions(named: text)
      if found.isEmpty { throw SQLError(.undefinedFunction, "function \"\(text)\" does not exist") }
      if found.count > 1 { throw SQLError(.ambiguousFunction, "more than one function named \"\(text)\"") }
      return found[0].oid
    case OID(2202):
      guard let open = text.firstIndex(of: "("), text.hasSuffix(")") else {
        throw SQLError(.invalidTextRepresentation, "expected a left parenthesis")
      }
      let arguments = text[text.index(after: open)...].dropLast().split(separator: ",")
        .map { CatalogObjectNames.type(named: String($0)) ?? .invalid }
      guard let found = try functions(named: String(text[..<open])).first(where: { $0.arguments == arguments }) else {
        throw SQLError(.undefinedFunction, "function \"\(text)\" does not exist")
      }
      return found.oid
    case OID(4089):
      let parts = try NameText.parts(text)
      guard parts.count == 1 else { throw SQLError(.invalidName, "invalid name syntax") }
      return try view.schema(required: parts[0]).oid
    case OID(4096):
      let parts = try NameText.parts(text)
      guard parts.count == 1 else { throw SQLError(.invalidName, "invalid name syntax") }
      guard let role = snapshot.role(named: parts[0]) else { throw .undefinedRole(parts[0]) }
      return role.oid
    case OID(4191):
      let bare = try NameText.parts(text).last ?? ""
      guard let found = SystemRelations.collationNames.first(where: { $0.value == bare }) else {
        throw SQLError(.undefinedObject, "collation \"\(text)\" for encoding \"UTF8\" does not exist")
      }
      return found.key
    default:
      throw SQLError(.featureNotSupported, "names of type \(TypeInfo.format(SQLType(type))) cannot be read")
    }
  }

  /// A type by any of its names: `int4`, `integer`, `pg_catalog.int4`, `varchar(10)`, `text[]`.
  static func type(named text: String) -> OID? {
    var name = text.lowercased()
    while name.first == " " { name.removeFirst() }
    while name.last == " " { name.removeLast() }
    if name.hasPrefix("pg_catalog.") { name.removeFirst("pg_catalog.".count) }
    // A modifier says nothing about which type it is.
    if let open = name.firstIndex(of: "("), let close = name.lastIndex(of: ")"), open < close {
      name.removeSubrange(open...close)
    }
    if name.count > 2, name.hasPrefix("\""), name.hasSuffix("\"") { name = String(name.dropFirst().dropLast()) }
    return TypeInfo.find(name: name)?.oid
  }

  /// A user's type, or arrays of one.
  func userType(named text: String) -> OID? {
    var name = text
    var isArray = false
    while name.hasSuffix("[]") {
      name.removeLast(2)
      isArray = true
    }
    guard let parts = try? NameText.parts(name), let last = parts.last else { return nil }
    let found = view.type(named: last, schema: parts.count > 1 ? parts[parts.count - 2] : nil)
    return isArray ? found?.arrayOID : found?.oid
  }
}

extension SystemRelations {
  static let collationNames: [OID: String] = [OID(100): "default", OID(950): "C", OID(951): "POSIX"]
}
