// The statement switch, and the statements about transactions, sessions and upkeep.

extension SyntaxPrinter {
  mutating func statement(_ statement: Statement) {
    switch statement {
    case .select(let s): select(s)
    case .insert(let s): insert(s)
    case .update(let s): update(s)
    case .delete(let s): delete(s)
    case .truncate(let s): truncate(s)
    case .copy(let s): copy(s)
    case .createTable(let s): createTable(s)
    case .createTableAs(let s): createTableAs(s)
    case .createIndex(let s): createIndex(s)
    case .createView(let s): createView(s)
    case .createFunction(let s): createFunction(s)
    case .dropFunction(let s): dropFunction(s)
    case .createTrigger(let s): createTrigger(s)
    case .createRule(let s): createRule(s)
    case .dropFromTable(let s): dropFromTable(s)
    case .anonymousBlock(let body, let language):
      word("DO")
      if let language {
        word("LANGUAGE")
        name(language)
      }
      string(body)
    case .refresh(let s): refresh(s)
    case .createEnum(let s): createEnum(s)
    case .alterEnum(let s): alterEnum(s)
    case .createComposite(let s): createComposite(s)
    case .createDomain(let s): createDomain(s)
    case .alterDomain(let s): alterDomain(s)
    case .createSchema(let s): createSchema(s)
    case .createDatabase(let s): createDatabase(s)
    case .alterDatabase(let s): alterDatabase(s)
    case .createSequence(let s): createSequence(s)
    case .alterSequence(let s): alterSequence(s)
    case .alterTable(let s): alterTable(s)
    case .rename(let s): rename(s)
    case .setSchema(let s): setSchema(s)
    case .changeOwner(let s): changeOwner(s)
    case .drop(let s): drop(s)
    case .comment(let s): comment(s)
    case .createRole(let s): createRole(s)
    case .alterRole(let s): alterRole(s)
    case .grant(let s): grant(s)
    case .grantRole(let s): grantRole(s)
    case .transaction(let s): transaction(s)
    case .set(let s): setting(s)
    case .setTransaction(let s): setTransaction(s)
    case .setConstraints(let s):
      word("SET CONSTRAINTS")
      if s.constraints.isEmpty { word("ALL") }
      names(s.constraints)
      word(s.isDeferred ? "DEFERRED" : "IMMEDIATE")
    case .show(.all): word("SHOW ALL")
    case .show(.ranges): word("SHOW RANGES")
    case .show(.clock): word("SHOW CLOCK")
    case .show(.clusterSettings): word("SHOW CLUSTER SETTINGS")
    case .show(.clusterSetting(let name)):
      word("SHOW CLUSTER SETTING")
      settingName(name)
    case .show(.setting(let name)):
      word("SHOW")
      settingName(name)
    case .discard(let s):
      switch s {
      case .all: word("DISCARD ALL")
      case .plans: word("DISCARD PLANS")
      case .sequences: word("DISCARD SEQUENCES")
      case .temporary: word("DISCARD TEMPORARY")
      }
    case .prepare(let s):
      word("PREPARE")
      name(s.name)
      if !s.types.isEmpty { parenthesized { $0.list(s.types) { $0.type($1) } } }
      word("AS")
      self.statement(s.statement)
    case .execute(let s):
      word("EXECUTE")
      name(s.name)
      if !s.arguments.isEmpty { parenthesized { $0.expressions(s.arguments) } }
    case .deallocate(let name): nameOrAll("DEALLOCATE", name)
    case .declareCursor(let s): declare(s)
    case .fetch(let s): fetch(s)
    case .closeCursor(let name): nameOrAll("CLOSE", name)
    case .explain(let s):
      word("EXPLAIN")
      utilityOptions(s.options)
      self.statement(s.statement)
    case .vacuum(let s):
      word(s.isVacuum ? "VACUUM" : "ANALYZE")
      utilityOptions(s.options)
      list(s.targets) { printer, target in
        printer.name(target.table)
        printer.optionalNames(target.columns)
      }
    case .lock(let s):
      word("LOCK TABLE")
      list(s.tables) { $0.table($1) }
      word("IN \(s.mode.rawValue.uppercased()) MODE")
      if s.noWait { word("NOWAIT") }
    case .reindex(let s):
      word("REINDEX")
      utilityOptions(s.options)
      word(s.kind.rawValue.uppercased())
      if s.isConcurrent { word("CONCURRENTLY") }
      name(s.name)
    case .cluster(let s): cluster(s)
    case .notification(let s): notification(s)
    case .checkpoint: word("CHECKPOINT")
    }
  }

  private mutating func nameOrAll(_ text: String, _ identifier: Identifier?) {
    word(text)
    if let identifier { name(identifier) } else { word("ALL") }
  }

  // MARK: - Transactions

  private mutating func modes(_ modes: TransactionModes) {
    var isFirst = true
    func put(_ printer: inout SyntaxPrinter, _ text: String) {
      if !isFirst { printer.tight(",") }
      isFirst = false
      printer.word(text)
    }
    if let isolation = modes.isolation { put(&self, "ISOLATION LEVEL " + isolation.rawValue.uppercased()) }
    if let isReadOnly = modes.isReadOnly { put(&self, isReadOnly ? "READ ONLY" : "READ WRITE") }
    if let isDeferrable = modes.isDeferrable { put(&self, isDeferrable ? "DEFERRABLE" : "NOT DEFERRABLE") }
    if let priority = modes.priority { put(&self, "PRIORITY " + priority.rawValue.uppercased()) }
    if let asOf = modes.asOf {
      if !isFirst { tight(",") }
      self.asOf(asOf)
    }
  }

