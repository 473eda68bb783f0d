// A reactor runs its work in order, starts tasks at once, and its timers fire on it.

import Testing

@testable import Reactors

/// Touched only on one reactor.
private final class Trace {
  var events: [Int] = []
}

private final class Waiting {
  var continuation: UnsafeContinuation<Void, Never>?
}

@Suite struct ReactorTests {
  @Test func workRunsInOrderAndTasksStartAtOnce() async throws {
    let environment = ProductionEnvironment(reactorCount: 2)
    let reactor = environment.reactors[1]
    let events = await reactor.perform { reactor -> [Int] in
      let trace = Trace()
      trace.events.append(1)
      reactor.run { [trace = Sending(trace)] reactor in
        trace.value.events.append(2)
        await reactor.sleep(nanoseconds: 1_000_000)
        trace.value.events.append(4)
      }
      trace.events.append(3)
      await reactor.sleep(nanoseconds: 20_000_000)
      return trace.events
    }
    #expect(events == [1, 2, 3, 4])
    try await environment.shutdown()
  }

  @Test func aSpawnedTaskGoesOnWithinTheCallThatResumesIt() async throws {
    let environment = ProductionEnvironment(reactorCount: 2)
    let reactor = environment.reactors[1]
    let events = await reactor.perform { reactor -> [Int] in
      let trace = Trace()
      let waiting = Sending(Waiting())
      reactor.spawn { [trace = Sending(trace)] reactor in
        trace.value.events.append(2)
        await withUnsafeContinuation { waiting.value.continuation = $0 }
        reactor.assertIsolated()
        trace.value.events.append(4)
        // What others resume comes back here as well.
        await reactor.sleep(nanoseconds: 1_000_000)
        reactor.assertIsolated()
        trace.value.events.append(6)
      }
      trace.events.append(1)
      await reactor.sleep(nanoseconds: 5_000_000)
      guard let continuation = waiting.value.continuation else { return [] }
      trace.events.append(3)
      reactor.resume(continuation)
      trace.events.append(5)
      await reactor.sleep(nanoseconds: 20_000_000)
      return trace.events
    }
    #expect(events == [1, 2, 3, 4, 5, 6])
    try await environment.shutdown()
  }

  @Test func randomSourcesAreReproducibleAndApart() {
    var a = RandomSource(seed: 7, label: "a")
    var again = RandomSource(seed: 7, label: "a")
    var b = RandomSource(seed: 7, label: "b")
    let first = (0..<4).map { _ in a.next() }
    #expect(first == (0..<4).map { _ in again.next() })
    #expect(first != (0..<4).map { _ in b.next() })
  }

  @Test func aWorkerRunsEverythingBeforeItStops() async throws {
    let environment = ProductionEnvironment(reactorCount: 1)
    let worker = environment.makeWorker("test", threads: 1)
    let values: [Int] = await withCheckedContinuation { continuation in
      let box = Box()
      for value in 0..<100 { worker.submit { box.values.append(value) } }
      worker.submit { continuation.resume(returning: box.values) }
    }
    worker.stop()
    #expect(values == Array(0..<100))
    try await environment.shutdown()
  }
}

/// `@unchecked Sendable`: the test's single worker thread alone touches it.
private final class Box: @unchecked Sendable { var values: [Int] = [] }

/// `@unchecked Sendable`: the test keeps the value on the reactor that made it.
private struct Sending<T>: @unchecked Sendable {
  let value: T
  init(_ value: T) { self.value = value }
}
