// The clients of a simulated node or cluster: they run the scripts of a workload, and note what they did and what they were told. When
// everything is over, the workload's checker judges that.

import Checkers
import Reactors
import Transactions

/// Used by the thread of its world alone.
final class ClientWorkload {
  /// What the seed decides.
  struct Plan {
    var workload: Workload
    var isolation: Isolation
    var clientCount: Int
    var thinkTime: Int64
    var keys: ScriptSource.Keys
  }

  private let world: SimulatedWorld
  private let plan: Plan
  private var random: RandomSource
  private var source: ScriptSource
  private var history = History()
  /// Whether clients may begin.
  private(set) var isSetUp = false
  /// What is still to be read when everything is over; nil until then.
  private var closing: [Script]?
  /// Judged once everything was read.
  private(set) var report: Report?

  init(_ world: SimulatedWorld, _ plan: Plan, random: RandomSource) {
    self.world = world
    self.plan = plan
    self.random = random
    source = ScriptSource(plan.workload, keys: plan.keys)
  }

  var summary: String { report?.summary ?? plan.workload.rawValue }

  /// Transactions that were acknowledged so far.
  var acknowledgedCount: Int { history.count(.committed) }

  /// How far what clients see was promised to agree with real time.
  enum RealTime {
    case everything
    /// Each key by itself.
    case keys
    /// Clocks broke their bounds.
    case nothing
  }

  /// What is wrong with the history; nil when nothing is, or when the end was not read.
  func violation(promised: RealTime) -> String? {
    guard let report else { return nil }
    let found = report.violations.filter { violation in
      switch promised {
      case .everything: true
      case .keys: violation.order == .data ? violation.kind != .causalReverse : violation.kind == .staleRead
      case .nothing: violation.order == .data && !Self.ofRealTime.contains(violation.kind)
      }
    }
    return found.isEmpty ? nil : report.text
  }

  /// Kinds that are about what was acknowledged before.
  private static let ofRealTime: Set<AnomalyKind> = [.nonlinearizable, .nonmonotonic, .causalReverse, .staleRead]

  // MARK: - Clients

  /// Acts until the client's node is dead or the simulation ends.
  /// - Parameter isReader: it writes nothing, and so goes on where writes wait for ever.
  func act(_ client: any NodeClient, _ number: Int, isReader: Bool, on reactor: Reactor, isAlive: () -> Bool) async {
    while true {
      await reactor.sleep(nanoseconds: 1_000 + random.exponential(mean: plan.thinkTime))
      guard isAlive() else { break }
      let script = source.next(isReader: isReader, &random)
      if let step = script.single, random.chance(percent: 50) {
        await perform(step, client, number, isAlive)
      } else {
        await perform(script, client, number, isAlive)
      }
    }
    await client.close()
  }

  /// A transaction under way.
  private func record(_ number: Int, _ begun: Int64, _ done: [Operation]) -> RecordedTransaction {
    RecordedTransaction(
      client: number, isolation: plan.isolation, begun: begun, ended: world.now, outcome: .unknown, operations: done)
  }

  /// Runs a script once.
  /// - Returns: whether it certainly happened.
  @discardableResult
  private func perform(
    _ script: Script, _ client: any NodeClient, _ number: Int, _ isAlive: () -> Bool
  ) async -> Bool {
    let begun = world.now
    let isLocking = !script.isReadOnly && random.chance(percent: 30)
    let priority: TransactionPriority =
      random.chance(percent: 80) ? .normal : random.chance(percent: 50) ? .high : .low
    var done: [Operation] = []
    // Where the record stands once the commit is under way: then it may have happened, whatever becomes of us.
    var place: Int?
    do throws(ClientFailure) {
      try await client.begin(plan.isolation, priority, isReadOnly: script.isReadOnly)
      while let step = script.next(after: done) { done.append(try await client.perform(step, isLocking: isLocking)) }
      let noted = history.add(record(number, begun, done))
      place = noted
      try await client.commit()
      // The client of a dead process was cut off before the answer.
      guard isAlive() else { return false }
      settle(noted, .committed)
      return true
    } catch {
      let noted = place ?? history.add(record(number, begun, done))
      if place == nil || error == .retry { settle(noted, .aborted) }
      await client.rollback()
      return false
    }
  }

  /// A statement of its own. It was never heard of, or is a transaction that is about to commit.
  private func perform(_ step: Operation, _ client: any NodeClient, _ number: Int, _ isAlive: () -> Bool) async {
    let place = history.add(record(number, world.now, [step]))
    do throws(ClientFailure) {
      let done = try await client.performAlone(step, plan.isolation)
      guard isAlive() else { return }
      history.complete(place, [done])
      settle(place, .committed)
    } catch {
      if error == .retry { settle(place, .aborted) }
      await client.rollback()
    }
  }

  private func settle(_ place: Int, _ outcome: Outcome) {
    history.settle(place, outcome, at: world.now)
    guard outcome == .committed else { return }
    world.note(7, UInt64(place), "T\(place): \(history.transactions[place].operations)")
  }

  // MARK: - Beginning and end

  /// Makes room, once.
  func setUp(_ client: any NodeClient) async throws(ClientFailure) {
    do throws(ClientFailure) {
      try await client.setUp()
    } catch {
      await client.rollback()
      throw error
    }
    guard await perform(source.opening, client, -1, { true }) else { throw .retry }
    isSetUp = true
  }

  /// Transactions at the end that are still to be made; nil: none has been yet.
  var leftToRead: Int? { closing?.count }

  /// Reads everything at the end.
  func readAll(_ client: any NodeClient, _ isAlive: () -> Bool) async throws(ClientFailure) {
    // Faults may have let nobody begin.
    if !isSetUp { try await setUp(client) }
    var rest = closing ?? source.closing
    while let script = rest.first {
      closing = rest
      guard await perform(script, client, -1, isAlive), isAlive() else { throw .retry }
      rest.removeFirst()
    }
    if report == nil { report = plan.workload.check(history) }
  }
}
