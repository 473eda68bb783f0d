// What clients do to a simulated node or cluster, and what they were told: transfers between accounts, whose sum must stay,
// and lists that are appended to and read, whose history must be strictly serializable and hold whatever was acknowledged.

import Reactors

/// Used by the thread of its world alone.
final class ClientWorkload {
  static let accountCount = 8
  static let openingBalance: Int64 = 1000

  /// What the seed decides.
  struct Plan {
    var clientCount: Int
    var thinkTime: Int64
    /// Lists in use at a time, and transactions until others take their place.
    var listCount: Int
    var listLife: Int
  }

  private let world: SimulatedWorld
  private let plan: Plan
  private var random: RandomSource
  private let fail: (String) -> Void

  // The record
  private var history = ListHistory()
  private var transactionCount = 0
  private var transferCount = 0
  private var auditCount = 0
  private var retryCount = 0
  /// Whether the accounts are open.
  private(set) var isSetUp = false
  /// The lists as they stood when everything was over.
  private(set) var final: [Int: [Int]]?

  init(_ world: SimulatedWorld, _ plan: Plan, random: RandomSource, fail: @escaping (String) -> Void) {
    self.world = world
    self.plan = plan
    self.random = random
    self.fail = fail
  }

  var summary: String {
    "\(history.acknowledgedCount) lists, \(transferCount) transfers, \(auditCount) audits, \(retryCount) retries, "
      + "\(history.unknownCount) unknown"
  }

  /// Lists that were acknowledged so far.
  var acknowledgedCount: Int { history.acknowledgedCount }

  /// What is wrong with the history; nil when nothing is, or when the end was not read.
  var violation: String? { final.flatMap { history.violation(final: $0) } }

  // MARK: - Clients

  /// Acts until the client's node is dead or the simulation ends.
  /// - Parameter isReader: it writes nothing, and so goes on where writes wait for ever.
  func act(_ client: any NodeClient, isReader: Bool, on reactor: Reactor, isAlive: () -> Bool) async {
    while true {
      await reactor.sleep(nanoseconds: 1_000 + random.exponential(mean: plan.thinkTime))
      guard isAlive() else { break }
      switch random.draw(below: 10) {
      case 0..<8 where isReader: await appendAndRead(client, isReader: true, isAlive)
      case _ where isReader: await audit(client, isAlive)
      case 0..<6: await appendAndRead(client, isReader: false, isAlive)
      case 6..<9: await transfer(client, isAlive)
      default: await audit(client, isAlive)
      }
    }
    await client.close()
  }

  /// Opens the accounts, once.
  func setUp(_ client: any NodeClient) async throws(ClientFailure) {
    do throws(ClientFailure) {
      try await client.setUp(accountCount: Self.accountCount, openingBalance: Self.openingBalance)
      isSetUp = true
    } catch {
      await client.rollback()
      throw error
    }
  }

  private func appendAndRead(_ client: any NodeClient, isReader: Bool, _ isAlive: () -> Bool) async {
    transactionCount += 1
    let number = transactionCount
    let base = number / plan.listLife * plan.listCount
    let steps = (0..<random.draw(1...4)).map { _ in
      (list: base + random.draw(below: plan.listCount), appends: random.chance(percent: 60) && !isReader)
    }
    for _ in 0..<30 {
      var record = ListTransaction(number: number, begun: history.tick())
      // Where the record stands once the commit is under way: then it may have happened, whatever becomes of us.
      var position: Int?
      do throws(ClientFailure) {
        try await client.begin(isReadOnly: isReader)
        var appended: Set<Int> = []
        for step in steps {
          let numbers = try await client.list(step.list)
          if !appended.contains(step.list) { record.reads.append((step.list, numbers)) }
          if step.appends, appended.insert(step.list).inserted {
            try await client.setList(step.list, to: numbers + [number])
            record.appends.append(step.list)
          }
        }
        let place = history.begin(record)
        position = place
        try await client.commit()
        // The client of a dead process was cut off before the answer.
        guard isAlive() else { return }
        history.end(place)
        world.note(7, UInt64(number), "\(number) read \(record.reads), appended to \(record.appends)")
        return
      } catch {
        if case .retry = error {
          retryCount += 1
          if let position { history.discard(position) }
        }
        await client.rollback()
        guard case .retry = error, isAlive() else { return }
      }
    }
  }

  private func transfer(_ client: any NodeClient, _ isAlive: () -> Bool) async {
    let from = random.draw(below: Self.accountCount)
    let to = random.draw(below: Self.accountCount)
    let amount = Int64(random.draw(1...50))
    let locking = random.chance(percent: 50)
    if from == to { return }
    for _ in 0..<30 where isAlive() {
      do throws(ClientFailure) {
        try await client.begin(isReadOnly: false)
        let payer = try await client.balance(of: from, locking: locking)
        let payee = try await client.balance(of: to, locking: locking)
        guard let payer, let payee else {
          if isAlive() { fail("an account is gone") }
          await client.rollback()
          return
        }
        try await client.setBalance(of: from, to: payer - amount)
        try await client.setBalance(of: to, to: payee + amount)
        try await client.commit()
        transferCount += 1
        world.note(8, UInt64(amount), "\(amount) from \(from) (\(payer)) to \(to) (\(payee))")
        return
      } catch {
        await client.rollback()
        guard case .retry = error else { return }
        retryCount += 1
      }
    }
  }

  private func audit(_ client: any NodeClient, _ isAlive: () -> Bool) async {
    do throws(ClientFailure) {
      try await client.begin(isReadOnly: true)
      let balances = try await client.balances()
      try await client.commit()
      guard isAlive() else { return }
      auditCount += 1
      let sum = balances.reduce(0, +)
      if balances.count != Self.accountCount || sum != Int64(Self.accountCount) * Self.openingBalance {
        fail("\(balances.count) accounts hold \(sum): \(balances)")
      }
    } catch {
      await client.rollback()
    }
  }

  /// Reads everything at the end.
  func readAll(_ client: any NodeClient, _ isAlive: () -> Bool) async throws(ClientFailure) {
    // Faults may have let nobody begin.
    if !isSetUp { try await setUp(client) }
    await audit(client, isAlive)
    do throws(ClientFailure) {
      try await client.begin(isReadOnly: true)
      let found = try await client.lists()
      try await client.commit()
      final = found
    } catch {
      await client.rollback()
      throw error
    }
  }
}