  private mutating func transaction(_ statement: TransactionStatement) {
    switch statement {
    case .begin(let modes, let isStart):
      word(isStart ? "START TRANSACTION" : "BEGIN")
      self.modes(modes)
    case .commit(let chain): word(chain ? "COMMIT AND CHAIN" : "COMMIT")
    case .rollback(let chain): word(chain ? "ROLLBACK AND CHAIN" : "ROLLBACK")
    case .savepoint(let name):
      word("SAVEPOINT")
      self.name(name)
    case .release(let name):
      word("RELEASE SAVEPOINT")
      self.name(name)
    case .rollbackTo(let name):
      word("ROLLBACK TO SAVEPOINT")
      self.name(name)
    case .prepare(let id):
      word("PREPARE TRANSACTION")
      string(id)
    case .commitPrepared(let id):
      word("COMMIT PREPARED")
      string(id)
    case .rollbackPrepared(let id):
      word("ROLLBACK PREPARED")
      string(id)
    }
  }

  private mutating func setTransaction(_ statement: SetTransactionStatement) {
    switch statement {
    case .transaction(let modes):
      word("SET TRANSACTION")
      self.modes(modes)
    case .sessionCharacteristics(let modes):
      word("SET SESSION CHARACTERISTICS AS TRANSACTION")
      self.modes(modes)
    case .snapshot(let id):
      word("SET TRANSACTION SNAPSHOT")
      string(id)
    }
  }

  // MARK: - Settings

  private mutating func settingName(_ text: String) {
    for (index, part) in text.split(separator: ".", omittingEmptySubsequences: false).enumerated() {
      if index > 0 { tight(".") }
      name(String(part))
    }
  }

  mutating func setting(_ statement: SetStatement) {
    guard let name = statement.name else { return word("RESET ALL") }
    if case .reset = statement.value {
      word(statement.scope == .cluster ? "RESET CLUSTER SETTING" : "RESET")
      settingName(name)
      return
    }
    switch statement.scope {
    case .session: word("SET")
    case .local: word("SET LOCAL")
    case .cluster: word("SET CLUSTER SETTING")
    }
    if case .values(let values) = statement.value, case .interval(let type, let text)? = values.first {
      word("TIME ZONE interval")
      if type.intervalFields == nil, let precision = type.modifiers.first {
        tight("(")
        expression(precision)
        tight(")")
      }
      string(text)
      if let fields = type.intervalFields { word(fields.rawValue) }
      return
    }
    settingName(name)
    switch statement.value {
    case .reset: break
    case .default: word("TO DEFAULT")
    case .current: word("FROM CURRENT")
    case .values(let values):
      word("TO")
      list(values) { printer, value in
        switch value {
        case .string(let text): printer.string(text)
        case .integer(let number): printer.word(String(number))
        case .numeric(let digits): printer.word(digits)
        case .interval: break
        }
      }
    }
  }

  // MARK: - Cursors

  private mutating func declare(_ cursor: DeclareCursorStatement) {
    word("DECLARE")
    name(cursor.name)
    if cursor.isBinary { word("BINARY") }
    if let isInsensitive = cursor.isInsensitive { word(isInsensitive ? "INSENSITIVE" : "ASENSITIVE") }
    if let isScroll = cursor.isScroll { word(isScroll ? "SCROLL" : "NO SCROLL") }
    word(cursor.isHold ? "CURSOR WITH HOLD FOR" : "CURSOR FOR")
    select(cursor.query)
  }

  private mutating func fetch(_ fetch: FetchStatement) {
    word(fetch.isMove ? "MOVE" : "FETCH")
    switch fetch.direction {
    case .forward(let count): word("FORWARD " + (count.map { String($0) } ?? "ALL"))
    case .backward(let count): word("BACKWARD " + (count.map { String($0) } ?? "ALL"))
    case .absolute(let count): word("ABSOLUTE \(count)")
    case .relative(let count): word("RELATIVE \(count)")
    }
    word("FROM")
    name(fetch.cursor)
  }

  // MARK: - Upkeep

  private mutating func cluster(_ cluster: ClusterStatement) {
    word("CLUSTER")
    if cluster.table == nil, !cluster.options.isEmpty {
      // Without a table the grammar knows only the old spelling of its one option.
      word("VERBOSE")
      return
    }
    utilityOptions(cluster.options)
    if let table = cluster.table { name(table) }
    if let index = cluster.index {
      word("USING")
      name(index)
    }
  }

  private mutating func notification(_ statement: NotificationStatement) {
    switch statement {
    case .listen(let channel):
      word("LISTEN")
      name(channel)
    case .unlisten(let channel):
      word("UNLISTEN")
      if let channel { name(channel) } else { word("*") }
    case .notify(let channel, let payload):
      word("NOTIFY")
      name(channel)
      if let payload {
        tight(",")
        string(payload)
      }
    }
  }
}
