// Versions, intents, refresh and garbage collection: the rules one by one, then random histories against a naive model.

import Clocks
import Encoding
import Testing

@testable import Storage

func at(_ wall: Int64, _ logical: Int32 = 0) -> Timestamp {
  Timestamp(wall: wall, logical: logical)
}

/// An engine with the few operations that the tests need, written through batches.
struct Versions {
  /// Goes first, and its cursor with it, so that the engine closes before its directory is removed.
  let reader: MVCCReader
  let test: TestEngine

  init(_ kind: EngineKind) throws {
    let test = try TestEngine(kind)
    self.test = test
    reader = MVCCReader(test.engine)
  }

  func put(_ name: String, _ value: String?, _ wall: Int64) throws {
    try apply { batch in
      if let value {
        MVCC.put(key(name), bytes(value), at: at(wall), into: &batch)
      } else {
        MVCC.delete(key(name), at: at(wall), into: &batch)
      }
    }
  }

  func apply(_ body: (inout WriteBatch) throws -> Void) throws {
    var batch = WriteBatch()
    try body(&batch)
    try test.engine.write(batch)
  }

  func get(_ name: String, _ options: ReadOptions) throws -> (String?, PointOutcome) {
    var value: [UInt8] = []
    let outcome = try reader.get(key(name), options, appendingTo: &value)
    return (outcome.isFound ? text(value) : nil, outcome)
  }

  func get(_ name: String, _ wall: Int64) throws -> String? {
    try get(name, ReadOptions(at: at(wall))).0
  }

  func scan(
    _ start: String, _ end: String, _ options: ReadOptions, limits: ScanLimits = ScanLimits(), reverse: Bool = false
  ) throws -> ([String], ScanOutcome) {
    var block = KeyValueBlock()
    let outcome = try reader.scan(
      KeySpan(start: key(start), end: key(end)), options, limits: limits, reverse: reverse, into: &block)
    return ((0..<block.count).map { "\(block.key($0))=\(text(block.value($0)) ?? "")" }, outcome)
  }
}

let first = TransactionID(high: 1, low: 1)
let second = TransactionID(high: 2, low: 2)

@Suite struct MVCCTests {
  @Test(arguments: EngineKind.allCases) func versionsAreSeenFromTheirTime(_ kind: EngineKind) throws {
    let versions = try Versions(kind)
    try versions.put("a", "one", 10)
    try versions.put("a", "two", 20)
    try versions.put("a", nil, 30)
    try versions.put("a", "four", 40)
    #expect(try versions.get("a", 9) == nil)
    #expect(try versions.get("a", 10) == "one")
    #expect(try versions.get("a", 19) == "one")
    #expect(try versions.get("a", 20) == "two")
    #expect(try versions.get("a", 30) == nil)
    #expect(try versions.get("a", 45) == "four")
    #expect(try versions.get("b", 45) == nil)
    let (_, old) = try versions.get("a", ReadOptions(at: at(15)))
    #expect(old.version == at(10))
    #expect(old.newer == at(40))
    let (_, deleted) = try versions.get("a", ReadOptions(at: at(35)))
    #expect(deleted.version == at(30))
    #expect(deleted.newer == at(40))
    let (_, now) = try versions.get("a", ReadOptions(at: at(99)))
    #expect(now.newer == .zero)
    #expect(try versions.reader.newestVersion(key("a")) == at(40))
    #expect(try versions.reader.newestVersion(key("b")) == .zero)
  }

  @Test(arguments: EngineKind.allCases) func manyVersionsAreSoughtThrough(_ kind: EngineKind) throws {
    let versions = try Versions(kind)
    for wall in 1...200 as ClosedRange<Int64> {
      try versions.put("a", "a\(wall)", wall)
      try versions.put("c", wall == 100 ? nil : "c\(wall)", wall)
    }
    try versions.put("b", "b", 50)
    try versions.test.engine.flush()
    for wall in [1, 2, 49, 50, 99, 100, 101, 194, 195, 200, 300] as [Int64] {
      let seen = min(wall, 200)
      let c = seen == 100 ? nil : "c=c\(seen)"
      let expected = ["a=a\(seen)", wall >= 50 ? "b=b" : nil, c].compactMap { $0 }
      #expect(try versions.get("a", wall) == "a\(seen)")
      let (forward, outcome) = try versions.scan("", "z", ReadOptions(at: at(wall)))
      #expect(forward == expected)
      #expect(outcome.newest == at(seen))
      #expect(outcome.newer == (wall < 200 ? at(200) : .zero))
      let (backward, reverse) = try versions.scan("", "z", ReadOptions(at: at(wall)), reverse: true)
      #expect(backward == expected.reversed())
      #expect(reverse.newest == at(seen))
      #expect(reverse.newer == (wall < 200 ? at(200) : .zero))
    }
  }

