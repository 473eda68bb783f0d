// What virtual tables and catalog functions show beside the catalog itself: settings, sessions, sizes. The session gives
// it; every answer is at hand without waiting.

import SQLTypes

/// One run-time parameter, as `pg_settings` shows it.
public struct SettingRow: Sendable, Hashable {
  public var name: String
  public var value: String
  public var unit: String?
  public var category: String
  public var summary: String
  /// `bool`, `integer`, `real`, `string` or `enum`.
  public var kind: String
  /// `internal`, `postmaster`, `sighup`, `superuser`, `user`…
  public var context: String
  public var source: String
  public var minimum: String?
  public var maximum: String?
  public var choices: [String]
  public var bootValue: String
  public var resetValue: String

  public init(
    name: String, value: String, kind: String, summary: String = "", category: String = "", unit: String? = nil,
    context: String = "user", source: String = "default", minimum: String? = nil, maximum: String? = nil,
    choices: [String] = [], bootValue: String? = nil, resetValue: String? = nil
  ) {
    self.name = name
    self.value = value
    self.unit = unit
    self.category = category
    self.summary = summary
    self.kind = kind
    self.context = context
    self.source = source
    self.minimum = minimum
    self.maximum = maximum
    self.choices = choices
    self.bootValue = bootValue ?? value
    self.resetValue = resetValue ?? value
  }
}

/// One session, as `pg_stat_activity` shows it. Times are microseconds since 2000-01-01 UTC.
public struct SessionRow: Sendable, Hashable {
  public var processID: Int32
  public var database: String
  public var user: String
  public var applicationName: String
  /// The client's address without its port; nil for a local socket.
  public var clientAddress: String?
  public var clientPort: Int32?
  public var sessionStart: Int64
  public var transactionStart: Int64?
  public var statementStart: Int64?
  public var stateChange: Int64?
  /// `active`, `idle`, `idle in transaction`, `idle in transaction (aborted)`.
  public var state: String
  public var query: String

  public init(
    processID: Int32, database: String, user: String, applicationName: String, clientAddress: String? = nil,
    clientPort: Int32? = nil, sessionStart: Int64, transactionStart: Int64? = nil, statementStart: Int64? = nil,
    stateChange: Int64? = nil, state: String, query: String
  ) {
    self.processID = processID
    self.database = database
    self.user = user
    self.applicationName = applicationName
    self.clientAddress = clientAddress
    self.clientPort = clientPort
    self.sessionStart = sessionStart
    self.transactionStart = transactionStart
    self.statementStart = statementStart
    self.stateChange = stateChange
    self.state = state
    self.query = query
  }
}

/// A statement made by `PREPARE` or `Parse`, as `pg_prepared_statements` shows it.
public struct PreparedStatementRow: Sendable, Hashable {
  public var name: String
  public var sql: String
  /// Microseconds since 2000-01-01 UTC.
  public var prepareTime: Int64
  public var parameterTypes: [SQLType]
  /// Made by SQL rather than by the protocol.
  public var isFromSQL: Bool

  public init(name: String, sql: String, prepareTime: Int64, parameterTypes: [SQLType], isFromSQL: Bool) {
    self.name = name
    self.sql = sql
    self.prepareTime = prepareTime
    self.parameterTypes = parameterTypes
    self.isFromSQL = isFromSQL
  }
}

public protocol CatalogServices: AnyObject {
  /// By name.
  var settingRows: [SettingRow] { get }
  var sessions: [SessionRow] { get }
  var preparedStatements: [PreparedStatementRow] { get }
  /// As they were fetched for this statement.
  var clusterFacts: ClusterFacts { get }
  /// By name.
  var clusterSettings: [SettingRow] { get }
  /// The last value that a sequence gave, as far as known here; nil if none was drawn.
  func lastValue(ofSequence oid: OID) -> Int64?
  /// Statistics' belief, -1 if there is none (`pg_class.reltuples`).
  func approximateRowCount(ofTable oid: OID) -> Double
  /// Bytes of one index's data; a table's data is that of its primary index.
  func approximateSize(ofTable table: OID, index: UInt32) -> Int64
}

extension CatalogServices {
  public var settingRows: [SettingRow] { [] }
  public var sessions: [SessionRow] { [] }
  public var preparedStatements: [PreparedStatementRow] { [] }
  public var clusterFacts: ClusterFacts { ClusterFacts() }
  public var clusterSettings: [SettingRow] { [] }
  public func lastValue(ofSequence oid: OID) -> Int64? { nil }
  public func approximateRowCount(ofTable oid: OID) -> Double { -1 }
  public func approximateSize(ofTable table: OID, index: UInt32) -> Int64 { 0 }
}
