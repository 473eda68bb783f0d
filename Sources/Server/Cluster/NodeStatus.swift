// A member as another one sees it, and as a table shows it.

import Transport

/// A member as another one sees it.
public struct NodeStatus: Sendable, Equatable {
  public var node: NodeID
  public var address: NodeAddress
  public var sqlAddress: NodeAddress
  public var locality: Locality
  public var binaryVersion: String
  /// Nanoseconds since 1970.
  public var startTime: Int64
  /// Whether it answers the node that was asked.
  public var isLive: Bool
  /// Nil if it could not be asked.
  public var replicaCount: Int?
  public var leaseCount: Int?
}

extension NodeStatus {
  init(_ record: NodeRecord, isLive: Bool) {
    self.init(
      node: record.node, address: record.address, sqlAddress: record.sqlAddress, locality: record.locality,
      binaryVersion: record.binaryVersion, startTime: record.startTime, isLive: isLive)
  }

  var record: NodeRecord {
    NodeRecord(
      node: node, address: address, sqlAddress: sqlAddress, locality: locality, binaryVersion: binaryVersion,
      startTime: startTime, machineBootID: "")
  }
}

// MARK: - The table

extension NodeStatus {
  /// The columns of `meridian node status`.
  public static let columns: [(name: String, isNumber: Bool)] = [
    ("id", true), ("address", false), ("sql_address", false), ("locality", false), ("version", false),
    ("started_at", false), ("is_live", false), ("replicas", true), ("leases", true),
  ]

  /// A cell for each column; nil is NULL. Times are in UTC.
  public var row: [String?] {
    [
      "\(node.rawValue)", "\(address)", "\(sqlAddress)", "\(locality)", binaryVersion,
      StructuredLogHandler.timestamp(startTime).prefix(19) + "Z", isLive ? "t" : "f",
      replicaCount.map { "\($0)" }, leaseCount.map { "\($0)" },
    ]
  }
}
