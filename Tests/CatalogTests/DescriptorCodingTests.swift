// Stored descriptors: what is written is read back, unknown fields are passed over, damage is noticed.

import Encoding
import SQLTypes
import Testing

@testable import Catalog

/// A small generator, so that a failure can be repeated.
private struct Draws {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state >> 16
  }
  mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }
  mutating func flag() -> Bool { next() & 1 == 1 }
  mutating func text() -> String {
    ["", "a", "Größe", "t_pkey", "x'y\"z", String(repeating: "n", count: 200)][below(6)]
  }
  mutating func optionalText() -> String? { flag() ? text() : nil }
  mutating func int64() -> Int64 { [0, 1, -1, Int64.max, Int64.min, Int64(bitPattern: next())][below(6)] }
  mutating func oid() -> OID { OID(UInt32(truncatingIfNeeded: next())) }
  mutating func ids() -> [UInt32] { (0..<below(4)).map { _ in UInt32(below(2000)) } }

  mutating func column() -> ColumnDescriptor {
    var column = ColumnDescriptor(
      id: UInt32(below(1600)), name: text(), type: SQLType(oid(), modifier: Int32(below(100) - 1)), isNullable: flag())
    column.defaultSQL = optionalText()
    column.identity = [nil, .always, .byDefault][below(3)]
    column.generatedSQL = optionalText()
    column.generatedFrom = ids()
    column.ownedSequence = flag() ? OID(UInt32(1 + below(1000))) : nil
    column.isHidden = flag()
    column.comment = optionalText()
    return column
  }

  mutating func index() -> IndexDescriptor {
    var index = IndexDescriptor(
      id: UInt32(below(1000)), oid: oid(), name: text(), columns: [], isUnique: flag(), isPrimary: flag())
    for _ in 0..<below(4) {
      index.columns.append(IndexColumn(columnID: UInt32(below(1600)), isDescending: flag(), nullsFirst: flag()))
    }
    index.isConstraint = flag()
    index.constraintOID = oid()
    index.nullsNotDistinct = flag()
    index.included = ids()
    index.predicateSQL = optionalText()
    index.predicateColumns = ids()
    index.state = flag() ? .active : .backfilling
    index.comment = optionalText()
    index.constraintComment = optionalText()
    return index
  }

  mutating func table() -> TableDescriptor {
    var draft = TableDraft(
      TableDescriptor(
        oid: oid(), schema: oid(), name: text(), owner: oid(), kind: .table, columns: [],
        nextColumnID: UInt32(below(2000)), version: next()))
    switch below(3) {
    case 0: draft.kind = .view(sql: text())
    case 1:
      var options = SequenceOptions()
      options.type = [.int2, .int4, .int8][below(3)]
      options.start = int64()
      options.increment = int64()
      options.minimum = int64()
      options.maximum = int64()
      options.cache = int64()
      options.cycles = flag()
      options.ownerTable = flag() ? OID(7) : nil
      options.ownerColumn = flag() ? 3 : nil
      options.restart = flag() ? int64() : nil
      options.generation = next() << 20
      draft.kind = .sequence(options)
    default: break
    }
    draft.columns = (0..<below(5)).map { _ in column() }
    draft.primaryIndex = flag() ? index() : nil
    draft.indexes = (0..<below(3)).map { _ in index() }
    for _ in 0..<below(3) {
      var check = CheckConstraint(oid: oid(), name: text(), expressionSQL: text(), columns: ids())
      check.comment = optionalText()
      draft.checks.append(check)
    }
    draft.dependencies = (0..<below(3)).map { _ in RelationDependency(relation: oid(), columns: ids()) }
    draft.comment = optionalText()
    return draft.descriptor()
  }
}

struct DescriptorCodingTests {
  private func decode(_ object: CatalogObject, _ bytes: [UInt8]) -> CatalogObject? {
    bytes.withUnsafeBytes { DescriptorCoding.decode(kind: object.kind.asciiValue ?? 0, $0) }
  }

  @Test func tablesComeBack() throws {
    var draws = Draws(state: 42)
    for _ in 0..<500 {
      let table = draws.table()
      let bytes = DescriptorCoding.encode(.relation(table))
      guard case .relation(let read)? = decode(.relation(table), bytes) else {
        Issue.record("not read back: \(table.name)")
        continue
      }
      #expect(read.isIdentical(to: table))
    }
  }

  @Test func otherObjectsComeBack() throws {
    var draws = Draws(state: 7)
    for _ in 0..<200 {
      let schema = SchemaDescriptor(
        oid: draws.oid(), name: draws.text(), owner: draws.oid(), database: draws.oid(), comment: draws.optionalText())
      if case .schema(let read)? = decode(.schema(schema), DescriptorCoding.encode(.schema(schema))) {
        #expect(read == schema)
      } else {
        Issue.record("schema")
      }
      var role = RoleDescriptor(oid: draws.oid(), name: draws.text())
      (role.isSuperuser, role.canLogin, role.inherits) = (draws.flag(), draws.flag(), draws.flag())
      (role.createsRoles, role.createsDatabases) = (draws.flag(), draws.flag())
      (role.isReplication, role.bypassesRowSecurity) = (draws.flag(), draws.flag())
      role.connectionLimit = Int32(draws.below(5) - 1)
      role.password = draws.optionalText()
      role.validUntil = draws.flag() ? draws.int64() : nil
      role.comment = draws.optionalText()
      if case .role(let read)? = decode(.role(role), DescriptorCoding.encode(.role(role))) {
        #expect(read == role)
      } else {
        Issue.record("role")
      }
      let database = DatabaseDescriptor(
        oid: draws.oid(), name: draws.text(), owner: draws.oid(), isTemplate: draws.flag(),
        allowsConnections: draws.flag(), comment: draws.optionalText())
      if case .database(let read)? = decode(.database(database), DescriptorCoding.encode(.database(database))) {
        #expect(read == database)
      } else {
        Issue.record("database")
      }
    }
  }

  @Test func unknownFieldsArePassedOverAndDamageIsNoticed() {
    let schema = SchemaDescriptor(oid: OID(20000), name: "s", owner: OID(10), database: OID(5))
    var bytes = DescriptorCoding.encode(.schema(schema))
    // A field of a later version: tag 99, two bytes.
    bytes += [99, 2, 0xAB, 0xCD]
    if case .schema(let read)? = decode(.schema(schema), bytes) { #expect(read == schema) } else { Issue.record("") }
    #expect(decode(.schema(schema), Array(bytes.dropLast())) == nil)
    bytes[0] = 2
    #expect(decode(.schema(schema), bytes) == nil)
    #expect(decode(.schema(schema), []) == nil)
    var draws = Draws(state: 3)
    let table = draws.table()
    let whole = DescriptorCoding.encode(.relation(table))
    for _ in 0..<2000 {
      var damaged = whole
      damaged[draws.below(damaged.count)] = UInt8(truncatingIfNeeded: draws.next())
      _ = decode(.relation(table), damaged)
    }
  }
}
