// One suite over both engines: reads, iterators, batches, snapshots, durability.

import Encoding
import Testing

@testable import Storage

@Suite struct EngineTests {
  func collect(_ cursor: any EngineIterator, forward: Bool = true) -> [String] {
    var seen: [String] = []
    while cursor.isValid {
      seen.append(String(decoding: cursor.key, as: UTF8.self))
      if forward { cursor.next() } else { cursor.previous() }
    }
    return seen
  }

  @Test(arguments: EngineKind.allCases) func batchesSpanFamilies(_ kind: EngineKind) throws {
    let test = try TestEngine(kind)
    let before = test.engine.sequence
    var batch = WriteBatch()
    for family in ColumnFamily.allCases { batch.put(family, bytes("k"), bytes("\(family)")) }
    batch.put(.local, [], bytes("empty key"))
    batch.put(.local, bytes("empty value"), [])
    #expect(batch.count == 5)
    try test.engine.write(batch)
    #expect(test.engine.sequence != before)
    for family in ColumnFamily.allCases {
      #expect(text(try test.engine.get(family, bytes("k"))) == "\(family)")
    }
    #expect(text(try test.engine.get(.local, [])) == "empty key")
    #expect(try test.engine.get(.local, bytes("empty value")) == [])
    #expect(try test.engine.get(.data, bytes("nothing")) == nil)
    batch.removeAll()
    batch.put(.data, bytes("k"), bytes("again"))
    batch.delete(.data, bytes("k"))
    batch.delete(.locks, bytes("k"))
    try test.engine.write(batch)
    #expect(try test.engine.get(.data, bytes("k")) == nil)
    #expect(try test.engine.get(.locks, bytes("k")) == nil)
  }

  @Test(arguments: EngineKind.allCases) func iteratorsKeepTheirBounds(_ kind: EngineKind) throws {
    let test = try TestEngine(kind)
    var batch = WriteBatch()
    for name in ["a", "b", "c", "d", "e"] { batch.put(.local, bytes(name), bytes("v" + name)) }
    try test.engine.write(batch)
    let all = try test.engine.makeIterator(.local, .all)
    #expect(!all.isValid)
    all.seekToFirst()
    #expect(collect(all) == ["a", "b", "c", "d", "e"])
    all.seekToLast()
    #expect(collect(all, forward: false) == ["e", "d", "c", "b", "a"])
    all.seek(bytes("bb"))
    #expect(collect(all) == ["c", "d", "e"])
    all.seekForPrevious(bytes("bb"))
    #expect(collect(all, forward: false) == ["b", "a"])
    all.seekForPrevious(bytes("c"))
    #expect(String(decoding: all.value, as: UTF8.self) == "vc")
    let some = try test.engine.makeIterator(.local, IteratorBounds(lower: bytes("b"), upper: bytes("d")))
    some.seekToFirst()
    #expect(collect(some) == ["b", "c"])
    some.seekToLast()
    #expect(collect(some, forward: false) == ["c", "b"])
    some.seek(bytes("a"))
    #expect(collect(some) == ["b", "c"])
    some.seekForPrevious(bytes("z"))
    #expect(collect(some, forward: false) == ["c", "b"])
    some.seek(bytes("d"))
    #expect(!some.isValid)
    try some.checkStatus()
  }

  @Test(arguments: EngineKind.allCases) func snapshotsStandStill(_ kind: EngineKind) throws {
    let test = try TestEngine(kind)
    var batch = WriteBatch()
    batch.put(.local, bytes("a"), bytes("old"))
    try test.engine.write(batch)
    let snapshot = test.engine.snapshot()
    let cursor = try test.engine.makeIterator(.local, .all)
    batch.removeAll()
    batch.put(.local, bytes("a"), bytes("new"))
    batch.put(.local, bytes("b"), bytes("new"))
    try test.engine.write(batch)
    #expect(text(try snapshot.get(.local, bytes("a"))) == "old")
    #expect(try snapshot.get(.local, bytes("b")) == nil)
    #expect(text(try test.engine.get(.local, bytes("a"))) == "new")
    cursor.seekToFirst()
    #expect(collect(cursor) == ["a"])
    let frozen = try snapshot.makeIterator(.local, .all)
    frozen.seekToFirst()
    #expect(collect(frozen) == ["a"])
  }

