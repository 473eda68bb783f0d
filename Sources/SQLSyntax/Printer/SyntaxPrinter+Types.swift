// CREATE TYPE, ALTER TYPE, CREATE DOMAIN and ALTER DOMAIN, written back.

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

  mutating func createComposite(_ statement: CreateCompositeStatement) {
    word("CREATE TYPE")
    name(statement.name)
    word("AS")
    parenthesized { $0.list(statement.fields) { $0.columnDefinition($1) } }
  }

  mutating func createDomain(_ statement: CreateDomainStatement) {
    word("CREATE DOMAIN")
    name(statement.name)
    word("AS")
    type(statement.type)
    collation(statement.collation)
    constraints(statement.constraints)
  }

  mutating func alterDomain(_ statement: AlterDomainStatement) {
    word("ALTER DOMAIN")
    name(statement.name)
    switch statement.change {
    case .setDefault(nil): word("DROP DEFAULT")
    case .setDefault(let value?):
      word("SET DEFAULT")
      expression(value)
    case .setNotNull(let isNotNull): word(isNotNull ? "SET NOT NULL" : "DROP NOT NULL")
    case .addConstraint(let constraint):
      word("ADD")
      tableConstraint(constraint)
    case .dropConstraint(let constraint, let ifExists, let behavior):
      word(ifExists ? "DROP CONSTRAINT IF EXISTS" : "DROP CONSTRAINT")
      name(constraint)
      self.behavior(behavior)
    case .validateConstraint(let constraint):
      word("VALIDATE CONSTRAINT")
      name(constraint)
    }
  }
}
