// The bytes of requests to ranges and their answers, as they travel between nodes.
//
// Numbers are varints, byte strings carry a varint of their length, lists a varint of their count; timestamps are twelve bytes
// as in keys. Blocks of rows travel as a payload of their own. Decoding trusts nothing: bytes that make no sense give nil,
// and the request is refused.

import Clocks
import Encoding
import Storage

/// Appends values in the order in which `RangeReader` takes them.
struct RangeWriter {
  var bytes: [UInt8] = []

  mutating func put(_ number: UInt64) { ValueEncoding.appendVarint(number, to: &bytes) }
  mutating func put(_ number: Int) { put(UInt64(number)) }
  mutating func putSigned(_ number: Int64) { ValueEncoding.appendSignedVarint(number, to: &bytes) }
  mutating func put(_ flag: Bool) { bytes.append(flag ? 1 : 0) }
  mutating func put(_ string: [UInt8]) { ValueEncoding.appendLengthPrefixed(string, to: &bytes) }
  mutating func put(_ text: String) { put(Array(text.utf8)) }
  mutating func put(_ timestamp: Timestamp) { timestamp.appendEncoded(to: &bytes) }
  mutating func put(_ key: Key) { put(key.bytes) }
  mutating func put(_ range: FrozenRange) { range.encode(into: &bytes) }

  mutating func put(_ span: KeySpan) {
    put(span.start)
    put(span.end)
  }

  mutating func putRanges(_ ranges: [ClosedRange<UInt32>]) {
    put(ranges) { writer, range in
      writer.put(UInt64(range.lowerBound))
      writer.put(UInt64(range.upperBound))
    }
  }

  mutating func put(_ promised: [PromisedWrite]) {
    put(promised) { writer, write in
      writer.put(write.key)
      writer.put(UInt64(write.sequence))
    }
  }

  mutating func put<T>(_ list: [T], _ item: (inout RangeWriter, T) -> Void) {
    put(list.count)
    for element in list { item(&self, element) }
  }

  mutating func put<T>(_ value: T?, _ item: (inout RangeWriter, T) -> Void) {
    put(value != nil)
    if let value { item(&self, value) }
  }
}

/// The bytes end too early, or say what nobody says.
struct MalformedMessage: Error {}

/// Takes values in the order in which `RangeWriter` put them.
struct RangeReader: ~Escapable {
  private var reader: ByteReader

  @_lifetime(borrow bytes)
  init(_ bytes: UnsafeRawBufferPointer) { reader = ByteReader(bytes) }

  var isAtEnd: Bool { reader.isAtEnd }

  private func some<T>(_ value: T?) throws(MalformedMessage) -> T {
    guard let value else { throw MalformedMessage() }
    return value
  }

  mutating func number() throws(MalformedMessage) -> UInt64 { try some(reader.readVarint()) }

  mutating func number<T: FixedWidthInteger>(_: T.Type) throws(MalformedMessage) -> T {
    try some(T(exactly: try number()))
  }

  mutating func signed() throws(MalformedMessage) -> Int64 { try some(reader.readSignedVarint()) }

  mutating func flag() throws(MalformedMessage) -> Bool {
    let byte = try some(reader.readUInt8())
    guard byte < 2 else { throw MalformedMessage() }
    return byte == 1
  }

  mutating func byte() throws(MalformedMessage) -> UInt8 { try some(reader.readUInt8()) }
  mutating func string() throws(MalformedMessage) -> [UInt8] { [UInt8](try some(reader.readLengthPrefixed())) }
  mutating func text() throws(MalformedMessage) -> String { String(decoding: try string(), as: UTF8.self) }

  mutating func timestamp() throws(MalformedMessage) -> Timestamp {
    try some(Timestamp(encoded: try some(reader.readBytes(Timestamp.encodedCount))))
  }

  mutating func key() throws(MalformedMessage) -> Key { Key(try string()) }

  mutating func frozenRange() throws(MalformedMessage) -> FrozenRange { try some(FrozenRange(from: &reader)) }

