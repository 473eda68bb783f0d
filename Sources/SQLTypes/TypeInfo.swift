// HOT: Everything known about a type: catalog facts, text and binary forms, order, keys and row values.
// A value's type is one entry of `TypeRegistry`; array types are derived from their elements. The text output
// of
// integers and text and all comparisons switch on closed enums here; the rest asks the type's behavior.
// Source: PostgreSQL manual, 53.64 "pg_type".

import Encoding

public final class TypeInfo: Sendable {
  /// `pg_type.typcategory`.
  public enum Category: UInt8, Sendable {
    case array = 0x41, boolean = 0x42, composite = 0x43, dateTime = 0x44, `enum` = 0x45, geometric = 0x47
    case network = 0x49, numeric = 0x4E, pseudo = 0x50, range = 0x52, string = 0x53, timespan = 0x54
    case userDefined = 0x55, bitString = 0x56, unknown = 0x58, `internal` = 0x5A
  }

  /// Which text output needs no behavior.
  enum Fast: Sendable { case integer, bytes, none }

  public let oid: OID
  /// `pg_type.typname`: `int4`.
  public let name: String
  /// As `format_type` shows it without a modifier: `integer`.
  public let sqlName: String
  /// Further names that SQL text may use: `int`, `decimal`.
  public let aliases: [String]
  public let kind: PhysicalKind
  /// `pg_type.typlen`: bytes in PostgreSQL's tuples and in its binary form, -1 for varying length.
  public let length: Int16
  public let category: Category
  public let isPreferred: Bool
  /// The type of arrays of this one, 0 if there is none.
  public let arrayOID: OID
  /// The type of this array's elements, 0 for other types.
  public let elementOID: OID
  /// What separates array elements; `,` but for a few types.
  public let delimiter: UInt8
  /// Of a domain: the type that its values are of. They lie in memory, compare and are shown as that type's.
  public let domainBase: SQLType?

  let order: ValueOrder
  let behavior: any TypeBehavior
  let fast: Fast

  init(
    _ oid: UInt32, _ name: String, _ sqlName: String? = nil, aliases: [String] = [], kind: PhysicalKind,
    length: Int,
    category: Category, isPreferred: Bool = false, array: UInt32 = 0, element: UInt32 = 0, order: ValueOrder,
    fast: Fast = .none, domainBase: SQLType? = nil, behavior: any TypeBehavior
  ) {
    self.domainBase = domainBase
    self.oid = OID(oid)
    self.name = name
    self.sqlName = sqlName ?? name
    self.aliases = aliases
    self.kind = kind
    self.length = Int16(length)
    self.category = category
    self.isPreferred = isPreferred
    self.arrayOID = OID(array)
    self.elementOID = OID(element)
    self.delimiter = UInt8(ascii: ",")
    self.order = order
    self.fast = fast
    self.behavior = behavior
  }

  public var type: SQLType { SQLType(oid) }

  /// A true array type (category A with varying length), not `int2vector` or `oidvector`.
  public var isArray: Bool {
    elementOID != .invalid && length == -1 && (category == .array || elementOID == SQLType.record.oid)
  }

  /// Whether values can be compared, sorted, grouped and be part of a key.
  public var isOrderable: Bool { order != .none }

  // MARK: Names and modifiers

  /// PostgreSQL's `format_type`: `character varying(10)`, `timestamp(3) without time zone`.
  public func formatted(modifier: Int32 = -1) -> String {
    if oid.rawValue == 1042 && modifier < 0 { return "bpchar" }
    return modifier < 0 ? sqlName : behavior.displayName(sqlName, modifier: modifier)
  }

  /// The modifier for `name(arguments…)`. Error 22023 for bad values, 42601 if the type takes none.
  public func modifier(arguments: [Int64]) throws(SQLError) -> Int32 {
    guard let modifier = try behavior.modifier(arguments) else {
      throw SQLError(.syntaxError, "type modifier is not allowed for type \"\(name)\"")
    }
    return modifier
  }

  // MARK: Text and binary forms

