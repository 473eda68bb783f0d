// Text input and output, casts, dates and intervals against PostgreSQL 15; round trips of binary forms, keys
// and rows.

import Encoding
import SQLTypes
import Testing

@Suite struct ErrorTests {
  @Test func aCopyOfAnErrorIsItsOwn() {
    let first = SQLError(.syntaxError, "syntax error", hint: "Write something else.")
    var second = first
    second.detail = "More is known."
    second.retry = .transaction
    #expect(first.detail == nil)
    #expect(first.retry == .never)
    #expect(second.message == "syntax error" && second.hint == first.hint)
    #expect(first != second)
    second.detail = nil
    second.retry = .never
    #expect(first == second && first.hashValue == second.hashValue)
  }
}

@Suite struct TypeTests {
  @Test func recordedInputs() {
    Transcript("input", separator: "`").check { (line) throws(SQLError) in
      let (info, modifier) = try type(line[0])
      let settings = settings(zone: line[1])
      // A literal becomes a string without limit first; the cast then truncates it.
      let isString = info.name == "varchar" || info.name == "bpchar"
      let read = try info.input(line[2], modifier: isString ? -1 : modifier, settings: settings)
      let value = isString ? try info.coerce(read, modifier: modifier, isExplicit: true) : read
      var text = show(info.text(value, settings: settings))
      // The recording went through a cast to text.
      if info.name == "bool" { text = text == "t" ? "true" : "false" }
      if info.name == "bpchar" { while text.last == " " { text.removeLast() } }
      return text
    }
  }

  @Test func recordedFloats() {
    Transcript("floats", separator: "`").check { (line) throws(SQLError) in
      let (info, _) = try type(line[0])
      return show(info.text(try info.input(line[2])))
    }
  }

  @Test func recordedCasts() {
    let settings = settings(zone: "Europe/Berlin")
    Transcript("casts", separator: "`").check { (line) throws(SQLError) in
      let (source, sourceModifier) = try type(line[1])
      let (target, modifier) = try type(line[2])
      let value = try source.input(line[0], modifier: sourceModifier, settings: settings)
      guard let cast = Casts.find(from: source.oid, to: target.oid) else {
        throw SQLError(.cannotCoerce, "cannot cast type \(source.sqlName) to \(target.sqlName)")
      }
      let result = try cast.apply(value, modifier: modifier, isExplicit: true, settings: settings)
      var text = show(target.text(result, settings: settings))
      if target.name == "bool" { text = text == "t" ? "true" : "false" }
      if target.name == "bpchar" { while text.last == " " { text.removeLast() } }
      return text
    }
  }

  @Test func recordedDateFunctions() {
    let zone = TimeZoneRules.find("Europe/Berlin")!
    let settings = settings(zone: "Europe/Berlin")
    func input(_ name: String, _ text: String) throws(SQLError) -> Int64 {
      guard case .int64(let value) = try TypeInfo.find(name: name)!.input(text, settings: settings) else { return 0 }
      return value
    }
    func interval(_ text: String) throws(SQLError) -> Interval {
      guard case .bytes(let bytes) = try TypeInfo.find(name: "interval")!.input(text) else { return Interval() }
      return Interval(bytes)
    }
    func shown(_ name: String, _ value: Datum) -> String {
      show(TypeInfo.find(name: name)!.text(value, settings: settings))
    }
    Transcript("datetime", separator: "`").check { (line) throws(SQLError) in
      let (a, b) = (line[1], line[2])
      let unit = Array(a.utf8)
      switch line[0] {
      case "extract_ts":
        return try DateTime.extract(unit, fromTimestamp: try input("timestamp", b))?.description ?? "NULL"
      case "extract_tz":
        return try DateTime.extract(unit, fromTimestamptz: try input("timestamptz", b), zone: zone)?.description
          ?? "NULL"
      case "extract_date": return try DateTime.extract(unit, fromDate: try input("date", b))?.description ?? "NULL"
      case "extract_iv": return try DateTime.extract(unit, fromInterval: try interval(b))?.description ?? "NULL"
      case "trunc_ts":
        return shown("timestamp", .int64(try DateTime.truncate(unit, timestamp: try input("timestamp", b))))
      case "trunc_tz":
        return shown(
          "timestamptz", .int64(try DateTime.truncate(unit, timestamptz: try input("timestamptz", b), zone: zone)))
      case "add_ts":
        return shown("timestamp", .int64(try DateTime.adding(try interval(b), toTimestamp: try input("timestamp", a))))
      case "add_tz":
        return shown(
          "timestamptz",
          .int64(try DateTime.adding(try interval(b), toTimestamptz: try input("timestamptz", a), zone: zone)))
      case "sub":
        return shown(
          "interval", try DateTime.interval(from: try input("timestamp", b), to: try input("timestamp", a)).datum)
      case "age":
        return shown("interval", try DateTime.age(from: try input("timestamp", b), to: try input("timestamp", a)).datum)
      case "mul": return shown("interval", try interval(a).multiplied(by: Double(b)!).datum)
      case "divi": return shown("interval", try interval(a).divided(by: Double(b)!).datum)
      case "jh": return shown("interval", try interval(a).justifiedHours().datum)
      case "jd": return shown("interval", try interval(a).multiplied(by: 40).justifiedDays().datum)
      case "make_date":
        let parts = b.split(separator: ",").compactMap { Int64($0) }
        return shown("date", .int64(try DateTime.makeDate(year: parts[0], month: parts[1], day: parts[2])))
      default: return "?"
      }
    }
  }

