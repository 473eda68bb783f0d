// Descriptors as stored values: a format byte, then the object's fields (FieldCoding). The tags below are the format:
// never give a tag a second meaning, add new ones at the end.

import Encoding
import SQLTypes

enum DescriptorCoding {
  /// The format of tagged fields. A change of the framing itself, not a new field, would be 2.
  static let format: UInt8 = 1

  static func encode(_ object: CatalogObject) -> [UInt8] {
    var writer = FieldWriter()
    switch object {
    case .relation(let table): write(table, &writer)
    case .schema(let schema): write(schema, &writer)
    case .database(let database): write(database, &writer)
    case .role(let role): write(role, &writer)
    case .type(let type): write(type, &writer)
    case .function(let function): write(function, &writer)
    }
    return [format] + writer.bytes
  }

  /// `kind` is the letter of the object's key. Nil: damaged, or of a format that this version does not know.
  static func decode(kind: UInt8, _ bytes: UnsafeRawBufferPointer) -> CatalogObject? {
    guard bytes.first == format else { return nil }
    let fields = UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
    switch kind {
    case UInt8(ascii: "r"): return readTable(fields).map { .relation($0) }
    case UInt8(ascii: "n"): return readSchema(fields).map { .schema($0) }
    case UInt8(ascii: "d"): return readDatabase(fields).map { .database($0) }
    case UInt8(ascii: "o"): return readRole(fields).map { .role($0) }
    case UInt8(ascii: "t"): return readType(fields).map { .type($0) }
    case UInt8(ascii: "f"): return readFunction(fields).map { .function($0) }
    default: return nil
    }
  }

  // MARK: Schemas, databases, roles

  private static func write(_ schema: SchemaDescriptor, _ out: inout FieldWriter) {
    out.oid(1, schema.oid)
    out.text(2, schema.name)
    out.oid(3, schema.owner)
    out.text(4, schema.comment)
    out.oid(5, schema.database)
    if let acl = schema.acl {
      out.flag(6, true)
      write(acl, 7, &out)
    }
  }

