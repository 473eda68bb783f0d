// Where a partitioned table's rows go: its bounds as values, in order, and the key over a row. The same routing sends new rows to
// their partitions and says of a row that stands in one whether it may.
// Source: PostgreSQL manual, 5.11; its partbounds.c for which partition takes NULL.

import Catalog
import Expressions
import SQLTypes

public struct PartitionRouting: Sendable {
  public var table: TableDescriptor
  public var strategy: PartitionStrategy
  /// Over the columns of a row.
  public var keys: [ScalarExpression]
  /// The partitions in the order of their bounds; the default partition last.
  public var children: [OID]
  private var bounds: [Bound]
  private var types: [TypeInfo]

  private enum Bound: Sendable {
    case list([Datum])
    case range(from: [Edge], to: [Edge])
    case hash(modulus: UInt64, remainder: UInt64)
    case rest
  }

  private enum Edge: Sendable {
    case minimum, maximum
    case value(Datum)
  }

  /// - Parameter keys: one for each of the table's partition keys, over whatever row there is.
  public init(_ table: TableDescriptor, children: [TableDescriptor], keys: [ScalarExpression]) throws(SQLError) {
    guard let partitioning = table.lineage.partitioning else {
      throw SQLError(.internalError, "table \"\(table.name)\" is not partitioned")
    }
    self.table = table
    strategy = partitioning.strategy
    self.keys = keys
    var types: [TypeInfo] = []
    for key in partitioning.keys {
      guard let info = TypeInfo.find(key.type.oid) else {
        throw SQLError(.undefinedObject, "type with OID \(key.type.oid) does not exist")
      }
      types.append(info)
    }
    self.types = types
    var found: [(oid: OID, bound: Bound)] = []
    for child in children {
      guard let bound = child.lineage.bound else { continue }
      found.append((child.oid, try Self.decoded(bound, types)))
    }
    let sorted = found.sorted { Self.isBefore($0.bound, $1.bound, types) }
    self.children = sorted.map(\.oid)
    bounds = sorted.map(\.bound)
  }

  /// The same over other keys.
  public func over(_ keys: [ScalarExpression]) -> PartitionRouting {
    var routing = self
    routing.keys = keys
    return routing
  }

  private static func decoded(_ bound: PartitionBound, _ types: [TypeInfo]) throws(SQLError) -> Bound {
    func values(_ edges: [PartitionEdge]) throws(SQLError) -> [Edge] {
      var result: [Edge] = []
      for (place, edge) in edges.enumerated() {
        switch edge {
        case .minimum: result.append(.minimum)
        case .maximum: result.append(.maximum)
        case .null: result.append(.value(.null))
        case .value(let text): result.append(.value(try types[min(place, types.count - 1)].input(text)))
        }
      }
      return result
    }
    switch bound {
    case .list(let edges):
      var list: [Datum] = []
      for edge in edges {
        if case .value(let text) = edge { list.append(try types[0].input(text)) } else { list.append(.null) }
      }
      return .list(list)
    case .range(let from, let to): return .range(from: try values(from), to: try values(to))
    case .hash(let modulus, let remainder): return .hash(modulus: UInt64(modulus), remainder: UInt64(remainder))
    case .rest: return .rest
    }
  }

  private static func compare(_ a: [Edge], _ b: [Edge], _ types: [TypeInfo]) -> Int {
    for (place, (x, y)) in zip(a, b).enumerated() {
      switch (x, y) {
      case (.minimum, .minimum), (.maximum, .maximum): return 0
      case (.minimum, _), (_, .maximum): return -1
      case (.maximum, _), (_, .minimum): return 1
      case (.value(let v), .value(let w)):
        let order = types[place].compare(v, w)
        if order != 0 { return order }
      }
    }
    return 0
  }

  private static func isBefore(_ a: Bound, _ b: Bound, _ types: [TypeInfo]) -> Bool {
    switch (a, b) {
    case (.rest, _): return false
    case (_, .rest): return true
    case (.list(let x), .list(let y)):
      func least(_ list: [Datum]) -> Datum? { list.filter { !$0.isNull }.min { types[0].compare($0, $1) < 0 } }
      guard let p = least(x) else { return false }
      guard let q = least(y) else { return true }
      return types[0].compare(p, q) < 0
    case (.range(let x, _), .range(let y, _)): return compare(x, y, types) < 0
    case (.hash(let m, let r), .hash(let n, let s)): return m != n ? m < n : r < s
    default: return false
    }
  }

  /// The place among `children` of the partition for a row; nil: there is none.
  public func child(_ key: [ColumnVector], _ row: Int) -> Int? {
    let rest = bounds.last.map { if case .rest = $0 { true } else { false } } == true ? bounds.count - 1 : nil
    switch strategy {
    case .list:
      let isNull = key[0].nulls[row]
      for (place, bound) in bounds.enumerated() {
        guard case .list(let values) = bound else { continue }
        if isNull ? values.contains(where: \.isNull) : values.contains(where: { matches(key[0], row, $0) }) {
          return place
        }
      }
      return rest
    case .range:
      if key.contains(where: { $0.nulls[row] }) { return rest }
      // The last that begins at or before the row.
      var (low, high) = (0, rest ?? bounds.count)
      while low < high {
        let middle = (low + high) / 2
        if case .range(let from, _) = bounds[middle], compare(key, row, from) >= 0 {
          low = middle + 1
        } else {
          high = middle
        }
      }
      if low > 0, case .range(_, let to) = bounds[low - 1], compare(key, row, to) < 0 { return low - 1 }
      return rest
    case .hash:
      var hash: UInt64 = 0
      for (column, info) in zip(key, types) {
        hash = column.nulls[row] ? hash &* 31 &+ 1 : info.hash(column, row, seed: hash)
      }
      return bounds.firstIndex { bound in
        guard case .hash(let modulus, let remainder) = bound else { return false }
        return hash % modulus == remainder
      }
    }
  }

