// Workload (b): a whole single node below the wire, under crashes and faults of the disk. Clients move money between
// accounts, whose sum must stay, and append to lists, whose history must be strictly serializable and hold everything that
// was acknowledged; by the seed in SQL, or as transactions over keys. The node's code is that of production, on a simulated
// environment.
//
// A crash leaves of the state what was flushed, and of the log what was synced, or after the mere death of the process
// all that was written. The old process goes on as a ghost that reaches neither the disk nor the record, until it has
// failed and is freed.

import Catalog
import Execution
import Logging
import Ranges
import Reactors
import Sessions
import Storage
import Transactions

/// `@unchecked Sendable`: used by the thread of its world alone.
final class NodeSimulation: @unchecked Sendable {
  static let accountCount = 8
  static let openingBalance: Int64 = 1000

  /// What the seed decides.
  private struct Plan {
    var faults: FaultSet = []
    var clientCount: Int
    var thinkTime: Int64
    var crashInterval: Int64
    var flushInterval: Int64
    /// In about so many reads one comes with a flipped bit, where bits rot.
    var readsPerFlip: Int
    /// Lists in use at a time, and transactions until others take their place.
    var listCount: Int
    var listLife: Int
    /// Whether some clients lay intents early.
    var hasSmallBuffers: Bool
    /// Whether clients speak SQL, or in keys.
    var speaksSQL: Bool
  }

  /// How clients reach one life of the node.
  private struct Door {
    var gateway: Gateway
    /// Lays intents as soon as something is written.
    var hasty: TransactionSystem
  }

  private let options: SimulationOptions
  private let world: SimulatedWorld
  private var random: RandomSource
  private var clientRandom: RandomSource
  private let plan: Plan

  // The disk
  private let stateDisk = MemoryEngine()
  private let logDisk = MemoryEngine()

  // The process
  private var life = 0
  /// Of all lives: what a ghost still does may need them.
  private var environments: [SimulatedEnvironment] = []
  private var stores: [Store] = []
  private var doors: [Door] = []
  private var engines: [SimulatedEngine] = []
  private var store: Store?
  private var isEnding = false

  // The record
  private var history = ListHistory()
  private var transactionCount = 0
  private var violation: String?
  private var violationTime: Int64 = 0
  private var crashCount = 0
  private var transferCount = 0
  private var auditCount = 0
  private var retryCount = 0
  private var final: [Int: [Int]]?

  init(_ options: SimulationOptions, seed: UInt64, onTrace: ((Int64, String) -> Void)?) {
    self.options = options
    world = SimulatedWorld(seed: seed)
    world.onTrace = onTrace
    random = world.makeRandom("node faults")
    clientRandom = world.makeRandom("node clients")
    var drawn = world.makeRandom("node plan")
    var faults = options.faults ?? []
    if options.faults == nil {
      for bit in FaultSet.names.indices where drawn.chance(percent: 70) {
        faults.insert(FaultSet(rawValue: 1 << UInt32(bit)))
      }
    }
    plan = Plan(
      faults: faults, clientCount: drawn.pick([1, 3, 6, 12]), thinkTime: drawn.pick([1, 10, 50]) * .millisecond,
      crashInterval: drawn.pick([300, 2000, 8000]) * .millisecond,
      flushInterval: drawn.pick([20, 500, 5000]) * .millisecond, readsPerFlip: drawn.pick([300, 3000, 30_000]),
      listCount: drawn.draw(2...6),
      listLife: drawn.pick([20, 60]), hasSmallBuffers: drawn.chance(percent: 50),
      speaksSQL: drawn.chance(percent: 40))
  }

  // MARK: The run

