// What may stand at the cursor, with a database of two tables.

import Foundation
import Testing

@testable import Shell

private final class TwoTables: NameSource {
  func relations(schema: String?) -> [String] {
    schema == nil ? ["orders", "Order Lines", "customers"] : schema == "audit" ? ["events"] : []
  }
  func schemas() -> [String] { ["public", "audit", "pg_catalog", "information_schema"] }
  func columns(of relation: String) -> [String] {
    switch relation {
    case "orders": ["id", "customer_id", "total"]
    case "customers": ["id", "name", "Full Name"]
    case "audit.events": ["at"]
    default: []
    }
  }
  func settings() -> [String] { ["search_path", "statement_timeout", "timezone"] }
  func databases() -> [String] { ["postgres", "shop"] }
  func roles() -> [String] { ["postgres", "app"] }
  func functions() -> [String] { ["now", "nullif"] }
  func types() -> [String] { ["text", "integer"] }
  func variables() -> [String] { ["PROMPT1", "v"] }
  func forget() {}
}

@Suite struct CompletionTests {
  private func complete(_ line: String, after statement: String = "") -> [String]? {
    let completer = Completer(names: TwoTables())
    completer.statement = { statement }
    let breaks: Set<Character> = [" ", "\t", ",", ";", "(", ")", "=", "<", ">", "+", "-", "*", "/", "|", "&", "'"]
    let word = String(line.reversed().prefix { !breaks.contains($0) }.reversed())
    return completer.completions(line: line, word: word)
  }

  @Test func relationsWhereTheyStand() {
    #expect(complete("select * from ord") == ["orders"])
    #expect(complete("select * from ")?.contains("\"Order Lines\"") == true)
    #expect(complete("select * from audit.") == ["audit.events"])
    #expect(complete("select * from au") == ["audit."])
    #expect(complete("insert into c") == ["customers"])
    #expect(complete("drop table if exists cu") == ["customers"])
    #expect(complete("cu", after: "select *\nfrom") == ["customers"])
  }

  @Test func columnsOfTheTablesThatAreNamed() {
    #expect(complete("select * from orders where cust") == ["customer_id"])
    #expect(complete("select * from orders o join customers c on o.cu") == ["o.customer_id"])
    #expect(complete("select * from orders o join customers c on c.") == ["c.\"Full Name\"", "c.id", "c.name"])
    #expect(complete("select * from audit.events e where e.") == ["e.at"])
    #expect(complete("update orders set to") == ["total", "to"])
    #expect(complete("insert into orders (cus") == ["customer_id"])
    #expect(complete("tot", after: "select 1; select * from orders where ") == ["total"])
  }

  @Test func keywordsInTheCaseOfTheWord() {
    #expect(complete("sel") == ["select"])
    #expect(complete("SEL") == ["SELECT"])
    #expect(complete("create ta") == ["table"])
    #expect(complete("select 1 ORD") == ["ORDER BY"])
  }

  @Test func settingsAndCommands() {
    #expect(complete("set time") == ["timezone"])
    #expect(complete("show s") == ["search_path", "statement_timeout"])
    #expect(complete("\\di") == ["\\di"])
    #expect(complete("\\d or") == ["orders"])
    #expect(complete("\\c s") == ["shop"])
    #expect(complete("\\x o") == ["off", "on"])
    #expect(complete("\\pset bor") == ["border"])
    #expect(complete("\\i ") == nil)
    #expect(complete("\\h create t") == ["TABLE"])
    #expect(complete("select :PR") == [":PROMPT1"])
  }

  @Test func commonBeginning() {
    #expect(LineEditor.commonPrefix(["orders", "order_lines"]) == "order")
    #expect(LineEditor.commonPrefix(["a"]) == "a")
    #expect(LineEditor.commonPrefix([]) == nil)
  }

  @Test func historyKeepsEntriesWhole() throws {
    let path =
      FileManager.default.temporaryDirectory.path + "/shell-history-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    defer { unlink(path) }
    let entries = ["select 1;", "select\n  'a\\nb',\n  2;", "\\d t"]
    var history = History(path: path)
    let added = (entries + ["\\d t", "  "]).map { history.append($0) }
    #expect(added == [true, true, true, false, false])
    #expect(History(path: path).entries == entries)
  }

  @Test func helpKnowsStatements() {
    #expect(SyntaxHelp.text(for: "delete").contains("DELETE FROM table"))
    #expect(SyntaxHelp.text(for: "create table;").contains("CREATE TABLE [IF NOT EXISTS]"))
    #expect(SyntaxHelp.text(for: "nonsense").hasPrefix("No help available"))
  }
}
