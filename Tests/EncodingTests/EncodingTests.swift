// Properties of the encodings: byte order is value order, no encoding is a prefix of another, all round-trip.

import Testing

@testable import Encoding

/// A seeded generator (SplitMix64), so that a failure repeats.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

func reading<Result>(_ bytes: [UInt8], _ body: (inout ByteReader) -> Result) -> (Result, isAtEnd: Bool) {
  bytes.withUnsafeBytes { raw in
    var reader = ByteReader(raw)
    let result = body(&reader)
    return (result, reader.isAtEnd)
  }
}

/// Checks all pairs: order of encodings is order of values, equal only if equal, never one a prefix of another.
func checkOrder<Value>(
  _ values: [Value], descending: Bool, below: (Value, Value) -> Bool, encode: (Value, inout [UInt8]) -> Void
) {
  let encoded = values.map { value -> Key in
    var bytes: [UInt8] = []
    encode(value, &bytes)
    return Key(bytes)
  }
  for (left, leftKey) in zip(values, encoded) {
    for (right, rightKey) in zip(values, encoded) {
      let isBelow = descending ? below(right, left) : below(left, right)
      if (leftKey < rightKey) != isBelow { Issue.record("order of \(left) and \(right)") }
      if leftKey != rightKey && rightKey.hasPrefix(leftKey) { Issue.record("\(left) is a prefix of \(right)") }
    }
    if let first = leftKey.bytes.first, first == 0x00 || first == 0xFF {
      Issue.record("\(left) begins like a NULL")
    }
  }
}

let edgeIntegers: [Int64] = {
  var values: [Int64] = [Int64.min, Int64.min + 1, Int64.max, Int64.max - 1]
  for bit in 0..<63 {
    for offset in -1...1 {
      values.append((Int64(1) << bit) &+ Int64(offset))
      values.append(-(Int64(1) << bit) &+ Int64(offset))
    }
  }
  for near in [0, 63, 64, 8255, 8256, 8256 + 65535, 8256 + 65536, 8256 + (1 << 24)] as [Int64] {
    for offset in -2...2 { values += [near + Int64(offset), -(near + Int64(offset))] }
  }
  return Array(Set(values)).sorted()
}()

@Suite struct OrderedEncodingTests {
  @Test(arguments: [false, true]) func integers(descending: Bool) {
    var generator = SeededGenerator(1)
    var values = edgeIntegers
    for _ in 0..<100 { values.append(Int64(truncatingIfNeeded: generator.next() >> (generator.next() % 64))) }
    checkOrder(values, descending: descending, below: <) {
      KeyEncoding.appendInt64($0, descending: descending, to: &$1)
    }
    for value in values {
      var bytes: [UInt8] = []
      KeyEncoding.appendInt64(value, descending: descending, to: &bytes)
      let (read, isAtEnd) = reading(bytes) { $0.readOrderedInt64(descending: descending) }
      #expect(read == value)
      #expect(isAtEnd)
      for cut in 0..<bytes.count {
        #expect(reading(Array(bytes[..<cut])) { $0.readOrderedInt64(descending: descending) }.0 == nil)
      }
    }
  }

  @Test(arguments: [false, true]) func unsignedIntegers(descending: Bool) {
    var generator = SeededGenerator(2)
    var values: [UInt64] = [0, 1, 63, 64, 8255, 8256, UInt64.max, UInt64.max - 1, UInt64(Int64.max)]
    for _ in 0..<300 { values.append(generator.next() >> (generator.next() % 64)) }
    checkOrder(values, descending: descending, below: <) {
      KeyEncoding.appendUInt64($0, descending: descending, to: &$1)
    }
    for value in values {
      var bytes: [UInt8] = []
      KeyEncoding.appendUInt64(value, descending: descending, to: &bytes)
      #expect(reading(bytes) { $0.readOrderedUInt64(descending: descending) } == (value, true))
    }
  }

  @Test func smallIntegersAreShort() {
    for (value, count) in [(0, 1), (63, 1), (-1, 1), (-64, 1), (64, 2), (8255, 2), (-8256, 2), (8256, 3)] {
      var bytes: [UInt8] = []
      KeyEncoding.appendInt64(Int64(value), to: &bytes)
      #expect(bytes.count == count, "\(value)")
    }
  }

