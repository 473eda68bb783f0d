// A client that speaks the protocol message by message, for tests: each has a thread of its own for its blocking socket, so that
// any number of sessions can stand in a wait while the test goes on.
// Source: PostgreSQL manual, 55.2 "Message Flow" and 55.7 "Message Formats".

import Dispatch
import Foundation

/// An error or notice of the server.
struct ServerError: Error, Sendable, Hashable, CustomStringConvertible {
  var severity = ""
  var state = ""
  var message = ""
  var detail = ""
  var context = ""
  var description: String { "\(severity) \(state): \(message)" }
}

/// The connection ended.
struct Disconnected: Error {}

/// What came back up to `ReadyForQuery`.
struct Answer: Sendable {
  var rows: [[String?]] = []
  var tags: [String] = []
  var errors: [ServerError] = []
  var notices: [ServerError] = []
  var copied: [String] = []
  /// The letters of the messages, in order.
  var letters = ""
  /// `I`, `T` or `E`; nil when the connection ended instead.
  var status: Character?

  var error: ServerError? { errors.first }
  var state: String? { errors.first?.state }
  /// The first column of the first row.
  var value: String? { rows.first?.first ?? nil }
  var values: [String] { rows.map { $0.map { $0 ?? "NULL" }.joined(separator: ",") } }
}

/// A query under way.
final class Pending: @unchecked Sendable {
  private let lock = NSLock()
  private var answer: Answer?
  private var waiter: CheckedContinuation<Answer, Never>?

  fileprivate func finish(_ answer: Answer) {
    let waiter = lock.withLock { () -> CheckedContinuation<Answer, Never>? in
      self.answer = answer
      return self.waiter
    }
    waiter?.resume(returning: answer)
  }

  var isDone: Bool { lock.withLock { answer != nil } }

  /// Called once.
  func value() async -> Answer {
    await withCheckedContinuation { continuation in
      let answer = lock.withLock { () -> Answer? in
        if self.answer == nil { waiter = continuation }
        return self.answer
      }
      if let answer { continuation.resume(returning: answer) }
    }
  }

  /// Whether it is still under way after a while in which it would have ended if nothing were in its way. On a slow machine it
  /// may not even have reached the server then, so that what a test says of a query that is blocked must hold of one that
  /// comes late as well.
  func isBlocked() async -> Bool {
    try? await Task.sleep(nanoseconds: 60_000_000)
    return !isDone
  }
}

/// `@unchecked Sendable`: the socket and its buffer are used on `queue` only.
final class TestClient: @unchecked Sendable {
  private let queue = DispatchQueue(label: "test client")
  private var descriptor: Int32 = -1
  private var input: [UInt8] = []
  private var inputStart = 0
  private let port: Int
  private(set) var process: Int32 = 0
  private(set) var secret: Int32 = 0
  private(set) var parameters: [String: String] = [:]

  private init(port: Int) { self.port = port }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  /// Connects and logs in.
  static func connect(port: Int, user: String = "postgres", database: String = "postgres") async throws -> TestClient {
    let client = TestClient(port: port)
    let answer = await client.exchange { client in
      client.descriptor = Self.open(port)
      var body = Bytes()
      body.int32(196_608)
      for text in ["user", user, "database", database] { body.text(text) }
      body.array.append(0)
      var whole = Bytes()
      whole.int32(Int32(body.array.count + 4))
      client.write(whole.array + body.array)
    }
    if let error = answer.error { throw error }
    guard answer.status != nil else { throw Disconnected() }
    return client
  }

