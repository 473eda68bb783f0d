// HOT: The loops that kernels are made of, so that a kernel is one line. `fast…` are for arithmetic and comparison of
// fixed-width values: inlined into each kernel, computing NULL rows too, without a branch per row. `map…` and `build…` are
// for everything else: they skip rows with a NULL argument, and may fail. All take one-row columns for constants.
// Contract: callers are kernels of functions that `broadcasts`; the evaluator marks and clears the NULL rows of strict ones.

import SQLTypes

/// A value that lies in an array of its own.
protocol Fixed: BitwiseCopyable, SendableMetatype {
  static var zero: Self { get }
  static func values(_ column: borrowing ColumnVector) -> [Self]
  static func column(_ values: [Self]) -> ColumnVector
}

extension Int64: Fixed {
  @inline(__always) static func values(_ column: borrowing ColumnVector) -> [Int64] { column.int64s }
  @inline(__always) static func column(_ values: [Int64]) -> ColumnVector { ColumnVector(int64s: values) }
}

extension Double: Fixed {
  @inline(__always) static func values(_ column: borrowing ColumnVector) -> [Double] { column.float64s }
  @inline(__always) static func column(_ values: [Double]) -> ColumnVector { ColumnVector(float64s: values) }
}

extension Bool {
  @inline(__always) var int64: Int64 { self ? 1 : 0 }
}

/// One argument, no failure.
@inline(__always)
func fast1<A: Fixed, R: Fixed>(_ arguments: [ColumnVector], _ rowCount: Int, _ body: (A) -> R) -> ColumnVector {
  let a = A.values(arguments[0])
  return R.column(
    [R](unsafeUninitializedCapacity: rowCount) { out, count in
      a.withUnsafeBufferPointer { a in
        if a.count == rowCount {
          for row in 0..<rowCount { out.initializeElement(at: row, to: body(a[row])) }
        } else {
          let x = a[0]
          for row in 0..<rowCount { out.initializeElement(at: row, to: body(x)) }
        }
      }
      count = rowCount
    })
}

/// Two arguments, no failure.
@inline(__always)
func fast2<A: Fixed, B: Fixed, R: Fixed>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ body: (A, B) -> R
) -> ColumnVector {
  let a = A.values(arguments[0])
  let b = B.values(arguments[1])
  return R.column(
    [R](unsafeUninitializedCapacity: rowCount) { out, count in
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          if a.count == rowCount && b.count == rowCount {
            for row in 0..<rowCount { out.initializeElement(at: row, to: body(a[row], b[row])) }
          } else if a.count == rowCount {
            let y = b[0]
            for row in 0..<rowCount { out.initializeElement(at: row, to: body(a[row], y)) }
          } else {
            let x = a[0]
            let last = b.count == rowCount ? -1 : 0
            for row in 0..<rowCount { out.initializeElement(at: row, to: body(x, b[row & last])) }
          }
        }
      }
      count = rowCount
    })
}

/// Two arguments; `body` also says whether the result is invalid. The first invalid row without a NULL fails with `error`.
@inline(__always)
func checked2<A: Fixed, B: Fixed, R: Fixed>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ error: @autoclosure () -> SQLError, _ body: (A, B) -> (R, Bool)
) throws(SQLError) -> ColumnVector {
  var invalid: Int64 = 0
  let result = fast2(arguments, rowCount) { (a: A, b: B) -> R in
    let (value, isInvalid) = body(a, b)
    invalid |= isInvalid.int64
    return value
  }
  if invalid != 0 {
    let a = A.values(arguments[0])
    let b = B.values(arguments[1])
    let nulls = nullMask(of: arguments, rowCount)
    for row in 0..<rowCount where !nulls[row] {
      if body(a[a.count == 1 ? 0 : row], b[b.count == 1 ? 0 : row]).1 { throw error() }
    }
  }
  return result
}

/// One argument; as `checked2`.
@inline(__always)
func checked1<A: Fixed, R: Fixed>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ error: @autoclosure () -> SQLError, _ body: (A) -> (R, Bool)
) throws(SQLError) -> ColumnVector {
  var invalid: Int64 = 0
  let result = fast1(arguments, rowCount) { (a: A) -> R in
    let (value, isInvalid) = body(a)
    invalid |= isInvalid.int64
    return value
  }
  if invalid != 0 {
    let a = A.values(arguments[0])
    for row in 0..<rowCount where !arguments[0].nulls[row] {
      if body(a[a.count == 1 ? 0 : row]).1 { throw error() }
    }
  }
  return result
}

/// The rows in which an argument is NULL. One-row arguments among longer ones are constants and not NULL.
@inline(__always)
func nullMask(of arguments: [ColumnVector], _ rowCount: Int) -> NullMask {
  var mask = NullMask()
  for argument in arguments where argument.count == rowCount { mask.formUnion(argument.nulls) }
  return mask
}

