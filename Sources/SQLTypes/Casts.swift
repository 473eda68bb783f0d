// Which type converts to which, when, and how: PostgreSQL's `pg_cast` for the types that we have, the
// automatic casts
// through text, and casts of arrays by their elements.
// Source: PostgreSQL manual, 53.10 "pg_cast" and 10.4 "Value Storage".

/// A way from one type to another.
public struct Cast: Sendable {
  /// When a cast may be applied without being asked for.
  public enum Context: UInt8, Sendable, Comparable {
    /// Anywhere.
    case implicit
    /// In INSERT, UPDATE and RETURN targets.
    case assignment
    /// Only by CAST and `::`.
    case explicit

    public static func < (a: Context, b: Context) -> Bool { a.rawValue < b.rawValue }
  }

  public let source: OID
  public let target: OID
  public let context: Context
  let conversion: CastConversion

  /// No computation: the value is its own image (`varchar` to `text`).
  public var isRelabeling: Bool { conversion == .relabel }
  /// Through the types' text forms.
  public var isInputOutput: Bool { conversion == .inputOutput }

  /// Converts every row and then fits it into `modifier` (-1 for none). Errors are those of the first bad
  /// row. Rows that
  /// are NULL stay NULL. `isExplicit`: by CAST or `::`, which truncates strings silently.
  public func apply(
    _ vector: ColumnVector, modifier: Int32 = -1, isExplicit: Bool, settings: FormatSettings
  ) throws(SQLError) -> ColumnVector {
    let converted = try CastKernel.convert(vector, self, modifier: modifier, isExplicit: isExplicit, settings)
    guard modifier >= 0 else { return converted }
    return try Casts.coerce(converted, to: SQLType(target, modifier: modifier), isExplicit: isExplicit)
  }

  /// Converts one value.
  public func apply(
    _ value: Datum, modifier: Int32 = -1, isExplicit: Bool, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    guard !value.isNull, let type = TypeInfo.find(source) else { return .null }
    var vector = ColumnVector(type.kind)
    vector.append(value)
    return try apply(vector, modifier: modifier, isExplicit: isExplicit, settings: settings).datum(0)
  }
}

/// How a cast computes; closed, so that a kernel switches once per column.
enum CastConversion: Sendable, Equatable {
  case relabel
  case inputOutput
  case array
  case boolToText
  case integer
  case intToBool, boolToInt
  case intToFloat4, intToFloat8, intToNumeric
  case floatToInteger, floatToFloat4, float8ToNumeric, float4ToNumeric
  case numericToInteger, numericToFloat4, numericToFloat8
  case dateToTimestamp, dateToTimestamptz, timestampToDate, timestamptzToDate, timestampToTimestamptz
  case timestamptzToTimestamp
  case stripBlanks, toName, toSingleByte, singleByteToText, singleByteToInt, intToSingleByte
  /// Reinterprets 32 bits as unsigned or signed.
  case bitsToUnsigned, bitsToSigned
  case timeToInterval, intervalToTime, timestampToTime, timestamptzToTime
  case timeToTimetz, timetzToTime, timestamptzToTimetz
  /// A boolean or a number of jsonb.
  case jsonToScalar
}

public enum Casts {
  /// The cast from one type to another, nil when there is none. Equal types have a relabeling implicit one.
  public static func find(from source: OID, to target: OID) -> Cast? {
    if source == target { return Cast(source: source, target: target, context: .implicit, conversion: .relabel) }
    if let entry = table[Pair(source: source.rawValue, target: target.rawValue)] {
      return Cast(source: source, target: target, context: entry.0, conversion: entry.1)
    }
    guard let from = TypeInfo.find(source), let to = TypeInfo.find(target) else { return nil }
    if from.isArray, to.isArray, let element = find(from: from.elementOID, to: to.elementOID) {
      return Cast(source: source, target: target, context: element.context, conversion: .array)
    }
    if source == SQLType.unknown.oid, to.category != .pseudo {
      return Cast(source: source, target: target, context: .implicit, conversion: .inputOutput)
    }
    // A composite's row is a record; the other way field by field, which the planner does.
    if from.category == .composite, target == SQLType.record.oid {
      return Cast(source: source, target: target, context: .implicit, conversion: .relabel)
    }
    if from.category == .pseudo || to.category == .pseudo {
      // A record or void can still be shown.
      guard source == SQLType.record.oid || source == SQLType.void.oid, to.category == .string else { return nil }
    }
    if to.category == .string {
      return Cast(source: source, target: target, context: .assignment, conversion: .inputOutput)
    }
    if from.category == .string {
      return Cast(source: source, target: target, context: .explicit, conversion: .inputOutput)
    }
    return nil
  }

  /// Fits values into their type's modifier.
  public static func coerce(
    _ vector: ColumnVector, to type: SQLType, isExplicit: Bool
  ) throws(SQLError) -> ColumnVector {
    guard type.modifier >= 0, let info = TypeInfo.find(type.oid) else { return vector }
    var result = ColumnVector(vector.kind, capacity: vector.count)
    for row in 0..<vector.count {
      result.append(try info.behavior.coerceRow(vector, row, type.modifier, isExplicit))
    }
    return result
  }