  mutating func span() throws(MalformedMessage) -> KeySpan {
    let start = try key()
    let end = try key()
    guard start <= end else { throw MalformedMessage() }
    return KeySpan(start: start, end: end)
  }

  /// The count of a list whose items take a byte at least.
  mutating func count() throws(MalformedMessage) -> Int {
    let count = try number(Int.self)
    guard count <= reader.remaining else { throw MalformedMessage() }
    return count
  }

  mutating func keys() throws(MalformedMessage) -> [Key] {
    var keys: [Key] = []
    for _ in 0..<(try count()) { keys.append(try key()) }
    return keys
  }

  mutating func ranges() throws(MalformedMessage) -> [ClosedRange<UInt32>] {
    var ranges: [ClosedRange<UInt32>] = []
    for _ in 0..<(try count()) {
      let lower = try number(UInt32.self)
      let upper = try number(UInt32.self)
      guard lower <= upper else { throw MalformedMessage() }
      ranges.append(lower...upper)
    }
    return ranges
  }

  mutating func promisedWrites() throws(MalformedMessage) -> [PromisedWrite] {
    var writes: [PromisedWrite] = []
    for _ in 0..<(try count()) { writes.append(PromisedWrite(key: try key(), sequence: try number(UInt32.self))) }
    return writes
  }

  mutating func spans() throws(MalformedMessage) -> [KeySpan] {
    var spans: [KeySpan] = []
    for _ in 0..<(try count()) { spans.append(try span()) }
    return spans
  }
}

// MARK: - Requests

extension TransactionHeader {
  /// Said together with the isolation level, as of version 5 of a cluster.
  private static let servedByAny: UInt8 = 0x80
  /// The same; `uncertainUpTo` follows the rest then.
  private static let isUncertain: UInt8 = 0x40
  /// The same, as of version 6: two bits for the priority, as a signed number.
  private static let priorityShift: UInt8 = 4
  private static let priorityMask: UInt8 = 0x30

  func encode(into writer: inout RangeWriter) {
    writer.put(id.high)
    writer.put(id.low)
    writer.put(start)
    writer.put(named)
    writer.put(UInt64(epoch))
    writer.put(readTimestamp)
    writer.put(UInt64(sequence))
    writer.putRanges(ignored)
    let isUncertain = uncertainUpTo > readTimestamp
    writer.bytes.append(
      isolation.rawValue | (isServedByAny ? Self.servedByAny : 0) | (isUncertain ? Self.isUncertain : 0)
        | UInt8(bitPattern: priority.rawValue) << Self.priorityShift & Self.priorityMask)
    writer.put(hasIntents)
    writer.put(hasIntentsElsewhere)
    writer.put(anchor)
    writer.putSigned(lockTimeout)
    writer.put(label.count > Limits.labelByteCount ? Array(label.prefix(Limits.labelByteCount)) : label)
    writer.put(locksLease)
    if isUncertain { writer.put(uncertainUpTo) }
  }

  init(from reader: inout RangeReader) throws(MalformedMessage) {
    let id = TransactionID(high: try reader.number(), low: try reader.number())
    let start = try reader.timestamp()
    let named = try reader.timestamp()
    let epoch = try reader.number(UInt32.self)
    let readTimestamp = try reader.timestamp()
    let sequence = try reader.number(UInt32.self)
    let ignored = try reader.ranges()
    let level = try reader.byte()
    let others = Self.servedByAny | Self.isUncertain | Self.priorityMask
    guard let isolation = IsolationLevel(rawValue: level & ~others),
      let priority = TransactionPriority(rawValue: Int8(bitPattern: level << 2) >> 6)
    else {
      throw MalformedMessage()
    }
    self.init(id: id, start: start, readTimestamp: readTimestamp, isolation: isolation, label: "")
    self.priority = priority
    self.named = named
    self.epoch = epoch
    isServedByAny = level & Self.servedByAny != 0
    self.sequence = sequence
    self.ignored = ignored
    hasIntents = try reader.flag()
    hasIntentsElsewhere = try reader.flag()
    anchor = try reader.key()
    lockTimeout = try reader.signed()
    label = try reader.string()
    locksLease = try reader.number()
    if level & Self.isUncertain != 0 { uncertainUpTo = try reader.timestamp() }
  }
}

