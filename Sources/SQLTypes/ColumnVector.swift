// HOT: Values of one column for the rows of a batch, laid out by physical kind, with the NULLs beside them.
// Invariant: exactly the array of `kind` holds `count` values (a NULL row holds a zero or empty value there);
// `nulls` is empty when no row is NULL, else it holds a word for every 64 rows.

/// A growing bitmap of NULL rows; empty means that there are none.
public struct NullMask: Sendable, Hashable {
  /// Bit set: the row is NULL. Either empty, or long enough for every row that was marked.
  public private(set) var words: [UInt64] = []

  public init() {}

  public var isEmpty: Bool { words.isEmpty }

  @inline(__always)
  public subscript(_ row: Int) -> Bool {
    let word = row >> 6
    return word < words.count && words[word] & (1 << UInt64(row & 63)) != 0
  }

  public mutating func insert(_ row: Int) {
    let word = row >> 6
    while words.count <= word { words.append(0) }
    words[word] |= 1 << UInt64(row & 63)
  }

  public mutating func remove(_ row: Int) {
    let word = row >> 6
    if word < words.count { words[word] &= ~(1 << UInt64(row & 63)) }
  }

  public mutating func formUnion(_ other: NullMask) {
    if other.words.isEmpty { return }
    if words.isEmpty {
      words = other.words
      return
    }
    while words.count < other.words.count { words.append(0) }
    for index in other.words.indices { words[index] |= other.words[index] }
  }

  public mutating func removeAll() { words.removeAll(keepingCapacity: true) }
}

/// Byte strings one after the other: value `i` is `bytes[ends[i-1]..<ends[i]]`.
public struct BytesVector: Sendable, Hashable {
  public private(set) var bytes: [UInt8] = []
  public private(set) var ends: [Int32] = []

  public init() {}

  public var count: Int { ends.count }

  @inline(__always)
  public func range(_ row: Int) -> Range<Int> {
    (row == 0 ? 0 : Int(ends[row - 1]))..<Int(ends[row])
  }

  @inline(__always)
  public func withBytes<R>(_ row: Int, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    let range = range(row)
    return try bytes.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
  }

  public subscript(_ row: Int) -> [UInt8] { Array(bytes[range(row)]) }

  @inline(__always)
  public mutating func append(_ value: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: value)
    ends.append(Int32(bytes.count))
  }

  @inline(__always)
  public mutating func append(_ value: [UInt8]) {
    bytes.append(contentsOf: value)
    ends.append(Int32(bytes.count))
  }

  /// Appends whatever `body` adds to the buffer as one value; `body` only appends.
  @inline(__always)
  public mutating func append(building body: (inout [UInt8]) throws(SQLError) -> Void) throws(SQLError) {
    try body(&bytes)
    ends.append(Int32(bytes.count))
  }

  public mutating func reserve(_ rows: Int, byteCount: Int) {
    ends.reserveCapacity(rows)
    bytes.reserveCapacity(byteCount)
  }

  public mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
  }
}

/// Values of one column. Copying shares the arrays; mutation in place is unique as usual.
public struct ColumnVector: Sendable, Hashable {
  public let kind: PhysicalKind
  public var int64s: [Int64] = []
  public var float64s: [Double] = []
  public var numerics: [Numeric] = []
  public var bytes = BytesVector()
  public var nulls = NullMask()

  public init(_ kind: PhysicalKind) { self.kind = kind }

  public init(_ kind: PhysicalKind, capacity: Int) {
    self.kind = kind
    switch kind {
    case .int64: int64s.reserveCapacity(capacity)
    case .float64: float64s.reserveCapacity(capacity)
    case .numeric: numerics.reserveCapacity(capacity)
    case .bytes: bytes.reserve(capacity, byteCount: capacity * 16)
    }
  }

  public init(int64s: [Int64], nulls: NullMask = NullMask()) {
    kind = .int64
    self.int64s = int64s
    self.nulls = nulls
  }

  public init(float64s: [Double], nulls: NullMask = NullMask()) {
    kind = .float64
    self.float64s = float64s
    self.nulls = nulls
  }

  /// `count` times the same value.
  public init(_ kind: PhysicalKind, repeating value: Datum, count: Int) {
    self.init(kind, capacity: count)
    for _ in 0..<count { append(value) }
  }

  public var count: Int {
    switch kind {
    case .int64: int64s.count
    case .float64: float64s.count
    case .numeric: numerics.count
    case .bytes: bytes.count
    }
  }

  public mutating func appendNull() {
    nulls.insert(count)
    switch kind {
    case .int64: int64s.append(0)
    case .float64: float64s.append(0)
    case .numeric: numerics.append(.zero)
    case .bytes: bytes.append([])
    }
  }

  /// Appends a value of this vector's kind, or NULL.
  public mutating func append(_ value: Datum) {
    switch (kind, value) {
    case (_, .null): appendNull()
    case (.int64, .int64(let v)): int64s.append(v)
    case (.float64, .float64(let v)): float64s.append(v)
    case (.numeric, .numeric(let v)): numerics.append(v)
    case (.bytes, .bytes(let v)): bytes.append(v)
    default: preconditionFailure("a \(kind) column cannot hold \(value)")
    }
  }

  public func datum(_ row: Int) -> Datum {
    if nulls[row] { return .null }
    switch kind {
    case .int64: return .int64(int64s[row])
    case .float64: return .float64(float64s[row])
    case .numeric: return .numeric(numerics[row])
    case .bytes: return .bytes(bytes[row])
    }
  }

  /// Appends row `row` of `other`, a vector of the same kind.
  @inline(__always)
  public mutating func append(_ other: ColumnVector, row: Int) {
    if other.nulls[row] {
      appendNull()
      return
    }
    switch kind {
    case .int64: int64s.append(other.int64s[row])
    case .float64: float64s.append(other.float64s[row])
    case .numeric: numerics.append(other.numerics[row])
    case .bytes: other.bytes.withBytes(row) { bytes.append($0) }
    }
  }

  /// The rows named, in that order.
  public func gather(_ rows: [Int32]) -> ColumnVector {
    var result = ColumnVector(kind, capacity: rows.count)
    switch kind {
    case .int64: for row in rows { result.int64s.append(int64s[Int(row)]) }
    case .float64: for row in rows { result.float64s.append(float64s[Int(row)]) }
    case .numeric: for row in rows { result.numerics.append(numerics[Int(row)]) }
    case .bytes: for row in rows { bytes.withBytes(Int(row)) { result.bytes.append($0) } }
    }
    if !nulls.isEmpty {
      for (target, row) in rows.enumerated() where nulls[Int(row)] { result.nulls.insert(target) }
    }
    return result
  }

  public mutating func append(contentsOf other: ColumnVector) {
    let base = count
    if !other.nulls.isEmpty {
      for row in 0..<other.count where other.nulls[row] { nulls.insert(base + row) }
    }
    switch kind {
    case .int64: int64s.append(contentsOf: other.int64s)
    case .float64: float64s.append(contentsOf: other.float64s)
    case .numeric: numerics.append(contentsOf: other.numerics)
    case .bytes: for row in 0..<other.count { other.bytes.withBytes(row) { bytes.append($0) } }
    }
  }

  public mutating func removeAll() {
    int64s.removeAll(keepingCapacity: true)
    float64s.removeAll(keepingCapacity: true)
    numerics.removeAll(keepingCapacity: true)
    bytes.removeAll()
    nulls.removeAll()
  }
}
