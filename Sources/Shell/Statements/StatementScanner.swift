// Cuts what a person or a file gives, line by line, into statements for the server: a statement ends at a semicolon outside
// quotes, dollar quotes, comments, parentheses and BEGIN ATOMIC bodies, or at a backslash command. Variables (`:name`,
// `:'name'`, `:"name"`, `:{?name}`) are replaced on the way, outside quotes only.
// Invariant: what `query` holds is what the server gets, byte for byte, leading white space and comments left out.
// Source: PostgreSQL manual, psql, "Entering SQL Commands" and "SQL Interpolation".

/// A line with the place up to which it is scanned. Variables put their values into it.
public struct ScannedLine {
  var bytes: [UInt8]
  var position = 0
  /// Variables whose values are being read, each with the count of bytes that follow its value: such a value does not expand
  /// itself again.
  fileprivate var expansions: [(name: String, remaining: Int)] = []

  public init(_ text: String) { bytes = Array(text.utf8) }

  var isAtEnd: Bool { position >= bytes.count }
}

public struct StatementScanner {
  /// Why scanning stopped.
  public enum Stop: Equatable, Sendable {
    /// A statement is complete in `query`.
    case semicolon
    /// A backslash stands at the position: a command's name follows it.
    case backslash
    case endOfLine
  }

  /// What the next line will go on with.
  public enum Pending: Equatable, Sendable {
    case nothing, statement, singleQuote, doubleQuote, dollarQuote, comment, parenthesis
  }

  private enum State: Equatable {
    case initial
    case singleQuote(escapes: Bool)
    case doubleQuote
    case dollarQuote([UInt8])
    case comment(depth: Int)
  }

  /// The statement as far as it goes.
  public private(set) var query: [UInt8] = []
  private var state = State.initial
  private var parenthesisDepth = 0
  private var words: [String] = []
  private var bodyDepth = 0
  /// Whether an escape string just ended, so that a string on a following line goes on with escapes.
  private var endedEscapes = false
  /// Length of `query` when its last line began, if it had begun before.
  private var lineStart: Int?
  private let variables: (String) -> String?

  /// - Parameter variables: the value of a variable, nil if it is not set.
  public init(variables: @escaping (String) -> String? = { _ in nil }) { self.variables = variables }

  public var text: String { String(decoding: query, as: UTF8.self) }

  /// Whether the statement read so far is inside of something.
  public var pending: Pending {
    switch state {
    case .singleQuote: .singleQuote
    case .doubleQuote: .doubleQuote
    case .dollarQuote: .dollarQuote
    case .comment: .comment
    case .initial:
      if parenthesisDepth > 0 { .parenthesis } else { query.isEmpty ? .nothing : .statement }
    }
  }

  /// Forgets the statement.
  public mutating func reset() {
    query = []
    state = .initial
    parenthesisDepth = 0
    words = []
    bodyDepth = 0
    endedEscapes = false
    lineStart = nil
  }

  /// Replaces the statement by a text that was edited elsewhere.
  mutating func replace(with text: String) {
    reset()
    query = Array(text.utf8)
  }

  /// Call before each further line.
  public mutating func beginLine() {
    lineStart = nil
    if !query.isEmpty {
      query.append(UInt8(ascii: "\n"))
      lineStart = query.count
    }
  }

  /// Reads on up to the end of a statement, a backslash or the end of the line.
  public mutating func scan(_ line: inout ScannedLine) -> Stop {
    while !line.isAtEnd {
      switch state {
      case .initial:
        if let stop = scanInitial(&line) { return stop }
      case .singleQuote(let escapes): scanSingleQuote(&line, escapes: escapes)
      case .doubleQuote:
        let byte = take(&line)
        if byte == UInt8(ascii: "\"") { state = .initial }
      case .dollarQuote(let tag):
        if line.bytes[line.position...].starts(with: tag) {
          for _ in tag { take(&line) }
          state = .initial
        } else {
          take(&line)
        }
      case .comment(let depth):
        if follows("*/", in: line) {
          take(&line)
          take(&line)
          state = depth > 1 ? .comment(depth: depth - 1) : .initial
        } else if follows("/*", in: line) {
          take(&line)
          take(&line)
          state = .comment(depth: depth + 1)
        } else {
          take(&line)
        }
      }
    }
    return .endOfLine
  }

  @discardableResult
  private mutating func take(_ line: inout ScannedLine) -> UInt8 {
    let byte = line.bytes[line.position]
    query.append(byte)
    line.position += 1
    return byte
  }

  private func follows(_ text: StaticString, in line: ScannedLine) -> Bool {
    guard line.position + text.utf8CodeUnitCount <= line.bytes.count else { return false }
    return text.withUTF8Buffer { line.bytes[line.position...].starts(with: $0) }
  }

  private mutating func scanSingleQuote(_ line: inout ScannedLine, escapes: Bool) {
    let byte = take(&line)
    if byte == UInt8(ascii: "'") {
      // A doubled quote comes back here by way of the initial state.
      state = .initial
      endedEscapes = escapes
    } else if escapes, byte == UInt8(ascii: "\\"), !line.isAtEnd {
      take(&line)
    }
  }

