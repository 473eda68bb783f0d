// HOT: the values of window calls for all rows of one partition. Aggregates over growing frames keep one state and read it
// after each group of peers; those over one frame for all are computed once; over any other frames each row is a group of
// its own, fed with the rows of its frame, a batch at a time.

import Expressions
import Planning
import SQLTypes

/// The rows of a partition, as far as its calls look at them.
struct WindowPartition {
  private let calls: [WindowCall]
  /// Of each call, each argument's column.
  private var arguments: [[ColumnVector]]
  /// Of each call, whether its filter lets a row pass.
  private var passing: [[Bool]]
  private var ranges: [WindowRanges]
  private var peers = PeerGroups()
  private(set) var byteCount = 0
  private let isDescending: Bool

  init(_ plan: WindowPlan) {
    let calls = plan.calls
    self.calls = calls
    isDescending = plan.order.first?.isDescending ?? false
    arguments = calls.map { $0.arguments.map { ColumnVector($0.type.storage) } }
    passing = calls.map { _ in [] }
    ranges = calls.map { WindowRanges($0.frame) }
  }

  mutating func append(_ batch: Batch, peers starts: [Int], _ context: ExecutionContext) throws(SQLError) {
    peers.append(count: batch.rowCount, peers: starts)
    for (index, call) in calls.enumerated() {
      for (position, argument) in call.arguments.enumerated() {
        let column = try Evaluator.evaluate(argument, batch, context.evaluation)
        byteCount += 8 * column.count + column.bytes.bytes.count
        arguments[index][position].append(contentsOf: column)
      }
      if let filter = call.filter {
        let rows = try Evaluator.filter(filter, batch, context.evaluation)
        var flags = [Bool](repeating: false, count: batch.rowCount)
        for row in rows { flags[Int(row)] = true }
        passing[index] += flags
      }
      try ranges[index].append(call.frame, batch, context)
    }
    byteCount += 8 * batch.rowCount
  }

  /// One column for each call.
  func values(_ context: ExecutionContext) async throws(SQLError) -> [ColumnVector] {
    var columns: [ColumnVector] = []
    for (index, call) in calls.enumerated() {
      try await context.breathe()
      switch call.function {
      case .window(let function): columns.append(try value(function, call, index, context))
      case .aggregate(let function): columns.append(try await aggregate(function, call, index, context))
      }
    }
    return columns
  }

  private func frames(_ call: WindowCall, _ index: Int, _ context: ExecutionContext) throws(SQLError) -> WindowFrames {
    try WindowFrames(call.frame, peers, ranges: ranges[index], isDescending: isDescending, context)
  }

  // MARK: Places

  private func value(
    _ function: WindowFunction, _ call: WindowCall, _ index: Int, _ context: ExecutionContext
  ) throws(SQLError) -> ColumnVector {
    let count = peers.rowCount
    let arguments = arguments[index]
    switch function.rule {
    case .rowNumber: return ColumnVector(int64s: Array(1...Int64(count)))
    case .rank: return ColumnVector(int64s: (0..<count).map { Int64(peers.start(of: $0) + 1) })
    case .denseRank: return ColumnVector(int64s: peers.groupOfRow.map { Int64($0) + 1 })
    case .percentRank:
      return ColumnVector(
        float64s: (0..<count).map { count < 2 ? 0 : Double(peers.start(of: $0)) / Double(count - 1) })
    case .cumulativeDistribution:
      return ColumnVector(float64s: (0..<count).map { Double(peers.end(of: $0)) / Double(count) })
    case .bucket: return try buckets(arguments[0], count)
    case .lag, .lead:
      var result = ColumnVector(call.type.storage, capacity: count)
      for row in 0..<count {
        var offset = 1
        if arguments.count > 1 {
          guard case .int64(let number) = arguments[1].datum(row) else {
            result.appendNull()
            continue
          }
          offset = Int(number)
        }
        let (other, overflow) =
          function.rule == .lag
          ? row.subtractingReportingOverflow(offset) : row.addingReportingOverflow(offset)
        if !overflow && other >= 0 && other < count {
          result.append(arguments[0], row: other)
        } else if arguments.count > 2 {
          result.append(arguments[2], row: row)
        } else {
          result.appendNull()
        }
      }
      return result
    case .firstValue, .lastValue, .nthValue:
      let frames = try frames(call, index, context)
      var result = ColumnVector(call.type.storage, capacity: count)
      for row in 0..<count {
        var place: Int? = 0
        if function.rule == .lastValue {
          place = frames.rowCount(of: row) - 1
        } else if function.rule == .nthValue {
          if case .int64(let number) = arguments[1].datum(row) {
            if number <= 0 {
              throw SQLError(
                .invalidArgumentForNthValue, "argument of nth_value must be greater than zero")
            }
            place = Int(number) - 1
          } else {
            place = nil
          }
        }
        if let place, place >= 0, let other = frames.row(at: place, of: row) {
          result.append(arguments[0], row: other)
        } else {
          result.appendNull()
        }
      }
      return result
    }
  }

