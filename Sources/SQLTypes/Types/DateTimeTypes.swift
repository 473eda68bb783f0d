// `date`, `timestamp` and `timestamptz` in int64 columns, `interval` in 16 bytes.

struct DateType: TypeBehavior {
  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .int64(try DateTimeParser.date(text, settings))
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    DateTimeText.appendDate(vector.int64s[row], settings, to: &output)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    let days = Int64(try bytes.integer(Int32.self))
    guard DateTime.isInfinite(date: days) || DateTime.isValid(date: days) else { throw DateTime.dateOutOfRange }
    return .int64(days)
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    output.appendBigEndian(Int32(truncatingIfNeeded: vector.int64s[row]))
  }
}

struct TimestampType: TypeBehavior {
  let hasZone: Bool

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    let value = try DateTimeParser.timestamp(text, withZone: hasZone, settings)
    return .int64(DateTime.rounded(timestamp: value, modifier: modifier))
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    DateTimeText.appendTimestamp(vector.int64s[row], zone: hasZone ? settings.timeZone : nil, settings, to: &output)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    let value = try bytes.integer(Int64.self)
    guard DateTime.isInfinite(timestamp: value) || DateTime.isValid(timestamp: value) else {
      throw DateTime.timestampOutOfRange
    }
    return .int64(DateTime.rounded(timestamp: value, modifier: modifier))
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    output.appendBigEndian(vector.int64s[row])
  }

  func coerce(_ value: Datum, modifier: Int32, isExplicit: Bool) throws(SQLError) -> Datum {
    guard case .int64(let time) = value else { return value }
    return .int64(DateTime.rounded(timestamp: time, modifier: modifier))
  }

  /// Precision above 6 is taken as 6.
  func modifier(_ arguments: [Int64]) throws(SQLError) -> Int32? {
    guard arguments.count == 1 else { throw SQLError(.invalidParameterValue, "invalid type modifier") }
    if arguments[0] < 0 {
      throw SQLError(
        .invalidParameterValue,
        "TIMESTAMP(\(arguments[0]))\(hasZone ? " WITH TIME ZONE" : "") precision must not be negative")
    }
    return Int32(min(arguments[0], 6))
  }

  func displayName(_ name: String, modifier: Int32) -> String {
    "timestamp(\(modifier)) \(hasZone ? "with" : "without") time zone"
  }
}

struct IntervalType: TypeBehavior {
  /// All fields; a modifier is this, shifted left, and the precision.
  private static let allFields: Int32 = 0x7FFF
  private static let anyPrecision: Int32 = 0xFFFF

  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    fit(try IntervalParser.parse(text, style: settings.intervalStyle), modifier).datum
  }

  private func fit(_ value: Interval, _ modifier: Int32) -> Interval {
    guard modifier >= 0, modifier & IntervalType.anyPrecision != IntervalType.anyPrecision else { return value }
    return value.rounded(toPrecision: Int(modifier & IntervalType.anyPrecision))
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    let value = vector.bytes.withBytes(row) { Interval(bytes: $0) }
    value.append(style: settings.intervalStyle, to: &output)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    if bytes.count < 16 { throw .insufficientData }
    if bytes.count > 16 { throw .excessData }
    return fit(Interval(bytes: bytes), modifier).datum
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    vector.bytes.withBytes(row) { output.append(contentsOf: $0) }
  }

  func coerce(_ value: Datum, modifier: Int32, isExplicit: Bool) throws(SQLError) -> Datum {
    guard case .bytes(let bytes) = value else { return value }
    return fit(Interval(bytes), modifier).datum
  }

  func modifier(_ arguments: [Int64]) throws(SQLError) -> Int32? {
    guard arguments.count == 1 else { throw SQLError(.invalidParameterValue, "invalid INTERVAL type modifier") }
    if arguments[0] < 0 {
      throw SQLError(.invalidParameterValue, "INTERVAL(\(arguments[0])) precision must not be negative")
    }
    return IntervalType.allFields << 16 | Int32(min(arguments[0], 6))
  }

  func displayName(_ name: String, modifier: Int32) -> String {
    let precision = modifier & IntervalType.anyPrecision
    return precision == IntervalType.anyPrecision ? name : "\(name)(\(precision))"
  }
}

enum DateTimeTypes {
  static let infos: [TypeInfo] = [
    TypeInfo(
      1082, "date", kind: .int64, length: 4, category: .dateTime, array: 1182, order: .integer, behavior: DateType()),
    TypeInfo(
      1114, "timestamp", "timestamp without time zone", kind: .int64, length: 8, category: .dateTime, array: 1115,
      order: .integer, behavior: TimestampType(hasZone: false)),
    TypeInfo(
      1184, "timestamptz", "timestamp with time zone", kind: .int64, length: 8, category: .dateTime,
      isPreferred: true, array: 1185, order: .integer, behavior: TimestampType(hasZone: true)),
    TypeInfo(
      1186, "interval", kind: .bytes, length: 16, category: .timespan, isPreferred: true, array: 1187,
      order: .interval, behavior: IntervalType()),
  ]
}
