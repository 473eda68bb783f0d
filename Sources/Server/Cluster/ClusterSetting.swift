// Settings that hold for every node: a registry with a type for each, and their values as the cluster keeps them.
//
//   0x04 0x40 0x03 name        the value as text, in the form that `SHOW CLUSTER SETTING` gives
//
// A setting that stands nowhere is what it is initially. Nodes read them together with the records, every three seconds.
// `cluster.version` tells which of the cluster's own formats and rules every member knows: a newer binary's come into force once every
// member has it, by themselves unless `cluster.auto_upgrade` is off, and an older binary is turned away from then on.

import Encoding
import SQLTypes

/// Which formats and rules of a cluster a binary knows.
enum ClusterVersion {
  /// 1: membership; 2: decommissioning, settings; 3: merges of ranges; 4: commits in one round; 5: closed timestamps, the order of real time as a
  /// setting; 6: priorities of transactions.
  static let latest = 6
  static let ofMerges = 3
  static let ofStaging = 4
  static let ofClosedTimestamps = 5
  static let ofRealTimeOrder = 5
  static let ofPriorities = 6
  /// Before anything is said.
  static let first = 1
}

struct ClusterSetting: Sendable {
  enum Kind: Sendable {
    case boolean
    /// Bounds, and whether only odd numbers will do.
    case integer(ClosedRange<Int64>, isOdd: Bool)
    /// Nanoseconds; 0 is `off`, where it is within the bounds.
    case duration(ClosedRange<Int64>)
    case bytes(ClosedRange<Int64>)

    var name: String {
      switch self {
      case .boolean: "boolean"
      case .integer: "integer"
      case .duration: "duration"
      case .bytes: "bytes"
      }
    }
  }

  let name: String
  let kind: Kind
  let initial: Int64
  let summary: String
  /// The version of the cluster from which on it means something.
  var since = 2

  private static let second: Int64 = 1_000_000_000

  static let version = ClusterSetting(
    name: "cluster.version", kind: .integer(1...Int64(ClusterVersion.latest), isOdd: false),
    initial: Int64(ClusterVersion.first), summary: "Which formats and rules all members know; it only rises.", since: 1)
  static let autoUpgrade = ClusterSetting(
    name: "cluster.auto_upgrade", kind: .boolean, initial: 1,
    summary: "Whether the version rises by itself once every member's binary knows the next one.", since: 1)
  static let checkInterval = ClusterSetting(
    name: "consistency.check_interval", kind: .duration(0...365 * 86_400 * second), initial: 24 * 3600 * second,
    summary: "In what time the replicas of each range are compared once; off: never.")
  static let deadNodeTime = ClusterSetting(
    name: "placement.dead_node_time", kind: .duration(2 * second...30 * 86_400 * second), initial: 300 * second,
    summary: "Silence after which a node counts as dead, and its replicas are made anew on others.")
  static let replicas = ClusterSetting(
    name: "placement.replicas", kind: .integer(1...7, isOdd: true), initial: 3,
    summary: "Replicas that each range is to have.")
  static let closedLag = ClusterSetting(
    name: "ranges.closed_timestamp_lag", kind: .duration(second / 100...3600 * second), initial: 3 * second,
    summary: "How long ago the past begins that any replica serves, and that nobody writes to any more.",
    since: ClusterVersion.ofClosedTimestamps)
  static let merge = ClusterSetting(
    name: "ranges.merge", kind: .boolean, initial: 0,
    summary: "Whether small neighbouring ranges are merged by themselves.", since: ClusterVersion.ofMerges)
  static let splitLoad = ClusterSetting(
    name: "ranges.split_load", kind: .integer(0...1_000_000_000, isOdd: false), initial: 0,
    summary: "Requests a second above which a range is cut in two; 0: never.")
  static let snapshotRate = ClusterSetting(
    name: "snapshots.bytes_per_second", kind: .bytes(1 << 20...1 << 40), initial: 64 << 20,
    summary: "How fast one node sends snapshots to others.")
  static let externalConsistency = ClusterSetting(
    name: "transaction.external_consistency", kind: .boolean, initial: 1,
    summary: "Whether transactions are ordered as they happened; off: key by key only, and no commit waits for clocks.",
    since: ClusterVersion.ofRealTimeOrder)
  static let versionLifetime = ClusterSetting(
    name: "storage.version_lifetime", kind: .duration(second...365 * 86_400 * second), initial: 4 * 3600 * second,
    summary: "How long past versions of rows are kept, for reads of the past.")

