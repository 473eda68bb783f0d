// Types that users have made: enumerated ones. Their labels' places grow along the type's order, with room between them.
// Source: PostgreSQL manual, CREATE TYPE, ALTER TYPE.

import SQLTypes

public struct TypeDescriptor: Sendable, Hashable {
  public var oid: OID
  public var arrayOID: OID
  public var schema: OID
  public var name: String
  public var owner: OID
  public var definition: Definition
  public var comment: String?

  public enum Definition: Sendable, Hashable {
    /// Labels by place.
    case enumerated([EnumLabel])
    case composite([RowShape.Field])
    case domain(DomainDefinition)
  }

  public init(oid: OID, arrayOID: OID, schema: OID, name: String, owner: OID, _ definition: Definition) {
    self.oid = oid
    self.arrayOID = arrayOID
    self.schema = schema
    self.name = name
    self.owner = owner
    self.definition = definition
  }

  /// An enumerated type's labels by place; none of other types.
  public var labels: [EnumLabel] {
    get { if case .enumerated(let labels) = definition { labels } else { [] } }
    set { definition = .enumerated(newValue) }
  }

  public var domain: DomainDefinition? {
    get { if case .domain(let domain) = definition { domain } else { nil } }
    set { if let newValue { definition = .domain(newValue) } }
  }

  /// A composite type's fields as declared: domains among their types.
  public var fields: [RowShape.Field]? { if case .composite(let fields) = definition { fields } else { nil } }

  /// Between two labels at first.
  static let step: Int64 = 1 << 32

  /// Makes it known to those who read and print values.
  func register() {
    switch definition {
    case .enumerated(let labels): UserTypes.registerEnum(oid, arrayOID: arrayOID, name: name, labels: labels)
    case .composite(let fields):
      let shape = RowShape(fields.map { RowShape.Field($0.name, $0.type.valueType) })
      UserTypes.registerComposite(oid, arrayOID: arrayOID, name: name, shape: shape)
    case .domain(let domain): UserTypes.registerDomain(oid, name: name, base: domain.base.valueType)
    }
  }
}

/// What a domain's values must satisfy.
public struct DomainDefinition: Sendable, Hashable {
  /// May be a domain itself.
  public var base: SQLType
  public var isNotNull: Bool
  public var defaultSQL: String?
  /// Conditions over `value`.
  public var checks: [CheckConstraint]

  public init(base: SQLType, isNotNull: Bool = false, defaultSQL: String? = nil, checks: [CheckConstraint] = []) {
    self.base = base
    self.isNotNull = isNotNull
    self.defaultSQL = defaultSQL
    self.checks = checks
  }
}

extension CatalogSnapshot {
  public var types: [TypeDescriptor] { contents.types.values.sorted { $0.oid < $1.oid } }
  public func type(_ oid: OID) -> TypeDescriptor? { contents.types[oid] }
  public func type(named name: String, in schema: OID) -> TypeDescriptor? {
    contents.typeNames[ScopedName(scope: schema, name: name)].flatMap { contents.types[$0] }
  }
}

extension CatalogView {
  /// The types of the database connected to.
  public var types: [TypeDescriptor] {
    snapshot.types.filter { snapshot.schema($0.schema)?.database == database }
  }

  /// A user's type: in a schema, or the first of the search path.
  public func type(named name: String, schema: String?) -> TypeDescriptor? {
    if let schema { return self.schema(named: schema).flatMap { snapshot.type(named: name, in: $0.oid) } }
    for oid in searchSchemas() {
      if let found = snapshot.type(named: name, in: oid) { return found }
    }
    return nil
  }

  /// The columns that are of a type or of its arrays.
  func columns(ofType type: TypeDescriptor) -> [(table: TableDescriptor, column: ColumnDescriptor)] {
    snapshot.relations.flatMap { table in
      table.columns.filter { $0.type.oid == type.oid || $0.type.oid == type.arrayOID }.map { (table, $0) }
    }
  }
}

extension CatalogWriter {
  private func type(_ oid: OID) throws(SQLError) -> TypeDescriptor {
    guard let type = view.snapshot.type(oid) else {
      throw SQLError(.undefinedObject, "type with OID \(oid) does not exist")
    }
    try requireOwner(type.owner, "type \(type.name)")
    return type
  }

  private func checkLabel(_ label: String) throws(SQLError) {
    if label.utf8.count > ObjectNaming.maximumByteCount {
      throw SQLError(
        .invalidName, "invalid enum label \"\(label)\"",
        detail: "Labels must be \(ObjectNaming.maximumByteCount) bytes or less.")
    }
  }

  private func requireFree(_ name: String, in schema: OID) throws(SQLError) {
    if view.snapshot.type(named: name, in: schema) != nil || isTaken(name, in: schema) {
      throw SQLError(.duplicateObject, "type \"\(name)\" already exists")
    }
  }

  public func createEnum(schema oid: OID, name: String, labels: [String]) throws(SQLError) -> TypeDescriptor {
    let schema = try schemaToCreateIn(oid)
    try requireFree(name, in: schema.oid)
    var made: [EnumLabel] = []
    for (index, label) in labels.enumerated() {
      try checkLabel(label)
      if labels[..<index].contains(label) {
        throw SQLError(
          .uniqueViolation, "duplicate key value violates unique constraint \"pg_enum_typid_label_index\"")
      }
    }
    let typeOID = try makeOID()
    let arrayOID = try makeOID()
    for (index, label) in labels.enumerated() {
      made.append(EnumLabel(oid: try makeOID(), place: Int64(index + 1) * TypeDescriptor.step, name: label))
    }
    let type = TypeDescriptor(
      oid: typeOID, arrayOID: arrayOID, schema: schema.oid, name: name, owner: view.userOID, .enumerated(made))
    apply(put: [.type(type)])
    return type
  }