  /// PostgreSQL's order of float8: NaN above infinity, -0 equal to 0.
  @Test(arguments: [false, true]) func doubles(descending: Bool) {
    var generator = SeededGenerator(3)
    var values: [Double] = [
      -Double.infinity, -Double.greatestFiniteMagnitude, -1.5, -1, -Double.leastNonzeroMagnitude, 0,
      Double.leastNonzeroMagnitude, 1, 1.0.nextUp, 1e300, Double.greatestFiniteMagnitude, Double.infinity, Double.nan,
    ]
    for _ in 0..<200 {
      let value = Double(bitPattern: generator.next())
      if !value.isNaN { values.append(value) }
    }
    let below = { (left: Double, right: Double) -> Bool in
      left.isNaN ? false : (right.isNaN ? true : left < right)
    }
    checkOrder(values, descending: descending, below: below) {
      KeyEncoding.appendDouble($0, descending: descending, to: &$1)
    }
    for value in values {
      var bytes: [UInt8] = []
      KeyEncoding.appendDouble(value, descending: descending, to: &bytes)
      let (read, isAtEnd) = reading(bytes) { $0.readOrderedDouble(descending: descending) }
      #expect(isAtEnd)
      #expect(value.isNaN ? read?.isNaN == true : read == value)
    }
    var zero: [UInt8] = []
    var minusZero: [UInt8] = []
    KeyEncoding.appendDouble(0, to: &zero)
    KeyEncoding.appendDouble(-0.0, to: &minusZero)
    #expect(zero == minusZero)
  }

