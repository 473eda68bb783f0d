// The core holds under hostile schedules, and a core with a planted bug does not: the checker sees each of them.
// Committing by counting takes so rare a course of events that figure 8 is played out step by step (random schedules of
// this kind met it about once in a thousand runs).

import Testing

@testable import Raft

@Suite struct SimulationTests {
  static let three = SimulationPlan(voters: 3)
  static let five = SimulationPlan(voters: 5)
  static let withLearners = SimulationPlan(voters: 3, learners: 2)

  private func firstViolation(_ plan: SimulationPlan, seeds: ClosedRange<UInt64>) -> SafetyChecker.Violation? {
    for seed in seeds {
      if let violation = Simulation(plan, seed: seed).run() { return violation }
    }
    return nil
  }

  @Test(arguments: [three, five, withLearners], [false, true])
  func `Faults alone break nothing, and there is progress`(_ plan: SimulationPlan, _ preVote: Bool) {
    var plan = plan
    plan.preVote = preVote
    plan.singleEntries = !preVote
    var committed = 0
    var elections = 0
    for seed in 1...4 {
      let simulation = Simulation(plan, seed: UInt64(seed))
      #expect(simulation.run() == nil, "seed \(seed)")
      committed += simulation.committedCount
      elections += simulation.electionCount
    }
    #expect(committed > 20)
    #expect(elections > 4)
  }

  @Test func `Nor do they while members come and go`() {
    var plan = SimulationPlan(voters: 3, learners: 2, changesMembers: true)
    plan.events = 4000
    #expect(firstViolation(plan, seeds: 1...8) == nil)
  }

  @Test func `The same seed gives the same run`() {
    let runs = (0..<2).map { _ in
      let simulation = Simulation(Self.five, seed: 42)
      _ = simulation.run()
      return [simulation.committedCount, simulation.electionCount]
    }
    #expect(runs[0] == runs[1])
  }

  // MARK: Planted bugs

  @Test func `Planted: a vote that is not persisted gives a term two leaders`() {
    var plan = Self.three
    // Short runs: while logs are empty, each candidate is as good as the other.
    plan.events = 80
    plan.isTurbulent = true
    let sound = plan
    plan.forgetsVote = true
    let violation = firstViolation(plan, seeds: 1...3000)
    guard case .twoLeaders = violation else {
      Issue.record("not caught: \(String(describing: violation))")
      return
    }
    #expect(firstViolation(sound, seeds: 1...40) == nil)
  }

  @Test func `Planted: counting learners' votes elects a leader without committed entries`() {
    var plan = Self.withLearners
    plan.events = 800
    let sound = plan
    plan.faults = .countsLearnerVotes
    let violation = firstViolation(plan, seeds: 1...3000)
    switch violation {
    case .leaderLacks, .commitChanged, .appliedDiffers: break
    default: Issue.record("not caught: \(String(describing: violation))")
    }
    #expect(firstViolation(sound, seeds: 1...20) == nil)
  }

  @Test func `Planted: committing an earlier term's entry by counting loses it, figure 8`() {
    guard case .leaderLacks = runFigure8(faults: .commitsEarlierTerms) else {
      Issue.record("not caught")
      return
    }
    #expect(runFigure8(faults: []) == nil)
  }
}
