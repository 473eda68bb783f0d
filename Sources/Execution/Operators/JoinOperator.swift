// HOT: joins of all kinds over pairs of rows. The right side is kept in memory; a matcher names the right rows that may
// go with a left row (those of an equal key, or all), pairs are gathered a batch at a time and checked by the residual
// condition, and flags tell which rows of either side met a partner. A key with a NULL matches nothing.

import Expressions
import Planning
import SQLTypes

final class JoinOperator: Operator {
  /// How left and right rows find each other.
  enum Matching {
    case equalKeys(left: [ScalarExpression], right: [ScalarExpression])
    case all
  }

  private let kind: JoinKind
  private let left: Operator
  private let right: Operator
  private let matching: Matching
  private let condition: ScalarExpression?
  private let keyInfos: [TypeInfo]
  /// Whether the right side gives the same rows when an enclosing apply runs again.
  private let isRightStable: Bool

  private var isBuilt = false
  private var rows: RowBuffer
  private var table = KeyTable()
  /// By key number: the first right row; by position of a right row: the next of the same key, or -1.
  private var firstOfKey: [Int32] = []
  private var lastOfKey: [Int32] = []
  private var nextOfRow: [Int32] = []
  private var references: [RowReference] = []
  /// Right and full joins: whether the right row met a partner.
  private var rightMatched: [Bool] = []
  private var keys = RowKeys()
  private var heldBytes = 0

  private var batch: Batch?
  private var leftRow = 0
  /// The next right row to pair with `leftRow`; -2: not begun.
  private var cursor: Int32 = -2
  private var leftMatched: [Bool] = []
  private var pendingUnmatched = false
  private var unmatchedRight = -1

  init(
    _ kind: JoinKind, _ left: Operator, _ right: Operator, _ matching: Matching, condition: ScalarExpression?,
    output: [SQLType], isRightStable: Bool
  ) {
    self.kind = kind
    self.left = left
    self.right = right
    self.matching = matching
    self.condition = condition
    self.isRightStable = isRightStable
    if case .equalKeys(let leftKeys, _) = matching {
      keyInfos = leftKeys.map(\.type.behavior)
    } else {
      keyInfos = []
    }
    rows = RowBuffer(kinds: right.kinds, memory: left.context.memory)
    super.init(left.context, kinds: output.map(\.storage))
  }

  override func next() async throws(SQLError) -> Batch? {
    if !isBuilt {
      try await build()
      isBuilt = true
    }
    while true {
      try await context.breathe()
      if let batch {
        if let result = try await advance(batch) { return result }
        self.batch = nil
        if let result = unmatchedLeft(batch) { return result }
        continue
      }
      // Nothing on the right: only joins that keep left rows need to look at them.
      if references.isEmpty && (kind == .inner || kind == .right || kind == .semi) { return nil }
      guard let next = try await left.next() else { return nextUnmatchedRight() }
      try begin(next)
    }
  }

  // MARK: Building

  private func build() async throws(SQLError) {
    while let batch = try await right.next() {
      try await context.breathe()
      let first = rows.append(batch)
      let base = Int32(references.count)
      for row in 0..<batch.rowCount { references.append(first + Int64(row)) }
      if case .equalKeys(_, let rightKeys) = matching {
        try encode(rightKeys, batch)
        for row in 0..<batch.rowCount {
          nextOfRow.append(-1)
          if keys.hasNull[row] { continue }
          let (number, isNew) = keys.withKey(row) { table.insert($0) }
          let position = base + Int32(row)
          if isNew {
            firstOfKey.append(position)
            lastOfKey.append(position)
          } else {
            nextOfRow[Int(lastOfKey[number])] = position
            lastOfKey[number] = position
          }
        }
      }
      let now = table.byteCount + 24 * references.count
      context.memory.grow(now - heldBytes)
      heldBytes = now
      try context.checkHardMemory()
    }
    if kind == .right || kind == .full { rightMatched = Array(repeating: false, count: references.count) }
  }

  private func encode(_ expressions: [ScalarExpression], _ batch: Batch) throws(SQLError) {
    var columns: [ColumnVector] = []
    columns.reserveCapacity(expressions.count)
    for expression in expressions {
      columns.append(try Evaluator.evaluate(expression, batch, context.evaluation))
    }
    keys.encode(columns, keyInfos, rowCount: batch.rowCount)
  }

  // MARK: Probing

  private func begin(_ batch: Batch) throws(SQLError) {
    if case .equalKeys(let leftKeys, _) = matching { try encode(leftKeys, batch) }
    self.batch = batch
    leftRow = 0
    cursor = -2
    leftMatched = Array(repeating: false, count: batch.rowCount)
  }

