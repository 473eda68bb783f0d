// The names that completion offers, asked of the server when first wanted and kept for some seconds; forgotten when a statement
// changes the schema. In a failed transaction nothing can be asked: then what is known must do.

final class CatalogNames: NameSource {
  private unowned let shell: Shell
  private var known: [String: (names: [String], at: ContinuousClock.Instant)] = [:]
  private static let lifetime = Duration.seconds(15)

  init(shell: Shell) { self.shell = shell }

  func forget() { known = [:] }

  private func ask(_ sql: String) -> [String] {
    if let entry = known[sql], ContinuousClock.now - entry.at < Self.lifetime { return entry.names }
    guard let client = shell.client, client.transactionStatus != UInt8(ascii: "E"),
      let result = try? client.rows(sql)
    else { return known[sql]?.names ?? [] }
    let names = result.rows.compactMap { $0.first ?? nil }
    known[sql] = (names, .now)
    return names
  }

  func relations(schema: String?) -> [String] {
    let condition =
      schema.map { "n.nspname = \(SQLText.literal($0))" }
      ?? "pg_catalog.pg_table_is_visible(c.oid) AND n.nspname <> 'pg_catalog'"
    return ask(
      """
      SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND \(condition) LIMIT 2000
      """)
  }

  func schemas() -> [String] { ask("SELECT nspname FROM pg_catalog.pg_namespace LIMIT 2000") }

  func columns(of relation: String) -> [String] {
    let parts = relation.split(separator: ".").map(String.init)
    guard let name = parts.last else { return [] }
    let condition =
      parts.count > 1
      ? "n.nspname = \(SQLText.literal(parts[parts.count - 2]))" : "pg_catalog.pg_table_is_visible(c.oid)"
    return ask(
      """
      SELECT a.attname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relname = \(SQLText.literal(name)) AND \(condition) AND a.attnum > 0 AND NOT a.attisdropped LIMIT 2000
      """)
  }

  func settings() -> [String] { ask("SELECT name FROM pg_catalog.pg_settings LIMIT 2000") }
  func databases() -> [String] { ask("SELECT datname FROM pg_catalog.pg_database LIMIT 2000") }
  func roles() -> [String] { ask("SELECT rolname FROM pg_catalog.pg_roles LIMIT 2000") }
  func functions() -> [String] {
    ask("SELECT DISTINCT proname FROM pg_catalog.pg_proc WHERE pg_catalog.pg_function_is_visible(oid) LIMIT 4000")
  }
  func types() -> [String] {
    ask(
      "SELECT pg_catalog.format_type(oid, NULL) FROM pg_catalog.pg_type WHERE typtype IN ('b', 'd', 'e') AND typelem = 0 LIMIT 2000"
    )
  }
  func variables() -> [String] { shell.variables.values.keys.sorted() }
}
