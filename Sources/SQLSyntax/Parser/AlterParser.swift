// ALTER TABLE and its relatives. PostgreSQL's grammar: AlterTableStmt, RenameStmt, AlterObjectSchemaStmt, AlterOwnerStmt.

import SQLTypes

extension SyntaxParser {
  mutating func alterStatement() throws(ParseFailure) -> Statement {
    try expect(.alter)
    switch token.keyword {
    case .table, .index, .view, .sequence, .materialized: return try alterRelation()
    case .schema: return try alterSchema()
    case .trigger: return .rename(try renameInTable(.trigger))
    case .rule: return .rename(try renameInTable(.rule))
    case .type: return try alterType()
    case .domain: return try alterDomain()
    case .database: return try alterDatabase()
    case .role, .user, .group: return try alterRole()
    default: throw syntaxError()
    }
  }

  // MARK: - Relations

  private mutating func alterRelation() throws(ParseFailure) -> Statement {
    let kind = try objectKind()
    let ifExists = try acceptIfExists()
    // Only tables have inheritance to leave out.
    let table = kind == .table ? try relation() : TableReference(try qualifiedName())
    switch token.keyword {
    case .rename:
      advance()
      return .rename(try rename(kind, table, ifExists))
    case .set where isNext(.schema):
      advance()
      advance()
      return .setSchema(SetSchemaStatement(kind, name: table, ifExists: ifExists, schema: try name()))
    default: break
    }
    if kind == .sequence, !isAt(.owner), !(isAt(.set) && (isNext(.logged) || isNext(.unlogged))) {
      var options: [SequenceOption] = []
      while true {
        // SET is noise here (ALTER SEQUENCE s SET INCREMENT 2 is identity's own spelling, refused as in PostgreSQL).
        guard let option = try sequenceOption() else { break }
        options.append(option)
      }
      if options.isEmpty { throw syntaxError() }
      return .alterSequence(AlterSequenceStatement(name: table.name, ifExists: ifExists, options: options))
    }
    if isAt(.attach) || isAt(.detach) {
      return .alterTable(AlterTableStatement(kind, table: table, ifExists: ifExists, actions: [try partitionAction()]))
    }
    var actions: [AlterTableAction] = []
    repeat { actions.append(try alterAction()) } while accept(.comma)
    return .alterTable(AlterTableStatement(kind, table: table, ifExists: ifExists, actions: actions))
  }

  private mutating func rename(
    _ kind: ObjectKind, _ table: TableReference, _ ifExists: Bool
  ) throws(ParseFailure) -> RenameStatement {
    if accept(.to) {
      return RenameStatement(kind, name: table, ifExists: ifExists, newName: try name())
    }
    guard kind != .index, kind != .sequence else { throw syntaxError() }
    let subject: RenameStatement.Subject
    if kind == .table, accept(.constraint) {
      subject = .constraint(try name())
    } else {
      _ = accept(.column)
      subject = .column(try name())
    }
    try expect(.to)
    return RenameStatement(kind, name: table, ifExists: ifExists, subject: subject, newName: try name())
  }