  @inline(__always)
  private func firstCandidate() -> Int32 {
    switch matching {
    case .all: return references.isEmpty ? -1 : 0
    case .equalKeys:
      if keys.hasNull[leftRow] { return -1 }
      guard let number = keys.withKey(leftRow, { table.find($0) }) else { return -1 }
      return firstOfKey[number]
    }
  }

  @inline(__always)
  private func candidate(after position: Int32) -> Int32 {
    switch matching {
    case .all: return position + 1 < references.count ? position + 1 : -1
    case .equalKeys: return nextOfRow[Int(position)]
    }
  }

  /// The next joined rows of the current left batch; nil when it is exhausted.
  private func advance(_ batch: Batch) async throws(SQLError) -> Batch? {
    let existsOnly = kind == .semi || kind == .anti
    while leftRow < batch.rowCount {
      var leftRows: [Int32] = []
      var rightRows: [Int32] = []
      while leftRow < batch.rowCount && leftRows.count < Batch.maximumRowCount {
        if cursor == -2 { cursor = firstCandidate() }
        if existsOnly && (condition == nil || leftMatched[leftRow]) {
          // One partner is enough.
          if cursor >= 0 { leftMatched[leftRow] = true }
          cursor = -1
        }
        if cursor < 0 {
          leftRow += 1
          cursor = -2
          continue
        }
        leftRows.append(Int32(leftRow))
        rightRows.append(cursor)
        cursor = candidate(after: cursor)
      }
      if leftRows.isEmpty { continue }
      var pairs = combine(batch, leftRows, rightRows)
      if let condition {
        let passing = try Evaluator.filter(condition, pairs, context.evaluation)
        for pair in passing {
          leftMatched[Int(leftRows[Int(pair)])] = true
          if !rightMatched.isEmpty { rightMatched[Int(rightRows[Int(pair)])] = true }
        }
        if existsOnly || passing.isEmpty {
          try await context.breathe()
          continue
        }
        if passing.count < pairs.rowCount { pairs = pairs.gather(passing) }
      } else {
        for row in leftRows { leftMatched[Int(row)] = true }
        if !rightMatched.isEmpty {
          for row in rightRows { rightMatched[Int(row)] = true }
        }
      }
      return pairs
    }
    return nil
  }

  private func combine(_ batch: Batch, _ leftRows: [Int32], _ rightRows: [Int32]) -> Batch {
    let right = rows.gather(rightRows.map { references[Int($0)] })
    return Batch(columns: batch.columns.map { $0.gather(leftRows) } + right, rowCount: leftRows.count)
  }

  /// Left rows of a finished batch that the join gives without a partner (or, semi, because they had one).
  private func unmatchedLeft(_ batch: Batch) -> Batch? {
    let wanted: Bool
    switch kind {
    case .semi: wanted = true
    case .left, .full, .anti: wanted = false
    case .inner, .right: return nil
    }
    var chosen: [Int32] = []
    for row in 0..<batch.rowCount where leftMatched[row] == wanted { chosen.append(Int32(row)) }
    if chosen.isEmpty { return nil }
    let columns = chosen.count == batch.rowCount ? batch.columns : batch.columns.map { $0.gather(chosen) }
    if kind == .semi || kind == .anti { return Batch(columns: columns, rowCount: chosen.count) }
    let nulls = right.kinds.map { ColumnVector($0, repeating: .null, count: chosen.count) }
    return Batch(columns: columns + nulls, rowCount: chosen.count)
  }

  private func nextUnmatchedRight() -> Batch? {
    guard kind == .right || kind == .full else { return nil }
    if unmatchedRight < 0 { unmatchedRight = 0 }
    var chosen: [RowReference] = []
    while unmatchedRight < references.count && chosen.count < Batch.maximumRowCount {
      if !rightMatched[unmatchedRight] { chosen.append(references[unmatchedRight]) }
      unmatchedRight += 1
    }
    if chosen.isEmpty { return nil }
    let nulls = left.kinds.map { ColumnVector($0, repeating: .null, count: chosen.count) }
    return Batch(columns: nulls + rows.gather(chosen), rowCount: chosen.count)
  }

  override func rewind(_ reason: Rewind) {
    batch = nil
    unmatchedRight = -1
    left.rewind(reason)
    if reason == .rescan && isRightStable && isBuilt {
      for index in rightMatched.indices { rightMatched[index] = false }
      return
    }
    isBuilt = false
    context.memory.shrink(heldBytes)
    heldBytes = 0
    rows.removeAll()
    table.removeAll()
    firstOfKey = []
    lastOfKey = []
    nextOfRow = []
    references = []
    rightMatched = []
    right.rewind(reason)
  }

  deinit { context.memory.shrink(heldBytes) }
}
