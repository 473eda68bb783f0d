// ALTER COLUMN … TYPE and the identity of columns. Source: PostgreSQL manual, ALTER TABLE; its tablecmds.c for the messages.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension SchemaPlanner {
  /// `SET DATA TYPE`: the rows are rewritten with `using`, or the column itself, cast as an assignment would.
  func planSetType(
    _ name: Identifier, _ typeName: TypeName, _ using: Expression?, of table: TableDescriptor
  ) throws(SQLError) -> AlterTableAction {
    let column = try column(name, of: table)
    let type = try binder.resolveType(typeName)
    guard let info = TypeInfo.find(type.oid), info.category != .pseudo else {
      throw SQLError(
        .invalidTableDefinition, "column \"\(column.name)\" has pseudo-type \(TypeInfo.format(type))")
    }
    let (scope, ids) = scope(table.columns, of: table.name, .alterType)
    let value: ScalarExpression
    if let using {
      value = try binder.bind(using, scope)
    } else {
      guard let ordinal = table.ordinal(ofColumn: column.id) else { preconditionFailure("the column is the table's") }
      value = context.column(ids[ordinal])
    }
    guard try binder.coerceIfPossible(value, to: type, .assignment, at: .unknown) != nil else {
      let shown = TypeInfo.format(type)
      throw using == nil
        ? SQLError(
          .datatypeMismatch, "column \"\(column.name)\" cannot be cast automatically to type \(shown)",
          hint: "You might need to specify \"USING \(quoteIdentifier(column.name))::\(shown)\".")
        : SQLError(
          .datatypeMismatch,
          "result of USING clause for column \"\(column.name)\" cannot be cast automatically to type \(shown)",
          hint: "You might need to add an explicit cast.")
    }
    if column.generatedSQL == nil, column.identity == nil, let sql = column.defaultSQL {
      let bound = try binder.assign(
        try binder.bind(try Binder.parseExpression(sql), Scope(parent: nil, ctes: [])), to: column.type,
        column: column.name, at: .unknown)
      guard try binder.coerceIfPossible(bound, to: type, .assignment, at: .unknown) != nil else {
        throw SQLError(
          .datatypeMismatch,
          "default for column \"\(column.name)\" cannot be cast automatically to type \(TypeInfo.format(type))")
      }
    }
    if column.identity != nil, ![SQLType.int2, .int4, .int8].contains(type.unmodified) {
      throw SQLError(.invalidParameterValue, "identity column type must be smallint, integer, or bigint")
    }
    if !info.isOrderable, table.allIndexes.contains(where: { $0.columns.contains { $0.columnID == column.id } }) {
      var changed = column
      changed.type = type
      try requireOrderable(changed)
    }
    let text = using.map { SyntaxPrinter.text($0) } ?? quoteIdentifier(column.name)
    return .setType(column: column.name, type, using: text)
  }

  func planAddIdentity(
    _ name: Identifier, isAlways: Bool, _ options: [SequenceOption], of table: TableDescriptor
  ) throws(SQLError) -> AlterTableAction {
    let column = try column(name, of: table)
    func refuse(_ state: SQLState, _ message: String) -> SQLError { SQLError(state, message) }
    guard [SQLType.int2, .int4, .int8].contains(column.type.unmodified) else {
      throw refuse(.invalidParameterValue, "identity column type must be smallint, integer, or bigint")
    }
    if column.isNullable {
      throw refuse(
        .objectNotInPrerequisiteState,
        "column \"\(column.name)\" of relation \"\(table.name)\" must be declared NOT NULL before identity can be added"
      )
    }
    if column.identity != nil {
      throw refuse(
        .objectNotInPrerequisiteState,
        "column \"\(column.name)\" of relation \"\(table.name)\" is already an identity column")
    }
    if column.defaultSQL != nil {
      throw refuse(
        .objectNotInPrerequisiteState,
        "column \"\(column.name)\" of relation \"\(table.name)\" already has a default value")
    }
    return .addIdentity(
      column: column.name, isAlways ? .always : .byDefault, try sequenceOptions(options, type: column.type).options)
  }

  func planSetIdentity(
    _ name: Identifier, _ changes: [IdentityChange], of table: TableDescriptor
  ) throws(SQLError) -> AlterTableAction {
    let column = try column(name, of: table)
    guard column.identity != nil, let sequence = column.ownedSequence.flatMap(catalog.relation),
      case .sequence(let base) = sequence.kind
    else {
      throw SQLError(
        .objectNotInPrerequisiteState,
        "column \"\(column.name)\" of relation \"\(table.name)\" is not an identity column")
    }
    var kind: IdentityKind?
    var options: [SequenceOption] = []
    for change in changes {
      switch change {
      case .generated(let isAlways): kind = isAlways ? .always : .byDefault
      case .option(let option): options.append(option)
      }
    }
    let changed = try sequenceOptions(options, base: base)
    return .setIdentity(
      column: column.name, kind, sequence: sequence.oid, options.isEmpty ? nil : changed.options,
      restart: changed.restart)
  }

  /// `DROP IDENTITY`; nil, with the notice to give, if there is none and that is allowed.
  func planDropIdentity(
    _ name: Identifier, ifExists: Bool, of table: TableDescriptor
  ) throws(SQLError) -> AlterTableAction {
    let column = try column(name, of: table)
    if column.identity == nil && !ifExists {
      throw SQLError(
        .objectNotInPrerequisiteState,
        "column \"\(column.name)\" of relation \"\(table.name)\" is not an identity column")
    }
    return .dropIdentity(column: column.name)
  }

  /// `DROP EXPRESSION`: a generated column becomes a plain one.
  func planDropExpression(
    _ name: Identifier, ifExists: Bool, of table: TableDescriptor
  ) throws(SQLError) -> AlterTableAction {
    let column = try column(name, of: table)
    if column.generatedSQL == nil && !ifExists {
      throw SQLError(
        .objectNotInPrerequisiteState,
        "column \"\(column.name)\" of relation \"\(table.name)\" is not a stored generated column")
    }
    return .dropExpression(column: column.name)
  }
}