  /// Keys that are prefixes of one another, or hold zeros, keep the order of their bytes and their own versions.
  @Test(arguments: EngineKind.allCases) func strangeKeysKeepApart(_ kind: EngineKind) throws {
    let test = try TestEngine(kind)
    let keys: [[UInt8]] = [
      [], [0], [0, 0], [0, 0xFF], [0, 0xFF, 0], [1], [1, 0], [1, 0, 0], [1, 0, 1], [1, 0, 0xFF], [1, 0x7F], [1, 0x80],
      [1, 0xFF], [1, 0xFF, 0xFF], [0xFE],
    ]
    var batch = WriteBatch()
    for (index, bytes) in keys.enumerated() {
      for wall in [1, 1 << 40, Int64.max - 1] {
        MVCC.put(Key(bytes), [UInt8(index), UInt8(wall & 0x7F)], at: at(wall), into: &batch)
      }
    }
    try test.engine.write(batch)
    let reader = MVCCReader(test.engine)
    var block = KeyValueBlock()
    _ = try reader.scan(.all, ReadOptions(at: at(1 << 41)), into: &block)
    #expect((0..<block.count).map { block.key($0).bytes } == keys)
    for (index, bytes) in keys.enumerated() {
      #expect(block.value(index) == [UInt8(index), 0])
      var value: [UInt8] = []
      let outcome = try reader.get(Key(bytes), ReadOptions(at: at(5)), appendingTo: &value)
      #expect(outcome.isFound)
      #expect(value == [UInt8(index), 1])
      #expect(outcome.newer == at(Int64.max - 1))
      var single = KeyValueBlock()
      _ = try reader.scan(KeySpan(Key(bytes)), ReadOptions(at: at(5)), into: &single)
      #expect(single.count == 1)
    }
  }

  @Test(arguments: EngineKind.allCases) func limitsSayWhereToGoOn(_ kind: EngineKind) throws {
    let versions = try Versions(kind)
    for name in ["a", "b", "c", "d", "e"] { try versions.put(name, name, 10) }
    try versions.put("c", nil, 20)
    for reverse in [false, true] {
      var rows: [String] = []
      var span: KeySpan? = KeySpan(start: key("a"), end: key("z"))
      var rounds = 0
      while let now = span {
        var block = KeyValueBlock()
        let outcome = try versions.reader.scan(
          now, ReadOptions(at: at(50)), limits: ScanLimits(rows: 1), reverse: reverse, into: &block)
        for row in 0..<block.count { rows.append(block.key(row).description) }
        span = outcome.resume
        rounds += 1
      }
      #expect(rows == (reverse ? ["e", "d", "b", "a"] : ["a", "b", "d", "e"]))
      #expect(rounds <= 5)
    }
    let (rows, outcome) = try versions.scan("a", "z", ReadOptions(at: at(50)), limits: ScanLimits(bytes: 3))
    #expect(rows == ["a=a", "b=b"])
    #expect(outcome.resume == KeySpan(start: key("b").next, end: key("z")))
    let (none, all) = try versions.scan("a", "z", ReadOptions(at: at(50)), limits: ScanLimits(rows: 0))
    #expect(none.isEmpty)
    #expect(all.resume == KeySpan(start: key("a"), end: key("z")))
    let (empty, nothing) = try versions.scan("z", "a", ReadOptions(at: at(50)))
    #expect(empty.isEmpty)
    #expect(nothing.resume == nil)
  }

