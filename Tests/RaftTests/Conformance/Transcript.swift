// Reads the data-driven files of etcd/raft: directives, their arguments and input, and the output expected of them.
//
//   # comment
//   command argument key=value key=(value,value)
//   input, up to
//   ----
//   expected output, up to a blank line; or between a second `----` and a line pair of them, with blank lines inside
//
// Source: reference 2.2.

import Glibc

/// A command with what is expected of it.
struct Directive {
  struct Argument {
    var key: String
    var values: [String] = []
  }

  var line: Int
  var command: String
  var arguments: [Argument] = []
  var input = ""
  var expected = ""

  /// The arguments without values, in order.
  var plain: [String] { arguments.filter(\.values.isEmpty).map(\.key) }

  func values(_ key: String) -> [String]? { arguments.first { $0.key == key && !$0.values.isEmpty }?.values }

  func value(_ key: String) -> String? { values(key)?.first }
}

struct MalformedDirective: Error {
  var line: Int
}

/// The directives of one file.
func parseTranscript(_ text: String) throws -> [Directive] {
  var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  if lines.last == "" { lines.removeLast() }
  var directives: [Directive] = []
  var position = 0
  while position < lines.count {
    let number = position + 1
    var line = trimmed(lines[position])
    position += 1
    if line.isEmpty || line.hasPrefix("#") { continue }
    while line.hasSuffix("\\"), position < lines.count {
      line = line.dropLast() + " " + trimmed(lines[position])
      position += 1
    }
    var directive = try parseDirective(line, number)
    var input: [String] = []
    while position < lines.count, lines[position] != "----" {
      input.append(lines[position])
      position += 1
    }
    directive.input = trimmed(input.joined(separator: "\n"))
    position += 1
    var expected: [String] = []
    if position < lines.count, lines[position] == "----" {
      position += 1
      while position < lines.count,
        !(lines[position] == "----" && position + 1 < lines.count && lines[position + 1] == "----")
      {
        expected.append(lines[position])
        position += 1
      }
      position += 2
    } else {
      while position < lines.count, !trimmed(lines[position]).isEmpty {
        expected.append(lines[position])
        position += 1
      }
    }
    directive.expected = expected.map { $0 + "\n" }.joined()
    directives.append(directive)
  }
  return directives
}

private func parseDirective(_ line: String, _ number: Int) throws -> Directive {
  var rest = Substring(line)
  func until(_ stops: String) -> String {
    let word = rest.prefix { !stops.contains($0) }
    rest = rest.dropFirst(word.count)
    return String(word)
  }
  func skipSpaces() { rest = rest.drop { $0 == " " } }

  var directive = Directive(line: number, command: until(" "))
  skipSpaces()
  while !rest.isEmpty {
    var argument = Directive.Argument(key: until(" ="))
    if argument.key.isEmpty { throw MalformedDirective(line: number) }
    if rest.first == "=" {
      rest = rest.dropFirst()
      if rest.first == "(" {
        rest = rest.dropFirst()
        var depth = 1
        var value = ""
        while depth > 0 {
          guard let character = rest.popFirst() else { throw MalformedDirective(line: number) }
          if character == "(" { depth += 1 }
          if character == ")" { depth -= 1 }
          if depth == 0 || (character == "," && depth == 1) {
            argument.values.append(value)
            value = ""
            skipSpaces()
          } else {
            value.append(character)
          }
        }
      } else {
        argument.values = [until(" ")]
      }
    }
    directive.arguments.append(argument)
    skipSpaces()
  }
  return directive
}

func trimmed(_ text: String) -> String {
  let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\n" || $0 == "\t" || $0 == "\r" }
  var rest = text.drop(while: isBlank)
  while let last = rest.last, isBlank(last) { rest.removeLast() }
  return String(rest)
}

// MARK: Where the files are

enum ConformanceData {
  /// The directory with the files, or nil when this checkout has none.
  static let directory: String? = {
    var candidates: [String] = []
    if let shared = getenv("MERIDIAN_SHARED") { candidates.append(String(cString: shared)) }
    // Tests/RaftTests/Conformance/Transcript.swift lies four levels below the package.
    let root = String(#filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined())
    candidates += [root + "/../shared", root + "/../../shared"]
    return candidates.map { $0 + "/conformance/etcd-raft" }.first { !names(in: $0).isEmpty }
  }()

  static var isRequired: Bool { getenv("CI").map { String(cString: $0) == "true" } ?? false }

  static let quorum = files("quorum")
  static let membership = files("confchange")
  static let interaction = files("interaction")

  private static func files(_ kind: String) -> [String] {
    guard let directory else { return [] }
    return names(in: "\(directory)/\(kind)").filter { $0.hasSuffix(".txt") }.map { "\(kind)/\($0)" }.sorted()
  }

  static func text(of file: String) -> String {
    guard let directory, let handle = fopen("\(directory)/\(file)", "r") else { return "" }
    defer { fclose(handle) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = fread(&chunk, 1, chunk.count, handle)
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func names(in directory: String) -> [String] {
    guard let handle = opendir(directory) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names
  }
}
