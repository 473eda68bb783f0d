// What the scanner makes of strings, names, numbers and operators. Values are PostgreSQL 15's.

import SQLTypes
import Testing

@testable import SQLSyntax

struct LexerTests {
  private func literal(_ sql: String) throws -> Literal {
    guard case .literal(let literal, _) = try Parser.parseExpression(Array(sql.utf8)) else {
      throw SQLError(.internalError, "no literal")
    }
    return literal
  }

  @Test(arguments: [
    ("'it''s'", "it's"), ("''", ""), ("'a'\n'b'", "ab"), ("'a' -- note\n 'b'", "ab"), ("'a\\b'", "a\\b"),
    ("E'a\\nb\\t\\\\\\'\\x41\\101\\u00e9\\U0001F600'", "a\nb\t\\'AAé😀"), ("E'\\uD83D\\uDE00'", "😀"),
    ("e'\\xc3\\xa9'", "é"), ("E'it''s\\q'", "it'sq"), ("E'a'\n'\\n'", "a\n"), ("E'\\x'", "x"),
    ("E'\\b\\f\\r\\v'", "\u{8}\u{c}\r\u{b}"),
    ("U&'d\\0061t\\+000061'", "data"), ("U&'d!0061!!' UESCAPE '!'", "da!"), ("U&'\\D83D\\DE00'", "😀"),
    ("U&'it''s'", "it's"), ("$$it's$$", "it's"), ("$t$a$$b$x$t$", "a$$b$x"), ("$é$x$é$", "x"), ("$$$$", ""),
    ("'é'", "é"),
  ])
  func strings(_ sql: String, _ value: String) throws {
    #expect(try literal(sql) == .string(Array(value.utf8)))
  }

  @Test func numbers() throws {
    #expect(try literal("0") == .integer(0))
    #expect(try literal("2147483648") == .integer(2_147_483_648))
    #expect(try literal("9223372036854775807") == .integer(.max))
    #expect(try literal("-9223372036854775808") == .integer(.min))
    #expect(try literal("9223372036854775808") == .numeric(Array("9223372036854775808".utf8)))
    #expect(try literal("-0.5") == .numeric(Array("-0.5".utf8)))
    #expect(try literal("-(-5)") == .integer(5))
    for text in ["1.", ".5", "1.50", "1e10", "1.5E-3"] {
      #expect(try literal(text) == .numeric(Array(text.utf8)))
    }
    #expect(try literal("B'01'") == .bitString(Array("01".utf8), isHexadecimal: false))
    #expect(try literal("x'1F'") == .bitString(Array("1F".utf8), isHexadecimal: true))
  }

  @Test func identifiersFoldAndTruncate() throws {
    func name(_ sql: String) throws -> String {
      guard case .column(let column) = try Parser.parseExpression(Array(sql.utf8)) else { return "" }
      return column.name.text
    }
    #expect(try name("FooBar_1$") == "foobar_1$")
    #expect(try name("\"Foo\"\"Bar\"") == "Foo\"Bar")
    #expect(try name("ÀB") == "Àb")
    #expect(try name("U&\"\\0441\\043B\"") == "сл")
    #expect(try name(String(repeating: "x", count: 70)) == String(repeating: "x", count: 63))
    // A character that would straddle byte 63 is left out whole.
    #expect(try name("\"" + String(repeating: "x", count: 62) + "éz\"") == String(repeating: "x", count: 62))
  }

