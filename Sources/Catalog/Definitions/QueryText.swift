// A stored query as PostgreSQL shows it: `pg_get_viewdef` with its line breaks and, when it is to be pretty, without the parentheses
// that precedence makes needless. Source: the layout of PostgreSQL's ruleutils.c.

import Expressions
import SQLSyntax
import SQLTypes

struct QueryText {
  let view: CatalogView
  let isPretty: Bool
  var out = ""
  var level = 0
  var names: QueryNames
  private static let standard = 8
  private static let join = 4
  private static let variable = 4

  init(view: CatalogView, isPretty: Bool) {
    self.view = view
    self.isPretty = isPretty
    names = QueryNames([], parent: nil, view: view)
  }

  /// The definition of a view with these columns, up to its semicolon; nil if the text is none of ours.
  static func definition(_ sql: String, columns: [String], view: CatalogView, isPretty: Bool) -> String? {
    guard let parsed = try? Parser.parse(Array(sql.utf8)), parsed.count == 1,
      case .select(let query) = parsed[0].statement
    else { return nil }
    var text = QueryText(view: view, isPretty: isPretty)
    text.query(query, columns)
    return text.out + ";"
  }

  // MARK: Layout

  mutating func add(_ text: String) { out += text }

  private mutating func trim() { while out.hasSuffix(" ") { out.removeLast() } }

  /// A word at the beginning of a line, with the indentation before, after and of the line itself changed.
  mutating func line(_ text: String, _ before: Int, _ after: Int, _ plus: Int) {
    level += before
    trim()
    out += "\n"
    let most = 40
    var width: Int
    if level < most {
      width = max(level, 0) + plus
    } else {
      width = (most + (level - most) / (Self.standard / 2)) % most + plus
    }
    width = max(width, 0)
    out += String(repeating: " ", count: width) + text
    level = max(level + after, 0)
  }

  /// What `body` writes, apart.
  private mutating func apart(_ body: (inout QueryText) -> Void) -> String {
    let whole = out
    out = ""
    body(&self)
    defer { out = whole }
    return out
  }

  func quoted(_ name: String) -> String { SyntaxPrinter.quoteIdentifier(name) }

  mutating func list<T>(_ items: [T], _ separator: String = ", ", _ body: (inout QueryText, T) -> Void) {
    for (index, item) in items.enumerated() {
      if index > 0 { add(separator) }
      body(&self, item)
    }
  }

  // MARK: Queries

  /// A query within: one level deeper, with names of its own.
  mutating func subquery(_ query: SelectStatement) {
    let (outer, depth) = (names, level)
    self.query(query, nil)
    (names, level) = (outer, depth)
  }

  mutating func query(_ query: SelectStatement, _ columns: [String]?) {
    let outer = names
    defer { names = outer }
    // What WITH holds is told apart from what the query itself reads.
    if case .select(let core) = query.body { names = QueryNames(core.from, parent: names, view: view) }
    if let clause = query.with { with(clause) }
    var isSetOperation = false
    switch query.body {
    case .select(let core): select(core, columns)
    case .values(let rows, _):
      level += Self.standard
      add(" ")
      values(rows)
    case .setOperation:
      isSetOperation = true
      operand(query.body, columns)
    }
    if !query.orderBy.isEmpty {
      line(" ORDER BY ", -Self.standard, Self.standard, 1)
      orderBy(query.orderBy, isSetOperation: isSetOperation)
    }
    if let offset = query.limit?.offset {
      line(" OFFSET ", -Self.standard, Self.standard, 0)
      expression(offset)
    }
    if let limit = query.limit, let count = limit.count {
      if limit.isWithTies {
        line(" FETCH FIRST ", -Self.standard, Self.standard, 0)
        expression(count)
        add(" ROWS WITH TIES")
      } else {
        line(" LIMIT ", -Self.standard, Self.standard, 0)
        expression(count)
      }
    }
    level = max(level - Self.standard, 0)
  }