  struct Pair: Hashable {
    var source, target: UInt32
  }

  /// `source context>target:conversion…`, by catalog names.
  private static let table: [Pair: (Cast.Context, CastConversion)] = {
    var table: [Pair: (Cast.Context, CastConversion)] = [:]
    func add(_ source: String, _ context: Cast.Context, _ conversion: CastConversion, _ targets: String) {
      guard let from = TypeInfo.find(name: source) else { preconditionFailure("no type \(source)") }
      for name in targets.split(separator: " ") {
        guard let to = TypeInfo.find(name: String(name)) else { preconditionFailure("no type \(name)") }
        table[Pair(source: from.oid.rawValue, target: to.oid.rawValue)] = (context, conversion)
      }
    }
    let references =
      "regproc regprocedure regclass regtype regnamespace regrole regoper regoperator regcollation regconfig"
    add("bool", .explicit, .boolToInt, "int4")
    add("bool", .assignment, .boolToText, "text varchar bpchar")
    add("int2", .implicit, .relabel, "int4 int8")
    add("int4", .implicit, .relabel, "int8")
    add("int4", .assignment, .integer, "int2")
    add("int8", .assignment, .integer, "int2 int4")
    for source in ["int2", "int4", "int8"] {
      add(source, .implicit, .intToFloat4, "float4")
      add(source, .implicit, .intToFloat8, "float8")
      add(source, .implicit, .intToNumeric, "numeric")
    }
    add("int2", .implicit, .bitsToUnsigned, "oid " + references)
    add("int4", .implicit, .bitsToUnsigned, "oid " + references)
    add("int8", .implicit, .integer, "oid " + references)
    add("oid", .assignment, .relabel, "int8")
    add("oid", .assignment, .bitsToSigned, "int4")
    add("oid", .implicit, .relabel, references)
    for reference in references.split(separator: " ") {
      add(String(reference), .implicit, .relabel, "oid")
      add(String(reference), .assignment, .relabel, "int8")
      add(String(reference), .assignment, .bitsToSigned, "int4")
    }
    add("regproc", .implicit, .relabel, "regprocedure")
    add("regprocedure", .implicit, .relabel, "regproc")
    add("int4", .explicit, .intToBool, "bool")
    add("int4", .explicit, .intToSingleByte, "char")
    add("char", .explicit, .singleByteToInt, "int4")
    add("float4", .implicit, .relabel, "float8")
    add("float8", .assignment, .floatToFloat4, "float4")
    for source in ["float4", "float8"] { add(source, .assignment, .floatToInteger, "int2 int4 int8") }
    add("float4", .assignment, .float4ToNumeric, "numeric")
    add("float8", .assignment, .float8ToNumeric, "numeric")
    add("numeric", .implicit, .numericToFloat4, "float4")
    add("numeric", .implicit, .numericToFloat8, "float8")
    add("numeric", .assignment, .numericToInteger, "int2 int4 int8")
    add("text", .implicit, .relabel, "varchar bpchar")
    add("varchar", .implicit, .relabel, "text bpchar")
    add("bpchar", .implicit, .stripBlanks, "text varchar")
    for source in ["text", "varchar"] {
      add(source, .implicit, .toName, "name")
      add(source, .assignment, .toSingleByte, "char")
      add(source, .implicit, .inputOutput, "regclass")
    }
    add("bpchar", .implicit, .toName, "name")
    add("bpchar", .assignment, .toSingleByte, "char")
    add("name", .implicit, .relabel, "text")
    add("name", .assignment, .relabel, "varchar bpchar")
    add("char", .implicit, .singleByteToText, "text")
    add("char", .assignment, .singleByteToText, "varchar bpchar")
    add("pg_node_tree", .implicit, .relabel, "text")
    add("date", .implicit, .dateToTimestamp, "timestamp")
    add("date", .implicit, .dateToTimestamptz, "timestamptz")
    add("timestamp", .assignment, .timestampToDate, "date")
    add("timestamp", .implicit, .timestampToTimestamptz, "timestamptz")
    add("timestamptz", .assignment, .timestamptzToDate, "date")
    add("timestamptz", .assignment, .timestamptzToTimestamp, "timestamp")
    add("time", .implicit, .timeToInterval, "interval")
    add("time", .implicit, .timeToTimetz, "timetz")
    add("timetz", .assignment, .timetzToTime, "time")
    add("interval", .assignment, .intervalToTime, "time")
    add("timestamp", .assignment, .timestampToTime, "time")
    add("timestamptz", .assignment, .timestamptzToTime, "time")
    add("timestamptz", .assignment, .timestamptzToTimetz, "timetz")
    add("json", .assignment, .inputOutput, "jsonb")
    add("jsonb", .assignment, .relabel, "json")
    add("jsonb", .explicit, .jsonToScalar, "bool int2 int4 int8 float4 float8 numeric")
    return table
  }()
}

extension TypeBehavior {
  func coerceRow(
    _ vector: ColumnVector, _ row: Int, _ modifier: Int32, _ isExplicit: Bool
  ) throws(SQLError) -> Datum {
    if vector.nulls[row] { return .null }
    return try coerce(vector.datum(row), modifier: modifier, isExplicit: isExplicit)
  }
}
