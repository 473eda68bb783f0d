// A relation under change. Descriptors are immutable, so a change is a draft of all fields, made into a new descriptor
// of the next version.

import SQLTypes

/// All fields of a `TableDescriptor`, to be changed.
public struct TableDraft: Sendable {
  public var oid: OID
  public var schema: OID
  public var name: String
  public var owner: OID
  public var kind: RelationKind
  public var columns: [ColumnDescriptor]
  public var primaryIndex: IndexDescriptor?
  public var indexes: [IndexDescriptor]
  public var checks: [CheckConstraint]
  public var foreignKeys: [ForeignKey]
  public var referencedBy: [OID]
  public var dependencies: [RelationDependency]
  public var comment: String?
  public var options: [String]
  public var lineage: Lineage
  public var triggers: [TriggerDescriptor]
  public var rules: [RuleDescriptor]
  public var acl: [Grant]?
  public var nextColumnID: UInt32
  public var version: UInt64

  public init(_ table: TableDescriptor) {
    oid = table.oid
    schema = table.schema
    name = table.name
    owner = table.owner
    kind = table.kind
    columns = table.columns
    primaryIndex = table.primaryIndex
    indexes = table.indexes
    checks = table.checks
    foreignKeys = table.foreignKeys
    referencedBy = table.referencedBy
    dependencies = table.dependencies
    comment = table.comment
    options = table.options
    lineage = table.lineage
    triggers = table.triggers
    rules = table.rules
    acl = table.acl
    nextColumnID = table.nextColumnID
    version = table.version
  }

  /// Hidden columns of expressions that no index holds any more go.
  mutating func removeUnusedIndexExpressions() {
    let used = Set((indexes + [primaryIndex].compactMap { $0 }).flatMap { $0.columns.map(\.columnID) + $0.included })
    columns.removeAll { $0.isIndexExpression && !used.contains($0.id) }
  }

  /// The descriptor with these fields.
  public func descriptor() -> TableDescriptor {
    TableDescriptor(
      oid: oid, schema: schema, name: name, owner: owner, kind: kind, columns: columns, primaryIndex: primaryIndex,
      indexes: indexes, checks: checks, foreignKeys: foreignKeys, referencedBy: referencedBy,
      dependencies: dependencies, comment: comment, options: options, lineage: lineage, triggers: triggers,
      rules: rules, acl: acl,
      nextColumnID: nextColumnID, version: version)
  }
}

extension TableDescriptor {
  /// The next version of this descriptor, changed by `body`.
  public func changed(_ body: (inout TableDraft) throws(SQLError) -> Void) throws(SQLError) -> TableDescriptor {
    var draft = TableDraft(self)
    try body(&draft)
    draft.version += 1
    return draft.descriptor()
  }

  /// Equal in every field.
  func isIdentical(to other: TableDescriptor) -> Bool {
    oid == other.oid && schema == other.schema && name == other.name && owner == other.owner && kind == other.kind
      && columns == other.columns && primaryIndex == other.primaryIndex && indexes == other.indexes
      && checks == other.checks && foreignKeys == other.foreignKeys && referencedBy == other.referencedBy
      && dependencies == other.dependencies && comment == other.comment && options == other.options
      && lineage == other.lineage && triggers == other.triggers && rules == other.rules && acl == other.acl
      && nextColumnID == other.nextColumnID && version == other.version
  }
}
