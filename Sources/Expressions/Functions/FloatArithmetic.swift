// HOT: Arithmetic and functions of float4 and float8. A float4 is kept as the Double of the same value: each result is
// rounded to 24 bits. Infinite results of finite operands are errors.
// Source: PostgreSQL manual, 9.3, 8.1.3.

import Glibc
import SQLTypes

extension FunctionCatalog {
  mutating func addFloatArithmetic() {
    addOperators(.float8, .float8, .float8)
    addOperators(.float4, .float8, .float8)
    addOperators(.float8, .float4, .float8)
    addOperators(.float4, .float4, .float4)
    for type in [SQLType.float4, .float8] { addSigns(type) }
    addRounding()
    addRoots()
    addTrigonometry()
    addRandomness()
  }

  private mutating func addOperators(_ left: SQLType, _ right: SQLType, _ result: SQLType) {
    if result == .float4 {
      // Through Float, so that the result is rounded once.
      infix("+", left, right, result) { (a, n, _) throws(SQLError) in
        try checked2(a, n, ArithmeticErrors.overflow) { (x: Double, y: Double) in
          let value = Float(x) + Float(y)
          return (Double(value), value.isInfinite && x.isFinite && y.isFinite)
        }
      }
      infix("-", left, right, result) { (a, n, _) throws(SQLError) in
        try checked2(a, n, ArithmeticErrors.overflow) { (x: Double, y: Double) in
          let value = Float(x) - Float(y)
          return (Double(value), value.isInfinite && x.isFinite && y.isFinite)
        }
      }
      infix("*", left, right, result) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (x: Double, y: Double) throws(SQLError) -> Double in
          let value = Float(x) * Float(y)
          if value.isInfinite && x.isFinite && y.isFinite { throw ArithmeticErrors.overflow }
          if value == 0 && x != 0 && y != 0 { throw ArithmeticErrors.underflow }
          return Double(value)
        }
      }
      infix("/", left, right, result) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (x: Double, y: Double) throws(SQLError) -> Double in
          if y == 0 && !x.isNaN { throw ArithmeticErrors.divisionByZero }
          let value = Float(x) / Float(y)
          if value.isInfinite && x.isFinite { throw ArithmeticErrors.overflow }
          if value == 0 && x != 0 && y.isFinite { throw ArithmeticErrors.underflow }
          return Double(value)
        }
      }
      return
    }
    infix("+", left, right, result) { (a, n, _) throws(SQLError) in
      try checked2(a, n, ArithmeticErrors.overflow) { (x: Double, y: Double) in
        let value = x + y
        return (value, value.isInfinite && x.isFinite && y.isFinite)
      }
    }
    infix("-", left, right, result) { (a, n, _) throws(SQLError) in
      try checked2(a, n, ArithmeticErrors.overflow) { (x: Double, y: Double) in
        let value = x - y
        return (value, value.isInfinite && x.isFinite && y.isFinite)
      }
    }
    infix("*", left, right, result) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Double, y: Double) throws(SQLError) -> Double in
        let value = x * y
        if value.isInfinite && x.isFinite && y.isFinite { throw ArithmeticErrors.overflow }
        if value == 0 && x != 0 && y != 0 { throw ArithmeticErrors.underflow }
        return value
      }
    }
    infix("/", left, right, result) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Double, y: Double) throws(SQLError) -> Double in
        if y == 0 && !x.isNaN { throw ArithmeticErrors.divisionByZero }
        let value = x / y
        if value.isInfinite && x.isFinite { throw ArithmeticErrors.overflow }
        if value == 0 && x != 0 && y.isFinite { throw ArithmeticErrors.underflow }
        return value
      }
    }
  }

  private mutating func addSigns(_ type: SQLType) {
    prefix("-", type, type) { (a, n, _) in fast1(a, n) { (x: Double) in -x } }
    prefix("+", type, type) { (a, n, _) in fast1(a, n) { (x: Double) in x } }
    prefix("@", type, type) { (a, n, _) in fast1(a, n) { (x: Double) in x.magnitude } }
    function("abs", [type], type) { (a, n, _) in fast1(a, n) { (x: Double) in x.magnitude } }
  }

  private mutating func addRounding() {
    for name in ["ceil", "ceiling"] {
      function(name, [.float8], .float8) { (a, n, _) in fast1(a, n) { (x: Double) in x.rounded(.up) } }
    }
    function("floor", [.float8], .float8) { (a, n, _) in fast1(a, n) { (x: Double) in x.rounded(.down) } }
    function("round", [.float8], .float8) { (a, n, _) in fast1(a, n) { (x: Double) in x.rounded(.toNearestOrEven) } }
    function("trunc", [.float8], .float8) { (a, n, _) in fast1(a, n) { (x: Double) in x.rounded(.towardZero) } }
    function("sign", [.float8], .float8) { (a, n, _) in
      fast1(a, n) { (x: Double) in x > 0 ? 1 : x < 0 ? -1 : 0 }
    }
  }

  private mutating func addRoots() {
    let squareRoot: ScalarKernel = { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Double) throws(SQLError) -> Double in
        if x < 0 {
          throw SQLError(.invalidArgumentForPowerFunction, "cannot take square root of a negative number")
        }
        return x.squareRoot()
      }
    }
    function("sqrt", [.float8], .float8, kernel: squareRoot)
    prefix("|/", .float8, .float8, kernel: squareRoot)
    function("cbrt", [.float8], .float8) { (a, n, _) in fast1(a, n) { (x: Double) in Glibc.cbrt(x) } }
    prefix("||/", .float8, .float8) { (a, n, _) in fast1(a, n) { (x: Double) in Glibc.cbrt(x) } }
    let power: ScalarKernel = { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Double, y: Double) throws(SQLError) -> Double in try floatPower(x, y) }
    }
    for name in ["power", "pow"] { function(name, [.float8, .float8], .float8, kernel: power) }
    infix("^", .float8, .float8, .float8, kernel: power)
    function("exp", [.float8], .float8) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Double) throws(SQLError) -> Double in
        let value = Glibc.exp(x)
        if value.isInfinite && x.isFinite { throw ArithmeticErrors.overflow }
        if value == 0 && x.isFinite { throw ArithmeticErrors.underflow }
        return value
      }
    }
    function("ln", [.float8], .float8) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Double) throws(SQLError) -> Double in Glibc.log(try logarithmArgument(x)) }
    }
    for name in ["log", "log10"] {
      function(name, [.float8], .float8) { (a, n, _) throws(SQLError) in
        try map1(a, n) { (x: Double) throws(SQLError) -> Double in Glibc.log10(try logarithmArgument(x)) }
      }
    }
  }

  private mutating func addTrigonometry() {
    unary("sin", Glibc.sin, domain: \.isFinite)
    unary("cos", Glibc.cos, domain: \.isFinite)
    unary("tan", Glibc.tan, domain: \.isFinite)
    unary("cot", { 1 / Glibc.tan($0) }, domain: \.isFinite)
    unary("asin", Glibc.asin, domain: { $0 >= -1 && $0 <= 1 })
    unary("acos", Glibc.acos, domain: { $0 >= -1 && $0 <= 1 })
    unary("atan", Glibc.atan, domain: { _ in true })
    unary("sinh", Glibc.sinh, domain: { _ in true })
    unary("cosh", Glibc.cosh, domain: { _ in true })
    unary("tanh", Glibc.tanh, domain: { _ in true })
    unary("asinh", Glibc.asinh, domain: { _ in true })
    unary("acosh", Glibc.acosh, domain: { $0 >= 1 })
    unary("atanh", Glibc.atanh, domain: { $0 >= -1 && $0 <= 1 })
    unary("degrees", { $0 / (Double.pi / 180) }, domain: { _ in true })
    unary("radians", { $0 * (Double.pi / 180) }, domain: { _ in true })
    unary("sind", DegreeTrigonometry.sine, domain: \.isFinite)
    unary("cosd", DegreeTrigonometry.cosine, domain: \.isFinite)
    unary("tand", DegreeTrigonometry.tangent, domain: \.isFinite)
    unary("cotd", DegreeTrigonometry.cotangent, domain: \.isFinite)
    unary("asind", DegreeTrigonometry.arcSine, domain: { $0 >= -1 && $0 <= 1 })
    unary("acosd", DegreeTrigonometry.arcCosine, domain: { $0 >= -1 && $0 <= 1 })
    unary("atand", { Glibc.atan($0) / Glibc.atan(1) * 45 }, domain: { _ in true })
    function("atan2d", [.float8, .float8], .float8) { (a, n, _) in
      fast2(a, n) { (x: Double, y: Double) in Glibc.atan2(x, y) / Glibc.atan(1) * 45 }
    }
    function("atan2", [.float8, .float8], .float8) { (a, n, _) in
      fast2(a, n) { (x: Double, y: Double) in Glibc.atan2(x, y) }
    }
    function("pi", [], .float8) { (_, n, _) in ColumnVector(float64s: Array(repeating: Double.pi, count: n)) }
  }

  private mutating func unary(
    _ name: String, _ body: @escaping @Sendable (Double) -> Double,
    domain: @escaping @Sendable (Double) -> Bool
  ) {
    function(name, [.float8], .float8) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Double) throws(SQLError) -> Double in
        if !x.isNaN && !domain(x) { throw SQLError(.numericValueOutOfRange, "input is out of range") }
        return body(x)
      }
    }
  }

  private mutating func addRandomness() {
    function("random", [], .float8, .volatile) { (_, n, context) in
      ColumnVector(float64s: (0..<n).map { _ in Double(context.random() >> 11) * 0x1p-53 })
    }
  }
}

