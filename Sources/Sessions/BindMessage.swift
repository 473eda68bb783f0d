// What a `Bind` message brings, in as few pieces as can be: every statement of most drivers comes with one.
// Source: PostgreSQL manual, 55.7 "Message Formats".

import SQLTypes

/// Format codes: none, one for all, or one each.
public enum FormatCodes: Sendable, Hashable {
  case same(Int16)
  case each([Int16])

  public static let text = FormatCodes.same(0)

  subscript(index: Int) -> Int16 {
    switch self {
    case .same(let code): code
    case .each(let codes): codes[index]
    }
  }
}

/// The values of a statement's parameters as they came.
public struct ParameterValues: Sendable, Hashable {
  public let count: Int
  /// For each its length in 32 bits, -1 for NULL, and its bytes.
  private let bytes: [UInt8]

  /// - Parameter bytes: whole, which whoever read the message has seen to.
  public init(count: Int, bytes: [UInt8]) {
    self.count = count
    self.bytes = bytes
  }

  /// Calls `body` with each value and its index; nil is NULL.
  @inline(__always)
  func forEach(_ body: (Int, UnsafeRawBufferPointer?) throws(SQLError) -> Void) throws(SQLError) {
    try bytes.span.withUnsafeBytes { (bytes) throws(SQLError) in
      var offset = 0
      for index in 0..<count {
        let length = Int(Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self)))
        offset += 4
        if length < 0 {
          try body(index, nil)
        } else {
          try body(index, UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + length)]))
          offset += length
        }
      }
    }
  }
}
