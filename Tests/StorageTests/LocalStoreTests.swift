// The directory of a store: what is made, what is refused, and what a crash leaves.

import Clocks
import Encoding
import Testing

@testable import Storage

@Suite struct LocalStoreTests {
  let id = LocalStore.StoreID(high: 1, low: 0xABC)

  @Test func identityIsKept() throws {
    let scratch = ScratchDirectory()
    let path = scratch.path + "/deep/er"
    do {
      let store = try LocalStore.open(directory: path, cacheByteCount: 1 << 20, newID: id)
      #expect(store.id == id)
      #expect(throws: StorageError.locked(path: path)) {
        try LocalStore.open(directory: path, cacheByteCount: 1 << 20, newID: id)
      }
    }
    let again = try LocalStore.open(
      directory: path, cacheByteCount: 1 << 20, newID: LocalStore.StoreID(high: 5, low: 5))
    #expect(again.id == id)
    #expect(scratch.list(path).sorted() == ["STORE", "log", "state"])
  }

  @Test func strangersAreRefused() throws {
    let scratch = ScratchDirectory()
    scratch.writeFile(scratch.path + "/photo.jpg", [1])
    #expect(throws: StorageError.self) {
      try LocalStore.open(directory: scratch.path, cacheByteCount: 1 << 20, newID: id)
    }
    #expect(scratch.list(scratch.path) == ["photo.jpg"])
    scratch.writeFile(scratch.path + "/STORE", bytes("meridian store\nversion 4\nid x\n"))
    #expect(throws: StorageError.unsupportedVersion(path: scratch.path, found: "4", known: "3")) {
      try LocalStore.open(directory: scratch.path, cacheByteCount: 1 << 20, newID: id)
    }
    scratch.writeFile(scratch.path + "/STORE", bytes("meridian store\nversion 3\n"))
    #expect(throws: StorageError.notAStore(path: scratch.path, reason: "its file STORE is damaged")) {
      try LocalStore.open(directory: scratch.path, cacheByteCount: 1 << 20, newID: id)
    }
    #expect(throws: StorageError.self) {
      try LocalStore.open(directory: scratch.path + "/photo.jpg", cacheByteCount: 1 << 20, newID: id)
    }
  }

  @Test func damagedFilesAreReported() throws {
    let scratch = ScratchDirectory()
    do {
      let store = try LocalStore.open(directory: scratch.path, cacheByteCount: 1 << 20, newID: id)
      var batch = WriteBatch()
      for number in 0..<5000 {
        MVCC.put(key("k\(number)"), bytes("value \(number)"), at: Timestamp(wall: 1), into: &batch)
      }
      try store.state.write(batch)
      try store.state.flush()
    }
    let state = scratch.path + "/state"
    for name in scratch.list(state) where name.hasSuffix(".sst") {
      var contents = scratch.readFile(state + "/" + name)
      if contents.count < 20_000 { continue }
      for offset in stride(from: 0, to: contents.count / 2, by: 512) { contents[offset] ^= 0x55 }
      scratch.writeFile(state + "/" + name, contents)
    }
    var reported: StorageError?
    do {
      let store = try LocalStore.open(directory: scratch.path, cacheByteCount: 1 << 20, newID: id)
      var block = KeyValueBlock()
      _ = try MVCCReader(store.state).scan(.all, ReadOptions(at: .max), into: &block)
    } catch {
      reported = error
    }
    guard case .corruption = reported else {
      Issue.record("no corruption reported, but \(String(describing: reported))")
      return
    }
  }

  /// Applies a log without WAL, takes the files as a crash would leave them at several moments, and checks that the
  /// state is exactly that of the applied index it reports, and that replaying the log brings back the rest.
  @Test func stateAfterACrashIsThatOfItsAppliedIndex() throws {
    let scratch = ScratchDirectory()
    let store = try LocalStore.open(directory: scratch.path + "/a", cacheByteCount: 1 << 20, newID: id)
    func command(_ index: UInt64) -> WriteBatch {
      var batch = WriteBatch()
      MVCC.put(key("row\(index % 10)"), bytes("\(index)"), at: Timestamp(wall: Int64(index)), into: &batch)
      batch.put(.locks, bytes("lock"), bytes("\(index)"))
      return batch
    }
    let last: UInt64 = 300
    for index in 1...last {
      var entries = LogBatch()
      entries.append(range: 7, LogEntry(index: index, term: 1, payload: command(index).bytes))
      try store.log.write(entries, sync: index == last)
      var batch = command(index)
      LocalStore.putApplied(range: 7, LogPosition(index: index, term: 1), into: &batch)
      try store.state.write(batch)
      if index == 120 || index == 200 {
        try store.state.flush()
        #expect(try store.persistedApplied(range: 7).index == index)
      }
    }
    #expect(try store.applied(range: 7).index == last)
    #expect(try store.persistedApplied(range: 7).index == 200)
    scratch.copyFiles(from: scratch.path + "/a", to: scratch.path + "/b")
    scratch.copyFiles(from: scratch.path + "/a/log", to: scratch.path + "/b/log")
    scratch.copyFiles(from: scratch.path + "/a/state", to: scratch.path + "/b/state")

    let crashed = try LocalStore.open(directory: scratch.path + "/b", cacheByteCount: 1 << 20, newID: id)
    #expect(crashed.id == id)
    let applied = try crashed.applied(range: 7)
    #expect(applied == LogPosition(index: 200, term: 1))
    #expect(text(try crashed.state.get(.locks, bytes("lock"))) == "200")
    #expect(try MVCCReader(crashed.state).newestVersion(key("row0")) == Timestamp(wall: 200))
    #expect(try MVCCReader(crashed.state).newestVersion(key("row1")) == Timestamp(wall: 191))
    for entry in try crashed.log.entries(range: 7, from: applied.index + 1) {
      var batch = try #require(WriteBatch(encoded: entry.payload))
      LocalStore.putApplied(range: 7, LogPosition(index: entry.index, term: entry.term), into: &batch)
      try crashed.state.write(batch)
    }
    #expect(text(try crashed.state.get(.locks, bytes("lock"))) == "300")
    #expect(try MVCCReader(crashed.state).newestVersion(key("row1")) == Timestamp(wall: 291))
    #expect(try crashed.applied(range: 7).index == last)
  }

  @Test func checkpointsOpen() throws {
    let scratch = ScratchDirectory()
    let cache = BlockCache(byteCount: 1 << 20)
    let engine = try RocksEngine(path: scratch.path + "/a", role: .state, cache: cache)
    var batch = WriteBatch()
    batch.put(.local, bytes("k"), bytes("v"))
    try engine.write(batch)
    try engine.checkpoint(to: scratch.path + "/b")
    let copy = try RocksEngine(path: scratch.path + "/b", role: .state, cache: cache)
    #expect(text(try copy.get(.local, bytes("k"))) == "v")
  }

  @Test func closingKeepsEverything() throws {
    let scratch = ScratchDirectory()
    for round in 1...3 {
      let store = try LocalStore.open(directory: scratch.path, cacheByteCount: 1 << 20, newID: id)
      #expect(text(try store.state.get(.local, bytes("round"))) == (round == 1 ? nil : "\(round - 1)"))
      var batch = WriteBatch()
      batch.put(.local, bytes("round"), bytes("\(round)"))
      try store.state.write(batch)
    }
  }
}
