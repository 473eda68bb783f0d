// The relations of meridian_catalog, in the form of those of pg_catalog, and their rows.

import Encoding
import SQLTypes

extension SystemRelations {
  static let cluster = """
    15001 r nodes node_id:int8! address:text! sql_address:text! locality:text! version:text! started_at:timestamptz!
      is_live:bool! state:text! replicas:int8 leases:int8
    15002 r ranges range_id:int8! start_key:text! end_key:text! table_name:text generation:int8! voters:_int8!
      learners:_int8! leaseholder:int8 size_bytes:int8 trouble:text
    15003 r leases range_id:int8! node_id:int8! lease:int8!
    15004 r store_liveness node_id:int8! supports:int8! epoch:int8! until:timestamptz! is_withdrawn:bool!
    15005 r cluster_settings name:text! value:text! kind:text! initial:text! description:text!
    15006 r clock_incidents found_at:timestamptz! node_id:int8! other_node_id:int8! kind:text! excess:text!
      earliest:timestamptz! latest:timestamptz! other_earliest:timestamptz! other_latest:timestamptz!
    15007 r transaction_contention began_at:timestamptz! duration:interval! outcome:text! waiting_transaction:text!
      waiting_statement:text blocking_transaction:text! blocking_statement:text table_name:text key:text! range_id:int8!
      node_id:int8!
    15008 r locks table_name:text key:text! transaction_id:text! statement:text mode:text! is_granted:bool! node_id:int8!
    """

  static let clusterSources: [String: RowSource] = [
    "nodes": nodeRows, "ranges": rangeRows, "leases": leaseRows, "store_liveness": supportRows,
    "cluster_settings": clusterSettingRows, "clock_incidents": clockIncidentRows,
    "transaction_contention": contentionRows, "locks": lockRows,
  ]

  private static let nodeRows: RowSource = { (_, services, rows) throws(SQLError) in
    for node in services.clusterFacts.nodes {
      try rows.add { (row) throws(SQLError) in
        row["node_id"] = .int64(node.node)
        row["address"] = .text(node.address)
        row["sql_address"] = .text(node.sqlAddress)
        row["locality"] = .text(node.locality)
        row["version"] = .text(node.binaryVersion)
        row["started_at"] = .int64(node.startTime)
        row["is_live"] = .bool(node.isLive)
        row["state"] = .text(node.state)
        row["replicas"] = node.replicaCount.map { .int64($0) } ?? .null
        row["leases"] = node.leaseCount.map { .int64($0) } ?? .null
      }
    }
  }

  private static let rangeRows: RowSource = { (view, services, rows) throws(SQLError) in
    for range in services.clusterFacts.ranges {
      try rows.add { (row) throws(SQLError) in
        row["range_id"] = .int64(range.range)
        row["start_key"] = .text(KeyText.text(range.span.start))
        row["end_key"] = .text(KeyText.text(range.span.end))
        row["table_name"] = .text(optional: tableName(range, view))
        row["generation"] = .int64(range.generation)
        row["voters"] = try list(range.voters)
        row["learners"] = try list(range.learners)
        row["leaseholder"] = range.leaseholder.map { .int64($0) } ?? .null
        row["size_bytes"] = range.byteCount.map { .int64($0) } ?? .null
        row["trouble"] = .text(optional: range.trouble)
      }
    }
  }

  /// The table whose data a range begins with.
  static func tableName(_ range: ClusterFacts.Range, _ view: CatalogView) -> String? {
    tableName(range.span.start, view)
  }

  private static func tableName(_ key: Key, _ view: CatalogView) -> String? {
    KeyText.table(key).flatMap { view.relation($0)?.name }
  }

  private static func list(_ nodes: [Int64]) throws(SQLError) -> Datum {
    try .parsed(SQLType(OID(1016)), "{\(nodes.map { "\($0)" }.joined(separator: ","))}")
  }

  private static let leaseRows: RowSource = { (_, services, rows) throws(SQLError) in
    for range in services.clusterFacts.ranges {
      guard let node = range.leaseholder, let lease = range.lease else { continue }
      try rows.add { (row) throws(SQLError) in
        row["range_id"] = .int64(range.range)
        row["node_id"] = .int64(node)
        row["lease"] = .int64(lease)
      }
    }
  }

  private static let supportRows: RowSource = { (_, services, rows) throws(SQLError) in
    for support in services.clusterFacts.supports {
      try rows.add { (row) throws(SQLError) in
        row["node_id"] = .int64(support.supporter)
        row["supports"] = .int64(support.supported)
        row["epoch"] = .int64(support.epoch)
        row["until"] = .int64(support.expiration)
        row["is_withdrawn"] = .bool(support.isWithdrawn)
      }
    }
  }

  private static let clockIncidentRows: RowSource = { (_, services, rows) throws(SQLError) in
    for incident in services.clusterFacts.clockIncidents {
      try rows.add { (row) throws(SQLError) in
        row["found_at"] = .int64(incident.time)
        row["node_id"] = .int64(incident.node)
        row["other_node_id"] = .int64(incident.other)
        row["kind"] = .text(incident.kind)
        row["excess"] = .text(incident.excess)
        row["earliest"] = .int64(incident.own.earliest)
        row["latest"] = .int64(incident.own.latest)
        row["other_earliest"] = .int64(incident.claim.earliest)
        row["other_latest"] = .int64(incident.claim.latest)
      }
    }
  }

  private static let contentionRows: RowSource = { (view, services, rows) throws(SQLError) in
    for wait in services.clusterFacts.contention {
      try rows.add { (row) throws(SQLError) in
        row["began_at"] = .int64(wait.beginning)
        row["duration"] = Interval(microseconds: wait.duration).datum
        row["outcome"] = .text(wait.outcome)
        row["waiting_transaction"] = .text(wait.waiter)
        row["waiting_statement"] = statement(wait.waitingStatement, view)
        row["blocking_transaction"] = .text(wait.blocker)
        row["blocking_statement"] = statement(wait.blockingStatement, view)
        row["table_name"] = .text(optional: tableName(wait.key, view))
        row["key"] = .text(KeyText.text(wait.key))
        row["range_id"] = .int64(wait.range)
        row["node_id"] = .int64(wait.node)
      }
    }
  }

  private static let lockRows: RowSource = { (view, services, rows) throws(SQLError) in
    for lock in services.clusterFacts.locks {
      try rows.add { (row) throws(SQLError) in
        row["table_name"] = .text(optional: tableName(lock.key, view))
        row["key"] = .text(KeyText.text(lock.key))
        row["transaction_id"] = .text(lock.transaction)
        row["statement"] = statement(lock.statement, view)
        row["mode"] = .text(lock.isExclusive ? "exclusive" : "shared")
        row["is_granted"] = .bool(lock.isGranted)
        row["node_id"] = .int64(lock.node)
      }
    }
  }

  /// Others' statements are for superusers.
  private static func statement(_ text: String?, _ view: CatalogView) -> Datum {
    .text(optional: view.isSuperuser ? text : nil)
  }

  private static let clusterSettingRows: RowSource = { (_, services, rows) throws(SQLError) in
    for setting in services.clusterSettings {
      try rows.add { (row) throws(SQLError) in
        row["name"] = .text(setting.name)
        row["value"] = .text(setting.value)
        row["kind"] = .text(setting.kind)
        row["initial"] = .text(setting.bootValue)
        row["description"] = .text(setting.summary)
      }
    }
  }
}
