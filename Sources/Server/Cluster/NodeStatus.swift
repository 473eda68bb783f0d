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
  /// What has been decided about it.
  var standing = NodeStanding.member
  /// Whether it answers the node that was asked.
  public var isLive: Bool
  /// Whether it hands its leases on, to be stopped.
  public var isDraining = false
  /// Nil if it could not be asked.
  public var replicaCount: Int?
  public var leaseCount: Int?
  var clock = ClockStatus()
}

extension NodeStatus {
  init(_ record: NodeRecord, isLive: Bool) {
    self.init(
      node: record.node, address: record.address, sqlAddress: record.sqlAddress, locality: record.locality,
      binaryVersion: record.binaryVersion, startTime: record.startTime, standing: record.standing, isLive: isLive)
  }

  mutating func take(_ report: NodeReport) {
    (replicaCount, leaseCount, isDraining) = (report.replicaCount, report.leaseCount, report.isDraining)
    clock = report.clock
  }

  var record: NodeRecord {
    var record = NodeRecord(
      node: node, address: address, sqlAddress: sqlAddress, locality: locality, binaryVersion: binaryVersion,
      startTime: startTime, machineBootID: "")
    record.standing = standing
    return record
  }

  /// `active`, `draining`, `decommissioning`, `decommissioned`.
  public var state: String {
    switch standing {
    case .member: isDraining ? "draining" : "active"
    case .leaving: "decommissioning"
    case .gone: "decommissioned"
    }
  }
}

// MARK: - The table

extension NodeStatus {
  /// The columns of `meridian node status`.
  public static let columns: [(name: String, isNumber: Bool)] = [
    ("id", true), ("address", false), ("sql_address", false), ("locality", false), ("version", false),
    ("started_at", false), ("is_live", false), ("state", false), ("replicas", true), ("leases", true),
    ("clock_source", false), ("clock_error", true),
  ]

  /// A cell for each column; nil is NULL. Times are in UTC.
  public var row: [String?] {
    [
      "\(node.rawValue)", "\(address)", "\(sqlAddress)", "\(locality)", binaryVersion,
      StructuredLogHandler.timestamp(startTime).prefix(19) + "Z", isLive ? "t" : "f", state,
      replicaCount.map { "\($0)" }, leaseCount.map { "\($0)" },
      clock.source.isEmpty ? nil : clock.source, clock.error.map { ClockStatus.milliseconds($0) },
    ]
  }
}