  private static func open(_ port: Int) -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(port).bigEndian)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if result != 0 {
      Glibc.close(descriptor)
      return -1
    }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    return descriptor
  }

  // MARK: Queries

  /// Sends a query string; `copy` is what a COPY FROM STDIN in it gets, one message each.
  func start(_ sql: String, copy: [String]? = nil) -> Pending {
    perform { client in
      var body = Bytes()
      body.text(sql)
      client.write(message("Q", body.array))
    } copy: {
      copy
    }
  }

  /// Sends a query string, and reads the answer only after a while.
  func start(_ sql: String, readsAfterMilliseconds milliseconds: UInt32) -> Pending {
    perform { client in
      var body = Bytes()
      body.text(sql)
      client.write(message("Q", body.array))
      usleep(milliseconds * 1000)
    } copy: {
      nil
    }
  }

  @discardableResult
  func query(_ sql: String, copy: [String]? = nil) async -> Answer { await start(sql, copy: copy).value() }

  /// Sends messages as they are and reads up to `ReadyForQuery`, as often as told.
  func exchange(_ messages: [[UInt8]], ready: Int = 1) async -> Answer {
    await perform({ $0.write(messages.flatMap { $0 }) }, ready: ready, copy: { nil }).value()
  }

  /// Sends messages and reads up to a message of this letter.
  func start(_ messages: [[UInt8]], until letter: Character) -> Pending {
    perform({ $0.write(messages.flatMap { $0 }) }, ready: 0, until: letter, copy: { nil })
  }

  /// Reads what comes until the connection ends or the server is ready.
  func listen() -> Pending { perform({ _ in }, copy: { nil }) }

  private func exchange(_ begin: @escaping @Sendable (TestClient) -> Void) async -> Answer {
    await perform(begin, copy: { nil }).value()
  }

  private func perform(
    _ begin: @escaping @Sendable (TestClient) -> Void, ready: Int = 1, until letter: Character? = nil,
    copy: @escaping @Sendable () -> [String]?
  ) -> Pending {
    let pending = Pending()
    queue.async {
      begin(self)
      pending.finish(self.readAnswer(ready: ready, until: letter, copy: copy()))
    }
    return pending
  }

  /// Ends the connection without a word.
  func drop() async {
    await withCheckedContinuation { continuation in
      queue.async {
        Glibc.close(self.descriptor)
        self.descriptor = -1
        continuation.resume()
      }
    }
  }

  /// Cancels a query of this session. A request that comes before its query does nothing, so it is made again until it worked. One
  /// that is never heard is a failure, but must not keep all tests from their end.
  func cancel(_ pending: Pending, waits: Bool = true) async -> Answer {
    let limit = ContinuousClock.now + .seconds(60)
    while !pending.isDone {
      if .now > limit { return Answer() }
      await cancel(waits: waits)
      try? await Task.sleep(nanoseconds: 20_000_000)
    }
    return await pending.value()
  }

  /// Asks the server to cancel what this session runs, over a connection of its own; then waits, as libpq does, until the server
  /// has heard it: else it could reach a later query.
  func cancel(waits: Bool = true) async {
    // On a thread of its own: `queue` waits for the query.
    await withCheckedContinuation { continuation in
      DispatchQueue(label: "cancel request").async {
        self.requestCancel(over: Self.open(self.port), waits: waits)
        continuation.resume()
      }
    }
  }

  /// Sends a query string and, right behind it, the request to cancel it.
  func startAndCancel(_ sql: String) -> Pending {
    perform { client in
      let other = Self.open(client.port)
      var body = Bytes()
      body.text(sql)
      client.write(message("Q", body.array))
      client.requestCancel(over: other, waits: true)
    } copy: {
      nil
    }
  }

  private func requestCancel(over other: Int32, waits: Bool) {
    var bytes = Bytes()
    for value in [16, 80_877_102, process, secret] { bytes.int32(value) }
    _ = bytes.array.withUnsafeBytes { send(other, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    var byte: UInt8 = 0
    if waits { _ = recv(other, &byte, 1, 0) }
    Glibc.close(other)
  }

  // MARK: The socket, on `queue`

  private func write(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      sent += count
    }
  }

  private func fill(_ count: Int) -> Bool {
    if inputStart > 1 << 20 {
      input.removeFirst(inputStart)
      inputStart = 0
    }
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while input.count - inputStart < count {
      let received = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
      if received <= 0 { return false }
      input += chunk[..<received]
    }
    return true
  }

  private func readAnswer(ready: Int, until letter: Character?, copy: [String]?) -> Answer {
    var answer = Answer()
    var left = ready
    while left > 0 || (letter != nil && answer.letters.last != letter) {
      guard fill(5) else { return answer }
      let received = Character(Unicode.Scalar(input[inputStart]))
      var header = Reader(Array(input[(inputStart + 1)..<(inputStart + 5)]))
      let length = Int(header.int32())
      guard fill(length + 1) else { return answer }
      var reader = Reader(Array(input[(inputStart + 5)..<(inputStart + 1 + length)]))
      inputStart += length + 1
      if received != "S", received != "R", received != "K" { answer.letters.append(received) }
      switch received {
      case "D":
        answer.rows.append((0..<reader.int16()).map { _ in reader.value() })
      case "C": answer.tags.append(reader.text())
      case "E": answer.errors.append(reader.error())
      case "N": answer.notices.append(reader.error())
      case "S": parameters[reader.text()] = reader.text()
      case "K":
        process = reader.int32()
        secret = reader.int32()
      case "G":
        if letter != nil { continue }
        for line in copy ?? [] { write(message("d", Array(line.utf8))) }
        if copy == nil { write(message("f", Array("refused".utf8) + [0])) } else { write(message("c", [])) }
      case "d": answer.copied.append(String(decoding: reader.bytes, as: UTF8.self))
      case "Z":
        answer.status = Character(Unicode.Scalar(reader.bytes[0]))
        left -= 1
      default: break
      }
    }
    return answer
  }
}

