// HOT: Arithmetic and bit operations of int2, int4 and int8, failing where the result type cannot hold the result.
// Source: PostgreSQL manual, 9.3.

import SQLTypes

enum ArithmeticErrors {
  static func outOfRange(_ type: SQLType) -> SQLError {
    SQLError(.numericValueOutOfRange, "\(type.displayName) out of range")
  }
  static let divisionByZero = SQLError(.divisionByZero, "division by zero")
  static let overflow = SQLError(.numericValueOutOfRange, "value out of range: overflow")
  static let underflow = SQLError(.numericValueOutOfRange, "value out of range: underflow")
}

/// The type of an operation on two integers: the wider one.
private func wider(_ a: SQLType, _ b: SQLType) -> SQLType {
  if a == .int8 || b == .int8 { return .int8 }
  return a == .int4 || b == .int4 ? .int4 : .int2
}

/// The bits that an integer type has beside its sign.
private func magnitudeBits(_ type: SQLType) -> Int64 { type == .int2 ? 15 : type == .int4 ? 31 : 63 }

/// A result of int2 or int4 operands, which Int64 always holds, and whether it leaves the type's range.
@inline(__always)
private func fitting(_ value: Int64, _ bits: Int64) -> (Int64, Bool) { (value, value &>> bits != value &>> 63) }

extension FunctionCatalog {
  mutating func addIntegerArithmetic() {
    let integers: [SQLType] = [.int2, .int4, .int8]
    for left in integers { for right in integers { addArithmetic(left, right, wider(left, right)) } }
    for type in integers {
      addUnary(type)
      addBits(type)
      addDivisors(type)
    }
  }

  private mutating func addArithmetic(_ left: SQLType, _ right: SQLType, _ result: SQLType) {
    let error = ArithmeticErrors.outOfRange(result)
    // A value fits when shifting out its magnitude leaves only copies of the sign.
    let bits = magnitudeBits(result)
    if result == .int8 {
      infix("+", left, right, result) { (a, n, _) throws(SQLError) in
        try checked2(a, n, error) { (x: Int64, y: Int64) in x.addingReportingOverflow(y) }
      }
    } else {
      infix("+", left, right, result) { (a, n, _) throws(SQLError) in
        try checked2(a, n, error) { (x: Int64, y: Int64) in fitting(x &+ y, bits) }
      }
    }
    if result == .int8 {
      infix("-", left, right, result) { (a, n, _) throws(SQLError) in
        try checked2(a, n, error) { (x: Int64, y: Int64) in x.subtractingReportingOverflow(y) }
      }
    } else {
      infix("-", left, right, result) { (a, n, _) throws(SQLError) in
        try checked2(a, n, error) { (x: Int64, y: Int64) in fitting(x &- y, bits) }
      }
    }
    if result == .int8 {
      infix("*", left, right, result) { (a, n, _) throws(SQLError) in
        try checked2(a, n, error) { (x: Int64, y: Int64) in x.multipliedReportingOverflow(by: y) }
      }
    } else {
      infix("*", left, right, result) { (a, n, _) throws(SQLError) in
        try checked2(a, n, error) { (x: Int64, y: Int64) in fitting(x &* y, bits) }
      }
    }
    infix("/", left, right, result) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in
        if y == 0 { throw ArithmeticErrors.divisionByZero }
        let (value, overflow) = x.dividedReportingOverflow(by: y)
        if overflow || value &>> bits != value &>> 63 { throw error }
        return value
      }
    }
    guard left == right else { return }
    for name in ["%", "mod"] {
      let kernel: ScalarKernel = { (a, n, _) throws(SQLError) in
        try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in
          if y == 0 { throw ArithmeticErrors.divisionByZero }
          return y == -1 ? 0 : x % y
        }
      }
      if name == "%" {
        infix(name, left, right, result, kernel: kernel)
      } else {
        function(name, [left, right], result, kernel: kernel)
      }
    }
  }

  private mutating func addUnary(_ type: SQLType) {
    let error = ArithmeticErrors.outOfRange(type)
    let bits = magnitudeBits(type)
    prefix("-", type, type) { (a, n, _) throws(SQLError) in
      try checked1(a, n, error) { (x: Int64) in
        let (value, overflow) = (0 as Int64).subtractingReportingOverflow(x)
        return (value, overflow || value &>> bits != value &>> 63)
      }
    }
    prefix("+", type, type) { (a, n, _) in fast1(a, n) { (x: Int64) in x } }
    let absolute: ScalarKernel = { (a, n, _) throws(SQLError) in
      try checked1(a, n, error) { (x: Int64) in
        let (value, overflow) = x < 0 ? (0 as Int64).subtractingReportingOverflow(x) : (x, false)
        return (value, overflow || value &>> bits != value &>> 63)
      }
    }
    prefix("@", type, type, kernel: absolute)
    function("abs", [type], type, kernel: absolute)
  }

  private mutating func addBits(_ type: SQLType) {
    infix("&", type, type, type) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in x & y } }
    infix("|", type, type, type) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in x | y } }
    infix("#", type, type, type) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in x ^ y } }
    prefix("~", type, type) { (a, n, _) in fast1(a, n) { (x: Int64) in ~x } }
    // As the machine does: the count modulo the width of int4 (int2 is computed in int4) or int8.
    switch type {
    case .int8:
      infix("<<", type, .int4, type) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in x &<< (y & 63) } }
      infix(">>", type, .int4, type) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in x &>> (y & 63) } }
    case .int4:
      infix("<<", type, .int4, type) { (a, n, _) in
        fast2(a, n) { (x: Int64, y: Int64) in Int64(Int32(truncatingIfNeeded: x) &<< Int32(y & 31)) }
      }
      infix(">>", type, .int4, type) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in x &>> (y & 31) } }
    default:
      infix("<<", type, .int4, type) { (a, n, _) in
        fast2(a, n) { (x: Int64, y: Int64) in Int64(Int16(truncatingIfNeeded: x &<< (y & 31))) }
      }
      infix(">>", type, .int4, type) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in x &>> (y & 31) } }
    }
  }

  private mutating func addDivisors(_ type: SQLType) {
    guard type != .int2 else { return }
    let error = ArithmeticErrors.outOfRange(type)
    let bits = magnitudeBits(type)
    function("gcd", [type, type], type) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in
        let divisor = greatestCommonDivisor(x.magnitude, y.magnitude)
        if divisor >> UInt64(bits) != 0 { throw error }
        return Int64(divisor)
      }
    }
    function("lcm", [type, type], type) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Int64, y: Int64) throws(SQLError) -> Int64 in
        if x == 0 || y == 0 { return 0 }
        let divisor = greatestCommonDivisor(x.magnitude, y.magnitude)
        let (value, overflow) = (x.magnitude / divisor).multipliedReportingOverflow(by: y.magnitude)
        if overflow || value >> UInt64(bits) != 0 { throw error }
        return Int64(value)
      }
    }
  }
}

func greatestCommonDivisor(_ a: UInt64, _ b: UInt64) -> UInt64 {
  var (x, y) = (a, b)
  while y != 0 { (x, y) = (y, x % y) }
  return x
}
