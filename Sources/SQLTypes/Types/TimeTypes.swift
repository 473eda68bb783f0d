// `time`, microseconds since midnight, and `timetz`, which has its zone beside it; both in int64 columns.
// A timetz in memory: (UTC microseconds + 2^37) << 18 | (zone's seconds west + 2^17), so that integers compare as timetz
// does: by the moment, then by the zone. Source: PostgreSQL manual, 8.5.1.2; its date.c for the comparison.

struct TimeType: TypeBehavior {
  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .int64(DateTime.rounded(timestamp: try DateTimeParser.time(text, settings).time, modifier: modifier))
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    DateTimeText.appendTime(vector.int64s[row], to: &output)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    let value = try bytes.integer(Int64.self)
    guard value >= 0, value <= Interval.microsecondsPerDay else {
      throw SQLError(.datetimeFieldOverflow, "time out of range")
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

  func modifier(_ arguments: [Int64]) throws(SQLError) -> Int32? {
    try TimeType.precision(arguments, hasZone: false)
  }

  static func precision(_ arguments: [Int64], hasZone: Bool) throws(SQLError) -> Int32? {
    guard arguments.count == 1 else { throw SQLError(.invalidParameterValue, "invalid type modifier") }
    if arguments[0] < 0 {
      throw SQLError(
        .invalidParameterValue,
        "TIME(\(arguments[0]))\(hasZone ? " WITH TIME ZONE" : "") precision must not be negative")
    }
    return Int32(min(arguments[0], 6))
  }

  func displayName(_ name: String, modifier: Int32) -> String { "time(\(modifier)) without time zone" }
}

/// A time of day with its zone.
public struct ZonedTime: Sendable, Hashable {
  /// Microseconds since midnight by the clock there.
  public var time: Int64
  /// Seconds east of Greenwich.
  public var offset: Int

  public init(time: Int64, offset: Int) {
    self.time = time
    self.offset = offset
  }

  private static let momentBase: Int64 = 1 << 37
  private static let zoneBits: Int64 = 18
  private static let zoneBase: Int64 = 1 << 17

  public var packed: Int64 {
    let moment = time - Int64(offset) * 1_000_000
    return (moment + Self.momentBase) << Self.zoneBits | (Self.zoneBase - Int64(offset))
  }

  public init(packed: Int64) {
    offset = Int(Self.zoneBase - (packed & (1 << Self.zoneBits - 1)))
    time = (packed >> Self.zoneBits) - Self.momentBase + Int64(offset) * 1_000_000
  }

  func rounded(_ modifier: Int32) -> ZonedTime {
    ZonedTime(time: DateTime.rounded(timestamp: time, modifier: modifier), offset: offset)
  }
}

struct ZonedTimeType: TypeBehavior {
  func input(
    _ text: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    .int64(try DateTimeParser.time(text, settings, withZone: true).rounded(modifier).packed)
  }

  func output(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    let value = ZonedTime(packed: vector.int64s[row])
    DateTimeText.appendTime(value.time, to: &output)
    DateTimeText.appendOffset(value.offset, to: &output)
  }

  func receive(
    _ bytes: UnsafeRawBufferPointer, modifier: Int32, settings: FormatSettings
  ) throws(SQLError) -> Datum {
    if bytes.count < 12 { throw .insufficientData }
    if bytes.count > 12 { throw .excessData }
    let time = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    let west = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: Int32.self))
    guard time >= 0, time <= Interval.microsecondsPerDay else {
      throw SQLError(.datetimeFieldOverflow, "time out of range")
    }
    guard west > -57600, west < 57600 else {
      throw SQLError(.invalidTimeZoneDisplacementValue, "time zone displacement out of range")
    }
    return .int64(ZonedTime(time: time, offset: -Int(west)).rounded(modifier).packed)
  }

  func send(_ vector: ColumnVector, _ row: Int, settings: FormatSettings, into output: inout [UInt8]) {
    let value = ZonedTime(packed: vector.int64s[row])
    output.appendBigEndian(value.time)
    output.appendBigEndian(Int32(-value.offset))
  }

  func coerce(_ value: Datum, modifier: Int32, isExplicit: Bool) throws(SQLError) -> Datum {
    guard case .int64(let packed) = value else { return value }
    return .int64(ZonedTime(packed: packed).rounded(modifier).packed)
  }

  func modifier(_ arguments: [Int64]) throws(SQLError) -> Int32? {
    try TimeType.precision(arguments, hasZone: true)
  }

  func displayName(_ name: String, modifier: Int32) -> String { "time(\(modifier)) with time zone" }
}

enum TimeTypes {
  static let infos: [TypeInfo] = [
    TypeInfo(
      1083, "time", "time without time zone", kind: .int64, length: 8, category: .dateTime, array: 1183,
      order: .integer, behavior: TimeType()),
    TypeInfo(
      1266, "timetz", "time with time zone", kind: .int64, length: 12, category: .dateTime, array: 1270,
      order: .integer, behavior: ZonedTimeType()),
  ]
}

extension DateTime {
  /// A time of day moved by an interval's microseconds, around the clock.
  public static func adding(_ interval: Interval, toTime time: Int64) -> Int64 {
    (time &+ interval.microseconds).flooredRemainder(by: Interval.microsecondsPerDay)
  }

  /// `extract(unit from time)`; of a zone's own fields where there is one.
  public static func extract(_ name: [UInt8], fromTime time: Int64, offset: Int? = nil) throws(SQLError) -> Numeric? {
    let type = offset == nil ? "time without time zone" : "time with time zone"
    let unit = try unit(name, type: type)
    func scaled(_ value: Int64, _ scale: Int) -> Numeric { Numeric(coefficient: Int128(value), scale: scale) }
    switch unit {
    case .microsecond: return Numeric(time % 60_000_000)
    case .millisecond: return scaled(time % 60_000_000, 3)
    case .second: return scaled(time % 60_000_000, 6)
    case .minute: return Numeric(time / 60_000_000 % 60)
    case .hour: return Numeric(time / 3_600_000_000)
    case .epoch: return scaled(time - Int64(offset ?? 0) * 1_000_000, 6)
    case .timezone: if let offset { return Numeric(Int64(offset)) }
    case .timezoneHour: if let offset { return Numeric(Int64(offset / 3600)) }
    case .timezoneMinute: if let offset { return Numeric(Int64(offset / 60 % 60)) }
    default: break
    }
    throw SQLError(
      .featureNotSupported,
      "unit \"\(String(decoding: name, as: UTF8.self))\" not supported for type \(type)")
  }
}
