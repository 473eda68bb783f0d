// COPY's formats. Expected rows, output and messages are PostgreSQL 15's for `create table c (a int, b text)`.

import SQLTypes
import Testing

@testable import Execution

struct CopyTests {
  private static let columns: [(name: String, type: SQLType)] = [("a", .int4), ("b", .text)]

  private static func options(
    _ list: [(String, CopyOptions.Value)], isFrom: Bool
  ) throws(SQLError) -> CopyOptions {
    try CopyOptions(
      list.map { (name: $0.0, value: $0.1) }, columns: ["a", "b"], table: (name: "c", columns: ["a", "b"]),
      isFrom: isFrom)
  }

  /// Rows as `copy … to stdout` shows them, decoded from pieces of `size` bytes.
  private static func decode(
    _ text: String, _ list: [(String, CopyOptions.Value)] = [], size: Int = Int.max
  ) throws(SQLError) -> [String] {
    let decoder = try CopyDecoder(
      relation: "c", columns: columns, options: options(list, isFrom: true), settings: .standard)
    var encoder = CopyEncoder(columns: columns, options: CopyOptions(), settings: .standard)
    var output: [UInt8] = []
    let bytes = Array(text.utf8)
    var position = 0
    while position < bytes.count {
      let end = size > bytes.count - position ? bytes.count : position + size
      Array(bytes[position..<end]).withUnsafeBytes { decoder.append($0) }
      while let batch = try decoder.next() { encoder.encode(batch, into: &output) }
      position = end
    }
    decoder.finish()
    while let batch = try decoder.next() { encoder.encode(batch, into: &output) }
    #expect(decoder.isAtEnd)
    return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  private static let csv: (String, CopyOptions.Value) = ("format", .text("csv"))

  @Test(arguments: [1, 3, 7, Int.max])
  func decodes(size: Int) throws {
    func decode(_ text: String, _ list: [(String, CopyOptions.Value)] = []) throws -> [String] {
      try CopyTests.decode(text, list, size: size)
    }
    #expect(
      try decode("1\tx\n2\t\\N\n3\ta\\tb\\n\\x41\\101\\\\q\n") == ["1\tx", "2\t\\N", "3\ta\\tb\\nAA\\\\q"])
    #expect(try decode("1\tx\r\n2\ty\r\n") == ["1\tx", "2\ty"])
    #expect(try decode("1\tx\n\\.\n2\ty\n") == ["1\tx"])
    #expect(try decode("1\tx\\\ny\n2\tz") == ["1\tx\\ny", "2\tz"])
    let csv = CopyTests.csv
    #expect(try decode("1,\"a,\"\"b\"\"\nc\"\n2,\n3,\"\"\n", [csv]) == ["1\ta,\"b\"\\nc", "2\t\\N", "3\t"])
    #expect(try decode("a,b\n1,x\n", [csv, ("header", .none)]) == ["1\tx"])
    #expect(try decode("a,b\n1,x\n", [csv, ("header", .text("match"))]) == ["1\tx"])
    #expect(try decode("1,ab\"cd\"ef\n", [csv]) == ["1\tabcdef"])
    #expect(try decode("1,\"\"\n2,\"x\"\n", [csv, ("force_null", .columns(["b"]))]) == ["1\t\\N", "2\tx"])
    #expect(try decode("1,\n", [csv, ("force_not_null", .columns(["b"]))]) == ["1\t"])
    #expect(try decode("1,NIL\n2,\"NIL\"\n", [csv, ("null", .text("NIL"))]) == ["1\t\\N", "2\tNIL"])
    #expect(try decode("1,x\r2,y\r", [csv]) == ["1\tx", "2\ty"])
  }

  private static func error(_ text: String, _ list: [(String, CopyOptions.Value)] = []) -> SQLError? {
    do throws(SQLError) {
      _ = try decode(text, list)
      return nil
    } catch {
      return error
    }
  }