extension ReadFootprint {
  fileprivate func encode(into writer: inout RangeWriter) {
    writer.put(keys) { $0.put($1) }
    writer.put(spans) { $0.put($1) }
  }

  fileprivate init(from reader: inout RangeReader) throws(MalformedMessage) {
    self.init()
    keys = try reader.keys()
    spans = try reader.spans()
  }
}

extension LockRequest {
  fileprivate func encode(into writer: inout RangeWriter) {
    writer.bytes.append(strength.rawValue)
    writer.bytes.append(wait.rawValue)
  }

  fileprivate init(from reader: inout RangeReader) throws(MalformedMessage) {
    guard let strength = LockStrength(rawValue: try reader.byte()),
      let wait = LockWaitPolicy(rawValue: try reader.byte())
    else { throw MalformedMessage() }
    self.init(strength, wait: wait)
  }
}

extension WriteRequest {
  fileprivate func encode(into writer: inout RangeWriter) {
    writer.bytes.append(purpose.rawValue)
    writer.put(writes) { writer, write in
      writer.put(write.key)
      writer.put(write.value) { $0.put($1) }
      writer.put(UInt64(write.sequence))
      writer.put(write.isNew)
    }
    reads.encode(into: &writer)
    writer.put(privateSpans) { $0.put($1) }
    writer.put(fixedTimestamp) { $0.put($1) }
    writer.put(intentSpans) { $0.put($1) }
    if purpose == .stage { writer.put(promised) }
  }

  fileprivate init(from reader: inout RangeReader) throws(MalformedMessage) {
    guard let purpose = Purpose(rawValue: try reader.byte()) else { throw MalformedMessage() }
    var writes: [KeyWrite] = []
    for _ in 0..<(try reader.count()) {
      let key = try reader.key()
      let value = try reader.flag() ? try reader.string() : nil
      let sequence = try reader.number(UInt32.self)
      writes.append(KeyWrite(key: key, value: value, sequence: sequence, isNew: try reader.flag()))
    }
    self.init(purpose, writes: writes, reads: try ReadFootprint(from: &reader))
    privateSpans = try reader.spans()
    fixedTimestamp = try reader.flag() ? try reader.timestamp() : nil
    intentSpans = try reader.spans()
    if purpose == .stage { promised = try reader.promisedWrites() }
  }
}

extension TransactionInquiry {
  fileprivate func encode(into writer: inout RangeWriter) {
    writer.put(id.high)
    writer.put(id.low)
    writer.put(anchor)
    writer.put(UInt64(epoch))
    writer.put(timestamp)
    writer.put(reader) { $0.put($1) }
    writer.put(waits)
  }

  fileprivate init(from reader: inout RangeReader) throws(MalformedMessage) {
    self.init(
      id: TransactionID(high: try reader.number(), low: try reader.number()), anchor: try reader.key(),
      epoch: try reader.number(UInt32.self), timestamp: try reader.timestamp(),
      reader: try reader.flag() ? try reader.timestamp() : nil)
    waits = try reader.flag()
  }
}

extension TransactionFate {
  fileprivate func encode(into writer: inout RangeWriter) {
    writer.put(id.high)
    writer.put(id.low)
    writer.put(anchor)
    writer.bytes.append(status.rawValue)
    writer.put(timestamp)
    writer.put(UInt64(epoch))
    writer.putRanges(ignored)
    if status == .staging { writer.put(promised) }
  }

  fileprivate init(from reader: inout RangeReader) throws(MalformedMessage) {
    let id = TransactionID(high: try reader.number(), low: try reader.number())
    let anchor = try reader.key()
    guard let status = TransactionStatus(rawValue: try reader.byte()) else { throw MalformedMessage() }
    self.init(id: id, anchor: anchor, status: status, timestamp: try reader.timestamp())
    epoch = try reader.number(UInt32.self)
    ignored = try reader.ranges()
    if status == .staging { promised = try reader.promisedWrites() }
  }
}

