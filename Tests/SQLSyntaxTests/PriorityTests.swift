// Priorities of transactions, which are no PostgreSQL.
// Source: CockroachDB's documentation, "BEGIN", "SET TRANSACTION".

import SQLTypes
import Testing

@testable import SQLSyntax

@Suite struct PriorityTests {
  @Test(arguments: [
    "BEGIN PRIORITY LOW", "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED PRIORITY low, READ ONLY",
    "START TRANSACTION priority Low", "SET TRANSACTION PRIORITY LOW",
    "SET SESSION CHARACTERISTICS AS TRANSACTION PRIORITY LOW",
  ])
  func aTransactionSaysItsPriority(_ sql: String) throws {
    let parsed = try Parser.parse(Array(sql.utf8))
    let modes: TransactionModes? =
      switch parsed[0].statement {
      case .transaction(.begin(let modes, _)), .setTransaction(.transaction(let modes)),
        .setTransaction(.sessionCharacteristics(let modes)):
        modes
      default: nil
      }
    #expect(modes?.priority == .low)
    #expect(try Parser.parse(SyntaxPrinter.print(parsed[0].statement)).map(\.statement) == parsed.map(\.statement))
  }

  @Test func whatIsNoPriorityIsRefused() throws {
    for (sql, message) in [
      ("BEGIN PRIORITY", "syntax error at end of input"),
      ("BEGIN PRIORITY urgent", "syntax error at or near \"urgent\""),
      ("BEGIN PRIORITY LOW,", "syntax error at end of input"),
    ] {
      let error = try #require(throws: SQLError.self, "\(sql)") { try Parser.parse(Array(sql.utf8)) }
      #expect(error.message == message, "\(sql)")
    }
    // The word stays a name.
    #expect(try Parser.parse(Array("SELECT priority FROM priority AS priority".utf8)).count == 1)
  }
}
