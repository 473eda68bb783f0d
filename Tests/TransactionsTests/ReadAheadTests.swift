// Reads ahead of time: what they say holds until then, whoever writes.

import Clocks
import Encoding
import Reactors
import Storage
import Testing

@testable import Ranges
@testable import Transactions

@Suite struct ReadAheadTests {
  @Test func whoeverWritesComesLater() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      let first = system.begin()
      first.write("k", 1)
      _ = try await first.commit()
      let early = system.begin()
      let read = try await system.readAhead(key("k"), of: early.horizon)
      #expect(read.value == bytes("1") && read.upTo > early.readTimestamp && read.from < early.readTimestamp)
      #expect(early.sees(read))
      // What began before the key was written reads it by itself.
      #expect(!system.beginRead(asOf: read.from.previous).sees(read))
      let writer = system.begin()
      writer.write("k", 2)
      let written = try await writer.commit()
      #expect(written > read.upTo)
      // The write is acknowledged once it is past: nobody who comes now is told the old value.
      let late = system.begin()
      #expect(!late.sees(read))
      #expect(try await late.read("k") == "2")
      #expect(try await early.read("k") == "1")
    }
    try await test.close()
  }

  @Test func whoHasWrittenTheKeyReadsIt() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      let t = system.begin()
      #expect(t.mayReadAhead(key("k")))
      t.write("j", 1)
      #expect(t.mayReadAhead(key("k")))
      t.write("k", 1)
      #expect(!t.mayReadAhead(key("k")))
      await t.rollback()
      #expect(!system.beginRead(asOf: system.currentTimestamp()).mayReadAhead(key("k")))
    }
    try await test.close()
  }
}
