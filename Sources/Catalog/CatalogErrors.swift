// The errors that the catalog raises, in PostgreSQL's words, in one place so that binder and executor say the same.

import SQLTypes

extension SQLError {
  public static func undefinedSchema(_ name: String) -> SQLError {
    SQLError(.invalidSchemaName, "schema \"\(name)\" does not exist")
  }

  /// `name` may be qualified: `s.t`.
  public static func undefinedRelation(_ name: String) -> SQLError {
    SQLError(.undefinedTable, "relation \"\(name)\" does not exist")
  }

  public static func undefinedRole(_ name: String) -> SQLError {
    SQLError(.undefinedObject, "role \"\(name)\" does not exist")
  }

  public static func undefinedDatabase(_ name: String) -> SQLError {
    SQLError(.invalidCatalogName, "database \"\(name)\" does not exist")
  }

  public static func undefinedColumn(_ column: String, of relation: String) -> SQLError {
    SQLError(.undefinedColumn, "column \"\(column)\" of relation \"\(relation)\" does not exist")
  }

  public static func undefinedConstraint(_ constraint: String, of relation: String) -> SQLError {
    SQLError(.undefinedObject, "constraint \"\(constraint)\" of relation \"\(relation)\" does not exist")
  }

  public static func duplicateRelation(_ name: String) -> SQLError {
    SQLError(.duplicateTable, "relation \"\(name)\" already exists")
  }

  public static func duplicateColumn(_ column: String, of relation: String) -> SQLError {
    SQLError(.duplicateColumn, "column \"\(column)\" of relation \"\(relation)\" already exists")
  }

  public static func duplicateConstraint(_ constraint: String, of relation: String) -> SQLError {
    SQLError(.duplicateObject, "constraint \"\(constraint)\" for relation \"\(relation)\" already exists")
  }

  static func catalogInconsistent(_ what: String) -> SQLError { SQLError(.internalError, what) }
}
