// Workload (b): the storage and transactions of a whole single node, under crashes and faults of the disk. Clients move
// money between accounts, whose sum must stay, and append to lists, whose history must be strictly serializable and hold
// everything that was acknowledged. The node's code is that of production, on a simulated environment.
//
// A crash leaves of the state what was flushed, and of the log what was synced, or after the mere death of the process
// all that was written. The old process goes on as a ghost that reaches neither the disk nor the record, until it has
// failed and is freed.

import Encoding
import Logging
import Ranges
import Reactors
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
    /// Lists in use at a time, and transactions until others take their place.
    var listCount: Int
    var listLife: Int
    /// Whether some clients lay intents early.
    var hasSmallBuffers: Bool
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
      flushInterval: drawn.pick([20, 500, 5000]) * .millisecond, listCount: drawn.draw(2...6),
      listLife: drawn.pick([20, 60]), hasSmallBuffers: drawn.chance(percent: 50))
  }

  // MARK: The run

  func run() -> SimulationOutcome {
    begin()
    if !plan.faults.isDisjoint(with: [.crashes, .power]) { crashTurn() }
    diskTurn()
    flushTurn()
    if plan.faults.contains(.pauses) { pauseTurn() }
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
      eventCount: world.eventCount, traceHash: world.traceHash,
      summary: "\(plan.clientCount) clients, \(history.acknowledgedCount) lists, \(transferCount) transfers, "
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
    world.note(3, UInt64(life), "life \(life) begins")
    let clock = NodeClock(environment: environment)
    var logger = Logger(label: "meridian.simulation")
    logger.handler = SwiftLogNoOpLogHandler()
    let silent = logger
    let local = LocalStore.on(state: state, log: log)
    var storeOptions = StoreOptions()
    storeOptions.maintenanceInterval = .second
    storeOptions.collectionInterval = 0
    let settings = storeOptions
    environment.reactors[0].enqueue { [self] reactor in
      reactor.run { [self] reactor in
        do throws(StorageError) {
          let store = try await Store.open(
            environment: environment, local: local, clock: clock, options: settings, logger: silent,
            onFatal: { [self] reason in died(life, reason) })
          stores.append(store)
          guard life == self.life else { return }
          if options.planted == .forgetTimestampCache {
            store.shard(on: reactor).faults = Ranges.PlantedFaults(skipsTimestampCache: true)
          }
          self.store = store
          await setUp(store, on: reactor, life)
          if withClients {
            for client in 0..<plan.clientCount {
              reactor.run { [self] reactor in await act(client, store, on: reactor, life) }
            }
          } else {
            await readAll(store, on: reactor, life)
          }
        } catch {
          if life == self.life { fail("the store does not open: \(error)") }
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

  private func pauseTurn() {
    world.schedule(afterNanoseconds: random.exponential(mean: 4 * .second)) { [self] in
      if isEnding { return }
      environments.last?.machine.pause(forNanoseconds: random.exponential(mean: 300 * .millisecond))
      pauseTurn()
    }
  }

  // MARK: Clients

  private static func account(_ number: Int) -> Key { Key([0x61, UInt8(number)]) }
  private static let accounts = KeySpan(start: Key([0x61]), end: Key([0x62]))
  private static func list(_ number: Int) -> Key { Key([0x6c, UInt8(number >> 8 & 0xff), UInt8(number & 0xff)]) }
  private static let lists = KeySpan(start: Key([0x6c]), end: Key([0x6d]))

  private static func numbers(_ bytes: [UInt8]) -> [Int] {
    bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw)
      var numbers: [Int] = []
      while let number = reader.readVarint() { numbers.append(Int(number)) }
      return numbers
    }
  }

  private static func bytes(_ numbers: [Int]) -> [UInt8] {
    var bytes: [UInt8] = []
    for number in numbers { ValueEncoding.appendVarint(UInt64(number), to: &bytes) }
    return bytes
  }

  /// Opens the accounts, once.
  private func setUp(_ store: Store, on reactor: isolated Reactor, _ life: Int) async {
    let system = TransactionSystem(store, on: reactor)
    while life == self.life {
      let transaction = system.begin()
      do throws(TransactionError) {
        var block = KeyValueBlock()
        if try await !transaction.get(Self.account(0), into: &block) {
          for number in 0..<Self.accountCount {
            transaction.put(Self.account(number), TransactionSystem.bytes(Self.openingBalance))
          }
        }
        _ = try await transaction.commit()
        return
      } catch {
        await transaction.rollback()
        await reactor.sleep(nanoseconds: 10 * .millisecond)
      }
    }
  }

  private func act(_ client: Int, _ store: Store, on reactor: isolated Reactor, _ life: Int) async {
    let system = TransactionSystem(store, on: reactor)
    if plan.hasSmallBuffers, client % 2 == 1 { system.bufferLimit = 1 }
    while true {
      let pause = 1_000 + clientRandom.exponential(mean: plan.thinkTime)
      await reactor.sleep(nanoseconds: pause)
      guard life == self.life, !isEnding else { return }
      switch clientRandom.draw(below: 10) {
      case 0..<6: await appendAndRead(system, life)
      case 6..<9: await transfer(system, life)
      default: await audit(system, life)
      }
    }
  }

  private func appendAndRead(_ system: TransactionSystem, _ life: Int) async {
    transactionCount += 1
    let number = transactionCount
    let base = number / plan.listLife * plan.listCount
    let steps = (0..<clientRandom.draw(1...4)).map { _ in
      (list: base + clientRandom.draw(below: plan.listCount), appends: clientRandom.chance(percent: 60))
    }
    for _ in 0..<30 {
      var record = ListTransaction(number: number, begun: history.tick())
      let transaction = system.begin()
      // Where the record stands once the commit is under way: then it may have happened, whatever becomes of us.
      var position: Int?
      do throws(TransactionError) {
        var appended: Set<Int> = []
        for step in steps {
          var block = KeyValueBlock()
          let key = Self.list(step.list)
          let numbers = try await transaction.get(key, into: &block) ? Self.numbers(block.value(0)) : []
          if !appended.contains(step.list) { record.reads.append((step.list, numbers)) }
          if step.appends, appended.insert(step.list).inserted {
            transaction.put(key, Self.bytes(numbers + [number]))
            record.appends.append(step.list)
            try await transaction.flushIfNeeded()
          }
        }
        let place = history.begin(record)
        position = place
        _ = try await transaction.commit()
        // The client of a dead process was cut off before the answer.
        guard life == self.life else { return }
        history.end(place)
        world.note(7, UInt64(number), "\(number) read \(record.reads), appended to \(record.appends)")
        return
      } catch {
        switch error {
        case .retry, .deadlock:
          retryCount += 1
          if let position { history.discard(position) }
          await transaction.rollback()
          if life != self.life { return }
        default:
          await transaction.rollback()
          return
        }
      }
    }
  }

  private func transfer(_ system: TransactionSystem, _ life: Int) async {
    let from = clientRandom.draw(below: Self.accountCount)
    let to = clientRandom.draw(below: Self.accountCount)
    let amount = Int64(clientRandom.draw(1...50))
    let lock = clientRandom.chance(percent: 50) ? LockRequest(.exclusive) : nil
    if from == to { return }
    for _ in 0..<30 where life == self.life {
      let transaction = system.begin()
      do throws(TransactionError) {
        var block = KeyValueBlock()
        _ = try await transaction.get(Self.account(from), lock: lock, into: &block)
        _ = try await transaction.get(Self.account(to), lock: lock, into: &block)
        guard block.count == 2 else {
          if life == self.life { fail("an account is gone") }
          await transaction.rollback()
          return
        }
        transaction.put(
          Self.account(from), TransactionSystem.bytes(TransactionSystem.number(block.value(0)) - amount))
        transaction.put(Self.account(to), TransactionSystem.bytes(TransactionSystem.number(block.value(1)) + amount))
        try await transaction.flushIfNeeded()
        _ = try await transaction.commit()
        transferCount += 1
        return
      } catch {
        await transaction.rollback()
        switch error {
        case .retry, .deadlock: retryCount += 1
        default: return
        }
      }
    }
  }

  private func audit(_ system: TransactionSystem, _ life: Int) async {
    let transaction = system.begin(isReadOnly: true)
    do throws(TransactionError) {
      var block = KeyValueBlock()
      var rest: KeySpan? = Self.accounts
      while let span = rest { rest = try await transaction.scan(span, into: &block) }
      _ = try await transaction.commit()
      guard life == self.life else { return }
      auditCount += 1
      let sum = (0..<block.count).reduce(Int64(0)) { $0 + TransactionSystem.number(block.value($1)) }
      if block.count != Self.accountCount || sum != Int64(Self.accountCount) * Self.openingBalance {
        fail("\(block.count) accounts hold \(sum)")
      }
    } catch {
      await transaction.rollback()
    }
  }

  /// Reads everything at the end.
  private func readAll(_ store: Store, on reactor: isolated Reactor, _ life: Int) async {
    let system = TransactionSystem(store, on: reactor)
    await audit(system, life)
    while life == self.life, final == nil {
      let transaction = system.begin(isReadOnly: true)
      do throws(TransactionError) {
        var found: [Int: [Int]] = [:]
        var rest: KeySpan? = Self.lists
        while let span = rest {
          var block = KeyValueBlock()
          rest = try await transaction.scan(span, into: &block)
          for row in 0..<block.count {
            let key = block.key(row).bytes
            found[Int(key[1]) << 8 | Int(key[2])] = Self.numbers(block.value(row))
          }
        }
        _ = try await transaction.commit()
        final = found
      } catch {
        await transaction.rollback()
        await reactor.sleep(nanoseconds: 100 * .millisecond)
      }
    }
  }
}