  @Test(arguments: EngineKind.allCases) func intentsOfOthersBlock(_ kind: EngineKind) throws {
    let versions = try Versions(kind)
    try versions.put("a", "old", 10)
    try versions.apply { batch in
      for name in ["a", "b"] {
        let outcome = try MVCC.putIntent(
          versions.reader, key(name), bytes("new"), transaction: TransactionView(id: first, sequence: 1),
          anchor: key("anchor"), at: at(20), into: &batch)
        #expect(outcome == .written)
      }
    }
    // Below the intent a reader passes it by, at or above it stops; one that wants to write stops anyway.
    #expect(try versions.get("a", 19) == "old")
    #expect(try versions.get("a", ReadOptions(at: at(20))).1.intent?.transaction == first)
    #expect(try versions.get("a", ReadOptions(at: at(19), isLocking: true)).1.intent?.anchor == key("anchor"))
    #expect(try versions.get("a", ReadOptions(at: at(99), mayHaveIntents: false)).0 == "old")
    let (rows, outcome) = try versions.scan("", "z", ReadOptions(at: at(30)))
    #expect(rows.isEmpty)
    #expect(outcome.intents.map(\.key) == [key("a"), key("b")])
    let (_, limited) = try versions.scan("", "z", ReadOptions(at: at(30)), limits: ScanLimits(intents: 1))
    #expect(limited.intents.map(\.key) == [key("a")])
    #expect(limited.resume == KeySpan(start: key("a").next, end: key("z")))
    let (_, last) = try versions.scan("", "z", ReadOptions(at: at(30)), limits: ScanLimits(intents: 1), reverse: true)
    #expect(last.intents.map(\.key) == [key("b")])
    #expect(try versions.scan("", "z", ReadOptions(at: at(19))).0 == ["a=old"])
    #expect(try versions.scan("", "z", ReadOptions(at: at(19)), reverse: true).0 == ["a=old"])
    // The writer sees its own.
    let own = ReadOptions(at: at(5), transaction: TransactionView(id: first))
    #expect(try versions.get("a", own).0 == "new")
    #expect(try versions.scan("", "z", own).0 == ["a=new", "b=new"])
    #expect(try versions.scan("", "z", own, reverse: true).0 == ["b=new", "a=new"])
    // Another writer is told.
    try versions.apply { batch in
      let outcome = try MVCC.putIntent(
        versions.reader, key("a"), nil, transaction: TransactionView(id: second, sequence: 1), anchor: key("x"),
        at: at(40), into: &batch)
      guard case .conflict(let intent) = outcome else {
        Issue.record("no conflict")
        return
      }
      #expect(intent.transaction == first)
    }
    #expect(try versions.reader.countIntents() == 2)
    #expect(try versions.reader.intents(in: KeySpan(key("b"))).map(\.key) == [key("b")])
  }

  @Test(arguments: EngineKind.allCases) func savepointsRollBack(_ kind: EngineKind) throws {
    let versions = try Versions(kind)
    try versions.put("a", "committed", 10)
    func write(_ value: String?, _ sequence: UInt32, epoch: UInt32 = 0) throws {
      try versions.apply { batch in
        _ = try MVCC.putIntent(
          versions.reader, key("a"), value.map { bytes($0) },
          transaction: TransactionView(id: first, epoch: epoch, sequence: sequence), anchor: key("a"), at: at(20),
          into: &batch)
      }
    }
    func see(_ sequence: UInt32, epoch: UInt32 = 0, ignored: [ClosedRange<UInt32>] = []) throws -> String? {
      let view = TransactionView(id: first, epoch: epoch, sequence: sequence, ignored: ignored)
      return try versions.get("a", ReadOptions(at: at(15), transaction: view)).0
    }
    try write("s2", 2)
    try write(nil, 4)
    try write("s6", 6)
    try write("s6 again", 6)
    #expect(try see(1) == "committed")
    #expect(try see(2) == "s2")
    #expect(try see(3) == "s2")
    #expect(try see(5) == nil)
    #expect(try see(9) == "s6 again")
    #expect(try see(9, ignored: [5...6]) == nil)
    #expect(try see(9, ignored: [3...6]) == "s2")
    #expect(try see(9, ignored: [1...9]) == "committed")
    // A new epoch does not see what the one before wrote, and replaces it.
    #expect(try see(9, epoch: 1) == "committed")
    let snapshot = versions.test.engine.snapshot()
    try versions.apply { batch in
      let settled = try MVCC.resolveIntent(
        versions.reader, key("a"), of: first, .commit(at: at(30), epoch: 0, ignored: [6...6]), into: &batch)
      #expect(settled)
    }
    #expect(try versions.get("a", 29) == "committed")
    #expect(try versions.get("a", 30) == nil)
    #expect(try versions.reader.newestVersion(key("a")) == at(30))
    #expect(try MVCCReader(snapshot).intent(key("a"))?.history.map(\.sequence) == [2, 4])
    try write("e1", 1, epoch: 1)
    try versions.apply { batch in
      let wrongOwner = try MVCC.resolveIntent(versions.reader, key("a"), of: second, .abort, into: &batch)
      #expect(!wrongOwner)
      let staleEpoch = try MVCC.resolveIntent(
        versions.reader, key("a"), of: first, .commit(at: at(50), epoch: 2, ignored: []), into: &batch)
      #expect(staleEpoch)
    }
    #expect(try versions.reader.intent(key("a")) == nil)
    #expect(try versions.get("a", 60) == nil)
  }

