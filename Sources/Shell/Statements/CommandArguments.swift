// The words after a backslash command: separated by blanks, in single quotes with C's escapes, with variables and `commands`
// put in, up to the end of the line or the next backslash. Source: PostgreSQL manual, psql, "Meta-Commands".

struct CommandArguments {
  private var bytes: [UInt8]
  private(set) var position: Int
  private let variables: (String) -> String?
  private let runProgram: (String) -> String

  /// - Parameter runProgram: gives what a program in backquotes prints.
  init(
    _ line: ScannedLine, variables: @escaping (String) -> String?,
    runProgram: @escaping (String) -> String = { _ in "" }
  ) {
    bytes = line.bytes
    position = line.position
    self.variables = variables
    self.runProgram = runProgram
  }

  private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (9...13).contains(byte) }

  /// The command's name; the position stands on its backslash.
  mutating func name() -> String {
    position += 1
    let start = position
    // These take an argument without a blank between.
    if let byte = current, byte == UInt8(ascii: "!") || byte == UInt8(ascii: "?") {
      position += 1
    } else {
      while let byte = current, !Self.isBlank(byte), byte != UInt8(ascii: "\\") { position += 1 }
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  /// The next argument, nil when there is none.
  /// - Parameter keepsQuotes: whether double quotes stay, for patterns and names; else they are dropped as in identifiers.
  mutating func next(keepsQuotes: Bool = false) -> String? {
    skipBlanks()
    guard let first = current, first != UInt8(ascii: "\\") else { return nil }
    var result: [UInt8] = []
    var inDoubleQuotes = false
    while let byte = current {
      if !inDoubleQuotes, Self.isBlank(byte) || byte == UInt8(ascii: "\\") { break }
      switch byte {
      case UInt8(ascii: "\""):
        inDoubleQuotes.toggle()
        if keepsQuotes { result.append(byte) }
        position += 1
      case UInt8(ascii: "'") where !inDoubleQuotes: quoted(&result)
      case UInt8(ascii: "`") where !inDoubleQuotes:
        position += 1
        let start = position
        while let byte = current, byte != UInt8(ascii: "`") {
          _ = byte
          position += 1
        }
        let program = String(decoding: bytes[start..<position], as: UTF8.self)
        if position < bytes.count { position += 1 }
        result += Array(runProgram(program).utf8)
      case UInt8(ascii: ":") where !inDoubleQuotes:
        if let reference = VariableReference(bytes, at: position), let text = reference.text(variables) {
          result += Array(text.utf8)
          position = reference.range.upperBound
        } else {
          result.append(byte)
          position += 1
        }
      default:
        result.append(byte)
        position += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  private mutating func quoted(_ result: inout [UInt8]) {
    position += 1
    while let byte = current {
      position += 1
      if byte == UInt8(ascii: "'") {
        guard current == UInt8(ascii: "'") else { return }
        result.append(byte)
        position += 1
      } else if byte == UInt8(ascii: "\\"), let escape = current {
        position += 1
        switch escape {
        case UInt8(ascii: "n"): result.append(10)
        case UInt8(ascii: "t"): result.append(9)
        case UInt8(ascii: "b"): result.append(8)
        case UInt8(ascii: "r"): result.append(13)
        case UInt8(ascii: "f"): result.append(12)
        case UInt8(ascii: "0")...UInt8(ascii: "7"): result.append(number(radix: 8, first: escape, limit: 3))
        case UInt8(ascii: "x"): result.append(number(radix: 16, first: UInt8(ascii: "0"), limit: 3))
        default: result.append(escape)
        }
      } else {
        result.append(byte)
      }
    }
  }

  private mutating func number(radix: Int, first: UInt8, limit: Int) -> UInt8 {
    var value = Character(Unicode.Scalar(first)).hexDigitValue ?? 0
    var count = 1
    while count < limit, let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, digit < radix {
      value = value * radix + digit
      position += 1
      count += 1
    }
    return UInt8(truncatingIfNeeded: value)
  }

  /// All that is left of the line, as it stands.
  mutating func rest() -> String {
    skipBlanks()
    defer { position = bytes.count }
    var end = bytes.count
    while end > position, Self.isBlank(bytes[end - 1]) { end -= 1 }
    return String(decoding: bytes[min(position, end)..<end], as: UTF8.self)
  }

  /// All arguments that are left.
  mutating func all(keepsQuotes: Bool = false) -> [String] {
    var found: [String] = []
    while let argument = next(keepsQuotes: keepsQuotes) { found.append(argument) }
    return found
  }

  /// Steps over `\\`, which ends a command; returns where the line goes on.
  mutating func end() -> Int {
    skipBlanks()
    if position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"), bytes[position + 1] == UInt8(ascii: "\\") {
      position += 2
    }
    return position
  }

  private mutating func skipBlanks() {
    while let byte = current, Self.isBlank(byte) { position += 1 }
  }
}