  /// Reads the text form of one value. `modifier` -1 for none; with one the value is fitted as by an
  /// assignment.
  public func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32 = -1, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try behavior.input(text, modifier: modifier, settings: settings)
  }

  public func input(
    _ text: [UInt8], modifier: Int32 = -1, settings: FormatSettings = .standard
  ) throws(SQLError) -> Datum {
    try Text.withBytes(text) { (bytes: UnsafeRawBufferPointer) throws(SQLError) in
      try behavior.input(bytes, modifier: modifier, settings: settings)
    }
  }

  public func input(
    _ text: String, modifier: Int32 = -1, settings: FormatSettings = .standard
  ) throws(SQLError) -> Datum {
    try input(Array(text.utf8), modifier: modifier, settings: settings)
  }

  /// Appends the text form of row `row`, which is not NULL.
  @inline(__always)
  public func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    switch fast {
    case .integer: Text.append(vector.int64s[row], to: &output)
    case .bytes: vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
    case .none: behavior.output(vector, row, settings: settings, into: &output)
    }
  }

  /// The same of a column out of a list, which is then not copied.
  public func output(
    _ columns: [ColumnVector], _ index: Int, _ row: Int, settings: FormatSettings, into output: inout [UInt8]
  ) {
    switch fast {
    case .integer: Text.append(columns[index].int64s[row], to: &output)
    case .bytes: columns[index].bytes.withBytes(row) { output.append(contentsOf: $0) }
    case .none: behavior.output(columns[index], row, settings: settings, into: &output)
    }
  }

  /// The text form of one value that is not NULL.
  public func text(_ value: Datum, settings: FormatSettings = .standard) -> [UInt8] {
    var vector = ColumnVector(kind)
    vector.append(value)
    var bytes: [UInt8] = []
    output(vector, 0, settings: settings, into: &bytes)
    return bytes
  }

  /// Reads PostgreSQL's binary form of one value.
  public func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32 = -1, settings: FormatSettings = .standard
  ) throws(SQLError) -> Datum {
    try behavior.receive(bytes, modifier: modifier, settings: settings)
  }

  /// Appends PostgreSQL's binary form of row `row`, which is not NULL.
  public func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    behavior.send(vector, row, settings: settings, into: &output)
  }

  public func binary(_ value: Datum, settings: FormatSettings = .standard) -> [UInt8] {
    var vector = ColumnVector(kind)
    vector.append(value)
    var bytes: [UInt8] = []
    send(vector, 0, settings: settings, into: &bytes)
    return bytes
  }

  /// Fits a value of this type into a modifier: an assignment errors (22001, 22003), an explicit cast
  /// truncates text.
  public func coerce(_ value: Datum, modifier: Int32, isExplicit: Bool) throws(SQLError) -> Datum {
    if modifier < 0 || value.isNull { return value }
    return try behavior.coerce(value, modifier: modifier, isExplicit: isExplicit)
  }

  // MARK: Registry

  /// The type with this OID.
  @inline(__always)
  public static func find(_ oid: OID) -> TypeInfo? { TypeRegistry.shared.find(oid) }

  /// The type with a catalog name or SQL alias, in lower case: `int4`, `integer`, `character varying`,
  /// `_text`,
  /// `text[]`. `char` is PostgreSQL's one-byte type: the parser turns the keyword CHAR into `bpchar` itself.
  public static func find(name: String) -> TypeInfo? { TypeRegistry.shared.find(name: name) }

  /// All types, by ascending OID.
  public static var all: [TypeInfo] { TypeRegistry.shared.types }

  /// `format_type(oid, modifier)`; `???` for a type that does not exist, `-` for 0.
  public static func format(_ type: SQLType) -> String {
    if type.oid == .invalid { return "-" }
    return find(type.oid)?.formatted(modifier: type.modifier) ?? "???"
  }
}

extension SQLType {
  /// The type's behavior; what is not in the registry (composites) behaves as text.
  public var behavior: TypeInfo { TypeInfo.find(oid) ?? SQLType.textBehavior }

  private static let textBehavior: TypeInfo = {
    guard let info = TypeInfo.find(SQLType.text.oid) else { preconditionFailure("text is a type") }
    return info
  }()
}
