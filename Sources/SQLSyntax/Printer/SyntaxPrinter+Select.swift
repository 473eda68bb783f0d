// Queries, FROM, and the statements that change rows.

extension SyntaxPrinter {
  mutating func select(_ query: SelectStatement) {
    if let with = query.with { self.with(with) }
    body(query.body)
    orderBy(query.orderBy)
    if let limit = query.limit { self.limit(limit) }
    for lock in query.locking { locking(lock) }
  }

  private mutating func body(_ body: QueryBody) {
    switch body {
    case .select(let core): self.core(core)
    case .values(let rows, _):
      word("VALUES")
      list(rows) { printer, row in printer.parenthesized { $0.expressions(row) } }
    case .setOperation(let operation):
      let level = SyntaxPrinter.level(operation)
      operand(operation.left, level)
      switch operation.kind {
      case .union: word("UNION")
      case .intersect: word("INTERSECT")
      case .except: word("EXCEPT")
      }
      if operation.isAll { word("ALL") }
      operand(operation.right, level + 1)
    }
  }

  private static func level(_ operation: SetOperation) -> Int { operation.kind == .intersect ? 2 : 1 }

  /// An operand of a set operation, in parentheses when it has clauses of its own or binds too loosely.
  private mutating func operand(_ query: SelectStatement, _ minimum: Int) {
    var isBare = query.with == nil && query.orderBy.isEmpty && query.limit == nil && query.locking.isEmpty
    if case .setOperation(let inner) = query.body, SyntaxPrinter.level(inner) < minimum { isBare = false }
    if isBare { body(query.body) } else { self.query(query) }
  }

  private mutating func limit(_ limit: LimitClause) {
    if let offset = limit.offset {
      word("OFFSET")
      expression(offset)
    }
    guard let count = limit.count else { return }
    if limit.isWithTies {
      word("FETCH FIRST (")
      expression(count)
      tight(")")
      word("ROWS WITH TIES")
    } else {
      word("LIMIT")
      expression(count)
    }
  }

  private mutating func locking(_ lock: LockingClause) {
    switch lock.strength {
    case .keyShare: word("FOR KEY SHARE")
    case .share: word("FOR SHARE")
    case .noKeyUpdate: word("FOR NO KEY UPDATE")
    case .update: word("FOR UPDATE")
    }
    if !lock.tables.isEmpty {
      word("OF")
      names(lock.tables)
    }
    switch lock.waitPolicy {
    case .block: break
    case .skipLocked: word("SKIP LOCKED")
    case .noWait: word("NOWAIT")
    }
  }

  mutating func asOf(_ clause: AsOfClause) {
    word("AS OF SYSTEM TIME")
    expression(clause.time)
  }

  private mutating func core(_ core: SelectCore) {
    word("SELECT")
    switch core.distinct {
    case nil: break
    case .all: word("DISTINCT")
    case .on(let list):
      word("DISTINCT ON")
      parenthesized { $0.expressions(list) }
    }
    targets(core.targets)
    if let into = core.into {
      word("INTO")
      persistence(into.persistence)
      word("TABLE")
      name(into.name)
    }
    from("FROM", core.from)
    if let asOf = core.asOf { self.asOf(asOf) }
    filter(core.filter)
    if let groupBy = core.groupBy {
      word(groupBy.isDistinct ? "GROUP BY DISTINCT" : "GROUP BY")
      list(groupBy.elements) { $0.grouping($1) }
    }
    if let having = core.having {
      word("HAVING")
      expression(having)
    }
    if !core.windows.isEmpty {
      word("WINDOW")
      list(core.windows) { printer, window in
        printer.name(window.name)
        printer.word("AS")
        printer.window(window.specification)
      }
    }
  }

  mutating func persistence(_ persistence: Persistence) {
    switch persistence {
    case .permanent: break
    case .unlogged: word("UNLOGGED")
    case .temporary: word("TEMPORARY")
    }
  }

  mutating func targets(_ targets: [SelectTarget]) {
    list(targets) { printer, target in
      printer.expression(target.expression)
      if let alias = target.alias {
        printer.word("AS")
        printer.name(alias)
      }
    }
  }

  mutating func filter(_ filter: Expression?) {
    guard let filter else { return }
    word("WHERE")
    expression(filter)
  }