  private mutating func alterAction() throws(ParseFailure) -> AlterTableAction {
    switch token.keyword {
    case .add:
      advance()
      return try addAction()
    case .drop:
      advance()
      return try dropAction()
    case .alter:
      advance()
      if accept(.constraint) {
        let name = try name()
        return .alterConstraint(name, try constraintAttributes())
      }
      _ = accept(.column)
      return try alterColumn()
    case .validate:
      advance()
      try expect(.constraint)
      return .validateConstraint(try name())
    case .owner:
      advance()
      try expect(.to)
      return .ownerTo(try roleName())
    case .set:
      advance()
      return try setAction()
    case .reset:
      advance()
      return .resetStorage(try storageParameters())
    case .cluster:
      advance()
      try expect(.on)
      return .clusterOn(try name())
    case .inherit:
      advance()
      return .inherit(try qualifiedName())
    case .no:
      advance()
      if accept(.inherit) { return .noInherit(try qualifiedName()) }
      try expect(.force)
      try rowLevelSecurity()
      return .rowLevelSecurity(.noForce)
    case .force:
      advance()
      try rowLevelSecurity()
      return .rowLevelSecurity(.force)
    case .replica:
      advance()
      try expect(.identity)
      return .replicaIdentity(try replicaIdentity())
    case .enable, .disable:
      let isEnabled = isAt(.enable)
      advance()
      if accept(.trigger) {
        if accept(.all) { return .trigger(.all, isEnabled: isEnabled) }
        if accept(.user) { return .trigger(.user, isEnabled: isEnabled) }
        return .trigger(.named(try name()), isEnabled: isEnabled)
      }
      try rowLevelSecurity()
      return .rowLevelSecurity(isEnabled ? .enable : .disable)
    default:
      if isWord("scatter") {
        advance()
        return .scatter
      }
      if isWord("unsplit") {
        advance()
        if accept(.all) { return .unsplit(nil) }
        guard isWord("at") else { throw syntaxError() }
        advance()
        return .unsplit(try selectStatement())
      }
      guard isWord("split"), isWord("at", ahead: 1) else { throw syntaxError() }
      advance()
      advance()
      return .splitAt(try selectStatement())
    }
  }

  /// Words of statements that PostgreSQL does not have are no keywords.
  private func isWord(_ word: String, ahead offset: Int = 0) -> Bool {
    let token = offset == 0 ? self.token : peek(offset)
    return text(Int(token.start), Int(token.end)).lowercased() == word
  }

  private mutating func rowLevelSecurity() throws(ParseFailure) {
    try expect(.row)
    try expect(.level)
    try expect(.security)
  }

  private mutating func replicaIdentity() throws(ParseFailure) -> ReplicaIdentity {
    if accept(.nothing) { return .nothing }
    if accept(.full) { return .full }
    if accept(.default) { return .default }
    try expect(.using)
    try expect(.index)
    return .index(try name())
  }

  private mutating func addAction() throws(ParseFailure) -> AlterTableAction {
    switch token.keyword {
    case .constraint, .check, .unique, .primary, .foreign: return .addConstraint(try tableConstraint())
    case .exclude where isNext(.using) || isNext(.leftParen): return .addConstraint(try tableConstraint())
    default: break
    }
    _ = accept(.column)
    let ifNotExists = try acceptIfNotExists()
    return .addColumn(try columnDefinition(), ifNotExists: ifNotExists)
  }

  private mutating func dropAction() throws(ParseFailure) -> AlterTableAction {
    if accept(.constraint) {
      let ifExists = try acceptIfExists()
      let name = try name()
      return .dropConstraint(name, ifExists: ifExists, optionalBehavior())
    }
    _ = accept(.column)
    let ifExists = try acceptIfExists()
    let name = try name()
    return .dropColumn(name, ifExists: ifExists, optionalBehavior())
  }

  private mutating func setAction() throws(ParseFailure) -> AlterTableAction {
    switch token.keyword {
    case .logged, .unlogged:
      let isLogged = isAt(.logged)
      advance()
      return .setLogged(isLogged)
    case .tablespace:
      advance()
      return .setTablespace(try name())
    case .access:
      advance()
      try expect(.method)
      return .setAccessMethod(try name())
    case .without:
      advance()
      try expect(.cluster)
      return .setWithoutCluster
    default:
      guard isAt(.leftParen) else { throw syntaxError() }
      return .setStorage(try storageParameters())
    }
  }

  // MARK: - Columns

  private mutating func alterColumn() throws(ParseFailure) -> AlterTableAction {
    let column = try name()
    switch token.keyword {
    case .set:
      if isNext(.generated) || isSequenceOptionNext { return .setIdentity(column: column, try identityChanges()) }
      advance()
      return try setColumn(column)
    case .restart:
      return .setIdentity(column: column, try identityChanges())
    case .drop:
      advance()
      return try dropFromColumn(column)
    case .add:
      advance()
      try expect(.generated)
      let isAlways = try generatedWhen()
      try expect(.as)
      try expect(.identity)
      return .addIdentity(column: column, isAlways: isAlways, try optionalSequenceOptions())
    case .reset:
      advance()
      return .resetColumnOptions(column: column, try storageParameters())
    case .type: return try setType(column)
    default: throw syntaxError()
    }
  }

