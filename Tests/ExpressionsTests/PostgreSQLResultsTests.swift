// Expressions with the value, type or error that PostgreSQL 15 gives for them (database encoding UTF8, collation C.UTF-8,
// time zone UTC). A line is `expression ⇒ value : type` or `expression ⇒ ERROR: message`; `∅` is NULL.
// Repeat with psql: `SELECT expression, pg_typeof(expression)`.

import Expressions
import SQLTypes
import Testing

@Suite struct PostgreSQLResultsTests {
  static func result(_ text: String) -> String {
    do {
      let services = TestServices()
      let context = EvaluationContext(services: services)
      context.settings.objectNames = TestNames()
      let expression = try ExpressionBuilder().settled(try MiniSyntax.parse(text))
      let value = try Evaluator.value(expression, context)
      let folded = try Evaluator.value(ConstantFolding.fold(expression), context)
      // Three rows must say what one row says.
      let rows = try Evaluator.evaluate(expression, Batch(columns: [], rowCount: 3), context)
      guard let info = TypeInfo.find(expression.type.oid) else { return "no type" }
      func show(_ value: Datum) -> String {
        value.isNull ? "∅" : String(decoding: info.text(value, settings: context.settings), as: UTF8.self)
      }
      if expression.volatility == .immutable && (show(folded) != show(value) || show(rows.datum(2)) != show(value)) {
        return "folded \(show(folded)), in rows \(show(rows.datum(2))), alone \(show(value))"
      }
      return "\(show(value)) : \(info.sqlName)"
    } catch let error as SQLError {
      return "ERROR: \(error.message)"
    } catch {
      return "\(error)"
    }
  }

  static let topics: [String: String] = [
    "numbers": numberResults, "texts": textResults, "patterns": patternResults, "resolution": resolutionResults,
    "conditions": conditionResults, "arrays": arrayResults, "times": timeResults, "format": formatResults,
    "to_char": toCharResults,
  ]

  @Test(arguments: topics.keys.sorted())
  func agreesWithPostgreSQL(_ topic: String) {
    let lines = PostgreSQLResultsTests.topics[topic, default: ""]
    for line in lines.split(separator: "\n") {
      guard let arrow = line.range(of: " ⇒ ") else { continue }
      let expected = String(line[arrow.upperBound...])
      let actual = PostgreSQLResultsTests.result(String(line[..<arrow.lowerBound]))
      #expect(actual == expected, "\(line[..<arrow.lowerBound]): \(actual), not \(expected)")
    }
  }
}

extension Substring {
  /// The first place of `other`.
  func range(of other: String) -> Range<Index>? {
    var index = startIndex
    while index < endIndex {
      if self[index...].hasPrefix(other) {
        return index..<self.index(index, offsetBy: other.count)
      }
      index = self.index(after: index)
    }
    return nil
  }
}
