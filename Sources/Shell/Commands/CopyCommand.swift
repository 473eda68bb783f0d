// `\copy`: COPY whose file is on this side. The command is turned into COPY FROM STDIN or TO STDOUT and the data goes
// through the connection. Source: PostgreSQL manual, psql, `\copy`.

import Foundation

/// The parts of a `\copy`.
struct CopyCommand: Equatable {
  enum Target: Equatable {
    case file(String)
    case program(String)
    /// Standard input or output of the script; with `pstdin`, of the process.
    case standard(ofProcess: Bool)
  }

  var target: Target
  var isFrom: Bool
  /// The statement for the server.
  var sql: String

  init(_ text: String) throws(ShellFailure) {
    let tokens = Self.tokens(text)
    var index = 0
    if tokens.first?.lowercased() == "binary" { throw ShellFailure("\\copy: use WITH (FORMAT binary)") }
    guard let first = tokens.first else { throw ShellFailure("\\copy: arguments required") }
    let what: String
    if first == "(" {
      var depth = 0
      repeat {
        if tokens[index] == "(" { depth += 1 } else if tokens[index] == ")" { depth -= 1 }
        index += 1
      } while index < tokens.count && depth > 0
      guard depth == 0 else { throw ShellFailure("\\copy: parse error at end of line") }
      what = Self.sliceText(text, tokens, upTo: index)
    } else {
      while index < tokens.count, !["from", "to"].contains(tokens[index].lowercased()) { index += 1 }
      what = Self.sliceText(text, tokens, upTo: index)
    }
    guard index < tokens.count else { throw ShellFailure("\\copy: parse error at end of line") }
    switch tokens[index].lowercased() {
    case "from": isFrom = true
    case "to": isFrom = false
    default: throw ShellFailure("\\copy: parse error at \"\(tokens[index])\"")
    }
    index += 1
    guard index < tokens.count else { throw ShellFailure("\\copy: parse error at end of line") }
    switch tokens[index].lowercased() {
    case "stdin", "stdout": target = .standard(ofProcess: false)
    case "pstdin", "pstdout": target = .standard(ofProcess: true)
    case "program":
      index += 1
      guard index < tokens.count, tokens[index].hasPrefix("'") else {
        throw ShellFailure("\\copy: parse error at \(index < tokens.count ? "\"\(tokens[index])\"" : "end of line")")
      }
      target = .program(Self.unquote(tokens[index]))
    default: target = .file(Self.unquote(tokens[index]))
    }
    index += 1
    let options = String(text.utf8.dropFirst(Self.end(of: index, tokens, in: text))) ?? ""
    let trimmed = options.trimmingCharacters(in: .whitespaces)
    sql = "COPY \(what) \(isFrom ? "FROM STDIN" : "TO STDOUT")" + (trimmed.isEmpty ? "" : " \(trimmed)")
  }

  private static func unquote(_ token: String) -> String {
    guard token.count >= 2, let first = token.first, first == "'" || first == "\"", token.last == first else {
      return token
    }
    let inner = token.dropFirst().dropLast()
    return inner.components(separatedBy: "\(first)\(first)").joined(separator: String(first))
  }

  /// Words, quoted texts and single parentheses, in order; each is a part of the text as it stands.
  private static func tokens(_ text: String) -> [String] {
    ranges(text).map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) }
  }

  private static func ranges(_ text: String) -> [Range<Int>] {
    let bytes = Array(text.utf8)
    var found: [Range<Int>] = []
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      let start = index
      switch byte {
      case UInt8(ascii: " "), 9...13:
        index += 1
        continue
      case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","): index += 1
      case UInt8(ascii: "'"):
        index += 1
        while index < bytes.count {
          if bytes[index] == byte {
            if index + 1 < bytes.count, bytes[index + 1] == byte { index += 1 } else { break }
          }
          index += 1
        }
        index = min(index + 1, bytes.count)
      default:
        // A word may hold quoted parts, as "Schema".table does.
        while index < bytes.count, ![32, 9, 10, 11, 12, 13].contains(bytes[index]),
          ![UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","), UInt8(ascii: "'")].contains(bytes[index])
        {
          if bytes[index] == UInt8(ascii: "\"") {
            index += 1
            while index < bytes.count, bytes[index] != UInt8(ascii: "\"") { index += 1 }
          }
          index = min(index + 1, bytes.count)
        }
      }
      found.append(start..<index)
    }
    return found
  }

  /// Where the text goes on after so many tokens.
  private static func end(of count: Int, _ tokens: [String], in text: String) -> Int {
    let all = ranges(text)
    return count > 0 && count <= all.count ? all[count - 1].upperBound : 0
  }

  private static func sliceText(_ text: String, _ tokens: [String], upTo count: Int) -> String {
    String(decoding: Array(text.utf8)[..<end(of: count, tokens, in: text)], as: UTF8.self)
      .trimmingCharacters(in: .whitespaces)
  }
}