  @Test(arguments: EngineKind.allCases) func intentsResolveInSpans(_ kind: EngineKind) throws {
    let versions = try Versions(kind)
    try versions.apply { batch in
      for (index, name) in ["a", "b", "c", "d"].enumerated() {
        _ = try MVCC.putIntent(
          versions.reader, key(name), bytes(name),
          transaction: TransactionView(id: index == 2 ? second : first, sequence: 1), anchor: key("a"), at: at(20),
          into: &batch)
      }
    }
    let span = KeySpan(start: key("a"), end: key("z"))
    try versions.apply { batch in
      let moved = try MVCC.resolveIntents(versions.reader, in: span, of: second, .push(to: at(25)), into: &batch)
      #expect(moved.count == 1)
    }
    #expect(try versions.reader.intent(key("c"))?.timestamp == at(25))
    var rest: KeySpan? = span
    var total = 0
    while let now = rest {
      try versions.apply { batch in
        let step = try MVCC.resolveIntents(
          versions.reader, in: now, of: first, .commit(at: at(22), epoch: 0, ignored: []), limit: 2, into: &batch)
        total += step.count
        rest = step.resume
      }
    }
    #expect(total == 3)
    #expect(try versions.scan("", "z", ReadOptions(at: at(22))).0 == ["a=a", "b=b", "d=d"])
    try versions.apply { batch in
      _ = try MVCC.resolveIntent(versions.reader, key("c"), of: second, .abort, into: &batch)
    }
    #expect(try versions.reader.countIntents() == 0)
    try versions.apply { MVCC.clear(KeySpan(start: key("a"), end: key("c")), into: &$0) }
    #expect(try versions.scan("", "z", ReadOptions(at: at(99))).0 == ["d=d"])
  }

  @Test(arguments: EngineKind.allCases) func refreshFindsWhatChanged(_ kind: EngineKind) throws {
    let versions = try Versions(kind)
    let all = KeySpan(start: key("a"), end: key("z"))
    try versions.put("a", "1", 10)
    try versions.put("c", "1", 10)
    for wall in 30...60 as ClosedRange<Int64> { try versions.put("b", wall == 35 ? nil : "x", wall) }
    func check(_ span: KeySpan, _ from: Int64, _ to: Int64, _ transaction: TransactionID? = nil) throws -> Key? {
      try versions.reader.checkRefresh(span, from: at(from), to: at(to), ignoring: transaction)
    }
    for span in [all, KeySpan(key("b"))] {
      #expect(try check(span, 10, 29) == nil)
      #expect(try check(span, 10, 30) == key("b"))
      #expect(try check(span, 29, 99) == key("b"))
      #expect(try check(span, 34, 35) == key("b"))
      #expect(try check(span, 60, 99) == nil)
      #expect(try check(span, 59, 99) == key("b"))
    }
    #expect(try check(all, 9, 99) == key("a"))
    #expect(try check(KeySpan(key("a")), 10, 99) == nil)
    try versions.apply { batch in
      _ = try MVCC.putIntent(
        versions.reader, key("c"), nil, transaction: TransactionView(id: first, sequence: 1), anchor: key("c"),
        at: at(80), into: &batch)
    }
    for span in [all, KeySpan(key("c"))] {
      #expect(try check(span, 60, 79) == nil)
      #expect(try check(span, 60, 80) == key("c"))
      #expect(try check(span, 60, 80, first) == nil)
      #expect(try check(span, 60, 80, second) == key("c"))
    }
  }

