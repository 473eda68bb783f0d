// Groups hold under faults, a run is a function of its seed, and each planted bug is found.
// A planted bug is searched for from a seed on that is known to show it; when a change of the simulation shifts the draws,
// the search goes on for some seeds. The same seed without the bug must hold.

import Reactors
import Testing

@testable import Raft
@testable import Simulation

@Suite struct RaftGroupTests {
  private func options(_ seconds: Int64, nodes: Int? = nil, _ faults: FaultSet? = nil) -> SimulationOptions {
    var options = SimulationOptions()
    options.duration = seconds * .second
    options.nodes = nodes
    options.faults = faults
    return options
  }

  @Test(arguments: [1, 4, 13] as [UInt64])
  func `Faults drawn from the seed break nothing`(_ seed: UInt64) {
    let outcome = Simulator.run(options(8), seed: seed)
    #expect(outcome.violation == nil, "\(outcome.line)")
    #expect(outcome.simulatedTime > 8 * .second)
  }

  @Test func `All faults at once break nothing`() {
    let outcome = Simulator.run(options(8, nodes: 5, .all), seed: 2)
    #expect(outcome.violation == nil, "\(outcome.line)")
  }

  @Test func `The same seed gives the same run`() {
    let first = Simulator.run(options(5), seed: 3)
    #expect(Simulator.run(options(5), seed: 3) == first)
    #expect(Simulator.run(options(5), seed: 4).traceHash != first.traceHash)
    var lines = 0
    // Looking on changes nothing.
    #expect(Simulator.run(options(5), seed: 3, onTrace: { _, _ in lines += 1 }) == first)
    #expect(lines > 100)
  }

  /// The first seed from `first` on whose run breaks, with what broke.
  private func find(
    _ bug: PlantedBug, _ options: SimulationOptions, from first: UInt64, tries: UInt64 = 60
  ) -> SafetyChecker.Violation? {
    var options = options
    options.planted = bug
    for seed in first..<first + tries {
      let group = RaftGroup(options, seed: seed)
      _ = group.run()
      guard let violation = group.violation else { continue }
      // It is the bug, not the plan.
      options.planted = nil
      options.shape = bug
      let sound = Simulator.run(options, seed: seed)
      #expect(sound.violation == nil, "\(sound.line)")
      return violation
    }
    return nil
  }

  @Test func `Planted: a vote that is not persisted gives a term two leaders`() {
    let violation = find(.skipPersistingVote, options(1, nodes: 3, [.reordering, .power, .transfers]), from: 49)
    guard case .twoLeaders = violation else {
      Issue.record("not caught: \(String(describing: violation))")
      return
    }
  }

  @Test func `Planted: counting learners' votes elects a leader without committed entries`() {
    let violation = find(
      .countLearnerVotes, options(3, nodes: 3, [.partitions, .crashes, .loss, .transfers]), from: 48)
    switch violation {
    case .leaderLacks, .commitChanged, .appliedDiffers, .committedReplaced, .twoLeaders: break
    default: Issue.record("not caught: \(String(describing: violation))")
    }
  }

  @Test func `Planted: committing an earlier term's entry by counting loses it`() {
    let violation = find(
      .commitEarlierTerms, options(6, nodes: 5, [.loss, .reordering, .transfers, .partitions]), from: 32)
    switch violation {
    case .leaderLacks, .committedReplaced: break
    default: Issue.record("not caught: \(String(describing: violation))")
    }
  }

  @Test func `Planted: acknowledging before the sync forgets what was vouched for`() {
    let violation = find(.acknowledgeBeforeSync, options(3, nodes: 3, [.power]), from: 29)
    switch violation {
    case .forgot, .leaderLacks, .committedReplaced, .twoLeaders, .appliedDiffers: break
    default: Issue.record("not caught: \(String(describing: violation))")
    }
  }

  @Test func `Planted: applying twice makes states differ`() {
    let violation = find(.applyTwice, options(5, nodes: 3, [.power]), from: 2)
    guard case .stateDiffers = violation else {
      Issue.record("not caught: \(String(describing: violation))")
      return
    }
  }
}
