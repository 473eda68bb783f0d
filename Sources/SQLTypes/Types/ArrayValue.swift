// Arrays of any dimension. In memory, in rows and on the wire they have one layout, PostgreSQL's binary form,
// so that
// sending and receiving are copies:
//   int32 dimensions, int32 has NULLs (0, 1), uint32 element type, per dimension int32 length, int32 lower
// bound,
//   then per element int32 byte count (-1: NULL) and the element's binary form; all big endian.
// In keys: 02 element | 03 NULL, for every element, then 01, then dimensions, lengths and lower bounds as
// integers;
// all complemented if descending. That is PostgreSQL's order: elements first, NULL above all, then shape.

import Encoding

public struct ArrayValue: Sendable, Hashable {
  public struct Dimension: Sendable, Hashable {
    public var length: Int
    public var lowerBound: Int

    public init(length: Int, lowerBound: Int = 1) {
      self.length = length
      self.lowerBound = lowerBound
    }
  }

  /// As in PostgreSQL.
  public static let maximumDimensions = 6
  static let maximumElements = 134_217_727

  public var elementOID: OID
  /// Empty for the empty array.
  public var dimensions: [Dimension]
  /// In row-major order, as many as the dimensions' product.
  public var elements: [Datum]

  public init(elementOID: OID, dimensions: [Dimension], elements: [Datum]) {
    self.elementOID = elementOID
    self.dimensions = dimensions
    self.elements = elements
  }

  /// An array of one dimension; without elements it has none.
  public init(elementOID: OID, _ elements: [Datum], lowerBound: Int = 1) {
    self.elementOID = elementOID
    self.elements = elements
    dimensions = elements.isEmpty ? [] : [Dimension(length: elements.count, lowerBound: lowerBound)]
  }

  /// Reads the layout above. Error 22P03 when it is malformed.
  public init(_ bytes: UnsafeRawBufferPointer) throws(SQLError) {
    var reader = try ArrayReader(bytes)
    elementOID = reader.elementOID
    dimensions = reader.dimensions
    elements = []
    guard let element = TypeInfo.find(reader.elementOID) else { throw ArrayReader.malformed }
    elements.reserveCapacity(reader.elementCount)
    while let next = try reader.next() {
      elements.append(try next.map { (bytes) throws(SQLError) in try element.receive(bytes) } ?? .null)
    }
  }

  public init(_ bytes: [UInt8]) throws(SQLError) {
    self = try Text.withBytes(bytes) { (buffer: UnsafeRawBufferPointer) throws(SQLError) in
      try ArrayValue(buffer)
    }
  }

  /// The layout above.
  public var bytes: [UInt8] {
    var output: [UInt8] = []
    ArrayValue.appendHeader(elementOID, dimensions, hasNulls: elements.contains { $0.isNull }, to: &output)
    guard let element = TypeInfo.find(elementOID) else { return output }
    var vector = ColumnVector(element.kind)
    for value in elements {
      vector.removeAll()
      vector.append(value)
      ArrayValue.appendElement(element, vector, 0, to: &output)
    }
    return output
  }

  public var datum: Datum { .bytes(bytes) }

  static func appendHeader(
    _ element: OID, _ dimensions: [Dimension], hasNulls: Bool, to output: inout [UInt8]
  ) {
    output.appendBigEndian(Int32(truncatingIfNeeded: dimensions.count))
    output.appendBigEndian(Int32(hasNulls ? 1 : 0))
    output.appendBigEndian(element.rawValue)
    for dimension in dimensions {
      output.appendBigEndian(Int32(truncatingIfNeeded: dimension.length))
      output.appendBigEndian(Int32(truncatingIfNeeded: dimension.lowerBound))
    }
  }

  static func appendElement(_ type: TypeInfo, _ vector: ColumnVector, _ row: Int, to output: inout [UInt8]) {
    if vector.nulls[row] {
      output.appendBigEndian(Int32(-1))
      return
    }
    let mark = output.count
    output.appendBigEndian(Int32(0))
    type.send(vector, row, settings: .standard, into: &output)
    let count = UInt32(truncatingIfNeeded: output.count - mark - 4)
    for index in 0..<4 { output[mark + index] = UInt8(truncatingIfNeeded: count >> (24 - 8 * UInt32(index))) }
  }

  /// PostgreSQL's `array_cmp`. Damaged values compare as empty.
  static func compare(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    guard let x = try? ArrayValue(a), let y = try? ArrayValue(b), let type = TypeInfo.find(x.elementOID)
    else {
      return compareBytes(a, b)
    }
    for (left, right) in zip(x.elements, y.elements) {
      switch (left.isNull, right.isNull) {
      case (true, true): continue
      case (true, false): return 1
      case (false, true): return -1
      case (false, false):
        let order = type.compare(left, right)
        if order != 0 { return order }
      }
    }
    if x.elements.count != y.elements.count { return x.elements.count < y.elements.count ? -1 : 1 }
    if x.dimensions.count != y.dimensions.count { return x.dimensions.count < y.dimensions.count ? -1 : 1 }
    for (left, right) in zip(x.dimensions, y.dimensions) where left.length != right.length {
      return left.length < right.length ? -1 : 1
    }
    for (left, right) in zip(x.dimensions, y.dimensions) where left.lowerBound != right.lowerBound {
      return left.lowerBound < right.lowerBound ? -1 : 1
    }
    return 0
  }

