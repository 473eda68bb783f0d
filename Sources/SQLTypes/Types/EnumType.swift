// Enumerated types, and the table of all types that users have made. A value is its label's place: an integer that grows along
// the type's order, with room between two for labels that are added later. So values compare, sort and stand in keys as
// integers, and renaming a label changes no row. Source: PostgreSQL manual, 8.7; Docs/Decisions/0023.

import Synchronization

/// A label of an enumerated type.
public struct EnumLabel: Sendable, Hashable {
  /// The catalog's own OID of it (`pg_enum`).
  public var oid: OID
  public var place: Int64
  public var name: String

  public init(oid: OID, place: Int64, name: String) {
    self.oid = oid
    self.place = place
    self.name = name
  }
}

/// The labels of one type; they may grow and be renamed while plans and codecs hold the type.
final class EnumLabels: Sendable {
  private let state: Mutex<[EnumLabel]>

  init(_ labels: [EnumLabel]) { state = Mutex(labels.sorted { $0.place < $1.place }) }

  /// By place.
  var all: [EnumLabel] { state.withLock { $0 } }

  func replace(_ labels: [EnumLabel]) { state.withLock { $0 = labels.sorted { $0.place < $1.place } } }

  func place(of name: some Sequence<UInt8>) -> Int64? {
    state.withLock { labels in labels.first { $0.name.utf8.elementsEqual(name) }?.place }
  }

  func name(at place: Int64) -> String? { state.withLock { labels in labels.first { $0.place == place }?.name } }
}

struct EnumType: TypeBehavior {
  let name: String
  let labels: EnumLabels

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    guard let place = labels.place(of: text) else {
      throw SQLError(
        .invalidTextRepresentation, "invalid input value for enum \(name): \"\(Text.string(text))\"")
    }
    return .int64(place)
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    output.append(contentsOf: (labels.name(at: vector.int64s[row]) ?? "?").utf8)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    try input(bytes, modifier: modifier, settings: settings)
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    self.output(vector, row, settings: settings, into: &output)
  }
}

/// The types that users have made, by OID: what catalogs that were read in this process say of them.
public enum UserTypes {
  /// OIDs of users' objects begin here.
  static let firstOID: UInt32 = 16384

  private static let state = Mutex<[UInt32: TypeInfo]>([:])

  static func find(_ oid: OID) -> TypeInfo? { state.withLock { $0[oid.rawValue] } }

  /// Makes an enumerated type known, or its labels as they are now.
  public static func registerEnum(_ oid: OID, arrayOID: OID, name: String, labels: [EnumLabel]) {
    state.withLock { types in
      if let known = types[oid.rawValue]?.behavior as? EnumType, known.name == name,
        types[oid.rawValue]?.arrayOID == arrayOID
      {
        known.labels.replace(labels)
        return
      }
      let info = TypeInfo(
        oid.rawValue, name, quoted(name), kind: .int64, length: 4, category: .enum, array: arrayOID.rawValue,
        order: .integer, behavior: EnumType(name: name, labels: EnumLabels(labels)))
      types[oid.rawValue] = info
      types[arrayOID.rawValue] = ArrayType.info(info)
    }
  }

  /// Makes a type and its array type known.
  static func register(_ info: TypeInfo) {
    state.withLock { types in
      types[info.oid.rawValue] = info
      if info.arrayOID != .invalid { types[info.arrayOID.rawValue] = ArrayType.info(info) }
    }
  }

  static func quoted(_ name: String) -> String {
    let isPlain =
      name.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x5F }
      && name.utf8.first.map { $0 < 0x30 || $0 > 0x39 } == true
    return isPlain
      ? name : "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}

extension TypeInfo {
  public var isEnum: Bool { category == .enum }

  /// The labels of an enumerated type in order; nil for other types.
  public var enumLabels: [EnumLabel]? { (behavior as? EnumType)?.labels.all }
}