// MARK: - Messages

struct Bytes {
  var array: [UInt8] = []

  mutating func int16(_ value: Int) {
    array += [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
  }
  mutating func int32(_ value: Int32) { withUnsafeBytes(of: value.bigEndian) { array += Array($0) } }
  mutating func text(_ value: String) { array += Array(value.utf8) + [0] }
}

func message(_ letter: Unicode.Scalar, _ body: [UInt8]) -> [UInt8] {
  var bytes = Bytes(array: [UInt8(ascii: letter)])
  bytes.int32(Int32(body.count + 4))
  return bytes.array + body
}

/// The messages of the extended protocol.
enum Extended {
  static func parse(_ sql: String, name: String = "", types: [Int32] = []) -> [UInt8] {
    var body = Bytes()
    body.text(name)
    body.text(sql)
    body.int16(types.count)
    for type in types { body.int32(type) }
    return message("P", body.array)
  }

  static func bind(
    _ parameters: [[UInt8]?] = [], statement: String = "", portal: String = "", formats: [Int] = [], results: [Int] = []
  ) -> [UInt8] {
    var body = Bytes()
    body.text(portal)
    body.text(statement)
    body.int16(formats.count)
    for format in formats { body.int16(format) }
    body.int16(parameters.count)
    for parameter in parameters {
      body.int32(Int32(parameter?.count ?? -1))
      body.array += parameter ?? []
    }
    body.int16(results.count)
    for format in results { body.int16(format) }
    return message("B", body.array)
  }

  static func describe(_ kind: Unicode.Scalar, _ name: String = "") -> [UInt8] {
    message("D", [UInt8(ascii: kind)] + Array(name.utf8) + [0])
  }

  static func execute(portal: String = "", rows: Int32 = 0) -> [UInt8] {
    var body = Bytes()
    body.text(portal)
    body.int32(rows)
    return message("E", body.array)
  }

  static let sync = message("S", [])
}

private struct Reader {
  let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func int16() -> Int {
    defer { offset += 2 }
    return Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
  }

  mutating func int32() -> Int32 {
    defer { offset += 4 }
    return Int32(bitPattern: bytes[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
  }

  mutating func text() -> String {
    let end = bytes[offset...].firstIndex(of: 0) ?? bytes.count
    defer { offset = end + 1 }
    return String(decoding: bytes[offset..<end], as: UTF8.self)
  }

  /// Text as it is; what is no text, as hexadecimal digits.
  mutating func value() -> String? {
    let count = Int(int32())
    if count < 0 { return nil }
    defer { offset += count }
    let slice = bytes[offset..<offset + count]
    if slice.contains(where: { $0 < 32 && $0 != 10 }) || String(validating: slice, as: UTF8.self) == nil {
      return slice.map { String(format: "%02x", $0) }.joined()
    }
    return String(decoding: slice, as: UTF8.self)
  }

  mutating func error() -> ServerError {
    var error = ServerError()
    while offset < bytes.count, bytes[offset] != 0 {
      let field = bytes[offset]
      offset += 1
      let value = text()
      switch field {
      case UInt8(ascii: "S"): error.severity = value
      case UInt8(ascii: "C"): error.state = value
      case UInt8(ascii: "M"): error.message = value
      case UInt8(ascii: "D"): error.detail = value
      case UInt8(ascii: "W"): error.context = value
      default: break
      }
    }
    return error
  }
}