  static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64) -> UInt64 {
    guard let value = try? ArrayValue(bytes), let type = TypeInfo.find(value.elementOID) else {
      return Mix.hash(seed, bytes)
    }
    var hash = Mix.hash(seed, UInt64(truncatingIfNeeded: value.elements.count))
    var vector = ColumnVector(type.kind)
    for element in value.elements {
      if element.isNull {
        hash = Mix.hash(hash, 0)
        continue
      }
      vector.removeAll()
      vector.append(element)
      hash = type.hash(vector, 0, seed: hash)
    }
    return hash
  }

  static func appendKey(_ bytes: UnsafeRawBufferPointer, descending: Bool, to key: inout [UInt8]) {
    let start = key.count
    if let value = try? ArrayValue(bytes), let type = TypeInfo.find(value.elementOID) {
      for element in value.elements {
        key.append(element.isNull ? 3 : 2)
        if !element.isNull { type.encodeKey(element, nulls: .last, into: &key) }
      }
      key.append(1)
      KeyEncoding.appendInt64(Int64(value.dimensions.count), to: &key)
      for dimension in value.dimensions { KeyEncoding.appendInt64(Int64(dimension.length), to: &key) }
      for dimension in value.dimensions { KeyEncoding.appendInt64(Int64(dimension.lowerBound), to: &key) }
    } else {
      preconditionFailure("an array value in memory is well formed")
    }
    if descending { for index in start..<key.count { key[index] = ~key[index] } }
  }

  static func decodeKey(
    _ reader: inout ByteReader, elementOID: OID, descending: Bool, into output: inout [UInt8]
  ) throws(SQLError) {
    guard let type = TypeInfo.find(elementOID) else { throw TypeInfo.damagedKey }
    var vector = ColumnVector(type.kind)
    let flip: UInt8 = descending ? 0xFF : 0
    scan: while true {
      switch reader.readUInt8().map({ $0 ^ flip }) {
      case 1: break scan
      case 2: try type.decodeKey(&reader, descending: descending, into: &vector)
      case 3: vector.appendNull()
      default: throw TypeInfo.damagedKey
      }
    }
    guard let count = reader.readOrderedInt64(descending: descending),
      count >= 0 && count <= Int64(maximumDimensions)
    else { throw TypeInfo.damagedKey }
    var dimensions: [Dimension] = []
    for _ in 0..<count {
      guard let length = reader.readOrderedInt64(descending: descending) else { throw TypeInfo.damagedKey }
      dimensions.append(Dimension(length: Int(length)))
    }
    for index in dimensions.indices {
      guard let bound = reader.readOrderedInt64(descending: descending) else { throw TypeInfo.damagedKey }
      dimensions[index].lowerBound = Int(bound)
    }
    appendHeader(elementOID, dimensions, hasNulls: !vector.nulls.isEmpty, to: &output)
    for row in 0..<vector.count { appendElement(type, vector, row, to: &output) }
  }
}

/// Walks the elements of an array without decoding them.
public struct ArrayReader {
  private var reader: ByteReader
  public let elementOID: OID
  public let dimensions: [ArrayValue.Dimension]
  public let elementCount: Int
  private var left: Int

  static let malformed = SQLError(.invalidBinaryRepresentation, "malformed array value")

  public init(_ bytes: UnsafeRawBufferPointer) throws(SQLError) {
    reader = ByteReader(bytes)
    guard let count = reader.readBigEndian(Int32.self), let flags = reader.readBigEndian(Int32.self),
      let element = reader.readBigEndian(UInt32.self)
    else { throw .insufficientData }
    if count < 0 {
      throw SQLError(.invalidBinaryRepresentation, "invalid number of dimensions: \(count)")
    }
    if count > ArrayValue.maximumDimensions {
      throw SQLError(
        .programLimitExceeded,
        "number of array dimensions (\(count)) exceeds the maximum allowed (\(ArrayValue.maximumDimensions))")
    }
    if flags != 0 && flags != 1 { throw SQLError(.invalidBinaryRepresentation, "invalid array flags") }
    elementOID = OID(element)
    var dimensions: [ArrayValue.Dimension] = []
    var total = count == 0 ? 0 : 1
    for _ in 0..<count {
      guard let length = reader.readBigEndian(Int32.self), let bound = reader.readBigEndian(Int32.self) else {
        throw .insufficientData
      }
      let (product, overflow) = total.multipliedReportingOverflow(by: Int(length))
      if length < 0 || overflow || product > ArrayValue.maximumElements {
        throw SQLError(
          .programLimitExceeded, "array size exceeds the maximum allowed (\(ArrayValue.maximumElements))")
      }
      total = product
      dimensions.append(ArrayValue.Dimension(length: Int(length), lowerBound: Int(bound)))
    }
    self.dimensions = total == 0 ? [] : dimensions
    // Every element takes four bytes at least: a hostile count cannot make us reserve more than was sent.
    if total * 4 > reader.remaining { throw .insufficientData }
    elementCount = total
    left = total
  }

  /// The next element's binary form, `.some(nil)` for NULL, nil at the end.
  public mutating func next() throws(SQLError) -> UnsafeRawBufferPointer?? {
    if left == 0 {
      if !reader.isAtEnd { throw .excessData }
      return nil
    }
    left -= 1
    guard let count = reader.readBigEndian(Int32.self) else { throw .insufficientData }
    if count == -1 { return .some(nil) }
    guard count >= 0, let bytes = reader.readBytes(Int(count)) else { throw .insufficientData }
    return .some(bytes)
  }
}
