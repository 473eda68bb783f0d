// HOT: OVER. Rows come sorted by partition and order; those of one partition are kept until it ends, then every call is
// computed for all of them at once. Values are compared through their key encoding, as everywhere.
// A partition must fit in memory: the frame of a row may reach any other.

import Expressions
import Planning
import SQLTypes

final class WindowOperator: Operator {
  private let input: Operator
  private let plan: WindowPlan
  private let partitionInfos: [TypeInfo]
  private let orderInfos: [TypeInfo]

  private var rows: RowBuffer
  private var partition: WindowPartition
  private var partitionKey: [UInt8]?
  private var peerKey: [UInt8] = []
  private var scratch: [UInt8] = []
  /// Rows of finished partitions that wait to be given.
  private var ready: [Batch] = []
  private var given = 0
  private var isDone = false
  private var held = 0

  init(_ input: Operator, _ plan: WindowPlan, output: [SQLType]) {
    self.input = input
    self.plan = plan
    partitionInfos = plan.partition.map(\.type.behavior)
    orderInfos = plan.order.map(\.expression.type.behavior)
    rows = RowBuffer(kinds: input.kinds, memory: input.context.memory)
    partition = WindowPartition(plan)
    super.init(input.context, kinds: output.map(\.storage))
  }

  override func next() async throws(SQLError) -> Batch? {
    while true {
      if given < ready.count {
        defer { given += 1 }
        return ready[given]
      }
      ready.removeAll(keepingCapacity: true)
      given = 0
      if isDone { return nil }
      try await context.breathe()
      guard let batch = try await input.next() else {
        isDone = true
        try await finishPartition()
        continue
      }
      try await add(batch)
    }
  }

  private func add(_ batch: Batch) async throws(SQLError) {
    let partitionColumns = try evaluate(plan.partition, batch)
    let orderColumns = try evaluate(plan.order.map(\.expression), batch)
    var begin = 0
    // Where peers begin, from `begin` on.
    var peers: [Int] = []
    for row in 0..<batch.rowCount {
      scratch.removeAll(keepingCapacity: true)
      for index in partitionInfos.indices {
        partitionInfos[index].encodeKey(partitionColumns, index, row, nulls: .last, into: &scratch)
      }
      let isSame = partitionKey == scratch
      if !isSame {
        if partitionKey != nil {
          try keep(batch, begin..<row, peers)
          try await finishPartition()
        }
        begin = row
        peers = []
        partitionKey = scratch
      }
      scratch.removeAll(keepingCapacity: true)
      for index in orderInfos.indices {
        orderInfos[index].encodeKey(orderColumns, index, row, nulls: .last, into: &scratch)
      }
      if !isSame || peerKey != scratch {
        peers.append(row - begin)
        swap(&peerKey, &scratch)
      }
    }
    try keep(batch, begin..<batch.rowCount, peers)
  }

  private func evaluate(_ expressions: [ScalarExpression], _ batch: Batch) throws(SQLError) -> [ColumnVector] {
    var columns: [ColumnVector] = []
    columns.reserveCapacity(expressions.count)
    for expression in expressions { columns.append(try Evaluator.evaluate(expression, batch, context.evaluation)) }
    return columns
  }

  /// Adds rows of a batch to the partition under way.
  private func keep(_ batch: Batch, _ range: Range<Int>, _ peers: [Int]) throws(SQLError) {
    if range.isEmpty { return }
    let part = batch.slice(range)
    try partition.append(part, peers: peers, context)
    rows.append(part)
    let now = partition.byteCount
    context.memory.grow(now - held)
    held = now
    try context.checkHardMemory()
  }

  private func finishPartition() async throws(SQLError) {
    if rows.isEmpty { return }
    let values = try await partition.values(context)
    var start = 0
    for batch in rows.batches {
      var columns = batch.columns
      let all = start == 0 && batch.rowCount == rows.rowCount
      for value in values {
        columns.append(all ? value : value.gather(Array(Int32(start)..<Int32(start + batch.rowCount))))
      }
      start += batch.rowCount
      give(Batch(columns: columns, rowCount: batch.rowCount))
    }
    rows.removeAll()
    partition = WindowPartition(plan)
    context.memory.shrink(held)
    held = 0
  }

  /// Joins the rows of small partitions.
  private func give(_ batch: Batch) {
    if let last = ready.last, last.rowCount + batch.rowCount <= Batch.maximumRowCount {
      ready[ready.count - 1].append(contentsOf: batch)
    } else {
      ready.append(batch)
    }
  }

  override func rewind(_ reason: Rewind) {
    rows.removeAll()
    partition = WindowPartition(plan)
    context.memory.shrink(held)
    held = 0
    partitionKey = nil
    ready = []
    given = 0
    isDone = false
    input.rewind(reason)
  }
}
