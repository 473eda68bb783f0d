// Rules: what is done beside, or instead of, a statement that changes a table's rows. A rule is a part of its table's descriptor.
// Source: PostgreSQL manual, CREATE RULE and chapter 41.

import SQLTypes

public struct RuleDescriptor: Sendable, Hashable {
  public enum Event: UInt8, Sendable, Hashable {
    case insert, update, delete

    /// As messages call it.
    public var name: String {
      switch self {
      case .insert: "INSERT"
      case .update: "UPDATE"
      case .delete: "DELETE"
      }
    }

    /// `ev_type`.
    var letter: String {
      switch self {
      case .update: "2"
      case .insert: "3"
      case .delete: "4"
      }
    }
  }

  public var oid: OID
  public var name: String
  public var event: Event
  /// Over `old` and `new`.
  public var conditionSQL: String?
  public var isInstead: Bool
  /// Statements as SQL text; none: NOTHING.
  public var actions: [String]
  public var comment: String?

  public init(
    oid: OID, name: String, event: Event, conditionSQL: String?, isInstead: Bool, actions: [String]
  ) {
    self.oid = oid
    self.name = name
    self.event = event
    self.conditionSQL = conditionSQL
    self.isInstead = isInstead
    self.actions = actions
  }
}

extension CatalogWriter {
  /// Error 42710.
  public func createRule(_ new: RuleDescriptor, on oid: OID, replaces: Bool) throws(SQLError) {
    let table = try tableToChange(oid)
    var rule = new
    let old = table.rules.firstIndex { $0.name == new.name }
    if old != nil, !replaces {
      throw SQLError(.duplicateObject, "rule \"\(new.name)\" for relation \"\(table.name)\" already exists")
    }
    if let old { rule.oid = table.rules[old].oid } else { rule.oid = try makeOID() }
    let changed = try table.changed { (draft) throws(SQLError) in
      if let old { draft.rules[old] = rule } else { draft.rules.append(rule) }
      draft.rules.sort { Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8)) }
    }
    apply(put: [.relation(changed)])
  }

  private func place(ofRule name: String, in table: TableDescriptor) throws(SQLError) -> Int {
    guard let place = table.rules.firstIndex(where: { $0.name == name }) else {
      throw SQLError(.undefinedObject, "rule \"\(name)\" for relation \"\(table.name)\" does not exist")
    }
    return place
  }

  public func dropRule(_ name: String, of oid: OID) throws(SQLError) {
    let table = try tableToChange(oid)
    let place = try place(ofRule: name, in: table)
    apply(put: [.relation(try table.changed { (draft) throws(SQLError) in draft.rules.remove(at: place) })])
  }

  public func renameRule(_ name: String, of oid: OID, to new: String) throws(SQLError) {
    let table = try tableToChange(oid)
    let place = try place(ofRule: name, in: table)
    if table.rules.contains(where: { $0.name == new }) {
      throw SQLError(.duplicateObject, "rule \"\(new)\" for relation \"\(table.name)\" already exists")
    }
    apply(put: [.relation(try table.changed { (draft) throws(SQLError) in draft.rules[place].name = new })])
  }
}

extension ObjectText {
  /// `CREATE RULE …`, as `pg_get_ruledef` shows it, but for the layout of the statements.
  func rule(_ rule: RuleDescriptor, of table: TableDescriptor) -> String {
    let target =
      isPretty ? view.displayName(of: .relation(table)) : qualifiedName(table.name, schema: table.schema)
    var text = "CREATE RULE \(quoteIdentifier(rule.name)) AS\n    ON \(rule.event.name) TO \(target)"
    if let condition = rule.conditionSQL { text += "\n   WHERE \(expression(condition))" }
    text += rule.isInstead ? " DO INSTEAD " : " DO "
    switch rule.actions.count {
    case 0: text += "NOTHING;"
    case 1: text += " \(expression(rule.actions[0]));"
    default: text += "( \(rule.actions.map { "\(expression($0));" }.joined(separator: "\n ")))"
    }
    return text
  }
}

extension SystemRelations {
  static func addRules(of relation: TableDescriptor, _ rows: inout VirtualRows) throws(SQLError) {
    for rule in relation.rules {
      try rows.add { (row) throws(SQLError) in
        row["oid"] = .oid(rule.oid)
        row["rulename"] = .text(rule.name)
        row["ev_class"] = .oid(relation.oid)
        row["ev_type"] = .text(rule.event.letter)
        row["ev_enabled"] = .text("O")
        row["is_instead"] = .bool(rule.isInstead)
        row["ev_qual"] = .text(rule.conditionSQL ?? "<>")
        row["ev_action"] = .text(rule.actions.joined(separator: "; "))
      }
    }
  }

  static let ruleViewRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations {
      for rule in relation.rules {
        try rows.add { (row) throws(SQLError) in
          row["schemaname"] = .text(optional: view.schema(relation.schema)?.name)
          row["tablename"] = .text(relation.name)
          row["rulename"] = .text(rule.name)
          row["definition"] = .text(ObjectText(view: view).rule(rule, of: relation))
        }
      }
    }
  }
}

extension DescriptorCoding {
  static func write(_ rule: RuleDescriptor, _ out: inout FieldWriter) {
    out.oid(1, rule.oid)
    out.text(2, rule.name)
    out.integer(3, Int64(rule.event.rawValue))
    out.text(4, rule.conditionSQL)
    out.flag(5, rule.isInstead)
    for action in rule.actions { out.text(6, action) }
    out.text(7, rule.comment)
  }

  static func readRule(_ bytes: UnsafeRawBufferPointer) -> RuleDescriptor? {
    var rule = RuleDescriptor(
      oid: .invalid, name: "", event: .insert, conditionSQL: nil, isInstead: false, actions: [])
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.oid.store(in: &rule.oid)
      case 2: value.text.store(in: &rule.name)
      case 3:
        value.integer.flatMap { UInt8(exactly: $0) }.flatMap { RuleDescriptor.Event(rawValue: $0) }
          .store(in: &rule.event)
      case 4: value.text.store(in: &rule.conditionSQL)
      case 5: value.flag.store(in: &rule.isInstead)
      case 6: value.text.append(to: &rule.actions)
      case 7: value.text.store(in: &rule.comment)
      default: true
      }
    }
    return isWhole ? rule : nil
  }
}
