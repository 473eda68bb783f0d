// Statements typed before, the oldest first, in a file: one entry a line, a line break within an entry as `\n`, a backslash as
// `\\`. Entries are appended as they come, so that two shells at once and a killed one lose nothing.

import Foundation

struct History {
  /// More than a person looks back; the file is cut to that when it has grown to twice as much.
  static let limit = 5000

  private(set) var entries: [String] = []
  private let path: String?

  /// - Parameter path: nil keeps the history in memory only.
  init(path: String?) {
    self.path = path
    guard let path, let data = FileManager.default.contents(atPath: path) else { return }
    let lines = data.split(separator: UInt8(ascii: "\n"))
    entries = lines.suffix(Self.limit).map { Self.decode(String(decoding: $0, as: UTF8.self)) }
    if lines.count > 2 * Self.limit { rewrite(path) }
  }

  /// Adds an entry unless it repeats the last one; whether it was added.
  mutating func append(_ entry: String) -> Bool {
    guard !entry.allSatisfy(\.isWhitespace), entry != entries.last else { return false }
    entries.append(entry)
    if entries.count > Self.limit { entries.removeFirst() }
    guard let path else { return true }
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return true }
    let line = Array((Self.encode(entry) + "\n").utf8)
    _ = write(descriptor, line, line.count)
    close(descriptor)
    return true
  }

  private func rewrite(_ path: String) {
    let text = entries.map { Self.encode($0) + "\n" }.joined()
    let temporary = "\(path).\(getpid())"
    guard
      FileManager.default.createFile(
        atPath: temporary, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    else { return }
    rename(temporary, path)
  }

  static func encode(_ entry: String) -> String {
    var line = ""
    for character in entry.unicodeScalars {
      switch character {
      case "\n": line += "\\n"
      case "\r": line += "\\r"
      case "\\": line += "\\\\"
      default: line.unicodeScalars.append(character)
      }
    }
    return line
  }

  static func decode(_ line: String) -> String {
    var entry = ""
    var escaped = false
    for character in line.unicodeScalars {
      if escaped {
        switch character {
        case "n": entry += "\n"
        case "r": entry += "\r"
        default: entry.unicodeScalars.append(character)
        }
        escaped = false
      } else if character == "\\" {
        escaped = true
      } else {
        entry.unicodeScalars.append(character)
      }
    }
    return entry
  }
}
