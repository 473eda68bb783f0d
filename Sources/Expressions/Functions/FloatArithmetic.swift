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