  func run() -> SimulationOutcome {
    begin()
    if !plan.faults.isDisjoint(with: [.crashes, .power]) { crashTurn() }
    diskTurn()
    flushTurn()
    if plan.faults.contains(.pauses) { pauseTurn() }
    if plan.faults.contains(.slowDisks) { slowTurn() }
    world.run(until: options.duration)
    if violation == nil { finish() }
    // Ghosts fail and go.
    for engine in engines { engine.disconnect() }
    isEnding = true
    life += 1
    let end = world.now
    world.run(until: end + 5 * .second)
    return SimulationOutcome(
      seed: world.seed, violation: violation, simulatedTime: violation == nil ? end : violationTime,
      eventCount: world.eventCount, crashCount: crashCount, traceHash: world.traceHash,
      summary:
        "\(plan.clientCount) \(plan.speaksSQL ? "SQL " : "")clients, \(history.acknowledgedCount) lists, \(transferCount) transfers, "
        + "\(auditCount) audits, \(retryCount) retries, \(history.unknownCount) unknown, \(crashCount) crashes")
  }

  private func fail(_ what: String) {
    if violation != nil { return }
    violation = what
    violationTime = world.now
    world.note(1, 0, "FAILED: \(what)")
    world.stop()
  }

  /// Faults end, the node starts once more, and what it holds is compared with what was acknowledged.
  private func finish() {
    isEnding = true
    world.note(2, 0, "healing begins")
    crash(losingPower: plan.faults.contains(.power), restarts: false)
    begin(withClients: false)
    let deadline = world.now + 60 * .second
    while final == nil, violation == nil, world.now < deadline { world.run(until: world.now + .second / 2) }
    if violation != nil { return }
    guard let final else {
      fail("no progress after healing")
      return
    }
    if let wrong = history.violation(final: final) { fail(wrong) }
  }

  // MARK: The process

  private func begin(withClients: Bool = true) {
    life += 1
    let life = life
    let machine = SimulatedMachine(life, world)
    if plan.faults.contains(.clocks) {
      machine.clock = SimulatedClock(
        offset: random.draw(Int64(-50)...50) * .millisecond, driftPerMillion: random.draw(Int64(-200)...200))
    }
    // The monotonic clock begins anew with each machine; the wall clock is about that of the last one.
    let environment = SimulatedEnvironment(machine)
    environments.append(environment)
    let state = SimulatedEngine(stateDisk)
    let log = SimulatedEngine(logDisk)
    engines = [state, log]
    if plan.faults.contains(.rot), withClients {
      for engine in engines { engine.rot(one: plan.readsPerFlip, random: world.makeRandom("rot \(life)")) }
    }
    world.note(3, UInt64(life), "life \(life) begins")
    let clock = NodeClock(environment: environment)
    var logger = Logger(label: "meridian.simulation")
    logger.handler = SwiftLogNoOpLogHandler()
    let silent = logger
    let local = LocalStore.on(state: state, log: log)
    var storeOptions = StoreOptions()
    storeOptions.maintenanceInterval = .second
    storeOptions.collectionInterval = 0
    switch options.planted {
    case .forgetTimestampCache: storeOptions.faults.skipsTimestampCache = true
    case .forgetTimeAtRestart: storeOptions.faults.forgetsTimeAtRestart = true
    default: break
    }
    let settings = storeOptions
    environment.reactors[0].enqueue { [self] reactor in
      reactor.run { [self] reactor in
        do throws(StorageError) {
          let store = try await Store.open(
            environment: environment, local: local, clock: clock, options: settings, logger: silent,
            onFatal: { [self] reason in died(life, reason) })
          stores.append(store)
          guard life == self.life else { return }
          self.store = store
          let gateway = Gateway(
            reactor: reactor, environment: environment, transactions: TransactionSystem(store, on: reactor),
            catalog: CatalogCache(), sequences: SequenceService(), rowIDs: RowIDGenerator(node: 1), logger: silent)
          let door = Door(gateway: gateway, hasty: TransactionSystem(store, on: reactor))
          door.hasty.bufferLimit = 1
          doors.append(door)
          await setUp(door, life)
          if withClients {
            let shared = Confined(door, to: reactor)
            for client in 0..<plan.clientCount {
              reactor.run { [self] reactor in await act(client, shared.access(on: reactor), life) }
            }
          } else {
            await readAll(door, life)
          }
        } catch {
          guard life == self.life else { return }
          if state.damageCount + log.damageCount > 0 {
            died(life, "\(error)")
          } else {
            fail("the store does not open: \(error)")
          }
        }
      }
    }
  }

