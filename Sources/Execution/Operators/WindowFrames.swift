// HOT: which rows of a partition each row's frame holds: from a row up to before another, less what EXCLUDE takes out.
// Source: PostgreSQL manual, 4.2.8, and its nodeWindowAgg.c for NULLs under RANGE and for frames that end before they begin.

import Expressions
import Planning
import SQLTypes

/// The peer groups of a partition: rows that are equal in the window's order.
struct PeerGroups {
  /// The first row of each group.
  private(set) var starts: [Int32] = []
  /// The group of each row.
  private(set) var groupOfRow: [Int32] = []

  var rowCount: Int { groupOfRow.count }

  /// Adds `count` rows, of which those at `peers` begin a new group.
  mutating func append(count: Int, peers: [Int]) {
    var next = 0
    for row in 0..<count {
      if next < peers.count && peers[next] == row {
        starts.append(Int32(groupOfRow.count))
        next += 1
      }
      groupOfRow.append(Int32(starts.count - 1))
    }
  }

  @inline(__always)
  func start(ofGroup group: Int) -> Int { Int(starts[group]) }

  @inline(__always)
  func end(ofGroup group: Int) -> Int { group + 1 < starts.count ? Int(starts[group + 1]) : rowCount }

  @inline(__always)
  func start(of row: Int) -> Int { start(ofGroup: Int(groupOfRow[row])) }

  @inline(__always)
  func end(of row: Int) -> Int { end(ofGroup: Int(groupOfRow[row])) }
}

/// The frames of all rows of a partition under one frame clause.
struct WindowFrames {
  /// The frame of row `i` is `starts[i]..<ends[i]`, empty if they cross.
  private(set) var starts: [Int32] = []
  private(set) var ends: [Int32] = []
  let exclusion: WindowFramePlan.Exclusion
  private let peers: PeerGroups

  /// - Parameter ranges: the columns of `rangeKey`, `rangeStart` and `rangeEnd`, where the frame has them.
  init(
    _ frame: WindowFramePlan, _ peers: PeerGroups, ranges: WindowRanges, isDescending: Bool,
    _ context: ExecutionContext
  ) throws(SQLError) {
    self.peers = peers
    exclusion = frame.exclusion
    let count = peers.rowCount
    let startOffset = try WindowFrames.offset(frame.start, frame.mode, isStart: true, context)
    let endOffset = try WindowFrames.offset(frame.end, frame.mode, isStart: false, context)
    starts.reserveCapacity(count)
    ends.reserveCapacity(count)
    switch frame.start {
    case .unboundedPreceding: starts = Array(repeating: 0, count: count)
    case .unboundedFollowing: starts = Array(repeating: Int32(count), count: count)
    case .currentRow:
      for row in 0..<count { starts.append(Int32(frame.mode == .rows ? row : peers.start(of: row))) }
    case .preceding, .following:
      let back: Bool = if case .preceding = frame.start { true } else { false }
      switch frame.mode {
      case .rows:
        for row in 0..<count { starts.append(Int32(WindowFrames.moved(row, startOffset, back: back, limit: count))) }
      case .groups:
        for row in 0..<count {
          let group = WindowFrames.moved(
            Int(peers.groupOfRow[row]), startOffset, back: back, limit: peers.starts.count)
          starts.append(Int32(group < peers.starts.count ? peers.start(ofGroup: group) : count))
        }
      case .range:
        starts = ranges.bounds(ranges.start, peers, isStart: true, isDescending: isDescending)
      }
    }
    switch frame.end {
    case .unboundedPreceding: ends = Array(repeating: 0, count: count)
    case .unboundedFollowing: ends = Array(repeating: Int32(count), count: count)
    case .currentRow:
      for row in 0..<count { ends.append(Int32(frame.mode == .rows ? row + 1 : peers.end(of: row))) }
    case .preceding, .following:
      let back: Bool = if case .preceding = frame.end { true } else { false }
      switch frame.mode {
      case .rows:
        for row in 0..<count {
          // One beyond the last row taken in; before the first row there is none.
          if back && endOffset > row {
            ends.append(0)
          } else {
            ends.append(Int32(min(count, WindowFrames.moved(row, endOffset, back: back, limit: count) + 1)))
          }
        }
      case .groups:
        for row in 0..<count {
          let own = Int(peers.groupOfRow[row])
          if back && endOffset > own {
            ends.append(0)
          } else {
            let group = WindowFrames.moved(own, endOffset, back: back, limit: peers.starts.count)
            ends.append(Int32(group < peers.starts.count ? peers.end(ofGroup: group) : count))
          }
        }
      case .range:
        ends = ranges.bounds(ranges.end, peers, isStart: false, isDescending: isDescending)
      }
    }
  }

  /// `place` moved by `offset`, within `0...limit`.
  @inline(__always)
  private static func moved(_ place: Int, _ offset: Int, back: Bool, limit: Int) -> Int {
    back ? (offset > place ? 0 : place - offset) : (offset > limit - place ? limit : place + offset)
  }