  /// Every value that the recorded inputs accept survives binary form, row and key, in both directions.
  @Test func everyFormRoundTrips() throws {
    for line in Transcript("input", separator: "`").lines {
      let (info, modifier) = try type(line[0])
      guard let value = try? info.input(line[2], modifier: modifier, settings: .standard) else { continue }
      let text = info.text(value)
      let received = try info.receive(info.binary(value))
      #expect(info.text(received) == text, "binary \(line)")
      var vector = ColumnVector(info.kind)
      vector.append(value)
      var encoder = RowEncoder()
      info.encodeField([vector], 0, 0, column: 3, into: &encoder)
      var decoded = ColumnVector(info.kind)
      try encoder.buffer.withUnsafeBytes { bytes in
        var decoder = RowDecoder(bytes)
        guard let next = decoder.next() else { return }
        try info.decodeField(next.field, into: &decoded)
      }
      #expect(decoded.count == 1)
      #expect(info.text(decoded.datum(0)) == text, "row \(line)")
      for descending in [false, true] {
        var key: [UInt8] = []
        info.encodeKey([vector], 0, 0, descending: descending, nulls: .last, into: &key)
        var back = ColumnVector(info.kind)
        try key.withUnsafeBytes { bytes in
          var reader = ByteReader(bytes)
          try info.decodeKey(&reader, descending: descending, modifier: modifier, into: &back)
          #expect(reader.isAtEnd)
        }
        #expect(info.compare(back, 0, vector, 0) == 0, "key \(line)")
        #expect(info.hash(back, 0, seed: 5) == info.hash(vector, 0, seed: 5))
        if info.keyRestoresValue(modifier: modifier) { #expect(info.text(back.datum(0)) == text) }
      }
    }
  }

  @Test func keysAreOrderedAsValues() throws {
    for name in ["int4", "float8", "date", "timestamptz", "interval", "int4[]", "text[]", "bpchar", "bytea"] {
      let (info, _) = try type(name)
      var values: [Datum] = []
      for line in Transcript("input", separator: "`").lines where line[0] == name {
        if let value = try? info.input(line[2]) { values.append(value) }
      }
      // Enough pairs, spread over the recording.
      let step = max(1, values.count / 40)
      for a in values.enumerated() where a.offset % step == 0 {
        for b in values.enumerated() where b.offset % step == 0 {
          let (a, b) = (a.element, b.element)
          var x: [UInt8] = []
          var y: [UInt8] = []
          info.encodeKey(a, nulls: .last, into: &x)
          info.encodeKey(b, nulls: .last, into: &y)
          let order = x.withUnsafeBytes { left in y.withUnsafeBytes { right in compareBytes(left, right) } }
          #expect(order.signum() == info.compare(a, b).signum(), "\(name): \(show(info.text(a))) \(show(info.text(b)))")
        }
      }
    }
  }

  @Test func names() {
    #expect(TypeInfo.format(SQLType(SQLType.varchar.oid, modifier: 14)) == "character varying(10)")
    #expect(
      TypeInfo.format(SQLType(SQLType.numeric.oid, modifier: Numeric.modifier(precision: 10, scale: -2)))
        == "numeric(10,-2)")
    #expect(TypeInfo.format(SQLType(SQLType.timestamp.oid, modifier: 3)) == "timestamp(3) without time zone")
    #expect(TypeInfo.format(SQLType.bpchar) == "bpchar")
    #expect(TypeInfo.format(SQLType(SQLType.bpchar.oid, modifier: 5)) == "character(1)")
    #expect(TypeInfo.format(SQLType(OID(1015), modifier: 14)) == "character varying(10)[]")
    #expect(TypeInfo.format(SQLType(OID(1002))) == "\"char\"[]")
    #expect(TypeInfo.find(name: "double precision")?.oid == SQLType.float8.oid)
    #expect(TypeInfo.find(name: "timestamp with time zone")?.oid == SQLType.timestamptz.oid)
    #expect(TypeInfo.find(name: "integer[]")?.oid == OID(1007))
    #expect(TypeInfo.find(name: "char")?.oid == SQLType.char.oid)
    #expect(TypeInfo.find(name: "nothing") == nil)
  }

