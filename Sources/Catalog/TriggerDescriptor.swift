// Triggers: what of a table's changes calls which function. A trigger is a part of its table's descriptor. One for rows on a
// partitioned table is one of each of its partitions, too; it is kept at the top alone and looked for there.
// Source: PostgreSQL manual, CREATE TRIGGER; its pg_trigger.

import SQLTypes

public struct TriggerDescriptor: Sendable, Hashable {
  public enum Timing: UInt8, Sendable, Hashable { case before, after, insteadOf }

  public struct Events: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let insert = Events(rawValue: 1)
    public static let delete = Events(rawValue: 2)
    public static let update = Events(rawValue: 4)
    public static let truncate = Events(rawValue: 8)
  }

  public var oid: OID
  public var name: String
  public var function: OID
  public var timing: Timing
  public var events: Events
  /// `UPDATE OF`; empty: any.
  public var columns: [UInt32] = []
  public var isRow: Bool
  /// `WHEN`, as SQL text over `old` and `new`, and the columns that it reads.
  public var conditionSQL: String?
  public var conditionColumns: [UInt32] = []
  public var arguments: [String] = []
  /// The names of transition tables.
  public var oldTable: String?
  public var newTable: String?
  public var isEnabled = true
  public var comment: String?

  public init(
    oid: OID, name: String, function: OID, timing: Timing, events: Events, isRow: Bool
  ) {
    self.oid = oid
    self.name = name
    self.function = function
    self.timing = timing
    self.events = events
    self.isRow = isRow
  }

  /// `tgtype`.
  var typeBits: Int {
    var bits = isRow ? 1 : 0
    switch timing {
    case .before: bits |= 2
    case .after: break
    case .insteadOf: bits |= 64
    }
    if events.contains(.insert) { bits |= 4 }
    if events.contains(.delete) { bits |= 8 }
    if events.contains(.update) { bits |= 16 }
    if events.contains(.truncate) { bits |= 32 }
    return bits
  }
}

extension CatalogView {
  /// The triggers that changes of a table's rows fire, by name: its own, and those for rows of what it is a partition of.
  public func triggers(of table: TableDescriptor) -> [(trigger: TriggerDescriptor, owner: TableDescriptor)] {
    var found = table.triggers.map { (trigger: $0, owner: table) }
    if table.isPartition {
      for ancestor in ancestors(of: table) {
        found += ancestor.triggers.filter(\.isRow).map { (trigger: $0, owner: ancestor) }
      }
    }
    return found.sorted { Array($0.trigger.name.utf8).lexicographicallyPrecedes(Array($1.trigger.name.utf8)) }
  }

  /// The trigger with this OID, which may be that of a partition's share in its parent's.
  func trigger(_ oid: OID) -> (trigger: TriggerDescriptor, table: TableDescriptor)? {
    for table in relations where !table.triggers.isEmpty || table.isPartition {
      for (trigger, owner) in triggers(of: table) where triggerOID(trigger, owner: owner, of: table) == oid {
        return (trigger, table)
      }
    }
    return nil
  }

  func triggerOID(_ trigger: TriggerDescriptor, owner: TableDescriptor, of table: TableDescriptor) -> OID {
    owner === table ? trigger.oid : .derived(table.oid, trigger.oid.rawValue)
  }
}

extension CatalogWriter {
  /// Error 42710.
  public func createTrigger(_ new: TriggerDescriptor, on oid: OID, replaces: Bool) throws(SQLError) {
    let table = try table(oid)
    if case .virtual = table.kind { try requireOwnership(of: table) }
    guard view.holds(.trigger, on: table) else {
      throw SQLError(.insufficientPrivilege, "permission denied for table \(table.name)")
    }
    var trigger = new
    let old = table.triggers.firstIndex { $0.name == new.name }
    if let old {
      guard replaces else {
        throw SQLError(
          .duplicateObject, "trigger \"\(new.name)\" for relation \"\(table.name)\" already exists")
      }
      trigger.oid = table.triggers[old].oid
    } else {
      trigger.oid = try makeOID()
    }
    let changed = try table.changed { (draft) throws(SQLError) in
      if let old { draft.triggers[old] = trigger } else { draft.triggers.append(trigger) }
    }
    apply(put: [.relation(changed)])
  }

  private func place(ofTrigger name: String, in table: TableDescriptor) throws(SQLError) -> Int {
    if let place = table.triggers.firstIndex(where: { $0.name == name }) { return place }
    if table.isPartition,
      let owner = view.ancestors(of: table).first(where: { $0.triggers.contains { $0.isRow && $0.name == name } })
    {
      let own = "trigger \(quoteIdentifier(name)) on \(describe(table))"
      let whole = "trigger \(quoteIdentifier(name)) on \(describe(owner))"
      throw SQLError(
        .dependentObjectsStillExist, "cannot drop \(own) because \(whole) requires it",
        hint: "You can drop \(whole) instead.")
    }
    throw SQLError(
      .undefinedObject,
      "trigger \"\(name)\" for \(table.kindName == "view" ? "relation" : "table") \"\(table.name)\" does not exist"
    )
  }

