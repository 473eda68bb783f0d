// The printer's contract: what it writes parses to the tree it was given. And the parser's: no input traps.

import SQLTypes
import Testing

@testable import SQLSyntax

struct RoundTripTests {
  @Test(arguments: Samples.statements)
  func printedTextParsesToTheSameTree(_ sql: String) throws {
    let parsed = try Parser.parse(Array(sql.utf8))
    #expect(parsed.count == 1)
    for statement in parsed {
      let printed = SyntaxPrinter.print(statement.statement)
      let again = try Parser.parse(printed)
      #expect(again.map(\.statement) == [statement.statement], "\(String(decoding: printed, as: UTF8.self))")
    }
  }

  @Test func identifiersAreQuotedAsByQuoteIdent() {
    // SELECT quote_ident(x) in PostgreSQL 15.
    let expected: [(String, String)] = [
      ("abc", "abc"), ("a_1", "a_1"), ("Abc", "\"Abc\""), ("1a", "\"1a\""), ("a b", "\"a b\""), ("a\"b", "\"a\"\"b\""),
      ("select", "\"select\""), ("left", "\"left\""), ("int", "\"int\""), ("name", "name"), ("é", "\"é\""),
      ("", "\"\""),
      ("a$", "\"a$\""), ("abort", "abort"), ("user", "\"user\""), ("values", "\"values\""),
    ]
    for (name, quoted) in expected { #expect(SyntaxPrinter.quoteIdentifier(name) == quoted) }
  }

  @Test func severalStatementsAreCutApart() throws {
    let sql = "  ; select $2 ;; -- x\n update t set a = $1 where b = $3  ; "
    let parsed = try Parser.parse(Array(sql.utf8))
    #expect(parsed.count == 2)
    let texts = parsed.map { String(decoding: Array(sql.utf8)[$0.range.range], as: UTF8.self) }
    #expect(texts == ["select $2", "update t set a = $1 where b = $3"])
    #expect(parsed.map(\.parameterCount) == [2, 3])
    #expect(try Parser.parse(Array(" ;; /* nothing */ -- here".utf8)).isEmpty)
    #expect(try Parser.parse([]).isEmpty)
  }

  @Test func mutatedStatementsNeverTrap() {
    var random = Mutations(seed: 7)
    for _ in 0..<2_000 {
      let sql = random.mutated()
      _ = LiteralExtraction.extract(sql)
      guard let parsed = try? Parser.parse(sql) else { continue }
      for statement in parsed {
        let printed = SyntaxPrinter.print(statement.statement)
        let again = try? Parser.parse(printed)
        #expect(again?.map(\.statement) == [statement.statement], "\(String(decoding: sql, as: UTF8.self))")
      }
    }
  }

  @Test func nestingIsBounded() {
    let count = 5_000
    let openings = [
      "select (", "select not ", "select - ", "select a = (", "select f(", "select array[", "select case when ",
      "select exists (select ", "select (select ", "select * from (", "select * from (a join ", "select a in (",
      "with x as (", "select a between ", "select coalesce(", "select a[", "(", "select 1 group by grouping sets (",
      "explain ", "select count(*) filter (where ", "select * from a join ", "create table t (a int default (",
      "select ((a,", "select interval '1' ", "insert into t values ((",
    ]
    for opening in openings {
      let body = opening.hasPrefix("select ") ? String(opening.dropFirst(7)) : opening
      let sql = (opening.hasPrefix("select ") ? "select " : "") + String(repeating: body, count: count)
      #expect(throws: SQLError.self) { try Parser.parse(Array(sql.utf8)) }
    }
    // Chains that deepen the tree to the left.
    for (first, link) in [
      ("select 1", "+1"), ("select 1", "::int"), ("select a", "[1].b"), ("select 1", " union select 1"),
      ("select * from a", " cross join b"), ("select a", " is null"), ("select a", " collate c"),
    ] {
      let sql = first + String(repeating: link, count: count)
      let error = #expect(throws: SQLError.self) { try Parser.parse(Array(sql.utf8)) }
      #expect(error?.state == .statementTooComplex)
      #expect(error?.message == "stack depth limit exceeded")
      #expect(error?.hint != nil)
    }
    // Flat lists are not nesting.
    let flat =
      "select " + String(repeating: "a and ", count: count) + "a or b in (" + String(repeating: "1,", count: count)
      + "1)"
    #expect(throws: Never.self) { try Parser.parse(Array(flat.utf8)) }
  }
}

/// Seeded mutations of the sample statements.
struct Mutations {
  private var state: UInt64
  private let corpus = Samples.statements.map { Array($0.utf8) }
  private let pieces: [[UInt8]] = [
    "(", ")", "((", "'", "\"", "$", "$$", "--", "/*", "*/", "::", "[", "]", ".", "..", ",", ";", "U&'\\", "E'\\",
    " UESCAPE '!'", "1e", "1e+", "0x", ":=", "=>", "\u{0}", " NOT ", " IN ", " SELECT ", " FROM ", " WITH ", " CASE ",
    "$1", "$99999999999", " interval ", " numeric(", " ROW", " OVERLAPS ", " ARRAY[", "9223372036854775808", "-", "+",
    "é", " operator(", "1.", ".5",
  ].map { Array($0.utf8) }

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  private mutating func random(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(state % UInt64(max(bound, 1)))
  }

  mutating func mutated() -> [UInt8] {
    var sql = corpus[random(corpus.count)]
    for _ in 0..<(1 + random(4)) {
      let at = random(sql.count + 1)
      switch random(6) {
      case 0 where at < sql.count: sql.remove(at: at)
      case 1: sql.insert(contentsOf: pieces[random(pieces.count)], at: at)
      case 2 where at < sql.count: sql[at] = UInt8(random(256))
      case 3:
        let other = corpus[random(corpus.count)]
        sql = Array(sql[..<at]) + other[random(other.count)...]
      case 4: sql = Array(sql[..<at])
      default:
        let other = random(sql.count + 1)
        sql.insert(contentsOf: sql[min(at, other)..<max(at, other)], at: at)
      }
    }
    return sql
  }
}
