// The words of SQL that completion offers: what begins a statement, what commonly follows another word, and the rest.

enum SQLKeywords {
  static let statements = [
    "ABORT", "ALTER", "ANALYZE", "BEGIN", "COMMENT", "COMMIT", "COPY", "CREATE", "DEALLOCATE", "DELETE FROM", "DISCARD",
    "DROP", "END", "EXECUTE", "EXPLAIN", "GRANT", "INSERT INTO", "PREPARE", "RELEASE", "RESET", "REVOKE", "ROLLBACK",
    "SAVEPOINT", "SELECT", "SET", "SHOW", "START TRANSACTION", "TABLE", "TRUNCATE", "UPDATE", "VACUUM", "VALUES",
    "WITH",
  ]

  /// What often comes after a word.
  static let after: [String: [String]] = [
    "CREATE": [
      "DATABASE", "EXTENSION", "FUNCTION", "INDEX", "MATERIALIZED VIEW", "OR REPLACE", "ROLE", "SCHEMA", "SEQUENCE",
      "TABLE",
      "TEMPORARY", "TYPE", "UNIQUE INDEX", "USER", "VIEW",
    ],
    "DROP": [
      "COLUMN", "CONSTRAINT", "DATABASE", "FUNCTION", "INDEX", "MATERIALIZED VIEW", "ROLE", "SCHEMA", "SEQUENCE",
      "TABLE",
      "TYPE", "USER", "VIEW",
    ],
    "ALTER": ["COLUMN", "DATABASE", "INDEX", "ROLE", "SCHEMA", "SEQUENCE", "TABLE", "TYPE", "USER", "VIEW"],
    "DELETE": ["FROM"], "INSERT": ["INTO"], "GROUP": ["BY"], "ORDER": ["BY"], "PARTITION": ["BY", "OF"],
    "PRIMARY": ["KEY"], "FOREIGN": ["KEY"], "LEFT": ["JOIN", "OUTER JOIN"], "RIGHT": ["JOIN", "OUTER JOIN"],
    "FULL": ["JOIN", "OUTER JOIN"], "INNER": ["JOIN"], "CROSS": ["JOIN"], "NATURAL": ["JOIN"],
    "NOT": ["NULL", "EXISTS", "IN"],
    "IS": ["NOT NULL", "NULL", "DISTINCT FROM"], "IF": ["EXISTS", "NOT EXISTS"],
    "ON": ["CONFLICT", "DELETE", "UPDATE"],
    "CONFLICT": ["DO NOTHING", "DO UPDATE SET"], "DO": ["NOTHING", "UPDATE SET"], "UNION": ["ALL", "SELECT"],
    "BEGIN": ["TRANSACTION", "AS OF SYSTEM TIME", "ISOLATION LEVEL", "READ ONLY", "READ WRITE"],
    "TRANSACTION": ["AS OF SYSTEM TIME", "ISOLATION LEVEL", "READ ONLY"], "OF": ["SYSTEM TIME"], "SYSTEM": ["TIME"],
    "ISOLATION": ["LEVEL"], "LEVEL": ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"],
    "EXPLAIN": ["ANALYZE", "DELETE FROM", "INSERT INTO", "SELECT", "UPDATE", "VERBOSE"],
    "ROLLBACK": ["TO SAVEPOINT"], "FOR": ["UPDATE", "SHARE"], "NULLS": ["FIRST", "LAST"], "WITH": ["RECURSIVE"],
    "DEFAULT": ["VALUES"], "SELECT": ["DISTINCT", "ALL"],
  ]

  static let all = [
    "ADD", "ALL", "AND", "ANY", "ARRAY", "AS", "AS OF SYSTEM TIME", "ASC", "BETWEEN", "BIGINT", "BOOLEAN", "BY",
    "BYTEA", "CASCADE", "CASE",
    "CAST", "CHECK", "COALESCE", "COLLATE", "COLUMN", "CONCURRENTLY", "CONFLICT", "CONSTRAINT", "COUNT", "CROSS JOIN",
    "CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_USER", "CURSOR", "DATE", "DEFAULT", "DEFERRABLE", "DESC", "DISTINCT",
    "DOUBLE PRECISION", "ELSE", "END", "EXCEPT", "EXISTS", "EXTRACT", "FALSE", "FETCH", "FILTER", "FIRST", "FOR",
    "FOREIGN KEY", "FROM", "FULL", "GENERATED", "GREATEST", "GROUP BY", "HAVING", "IDENTITY", "ILIKE", "IN", "INDEX",
    "INNER JOIN", "INTEGER", "INTERSECT", "INTERVAL", "INTO", "IS", "ISOLATION LEVEL", "JOIN", "KEY", "LAST", "LATERAL",
    "LEAST", "LEFT", "LIKE", "LIMIT", "LOCKED", "NOT", "NOTHING", "NOWAIT", "NULL", "NULLIF", "NULLS", "NUMERIC",
    "OFFSET",
    "ON", "ONLY", "OR", "ORDER BY", "OUTER", "OVER", "OWNER TO", "PARTITION BY", "PRIMARY KEY", "REAL", "REFERENCES",
    "RENAME", "RESTRICT", "RETURNING", "RIGHT", "ROW", "ROWS", "SELECT", "SERIAL", "SET", "SKIP", "SMALLINT", "SOME",
    "STORED", "TABLE", "TEXT", "THEN", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TO", "TRUE", "TYPE", "UNION", "UNIQUE",
    "UPDATE", "USING", "UUID", "VALUES", "VARCHAR", "WHEN", "WHERE", "WINDOW", "WITH", "WITHIN GROUP",
  ]

  /// Single words that cannot be a table's alias.
  static let set: Set<String> = Set(
    (statements + all + Array(after.keys)).flatMap { $0.split(separator: " ").map(String.init) })
}
