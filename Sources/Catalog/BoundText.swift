// Partition keys and bounds as PostgreSQL writes them: `RANGE (a, lower(b))`, `FOR VALUES FROM (1, 'x') TO (10, MAXVALUE)`.

import SQLTypes

public enum BoundText {
  public static func text(_ bound: PartitionBound, _ table: TableDescriptor) -> String {
    switch bound {
    case .rest: "DEFAULT"
    case .list(let edges): "FOR VALUES IN (\(edges.map { text($0, type(0, table)) }.joined(separator: ", ")))"
    case .range(let from, let to): "FOR VALUES FROM \(list(from, table)) TO \(list(to, table))"
    case .hash(let modulus, let remainder): "FOR VALUES WITH (modulus \(modulus), remainder \(remainder))"
    }
  }

  /// The values of one side of a range, in parentheses.
  public static func list(_ edges: [PartitionEdge], _ table: TableDescriptor) -> String {
    "(" + edges.enumerated().map { text($1, type($0, table)) }.joined(separator: ", ") + ")"
  }

  private static func type(_ place: Int, _ table: TableDescriptor) -> SQLType {
    let keys = table.lineage.partitioning?.keys ?? []
    return keys.indices.contains(place) ? keys[place].type : .text
  }

  private static func text(_ edge: PartitionEdge, _ type: SQLType) -> String {
    switch edge {
    case .minimum: "MINVALUE"
    case .maximum: "MAXVALUE"
    case .null: "NULL"
    case .value(let text):
      switch type.oid {
      case SQLType.int4.oid where !text.hasPrefix("-"): text
      case SQLType.bool.oid: text == "t" ? "true" : "false"
      default: "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
      }
    }
  }

  public static func key(_ table: TableDescriptor) -> String? {
    guard let partitioning = table.lineage.partitioning else { return nil }
    let keys = partitioning.keys.map { table.text(of: $0) }
    return "\(partitioning.strategy.name.uppercased()) (\(keys.joined(separator: ", ")))"
  }
}

extension CatalogView {
  /// What rows of a partition satisfy, as PostgreSQL shows it: the bounds of all levels, the uppermost first.
  func partitionConstraint(_ table: TableDescriptor) -> String? {
    guard table.isPartition else { return nil }
    var parts: [String] = []
    for level in ([table] + ancestors(of: table)).reversed() {
      guard let bound = level.lineage.bound, let parent = level.lineage.parents.first.flatMap(relation) else {
        continue
      }
      parts += conditions(of: bound, in: parent)
    }
    if parts.isEmpty { return nil }
    return parts.count == 1 ? parts[0] : "(\(parts.joined(separator: " AND ")))"
  }

  private func conditions(of bound: PartitionBound, in table: TableDescriptor) -> [String] {
    let keys = table.lineage.partitioning?.keys ?? []
    let names = keys.map { table.text(of: $0) }
    switch bound {
    case .hash(let modulus, let remainder):
      return [
        "satisfies_hash_partition('\(table.oid)'::oid, \(modulus), \(remainder), \(names.joined(separator: ", ")))"
      ]
    case .list(let edges): return list(edges, names[0], keys[0].type)
    case .range(let from, let to):
      return names.map { "(\($0) IS NOT NULL)" } + range(from, to, names, keys.map(\.type))
    case .rest:
      let others = children(of: table).compactMap(\.lineage.bound).filter { $0 != .rest }
      if others.isEmpty { return [] }
      guard case .range = others[0] else {
        // A list's values, all together.
        var edges: [PartitionEdge] = []
        for case .list(let values) in others { edges += values }
        let whole = list(edges, names[0], keys[0].type)
        return ["(NOT \(whole.count == 1 ? whole[0] : "(\(whole.joined(separator: " AND ")))"))"]
      }
      var choices: [String] = []
      for case .range(let from, let to) in others {
        let own = range(from, to, names, keys.map(\.type))
        choices.append(own.count == 1 ? own[0] : "(\(own.joined(separator: " AND ")))")
      }
      let any = choices.count == 1 ? choices : ["(\(choices.joined(separator: " OR ")))"]
      let whole = (names.map { "(\($0) IS NOT NULL)" } + any).joined(separator: " AND ")
      return ["(NOT (\(whole)))"]
    }
  }

  private func list(_ edges: [PartitionEdge], _ name: String, _ type: SQLType) -> [String] {
    let values = edges.filter { $0 != .null }.map { constant($0, type) }
    let hasNull = edges.contains(.null)
    let match =
      values.count == 1 ? "(\(name) = \(values[0]))" : "(\(name) = ANY (ARRAY[\(values.joined(separator: ", "))]))"
    if values.isEmpty { return ["(\(name) IS NULL)"] }
    return hasNull ? ["((\(name) IS NULL) OR \(match))"] : ["(\(name) IS NOT NULL)", match]
  }

  /// The conditions of both sides: keys that can be but one value first.
  private func range(
    _ from: [PartitionEdge], _ to: [PartitionEdge], _ names: [String], _ types: [SQLType]
  ) -> [String] {
    var parts: [String] = []
    var start = 0
    while start < names.count, case .value = from[start], from[start] == to[start] {
      parts.append("(\(names[start]) = \(constant(from[start], types[start])))")
      start += 1
    }
    func side(_ edges: [PartitionEdge], isLower: Bool) -> String? {
      var choices: [String] = []
      for place in start..<names.count {
        guard case .value = edges[place] else { break }
        // The last one that counts takes its own value in, or not, by what follows.
        let next = place + 1 < names.count ? edges[place + 1] : nil
        let isLast = next == nil || next == .minimum || next == .maximum
        let takesIn = isLower ? next != .maximum : next == .maximum
        let symbol = (isLower ? ">" : "<") + (isLast && takesIn ? "=" : "")
        var terms = (start..<place).map { "(\(names[$0]) = \(constant(edges[$0], types[$0])))" }
        terms.append("(\(names[place]) \(symbol) \(constant(edges[place], types[place])))")
        choices.append(terms.count == 1 ? terms[0] : "(\(terms.joined(separator: " AND ")))")
      }
      if choices.isEmpty { return nil }
      return choices.count == 1 ? choices[0] : "(\(choices.joined(separator: " OR ")))"
    }
    return parts + [side(from, isLower: true), side(to, isLower: false)].compactMap { $0 }
  }

  /// A value as an expression shows it, with its type where the text alone would not tell it.
  private func constant(_ edge: PartitionEdge, _ type: SQLType) -> String {
    guard case .value(let text) = edge else { return "NULL" }
    if type.oid == SQLType.int4.oid, !text.hasPrefix("-") { return text }
    if type.oid == SQLType.bool.oid { return text == "t" ? "true" : "false" }
    let quoted = text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
    return "'\(quoted)'::\(TypeInfo.format(type.unmodified))"
  }
}