extension RangeRequest {
  func encode(into writer: inout RangeWriter) {
    func tag(_ number: UInt8) { writer.bytes.append(number) }
    switch self {
    case .get(let keys, let lock):
      tag(1)
      writer.put(keys) { $0.put($1) }
      writer.put(lock) { $1.encode(into: &$0) }
    case .scan(let span, let isReverse, let rowLimit, let byteLimit, let lock):
      tag(2)
      writer.put(span)
      writer.put(isReverse)
      writer.put(rowLimit)
      writer.put(byteLimit)
      writer.put(lock) { $1.encode(into: &$0) }
    case .write(let write):
      tag(3)
      write.encode(into: &writer)
    case .refresh(let reads, let timestamp):
      tag(4)
      reads.encode(into: &writer)
      writer.put(timestamp)
    case .heartbeat: tag(5)
    case .release(let spans):
      tag(6)
      writer.put(spans) { $0.put($1) }
    case .abort(let spans):
      tag(7)
      writer.put(spans) { $0.put($1) }
    case .clear(let span):
      tag(8)
      writer.put(span)
    case .collectGarbage(let threshold):
      tag(9)
      writer.put(threshold)
    case .statistics(let span):
      tag(10)
      writer.put(span)
    case .cancelWait: tag(11)
    case .inquire(let inquiry):
      tag(12)
      inquiry.encode(into: &writer)
    case .settle(let fates):
      tag(13)
      writer.put(fates) { $1.encode(into: &$0) }
    case .resolve(let fate, let spans):
      tag(14)
      fate.encode(into: &writer)
      writer.put(spans) { $0.put($1) }
    case .forget(let id, let anchor, let settled):
      tag(15)
      writer.put(id.high)
      writer.put(id.low)
      writer.put(anchor)
      writer.put(settled) { $0.put($1) }
    case .split(let key, let range, let isPinned, let generation):
      tag(16)
      writer.put(key)
      writer.put(range.rawValue)
      writer.put(isPinned)
      writer.put(generation)
    case .pin(let isPinned, let key):
      tag(17)
      writer.put(isPinned)
      writer.put(key)
    case .describe: tag(18)
    case .freeze(let target, let generation):
      tag(19)
      writer.put(generation)
      writer.put(target.range.rawValue)
      writer.put(target.generation)
    case .merge(let right):
      tag(20)
      writer.put(right)
    case .keepApart(let range, let key, let generation):
      tag(21)
      writer.put(range.rawValue)
      writer.put(key)
      writer.put(generation)
    case .thaw(let generation):
      tag(22)
      writer.put(generation)
    case .verify(let fate, let writes):
      tag(23)
      fate.encode(into: &writer)
      writer.put(writes)
    case .conclude(let fate, let isCommitted):
      tag(24)
      fate.encode(into: &writer)
      writer.put(isCommitted)
    case .newest(let span):
      tag(25)
      writer.put(span)
    }
  }

