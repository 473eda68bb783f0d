// HOT: places within the text of a document that is known to be valid: members and elements are found by passing over what
// stands before them, and are slices of the text. Serves json as written and jsonb in canonical form alike.

public struct JSONCursor {
  /// The whole document's text.
  public let bytes: UnsafeRawBufferPointer

  public init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  public enum Kind: Sendable { case null, bool, number, string, array, object }

  @inline(__always)
  private func skipBlanks(_ position: Int) -> Int {
    var position = position
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return position
      }
    }
    return position
  }

  /// The document's value without the blanks around it.
  public var root: Range<Int> {
    let start = skipBlanks(0)
    return start..<end(of: start)
  }

  public func kind(_ value: Range<Int>) -> Kind {
    guard value.lowerBound < bytes.count else { return .null }
    return switch bytes[value.lowerBound] {
    case UInt8(ascii: "{"): .object
    case UInt8(ascii: "["): .array
    case UInt8(ascii: "\""): .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
    case UInt8(ascii: "n"): .null
    default: .number
    }
  }

  /// Behind the string that begins at `position`.
  private func endOfString(_ position: Int) -> Int {
    var position = position + 1
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\\"): position += 2
      case UInt8(ascii: "\""): return position + 1
      default: position += 1
      }
    }
    return bytes.count
  }

  /// Behind the value that begins at `position`.
  private func end(of start: Int) -> Int {
    var position = start
    var depth = 0
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position = endOfString(position)
        if depth == 0 { return position }
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        position += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        if depth == 0 { return position }
        depth -= 1
        position += 1
        if depth == 0 { return position }
      case UInt8(ascii: ","), 0x20, 0x09, 0x0A, 0x0D:
        if depth == 0 { return position }
        position += 1
      default: position += 1
      }
    }
    return position
  }

  /// Calls `body` with each element of an array until it says to stop.
  public func forEachElement(_ array: Range<Int>, _ body: (Range<Int>) throws(SQLError) -> Bool) throws(SQLError) {
    var position = skipBlanks(array.lowerBound + 1)
    while position < array.upperBound - 1 {
      let end = end(of: position)
      if try !body(position..<end) { return }
      position = skipBlanks(end)
      if position < array.upperBound, bytes[position] == UInt8(ascii: ",") { position = skipBlanks(position + 1) }
    }
  }

  /// Calls `body` with each member of an object, key (in its quotes) and value, until it says to stop.
  public func forEachMember(
    _ object: Range<Int>, _ body: (_ key: Range<Int>, _ value: Range<Int>) throws(SQLError) -> Bool
  ) throws(SQLError) {
    var position = skipBlanks(object.lowerBound + 1)
    while position < object.upperBound - 1 {
      let keyEnd = endOfString(position)
      let colon = skipBlanks(keyEnd)
      let start = skipBlanks(colon + 1)
      let end = end(of: start)
      if try !body(position..<keyEnd, start..<end) { return }
      position = skipBlanks(end)
      if position < object.upperBound, bytes[position] == UInt8(ascii: ",") { position = skipBlanks(position + 1) }
    }
  }

  public func count(_ array: Range<Int>) -> Int {
    var count = 0
    // Counting does not fail.
    do throws(SQLError) {
      try forEachElement(array) { (_) throws(SQLError) in
        count += 1
        return true
      }
    } catch {}
    return count
  }

  /// The value of a key, of several equal ones the last.
  public func member(_ object: Range<Int>, _ key: UnsafeRawBufferPointer) -> Range<Int>? {
    var found: Range<Int>?
    do throws(SQLError) {
      try forEachMember(object) { (name, value) throws(SQLError) in
        if isString(name, equalTo: key) { found = value }
        return true
      }
    } catch {}
    return found
  }

  /// An element from 0, or from the end where `index` is negative.
  public func element(_ array: Range<Int>, _ index: Int) -> Range<Int>? {
    var left = index
    if index < 0 {
      left = count(array) + index
      if left < 0 { return nil }
    }
    var found: Range<Int>?
    do throws(SQLError) {
      try forEachElement(array) { (element) throws(SQLError) in
        if left == 0 {
          found = element
          return false
        }
        left -= 1
        return true
      }
    } catch {}
    return found
  }

  /// Whether a string in its quotes is `text`.
  public func isString(_ quoted: Range<Int>, equalTo text: UnsafeRawBufferPointer) -> Bool {
    let inner = quoted.lowerBound + 1..<max(quoted.lowerBound + 1, quoted.upperBound - 1)
    if !bytes[inner].contains(UInt8(ascii: "\\")) { return bytes[inner].elementsEqual(text) }
    return string(quoted).elementsEqual(text)
  }

  /// A string without its quotes and escapes.
  public func string(_ quoted: Range<Int>) -> [UInt8] {
    let inner = bytes[quoted.lowerBound + 1..<max(quoted.lowerBound + 1, quoted.upperBound - 1)]
    if !inner.contains(UInt8(ascii: "\\")) { return Array(inner) }
    // What was valid as json may still hold what text cannot.
    if case .string(let text)? = try? JSONReader.value(UnsafeRawBufferPointer(rebasing: bytes[quoted])) { return text }
    return Array(inner)
  }

  /// As `->>` gives it: strings without quotes, null as nil, all else as it stands.
  public func text(_ value: Range<Int>) throws(SQLError) -> [UInt8]? {
    switch kind(value) {
    case .null: return nil
    case .string:
      guard
        case .string(let text) = try JSONReader.value(UnsafeRawBufferPointer(rebasing: bytes[value]))
      else { return nil }
      return text
    default: return Array(bytes[value])
    }
  }
}
