// Requests and answers survive the way between nodes, and bytes that make no sense are refused.

import Clocks
import Encoding
import Storage
import Testing
import Transport

@testable import Ranges

@Suite struct RangeCodecTests {
  private func header(_ priority: TransactionPriority = .high) -> TransactionHeader {
    var header = TransactionHeader(
      id: TransactionID(high: 7, low: .max), start: Timestamp(wall: 5, logical: 1),
      readTimestamp: Timestamp(wall: 9, logical: 2), isolation: .repeatableRead, label: "naïve")
    header.priority = priority
    header.epoch = 3
    header.sequence = 70_000
    header.ignored = [2...4, 9...9]
    header.hasIntents = true
    header.anchor = Key([1, 2])
    header.lockTimeout = 12
    header.locksLease = 99
    return header
  }

  private var requests: [RangeRequest] {
    var reads = ReadFootprint()
    reads.keys = [Key([1]), Key([])]
    reads.spans = [KeySpan(start: Key([3]), end: Key([4, 0]))]
    var write = WriteRequest(
      .ingest,
      writes: [
        KeyWrite(key: Key([5]), value: [1, 2, 3], sequence: 8),
        KeyWrite(key: Key([6]), value: nil, sequence: 9, isNew: true),
      ], reads: reads)
    write.privateSpans = [KeySpan(start: Key([5]), end: Key([6]))]
    write.fixedTimestamp = Timestamp(wall: 9, logical: 1)
    write.intentSpans = [KeySpan(start: Key([7]), end: Key([8]))]
    let id = TransactionID(high: 7, low: 8)
    let inquiry = TransactionInquiry(
      id: id, anchor: Key([1]), epoch: 2, timestamp: Timestamp(wall: 3, logical: 0),
      reader: Timestamp(wall: 4, logical: 0))
    let fate = TransactionFate(
      id: id, anchor: Key([1]), status: .committed, timestamp: Timestamp(wall: 3, logical: 0), epoch: 1,
      ignored: [2...3])
    var stage = WriteRequest(.stage, writes: write.writes)
    stage.promised = [PromisedWrite(key: Key([9]), sequence: 4), PromisedWrite(key: Key([9, 0]), sequence: 70_000)]
    let staged = TransactionFate(
      id: id, anchor: Key([1]), status: .staging, timestamp: Timestamp(wall: 3, logical: 0), promised: stage.promised)
    return [
      .get([Key([1]), Key([2, 3])], lock: LockRequest(.exclusive, wait: .skip)), .get([], lock: nil),
      .scan(.all, isReverse: true, rowLimit: 10, byteLimit: 1 << 20, lock: nil), .write(write),
      .refresh(reads, to: Timestamp(wall: 77, logical: 0)), .heartbeat, .release([.all]), .abort([.all]), .clear(.all),
      .collectGarbage(below: .zero), .statistics(.all), .cancelWait, .inquire(inquiry), .settle([fate, fate]),
      .resolve(fate, [.all]),
      .forget(id, anchor: Key([5]), settled: [.all]), .write(stage), .verify(staged, staged.promised),
      .conclude(staged, isCommitted: true),
      .split(at: Key([6]), into: RangeID(9), isPinned: true, generation: 3),
    ]
  }

  private func bytes(_ request: RangeRequest) -> [UInt8] {
    var writer = RangeWriter()
    header().encode(into: &writer)
    request.encode(into: &writer)
    return writer.bytes
  }

  private func decode(_ bytes: [UInt8]) -> (TransactionHeader, RangeRequest)? {
    try? bytes.span.withUnsafeBytes { (raw) throws(MalformedMessage) -> (TransactionHeader, RangeRequest) in
      var reader = RangeReader(raw)
      let header = try TransactionHeader(from: &reader)
      let request = try RangeRequest(from: &reader)
      guard reader.isAtEnd else { throw MalformedMessage() }
      return (header, request)
    }
  }

  @Test func `Requests come out as they went in`() throws {
    for request in requests {
      let (header, decoded) = try #require(decode(bytes(request)))
      #expect("\(header)" == "\(self.header())")
      #expect("\(decoded)" == "\(request)")
    }
  }

  @Test func `A header keeps its priority beside what else its byte says`() throws {
    for priority in TransactionPriority.allCases {
      for isServedByAny in [false, true] {
        var header = header(priority)
        header.isServedByAny = isServedByAny
        header.uncertainUpTo = isServedByAny ? Timestamp(wall: 10, logical: 0) : .zero
        var writer = RangeWriter()
        header.encode(into: &writer)
        RangeRequest.heartbeat.encode(into: &writer)
        #expect(try "\(#require(decode(writer.bytes)).0)" == "\(header)")
      }
    }
  }

  @Test func `What is cut short is refused`() {
    for request in requests {
      let whole = bytes(request)
      for count in 0..<whole.count { #expect(decode(Array(whole[..<count])) == nil) }
    }
  }

  @Test func `Answers come out as they went in`() throws {
    var block = KeyValueBlock()
    block.append(key: [1, 2], value: [3])
    block.append(key: [4], value: [])
    let descriptor = RangeDescriptor.first(on: NodeID(rawValue: 4))
    let answers: [RangeResponse] = [
      .rows(block, resume: KeySpan(start: Key([4, 0]), end: Key([9])), observed: Timestamp(wall: 3, logical: 0)),
      .written(Timestamp(wall: 8, logical: 1)), .done, .failed(.cancelled), .failed(.deadlock("a waits for b")),
      .failed(.retry(reason: "x", key: Key([1]))), .failed(.writeTooOld(.zero, key: nil)),
      .failed(.lockNotAvailable(Key([2]), timedOut: true)), .failed(.limit("l")), .failed(.unavailable("u")),
      .failed(.ambiguous("a")), .failed(.notLeaseholder(descriptor, leader: NodeID(rawValue: 3))),
      .failed(.notLeaseholder(nil, leader: nil)), .failed(.stalled("s")),
    ]
    for answer in answers {
      var writer = RangeWriter()
      let payloads = answer.encode(into: &writer)
      let decoded = try writer.bytes.span.withUnsafeBytes { (raw) throws(MalformedMessage) -> RangeResponse in
        var reader = RangeReader(raw)
        return try RangeResponse(from: &reader, payloads: payloads)
      }
      #expect("\(decoded)" == "\(answer)")
    }
  }

  @Test func `A block whose parts do not fit is refused`() {
    #expect(KeyValueBlock(bytes: [1, 2, 3], ends: [2, 3]) != nil)
    #expect(KeyValueBlock(bytes: [1, 2, 3], ends: [3, 2]) == nil)
    #expect(KeyValueBlock(bytes: [1, 2, 3], ends: [1]) == nil)
    #expect(KeyValueBlock(bytes: [1, 2, 3], ends: [1, 2]) == nil)
    #expect(KeyValueBlock(bytes: [1], ends: [-1, 1]) == nil)
  }
}