  public func dropTrigger(_ name: String, of oid: OID) throws(SQLError) {
    let table = try tableToChange(oid)
    let place = try place(ofTrigger: name, in: table)
    apply(put: [.relation(try table.changed { (draft) throws(SQLError) in draft.triggers.remove(at: place) })])
  }

  public func renameTrigger(_ name: String, of oid: OID, to new: String) throws(SQLError) {
    let table = try tableToChange(oid)
    let place = try place(ofTrigger: name, in: table)
    if table.triggers.contains(where: { $0.name == new }) {
      throw SQLError(.duplicateObject, "trigger \"\(new)\" for relation \"\(table.name)\" already exists")
    }
    apply(put: [.relation(try table.changed { (draft) throws(SQLError) in draft.triggers[place].name = new })])
  }

  /// Nil: all of them.
  public func enableTriggers(_ name: String?, of oid: OID, _ isEnabled: Bool) throws(SQLError) {
    let table = try tableToChange(oid)
    let only = try name.map { (name: String) throws(SQLError) in try place(ofTrigger: name, in: table) }
    let changed = try table.changed { (draft) throws(SQLError) in
      for place in draft.triggers.indices where only == nil || only == place {
        draft.triggers[place].isEnabled = isEnabled
      }
    }
    apply(put: [.relation(changed)])
  }

  public func commentTrigger(_ name: String, of oid: OID, _ text: String?) throws(SQLError) {
    let table = try tableToChange(oid)
    let place = try place(ofTrigger: name, in: table)
    apply(put: [.relation(try table.changed { (draft) throws(SQLError) in draft.triggers[place].comment = text })])
  }
}

extension ObjectText {
  /// `CREATE TRIGGER …`, as `pg_get_triggerdef` shows it.
  func trigger(_ trigger: TriggerDescriptor, of table: TableDescriptor) -> String {
    var words = ["CREATE TRIGGER", quoteIdentifier(trigger.name)]
    switch trigger.timing {
    case .before: words.append("BEFORE")
    case .after: words.append("AFTER")
    case .insteadOf: words.append("INSTEAD OF")
    }
    var events: [String] = []
    if trigger.events.contains(.insert) { events.append("INSERT") }
    if trigger.events.contains(.delete) { events.append("DELETE") }
    if trigger.events.contains(.update) {
      let columns = trigger.columns.map { quoteIdentifier(table.column(id: $0)?.name ?? "?") }
      events.append(columns.isEmpty ? "UPDATE" : "UPDATE OF \(columns.joined(separator: ", "))")
    }
    if trigger.events.contains(.truncate) { events.append("TRUNCATE") }
    words.append(events.joined(separator: " OR "))
    words.append("ON")
    words.append(
      isPretty ? view.displayName(of: .relation(table)) : qualifiedName(table.name, schema: table.schema))
    if trigger.oldTable != nil || trigger.newTable != nil { words.append("REFERENCING") }
    if let name = trigger.oldTable { words.append("OLD TABLE AS \(quoteIdentifier(name))") }
    if let name = trigger.newTable { words.append("NEW TABLE AS \(quoteIdentifier(name))") }
    words.append(trigger.isRow ? "FOR EACH ROW" : "FOR EACH STATEMENT")
    if let condition = trigger.conditionSQL { words.append("WHEN (\(expression(condition)))") }
    let arguments = trigger.arguments.map { "'\($0.replacing("'", with: "''"))'" }.joined(separator: ", ")
    words.append("EXECUTE FUNCTION \(functionName(trigger.function))(\(arguments))")
    return words.joined(separator: " ")
  }

  private func functionName(_ oid: OID) -> String {
    guard let function = view.snapshot.function(oid) else { return "?" }
    let isVisible = view.functions(named: function.name, schema: nil).contains { $0.oid == oid }
    return isVisible ? quoteIdentifier(function.name) : qualifiedName(function.name, schema: function.schema)
  }
}

extension SystemRelations {
  static let triggerRows: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations {
      for (trigger, owner) in view.triggers(of: relation) {
        try rows.add { (row) throws(SQLError) in
          row["oid"] = .oid(view.triggerOID(trigger, owner: owner, of: relation))
          row["tgrelid"] = .oid(relation.oid)
          row["tgparentid"] = .oid(owner === relation ? .invalid : trigger.oid)
          row["tgname"] = .text(trigger.name)
          row["tgfoid"] = .oid(trigger.function)
          row["tgtype"] = .int(trigger.typeBits)
          row["tgenabled"] = .text(trigger.isEnabled ? "O" : "D")
          row["tgnargs"] = .int(trigger.arguments.count)
          row["tgattr"] = try .parsed(
            SQLType(OID(22)), trigger.columns.map(String.init).joined(separator: " "))
          row["tgargs"] = .bytes(trigger.arguments.flatMap { Array($0.utf8) + [0] })
          row["tgqual"] = .text(optional: trigger.conditionSQL)
          row["tgoldtable"] = .text(optional: trigger.oldTable)
          row["tgnewtable"] = .text(optional: trigger.newTable)
        }
      }
    }
  }