  private mutating func setType(_ column: Identifier) throws(ParseFailure) -> AlterTableAction {
    try expect(.type)
    let type = try typeName()
    let collation = accept(.collate) ? try qualifiedName() : nil
    return .setType(column: column, type, collation: collation, using: accept(.using) ? try expression() : nil)
  }

  private mutating func setColumn(_ column: Identifier) throws(ParseFailure) -> AlterTableAction {
    switch token.keyword {
    case .default:
      advance()
      return .setDefault(column: column, try expression())
    case .not:
      advance()
      try expect(.null)
      return .setNotNull(column: column)
    case .data:
      advance()
      return try setType(column)
    case .statistics:
      advance()
      return .setStatistics(column: column, try signedInteger())
    case .storage:
      advance()
      return .setColumnStorage(column: column, try name())
    default:
      guard isAt(.leftParen) else { throw syntaxError() }
      return .setColumnOptions(column: column, try storageParameters())
    }
  }

  private mutating func dropFromColumn(_ column: Identifier) throws(ParseFailure) -> AlterTableAction {
    switch token.keyword {
    case .default:
      advance()
      return .dropDefault(column: column)
    case .not:
      advance()
      try expect(.null)
      return .dropNotNull(column: column)
    case .expression:
      advance()
      return .dropExpression(column: column, ifExists: try acceptIfExists())
    case .identity:
      advance()
      return .dropIdentity(column: column, ifExists: try acceptIfExists())
    default: throw syntaxError()
    }
  }

  private var isSequenceOptionNext: Bool {
    switch peek().keyword {
    case .cache, .cycle, .increment, .maxvalue, .minvalue, .no, .owned, .sequence, .start, .restart, .as: true
    default: false
    }
  }

  /// `SET GENERATED ALWAYS SET INCREMENT 2 RESTART WITH 5`
  private mutating func identityChanges() throws(ParseFailure) -> [IdentityChange] {
    var changes: [IdentityChange] = []
    while isAt(.set) || isAt(.restart) {
      if isAt(.restart) {
        if let option = try sequenceOption() { changes.append(.option(option)) }
      } else {
        advance()
        if accept(.generated) {
          changes.append(.generated(isAlways: try generatedWhen()))
        } else {
          guard let option = try sequenceOption() else { throw syntaxError() }
          changes.append(.option(option))
        }
      }
    }
    return changes
  }

  // MARK: - Schemas and databases

  private mutating func alterSchema() throws(ParseFailure) -> Statement {
    advance()
    let name = QualifiedName(try name())
    if accept(.rename) {
      try expect(.to)
      return .rename(RenameStatement(.schema, name: TableReference(name), newName: try self.name()))
    }
    try expect(.owner)
    try expect(.to)
    return .changeOwner(ChangeOwnerStatement(.schema, name: name, owner: try roleName()))
  }

  private mutating func alterDatabase() throws(ParseFailure) -> Statement {
    advance()
    let name = try name()
    switch token.keyword {
    case .rename:
      advance()
      try expect(.to)
      let target = TableReference(QualifiedName(name))
      return .rename(RenameStatement(.database, name: target, newName: try self.name()))
    case .owner where isNext(.to):
      advance()
      advance()
      return .changeOwner(ChangeOwnerStatement(.database, name: QualifiedName(name), owner: try roleName()))
    case .set where isNext(.tablespace):
      advance()
      advance()
      let option = UtilityOption("tablespace", .word(try self.name().text))
      return .alterDatabase(AlterDatabaseStatement(name: name, action: .options([option])))
    case .set, .reset:
      return .alterDatabase(AlterDatabaseStatement(name: name, action: .set(try setOrReset())))
    default:
      _ = accept(.with)
      let options = try databaseOptions()
      return .alterDatabase(AlterDatabaseStatement(name: name, action: .options(options)))
    }
  }
}