  private mutating func scanInitial(_ line: inout ScannedLine) -> Stop? {
    let byte = line.bytes[line.position]
    if byte == UInt8(ascii: " ") || (9...13).contains(byte) {
      line.position += 1
      if !query.isEmpty { query.append(byte) }
      return nil
    }
    if follows("--", in: line) {
      if !query.isEmpty { query += line.bytes[line.position...] }
      line.position = line.bytes.count
      return nil
    }
    let continuesEscapes = endedEscapes
    endedEscapes = false
    if follows("/*", in: line) {
      take(&line)
      take(&line)
      state = .comment(depth: 1)
      return nil
    }
    switch byte {
    case UInt8(ascii: "'"):
      take(&line)
      state = .singleQuote(escapes: continuesEscapes)
    case UInt8(ascii: "\""):
      take(&line)
      state = .doubleQuote
    case UInt8(ascii: "$"):
      if let tag = Self.dollarTag(line) {
        for _ in tag { take(&line) }
        state = .dollarQuote(tag)
      } else {
        take(&line)
      }
    case UInt8(ascii: "("):
      take(&line)
      parenthesisDepth += 1
    case UInt8(ascii: ")"):
      take(&line)
      if parenthesisDepth > 0 { parenthesisDepth -= 1 }
    case UInt8(ascii: ";"):
      take(&line)
      if parenthesisDepth == 0, bodyDepth == 0 {
        words = []
        return .semicolon
      }
    case UInt8(ascii: "\\"):
      let next = line.position + 1 < line.bytes.count ? line.bytes[line.position + 1] : 0
      // `\;` and `\:` put the bare character into the statement.
      guard next == UInt8(ascii: ";") || next == UInt8(ascii: ":") else {
        // A line that holds a command only leaves the statement as it was.
        if lineStart == query.count { query.removeLast() }
        lineStart = nil
        return .backslash
      }
      line.position += 1
      take(&line)
    case UInt8(ascii: ":"): scanColon(&line)
    case _ where Self.beginsWord(byte): scanWord(&line)
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      while !line.isAtEnd, Self.continuesWord(line.bytes[line.position]) { take(&line) }
    default: take(&line)
    }
    return nil
  }

  private mutating func scanWord(_ line: inout ScannedLine) {
    let start = line.position
    while !line.isAtEnd, Self.continuesWord(line.bytes[line.position]) { take(&line) }
    let word = line.bytes[start..<line.position]
    if word.count == 1, word.first == UInt8(ascii: "e") || word.first == UInt8(ascii: "E"), !line.isAtEnd,
      line.bytes[line.position] == UInt8(ascii: "'")
    {
      take(&line)
      state = .singleQuote(escapes: true)
      return
    }
    if words.count < 4 { words.append(String(decoding: word, as: UTF8.self).lowercased()) }
    if parenthesisDepth == 0, word.count <= 5, definesRoutine {
      // Semicolons within BEGIN ATOMIC … END belong to the routine; CASE … END nests there.
      switch String(decoding: word, as: UTF8.self).lowercased() {
      case "begin": bodyDepth += 1
      case "case": if bodyDepth > 0 { bodyDepth += 1 }
      case "end": if bodyDepth > 0 { bodyDepth -= 1 }
      default: break
      }
    }
  }

  private var definesRoutine: Bool {
    guard words.first == "create" else { return false }
    let kind = words.count > 3 && words[1] == "or" && words[2] == "replace" ? words[3] : words.count > 1 ? words[1] : ""
    return kind == "function" || kind == "procedure"
  }

  private mutating func scanColon(_ line: inout ScannedLine) {
    if follows("::", in: line) || follows(":=", in: line) {
      take(&line)
      take(&line)
      return
    }
    while let last = line.expansions.last, line.bytes.count - line.position <= last.remaining {
      line.expansions.removeLast()
    }
    guard let reference = VariableReference(line.bytes, at: line.position),
      !line.expansions.contains(where: { $0.name == reference.name }),
      let value = reference.text(variables)
    else {
      take(&line)
      return
    }
    line.bytes.replaceSubrange(reference.range, with: value.utf8)
    if reference.kind == .plain {
      let end = reference.range.lowerBound + value.utf8.count
      line.expansions.append((reference.name, line.bytes.count - end))
    } else {
      // What is quoted is complete in itself.
      for _ in value.utf8 { take(&line) }
    }
  }

  static func beginsWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), 0x80...: true
    default: false
    }
  }

  static func continuesWord(_ byte: UInt8) -> Bool {
    beginsWord(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "$")
  }

  /// `$$` or `$tag$` at the position.
  private static func dollarTag(_ line: ScannedLine) -> [UInt8]? {
    var end = line.position + 1
    while end < line.bytes.count, line.bytes[end] != UInt8(ascii: "$") {
      let byte = line.bytes[end]
      let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      guard beginsWord(byte) || (isDigit && end > line.position + 1) else { return nil }
      end += 1
    }
    guard end < line.bytes.count else { return nil }
    return Array(line.bytes[line.position...end])
  }
}
