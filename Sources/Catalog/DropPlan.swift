// What falls with an object: the graph of dependencies walked from what is to be dropped, in PostgreSQL's order (what
// depends on an object comes right after it, lower OIDs first), with PostgreSQL's refusal or its notices.
// Source: PostgreSQL manual, section 5.14 "Dependency Tracking".

import SQLTypes

/// What a drop did, for the executor: whose data and what else is gone, and what to tell the client.
public struct DropOutcome: Sendable {
  /// As they were before.
  public var relations: [TableDescriptor] = []
  /// At most one notice: `drop cascades to view v`.
  public var notices: [SQLError] = []
}

struct DropPlan {
  /// To be dropped, in order.
  private(set) var relations: [TableDescriptor] = []
  private var visited: Set<OID> = []
  /// Columns that lose their default, by table.
  private(set) var lostDefaults: [(table: OID, column: UInt32)] = []
  /// Foreign keys that fall with what they refer to.
  private(set) var foreignKeys: Set<OID> = []
  /// What was not asked for: `view v`, and what it depends on.
  private(set) var dependents: [(what: String, on: String)] = []
  /// Columns that fall themselves: their defaults are no dependents.
  var fallingColumns: (table: OID, columns: Set<UInt32>)?
  let view: CatalogView
  /// Objects named by the statement, which are no news.
  private let requested: Set<OID>

  init(_ view: CatalogView, requested: [OID]) {
    self.view = view
    self.requested = Set(requested)
  }

  mutating func visit(_ relation: TableDescriptor) {
    guard visited.insert(relation.oid).inserted else { return }
    relations.append(relation)
    let name = view.describe(relation)
    // Sequences of its own columns go silently, but not what others draw from them.
    for sequence in relation.columns.compactMap(\.ownedSequence).compactMap(view.relation) { visit(sequence) }
    if case .sequence = relation.kind {
      for table in view.snapshot.relations where !visited.contains(table.oid) && !requested.contains(table.oid) {
        for column in table.columns {
          if let falling = fallingColumns, falling.table == table.oid, falling.columns.contains(column.id) { continue }
          guard let sql = column.defaultSQL, SequenceReferences.relations(in: sql).contains(relation.oid)
          else { continue }
          lostDefaults.append((table.oid, column.id))
          dependents.append(("default value for column \(column.name) of \(view.describe(table))", name))
        }
      }
    }
    for (child, key) in view.incomingKeys(of: relation) where child.oid != relation.oid {
      if requested.contains(child.oid) || visited.contains(child.oid) { continue }
      addForeignKey(key, of: child, to: relation, dependsOn: name)
    }
    // Partitions go silently; what merely inherits has to be asked for.
    for child in view.children(of: relation) {
      if child.isPartition { visit(child) } else { add(child, dependsOn: name) }
    }
    for reader in view.readers(of: relation.oid) { add(reader, dependsOn: name) }
  }

  mutating func addForeignKey(
    _ key: ForeignKey, of child: TableDescriptor, to parent: TableDescriptor, dependsOn what: String
  ) {
    guard foreignKeys.insert(key.oid).inserted else { return }
    dependents.append(("constraint \(quoteIdentifier(key.name)) on \(view.describe(child))", what))
  }

  mutating func add(_ relation: TableDescriptor, dependsOn what: String) {
    if visited.contains(relation.oid) { return }
    if !requested.contains(relation.oid) { dependents.append((view.describe(relation), what)) }
    visit(relation)
  }

  /// Types that fall with their schema.
  private(set) var types: [TypeDescriptor] = []

  mutating func add(type: TypeDescriptor, dependsOn what: String) {
    types.append(type)
    dependents.append(("type \(quoteIdentifier(type.name))", what))
  }

  /// Functions that fall with their schema.
  private(set) var functions: [FunctionDescriptor] = []

  mutating func add(function: FunctionDescriptor, dependsOn what: String) {
    functions.append(function)
    dependents.append(("function \(function.signature)", what))
  }

  mutating func add(trigger: TriggerDescriptor, of table: TableDescriptor, dependsOn what: String) {
    dependents.append(("trigger \(quoteIdentifier(trigger.name)) on \(view.describe(table))", what))
  }

  mutating func add(column: ColumnDescriptor, of table: TableDescriptor, dependsOn what: String) {
    dependents.append(("column \(column.name) of \(view.describe(table))", what))
  }

  /// Error 2BP01 unless it cascades, or there is nothing to cascade to. `what`: `table t`; nil: several objects.
  func check(dropping what: String?, cascades: Bool) throws(SQLError) {
    if dependents.isEmpty || cascades { return }
    throw SQLError(
      .dependentObjectsStillExist,
      what.map { "cannot drop \($0) because other objects depend on it" }
        ?? "cannot drop desired object(s) because other objects depend on them",
      detail: dependents.map { "\($0.what) depends on \($0.on)" }.joined(separator: "\n"),
      hint: "Use DROP ... CASCADE to drop the dependent objects too.")
  }

  var notices: [SQLError] {
    switch dependents.count {
    case 0: []
    case 1: [SQLError(.successfulCompletion, "drop cascades to \(dependents[0].what)")]
    default:
      [
        SQLError(
          .successfulCompletion, "drop cascades to \(dependents.count) other objects",
          detail: dependents.map { "drop cascades to \($0.what)" }.joined(separator: "\n"))
      ]
    }
  }
}

extension CatalogView {
  /// `table t`, `view s.v`: the kind, and the name as it would have to be written here.
  public func describe(_ relation: TableDescriptor) -> String {
    "\(relation.kindName) \(displayName(of: .relation(relation)))"
  }
}

extension CatalogWriter {
  func describe(_ relation: TableDescriptor) -> String { view.describe(relation) }
}