  private mutating func grouping(_ element: GroupingElement) {
    switch element {
    // A bare call of a function that bears one of these names would read as the clause.
    case .expression(let expression): self.expression(expression)
    case .empty: word("()")
    case .rollup(let list, _):
      word("ROLLUP")
      parenthesized { $0.expressions(list) }
    case .cube(let list, _):
      word("CUBE")
      parenthesized { $0.expressions(list) }
    case .sets(let elements, _):
      word("GROUPING SETS")
      parenthesized { $0.list(elements) { $0.grouping($1) } }
    }
  }

  // MARK: - WITH

  mutating func with(_ with: WithClause) {
    word(with.isRecursive ? "WITH RECURSIVE" : "WITH")
    list(with.expressions) { printer, table in
      printer.name(table.name)
      printer.optionalNames(table.columns)
      printer.word("AS")
      switch table.materialization {
      case nil: break
      case .always: printer.word("MATERIALIZED")
      case .never: printer.word("NOT MATERIALIZED")
      }
      printer.parenthesized { $0.statement(table.statement) }
      if let search = table.search {
        printer.word(search.isBreadthFirst ? "SEARCH BREADTH FIRST BY" : "SEARCH DEPTH FIRST BY")
        printer.names(search.columns)
        printer.word("SET")
        printer.name(search.sequenceColumn)
      }
      if let cycle = table.cycle {
        printer.word("CYCLE")
        printer.names(cycle.columns)
        printer.word("SET")
        printer.name(cycle.markColumn)
        if let value = cycle.markValue, let otherwise = cycle.markDefault {
          printer.word("TO")
          printer.operand(value, SyntaxPrinter.primary)
          printer.word("DEFAULT")
          printer.operand(otherwise, SyntaxPrinter.primary)
        }
        printer.word("USING")
        printer.name(cycle.pathColumn)
      }
    }
  }

  // MARK: - FROM

  mutating func from(_ text: String, _ items: [FromItem]) {
    guard !items.isEmpty else { return }
    word(text)
    list(items) { $0.fromItem($1) }
  }

  mutating func table(_ table: TableReference) {
    if table.isOnly { word("ONLY") }
    name(table.name)
    alias(table.alias)
    if let sample = table.sample {
      word("TABLESAMPLE")
      name(sample.method)
      parenthesized { $0.expressions(sample.arguments) }
      if let seed = sample.seed {
        word("REPEATABLE")
        parenthesized { $0.expression(seed) }
      }
    }
  }

  private mutating func alias(_ alias: TableAlias?) {
    guard let alias else { return }
    word("AS")
    name(alias.name)
    optionalNames(alias.columns)
  }

  private mutating func fromItem(_ item: FromItem) {
    switch item {
    case .table(let reference): table(reference)
    case .subquery(let subquery):
      if subquery.isLateral { word("LATERAL") }
      query(subquery.query)
      alias(subquery.alias)
    case .function(let function): tableFunction(function)
    case .join(let join):
      if join.alias != nil {
        parenthesized { $0.join(join) }
        alias(join.alias)
      } else {
        self.join(join)
      }
    }
  }

  private mutating func join(_ join: JoinClause) {
    fromItem(join.left)
    if case .natural = join.condition { word("NATURAL") }
    switch join.kind {
    case .inner:
      if case .cross = join.condition { word("CROSS") }
    case .left: word("LEFT")
    case .right: word("RIGHT")
    case .full: word("FULL")
    }
    word("JOIN")
    if case .join(let right) = join.right, right.alias == nil {
      parenthesized { $0.join(right) }
    } else {
      fromItem(join.right)
    }
    switch join.condition {
    case .cross, .natural: break
    case .on(let condition):
      word("ON")
      expression(condition)
    case .using(let columns, let alias):
      word("USING")
      parenthesized { $0.names(columns) }
      if let alias {
        word("AS")
        name(alias)
      }
    }
  }