  /// By name.
  static let all = [
    autoUpgrade, version, checkInterval, deadNodeTime, replicas, closedLag, merge, splitLoad, snapshotRate,
    versionLifetime, externalConsistency,
  ]

  static func named(_ name: String) -> ClusterSetting? { all.first { $0.name == name } }

  // MARK: Texts

  func text(_ value: Int64) -> String {
    switch kind {
    case .boolean: value == 0 ? "off" : "on"
    case .integer: "\(value)"
    case .duration: Self.durationText(value)
    case .bytes: Self.byteText(value)
    }
  }

  /// - Throws: 22023.
  func value(_ text: String) throws(SQLError) -> Int64 {
    let invalid = SQLError(.invalidParameterValue, "invalid value for cluster setting \"\(name)\": \"\(text)\"")
    func bounded(_ value: Int64?, _ bounds: ClosedRange<Int64>, hint: String) throws(SQLError) -> Int64 {
      guard let value else {
        var error = invalid
        error.hint = hint
        throw error
      }
      guard bounds.contains(value) else {
        throw SQLError(
          .invalidParameterValue,
          "\(self.text(value)) is outside the valid range for cluster setting \"\(name)\" (\(self.text(bounds.lowerBound)) .. \(self.text(bounds.upperBound)))"
        )
      }
      return value
    }
    switch kind {
    case .boolean:
      switch text.lowercased() {
      case "on", "true", "yes", "1": return 1
      case "off", "false", "no", "0": return 0
      default: throw invalid
      }
    case .integer(let bounds, let isOdd):
      let value = try bounded(Int64(text), bounds, hint: "It is an integer.")
      if isOdd, value % 2 == 0 {
        throw SQLError(
          .invalidParameterValue, invalid.message, hint: "An even number survives no more failures than one less does.")
      }
      return value
    case .duration(let bounds):
      let isOff = bounds.contains(0) && ["off", "0"].contains(text.lowercased())
      return try bounded(isOff ? 0 : ClusterFlags.duration(text), bounds, hint: "Durations are like 500ms, 3s, 5m, 4h.")
    case .bytes(let bounds):
      return try bounded(Self.byteCount(text), bounds, hint: "Sizes are like 512kB, 64MiB, 1GiB.")
    }
  }

  private static let byteUnits: [(String, Int64)] = [
    ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000),
    ("B", 1),
  ]

  private static func byteCount(_ text: String) -> Int64? {
    let unit = byteUnits.first { text.hasSuffix($0.0) }
    let digits = text.dropLast(unit?.0.count ?? 0)
    guard let number = Double(digits), number >= 0, number * Double(unit?.1 ?? 1) < 1e15 else { return nil }
    return Int64(number * Double(unit?.1 ?? 1))
  }

  private static func byteText(_ value: Int64) -> String {
    let unit = byteUnits.prefix(3).first { value >= $0.1 && value % $0.1 == 0 }
    return unit.map { "\(value / $0.1)\($0.0)" } ?? "\(value)B"
  }

  private static func durationText(_ value: Int64) -> String {
    if value == 0 { return "off" }
    let units: [(String, Int64)] = [
      ("h", 3600 * second), ("m", 60 * second), ("s", second), ("ms", 1_000_000), ("us", 1000),
    ]
    let unit = units.first { value >= $0.1 && value % $0.1 == 0 }
    return unit.map { "\(value / $0.1)\($0.0)" } ?? "\(Double(value) / 1e9)s"
  }
}
