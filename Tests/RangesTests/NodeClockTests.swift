// A node's clock over clocks that are read a little apart.

import Clocks
import Reactors
import Synchronization
import Testing

@testable import Ranges

/// Time stands still but for the given steps, one after each reading of either clock.
private final class HaltingEnvironment: Environment {
  private struct State {
    var time: Int64 = 1_000_000_000_000
    var steps: [Int64]
    var wallOffset: Int64 = 0
  }
  private let state: Mutex<State>
  let reactors: [Reactor] = []

  init(_ steps: [Int64]) { state = Mutex(State(steps: steps)) }

  private func read(_ state: inout State) -> Int64 {
    defer { state.time += state.steps.isEmpty ? 0 : state.steps.removeFirst() }
    return state.time
  }

  var time: Int64 { state.withLock { $0.time } }
  func stepWall(by nanoseconds: Int64) { state.withLock { $0.wallOffset += nanoseconds } }
  func monotonicNow() -> MonotonicInstant { MonotonicInstant(nanoseconds: state.withLock { read(&$0) }) }
  func wallNow() -> Int64 { state.withLock { read(&$0) + $0.wallOffset } }
  func makeRandom(_ label: String) -> RandomSource { preconditionFailure("no random numbers") }
  func makeWorker(_ name: String, threads: Int) -> any Worker { preconditionFailure("no workers") }
}

@Suite struct NodeClockTests {
  private static let pause: Int64 = 50_000_000

  /// The thread stands still once, between two readings: wherever that is, the clock does not run ahead of true time afterwards.
  @Test(arguments: 0..<8) func aPauseBetweenReadingsDoesNotPutTheClockAhead(_ place: Int) {
    let environment = HaltingEnvironment((0..<8).map { $0 == place ? Self.pause : 1_000 })
    let clock = NodeClock(environment: environment)
    for _ in 0..<6 {
      #expect(clock.interval().latest <= environment.time)
      #expect(clock.now().wall <= environment.time)
    }
  }

  @Test func aStepBackIsBridged() {
    let environment = HaltingEnvironment(Array(repeating: 1_000_000, count: 100))
    let clock = NodeClock(environment: environment)
    let before = clock.interval().latest
    environment.stepWall(by: -5_000_000_000)
    let after = clock.interval().latest
    #expect(after > before && after - before < 10_000_000)
  }
}
