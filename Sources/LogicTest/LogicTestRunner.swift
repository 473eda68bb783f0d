// Runs the records of a logic test on a connection and says of each whether it holds; a failure tells what was asked, what was
// expected and what came.

import Shell

public struct LogicTestFailure: Sendable {
  public var file: String
  public var line: Int
  public var sql: String
  public var message: String

  /// As a person would want to read it.
  public var report: String {
    "\(file):\(line)\n" + sql.split(separator: "\n").map { "    \($0)" }.joined(separator: "\n") + "\n"
      + message.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }.joined(separator: "\n")
      + "\n"
  }
}

public struct LogicTestSummary: Sendable {
  public var passed = 0
  public var failed = 0
  public var skipped = 0
  public init() {}
}

public final class LogicTestRunner {
  private let client: WireClient
  /// Engines that this one answers to in `skipif` and `onlyif`.
  private let names: Set<String> = ["postgresql", "meridian"]
  private var labels: [String: String] = [:]

  public init(client: WireClient) { self.client = client }

  /// Runs one file's records. `progress` is told after each record; a broken connection is thrown.
  public func run(
    file: String, text: String, progress: (LogicTestSummary, LogicTestFailure?) throws -> Void
  ) throws -> LogicTestSummary {
    var summary = LogicTestSummary()
    labels = [:]
    for record in try LogicTestFile.parse(text) {
      guard record.applies(to: names) else {
        summary.skipped += 1
        try progress(summary, nil)
        continue
      }
      var failure: LogicTestFailure?
      switch record.kind {
      case .halt: return summary
      case .hashThreshold: continue
      case .statement(let sql, let expectsError, let pattern, let count):
        if let message = try check(sql, expectsError: expectsError, pattern: pattern, count: count) {
          failure = LogicTestFailure(file: file, line: record.line, sql: sql, message: message)
        }
      case .query(let sql, let types, let order, let label, let expected):
        if let message = try check(sql, types: types, order: order, label: label, expected: expected) {
          failure = LogicTestFailure(file: file, line: record.line, sql: sql, message: message)
        }
      }
      if failure == nil { summary.passed += 1 } else { summary.failed += 1 }
      try progress(summary, failure)
    }
    return summary
  }

  private func check(_ sql: String, expectsError: Bool, pattern: String?, count: Int?) throws -> String? {
    var tag = ""
    var failure: ServerMessage?
    try client.query(sql) { event in
      switch event {
      case .complete(let text): tag = text
      case .error(let message): failure = message
      default: break
      }
    }
    if let failure {
      if !expectsError { return "unexpected \(failure)" }
      guard let pattern else { return nil }
      // A pattern is part of the message, or all that a client is told: `SQLSTATE: message`, white space folded.
      let told = "\(failure.state): \(failure.message)".split(whereSeparator: \.isWhitespace).joined(separator: " ")
      return told.contains(pattern) || "\(failure)".contains(pattern)
        ? nil : "expected an error with \"\(pattern)\"\n     got \(told)"
    }
    if expectsError { return "expected an error, but the statement succeeded" }
    if let count, tag.split(separator: " ").last.flatMap({ Int($0) }) != count {
      return "expected \(count) rows to change, got \(tag)"
    }
    return nil
  }

  private func check(
    _ sql: String, types: String, order: ResultOrder, label: String?, expected: ExpectedResult
  ) throws -> String? {
    let result: (columns: [ColumnDescription], rows: [[String?]])
    do {
      result = try client.rows(sql)
    } catch let error as ServerMessage {
      return "unexpected \(error)"
    }
    guard result.columns.count == types.count else {
      return "expected \(types.count) columns, got \(result.columns.count)"
    }
    let kinds = Array(types)
    var rows = result.rows.map { row in row.enumerated().map { Self.format($1, kinds[$0]) } }
    if order == .rows {
      rows.sort { left, right in
        for (a, b) in zip(left, right) where a != b { return Self.precedes(a, b) }
        return false
      }
    }
    var values = rows.flatMap { $0 }
    if order == .values { values.sort(by: Self.precedes) }
    let digest = MD5.hex(values.flatMap { Array($0.utf8) + [UInt8(ascii: "\n")] })
    if let label {
      if let known = labels[label], known != digest {
        return "the result differs from that of an earlier query with the label \(label)"
      }
      labels[label] = digest
    }
    switch expected {
    case .values(let lines):
      if lines == values { return nil }
      // Files written by hand put a row on a line.
      let joined = rows.map { $0.joined(separator: " ") }
      if kinds.count > 1, lines == joined { return nil }
      return Self.difference(expected: lines, actual: lines.count == rows.count ? joined : values)
    case .hash(let count, let md5):
      if count == values.count, md5 == digest { return nil }
      return
        "expected \(count) values hashing to \(md5)\n     got \(values.count) values hashing to \(digest)\nthe first are:\n"
        + values.prefix(20).joined(separator: "\n")
    }
  }

  /// By bytes, as the original runner compares.
  private static func precedes(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
  }

  /// A value as the format wants it: I as an integer, R with three digits after the point, T with control characters hidden.
  static func format(_ value: String?, _ kind: Character) -> String {
    guard let value else { return "NULL" }
    switch kind {
    case "I":
      if let number = Int64(value) { return String(number) }
      if value == "t" { return "1" }
      if value == "f" { return "0" }
      if let number = Double(value), abs(number) < 9e18 { return String(Int64(number)) }
      return "0"
    case "R":
      guard let number = Double(value) else { return value }
      return formatReal(number)
    default:
      if value.isEmpty { return "(empty)" }
      return String(
        String.UnicodeScalarView(value.unicodeScalars.map { $0.value < 0x20 || $0.value > 0x7E ? "@" : $0 }))
    }
  }

  private static func difference(expected: [String], actual: [String]) -> String {
    var lines: [String] = ["- expected, + actual"]
    let changes = actual.difference(from: expected)
    var removed: [Int: String] = [:]
    var inserted: [Int: String] = [:]
    for change in changes {
      switch change {
      case .remove(let offset, let element, _): removed[offset] = element
      case .insert(let offset, let element, _): inserted[offset] = element
      }
    }
    var (old, new) = (0, 0)
    while old < expected.count || new < actual.count {
      if let line = removed[old] {
        lines.append("- \(line)")
        old += 1
      } else if let line = inserted[new] {
        lines.append("+ \(line)")
        new += 1
      } else {
        if old < expected.count { lines.append("  \(expected[old])") }
        old += 1
        new += 1
      }
      if lines.count > 60 {
        lines.append("  …")
        break
      }
    }
    return lines.joined(separator: "\n")
  }
}

/// `printf("%.3f")` without a variadic call.
private func formatReal(_ number: Double) -> String {
  guard number.isFinite, abs(number) < 1e15 else { return String(number) }
  let scaled = (abs(number) * 1000).rounded(.toNearestOrEven)
  let whole = Int64(scaled)
  let digits = String(whole % 1000)
  let sign = number.sign == .minus ? "-" : ""
  return "\(sign)\(whole / 1000)." + String(repeating: "0", count: 3 - digits.count) + digits
}
