// The session's settings that decide how values are read and shown: time zone, date order, bytea_output and
// so on,
// together with the moment that 'now' means. One value per statement, passed by reference to every
// conversion.
// Source: PostgreSQL manual, 20.11 "Client Connection Defaults".

/// Names of catalog objects for `regclass` and its kin. Without one they are read and shown as numbers.
public protocol ObjectNames: Sendable {
  /// The object's name as `type` (regclass, regtype, regproc…) shows it; nil shows the number.
  func name(of object: OID, type: OID) -> [UInt8]?
  /// The object that a name means. Error 42P01, 42704 or 42883 when there is none.
  func object(named name: [UInt8], type: OID) throws(SQLError) -> OID
}

public struct FormatSettings: Sendable {
  public enum ByteaOutput: Sendable { case hex, escape }

  /// How `1/2/2003` is read; the second part of `DateStyle`.
  public enum DateOrder: Sendable { case mdy, dmy, ymd }

  /// How dates and timestamps are shown; the first part of `DateStyle`.
  public enum DateStyle: String, Sendable { case iso = "ISO", sql = "SQL", postgres = "Postgres", german = "German" }

  public enum IntervalStyle: Sendable { case postgres, postgresVerbose, sqlStandard, iso8601 }

  public var byteaOutput: ByteaOutput = .hex
  public var dateStyle: DateStyle = .iso
  public var dateOrder: DateOrder = .mdy
  public var intervalStyle: IntervalStyle = .postgres
  /// Above 0: shortest digits that read back the same. Else 15 (double) or 6 (real) digits plus this.
  public var extraFloatDigits = 1
  public var timeZone: TimeZoneRules = .utc
  /// Microseconds since 2000-01-01 UTC of the transaction's begin: `now`, `today`, `tomorrow`.
  public var transactionTime: Int64 = 0
  public var objectNames: (any ObjectNames)?

  public init() {}

  /// UTC, MDY, 1970: for places without a session.
  public static let standard = FormatSettings()
}
