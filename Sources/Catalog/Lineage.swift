// Which tables a table descends from, and which descend from it: inheritance, and partitions, which are inheritance with a rule
// for which rows go where. Parents and children name each other; both ends change in one step.
// Source: PostgreSQL manual, 5.10 "Inheritance", 5.11 "Table Partitioning".

import Expressions
import SQLTypes

public enum PartitionStrategy: UInt8, Sendable, Hashable {
  case range, list, hash

  public var name: String {
    switch self {
    case .range: "range"
    case .list: "list"
    case .hash: "hash"
    }
  }
}

/// What a partitioned table's rows are told apart by: a column, or an expression as SQL text.
public struct PartitionKey: Sendable, Hashable {
  /// Nil: an expression.
  public var column: UInt32?
  public var expressionSQL: String?
  /// The columns that it reads.
  public var columns: [UInt32]
  public var type: SQLType

  public init(column: UInt32?, expressionSQL: String? = nil, columns: [UInt32], type: SQLType) {
    self.column = column
    self.expressionSQL = expressionSQL
    self.columns = columns
    self.type = type
  }
}

public struct Partitioning: Sendable, Hashable {
  public var strategy: PartitionStrategy
  public var keys: [PartitionKey]

  public init(_ strategy: PartitionStrategy, keys: [PartitionKey]) {
    self.strategy = strategy
    self.keys = keys
  }
}

/// A value of a partition's bound, in the text form of its key's type under the standard settings.
public enum PartitionEdge: Sendable, Hashable {
  case minimum, maximum, null
  case value(String)
}

/// Which rows of its parent a partition holds.
public enum PartitionBound: Sendable, Hashable {
  case list([PartitionEdge])
  /// From these values, up to before those.
  case range(from: [PartitionEdge], to: [PartitionEdge])
  case hash(modulus: Int64, remainder: Int64)
  /// What no other partition holds.
  case rest
}

public struct Lineage: Sendable, Hashable {
  /// In the order in which they were named; a partition has one.
  public var parents: [OID] = []
  /// By OID.
  public var children: [OID] = []
  /// Of a partitioned table, which holds no rows itself.
  public var partitioning: Partitioning?
  /// Of a partition.
  public var bound: PartitionBound?

  public init() {}

  public var isEmpty: Bool { parents.isEmpty && children.isEmpty && partitioning == nil && bound == nil }
}

extension TableDescriptor {
  public var isPartitioned: Bool { lineage.partitioning != nil }
  public var isPartition: Bool { lineage.bound != nil }

  /// A partition key as SQL text over the table's columns.
  public func text(of key: PartitionKey) -> String {
    key.column.flatMap(column(id:)).map { quoteIdentifier($0.name) } ?? key.expressionSQL ?? ""
  }
}

extension CatalogView {
  public func children(of table: TableDescriptor) -> [TableDescriptor] {
    table.lineage.children.compactMap(snapshot.relation)
  }

  /// The table and all that descend from it, each once, parents before their children.
  public func family(of table: TableDescriptor) -> [TableDescriptor] {
    var found = [table]
    var next = 0
    while next < found.count {
      for child in children(of: found[next]) where !found.contains(where: { $0.oid == child.oid }) {
        found.append(child)
      }
      next += 1
    }
    return found
  }

  /// The tables above a table, from its own parent up.
  public func ancestors(of table: TableDescriptor) -> [TableDescriptor] {
    var found: [TableDescriptor] = []
    var next = table.lineage.parents
    while let oid = next.first {
      next.removeFirst()
      guard let parent = snapshot.relation(oid), !found.contains(where: { $0.oid == oid }) else { continue }
      found.append(parent)
      next += parent.lineage.parents
    }
    return found
  }
}

extension CatalogWriter {
  /// Makes `child` a child of `parent`; as a partition if there is a bound. What its rows and columns must be like the caller has
  /// seen to.
  public func attach(_ child: OID, to parent: OID, bound: PartitionBound?) throws(SQLError) {
    let (old, above) = (try table(child), try table(parent))
    let changed = try old.changed { (draft) throws(SQLError) in
      draft.lineage.parents.append(parent)
      draft.lineage.bound = bound
      for index in draft.columns.indices where !draft.columns[index].isHidden {
        guard let inherited = above.column(named: draft.columns[index].name), !inherited.isHidden else { continue }
        draft.columns[index].isInherited = true
        if bound != nil { draft.columns[index].isLocal = false }
      }
      for index in draft.checks.indices where above.checks.contains(where: { $0.name == draft.checks[index].name }) {
        draft.checks[index].isInherited = true
      }
    }
    apply(put: [.relation(changed)])
    try link(child, under: parent)
  }

  /// The column is the table's own from here on.
  public func disinheritColumn(of oid: OID, named name: String) throws(SQLError) {
    _ = try changeColumn(of: oid, named: name) { $0.isInherited = false }
  }

  /// Notes a child with its parent.
  func link(_ child: OID, under parent: OID) throws(SQLError) {
    let changed = try table(parent).changed { (draft) throws(SQLError) in
      draft.lineage.children = (draft.lineage.children.filter { $0 != child } + [child]).sorted()
    }
    apply(put: [.relation(changed)])
  }

