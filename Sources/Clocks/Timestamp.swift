// HOT: a point of hybrid logical time, the version number of everything stored.
//
// `Timestamp` is any such point, also one in the future. `ClockTimestamp` is one that some node's clock has really
// reached: only those may move another node's clock forward, so that a transaction's future timestamp can never drag
// all clocks with it. The compiler keeps the two apart.
//
//   encoding (12 bytes)   wall, 8 bytes big endian | logical, 4 bytes big endian      ascending
//   inverted (12 bytes)   Int64.max - wall         | Int32.max - logical              newest first
// Neither half is ever negative, so the first bit of both forms is 0.
// Source: Kulkarni et al., "Logical Physical Clocks", 2014.

/// Hybrid logical time: wall nanoseconds since 1970 (UTC), then a counter.
public struct Timestamp: Hashable, Comparable, Sendable {
  /// Nanoseconds since 1970-01-01 00:00:00 UTC.
  public var wall: Int64
  public var logical: Int32

  @inlinable
  public init(wall: Int64, logical: Int32 = 0) {
    self.wall = wall
    self.logical = logical
  }

  public static let zero = Timestamp(wall: 0, logical: 0)
  public static let max = Timestamp(wall: Int64.max, logical: Int32.max)

  @inlinable
  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    left.wall != right.wall ? left.wall < right.wall : left.logical < right.logical
  }

  /// The smallest timestamp above this one; `max` is its own successor.
  @inlinable
  public var next: Timestamp {
    if logical < Int32.max { return Timestamp(wall: wall, logical: logical + 1) }
    if wall < Int64.max { return Timestamp(wall: wall + 1, logical: 0) }
    return self
  }

  /// The greatest timestamp below this one; `zero` is its own predecessor.
  @inlinable
  public var previous: Timestamp {
    if logical > 0 { return Timestamp(wall: wall, logical: logical - 1) }
    if wall > 0 { return Timestamp(wall: wall - 1, logical: Int32.max) }
    return self
  }

  @inlinable
  public var isZero: Bool { wall == 0 && logical == 0 }

  /// The timestamp with its wall time moved, saturating at `zero` and `max`.
  public func adding(nanoseconds: Int64) -> Timestamp {
    let (sum, overflow) = wall.addingReportingOverflow(nanoseconds)
    if overflow { return nanoseconds > 0 ? .max : .zero }
    return sum < 0 ? .zero : Timestamp(wall: sum, logical: logical)
  }
}

extension Timestamp {
  /// Bytes that either encoding takes.
  public static let encodedCount = 12

  @inlinable
  public func appendEncoded(to buffer: inout [UInt8]) {
    withUnsafeBytes(of: wall.bigEndian) { buffer.append(contentsOf: $0) }
    withUnsafeBytes(of: logical.bigEndian) { buffer.append(contentsOf: $0) }
  }

  @inlinable
  public func appendInverted(to buffer: inout [UInt8]) {
    withUnsafeBytes(of: (Int64.max - wall).bigEndian) { buffer.append(contentsOf: $0) }
    withUnsafeBytes(of: (Int32.max - logical).bigEndian) { buffer.append(contentsOf: $0) }
  }

  /// Writes the inverted form to the 12 bytes at `target`.
  @inlinable
  public func storeInverted(to target: UnsafeMutableRawPointer) {
    target.storeBytes(of: (Int64.max - wall).bigEndian, as: Int64.self)
    target.storeBytes(of: (Int32.max - logical).bigEndian, toByteOffset: 8, as: Int32.self)
  }

  /// Reads 12 bytes; nil when there are fewer, or a half is negative.
  @inlinable
  public init?(encoded bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= 12 else { return nil }
    let wall = Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
    let logical = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: Int32.self))
    guard wall >= 0, logical >= 0 else { return nil }
    self.init(wall: wall, logical: logical)
  }

  /// Reads the 12 bytes of the inverted form; nil when there are fewer, or a half is negative.
  @inlinable
  public init?(inverted bytes: UnsafeRawBufferPointer) {
    guard let mirrored = Timestamp(encoded: bytes) else { return nil }
    self.init(wall: Int64.max - mirrored.wall, logical: Int32.max - mirrored.logical)
  }
}

extension Timestamp: CustomStringConvertible {
  /// Seconds with nine decimals, a comma, the counter.
  public var description: String {
    let seconds = wall / 1_000_000_000
    let nanoseconds = String(wall % 1_000_000_000)
    let padding = String(repeating: "0", count: Swift.max(0, 9 - nanoseconds.count))
    return "\(seconds).\(padding)\(nanoseconds),\(logical)"
  }
}

/// A timestamp that some node's clock has reached; the only kind that moves a clock forward.
public struct ClockTimestamp: Hashable, Comparable, Sendable {
  public let timestamp: Timestamp

  /// States that a node's clock has reached `timestamp`: for clocks, and for decoding what another clock sent.
  @inlinable
  public init(reached timestamp: Timestamp) {
    self.timestamp = timestamp
  }

  @inlinable
  public static func < (left: ClockTimestamp, right: ClockTimestamp) -> Bool {
    left.timestamp < right.timestamp
  }
}

extension ClockTimestamp: CustomStringConvertible {
  public var description: String { timestamp.description }
}