  @Test(arguments: EngineKind.allCases) func rangesOfKeysAreDeleted(_ kind: EngineKind) throws {
    let test = try TestEngine(kind)
    var batch = WriteBatch()
    for number in 0..<1000 { batch.put(.data, bytes("k\(1000 + number)"), bytes("v")) }
    try test.engine.write(batch)
    batch.removeAll()
    batch.deleteRange(.data, start: bytes("k1100"), end: bytes("k1900"))
    batch.put(.data, bytes("k1500"), bytes("survivor"))
    try test.engine.write(batch)
    let cursor = try test.engine.makeIterator(.data, .all)
    cursor.seekToFirst()
    let left = collect(cursor)
    #expect(left.count == 201)
    #expect(left[99...101] == ["k1099", "k1500", "k1900"])
  }

  @Test(arguments: EngineKind.allCases) func flushesTakeAllFamiliesAtOnce(_ kind: EngineKind) throws {
    let test = try TestEngine(kind)
    var batch = WriteBatch()
    for family in ColumnFamily.allCases { batch.put(family, bytes("one two three four"), bytes("1")) }
    try test.engine.write(batch)
    #expect(try test.engine.getPersisted(.local, bytes("one two three four")) == nil)
    try test.engine.flush()
    for family in ColumnFamily.allCases {
      #expect(text(try test.engine.getPersisted(family, bytes("one two three four"))) == "1")
    }
    batch.removeAll()
    for family in ColumnFamily.allCases { batch.put(family, bytes("one two three four"), bytes("2")) }
    try test.engine.write(batch)
    for family in ColumnFamily.allCases {
      #expect(text(try test.engine.getPersisted(family, bytes("one two three four"))) == "1")
      #expect(text(try test.engine.get(family, bytes("one two three four"))) == "2")
    }
    #expect(try test.engine.approximateSize(.data, start: [], end: [0xFF]) < 100_000)
    #expect(!test.engine.pressure().isStalled)
    #expect(!test.engine.metrics().isEmpty)
  }