  private mutating func tableFunction(_ function: TableFunction) {
    if function.isLateral { word("LATERAL") }
    if function.isRowsFrom {
      word("ROWS FROM (")
      list(function.items) { printer, item in
        printer.expression(item.expression)
        if !item.columnDefinitions.isEmpty {
          printer.word("AS")
          printer.columnTypes(item.columnDefinitions)
        }
      }
      tight(")")
    } else {
      for item in function.items { expression(item.expression) }
    }
    if function.withOrdinality { word("WITH ORDINALITY") }
    alias(function.alias)
    if !function.columnDefinitions.isEmpty {
      if function.alias == nil { word("AS") }
      columnTypes(function.columnDefinitions)
    }
  }

  private mutating func columnTypes(_ columns: [ColumnType]) {
    parenthesized {
      $0.list(columns) { printer, column in
        printer.name(column.name)
        printer.type(column.type)
        if let collation = column.collation {
          printer.word("COLLATE")
          printer.name(collation)
        }
      }
    }
  }

  // MARK: - Changes of rows

  private mutating func target(_ target: AssignmentTarget) {
    name(target.column)
    for step in target.indirection {
      switch step {
      case .field(let field):
        tight(".")
        name(field)
      case .subscripted(let index): subscripts(index)
      }
    }
  }

  private mutating func assignments(_ list: [Assignment]) {
    self.list(list) { printer, assignment in
      switch assignment {
      case .single(let target, let value):
        printer.target(target)
        printer.word("=")
        printer.expression(value)
      case .multiple(let targets, let value):
        printer.parenthesized { $0.list(targets) { $0.target($1) } }
        printer.word("=")
        printer.expression(value)
      }
    }
  }

  private mutating func returning(_ targets: [SelectTarget]) {
    guard !targets.isEmpty else { return }
    word("RETURNING")
    self.targets(targets)
  }

  mutating func insert(_ insert: InsertStatement) {
    if let with = insert.with { self.with(with) }
    word("INSERT INTO")
    name(insert.table)
    if let alias = insert.alias {
      word("AS")
      name(alias)
    }
    if !insert.columns.isEmpty { parenthesized { $0.list(insert.columns) { $0.target($1) } } }
    switch insert.overriding {
    case nil: break
    case .user: word("OVERRIDING USER VALUE")
    case .system: word("OVERRIDING SYSTEM VALUE")
    }
    switch insert.source {
    case .defaultValues: word("DEFAULT VALUES")
    case .query(let query): select(query)
    }
    if let conflict = insert.onConflict {
      word("ON CONFLICT")
      switch conflict.target {
      case nil: break
      case .constraint(let constraint):
        word("ON CONSTRAINT")
        name(constraint)
      case .elements(let elements, let predicate):
        indexElements(elements)
        filter(predicate)
      }
      switch conflict.action {
      case .nothing: word("DO NOTHING")
      case .update(let list, let condition):
        word("DO UPDATE SET")
        assignments(list)
        filter(condition)
      }
    }
    returning(insert.returning)
  }

  mutating func update(_ update: UpdateStatement) {
    if let with = update.with { self.with(with) }
    word("UPDATE")
    table(update.table)
    word("SET")
    assignments(update.assignments)
    from("FROM", update.from)
    filter(update.filter)
    returning(update.returning)
  }

  mutating func delete(_ delete: DeleteStatement) {
    if let with = delete.with { self.with(with) }
    word("DELETE FROM")
    table(delete.table)
    from("USING", delete.using)
    filter(delete.filter)
    returning(delete.returning)
  }

  mutating func behavior(_ behavior: DropBehavior) { if behavior == .cascade { word("CASCADE") } }

  mutating func truncate(_ truncate: TruncateStatement) {
    word("TRUNCATE TABLE")
    list(truncate.tables) { $0.table($1) }
    if truncate.restartsIdentity { word("RESTART IDENTITY") }
    behavior(truncate.behavior)
  }

  mutating func copy(_ copy: CopyStatement) {
    word("COPY")
    switch copy.source {
    case .table(let table, let columns):
      name(table)
      optionalNames(columns)
    case .query(let statement): parenthesized { $0.statement(statement) }
    }
    word(copy.direction == .from ? "FROM" : "TO")
    switch copy.target {
    case .client: word(copy.direction == .from ? "STDIN" : "STDOUT")
    case .file(let path): string(path)
    case .program(let command):
      word("PROGRAM")
      string(command)
    }
    if !copy.options.isEmpty {
      word("WITH")
      utilityOptions(copy.options)
    }
    filter(copy.filter)
  }
}