  /// A composite type or a domain. Checks without a name get PostgreSQL's.
  public func createType(
    schema oid: OID, name: String, _ definition: TypeDescriptor.Definition
  ) throws(SQLError) -> TypeDescriptor {
    let schema = try schemaToCreateIn(oid)
    try requireFree(name, in: schema.oid)
    var definition = definition
    let typeOID = try makeOID()
    var arrayOID = OID.invalid
    if case .domain(var domain) = definition {
      for index in domain.checks.indices {
        domain.checks[index].oid = try makeOID()
        if domain.checks[index].name.isEmpty {
          let taken = domain.checks.map(\.name)
          var number = 0
          var chosen = "\(name)_check"
          while taken.contains(chosen) {
            number += 1
            chosen = "\(name)_check\(number)"
          }
          domain.checks[index].name = chosen
        }
      }
      definition = .domain(domain)
    } else {
      arrayOID = try makeOID()
    }
    let type = TypeDescriptor(
      oid: typeOID, arrayOID: arrayOID, schema: schema.oid, name: name, owner: view.userOID, definition)
    apply(put: [.type(type)])
    return type
  }

  /// `ALTER DOMAIN`; the caller has seen that what is stored satisfies it.
  public func setDomain(_ domain: DomainDefinition, of oid: OID) throws(SQLError) {
    var type = try type(oid)
    type.domain = domain
    apply(put: [.type(type)])
  }

  /// `ADD VALUE`; false: it is there already and that is allowed.
  public func addEnumLabel(
    _ label: String, to oid: OID, next neighbor: String?, isBefore: Bool, ifNotExists: Bool
  ) throws(SQLError) -> Bool {
    var type = try type(oid)
    try checkLabel(label)
    if type.labels.contains(where: { $0.name == label }) {
      if ifNotExists { return false }
      throw SQLError(.duplicateObject, "enum label \"\(label)\" already exists")
    }
    var position = type.labels.count
    if let neighbor {
      guard let found = type.labels.firstIndex(where: { $0.name == neighbor }) else {
        throw SQLError(.invalidParameterValue, "\"\(neighbor)\" is not an existing enum label")
      }
      position = isBefore ? found : found + 1
    }
    let before =
      position > 0 ? type.labels[position - 1].place : (type.labels.first?.place ?? 0) - 2 * TypeDescriptor.step
    let after = position < type.labels.count ? type.labels[position].place : before + 2 * TypeDescriptor.step
    let place = before + (after - before) / 2
    guard place > before, place < after else {
      throw SQLError(.programLimitExceeded, "there is no room left between the labels of type \"\(type.name)\"")
    }
    type.labels.insert(EnumLabel(oid: try makeOID(), place: place, name: label), at: position)
    apply(put: [.type(type)])
    return true
  }

  public func renameEnumLabel(_ old: String, to new: String, of oid: OID) throws(SQLError) {
    var type = try type(oid)
    try checkLabel(new)
    guard let position = type.labels.firstIndex(where: { $0.name == old }) else {
      throw SQLError(.invalidParameterValue, "\"\(old)\" is not an existing enum label")
    }
    if type.labels.contains(where: { $0.name == new }) {
      throw SQLError(.duplicateObject, "enum label \"\(new)\" already exists")
    }
    type.labels[position].name = new
    apply(put: [.type(type)])
  }

  public func renameType(_ oid: OID, to name: String) throws(SQLError) {
    var type = try type(oid)
    try requireFree(name, in: type.schema)
    type.name = name
    apply(put: [.type(type)])
  }

  public func setSchema(ofType oid: OID, to schema: OID) throws(SQLError) {
    var type = try type(oid)
    let target = try schemaToCreateIn(schema)
    if target.oid == type.schema { return }
    try requireFree(type.name, in: target.oid)
    type.schema = target.oid
    apply(put: [.type(type)])
  }

  public func setOwner(ofType oid: OID, to role: OID) throws(SQLError) {
    var type = try type(oid)
    type.owner = role
    apply(put: [.type(type)])
  }

  /// `DROP TYPE`. With CASCADE the columns of the type go with it; the tables that lose one are returned for what rewriting
  /// that takes. Error 2BP01.
  public func dropTypes(_ oids: [OID], cascades: Bool) throws(SQLError) -> [AlterOutcome] {
    var outcomes: [AlterOutcome] = []
    for oid in oids {
      let type = try type(oid)
      let users = view.columns(ofType: type)
      if !users.isEmpty {
        let what = "type \(quoteIdentifier(type.name))"
        var plan = DropPlan(view, requested: [])
        for (table, column) in users { plan.add(column: column, of: table, dependsOn: what) }
        try plan.check(dropping: what, cascades: cascades)
        for (table, column) in users {
          if var outcome = try dropColumn(of: table.oid, named: column.name, ifExists: true, cascades: true) {
            outcome.notices = outcomes.isEmpty ? plan.notices : []
            outcomes.append(outcome)
          }
        }
      }
      apply(remove: [.type(type)])
    }
    return outcomes
  }
}