  private mutating func with(_ clause: WithClause) {
    level += Self.standard
    add(" ")
    add(clause.isRecursive ? "WITH RECURSIVE " : "WITH ")
    list(clause.expressions) { text, cte in
      text.add(text.quoted(cte.name.text))
      if !cte.columns.isEmpty { text.add("(\(cte.columns.map { text.quoted($0.text) }.joined(separator: ", ")))") }
      text.add(" AS ")
      switch cte.materialization {
      case .always?: text.add("MATERIALIZED ")
      case .never?: text.add("NOT MATERIALIZED ")
      case nil: break
      }
      text.add("(")
      text.line("", 0, 0, 0)
      if case .select(let query) = cte.statement { text.subquery(query) }
      text.line("", 0, 0, 0)
      text.add(")")
      if let search = cte.search {
        text.add(" SEARCH \(search.isBreadthFirst ? "BREADTH" : "DEPTH") FIRST BY ")
        text.add(search.columns.map { text.quoted($0.text) }.joined(separator: ", "))
        text.add(" SET \(text.quoted(search.sequenceColumn.text))")
      }
      if let cycle = cte.cycle {
        text.add(" CYCLE \(cycle.columns.map { text.quoted($0.text) }.joined(separator: ", "))")
        text.add(" SET \(text.quoted(cycle.markColumn.text))")
        if let value = cycle.markValue, let other = cycle.markDefault,
          value != .literal(.boolean(true), .unknown) || other != .literal(.boolean(false), .unknown)
        {
          text.add(" TO ")
          text.expression(value)
          text.add(" DEFAULT ")
          text.expression(other)
        }
        text.add(" USING \(text.quoted(cycle.pathColumn.text))")
      }
    }
    level -= Self.standard
    line("", 0, 0, 0)
  }

  /// A set operation or what stands on one of its sides.
  private mutating func operand(_ body: QueryBody, _ columns: [String]?) {
    guard case .setOperation(let operation) = body else { return }
    func isPlain(_ query: SelectStatement) -> Bool {
      query.with == nil && query.orderBy.isEmpty && query.limit == nil && query.locking.isEmpty
    }
    func nested(_ query: SelectStatement) -> SQLSyntax.SetOperation? {
      if isPlain(query), case .setOperation(let inner) = query.body { return inner }
      return nil
    }
    func side(_ query: SelectStatement, _ text: inout QueryText) {
      if nested(query) != nil { return text.operand(query.body, columns) }
      let needs = !isPlain(query)
      if needs { text.add("(") }
      let (outer, depth) = (text.names, text.level)
      text.query(query, columns)
      (text.names, text.level) = (outer, depth)
      if needs { text.add(")") }
    }
    var needs = false
    if let left = nested(operation.left) { needs = !(left.kind == operation.kind && left.isAll == operation.isAll) }
    var indent = 0
    if needs {
      add("(")
      indent = Self.standard
      line("", indent, 0, 0)
    }
    side(operation.left, &self)
    if needs { line(") ", -indent, 0, 0) } else { line("", -indent, 0, 0) }
    switch operation.kind {
    case .union: add("UNION ")
    case .intersect: add("INTERSECT ")
    case .except: add("EXCEPT ")
    }
    if operation.isAll { add("ALL ") }
    needs = nested(operation.right) != nil
    indent = needs ? Self.standard : 0
    if needs { add("(") }
    line("", indent, 0, 0)
    side(operation.right, &self)
    level -= indent
    if needs { line(")", 0, 0, 0) }
  }

  private mutating func select(_ core: SelectCore, _ columns: [String]?) {
    level += Self.standard
    add(" SELECT")
    switch core.distinct {
    case .all?: add(" DISTINCT")
    case .on(let list)?:
      add(" DISTINCT ON (")
      self.list(list) { $0.sortGroup($1) }
      add(")")
    case nil: break
    }
    targets(core.targets, columns)
    from(names.items)
    if let filter = core.filter {
      line(" WHERE ", -Self.standard, Self.standard, 1)
      expression(filter)
    }
    if let groupBy = core.groupBy {
      line(" GROUP BY ", -Self.standard, Self.standard, 1)
      if groupBy.isDistinct { add("DISTINCT ") }
      list(groupBy.elements) { $0.grouping($1) }
    }
    if let having = core.having {
      line(" HAVING ", -Self.standard, Self.standard, 0)
      expression(having)
    }
    if !core.windows.isEmpty {
      line(" WINDOW ", -Self.standard, Self.standard, 1)
      list(core.windows) { text, window in
        text.add("\(text.quoted(window.name.text)) AS ")
        text.window(window.specification)
      }
    }
  }

  /// An expression where a table's whole row says of which type it is.
  mutating func item(_ expression: Expression) {
    self.expression(expression)
    if case .column(let reference) = expression, names.isWholeRow(reference) {
      add("::\(rowType(reference.name.text))")
    }
  }

  private mutating func targets(_ targets: [SelectTarget], _ columns: [String]?) {
    var wasLong = false
    for (index, target) in targets.enumerated() {
      add(index == 0 ? " " : ", ")
      var name = "?column?"
      let text = apart { text in
        switch target.expression {
        case .column(let reference):
          if !text.names.isWholeRow(reference) { name = text.names.column(reference).name }
          text.item(target.expression)
        default: text.expression(target.expression)
        }
        let shown = columns.flatMap { index < $0.count ? $0[index] : nil } ?? target.alias?.text ?? name
        if shown != name { text.add(" AS \(text.quoted(shown))") }
      }
      if text.hasPrefix("\n") {
        trim()
      } else if index > 0 {
        line("", -Self.standard, Self.standard, Self.variable)
      }
      wasLong = text.dropFirst().contains("\n")
      add(text)
    }
    _ = wasLong
  }