  @Test func aHotKeyDoesNotHoldTheCollectionUp() throws {
    let test = try TestEngine(.memory)
    let reader = MVCCReader(test.engine)
    var batch = WriteBatch()
    for wall in 1...500 { MVCC.put(key("hot"), bytes("v"), at: at(Int64(wall)), into: &batch) }
    MVCC.put(key("other"), bytes("v"), at: at(1), into: &batch)
    MVCC.put(key("other"), bytes("w"), at: at(2), into: &batch)
    try test.engine.write(batch)
    // Nothing of the hot key may go below 1, some of it below 400; each step gets further however little it may look at.
    for (threshold, left) in [(1, 502), (400, 102)] {
      var rest: KeySpan? = .all
      var steps = 0
      while let span = rest, steps < 1_000 {
        var batch = WriteBatch()
        rest = try reader.collectGarbage(in: span, below: at(Int64(threshold)), limit: 10, visitLimit: 20, into: &batch)
          .resume
        try test.engine.write(batch)
        steps += 1
      }
      #expect(rest == nil)
      #expect(try reader.statistics(of: .all).versions == left)
    }
  }

  @Test(arguments: EngineKind.allCases) func garbageGoesDeletionsLast(_ kind: EngineKind) throws {
    let versions = try Versions(kind)
    for wall in 1...50 as ClosedRange<Int64> { try versions.put("a", wall == 40 ? nil : "a\(wall)", wall) }
    try versions.put("b", "b", 5)
    try versions.put("c", nil, 6)
    try versions.put("d", "d", 45)
    let span = KeySpan(start: key("a"), end: key("z"))
    // At threshold 40 the deletion at 40 hides all below, and goes with them.
    var rest: KeySpan? = span
    var steps = 0
    while let now = rest {
      try versions.apply { batch in
        let step = try versions.reader.collectGarbage(in: now, below: at(40), limit: 7, into: &batch)
        rest = step.resume
      }
      steps += 1
      // Whatever the step left, no read at or above the threshold changes.
      #expect(try versions.get("a", 40) == nil)
      #expect(try versions.get("a", 41) == "a41")
      #expect(try versions.get("b", 40) == "b")
      #expect(try versions.get("c", 40) == nil)
      if steps > 50 { break }
    }
    #expect(steps > 5)
    let statistics = try versions.reader.statistics(of: span)
    #expect(statistics.versions == 12)
    #expect(statistics.keys == 3)
    #expect(statistics.liveKeys == 3)
    #expect(statistics.liveBytes == 1 + 3 + 1 + 1 + 1 + 1)
    var batch = WriteBatch()
    let again = try versions.reader.collectGarbage(in: span, below: at(40), into: &batch)
    #expect(again.collected == 0)
    #expect(batch.isEmpty)
  }

  @Test(arguments: EngineKind.allCases) func aFlippedByteIsAnErrorNotAnAnswer(_ kind: EngineKind) throws {
    let versions = try Versions(kind)
    try versions.put("a", "value", 10)
    try versions.apply { batch in
      _ = try MVCC.putIntent(
        versions.reader, key("b"), bytes("v"), transaction: TransactionView(id: first, sequence: 1), anchor: key("b"),
        at: at(20), into: &batch)
    }
    for family in [ColumnFamily.data, .locks] {
      let cursor = try versions.test.engine.makeIterator(family, .all)
      cursor.seekToFirst()
      let stored = [UInt8](cursor.value)
      let name = [UInt8](cursor.key)
      for offset in stored.indices {
        var damaged = stored
        damaged[offset] ^= 0x10
        try versions.apply { $0.put(family, name, damaged) }
        #expect(throws: StorageError.self) { try versions.get(family == .data ? "a" : "b", 50) }
        #expect(throws: StorageError.self) { try versions.scan("", "z", ReadOptions(at: at(50))) }
        #expect(throws: StorageError.self) { try versions.scan("", "z", ReadOptions(at: at(50)), reverse: true) }
      }
      for count in 0..<min(stored.count, 6) {
        try versions.apply { $0.put(family, name, Array(stored[..<count])) }
        #expect(throws: StorageError.self) { try versions.get(family == .data ? "a" : "b", 50) }
      }
      try versions.apply { $0.put(family, name, stored) }
    }
  }

