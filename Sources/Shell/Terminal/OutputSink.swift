// Where text goes: a descriptor, a program's standard input, or memory for tests. Writes are gathered; `flush` before anything
// else writes to the same terminal.

import Foundation

final class OutputSink {
  private enum Target {
    case descriptor(Int32, closes: Bool)
    case program(UnsafeMutablePointer<FILE>)
    case memory
  }

  private var target: Target
  private var buffer: [UInt8] = []
  /// Set once a write failed, as to a pager that was left: what follows is dropped.
  private(set) var isBroken = false

  private init(_ target: Target) { self.target = target }

  convenience init(descriptor: Int32) { self.init(.descriptor(descriptor, closes: false)) }

  /// Keeps everything; see `text`.
  static func memory() -> OutputSink { OutputSink(.memory) }

  /// - Throws: a message with the system's reason.
  static func file(_ path: String) throws(ShellFailure) -> OutputSink {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw ShellFailure("\(path): \(String(cString: strerror(errno)))") }
    return OutputSink(.descriptor(descriptor, closes: true))
  }

  static func program(_ command: String) throws(ShellFailure) -> OutputSink {
    guard let file = popen(command, "we") else { throw ShellFailure("\(command): \(String(cString: strerror(errno)))") }
    return OutputSink(.program(file))
  }

  /// What went to memory so far.
  var text: String { String(decoding: buffer, as: UTF8.self) }

  var isTerminal: Bool {
    if case .descriptor(let descriptor, _) = target { isatty(descriptor) == 1 } else { false }
  }

  func write(_ text: String) { write(Array(text.utf8)) }

  func write(_ bytes: [UInt8]) {
    if isBroken { return }
    buffer += bytes
    if buffer.count > 1 << 16 { flush() }
  }

  func flush() {
    let descriptor: Int32
    switch target {
    case .memory: return
    case .descriptor(let own, _): descriptor = own
    case .program(let file): descriptor = fileno(file)
    }
    var sent = 0
    while sent < buffer.count, !isBroken {
      let count = buffer.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress! + sent, $0.count - sent) }
      if count >= 0 {
        sent += count
      } else if errno != EINTR {
        isBroken = true
      }
    }
    buffer.removeAll(keepingCapacity: true)
  }

  /// Closes a file, or waits for a program to end and gives its status.
  @discardableResult
  func close() -> Int32 {
    flush()
    switch target {
    case .descriptor(let descriptor, true): return Foundation.close(descriptor)
    case .program(let file): return pclose(file)
    default: return 0
    }
  }
}

/// Why the shell itself, not the server, cannot do what was asked.
struct ShellFailure: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// What the terminal is.
enum Terminal {
  /// Columns and rows of the terminal on standard output, nil if there is none.
  static var size: (columns: Int, rows: Int)? {
    var size = winsize()
    guard isatty(1) == 1, ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Reads a line without showing it, from the terminal itself.
  static func readSecret(prompt: String) -> String? {
    guard let text = getpass(prompt) else { return nil }
    return String(cString: text)
  }
}
