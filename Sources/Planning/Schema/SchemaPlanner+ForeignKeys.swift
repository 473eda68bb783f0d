// FOREIGN KEY and REFERENCES, resolved: which columns refer to which, and whether their types can be compared.
// Source: PostgreSQL manual, CREATE TABLE; its tablecmds.c for the order of the checks and their messages.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension SchemaPlanner {
  /// A foreign key of a table that is being made.
  func foreignKey(
    _ constraint: TableConstraint, _ columns: [Identifier], _ target: ForeignKeyTarget, of table: TableDefinition,
    as name: QualifiedName
  ) throws(SQLError) -> ForeignKey {
    // The table may refer to itself before it is there.
    let isSelf =
      target.table.name == name.name && (target.table.schema == nil || target.table.schema == name.schema)
      && binder.names.catalog.namedRelation(target.table.name.text, schema: target.table.schema?.text) == nil
    let shape = TableDescriptor(
      oid: .invalid, schema: table.schema, name: table.name, owner: .invalid, kind: .table, columns: table.columns,
      primaryIndex: table.primaryKey.map { shaped($0, 1) },
      indexes: table.indexes.enumerated().map { shaped($1, UInt32($0 + 2)) }, nextColumnID: 0)
    return try foreignKey(constraint, columns, target, of: shape, columns: table.columns, parent: isSelf ? shape : nil)
  }

  private func shaped(_ index: IndexDescriptor, _ number: UInt32) -> IndexDescriptor {
    var shaped = index
    shaped.oid = OID(number)
    return shaped
  }

  /// A foreign key of a table; `columns` are its columns with those that the same statement adds.
  func foreignKey(
    _ constraint: TableConstraint, _ names: [Identifier], _ target: ForeignKeyTarget, of table: TableDescriptor,
    columns: [ColumnDescriptor], parent known: TableDescriptor? = nil
  ) throws(SQLError) -> ForeignKey {
    let parent: TableDescriptor
    if let known {
      parent = known
    } else {
      parent = try context.located(target.table.position) { () throws(SQLError) in
        try binder.names.relation(target.table)
      }
    }
    guard case .table = parent.kind else {
      throw SQLError(.wrongObjectType, "referenced relation \"\(parent.name)\" is not a table")
    }
    if known == nil, catalog.isTemporary(parent) != catalog.isTemporary(table) {
      let kind = catalog.isTemporary(parent) ? "permanent" : "temporary"
      throw SQLError(.invalidTableDefinition, "constraints on \(kind) tables may reference only \(kind) tables")
    }
    if target.match == .partial {
      throw context.error(.featureNotSupported, "MATCH PARTIAL not yet implemented", at: constraint.position)
    }
    func ids(_ names: [Identifier], _ columns: [ColumnDescriptor]) throws(SQLError) -> [UInt32] {
      try names.mapTyped { (name: Identifier) throws(SQLError) in
        guard let column = columns.first(where: { $0.name == name.text && !$0.isHidden }) else {
          throw SQLError(
            .undefinedColumn, "column \"\(name.text)\" referenced in foreign key constraint does not exist")
        }
        return column.id
      }
    }
    let own = try ids(names, columns)
    let referenced: [UInt32]
    if target.columns.isEmpty {
      guard let primary = parent.primaryIndex, primary.isConstraint else {
        throw SQLError(
          .undefinedObject, "there is no primary key for referenced table \"\(parent.name)\"")
      }
      referenced = primary.columns.map(\.columnID)
    } else {
      referenced = try ids(target.columns, parent.columns)
    }
    guard own.count == referenced.count else {
      throw SQLError(
        .invalidForeignKey, "number of referencing and referenced columns for foreign key disagree")
    }
    if Set(referenced).count < referenced.count || Set(own).count < own.count {
      throw SQLError(.invalidForeignKey, "foreign key referenced-columns list must not contain duplicates")
    }
    guard parent.uniqueIndex(over: referenced) != nil else {
      throw SQLError(
        .invalidForeignKey,
        "there is no unique constraint matching given keys for referenced table \"\(parent.name)\"")
    }
    let name =
      constraint.name?.text
      ?? ObjectNaming.objectName(
        table.name, ObjectNaming.columnsPart(names.map(\.text)), "fkey")
    for (id, other) in zip(own, referenced) {
      guard let column = columns.first(where: { $0.id == id }), let target = parent.column(id: other) else { continue }
      let equal = try? FunctionRegistry.shared.resolveOperator("=", left: target.type, right: column.type)
      guard equal != nil, binder.builder.canCoerce(column.type, to: target.type, .assignment),
        TypeInfo.find(column.type.oid)?.category == TypeInfo.find(target.type.oid)?.category
      else {
        throw SQLError(
          .datatypeMismatch, "foreign key constraint \"\(name)\" cannot be implemented",
          detail:
            "Key columns \"\(column.name)\" and \"\(target.name)\" are of incompatible types: \(TypeInfo.format(column.type)) and \(TypeInfo.format(target.type))."
        )
      }
    }
    var key = ForeignKey(
      name: constraint.name?.text ?? "", columns: own,
      referencedTable: known == nil ? parent.oid : .invalid, referencedColumns: referenced)
    func action(_ action: ForeignKeyTarget.Action) throws(SQLError) -> ForeignKey.Action {
      switch action {
      case .noAction: return .noAction
      case .restrict: return .restrict
      case .cascade: return .cascade
      case .setNull(let list), .setDefault(let list):
        for name in list where !names.contains(where: { $0.text == name.text }) {
          throw SQLError(
            .invalidColumnReference,
            "column \"\(name.text)\" referenced in ON DELETE SET action must be part of foreign key")
        }
        if !list.isEmpty { key.setColumns = try ids(list, columns) }
        if case .setNull = action { return .setNull }
        return .setDefault
      }
    }
    key.onUpdate = try action(target.onUpdate)
    key.setColumns = []
    key.onDelete = try action(target.onDelete)
    key.matchesFull = target.match == .full
    key.isDeferrable = constraint.attributes.isDeferrable || constraint.attributes.isInitiallyDeferred
    key.isInitiallyDeferred = constraint.attributes.isInitiallyDeferred
    key.isValidated = !constraint.attributes.isNotValid
    return key
  }
}
