// HOT: `GROUP BY`. Groups are numbered by their encoded keys; aggregate states work on a whole batch for all groups at
// once. When the groups outgrow memory, rows of groups not yet known are set aside in partitions by hash in temporary
// files, and each partition is aggregated by itself afterwards: a group lies wholly in memory or in one partition.

import Expressions
import Planning
import SQLTypes

final class AggregateOperator: Operator {
  private let input: Operator
  private let keys: [ScalarExpression]
  private let calls: [AggregateCall]
  private let infos: [TypeInfo]

  private var isOpen = false
  private var table = KeyTable()
  private var groupColumns: [ColumnVector] = []
  private var groupCount = 0
  private var running: [RunningCall] = []
  private var rowKeys = RowKeys()
  private var result: Batch?
  private var position = 0
  /// Partitions that wait: their rows and how often they were partitioned.
  private var waiting: [(rows: SpilledRows, depth: Int)] = []
  private var partitions: [SpilledRows] = []
  private var depth = 0
  private var held = 0

  /// Enough that a partition of a few times the memory fits, few enough to keep a window for each.
  private static let partitionCount = 16
  /// What one group's states occupy, about, for each call.
  private static let stateBytes = 48

  init(_ input: Operator, keys: [ScalarExpression], calls: [AggregateCall], output: [SQLType]) {
    self.input = input
    self.keys = keys
    self.calls = calls
    infos = keys.map(\.type.behavior)
    super.init(input.context, kinds: output.map(\.storage))
  }

  override func next() async throws(SQLError) -> Batch? {
    if !isOpen {
      isOpen = true
      begin()
      while let batch = try await input.next() {
        try await context.breathe()
        try add(batch)
      }
      // Without keys there is always one group.
      if keys.isEmpty && groupCount == 0 { addEmptyGroup() }
      try finish()
    }
    while true {
      if let result, position < result.rowCount {
        let end = min(result.rowCount, position + Batch.maximumRowCount)
        defer { position = end }
        return result.slice(position..<end)
      }
      result = nil
      guard let partition = waiting.popLast() else { return nil }
      try aggregate(partition.rows, depth: partition.depth)
    }
  }

  private func begin() {
    context.memory.shrink(held)
    held = 0
    table.removeAll()
    groupColumns = infos.map { ColumnVector($0.kind) }
    groupCount = 0
    running = calls.map { RunningCall($0) }
    position = 0
    result = nil
    partitions = []
  }

  private func addEmptyGroup() {
    groupCount = 1
    for call in running { call.state.grow(toGroupCount: 1) }
  }

  private func add(_ batch: Batch) throws(SQLError) {
    if keys.isEmpty {
      if groupCount == 0 { addEmptyGroup() }
      let groups = [Int32](repeating: 0, count: batch.rowCount)
      for call in running { try call.add(batch, groups, context) }
      return
    }
    var columns: [ColumnVector] = []
    columns.reserveCapacity(keys.count)
    for key in keys { columns.append(try Evaluator.evaluate(key, batch, context.evaluation)) }
    rowKeys.encode(columns, infos, rowCount: batch.rowCount)
    var groups = [Int32](repeating: 0, count: batch.rowCount)
    let isFull = depth < 4 && context.isOverWorkMemory && groupCount > Batch.maximumRowCount
    var kept: [Int32] = []
    for row in 0..<batch.rowCount {
      if isFull {
        guard let known = rowKeys.withKey(row, { table.find($0) }) else {
          try setAside(batch, row)
          continue
        }
        groups[kept.count] = Int32(known)
        kept.append(Int32(row))
        continue
      }
      let (number, isNew) = rowKeys.withKey(row) { table.insert($0) }
      groups[row] = Int32(number)
      if isNew {
        for index in columns.indices { groupColumns[index].append(columns[index], row: row) }
        groupCount += 1
      }
    }
    var input = batch
    if isFull {
      if kept.isEmpty { return }
      groups.removeLast(batch.rowCount - kept.count)
      if kept.count < batch.rowCount { input = batch.gather(kept) }
    }
    for call in running {
      call.state.grow(toGroupCount: groupCount)
      try call.add(input, groups, context)
    }
    let now = table.byteCount + groupCount * (32 + AggregateOperator.stateBytes * calls.count)
    context.memory.grow(now - held)
    held = now
    try context.checkHardMemory()
  }

  private func setAside(_ batch: Batch, _ row: Int) throws(SQLError) {
    if partitions.isEmpty {
      for _ in 0..<AggregateOperator.partitionCount {
        partitions.append(SpilledRows(try context.spill.makeFile(), kinds: input.kinds))
      }
    }
    // Other bits than those that the next depth, or the table's slots, use.
    let hash = rowKeys.withKey(row) { KeyTable.hash($0) }
    let partition = Int(truncatingIfNeeded: hash >> UInt64(60 - 4 * depth)) & (AggregateOperator.partitionCount - 1)
    try partitions[partition].append(key: [], batch.columns, row)
  }

  private func finish() throws(SQLError) {
    for partition in partitions where partition.rowCount > 0 {
      try partition.finish()
      waiting.append((partition, depth + 1))
    }
    partitions = []
    var columns = groupColumns
    for call in running { columns.append(try call.finish(groupCount, context)) }
    result = Batch(columns: columns, rowCount: groupCount)
    position = 0
  }

