// HOT: The computation of casts over a column: one switch per column, one loop per conversion.

enum CastKernel {
  static func convert(
    _ vector: ColumnVector, _ cast: Cast, modifier: Int32, isExplicit: Bool, _ settings: FormatSettings
  ) throws(SQLError) -> ColumnVector {
    switch cast.conversion {
    case .relabel: return vector
    case .inputOutput: return try throughText(vector, cast, modifier, isExplicit, settings)
    case .array: return try arrays(vector, cast, isExplicit, settings)
    case .boolToText:
      return try bytes(vector) { (row, output) throws(SQLError) in
        output.append(contentsOf: (vector.int64s[row] != 0 ? "true" : "false").utf8)
      }
    case .integer:
      let (range, name) = integerRange(cast.target)
      return try integers(vector) { (row) throws(SQLError) in
        let value = vector.int64s[row]
        if !range.contains(value) { throw outOfRange(name) }
        return value
      }
    case .intToBool: return try integers(vector) { (row) throws(SQLError) in vector.int64s[row] != 0 ? 1 : 0 }
    case .boolToInt: return vector
    case .intToFloat4: return try floats(vector) { (row) throws(SQLError) in Double(Float(vector.int64s[row])) }
    case .intToFloat8: return try floats(vector) { (row) throws(SQLError) in Double(vector.int64s[row]) }
    case .intToNumeric:
      return try numerics(vector) { (row) throws(SQLError) in Numeric(vector.int64s[row]) }
    case .floatToInteger:
      let (range, name) = integerRange(cast.target)
      return try integers(vector) { (row) throws(SQLError) in
        guard let value = Int64(exactly: vector.float64s[row].rounded(.toNearestOrEven)), range.contains(value) else {
          throw outOfRange(name)
        }
        return value
      }
    case .floatToFloat4:
      return try floats(vector) { (row) throws(SQLError) in try real(vector.float64s[row]) }
    case .float8ToNumeric:
      return try numerics(vector) { (row) throws(SQLError) in try Numeric(vector.float64s[row]) }
    case .float4ToNumeric:
      return try numerics(vector) { (row) throws(SQLError) in try Numeric(vector.float64s[row], significantDigits: 6) }
    case .numericToInteger:
      let (range, name) = integerRange(cast.target)
      return try integers(vector) { (row) throws(SQLError) in
        let value = try vector.numerics[row].int64(typeName: name)
        if !range.contains(value) { throw outOfRange(name) }
        return value
      }
    case .numericToFloat8:
      return try floats(vector) { (row) throws(SQLError) in try vector.numerics[row].double() }
    case .numericToFloat4:
      return try floats(vector) { (row) throws(SQLError) in
        var text: [UInt8] = []
        vector.numerics[row].append(to: &text)
        return Double(
          try Text.withBytes(text) { (bytes: UnsafeRawBufferPointer) throws(SQLError) in try FloatText.float(bytes) })
      }
    case .dateToTimestamp:
      return try integers(vector) { (row) throws(SQLError) in try DateTime.timestamp(date: vector.int64s[row]) }
    case .dateToTimestamptz:
      return try integers(vector) { (row) throws(SQLError) in
        let local = try DateTime.timestamp(date: vector.int64s[row])
        do throws(SQLError) {
          return try DateTime.timestamptz(local: local, zone: settings.timeZone)
        } catch { throw DateTime.dateOutOfTimestamps }
      }
    case .timestampToDate:
      return try integers(vector) { (row) throws(SQLError) in DateTime.date(timestamp: vector.int64s[row]) }
    case .timestamptzToDate:
      return try integers(vector) { (row) throws(SQLError) in
        DateTime.date(timestamp: try DateTime.local(timestamptz: vector.int64s[row], zone: settings.timeZone))
      }
    case .timestampToTimestamptz:
      return try integers(vector) { (row) throws(SQLError) in
        try DateTime.timestamptz(local: vector.int64s[row], zone: settings.timeZone)
      }
    case .timestamptzToTimestamp:
      return try integers(vector) { (row) throws(SQLError) in
        try DateTime.local(timestamptz: vector.int64s[row], zone: settings.timeZone)
      }
    case .stripBlanks:
      return try bytes(vector) { (row, output) throws(SQLError) in
        vector.bytes.withBytes(row) { output.append(contentsOf: BlankPadding.strip($0)) }
      }
    case .toName:
      let isPadded = cast.source == SQLType.bpchar.oid
      return try bytes(vector) { (row, output) throws(SQLError) in
        vector.bytes.withBytes(row) {
          output.append(contentsOf: isPadded ? BlankPadding.strip(NameType.cut($0)) : NameType.cut($0))
        }
      }
    case .toSingleByte:
      return try bytes(vector) { (row, output) throws(SQLError) in
        vector.bytes.withBytes(row) { output.append(contentsOf: SingleByteType.parse($0)) }
      }
    case .singleByteToText:
      return try bytes(vector) { (row, output) throws(SQLError) in
        vector.bytes.withBytes(row) { SingleByteType.append($0.first, to: &output) }
      }
    case .singleByteToInt:
      return try integers(vector) { (row) throws(SQLError) in
        vector.bytes.withBytes(row) { Int64(Int8(bitPattern: $0.first ?? 0)) }
      }
    case .intToSingleByte:
      return try bytes(vector) { (row, output) throws(SQLError) in
        guard let value = Int8(exactly: vector.int64s[row]) else { throw outOfRange("\"char\"") }
        if value != 0 { output.append(UInt8(bitPattern: value)) }
      }
    case .timeToInterval:
      return try bytes(vector) { (row, output) throws(SQLError) in
        Interval(microseconds: vector.int64s[row]).append(to: &output)
      }
    case .intervalToTime:
      return try integers(vector) { (row) throws(SQLError) in
        vector.bytes.withBytes(row) { DateTime.adding(Interval(bytes: $0), toTime: 0) }
      }
    case .timestampToTime, .timestamptzToTime, .timestamptzToTimetz:
      return try times(vector, cast.conversion, settings)
    case .timeToTimetz:
      let offset = settings.timeZone.offset(at: DateTime.unixSeconds(settings.transactionTime))
      return try integers(vector) { (row) throws(SQLError) in
        ZonedTime(time: vector.int64s[row], offset: offset).packed
      }
    case .timetzToTime:
      return try integers(vector) { (row) throws(SQLError) in ZonedTime(packed: vector.int64s[row]).time }
    case .jsonToScalar: return try jsonScalars(vector, cast, isExplicit, settings)
    case .bitsToUnsigned:
      return try integers(vector) { (row) throws(SQLError) in vector.int64s[row] & 0xFFFF_FFFF }
    case .bitsToSigned:
      return try integers(vector) { (row) throws(SQLError) in Int64(Int32(truncatingIfNeeded: vector.int64s[row])) }
    }
  }