  @Test(arguments: EngineKind.allCases) func damagedBatchesChangeNothing(_ kind: EngineKind) throws {
    var batch = WriteBatch()
    batch.put(.data, bytes("a"), bytes("b"))
    batch.put(.local, bytes("a"), bytes("b"))
    batch.deleteRange(.locks, start: bytes("a"), end: bytes("b"))
    #expect(WriteBatch(encoded: batch.bytes) == batch)
    for cut in 1..<batch.bytes.count { #expect(WriteBatch(encoded: Array(batch.bytes.dropLast(cut))) == nil) }
    var strange = batch.bytes
    strange[12] = 0x77
    #expect(WriteBatch(encoded: strange) == nil)
    var double = WriteBatch()
    double.append(contentsOf: batch)
    double.append(contentsOf: batch)
    #expect(double.count == 6)
    #expect(WriteBatch(encoded: double.bytes) == double)
    let test = try TestEngine(kind)
    try test.engine.write(double)
    #expect(text(try test.engine.get(.local, bytes("a"))) == "b")
  }

  /// Random writes against a sorted dictionary, compared by full iteration both ways.
  @Test(arguments: EngineKind.allCases) func randomWritesMatchAModel(_ kind: EngineKind) throws {
    let test = try TestEngine(kind)
    var generator = SeededGenerator(11)
    var model: [Key: [UInt8]] = [:]
    func randomKey() -> [UInt8] { bytes("k\(Int.random(in: 0..<400, using: &generator))") }
    for round in 0..<200 {
      var batch = WriteBatch()
      for _ in 0..<10 {
        let name = randomKey()
        switch Int.random(in: 0..<10, using: &generator) {
        case 0..<6:
          let value = bytes("v\(generator.next())")
          batch.put(.data, name, value)
          model[Key(name)] = value
        case 6..<9:
          batch.delete(.data, name)
          model[Key(name)] = nil
        default:
          let other = randomKey()
          let span = KeySpan(start: min(Key(name), Key(other)), end: max(Key(name), Key(other)))
          guard Int.random(in: 0..<8, using: &generator) == 0 else { continue }
          batch.deleteRange(.data, start: span.start.bytes, end: span.end.bytes)
          model = model.filter { !span.contains($0.key) }
        }
      }
      try test.engine.write(batch)
      if round % 50 == 25 { try test.engine.flush() }
      if round % 20 == 0 {
        let expected = model.keys.sorted().map(\.bytes)
        let cursor = try test.engine.makeIterator(.data, .all)
        var found: [[UInt8]] = []
        cursor.seekToFirst()
        while cursor.isValid {
          found.append([UInt8](cursor.key))
          #expect(model[Key(copying: cursor.key)] == [UInt8](cursor.value))
          cursor.next()
        }
        #expect(found == expected)
        found.removeAll()
        cursor.seekToLast()
        while cursor.isValid {
          found.append([UInt8](cursor.key))
          cursor.previous()
        }
        #expect(found == expected.reversed())
      }
    }
  }
}

@Suite struct LogStoreTests {
  @Test(arguments: EngineKind.allCases) func logs(_ kind: EngineKind) throws {
    let test = try TestEngine(kind, role: .log)
    let log = LogStore(test.engine)
    #expect(try log.hardState(range: 1) == nil)
    #expect(try log.last(range: 1) == .zero)
    var batch = LogBatch()
    for range in [1, 2, UInt64.max] as [UInt64] {
      for index in 1...10 as ClosedRange<UInt64> {
        batch.append(range: range, LogEntry(index: index, term: 1 + index / 6, payload: bytes("\(range):\(index)")))
      }
    }
    batch.setHardState(range: 1, HardState(term: 2, vote: 7, commit: 9))
    try log.write(batch, sync: true)
    #expect(try log.hardState(range: 1) == HardState(term: 2, vote: 7, commit: 9))
    #expect(try log.last(range: 1) == LogPosition(index: 10, term: 2))
    #expect(try log.term(range: 2, index: 3) == 1)
    #expect(try log.term(range: 2, index: 11) == nil)
    #expect(try log.ranges() == [1, 2, UInt64.max])
    #expect(try log.entries(range: 2, from: 4, to: 7).map { text($0.payload) } == ["2:4", "2:5", "2:6"])
    #expect(try log.entries(range: 2, from: 4, byteLimit: 7).count == 2)
    #expect(try log.entries(range: 2, from: 4, byteLimit: 0).count == 1)
    #expect(try log.entries(range: 3, from: 1).isEmpty)
    batch.removeAll()
    batch.removeEntries(range: 1, from: 8)
    batch.append(range: 1, LogEntry(index: 8, term: 3, payload: bytes("new")))
    batch.compact(range: 1, through: LogPosition(index: 4, term: 1))
    batch.removeRange(2)
    try log.write(batch, sync: true)
    #expect(try log.entries(range: 1, from: 5).map { text($0.payload) } == ["1:5", "1:6", "1:7", "new"])
    #expect(try log.entries(range: 1, from: 1).isEmpty)
    #expect(try log.last(range: 1) == LogPosition(index: 8, term: 3))
    #expect(try log.compacted(range: 1) == LogPosition(index: 4, term: 1))
    #expect(try log.term(range: 1, index: 4) == 1)
    #expect(try log.ranges() == [1, UInt64.max])
    batch.removeAll()
    batch.compact(range: 1, from: 5, through: LogPosition(index: 8, term: 3))
    try log.write(batch, sync: false)
    #expect(try log.last(range: 1) == LogPosition(index: 8, term: 3))
    #expect(try log.entries(range: UInt64.max, from: 1).count == 10)
  }