  @Test(arguments: [false, true]) func byteStrings(descending: Bool) {
    var generator = SeededGenerator(4)
    var values: [[UInt8]] = [[], [0], [0, 0], [0xFF], [0, 0xFF], [0, 1], [1], [0xFF, 0xFF], [0xFE]]
    for _ in 0..<150 {
      let count = Int.random(in: 0...6, using: &generator)
      values.append((0..<count).map { _ in [0, 1, 2, 0x61, 0xFE, 0xFF].randomElement(using: &generator)! })
    }
    checkOrder(values, descending: descending, below: { $0.lexicographicallyPrecedes($1) }) {
      KeyEncoding.appendBytes($0, descending: descending, to: &$1)
    }
    for value in values {
      var bytes: [UInt8] = []
      KeyEncoding.appendBytes(value, descending: descending, to: &bytes)
      bytes.append(0x42)
      bytes.withUnsafeBytes { raw in
        var reader = ByteReader(raw)
        var output: [UInt8] = []
        let isRead = reader.readOrderedBytes(descending: descending, into: &output)
        #expect(isRead)
        #expect(output == value)
        #expect(reader.remaining == 1)
        var skipper = ByteReader(raw)
        let isSkipped = skipper.skipOrderedBytes(descending: descending)
        #expect(isSkipped)
        #expect(skipper.remaining == 1)
      }
      for cut in 0..<(bytes.count - 1) {
        var output: [UInt8] = []
        #expect(
          !reading(Array(bytes[..<cut])) { $0.readOrderedBytes(descending: descending, into: &output) }.0)
      }
    }
  }

  /// A decimal as an exact integer of hundredths of thousandths, with its digits.
  struct Decimal {
    var scaled: Int

    var parts: (negative: Bool, exponent: Int64, digits: [UInt8]) {
      let digits = String(abs(scaled)).utf8.map { $0 - 48 }
      // scaled * 10^-5 = 0.ddd * 10^(count - 5)
      return (scaled < 0, Int64(digits.count) - 5, digits)
    }
  }

  @Test(arguments: [false, true]) func decimals(descending: Bool) {
    var generator = SeededGenerator(5)
    var values = [0, 1, -1, 9, 10, 99, 100, 101, 110, 999, 1000, 12345, 100_000, -100_000, 123_456_789, 1_234_567_891]
    for _ in 0..<200 {
      let magnitude = Int(generator.next() >> (1 + generator.next() % 62))
      values.append(Bool.random(using: &generator) ? magnitude : -magnitude)
    }
    func encode(_ value: Int, _ bytes: inout [UInt8]) {
      let parts = Decimal(scaled: value).parts
      parts.digits.withUnsafeBufferPointer {
        KeyEncoding.appendDecimal(
          negative: parts.negative, exponent: parts.exponent, digits: $0, descending: descending, to: &bytes)
      }
    }
    checkOrder(values, descending: descending, below: <) { encode($0, &$1) }
    for value in values {
      var bytes: [UInt8] = []
      encode(value, &bytes)
      var digits: [UInt8] = []
      let (read, isAtEnd) = reading(bytes) { $0.readOrderedDecimal(descending: descending, digits: &digits) }
      #expect(isAtEnd)
      if value == 0 {
        #expect(read == .special(.zero))
      } else {
        var expected = Decimal(scaled: value).parts.digits
        while expected.last == 0 { expected.removeLast() }
        #expect(digits == expected)
        #expect(
          read == .finite(negative: value < 0, exponent: Decimal(scaled: value).parts.exponent))
      }
    }
  }

  /// PostgreSQL's order of numeric: -Infinity, numbers, Infinity, NaN.
  @Test func specialDecimals() {
    func finite(_ value: Int) -> Key {
      var bytes: [UInt8] = []
      let parts = Decimal(scaled: value).parts
      parts.digits.withUnsafeBufferPointer {
        KeyEncoding.appendDecimal(negative: parts.negative, exponent: parts.exponent, digits: $0, to: &bytes)
      }
      return Key(bytes)
    }
    func special(_ value: SpecialDecimal) -> Key {
      var bytes: [UInt8] = []
      KeyEncoding.appendDecimal(value, to: &bytes)
      return Key(bytes)
    }
    let ascending = [
      special(.negativeInfinity), finite(Int.min + 1), finite(-1), special(.zero), finite(1), finite(Int.max),
      special(.infinity), special(.notANumber),
    ]
    #expect(ascending == ascending.sorted())
    #expect(Set(ascending).count == ascending.count)
  }

  @Test func nullsStandWhereAsked() {
    var first: [UInt8] = []
    var last: [UInt8] = []
    KeyEncoding.appendNull(.first, to: &first)
    KeyEncoding.appendNull(.last, to: &last)
    for value in edgeIntegers {
      for descending in [false, true] {
        var bytes: [UInt8] = []
        KeyEncoding.appendInt64(value, descending: descending, to: &bytes)
        #expect(Key(first) < Key(bytes))
        #expect(Key(bytes) < Key(last))
        #expect(reading(bytes) { $0.readOrderedNull() }.0 == false)
      }
    }
    #expect(reading(first) { $0.readOrderedNull() } == (true, true))
    #expect(reading(last) { $0.readOrderedNull() } == (true, true))
  }

  @Test func tuplesOrderColumnByColumn() {
    var generator = SeededGenerator(6)
    var values: [(Int64, [UInt8], Int64)] = []
    for _ in 0..<200 {
      let text = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
        UInt8([0, 1, 0xFF].randomElement(using: &generator)!)
      }
      values.append((Int64.random(in: -2...2, using: &generator), text, Int64.random(in: -99...99, using: &generator)))
    }
    checkOrder(
      values, descending: false,
      below: { left, right in
        if left.0 != right.0 { return left.0 < right.0 }
        if left.1 != right.1 { return left.1.lexicographicallyPrecedes(right.1) }
        return left.2 > right.2
      }
    ) { value, bytes in
      KeyEncoding.appendInt64(value.0, to: &bytes)
      KeyEncoding.appendBytes(value.1, to: &bytes)
      KeyEncoding.appendInt64(value.2, descending: true, to: &bytes)
    }
  }

  @Test func damagedKeysAreNotRead() {
    var generator = SeededGenerator(7)
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...12, using: &generator)).map { _ in UInt8(truncatingIfNeeded: generator.next())
      }
      _ = reading(bytes) { $0.readOrderedInt64() }
      _ = reading(bytes) { $0.readOrderedInt64(descending: true) }
      _ = reading(bytes) { $0.readOrderedUInt64() }
      _ = reading(bytes) { $0.readOrderedDouble() }
      var output: [UInt8] = []
      _ = reading([0x60] + bytes) { $0.readOrderedBytes(into: &output) }
      _ = reading([0x21] + bytes) { $0.readOrderedDecimal(digits: &output) }
      _ = reading(bytes) { $0.readVarint() }
      _ = reading(bytes) { $0.readLengthPrefixed()?.count }
      bytes.withUnsafeBytes { raw in
        var decoder = RowDecoder(raw)
        while decoder.next() != nil {}
      }
    }
  }
}

@Suite struct ValueEncodingTests {
  @Test func varints() {
    var generator = SeededGenerator(8)
    var values: [UInt64] = [0, 1, 127, 128, 16383, 16384, UInt64.max, UInt64(Int64.max)]
    for _ in 0..<500 { values.append(generator.next() >> (generator.next() % 64)) }
    for value in values {
      var bytes: [UInt8] = []
      ValueEncoding.appendVarint(value, to: &bytes)
      #expect(bytes.count == ValueEncoding.varintCount(value))
      #expect(reading(bytes) { $0.readVarint() } == (value, true))
      bytes.removeAll()
      let signed = Int64(bitPattern: value)
      ValueEncoding.appendSignedVarint(signed, to: &bytes)
      #expect(reading(bytes) { $0.readSignedVarint() } == (signed, true))
    }
    #expect(reading([UInt8](repeating: 0x80, count: 11)) { $0.readVarint() }.0 == nil)
    #expect(reading([UInt8](repeating: 0xFF, count: 9) + [0x02]) { $0.readVarint() }.0 == nil)
  }

