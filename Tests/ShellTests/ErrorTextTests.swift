// Errors as psql 15 printed them for the same statements against PostgreSQL 15.

import Testing

@testable import Shell

@Suite struct ErrorTextTests {
  private static func message(_ fields: [(Unicode.Scalar, String)]) -> ServerMessage {
    ServerMessage(fields: Dictionary(uniqueKeysWithValues: fields.map { (UInt8(ascii: $0.0), $0.1) }))
  }

  struct Case: Sendable {
    var query: String
    var position: Int
    var expected: String
  }

  static let cases = [
    Case(query: "select * from nope", position: 15, expected: "LINE 1: select * from nope\n                      ^\n"),
    Case(
      query: "select\n  foo,\n  bar from t where a = 1", position: 10, expected: "LINE 2:   foo,\n          ^\n"),
    Case(
      query:
        "select aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, nope from t where a=1111111111111111111111111111111111111111111",
      position: 8,
      expected: "LINE 1: select aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbb...\n               ^\n"),
    Case(
      query:
        "select 1 as a, 'a rather long literal that fills the line', nope, 'and another rather long literal beyond it'",
      position: 61,
      expected:
        "LINE 1: ...s a, 'a rather long literal that fills the line', nope, 'and...\n                                                             ^\n"
    ),
    Case(
      query:
        "select 1 as a, nope, 'a rather long literal that fills the line', 'and another rather long literal beyond it'",
      position: 16,
      expected: "LINE 1: select 1 as a, nope, 'a rather long literal that fills the l...\n                       ^\n"),
    Case(
      query: "select '日本日本日本日本日本日本日本日本日本日本日本日本', nope, '日本日本日本日本日本日本日本日本日本日本日本日本'",
      position: 36,
      expected:
        "LINE 1: ...日本日本日本日本日本日本日本日本日本日本日本日本', nope, '日...\n                                                              ^\n"
    ),
    Case(query: "select\tnope, 'tab'", position: 8, expected: "LINE 1: select nope, 'tab'\n               ^\n"),
    Case(query: "select 1\r\n, nope", position: 13, expected: "LINE 2: , nope\n          ^\n"),
    Case(query: "select '日本', nope", position: 14, expected: "LINE 1: select '日本', nope\n                       ^\n"),
  ]

  @Test(arguments: cases.indices)
  func pointsAtThePlace(_ index: Int) {
    let test = Self.cases[index]
    let message = Self.message([("S", "ERROR"), ("C", "42703"), ("M", "text"), ("P", "\(test.position)")])
    #expect(ErrorText.render(message, query: test.query, verbosity: .default) == "ERROR:  text\n" + test.expected)
    #expect(
      ErrorText.render(message, query: test.query, verbosity: .terse) == "ERROR:  text at character \(test.position)\n")
  }

  @Test func tellsAsMuchAsIsAskedFor() {
    // INSERT INTO t (a, b) VALUES (1, 'x'), (1, 'y') with a primary key on a.
    let message = Self.message([
      ("S", "ERROR"), ("V", "ERROR"), ("C", "23505"),
      ("M", "duplicate key value violates unique constraint \"t_pkey\""),
      ("D", "Key (a)=(1) already exists."), ("s", "public"), ("t", "t"), ("n", "t_pkey"), ("F", "nbtinsert.c"),
      ("L", "664"), ("R", "_bt_check_unique"),
    ])
    #expect(
      ErrorText.render(message, query: "", verbosity: .default) == """
        ERROR:  duplicate key value violates unique constraint "t_pkey"
        DETAIL:  Key (a)=(1) already exists.

        """)
    #expect(
      ErrorText.render(message, query: "", verbosity: .verbose) == """
        ERROR:  23505: duplicate key value violates unique constraint "t_pkey"
        DETAIL:  Key (a)=(1) already exists.
        SCHEMA NAME:  public
        TABLE NAME:  t
        CONSTRAINT NAME:  t_pkey
        LOCATION:  _bt_check_unique, nbtinsert.c:664

        """)
    #expect(ErrorText.render(message, query: "", verbosity: .sqlstate) == "ERROR:  23505\n")
  }

  @Test func contextComesWithErrorsOnly() {
    let error = Self.message([("S", "ERROR"), ("M", "m"), ("W", "line 1")])
    let notice = Self.message([("S", "NOTICE"), ("M", "m"), ("W", "line 1")])
    #expect(ErrorText.render(error, query: nil, verbosity: .default) == "ERROR:  m\nCONTEXT:  line 1\n")
    #expect(ErrorText.render(notice, query: nil, verbosity: .default) == "NOTICE:  m\n")
  }
}
