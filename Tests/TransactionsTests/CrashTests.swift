// What was acknowledged is there after a crash, exactly once; what was not decided is cleaned up. The store is on disk;
// a crash drops the state engine's unflushed memory by opening a copy of the files as they are.

import Clocks
import Encoding
import Glibc
import Reactors
import Storage
import Testing

@testable import Ranges
@testable import Transactions

/// A directory that goes away with the test.
private final class Scratch: Sendable {
  let path: String
  init() {
    var template = Array("/tmp/meridian-ranges-XXXXXX".utf8CString)
    path = template.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress, let made = mkdtemp(base) else { return "/tmp/meridian-ranges" }
      return String(cString: made)
    }
  }
  /// Copies everything to a fresh place, as a crash at this moment would leave it: what the processes' memory holds is
  /// not copied.
  func copy(_ from: String, _ to: String) {
    guard let directory = opendir(path + "/" + from) else { return }
    defer { closedir(directory) }
    mkdir(path + "/" + to, 0o700)
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name == "." || name == ".." || name == "LOCK" { continue }
      var information = stat()
      let source = "\(path)/\(from)/\(name)"
      guard stat(source, &information) == 0 else { continue }
      if information.st_mode & S_IFMT == S_IFDIR {
        copy("\(from)/\(name)", "\(to)/\(name)")
      } else {
        copyFile(source, "\(path)/\(to)/\(name)")
      }
    }
  }
  private func copyFile(_ source: String, _ target: String) {
    let input = open(source, O_RDONLY)
    let output = open(target, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(input, &buffer, buffer.count)
      if count <= 0 { break }
      _ = buffer.withUnsafeBytes { Glibc.write(output, $0.baseAddress, count) }
    }
    close(input)
    close(output)
  }
  deinit { remove(path) }
  private func remove(_ target: String) {
    if let directory = opendir(target) {
      while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { remove("\(target)/\(name)") }
      }
      closedir(directory)
      rmdir(target)
    } else {
      unlink(target)
    }
  }
}

@Suite struct CrashTests {
  private func local(_ path: String) throws -> LocalStore {
    try LocalStore.open(
      directory: path, cacheByteCount: 8 << 20, newID: LocalStore.StoreID(high: 1, low: 2))
  }

  @Test func acknowledgedCommitsSurviveAndIntentsOfTheDeadGo() async throws {
    let scratch = Scratch()
    do {
      let test = try await TestStore.open(try local(scratch.path + "/one"))
      await test.together(4) { worker, _, system in
        for round in 0..<25 {
          do {
            _ = try await system.atomically { (t) async throws(TransactionError) in
              t.write("w\(worker)-\(round)", round)
              t.write("sum", try await t.number("sum", lock: LockRequest(.exclusive)) + 1)
            }
          } catch {
            Issue.record("\(error)")
          }
        }
      }
      // One transaction laid intents and is decided; another is not decided when the crash comes.
      try await test.on { reactor, system in
        system.bufferLimit = 1
        let decided = system.begin()
        for row in 0..<50 { decided.write("decided\(row)", row) }
        try await decided.flushIfNeeded()
        _ = try await decided.commit()
        let undecided = system.begin()
        for row in 0..<50 { undecided.write("undecided\(row)", row) }
        try await undecided.flushIfNeeded()
        // Ingested into a table of its own, the one with its commit before the crash, the other without.
        let made = system.begin()
        made.declarePrivate(KeySpan(start: key("made"), end: key("made~")))
        for row in 0..<50 { made.write("made\(row)", row) }
        try await made.flushIfNeeded()
        _ = try await made.commit()
        let unmade = system.begin()
        unmade.declarePrivate(KeySpan(start: key("unmade"), end: key("unmade~")))
        for row in 0..<50 { unmade.write("unmade\(row)", row) }
        try await unmade.flushIfNeeded()
        scratch.copy("one", "two")
        await undecided.rollback()
        await unmade.rollback()
      }
      #expect(test.fatal.said == nil)
      try await test.close()
    }
    for name in ["one", "two"] {
      let test = try await TestStore.open(try local(scratch.path + "/" + name))
      try await test.on { reactor, system in
        let t = system.begin()
        #expect(try await t.number("sum") == 100)
        #expect(try await t.rows("w", "x").count == 100)
        #expect(try await t.rows("decided", "decidee").count == 50)
        #expect(try await t.rows("undecided", "undecidee").isEmpty)
        #expect(try await t.rows("made", "made~").count == 50)
        // As if its expiry had passed.
        let registry = try #require(system.shard.replica(RangeID(1))?.registry)
        for entry in registry.sorted where entry.record.status == .pending { entry.record.heartbeat = 0 }
        for _ in 0..<1_000 where try await !system.begin().rows("unmade", "unmade~").isEmpty {
          await reactor.sleep(nanoseconds: 10_000_000)
        }
        #expect(try await system.begin().rows("unmade", "unmade~").isEmpty)
        t.write("sum", 101)
        let committed = try await t.commit()
        #expect(committed > t.readTimestamp || committed == t.readTimestamp)
        #expect(try await system.begin().number("sum") == 101)
      }
      #expect(test.fatal.said == nil)
      try await test.close()
    }
  }

  @Test func theLogIsCutAndTheStoreOpensAgain() async throws {
    let scratch = Scratch()
    for round in 1...3 {
      let local = try local(scratch.path + "/one")
      let test = try await TestStore.open(local)
      try await test.on { _, system in
        for _ in 0..<20 { _ = try await system.increment(key("n"), by: 1) }
        #expect(try await system.increment(key("n"), by: 0) == Int64(20 * round))
      }
      try await test.close()
      // A clean stop leaves nothing to replay.
      #expect(try local.log.compacted(range: 1).index > 0)
      #expect(try local.log.entries(range: 1, from: local.log.compacted(range: 1).index + 1).isEmpty)
    }
  }
}
