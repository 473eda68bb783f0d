// The codecs of all indexes of one table, and the cache that keeps them from one statement to the next.

import Catalog
import Encoding
import SQLTypes

final class TableCodec: Sendable {
  let table: TableDescriptor
  /// Types of the table's columns, in order.
  let infos: [TypeInfo]
  let kinds: [PhysicalKind]
  let primary: IndexCodec
  let secondary: [IndexCodec]

  /// Error XX001 for a descriptor that contradicts itself.
  init(_ table: TableDescriptor) throws(SQLError) {
    var infos: [TypeInfo] = []
    for column in table.columns { infos.append(try TableCodec.info(column.type)) }
    guard let descriptor = table.primaryIndex else {
      throw SQLError(.wrongObjectType, "\"\(table.name)\" is not a table")
    }
    self.table = table
    self.infos = infos
    kinds = infos.map(\.kind)
    let primary = try IndexCodec(descriptor, of: table, infos: infos, primary: nil)
    self.primary = primary
    var secondary: [IndexCodec] = []
    for index in table.indexes {
      secondary.append(try IndexCodec(index, of: table, infos: infos, primary: primary))
    }
    self.secondary = secondary
  }

  func index(_ id: UInt32) -> IndexCodec? {
    primary.descriptor.id == id ? primary : secondary.first { $0.descriptor.id == id }
  }

  var hasUniqueSecondary: Bool { secondary.contains { $0.descriptor.isUnique } }

  /// Rows get a fresh hidden row id and nothing else must be unique: an insert needs to read nothing.
  var canInsertBlindly: Bool {
    !hasUniqueSecondary && primary.columns.count == 1 && table.columns[primary.columns[0].ordinal].isHidden
  }

  static func info(_ type: SQLType) throws(SQLError) -> TypeInfo {
    guard let info = TypeInfo.find(type.oid) else {
      throw SQLError(.undefinedObject, "type with OID \(type.oid) does not exist")
    }
    return info
  }
}

/// Codecs by descriptor. One per reactor: not `Sendable`.
public final class CodecCache {
  /// Descriptors kept; beyond it the cache starts anew. Far above what one application's statements touch.
  private static let capacity = 1024
  private var codecs: [ObjectIdentifier: TableCodec] = [:]

  public init() {}

  /// The codec keeps its descriptor, so that the identity stays taken.
  func codec(for table: TableDescriptor) throws(SQLError) -> TableCodec {
    if let known = codecs[ObjectIdentifier(table)] { return known }
    let codec = try TableCodec(table)
    if codecs.count >= CodecCache.capacity { codecs.removeAll(keepingCapacity: true) }
    codecs[ObjectIdentifier(table)] = codec
    return codec
  }
}
