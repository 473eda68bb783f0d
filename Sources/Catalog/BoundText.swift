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