  /// The time of day of timestamps; infinite ones have none.
  private static func times(
    _ vector: ColumnVector, _ conversion: CastConversion, _ settings: FormatSettings
  ) throws(SQLError) -> ColumnVector {
    var result = ColumnVector(.int64, capacity: vector.count)
    for row in 0..<vector.count {
      guard !vector.nulls[row], !DateTime.isInfinite(timestamp: vector.int64s[row]) else {
        result.appendNull()
        continue
      }
      var local = vector.int64s[row]
      var offset = 0
      if conversion != .timestampToTime {
        offset = settings.timeZone.offset(at: DateTime.unixSeconds(local))
        local = local &+ Int64(offset) * 1_000_000
      }
      let time = local.flooredRemainder(by: Interval.microsecondsPerDay)
      result.int64s.append(
        conversion == .timestamptzToTimetz ? ZonedTime(time: time, offset: offset).packed : time)
    }
    return result
  }

  /// Error 22023 for a document of another kind.
  private static func jsonScalars(
    _ vector: ColumnVector, _ cast: Cast, _ isExplicit: Bool, _ settings: FormatSettings
  ) throws(SQLError) -> ColumnVector {
    func refuse(_ value: JSONValue) -> SQLError {
      let kind =
        switch value {
        case .number: "numeric"
        default: value.typeName
        }
      return SQLError(
        .invalidParameterValue, "cannot cast jsonb \(kind) to type \(TypeInfo.format(SQLType(cast.target)))")
    }
    var numbers = ColumnVector(.numeric, capacity: vector.count)
    var truths = ColumnVector(.int64, capacity: vector.count)
    let wantsBool = cast.target == SQLType.bool.oid
    for row in 0..<vector.count {
      if vector.nulls[row] {
        numbers.appendNull()
        truths.appendNull()
        continue
      }
      let value = try JSONValue(vector.bytes[row])
      switch value {
      case .bool(let truth) where wantsBool: truths.int64s.append(truth ? 1 : 0)
      case .number(let number) where !wantsBool: numbers.numerics.append(number)
      default: throw refuse(value)
      }
    }
    if wantsBool { return truths }
    guard let rest = Casts.find(from: SQLType.numeric.oid, to: cast.target) else { return numbers }
    return try rest.apply(numbers, isExplicit: isExplicit, settings: settings)
  }

  static func outOfRange(_ name: String) -> SQLError {
    SQLError(.numericValueOutOfRange, "\(name) out of range")
  }

