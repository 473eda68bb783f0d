// Random histories of a model database: those of a right one pass, at each level, and every defect is found and bears the right name.

import Reactors
import Testing

@testable import Checkers

@Suite struct ModelTests {
  @Test(arguments: Workload.allCases, Isolation.allCases)
  func `A right database shows nothing that its level forbids`(_ workload: Workload, _ isolation: Isolation) {
    for seed in 1...5 as ClosedRange<UInt64> {
      let report = workload.check(ModelDatabase.run(workload, isolation, seed: seed))
      #expect(report.violations.isEmpty, "seed \(seed): \(report.text)")
      #expect(report.committedCount > 50 && report.abortedCount > 0 && report.unknownCount > 0)
    }
  }

  /// The names of the violations that seeds show.
  private func found(
    _ workload: Workload, _ defect: ModelDefect, at isolation: Isolation = .serializable
  ) -> Set<String> {
    (1...5 as ClosedRange<UInt64>).reduce(into: []) { names, seed in
      let report = workload.check(ModelDatabase.run(workload, isolation, defect, seed: seed))
      names.formUnion(report.violations.map(\.name))
    }
  }

  @Test func `Weak levels show what they allow`() {
    func allowed(_ workload: Workload, _ isolation: Isolation) -> Set<String> {
      (1...5 as ClosedRange<UInt64>).reduce(into: []) { names, seed in
        names.formUnion(workload.check(ModelDatabase.run(workload, isolation, seed: seed)).allowed.map(\.name))
      }
    }
    #expect(allowed(.append, .repeatableRead).contains("G2-item"))
    #expect(allowed(.append, .readCommitted).isSuperset(of: ["G-single", "G2-item", "P2", "lost-update"]))
    #expect(allowed(.upsert, .repeatableRead) == ["duplicate-upsert"])
    #expect(allowed(.bank, .readCommitted).contains("wrong-total"))
    #expect(allowed(.register, .readCommitted).contains("nonlinearizable-realtime"))
    #expect(allowed(.monotonic, .readCommitted).contains("lost-update"))
    #expect(allowed(.longFork, .readCommitted).contains("long-fork"))
  }

  @Test func `Old snapshots`() {
    #expect(found(.append, .oldSnapshots, at: .repeatableRead).contains("G-single-realtime"))
    for workload in [Workload.register, .longFork] {
      #expect(found(workload, .oldSnapshots, at: .repeatableRead).contains("nonlinearizable-realtime"))
    }
    #expect(found(.monotonic, .oldSnapshots, at: .repeatableRead).contains("nonmonotonic-realtime"))
    #expect(found(.set, .oldSnapshots, at: .repeatableRead).contains("stale-read-realtime"))
    #expect(found(.comments, .oldSnapshots, at: .repeatableRead).contains("stale-read-realtime"))
  }

  @Test func `No validation`() {
    #expect(found(.append, .noValidation).isSuperset(of: ["G2-item", "lost-update"]))
    #expect(found(.append, .noValidation, at: .repeatableRead).contains("lost-update"))
    #expect(found(.bank, .noValidation).contains("wrong-total"))
    #expect(found(.register, .noValidation).contains("nonlinearizable-realtime"))
    #expect(found(.monotonic, .noValidation).contains("lost-update"))
    #expect(found(.upsert, .noValidation).contains("duplicate-upsert"))
  }

  @Test func `Dirty writes`() {
    #expect(found(.append, .dirtyWrites, at: .readCommitted).isSuperset(of: ["G1a", "G1b", "dirty-update"]))
    #expect(found(.set, .dirtyWrites, at: .readCommitted).contains("G1a"))
    #expect(found(.register, .dirtyWrites, at: .readCommitted).contains("G1a"))
  }

  @Test func `Lost commits`() {
    #expect(found(.append, .lostCommits, at: .readCommitted).contains("lost-write"))
    #expect(found(.set, .lostCommits, at: .readCommitted).contains("lost-write"))
    #expect(found(.comments, .lostCommits, at: .readCommitted).contains("lost-write"))
    #expect(found(.register, .lostCommits).contains("nonlinearizable-realtime"))
  }

  @Test func `Half commits`() {
    #expect(found(.append, .halfCommits, at: .repeatableRead).contains("G-single"))
    #expect(found(.bank, .halfCommits, at: .repeatableRead).contains("wrong-total"))
    #expect(found(.upsert, .halfCommits, at: .repeatableRead).contains("fractured-read"))
  }

  @Test func `Double commits`() {
    #expect(found(.append, .doubleCommits, at: .readCommitted).contains("duplicate"))
    #expect(found(.set, .doubleCommits, at: .readCommitted).contains("duplicate"))
  }

  @Test func `Late commits`() {
    #expect(found(.append, .lateCommits, at: .readCommitted).contains("G0-realtime"))
    #expect(found(.set, .lateCommits, at: .readCommitted).contains("stale-read-realtime"))
    #expect(found(.comments, .lateCommits).contains("causal-reverse-realtime"))
  }

  @Test func `Real time as dependencies says neither more nor less than the times do`() {
    for seed in 1...6 as ClosedRange<UInt64> {
      let history = ModelDatabase.run(.append, .serializable, seed: seed, steps: 150)
      let numbers = history.transactions.indices.filter { history.transactions[$0].outcome != .aborted }
      var reaches = numbers.map { _ in Set<Int>() }
      let edges = RealTimeOrder.dependencies(history, numbers)
      let order = numbers.indices.sorted {
        history.transactions[numbers[$0]].begun < history.transactions[numbers[$1]].begun
      }
      for target in order {
        for edge in edges where Int(edge.target) == target {
          reaches[target].formUnion(reaches[Int(edge.source)].union([Int(edge.source)]))
        }
      }
      for target in numbers.indices {
        let before = numbers.indices.filter { source in
          let transaction = history.transactions[numbers[source]]
          return transaction.outcome == .committed && transaction.ended < history.transactions[numbers[target]].begun
        }
        #expect(reaches[target] == Set(before))
      }
    }
  }
}
