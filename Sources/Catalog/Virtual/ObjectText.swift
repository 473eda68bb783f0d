// Objects written as SQL, as `pg_get_indexdef` and its kin do: for people, and for tools that read them.
// `isPretty` leaves out what is only there for certainty: the outer parentheses of an expression, the schema of what the
// search path finds.

import SQLTypes

struct ObjectText {
  let view: CatalogView
  var isPretty = false

  /// Stored SQL with sequences by name.
  func expression(_ sql: String) -> String {
    let named = SequenceReferences.replacing(in: sql) { oid in
      view.snapshot.namedRelation(oid).map(view.displayName)
    }
    return isPretty ? ObjectText.withoutOuterParentheses(named) : named
  }

  /// `s.t`, quoted where needed.
  func qualifiedName(_ name: String, schema: OID) -> String {
    quoteIdentifier(view.snapshot.schema(schema)?.name ?? "") + "." + quoteIdentifier(name)
  }

  private func columnName(_ id: UInt32, _ table: TableDescriptor) -> String {
    guard let column = table.column(id: id) else { return "?" }
    guard column.isIndexExpression, let sql = column.generatedSQL else { return quoteIdentifier(column.name) }
    // A call stands as it is, anything else in parentheses.
    let text = expression(sql)
    let name = text.prefix { $0 == "_" || $0.isLetter || $0.isNumber }
    let isCall = !name.isEmpty && text[name.endIndex...].hasPrefix("(") && text.hasSuffix(")")
    return isCall ? text : isPretty ? "(\(text))" : "((\(text)))"
  }

  func index(_ index: IndexDescriptor, of table: TableDescriptor) -> String {
    let target = isPretty ? view.displayName(of: .relation(table)) : qualifiedName(table.name, schema: table.schema)
    var text =
      "CREATE \(index.isUnique ? "UNIQUE " : "")INDEX \(quoteIdentifier(index.name)) ON \(target) USING btree ("
    text += index.columns.map { column in
      var part = columnName(column.columnID, table)
      if column.isDescending {
        part += column.nullsFirst ? " DESC" : " DESC NULLS LAST"
      } else if column.nullsFirst {
        part += " NULLS FIRST"
      }
      return part
    }.joined(separator: ", ")
    text += ")"
    if !index.included.isEmpty {
      text += " INCLUDE (\(index.included.map { columnName($0, table) }.joined(separator: ", ")))"
    }
    if index.nullsNotDistinct { text += " NULLS NOT DISTINCT" }
    if let predicate = index.predicateSQL { text += " WHERE \(expression(predicate))" }
    return text
  }

  /// The name of one column of an index, from 1; empty beyond.
  func indexColumn(_ number: Int, _ index: IndexDescriptor, of table: TableDescriptor) -> String {
    let ids = index.columns.map(\.columnID) + index.included
    return ids.indices.contains(number - 1) ? columnName(ids[number - 1], table) : ""
  }

  func constraint(_ index: IndexDescriptor, of table: TableDescriptor) -> String {
    var text = index.isPrimary ? "PRIMARY KEY" : "UNIQUE"
    if index.nullsNotDistinct { text += " NULLS NOT DISTINCT" }
    text += " (\(index.columns.map { columnName($0.columnID, table) }.joined(separator: ", ")))"
    if !index.included.isEmpty {
      text += " INCLUDE (\(index.included.map { columnName($0, table) }.joined(separator: ", ")))"
    }
    return text
  }

  func constraint(_ key: ForeignKey, of table: TableDescriptor) -> String {
    func names(_ ids: [UInt32], _ table: TableDescriptor?) -> String {
      ids.map { id in table.map { columnName(id, $0) } ?? "?" }.joined(separator: ", ")
    }
    let parent = view.relation(key.referencedTable)
    let target = parent.map { isPretty ? view.displayName(of: .relation($0)) : referenceName($0) } ?? "?"
    var text =
      "FOREIGN KEY (\(names(key.columns, table))) REFERENCES \(target)(\(names(key.referencedColumns, parent)))"
    if key.matchesFull { text += " MATCH FULL" }
    if key.onUpdate != .noAction { text += " ON UPDATE \(key.onUpdate.sqlName)" }
    if key.onDelete != .noAction { text += " ON DELETE \(key.onDelete.sqlName)" }
    if !key.setColumns.isEmpty { text += " (\(names(key.setColumns, table)))" }
    if key.isDeferrable { text += " DEFERRABLE" }
    if key.isInitiallyDeferred { text += " INITIALLY DEFERRED" }
    if !key.isValidated { text += " NOT VALID" }
    return text
  }

  /// Qualified only where the search path does not find it, as in every other place of a constraint.
  private func referenceName(_ table: TableDescriptor) -> String { view.displayName(of: .relation(table)) }

  func constraint(_ check: CheckConstraint) -> String { "CHECK (\(expression(check.expressionSQL)))" }

  /// A view's query, with PostgreSQL's leading blank and closing semicolon.
  func viewQuery(_ sql: String, of relation: TableDescriptor) -> String {
    let named = ObjectText(view: view).expression(sql)
    return QueryText.definition(named, columns: relation.columns.map(\.name), view: view, isPretty: isPretty)
      ?? " \(named);"
  }

  /// `(a > 0)` without its parentheses, if they belong together.
  static func withoutOuterParentheses(_ sql: String) -> String {
    let bytes = Array(sql.utf8)
    guard bytes.count >= 2, bytes.first == UInt8(ascii: "("), bytes.last == UInt8(ascii: ")") else { return sql }
    var depth = 0
    var quote: UInt8?
    for (index, byte) in bytes.enumerated() {
      if let open = quote {
        if byte == open { quote = nil }
        continue
      }
      switch byte {
      case UInt8(ascii: "'"), UInt8(ascii: "\""): quote = byte
      case UInt8(ascii: "("): depth += 1
      case UInt8(ascii: ")"):
        depth -= 1
        // The first parenthesis closes before the end: they are two.
        if depth == 0 && index < bytes.count - 1 { return sql }
      default: break
      }
    }
    return String(decoding: bytes[1..<(bytes.count - 1)], as: UTF8.self)
  }
}
