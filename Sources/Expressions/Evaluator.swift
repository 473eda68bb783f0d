// HOT: Computes expressions over batches, a column at a time.
// A column of one row stands for the same value in all rows, so that constants and what is computed from them alone cost
// the same for a batch of any length. Sub-expressions that SQL computes for some rows only (the arms of CASE and COALESCE,
// later conjuncts, list items) see those rows through a selection, gathered at the leaves; so an error is raised only by
// rows that were really evaluated. Source: PostgreSQL manual, 4.2.14, 9.1, 9.18, 9.24.

import SQLTypes

public enum Evaluator {
  /// The values of `expression` in each row of `batch`.
  public static func evaluate(
    _ expression: ScalarExpression, _ batch: Batch, _ context: EvaluationContext
  ) throws(SQLError) -> ColumnVector {
    if batch.rowCount == 0 { return ColumnVector(expression.type.kind) }
    if case .column(let index, _) = expression { return batch.columns[index] }
    return expand(try compute(expression, Rows(batch, nil, batch.rowCount), context), batch.rowCount)
  }

  /// The rows in which `condition` is true, in ascending order. Conjuncts are tried in order, each only for the rows that
  /// passed those before it.
  public static func filter(
    _ condition: ScalarExpression, _ batch: Batch, _ context: EvaluationContext
  ) throws(SQLError) -> [Int32] {
    if batch.rowCount == 0 { return [] }
    var rows = Rows(batch, nil, batch.rowCount)
    try narrow(&rows, condition, context)
    return rows.selection ?? Array(0..<Int32(batch.rowCount))
  }

  /// The value of an expression that has no columns.
  public static func value(
    _ expression: ScalarExpression, _ context: EvaluationContext
  ) throws(SQLError) -> Datum {
    switch expression {
    case .constant(let value, _): return value
    case .parameter(let index, _) where index < context.parameters.count: return context.parameters[index]
    default: return try compute(expression, Rows(Batch(columns: [], rowCount: 1), nil, 1), context).datum(0)
    }
  }

  /// Some rows of a batch: those of `selection`, or all.
  struct Rows {
    let batch: Batch
    var selection: [Int32]?
    var count: Int

    init(_ batch: Batch, _ selection: [Int32]?, _ count: Int) {
      self.batch = batch
      self.selection = selection
      self.count = count
    }

    /// The rows at `positions` among these.
    func picking(_ positions: [Int32]) -> Rows {
      if let selection {
        Rows(batch, positions.map { selection[Int($0)] }, positions.count)
      } else {
        Rows(batch, positions, positions.count)
      }
    }
  }

  private static func narrow(
    _ rows: inout Rows, _ condition: ScalarExpression, _ context: EvaluationContext
  ) throws(SQLError) {
    if case .and(let conjuncts) = condition {
      for conjunct in conjuncts {
        if rows.count == 0 { return }
        try narrow(&rows, conjunct, context)
      }
      return
    }
    let result = try compute(condition, rows, context)
    if result.count == 1 {
      if result.nulls[0] || result.int64s[0] == 0 {
        rows.selection = []
        rows.count = 0
      }
      return
    }
    let selected = positions(of: result) { $0 != 0 }
    if selected.count == rows.count { return }
    rows = rows.picking(selected)
  }

  /// The rows of a boolean column that are not NULL and satisfy `wanted`.
  @inline(__always)
  private static func positions(of column: ColumnVector, where wanted: (Int64) -> Bool) -> [Int32] {
    let values = column.int64s
    return [Int32](unsafeUninitializedCapacity: values.count) { out, count in
      var found = 0
      if column.nulls.isEmpty {
        for row in 0..<values.count {
          out[found] = Int32(truncatingIfNeeded: row)
          found += wanted(values[row]) ? 1 : 0
        }
      } else {
        for row in 0..<values.count {
          out[found] = Int32(truncatingIfNeeded: row)
          found += wanted(values[row]) && !column.nulls[row] ? 1 : 0
        }
      }
      count = found
    }
  }

  /// A column of `count` rows from one of as many or of one row.
  @inline(__always)
  static func expand(_ column: ColumnVector, _ count: Int) -> ColumnVector {
    if column.count == count { return column }
    return ColumnVector(column.kind, repeating: column.datum(0), count: count)
  }

  private static func constant(_ value: Datum, _ type: SQLType) -> ColumnVector {
    switch value {
    case .int64(let value): return ColumnVector(int64s: [value])
    case .float64(let value): return ColumnVector(float64s: [value])
    default:
      var column = ColumnVector(type.kind)
      column.append(value)
      return column
    }
  }

