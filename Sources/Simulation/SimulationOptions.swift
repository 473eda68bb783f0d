// What is asked of a simulation, and what came of it. Together with the seed the options determine a run.

import Checkers

/// What runs in a simulation.
public enum SimulatedWorkload: String, CaseIterable, Sendable {
  /// One Raft group on several machines.
  case raft
  /// A single node below the wire: storage, transactions, SQL.
  case node
  /// Several such nodes that replicate one range.
  case cluster
}

/// What to simulate.
public struct SimulationOptions: Sendable, Hashable {
  public var workload = SimulatedWorkload.raft
  /// Simulated nanoseconds under faults; healing comes on top.
  public var duration: Int64 = 60 * .second
  /// Voters at the beginning; drawn when nil.
  public var nodes: Int?
  /// Faults that occur in every run; when nil each run draws its own.
  public var faults: FaultSet?
  /// What clients of nodes do, and how that is judged; drawn when nil.
  public var check: Workload?
  /// The isolation level of their transactions.
  public var isolation = Isolation.serializable
  /// In how many rounds commits over several ranges are made, 1 or 2; drawn when nil.
  public var rounds: Int?
  /// Whether nodes of a cluster go by cluster time, without any time service.
  public var goesByClusterTime = false
  /// Whether the clock of one node of a cluster breaks its bound, again and again until the node ends for it. Real time is not promised then.
  public var violatesClock = false
  /// Whether transactions are ordered as they happen, or key by key.
  public var isExternallyConsistent = true
  public var planted: PlantedBug? {
    didSet { shape = planted }
  }
  /// The defect that the drawn plan is to bring out. Apart from `planted`, so that a test can run the same plan without it.
  package var shape: PlantedBug?

  public init() {}

  /// As arguments of the command line.
  public var arguments: String {
    var text = workload == .raft ? "" : "--workload \(workload.rawValue) "
    text += "--duration \(duration / .second)"
    if let nodes { text += " --nodes \(nodes)" }
    if let faults { text += " --faults \(faults.description)" }
    if let check { text += " --check \(check.rawValue)" }
    if isolation != .serializable { text += " --isolation \(isolation.rawValue)" }
    if let rounds { text += " --rounds \(rounds)" }
    if goesByClusterTime { text += " --cluster-time" }
    if violatesClock { text += " --clock-violation" }
    if !isExternallyConsistent { text += " --external-consistency off" }
    if let planted { text += " --plant \(planted.rawValue)" }
    return text
  }
}

extension Int64 {
  /// Nanoseconds in a millisecond and in a second.
  static let millisecond: Int64 = 1_000_000
  static let second: Int64 = 1_000_000_000
}

/// What a run did.
public struct SimulationOutcome: Sendable, Equatable {
  public var seed: UInt64
  /// What broke, in words; nil when nothing did.
  public var violation: String?
  /// Simulated nanoseconds.
  public var simulatedTime: Int64 = 0
  public var eventCount = 0
  /// Processes that died.
  public var crashCount = 0
  /// Two runs that agree in it did the same.
  public var traceHash: UInt64 = 0
  /// What the group looked like, and what it went through.
  public var summary = ""
}