  /// The type of a table's whole row.
  private func rowType(_ alias: String) -> String {
    func find(_ item: ShownItem) -> String? {
      switch item {
      case .table(let table, .table(let reference)) where table.alias == alias:
        return reference.name.schema.flatMap { StoredName.relation(in: $0.text) }.flatMap(view.relation).map {
          view.displayName(of: .relation($0))
        }
      case .table: return nil
      case .join(let join): return find(join.left) ?? find(join.right)
      }
    }
    var level: QueryNames? = names
    while let current = level {
      if let found = current.items.compactMap(find).first { return found }
      level = current.parent
    }
    return "record"
  }

  mutating func values(_ rows: [[Expression]]) {
    add("VALUES ")
    list(rows) { text, row in
      text.add("(")
      text.list(row, ",") { $0.item($1) }
      text.add(")")
    }
  }

  // MARK: FROM

  private mutating func from(_ items: [ShownItem]) {
    for (index, item) in items.enumerated() {
      if index == 0 {
        line(" FROM ", -Self.standard, Self.standard, 2)
        fromItem(item)
        continue
      }
      add(", ")
      let text = apart { $0.fromItem(item) }
      if text.hasPrefix("\n") { trim() } else { line("", -Self.standard, Self.standard, Self.variable) }
      add(text)
    }
  }

  private mutating func fromItem(_ item: ShownItem) {
    switch item {
    case .table(let table, let source): self.table(table, source)
    case .join(let join): self.join(join)
    }
  }

  private mutating func table(_ table: ShownTable, _ source: FromItem) {
    var showsAlias = table.showsAlias
    switch source {
    case .table(let reference):
      if reference.isOnly { add("ONLY ") }
      if let oid = reference.name.schema.flatMap({ StoredName.relation(in: $0.text) }),
        let relation = view.relation(oid)
      {
        add(view.displayName(of: .relation(relation)))
        if table.shown != relation.name { showsAlias = true }
      } else {
        if let schema = reference.name.schema { add("\(quoted(schema.text)).") }
        add(quoted(reference.name.name.text))
        if table.shown != reference.name.name.text { showsAlias = true }
      }
    case .subquery(let reference):
      if reference.isLateral { add("LATERAL ") }
      add("(")
      if case .values(let rows, _) = reference.query.body, reference.query.orderBy.isEmpty, reference.query.limit == nil
      {
        add(" ")
        let outer = names
        values(rows)
        names = outer
      } else {
        subquery(reference.query)
      }
      add(")")
    case .function(let function):
      if function.isLateral { add("LATERAL ") }
      if function.isRowsFrom { add("ROWS FROM(") }
      list(function.items) { text, item in
        guard case .cast(let value, let type, _) = item.expression else { return text.expression(item.expression) }
        text.add("CAST(")
        text.expression(value)
        text.add(" AS \(text.type(type)))")
      }
      if function.isRowsFrom { add(")") }
      if function.withOrdinality { add(" WITH ORDINALITY") }
    case .join: break
    }
    let hasList = if case .function = source { false } else { !(table.columnList ?? []).isEmpty }
    if showsAlias || hasList, !table.shown.isEmpty { add(" \(quoted(table.shown))") }
    if case .function(let function) = source, !function.columnDefinitions.isEmpty {
      let list = function.columnDefinitions.map { "\(quoted($0.name.text)) \(type($0.type))" }
      add(showsAlias ? "(\(list.joined(separator: ", ")))" : " AS (\(list.joined(separator: ", ")))")
    } else {
      columnList(table)
    }
  }

  private mutating func columnList(_ table: ShownTable) {
    guard let list = table.columnList, !list.isEmpty else { return }
    add("(\(list.map(quoted).joined(separator: ", ")))")
  }

  private mutating func join(_ join: ShownJoin) {
    let hasParentheses = !isPretty || join.table != nil
    if hasParentheses { add("(") }
    fromItem(join.left)
    var isCross = false
    let word: String
    switch (join.clause.kind, join.clause.condition) {
    case (.inner, .cross):
      word = " CROSS JOIN "
      isCross = true
    case (.inner, _): word = " JOIN "
    case (.left, _): word = " LEFT JOIN "
    case (.right, _): word = " RIGHT JOIN "
    case (.full, _): word = " FULL JOIN "
    }
    line(word, -Self.standard, Self.standard, Self.join)
    var rightNeeds = false
    if isPretty, case .join(let right) = join.right, right.table == nil { rightNeeds = true }
    if rightNeeds { add("(") }
    fromItem(join.right)
    if rightNeeds { add(")") }
    switch join.clause.condition {
    case .using(_, let alias):
      add(" USING (\(join.using.map { quoted($0.shown) }.joined(separator: ", ")))")
      if let alias, !StoredName.isImplicit(alias.text) { add(" AS \(quoted(alias.text))") }
    case .on(let condition):
      add(" ON ")
      if !isPretty { add("(") }
      expression(condition)
      if !isPretty { add(")") }
    default: if !isCross { add(" ON TRUE") }
    }
    if hasParentheses { add(")") }
    if let table = join.table {
      add(" \(quoted(table.shown))")
      columnList(table)
    }
  }

