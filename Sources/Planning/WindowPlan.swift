// What the executor computes for OVER: calls that share one partitioning and order, each with a frame of its own.
// Contract: the input comes sorted by the partition's expressions, then by the order; the output is the input's columns and
// one more for each call. Source: PostgreSQL manual, 4.2.8 and 7.2.5.

import Expressions
import SQLTypes

/// The frame of a call, its offsets resolved.
public struct WindowFramePlan: Sendable {
  public enum Mode: UInt8, Sendable, Hashable { case rows, range, groups }
  public enum Exclusion: UInt8, Sendable, Hashable { case none, currentRow, group, ties }
  public enum Bound: Sendable {
    case unboundedPreceding
    /// The offset has no columns of the input.
    case preceding(ScalarExpression)
    case currentRow
    case following(ScalarExpression)
    case unboundedFollowing
  }

  public var mode: Mode
  public var start: Bound
  public var end: Bound
  public var exclusion: Exclusion
  /// RANGE with an offset: the sort key and, where a bound has an offset, the key of the outermost row within it, all of
  /// one type, over the input's columns.
  public var rangeKey: ScalarExpression?
  public var rangeStart: ScalarExpression?
  public var rangeEnd: ScalarExpression?

  public init(
    _ mode: Mode, start: Bound, end: Bound, exclusion: Exclusion = .none, rangeKey: ScalarExpression? = nil,
    rangeStart: ScalarExpression? = nil, rangeEnd: ScalarExpression? = nil
  ) {
    self.mode = mode
    self.start = start
    self.end = end
    self.exclusion = exclusion
    self.rangeKey = rangeKey
    self.rangeStart = rangeStart
    self.rangeEnd = rangeEnd
  }

  /// From the partition's first row to the current row and its peers.
  public static let standard = WindowFramePlan(.range, start: .unboundedPreceding, end: .currentRow)
}

/// One call with OVER.
public struct WindowCall: Sendable {
  public enum Function: Sendable {
    case window(WindowFunction)
    case aggregate(AggregateFunction)
  }

  public var function: Function
  public var arguments: [ScalarExpression]
  /// Aggregates only.
  public var filter: ScalarExpression?
  public var frame: WindowFramePlan
  public var type: SQLType

  public init(
    function: Function, arguments: [ScalarExpression], filter: ScalarExpression? = nil,
    frame: WindowFramePlan = .standard, type: SQLType
  ) {
    self.function = function
    self.arguments = arguments
    self.filter = filter
    self.frame = frame
    self.type = type
  }

  public var name: String {
    switch function {
    case .window(let function): function.name
    case .aggregate(let function): function.name
    }
  }

  /// Everything that it computes, over the input's columns.
  public var expressions: [ScalarExpression] {
    arguments + [filter, frame.rangeKey, frame.rangeStart, frame.rangeEnd].compactMap { $0 } + offsets
  }

  private var offsets: [ScalarExpression] {
    [frame.start, frame.end].compactMap { bound in
      switch bound {
      case .preceding(let offset), .following(let offset): offset
      default: nil
      }
    }
  }

  /// The same call with each expression rewritten.
  func map(_ transform: (ScalarExpression) throws(SQLError) -> ScalarExpression) throws(SQLError) -> WindowCall {
    func optional(_ expression: ScalarExpression?) throws(SQLError) -> ScalarExpression? {
      guard let expression else { return nil }
      return try transform(expression)
    }
    func bound(_ bound: WindowFramePlan.Bound) throws(SQLError) -> WindowFramePlan.Bound {
      switch bound {
      case .preceding(let offset): .preceding(try transform(offset))
      case .following(let offset): .following(try transform(offset))
      default: bound
      }
    }
    var call = self
    call.arguments = try arguments.mapTyped(transform)
    call.filter = try optional(filter)
    call.frame.start = try bound(frame.start)
    call.frame.end = try bound(frame.end)
    call.frame.rangeKey = try optional(frame.rangeKey)
    call.frame.rangeStart = try optional(frame.rangeStart)
    call.frame.rangeEnd = try optional(frame.rangeEnd)
    return call
  }
}

/// Calls over one window.
public struct WindowPlan: Sendable {
  public var partition: [ScalarExpression]
  public var order: [SortKey]
  public var calls: [WindowCall]

  public init(partition: [ScalarExpression], order: [SortKey], calls: [WindowCall]) {
    self.partition = partition
    self.order = order
    self.calls = calls
  }

  public var expressions: [ScalarExpression] {
    partition + order.map(\.expression) + calls.flatMap(\.expressions)
  }
}

/// A call and the column that it becomes.
struct ComputedWindowCall: Sendable {
  var id: ColumnID
  var call: WindowCall
}

/// The calls of a query that share one partitioning and order.
struct WindowStep: Sendable {
  var partition: [ScalarExpression]
  var order: [SortKey]
  var calls: [ComputedWindowCall]

  var expressions: [ScalarExpression] {
    partition + order.map(\.expression) + calls.flatMap(\.call.expressions)
  }

  func map(_ transform: (ScalarExpression) throws(SQLError) -> ScalarExpression) throws(SQLError) -> WindowStep {
    var step = self
    step.partition = try partition.mapTyped(transform)
    step.order = try order.mapTyped { (key: SortKey) throws(SQLError) in
      SortKey(try transform(key.expression), isDescending: key.isDescending, nullsFirst: key.nullsFirst)
    }
    step.calls = try calls.mapTyped { (computed: ComputedWindowCall) throws(SQLError) in
      ComputedWindowCall(id: computed.id, call: try computed.call.map(transform))
    }
    return step
  }

  func map(pure transform: (ScalarExpression) -> ScalarExpression) -> WindowStep {
    do { return try map { (expression: ScalarExpression) throws(SQLError) in transform(expression) } } catch {
      return self
    }
  }
}