  @Test func rows() {
    var encoder = RowEncoder()
    encoder.append(1, int64: -5)
    encoder.append(3, bytes: Array("abc".utf8))
    encoder.append(200, float64: 2.5)
    encoder.append(201, int64: Int64.min)
    encoder.append(UInt32.max, bytes: [])
    encoder.buffer.withUnsafeBytes { raw in
      var decoder = RowDecoder(raw)
      var seen: [String] = []
      while let (column, field) = decoder.next() {
        switch field {
        case .int64(let value): seen.append("\(column)=\(value)")
        case .float64(let value): seen.append("\(column)=\(value)")
        case .bytes(let bytes): seen.append("\(column)=\(String(decoding: bytes, as: UTF8.self))")
        }
      }
      #expect(seen == ["1=-5", "3=abc", "200=2.5", "201=-9223372036854775808", "4294967295="])
      #expect(!decoder.isDamaged)
    }
    let cut = Array(encoder.buffer.dropLast(3))
    cut.withUnsafeBytes { raw in
      var decoder = RowDecoder(raw)
      while decoder.next() != nil {}
      #expect(decoder.isDamaged)
    }
  }

  /// Check values: RFC 3720 appendix B.4, and the usual check string.
  @Test func checksums() {
    #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46DD_794E)
    #expect(CRC32C.checksum([]) == 0)
    let bytes = (0..<100).map { UInt8($0 * 7 & 0xFF) }
    for cut in 0...100 {
      bytes.withUnsafeBytes { raw in
        let first = CRC32C.checksum(UnsafeRawBufferPointer(rebasing: raw[..<cut]))
        #expect(
          CRC32C.checksum(UnsafeRawBufferPointer(rebasing: raw[cut...]), continuing: first)
            == CRC32C.checksum(bytes))
        // With and without the processor's instruction.
        #expect(first == CRC32C.checksumByTables(UnsafeRawBufferPointer(rebasing: raw[..<cut])))
      }
    }
  }
}

@Suite struct KeyTests {
  @Test func prefixEnds() {
    #expect(Key([1, 2]).prefixEnd == Key([1, 3]))
    #expect(Key([1, 0xFF]).prefixEnd == Key([2]))
    #expect(Key([0xFF, 0xFF]).prefixEnd == Key.max)
    #expect(Key().prefixEnd == Key.max)
    #expect(Key([1]).next == Key([1, 0]))
  }

  @Test func spans() {
    let span = KeySpan(start: Key([1]), end: Key([3]))
    #expect(span.contains(Key([1])))
    #expect(span.contains(Key([2, 0xFF])))
    #expect(!span.contains(Key([3])))
    #expect(span.overlaps(KeySpan(Key([2]))))
    #expect(!span.overlaps(KeySpan(Key([3]))))
    #expect(KeySpan(Key([2])).isSingleKey)
    #expect(KeySpan(Key()).isSingleKey)
    #expect(!span.isSingleKey)
    #expect(span.intersection(KeySpan(start: Key([2]), end: Key([9]))) == KeySpan(start: Key([2]), end: Key([3])))
    #expect(span.intersection(KeySpan(Key([3]))) == nil)
  }

  @Test func descriptions() {
    #expect(Key([0x61, 0x00, 0x5C, 0xFF]).description == "a\\x00\\\\\\xFF")
  }

  @Test func blocks() {
    var block = KeyValueBlock()
    block.append(key: [1], value: [2, 3])
    block.append(key: [4, 5], value: [])
    block.append(key: [], value: [6])
    #expect(block.count == 3)
    #expect(block.byteCount == 6)
    #expect(block.key(1) == Key([4, 5]))
    #expect(block.value(0) == [2, 3])
    #expect(block.withValue(2) { Array($0) } == [6])
    #expect(block.withKey(0) { Array($0) } == [1])
    var other = KeyValueBlock()
    other.append(key: [9], value: [9])
    other.append(row: 1, of: block)
    other.append(row: 0, of: block)
    #expect(other.key(1) == Key([4, 5]))
    #expect(other.key(2) == Key([1]))
    #expect(other.value(2) == [2, 3])
    let value: [UInt8] = [7]
    let isAppended = value.withUnsafeBytes { value in
      other.append(value: value) {
        $0 += [8, 9]
        return true
      }
    }
    let isDamagedAppended = value.withUnsafeBytes { value in
      other.append(value: value) {
        $0.append(8)
        return false
      }
    }
    #expect(isAppended && !isDamagedAppended)
    #expect(other.count == 4 && other.byteCount == 10)
    #expect(other.key(3) == Key([8, 9]))
    #expect(other.value(3) == [7])
    block.removeAll()
    #expect(block.isEmpty)
  }
}