  /// The node gave up: its disk failed.
  private func died(_ life: Int, _ reason: String) {
    guard life == self.life, !isEnding else { return }
    world.note(4, UInt64(life), "life \(life) ends: \(reason)")
    // Not from within the node's own call.
    world.schedule(afterNanoseconds: 0) { [self] in
      if life == self.life { crash(losingPower: false, restarts: true) }
    }
  }

  private func crash(losingPower: Bool, restarts: Bool) {
    crashCount += 1
    life += 1
    store = nil
    for engine in engines { engine.disconnect() }
    stateDisk.crash()
    if losingPower { logDisk.crash() }
    world.note(5, losingPower ? 1 : 0, losingPower ? "power lost" : "process killed")
    guard restarts else { return }
    let life = life
    world.schedule(afterNanoseconds: 10 * .millisecond + random.exponential(mean: 200 * .millisecond)) { [self] in
      if life == self.life, !isEnding { begin() }
    }
  }

  // MARK: Faults

  private func crashTurn() {
    world.schedule(afterNanoseconds: random.exponential(mean: plan.crashInterval)) { [self] in
      if isEnding { return }
      let losesPower = plan.faults.contains(.power) && (!plan.faults.contains(.crashes) || random.chance(percent: 50))
      if store != nil { crash(losingPower: losesPower, restarts: true) }
      crashTurn()
    }
  }

  /// What RocksDB does by itself when its memory is full.
  private func flushTurn() {
    world.schedule(afterNanoseconds: random.exponential(mean: plan.flushInterval)) { [self] in
      if isEnding { return }
      try? stateDisk.flush()
      flushTurn()
    }
  }

  private func diskTurn() {
    world.schedule(afterNanoseconds: random.exponential(mean: 5 * .second)) { [self] in
      if isEnding { return }
      let engine = random.pick(engines)
      if plan.faults.contains(.failingDisks), random.chance(percent: 50) {
        world.note(6, 0, "the disk fails")
        engine.failure = { .inputOutput("a simulated failure") }
      } else if plan.faults.contains(.fullDisks) {
        world.note(6, 1, "the disk is full")
        engine.failure = { .outOfSpace("a simulated disk is full") }
      }
      diskTurn()
    }
  }

  /// Disks that take long for a while: hundreds of milliseconds for each sync.
  private func slowTurn() {
    world.schedule(afterNanoseconds: random.exponential(mean: 3 * .second)) { [self] in
      if isEnding { return }
      let machine = environments.last?.machine
      machine?.workSlowdown = random.pick([10, 100, 1000])
      world.schedule(afterNanoseconds: random.exponential(mean: 500 * .millisecond)) { machine?.workSlowdown = 1 }
      slowTurn()
    }
  }

  private func pauseTurn() {
    world.schedule(afterNanoseconds: random.exponential(mean: 4 * .second)) { [self] in
      if isEnding { return }
      environments.last?.machine.pause(forNanoseconds: random.exponential(mean: 300 * .millisecond))
      pauseTurn()
    }
  }

  // MARK: Clients

  /// A client of one life of the node.
  private func connect(_ number: Int, _ door: Door) async throws(ClientFailure) -> any NodeClient {
    if plan.speaksSQL { return try await SQLClient.open(door.gateway, number: number) }
    return KeyClient(plan.hasSmallBuffers && number % 2 == 1 ? door.hasty : door.gateway.transactions)
  }

  private func sleep(_ door: Door, nanoseconds: Int64) async {
    await door.gateway.reactor.sleep(nanoseconds: nanoseconds)
  }

