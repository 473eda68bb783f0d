// Bytes in, messages out: a synchronous decoder that owns what is not decoded yet. Any byte sequence is either messages,
// the beginning of one, or a protocol violation (08P01) after which the connection ends.
// Source: PostgreSQL manual, 55.2 "Message Flow" and 55.7 "Message Formats".

import Glibc
import SQLTypes
import Sessions

/// Why a connection's bytes make no sense; the connection cannot go on.
struct ProtocolViolation: Error {
  var message: String
}

struct FrontendDecoder {
  enum Limits {
    /// PostgreSQL's MAX_STARTUP_PACKET_LENGTH.
    static let startupByteCount = 10_000
    /// PostgreSQL's PQ_LARGE_MESSAGE_LIMIT is 1 GiB - 1; a statement or a COPY piece above this is refused.
    static let messageByteCount = 256 << 20
    /// Everything but queries, binds and COPY data is small; PostgreSQL's PQ_SMALL_MESSAGE_LIMIT.
    static let smallMessageByteCount = 10_000
    static let leastByteCount = 1 << 10
    /// A larger buffer is given back once all in it is decoded.
    static let keptByteCount = 1 << 18
  }

  /// Received bytes lie in `start..<end`; what is behind them is room for more.
  private var buffer: [UInt8] = []
  private var start = 0
  private var end = 0
  /// Until the startup message has come, messages have no type byte.
  private(set) var isStarted = false

  /// Bytes received and not yet decoded.
  var pendingByteCount: Int { end - start }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    if start == end {
      (start, end) = (0, 0)
      if buffer.count > Limits.keptByteCount { buffer = [] }
    }
    if buffer.count - end < bytes.count { makeRoom(bytes.count) }
    buffer.withUnsafeMutableBytes { $0.baseAddress!.advanced(by: end).copyMemory(from: source, byteCount: bytes.count) }
    end += bytes.count
  }

  /// Moves what is pending to the front of a buffer that holds `count` bytes more.
  private mutating func makeRoom(_ count: Int) {
    let needed = end - start + count
    if needed <= buffer.count {
      buffer.withUnsafeMutableBytes { _ = memmove($0.baseAddress!, $0.baseAddress! + start, end - start) }
    } else {
      var larger = [UInt8](repeating: 0, count: max(Limits.leastByteCount, needed + needed / 2))
      larger.withUnsafeMutableBytes { target in
        buffer.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
      }
      buffer = larger
    }
    (start, end) = (0, end - start)
  }

  mutating func next() throws(ProtocolViolation) -> FrontendMessage? {
    isStarted ? try nextTyped() : try nextStartup()
  }

  private func int32(at offset: Int) -> Int32 {
    precondition(offset + 4 <= end, "a number is read where there is one")
    return buffer.withUnsafeBytes { Int32(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: Int32.self)) }
  }

  /// The message at `range`, as `body` reads it.
  @inline(__always)
  private func reading(
    _ range: Range<Int>, _ body: (inout MessageReader) throws(ProtocolViolation) -> FrontendMessage
  ) throws(ProtocolViolation) -> FrontendMessage {
    try buffer.span.withUnsafeBytes { (bytes) throws(ProtocolViolation) in
      var reader = MessageReader(UnsafeRawBufferPointer(rebasing: bytes[range]))
      return try body(&reader)
    }
  }

  private mutating func nextStartup() throws(ProtocolViolation) -> FrontendMessage? {
    guard pendingByteCount >= 8 else { return nil }
    let length = Int(int32(at: start))
    guard length >= 8, length <= Limits.startupByteCount else {
      throw ProtocolViolation(message: "invalid length of startup packet")
    }
    guard pendingByteCount >= length else { return nil }
    let code = int32(at: start + 4)
    let body = (start + 8)..<(start + length)
    start += length
    let message = try reading(body) { (reader) throws(ProtocolViolation) in
      switch code {
      case 80_877_103: return .sslRequest
      case 80_877_104: return .gssEncryptionRequest
      case 80_877_102:
        return .cancelRequest(process: try reader.int32(), secret: try reader.int32())
      default:
        var parameters: [(name: String, value: String)] = []
        while true {
          let name = try reader.string()
          if name.isEmpty { break }
          parameters.append((name, try reader.string()))
        }
        return .startup(major: Int(code >> 16), minor: Int(code & 0xFFFF), parameters: parameters)
      }
    }
    if case .startup = message { isStarted = true }
    return message
  }

  private mutating func nextTyped() throws(ProtocolViolation) -> FrontendMessage? {
    guard pendingByteCount >= 5 else { return nil }
    let type = buffer[start]
    let length = Int(int32(at: start + 1))
    let limit =
      switch type {
      case UInt8(ascii: "Q"), UInt8(ascii: "P"), UInt8(ascii: "B"), UInt8(ascii: "d"), UInt8(ascii: "F"):
        Limits.messageByteCount
      default: Limits.smallMessageByteCount
      }
    guard length >= 4, length <= limit else { throw ProtocolViolation(message: "invalid message length") }
    guard pendingByteCount >= length + 1 else { return nil }
    let body = (start + 5)..<(start + 1 + length)
    start += length + 1
    return try reading(body) { (reader) throws(ProtocolViolation) in
      let message = try Self.decode(type, &reader)
      guard reader.isAtEnd else { throw ProtocolViolation(message: "invalid message format") }
      return message
    }
  }

  private static func decode(
    _ type: UInt8, _ reader: inout MessageReader
  ) throws(ProtocolViolation) -> FrontendMessage {
    switch type {
    case UInt8(ascii: "Q"): return .query(try reader.bytesToZero())
    case UInt8(ascii: "P"):
      let name = try reader.string()
      let query = try reader.bytesToZero()
      let types = try reader.array { reader throws(ProtocolViolation) in UInt32(bitPattern: try reader.int32()) }
      return .parse(name: name, query: query, types: types)
    case UInt8(ascii: "B"):
      let portal = try reader.string()
      let statement = try reader.string()
      let formats = try reader.formatCodes()
      let parameters = try reader.parameterValues()
      let resultFormats = try reader.formatCodes()
      return .bind(
        FrontendMessage.Bind(
          portal: portal, statement: statement, parameterFormats: formats, parameters: parameters,
          resultFormats: resultFormats))
    case UInt8(ascii: "D"): return .describe(try target(&reader), name: try reader.string())
    case UInt8(ascii: "C"): return .close(try target(&reader), name: try reader.string())
    case UInt8(ascii: "E"): return .execute(portal: try reader.string(), maximumRowCount: try reader.int32())
    case UInt8(ascii: "H"): return .flush
    case UInt8(ascii: "S"): return .sync
    case UInt8(ascii: "d"): return .copyData(reader.rest())
    case UInt8(ascii: "c"): return .copyDone
    case UInt8(ascii: "f"): return .copyFail(try reader.string())
    case UInt8(ascii: "p"): return .password(reader.rest())
    case UInt8(ascii: "F"):
      _ = reader.rest()
      return .functionCall
    case UInt8(ascii: "X"): return .terminate
    default: throw ProtocolViolation(message: "invalid frontend message type \(type)")
    }
  }

  private static func target(_ reader: inout MessageReader) throws(ProtocolViolation) -> FrontendMessage.Target {
    guard let target = FrontendMessage.Target(rawValue: try reader.uint8()) else {
      throw ProtocolViolation(message: "invalid DESCRIBE or CLOSE message subtype")
    }
    return target
  }
}

