// The splitter: where statements end, what the server gets, what prompts say meanwhile. What is expected was seen with psql 15
// (`-a -e` on scripts, prompts in a terminal).

import Testing

@testable import Shell

@Suite struct ScannerTests {
  /// Statements of a text, and what is left over.
  private static func split(
    _ text: String, variables: [String: String] = [:]
  ) -> (statements: [String], rest: String, pending: StatementScanner.Pending) {
    var scanner = StatementScanner { variables[$0] }
    var statements: [String] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      scanner.beginLine()
      var line = ScannedLine(String(line))
      loop: while true {
        switch scanner.scan(&line) {
        case .endOfLine: break loop
        case .semicolon:
          statements.append(scanner.text)
          scanner.reset()
        case .backslash:
          statements.append("\\" + String(decoding: line.bytes[line.position...].dropFirst(), as: UTF8.self))
          line.position = line.bytes.count
        }
      }
    }
    return (statements, scanner.text, scanner.pending)
  }

  struct Case: Sendable {
    var text: String
    var statements: [String]
    var pending = StatementScanner.Pending.nothing
  }

  static let cases = [
    Case(text: "select 1; select 2;", statements: ["select 1;", "select 2;"]),
    Case(text: "  -- nothing\n\n  select 1 -- one;\n;", statements: ["select 1 -- one;\n;"]),
    Case(text: "select 'a;b'; select \"c;d\";", statements: ["select 'a;b';", "select \"c;d\";"]),
    Case(text: "select 'it''s;'; x;", statements: ["select 'it''s;';", "x;"]),
    Case(text: "select 'back\\'; y;", statements: ["select 'back\\';", "y;"]),
    Case(text: "select E'es\\'c;'; y;", statements: ["select E'es\\'c;';", "y;"]),
    Case(text: "select e'a''\\';'; y;", statements: ["select e'a''\\';';", "y;"]),
    Case(text: "select somee'x\\'; y;", statements: ["select somee'x\\';", "y;"]),
    Case(text: "select $$a;b$$; z;", statements: ["select $$a;b$$;", "z;"]),
    Case(text: "select $f$a;$$ b$f$; z;", statements: ["select $f$a;$$ b$f$;", "z;"]),
    Case(text: "select a$$, $1; z;", statements: ["select a$$, $1;", "z;"]),
    Case(text: "select /* ; /* ; */ ; */ 1;", statements: ["select /* ; /* ; */ ; */ 1;"]),
    Case(text: "select (1;\n2);", statements: ["select (1;\n2);"]),
    Case(text: "select 1)); x;", statements: ["select 1));", "x;"]),
    Case(text: "select 1 \\; select 2;", statements: ["select 1 ; select 2;"]),
    Case(text: "select 1 \\gx", statements: ["\\gx"], pending: .statement),
    Case(text: "\\d t", statements: ["\\d t"]),
    Case(text: "select 'a\nb", statements: [], pending: .singleQuote),
    Case(text: "select \"a", statements: [], pending: .doubleQuote),
    Case(text: "select $a$ x", statements: [], pending: .dollarQuote),
    Case(text: "/* x", statements: [], pending: .comment),
    Case(text: "select (", statements: [], pending: .parenthesis),
    Case(text: "select", statements: [], pending: .statement),
    Case(text: "-- x", statements: [], pending: .nothing),
    Case(
      text: "create function f() returns int begin atomic select 1; select case when true then 2 end; end; x;",
      statements: [
        "create function f() returns int begin atomic select 1; select case when true then 2 end; end;", "x;",
      ]),
    Case(text: "begin; select 1; end;", statements: ["begin;", "select 1;", "end;"]),
    Case(
      text: "create or replace procedure p() begin atomic x; end;",
      statements: ["create or replace procedure p() begin atomic x; end;"]),
    Case(text: "select 日本;x;", statements: ["select 日本;", "x;"]),
  ]

  @Test(arguments: cases.indices)
  func splits(_ index: Int) {
    let test = Self.cases[index]
    let result = Self.split(test.text)
    #expect(result.statements == test.statements)
    #expect(result.pending == test.pending)
  }

  @Test func putsVariablesIn() {
    let variables = ["v": "5", "s": "it's", "b": "a\\b", "n": "x; y", "self": ":self 1"]
    func split(_ text: String) -> [String] { Self.split(text, variables: variables).statements }
    #expect(
      split("select :v, :'s', ':v', \":v\", :none, '1'::int, a[1:2];") == [
        "select 5, 'it''s', ':v', \":v\", :none, '1'::int, a[1:2];"
      ])
    #expect(split("select :\"s\", :'b', :{?v}, :{?w};") == ["select \"it's\",  E'a\\\\b', TRUE, FALSE;"])
    // A value is read as SQL: it may end a statement. It does not expand itself.
    #expect(split("select :n;") == ["select x;", "y;"])
    #expect(split("select :self;") == ["select :self 1;"])
  }

  @Test func aLineWithACommandOnlyLeavesTheStatementAlone() {
    var scanner = StatementScanner()
    scanner.beginLine()
    var line = ScannedLine("select 1")
    #expect(scanner.scan(&line) == .endOfLine)
    scanner.beginLine()
    line = ScannedLine("\\p")
    #expect(scanner.scan(&line) == .backslash)
    #expect(scanner.text == "select 1")
  }

  @Test func readsArguments() {
    func arguments(_ text: String, keepsQuotes: Bool = false) -> [String] {
      var arguments = CommandArguments(
        ScannedLine(text), variables: { ["x": "value", "s": "it's"][$0] }, runProgram: { "ran \($0)" })
      let name = arguments.name()
      return [name] + arguments.all(keepsQuotes: keepsQuotes)
    }
    #expect(arguments("\\echo a  'b c' d'e'f") == ["echo", "a", "b c", "def"])
    #expect(arguments("\\echo 'a\\tb\\'c''d' '\\101\\x41'") == ["echo", "a\tb'c'd", "AA"])
    #expect(arguments("\\echo :x :'s' :\"s\" :none") == ["echo", "value", "'it''s'", "\"it's\"", ":none"])
    #expect(arguments("\\set x `date now`") == ["set", "x", "ran date now"])
    #expect(arguments("\\d \"A b\".c", keepsQuotes: true) == ["d", "\"A b\".c"])
    #expect(arguments("\\c \"A b\"") == ["c", "A b"])
    #expect(arguments("\\x \\\\ select 1") == ["x"])
    #expect(arguments("\\!ls -l") == ["!", "ls", "-l"])
  }

  @Test func whereACommandEndsTheLineGoesOn() {
    var arguments = CommandArguments(ScannedLine("\\x on \\\\ select 1;"), variables: { _ in nil })
    _ = arguments.name()
    _ = arguments.all()
    #expect(arguments.end() == 8)
  }

  @Test func patternsBecomeConditions() throws {
    func conditions(_ pattern: String?) throws -> [String] {
      try NamePattern.conditions(pattern, name: "c", schema: "s", visibility: "visible")
    }
    #expect(try conditions(nil) == ["visible"])
    #expect(try conditions("Tab") == ["c = 'tab'", "visible"])
    #expect(try conditions("\"Tab\"") == ["c = 'Tab'", "visible"])
    #expect(try conditions("t*") == ["c ~ '^(t.*)$'", "visible"])
    #expect(try conditions("s2.*") == ["s = 's2'"])
    #expect(try conditions("*.t?") == ["c ~ '^(t.)$'"])
    #expect(try conditions("\"a.b\"") == ["c = 'a.b'", "visible"])
    #expect(try conditions("a$*") == ["c ~  E'^(a\\\\$.*)$'", "visible"])
    #expect(try conditions("it's") == ["c = 'it''s'", "visible"])
    #expect(throws: (any Error).self) { try NamePattern("a.b.c.d") }
  }

  @Test func conditionsNest() throws {
    var stack = ConditionStack()
    #expect(stack.isActive)
    stack.begin(false)
    #expect(!stack.isActive && stack.wantsCondition)
    stack.begin(true)
    #expect(!stack.isActive)
    try stack.end()
    try stack.otherwise(if: true)
    #expect(stack.isActive && !stack.wantsCondition)
    try stack.otherwise()
    #expect(!stack.isActive)
    #expect(throws: (any Error).self) { try stack.otherwise() }
    try stack.end()
    #expect(throws: (any Error).self) { try stack.end() }
  }

  @Test func copyIsTakenApart() throws {
    let from = try CopyCommand("s.\"T b\" (a, \"c d\") from '/tmp/it''s.csv' with (format csv, header)")
    #expect(from.target == .file("/tmp/it's.csv") && from.isFrom)
    #expect(from.sql == "COPY s.\"T b\" (a, \"c d\") FROM STDIN with (format csv, header)")
    let query = try CopyCommand("(select ')' from t where a in (1, 2)) to stdout csv")
    #expect(query.target == .standard(ofProcess: false) && !query.isFrom)
    #expect(query.sql == "COPY (select ')' from t where a in (1, 2)) TO STDOUT csv")
    #expect(try CopyCommand("t from program 'cat x' null '-'").target == .program("cat x"))
    #expect(try CopyCommand("t from pstdin").target == .standard(ofProcess: true))
    for wrong in ["", "t", "t from", "t at x", "(select 1", "t from program x"] {
      #expect(throws: (any Error).self) { try CopyCommand(wrong) }
    }
  }

  @Test func variablesOfTheShellAreChecked() throws {
    var variables = Variables()
    try variables.set("ON_ERROR_STOP", "")
    #expect(variables.isOn("ON_ERROR_STOP"))
    #expect(throws: (any Error).self) { try variables.set("ON_ERROR_STOP", "maybe") }
    #expect(throws: (any Error).self) { try variables.set("VERBOSITY", "loud") }
    #expect(throws: (any Error).self) { try variables.set("a b", "1") }
    try variables.unset("ON_ERROR_STOP")
    #expect(!variables.isOn("ON_ERROR_STOP"))
    try variables.set("mine", "1")
    #expect(variables["mine"] == "1")
  }
}