  /// Opens the accounts, once.
  private func setUp(_ door: Door, _ life: Int) async {
    while life == self.life {
      do throws(ClientFailure) {
        let client = try await connect(0, door)
        do throws(ClientFailure) {
          try await client.setUp(accountCount: Self.accountCount, openingBalance: Self.openingBalance)
          await client.close()
          return
        } catch {
          await client.rollback()
          await client.close()
          throw error
        }
      } catch {
        await sleep(door, nanoseconds: 10 * .millisecond)
      }
    }
  }

  private func act(_ number: Int, _ door: Door, _ life: Int) async {
    guard let client = try? await connect(number, door) else { return }
    while true {
      await sleep(door, nanoseconds: 1_000 + clientRandom.exponential(mean: plan.thinkTime))
      guard life == self.life, !isEnding else { break }
      switch clientRandom.draw(below: 10) {
      case 0..<6: await appendAndRead(client, life)
      case 6..<9: await transfer(client, life)
      default: await audit(client, life)
      }
    }
    await client.close()
  }

  private func appendAndRead(_ client: any NodeClient, _ life: Int) async {
    transactionCount += 1
    let number = transactionCount
    let base = number / plan.listLife * plan.listCount
    let steps = (0..<clientRandom.draw(1...4)).map { _ in
      (list: base + clientRandom.draw(below: plan.listCount), appends: clientRandom.chance(percent: 60))
    }
    for _ in 0..<30 {
      var record = ListTransaction(number: number, begun: history.tick())
      // Where the record stands once the commit is under way: then it may have happened, whatever becomes of us.
      var position: Int?
      do throws(ClientFailure) {
        try await client.begin(isReadOnly: false)
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
        guard life == self.life else { return }
        history.end(place)
        world.note(7, UInt64(number), "\(number) read \(record.reads), appended to \(record.appends)")
        return
      } catch {
        if case .retry = error {
          retryCount += 1
          if let position { history.discard(position) }
        }
        await client.rollback()
        guard case .retry = error, life == self.life else { return }
      }
    }
  }

  private func transfer(_ client: any NodeClient, _ life: Int) async {
    let from = clientRandom.draw(below: Self.accountCount)
    let to = clientRandom.draw(below: Self.accountCount)
    let amount = Int64(clientRandom.draw(1...50))
    let locking = clientRandom.chance(percent: 50)
    if from == to { return }
    for _ in 0..<30 where life == self.life {
      do throws(ClientFailure) {
        try await client.begin(isReadOnly: false)
        let payer = try await client.balance(of: from, locking: locking)
        let payee = try await client.balance(of: to, locking: locking)
        guard let payer, let payee else {
          if life == self.life { fail("an account is gone") }
          await client.rollback()
          return
        }
        try await client.setBalance(of: from, to: payer - amount)
        try await client.setBalance(of: to, to: payee + amount)
        try await client.commit()
        transferCount += 1
        return
      } catch {
        await client.rollback()
        guard case .retry = error else { return }
        retryCount += 1
      }
    }
  }

  private func audit(_ client: any NodeClient, _ life: Int) async {
    do throws(ClientFailure) {
      try await client.begin(isReadOnly: true)
      let balances = try await client.balances()
      try await client.commit()
      guard life == self.life else { return }
      auditCount += 1
      let sum = balances.reduce(0, +)
      if balances.count != Self.accountCount || sum != Int64(Self.accountCount) * Self.openingBalance {
        fail("\(balances.count) accounts hold \(sum)")
      }
    } catch {
      await client.rollback()
    }
  }

  /// Reads everything at the end.
  private func readAll(_ door: Door, _ life: Int) async {
    while life == self.life, final == nil {
      do throws(ClientFailure) {
        let client = try await connect(0, door)
        await audit(client, life)
        do throws(ClientFailure) {
          try await client.begin(isReadOnly: true)
          let found = try await client.lists()
          try await client.commit()
          await client.close()
          final = found
        } catch {
          await client.rollback()
          await client.close()
          throw error
        }
      } catch {
        await sleep(door, nanoseconds: 100 * .millisecond)
      }
    }
  }
}