  /// The expression's values in `rows.count` rows (at least one), or one row if they are all the same.
  private static func compute(
    _ expression: ScalarExpression, _ rows: Rows, _ context: EvaluationContext
  ) throws(SQLError) -> ColumnVector {
    switch expression {
    case .constant(let value, let type):
      return constant(value, type)
    case .column(let index, _):
      guard let selection = rows.selection else { return rows.batch.columns[index] }
      return rows.batch.columns[index].gather(selection)
    case .parameter(let index, let type):
      guard index < context.parameters.count else {
        throw SQLError(.undefinedParameter, "there is no parameter $\(index + 1)")
      }
      return constant(context.parameters[index], type)
    case .outer(let slot, let type):
      return constant(context.outer[slot], type)
    case .call(let function, let arguments, _, _):
      return try call(function, arguments, rows, context)
    case .and(let operands):
      return try connective(operands, decisive: 0, rows, context)
    case .or(let operands):
      return try connective(operands, decisive: 1, rows, context)
    case .not(let operand):
      var result = try compute(operand, rows, context)
      for row in result.int64s.indices { result.int64s[row] ^= 1 }
      clearNullRows(&result)
      return result
    case .isNull(let operand, let negated):
      let value = try compute(operand, rows, context)
      if value.nulls.isEmpty { return ColumnVector(int64s: [negated.int64]) }
      return ColumnVector(int64s: (0..<value.count).map { (value.nulls[$0] != negated).int64 })
    case .booleanTest(let operand, let test):
      let value = try compute(operand, rows, context)
      return ColumnVector(
        int64s: (0..<value.count).map { row in
          let isNull = value.nulls[row]
          let isTrue = !isNull && value.int64s[row] != 0
          switch test {
          case .isTrue: return isTrue.int64
          case .isNotTrue: return (!isTrue).int64
          case .isFalse: return (!isNull && !isTrue).int64
          case .isNotFalse: return (isNull || isTrue).int64
          case .isUnknown: return isNull.int64
          case .isNotUnknown: return (!isNull).int64
          }
        })
    case .isDistinct(let left, let right, let equality, let negated):
      let a = try compute(left, rows, context)
      let b = try compute(right, rows, context)
      let count = max(a.count, b.count)
      var equal: ColumnVector? = nil
      if !(a.count == 1 && a.nulls[0]) && !(b.count == 1 && b.nulls[0]) {
        equal = expand(try apply(equality, [a, b], rows.count, context), count)
      }
      let lastA = lastRow(a)
      let lastB = lastRow(b)
      return ColumnVector(
        int64s: (0..<count).map { row in
          let isNullA = a.nulls[row & lastA]
          let isNullB = b.nulls[row & lastB]
          let isDistinct = isNullA || isNullB ? isNullA != isNullB : (equal?.int64s[row] ?? 0) == 0
          return (isDistinct != negated).int64
        })
    case .conditional(let branches, let otherwise, let type):
      return try conditional(branches, otherwise, type, rows, context)
    case .coalesce(let operands, let type):
      return try coalesce(operands, type, rows, context)
    case .inList(let operand, let list, let equality, let negated):
      return try inList(operand, list, equality, negated, rows, context)
    }
  }

  // MARK: Calls

  private static func call(
    _ function: ScalarFunction, _ arguments: [ScalarExpression], _ rows: Rows, _ context: EvaluationContext
  ) throws(SQLError) -> ColumnVector {
    var columns: [ColumnVector] = []
    columns.reserveCapacity(arguments.count)
    for argument in arguments { columns.append(try compute(argument, rows, context)) }
    return try apply(function, columns, rows.count, context)
  }

  /// Calls a function with columns of `count` rows or of one.
  static func apply(
    _ function: ScalarFunction, _ columns: consuming [ColumnVector], _ count: Int, _ context: EvaluationContext
  ) throws(SQLError) -> ColumnVector {
    var areConstant = function.volatility != .volatile
    var anyNull = false
    for index in columns.indices {
      let isConstant = columns[index].count == 1
      if !columns[index].nulls.isEmpty {
        if isConstant && function.isStrict && columns[index].nulls[0] {
          var null = ColumnVector(function.result.kind)
          null.appendNull()
          return null
        }
        anyNull = true
      }
      areConstant = areConstant && isConstant
    }
    let calledCount = areConstant ? 1 : count
    if !function.broadcasts && calledCount > 1 {
      for index in columns.indices where columns[index].count != calledCount {
        columns[index] = expand(columns[index], calledCount)
      }
    }
    guard function.isStrict && anyNull else { return try function.kernel(columns, calledCount, context) }
    let nulls = nullMask(of: columns, calledCount)
    var result = try function.kernel(columns, calledCount, context)
    result.nulls.formUnion(nulls)
    clearNullRows(&result)
    return result
  }

