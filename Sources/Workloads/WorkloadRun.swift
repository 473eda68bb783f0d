// Clients of a running database, each in a thread of its own: they run the scripts of a workload for a while, note what they did and were
// told, and at the end everything is read once more, for the checker to judge.
//
// A client of running servers, outside of any node: threads and time are the machine's, as in the shell.

import Checkers
import Foundation
import Reactors
import Shell
import Synchronization

/// What is to be run, and against what.
public struct WorkloadOptions: Sendable {
  public var workload = Workload.append
  public var isolation = Isolation.serializable
  /// Where nodes are; clients are spread over them, and go on to the next one when one fails.
  public var urls: [ConnectionURL] = []
  public var clientCount = 8
  /// Seconds.
  public var duration = 60
  public var keyCount = 6
  /// Scripts until other keys take their place.
  public var keyLife = 200
  public var seed: UInt64 = 1
  /// Seconds that an answer may take before its connection is given up.
  public var timeLimit = 20
  /// Whether the tables stay.
  public var keepsTables = false

  public init() {}
}

/// Why a run could not be judged.
public struct WorkloadFailure: Error, CustomStringConvertible {
  public var description: String
}

/// How far a run is.
public struct WorkloadProgress: Sendable {
  public var seconds: Int
  public var committed = 0
  public var aborted = 0
  public var unknown = 0
  /// What went wrong, by SQLSTATE.
  public var reasons: [String: Int] = [:]

  /// One line.
  public var line: String {
    let reasons = reasons.keys.sorted().map { " \($0) \(self.reasons[$0] ?? 0)" }.joined(separator: ",")
    return "\(seconds) s: \(committed) committed, \(aborted) aborted, \(unknown) unknown"
      + (reasons.isEmpty ? "" : ";\(reasons)")
  }
}

/// One run.
public final class WorkloadRun: Sendable {
  private struct State {
    var source: ScriptSource
    var random: RandomSource
    var history = History()
    var progress = WorkloadProgress(seconds: 0)
    /// Of each kind the first message.
    var messages: [String: String] = [:]
    var runningCount = 0
  }

  private let options: WorkloadOptions
  private let state: Mutex<State>
  private let start = ContinuousClock.now
  private let isOver = Atomic(false)

  public init(_ options: WorkloadOptions) {
    self.options = options
    let keys = ScriptSource.Keys(count: options.keyCount, life: options.keyLife)
    state = Mutex(
      State(source: ScriptSource(options.workload, keys: keys), random: RandomSource(seed: options.seed)))
  }

  /// What clients were told, so far.
  public var history: History { state.withLock { $0.history } }

  /// Of each kind of failure the first message, by SQLSTATE.
  public var messages: [(state: String, message: String)] {
    state.withLock { state in state.messages.keys.sorted().map { ($0, state.messages[$0] ?? "") } }
  }

  private var now: Int64 {
    let parts = (ContinuousClock.now - start).components
    return parts.seconds * 1_000_000_000 + parts.attoseconds / 1_000_000_000
  }

  /// Runs it and judges the history.
  /// - Parameter onProgress: called about every ten seconds.
  public func run(onProgress: (WorkloadProgress) -> Void) throws(WorkloadFailure) -> Report {
    try prepare()
    let deadline = now + Int64(options.duration) * 1_000_000_000
    state.withLock { $0.runningCount = options.clientCount }
    for number in 0..<options.clientCount {
      let thread = Thread { [self] in
        act(number)
        state.withLock { $0.runningCount -= 1 }
      }
      thread.start()
    }
    var told = now
    while now < deadline {
      Thread.sleep(forTimeInterval: 0.1)
      if now - told >= 10_000_000_000 {
        told += 10_000_000_000
        onProgress(progress)
      }
    }
    isOver.store(true, ordering: .relaxed)
    // Whoever still waits then is recorded as unknown.
    let limit = now + Int64(options.timeLimit + 5) * 1_000_000_000
    while state.withLock({ $0.runningCount }) > 0, now < limit { Thread.sleep(forTimeInterval: 0.05) }
    onProgress(progress)
    try readAll()
    return options.workload.check(history)
  }

  private var progress: WorkloadProgress {
    state.withLock { state in
      var progress = state.progress
      progress.seconds = Int(now / 1_000_000_000)
      return progress
    }
  }

  // MARK: Clients