/// The UTF-8 or raw bytes of one value, valid within the kernel's loop.
typealias Bytes = UnsafeRawBufferPointer

/// A value that a kernel reads from a column.
protocol Lane: SendableMetatype {
  associatedtype Base
  static func open<R>(
    _ column: borrowing ColumnVector, _ body: (Base) throws(SQLError) -> R
  ) throws(SQLError) -> R
  static func read(_ base: Base, _ row: Int) -> Self
}

extension Int64: Lane {
  @inline(__always)
  static func open<R>(
    _ column: borrowing ColumnVector, _ body: (UnsafeBufferPointer<Int64>) throws(SQLError) -> R
  ) throws(SQLError) -> R { try column.int64s.withUnsafeBufferPointer(body) }
  @inline(__always) static func read(_ base: UnsafeBufferPointer<Int64>, _ row: Int) -> Int64 { base[row] }
}

extension Bool: Lane {
  @inline(__always)
  static func open<R>(
    _ column: borrowing ColumnVector, _ body: (UnsafeBufferPointer<Int64>) throws(SQLError) -> R
  ) throws(SQLError) -> R { try column.int64s.withUnsafeBufferPointer(body) }
  @inline(__always) static func read(_ base: UnsafeBufferPointer<Int64>, _ row: Int) -> Bool { base[row] != 0 }
}

extension Double: Lane {
  @inline(__always)
  static func open<R>(
    _ column: borrowing ColumnVector, _ body: (UnsafeBufferPointer<Double>) throws(SQLError) -> R
  ) throws(SQLError) -> R { try column.float64s.withUnsafeBufferPointer(body) }
  @inline(__always) static func read(_ base: UnsafeBufferPointer<Double>, _ row: Int) -> Double { base[row] }
}

extension Numeric: Lane {
  @inline(__always)
  static func open<R>(
    _ column: borrowing ColumnVector, _ body: (UnsafeBufferPointer<Numeric>) throws(SQLError) -> R
  ) throws(SQLError) -> R { try column.numerics.withUnsafeBufferPointer(body) }
  @inline(__always) static func read(_ base: UnsafeBufferPointer<Numeric>, _ row: Int) -> Numeric { base[row] }
}

/// Where the values of a bytes column lie.
struct BytesBase {
  var bytes: UnsafeBufferPointer<UInt8>
  var ends: UnsafeBufferPointer<Int32>
}

extension UnsafeRawBufferPointer: Lane {
  @inline(__always)
  static func open<R>(
    _ column: borrowing ColumnVector, _ body: (BytesBase) throws(SQLError) -> R
  ) throws(SQLError) -> R {
    let vector = column.bytes
    return try vector.bytes.withUnsafeBufferPointer { (bytes) throws(SQLError) -> R in
      try vector.ends.withUnsafeBufferPointer { (ends) throws(SQLError) -> R in
        try body(BytesBase(bytes: bytes, ends: ends))
      }
    }
  }

  @inline(__always)
  static func read(_ base: BytesBase, _ row: Int) -> UnsafeRawBufferPointer {
    let begin = row == 0 ? 0 : Int(base.ends[row - 1])
    let end = Int(base.ends[row])
    return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(base.bytes)[begin..<end])
  }
}

/// A value that a kernel writes.
protocol LaneResult: SendableMetatype {
  static var kind: PhysicalKind { get }
  /// Error 54000 when the column would outgrow its limit.
  func append(to column: inout ColumnVector) throws(SQLError)
}

extension Int64: LaneResult {
  static var kind: PhysicalKind { .int64 }
  @inline(__always) func append(to column: inout ColumnVector) { column.int64s.append(self) }
}

extension Bool: LaneResult {
  static var kind: PhysicalKind { .int64 }
  @inline(__always) func append(to column: inout ColumnVector) { column.int64s.append(int64) }
}

extension Double: LaneResult {
  static var kind: PhysicalKind { .float64 }
  @inline(__always) func append(to column: inout ColumnVector) { column.float64s.append(self) }
}

extension Numeric: LaneResult {
  static var kind: PhysicalKind { .numeric }
  @inline(__always) func append(to column: inout ColumnVector) { column.numerics.append(self) }
}

extension Array<UInt8>: LaneResult {
  static var kind: PhysicalKind { .bytes }
  @inline(__always) func append(to column: inout ColumnVector) throws(SQLError) {
    try column.bytes.bytes.checkRoom(for: count)
    column.bytes.append(self)
  }
}

extension Optional: LaneResult where Wrapped: LaneResult {
  static var kind: PhysicalKind { Wrapped.kind }
  @inline(__always) func append(to column: inout ColumnVector) throws(SQLError) {
    if let self { try self.append(to: &column) } else { column.appendNull() }
  }
}