  private static func readSchema(_ bytes: UnsafeRawBufferPointer) -> SchemaDescriptor? {
    var schema = SchemaDescriptor(oid: .invalid, name: "", owner: .invalid, database: .invalid)
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.oid.store(in: &schema.oid)
      case 2: value.text.store(in: &schema.name)
      case 3: value.oid.store(in: &schema.owner)
      case 4: value.text.store(in: &schema.comment)
      case 5: value.oid.store(in: &schema.database)
      case 6: Optional([Grant]()).store(in: &schema.acl)
      case 7: readGrant(value.bytes).map { (schema.acl ?? []) + [$0] }.store(in: &schema.acl)
      default: true
      }
    }
    return isWhole ? schema : nil
  }

  private static func write(_ database: DatabaseDescriptor, _ out: inout FieldWriter) {
    out.oid(1, database.oid)
    out.text(2, database.name)
    out.oid(3, database.owner)
    out.flag(4, database.isTemplate)
    out.flag(5, !database.allowsConnections)
    out.text(6, database.comment)
  }

  private static func readDatabase(_ bytes: UnsafeRawBufferPointer) -> DatabaseDescriptor? {
    var database = DatabaseDescriptor(oid: .invalid, name: "", owner: .invalid)
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.oid.store(in: &database.oid)
      case 2: value.text.store(in: &database.name)
      case 3: value.oid.store(in: &database.owner)
      case 4: value.flag.store(in: &database.isTemplate)
      case 5: value.flag.map { !$0 }.store(in: &database.allowsConnections)
      case 6: value.text.store(in: &database.comment)
      default: true
      }
    }
    return isWhole ? database : nil
  }

  private static func write(_ role: RoleDescriptor, _ out: inout FieldWriter) {
    out.oid(1, role.oid)
    out.text(2, role.name)
    out.flag(3, role.isSuperuser)
    out.flag(4, role.canLogin)
    out.flag(5, role.createsDatabases)
    out.flag(6, role.createsRoles)
    out.flag(7, !role.inherits)
    out.flag(8, role.isReplication)
    out.flag(9, role.bypassesRowSecurity)
    out.integer(10, Int64(role.connectionLimit), unless: -1)
    out.text(11, role.password)
    out.integer(12, role.validUntil, unless: nil)
    out.text(13, role.comment)
    for membership in role.memberOf {
      out.message(14) {
        $0.oid(1, membership.role)
        $0.flag(2, membership.isAdministrator)
      }
    }
  }

  private static func readRole(_ bytes: UnsafeRawBufferPointer) -> RoleDescriptor? {
    var role = RoleDescriptor(oid: .invalid, name: "")
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.oid.store(in: &role.oid)
      case 2: value.text.store(in: &role.name)
      case 3: value.flag.store(in: &role.isSuperuser)
      case 4: value.flag.store(in: &role.canLogin)
      case 5: value.flag.store(in: &role.createsDatabases)
      case 6: value.flag.store(in: &role.createsRoles)
      case 7: value.flag.map { !$0 }.store(in: &role.inherits)
      case 8: value.flag.store(in: &role.isReplication)
      case 9: value.flag.store(in: &role.bypassesRowSecurity)
      case 10: value.int32.store(in: &role.connectionLimit)
      case 11: value.text.store(in: &role.password)
      case 12: value.integer.store(in: &role.validUntil)
      case 13: value.text.store(in: &role.comment)
      case 14: readMembership(value.bytes).append(to: &role.memberOf)
      default: true
      }
    }
    return isWhole ? role : nil
  }

  private static func readMembership(_ bytes: UnsafeRawBufferPointer) -> RoleMembership? {
    var membership = RoleMembership(role: .invalid)
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.oid.store(in: &membership.role)
      case 2: value.flag.store(in: &membership.isAdministrator)
      default: true
      }
    }
    return isWhole ? membership : nil
  }

  private static func write(_ type: TypeDescriptor, _ out: inout FieldWriter) {
    out.oid(1, type.oid)
    out.oid(2, type.arrayOID)
    out.oid(3, type.schema)
    out.text(4, type.name)
    out.oid(5, type.owner)
    switch type.definition {
    case .enumerated(let labels):
      for label in labels {
        out.message(6) {
          $0.oid(1, label.oid)
          $0.integer(2, label.place)
          $0.text(3, label.name)
        }
      }
    case .composite(let fields):
      out.message(8) {
        for field in fields {
          $0.message(1) {
            $0.text(1, field.name)
            $0.type(2, field.type)
          }
        }
      }
    case .domain(let domain):
      out.message(9) {
        $0.type(1, domain.base)
        $0.flag(2, domain.isNotNull)
        $0.text(3, domain.defaultSQL)
        for check in domain.checks {
          $0.message(4) {
            $0.oid(1, check.oid)
            $0.text(2, check.name)
            $0.text(3, check.expressionSQL)
          }
        }
      }
    }
    out.text(7, type.comment)
  }

  private static func readType(_ bytes: UnsafeRawBufferPointer) -> TypeDescriptor? {
    var type = TypeDescriptor(
      oid: .invalid, arrayOID: .invalid, schema: .invalid, name: "", owner: .invalid, .enumerated([]))
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: return value.oid.store(in: &type.oid)
      case 2: return value.oid.store(in: &type.arrayOID)
      case 3: return value.oid.store(in: &type.schema)
      case 4: return value.text.store(in: &type.name)
      case 5: return value.oid.store(in: &type.owner)
      case 6:
        var label = EnumLabel(oid: .invalid, place: 0, name: "")
        let isWhole = readFields(value.bytes) { tag, value in
          switch tag {
          case 1: value.oid.store(in: &label.oid)
          case 2: value.integer.store(in: &label.place)
          case 3: value.text.store(in: &label.name)
          default: true
          }
        }
        type.labels.append(label)
        return isWhole
      case 7: return value.text.store(in: &type.comment)
      case 8:
        var fields: [RowShape.Field] = []
        let isWhole = readFields(value.bytes) { tag, value in
          guard tag == 1 else { return true }
          var field = RowShape.Field("", .text)
          let isWhole = readFields(value.bytes) { tag, value in
            switch tag {
            case 1: value.text.store(in: &field.name)
            case 2: value.type.store(in: &field.type)
            default: true
            }
          }
          fields.append(field)
          return isWhole
        }
        type.definition = .composite(fields)
        return isWhole
      case 9:
        var domain = DomainDefinition(base: .text)
        let isWhole = readDomain(value.bytes, &domain)
        type.definition = .domain(domain)
        return isWhole
      default: return true
      }
    }
    return isWhole ? type : nil
  }

  private static func readDomain(_ bytes: UnsafeRawBufferPointer, _ domain: inout DomainDefinition) -> Bool {
    readFields(bytes) { tag, value in
      switch tag {
      case 1: return value.type.store(in: &domain.base)
      case 2: return value.flag.store(in: &domain.isNotNull)
      case 3: return value.text.store(in: &domain.defaultSQL)
      case 4:
        var check = CheckConstraint(oid: .invalid, name: "", expressionSQL: "")
        let isWhole = readFields(value.bytes) { tag, value in
          switch tag {
          case 1: value.oid.store(in: &check.oid)
          case 2: value.text.store(in: &check.name)
          case 3: value.text.store(in: &check.expressionSQL)
          default: true
          }
        }
        domain.checks.append(check)
        return isWhole
      default: return true
      }
    }
  }

  // MARK: Relations

  private static func write(_ table: TableDescriptor, _ out: inout FieldWriter) {
    out.oid(1, table.oid)
    out.oid(2, table.schema)
    out.text(3, table.name)
    out.oid(4, table.owner)
    switch table.kind {
    case .table: break
    case .view(let sql): out.text(5, sql)
    case .sequence(let options): out.message(6) { write(options, &$0) }
    case .virtual: preconditionFailure("a virtual relation is not stored")
    }
    for column in table.columns { out.message(7) { write(column, &$0) } }
    if let primary = table.primaryIndex { out.message(8) { write(primary, &$0) } }
    for index in table.indexes { out.message(9) { write(index, &$0) } }
    for check in table.checks {
      out.message(10) {
        $0.oid(1, check.oid)
        $0.text(2, check.name)
        $0.text(3, check.expressionSQL)
        $0.integers(4, check.columns.map(Int64.init))
        $0.text(5, check.comment)
        $0.flag(6, check.isInherited)
        $0.flag(7, check.isNoInherit)
      }
    }
    for dependency in table.dependencies {
      out.message(11) {
        $0.oid(1, dependency.relation)
        $0.integers(2, dependency.columns.map(Int64.init))
      }
    }
    out.text(12, table.comment)
    out.integer(13, Int64(table.nextColumnID))
    out.integer(15, Int64(bitPattern: table.version))
    for key in table.foreignKeys { out.message(16) { write(key, &$0) } }
    out.integers(17, table.referencedBy.map { Int64($0.rawValue) })
    if !table.lineage.isEmpty { out.message(18) { write(table.lineage, &$0) } }
    if let acl = table.acl {
      out.flag(19, true)
      write(acl, 20, &out)
    }
    for option in table.options { out.text(21, option) }
    for trigger in table.triggers { out.message(22) { write(trigger, &$0) } }
    for rule in table.rules { out.message(23) { write(rule, &$0) } }
  }

  private static func readTable(_ bytes: UnsafeRawBufferPointer) -> TableDescriptor? {
    var table = TableDraft(
      TableDescriptor(
        oid: .invalid, schema: .invalid, name: "", owner: .invalid, kind: .table, columns: [], nextColumnID: 0,
        version: 0))
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: return value.oid.store(in: &table.oid)
      case 2: return value.oid.store(in: &table.schema)
      case 3: return value.text.store(in: &table.name)
      case 4: return value.oid.store(in: &table.owner)
      case 5: return value.text.map { .view(sql: $0) }.store(in: &table.kind)
      case 6: return readSequence(value.bytes).map { .sequence($0) }.store(in: &table.kind)
      case 7: return readColumn(value.bytes).append(to: &table.columns)
      case 8: return readIndex(value.bytes).store(in: &table.primaryIndex)
      case 9: return readIndex(value.bytes).append(to: &table.indexes)
      case 10:
        var check = CheckConstraint(oid: .invalid, name: "", expressionSQL: "")
        let isWhole = readFields(value.bytes) { tag, value in
          switch tag {
          case 1: value.oid.store(in: &check.oid)
          case 2: value.text.store(in: &check.name)
          case 3: value.text.store(in: &check.expressionSQL)
          case 4: value.uint32s.store(in: &check.columns)
          case 5: value.text.store(in: &check.comment)
          case 6: value.flag.store(in: &check.isInherited)
          case 7: value.flag.store(in: &check.isNoInherit)
          default: true
          }
        }
        table.checks.append(check)
        return isWhole
      case 11:
        var dependency = RelationDependency(relation: .invalid)
        let isWhole = readFields(value.bytes) { tag, value in
          switch tag {
          case 1: value.oid.store(in: &dependency.relation)
          case 2: value.uint32s.store(in: &dependency.columns)
          default: true
          }
        }
        table.dependencies.append(dependency)
        return isWhole
      case 12: return value.text.store(in: &table.comment)
      case 13: return value.uint32.store(in: &table.nextColumnID)
      case 15: return value.integer.map { UInt64(bitPattern: $0) }.store(in: &table.version)
      case 16: return readForeignKey(value.bytes).append(to: &table.foreignKeys)
      case 17: return value.uint32s.map { $0.map { OID($0) } }.store(in: &table.referencedBy)
      case 18: return readLineage(value.bytes).store(in: &table.lineage)
      case 19: return Optional([Grant]()).store(in: &table.acl)
      case 20: return readGrant(value.bytes).map { (table.acl ?? []) + [$0] }.store(in: &table.acl)
      case 21: return value.text.append(to: &table.options)
      case 22: return readTrigger(value.bytes).append(to: &table.triggers)
      case 23: return readRule(value.bytes).append(to: &table.rules)
      default: return true
      }
    }
    return isWhole ? table.descriptor() : nil
  }

  private static func write(_ key: ForeignKey, _ out: inout FieldWriter) {
    out.oid(1, key.oid)
    out.text(2, key.name)
    out.integers(3, key.columns.map(Int64.init))
    out.oid(4, key.referencedTable)
    out.integers(5, key.referencedColumns.map(Int64.init))
    out.oid(6, key.referencedIndex)
    out.integer(7, Int64(key.onDelete.rawValue))
    out.integer(8, Int64(key.onUpdate.rawValue))
    out.integers(9, key.setColumns.map(Int64.init))
    out.flag(10, key.matchesFull)
    out.flag(11, key.isDeferrable)
    out.flag(12, key.isInitiallyDeferred)
    out.flag(13, !key.isValidated)
    out.text(14, key.comment)
  }

  private static func readForeignKey(_ bytes: UnsafeRawBufferPointer) -> ForeignKey? {
    var key = ForeignKey(name: "", columns: [], referencedTable: .invalid, referencedColumns: [])
    func action(_ value: FieldValue) -> ForeignKey.Action? {
      value.integer.flatMap { UInt8(exactly: $0) }.flatMap { ForeignKey.Action(rawValue: $0) }
    }
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.oid.store(in: &key.oid)
      case 2: value.text.store(in: &key.name)
      case 3: value.uint32s.store(in: &key.columns)
      case 4: value.oid.store(in: &key.referencedTable)
      case 5: value.uint32s.store(in: &key.referencedColumns)
      case 6: value.oid.store(in: &key.referencedIndex)
      case 7: action(value).store(in: &key.onDelete)
      case 8: action(value).store(in: &key.onUpdate)
      case 9: value.uint32s.store(in: &key.setColumns)
      case 10: value.flag.store(in: &key.matchesFull)
      case 11: value.flag.store(in: &key.isDeferrable)
      case 12: value.flag.store(in: &key.isInitiallyDeferred)
      case 13: value.flag.map { !$0 }.store(in: &key.isValidated)
      case 14: value.text.store(in: &key.comment)
      default: true
      }
    }
    return isWhole ? key : nil
  }

  private static func write(_ options: SequenceOptions, _ out: inout FieldWriter) {
    out.type(1, options.type)
    out.integer(2, options.start)
    out.integer(3, options.increment)
    out.integer(4, options.minimum)
    out.integer(5, options.maximum)
    out.integer(6, options.cache)
    out.flag(7, options.cycles)
    out.oid(8, options.ownerTable)
    out.integer(9, options.ownerColumn.map(Int64.init))
    out.integer(10, options.restart, unless: nil)
    out.integer(11, Int64(bitPattern: options.generation))
  }

  private static func readSequence(_ bytes: UnsafeRawBufferPointer) -> SequenceOptions? {
    var options = SequenceOptions()
    (options.start, options.increment, options.minimum, options.maximum, options.cache) = (0, 0, 0, 0, 0)
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.type.store(in: &options.type)
      case 2: value.integer.store(in: &options.start)
      case 3: value.integer.store(in: &options.increment)
      case 4: value.integer.store(in: &options.minimum)
      case 5: value.integer.store(in: &options.maximum)
      case 6: value.integer.store(in: &options.cache)
      case 7: value.flag.store(in: &options.cycles)
      case 8: value.oid.store(in: &options.ownerTable)
      case 9: value.uint32.store(in: &options.ownerColumn)
      case 10: value.integer.store(in: &options.restart)
      case 11: value.integer.map { UInt64(bitPattern: $0) }.store(in: &options.generation)
      default: true
      }
    }
    return isWhole ? options : nil
  }

  private static func write(_ column: ColumnDescriptor, _ out: inout FieldWriter) {
    out.integer(1, Int64(column.id))
    out.text(2, column.name)
    out.type(3, column.type)
    out.flag(4, !column.isNullable)
    out.text(5, column.defaultSQL)
    out.integer(6, column.identity.map { Int64($0.rawValue) }, unless: nil)
    out.text(7, column.generatedSQL)
    out.integers(8, column.generatedFrom.map(Int64.init))
    out.oid(9, column.ownedSequence)
    out.flag(10, column.isHidden)
    out.text(11, column.comment)
    out.flag(12, column.isInherited)
    out.flag(13, !column.isLocal)
    write(column.acl, 14, &out)
  }

  private static func readColumn(_ bytes: UnsafeRawBufferPointer) -> ColumnDescriptor? {
    var column = ColumnDescriptor(id: 0, name: "", type: .unknown)
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.uint32.store(in: &column.id)
      case 2: value.text.store(in: &column.name)
      case 3: value.type.store(in: &column.type)
      case 4: value.flag.map { !$0 }.store(in: &column.isNullable)
      case 5: value.text.store(in: &column.defaultSQL)
      case 6:
        value.integer.flatMap { UInt8(exactly: $0) }.flatMap { IdentityKind(rawValue: $0) }.store(in: &column.identity)
      case 7: value.text.store(in: &column.generatedSQL)
      case 8: value.uint32s.store(in: &column.generatedFrom)
      case 9: value.oid.store(in: &column.ownedSequence)
      case 10: value.flag.store(in: &column.isHidden)
      case 11: value.text.store(in: &column.comment)
      case 12: value.flag.store(in: &column.isInherited)
      case 13: value.flag.map { !$0 }.store(in: &column.isLocal)
      case 14: readGrant(value.bytes).append(to: &column.acl)
      default: true
      }
    }
    return isWhole ? column : nil
  }

  private static func write(_ index: IndexDescriptor, _ out: inout FieldWriter) {
    out.integer(1, Int64(index.id))
    out.oid(2, index.oid)
    out.text(3, index.name)
    out.flag(4, index.isUnique)
    out.flag(5, index.isPrimary)
    out.flag(6, index.isConstraint)
    out.oid(7, index.constraintOID)
    out.flag(8, index.nullsNotDistinct)
    for column in index.columns {
      out.message(9) {
        $0.integer(1, Int64(column.columnID))
        $0.flag(2, column.isDescending)
        $0.flag(3, column.nullsFirst)
      }
    }
    out.integers(10, index.included.map(Int64.init))
    out.text(11, index.predicateSQL)
    out.integers(12, index.predicateColumns.map(Int64.init))
    out.integer(13, Int64(index.state.rawValue), unless: Int64(IndexState.active.rawValue))
    out.text(14, index.comment)
    out.text(15, index.constraintComment)
  }

  private static func readIndex(_ bytes: UnsafeRawBufferPointer) -> IndexDescriptor? {
    var index = IndexDescriptor(id: 0, oid: .invalid, name: "", columns: [], isUnique: false)
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: return value.uint32.store(in: &index.id)
      case 2: return value.oid.store(in: &index.oid)
      case 3: return value.text.store(in: &index.name)
      case 4: return value.flag.store(in: &index.isUnique)
      case 5: return value.flag.store(in: &index.isPrimary)
      case 6: return value.flag.store(in: &index.isConstraint)
      case 7: return value.oid.store(in: &index.constraintOID)
      case 8: return value.flag.store(in: &index.nullsNotDistinct)
      case 9:
        var column = IndexColumn(columnID: 0)
        let isWhole = readFields(value.bytes) { tag, value in
          switch tag {
          case 1: value.uint32.store(in: &column.columnID)
          case 2: value.flag.store(in: &column.isDescending)
          case 3: value.flag.store(in: &column.nullsFirst)
          default: true
          }
        }
        index.columns.append(column)
        return isWhole
      case 10: return value.uint32s.store(in: &index.included)
      case 11: return value.text.store(in: &index.predicateSQL)
      case 12: return value.uint32s.store(in: &index.predicateColumns)
      case 13:
        return value.integer.flatMap { UInt8(exactly: $0) }.flatMap { IndexState(rawValue: $0) }
          .store(in: &index.state)
      case 14: return value.text.store(in: &index.comment)
      case 15: return value.text.store(in: &index.constraintComment)
      default: return true
      }
    }
    return isWhole ? index : nil
  }
}
