// HOT: what a scan hands up: many rows in two arrays.
//
//   bytes  | key 0 | value 0 | key 1 | value 1 | …
//   ends   end of key 0, end of value 0, end of key 1, …      (offsets into bytes)
// A block holds less than 2 GiB, since ends are 32 bits wide; scans are bounded far below that.

/// Rows of keys and values, appended in order and addressed by position.
public struct KeyValueBlock: Sendable {
  public private(set) var bytes: [UInt8] = []
  public private(set) var ends: [Int32] = []

  public init() {}

  /// From the bytes of all keys and values and where each ends, as they came from elsewhere; nil if these do not fit.
  public init?(bytes: [UInt8], ends: [Int32]) {
    guard ends.count % 2 == 0, Int(ends.last ?? 0) == bytes.count, (ends.first ?? 0) >= 0 else { return nil }
    for (end, next) in zip(ends, ends.dropFirst()) where end > next { return nil }
    self.bytes = bytes
    self.ends = ends
  }

  /// The number of rows.
  @inlinable
  public var count: Int { ends.count / 2 }

  @inlinable
  public var isEmpty: Bool { ends.isEmpty }

  /// The bytes of all keys and values.
  @inlinable
  public var byteCount: Int { bytes.count }

  /// The bytes it can hold without asking for memory.
  public var byteCapacity: Int { bytes.capacity }

  public mutating func reserveCapacity(rows: Int, bytes byteCount: Int) {
    bytes.reserveCapacity(byteCount)
    ends.reserveCapacity(2 * rows)
  }

  public mutating func removeAll(keepingCapacity keep: Bool = true) {
    if keep, ends.isEmpty { return }
    bytes.removeAll(keepingCapacity: keep)
    ends.removeAll(keepingCapacity: keep)
  }

  /// Drops the rows behind the first `rows`.
  public mutating func truncate(rows: Int) {
    guard rows < count else { return }
    bytes.removeSubrange(keyStart(rows)...)
    ends.removeSubrange((2 * rows)...)
  }

  public mutating func append(key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    bytes.append(contentsOf: key)
    ends.append(Int32(bytes.count))
    bytes.append(contentsOf: value)
    ends.append(Int32(bytes.count))
  }

  /// Appends a row whose key is what `build` appends to the buffer; no row if that says false.
  public mutating func append(
    value: UnsafeRawBufferPointer, buildingKey build: (inout [UInt8]) -> Bool
  ) -> Bool {
    let start = bytes.count
    guard build(&bytes) else {
      bytes.removeSubrange(start...)
      return false
    }
    ends.append(Int32(bytes.count))
    bytes.append(contentsOf: value)
    ends.append(Int32(bytes.count))
    return true
  }

  public mutating func append(key: [UInt8], value: [UInt8]) {
    key.withUnsafeBytes { key in value.withUnsafeBytes { value in append(key: key, value: value) } }
  }

  /// Appends a row of another block.
  public mutating func append(row index: Int, of other: borrowing KeyValueBlock) {
    let start = other.keyStart(index)
    let base = Int32(bytes.count) - Int32(start)
    let keyEnd = other.ends[2 * index]
    let valueEnd = other.ends[2 * index + 1]
    bytes.append(contentsOf: other.bytes[start..<Int(valueEnd)])
    ends.append(keyEnd + base)
    ends.append(valueEnd + base)
  }

  @inlinable
  public func keyStart(_ index: Int) -> Int {
    index == 0 ? 0 : Int(ends[2 * index - 1])
  }

  @inlinable
  public func withKey<Result, Failure: Error>(
    _ index: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let start = keyStart(index)
    let end = Int(ends[2 * index])
    return try withBytes { (all) throws(Failure) in
      try body(UnsafeRawBufferPointer(rebasing: all[start..<end]))
    }
  }

  @inlinable
  public func withValue<Result, Failure: Error>(
    _ index: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let start = Int(ends[2 * index])
    let end = Int(ends[2 * index + 1])
    return try withBytes { (all) throws(Failure) in
      try body(UnsafeRawBufferPointer(rebasing: all[start..<end]))
    }
  }

  /// The bytes of all rows at once, for loops that index `ends` themselves.
  @inlinable
  public func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try bytes.span.withUnsafeBytes { (all) throws(Failure) in try body(all) }
  }

  /// A copy of one row's key.
  public func key(_ index: Int) -> Key {
    Key(Array(bytes[keyStart(index)..<Int(ends[2 * index])]))
  }

  /// A copy of one row's value.
  public func value(_ index: Int) -> [UInt8] {
    Array(bytes[Int(ends[2 * index])..<Int(ends[2 * index + 1])])
  }
}