  private func matches(_ column: ColumnVector, _ row: Int, _ value: Datum) -> Bool {
    !value.isNull && types[0].compare(column.datum(row), value) == 0
  }

  private func compare(_ key: [ColumnVector], _ row: Int, _ edges: [Edge]) -> Int {
    for (place, edge) in edges.enumerated() {
      switch edge {
      case .minimum: return 1
      case .maximum: return -1
      case .value(let value):
        let order = types[place].compare(key[place].datum(row), value)
        if order != 0 { return order }
      }
    }
    return 0
  }

  /// Whether a partition may hold rows whose first key compares so with a value.
  public func mayHold(_ child: Int, _ comparison: Comparison, _ value: Datum) -> Bool {
    // Nothing compares with NULL.
    if value.isNull { return false }
    guard strategy == .range, case .range(let from, let to) = bounds[child] else { return true }
    func order(_ edge: Edge) -> Int {
      switch edge {
      case .minimum: -1
      case .maximum: 1
      case .value(let bound): types[0].compare(bound, value)
      }
    }
    let (low, high) = (order(from[0]), order(to[0]))
    // With one key the upper bound itself is out.
    let isAbove = keys.count == 1 ? high > 0 : high >= 0
    switch comparison {
    case .equal: return low <= 0 && isAbove
    case .less: return low < 0
    case .lessOrEqual: return low <= 0
    case .greater, .greaterOrEqual: return isAbove
    case .notEqual: return true
    }
  }

  // MARK: Bounds against each other

  /// The partition whose bound shares rows with a new one; error 42P17 for a range that holds none.
  public func overlap(with bound: PartitionBound) throws(SQLError) -> OID? {
    let new = try Self.decoded(bound, types)
    for (oid, old) in zip(children, bounds) {
      let meets: Bool =
        switch (new, old) {
        case (.rest, .rest): true
        case (.list(let x), .list(let y)):
          x.contains { a in
            y.contains { b in a.isNull || b.isNull ? a.isNull && b.isNull : types[0].compare(a, b) == 0 }
          }
        case (.range(let from, let to), .range(let low, let high)):
          Self.compare(from, high, types) < 0 && Self.compare(low, to, types) < 0
        case (.hash(let m, let r), .hash(let n, let s)): r % min(m, n) == s % min(m, n)
        default: false
        }
      if meets { return oid }
    }
    return nil
  }

  /// Whether a range's lower bound is below its upper one.
  public func isEmpty(_ bound: PartitionBound) throws(SQLError) -> Bool {
    guard case .range(let from, let to) = try Self.decoded(bound, types) else { return false }
    return Self.compare(from, to, types) >= 0
  }

  /// The moduli of its hash partitions.
  public var moduli: [Int64] {
    bounds.compactMap { if case .hash(let modulus, _) = $0 { Int64(modulus) } else { nil } }
  }

  public var defaultPartition: OID? {
    guard case .rest? = bounds.last else { return nil }
    return children.last
  }
}

/// What a statement's conditions say of a partition before any of its rows is read.
public struct PartitionPruning: Sendable {
  public var level: PartitionGuard.Level
  /// What each of the keys is equal to, if that is known of all.
  public var equal: [ScalarExpression]?
  /// What the first key is compared with.
  public var first: [(comparison: Comparison, value: ScalarExpression)]
}

/// What a row must satisfy to stand where it does: at each level its table's routing must lead on to it.
public struct PartitionGuard: Sendable {
  public struct Level: Sendable {
    public var routing: PartitionRouting
    /// The place among the routing's children.
    public var child: Int
  }
  public var levels: [Level]

  /// The same with its keys rewritten.
  public func map(_ body: (ScalarExpression) -> ScalarExpression) -> PartitionGuard {
    PartitionGuard(
      levels: levels.map { Level(routing: $0.routing.over($0.routing.keys.map(body)), child: $0.child) })
  }
}

/// A partitioned table with all below it, as the rows that are put into it see it. Keys are over the columns of the table at the top.
public indirect enum PartitionTree: Sendable {
  /// The place among the targets.
  case leaf(Int)
  case branch(PartitionRouting, [PartitionTree])
}

/// A table that holds rows of a partitioned one.
public struct PartitionTarget: Sendable {
  public var table: TableDescriptor
  /// For each of its columns the ordinal of the column of the table at the top; nil: none there.
  public var columns: [Int?]
  /// Hidden columns of index expressions, over its own columns.
  public var computed: [ColumnAssignment]
  public var checks: [RowCheck]
  public var predicates: IndexPredicates
  public var references: ReferencePlan
  public var onConflict: ConflictAction?
}

public final class PartitionPlan: Sendable {
  public let table: TableDescriptor
  /// Of the table at the top itself, where it is a partition, over its columns.
  public let guarded: PartitionGuard?
  public let tree: PartitionTree
  public let targets: [PartitionTarget]

  init(table: TableDescriptor, guarded: PartitionGuard?, tree: PartitionTree, targets: [PartitionTarget]) {
    self.table = table
    self.guarded = guarded
    self.tree = tree
    self.targets = targets
  }
}

/// What becomes of rows that an UPDATE makes unfit for the partition in which they stand.
public struct PartitionMove: Sendable {
  /// Over the partition's columns.
  public var stays: PartitionGuard
  /// Into the table that the statement named.
  public var plan: PartitionPlan
  /// For each of the columns of that table the ordinal of the partition's column; nil: none there.
  public var columns: [Int?]
  /// The ordinal in the source of the column that says of which table a row is, where it is wanted.
  public var tableOrdinal: Int?
}