  private func aggregate(_ rows: SpilledRows, depth: Int) throws(SQLError) {
    begin()
    self.depth = depth
    var key: [UInt8] = []
    var more = true
    while more {
      try context.checkInterruption()
      var columns = input.kinds.map { ColumnVector($0) }
      var count = 0
      while count < Batch.maximumRowCount {
        more = try rows.next(key: &key, into: &columns)
        if !more { break }
        count += 1
      }
      if count > 0 { try add(Batch(columns: columns, rowCount: count)) }
    }
    try finish()
  }

  override func rewind(_ reason: Rewind) {
    isOpen = false
    depth = 0
    waiting = []
    begin()
    running = []
    input.rewind(reason)
  }
}

/// One aggregate call while it runs: its state, and what DISTINCT and ORDER BY need beside it.
final class RunningCall {
  let call: AggregateCall
  let state: any AggregateState
  private var seen = KeyTable()
  private var scratch: [UInt8] = []
  private let argumentInfos: [TypeInfo]
  /// With ORDER BY: the rows wait here until all are known.
  private var ordered: OrderedArguments?

  init(_ call: AggregateCall) {
    self.call = call
    state = call.function.makeState()
    argumentInfos = call.arguments.map(\.type.behavior)
  }

  func add(_ batch: Batch, _ groups: [Int32], _ context: ExecutionContext) throws(SQLError) {
    var batch = batch
    var groups = groups
    if let filter = call.filter {
      let passing = try Evaluator.filter(filter, batch, context.evaluation)
      if passing.isEmpty { return }
      if passing.count < batch.rowCount {
        batch = batch.gather(passing)
        groups = passing.map { groups[Int($0)] }
      }
    }
    var arguments: [ColumnVector] = []
    arguments.reserveCapacity(call.arguments.count)
    for argument in call.arguments { arguments.append(try Evaluator.evaluate(argument, batch, context.evaluation)) }
    if !call.order.isEmpty {
      let waiting = ordered ?? OrderedArguments(call, context)
      ordered = waiting
      try waiting.add(batch, arguments, groups)
      return
    }
    try feed(arguments, groups, context)
  }

  private func feed(_ arguments: [ColumnVector], _ groups: [Int32], _ context: ExecutionContext) throws(SQLError) {
    guard call.isDistinct else {
      try state.update(
        groups: groups, arguments: arguments, rowCount: groups.count, context: context.evaluation)
      return
    }
    var fresh: [Int32] = []
    let before = seen.byteCount
    for row in 0..<groups.count {
      scratch.removeAll(keepingCapacity: true)
      withUnsafeBytes(of: groups[row]) { scratch.append(contentsOf: $0) }
      for index in argumentInfos.indices {
        argumentInfos[index].encodeKey(arguments, index, row, nulls: .last, into: &scratch)
      }
      if seen.insert(scratch).isNew { fresh.append(Int32(row)) }
    }
    context.memory.grow(seen.byteCount - before)
    try context.checkHardMemory()
    if fresh.isEmpty { return }
    try state.update(
      groups: fresh.map { groups[Int($0)] }, arguments: arguments.map { $0.gather(fresh) }, rowCount: fresh.count,
      context: context.evaluation)
  }

  func finish(_ groupCount: Int, _ context: ExecutionContext) throws(SQLError) -> ColumnVector {
    state.grow(toGroupCount: groupCount)
    if let ordered {
      while let (arguments, groups) = ordered.next() { try feed(arguments, groups, context) }
    }
    return try state.finish(groupCount: groupCount)
  }
}

/// The arguments of an aggregate with ORDER BY, with their groups, to be fed in order. Held in memory.
private final class OrderedArguments {
  private let call: AggregateCall
  private let context: ExecutionContext
  private let rows: RowBuffer
  private var sorter = KeySorter()
  private var order: [RowReference]?
  private var position = 0
  private let infos: [TypeInfo]

  init(_ call: AggregateCall, _ context: ExecutionContext) {
    self.call = call
    self.context = context
    infos = call.order.map(\.expression.type.behavior)
    rows = RowBuffer(kinds: call.arguments.map(\.type.storage) + [.int64], memory: context.memory)
  }

  func add(_ batch: Batch, _ arguments: [ColumnVector], _ groups: [Int32]) throws(SQLError) {
    var keys: [ColumnVector] = []
    for key in call.order { keys.append(try Evaluator.evaluate(key.expression, batch, context.evaluation)) }
    let first = rows.append(
      Batch(columns: arguments + [ColumnVector(int64s: groups.map(Int64.init))], rowCount: groups.count))
    for row in 0..<groups.count {
      for (index, key) in call.order.enumerated() {
        infos[index].encodeKey(
          keys, index, row, descending: key.isDescending, nulls: key.nullsFirst ? .first : .last,
          into: &sorter.bytes)
      }
      sorter.endKey(first + Int64(row))
    }
    try context.checkHardMemory()
  }

  func next() -> (arguments: [ColumnVector], groups: [Int32])? {
    let order = self.order ?? sorter.sorted(limit: Int.max)
    self.order = order
    guard position < order.count else { return nil }
    let end = min(order.count, position + Batch.maximumRowCount)
    var columns = rows.gather(order[position..<end])
    position = end
    let groups = columns.removeLast().int64s.map { Int32($0) }
    return (columns, groups)
  }
}
