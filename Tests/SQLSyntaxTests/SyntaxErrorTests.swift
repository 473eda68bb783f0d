// Error texts, SQLSTATEs and positions recorded from PostgreSQL 15.

import SQLTypes
import Testing

@testable import SQLSyntax

struct SyntaxErrorTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var sql: String
    var state: String
    var message: String
    var position: Int?
    var hint: String?
    init(_ sql: String, _ state: String, _ message: String, _ position: Int? = nil, hint: String? = nil) {
      self.sql = sql
      self.state = state
      self.message = message
      self.position = position
      self.hint = hint
    }
    var testDescription: String { sql }
  }

  @Test(arguments: cases)
  func errorsAreThoseOfPostgreSQL(_ expected: Case) throws {
    let error = try #require(throws: SQLError.self) { try Parser.parse(Array(expected.sql.utf8)) }
    #expect(error.state.description == expected.state)
    #expect(error.message == expected.message)
    #expect(error.position == expected.position)
    #expect(error.hint == expected.hint)
  }

  static let cases: [Case] = [
    Case(#"SELEC 1"#, "42601", #"syntax error at or near "SELEC""#, 1),
    Case(#"SELECT 1 +"#, "42601", #"syntax error at end of input"#, 11),
    Case(#"SELECT FROM WHERE"#, "42601", #"syntax error at or near "WHERE""#, 13),
    Case(#"SELECT * FROM"#, "42601", #"syntax error at end of input"#, 14),
    Case(#"SELECT * FROM t WHERE"#, "42601", #"syntax error at end of input"#, 22),
    Case(#"SELECT a FROM t WHERE a = = 1"#, "42601", #"syntax error at or near "=""#, 27),
    Case(#"SELECT a = b = c"#, "42601", #"syntax error at or near "=""#, 14),
    Case(#"SELECT a < b < c"#, "42601", #"syntax error at or near "<""#, 14),
    Case(#"SELECT a LIKE b LIKE c"#, "42601", #"syntax error at or near "LIKE""#, 17),
    Case(#"SELECT a BETWEEN 1 AND 2 BETWEEN 3 AND 4"#, "42601", #"syntax error at or near "BETWEEN""#, 26),
    Case(#"SELECT (1"#, "42601", #"syntax error at end of input"#, 10),
    Case(#"SELECT 1)"#, "42601", #"syntax error at or near ")""#, 9),
    Case(#"SELECT f(1,)"#, "42601", #"syntax error at or near ")""#, 12),
    Case(#"SELECT 'abc"#, "42601", #"unterminated quoted string at or near "'abc""#, 8),
    Case(#"SELECT "abc"#, "42601", #"unterminated quoted identifier at or near ""abc""#, 8),
    Case(#"SELECT """#, "42601", #"zero-length delimited identifier at or near """""#, 8),
    Case(#"SELECT E'abc"#, "42601", #"unterminated quoted string at or near "E'abc""#, 8),
    Case(#"SELECT $$abc"#, "42601", #"unterminated dollar-quoted string at or near "$$abc""#, 8),
    Case(#"SELECT B'01"#, "42601", #"unterminated bit string literal at or near "B'01""#, 8),
    Case(#"SELECT X'1f"#, "42601", #"unterminated hexadecimal string literal at or near "X'1f""#, 8),
    Case(#"SELECT /* abc"#, "42601", #"unterminated /* comment at or near "/* abc""#, 8),
    Case(#"SELECT 1 /* a /* b */"#, "42601", #"unterminated /* comment at or near "/* a /* b */""#, 10),
    Case(#"SELECT 123abc"#, "42601", #"trailing junk after numeric literal at or near "123abc""#, 8),
    Case(#"SELECT 1.5e+"#, "42601", #"trailing junk after numeric literal at or near "1.5e+""#, 8),
    Case(#"SELECT 1e"#, "42601", #"trailing junk after numeric literal at or near "1e""#, 8),
    Case(#"SELECT $1abc"#, "42601", #"trailing junk after parameter at or near "$1abc""#, 8),
    Case(#"SELECT 0x1F"#, "42601", #"trailing junk after numeric literal at or near "0x1F""#, 8),
    Case(
      #"SELECT E'\u12'"#, "22025", #"invalid Unicode escape"#, 10,
      hint: #"Unicode escapes must be \uXXXX or \UXXXXXXXX."#),
    Case(#"SELECT E'\U0011FFFF'"#, "42601", #"invalid Unicode escape value at or near "\U0011FFFF""#, 10),
    Case(#"SELECT E'\uD800'"#, "42601", #"invalid Unicode surrogate pair at or near "'""#, 16),
    Case(#"SELECT E'\uD800x'"#, "42601", #"invalid Unicode surrogate pair at or near "x""#, 16),
    Case(#"SELECT E'\uDC00'"#, "42601", #"invalid Unicode surrogate pair at or near "\uDC00""#, 10),
    Case(#"SELECT E'\xe9'"#, "22021", #"invalid byte sequence for encoding "UTF8": 0xe9"#),
    Case(#"SELECT E'\0'"#, "22021", #"invalid byte sequence for encoding "UTF8": 0x00"#),
    Case(
      #"SELECT U&'\12'"#, "42601", #"invalid Unicode escape"#, 11, hint: #"Unicode escapes must be \XXXX or \+XXXXXX."#),
    Case(#"SELECT U&'\D800'"#, "42601", #"invalid Unicode surrogate pair"#, 16),
    Case(#"SELECT U&'a' UESCAPE 'ab'"#, "42601", #"invalid Unicode escape character at or near "'ab'""#, 22),
    Case(#"SELECT U&'a' UESCAPE '+'"#, "42601", #"invalid Unicode escape character at or near "'+'""#, 22),
    Case(
      #"SELECT U&'a' UESCAPE 5"#, "42601", #"UESCAPE must be followed by a simple string literal at or near "5""#, 22),
    Case(
      #"SELECT U&"a\00""#, "42601", #"invalid Unicode escape"#, 12, hint: #"Unicode escapes must be \XXXX or \+XXXXXX."#
    ),
    Case(#"SELECT é FROM WHERE"#, "42601", #"syntax error at or near "WHERE""#, 15),
    Case(#"SELECT 'é', é é é"#, "42601", #"syntax error at or near "é""#, 17),
    Case(#"SELECT a FROM t ORDER a"#, "42601", #"syntax error at or near "a""#, 23),
    Case(#"SELECT a FROM t GROUP a"#, "42601", #"syntax error at or near "a""#, 23),
    Case(
      #"SELECT a FROM t LIMIT 1, 2"#, "42601", #"LIMIT #,# syntax is not supported"#, 17,
      hint: #"Use separate LIMIT and OFFSET clauses."#),
    Case(#"SELECT a FROM t LIMIT 1 LIMIT 2"#, "42601", #"syntax error at or near "LIMIT""#, 25),
    Case(
      #"SELECT * FROM (SELECT 1)"#, "42601", #"subquery in FROM must have an alias"#, 15,
      hint: #"For example, FROM (SELECT ...) [AS] foo."#),
    Case(
      #"SELECT * FROM (VALUES (1))"#, "42601", #"VALUES in FROM must have an alias"#, 15,
      hint: #"For example, FROM (VALUES ...) [AS] foo."#),
    Case(#"SELECT * FROM (t)"#, "42601", #"syntax error at or near ")""#, 17),
    Case(#"SELECT * FROM a JOIN b"#, "42601", #"syntax error at end of input"#, 23),
    Case(#"SELECT * FROM a CROSS JOIN b ON true"#, "42601", #"syntax error at or near "ON""#, 30),
    Case(#"SELECT a.*.b FROM a"#, "42601", #"improper use of "*" at or near "FROM""#, 14),
    Case(#"SELECT CASE END"#, "42601", #"syntax error at or near "END""#, 13),
    Case(#"SELECT CASE WHEN a THEN 1"#, "42601", #"syntax error at end of input"#, 26),
    Case(#"SELECT NOT"#, "42601", #"syntax error at end of input"#, 11),
    Case(#"SELECT a NOT b"#, "42601", #"syntax error at or near "b""#, 14),
    Case(#"SELECT a IS 5"#, "42601", #"syntax error at or near "5""#, 13),
    Case(#"SELECT a IN ()"#, "42601", #"syntax error at or near ")""#, 14),
    Case(#"SELECT a IN 5"#, "42601", #"syntax error at or near "5""#, 13),
    Case(#"SELECT ANY (1)"#, "42601", #"syntax error at or near "ANY""#, 8),
    Case(#"SELECT array"#, "42601", #"syntax error at end of input"#, 13),
    Case(#"SELECT cast(1 as)"#, "42601", #"syntax error at or near ")""#, 17),
    Case(#"SELECT 1::"#, "42601", #"syntax error at end of input"#, 11),
    Case(#"SELECT a["#, "42601", #"syntax error at end of input"#, 10),
    Case(#"SELECT a."#, "42601", #"syntax error at end of input"#, 10),
    Case(#"SELECT ."#, "42601", #"syntax error at or near ".""#, 8),
    Case(#"SELECT 1; SELEC 2"#, "42601", #"syntax error at or near "SELEC""#, 11),
    Case(#"SELECT user.a"#, "42601", #"syntax error at or near ".""#, 12),
    Case(#"SELECT day day"#, "42601", #"syntax error at or near "day""#, 12),
    Case(#"SELECT a day FROM t"#, "42601", #"syntax error at or near "day""#, 10),
    Case(#"SELECT current_date()"#, "42601", #"syntax error at or near "(""#, 20),
    Case(#"SELECT f(VARIADIC a, b)"#, "42601", #"syntax error at or near ",""#, 20),
    Case(#"SELECT f(DISTINCT)"#, "42601", #"syntax error at or near ")""#, 18),
    Case(#"SELECT sum(x) OVER"#, "42601", #"syntax error at end of input"#, 19),
    Case(#"SELECT sum(x) OVER (ROWS UNBOUNDED FOLLOWING)"#, "42P20", #"frame start cannot be UNBOUNDED FOLLOWING"#, 26),
    Case(
      #"SELECT sum(x) OVER (ROWS BETWEEN CURRENT ROW AND 1 PRECEDING)"#, "42P20",
      #"frame starting from current row cannot have preceding rows"#, 50),
    Case(
      #"SELECT sum(x) OVER (ROWS BETWEEN 1 FOLLOWING AND CURRENT ROW)"#, "42P20",
      #"frame starting from following row cannot have preceding rows"#, 50),
    Case(
      #"SELECT sum(x) OVER (ROWS 1 FOLLOWING)"#, "42P20",
      #"frame starting from following row cannot end with current row"#, 26),
    Case(
      #"SELECT f(a ORDER BY b) WITHIN GROUP (ORDER BY c)"#, "42601",
      #"cannot use multiple ORDER BY clauses with WITHIN GROUP"#, 24),
    Case(#"SELECT a INTO"#, "42601", #"syntax error at end of input"#, 14),
    Case(#"(SELECT 1 ORDER BY 1) ORDER BY 1"#, "42601", #"multiple ORDER BY clauses not allowed"#, 32),
    Case(#"(SELECT 1 LIMIT 1) LIMIT 1"#, "42601", #"multiple LIMIT clauses not allowed"#, 26),
    Case(#"WITH a AS (SELECT 1) (WITH b AS (SELECT 1) SELECT 1)"#, "42601", #"multiple WITH clauses not allowed"#, 1),
    Case(#"SELECT 1 FETCH FIRST 1 ROW WITH TIES"#, "42601", #"WITH TIES cannot be specified without ORDER BY clause"#),
    Case(#"WITH a SELECT 1"#, "42601", #"syntax error at or near "SELECT""#, 8),
    Case(#"WITH a AS (DROP TABLE t) SELECT 1"#, "42601", #"syntax error at or near "DROP""#, 12),
    Case(#"INSERT t VALUES (1)"#, "42601", #"syntax error at or near "t""#, 8),
    Case(#"INSERT INTO t"#, "42601", #"syntax error at end of input"#, 14),
    Case(#"INSERT INTO t (a VALUES (1)"#, "42601", #"syntax error at or near "VALUES""#, 18),
    Case(#"INSERT INTO t VALUES 1"#, "42601", #"syntax error at or near "1""#, 22),
    Case(#"INSERT INTO t VALUES (1) ON CONFLICT"#, "42601", #"syntax error at end of input"#, 37),
    Case(#"INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE"#, "42601", #"syntax error at end of input"#, 47),
    Case(#"UPDATE t"#, "42601", #"syntax error at end of input"#, 9),
    Case(#"UPDATE t SET"#, "42601", #"syntax error at end of input"#, 13),
    Case(#"UPDATE t SET a"#, "42601", #"syntax error at end of input"#, 15),
    Case(#"DELETE t"#, "42601", #"syntax error at or near "t""#, 8),
    Case(#"DELETE FROM"#, "42601", #"syntax error at end of input"#, 12),
    Case(#"CREATE"#, "42601", #"syntax error at end of input"#, 7),
    Case(#"CREATE TABLE"#, "42601", #"syntax error at end of input"#, 13),
    Case(#"CREATE TABLE t"#, "42601", #"syntax error at end of input"#, 15),
    Case(#"CREATE TABLE t (a)"#, "42601", #"syntax error at end of input"#, 19),
    Case(#"CREATE TABLE t (a int,)"#, "42601", #"syntax error at or near ")""#, 23),
    Case(#"CREATE TABLE t (a int b)"#, "42601", #"syntax error at or near "b""#, 23),
    Case(#"CREATE TABLE t (a int NOT NUL)"#, "42601", #"syntax error at or near "NUL""#, 27),
    Case(#"CREATE TABLE t (a float(0))"#, "22023", #"precision for type float must be at least 1 bit"#, 25),
    Case(#"CREATE TABLE t (a float(54))"#, "22023", #"precision for type float must be less than 54 bits"#, 25),
    Case(
      #"CREATE TABLE t (a int GENERATED BY DEFAULT AS (1) STORED)"#, "42601",
      #"for a generated column, GENERATED ALWAYS must be specified"#, 33),
    Case(#"CREATE TABLE t (a int REFERENCES b MATCH PARTIAL)"#, "0A000", #"MATCH PARTIAL not yet implemented"#, 36),
    Case(#"CREATE TABLE t (a int CHECK a > 0)"#, "42601", #"syntax error at or near "a""#, 29),
    Case(#"CREATE TABLE select (a int)"#, "42601", #"syntax error at or near "select""#, 14),
    Case(#"CREATE TABLE user (a int)"#, "42601", #"syntax error at or near "user""#, 14),
    Case(#"CREATE TABLE a.b.c.d (x int)"#, "42601", #"improper qualified name (too many dotted names): a.b.c.d"#, 14),
    Case(#"CREATE UNIQUE TABLE t (a int)"#, "42601", #"syntax error at or near "TABLE""#, 15),
    Case(#"CREATE INDEX i t (a)"#, "42601", #"syntax error at or near "t""#, 16),
    Case(#"CREATE INDEX IF NOT EXISTS ON t (a)"#, "42601", #"syntax error at or near "ON""#, 28),
    Case(#"CREATE ROLE public"#, "42939", #"role name "public" is reserved"#, 13),
    Case(#"CREATE ROLE none"#, "42939", #"role name "none" is reserved"#, 13),
    Case(#"CREATE ROLE current_user"#, "42939", #"CURRENT_USER cannot be used as a role name here"#, 13),
    Case(#"CREATE ROLE r FOO"#, "42601", #"unrecognized role option "foo""#, 15),
    Case(#"DROP t"#, "42601", #"syntax error at or near "t""#, 6),
    Case(#"DROP TABLE"#, "42601", #"syntax error at end of input"#, 11),
    Case(#"ALTER TABLE t"#, "42601", #"syntax error at end of input"#, 14),
    Case(#"ALTER TABLE t ADD"#, "42601", #"syntax error at end of input"#, 18),
    Case(#"ALTER TABLE t ALTER a"#, "42601", #"syntax error at end of input"#, 22),
    Case(#"GRANT SELECT TO joe ON t"#, "42601", #"syntax error at or near "ON""#, 21),
    Case(#"BEGIN FOO"#, "42601", #"syntax error at or near "FOO""#, 7),
    Case(#"SET"#, "42601", #"syntax error at end of input"#, 4),
    Case(#"SET a"#, "42601", #"syntax error at end of input"#, 6),
    Case(#"SET a ="#, "42601", #"syntax error at end of input"#, 8),
    Case(#"SHOW"#, "42601", #"syntax error at end of input"#, 5),
    Case(#"COPY t"#, "42601", #"syntax error at end of input"#, 7),
    Case(#"COPY t FROM"#, "42601", #"syntax error at end of input"#, 12),
    Case(#"COPY t TO STDOUT WHERE a"#, "42601", #"WHERE clause not allowed with COPY TO"#, 18),
    Case(#"EXPLAIN"#, "42601", #"syntax error at end of input"#, 8),
    Case(#"PREPARE q SELECT 1"#, "42601", #"syntax error at or near "SELECT""#, 11),
    Case(#"FETCH"#, "42601", #"syntax error at end of input"#, 6),
    Case(#"LOCK TABLE t IN FOO MODE"#, "42601", #"syntax error at or near "FOO""#, 17),
    Case(#"SELECT a OPERATOR(b)"#, "42601", #"syntax error at or near ")""#, 20),
    Case(#"SELECT `a`"#, "42601", #"syntax error at end of input"#, 11),
    Case(#"SELECT a \ b"#, "42601", #"syntax error at or near "\""#, 10),
    Case(#"SELECT @"#, "42601", #"syntax error at end of input"#, 9),
    Case(#"SELECT a AT TIME b"#, "42601", #"syntax error at or near "b""#, 18),
    Case(#"SELECT extract(1 FROM b)"#, "42601", #"syntax error at or near "1""#, 16),
    Case(#"SELECT position('a', 'b')"#, "42601", #"syntax error at or near ",""#, 20),
    Case(#"SELECT a OVERLAPS b"#, "42601", #"syntax error at or near "OVERLAPS""#, 10),
    Case(
      #"SELECT (1, 2, 3) OVERLAPS (1, 2)"#, "42601", #"wrong number of parameters on left side of OVERLAPS expression"#,
      8),
    Case(#"SELECT * * FROM t"#, "42601", #"syntax error at or near "*""#, 10),
    Case(#"SELECT 1 2"#, "42601", #"syntax error at or near "2""#, 10),
    Case(#"SELECT 'a' 'b'"#, "42601", #"syntax error at or near "'b'""#, 12),
    Case(#"SELECT 1 AS 2"#, "42601", #"syntax error at or near "2""#, 13),
    Case(#"SELECT t.1"#, "42601", #"syntax error at or near ".1""#, 9),
  ]
}