  @Test(arguments: EngineKind.allCases) func aKeptReaderSeesLaterWrites(_ kind: EngineKind) throws {
    let versions = try Versions(kind)
    try versions.put("a", "1", 1)
    #expect(try versions.get("a", 99) == "1")
    #expect(try versions.get("a", 99) == "1")
    try versions.put("a", "2", 2)
    #expect(try versions.get("a", 99) == "2")
    versions.reader.release()
    #expect(try versions.get("a", 99) == "2")
    let frozen = MVCCReader(versions.test.engine.snapshot())
    try versions.put("a", "3", 3)
    var value: [UInt8] = []
    _ = try frozen.get(key("a"), ReadOptions(at: at(99)), appendingTo: &value)
    #expect(text(value) == "2")
  }
}

/// The naive model: all versions in a list, all intents in a dictionary.
struct ModelStore {
  var versions: [Key: [(time: Timestamp, value: [UInt8]?)]] = [:]
  var intents: [Key: Intent] = [:]

  enum Seen: Equatable {
    case nothing
    case value([UInt8])
    case intent
  }

  func read(_ key: Key, _ options: ReadOptions) -> (seen: Seen, newest: Timestamp, newer: Timestamp) {
    if let intent = intents[key] {
      if let view = options.transaction, view.id == intent.transaction {
        if view.epoch == intent.epoch {
          var written = intent.history.map { ($0.sequence, $0.value) }
          written.append((intent.sequence, intent.value))
          let visible = written.last { number, _ in
            number <= view.sequence && !view.ignored.contains { $0.contains(number) }
          }
          if let visible { return (visible.1.map(Seen.value) ?? .nothing, intent.timestamp, .zero) }
        }
      } else if options.isLocking || intent.timestamp <= options.timestamp {
        return (.intent, .zero, .zero)
      }
    }
    let all = versions[key] ?? []
    let newer = all.filter { $0.time > options.timestamp }.map(\.time).max() ?? .zero
    guard let best = all.filter({ $0.time <= options.timestamp }).max(by: { $0.time < $1.time }) else {
      return (.nothing, .zero, newer)
    }
    return (best.value.map(Seen.value) ?? .nothing, best.time, newer)
  }
}