  init(from reader: inout RangeReader) throws(MalformedMessage) {
    switch try reader.byte() {
    case 1:
      let keys = try reader.keys()
      self = .get(keys, lock: try reader.flag() ? try LockRequest(from: &reader) : nil)
    case 2:
      let span = try reader.span()
      let isReverse = try reader.flag()
      let rowLimit = try reader.number(Int.self)
      let byteLimit = try reader.number(Int.self)
      self = .scan(
        span, isReverse: isReverse, rowLimit: rowLimit, byteLimit: byteLimit,
        lock: try reader.flag() ? try LockRequest(from: &reader) : nil)
    case 3: self = .write(try WriteRequest(from: &reader))
    case 4:
      let reads = try ReadFootprint(from: &reader)
      self = .refresh(reads, to: try reader.timestamp())
    case 5: self = .heartbeat
    case 6: self = .release(try reader.spans())
    case 7: self = .abort(try reader.spans())
    case 8: self = .clear(try reader.span())
    case 9: self = .collectGarbage(below: try reader.timestamp())
    case 10: self = .statistics(try reader.span())
    case 11: self = .cancelWait
    case 12: self = .inquire(try TransactionInquiry(from: &reader))
    case 13:
      var fates: [TransactionFate] = []
      for _ in 0..<(try reader.count()) { fates.append(try TransactionFate(from: &reader)) }
      self = .settle(fates)
    case 14:
      let fate = try TransactionFate(from: &reader)
      self = .resolve(fate, try reader.spans())
    case 15:
      let id = TransactionID(high: try reader.number(), low: try reader.number())
      let anchor = try reader.key()
      self = .forget(id, anchor: anchor, settled: try reader.spans())
    case 16:
      let key = try reader.key()
      let range = RangeID(try reader.number())
      let isPinned = try reader.flag()
      self = .split(at: key, into: range, isPinned: isPinned, generation: try reader.number())
    case 17:
      let isPinned = try reader.flag()
      self = .pin(isPinned, at: try reader.key())
    case 18: self = .describe
    case 19:
      let generation = try reader.number()
      self = .freeze(
        into: MergeTarget(range: RangeID(try reader.number()), generation: try reader.number()), generation: generation)
    case 20: self = .merge(try reader.frozenRange())
    case 21:
      let range = RangeID(try reader.number())
      let key = try reader.key()
      self = .keepApart(range, from: key, generation: try reader.number())
    case 22: self = .thaw(generation: try reader.number())
    case 23:
      let fate = try TransactionFate(from: &reader)
      self = .verify(fate, try reader.promisedWrites())
    case 24:
      let fate = try TransactionFate(from: &reader)
      self = .conclude(fate, isCommitted: try reader.flag())
    case 25: self = .newest(try reader.span())
    default: throw MalformedMessage()
    }
  }
}

// MARK: - Answers

extension RangeFailure {
  fileprivate func encode(into writer: inout RangeWriter) {
    func tag(_ number: UInt8) { writer.bytes.append(number) }
    switch self {
    case .retry(let reason, let key):
      tag(1)
      writer.put(reason)
      writer.put(key) { $0.put($1) }
    case .writeTooOld(let timestamp, let key):
      tag(2)
      writer.put(timestamp)
      writer.put(key) { $0.put($1) }
    case .deadlock(let text):
      tag(3)
      writer.put(text)
    case .lockNotAvailable(let key, let timedOut):
      tag(4)
      writer.put(key)
      writer.put(timedOut)
    case .cancelled: tag(5)
    case .limit(let text):
      tag(6)
      writer.put(text)
    case .unavailable(let text):
      tag(7)
      writer.put(text)
    case .ambiguous(let text):
      tag(8)
      writer.put(text)
    case .notLeaseholder(let descriptor, let leader):
      tag(9)
      writer.put(descriptor) { $0.put($1.encoded()) }
      writer.put(UInt64(leader?.rawValue ?? 0))
    case .outOfRange(let descriptors):
      tag(10)
      writer.put(descriptors) { $0.put($1.encoded()) }
    case .conflict(let inquiries):
      tag(11)
      writer.put(inquiries) { $1.encode(into: &$0) }
    case .stalled(let text):
      tag(12)
      writer.put(text)
    }
  }

