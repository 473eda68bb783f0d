// Under which names a query that the catalog keeps shows its tables and columns: those of today, told apart from each other, and the
// columns that USING merges under one name on both sides. Source: the rules of PostgreSQL's ruleutils.c.

import SQLSyntax
import SQLTypes

/// One table of FROM: the names within the text, and those that are shown.
final class ShownTable {
  struct Column {
    /// Within the text; nil for one that the table was given later.
    var stored: String?
    /// Of today, or the alias's.
    var real: String
    /// The table's own name for it.
    var own: String
    var shown: String?
    var type: SQLType?
  }

  let alias: String
  let base: String
  var shown = ""
  var columns: [Column]
  /// Whether the alias, or the list of columns behind it, is to be shown whatever the names are.
  var showsAlias: Bool
  var showsColumns: Bool
  /// Names that joins around it give to what they merge.
  var taken: [String] = []

  init(alias: String, base: String, columns: [Column], showsAlias: Bool, showsColumns: Bool) {
    self.alias = alias
    self.base = base
    self.columns = columns
    self.showsAlias = showsAlias
    self.showsColumns = showsColumns
  }

  /// The list behind the alias, if there is to be one.
  var columnList: [String]? {
    let names = columns.map { $0.shown ?? $0.real }
    if showsColumns { return names }
    return zip(names, columns).contains { $0 != $1.own } ? names : nil
  }

  func settle(against taken: [String]) {
    for index in columns.indices where columns[index].shown == nil {
      columns[index].shown = QueryNames.unique(columns[index].real) { name in
        taken.contains(name) || columns.contains { $0.shown == name }
      }
    }
  }
}

/// What FROM is made of, with the names.
indirect enum ShownItem {
  case table(ShownTable, FromItem)
  case join(ShownJoin)
}

final class ShownJoin {
  let clause: JoinClause
  let left: ShownItem
  let right: ShownItem
  /// Of a join in parentheses with an alias.
  let table: ShownTable?
  /// The names of USING, as they are shown.
  var using: [(stored: String, shown: String)] = []

  init(_ clause: JoinClause, left: ShownItem, right: ShownItem, table: ShownTable?) {
    self.clause = clause
    self.left = left
    self.right = right
    self.table = table
  }
}

/// The names at one query level.
final class QueryNames {
  let parent: QueryNames?
  private(set) var items: [ShownItem] = []
  private var tables: [ShownTable] = []
  /// Columns that USING makes one of two: their names within the text and as shown.
  private var merged: [(join: String, stored: String, shown: String)] = []
  /// Whether those names must be no other columns'; then they are these.
  private var isStrict = false
  private var mergedNames: [String] = []

  init(_ from: [FromItem], parent: QueryNames?, view: CatalogView) {
    self.parent = parent
    items = from.map { make($0, view) }
    for table in tables {
      table.shown = QueryNames.unique(table.base) { name in isTaken(name, before: table) }
    }
    isStrict = items.contains(where: mergesValues)
    for item in items { nameMerged(item, []) }
    for item in items { settle(item) }
  }

  static func unique(_ name: String, _ isTaken: (String) -> Bool) -> String {
    if !isTaken(name) { return name }
    var number = 1
    while isTaken("\(name)_\(number)") { number += 1 }
    return "\(name)_\(number)"
  }

  private func isTaken(_ name: String, before table: ShownTable) -> Bool {
    if name.isEmpty { return false }
    if tables.prefix(while: { $0 !== table }).contains(where: { $0.shown == name }) { return true }
    var level = parent
    while let current = level {
      if current.tables.contains(where: { $0.shown == name }) { return true }
      level = current.parent
    }
    return false
  }

  private func make(_ item: FromItem, _ view: CatalogView) -> ShownItem {
    switch item {
    case .join(let clause):
      let (left, right) = (make(clause.left, view), make(clause.right, view))
      var own: ShownTable?
      if let alias = clause.alias {
        own = ShownTable(
          alias: alias.name.text, base: alias.name.text, columns: [], showsAlias: true, showsColumns: false)
        // Within, other names count.
        tables.append(own!)
      }
      return .join(ShownJoin(clause, left: left, right: right, table: own))
    default:
      let table = shownTable(item, view)
      tables.append(table)
      return .table(table, item)
    }
  }

