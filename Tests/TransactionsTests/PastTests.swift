import Clocks
import Encoding
import Ranges
import Testing

@testable import Transactions

@Suite struct PastTests {
  /// What was committed at or below the timestamp, whatever has happened since.
  @Test func aHistoricalTransactionReadsWhatWasThere() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      var times: [Timestamp] = []
      for value in 1...3 {
        let t = system.begin()
        t.write("a", value)
        if value == 2 { t.delete(key("b")) } else { t.write("b", value) }
        times.append(try await t.commit())
      }
      #expect(try await system.beginRead(asOf: times[0].previous).rows("a", "z") == [])
      #expect(try await system.beginRead(asOf: times[0]).rows("a", "z") == ["a=1", "b=1"])
      #expect(try await system.beginRead(asOf: times[1]).rows("a", "z") == ["a=2"])
      #expect(try await system.beginRead(asOf: times[2]).rows("a", "z") == ["a=3", "b=3"])
    }
    try await test.close()
  }

  /// Neither a new statement nor a new beginning moves it, at no isolation level.
  @Test func itsTimestampNeverMoves() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      let first = system.begin()
      first.write("a", 1)
      let timestamp = try await first.commit()
      let past = system.beginRead(asOf: timestamp)
      #expect(past.isHistorical)
      past.isolation = .readCommitted
      past.beginStatement()
      #expect(try await past.read("a") == "1")
      let second = system.begin()
      second.write("a", 2)
      _ = try await second.commit()
      past.beginStatement()
      await past.restart()
      #expect(past.readTimestamp == timestamp)
      #expect(try await past.read("a") == "1")
      #expect(try await past.commit() == timestamp)
    }
    try await test.close()
  }

  @Test func versionsAreReadableForTheirLifetime() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      system.store.setVersionLifetime(nanoseconds: 5_000_000_000)
      let before = system.currentTimestamp()
      let oldest = system.oldestReadable
      #expect(oldest >= before.adding(nanoseconds: -5_000_000_000) && oldest < before)
    }
    try await test.close()
  }
}
