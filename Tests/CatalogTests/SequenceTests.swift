// Sequences. Values and errors are PostgreSQL 15's.

import SQLTypes
import Testing

@testable import Catalog

struct SequenceTests {
  private func sequence(_ name: String = "s", _ change: (inout SequenceOptions) -> Void = { _ in }) throws
    -> SequenceHandle
  {
    var options = SequenceOptions()
    change(&options)
    let table = TableDescriptor(
      oid: OID(16400), schema: .publicSchema, name: name, owner: OID(10), kind: .sequence(options), columns: [],
      nextColumnID: 1)
    return try #require(SequenceHandle(table))
  }

  @Test func valuesFollowWithoutGapsAndInFewTransactions() async throws {
    let storage = MemorySequences()
    let service = SequenceService()
    let s = try sequence()
    let (one, two) = (
      SequenceSession(service: service, storage: storage), SequenceSession(service: service, storage: storage)
    )
    var values: [Int64] = []
    for round in 0..<50 {
      let session = round % 2 == 0 ? one : two
      // Reserving more than is used loses nothing.
      try await session.reserve(s, count: 3)
      values.append(try session.next(s))
      try await session.finish()
    }
    #expect(values == Array(1...50))
    #expect(storage.updateCount <= 3)
    #expect(try one.current(s) == 49)
    #expect(try two.last() == 50)
    #expect(try await service.state(of: s, in: storage) == SequenceState(lastValue: 50, isCalled: true))
  }

  @Test func endsAndCycles() async throws {
    let service = SequenceService()
    let session = SequenceSession(service: service, storage: MemorySequences())
    let s = try sequence("sq") { ($0.start, $0.maximum) = (9, 9) }
    try await session.reserve(s, count: 2)
    #expect(try session.next(s) == 9)
    #expect(
      throws: SQLError(
        .sequenceGeneratorLimitExceeded, "nextval: reached maximum value of sequence \"sq\" (9)")
    ) { try session.next(s) }
    try await session.finish()

    let down = SequenceSession(service: SequenceService(), storage: MemorySequences())
    let d = try sequence("sd") { ($0.increment, $0.minimum, $0.maximum, $0.start) = (-1, -2, -1, -1) }
    try await down.reserve(d, count: 3)
    #expect(try down.next(d) == -1)
    #expect(try down.next(d) == -2)
    #expect(
      throws: SQLError(
        .sequenceGeneratorLimitExceeded, "nextval: reached minimum value of sequence \"sd\" (-2)")
    ) { try down.next(d) }

    let round = SequenceSession(service: SequenceService(), storage: MemorySequences())
    let c = try sequence("sc") { ($0.maximum, $0.increment, $0.cycles) = (4, 2, true) }
    try await round.reserve(c, count: 5)
    var values: [Int64] = []
    for _ in 0..<5 { values.append(try round.next(c)) }
    #expect(values == [1, 3, 1, 3, 1])

    let wide = SequenceSession(service: SequenceService(), storage: MemorySequences())
    let w = try sequence("sw") {
      ($0.minimum, $0.start, $0.increment) = (Int64.min, Int64.min, Int64.max)
    }
    try await wide.reserve(w, count: 4)
    #expect(try wide.next(w) == Int64.min)
    #expect(try wide.next(w) == -1)
    #expect(try wide.next(w) == Int64.max - 1)
    #expect(throws: SQLError.self) { try wide.next(w) }
  }

  @Test func setvalAndChangedOptions() async throws {
    let service = SequenceService()
    let session = SequenceSession(service: service, storage: MemorySequences())
    let s = try sequence()
    #expect(throws: SQLError.self) { try session.current(s) }
    try await session.reserve(s, count: 1)
    #expect(try session.next(s) == 1)
    try await session.finish()
    try session.set(s, to: 100, isCalled: true)
    #expect(try session.next(s) == 101)
    try await session.finish()
    try await session.reserve(s, count: 1)
    #expect(try session.next(s) == 102)
    try await session.finish()
    #expect(
      throws: SQLError(
        .numericValueOutOfRange, "setval: value 0 is out of bounds for sequence \"s\" (1..9223372036854775807)")
    ) { try session.set(s, to: 0, isCalled: true) }
    // ALTER SEQUENCE s INCREMENT 10: the next value is 112, not one after the block drawn ahead.
    let t = try sequence { $0.increment = 10 }
    try await session.reserve(t, count: 1)
    #expect(try session.next(t) == 112)
    try await session.finish()
    // RESTART is another generation.
    let u = try sequence { ($0.restart, $0.generation) = (7, 1) }
    try await session.reserve(u, count: 2)
    #expect(try session.next(u) == 7)
    #expect(try session.next(u) == 8)
  }

  @Test func rowIDs() {
    let generator = RowIDGenerator(node: 5)
    let now: Int64 = 1_700_000_000_000_000_000
    let first = generator.next(wallTime: now)
    #expect(first & 0xFFF == 5)
    #expect(first >> 12 == (now - RowIDGenerator.epochNanoseconds) / 1000)
    var last = first
    for step in 0..<1000 {
      let next = generator.next(wallTime: now - Int64(step))
      #expect(next > last)
      last = next
    }
    let run = generator.next(count: 10, wallTime: now)
    #expect(generator.next(wallTime: now) == run + 10 * RowIDGenerator.stride)
  }
}
