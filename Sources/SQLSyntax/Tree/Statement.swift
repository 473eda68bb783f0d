// The statement: one case per family, each with its own struct in a file beside this one.
//
// To add a statement: a struct in a file of this folder, a case here, a production in the parser's
// `parseStatement`, a case in the printer.

/// One SQL statement.
public indirect enum Statement: Sendable, Equatable {
  case select(SelectStatement)
  case insert(InsertStatement)
  case update(UpdateStatement)
  case delete(DeleteStatement)
  case truncate(TruncateStatement)
  case copy(CopyStatement)

  case createTable(CreateTableStatement)
  case createTableAs(CreateTableAsStatement)
  case createIndex(CreateIndexStatement)
  case createView(CreateViewStatement)
  case createFunction(CreateFunctionStatement)
  case dropFunction(DropFunctionStatement)
  case createTrigger(CreateTriggerStatement)
  case createRule(CreateRuleStatement)
  case dropFromTable(DropFromTableStatement)
  /// `DO 'body'`
  case anonymousBlock(body: String, language: Identifier?)
  case refresh(RefreshStatement)
  case createEnum(CreateEnumStatement)
  case alterEnum(AlterEnumStatement)
  case createComposite(CreateCompositeStatement)
  case createDomain(CreateDomainStatement)
  case alterDomain(AlterDomainStatement)
  case createSchema(CreateSchemaStatement)
  case createDatabase(CreateDatabaseStatement)
  case alterDatabase(AlterDatabaseStatement)
  case createSequence(CreateSequenceStatement)
  case alterSequence(AlterSequenceStatement)
  case alterTable(AlterTableStatement)
  case rename(RenameStatement)
  case setSchema(SetSchemaStatement)
  case changeOwner(ChangeOwnerStatement)
  case drop(DropStatement)
  case comment(CommentStatement)

  case createRole(CreateRoleStatement)
  case alterRole(AlterRoleStatement)
  case grant(GrantStatement)
  case grantRole(GrantRoleStatement)

  case transaction(TransactionStatement)
  case set(SetStatement)
  case setTransaction(SetTransactionStatement)
  case setConstraints(SetConstraintsStatement)
  case show(ShowStatement)
  case discard(DiscardStatement)
  case prepare(PrepareStatement)
  case execute(ExecuteStatement)
  /// `nil`: ALL.
  case deallocate(Identifier?)
  case declareCursor(DeclareCursorStatement)
  case fetch(FetchStatement)
  /// `nil`: ALL.
  case closeCursor(Identifier?)

  case explain(ExplainStatement)
  case vacuum(VacuumStatement)
  case lock(LockStatement)
  case reindex(ReindexStatement)
  case cluster(ClusterStatement)
  case notification(NotificationStatement)
  case checkpoint
}

/// A statement together with what the session needs to know about its text.
public struct ParsedStatement: Sendable, Equatable {
  public var statement: Statement
  /// Bytes of the query string, without leading and trailing white space, comments and the semicolon.
  public var range: SourceRange
  /// The highest `$n` in the statement, 0 when there is none.
  public var parameterCount: Int

  public init(statement: Statement, range: SourceRange, parameterCount: Int) {
    self.statement = statement
    self.range = range
    self.parameterCount = parameterCount
  }
}