/// The index of `row` in a column that may be a constant.
@inline(__always)
func lastRow(_ column: borrowing ColumnVector) -> Int { column.count == 1 ? 0 : -1 }

func map0<R: LaneResult>(_ rowCount: Int, _ body: () throws(SQLError) -> R) throws(SQLError) -> ColumnVector {
  var result = ColumnVector(R.kind, capacity: rowCount)
  for _ in 0..<rowCount { try body().append(to: &result) }
  return result
}

func map1<A: Lane, R: LaneResult>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ body: (A) throws(SQLError) -> R
) throws(SQLError) -> ColumnVector {
  var result = ColumnVector(R.kind, capacity: rowCount)
  let nulls = nullMask(of: arguments, rowCount)
  let lastA = lastRow(arguments[0])
  try A.open(arguments[0]) { (a) throws(SQLError) -> Void in
    for row in 0..<rowCount {
      if nulls[row] { result.appendNull() } else { try body(A.read(a, row & lastA)).append(to: &result) }
    }
  }
  return result
}

func map2<A: Lane, B: Lane, R: LaneResult>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ body: (A, B) throws(SQLError) -> R
) throws(SQLError) -> ColumnVector {
  var result = ColumnVector(R.kind, capacity: rowCount)
  let nulls = nullMask(of: arguments, rowCount)
  let lastA = lastRow(arguments[0])
  let lastB = lastRow(arguments[1])
  try A.open(arguments[0]) { (a) throws(SQLError) -> Void in
    try B.open(arguments[1]) { (b) throws(SQLError) -> Void in
      for row in 0..<rowCount {
        if nulls[row] {
          result.appendNull()
        } else {
          try body(A.read(a, row & lastA), B.read(b, row & lastB)).append(to: &result)
        }
      }
    }
  }
  return result
}

func map3<A: Lane, B: Lane, C: Lane, R: LaneResult>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ body: (A, B, C) throws(SQLError) -> R
) throws(SQLError) -> ColumnVector {
  var result = ColumnVector(R.kind, capacity: rowCount)
  let nulls = nullMask(of: arguments, rowCount)
  let lastA = lastRow(arguments[0])
  let lastB = lastRow(arguments[1])
  let lastC = lastRow(arguments[2])
  try A.open(arguments[0]) { (a) throws(SQLError) -> Void in
    try B.open(arguments[1]) { (b) throws(SQLError) -> Void in
      try C.open(arguments[2]) { (c) throws(SQLError) -> Void in
        for row in 0..<rowCount {
          if nulls[row] {
            result.appendNull()
          } else {
            try body(A.read(a, row & lastA), B.read(b, row & lastB), C.read(c, row & lastC)).append(to: &result)
          }
        }
      }
    }
  }
  return result
}

func map4<A: Lane, B: Lane, C: Lane, D: Lane, R: LaneResult>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ body: (A, B, C, D) throws(SQLError) -> R
) throws(SQLError) -> ColumnVector {
  var result = ColumnVector(R.kind, capacity: rowCount)
  let nulls = nullMask(of: arguments, rowCount)
  let last = arguments.map { lastRow($0) }
  try A.open(arguments[0]) { (a) throws(SQLError) -> Void in
    try B.open(arguments[1]) { (b) throws(SQLError) -> Void in
      try C.open(arguments[2]) { (c) throws(SQLError) -> Void in
        try D.open(arguments[3]) { (d) throws(SQLError) -> Void in
          for row in 0..<rowCount {
            if nulls[row] {
              result.appendNull()
            } else {
              try body(
                A.read(a, row & last[0]), B.read(b, row & last[1]), C.read(c, row & last[2]), D.read(d, row & last[3])
              ).append(to: &result)
            }
          }
        }
      }
    }
  }
  return result
}

/// As `map1` for a bytes result that `body` appends to the column's own buffer.
func build1<A: Lane>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ body: (A, inout [UInt8]) throws(SQLError) -> Void
) throws(SQLError) -> ColumnVector {
  var result = ColumnVector(.bytes, capacity: rowCount)
  let nulls = nullMask(of: arguments, rowCount)
  let lastA = lastRow(arguments[0])
  try A.open(arguments[0]) { (a) throws(SQLError) -> Void in
    for row in 0..<rowCount {
      if nulls[row] {
        result.appendNull()
      } else {
        try result.bytes.append { (out) throws(SQLError) -> Void in try body(A.read(a, row & lastA), &out) }
        try checkLength(of: result.bytes)
      }
    }
  }
  return result
}