@Suite struct MVCCModelTests {
  @Test(arguments: EngineKind.allCases, [1, 2, 3] as [UInt64])
  func randomHistoriesMatchTheModel(_ kind: EngineKind, seed: UInt64) throws {
    let test = try TestEngine(kind)
    let reader = MVCCReader(test.engine)
    var model = ModelStore()
    var generator = SeededGenerator(seed)
    let keys: [Key] = (0..<30).map { index in
      Key(
        [[1], [1, 0], [1, 0, 0], [2], [2, 0xFF], [0]][index % 6]
          + [UInt8](repeating: UInt8(index / 6), count: index % 3))
    }
    let distinct = Array(Set(keys)).sorted()
    let owners = [first, second]
    var threshold = Timestamp.zero
    var clock: Int64 = 100
    for round in 0..<250 {
      var batch = WriteBatch()
      let target = distinct.randomElement(using: &generator)!
      clock += 1
      switch Int.random(in: 0..<12, using: &generator) {
      case 0..<6 where model.intents[target] == nil:
        // Blind versions at any later or earlier time, as long as none stands there.
        let time = Timestamp(
          wall: Int64.random(in: threshold.wall + 1...clock, using: &generator), logical: Int32(round))
        let value = Int.random(in: 0..<4, using: &generator) == 0 ? nil : bytes("v\(round)")
        if let value {
          MVCC.put(target, value, at: time, into: &batch)
        } else {
          MVCC.delete(target, at: time, into: &batch)
        }
        model.versions[target, default: []].append((time, value))
      case 6..<9:
        let view = TransactionView(
          id: owners.randomElement(using: &generator)!, epoch: UInt32.random(in: 0...1, using: &generator),
          sequence: UInt32(round))
        let value = Int.random(in: 0..<4, using: &generator) == 0 ? nil : bytes("i\(round)")
        let outcome = try MVCC.putIntent(
          reader, target, value, transaction: view, anchor: target, at: at(clock), into: &batch)
        if let standing = model.intents[target], standing.transaction != view.id {
          #expect(outcome == .conflict(standing))
        } else {
          var intent = Intent(
            key: target, transaction: view.id, anchor: target, epoch: view.epoch, timestamp: at(clock),
            sequence: view.sequence, value: value)
          if let standing = model.intents[target], standing.epoch == view.epoch {
            intent.history = standing.history + [.init(sequence: standing.sequence, value: standing.value)]
          }
          model.intents[target] = intent
          #expect(outcome == .written)
        }
      case 9..<11:
        guard let intent = model.intents[target] else { continue }
        let isCommit = Bool.random(using: &generator)
        let settled = try MVCC.resolveIntent(
          reader, target, of: intent.transaction,
          isCommit ? .commit(at: at(clock), epoch: intent.epoch, ignored: []) : .abort, into: &batch)
        #expect(settled)
        model.intents[target] = nil
        if isCommit { model.versions[target, default: []].append((at(clock), intent.value)) }
      default:
        // Reads below the threshold end here; those at or above it must not notice.
        threshold = max(threshold, at(Int64.random(in: 0...clock, using: &generator)))
        _ = try reader.collectGarbage(in: .all, below: threshold, into: &batch)
      }
      try test.engine.write(batch)
      if round % 60 == 30 { try test.engine.flush() }

      var options = ReadOptions(at: at(Int64.random(in: threshold.wall...clock + 2, using: &generator), 1 << 20))
      if Bool.random(using: &generator) {
        options.transaction = TransactionView(
          id: owners.randomElement(using: &generator)!, epoch: UInt32.random(in: 0...1, using: &generator),
          sequence: UInt32.random(in: 0...UInt32(round) + 1, using: &generator),
          ignored: [UInt32(round) / 2...UInt32(round) / 2 + 20])
      }
      options.isLocking = Int.random(in: 0..<4, using: &generator) == 0
      let probe = distinct.randomElement(using: &generator)!
      var value: [UInt8] = []
      let outcome = try reader.get(probe, options, appendingTo: &value)
      let expected = model.read(probe, options)
      switch expected.seen {
      case .intent: #expect(outcome.intent == model.intents[probe])
      case .nothing: #expect(!outcome.isFound && outcome.intent == nil)
      case .value(let bytes): #expect(outcome.isFound && value == bytes)
      }
      if expected.seen != .intent, model.intents[probe] == nil { #expect(outcome.newer == expected.newer) }

      let bounds = [distinct.randomElement(using: &generator)!, distinct.randomElement(using: &generator)!].sorted()
      let span = Bool.random(using: &generator) ? KeySpan.all : KeySpan(start: bounds[0], end: bounds[1])
      let reverse = Bool.random(using: &generator)
      var limits = ScanLimits()
      if Bool.random(using: &generator) { limits.rows = Int.random(in: 1...4, using: &generator) }
      var block = KeyValueBlock()
      var met: [Intent] = []
      var rest: KeySpan? = span
      while let now = rest {
        let outcome = try reader.scan(now, options, limits: limits, reverse: reverse, into: &block)
        met += outcome.intents
        rest = outcome.resume
      }
      var order = distinct.filter { span.contains($0) }
      if reverse { order.reverse() }
      var wanted: [(Key, [UInt8])] = []
      var blockers: [Key] = []
      for key in order {
        switch model.read(key, options).seen {
        case .nothing: break
        case .value(let bytes): wanted.append((key, bytes))
        case .intent: blockers.append(key)
        }
      }
      #expect((0..<block.count).map { block.key($0) } == wanted.map(\.0))
      #expect((0..<block.count).map { block.value($0) } == wanted.map(\.1))
      #expect(met.map(\.key) == blockers)

      let from = Timestamp(wall: Int64.random(in: threshold.wall...clock, using: &generator), logical: 1 << 20)
      let to = Timestamp(wall: Int64.random(in: from.wall...clock + 2, using: &generator), logical: 1 << 20)
      let conflict = try reader.checkRefresh(span, from: from, to: to, ignoring: first)
      let changed = distinct.filter { key in
        guard span.contains(key), from < to else { return false }
        if let intent = model.intents[key], intent.transaction != first, intent.timestamp <= to { return true }
        return (model.versions[key] ?? []).contains { $0.time > from && $0.time <= to }
      }
      #expect(conflict == changed.first)
    }
  }
}