/// `x ^ y` with PostgreSQL's special cases and errors.
func floatPower(_ x: Double, _ y: Double) throws(SQLError) -> Double {
  if x.isNaN { return y == 0 ? 1 : x }
  if y.isNaN { return x == 1 ? 1 : y }
  if x == 0 && y < 0 {
    throw SQLError(.invalidArgumentForPowerFunction, "zero raised to a negative power is undefined")
  }
  if x < 0 && y.isFinite && y.rounded(.down) != y {
    throw SQLError(
      .invalidArgumentForPowerFunction,
      "a negative number raised to a non-integer power yields a complex result")
  }
  let value = Glibc.pow(x, y)
  if x.isFinite && y.isFinite {
    if value.isInfinite { throw ArithmeticErrors.overflow }
    if value == 0 && x != 0 { throw ArithmeticErrors.underflow }
  }
  return value
}

func logarithmArgument(_ x: Double) throws(SQLError) -> Double {
  if x == 0 { throw SQLError(.invalidArgumentForLogarithm, "cannot take logarithm of zero") }
  if x < 0 { throw SQLError(.invalidArgumentForLogarithm, "cannot take logarithm of a negative number") }
  return x
}

extension FunctionCatalog {
  /// The steps of PostgreSQL's aggregates over booleans and pairs of floats, which may be called by themselves.
  /// Source: E. A. Youngs, E. M. Cramer, Technometrics 13 (1971).
  mutating func addTransitions() {
    for (name, isAnd) in [("booland_statefunc", true), ("boolor_statefunc", false)] {
      function(name, [.bool, .bool], .bool) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (x: Bool, y: Bool) throws(SQLError) -> Bool in isAnd ? x && y : x || y }
      }
    }
    @Sendable func numbers(_ bytes: [UInt8], _ count: Int, _ name: String) throws(SQLError) -> [Double] {
      let values = try ArrayValue(bytes).elements.compactMap { element in
        if case .float64(let value) = element { value } else { nil }
      }
      guard values.count == count else {
        throw SQLError(.internalError, "\(name): expected \(count)-element float8 array")
      }
      return values
    }
    @Sendable func array(_ values: [Double]) -> [UInt8] {
      let array = ArrayValue(elementOID: SQLType.float8.oid, values.map { .float64($0) })
      if case .bytes(let bytes) = array.datum { return bytes }
      return []
    }
    function("float8_accum", [.float8Array, .float8], .float8Array) { (a, n, _) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
        var s = try numbers(row.bytes(0), 3, "float8_accum")
        let x = row.float64(1)
        s[0] += 1
        s[1] += x
        if s[0] > 1 {
          let difference = x * s[0] - s[1]
          s[2] += difference * difference / (s[0] * (s[0] - 1))
        } else if !x.isFinite {
          s[2] = .nan
        }
        return array(s)
      }
    }
    function("float8_regr_accum", [.float8Array, .float8, .float8], .float8Array) { (a, n, _) throws(SQLError) in
      try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
        var s = try numbers(row.bytes(0), 6, "float8_regr_accum")
        let (y, x) = (row.float64(1), row.float64(2))
        s[0] += 1
        s[1] += x
        s[3] += y
        if s[0] > 1 {
          let (dx, dy) = (x * s[0] - s[1], y * s[0] - s[3])
          let scale = 1 / (s[0] * (s[0] - 1))
          s[2] += dx * dx * scale
          s[4] += dy * dy * scale
          s[5] += dx * dy * scale
        } else {
          if !x.isFinite { (s[2], s[5]) = (.nan, .nan) }
          if !y.isFinite { (s[4], s[5]) = (.nan, .nan) }
        }
        return array(s)
      }
    }
    for (name, count) in [("float8_combine", 3), ("float8_regr_combine", 6)] {
      function(name, [.float8Array, .float8Array], .float8Array) { (a, n, _) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          let p = try numbers(row.bytes(0), count, name)
          let q = try numbers(row.bytes(1), count, name)
          if p[0] == 0 { return array(q) }
          if q[0] == 0 { return array(p) }
          let total = p[0] + q[0]
          var s = zip(p, q).map { $0 + $1 }
          let dx = p[1] / p[0] - q[1] / q[0]
          s[2] += p[0] * q[0] * dx * dx / total
          if count == 6 {
            let dy = p[3] / p[0] - q[3] / q[0]
            s[4] += p[0] * q[0] * dy * dy / total
            s[5] += p[0] * q[0] * dx * dy / total
          }
          return array(s)
        }
      }
    }
  }
}
