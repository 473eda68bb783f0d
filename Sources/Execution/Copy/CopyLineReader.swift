// HOT: cuts a COPY stream into rows and rows into fields. Bytes arrive in pieces of any size; a row is read when it is
// whole. Fields are kept unescaped in one buffer, with the raw text of the row beside them for error contexts.
// How lines end (LF, CR LF, CR) is learned from the first line and then demanded, as PostgreSQL does.

import Glibc
import SQLTypes

struct CopyLineReader {
  enum LineEnd { case unknown, newline, carriageReturn, both }

  /// A row that is not there yet, is there, or will never come.
  enum Outcome { case row, needsMore, end }

  private let options: CopyOptions
  private var input: [UInt8] = []
  private var position = 0
  private var isFinished = false
  private var sawEndMarker = false
  private var lineEnd = LineEnd.unknown
  /// Number of the current row's last line, from 1.
  private(set) var lineNumber = 0
  /// Whether `line` is the row that `next` failed on, rather than one that could not be cut off.
  private(set) var hasLine = false

  /// The fields of the current row, unescaped, one after the other.
  private(set) var bytes: [UInt8] = []
  private(set) var ends: [Int] = []
  private(set) var isNull: [Bool] = []
  private var lineRange = 0..<0

  init(_ options: CopyOptions) { self.options = options }

  mutating func append(_ more: UnsafeRawBufferPointer) {
    if position > 0 {
      // Rows read so far are dropped once, not row by row.
      input.removeSubrange(0..<position)
      position = 0
      lineRange = 0..<0
    }
    input.append(contentsOf: more)
  }

  mutating func finish() { isFinished = true }

  /// The current row as it was written, for messages.
  var line: [UInt8] { Array(input[lineRange]) }

  var fieldCount: Int { ends.count }