  fileprivate init(from reader: inout RangeReader) throws(MalformedMessage) {
    switch try reader.byte() {
    case 1:
      let reason = try reader.text()
      self = .retry(reason: reason, key: try reader.flag() ? try reader.key() : nil)
    case 2:
      let timestamp = try reader.timestamp()
      self = .writeTooOld(timestamp, key: try reader.flag() ? try reader.key() : nil)
    case 3: self = .deadlock(try reader.text())
    case 4:
      let key = try reader.key()
      self = .lockNotAvailable(key, timedOut: try reader.flag())
    case 5: self = .cancelled
    case 6: self = .limit(try reader.text())
    case 7: self = .unavailable(try reader.text())
    case 8: self = .ambiguous(try reader.text())
    case 9:
      var descriptor: RangeDescriptor?
      if try reader.flag() {
        descriptor = RangeDescriptor(encoded: try reader.string())
        if descriptor == nil { throw MalformedMessage() }
      }
      let leader = try reader.number(UInt32.self)
      self = .notLeaseholder(descriptor, leader: leader == 0 ? nil : .init(rawValue: leader))
    case 10:
      var descriptors: [RangeDescriptor] = []
      for _ in 0..<(try reader.count()) {
        guard let descriptor = RangeDescriptor(encoded: try reader.string()) else { throw MalformedMessage() }
        descriptors.append(descriptor)
      }
      self = .outOfRange(descriptors)
    case 11:
      var inquiries: [TransactionInquiry] = []
      for _ in 0..<(try reader.count()) { inquiries.append(try TransactionInquiry(from: &reader)) }
      self = .conflict(inquiries)
    case 12: self = .stalled(try reader.text())
    default: throw MalformedMessage()
    }
  }
}

extension RangeResponse {
  /// The rows of an answer are its payload.
  func encode(into writer: inout RangeWriter) -> [[UInt8]] {
    func tag(_ number: UInt8) { writer.bytes.append(number) }
    switch self {
    case .rows(let block, let resume, let observed):
      tag(1)
      writer.put(resume) { $0.put($1) }
      writer.put(observed)
      var start: Int32 = 0
      writer.put(block.ends) { writer, end in
        writer.put(UInt64(end - start))
        start = end
      }
      return [block.bytes]
    case .written(let timestamp):
      tag(2)
      writer.put(timestamp)
    case .done: tag(3)
    case .statistics(let statistics):
      tag(4)
      writer.put(statistics.byteCount)
      writer.put(statistics.rowCount)
    case .failed(let failure):
      tag(5)
      failure.encode(into: &writer)
    case .fate(let fate):
      tag(6)
      fate.encode(into: &writer)
    case .description(let description):
      tag(7)
      writer.put(description.descriptor.encoded())
      writer.put(description.byteCount)
      writer.put(description.requestsPerSecond)
      writer.put(description.isDurable)
    case .frozen(let range):
      tag(8)
      writer.put(range)
    case .verified(let areThere):
      tag(9)
      writer.put(areThere)
    case .newest(let timestamp):
      tag(10)
      writer.put(timestamp)
    }
    return []
  }

  init(from reader: inout RangeReader, payloads: [[UInt8]]) throws(MalformedMessage) {
    switch try reader.byte() {
    case 1:
      let resume = try reader.flag() ? try reader.span() : nil
      let observed = try reader.timestamp()
      var ends: [Int32] = []
      var end: Int32 = 0
      for _ in 0..<(try reader.count()) {
        let (sum, overflow) = end.addingReportingOverflow(try reader.number(Int32.self))
        if overflow { throw MalformedMessage() }
        end = sum
        ends.append(end)
      }
      guard payloads.count == 1, let block = KeyValueBlock(bytes: payloads[0], ends: ends) else {
        throw MalformedMessage()
      }
      self = .rows(block, resume: resume, observed: observed)
    case 2: self = .written(try reader.timestamp())
    case 3: self = .done
    case 4:
      var statistics = RangeStatistics()
      statistics.byteCount = try reader.number()
      statistics.rowCount = try reader.number()
      self = .statistics(statistics)
    case 5: self = .failed(try RangeFailure(from: &reader))
    case 6: self = .fate(try TransactionFate(from: &reader))
    case 7:
      guard let descriptor = RangeDescriptor(encoded: try reader.string()) else { throw MalformedMessage() }
      self = .description(
        RangeDescription(
          descriptor: descriptor, byteCount: try reader.number(), requestsPerSecond: try reader.number(),
          isDurable: try reader.flag()))
    case 8: self = .frozen(try reader.frozenRange())
    case 9: self = .verified(try reader.flag())
    case 10: self = .newest(try reader.timestamp())
    default: throw MalformedMessage()
    }
  }
}
