// Where lines come from: a person, a file or a string, with the number of the line for messages. Files are read a line at a
// time, so that one of any size, or a pipe, streams.

import Foundation

protocol LineSource: AnyObject {
  /// The next line without its end; `prompt` is shown to a person.
  func readLine(prompt: String) -> EditedLine
  /// What messages put before the text, as `file.sql:12: `; empty for a person.
  var place: String { get }
  var isInteractive: Bool { get }
}

/// A person at a terminal.
final class EditorSource: LineSource {
  private let editor: LineEditor
  init(_ editor: LineEditor) { self.editor = editor }
  func readLine(prompt: String) -> EditedLine { editor.readLine(prompt: prompt) }
  var place: String { "" }
  var isInteractive: Bool { true }
}

/// Lines from a descriptor.
final class DescriptorSource: LineSource {
  private let descriptor: Int32
  private let name: String?
  private let closes: Bool
  private var buffer: [UInt8] = []
  private var start = 0
  private var isAtEnd = false
  private var line = 0

  /// - Parameter name: for messages, nil for none.
  init(descriptor: Int32, name: String?, closes: Bool = false) {
    self.descriptor = descriptor
    self.name = name
    self.closes = closes
  }

  static func file(_ path: String) throws(ShellFailure) -> DescriptorSource {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw ShellFailure("\(path): \(String(cString: strerror(errno)))") }
    return DescriptorSource(descriptor: descriptor, name: path, closes: true)
  }

  deinit { if closes { close(descriptor) } }

  var place: String { name.map { "\($0):\(line): " } ?? "" }
  var isInteractive: Bool { false }

  func readLine(prompt: String) -> EditedLine {
    var searched = start
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { start = end + 1 }
        return take(upTo: end)
      }
      searched = buffer.count
      if isAtEnd {
        guard start < buffer.count else { return .end }
        defer { start = buffer.count }
        return take(upTo: buffer.count)
      }
      if start > 0 {
        buffer.removeFirst(start)
        searched -= start
        start = 0
      }
      // Files never keep one waiting; pipes and terminals do.
      if !Interrupts.waitForInput(descriptor) {
        if Interrupts.pending { return .interrupted }
        continue
      }
      let count = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { space -> Int in
        let count = read(descriptor, space.baseAddress, space.count)
        if count > 0 { buffer.append(contentsOf: space[..<count]) }
        return count
      }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { isAtEnd = true }
    }
  }

  private func take(upTo end: Int) -> EditedLine {
    var text = buffer[start..<end]
    line += 1
    // A byte order mark, as some editors write, is no SQL.
    if line == 1, text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
    if text.last == UInt8(ascii: "\r") { text = text.dropLast() }
    return .line(String(decoding: text, as: UTF8.self))
  }
}

/// Lines of a string.
final class StringSource: LineSource {
  private var lines: [String]
  private var next = 0
  init(_ text: String) { lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
  func readLine(prompt: String) -> EditedLine {
    guard next < lines.count else { return .end }
    defer { next += 1 }
    return .line(lines[next])
  }
  var place: String { "" }
  var isInteractive: Bool { false }
}
