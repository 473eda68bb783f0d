// HOT: Comparison, hashing, key encoding and row values, by the type's order and physical kind.
// Keys are Encoding's order-preserving primitives, so that `compare` and memcmp of keys agree.

import Encoding

extension TypeInfo {
  /// Below, equal to or above 0 as row `row` of `a` is below, equal to or above row `other` of `b`; neither
  /// is NULL.
  @inline(__always)
  public func compare(_ a: ColumnVector, _ row: Int, _ b: ColumnVector, _ other: Int) -> Int {
    switch order {
    case .integer:
      let (x, y) = (a.int64s[row], b.int64s[other])
      return x < y ? -1 : x == y ? 0 : 1
    case .float: return FloatOrder.compare(a.float64s[row], b.float64s[other])
    case .numeric: return Numeric.compare(a.numerics[row], b.numerics[other])
    case .bytes:
      return a.bytes.withBytes(row) { x in b.bytes.withBytes(other) { y in compareBytes(x, y) } }
    case .blankPadded:
      return a.bytes.withBytes(row) { x in
        b.bytes.withBytes(other) { y in compareBytes(BlankPadding.strip(x), BlankPadding.strip(y)) }
      }
    case .interval:
      return a.bytes.withBytes(row) { x in
        b.bytes.withBytes(other) { y in
          let (p, q) = (Interval(bytes: x).comparable, Interval(bytes: y).comparable)
          return p < q ? -1 : p == q ? 0 : 1
        }
      }
    case .array:
      return a.bytes.withBytes(row) { x in b.bytes.withBytes(other) { y in ArrayValue.compare(x, y) } }
    case .record:
      return a.bytes.withBytes(row) { x in b.bytes.withBytes(other) { y in RowValue.compare(x, y) } }
    case .json:
      return a.bytes.withBytes(row) { x in
        b.bytes.withBytes(other) { y in
          if compareBytes(x, y) == 0 { return 0 }
          let (p, q) = (JSONKey.bytes(x), JSONKey.bytes(y))
          return p.withUnsafeBytes { p in q.withUnsafeBytes { q in compareBytes(p, q) } }
        }
      }
    case .none: return 0
    }
  }

  /// Compares two values that are not NULL.
  public func compare(_ a: Datum, _ b: Datum) -> Int {
    switch (a, b) {
    case (.int64(let x), .int64(let y)): return x < y ? -1 : x == y ? 0 : 1
    case (.float64(let x), .float64(let y)): return FloatOrder.compare(x, y)
    case (.numeric(let x), .numeric(let y)): return Numeric.compare(x, y)
    default:
      var left = ColumnVector(kind)
      var right = ColumnVector(kind)
      left.append(a)
      right.append(b)
      return compare(left, 0, right, 0)
    }
  }

  /// A hash that is equal for equal values, on every node; the row is not NULL.
  @inline(__always)
  public func hash(_ vector: ColumnVector, _ row: Int, seed: UInt64) -> UInt64 {
    switch order {
    case .integer: return Mix.hash(seed, UInt64(bitPattern: vector.int64s[row]))
    case .float: return Mix.hash(seed, FloatOrder.canonicalBits(vector.float64s[row]))
    case .numeric: return vector.numerics[row].hash64(seed: seed)
    case .bytes: return vector.bytes.withBytes(row) { Mix.hash(seed, $0) }
    case .blankPadded: return vector.bytes.withBytes(row) { Mix.hash(seed, BlankPadding.strip($0)) }
    case .interval:
      return vector.bytes.withBytes(row) {
        let value = Interval(bytes: $0).comparable
        return Mix.hash(
          Mix.hash(seed, UInt64(truncatingIfNeeded: value)), UInt64(truncatingIfNeeded: value >> 64))
      }
    case .array: return vector.bytes.withBytes(row) { ArrayValue.hash($0, seed: seed) }
    case .record: return vector.bytes.withBytes(row) { RowValue.hash($0, seed: seed) }
    case .json:
      return vector.bytes.withBytes(row) { text in JSONKey.bytes(text).withUnsafeBytes { Mix.hash(seed, $0) } }
    case .none: return seed
    }
  }