/// Reads the fields of one message, never beyond it. The bytes outlive the reader.
struct MessageReader {
  private let bytes: UnsafeRawBufferPointer
  private var offset = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { offset == bytes.count }

  @inline(__always)
  private func require(_ count: Int) throws(ProtocolViolation) {
    guard count >= 0, bytes.count - offset >= count else {
      throw ProtocolViolation(message: "insufficient data left in message")
    }
  }

  private mutating func take(_ count: Int) -> [UInt8] {
    defer { offset += count }
    return [UInt8](UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)]))
  }

  mutating func uint8() throws(ProtocolViolation) -> UInt8 {
    try require(1)
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func int16() throws(ProtocolViolation) -> Int16 {
    try require(2)
    defer { offset += 2 }
    return Int16(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int16.self))
  }

  mutating func int32() throws(ProtocolViolation) -> Int32 {
    try require(4)
    defer { offset += 4 }
    return Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Int32.self))
  }

  /// How many bytes stand before the next zero.
  private func countToZero() throws(ProtocolViolation) -> Int {
    guard offset < bytes.count, let start = bytes.baseAddress?.advanced(by: offset),
      let zero = memchr(start, 0, bytes.count - offset)
    else { throw ProtocolViolation(message: "invalid string in message") }
    return start.distance(to: zero)
  }

  mutating func bytesToZero() throws(ProtocolViolation) -> [UInt8] {
    let text = take(try countToZero())
    offset += 1
    return text
  }

  mutating func string() throws(ProtocolViolation) -> String {
    // Most names are empty: the unnamed statement and portal.
    if offset < bytes.count, bytes[offset] == 0 {
      offset += 1
      return ""
    }
    let count = try countToZero()
    defer { offset += count + 1 }
    return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)]), as: UTF8.self)
  }

  mutating func formatCodes() throws(ProtocolViolation) -> FormatCodes {
    let count = Int(UInt16(bitPattern: try int16()))
    switch count {
    case 0: return .text
    case 1: return .same(try int16())
    default:
      try require(2 * count)
      var codes: [Int16] = []
      codes.reserveCapacity(count)
      for _ in 0..<count { codes.append(try int16()) }
      return .each(codes)
    }
  }

  mutating func parameterValues() throws(ProtocolViolation) -> ParameterValues {
    let count = Int(UInt16(bitPattern: try int16()))
    let start = offset
    for _ in 0..<count {
      let length = Int(try int32())
      if length == -1 { continue }
      try require(length)
      offset += length
    }
    let end = offset
    offset = start
    return ParameterValues(count: count, bytes: take(end - start))
  }

  mutating func rest() -> [UInt8] { take(bytes.count - offset) }

  /// A count of 16 bits, then that many elements.
  @inline(__always)
  mutating func array<T>(
    _ element: (inout MessageReader) throws(ProtocolViolation) -> T
  ) throws(ProtocolViolation) -> [T] {
    let count = Int(UInt16(bitPattern: try int16()))
    if count == 0 { return [] }
    var result: [T] = []
    result.reserveCapacity(min(count, bytes.count - offset))
    for _ in 0..<count { result.append(try element(&self)) }
    return result
  }
}