  /// The value of a bound's offset: a count, or 0 where it is none (RANGE), after the checks.
  private static func offset(
    _ bound: WindowFramePlan.Bound, _ mode: WindowFramePlan.Mode, isStart: Bool, _ context: ExecutionContext
  ) throws(SQLError) -> Int {
    let expression: ScalarExpression
    switch bound {
    case .preceding(let offset), .following(let offset): expression = offset
    default: return 0
    }
    let side = isStart ? "starting" : "ending"
    let value = try Evaluator.value(expression, context.evaluation)
    if value.isNull { throw SQLError(.nullValueNotAllowed, "frame \(side) offset must not be null") }
    let isNegative: Bool
    switch value {
    case .int64(let number): isNegative = number < 0
    case .float64(let number): isNegative = number < 0 || number.isNaN
    case .numeric(let number):
      isNegative = number.isNaN || expression.type.behavior.compare(value, .numeric(.zero)) < 0
    case .bytes: isNegative = expression.type.behavior.compare(value, Interval().datum) < 0
    case .null: isNegative = false
    }
    if isNegative {
      throw mode == .range
        ? SQLError(
          .invalidPrecedingOrFollowingSize, "invalid preceding or following size in window function")
        : SQLError(.invalidPrecedingOrFollowingSize, "frame \(side) offset must not be negative")
    }
    if case .int64(let number) = value, mode != .range { return Int(number) }
    return 0
  }

  /// Whether all rows have the same frame.
  var isUniform: Bool {
    guard exclusion == .none, let start = starts.first, let end = ends.first else { return false }
    return starts.allSatisfy { $0 == start } && ends.allSatisfy { $0 == end }
  }

  /// Whether each frame begins where the first does and ends no earlier than the one before.
  var isGrowing: Bool {
    guard exclusion == .none, let start = starts.first, start == 0 else { return false }
    var last: Int32 = 0
    for row in starts.indices {
      if starts[row] != 0 || ends[row] < last { return false }
      last = ends[row]
    }
    return true
  }

  /// Calls `body` with the rows of a row's frame, in order, as ranges.
  @inline(__always)
  func forEachRange(of row: Int, _ body: (Range<Int>) -> Void) {
    let (start, end) = (Int(starts[row]), Int(ends[row]))
    guard start < end else { return }
    let gap: Range<Int>
    switch exclusion {
    case .none:
      body(start..<end)
      return
    case .currentRow: gap = row..<row + 1
    case .group, .ties: gap = peers.start(of: row)..<peers.end(of: row)
    }
    if start < min(end, gap.lowerBound) { body(start..<min(end, gap.lowerBound)) }
    if exclusion == .ties && start <= row && row < end { body(row..<row + 1) }
    if max(start, gap.upperBound) < end { body(max(start, gap.upperBound)..<end) }
  }

  func rowCount(of row: Int) -> Int {
    var count = 0
    forEachRange(of: row) { count += $0.count }
    return count
  }

  /// The row at a place of the frame, counted from 0.
  func row(at place: Int, of row: Int) -> Int? {
    var (left, found): (Int, Int?) = (place, nil)
    forEachRange(of: row) { range in
      if found != nil { return }
      if left < range.count { found = range.lowerBound + left } else { left -= range.count }
    }
    return found
  }
}

/// The columns that RANGE with offsets compares.
struct WindowRanges {
  var key: ColumnVector?
  var start: ColumnVector?
  var end: ColumnVector?
  var info: TypeInfo?

  init(_ frame: WindowFramePlan) {
    info = frame.rangeKey?.type.behavior
    guard let kind = info?.kind else { return }
    key = ColumnVector(kind)
    if frame.rangeStart != nil { start = ColumnVector(kind) }
    if frame.rangeEnd != nil { end = ColumnVector(kind) }
  }

  mutating func append(_ frame: WindowFramePlan, _ batch: Batch, _ context: ExecutionContext) throws(SQLError) {
    if let expression = frame.rangeKey {
      key?.append(contentsOf: try Evaluator.evaluate(expression, batch, context.evaluation))
    }
    if let expression = frame.rangeStart {
      start?.append(contentsOf: try Evaluator.evaluate(expression, batch, context.evaluation))
    }
    if let expression = frame.rangeEnd {
      end?.append(contentsOf: try Evaluator.evaluate(expression, batch, context.evaluation))
    }
  }

  /// For each row the first row not before its bound, or for ends the first row after it. Rows whose key is NULL have each
  /// other as frame; bounds move forward with the rows, so that one pass is enough.
  func bounds(_ bound: ColumnVector?, _ peers: PeerGroups, isStart: Bool, isDescending: Bool) -> [Int32] {
    guard let key, let bound, let info else { preconditionFailure("a RANGE offset has its columns") }
    let count = peers.rowCount
    var first = 0
    while first < count && key.nulls[first] { first += 1 }
    var last = count
    while last > first && key.nulls[last - 1] { last -= 1 }
    var result: [Int32] = []
    result.reserveCapacity(count)
    var place = first
    for row in 0..<count {
      if row < first || row >= last {
        result.append(Int32(isStart ? peers.start(of: row) : peers.end(of: row)))
        continue
      }
      var limit = bound.datum(row)
      if limit.isNaN && !key.datum(row).isNaN {
        // Infinity less infinity: all are within reach but the values that are not numbers.
        let isLow = isStart != isDescending
        if case .float64 = limit {
          limit = .float64(isLow ? -.infinity : .infinity)
        } else {
          limit = .numeric(isLow ? .negativeInfinity : .infinity)
        }
      }
      while place < last {
        let order = info.compare(key.datum(place), limit)
        let signed = isDescending ? -order : order
        if isStart ? signed >= 0 : signed > 0 { break }
        place += 1
      }
      result.append(Int32(place))
    }
    return result
  }
}

extension Datum {
  fileprivate var isNaN: Bool {
    switch self {
    case .float64(let value): value.isNaN
    case .numeric(let value): value.isNaN
    default: false
    }
  }
}