func build2<A: Lane, B: Lane>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ body: (A, B, inout [UInt8]) throws(SQLError) -> Void
) throws(SQLError) -> ColumnVector {
  var result = ColumnVector(.bytes, capacity: rowCount)
  let nulls = nullMask(of: arguments, rowCount)
  let lastA = lastRow(arguments[0])
  let lastB = lastRow(arguments[1])
  try A.open(arguments[0]) { (a) throws(SQLError) -> Void in
    try B.open(arguments[1]) { (b) throws(SQLError) -> Void in
      for row in 0..<rowCount {
        if nulls[row] {
          result.appendNull()
        } else {
          try result.bytes.append { (out) throws(SQLError) -> Void in
            try body(A.read(a, row & lastA), B.read(b, row & lastB), &out)
          }
          try checkLength(of: result.bytes)
        }
      }
    }
  }
  return result
}

func build3<A: Lane, B: Lane, C: Lane>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ body: (A, B, C, inout [UInt8]) throws(SQLError) -> Void
) throws(SQLError) -> ColumnVector {
  var result = ColumnVector(.bytes, capacity: rowCount)
  let nulls = nullMask(of: arguments, rowCount)
  let lastA = lastRow(arguments[0])
  let lastB = lastRow(arguments[1])
  let lastC = lastRow(arguments[2])
  try A.open(arguments[0]) { (a) throws(SQLError) -> Void in
    try B.open(arguments[1]) { (b) throws(SQLError) -> Void in
      try C.open(arguments[2]) { (c) throws(SQLError) -> Void in
        for row in 0..<rowCount {
          if nulls[row] {
            result.appendNull()
          } else {
            try result.bytes.append { (out) throws(SQLError) -> Void in
              try body(A.read(a, row & lastA), B.read(b, row & lastB), C.read(c, row & lastC), &out)
            }
            try checkLength(of: result.bytes)
          }
        }
      }
    }
  }
  return result
}

/// Offsets into a bytes column are 32 bits: a column's bytes end before that.
@inline(__always)
func checkLength(of vector: borrowing BytesVector) throws(SQLError) {
  if vector.bytes.count > Limits.columnByteCount { throw Limits.resultTooLarge() }
}

/// Bounds of this room.
enum Limits {
  /// Of all values of a result column together. PostgreSQL allows 1 GiB for one value.
  static let columnByteCount = (1 << 30) - 1

  static func resultTooLarge() -> SQLError {
    SQLError(.programLimitExceeded, "result of a function exceeds \(columnByteCount) bytes")
  }
}

/// One row of the arguments, for kernels of many arguments or of types chosen per call.
struct RowReader {
  let arguments: [ColumnVector]
  var row: Int

  @inline(__always)
  func index(_ argument: Int) -> Int { arguments[argument].count == 1 ? 0 : row }
  @inline(__always)
  func isNull(_ argument: Int) -> Bool { arguments[argument].nulls[index(argument)] }
  @inline(__always)
  func int64(_ argument: Int) -> Int64 { arguments[argument].int64s[index(argument)] }
  @inline(__always)
  func float64(_ argument: Int) -> Double { arguments[argument].float64s[index(argument)] }
  @inline(__always)
  func numeric(_ argument: Int) -> Numeric { arguments[argument].numerics[index(argument)] }
  func datum(_ argument: Int) -> Datum { arguments[argument].datum(index(argument)) }

  func text<R>(_ argument: Int, _ body: (Bytes) throws(SQLError) -> R) throws(SQLError) -> R {
    try Bytes.open(arguments[argument]) { (base) throws(SQLError) -> R in try body(Bytes.read(base, index(argument))) }
  }

  func bytes(_ argument: Int) -> [UInt8] { arguments[argument].bytes[index(argument)] }

  func string(_ argument: Int) -> String {
    arguments[argument].bytes.withBytes(index(argument)) { String(decoding: $0, as: UTF8.self) }
  }
}

/// Any number of arguments; rows with a NULL one are NULL.
func mapRows<R: LaneResult>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ body: (RowReader) throws(SQLError) -> R
) throws(SQLError) -> ColumnVector {
  var result = ColumnVector(R.kind, capacity: rowCount)
  let nulls = nullMask(of: arguments, rowCount)
  var reader = RowReader(arguments: arguments, row: 0)
  for row in 0..<rowCount {
    reader.row = row
    if nulls[row] { result.appendNull() } else { try body(reader).append(to: &result) }
  }
  return result
}

/// As `mapRows` for functions that see NULLs.
func mapAllRows<R: LaneResult>(
  _ arguments: [ColumnVector], _ rowCount: Int, _ body: (RowReader) throws(SQLError) -> R
) throws(SQLError) -> ColumnVector {
  var result = ColumnVector(R.kind, capacity: rowCount)
  var reader = RowReader(arguments: arguments, row: 0)
  for row in 0..<rowCount {
    reader.row = row
    try body(reader).append(to: &result)
  }
  return result
}
