// The house rules that a program can check: the layers, APIs that bypass the environment, files that promise later work,
// files that grew past one idea, links in the documentation. A rule says what to do instead.

import Foundation
import Testing

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

private struct Source {
  var room: String
  var path: String
  var lines: [Substring]
}

private let sources: [Source] = {
  let folder = root.appending(path: "Sources")
  guard let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil) else { return [] }
  return files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }.compactMap { url in
    // Generated: its makers answer for it.
    if url.lastPathComponent.hasSuffix(".pb.swift") { return nil }
    guard let text = try? String(contentsOf: url, encoding: .utf8) else { return nil }
    let path = String(url.path(percentEncoded: false).dropFirst(root.path(percentEncoded: false).count))
    let parts = url.pathComponents
    guard let place = parts.lastIndex(of: "Sources"), place + 1 < parts.count else { return nil }
    return Source(
      room: parts[place + 1], path: path, lines: text.split(separator: "\n", omittingEmptySubsequences: false))
  }
}()

@Suite struct TidyTests {
  /// The rooms from the bottom up; a room may import those before it.
  static let layers = [
    "CRocksDB", "CEdit", "CPCRE2", "CConcurrencyTrap", "CChecksum", "CKernelClock", "Reactors", "Clocks", "Encoding",
    "Credentials",
    "Certificates",
    "Storage", "Raft", "Transport", "Ranges", "Placement", "Transactions", "SQLTypes", "Expressions", "SQLSyntax",
    "Catalog", "Planning", "Execution", "Jobs", "Sessions", "PGWire", "Admin", "Server", "Checkers", "Shell",
    "LogicTest",
    "Workloads", "Simulation", "meridian", "simulate",
  ]
  /// Rooms that know nothing of each other although one comes first.
  static let apart: [String: Set<String>] = [
    "SQLTypes": ["Reactors", "Clocks", "Storage", "Ranges", "Transactions"],
    "Expressions": ["Reactors", "Clocks", "Storage", "Ranges", "Transactions"],
    "SQLSyntax": ["Reactors", "Clocks", "Storage", "Ranges", "Transactions", "Encoding"],
    "Planning": ["Reactors", "Storage", "Ranges"],
    "Execution": ["Storage", "Ranges"],
    "PGWire": ["Catalog", "Planning", "Execution", "Transactions", "Ranges", "Storage"],
    "Admin": ["Catalog", "Planning", "Execution", "Transactions", "Ranges", "Storage", "Sessions", "PGWire"],
  ]

  @Test func roomsImportOnlyWhatLiesBeneathThem() {
    var violations: [String] = []
    for source in sources {
      guard let level = Self.layers.firstIndex(of: source.room) else {
        violations.append("\(source.path): room \(source.room) has no place in the layers")
        continue
      }
      for line in source.lines {
        let words = line.split(separator: " ")
        guard let place = words.firstIndex(of: "import"), place + 1 < words.count, place <= 1 else { continue }
        let imported = String(words[place + 1])
        if let other = Self.layers.firstIndex(of: imported), other >= level {
          violations.append("\(source.path): \(source.room) imports \(imported), which lies above it")
        }
        if Self.apart[source.room]?.contains(imported) == true {
          violations.append("\(source.path): \(source.room) must know nothing of \(imported)")
        }
        if imported == "Foundation", !["Shell", "LogicTest", "Workloads", "meridian"].contains(source.room) {
          violations.append("\(source.path): Foundation is for the shell and the command line only")
        }
      }
    }
    #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
  }

  /// What bypasses the environment, and what to use instead.
  static let banned: [(text: String, instead: String)] = [
    ("Task.detached", "Reactor.run"),
    ("Task.sleep", "Reactor.sleep"),
    ("Task {", "Reactor.run"),
    ("ContinuousClock", "Environment.monotonicNow"),
    ("SuspendingClock", "Environment.monotonicNow"),
    ("SystemRandomNumberGenerator", "Environment.makeRandom"),
    (".random(in:", "Environment.makeRandom and `using:`"),
    ("UUID()", "Environment.makeRandom"),
    ("Date()", "Environment.wallNow"),
    ("Dispatch", "Environment.makeWorker"),
    ("Thread.", "Environment.makeWorker"),
    ("pthread_create", "Environment.makeWorker"),
    ("clock_gettime", "Environment.monotonicNow"),
  ]

