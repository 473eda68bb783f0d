// CREATE TYPE … AS ENUM and its changes. Source: PostgreSQL manual, CREATE TYPE, ALTER TYPE.

import Catalog
import SQLSyntax
import SQLTypes

extension SchemaPlanner {
  func planCreateEnum(_ statement: CreateEnumStatement) throws(SQLError) -> SchemaOperation {
    .createEnum(
      schema: try binder.names.schemaForCreation(statement.name), name: statement.name.name.text,
      labels: statement.labels.map { String(decoding: $0, as: UTF8.self) })
  }

  func planAlterEnum(_ statement: AlterEnumStatement) throws(SQLError) -> SchemaOperation {
    let type = try userType(statement.name)
    func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
    switch statement.change {
    case .add(let label, let ifNotExists, let neighbor, let isBefore):
      return .addEnumLabel(
        type.oid, label: text(label), next: neighbor.map(text), isBefore: isBefore, ifNotExists: ifNotExists)
    case .rename(let old, let new): return .renameEnumLabel(type.oid, from: text(old), to: text(new))
    }
  }

  /// A user's type that must exist. Error 42704.
  func userType(_ name: QualifiedName) throws(SQLError) -> TypeDescriptor {
    guard let type = catalog.type(named: name.name.text, schema: name.schema?.text) else {
      if name.schema == nil, TypeInfo.find(name: name.name.text) != nil {
        throw SQLError(.wrongObjectType, "\(name.name.text) is not an enum")
      }
      throw SQLError(.undefinedObject, "type \"\(binder.names.plain(name))\" does not exist")
    }
    return type
  }

  // MARK: Composite types

  func planCreateComposite(_ statement: CreateCompositeStatement) throws(SQLError) -> SchemaOperation {
    var fields: [RowShape.Field] = []
    for field in statement.fields {
      let type = try binder.resolveType(field.type)
      guard let info = TypeInfo.find(type.oid), info.category != .pseudo, type.oid != SQLType.unknown.oid else {
        throw SQLError(
          .invalidTableDefinition, "column \"\(field.name.text)\" has pseudo-type \(TypeInfo.format(type))")
      }
      if let collation = field.collation { try checkCollation(collation) }
      if fields.contains(where: { $0.name == field.name.text }) {
        throw SQLError(.duplicateColumn, "column \"\(field.name.text)\" specified more than once")
      }
      fields.append(RowShape.Field(field.name.text, type))
    }
    return .createType(
      schema: try binder.names.schemaForCreation(statement.name), name: statement.name.name.text, .composite(fields))
  }

  // MARK: Domains

  func planCreateDomain(_ statement: CreateDomainStatement) throws(SQLError) -> SchemaOperation {
    let base = try binder.resolveType(statement.type)
    if TypeInfo.find(base.oid)?.category == .pseudo {
      throw SQLError(
        .datatypeMismatch, "\"\(TypeInfo.format(base.unmodified))\" is not a valid base type for a domain")
    }
    if let collation = statement.collation { try checkCollation(collation) }
    var domain = DomainDefinition(base: base)
    var nullability: Bool?
    for constraint in statement.constraints {
      switch constraint.kind {
      case .notNull, .null:
        let isNotNull = constraint.kind == .notNull
        if let nullability, nullability != isNotNull {
          throw SQLError(.syntaxError, "conflicting NULL/NOT NULL constraints")
        }
        nullability = isNotNull
        domain.isNotNull = isNotNull
      case .default(let value):
        if domain.defaultSQL != nil { throw SQLError(.syntaxError, "multiple default expressions") }
        domain.defaultSQL = try defaultSQL(value, for: statement.name.name.text, type: base)
      case .check(let condition):
        domain.checks.append(try domainCheck(constraint.name, condition, base))
      case .unique: throw SQLError(.syntaxError, "unique constraints not possible for domains")
      case .primaryKey: throw SQLError(.syntaxError, "primary key constraints not possible for domains")
      case .references: throw SQLError(.syntaxError, "foreign key constraints not possible for domains")
      case .identity, .generated:
        throw SQLError(.featureNotSupported, "specifying constraint deferrability not supported for domains")
      }
    }
    return .createType(
      schema: try binder.names.schemaForCreation(statement.name), name: statement.name.name.text, .domain(domain))
  }

