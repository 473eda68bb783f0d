// Cursors: DECLARE, FETCH and MOVE in every direction, WITH HOLD. Rows that were fetched are kept while the cursor may go back:
// always with SCROLL, never with NO SCROLL, and up to a bound if neither was said.
// Source: PostgreSQL manual, DECLARE and FETCH.

import Catalog
import Execution
import SQLSyntax
import SQLTypes
import Transactions

/// Where a cursor stands and what it can go back to. Rows count from 1; position 0 is before the first, and one past the last row
/// is behind it.
struct ScrollState {
  /// Rows kept for a cursor that did not say whether it scrolls.
  static let unsaidLimit = 10_000

  var position = 0
  /// How many rows have been computed.
  var count = 0
  var isHold = false
  /// Its transaction has committed: the rows are all here.
  var isHeld = false
  private var mayGoBack: Bool
  private let isSaid: Bool
  private var kept: [(first: Int, batch: Batch)] = []

  init(isScroll: Bool?, isHold: Bool) {
    mayGoBack = isScroll ?? true
    isSaid = isScroll != nil
    self.isHold = isHold
  }

  mutating func add(_ batch: Batch) {
    kept.append((count + 1, batch))
    count += batch.rowCount
    if !isSaid && !isHold && count > Self.unsaidLimit { mayGoBack = false }
    forget()
  }

  mutating func forget() {
    if mayGoBack || isHold { return }
    kept.removeAll { $0.first + $0.batch.rowCount <= position }
  }

  /// Error 55000 for a row that is gone.
  func requireBack(to row: Int) throws(SQLError) {
    if mayGoBack || row > position { return }
    throw SQLError(
      .objectNotInPrerequisiteState, "cursor can only scan forward",
      hint: "Declare it with SCROLL option to enable backward scan.")
  }

  /// The rows of these numbers, in their order.
  func rows(_ numbers: some Sequence<Int>) -> [Batch] {
    var result: [Batch] = []
    var current: (index: Int, rows: [Int32])?
    func flush() { if let current { result.append(kept[current.index].batch.gather(current.rows)) } }
    for number in numbers {
      guard let index = kept.lastIndex(where: { $0.first <= number }) else { continue }
      let place = Int32(number - kept[index].first)
      if current?.index == index {
        current?.rows.append(place)
      } else {
        flush()
        current = (index, [place])
      }
    }
    flush()
    return result
  }
}

extension Session {
  static func noCursor(_ name: Identifier) -> SQLError {
    SQLError(.invalidCursorName, "cursor \"\(name.text)\" does not exist")
  }

  func run(_ statement: DeclareCursorStatement, _ text: [UInt8]) async throws(SQLError) {
    guard transaction?.isExplicit == true || statement.isHold else {
      throw SQLError(.noActiveSQLTransaction, "DECLARE CURSOR can only be used in transaction blocks")
    }
    let active = try beginIfNeeded()
    let name = statement.name.text
    if portals[name] != nil { throw SQLError(.duplicateCursor, "cursor \"\(name)\" already exists") }
    let prepared = PreparedStatement(
      name: "", source: text,
      parsed: ParsedStatement(
        statement: .select(statement.query), range: SourceRange(0..<text.count), parameterCount: 0),
      declaredTypes: [], prepareTime: gateway.now, isFromSQL: true)
    try await prepare(prepared)
    active.statementCount += 1
    let format: ValueFormat = statement.isBinary ? .binary : .text
    let portal = Portal(
      name: name, statement: prepared, parameters: [],
      formats: [ValueFormat](repeating: format, count: prepared.columns.count), isCursor: true)
    portal.scroll = ScrollState(isScroll: statement.isScroll, isHold: statement.isHold)
    portals[name] = portal
    client.send(commandTag: "DECLARE CURSOR")
  }