  /// Restores the invariant that a NULL row holds zero.
  @inline(__always)
  static func clearNullRows(_ column: inout ColumnVector) {
    if column.nulls.isEmpty { return }
    switch column.kind {
    case .int64:
      for row in column.int64s.indices where column.nulls[row] { column.int64s[row] = 0 }
    case .float64:
      for row in column.float64s.indices where column.nulls[row] { column.float64s[row] = 0 }
    case .numeric:
      for row in column.numerics.indices where column.nulls[row] { column.numerics[row] = .zero }
    case .bytes:
      for row in 0..<column.bytes.count where column.nulls[row] && !column.bytes.range(row).isEmpty {
        // Rare: the kernel gave a value for a row with a NULL argument.
        let all = Array(0..<Int32(column.bytes.count))
        column = ColumnVector(
          .bytes, capacity: column.bytes.count, rows: all, of: column)
        return
      }
    }
  }

  // MARK: Three-valued connectives

  /// AND (`decisive` 0) or OR (1): the decisive value wins over NULL, and stops the evaluation of its row.
  private static func connective(
    _ operands: [ScalarExpression], decisive: Int64, _ rows: Rows, _ context: EvaluationContext
  ) throws(SQLError) -> ColumnVector {
    var sawNullConstant = false
    var result: ColumnVector? = nil
    /// The positions still undecided; nil is all.
    var open: [Int32]? = nil
    for operand in operands {
      if let open, open.isEmpty { break }
      let value = try compute(operand, open.map(rows.picking) ?? rows, context)
      if value.count == 1 && (rows.count == 1 || result == nil) {
        // The same for all rows.
        if value.nulls[0] {
          sawNullConstant = true
        } else if value.int64s[0] == decisive {
          return ColumnVector(int64s: [decisive])
        }
        continue
      }
      if var known = result {
        let undecided = open ?? Array(0..<Int32(rows.count))
        let last = lastRow(value)
        for (index, position) in undecided.enumerated() {
          let row = Int(position)
          if value.nulls[index & last] {
            known.nulls.insert(row)
            known.int64s[row] = 0
          } else if value.int64s[index & last] == decisive {
            known.nulls.remove(row)
            known.int64s[row] = decisive
          }
        }
        open = undecided.filter { known.nulls[Int($0)] || known.int64s[Int($0)] != decisive }
        result = known
      } else {
        result = value
        let undecided = notDecided(value, decisive)
        if undecided.count < rows.count { open = undecided }
      }
    }
    guard var result else {
      if sawNullConstant {
        var null = ColumnVector(.int64)
        null.appendNull()
        return null
      }
      return ColumnVector(int64s: [1 - decisive])
    }
    if sawNullConstant {
      for row in result.int64s.indices where !result.nulls[row] && result.int64s[row] != decisive {
        result.nulls.insert(row)
        result.int64s[row] = 0
      }
    }
    return result
  }

  private static func notDecided(_ value: ColumnVector, _ decisive: Int64) -> [Int32] {
    var positions: [Int32] = []
    positions.reserveCapacity(value.count)
    for row in value.int64s.indices where value.nulls[row] || value.int64s[row] != decisive {
      positions.append(Int32(truncatingIfNeeded: row))
    }
    return positions
  }

  // MARK: Branches

  /// Columns that together make up the rows: where each row's value is.
  private struct Pieces {
    var columns: [ColumnVector] = []
    var column: [Int32]
    var row: [Int32]

    init(_ count: Int) {
      column = Array(repeating: -1, count: count)
      row = Array(repeating: 0, count: count)
    }

    mutating func add(_ values: ColumnVector, at positions: [Int32]) {
      let last = Int32(lastRow(values))
      for (index, position) in positions.enumerated() {
        column[Int(position)] = Int32(columns.count)
        row[Int(position)] = Int32(truncatingIfNeeded: index) & last
      }
      columns.append(values)
    }