  private static func integerRange(_ type: OID) -> (ClosedRange<Int64>, String) {
    switch type {
    case SQLType.int2.oid: (Int64(Int16.min)...Int64(Int16.max), "smallint")
    case SQLType.int4.oid: (Int64(Int32.min)...Int64(Int32.max), "integer")
    case SQLType.int8.oid: (Int64.min...Int64.max, "bigint")
    default: (0...Int64(UInt32.max), "OID")
    }
  }

  /// A double as a real. Error 22003 when it overflows or vanishes.
  static func real(_ value: Double) throws(SQLError) -> Double {
    let result = Float(value)
    if result.isInfinite && !value.isInfinite {
      throw SQLError(.numericValueOutOfRange, "value out of range: overflow")
    }
    if result == 0 && value != 0 { throw SQLError(.numericValueOutOfRange, "value out of range: underflow") }
    return Double(result)
  }

  // MARK: Loops

  @inline(__always)
  private static func integers(
    _ vector: ColumnVector, _ body: (Int) throws(SQLError) -> Int64
  ) throws(SQLError) -> ColumnVector {
    var result = ColumnVector(.int64, capacity: vector.count)
    result.nulls = vector.nulls
    for row in 0..<vector.count { result.int64s.append(vector.nulls[row] ? 0 : try body(row)) }
    return result
  }

  @inline(__always)
  private static func floats(
    _ vector: ColumnVector, _ body: (Int) throws(SQLError) -> Double
  ) throws(SQLError) -> ColumnVector {
    var result = ColumnVector(.float64, capacity: vector.count)
    result.nulls = vector.nulls
    for row in 0..<vector.count { result.float64s.append(vector.nulls[row] ? 0 : try body(row)) }
    return result
  }

  @inline(__always)
  private static func numerics(
    _ vector: ColumnVector, _ body: (Int) throws(SQLError) -> Numeric
  ) throws(SQLError) -> ColumnVector {
    var result = ColumnVector(.numeric, capacity: vector.count)
    result.nulls = vector.nulls
    for row in 0..<vector.count { result.numerics.append(vector.nulls[row] ? .zero : try body(row)) }
    return result
  }

  @inline(__always)
  private static func bytes(
    _ vector: ColumnVector, _ body: (Int, inout [UInt8]) throws(SQLError) -> Void
  ) throws(SQLError) -> ColumnVector {
    var result = ColumnVector(.bytes, capacity: vector.count)
    result.nulls = vector.nulls
    for row in 0..<vector.count {
      try result.bytes.append { (output) throws(SQLError) in
        if !vector.nulls[row] { try body(row, &output) }
      }
    }
    return result
  }

  private static func throughText(
    _ vector: ColumnVector, _ cast: Cast, _ modifier: Int32, _ isExplicit: Bool, _ settings: FormatSettings
  ) throws(SQLError) -> ColumnVector {
    guard let source = TypeInfo.find(cast.source), let target = TypeInfo.find(cast.target) else {
      throw SQLError(.internalError, "cache lookup failed for type \(cast.target)")
    }
    // To a string the modifier is applied afterwards, by the rules of an explicit cast if it is one.
    let inputModifier = target.category == .string ? -1 : modifier
    var result = ColumnVector(target.kind, capacity: vector.count)
    var text: [UInt8] = []
    for row in 0..<vector.count {
      if vector.nulls[row] {
        result.appendNull()
        continue
      }
      text.removeAll(keepingCapacity: true)
      source.output(vector, row, settings: settings, into: &text)
      if target.category == .string && target.oid != SQLType.name.oid {
        result.bytes.append(text)
      } else {
        result.append(try target.input(text, modifier: inputModifier, settings: settings))
      }
    }
    return result
  }

  private static func arrays(
    _ vector: ColumnVector, _ cast: Cast, _ isExplicit: Bool, _ settings: FormatSettings
  ) throws(SQLError) -> ColumnVector {
    guard let source = TypeInfo.find(cast.source), let target = TypeInfo.find(cast.target),
      let element = Casts.find(from: source.elementOID, to: target.elementOID)
    else { throw SQLError(.internalError, "cache lookup failed for type \(cast.target)") }
    var result = ColumnVector(.bytes, capacity: vector.count)
    for row in 0..<vector.count {
      if vector.nulls[row] {
        result.appendNull()
        continue
      }
      var array = try ArrayValue(vector.bytes[row])
      for index in array.elements.indices where !array.elements[index].isNull {
        array.elements[index] = try element.apply(
          array.elements[index], isExplicit: isExplicit, settings: settings)
      }
      array.elementOID = target.elementOID
      result.bytes.append(array.bytes)
    }
    return result
  }
}