  func run(_ statement: FetchStatement) async throws(SQLError) {
    guard let portal = portals[statement.cursor.text] else { throw Self.noCursor(statement.cursor) }
    let active = try beginIfNeeded()
    if portal.execution == nil, !portal.isDone { try await start(portal, active) }
    if portal.scroll == nil { portal.scroll = ScrollState(isScroll: false, isHold: false) }
    let numbers = try await move(portal, statement.direction)
    if !statement.isMove { client.send(rowDescription: portal.statement.columns, formats: portal.formats) }
    let format = RowFormat(
      columns: portal.statement.columns, formats: portal.formats,
      settings: outputSettings(for: portal.statement.columns))
    if !statement.isMove {
      for batch in portal.scroll?.rows(numbers) ?? [] {
        client.send(batch, format)
        if client.mustDrain { try await client.drain() }
      }
    }
    portal.scroll?.forget()
    client.send(commandTag: "\(statement.isMove ? "MOVE" : "FETCH") \(numbers.count)")
  }

  /// Moves a cursor; the numbers of the rows that it passes and that FETCH gives.
  private func move(_ portal: Portal, _ direction: FetchStatement.Direction) async throws(SQLError) -> [Int] {
    let position = portal.scroll?.position ?? 0
    switch direction {
    case .forward(nil): return try await forward(portal, Int.max)
    case .backward(nil): return try backward(portal, Int.max)
    case .forward(let count?) where count == 0: return try await to(position, portal, isSame: true)
    case .backward(let count?) where count == 0: return try await to(position, portal, isSame: true)
    case .forward(let count?):
      return count > 0 ? try await forward(portal, Int(count)) : try backward(portal, -Int(count))
    case .backward(let count?):
      return count > 0 ? try backward(portal, Int(count)) : try await forward(portal, -Int(count))
    case .absolute(let row) where row >= 0: return try await to(Int(row), portal)
    case .absolute(let row):
      try await compute(Int.max, portal)
      return try await to(max(0, (portal.scroll?.count ?? 0) + 1 + Int(row)), portal)
    case .relative(let count): return try await to(max(0, position + Int(count)), portal, isSame: count == 0)
    }
  }

  /// To one row; none if it is not there.
  private func to(_ row: Int, _ portal: Portal, isSame: Bool = false) async throws(SQLError) -> [Int] {
    if let scroll = portal.scroll, row < scroll.position { try scroll.requireBack(to: row) }
    try await compute(row, portal)
    guard let count = portal.scroll?.count else { return [] }
    portal.scroll?.position = min(row, count + 1)
    if isSame, row > count { return [] }
    return row >= 1 && row <= count ? [row] : []
  }

  private func forward(_ portal: Portal, _ wanted: Int) async throws(SQLError) -> [Int] {
    let position = portal.scroll?.position ?? 0
    let (last, overflow) = position.addingReportingOverflow(wanted)
    try await compute(overflow ? Int.max : last, portal)
    let count = portal.scroll?.count ?? 0
    if position >= count {
      portal.scroll?.position = count + 1
      return []
    }
    let end = overflow ? count : min(last, count)
    portal.scroll?.position = overflow || last > count ? count + 1 : end
    return Array((position + 1)...end)
  }

  private func backward(_ portal: Portal, _ wanted: Int) throws(SQLError) -> [Int] {
    guard let scroll = portal.scroll else { return [] }
    let start = scroll.position - 1
    try scroll.requireBack(to: start)
    if start < 1 {
      portal.scroll?.position = 0
      return []
    }
    let end = wanted >= start ? 1 : start - wanted + 1
    portal.scroll?.position = wanted > start ? 0 : end
    return Array((end...start).reversed())
  }

  /// Computes rows until there are so many, or all.
  private func compute(_ wanted: Int, _ portal: Portal) async throws(SQLError) {
    while let execution = portal.execution, (portal.scroll?.count ?? 0) < wanted {
      guard let batch = try await execution.next() else {
        portal.execution = nil
        portal.isDone = true
        return
      }
      portal.scroll?.add(batch)
    }
  }

  /// Before a commit: cursors WITH HOLD take their rows along.
  func holdCursors() async throws(SQLError) {
    if !portals.hasNamed { return }
    for name in portals.names {
      guard let portal = portals[name], let scroll = portal.scroll, scroll.isHold, !scroll.isHeld,
        let active = transaction
      else { continue }
      if portal.execution == nil, !portal.isDone { try await start(portal, active) }
      try await compute(Int.max, portal)
    }
  }
}