    func merged(_ kind: PhysicalKind) -> ColumnVector {
      switch kind {
      case .int64: return scattered { (piece: ColumnVector) in piece.int64s }
      case .float64: return scattered { (piece: ColumnVector) in piece.float64s }
      case .numeric, .bytes: break
      }
      var result = ColumnVector(kind, capacity: column.count)
      for position in column.indices {
        if column[position] < 0 {
          result.appendNull()
        } else {
          result.append(columns[Int(column[position])], row: Int(row[position]))
        }
      }
      return result
    }

    /// Each row's value from its piece, for fixed-width values.
    @inline(__always)
    private func scattered<Value: Fixed>(_ values: (ColumnVector) -> [Value]) -> ColumnVector {
      let arrays = columns.map(values)
      var nulls = NullMask()
      var merged = [Value](unsafeUninitializedCapacity: column.count) { out, count in
        for position in column.indices {
          let piece = Int(column[position])
          out.initializeElement(at: position, to: piece < 0 ? Value.zero : arrays[piece][Int(row[position])])
        }
        count = column.count
      }
      if columns.contains(where: { !$0.nulls.isEmpty }) || column.contains(-1) {
        for position in column.indices {
          let piece = Int(column[position])
          if piece < 0 || columns[piece].nulls[Int(row[position])] {
            nulls.insert(position)
            merged[position] = Value.zero
          }
        }
      }
      var result = Value.column(merged)
      result.nulls = nulls
      return result
    }
  }

  private static func conditional(
    _ branches: [CaseBranch], _ otherwise: ScalarExpression, _ type: SQLType, _ rows: Rows,
    _ context: EvaluationContext
  ) throws(SQLError) -> ColumnVector {
    var pieces: Pieces? = nil
    /// The positions that no branch took yet; nil is all.
    var open: [Int32]? = nil
    for branch in branches {
      if let open, open.isEmpty { break }
      let openRows = open.map(rows.picking) ?? rows
      let condition = try compute(branch.condition, openRows, context)
      if condition.count == 1 {
        if condition.nulls[0] || condition.int64s[0] == 0 { continue }
        // All that are left take this branch.
        guard var pieces else { return try compute(branch.result, rows, context) }
        pieces.add(try compute(branch.result, openRows, context), at: open ?? [])
        return pieces.merged(type.kind)
      }
      let taken = positions(of: condition) { $0 != 0 }
      if taken.isEmpty { continue }
      if taken.count == openRows.count && pieces == nil { return try compute(branch.result, openRows, context) }
      let values = try compute(branch.result, openRows.picking(taken), context)
      if pieces == nil { pieces = Pieces(rows.count) }
      pieces?.add(values, at: open.map { open in taken.map { open[Int($0)] } } ?? taken)
      let left = (0..<Int32(openRows.count)).filter {
        condition.nulls[Int($0)] || condition.int64s[Int($0)] == 0
      }
      open = open.map { open in left.map { open[Int($0)] } } ?? left
    }
    guard var pieces, let open else { return try compute(otherwise, rows, context) }
    if !open.isEmpty { pieces.add(try compute(otherwise, rows.picking(open), context), at: open) }
    return pieces.merged(type.kind)
  }

  private static func coalesce(
    _ operands: [ScalarExpression], _ type: SQLType, _ rows: Rows, _ context: EvaluationContext
  ) throws(SQLError) -> ColumnVector {
    var pieces: Pieces? = nil
    var open: [Int32]? = nil
    for operand in operands {
      let openRows = open.map(rows.picking) ?? rows
      let values = try compute(operand, openRows, context)
      if values.count == 1 && values.nulls[0] { continue }
      if values.nulls.isEmpty && pieces == nil { return values }
      let all = open ?? Array(0..<Int32(rows.count))
      if pieces == nil { pieces = Pieces(rows.count) }
      pieces?.add(values, at: all)
      let last = lastRow(values)
      let left = all.indices.filter { values.nulls[$0 & last] }.map { all[$0] }
      if left.isEmpty { break }
      open = left
    }
    guard let pieces else {
      var null = ColumnVector(type.kind)
      null.appendNull()
      return null
    }
    return pieces.merged(type.kind)
  }

  // MARK: Lists