  @Test func dataErrors() {
    func check(
      _ text: String, _ list: [(String, CopyOptions.Value)], _ state: String, _ message: String, _ context: String,
      at location: SourceLocation = #_sourceLocation
    ) {
      let error = CopyTests.error(text, list)
      #expect(error?.state.rawValue == state, sourceLocation: location)
      #expect(error?.message == message, sourceLocation: location)
      #expect(error?.context == context, sourceLocation: location)
    }
    let csv = CopyTests.csv
    check("1\tx\n2\n", [], "22P04", "missing data for column \"b\"", "COPY c, line 2: \"2\"")
    check("1\tx\ty\n", [], "22P04", "extra data after last expected column", "COPY c, line 1: \"1\tx\ty\"")
    check(
      "1\tx\nz\ty\n", [], "22P02", "invalid input syntax for type integer: \"z\"", "COPY c, line 2, column a: \"z\"")
    check("1\tx\n2\ty\r\n", [], "22P04", "literal carriage return found in data", "COPY c, line 2")
    check("1\tx\r\n2\ty\n", [], "22P04", "literal newline found in data", "COPY c, line 2")
    check(
      "99999999999\tx\n", [], "22003", "value \"99999999999\" is out of range for type integer",
      "COPY c, line 1, column a: \"99999999999\"")
    check(
      "1\t\\xff\n", [], "22021", "invalid byte sequence for encoding \"UTF8\": 0xff", "COPY c, line 1: \"1\t\\xff\"")
    check(
      "a,c\n1,x\n", [csv, ("header", .text("match"))], "22P04",
      "column name mismatch in header line field 2: got \"c\", expected \"b\"", "COPY c, line 1: \"a,c\"")
    check(
      "a\n1,x\n", [csv, ("header", .text("match"))], "22P04",
      "wrong number of fields in header line: got 1, expected 2", "COPY c, line 1: \"a\"")
    check("1,\"abc\n2,x\n", [csv], "22P04", "unterminated CSV quoted field", "COPY c, line 1: \"1,\"abc\n2,x\n\"")
    check(
      "1,\"x\n\nz\"\nq,y\n", [csv], "22P02", "invalid input syntax for type integer: \"q\"",
      "COPY c, line 2, column a: \"q\"")
  }

  @Test func optionErrors() {
    func message(_ list: [(String, CopyOptions.Value)], isFrom: Bool = true) -> String {
      do throws(SQLError) {
        _ = try CopyTests.options(list, isFrom: isFrom)
        return ""
      } catch {
        return "\(error.state): \(error.message)"
      }
    }
    let csv = CopyTests.csv
    #expect(message([("delimiter", .text("ab"))]) == "0A000: COPY delimiter must be a single one-byte character")
    #expect(message([("quote", .text("|"))]) == "0A000: COPY quote available only in CSV mode")
    #expect(message([csv, ("quote", .text(","))]) == "22023: COPY delimiter and quote must be different")
    #expect(
      message([("null", .text("a\tb"))]) == "0A000: COPY delimiter must not appear in the NULL specification")
    #expect(message([("foo", .text("1"))]) == "42601: option \"foo\" not recognized")
    #expect(
      message([csv, ("force_null", .columns(["zz"]))]) == "42703: column \"zz\" of relation \"c\" does not exist")
    #expect(message([("force_null", .columns(["b"]))]) == "0A000: COPY force null available only in CSV mode")
    #expect(message([csv, ("force_quote", .all)]) == "0A000: COPY force quote only available using COPY TO")
    #expect(message([csv, ("header", .text("maybe"))]) == "42601: header requires a Boolean value or \"match\"")
  }

  @Test func encodes() throws {
    var batch = Batch(kinds: [.int64, .bytes])
    let rows: [[Datum]] = [
      [.int64(1), .text("a\tb\nc\\d\u{8}e\u{c}f\rg\u{b}h")], [.int64(2), .null], [.int64(3), .text("")],
      [.int64(4), .text("\\.")], [.int64(5), .text("x,y\"z")], [.null, .text("N")],
    ]
    for row in rows { batch.append(row: row) }
    func encode(_ list: [(String, CopyOptions.Value)]) throws -> String {
      var encoder = CopyEncoder(
        columns: CopyTests.columns, options: try CopyTests.options(list, isFrom: false), settings: .standard)
      var output: [UInt8] = []
      encoder.encodeHeader(into: &output)
      encoder.encode(batch, into: &output)
      return String(decoding: output, as: UTF8.self)
    }
    let csv = CopyTests.csv
    let raw = "a\tb\nc\\d\u{8}e\u{c}f\rg\u{b}h"
    #expect(
      try encode([]) == "1\ta\\tb\\nc\\\\d\\be\\ff\\rg\\vh\n2\t\\N\n3\t\n4\t\\\\.\n5\tx,y\"z\n\\N\tN\n")
    #expect(
      try encode([csv, ("header", .none)])
        == "a,b\n1,\"\(raw)\"\n2,\n3,\"\"\n4,\\.\n5,\"x,y\"\"z\"\n,N\n")
    #expect(
      try encode([csv, ("force_quote", .all)])
        == "\"1\",\"\(raw)\"\n\"2\",\n\"3\",\"\"\n\"4\",\"\\.\"\n\"5\",\"x,y\"\"z\"\n,\"N\"\n")
    #expect(
      try encode([csv, ("quote", .text("'")), ("escape", .text("^"))])
        == "1,'\(raw)'\n2,\n3,''\n4,\\.\n5,'x,y\"z'\n,N\n")
    #expect(
      try encode([csv, ("null", .text("N"))])
        == "1,\"\(raw)\"\n2,N\n3,\n4,\\.\n5,\"x,y\"\"z\"\nN,\"N\"\n")
  }
}
