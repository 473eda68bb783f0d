// Measurements and the long mutation run; only by name, since they mean nothing in a debug build:
// MERIDIAN_MEASURE=1 swift test -c release -Xswiftc -enable-testing --filter SQLSyntaxTests.Measurements

import Glibc
import SQLTypes
import Testing

@testable import SQLSyntax

@Suite(.enabled(if: getenv("MERIDIAN_MEASURE") != nil), .serialized)
struct Measurements {
  static let statements = [
    "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;",
    "UPDATE pgbench_accounts SET abalance = abalance + -1234 WHERE aid = 99;",
    "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (1, 2, 3, 4, CURRENT_TIMESTAMP);",
  ]

  /// Microseconds per call, the best of five rounds.
  private func best(_ body: () throws -> Void) rethrows -> Double {
    var best = Duration.seconds(1_000)
    for _ in 0..<5 {
      let duration = try ContinuousClock().measure { for _ in 0..<20_000 { try body() } }
      best = min(best, duration)
    }
    return best / .microseconds(20_000)
  }

  @Test(arguments: statements)
  func timePerStatement(_ sql: String) throws {
    let bytes = Array(sql.utf8)
    let parse = try best { _ = try Parser.parse(bytes) }
    let extract = best { _ = LiteralExtraction.extract(bytes) }
    print("parse \(parse) µs, extract \(extract) µs: \(sql)")
  }

  @Test func hundredThousandMutations() {
    var random = Mutations(seed: 20_261_123)
    for _ in 0..<100_000 {
      let sql = random.mutated()
      _ = LiteralExtraction.extract(sql)
      guard let parsed = try? Parser.parse(sql) else { continue }
      for statement in parsed {
        let again = try? Parser.parse(SyntaxPrinter.print(statement.statement))
        #expect(again?.map(\.statement) == [statement.statement], "\(String(decoding: sql, as: UTF8.self))")
      }
    }
  }
}
