// CREATE TYPE … AS ENUM and ALTER TYPE, written back.

extension SyntaxPrinter {
  mutating func createEnum(_ statement: CreateEnumStatement) {
    word("CREATE TYPE")
    name(statement.name)
    word("AS ENUM")
    parenthesized { $0.list(statement.labels) { $0.string($1) } }
  }

  mutating func alterEnum(_ statement: AlterEnumStatement) {
    word("ALTER TYPE")
    name(statement.name)
    switch statement.change {
    case .add(let label, let ifNotExists, let neighbor, let isBefore):
      word("ADD VALUE")
      if ifNotExists { word("IF NOT EXISTS") }
      string(label)
      if let neighbor {
        word(isBefore ? "BEFORE" : "AFTER")
        string(neighbor)
      }
    case .rename(let old, let new):
      word("RENAME VALUE")
      string(old)
      word("TO")
      string(new)
    }
  }
}