  @Test func syncedEntriesSurviveACrash() throws {
    let scratch = ScratchDirectory()
    let log = LogStore(
      try RocksEngine(path: scratch.path + "/a", role: .log, cache: BlockCache(byteCount: 1 << 20)))
    for index in 1...50 as ClosedRange<UInt64> {
      var batch = LogBatch()
      batch.append(range: 1, LogEntry(index: index, term: 1, payload: [UInt8](repeating: UInt8(index), count: 100)))
      try log.write(batch, sync: true)
    }
    scratch.copyFiles(from: scratch.path + "/a", to: scratch.path + "/b")
    let reopened = LogStore(
      try RocksEngine(path: scratch.path + "/b", role: .log, cache: BlockCache(byteCount: 1 << 20)))
    #expect(try reopened.entries(range: 1, from: 1).count == 50)
  }

  /// A torn end of the log is what a crash leaves; damage before it is an error, not an earlier end.
  @Test func tornTailsAreCutAndDamageIsReported() throws {
    let scratch = ScratchDirectory()
    do {
      let log = LogStore(
        try RocksEngine(path: scratch.path + "/a", role: .log, cache: BlockCache(byteCount: 1 << 20)))
      for index in 1...200 as ClosedRange<UInt64> {
        var batch = LogBatch()
        batch.append(range: 1, LogEntry(index: index, term: 1, payload: [UInt8](repeating: 9, count: 1000)))
        try log.write(batch, sync: false)
      }
      scratch.copyFiles(from: scratch.path + "/a", to: scratch.path + "/torn")
      scratch.copyFiles(from: scratch.path + "/a", to: scratch.path + "/damaged")
    }
    for name in ["torn", "damaged"] {
      let path = scratch.path + "/" + name
      let wal = path + "/" + (try #require(scratch.list(path).filter { $0.hasSuffix(".log") }.max()))
      var contents = scratch.readFile(wal)
      try #require(contents.count > 200_000)
      if name == "torn" { contents.removeLast(500) } else { contents[50_000] ^= 1 }
      scratch.writeFile(wal, contents)
    }
    let torn = LogStore(
      try RocksEngine(path: scratch.path + "/torn", role: .log, cache: BlockCache(byteCount: 1 << 20)))
    #expect(try torn.last(range: 1).index == 199)
    #expect(try torn.entries(range: 1, from: 1).count == 199)
    #expect(throws: StorageError.self) {
      try RocksEngine(path: scratch.path + "/damaged", role: .log, cache: BlockCache(byteCount: 1 << 20))
    }
  }

  @Test func memoryLosesOnlyWhatWasNotSynced() throws {
    let engine = MemoryEngine()
    let log = LogStore(engine)
    for index in 1...4 as ClosedRange<UInt64> {
      var batch = LogBatch()
      batch.append(range: 1, LogEntry(index: index, term: 1, payload: []))
      try log.write(batch, sync: index == 2)
    }
    engine.crash()
    #expect(try log.last(range: 1).index == 2)
  }

  @Test func damageIsReported() throws {
    let engine = MemoryEngine()
    let log = LogStore(engine)
    var batch = LogBatch()
    batch.append(range: 1, LogEntry(index: 1, term: 1, payload: bytes("payload")))
    batch.setHardState(range: 1, HardState(term: 1, vote: 1, commit: 1))
    try log.write(batch, sync: true)
    let cursor = try engine.makeIterator(.data, .all)
    cursor.seekToFirst()
    while cursor.isValid {
      var value = [UInt8](cursor.value)
      value[value.count - 1] ^= 1
      var damage = WriteBatch()
      damage.put(.data, [UInt8](cursor.key), value)
      try engine.write(damage)
      cursor.next()
    }
    #expect(throws: StorageError.self) { try log.entries(range: 1, from: 1) }
    #expect(throws: StorageError.self) { try log.hardState(range: 1) }
  }
}