  @Test func castContexts() {
    func context(_ a: SQLType, _ b: SQLType) -> Cast.Context? { Casts.find(from: a.oid, to: b.oid)?.context }
    #expect(context(.int4, .int8) == .implicit)
    #expect(context(.int8, .int4) == .assignment)
    #expect(context(.int4, .bool) == .explicit)
    #expect(context(.int4, .text) == .assignment)
    #expect(context(.text, .int4) == .explicit)
    #expect(context(.int4, .date) == nil)
    #expect(context(.unknown, .date) == .implicit)
    #expect(context(.varchar, .text) == .implicit)
    #expect(context(SQLType(OID(1007)), SQLType(OID(1016))) == .implicit)
  }

  @Test func assignmentDoesNotTruncate() throws {
    let type = TypeInfo.find(name: "varchar")!
    #expect(throws: SQLError(.stringDataRightTruncation, "value too long for type character varying(3)")) {
      try type.coerce(.text("abcd"), modifier: 7, isExplicit: false)
    }
    #expect(try type.coerce(.text("abc   "), modifier: 7, isExplicit: false) == .text("abc"))
    #expect(try type.coerce(.text("abcd"), modifier: 7, isExplicit: true) == .text("abc"))
  }

  @Test func settingsOfOutput() throws {
    var settings = FormatSettings()
    settings.byteaOutput = .escape
    settings.extraFloatDigits = 0
    let bytea = TypeInfo.find(name: "bytea")!
    #expect(show(bytea.text(.bytes([0, 65, 92, 255]), settings: settings)) == "\\000A\\\\\\377")
    #expect(show(TypeInfo.find(name: "float8")!.text(.float64(0.1 + 0.2), settings: settings)) == "0.3")
    #expect(show(TypeInfo.find(name: "float8")!.text(.float64(0.1 + 0.2))) == "0.30000000000000004")
    let interval = TypeInfo.find(name: "interval")!
    let value = try interval.input("1 year 2 mons -3 days 04:05:06.789")
    // set intervalstyle to …; select interval '1 year 2 mons -3 days 04:05:06.789'
    settings.intervalStyle = .iso8601
    #expect(show(interval.text(value, settings: settings)) == "P1Y2M-3DT4H5M6.789S")
    settings.intervalStyle = .postgresVerbose
    #expect(show(interval.text(value, settings: settings)) == "@ 1 year 2 mons -3 days 4 hours 5 mins 6.789 secs")
    settings.intervalStyle = .sqlStandard
    #expect(show(interval.text(value, settings: settings)) == "+1-2 -3 +4:05:06.789")
    settings.dateOrder = .dmy
    #expect(
      show(TypeInfo.find(name: "date")!.text(try TypeInfo.find(name: "date")!.input("1/2/2003", settings: settings)))
        == "2003-02-01")
  }

  @Test func nowAndToday() throws {
    var settings = settings(zone: "America/New_York")
    // 2024-07-01 02:00:00 UTC is the evening before in New York.
    settings.transactionTime = 772_984_800_000_000 + 60_000_000 * 60 * 2 - 7_200_000_000
    let timestamptz = TypeInfo.find(name: "timestamptz")!
    #expect(try timestamptz.input("now", settings: settings) == .int64(settings.transactionTime))
    settings.transactionTime = 0
    // 2000-01-01 00:00 UTC
    let date = TypeInfo.find(name: "date")!
    #expect(try date.input("today", settings: settings) == .int64(-1))
    #expect(try date.input("tomorrow", settings: settings) == .int64(0))
    #expect(
      show(timestamptz.text(try timestamptz.input("yesterday 04:05", settings: settings), settings: settings))
        == "1999-12-30 04:05:00-05")
  }

  @Test func damagedBinaryIsAnError() throws {
    // Every prefix and some flips of valid binary forms either decode or throw, but never trap.
    for (name, text) in [
      ("int4[]", "{1,NULL,3}"), ("numeric", "-123.4500"), ("interval", "1 mon"), ("text[]", "{{a,b},{c,d}}"),
    ] {
      let (info, _) = try type(name)
      let bytes = info.binary(try info.input(text))
      for count in 0..<bytes.count { _ = try? info.receive(Array(bytes[..<count])) }
      for index in bytes.indices {
        for flip: UInt8 in [0x01, 0x80, 0xFF] {
          var damaged = bytes
          damaged[index] ^= flip
          if let value = try? info.receive(damaged) { _ = info.text(value) }
        }
      }
    }
  }
}

extension TypeInfo {
  func receive(_ bytes: [UInt8]) throws(SQLError) -> Datum {
    var result: Result<Datum, SQLError> = .success(.null)
    bytes.withUnsafeBytes { buffer in
      do throws(SQLError) { result = .success(try receive(buffer)) } catch { result = .failure(error) }
    }
    return try result.get()
  }
}
