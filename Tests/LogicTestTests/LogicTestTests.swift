// The runner's own parts: the file format, the hash, and that a wrong answer is told.

import Testing

@testable import LogicTest

@Suite struct LogicTestFileTests {
  /// RFC 1321, appendix A.5.
  @Test(arguments: [
    ("", "d41d8cd98f00b204e9800998ecf8427e"), ("abc", "900150983cd24fb0d6963f7d28e17f72"),
    (
      "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
      "57edf4a22be3c955ac49da2e2107b67a"
    ),
  ])
  func digests(_ message: String, _ digest: String) {
    #expect(MD5.hex(Array(message.utf8)) == digest)
  }

  @Test func recordsAreRead() throws {
    let records = try LogicTestFile.parse(
      """
      # a comment
      statement ok
      CREATE TABLE t(a INTEGER)

      skipif postgresql
      statement error
      SELEKT

      query IT rowsort label-1
      SELECT a, 'x'
      FROM t
      ----
      1
      x

      query I nosort
      SELECT a FROM t
      ----
      30 values hashing to 3c13dee48d9356ae19af2515e05e6b54
      """)
    #expect(records.count == 4)
    #expect(records[1].skipIf == ["postgresql"])
    guard case .query(let sql, "IT", .rows, "label-1", .values(["1", "x"])) = records[2].kind else {
      Issue.record("the query is read whole")
      return
    }
    #expect(sql == "SELECT a, 'x'\nFROM t")
    guard case .query(_, _, _, _, .hash(count: 30, md5: "3c13dee48d9356ae19af2515e05e6b54")) = records[3].kind else {
      Issue.record("the hash is read")
      return
    }
  }

  /// SQLite's own files have lines that end as on Windows.
  @Test func linesEndInEitherWay() throws {
    let records = try LogicTestFile.parse("hash-threshold 8\r\n\r\nstatement count 2\r\nDELETE FROM t\r\n")
    #expect(records.count == 2)
    guard case .hashThreshold(8) = records[0].kind,
      case .statement("DELETE FROM t", expectsError: false, errorPattern: nil, count: 2) = records[1].kind
    else {
      Issue.record("both records are read")
      return
    }
  }

  @Test func valuesAreFormatted() {
    #expect(LogicTestRunner.format("12", "I") == "12")
    #expect(LogicTestRunner.format("1.5", "R") == "1.500")
    #expect(LogicTestRunner.format("-0.0004", "R") == "-0.000")
    #expect(LogicTestRunner.format("", "T") == "(empty)")
    #expect(LogicTestRunner.format(nil, "T") == "NULL")
  }
}
