// Errors of constraints, with PostgreSQL's words and fields.

import Catalog
import SQLTypes

extension SQLError {
  /// The same error with the relation's name in its fields.
  func of(_ table: TableDescriptor, _ context: ExecutionContext, column: String? = nil, constraint: String? = nil)
    -> SQLError
  {
    var error = self
    error.schema = context.schemaName(table.schema)
    error.table = table.name
    error.column = column
    error.constraint = constraint
    return error
  }

  static func strayRow(_ batch: Batch, _ row: Int, _ codec: TableCodec, _ context: ExecutionContext) -> SQLError {
    SQLError(
      .checkViolation, "new row for relation \"\(codec.table.name)\" violates partition constraint",
      detail: "Failing row contains (\(RowText.row(batch, row, codec, context.format)))."
    ).of(codec.table, context)
  }

  static func duplicateKey(
    _ batch: Batch, _ row: Int, _ index: IndexCodec, _ table: TableDescriptor, _ context: ExecutionContext
  ) -> SQLError {
    SQLError(
      .uniqueViolation, "duplicate key value violates unique constraint \"\(index.descriptor.name)\"",
      detail: "Key \(RowText.key(batch, row, index, context.format)) already exists."
    ).of(table, context, constraint: index.descriptor.name)
  }
}
