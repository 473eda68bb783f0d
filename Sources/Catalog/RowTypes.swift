// The type of a table's rows: named as the table, with the table's OID. It is made known to those who read and print values
// when a statement first names it, and again whenever the table changes after that.

import SQLTypes

extension TableDescriptor {
  private static let arrayBit: UInt32 = 1 << 31

  private var shape: RowShape {
    RowShape(columns.filter { !$0.isHidden }.map { RowShape.Field($0.name, $0.type.valueType) })
  }

  /// The type of its rows; nil for relations that have no rows of their own.
  public var rowType: TypeInfo? {
    switch kind {
    case .table, .view: break
    case .sequence, .virtual: return nil
    }
    UserTypes.registerComposite(oid, arrayOID: OID(oid.rawValue | Self.arrayBit), name: name, shape: shape)
    return TypeInfo.find(oid)
  }

  /// Brings the type of its rows up to date, if it is known.
  func refreshRowType() {
    if let known = TypeInfo.find(oid), known.category == .composite, known.name == name { _ = rowType }
  }
}

extension TableDescriptor {
  /// A sequence as the one row that it is when it is read as a table.
  public var asTable: TableDescriptor {
    let columns = [("last_value", SQLType.int8), ("log_cnt", .int8), ("is_called", .bool)].enumerated().map {
      ColumnDescriptor(id: UInt32($0.offset + 1), name: $0.element.0, type: $0.element.1, isNullable: false)
    }
    return TableDescriptor(
      oid: oid, schema: schema, name: name, owner: owner, kind: .virtual, columns: columns, acl: acl, nextColumnID: 4)
  }
}

extension CatalogSnapshot {
  /// Makes known the tables' types that columns are of, after the catalog was read.
  /// - Parameter isPast: those that are known here are newer.
  func registerRowTypes(isPast: Bool) {
    for table in contents.relations.values {
      for column in table.columns where column.type.oid >= .firstUser && contents.types[column.type.oid] == nil {
        if isPast, TypeInfo.find(column.type.oid) != nil { continue }
        _ = contents.relations[OID(column.type.oid.rawValue & (1 << 31 - 1))]?.rowType
      }
    }
  }
}
