// All orders in which a commit of one round can go: a coordinator that may crash at any moment, its messages that may arrive at any time
// after, somebody who takes it for dead and finds out what came of it, and a reader of all three keys. The decisions are production's
// (`StagedRound`, `PromisedWrite`, `TransactionRecord`); ranges are reduced to a key each, with an intent, a version and a last read.

import Clocks
import Encoding
import Storage
import Testing

@testable import Ranges

@Suite struct StagedCommitTests {
  enum Plant: CaseIterable { case preventsNothing, settlesTooEarly, passesStaged }

  @Test func `No order of events breaks a commit of one round`() {
    var explorer = Explorer(plant: nil)
    explorer.explore()
    #expect(explorer.violation == nil, "\(explorer.violation ?? "")")
    // Enough to have seen each outcome.
    #expect(explorer.ends == ["committed in one round", "committed in two rounds", "aborted"])
    #expect(explorer.seen.count > 5_000)
  }

  @Test(arguments: Plant.allCases) func `The exploration finds what is planted`(_ plant: Plant) {
    var explorer = Explorer(plant: plant)
    explorer.explore()
    #expect(explorer.violation != nil)
  }
}

/// One key, alone in its range. The first is beside the record.
private struct Cell: Hashable {
  var intent: Int?
  var version: Int?
  /// Nobody but the transaction may write at or below.
  var readAt = 0
}

private enum Event: Hashable {
  case stage
  case write(Int)
  case commit(at: Int)
  case conclude
}

private enum Coordinator: Hashable {
  case waiting
  case acknowledged(Int)
  case failed
  case crashed
}

private enum Helper: Hashable {
  case idle
  case verifying(Int)
  case concluding(isCommitted: Bool)
  case done
}

private struct World: Hashable {
  var cells = [Cell](repeating: Cell(), count: 3)
  var status: TransactionStatus?
  var recordAt = 0
  var leastCommit = 0
  var messages: Set<Event> = [.stage, .write(1), .write(2)]
  /// Where the record and the writes were laid down; -1: refused.
  var answers: [Int?] = [nil, nil, nil]
  var isStaged = false
  var coordinator = Coordinator.waiting
  var wasAcknowledged: Int?
  var roundCount = 1
  var helper = Helper.idle
  /// Which keys the reader has looked at, and whether it saw what was written.
  var reads: [Bool?] = [nil, nil, nil]
}

private struct Explorer {
  /// The round's timestamp, and the reader's.
  static let staged = 2
  static let reader = 3
  private static let id = TransactionID(high: 1, low: 1)
  private static let keys = [Key([1]), Key([2]), Key([3])]

  let plant: StagedCommitTests.Plant?
  private(set) var seen: Set<World> = []
  private(set) var violation: String?
  private(set) var ends: Set<String> = []

  init(plant: StagedCommitTests.Plant?) { self.plant = plant }

  mutating func explore() {
    var open = [World()]
    while let world = open.popLast(), violation == nil {
      guard seen.insert(world).inserted else { continue }
      let next = successors(of: world)
      for after in next {
        check(after, after: world)
        open.append(after)
      }
      if next.isEmpty { noteEnd(world) }
    }
  }

  // MARK: - What must hold

  private mutating func check(_ world: World, after before: World) {
    func fail(_ text: String) { if violation == nil { violation = "\(text)\nbefore: \(before)\nafter: \(world)" } }
    if let status = before.status, status.isFinal, status != world.status { fail("an outcome changed") }
    if let acknowledged = world.wasAcknowledged {
      if world.status == .aborted { fail("what was acknowledged is aborted") }
      if world.status == .committed, world.recordAt != acknowledged { fail("it stands elsewhere than was said") }
    }
    if world.status == .committed {
      for cell in world.cells where cell.version != world.recordAt {
        if cell.intent.map({ $0 > world.recordAt }) ?? true { fail("committed without one of its writes") }
      }
    }
    let reads = world.reads.compactMap { $0 }
    guard reads.count == 3 else { return }
    if Set(reads).count > 1 { fail("the reader saw a part of it") }
    if world.status == .committed, (world.recordAt <= Self.reader) != reads[0] {
      fail("the reader did not see what was committed below it, or saw what was not")
    }
    if world.status == .aborted, reads[0] { fail("the reader saw what is aborted") }
  }

  private mutating func noteEnd(_ world: World) {
    switch world.status {
    case .committed: ends.insert(world.roundCount == 1 ? "committed in one round" : "committed in two rounds")
    case .aborted: ends.insert("aborted")
    default: violation = "nothing more can happen, and the record is \(String(describing: world.status)): \(world)"
    }
  }

  // MARK: - What may happen

  private func successors(of world: World) -> [World] {
    var next: [World] = []
    for event in world.messages {
      var after = world
      after.messages.remove(event)
      deliver(event, &after)
      next.append(after)
    }
    if world.coordinator == .waiting {
      let hasDecided = world.messages.contains { if case .commit = $0 { true } else { false } }
      if !hasDecided, world.answers.allSatisfy({ $0 != nil }) {
        var after = world
        decide(&after)
        next.append(after)
      }
      var after = world
      after.coordinator = .crashed
      next.append(after)
    }
    if case .acknowledged = world.coordinator, world.messages.contains(.conclude) {
      // It dies before it says so.
      var after = world
      after.coordinator = .crashed
      after.messages.remove(.conclude)
      next.append(after)
    }
    for place in 0..<3 where maySettle(world) && world.cells[place].intent != nil {
      var after = world
      if world.status != .aborted {
        after.cells[place].version = world.status == .committed ? world.recordAt : Self.staged
      }
      after.cells[place].intent = nil
      next.append(after)
    }
    if let after = helped(world) { next.append(after) }
    for place in 0..<3 where world.reads[place] == nil {
      if let after = read(place, world) { next.append(after) }
    }
    return next
  }

