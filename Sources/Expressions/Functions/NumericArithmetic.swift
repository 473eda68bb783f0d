// Arithmetic, rounding and comparison of `numeric`; the exact arithmetic itself is `Numeric`'s. Transcendental functions of
// numeric arguments are in `NumericFunctions`.
// Source: PostgreSQL manual, 9.3, 8.1.2.

import SQLTypes

extension FunctionCatalog {
  mutating func addNumericArithmetic() {
    compareAll(.numeric, .numeric) { (x: Numeric, y: Numeric) in Numeric.compare(x, y) }
    infix("+", .numeric, .numeric, .numeric) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Numeric, y: Numeric) throws(SQLError) -> Numeric in try x.adding(y) }
    }
    infix("-", .numeric, .numeric, .numeric) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Numeric, y: Numeric) throws(SQLError) -> Numeric in try x.subtracting(y) }
    }
    infix("*", .numeric, .numeric, .numeric) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Numeric, y: Numeric) throws(SQLError) -> Numeric in try x.multiplied(by: y) }
    }
    infix("/", .numeric, .numeric, .numeric) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Numeric, y: Numeric) throws(SQLError) -> Numeric in try x.divided(by: y) }
    }
    let remainder: ScalarKernel = { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Numeric, y: Numeric) throws(SQLError) -> Numeric in try x.remainder(dividingBy: y) }
    }
    infix("%", .numeric, .numeric, .numeric, kernel: remainder)
    function("mod", [.numeric, .numeric], .numeric, kernel: remainder)
    function("div", [.numeric, .numeric], .numeric) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Numeric, y: Numeric) throws(SQLError) -> Numeric in
        try x.integerQuotient(dividingBy: y)
      }
    }
    prefix("-", .numeric, .numeric) { (a, n, _) throws(SQLError) in try map1(a, n) { (x: Numeric) in x.negated } }
    prefix("+", .numeric, .numeric) { (a, n, _) throws(SQLError) in try map1(a, n) { (x: Numeric) in x } }
    prefix("@", .numeric, .numeric) { (a, n, _) throws(SQLError) in try map1(a, n) { (x: Numeric) in x.magnitude } }
    function("abs", [.numeric], .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) in x.magnitude }
    }
    function("sign", [.numeric], .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) in x.signum }
    }
    for name in ["ceil", "ceiling"] {
      function(name, [.numeric], .numeric) { (a, n, _) throws(SQLError) in
        try map1(a, n) { (x: Numeric) throws(SQLError) -> Numeric in try x.ceiling() }
      }
    }
    function("floor", [.numeric], .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) throws(SQLError) -> Numeric in try x.floor() }
    }
    addScales()
    addRoots()
  }

  private mutating func addRoots() {
    function("sqrt", [.numeric], .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) throws(SQLError) -> Numeric in try x.squareRoot() }
    }
    function("exp", [.numeric], .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) throws(SQLError) -> Numeric in try x.exponential() }
    }
    function("ln", [.numeric], .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) throws(SQLError) -> Numeric in try x.naturalLogarithm() }
    }
    for name in ["log", "log10"] {
      function(name, [.numeric], .numeric) { (a, n, _) throws(SQLError) in
        try map1(a, n) { (x: Numeric) throws(SQLError) -> Numeric in try x.logarithm10() }
      }
    }
    function("log", [.numeric, .numeric], .numeric) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (base: Numeric, x: Numeric) throws(SQLError) -> Numeric in try x.logarithm(base: base) }
    }
    let power: ScalarKernel = { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Numeric, y: Numeric) throws(SQLError) -> Numeric in try x.power(y) }
    }
    for name in ["power", "pow"] { function(name, [.numeric, .numeric], .numeric, kernel: power) }
    infix("^", .numeric, .numeric, .numeric, kernel: power)
    function("factorial", [.int8], .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Int64) throws(SQLError) -> Numeric in
        if x < 0 { throw SQLError(.numericValueOutOfRange, "factorial of a negative number is undefined") }
        if x > 32177 { throw SQLError(.numericValueOutOfRange, "value overflows numeric format") }
        var product = Numeric.one
        for factor in stride(from: 2, through: x, by: 1) { product = try product.multiplied(by: Numeric(factor)) }
        return product
      }
    }
    for name in ["gcd", "lcm"] {
      function(name, [.numeric, .numeric], .numeric) { (a, n, _) throws(SQLError) in
        try map2(a, n) { (x: Numeric, y: Numeric) throws(SQLError) -> Numeric in
          if !x.isFinite || !y.isFinite { return .nan }
          let scale = max(x.scale, y.scale)
          var (divisor, rest) = (x.magnitude, y.magnitude)
          while !rest.isZero { (divisor, rest) = (rest, try divisor.remainder(dividingBy: rest)) }
          if name == "gcd" { return try divisor.rounded(toScale: scale) }
          if x.isZero || y.isZero { return try Numeric.zero.rounded(toScale: scale) }
          let product = try x.magnitude.integerQuotient(dividingBy: divisor).multiplied(by: y.magnitude)
          return try product.rounded(toScale: scale)
        }
      }
    }
  }

  private mutating func addScales() {
    function("round", [.numeric], .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) throws(SQLError) -> Numeric in try x.rounded(toScale: 0) }
    }
    function("round", [.numeric, .int4], .numeric) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Numeric, scale: Int64) throws(SQLError) -> Numeric in
        try x.rounded(toScale: Int(max(-2000, min(2000, scale))))
      }
    }
    function("trunc", [.numeric], .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) throws(SQLError) -> Numeric in try x.truncated(toScale: 0) }
    }
    function("trunc", [.numeric, .int4], .numeric) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Numeric, scale: Int64) throws(SQLError) -> Numeric in
        try x.truncated(toScale: Int(max(-2000, min(2000, scale))))
      }
    }
    function("scale", [.numeric], .int4) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) -> Int64? in x.isFinite ? Int64(x.scale) : nil }
    }
    function("trim_scale", [.numeric], .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) in x.trimmed }
    }
    function("min_scale", [.numeric], .int4) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) -> Int64? in x.isFinite ? Int64(x.trimmed.scale) : nil }
    }
    function("width_bucket", [.numeric, .numeric, .numeric, .int4], .int4) { (a, n, _) throws(SQLError) in
      try map4(a, n) { (x: Numeric, low: Numeric, high: Numeric, count: Int64) throws(SQLError) -> Int64 in
        try checkBuckets(count, boundsDiffer: low != high)
        if x.isNaN || low.isNaN || high.isNaN {
          throw SQLError(.invalidArgumentForWidthBucket, "operand, lower bound, and upper bound cannot be NaN")
        }
        if !low.isFinite || !high.isFinite {
          throw SQLError(.invalidArgumentForWidthBucket, "lower and upper bounds must be finite")
        }
        let ascends = low < high
        if ascends ? x < low : low < x { return 0 }
        if ascends ? !(x < high) : !(high < x) { return try increment(count) }
        let part = try x.subtracting(low).multiplied(by: Numeric(count))
        let quotient = try part.integerQuotient(dividingBy: try high.subtracting(low))
        return try quotient.int64() + 1
      }
    }
    function("width_bucket", [.float8, .float8, .float8, .int4], .int4) { (a, n, _) throws(SQLError) in
      try map4(a, n) { (x: Double, low: Double, high: Double, count: Int64) throws(SQLError) -> Int64 in
        if count <= 0 { try checkBuckets(count, boundsDiffer: true) }
        if x.isNaN || low.isNaN || high.isNaN {
          throw SQLError(.invalidArgumentForWidthBucket, "operand, lower bound, and upper bound cannot be NaN")
        }
        if low.isInfinite || high.isInfinite {
          throw SQLError(.invalidArgumentForWidthBucket, "lower and upper bounds must be finite")
        }
        try checkBuckets(count, boundsDiffer: low != high)
        if low < high ? x < low : x > low { return 0 }
        if low < high ? x >= high : x <= high { return try increment(count) }
        // Halved first, so that the width of the range does not overflow.
        let share = (x / 2 - low / 2) / (high / 2 - low / 2)
        return min(Int64(share * Double(count)), count - 1) + 1
      }
    }
  }
}

private func checkBuckets(_ count: Int64, boundsDiffer: Bool) throws(SQLError) {
  if count <= 0 { throw SQLError(.invalidArgumentForWidthBucket, "count must be greater than zero") }
  if !boundsDiffer {
    throw SQLError(.invalidArgumentForWidthBucket, "lower bound cannot equal upper bound")
  }
}

private func increment(_ count: Int64) throws(SQLError) -> Int64 {
  if count == Int64(Int32.max) { throw ArithmeticErrors.outOfRange(.int4) }
  return count + 1
}