  private func shownTable(_ item: FromItem, _ view: CatalogView) -> ShownTable {
    func plain(_ alias: TableAlias?, _ base: String, showsColumns: Bool = false, showsAlias: Bool = true) -> ShownTable
    {
      let names = alias?.columns.map(\.text) ?? []
      return ShownTable(
        alias: alias?.name.text ?? base, base: alias?.name.text ?? base,
        columns: names.map { ShownTable.Column(stored: $0, real: $0, own: $0) },
        showsAlias: showsAlias, showsColumns: showsColumns || !names.isEmpty)
    }
    switch item {
    case .table(let reference):
      let written = reference.alias
      guard let oid = reference.name.schema.flatMap({ StoredName.relation(in: $0.text) }) else {
        return plain(written, reference.name.name.text, showsAlias: written != nil)
      }
      let relation = view.relation(oid)
      let stored = (written?.columns ?? []).compactMap { StoredName.column($0.text) }
      var columns: [ShownTable.Column] = []
      for column in relation?.columns ?? [] where !column.isHidden {
        let known = stored.first { $0.id == column.id }
        let real = known.flatMap { $0.isAlias ? $0.name : nil } ?? column.name
        columns.append(
          ShownTable.Column(stored: known?.name, real: real, own: column.name, type: column.type.unmodified))
      }
      let alias = written?.name.text ?? reference.name.name.text
      let isImplicit = StoredName.isImplicit(alias)
      return ShownTable(
        alias: alias, base: isImplicit ? relation?.name ?? reference.name.name.text : alias, columns: columns,
        showsAlias: !isImplicit, showsColumns: false)
    case .subquery(let reference): return plain(reference.alias, "")
    case .function(let function): return plain(function.alias, "", showsColumns: function.columnDefinitions.isEmpty)
    case .join: preconditionFailure("a join is no table")
    }
  }

  // MARK: Columns

  /// Settles what USING calls the columns that it merges, from the outermost join inwards.
  private func nameMerged(_ item: ShownItem, _ taken: [String]) {
    switch item {
    case .table(let table, _): table.taken = taken
    case .join(let join):
      var inner = taken
      if case .using(let list, let alias) = join.clause.condition {
        for column in list {
          let shown =
            shownName(column.text, item)
            ?? QueryNames.unique(column.text) { name in isStrict && mergedNames.contains(name) }
          if isStrict, !mergedNames.contains(shown) { mergedNames.append(shown) }
          assign(column.text, shown, join.left)
          assign(column.text, shown, join.right)
          join.using.append((column.text, shown))
          inner.append(shown)
          if let alias { merged.append((alias.text, column.text, shown)) }
        }
      }
      nameMerged(join.left, inner)
      nameMerged(join.right, inner)
    }
  }

  private func settle(_ item: ShownItem) {
    switch item {
    case .table(let table, _): table.settle(against: table.taken + mergedNames)
    case .join(let join):
      settle(join.left)
      settle(join.right)
      guard let table = join.table, let alias = join.clause.alias else { return }
      // Columns of the alias come first; what the tables were given since has no name in it.
      var columns: [ShownTable.Column] = []
      var place = 0
      for column in outputs(item, isOutermost: true) {
        guard let stored = column.stored else {
          columns.append(ShownTable.Column(stored: nil, real: column.shown, own: column.shown))
          continue
        }
        let name = place < alias.columns.count ? alias.columns[place].text : nil
        place += 1
        columns.append(
          ShownTable.Column(stored: name ?? stored, real: name ?? column.shown, own: column.shown, shown: name))
      }
      table.columns = columns
      for index in table.columns.indices where table.columns[index].shown == nil && table.columns[index].stored != nil {
        table.columns[index].shown = QueryNames.unique(table.columns[index].real) { name in
          table.columns.contains { $0.shown == name }
        }
      }
      table.settle(against: [])
    }
  }

