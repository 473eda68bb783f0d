// A relation whose rows are computed from the catalog: `pg_catalog`, `information_schema`. Its columns are PostgreSQL's
// own, name by name and in order; its rows are what is true of this database, none where there is no such object.

import Expressions
import SQLTypes

public final class VirtualTable: Sendable {
  public let descriptor: TableDescriptor
  /// Shown as a view (`relkind` v) rather than as a table, as PostgreSQL does.
  public let isView: Bool
  let columnOrdinals: [String: Int]
  let source: RowSource?

  init(descriptor: TableDescriptor, isView: Bool, source: RowSource?) {
    self.descriptor = descriptor
    self.isView = isView
    self.source = source
    var ordinals: [String: Int] = [:]
    for (ordinal, column) in descriptor.columns.enumerated() { ordinals[column.name] = ordinal }
    columnOrdinals = ordinals
  }

  /// All rows, all columns in order, as one batch of whatever length.
  public func rows(_ view: CatalogView, _ services: any CatalogServices) throws(SQLError) -> Batch {
    var rows = VirtualRows(self)
    try source?(view, services, &rows)
    return rows.batch
  }

  public static func withOID(_ oid: OID) -> VirtualTable? {
    oid < .firstUser ? SystemRelations.byOID[oid] : nil
  }

  static func named(_ name: String, in schema: OID) -> VirtualTable? {
    guard SystemObjects.isConstant(schema: schema) else { return nil }
    return SystemRelations.byName[ScopedName(scope: schema, name: name)]
  }

  /// All of them, by OID.
  public static var all: [VirtualTable] { SystemRelations.all }
}

/// Adds the rows of a virtual table.
typealias RowSource = @Sendable (CatalogView, any CatalogServices, inout VirtualRows) throws(SQLError) -> Void

/// The rows of a virtual table as they are made. A cell that is not set is NULL, or zero, false or empty where the column
/// is NOT NULL.
struct VirtualRows {
  private let table: VirtualTable
  private let absent: [Datum]
  private(set) var batch: Batch

  /// The relation's name.
  var name: String { table.descriptor.name }

  init(_ table: VirtualTable) {
    self.table = table
    let kinds = table.descriptor.columns.map { TypeInfo.find($0.type.oid)?.kind ?? .bytes }
    batch = Batch(kinds: kinds)
    absent = zip(table.descriptor.columns, kinds).map { column, kind in
      if column.isNullable { return .null }
      switch kind {
      case .int64: return .int64(0)
      case .float64: return .float64(0)
      case .numeric: return .numeric(.zero)
      case .bytes:
        // An array or vector of no elements has a form of its own.
        guard let info = TypeInfo.find(column.type.oid), info.elementOID != .invalid else { return .bytes([]) }
        return (try? info.input(info.isArray ? "{}" : "")) ?? .bytes([])
      }
    }
  }

  struct Row {
    fileprivate let table: VirtualTable
    fileprivate var cells: [Datum]

    private func ordinal(_ column: String) -> Int {
      guard let ordinal = table.columnOrdinals[column] else {
        preconditionFailure("\(table.descriptor.name) has no column \(column)")
      }
      return ordinal
    }

    func column(_ name: String) -> ColumnDescriptor? { table.descriptor.column(named: name) }

    subscript(_ column: String) -> Datum {
      get { cells[ordinal(column)] }
      set { cells[ordinal(column)] = newValue }
    }
  }

  mutating func add(_ fill: (inout Row) throws(SQLError) -> Void) throws(SQLError) {
    var row = Row(table: table, cells: absent)
    try fill(&row)
    batch.append(row: row.cells)
  }

  /// Puts rows made earlier in front; only into an empty batch.
  mutating func begin(with made: Batch) {
    precondition(batch.rowCount == 0, "rows come after those made earlier")
    batch = made
  }
}

extension Datum {
  static func oid(_ value: OID) -> Datum { .int64(Int64(value.rawValue)) }
  static func int(_ value: some BinaryInteger) -> Datum { .int64(Int64(value)) }
  static func text(optional value: String?) -> Datum { value.map { .text($0) } ?? .null }

  /// A value of a type that has a text form of several parts: `int2vector`, `oidvector`, arrays.
  static func parsed(_ type: SQLType, _ text: String) throws(SQLError) -> Datum {
    guard let info = TypeInfo.find(type.oid) else { return .text(text) }
    return try info.input(text)
  }
}
