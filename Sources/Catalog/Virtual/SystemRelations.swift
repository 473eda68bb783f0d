// The registry of virtual tables: reads the compact lists of relations and columns once, and joins each with what
// computes its rows.

import SQLTypes

enum SystemRelations {
  /// By OID.
  static let all: [VirtualTable] = {
    let inCatalog = parse(tables + "\n" + views, schema: .pgCatalogSchema)
    let inInformationSchema = parse(informationSchema, schema: .informationSchema)
    let ofCluster = parse(cluster, schema: .meridianCatalogSchema)
    return (inCatalog + inInformationSchema + ofCluster).sorted { $0.descriptor.oid < $1.descriptor.oid }
  }()

  static let byOID: [OID: VirtualTable] = Dictionary(uniqueKeysWithValues: all.map { ($0.descriptor.oid, $0) })

  static let byName: [ScopedName: VirtualTable] = Dictionary(
    uniqueKeysWithValues: all.map { (ScopedName(scope: $0.descriptor.schema, name: $0.descriptor.name), $0) })

  /// What computes the rows, by name; a relation without is empty.
  static func source(_ name: String, schema: OID) -> RowSource? {
    switch schema {
    case .pgCatalogSchema: catalogSources[name]
    case .meridianCatalogSchema: clusterSources[name]
    default: informationSources[name]
    }
  }

  private static func parse(_ text: String, schema: OID) -> [VirtualTable] {
    var entries: [[Substring]] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if line.hasPrefix(" "), let last = entries.indices.last {
        entries[last] += words
      } else {
        entries.append(words)
      }
    }
    return entries.map { entry in
      guard entry.count > 3, let oid = UInt32(entry[0]) else { preconditionFailure("a malformed entry: \(entry)") }
      let name = String(entry[2])
      var columns: [ColumnDescriptor] = []
      for (index, word) in entry[3...].enumerated() {
        columns.append(column(word, id: UInt32(index + 1)))
      }
      let descriptor = TableDescriptor(
        oid: OID(oid), schema: schema, name: name, owner: .bootstrapSuperuser, kind: .virtual, columns: columns,
        nextColumnID: UInt32(columns.count + 1))
      return VirtualTable(descriptor: descriptor, isView: entry[1] == "v", source: source(name, schema: schema))
    }
  }

  /// `name:type(modifier)!`
  private static func column(_ text: Substring, id: UInt32) -> ColumnDescriptor {
    let parts = text.split(separator: ":")
    precondition(parts.count == 2, "a malformed column: \(text)")
    var typeText = parts[1]
    let isRequired = typeText.hasSuffix("!")
    if isRequired { typeText.removeLast() }
    var modifier: Int32 = -1
    if let open = typeText.firstIndex(of: "(") {
      modifier = Int32(typeText[typeText.index(after: open)...].dropLast()) ?? -1
      typeText = typeText[..<open]
    }
    // A type that this version lacks (`pg_lsn`, `inet`) is shown as text; such columns are NULL.
    let type = TypeInfo.find(name: String(typeText))?.type ?? .text
    return ColumnDescriptor(
      id: id, name: String(parts[0]), type: SQLType(type.oid, modifier: modifier), isNullable: !isRequired)
  }
}
