// HOT: keys are compared and copied for every row.
//
// A key is a string of bytes; the order of keys is the order of `memcmp`, a prefix sorting before its extensions.
// Nothing here gives bytes a meaning: `KeyEncoding` makes keys whose byte order is the order of values.
// A span is half-open: it holds `start` and not `end`.

import Glibc

/// A position in the ordered key space.
public struct Key: Hashable, Comparable, Sendable {
  public var bytes: [UInt8]

  @inlinable
  public init(_ bytes: [UInt8] = []) {
    self.bytes = bytes
  }

  @inlinable
  public init(copying bytes: UnsafeRawBufferPointer) {
    self.bytes = [UInt8](bytes)
  }

  /// The text's UTF-8 bytes, unescaped: for fixed names, not for column values.
  public init(_ text: StaticString) {
    self.bytes = text.withUTF8Buffer { [UInt8]($0) }
  }

  /// The empty key: no key is smaller.
  public static let min = Key()

  /// Above every key that the product writes: those never start with two bytes of 0xFF.
  public static let max = Key([0xFF, 0xFF])

  @inlinable
  public static func < (left: Key, right: Key) -> Bool {
    left.compare(right) < 0
  }

  @inlinable
  public static func == (left: Key, right: Key) -> Bool {
    left.bytes.count == right.bytes.count && left.compare(right) == 0
  }

  /// All bytes at once: an array hashes its elements one by one.
  @inlinable
  public func hash(into hasher: inout Hasher) {
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
  }

  /// Negative, zero or positive as this key is below, at or above the other.
  @inlinable
  public func compare(_ other: Key) -> Int {
    bytes.withUnsafeBytes { left in other.bytes.withUnsafeBytes { right in compareBytes(left, right) } }
  }

  /// The smallest key above this one: itself followed by 0x00.
  public var next: Key {
    var next = [UInt8]()
    next.reserveCapacity(bytes.count + 1)
    next.append(contentsOf: bytes)
    next.append(0)
    return Key(next)
  }

  /// The smallest key above all keys that start with this one; `max` when there is none (empty, or all 0xFF).
  public var prefixEnd: Key {
    var end = bytes
    while let last = end.last {
      if last != 0xFF {
        end[end.count - 1] = last + 1
        return Key(end)
      }
      end.removeLast()
    }
    return Key.max
  }

  @inlinable
  public func hasPrefix(_ prefix: Key) -> Bool {
    bytes.starts(with: prefix.bytes)
  }
}

extension Key {
  /// The key that `description` shows so; nil for any other text.
  public init?(described text: Substring) {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == 0x5C else {
        guard (0x20...0x7E).contains(byte) else { return nil }
        bytes.append(byte)
        continue
      }
      switch rest.popFirst() {
      case 0x5C: bytes.append(0x5C)
      case UInt8(ascii: "x"):
        guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else {
          return nil
        }
        bytes.append(value)
        rest = rest.dropFirst(2)
      default: return nil
      }
    }
    self.init(bytes)
  }
}

extension Key: CustomStringConvertible {
  /// Printable ASCII as it is, other bytes as `\xNN`, a backslash doubled.
  public var description: String {
    var text = ""
    for byte in bytes {
      switch byte {
      case 0x5C: text += "\\\\"
      case 0x20...0x7E: text.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        text += digits.count == 1 ? "\\x0\(digits)" : "\\x\(digits)"
      }
    }
    return text
  }
}

/// Negative, zero or positive as `left` sorts below, at or above `right`.
@inlinable
public func compareBytes(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Int {
  let shared = Swift.min(left.count, right.count)
  if shared > 0 {
    let order = memcmp(left.baseAddress.unsafelyUnwrapped, right.baseAddress.unsafelyUnwrapped, shared)
    if order != 0 { return Int(order) }
  }
  return left.count - right.count
}

/// The keys from `start` up to, and without, `end`.
public struct KeySpan: Hashable, Sendable {
  public var start: Key
  public var end: Key

  @inlinable
  public init(start: Key, end: Key) {
    self.start = start
    self.end = end
  }

  /// The span of one key alone.
  @inlinable
  public init(_ key: Key) {
    self.init(start: key, end: key.next)
  }

  /// All keys that begin with `prefix`.
  public init(prefix: Key) {
    self.init(start: prefix, end: prefix.prefixEnd)
  }

  public static let all = KeySpan(start: Key.min, end: Key.max)

  @inlinable
  public var isEmpty: Bool { !(start < end) }

  @inlinable
  public func contains(_ key: Key) -> Bool {
    !(key < start) && key < end
  }

  @inlinable
  public func contains(_ other: KeySpan) -> Bool {
    !(other.start < start) && !(end < other.end)
  }

  @inlinable
  public func overlaps(_ other: KeySpan) -> Bool {
    start < other.end && other.start < end
  }

  /// Whether the span is that of one key, as `init(_:)` makes it.
  public var isSingleKey: Bool {
    end.bytes.count == start.bytes.count + 1 && end.bytes.last == 0 && end.hasPrefix(start)
  }

  /// What both spans hold, or nil.
  public func intersection(_ other: KeySpan) -> KeySpan? {
    let span = KeySpan(start: Swift.max(start, other.start), end: Swift.min(end, other.end))
    return span.isEmpty ? nil : span
  }
}

extension KeySpan: CustomStringConvertible {
  public var description: String { "[\(start), \(end))" }
}