  // MARK: Keys

  /// Whether a decoded key gives back the very value. Otherwise (numeric's scale, negative zero, trailing
  /// blanks)
  /// an index that wants to answer with the value stores it beside the key as well.
  public func keyRestoresValue(modifier: Int32) -> Bool {
    switch order {
    case .integer, .bytes: true
    case .numeric: Numeric.precisionAndScale(modifier) != nil
    case .blankPadded: modifier >= 4
    case .float, .interval, .array, .record, .json, .none: false
    }
  }

  /// Appends row `row` of a column to a key; NULLs stand `nulls` (first or last, before `descending` reverses anything). Of a list and
  /// where in it, since a vector out of a list that is handed on is copied before, a reference for each of its arrays.
  public func encodeKey(
    _ columns: [ColumnVector], _ index: Int, _ row: Int, descending: Bool = false, nulls: NullPlacement,
    into key: inout [UInt8]
  ) {
    if columns[index].nulls[row] {
      KeyEncoding.appendNull(nulls, to: &key)
      return
    }
    switch order {
    case .integer: KeyEncoding.appendInt64(columns[index].int64s[row], descending: descending, to: &key)
    case .float: KeyEncoding.appendDouble(columns[index].float64s[row], descending: descending, to: &key)
    case .numeric: columns[index].numerics[row].appendKey(descending: descending, to: &key)
    case .bytes, .none:
      columns[index].bytes.withBytes(row) { KeyEncoding.appendBytes($0, descending: descending, to: &key) }
    case .blankPadded:
      columns[index].bytes.withBytes(row) {
        KeyEncoding.appendBytes(BlankPadding.strip($0), descending: descending, to: &key)
      }
    case .interval:
      columns[index].bytes.withBytes(row) {
        Interval(bytes: $0).appendKey(descending: descending, to: &key)
      }
    case .array:
      columns[index].bytes.withBytes(row) { ArrayValue.appendKey($0, descending: descending, to: &key) }
    case .record:
      columns[index].bytes.withBytes(row) { RowValue.appendKey($0, descending: descending, to: &key) }
    case .json:
      columns[index].bytes.withBytes(row) { JSONKey.append($0, descending: descending, to: &key) }
    }
  }

  /// Appends a value to a key.
  public func encodeKey(
    _ value: Datum, descending: Bool = false, nulls: NullPlacement, into key: inout [UInt8]
  ) {
    switch (order, value) {
    case (_, .null): KeyEncoding.appendNull(nulls, to: &key)
    case (.integer, .int64(let v)): KeyEncoding.appendInt64(v, descending: descending, to: &key)
    case (.bytes, .bytes(let v)): KeyEncoding.appendBytes(v, descending: descending, to: &key)
    default:
      var vector = ColumnVector(kind)
      vector.append(value)
      encodeKey([vector], 0, 0, descending: descending, nulls: nulls, into: &key)
    }
  }

  /// Reads a value back from a key and appends it to `vector`. Error XX001 when the key makes no sense. What
  /// `keyRestoresValue` denies comes back as an equal value in its shortest form.
  public func decodeKey(
    _ reader: inout ByteReader, descending: Bool = false, modifier: Int32 = -1,
    into vector: inout ColumnVector
  ) throws(SQLError) {
    if reader.readOrderedNull() {
      vector.appendNull()
      return
    }
    switch order {
    case .integer:
      guard let value = reader.readOrderedInt64(descending: descending) else { throw TypeInfo.damagedKey }
      vector.int64s.append(value)
    case .float:
      guard let value = reader.readOrderedDouble(descending: descending) else { throw TypeInfo.damagedKey }
      vector.float64s.append(value)
    case .numeric:
      let value = try Numeric(key: &reader, descending: descending)
      vector.numerics.append(try value.applying(modifier: modifier))
    case .bytes, .none, .blankPadded:
      let padding = order == .blankPadded ? Int(modifier) - 4 : 0
      try vector.bytes.append { (buffer: inout [UInt8]) throws(SQLError) in
        let start = buffer.count
        guard reader.readOrderedBytes(descending: descending, into: &buffer) else {
          throw TypeInfo.damagedKey
        }
        if padding > 0 { BlankPadding.pad(&buffer, from: start, to: padding) }
      }
    case .interval:
      let value = try Interval(key: &reader, descending: descending)
      vector.append(value.datum)
    case .array:
      try vector.bytes.append { (buffer: inout [UInt8]) throws(SQLError) in
        try ArrayValue.decodeKey(&reader, elementOID: elementOID, descending: descending, into: &buffer)
      }
    case .record:
      try vector.bytes.append { (buffer: inout [UInt8]) throws(SQLError) in
        try RowValue.decodeKey(&reader, descending: descending, into: &buffer)
      }
    case .json:
      let value = try JSONKey.decode(&reader, descending: descending)
      vector.bytes.append(value.text)
    }
  }