  @Test func nothingBypassesTheEnvironment() {
    let exempt: Set<String> = ["Shell", "LogicTest", "meridian", "Workloads"]
    let environment = ["Sources/Reactors/ProductionEnvironment.swift", "Sources/Reactors/ThreadWorker.swift"]
    var violations: [String] = []
    for source in sources where !exempt.contains(source.room) && !environment.contains(where: source.path.hasSuffix) {
      for (number, line) in source.lines.enumerated() {
        let code = line.trimmingCharacters(in: .whitespaces)
        if code.hasPrefix("//") { continue }
        for (text, instead) in Self.banned where code.contains(text) {
          // A draw from a generator that was handed in is what the rule wants.
          if text.hasPrefix(".random"), code.contains("using:") { continue }
          violations.append("\(source.path):\(number + 1): \(text); use \(instead)")
        }
      }
    }
    #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
  }

  @Test func uncheckedSharingSaysWhy() {
    var violations: [String] = []
    for source in sources {
      for (number, line) in source.lines.enumerated() {
        let code = line.trimmingCharacters(in: .whitespaces)
        guard !code.hasPrefix("//"), code.contains("@unchecked Sendable") || code.contains("nonisolated(unsafe)") else {
          continue
        }
        let near = source.lines[max(0, number - 8)...number]
        if !near.contains(where: { $0.contains("//") }) {
          violations.append("\(source.path):\(number + 1): say beside it why this is safe")
        }
      }
    }
    #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
  }

  @Test func nothingPromisesLaterWork() {
    var violations: [String] = []
    // Spelt in pieces, so that this file does not find itself.
    let markers = ["TO" + "DO", "FIX" + "ME", "HA" + "CK:", "XX" + "X:"]
    for source in sources {
      for (number, line) in source.lines.enumerated() {
        for marker in markers where line.contains(marker) {
          violations.append("\(source.path):\(number + 1): \(marker)")
        }
      }
    }
    #expect(violations.isEmpty, "\(violations.joined(separator: "\n"))")
  }

  @Test func filesHoldOneIdea() {
    let long = sources.filter { $0.lines.count > 801 }.map {
      "\($0.path): \($0.lines.count) lines; split it by idea"
    }
    #expect(long.isEmpty, "\(long.joined(separator: "\n"))")
  }

  @Test func filesSayWhatTheyAre() {
    let silent = sources.filter { $0.lines.first?.hasPrefix("//") != true }.map(\.path)
    #expect(silent.isEmpty, "no header comment: \(silent.joined(separator: ", "))")
  }

  @Test func linksInTheDocumentationLead() throws {
    var broken: [String] = []
    var pages = [root.appending(path: "README.md")]
    if let files = FileManager.default.enumerator(at: root.appending(path: "Docs"), includingPropertiesForKeys: nil) {
      pages += files.compactMap { $0 as? URL }.filter { $0.pathExtension == "md" }
    }
    for page in pages {
      let text = try String(contentsOf: page, encoding: .utf8)
      for match in text.matches(of: /\]\(([^)#\s]+)[^)]*\)/) {
        let target = String(match.output.1)
        if target.contains("://") || target.hasPrefix("mailto:") { continue }
        let url = page.deletingLastPathComponent().appending(path: target)
        if !FileManager.default.fileExists(atPath: url.path(percentEncoded: false)) {
          broken.append("\(page.lastPathComponent): \(target)")
        }
      }
    }
    #expect(broken.isEmpty, "\(broken.joined(separator: "\n"))")
  }
}