  /// information_schema.triggers: a row for each event.
  static let informationTriggers: RowSource = { (view, _, rows) throws(SQLError) in
    for relation in view.relations {
      for trigger in relation.triggers {
        let events: [(TriggerDescriptor.Events, String)] = [
          (.insert, "INSERT"), (.delete, "DELETE"), (.update, "UPDATE"),
        ]
        let database = view.snapshot.database(view.database)?.name
        let schema = view.schema(relation.schema)?.name
        let text = ObjectText(view: view).trigger(trigger, of: relation)
        for (event, name) in events where trigger.events.contains(event) {
          try rows.add { (row) throws(SQLError) in
            row["trigger_catalog"] = .text(optional: database)
            row["trigger_schema"] = .text(optional: schema)
            row["trigger_name"] = .text(trigger.name)
            row["event_manipulation"] = .text(name)
            row["event_object_catalog"] = .text(optional: database)
            row["event_object_schema"] = .text(optional: schema)
            row["event_object_table"] = .text(relation.name)
            row["action_order"] = .int(1)
            row["action_condition"] = .text(optional: trigger.conditionSQL)
            row["action_statement"] = .text(
              text.firstRange(of: "EXECUTE FUNCTION").map { String(text[$0.lowerBound...]) } ?? "")
            row["action_orientation"] = .text(trigger.isRow ? "ROW" : "STATEMENT")
            row["action_timing"] = .text(
              trigger.timing == .before ? "BEFORE" : trigger.timing == .after ? "AFTER" : "INSTEAD OF")
            row["action_reference_old_table"] = .text(optional: trigger.oldTable)
            row["action_reference_new_table"] = .text(optional: trigger.newTable)
          }
        }
      }
    }
  }
}

extension DescriptorCoding {
  static func write(_ trigger: TriggerDescriptor, _ out: inout FieldWriter) {
    out.oid(1, trigger.oid)
    out.text(2, trigger.name)
    out.oid(3, trigger.function)
    out.integer(4, Int64(trigger.timing.rawValue))
    out.integer(5, Int64(trigger.events.rawValue))
    out.integers(6, trigger.columns.map(Int64.init))
    out.flag(7, trigger.isRow)
    out.text(8, trigger.conditionSQL)
    out.integers(9, trigger.conditionColumns.map(Int64.init))
    for argument in trigger.arguments { out.text(10, argument) }
    out.text(11, trigger.oldTable)
    out.text(12, trigger.newTable)
    out.flag(13, !trigger.isEnabled)
    out.text(14, trigger.comment)
  }

  static func readTrigger(_ bytes: UnsafeRawBufferPointer) -> TriggerDescriptor? {
    var trigger = TriggerDescriptor(
      oid: .invalid, name: "", function: .invalid, timing: .before, events: [], isRow: false)
    func byte(_ value: FieldValue) -> UInt8? { value.integer.flatMap { UInt8(exactly: $0) } }
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.oid.store(in: &trigger.oid)
      case 2: value.text.store(in: &trigger.name)
      case 3: value.oid.store(in: &trigger.function)
      case 4: byte(value).flatMap { TriggerDescriptor.Timing(rawValue: $0) }.store(in: &trigger.timing)
      case 5: byte(value).map { TriggerDescriptor.Events(rawValue: $0) }.store(in: &trigger.events)
      case 6: value.uint32s.store(in: &trigger.columns)
      case 7: value.flag.store(in: &trigger.isRow)
      case 8: value.text.store(in: &trigger.conditionSQL)
      case 9: value.uint32s.store(in: &trigger.conditionColumns)
      case 10: value.text.append(to: &trigger.arguments)
      case 11: value.text.store(in: &trigger.oldTable)
      case 12: value.text.store(in: &trigger.newTable)
      case 13: value.flag.map { !$0 }.store(in: &trigger.isEnabled)
      case 14: value.text.store(in: &trigger.comment)
      default: true
      }
    }
    return isWhole ? trigger : nil
  }
}