  private func act(_ number: Int) {
    let client = WorkloadClient(options.urls, options.isolation, number: number, timeLimit: options.timeLimit)
    while !isOver.load(ordering: .relaxed) {
      if let reason = client.connect() {
        note(Attempt(outcome: .aborted, reason: "connection", message: reason), isTransaction: false)
        Thread.sleep(forTimeInterval: 0.1)
        continue
      }
      // One in four only reads, and goes on where writes wait.
      let (script, isAlone, isLocking) = state.withLock { state in
        (
          state.source.next(isReader: number % 4 == 3, &state.random), state.random.chance(percent: 50),
          state.random.chance(percent: 30)
        )
      }
      let attempt: Attempt
      if isAlone, var step = script.single, step.sql(isLocking: false).otherwise == nil {
        let place = record(number, now, [step])
        attempt = client.performAlone(&step)
        state.withLock { $0.history.complete(place, [step]) }
        settle(place, attempt.outcome)
      } else {
        attempt = perform(script, client, number, isLocking: isLocking && !script.isReadOnly)
      }
      note(attempt, isTransaction: true)
    }
    client.close()
  }

  private func perform(
    _ script: Script, _ client: WorkloadClient, _ number: Int, isLocking: Bool
  ) -> Attempt {
    let begun = now
    var place = 0
    let attempt = client.perform(script, isLocking: isLocking) { done in
      place = record(number, begun, done)
    } abandons: { done in
      place = record(number, begun, done)
    }
    settle(place, attempt.outcome)
    return attempt
  }

  private func record(_ number: Int, _ begun: Int64, _ done: [Checkers.Operation]) -> Int {
    let transaction = RecordedTransaction(
      client: number, isolation: options.isolation, begun: begun, ended: now, outcome: .unknown, operations: done)
    return state.withLock { $0.history.add(transaction) }
  }

  private func settle(_ place: Int, _ outcome: Outcome) {
    let ended = now
    state.withLock { $0.history.settle(place, outcome, at: ended) }
  }

  private func note(_ attempt: Attempt, isTransaction: Bool) {
    state.withLock { state in
      if isTransaction {
        switch attempt.outcome {
        case .committed: state.progress.committed += 1
        case .aborted: state.progress.aborted += 1
        case .unknown: state.progress.unknown += 1
        }
      }
      guard let reason = attempt.reason else { return }
      state.progress.reasons[reason, default: 0] += 1
      if state.messages[reason] == nil { state.messages[reason] = attempt.message ?? "" }
    }
  }

  // MARK: Beginning and end

  /// Does something again until it succeeds, through one node after another.
  private func insist(
    _ what: String, seconds: Int, _ body: (WorkloadClient) -> String?
  ) throws(WorkloadFailure) {
    let client = WorkloadClient(options.urls, options.isolation, number: 0, timeLimit: options.timeLimit)
    let limit = now + Int64(seconds) * 1_000_000_000
    while true {
      guard let reason = client.connect() ?? body(client) else { break }
      if now > limit { throw WorkloadFailure(description: "\(what): \(reason)") }
      Thread.sleep(forTimeInterval: 0.2)
    }
    client.close()
  }

  private func execute(_ statements: [String], _ client: WorkloadClient) -> String? {
    do {
      for statement in statements { _ = try client.run(statement) }
      return nil
    } catch {
      return "\(error)"
    }
  }

  private func prepare() throws(WorkloadFailure) {
    try insist("cannot make the tables", seconds: 10) { client in
      execute([Checkers.Operation.tearDown] + Checkers.Operation.setUp, client)
    }
    let opening = state.withLock { $0.source.opening }
    try insist("cannot fill the tables", seconds: 30) { client in
      let attempt = perform(opening, client, -1, isLocking: false)
      return attempt.outcome == .committed ? nil : attempt.message ?? "no answer"
    }
  }

  private func readAll() throws(WorkloadFailure) {
    for script in state.withLock({ $0.source.closing }) {
      try insist("cannot read everything at the end", seconds: 120) { client in
        let attempt = perform(script, client, -1, isLocking: false)
        return attempt.outcome == .committed ? nil : attempt.message ?? "no answer"
      }
    }
    if options.keepsTables { return }
    try insist("cannot drop the tables", seconds: 30) { execute([Checkers.Operation.tearDown], $0) }
  }
}
