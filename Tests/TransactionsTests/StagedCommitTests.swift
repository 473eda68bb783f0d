// What becomes of a commit of one round whose coordinator does not come back: whoever finds out, finds the same.

import Clocks
import Encoding
import Ranges
import Testing

@testable import Transactions

@Suite struct StagedCommitTests {
  private func key(_ text: String) -> Key { Key(Array(text.utf8)) }

  /// Two ranges, and the parts of a commit over both as its coordinator sends them.
  private struct Parts {
    var header: TransactionHeader
    var stage: WriteRequest
    var prepare: WriteRequest
    var fate: TransactionFate
  }

  private func split(_ system: TransactionSystem) async throws {
    try await system.split(at: key("m"))
    // The right half begins to serve a little later, above what was read before.
    _ = try await system.begin().rows("a", "zz")
  }

  private func parts(_ system: TransactionSystem) -> Parts {
    var header = system.ownHeader()
    header.anchor = key("a")
    header.hasIntentsElsewhere = true
    let value = Array("1".utf8)
    var stage = WriteRequest(.stage, writes: [KeyWrite(key: key("a"), value: value, sequence: 1)])
    stage.fixedTimestamp = header.readTimestamp
    stage.promised = [PromisedWrite(key: key("z"), sequence: 2)]
    stage.intentSpans = [KeySpan(key("a")), KeySpan(key("z"))]
    var prepare = WriteRequest(.prepare, writes: [KeyWrite(key: key("z"), value: value, sequence: 2)])
    prepare.fixedTimestamp = header.readTimestamp
    let fate = TransactionFate(
      id: header.id, anchor: header.anchor, status: .staging, timestamp: header.readTimestamp, promised: stage.promised)
    return Parts(header: header, stage: stage, prepare: prepare, fate: fate)
  }

  private func send(
    _ request: WriteRequest, _ parts: Parts, _ system: TransactionSystem
  ) async throws -> Timestamp? {
    let range = try await system.range(of: request.writes[0].key)
    guard case .written(let timestamp) = await system.send(.write(request), parts.header, to: range) else { return nil }
    return timestamp
  }

  @Test func whatIsWholeHasCommitted() async throws {
    let test = try await TestStore.open(.inMemory())
    try await test.on { _, system in
      try await split(system)
      let parts = parts(system)
      let staged = try await send(parts.stage, parts, system)
      let prepared = try await send(parts.prepare, parts, system)
      #expect(staged == parts.fate.timestamp && prepared == parts.fate.timestamp)
      let fate = try await system.recover(parts.fate)
      #expect(fate.status == .committed && fate.timestamp == parts.fate.timestamp)
      #expect(try await system.begin().rows("a", "zz") == ["a=1", "z=1"])
      // Whoever comes later finds it so.
      let again = try await system.conclude(parts.fate, isCommitted: false)
      #expect(again.status == .committed)
    }
    try await test.close()
  }

  @Test func whatIsMissingIsPrevented() async throws {
    let test = try await TestStore.open(.inMemory())
    try await test.on { _, system in
      try await split(system)
      let parts = parts(system)
      let staged = try await send(parts.stage, parts, system)
      #expect(staged == parts.fate.timestamp)
      let fate = try await system.recover(parts.fate)
      #expect(fate.status == .aborted)
      // It comes too late now.
      let late = try await send(parts.prepare, parts, system)
      #expect(try #require(late) > parts.fate.timestamp)
      let again = try await system.conclude(parts.fate, isCommitted: true)
      #expect(again.status == .aborted)
      #expect(try await system.begin().rows("a", "zz") == [])
    }
    try await test.close()
  }

  @Test func aReaderBelowPassesAndOneAboveWaits() async throws {
    let test = try await TestStore.open(.inMemory())
    try await test.on { reactor, system in
      try await split(system)
      let before = system.begin(isReadOnly: true)
      let parts = parts(system)
      _ = try await send(parts.stage, parts, system)
      _ = try await send(parts.prepare, parts, system)
      #expect(try await before.rows("a", "zz") == [])
      let after = system.begin(isReadOnly: true)
      let fate = parts.fate
      let shared = Confined(system, to: reactor)
      reactor.run { reactor in
        await reactor.sleep(nanoseconds: 5_000_000)
        _ = try? await shared.access(on: reactor).conclude(fate, isCommitted: true)
      }
      #expect(try await after.rows("a", "zz") == ["a=1", "z=1"])
    }
    try await test.close()
  }
}
