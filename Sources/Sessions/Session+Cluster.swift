// Statements about the cluster: its settings, and where its ranges are.

import Catalog
import Encoding
import SQLSyntax
import SQLTypes

extension Session {
  static let showRangesColumns = [
    ResultColumn(name: "range_id", type: .int8), ResultColumn(name: "start_key", type: .text),
    ResultColumn(name: "end_key", type: .text), ResultColumn(name: "replicas", type: .text),
    ResultColumn(name: "leaseholder", type: .int8), ResultColumn(name: "size_bytes", type: .int8),
  ]

  func showRanges() async throws(SQLError) {
    let facts = await gateway.cluster?.facts() ?? ClusterFacts()
    let rows = facts.ranges.map { range -> [Datum] in
      let replicas = range.voters.map { "\($0)" } + range.learners.map { "\($0) (learner)" }
      return [
        .int64(range.range), .text(KeyText.text(range.span.start)), .text(KeyText.text(range.span.end)),
        .text(replicas.joined(separator: ", ")), range.leaseholder.map { .int64($0) } ?? .null,
        range.byteCount.map { .int64($0) } ?? .null,
      ]
    }
    send(columns: Self.showRangesColumns, rows: rows, tag: "SHOW")
  }

  static let showClockColumns = [
    ResultColumn(name: "node_id", type: .int8), ResultColumn(name: "source", type: .text),
    ResultColumn(name: "error", type: .text), ResultColumn(name: "reference", type: .int8),
    ResultColumn(name: "offsets", type: .text),
  ]

  func showClock() async {
    let facts = await gateway.cluster?.facts() ?? ClusterFacts()
    let rows = facts.nodes.map { node -> [Datum] in
      [
        .int64(node.node), node.clock.source.map { .text($0) } ?? .null, node.clock.error.map { .text($0) } ?? .null,
        node.clock.reference.map { .int64($0) } ?? .null, .text(node.clock.offsets),
      ]
    }
    send(columns: Self.showClockColumns, rows: rows, tag: "SHOW")
  }

  /// `ALTER … SCATTER`: at once, and whatever becomes of the transaction. Who holds locks in a range whose lease moves begins anew.
  func scatter(
    _ table: OID, _ index: UInt32?, _ catalog: CatalogView
  ) async throws(SQLError) {
    guard let descriptor = catalog.relation(table) else {
      throw SQLError(.undefinedTable, "the table was dropped by another transaction")
    }
    let prefix = index.map { KeyLayout.index(descriptor.oid, $0) } ?? KeyLayout.table(descriptor.oid)
    let scattering = await gateway.cluster?.scatter(KeySpan(prefix: prefix)) ?? Scattering()
    client.send(notice: SQLError(.successfulCompletion, scattering.summary), severity: "NOTICE")
  }

  func clusterSetting(_ name: String) throws(SQLError) -> SettingRow {
    guard let row = clusterSettings.first(where: { $0.name == name.lowercased() }) else {
      throw SQLError(.undefinedObject, "unrecognized cluster setting \"\(name)\"")
    }
    return row
  }

  /// `SET CLUSTER SETTING`: not part of any transaction, like what PostgreSQL's `ALTER SYSTEM` does.
  func setClusterSetting(_ statement: SetStatement) async throws(SQLError) {
    let isReset = statement.value == .reset
    if transaction?.isExplicit == true {
      throw SQLError(
        .activeSQLTransaction,
        "\(isReset ? "RESET" : "SET") CLUSTER SETTING cannot run inside a transaction block")
    }
    let active = try beginIfNeeded()
    guard try await catalog(of: active).isSuperuser else {
      throw SQLError(
        .insufficientPrivilege, "permission denied to set cluster settings",
        hint: "Only superusers may.")
    }
    var value: String?
    if case .values(let arguments) = statement.value, let argument = arguments.first {
      switch argument {
      case .string(let text), .numeric(let text): value = text
      case .integer(let number): value = String(number)
      case .interval(_, let text): value = text
      }
    }
    let name = try clusterSetting(statement.name ?? "").name
    guard let cluster = gateway.cluster else { return }
    try await cluster.set(name, to: value)
    client.send(commandTag: isReset ? "RESET" : "SET")
  }
}
