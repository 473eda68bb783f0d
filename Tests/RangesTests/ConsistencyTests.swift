import Clocks
import Encoding
import Storage
import Testing
import Transport

@testable import Ranges

@Suite struct ConsistencyTests {
  @Test func `Each range has its turn in the interval, in the order of their numbers`() {
    var due = ChecksDue()
    func next(_ ranges: [RangeID], _ interval: Int64, elapsed: Int64) -> Int? {
      due.isDue(ranges.count, interval, elapsed: elapsed) ? due.next(ranges) : nil
    }
    var turns: [Int] = []
    let ranges = [3, 5, 9].map { RangeID($0) }
    for _ in 0..<60 { if let place = next(ranges, 30, elapsed: 1) { turns.append(place) } }
    #expect(turns == [0, 1, 2, 0, 1, 2])
    // One goes, and one comes that was there before.
    #expect((0..<20).compactMap { _ in next([RangeID(4), RangeID(9)], 30, elapsed: 1) }.first == 0)
    #expect((0..<99).allSatisfy { _ in next(ranges, 0, elapsed: 1) == nil })
    // What is late is not made up for.
    #expect(next(ranges, 30, elapsed: 1000) != nil)
    #expect(next(ranges, 30, elapsed: 1) == nil)
  }

  @Test func `Checks and their answers come out as they went in`() throws {
    for verdict in [nil, "wrong"] {
      let check = CheckMessage(range: RangeID(7), replica: ReplicaID(3), number: .max, verdict: verdict)
      #expect("\(try CheckMessage(encoded: check.message.body))" == "\(check)")
    }
    var checksum = StateChecksum(.first(on: NodeID(rawValue: 1)), AppliedState())
    let empty = checksum
    [1, 2].withUnsafeBytes { key in [3].withUnsafeBytes { checksum.add(key, $0) } }
    #expect(checksum != empty && checksum.keyCount == 1)
    var writer = RangeWriter()
    checksum.encode(into: &writer)
    let decoded = try writer.bytes.span.withUnsafeBytes { (raw) throws(MalformedMessage) -> StateChecksum in
      var reader = RangeReader(raw)
      return try StateChecksum(from: &reader)
    }
    #expect(decoded == checksum)
  }

  @Test func `A checksum depends on versions, intents and records, and not on the size of its pieces`() throws {
    let engine = MemoryEngine()
    let descriptor = RangeDescriptor.first(on: NodeID(rawValue: 1))
    func checksum(slice: Int) throws -> StateChecksum {
      let source = ChecksumSource(engine.snapshot(), descriptor, AppliedState())
      while try source.advance(byByteCount: slice) {}
      return source.checksum
    }
    var seen = [try checksum(slice: 1)]
    func write(_ edit: (inout WriteBatch) -> Void) throws {
      var batch = WriteBatch()
      edit(&batch)
      try engine.write(batch)
      let next = try checksum(slice: 1 << 20)
      #expect(try checksum(slice: 1) == next)
      #expect(!seen.contains(next))
      seen.append(next)
    }
    let key = Key([9])
    let at = Timestamp(wall: 5, logical: 0)
    try write { MVCC.put(key, [1], at: at, into: &$0) }
    try write { MVCC.put(key, [2], at: at, into: &$0) }
    try write { MVCC.put(Key([8, 0]), [2], at: at, into: &$0) }
    try write { $0.put(.local, LocalKeys.record(key, TransactionID(high: 1, low: 2)), [1]) }
    // What a replica keeps for itself is no part of it.
    var batch = WriteBatch()
    batch.put(.local, LocalKeys.tombstone(RangeID(4)), [1])
    try engine.write(batch)
    #expect(try checksum(slice: 1) == seen.last)
  }
}