  /// `ntile`: the number of buckets is that of the partition's first row.
  private func buckets(_ argument: ColumnVector, _ count: Int) throws(SQLError) -> ColumnVector {
    guard case .int64(let wanted) = argument.datum(0) else {
      return ColumnVector(.int64, repeating: .null, count: count)
    }
    if wanted <= 0 { throw SQLError(.invalidArgumentForNtile, "argument of ntile must be greater than zero") }
    let buckets = Int(wanted)
    let (size, larger) = (count / buckets, count % buckets)
    var values: [Int64] = []
    values.reserveCapacity(count)
    var bucket = 0
    while values.count < count {
      let own = bucket < larger ? size + 1 : size
      bucket += 1
      for _ in 0..<own { values.append(Int64(bucket)) }
    }
    return ColumnVector(int64s: values)
  }

  // MARK: Aggregates

  private func aggregate(
    _ function: AggregateFunction, _ call: WindowCall, _ index: Int, _ context: ExecutionContext
  ) async throws(SQLError) -> ColumnVector {
    let frames = try frames(call, index, context)
    let count = peers.rowCount
    let state = function.makeState()
    let feeder = Feeder(state: state, arguments: arguments[index], passing: passing[index], context: context)
    if frames.isUniform {
      state.grow(toGroupCount: 1)
      if frames.starts[0] < frames.ends[0] {
        try await feeder.add(Int(frames.starts[0])..<Int(frames.ends[0]), to: 0)
      }
      try feeder.flush()
      let value = try state.finish(groupCount: 1).datum(0)
      return ColumnVector(call.type.storage, repeating: value, count: count)
    }
    if frames.isGrowing {
      var result = ColumnVector(call.type.storage, capacity: count)
      state.grow(toGroupCount: 1)
      var end = 0
      var value: ColumnVector?
      for row in 0..<count {
        let next = Int(frames.ends[row])
        if next > end || value == nil {
          if next > end { try await feeder.add(end..<next, to: 0) }
          try feeder.flush()
          end = max(end, next)
          value = try state.finish(groupCount: 1)
        }
        if let value { result.append(value, row: 0) }
      }
      return result
    }
    state.grow(toGroupCount: count)
    for row in 0..<count {
      var ranges: [Range<Int>] = []
      frames.forEachRange(of: row) { ranges.append($0) }
      for range in ranges { try await feeder.add(range, to: row) }
    }
    try feeder.flush()
    return try state.finish(groupCount: count)
  }

  /// Gives rows to a state, a batch at a time.
  private final class Feeder {
    private let state: any AggregateState
    private let arguments: [ColumnVector]
    private let passing: [Bool]
    private let context: ExecutionContext
    private var rows: [Int32] = []
    private var groups: [Int32] = []

    init(state: any AggregateState, arguments: [ColumnVector], passing: [Bool], context: ExecutionContext) {
      self.state = state
      self.arguments = arguments
      self.passing = passing
      self.context = context
    }

    func add(_ range: Range<Int>, to group: Int) async throws(SQLError) {
      for row in range {
        if !passing.isEmpty && !passing[row] { continue }
        rows.append(Int32(row))
        groups.append(Int32(group))
        if rows.count == Batch.maximumRowCount {
          try flush()
          try await context.breathe()
        }
      }
    }

    func flush() throws(SQLError) {
      if rows.isEmpty { return }
      try state.update(
        groups: groups, arguments: arguments.map { $0.gather(rows) }, rowCount: rows.count,
        context: context.evaluation)
      rows.removeAll(keepingCapacity: true)
      groups.removeAll(keepingCapacity: true)
    }
  }
}
