// What sessions ask of the cluster beside its data: who is a member, where ranges are, settings that hold for all nodes.

import Catalog
import Encoding
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
  /// Gives the leases and replicas of all ranges that overlap a span to nodes at random, and waits until that is done.
  func scatter(_ span: KeySpan) async -> Scattering
}

/// What came of giving ranges to nodes at random.
public struct Scattering: Sendable, Equatable {
  public var ranges: Int
  public var leases: Int
  public var replicas: Int
  /// Ranges of which something could not be moved now.
  public var failures: Int

  public init(ranges: Int = 0, leases: Int = 0, replicas: Int = 0, failures: Int = 0) {
    self.ranges = ranges
    self.leases = leases
    self.replicas = replicas
    self.failures = failures
  }

  public static func + (a: Scattering, b: Scattering) -> Scattering {
    Scattering(
      ranges: a.ranges + b.ranges, leases: a.leases + b.leases, replicas: a.replicas + b.replicas,
      failures: a.failures + b.failures)
  }

  /// For people.
  public var summary: String {
    "\(ranges) ranges scattered: \(leases) leases and \(replicas) replicas moved"
      + (failures == 0 ? "" : "; \(failures) ranges could not be moved now")
  }
}