extension Shell {
  /// Carries out `\copy`; whether it went well.
  func copy(_ text: String) throws -> Bool {
    let command = try CopyCommand(text)
    guard let client else { throw ShellFailure("You are currently not connected to a database.") }
    _ = client
    let start = ContinuousClock.now
    let isDone = try command.isFrom ? copyIn(command) : copyOut(command)
    if isTiming { tell(Self.timing(ContinuousClock.now - start)) }
    return isDone
  }

  private func copyIn(_ command: CopyCommand) throws -> Bool {
    let descriptor: Int32
    var program: UnsafeMutablePointer<FILE>?
    switch command.target {
    case .standard(ofProcess: false):
      return run(command.sql, copyOutput: output) { self.show($0, tag: $1, options: self.options, in: self.output) }
    case .standard(ofProcess: true): descriptor = 0
    case .file(let path):
      let path = Self.expandHome(path)
      descriptor = open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw ShellFailure("\(path): \(String(cString: strerror(errno)))") }
      var status = stat()
      if fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
        close(descriptor)
        throw ShellFailure("\(path): cannot copy from/to a directory")
      }
    case .program(let text):
      standardOutput.flush()
      program = popen(text, "re")
      guard let program else { throw ShellFailure("could not execute command \"\(text)\"") }
      descriptor = fileno(program)
    }
    defer {
      if let program {
        pclose(program)
      } else if descriptor != 0 {
        close(descriptor)
      }
    }
    var size = stat()
    let total = fstat(descriptor, &size) == 0 && size.st_mode & S_IFMT == S_IFREG ? Int(size.st_size) : nil
    var progress = CopyProgress(total: total, isShown: isInteractive && isatty(2) == 1)
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let isDone = transfer(command.sql) {
      while true {
        if Interrupts.pending { throw ShellFailure("canceled by user") }
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        if count < 0 { throw ShellFailure("could not read: \(String(cString: strerror(errno)))") }
        progress.advance(count)
        return count > 0 ? Array(buffer[..<count]) : nil
      }
    } receive: { _ in
    }
    progress.finish()
    return isDone
  }

  private func copyOut(_ command: CopyCommand) throws -> Bool {
    let sink: OutputSink
    switch command.target {
    case .standard(let ofProcess):
      sink = ofProcess ? standardOutput : output
      return run(command.sql, copyOutput: sink) { self.show($0, tag: $1, options: self.options, in: self.output) }
    case .file(let path): sink = try OutputSink.file(Self.expandHome(path))
    case .program(let text):
      standardOutput.flush()
      sink = try OutputSink.program(text)
    }
    var progress = CopyProgress(total: nil, isShown: isInteractive && isatty(2) == 1)
    let isDone = transfer(command.sql, source: nil) { data in
      progress.advance(data.count)
      sink.write(data)
    }
    progress.finish()
    let isWritten = !sink.isBroken
    let status = sink.close()
    if !isWritten { throw ShellFailure("could not write COPY data: \(String(cString: strerror(errno)))") }
    return isDone && status == 0
  }

  /// Runs a COPY with a source or a target of its own.
  private func transfer(
    _ sql: String, source: (() throws -> [UInt8]?)?, receive: ([UInt8]) -> Void
  ) -> Bool {
    guard let client else { return false }
    var isDone = true
    do {
      try Interrupts.cancelling(client.cancelToken) {
        try client.query(sql, copySource: source) { event in
          switch event {
          case .copyData(let data): receive(data)
          case .error(let message):
            isDone = false
            tell(message, query: sql)
          case .complete(let tag): if !isQuiet { output.write(tag + "\n") }
          default: break
          }
        }
      }
    } catch {
      reconnect(after: error)
      return false
    }
    return isDone
  }
}

/// How far a copy is, on one line of the terminal that is written over five times a second.
struct CopyProgress {
  private let total: Int?
  private let isShown: Bool
  private let start = ContinuousClock.now
  private var shownAt = ContinuousClock.now
  private var byteCount = 0
  private var hasLine = false

  init(total: Int?, isShown: Bool) {
    self.total = total
    self.isShown = isShown
  }

  mutating func advance(_ count: Int) {
    byteCount += count
    guard isShown, ContinuousClock.now - shownAt > .milliseconds(200) else { return }
    shownAt = ContinuousClock.now
    hasLine = true
    let (seconds, attoseconds) = (shownAt - start).components
    let elapsed = Double(seconds) + Double(attoseconds) / 1e18
    Self.write("\r\u{1B}[K" + Self.line(byteCount: byteCount, total: total, seconds: elapsed))
  }

  /// Takes the line away again.
  func finish() {
    if hasLine { Self.write("\r\u{1B}[K") }
  }

  static func line(byteCount: Int, total: Int?, seconds: Double) -> String {
    var text = "\(megabytes(Double(byteCount)))"
    if let total, total > 0 { text += " of \(megabytes(Double(total))) (\(min(100, byteCount * 100 / total)) %)" }
    return seconds > 0 ? text + ", \(megabytes(Double(byteCount) / seconds))/s" : text
  }

  private static func megabytes(_ count: Double) -> String { String(format: "%.1f MB", count / 1e6) }

  private static func write(_ text: String) {
    let bytes = Array(text.utf8)
    _ = Foundation.write(2, bytes, bytes.count)
  }
}
