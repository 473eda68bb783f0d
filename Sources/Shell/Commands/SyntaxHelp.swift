// `\h`: what everyday statements look like, in short. Square brackets hold what may be left out, bars what one chooses from.

enum SyntaxHelp {
  private static let entries: [(name: String, summary: String, syntax: String)] = [
    ("ABORT", "end the transaction without its changes", "ABORT [TRANSACTION]"),
    (
      "ALTER TABLE", "change a table",
      """
      ALTER TABLE [IF EXISTS] name
          ADD [COLUMN] column type [NOT NULL] [DEFAULT value] [, ...]
        | DROP [COLUMN] [IF EXISTS] column [CASCADE]
        | ALTER [COLUMN] column {SET DEFAULT value | DROP DEFAULT | SET NOT NULL | DROP NOT NULL | TYPE type}
        | ADD [CONSTRAINT name] {PRIMARY KEY (columns) | UNIQUE (columns) | CHECK (condition)
                               | FOREIGN KEY (columns) REFERENCES table [(columns)]}
        | DROP CONSTRAINT name
        | RENAME [COLUMN column] TO name
        | SET SCHEMA schema | OWNER TO role
      """
    ),
    ("ANALYZE", "gather statistics of tables", "ANALYZE [VERBOSE] [table [(columns)] [, ...]]"),
    (
      "BEGIN", "begin a transaction",
      """
      BEGIN [TRANSACTION] [ISOLATION LEVEL SERIALIZABLE] [READ ONLY | READ WRITE] [DEFERRABLE]
          [AS OF SYSTEM TIME time]
      """
    ),
    (
      "COMMENT", "describe an object",
      "COMMENT ON {TABLE | COLUMN | INDEX | SCHEMA | DATABASE | ...} name IS {'text' | NULL}"
    ),
    ("COMMIT", "end the transaction and keep its changes", "COMMIT [TRANSACTION]"),
    (
      "COPY", "move rows between a table and the client",
      """
      COPY table [(columns)] FROM STDIN [WITH (option [, ...])]
      COPY {table [(columns)] | (query)} TO STDOUT [WITH (option [, ...])]

      option:  FORMAT {text | csv} | DELIMITER 'c' | NULL 'text' | HEADER | QUOTE 'c' | ESCAPE 'c'

      For files of this machine use \\copy.
      """
    ),
    ("CREATE DATABASE", "make a database", "CREATE DATABASE name [OWNER role]"),
    (
      "CREATE INDEX", "make an index",
      """
      CREATE [UNIQUE] INDEX [CONCURRENTLY] [[IF NOT EXISTS] name] ON table
          ({column | (expression)} [ASC | DESC] [NULLS {FIRST | LAST}] [, ...])
          [INCLUDE (columns)] [WHERE condition]
      """
    ),
    (
      "CREATE ROLE", "make a role",
      "CREATE {ROLE | USER} name [LOGIN] [SUPERUSER] [CREATEDB] [CREATEROLE] [PASSWORD 'text']"
    ),
    ("CREATE SCHEMA", "make a schema", "CREATE SCHEMA [IF NOT EXISTS] name [AUTHORIZATION role]"),
    (
      "CREATE SEQUENCE", "make a sequence",
      """
      CREATE SEQUENCE [IF NOT EXISTS] name [AS type] [INCREMENT [BY] n] [MINVALUE n] [MAXVALUE n]
          [START [WITH] n] [CACHE n] [[NO] CYCLE] [OWNED BY table.column]
      """
    ),
    (
      "CREATE TABLE", "make a table",
      """
      CREATE TABLE [IF NOT EXISTS] name (
          {column type [column constraint ...] | table constraint} [, ...]
      )

      column constraint:  [CONSTRAINT name] {NOT NULL | NULL | DEFAULT value | PRIMARY KEY | UNIQUE | CHECK (condition)
          | REFERENCES table [(column)] | GENERATED {ALWAYS | BY DEFAULT} AS IDENTITY
          | GENERATED ALWAYS AS (expression) STORED}
      table constraint:   [CONSTRAINT name] {PRIMARY KEY (columns) | UNIQUE (columns) | CHECK (condition)
          | FOREIGN KEY (columns) REFERENCES table [(columns)]}
      """
    ),
    ("CREATE TABLE AS", "make a table of a query's rows", "CREATE TABLE [IF NOT EXISTS] name [(columns)] AS query"),
    ("CREATE USER", "make a role that may log in", "CREATE USER name [SUPERUSER] [CREATEDB] [PASSWORD 'text']"),
    ("CREATE VIEW", "make a view", "CREATE [OR REPLACE] VIEW name [(columns)] AS query"),
    ("DEALLOCATE", "forget a prepared statement", "DEALLOCATE [PREPARE] {name | ALL}"),
    (
      "DELETE", "delete rows",
      """
      [WITH name AS (query) [, ...]]
      DELETE FROM table [[AS] alias] [USING tables] [WHERE condition] [RETURNING expressions]
      """
    ),
    ("DISCARD", "forget what the session holds", "DISCARD {ALL | PLANS | SEQUENCES | TEMPORARY}"),
    ("DROP DATABASE", "remove a database", "DROP DATABASE [IF EXISTS] name"),
    ("DROP INDEX", "remove an index", "DROP INDEX [CONCURRENTLY] [IF EXISTS] name [, ...] [CASCADE | RESTRICT]"),
    ("DROP ROLE", "remove a role", "DROP {ROLE | USER} [IF EXISTS] name [, ...]"),
    ("DROP SCHEMA", "remove a schema", "DROP SCHEMA [IF EXISTS] name [, ...] [CASCADE | RESTRICT]"),
    ("DROP SEQUENCE", "remove a sequence", "DROP SEQUENCE [IF EXISTS] name [, ...] [CASCADE | RESTRICT]"),
    ("DROP TABLE", "remove a table", "DROP TABLE [IF EXISTS] name [, ...] [CASCADE | RESTRICT]"),
    ("DROP VIEW", "remove a view", "DROP VIEW [IF EXISTS] name [, ...] [CASCADE | RESTRICT]"),
    ("END", "end the transaction and keep its changes", "END [TRANSACTION]"),
    ("EXECUTE", "run a prepared statement", "EXECUTE name [(values)]"),
    (
      "EXPLAIN", "show how a statement is carried out",
      """
      EXPLAIN [ANALYZE] [VERBOSE] statement
      EXPLAIN (option [, ...]) statement

      option:  ANALYZE | VERBOSE | COSTS | TIMING | FORMAT {TEXT | JSON}
      """
    ),
    ("GRANT", "give privileges", "GRANT {privilege [, ...] | ALL} ON [TABLE | SCHEMA | DATABASE] name TO role [, ...]"),
    (
      "INSERT", "add rows",
      """
      [WITH name AS (query) [, ...]]
      INSERT INTO table [(columns)] {VALUES (values) [, ...] | query | DEFAULT VALUES}
          [ON CONFLICT [(columns) | ON CONSTRAINT name] {DO NOTHING | DO UPDATE SET column = value [, ...] [WHERE condition]}]
          [RETURNING expressions]
      """
    ),
    ("PREPARE", "keep a statement for later", "PREPARE name [(types)] AS statement"),
    ("RELEASE SAVEPOINT", "forget a savepoint", "RELEASE [SAVEPOINT] name"),
    ("RESET", "give a setting its default", "RESET {name | ALL}"),
    (
      "REVOKE", "take privileges",
      "REVOKE {privilege [, ...] | ALL} ON [TABLE | SCHEMA | DATABASE] name FROM role [, ...]"
    ),
    ("ROLLBACK", "end the transaction without its changes", "ROLLBACK [TRANSACTION]"),
    ("ROLLBACK TO SAVEPOINT", "go back to a savepoint", "ROLLBACK TO [SAVEPOINT] name"),
    ("SAVEPOINT", "mark a place in the transaction", "SAVEPOINT name"),
    (
      "SELECT", "read rows",
      """
      [WITH [RECURSIVE] name AS (query) [, ...]]
      SELECT [ALL | DISTINCT [ON (expressions)]] {* | expression [AS name]} [, ...]
          [FROM table [[AS] alias] [[{LEFT | RIGHT | FULL | INNER | CROSS}] JOIN table {ON condition | USING (columns)}] [, ...]
           [AS OF SYSTEM TIME time]]
          [WHERE condition]
          [GROUP BY expressions] [HAVING condition]
          [{UNION | INTERSECT | EXCEPT} [ALL] query]
          [ORDER BY expression [ASC | DESC] [NULLS {FIRST | LAST}] [, ...]]
          [LIMIT count] [OFFSET start]
          [FOR {UPDATE | SHARE} [OF tables] [NOWAIT | SKIP LOCKED]]
      """
    ),
    ("SET", "change a setting", "SET [SESSION | LOCAL] name {TO | =} {value | DEFAULT}"),
    (
      "SET TRANSACTION", "choose how the transaction runs",
      "SET TRANSACTION {ISOLATION LEVEL level | READ ONLY | READ WRITE | AS OF SYSTEM TIME time}"
    ),
    ("SHOW", "show a setting", "SHOW {name | ALL}"),
    (
      "START TRANSACTION", "begin a transaction",
      "START TRANSACTION [ISOLATION LEVEL SERIALIZABLE] [READ ONLY | READ WRITE]"
    ),
    ("TABLE", "read all rows of a table", "TABLE name"),
    ("TRUNCATE", "delete all rows of tables", "TRUNCATE [TABLE] name [, ...] [RESTART IDENTITY] [CASCADE | RESTRICT]"),
    (
      "UPDATE", "change rows",
      """
      [WITH name AS (query) [, ...]]
      UPDATE table [[AS] alias] SET column = value [, ...] [FROM tables] [WHERE condition] [RETURNING expressions]
      """
    ),
    ("VACUUM", "accepted for compatibility", "VACUUM [FULL] [ANALYZE] [table [, ...]]"),
    ("VALUES", "rows made of expressions", "VALUES (expressions) [, ...] [ORDER BY ...] [LIMIT count]"),
  ]

