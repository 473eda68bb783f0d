// Numeric against PostgreSQL 15: thousands of recorded operations, and properties of the binary forms.

import Encoding
import SQLTypes
import Testing

@Suite struct NumericTests {
  @Test func recordedOperations() {
    Transcript("numeric", separator: "|").check { (line) throws(SQLError) in
      let a = try Numeric(text: line[1])
      func b() throws(SQLError) -> Numeric { try Numeric(text: line[2]) }
      switch line[0] {
      case "+": return try a.adding(try b()).description
      case "-": return try a.subtracting(try b()).description
      case "*": return try a.multiplied(by: try b()).description
      case "/": return try a.divided(by: try b()).description
      case "%": return try a.remainder(dividingBy: try b()).description
      case "div": return try a.integerQuotient(dividingBy: try b()).description
      case "<=>": return String(Numeric.compare(a, try b()))
      case "round": return try a.rounded(toScale: Int(line[2]) ?? 0).description
      case "trunc": return try a.truncated(toScale: Int(line[2]) ?? 0).description
      case "ceil": return try a.ceiling().description
      case "floor": return try a.floor().description
      case "int8": return String(try a.int64())
      case "float8": return show(TypeInfo.find(name: "float8")!.text(.float64(try a.double())))
      case "float4":
        let cast = Casts.find(from: SQLType.numeric.oid, to: SQLType.float4.oid)!
        return show(
          TypeInfo.find(name: "float4")!.text(try cast.apply(.numeric(a), isExplicit: true, settings: .standard)))
      case "send":
        let bytes = TypeInfo.find(name: "numeric")!.binary(.numeric(a))
        let back = try TypeInfo.find(name: "numeric")!.receive(bytes)
        if case .numeric(let value) = back { #expect(value.identical(a)) }
        return String(show(TypeInfo.find(name: "bytea")!.text(.bytes(bytes))).dropFirst(2))
      case "typmod":
        let parts = line[2].split(separator: ",").compactMap { Int64($0) }
        return try a.applying(modifier: try TypeInfo.find(name: "numeric")!.modifier(arguments: parts)).description
      case "sqrt": return try a.squareRoot().description
      case "ln": return try a.naturalLogarithm().description
      case "log": return try a.logarithm10().description
      case "logb": return try a.logarithm(base: try b()).description
      case "exp": return try a.exponential().description
      case "power": return try a.power(try b()).description
      default: return "?"
      }
    }
  }

  /// All operands of the recorded operations.
  private static func operands() -> [Numeric] {
    var values: [Numeric] = []
    for line in Transcript("numeric", separator: "|").lines where line[0] == "+" || line[0] == "<=>" {
      if let a = try? Numeric(text: line[1]) { values.append(a) }
      if let b = try? Numeric(text: line[2]) { values.append(b) }
    }
    return values
  }

  @Test func formsOfRowsAndKeysRoundTrip() throws {
    let type = TypeInfo.find(name: "numeric")!
    for value in NumericTests.operands() {
      let compact = value.compactBytes
      #expect(try compact.withUnsafeBytes { try Numeric(compact: $0) }.identical(value))
      for descending in [false, true] {
        var key: [UInt8] = []
        type.encodeKey(.numeric(value), descending: descending, nulls: .last, into: &key)
        var vector = ColumnVector(.numeric)
        try key.withUnsafeBytes { bytes in
          var reader = ByteReader(bytes)
          try type.decodeKey(&reader, descending: descending, into: &vector)
          #expect(reader.isAtEnd)
        }
        #expect(vector.numerics == [value])
      }
    }
  }

  @Test func keysAreOrderedAsValues() {
    let type = TypeInfo.find(name: "numeric")!
    let values = NumericTests.operands()
    for (a, b) in zip(values, values.dropFirst()) {
      var x: [UInt8] = []
      var y: [UInt8] = []
      type.encodeKey(.numeric(a), nulls: .last, into: &x)
      type.encodeKey(.numeric(b), nulls: .last, into: &y)
      let order = x.withUnsafeBytes { left in y.withUnsafeBytes { right in compareBytes(left, right) } }
      #expect(order.signum() == Numeric.compare(a, b), "\(a) \(b)")
    }
  }

  @Test func equalityIgnoresTheScale() throws {
    let a = try Numeric(text: "1.0")
    let b = try Numeric(text: "1.00")
    #expect(a == b)
    #expect(!a.identical(b))
    #expect(a.hashValue == b.hashValue)
    #expect(a.hash64(seed: 1) == b.hash64(seed: 1))
    #expect(Numeric.nan == Numeric.nan)
    #expect(
      try Numeric(text: "1e40").hash64(seed: 3)
        == Numeric(text: "1" + String(repeating: "0", count: 40) + ".000").hash64(seed: 3))
  }

  @Test func limits() {
    for text in ["1e131072", "1e-16384", "123456789e131064"] {
      #expect(throws: SQLError(.numericValueOutOfRange, "value overflows numeric format")) { try Numeric(text: text) }
    }
  }

  /// Exponents and arguments beyond the doubles: select power(1.0, 1e50), exp(1e-400), …
  @Test func powersBeyondDoubles() throws {
    let huge = try Numeric(text: "1e50")
    let beyond = try Numeric(text: "1e400")
    let tiny = try Numeric(text: "1e-400")
    #expect(try Numeric(text: "1.0").power(huge).description == "1.0000000000000000")
    #expect(try Numeric(text: "1.0").power(beyond).description == "1.0000000000000000")
    #expect(try Numeric(text: "-1.0").power(huge.adding(.one)).description == "-1.0000000000000000")
    #expect(try tiny.exponential().description == "1." + String(repeating: "0", count: 399) + "1")
    #expect(try Numeric(2).power(tiny).description == "1." + String(repeating: "0", count: 399) + "1")
    #expect(try Numeric(text: "0.5").power(huge).description == "0." + String(repeating: "0", count: 1000))
    for base in ["1.00001", "2"] {
      #expect(throws: SQLError(.numericValueOutOfRange, "value overflows numeric format")) {
        try Numeric(text: base).power(beyond)
      }
    }
  }

  @Test func longNumbers() throws {
    // 2^2000 has 603 digits, the first and last of which are known; and (10^300 + 1)(10^300 - 1) = 10^600 -
    // 1.
    let power = try Numeric(2).power(Numeric(2000)).description
    #expect(power.hasPrefix("11481306952742545242328332011776819840223177020886952004776427368257662613923703"))
    #expect(power.utf8.prefix { $0 != UInt8(ascii: ".") }.count == 603)
    let large = try Numeric(text: "1e300")
    let product = try large.adding(.one).multiplied(by: try large.subtracting(.one))
    #expect(product.description == String(repeating: "9", count: 600))
  }
}
