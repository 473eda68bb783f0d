// The sqllogictest file format: records separated by blank lines, conditions in front of them, results after `----`.
// Source: SQLite's "About sqllogictest".

/// How a query's values are ordered before they are compared.
public enum ResultOrder: String, Sendable {
  case none = "nosort"
  case rows = "rowsort"
  case values = "valuesort"
}

public enum ExpectedResult: Sendable, Equatable {
  case values([String])
  /// `30 values hashing to 3c13…`
  case hash(count: Int, md5: String)
}

public struct LogicTestRecord: Sendable {
  public enum Kind: Sendable {
    /// `count`: how many rows the statement says it changed, if that is checked.
    case statement(sql: String, expectsError: Bool, errorPattern: String?, count: Int?)
    case query(sql: String, types: String, order: ResultOrder, label: String?, expected: ExpectedResult)
    case hashThreshold(Int)
    case halt
  }

  public var kind: Kind
  /// 1-based line of the record's first line.
  public var line: Int
  /// Names after `skipif` and `onlyif`.
  public var skipIf: [String]
  public var onlyIf: [String]

  /// Whether the record is for an engine that answers to these names.
  public func applies(to names: Set<String>) -> Bool {
    !skipIf.contains(where: names.contains) && onlyIf.allSatisfy(names.contains)
  }
}

/// Why a file is no logic test.
public struct LogicTestSyntaxError: Error, CustomStringConvertible {
  public var line: Int
  public var message: String
  public var description: String { "line \(line): \(message)" }
}

public enum LogicTestFile {
  public static func parse(_ text: String) throws(LogicTestSyntaxError) -> [LogicTestRecord] {
    // A line may end as on Windows: that is one Character.
    let lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    var records: [LogicTestRecord] = []
    var index = 0
    var skipIf: [String] = []
    var onlyIf: [String] = []
    while index < lines.count {
      let line = lines[index]
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
      guard let command = words.first, !command.hasPrefix("#") else {
        index += 1
        continue
      }
      let start = index + 1
      index += 1
      switch command {
      case "skipif": if words.count > 1 { skipIf.append(words[1]) }
      case "onlyif": if words.count > 1 { onlyIf.append(words[1]) }
      case "hash-threshold":
        let threshold = words.count > 1 ? Int(words[1]) : nil
        guard let threshold else { throw LogicTestSyntaxError(line: start, message: "hash-threshold needs a number") }
        records.append(LogicTestRecord(kind: .hashThreshold(threshold), line: start, skipIf: skipIf, onlyIf: onlyIf))
        (skipIf, onlyIf) = ([], [])
      case "halt":
        records.append(LogicTestRecord(kind: .halt, line: start, skipIf: skipIf, onlyIf: onlyIf))
        (skipIf, onlyIf) = ([], [])
      case "statement":
        let count = words.count > 2 && words[1] == "count" ? Int(words[2]) : nil
        guard words.count > 1, words[1] == "ok" || words[1] == "error" || count != nil else {
          throw LogicTestSyntaxError(line: start, message: "expected statement ok, statement count or statement error")
        }
        let sql = block(lines, &index)
        let pattern = words.count > 2 && count == nil ? words[2...].joined(separator: " ") : nil
        records.append(
          LogicTestRecord(
            kind: .statement(sql: sql, expectsError: words[1] == "error", errorPattern: pattern, count: count),
            line: start, skipIf: skipIf, onlyIf: onlyIf))
        (skipIf, onlyIf) = ([], [])
      case "query":
        let types = words.count > 1 ? words[1] : ""
        let order = words.count > 2 ? ResultOrder(rawValue: words[2]) : ResultOrder.none
        guard let order else {
          throw LogicTestSyntaxError(line: start, message: "unknown order \"\(words[2])\"")
        }
        let sql = block(lines, &index)
        var expected: [String] = []
        if index > 0, index <= lines.count, lines[index - 1] == "----" {
          while index < lines.count, !lines[index].isEmpty {
            expected.append(String(lines[index]))
            index += 1
          }
        }
        records.append(
          LogicTestRecord(
            kind: .query(
              sql: sql, types: types, order: order, label: words.count > 3 ? words[3] : nil,
              expected: Self.expectation(expected)), line: start, skipIf: skipIf, onlyIf: onlyIf))
        (skipIf, onlyIf) = ([], [])
      default: throw LogicTestSyntaxError(line: start, message: "unknown record \"\(command)\"")
      }
    }
    return records
  }

  /// The lines up to a blank one or `----`, past which `index` is left.
  private static func block(_ lines: [Substring], _ index: inout Int) -> String {
    var sql: [Substring] = []
    while index < lines.count, !lines[index].isEmpty, lines[index] != "----" {
      sql.append(lines[index])
      index += 1
    }
    if index < lines.count { index += 1 }
    return sql.joined(separator: "\n")
  }

  private static func expectation(_ lines: [String]) -> ExpectedResult {
    if lines.count == 1, let match = lines[0].wholeMatch(of: /(\d+) values hashing to ([0-9a-f]{32})/) {
      return .hash(count: Int(match.output.1) ?? 0, md5: String(match.output.2))
    }
    return .values(lines)
  }
}
