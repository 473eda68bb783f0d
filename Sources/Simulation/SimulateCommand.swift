// `meridian simulate`: runs seeds, prints a line for each, and for one that failed the command that replays it.

import ArgumentParser
import Checkers

public struct SimulateCommand: ParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Run clusters in virtual time, with faults drawn from seeds.",
    discussion: """
      A run is a function of its seed and the options: the same seed gives the same events and the same hash, on every
      machine. Faults: all, none, or some of loss, duplication, reordering, corruption, partitions, clogging, crashes,
      power, pauses, clocks, slow-disks, failing-disks, full-disks, rot, membership, transfers, splits, merges. By default each run
      draws which of them it meets.

      Clients of nodes run one of the workloads of `meridian workload check`, drawn unless --check names it, and what they were
      told must be what the isolation level allows.
      """)

  @Option(help: "Run this seed.")
  var seed: UInt64?

  @Option(help: "Run a range of seeds, such as 1..2000.")
  var seeds: String?

  @Option(
    help:
      "What runs: raft, one group on several machines; node, a single node below the wire; cluster, several of them.")
  var workload = "raft"

  @Option(help: "Simulated seconds under faults, 60 for raft and 10 for others by default; healing comes on top.")
  var duration: Int64?

  @Option(help: "Voters at the beginning, or nodes of a cluster; drawn for each seed by default.")
  var nodes: Int?

  @Option(help: "Faults that every run meets, with commas between them.")
  var faults: String?

  @Option(
    help: ArgumentHelp(
      "What clients of nodes do: \(Workload.allCases.map(\.rawValue).joined(separator: ", ")); drawn by default.",
      valueName: "workload"))
  var check: String?

  @Option(
    help: ArgumentHelp(
      "The isolation level of those clients: \(Isolation.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "level"))
  var isolation = Isolation.serializable.rawValue

  @Option(help: "In how many rounds commits over several ranges are made, 1 or 2; drawn by default.")
  var rounds: Int?
  @Flag(help: "Nodes of a cluster go by cluster time, without any time service.")
  var clusterTime = false

  @Flag(
    help:
      "The clock of one node of a cluster breaks its bound: the node must end for it, and what clients see be serializable, though not in real time."
  )
  var clockViolation = false

  @Option(help: "The cluster setting transaction.external_consistency, on or off.")
  var externalConsistency = "on"

  @Flag(help: "Print what happens.")
  var trace = false

  @Flag(help: "Print failures and the sum only.")
  var quiet = false

  @Option(help: ArgumentHelp("Break something on purpose.", visibility: .private))
  var plant: String?

  public init() {}

  public mutating func run() throws {
    var options = SimulationOptions()
    let duration = duration ?? (workload == SimulatedWorkload.raft.rawValue ? 60 : 10)
    guard duration > 0, duration <= 86_400 else { throw ValidationError("--duration is from 1 to 86400 seconds") }
    guard let chosen = SimulatedWorkload(rawValue: workload) else {
      throw ValidationError("unknown workload \(workload)")
    }
    options.workload = chosen
    options.duration = duration * .second
    if let nodes {
      guard (1...15).contains(nodes) else { throw ValidationError("--nodes is from 1 to 15") }
      options.nodes = nodes
    }
    if let faults {
      guard let parsed = FaultSet(parsing: faults) else { throw ValidationError("unknown fault in \(faults)") }
      options.faults = parsed
    }
    if let check {
      guard let workload = Workload(rawValue: check) else { throw ValidationError("unknown workload \(check)") }
      options.check = workload
    }
    guard let level = Isolation(rawValue: isolation) else {
      throw ValidationError("unknown isolation level \(isolation)")
    }
    options.isolation = level
    if let rounds {
      guard (1...2).contains(rounds) else { throw ValidationError("--rounds is 1 or 2") }
      options.rounds = rounds
    }
    options.goesByClusterTime = clusterTime
    options.violatesClock = clockViolation
    switch externalConsistency {
    case "on": break
    case "off": options.isExternallyConsistent = false
    default: throw ValidationError("--external-consistency is on or off")
    }
    guard chosen == .cluster || !clusterTime && !clockViolation else {
      throw ValidationError("--cluster-time and --clock-violation are for --workload cluster")
    }
    if let plant {
      guard let bug = PlantedBug(rawValue: plant) else { throw ValidationError("unknown bug \(plant)") }
      options.planted = bug
    }
    let range = try seedRange()
    var failed = 0
    var simulated: Int64 = 0
    var events = 0
    for seed in range {
      let outcome: SimulationOutcome
      if trace {
        outcome = Simulator.run(options, seed: seed) { time, line in print("\(Self.format(time)) \(line)") }
      } else {
        outcome = Simulator.runChecked(options, seed: seed)
      }
      simulated += outcome.simulatedTime
      events += outcome.eventCount
      if outcome.violation != nil {
        failed += 1
        print(outcome.line)
        print("  replay: meridian simulate --seed \(seed) \(options.arguments) --trace")
      } else if !quiet {
        print(outcome.line)
      }
    }
    if range.count > 1 {
      print("\(range.count) seeds, \(failed) failed, \(simulated / .second) s simulated, \(events) events")
    }
    if failed > 0 { throw ExitCode.failure }
  }

  private func seedRange() throws -> ClosedRange<UInt64> {
    if let seed {
      if seeds != nil { throw ValidationError("either --seed or --seeds") }
      return seed...seed
    }
    guard let seeds else { throw ValidationError("--seed N or --seeds A..B") }
    let bounds = seeds.split(separator: ".", omittingEmptySubsequences: true)
    guard bounds.count == 2, let first = UInt64(bounds[0]), let last = UInt64(bounds[1]), first <= last else {
      throw ValidationError("--seeds is a range such as 1..2000")
    }
    return first...last
  }

  /// Seconds with six digits.
  private static func format(_ nanoseconds: Int64) -> String {
    let micros = String(nanoseconds / 1000 % 1_000_000)
    return "\(nanoseconds / .second).\(String(repeating: "0", count: 6 - micros.count))\(micros)"
  }
}