  private static func inList(
    _ operand: ScalarExpression, _ list: [ScalarExpression], _ equality: ScalarFunction, _ negated: Bool,
    _ rows: Rows, _ context: EvaluationContext
  ) throws(SQLError) -> ColumnVector {
    let value = try compute(operand, rows, context)
    if value.count == 1 && value.nulls[0] {
      var null = ColumnVector(.int64)
      null.appendNull()
      return list.isEmpty ? ColumnVector(int64s: [negated.int64]) : null
    }
    if value.kind == .int64 && equality.comparison == .equal && list.count > 4,
      let result = constantInt64List(value, list, negated, equality)
    {
      return result
    }
    var result = ColumnVector(int64s: Array(repeating: negated.int64, count: value.count))
    /// Positions not found in the list so far; nil is all. NULL is in no list, nor out of it.
    var open: [Int32]? = nil
    if !value.nulls.isEmpty && !list.isEmpty {
      result.nulls = value.nulls
      open = (0..<Int32(value.count)).filter { !value.nulls[Int($0)] }
    }
    for item in list {
      if let open, open.isEmpty { break }
      let openRows: Rows
      let openValue: ColumnVector
      if let open, value.count == rows.count {
        openRows = rows.picking(open)
        openValue = value.gather(open)
      } else {
        openRows = rows
        openValue = value
      }
      let itemValue = try compute(item, openRows, context)
      if itemValue.count == 1 && itemValue.nulls[0] {
        for position in open ?? Array(0..<Int32(result.count)) { result.nulls.insert(Int(position)) }
        continue
      }
      let equal = try apply(equality, [openValue, itemValue], openRows.count, context)
      if equal.count > result.count {
        // A constant operand met an item that varies: each row for itself.
        return try inListVarying(expand(value, rows.count), list, equality, negated, rows, context)
      }
      let all = open ?? Array(0..<Int32(result.count))
      let last = lastRow(equal)
      var left: [Int32] = []
      left.reserveCapacity(all.count)
      for (index, position) in all.enumerated() {
        if equal.nulls[index & last] {
          result.nulls.insert(Int(position))
          left.append(position)
        } else if equal.int64s[index & last] != 0 {
          result.nulls.remove(Int(position))
          result.int64s[Int(position)] = (!negated).int64
        } else {
          left.append(position)
        }
      }
      open = left
    }
    clearNullRows(&result)
    return result
  }

  /// The same for an operand expanded to all rows.
  private static func inListVarying(
    _ value: ColumnVector, _ list: [ScalarExpression], _ equality: ScalarFunction, _ negated: Bool, _ rows: Rows,
    _ context: EvaluationContext
  ) throws(SQLError) -> ColumnVector {
    var result = ColumnVector(int64s: Array(repeating: negated.int64, count: rows.count))
    var open = Array(0..<Int32(rows.count))
    for item in list where !open.isEmpty {
      let openRows = rows.picking(open)
      let itemValue = expand(try compute(item, openRows, context), open.count)
      let equal = expand(try apply(equality, [value.gather(open), itemValue], open.count, context), open.count)
      var left: [Int32] = []
      for (index, position) in open.enumerated() {
        if equal.nulls[index] {
          result.nulls.insert(Int(position))
          left.append(position)
        } else if equal.int64s[index] != 0 {
          result.nulls.remove(Int(position))
          result.int64s[Int(position)] = (!negated).int64
        } else {
          left.append(position)
        }
      }
      open = left
    }
    clearNullRows(&result)
    return result
  }

  /// `IN` over constants that compare as plain integers, by binary search; nil if the list is not of that kind.
  private static func constantInt64List(
    _ value: ColumnVector, _ list: [ScalarExpression], _ negated: Bool, _ equality: ScalarFunction
  ) -> ColumnVector? {
    guard equality.arguments.count == 2, equality.arguments[0] == equality.arguments[1] else { return nil }
    var items: [Int64] = []
    items.reserveCapacity(list.count)
    var hasNull = false
    for item in list {
      guard case .constant(let datum, _) = item else { return nil }
      switch datum {
      case .int64(let item): items.append(item)
      case .null: hasNull = true
      default: return nil
      }
    }
    items.sort()
    var result = ColumnVector(.int64, capacity: value.count)
    for row in 0..<value.count {
      let wanted = value.int64s[row]
      var low = 0
      var high = items.count
      while low < high {
        let middle = (low + high) / 2
        if items[middle] < wanted { low = middle + 1 } else { high = middle }
      }
      let isFound = low < items.count && items[low] == wanted
      if value.nulls[row] || (!isFound && hasNull) {
        result.appendNull()
      } else {
        result.int64s.append((isFound != negated).int64)
      }
    }
    return result
  }
}

extension ColumnVector {
  /// The rows of a column, with the bytes of NULL rows left out.
  fileprivate init(_ kind: PhysicalKind, capacity: Int, rows: [Int32], of column: ColumnVector) {
    self.init(kind, capacity: capacity)
    for row in rows { append(column, row: Int(row)) }
  }
}