  @inline(__always)
  func fieldRange(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

  /// Reads the next row's fields.
  mutating func next() throws(SQLError) -> Outcome {
    if sawEndMarker { return .end }
    hasLine = false
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
    isNull.removeAll(keepingCapacity: true)
    guard let (end, after, lines) = try findLine() else {
      if !isFinished { return .needsMore }
      return .end
    }
    lineNumber += lines
    lineRange = position..<end
    hasLine = true
    let start = position
    position = after
    if end - start == 2 && input[start] == UInt8(ascii: "\\") && input[start + 1] == UInt8(ascii: ".") {
      sawEndMarker = true
      return .end
    }
    if options.format == .csv { try splitCSV(start, end) } else { try splitText(start, end) }
    return .row
  }

  // MARK: Lines

  /// Where the row ends, where the next begins, and how many lines it takes; nil if it is not whole.
  private mutating func findLine() throws(SQLError) -> (end: Int, after: Int, lines: Int)? {
    if position >= input.count { return nil }
    return options.format == .csv ? try findCSVLine() : try findTextLine()
  }

  private mutating func findTextLine() throws(SQLError) -> (end: Int, after: Int, lines: Int)? {
    if lineEnd == .newline {
      // The common case: LF, found by memchr.
      var from = position
      while let hit = find(0x0A, from: from) {
        if isEscaped(hit) {
          from = hit + 1
          continue
        }
        if let bare = find(0x0D, from: position, to: hit), !isEscaped(bare) { throw literal("carriage return", "\\r") }
        return (hit, hit + 1, 1)
      }
      return try lastLine()
    }
    var index = position
    while index < input.count {
      let byte = input[index]
      if byte == UInt8(ascii: "\\") {
        index += 2
        continue
      }
      if byte == 0x0A || byte == 0x0D {
        guard let after = try endOfLine(index, byte) else { return nil }
        return (index, after, 1)
      }
      index += 1
    }
    return try lastLine()
  }

  private mutating func findCSVLine() throws(SQLError) -> (end: Int, after: Int, lines: Int)? {
    var index = position
    var isQuoted = false
    var wasEscape = false
    var lines = 1
    let quote = options.quote
    // A doubled quote leaves and enters the field: no escape to look out for.
    let escape = options.escape == quote ? nil : options.escape
    while index < input.count {
      let byte = input[index]
      // Quotes are counted as PostgreSQL does: an escape before a quote keeps its state.
      if isQuoted && byte == escape { wasEscape.toggle() }
      if byte == quote && !wasEscape { isQuoted.toggle() }
      if byte != escape { wasEscape = false }
      if byte == 0x0A || byte == 0x0D {
        if isQuoted {
          // As PostgreSQL counts: while the line end is unknown only CR counts.
          if byte == (lineEnd == .newline ? 0x0A : 0x0D) { lines += 1 }
        } else {
          guard let after = try endOfLine(index, byte) else { return nil }
          return (index, after, lines)
        }
      }
      index += 1
    }
    if !isFinished { return nil }
    return (input.count, input.count, lines)
  }

  /// The first byte after a line's end; nil if more input must tell.
  private mutating func endOfLine(_ index: Int, _ byte: UInt8) throws(SQLError) -> Int? {
    if byte == 0x0A {
      if lineEnd == .both || lineEnd == .carriageReturn { throw literal("newline", "\\n") }
      lineEnd = .newline
      return index + 1
    }
    if index + 1 >= input.count && !isFinished { return nil }
    let isFollowed = index + 1 < input.count && input[index + 1] == 0x0A
    switch lineEnd {
    case .unknown: lineEnd = isFollowed ? .both : .carriageReturn
    case .newline: throw literal("carriage return", "\\r")
    case .both: if !isFollowed { throw literal("carriage return", "\\r") }
    case .carriageReturn: break
    }
    return lineEnd == .both ? index + 2 : index + 1
  }

  private func lastLine() throws(SQLError) -> (end: Int, after: Int, lines: Int)? {
    isFinished ? (input.count, input.count, 1) : nil
  }

  private func literal(_ what: String, _ code: String) -> SQLError {
    options.format == .csv
      ? SQLError(
        .badCopyFileFormat, "unquoted \(what) found in data", hint: "Use quoted CSV field to represent \(what).")
      : SQLError(.badCopyFileFormat, "literal \(what) found in data", hint: "Use \"\(code)\" to represent \(what).")
  }

  @inline(__always)
  private func find(_ byte: UInt8, from: Int, to: Int? = nil) -> Int? {
    input.withUnsafeBytes { input in
      guard let base = input.baseAddress, let hit = memchr(base + from, Int32(byte), (to ?? input.count) - from)
      else { return nil }
      return UnsafeRawPointer(hit) - base
    }
  }

  /// Whether an odd number of backslashes stands before `index`, within the row.
  @inline(__always)
  private func isEscaped(_ index: Int) -> Bool {
    var at = index
    while at > position, input[at - 1] == UInt8(ascii: "\\") { at -= 1 }
    return (index - at) & 1 == 1
  }

  // MARK: Fields

  private mutating func endField(null: Bool) {
    ends.append(bytes.count)
    isNull.append(null)
  }

  private mutating func splitText(_ start: Int, _ end: Int) throws(SQLError) {
    let delimiter = options.delimiter
    var index = start
    while true {
      let fieldStart = index
      let outputStart = bytes.count
      var hasEscape = false
      while index < end, input[index] != delimiter {
        if input[index] == UInt8(ascii: "\\") {
          hasEscape = true
          index += 1
          if index >= end { break }
        }
        index += 1
      }
      let raw = fieldStart..<min(index, end)
      if raw.count == options.null.count && input[raw].elementsEqual(options.null) {
        endField(null: true)
      } else {
        if hasEscape { unescape(raw) } else { bytes.append(contentsOf: input[raw]) }
        if hasEscape && bytes.count > outputStart { try check(outputStart) }
        endField(null: false)
      }
      if index >= end { return }
      index += 1
    }
  }

  /// An escape may have made bytes that are no text.
  private func check(_ start: Int) throws(SQLError) {
    let bytes = self.bytes
    try bytes.span.withUnsafeBytes { (all: UnsafeRawBufferPointer) throws(SQLError) in
      try checkUTF8(UnsafeRawBufferPointer(rebasing: all[start...]))
    }
  }

  private mutating func unescape(_ raw: Range<Int>) {
    var index = raw.lowerBound
    while index < raw.upperBound {
      let byte = input[index]
      index += 1
      if byte != UInt8(ascii: "\\") || index >= raw.upperBound {
        bytes.append(byte)
        continue
      }
      let code = input[index]
      index += 1
      switch code {
      case UInt8(ascii: "b"): bytes.append(0x08)
      case UInt8(ascii: "f"): bytes.append(0x0C)
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "v"): bytes.append(0x0B)
      case UInt8(ascii: "0")...UInt8(ascii: "7"):
        var value = Int(code) - 48
        var digits = 1
        while digits < 3, index < raw.upperBound, input[index] & 0xF8 == 0x30 {
          value = value << 3 | Int(input[index]) - 48
          index += 1
          digits += 1
        }
        bytes.append(UInt8(truncatingIfNeeded: value & 0xFF))
      case UInt8(ascii: "x"):
        var value = 0
        var digits = 0
        while digits < 2, index < raw.upperBound, let digit = CopyLineReader.hexDigit(input[index]) {
          value = value << 4 | digit
          index += 1
          digits += 1
        }
        bytes.append(digits == 0 ? code : UInt8(truncatingIfNeeded: value))
      default: bytes.append(code)
      }
    }
  }

  private static func hexDigit(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte) - 48
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte) - 87
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte) - 55
    default: nil
    }
  }

  private mutating func splitCSV(_ start: Int, _ end: Int) throws(SQLError) {
    let (delimiter, quote, escape) = (options.delimiter, options.quote, options.escape)
    var index = start
    while true {
      let outputStart = bytes.count
      var sawQuote = false
      var isQuoted = false
      while index < end {
        let byte = input[index]
        if !isQuoted {
          if byte == delimiter { break }
          index += 1
          if byte == quote {
            sawQuote = true
            isQuoted = true
          } else {
            bytes.append(byte)
          }
          continue
        }
        index += 1
        // Escape first: by default it is the quote itself.
        if byte == escape, index < end, input[index] == escape || input[index] == quote {
          bytes.append(input[index])
          index += 1
        } else if byte == quote {
          isQuoted = false
        } else {
          bytes.append(byte)
        }
      }
      if isQuoted { throw SQLError(.badCopyFileFormat, "unterminated CSV quoted field") }
      let position = ends.count
      let matches = bytes.count - outputStart == options.null.count && bytes[outputStart...].elementsEqual(options.null)
      let null =
        matches && (sawQuote ? options.forceNull.contains(position) : !options.forceNotNull.contains(position))
      if null { bytes.removeLast(bytes.count - outputStart) }
      endField(null: null)
      if index >= end { return }
      index += 1
    }
  }
}