  static let commands = entries.map(\.name)

  /// What `\h` prints for a statement that a person names, as much of it as is known.
  static func text(for topic: String) -> String {
    var words = topic.split(whereSeparator: { $0.isWhitespace || $0 == ";" }).map { $0.uppercased() }
    if words.isEmpty {
      var text = "Available help:\n"
      let width = 24
      for start in stride(from: 0, to: entries.count, by: 3) {
        let row = entries[start..<min(start + 3, entries.count)]
        let cells = row.map { $0.name + String(repeating: " ", count: max(1, width - $0.name.count)) }.joined()
        text += "  " + cells.reversed().drop { $0 == " " }.reversed() + "\n"
      }
      return text
    }
    // The longest beginning that something is known of.
    while !words.isEmpty {
      let name = words.joined(separator: " ")
      let exact = entries.filter { $0.name == name }
      let found = exact.isEmpty || name == "CREATE" ? entries.filter { $0.name.hasPrefix(name) } : exact
      if !found.isEmpty {
        return found.map { "Command:     \($0.name)\nDescription: \($0.summary)\nSyntax:\n\($0.syntax)\n\n" }.joined()
      }
      words.removeLast()
    }
    return "No help available for \"\(topic)\".\nTry \\h with no arguments to see available help.\n"
  }
}
