// `record`, the type of rows whose fields only their query knows, and composite types, whose fields have been declared. The
// fields of a record are told by its type's modifier: a number that the process has given to these names and types. It never
// leaves the process. Source: PostgreSQL manual, 8.16.

import Synchronization

/// The fields of a row.
public struct RowShape: Sendable, Hashable {
  public struct Field: Sendable, Hashable {
    public var name: String
    public var type: SQLType

    public init(_ name: String, _ type: SQLType) {
      self.name = name
      self.type = type
    }
  }

  public var fields: [Field]

  public init(_ fields: [Field]) { self.fields = fields }

  /// Shapes that the process tells apart; a record of another one has its fields named f1, f2, …
  private static let limit = 100_000
  private static let known = Mutex<(numbers: [RowShape: Int32], shapes: [RowShape])>(([:], []))

  /// The type of anonymous rows of this shape.
  public var recordType: SQLType {
    let number = RowShape.known.withLock { known in
      if let number = known.numbers[self] { return number }
      guard known.shapes.count < RowShape.limit else { return -1 }
      let number = Int32(known.shapes.count)
      known.numbers[self] = number
      known.shapes.append(self)
      return number
    }
    return SQLType(SQLType.record.oid, modifier: number)
  }

  /// The fields of a record's or composite's values; nil if they are not known, or it is no such type.
  public static func of(_ type: SQLType) -> RowShape? {
    if type.oid == SQLType.record.oid {
      guard type.modifier >= 0 else { return nil }
      return known.withLock { Int(type.modifier) < $0.shapes.count ? $0.shapes[Int(type.modifier)] : nil }
    }
    return (TypeInfo.find(type.oid)?.behavior as? CompositeType)?.shape
  }
}

extension SQLType {
  /// Whether values are rows: a record, or of a composite type.
  public var isRow: Bool {
    oid == SQLType.record.oid || TypeInfo.find(oid)?.category == .composite
  }

  /// As clients are told: a record's modifier means nothing outside of the process.
  public var wireModifier: Int32 { oid == SQLType.record.oid ? -1 : modifier }
}

struct RecordType: TypeBehavior {
  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    throw SQLError(.featureNotSupported, "input of anonymous composite types is not implemented")
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { RowValue.appendText($0, settings, to: &output) }
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try RowValue(bytes).datum
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }

  static let info = TypeInfo(
    2249, "record", kind: .bytes, length: -1, category: .pseudo, array: 2287, order: .record, behavior: RecordType())
}

struct CompositeType: TypeBehavior {
  let shape: RowShape

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    let texts = try RowValue.fields(text, count: shape.fields.count)
    var row = RowValue(types: shape.fields.map(\.type.oid), values: [])
    for (field, text) in zip(shape.fields, texts) {
      guard let text else {
        row.values.append(.null)
        continue
      }
      guard let type = TypeInfo.find(field.type.oid) else {
        throw SQLError(.undefinedObject, "type with OID \(field.type.oid) does not exist")
      }
      row.values.append(try type.input(text, modifier: field.type.modifier, settings: settings))
    }
    return row.datum
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { RowValue.appendText($0, settings, to: &output) }
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    let row = try RowValue(bytes)
    guard row.values.count == shape.fields.count else {
      throw SQLError(
        .datatypeMismatch, "wrong number of columns: \(row.values.count), expected \(shape.fields.count)")
    }
    for (index, type) in row.types.enumerated() where type != shape.fields[index].type.oid {
      throw SQLError(
        .datatypeMismatch,
        "binary data has type \(type) (\(TypeInfo.format(SQLType(type)))) instead of expected "
          + "\(shape.fields[index].type.oid) (\(TypeInfo.format(shape.fields[index].type.unmodified))) "
          + "in record column \(index + 1)")
    }
    return row.datum
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }
}

extension UserTypes {
  /// Makes a composite type known, or its fields as they are now.
  public static func registerComposite(_ oid: OID, arrayOID: OID, name: String, shape: RowShape) {
    register(
      TypeInfo(
        oid.rawValue, name, quoted(name), kind: .bytes, length: -1, category: .composite, array: arrayOID.rawValue,
        order: .record, behavior: CompositeType(shape: shape)))
  }
}