  /// Parts a child from a parent; its columns and checks stay, as its own.
  public func detach(_ child: OID, from parent: OID) throws(SQLError) {
    let changed = try table(child).changed { (draft) throws(SQLError) in
      draft.lineage.parents.removeAll { $0 == parent }
      draft.lineage.bound = nil
      let others = draft.lineage.parents.compactMap(view.relation)
      for index in draft.columns.indices {
        let name = draft.columns[index].name
        draft.columns[index].isInherited = others.contains { $0.column(named: name).map { !$0.isHidden } ?? false }
        draft.columns[index].isLocal = true
      }
      for index in draft.checks.indices {
        let name = draft.checks[index].name
        draft.checks[index].isInherited = others.contains { $0.checks.contains { $0.name == name } }
      }
    }
    let above = try table(parent).changed { (draft) throws(SQLError) in
      draft.lineage.children.removeAll { $0 == child }
    }
    apply(put: [.relation(changed), .relation(above)])
  }
}

extension DescriptorCoding {
  static func write(_ lineage: Lineage, _ out: inout FieldWriter) {
    out.integers(1, lineage.parents.map { Int64($0.rawValue) })
    out.integers(2, lineage.children.map { Int64($0.rawValue) })
    if let partitioning = lineage.partitioning {
      out.message(3) {
        $0.integer(1, Int64(partitioning.strategy.rawValue))
        for key in partitioning.keys {
          $0.message(2) {
            $0.integer(1, key.column.map(Int64.init))
            $0.text(2, key.expressionSQL)
            $0.integers(3, key.columns.map(Int64.init))
            $0.type(4, key.type)
          }
        }
      }
    }
    if let bound = lineage.bound {
      out.message(4) {
        switch bound {
        case .list(let values): write(values, 1, &$0)
        case .range(let from, let to):
          write(from, 2, &$0)
          write(to, 3, &$0)
        case .hash(let modulus, let remainder):
          $0.integer(4, modulus)
          $0.integer(5, remainder)
        case .rest: $0.flag(6, true)
        }
      }
    }
  }

  private static func write(_ edges: [PartitionEdge], _ tag: UInt64, _ out: inout FieldWriter) {
    for edge in edges {
      out.message(tag) {
        switch edge {
        case .minimum: $0.integer(1, 1)
        case .maximum: $0.integer(1, 2)
        case .null: $0.integer(1, 3)
        case .value(let text): $0.text(2, text)
        }
      }
    }
  }

  static func readLineage(_ bytes: UnsafeRawBufferPointer) -> Lineage? {
    var lineage = Lineage()
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.uint32s.map { $0.map { OID($0) } }.store(in: &lineage.parents)
      case 2: value.uint32s.map { $0.map { OID($0) } }.store(in: &lineage.children)
      case 3: readPartitioning(value.bytes).store(in: &lineage.partitioning)
      case 4: readBound(value.bytes).store(in: &lineage.bound)
      default: true
      }
    }
    return isWhole ? lineage : nil
  }

  private static func readPartitioning(_ bytes: UnsafeRawBufferPointer) -> Partitioning? {
    var partitioning = Partitioning(.range, keys: [])
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1:
        return value.integer.flatMap { UInt8(exactly: $0) }.flatMap { PartitionStrategy(rawValue: $0) }
          .store(in: &partitioning.strategy)
      case 2:
        var key = PartitionKey(column: nil, columns: [], type: .unknown)
        let isWhole = readFields(value.bytes) { tag, value in
          switch tag {
          case 1: value.uint32.store(in: &key.column)
          case 2: value.text.store(in: &key.expressionSQL)
          case 3: value.uint32s.store(in: &key.columns)
          case 4: value.type.store(in: &key.type)
          default: true
          }
        }
        partitioning.keys.append(key)
        return isWhole
      default: return true
      }
    }
    return isWhole ? partitioning : nil
  }

  private static func readBound(_ bytes: UnsafeRawBufferPointer) -> PartitionBound? {
    var (list, from, to): ([PartitionEdge], [PartitionEdge], [PartitionEdge]) = ([], [], [])
    var (modulus, remainder): (Int64, Int64) = (0, 0)
    var isRest = false
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: readEdge(value.bytes).append(to: &list)
      case 2: readEdge(value.bytes).append(to: &from)
      case 3: readEdge(value.bytes).append(to: &to)
      case 4: value.integer.store(in: &modulus)
      case 5: value.integer.store(in: &remainder)
      case 6: value.flag.store(in: &isRest)
      default: true
      }
    }
    if !isWhole { return nil }
    if isRest { return .rest }
    if modulus > 0 { return .hash(modulus: modulus, remainder: remainder) }
    return from.isEmpty ? .list(list) : .range(from: from, to: to)
  }

  private static func readEdge(_ bytes: UnsafeRawBufferPointer) -> PartitionEdge? {
    var edge = PartitionEdge.null
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.integer.map { $0 == 1 ? .minimum : $0 == 2 ? .maximum : .null }.store(in: &edge)
      case 2: value.text.map { .value($0) }.store(in: &edge)
      default: true
      }
    }
    return isWhole ? edge : nil
  }
}