  /// The columns that an element of FROM gives: those that USING merges first.
  private func outputs(_ item: ShownItem, isOutermost: Bool = false) -> [(stored: String?, shown: String)] {
    switch item {
    case .table(let table, _): return table.columns.map { ($0.stored, $0.shown ?? $0.real) }
    case .join(let join):
      if let table = join.table, !isOutermost { return table.columns.map { ($0.stored, $0.shown ?? $0.real) } }
      let merged = join.using
      let rest = (outputs(join.left) + outputs(join.right)).filter { column in
        !merged.contains { $0.stored == column.stored }
      }
      return merged.map { ($0.stored, $0.shown) } + rest
    }
  }

  /// Whether a join merges columns into something else than one of them: then its name must be like no other's.
  private func mergesValues(_ item: ShownItem) -> Bool {
    guard case .join(let join) = item else { return false }
    if join.clause.alias == nil, case .using(let list, _) = join.clause.condition {
      if join.clause.kind == .full { return true }
      for column in list {
        let (left, right) = (type(column.text, join.left), type(column.text, join.right))
        if let left, let right, left != right {
          let kept = join.clause.kind == .right ? right : left
          let wider = max(left.rank, right.rank)
          if join.clause.kind != .inner && kept.rank < wider { return true }
        }
      }
    }
    return mergesValues(join.left) || mergesValues(join.right)
  }

  private func type(_ stored: String, _ item: ShownItem) -> SQLType? {
    switch item {
    case .table(let table, _): table.columns.first { $0.stored == stored }?.type
    case .join(let join): type(stored, join.left) ?? type(stored, join.right)
    }
  }

  /// The name that a column has been given by a join above.
  private func shownName(_ stored: String, _ item: ShownItem) -> String? {
    switch item {
    case .table(let table, _): table.columns.first { $0.stored == stored }?.shown
    case .join(let join): shownName(stored, join.left) ?? shownName(stored, join.right)
    }
  }

  private func assign(_ stored: String, _ shown: String, _ item: ShownItem) {
    switch item {
    case .table(let table, _):
      if let index = table.columns.firstIndex(where: { $0.stored == stored }) { table.columns[index].shown = shown }
    case .join(let join):
      assign(stored, shown, join.left)
      assign(stored, shown, join.right)
    }
  }

  /// A column as it is shown: its table's name, and its own.
  func column(_ reference: ColumnReference) -> (table: String?, name: String) {
    let name = reference.name.text
    var level: QueryNames? = self
    while let current = level {
      if let qualifier = reference.qualifiers.last?.text {
        if let found = current.merged.first(where: { $0.join == qualifier && $0.stored == name }) {
          return (nil, found.shown)
        }
        if let table = current.tables.first(where: { $0.alias == qualifier }) {
          let column = table.columns.first { $0.stored == name }
          return (table.shown, column?.shown ?? column?.real ?? name)
        }
      }
      level = current.parent
    }
    return (reference.qualifiers.last?.text, name)
  }

  /// Whether a name stands for a table's whole row.
  func isWholeRow(_ reference: ColumnReference) -> Bool {
    guard reference.qualifiers.isEmpty else { return false }
    var level: QueryNames? = self
    while let current = level {
      if current.tables.contains(where: { $0.alias == reference.name.text }) { return true }
      level = current.parent
    }
    return false
  }

  func table(_ alias: String) -> String {
    var level: QueryNames? = self
    while let current = level {
      if let table = current.tables.first(where: { $0.alias == alias }) { return table.shown }
      level = current.parent
    }
    return alias
  }
}

extension SQLType {
  /// How wide a type is among those of its kind, which joins may compare.
  fileprivate var rank: Int {
    switch self {
    case .int2: 1
    case .int4: 2
    case .int8: 3
    case .numeric: 4
    case .float4: 5
    case .float8: 6
    case .date: 7
    case .timestamp: 8
    case .timestamptz: 9
    default: 0
    }
  }
}
