// HOT: The six comparisons of every type, and of the pairs of types that compare without a cast.
// Text compares by bytes (collation "C"). Floats order NaN above everything and equal to itself, as PostgreSQL does.
// Source: PostgreSQL manual, 9.2, 8.1.3, and the catalog `pg_operator`.

import Glibc
import SQLTypes

extension FunctionCatalog {
  mutating func addComparisons() {
    let integers: [SQLType] = [.int2, .int4, .int8]
    for left in integers { for right in integers { addInt64Comparisons(left, right) } }
    for type in [SQLType.bool, .oid, .date, .timestamp, .timestamptz] { addInt64Comparisons(type, type) }
    let floats: [SQLType] = [.float4, .float8]
    for left in floats { for right in floats { addFloatComparisons(left, right) } }
    for type in [SQLType.text, .name, .bytea, .uuid] { addBytesComparisons(type, type) }
    addBytesComparisons(.name, .text)
    addBytesComparisons(.text, .name)
  }

  private mutating func addInt64Comparisons(_ left: SQLType, _ right: SQLType) {
    compare(.equal, left, right) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in (x == y).int64 } }
    compare(.notEqual, left, right) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in (x != y).int64 } }
    compare(.less, left, right) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in (x < y).int64 } }
    compare(.lessOrEqual, left, right) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in (x <= y).int64 } }
    compare(.greater, left, right) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in (x > y).int64 } }
    compare(.greaterOrEqual, left, right) { (a, n, _) in fast2(a, n) { (x: Int64, y: Int64) in (x >= y).int64 } }
  }

  private mutating func addFloatComparisons(_ left: SQLType, _ right: SQLType) {
    compare(.equal, left, right) { (a, n, _) in
      fast2(a, n) { (x: Double, y: Double) in (x == y || (x.isNaN && y.isNaN)).int64 }
    }
    compare(.notEqual, left, right) { (a, n, _) in
      fast2(a, n) { (x: Double, y: Double) in (x != y && !(x.isNaN && y.isNaN)).int64 }
    }
    compare(.less, left, right) { (a, n, _) in
      fast2(a, n) { (x: Double, y: Double) in (x < y || (y.isNaN && !x.isNaN)).int64 }
    }
    compare(.lessOrEqual, left, right) { (a, n, _) in
      fast2(a, n) { (x: Double, y: Double) in (x <= y || y.isNaN).int64 }
    }
    compare(.greater, left, right) { (a, n, _) in
      fast2(a, n) { (x: Double, y: Double) in (x > y || (x.isNaN && !y.isNaN)).int64 }
    }
    compare(.greaterOrEqual, left, right) { (a, n, _) in
      fast2(a, n) { (x: Double, y: Double) in (x >= y || x.isNaN).int64 }
    }
  }

  private mutating func addBytesComparisons(_ left: SQLType, _ right: SQLType) {
    compare(.equal, left, right) { (a, n, _) throws(SQLError) in try compareBytes(a, n) { equalBytes($0, $1) } }
    compare(.notEqual, left, right) { (a, n, _) throws(SQLError) in try compareBytes(a, n) { !equalBytes($0, $1) } }
    compare(.less, left, right) { (a, n, _) throws(SQLError) in try compareBytes(a, n) { orderBytes($0, $1) < 0 } }
    compare(.lessOrEqual, left, right) { (a, n, _) throws(SQLError) in
      try compareBytes(a, n) { orderBytes($0, $1) <= 0 }
    }
    compare(.greater, left, right) { (a, n, _) throws(SQLError) in try compareBytes(a, n) { orderBytes($0, $1) > 0 } }
    compare(.greaterOrEqual, left, right) { (a, n, _) throws(SQLError) in
      try compareBytes(a, n) { orderBytes($0, $1) >= 0 }
    }
  }

  /// Adds one of the six operators.
  mutating func compare(
    _ comparison: Comparison, _ left: SQLType, _ right: SQLType, kernel: @escaping ScalarKernel
  ) {
    infix(comparison.name, left, right, .bool, comparison: comparison, kernel: kernel)
  }

  /// Adds all six from a three-way order of two values, negative if the first is less.
  mutating func compareAll<A: Lane, B: Lane>(
    _ left: SQLType, _ right: SQLType, _ order: @escaping @Sendable (A, B) -> Int
  ) {
    compare(.equal, left, right) { (a, n, _) throws(SQLError) in try map2(a, n) { (x: A, y: B) in order(x, y) == 0 } }
    compare(.notEqual, left, right) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: A, y: B) in order(x, y) != 0 }
    }
    compare(.less, left, right) { (a, n, _) throws(SQLError) in try map2(a, n) { (x: A, y: B) in order(x, y) < 0 } }
    compare(.lessOrEqual, left, right) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: A, y: B) in order(x, y) <= 0 }
    }
    compare(.greater, left, right) { (a, n, _) throws(SQLError) in try map2(a, n) { (x: A, y: B) in order(x, y) > 0 } }
    compare(.greaterOrEqual, left, right) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: A, y: B) in order(x, y) >= 0 }
    }
  }
}

/// Compares byte strings in all rows, NULL ones (which are empty) too.
@inline(__always)
private func compareBytes(
  _ arguments: [ColumnVector], _ rowCount: Int, _ body: (Bytes, Bytes) -> Bool
) throws(SQLError) -> ColumnVector {
  let lastA = lastRow(arguments[0])
  let lastB = lastRow(arguments[1])
  return try Bytes.open(arguments[0]) { (a) throws(SQLError) -> ColumnVector in
    try Bytes.open(arguments[1]) { (b) throws(SQLError) -> ColumnVector in
      ColumnVector(
        int64s: [Int64](unsafeUninitializedCapacity: rowCount) { out, count in
          for row in 0..<rowCount {
            out.initializeElement(at: row, to: body(Bytes.read(a, row & lastA), Bytes.read(b, row & lastB)).int64)
          }
          count = rowCount
        })
    }
  }
}

@inline(__always)
func equalBytes(_ a: Bytes, _ b: Bytes) -> Bool {
  guard a.count == b.count else { return false }
  guard a.count > 0, let x = a.baseAddress, let y = b.baseAddress else { return true }
  return memcmp(x, y, a.count) == 0
}

/// Negative, zero or positive as `a` is before, like or after `b` in byte order.
@inline(__always)
func orderBytes(_ a: Bytes, _ b: Bytes) -> Int {
  let common = min(a.count, b.count)
  if common > 0, let x = a.baseAddress, let y = b.baseAddress {
    let order = memcmp(x, y, common)
    if order != 0 { return Int(order) }
  }
  return a.count - b.count
}
