// Reads the files under Transcripts: lines of fields recorded from PostgreSQL 15, compared with our answers.

import Glibc
import SQLTypes
import Testing

struct Transcript {
  let lines: [[String]]

  init(_ name: String, separator: Character) {
    let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    var text: [UInt8] = []
    if let file = fopen("/\(folder)/Transcripts/\(name)", "rb") {
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = fread(&buffer, 1, buffer.count, file)
        if count == 0 { break }
        text.append(contentsOf: buffer[..<count])
      }
      fclose(file)
    }
    let mark = separator.asciiValue ?? 0
    lines = text.split(separator: 10).filter { $0.first != UInt8(ascii: "#") }.map { line in
      line.split(separator: mark, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }
  }

  /// Runs every line; the last field is what PostgreSQL answered.
  func check(_ answer: ([String]) throws(SQLError) -> String) {
    var mismatches: [String] = []
    for line in lines {
      let expected = line[line.count - 1]
      var given: String
      do throws(SQLError) { given = try answer(line) } catch {
        given = "ERROR \(error.state) \(error.message)"
        if let detail = error.detail { given += " DETAIL \(detail)" }
        if let hint = error.hint { given += " HINT \(hint)" }
      }
      if given != expected {
        mismatches.append("\(line.dropLast().joined(separator: " | ")): \(given) instead of \(expected)")
      }
    }
    #expect(!lines.isEmpty)
    #expect(mismatches.isEmpty, "\(mismatches.count) differ:\n\(mismatches.prefix(40).joined(separator: "\n"))")
  }
}

/// Splits `numeric(5,2)` and `int4[]` into a type and its modifier.
func type(_ text: String) throws(SQLError) -> (TypeInfo, Int32) {
  var name = text
  var arguments: [Int64] = []
  let isArray = name.hasSuffix("[]")
  if isArray { name.removeLast(2) }
  if let open = name.firstIndex(of: "("), name.hasSuffix(")") {
    arguments = name[name.index(after: open)...].dropLast().split(separator: ",").compactMap { Int64($0) }
    name = String(name[..<open])
  }
  if name == "char" { name = "bpchar" }
  if name == "\"char\"" { name = "char" }
  guard var type = TypeInfo.find(name: name) else { throw SQLError(.undefinedObject, "type \(name)") }
  let modifier = arguments.isEmpty ? -1 : try type.modifier(arguments: arguments)
  if isArray, let array = TypeInfo.find(type.arrayOID) { type = array }
  return (type, modifier)
}

func settings(zone: String) -> FormatSettings {
  var settings = FormatSettings()
  if !zone.isEmpty, zone != "UTC" {
    settings.timeZone = Int(zone).map { TimeZoneRules.fixed(offset: $0 * 3600) } ?? TimeZoneRules.find(zone) ?? .utc
  }
  return settings
}

func show(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