  private func maySettle(_ world: World) -> Bool {
    if world.status?.isFinal == true { return true }
    return plant == .settlesTooEarly && world.wasAcknowledged == Self.staged && world.roundCount == 1
  }

  private func deliver(_ event: Event, _ world: inout World) {
    switch event {
    case .stage:
      let least = max(world.leastCommit, world.cells[0].readAt + 1)
      if world.status?.isFinal == true {
        world.answers[0] = -1
      } else if least > Self.staged {
        world.answers[0] = least
      } else {
        world.cells[0].intent = Self.staged
        world.status = .staging
        world.recordAt = Self.staged
        world.answers[0] = Self.staged
        world.isStaged = true
      }
    case .write(let place):
      let at = max(Self.staged, world.cells[place].readAt + 1)
      world.cells[place].intent = at
      world.answers[place] = at
    case .commit(let at):
      let least = max(world.leastCommit, world.cells[0].intent == nil ? world.cells[0].readAt + 1 : 0)
      if world.status?.isFinal == true {
        if world.coordinator == .waiting { world.coordinator = .failed }
      } else if least > at {
        if world.coordinator == .waiting { world.messages.insert(.commit(at: least)) }
      } else {
        world.status = .committed
        world.recordAt = at
        world.cells[0].intent = nil
        world.cells[0].version = at
        if world.coordinator == .waiting {
          world.coordinator = .acknowledged(at)
          world.wasAcknowledged = at
        }
      }
    case .conclude: conclude(isCommitted: true, &world)
    }
  }

  private func decide(_ world: inout World) {
    var round = StagedRound(at: Timestamp(wall: Int64(Self.staged)))
    if world.isStaged { round.noteStaged() }
    for place in 1...2 { round.noteWritten(at: Timestamp(wall: Int64(world.answers[place] ?? 0))) }
    switch round.outcome {
    case .committed:
      world.coordinator = .acknowledged(Self.staged)
      world.wasAcknowledged = Self.staged
      world.messages.insert(.conclude)
    case .tooLow(let least):
      world.roundCount = 2
      world.messages.insert(.commit(at: Int(least.wall)))
    case .notStaged(let least):
      guard let answer = world.answers[0], answer >= 0 else {
        world.coordinator = .failed
        return
      }
      world.roundCount = 2
      world.messages.insert(.commit(at: max(answer, Int(least.wall))))
    case .unknown: preconditionFailure("every range has answered")
    }
  }

  private func record(_ world: World) -> TransactionRecord {
    var record = TransactionRecord(id: Self.id, anchor: Self.keys[0], status: world.status ?? .pending)
    record.timestamp = Timestamp(wall: Int64(world.recordAt))
    record.promised = [1, 2].map { PromisedWrite(key: Self.keys[$0], sequence: UInt32($0)) }
    return record
  }

  private func conclude(isCommitted: Bool, _ world: inout World) {
    var record = record(world)
    if record.conclude(staged: Timestamp(wall: Int64(Self.staged)), epoch: 0, isCommitted: isCommitted) {
      world.status = record.status
    }
  }

  /// Somebody who takes the coordinator for dead, rightly or not.
  private func helped(_ world: World) -> World? {
    var after = world
    switch world.helper {
    case .idle:
      switch world.status {
      case .staging: after.helper = .verifying(1)
      case nil, .pending:
        after.status = .aborted
        after.helper = .done
      case .committed, .aborted: after.helper = .done
      }
    case .verifying(3): after.helper = .concluding(isCommitted: true)
    case .verifying(let place):
      let intent = world.cells[place].intent.map { at in
        Intent(
          key: Self.keys[place], transaction: Self.id, anchor: Self.keys[0], epoch: 0,
          timestamp: Timestamp(wall: Int64(at)), sequence: UInt32(place), value: [])
      }
      let promised = PromisedWrite(key: Self.keys[place], sequence: UInt32(place))
      if promised.isKept(by: intent, of: Self.id, epoch: 0, at: Timestamp(wall: Int64(Self.staged))) {
        after.helper = .verifying(place + 1)
      } else {
        if plant != .preventsNothing {
          after.cells[place].readAt = max(after.cells[place].readAt, Self.staged)
        }
        after.helper = .concluding(isCommitted: false)
      }
    case .concluding(let isCommitted):
      conclude(isCommitted: isCommitted, &after)
      after.helper = .done
    case .done: return nil
    }
    return after
  }

  /// The reader looks at a key; nil: it has to wait.
  private func read(_ place: Int, _ world: World) -> World? {
    var after = world
    let cell = world.cells[place]
    if let intent = cell.intent, intent <= Self.reader {
      switch world.status {
      case .committed: after.reads[place] = world.recordAt <= Self.reader
      case .aborted: after.reads[place] = false
      case .staging:
        guard plant == .passesStaged || world.recordAt > Self.reader else { return nil }
        after.reads[place] = false
      case nil, .pending:
        after.leastCommit = max(world.leastCommit, Self.reader + 1)
        after.reads[place] = false
      }
    } else {
      after.reads[place] = cell.version.map { $0 <= Self.reader } ?? false
    }
    after.cells[place].readAt = max(cell.readAt, Self.reader)
    return after
  }
}