  // MARK: Clauses

  private mutating func grouping(_ element: GroupingElement) {
    func all(_ word: String, _ list: [Expression], _ text: inout QueryText) {
      text.add(word)
      text.list(list) { $0.sortGroup($1) }
      text.add(")")
    }
    switch element {
    case .expression(.row(let items, isExplicit: false, _)): all("(", items, &self)
    case .expression(let item): sortGroup(item)
    case .empty: add("()")
    case .rollup(let list, _): all("ROLLUP(", list, &self)
    case .cube(let list, _): all("CUBE(", list, &self)
    case .sets(let list, _):
      add("GROUPING SETS (")
      self.list(list) { text, part in
        if case .expression(let item) = part, case .row(_, isExplicit: false, _) = item {
          text.grouping(part)
        } else if case .expression = part {
          text.add("(")
          text.grouping(part)
          text.add(")")
        } else {
          text.grouping(part)
        }
      }
      add(")")
    }
  }

  /// An expression of GROUP BY, ORDER BY or DISTINCT ON: in parentheses unless it is a column or a constant.
  mutating func sortGroup(_ expression: Expression) {
    switch expression {
    case .column: self.expression(expression)
    case .literal(.integer, _), .literal(.boolean, _), .literal(.numeric, _):
      self.expression(expression)
      if case .literal(let literal, _) = expression {
        switch literal {
        case .integer: add("::integer")
        case .boolean: add("::boolean")
        default: add("::numeric")
        }
      }
    case .cast(.literal, _, _): self.expression(expression)
    default:
      let isCall = if case .function(let call) = expression { call.syntax == .call } else { false }
      if isPretty || isCall { add("(") }
      self.expression(expression)
      if isPretty || isCall { add(")") }
    }
  }

  mutating func orderBy(_ items: [SortItem], isSetOperation: Bool = false) {
    list(items) { text, item in
      if isSetOperation { text.expression(item.expression) } else { text.sortGroup(item.expression) }
      switch item.direction {
      case .descending?:
        text.add(" DESC")
        if item.nulls == .last { text.add(" NULLS LAST") }
      case .using(let name)?:
        if name.symbol == "<" {
          if item.nulls == .first { text.add(" NULLS FIRST") }
        } else if name.symbol == ">" {
          text.add(" DESC")
          if item.nulls == .last { text.add(" NULLS LAST") }
        } else {
          text.add(" USING \(name.symbol)")
          text.add(item.nulls == .first ? " NULLS FIRST" : " NULLS LAST")
        }
      default: if item.nulls == .first { text.add(" NULLS FIRST") }
      }
    }
  }

  mutating func window(_ window: WindowSpecification) {
    add("(")
    var separator = ""
    if let base = window.base {
      add(quoted(base.text))
      separator = " "
    }
    if !window.partitionBy.isEmpty {
      add("\(separator)PARTITION BY ")
      list(window.partitionBy) { $0.sortGroup($1) }
      separator = " "
    }
    if !window.orderBy.isEmpty {
      add("\(separator)ORDER BY ")
      orderBy(window.orderBy)
      separator = " "
    }
    if let frame = window.frame {
      add(separator)
      switch frame.mode {
      case .range: add("RANGE ")
      case .rows: add("ROWS ")
      case .groups: add("GROUPS ")
      }
      if frame.isBetween { add("BETWEEN ") }
      bound(frame.start)
      if frame.isBetween {
        add(" AND ")
        bound(frame.end)
      }
      switch frame.exclusion {
      case .currentRow?: add(" EXCLUDE CURRENT ROW")
      case .group?: add(" EXCLUDE GROUP")
      case .ties?: add(" EXCLUDE TIES")
      case nil: break
      }
    }
    add(")")
  }

  private mutating func bound(_ bound: WindowFrame.Bound) {
    switch bound {
    case .unboundedPreceding: add("UNBOUNDED PRECEDING")
    case .currentRow: add("CURRENT ROW")
    case .unboundedFollowing: add("UNBOUNDED FOLLOWING")
    case .preceding(let offset):
      expression(offset)
      add(" PRECEDING")
    case .following(let offset):
      expression(offset)
      add(" FOLLOWING")
    }
  }

  func type(_ name: TypeName) -> String {
    String(decoding: SyntaxPrinter.print(name), as: UTF8.self).split(separator: ", ").joined(separator: ",")
  }
}