  static let damagedKey = SQLError(.dataCorrupted, "key of a table or index is damaged")
  static let damagedRow = SQLError(.dataCorrupted, "row is damaged")

  // MARK: Row values

  /// Appends row `row` of a column as field `column` of a row; NULL appends nothing.
  public func encodeField(
    _ columns: [ColumnVector], _ index: Int, _ row: Int, column: UInt32, into encoder: inout RowEncoder
  ) {
    if columns[index].nulls[row] { return }
    switch kind {
    case .int64: encoder.append(column, int64: columns[index].int64s[row])
    case .float64: encoder.append(column, float64: columns[index].float64s[row])
    case .bytes: columns[index].bytes.withBytes(row) { encoder.append(column, bytes: $0) }
    case .numeric:
      let value = columns[index].numerics[row]
      // A whole number of 64 bits costs a varint.
      if case .small(let high, let low, 0) = value.value, high == Int64(bitPattern: low) >> 63 {
        encoder.append(column, int64: Int64(bitPattern: low))
      } else {
        encoder.append(column, bytes: value.compactBytes)
      }
    }
  }

  /// Appends a decoded field to `vector`. Error XX001 when it is not of this type.
  @inline(__always)
  public func decodeField(_ field: RowField, into vector: inout ColumnVector) throws(SQLError) {
    switch (kind, field) {
    case (.int64, .int64(let value)): vector.int64s.append(value)
    case (.float64, .float64(let value)): vector.float64s.append(value)
    case (.bytes, .bytes(let value)): vector.bytes.append(value)
    case (.numeric, .int64(let value)): vector.numerics.append(Numeric(value))
    case (.numeric, .bytes(let value)): vector.numerics.append(try Numeric(compact: value))
    default: throw TypeInfo.damagedRow
    }
  }
}

/// The order of floats in SQL: NaN equals itself and is above all, -0 equals 0.
enum FloatOrder {
  @inline(__always)
  static func compare(_ a: Double, _ b: Double) -> Int {
    if a < b { return -1 }
    if a > b { return 1 }
    if a == b { return 0 }
    return a.isNaN ? (b.isNaN ? 0 : 1) : -1
  }

  @inline(__always)
  static func canonicalBits(_ value: Double) -> UInt64 {
    value.isNaN ? 0x7FF8_0000_0000_0000 : value == 0 ? 0 : value.bitPattern
  }
}

/// `character(n)`: blanks at the end do not count.
enum BlankPadding {
  @inline(__always)
  static func strip(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var end = bytes.count
    while end > 0, bytes[end - 1] == 0x20 { end -= 1 }
    return UnsafeRawBufferPointer(rebasing: bytes[..<end])
  }

  /// Pads the characters from `start` on with blanks to `length` characters.
  static func pad(_ buffer: inout [UInt8], from start: Int, to length: Int) {
    var characters = 0
    for index in start..<buffer.count where buffer[index] & 0xC0 != 0x80 { characters += 1 }
    if characters < length {
      buffer.append(contentsOf: repeatElement(0x20, count: length - characters))
    }
  }
}
