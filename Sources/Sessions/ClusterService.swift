// What sessions ask of the cluster beside its data: who is a member, where ranges are, settings that hold for all nodes.

import Catalog
import SQLTypes

/// The cluster as sessions know it; given by what puts the node together.
public protocol ClusterService: AnyObject, Sendable {
  /// As nodes tell when they are asked now.
  func facts() async -> ClusterFacts
  /// As this node knows them, by name.
  var settings: [SettingRow] { get }
  /// Keeps a setting for all nodes; nil: what it is initially.
  /// - Throws: 42704 for a setting that does not exist, 22023 for a value that it cannot have, 55000 where the cluster's version forbids it.
  func set(_ name: String, to value: String?) async throws(SQLError)
}