  @Test func operatorsEndWherePostgreSQLEndsThem() throws {
    func symbols(_ sql: String) -> [String] {
      Array(sql.utf8).withUnsafeBufferPointer { source in
        var lexer = Lexer(source)
        var found: [String] = []
        while true {
          let token = lexer.next()
          if token.kind == .endOfInput || token.kind == .failure { return found }
          found.append(String(decoding: source[Int(token.start)..<Int(token.end)], as: UTF8.self))
        }
      }
    }
    #expect(symbols("a*-b") == ["a", "*", "-", "b"])
    #expect(symbols("a@-b") == ["a", "@-", "b"])
    #expect(symbols("a<=-1") == ["a", "<=", "-", "1"])
    #expect(symbols("a-+-b") == ["a", "-", "+", "-", "b"])
    #expect(symbols("a@--b") == ["a", "@"])
    #expect(symbols("a*/**/b") == ["a", "*", "b"])
    #expect(symbols("a/*x*/+b") == ["a", "+", "b"])
    #expect(symbols("1..2") == ["1", "..", "2"])
    #expect(symbols("a::b:=c=>d<>e!=f") == ["a", "::", "b", ":=", "c", "=>", "d", "<>", "e", "!=", "f"])
    #expect(symbols("$1$$x$$") == ["$1", "$$x$$"])
    #expect(symbols("a->>'k'") == ["a", "->>", "'k'"])
  }

  @Test func invalidTextIsRefused() {
    func message(_ bytes: [UInt8]) -> String? {
      do throws(SQLError) {
        _ = try Parser.parse(bytes)
        return nil
      } catch { return error.state == .characterNotInRepertoire ? error.message : "?" }
    }
    let select = Array("select '".utf8)
    let prefix = "invalid byte sequence for encoding \"UTF8\": "
    #expect(message(select + [0xE9, 0x20, 0x20]) == prefix + "0xe9 0x20 0x20")
    #expect(message(select + [0xFF]) == prefix + "0xff")
    #expect(message(select + [0xC0, 0x80]) == prefix + "0xc0 0x80")
    #expect(message(select + [0xED, 0xA0, 0x80]) == prefix + "0xed 0xa0 0x80")
    #expect(message(select + [0xF5, 0x80, 0x80, 0x80]) == prefix + "0xf5 0x80 0x80 0x80")
    #expect(message(select + [0xC3]) == prefix + "0xc3")
    #expect(message(select + [0x00]) == prefix + "0x00")
  }

  @Test func keywordsAreThoseOfPostgreSQL() {
    // SELECT catcode, count(*) FROM pg_get_keywords() GROUP BY 1
    var counts: [Keyword.Category: Int] = [:]
    for keyword in Keyword.allCases where keyword != .absent {
      counts[keyword.category, default: 0] += 1
      let text = "\(keyword)" == "none_" ? "none" : "\(keyword)"
      #expect(keyword.text == text)
      let bytes = Array(keyword.text.uppercased().utf8)
      let found = bytes.withUnsafeBufferPointer { source in
        var lexer = Lexer(source)
        return lexer.next().keyword
      }
      #expect(found == keyword)
    }
    #expect(counts[.unreserved] == 309)
    #expect(counts[.columnName] == 51)
    #expect(counts[.typeOrFunctionName] == 23)
    #expect(counts[.reserved] == 77)
    #expect(Keyword.allCases.count { !$0.isBareLabel } == 40)
  }

  @Test func parametersAreBounded() throws {
    #expect(try Parser.parse(Array("select $65535".utf8))[0].parameterCount == 65_535)
    for sql in ["select $65536", "select $99999999999999999999"] {
      let error = #expect(throws: SQLError.self) { try Parser.parse(Array(sql.utf8)) }
      #expect(error?.state == .undefinedParameter)
    }
  }

  @Test func typesAreMappedAsInPostgreSQL() throws {
    // The spelling of SQL where PostgreSQL's grammar maps one to pg_catalog, else the name as written.
    for (written, printed) in [
      ("int", "integer"), ("int4", "int4"), ("dec(5,2)", "numeric(5, 2)"), ("float(24)", "real"),
      ("float(25)", "double precision"), ("char", "character(1)"), ("nchar varying(3)", "character varying(3)"),
      ("timestamp(3) with time zone", "timestamp(3) with time zone"), ("time", "time without time zone"),
      ("interval day to second(2)", "interval day to second(2)"), ("bit", "bit(1)"), ("text[][3]", "text[][3]"),
      ("int array[4]", "integer[4]"), ("setof s.t", "SETOF s.t"), ("\"char\"", "\"char\""),
    ] {
      let type = try Parser.parseType(Array(written.utf8))
      #expect(String(decoding: SyntaxPrinter.print(type), as: UTF8.self) == printed)
    }
  }
}
