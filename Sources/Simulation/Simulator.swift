// Runs seeds. One in twenty is run twice: both runs must have done the same, event for event.

public enum Simulator {
  /// One run in so many is done twice.
  public static let repetitionInterval: UInt64 = 20

  /// Runs one seed.
  /// - Parameter onTrace: given each event worth a line, with its time in nanoseconds.
  public static func run(
    _ options: SimulationOptions, seed: UInt64, onTrace: ((Int64, String) -> Void)? = nil
  ) -> SimulationOutcome {
    switch options.workload {
    case .raft: RaftGroup(options, seed: seed, onTrace: onTrace).run()
    case .node, .cluster: NodeSimulation(options, seed: seed, onTrace: onTrace).run()
    }
  }

  /// Runs one seed, and some of them twice.
  public static func runChecked(_ options: SimulationOptions, seed: UInt64) -> SimulationOutcome {
    var outcome = run(options, seed: seed)
    if seed % repetitionInterval == 0 {
      let again = run(options, seed: seed)
      if again != outcome {
        outcome.violation =
          "the run is not a function of its seed: \(outcome.eventCount) events with hash "
          + "\(outcome.hashText), then \(again.eventCount) with hash \(again.hashText)"
      }
    }
    return outcome
  }
}

extension SimulationOutcome {
  public var hashText: String {
    let digits = String(traceHash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// One line for people.
  public var line: String {
    let time = "\(simulatedTime / 1_000_000_000).\(simulatedTime / 100_000_000 % 10) s"
    if let violation { return "seed \(seed) FAILED after \(time), \(summary): \(violation)" }
    return "seed \(seed) ok \(time), \(eventCount) events, \(summary), hash \(hashText)"
  }
}