  private func domainCheck(
    _ name: Identifier?, _ condition: Expression, _ base: SQLType
  ) throws(SQLError) -> CheckConstraint {
    _ = try binder.domainCondition(condition, base.valueType)
    return CheckConstraint(oid: .invalid, name: name?.text ?? "", expressionSQL: SyntaxPrinter.text(condition))
  }

  private func userDomain(_ name: QualifiedName) throws(SQLError) -> (type: TypeDescriptor, domain: DomainDefinition) {
    let type = try userType(name)
    guard let domain = type.domain else {
      throw SQLError(.wrongObjectType, "\(quoted(type.name)) is not a domain")
    }
    return (type, domain)
  }

  func planAlterDomain(_ statement: AlterDomainStatement) throws(SQLError) -> SchemaOperation {
    var (type, domain) = try userDomain(statement.name)
    var validations: [DomainValidation] = []
    switch statement.change {
    case .setDefault(let value):
      domain.defaultSQL = nil
      if let value { domain.defaultSQL = try defaultSQL(value, for: type.name, type: domain.base) }
    case .setNotNull(let isNotNull):
      domain.isNotNull = isNotNull
      if isNotNull {
        validations = try validate(type, "IS NULL") { table, column in
          SQLError(
            .notNullViolation, "column \"\(column)\" of table \"\(table)\" contains null values")
        }
      }
    case .addConstraint(let constraint):
      guard case .check(let condition) = constraint.kind else {
        throw SQLError(.syntaxError, "constraint is not possible for domains")
      }
      var check = try domainCheck(constraint.name, condition, domain.base)
      let taken = domain.checks.map(\.name)
      if check.name.isEmpty {
        check.name = "\(type.name)_check"
        var number = 0
        while taken.contains(check.name) {
          number += 1
          check.name = "\(type.name)_check\(number)"
        }
      } else if taken.contains(check.name) {
        throw SQLError(
          .duplicateObject, "constraint \"\(check.name)\" for domain \(quoted(type.name)) already exists")
      }
      domain.checks.append(check)
      if !constraint.attributes.isNotValid { validations = try validate(type, check) }
    case .dropConstraint(let name, let ifExists, _):
      guard domain.checks.contains(where: { $0.name == name.text }) else {
        let text = "constraint \"\(name.text)\" of domain \"\(type.name)\" does not exist"
        if ifExists { return .notice(SQLError(.undefinedObject, text + ", skipping")) }
        throw SQLError(.undefinedObject, text)
      }
      domain.checks.removeAll { $0.name == name.text }
    case .validateConstraint(let name):
      guard let check = domain.checks.first(where: { $0.name == name.text }) else {
        throw SQLError(
          .undefinedObject, "constraint \"\(name.text)\" of domain \"\(type.name)\" does not exist")
      }
      validations = try validate(type, check)
    }
    return .setDomain(type.oid, domain, validations: validations)
  }

  private func validate(_ type: TypeDescriptor, _ check: CheckConstraint) throws(SQLError) -> [DomainValidation] {
    // The column stands for VALUE: a sub-query gives it that name.
    try validate(type, "IS NOT NULL AND NOT (\(check.expressionSQL))") { table, column in
      SQLError(
        .checkViolation,
        "column \"\(column)\" of table \"\(table)\" contains values that violate the new constraint")
    }
  }

  private func validate(
    _ type: TypeDescriptor, _ condition: String, _ error: (String, String) -> SQLError
  ) throws(SQLError) -> [DomainValidation] {
    var validations: [DomainValidation] = []
    for table in catalog.snapshot.relations {
      guard case .table = table.kind else { continue }
      for column in table.columns where column.type.oid == type.oid {
        let name = "\(quoted(binder.names.schemaName(table.schema))).\(quoted(table.name))"
        let sql = "SELECT 1 FROM (SELECT \(quoted(column.name)) AS value FROM \(name)) AS d WHERE value \(condition)"
        guard let query = try Parser.parse(Array(sql.utf8)).first else { continue }
        validations.append(
          DomainValidation(query: try planQuery(query.statement), error: error(table.name, column.name)))
      }
    }
    return validations
  }
}
