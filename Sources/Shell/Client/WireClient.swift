// A PostgreSQL client of the plainest kind: one blocking socket, the simple query protocol, COPY, cancel; TLS through a tunnel of
// its own, passwords by SCRAM-SHA-256. Used by the shell and the logic test runner, against Meridian or any PostgreSQL server.
// Source: PostgreSQL manual, 55.2 "Message Flow", 55.3 "SASL Authentication".

import Credentials
import Foundation

/// An error or notice as the server told it, by field letter.
public struct ServerMessage: Error, Sendable, Hashable, CustomStringConvertible {
  public var fields: [UInt8: String]

  public var severity: String { fields[UInt8(ascii: "S")] ?? "ERROR" }
  public var state: String { fields[UInt8(ascii: "C")] ?? "" }
  public var message: String { fields[UInt8(ascii: "M")] ?? "" }
  public var detail: String? { fields[UInt8(ascii: "D")] }
  public var hint: String? { fields[UInt8(ascii: "H")] }
  public var context: String? { fields[UInt8(ascii: "W")] }
  /// 1-based, in characters.
  public var position: Int? { fields[UInt8(ascii: "P")].flatMap { Int($0) } }

  public var description: String { "\(severity): \(message) (SQLSTATE \(state))" }
}

/// Why a connection cannot be used any more.
public struct ConnectionFailure: Error, Sendable, CustomStringConvertible {
  public var description: String
  /// Whether a password in the URL may help.
  public var needsPassword = false
  /// Whether the server answered, with a refusal.
  var isRefusal = false
}

extension ConnectionFailure {
  public init(description: String) { self.init(description: description, needsPassword: false) }
}

/// What it takes to have the server cancel what a connection runs; may be used from any thread.
public struct CancelToken: Sendable {
  fileprivate var url: ConnectionURL
  fileprivate var process: Int32
  fileprivate var secret: Int32

  /// Asks the server to cancel what the connection runs; whether it does is seen on that connection.
  public func cancel() {
    guard let other = try? WireClient.connect(url) else { return }
    var bytes: [UInt8] = []
    for value in [16, 80_877_102, process, secret] { withUnsafeBytes(of: value.bigEndian) { bytes += Array($0) } }
    _ = bytes.withUnsafeBytes { Foundation.send(other, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    var limit = timeval(tv_sec: 2, tv_usec: 0)
    setsockopt(other, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    // The server closes when it has passed the request on: wait for that, so that it cannot hit a later statement.
    var byte: UInt8 = 0
    _ = recv(other, &byte, 1, 0)
    Foundation.close(other)
  }
}

public struct ColumnDescription: Sendable, Hashable {
  public var name: String
  public var table: UInt32
  public var type: UInt32
  public var typeModifier: Int32
}

/// What one query string gave, in order.
public enum QueryEvent: Sendable {
  case columns([ColumnDescription])
  /// A row's values as text; nil is NULL.
  case row([String?])
  case complete(tag: String)
  case empty
  case error(ServerMessage)
  case notice(ServerMessage)
  case copyIn
  case copyOut
  case copyData([UInt8])
}

public final class WireClient {
  public let url: ConnectionURL
  private var descriptor: Int32 = -1
  private var input: [UInt8] = []
  private var inputStart = 0
  private var output: [UInt8] = []
  public private(set) var parameters: [String: String] = [:]
  /// `I`, `T` or `E`.
  public private(set) var transactionStatus = UInt8(ascii: "I")
  public private(set) var process: Int32 = 0
  private var secret: Int32 = 0
  private var tunnel: EncryptedTunnel?
  private let timeLimit: Int
  /// Whether the connection is encrypted.
  public var isEncrypted: Bool { tunnel != nil }

  /// Connects and logs in.
  /// - Parameter timeLimit: the seconds that the server may be silent before the connection counts as broken; 0: for ever.
  public init(_ url: ConnectionURL, applicationName: String, timeLimit: Int = 0) throws {
    self.url = url
    self.timeLimit = timeLimit
    let encryption = try ClientEncryption(url)
    do {
      try open(isEncrypted: encryption.mode != .disable && encryption.mode != .allow, encryption, applicationName)
    } catch let failure as ConnectionFailure
      where encryption.mode == .allow && failure.isRefusal && !failure.needsPassword
    {
      Foundation.close(descriptor)
      descriptor = -1
      input = []
      inputStart = 0
      try open(isEncrypted: true, encryption, applicationName)
    }
  }

  private func open(isEncrypted: Bool, _ encryption: ClientEncryption, _ applicationName: String) throws {
    descriptor = try Self.connect(url, timeLimit: timeLimit)
    if isEncrypted { try encrypt(encryption) }
    var body: [UInt8] = []
    Self.append(int32: 196_608, to: &body)
    var values = [("user", url.user), ("database", url.database), ("client_encoding", "UTF8")]
    if !url.parameters.contains(where: { $0.name == "application_name" }) {
      values.append(("application_name", applicationName))
    }
    for parameter in url.parameters where parameter.name == "application_name" || parameter.name == "options" {
      values.append((parameter.name, parameter.value))
    }
    for (name, value) in values { body += Array(name.utf8) + [0] + Array(value.utf8) + [0] }
    body.append(0)
    output = []
    Self.append(int32: Int32(body.count + 4), to: &output)
    output += body
    try flush()
    try finishStartup()
  }

  /// Asks the server for TLS and goes on through it if it agrees.
  private func encrypt(_ encryption: ClientEncryption) throws {
    Self.append(int32: 8, to: &output)
    Self.append(int32: 80_877_103, to: &output)
    try flush()
    // One byte and no more: what follows it is TLS.
    var answer: UInt8 = 0
    var count = recv(descriptor, &answer, 1, 0)
    while count < 0, errno == EINTR { count = recv(descriptor, &answer, 1, 0) }
    guard count == 1 else { throw ConnectionFailure(description: "server closed the connection unexpectedly") }
    switch answer {
    case UInt8(ascii: "S"):
      let configuration = try encryption.configuration()
      let socket = descriptor
      descriptor = -1
      let tunnel = try EncryptedTunnel.open(over: socket, host: url.host, configuration)
      self.tunnel = tunnel
      descriptor = tunnel.near
      Self.limit(descriptor, to: timeLimit)
    case UInt8(ascii: "N"):
      guard encryption.mode == .prefer else {
        throw ConnectionFailure(
          description: "connection to server at \"\(url.host)\", port \(url.port) failed: "
            + "server does not support SSL, but SSL was required")
      }
    default: throw ConnectionFailure(description: "received invalid response to SSL negotiation")
    }
  }

  deinit { if descriptor >= 0 { Foundation.close(descriptor) } }

  fileprivate static func connect(_ url: ConnectionURL, timeLimit: Int = 0) throws(ConnectionFailure) -> Int32 {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(url.host, String(url.port), &hints, &list)
    guard status == 0 else {
      throw ConnectionFailure(
        description:
          "could not translate host name \"\(url.host)\" to address: \(String(cString: gai_strerror(status)))")
    }
    defer { freeaddrinfo(list) }
    var failure = ""
    var next = list
    while let address = next?.pointee {
      let descriptor = socket(address.ai_family, address.ai_socktype, address.ai_protocol)
      if descriptor >= 0 {
        limit(descriptor, to: timeLimit)
        if Foundation.connect(descriptor, address.ai_addr, address.ai_addrlen) == 0 {
          var one: Int32 = 1
          setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
          return descriptor
        }
        failure = String(cString: strerror(errno))
        Foundation.close(descriptor)
      }
      next = address.ai_next
    }
    throw ConnectionFailure(
      description:
        "connection to server at \"\(url.host)\", port \(url.port) failed: \(failure)\n\tIs the server running on that host and accepting TCP/IP connections?"
    )
  }

  /// Has calls that wait for the other side give up after some seconds.
  private static func limit(_ descriptor: Int32, to seconds: Int) {
    if seconds == 0 { return }
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  private func password() throws(ConnectionFailure) -> String {
    guard let password = url.password else {
      throw ConnectionFailure(description: "the server asks for a password; give one in the URL", needsPassword: true)
    }
    return password
  }

  private func scram<R>(_ step: () throws(SCRAMFailure) -> R) throws(ConnectionFailure) -> R {
    do {
      return try step()
    } catch {
      switch error {
      case .refusal: throw ConnectionFailure(description: "password authentication failed")
      case .malformed(let text): throw ConnectionFailure(description: "malformed SCRAM message: \(text)")
      case .unsupported(let text): throw ConnectionFailure(description: text)
      case .mismatch(let text, let detail):
        throw ConnectionFailure(description: [text, detail].compactMap { $0 }.joined(separator: ": "))
      }
    }
  }

  private func finishStartup() throws {
    var exchange: SCRAMClient?
    while true {
      let (type, body) = try readMessage()
      var reader = FieldReader(body)
      switch type {
      case UInt8(ascii: "R"):
        switch reader.int32() {
        case 0:
          // A server that skips its proof may be anybody.
          guard exchange == nil else {
            throw ConnectionFailure(description: "server did not complete authentication")
          }
        case 3:
          let password = try self.password()
          send("p") { $0 += Array(password.utf8) + [0] }
          try flush()
        case 10:
          var mechanisms: [String] = []
          while let name = Optional(reader.string()), !name.isEmpty { mechanisms.append(name) }
          guard mechanisms.contains("SCRAM-SHA-256") else {
            throw ConnectionFailure(
              description: "none of the server's SASL authentication mechanisms are supported")
          }
          var generator = SystemRandomNumberGenerator()
          let begun = SCRAMClient(
            password: Array(try password().utf8), nonce: SecretSource(&generator).nonce())
          exchange = begun
          send("p") {
            $0 += Array("SCRAM-SHA-256".utf8) + [0]
            Self.append(int32: Int32(begun.first.utf8.count), to: &$0)
            $0 += Array(begun.first.utf8)
          }
          try flush()
        case 11:
          let answer = try scram { () throws(SCRAMFailure) in try exchange?.answer(reader.text()) ?? "" }
          send("p") { $0 += Array(answer.utf8) }
          try flush()
        case 12:
          try scram { () throws(SCRAMFailure) in try exchange?.finish(reader.text()) }
          exchange = nil
        default:
          throw ConnectionFailure(description: "the server asks for a kind of authentication that this client lacks")
        }
      case UInt8(ascii: "S"): parameters[reader.string()] = reader.string()
      case UInt8(ascii: "K"):
        process = reader.int32()
        secret = reader.int32()
      case UInt8(ascii: "E"):
        let message = Self.message(&reader)
        throw ConnectionFailure(
          description:
            "connection to server at \"\(url.host)\", port \(url.port) failed: \(message.severity):  \(message.message)",
          isRefusal: true)
      case UInt8(ascii: "Z"):
        transactionStatus = reader.uint8()
        return
      default: break
      }
    }
  }

  // MARK: Queries

  /// Runs a query string and hands each thing that comes back to `receive`. COPY IN takes its data from `copySource` (nil ends
  /// it); without one the copy is refused.
  public func query(
    _ sql: String, copySource: (() throws -> [UInt8]?)? = nil, receive: (QueryEvent) throws -> Void
  ) throws {
    send("Q") { $0 += Array(sql.utf8) + [0] }
    try flush()
    while true {
      let (type, body) = try readMessage()
      var reader = FieldReader(body)
      switch type {
      case UInt8(ascii: "T"): try receive(.columns(Self.columns(&reader)))
      case UInt8(ascii: "D"):
        var row: [String?] = []
        for _ in 0..<reader.int16() { row.append(reader.nullableText()) }
        try receive(.row(row))
      case UInt8(ascii: "C"): try receive(.complete(tag: reader.string()))
      case UInt8(ascii: "I"): try receive(.empty)
      case UInt8(ascii: "E"): try receive(.error(Self.message(&reader)))
      case UInt8(ascii: "N"): try receive(.notice(Self.message(&reader)))
      case UInt8(ascii: "S"): parameters[reader.string()] = reader.string()
      case UInt8(ascii: "H"): try receive(.copyOut)
      case UInt8(ascii: "d"): try receive(.copyData(body))
      case UInt8(ascii: "G"):
        try receive(.copyIn)
        try sendCopy(copySource, receive)
      case UInt8(ascii: "Z"):
        transactionStatus = reader.uint8()
        return
      default: break
      }
    }
  }

  private func sendCopy(_ source: (() throws -> [UInt8]?)?, _ receive: (QueryEvent) throws -> Void) throws {
    guard let source else {
      send("f") { $0 += Array("no data source for COPY FROM STDIN".utf8) + [0] }
      try flush()
      return
    }
    do {
      while let piece = try source() {
        send("d") { $0 += piece }
        if output.count > 1 << 16 {
          try flush()
          // Once the server has refused the data, the rest of it need not travel.
          if try copyWasRefused(receive) { return }
        }
      }
      send("c") { _ in }
    } catch let failure as ConnectionFailure {
      throw failure
    } catch {
      send("f") { $0 += Array("\(error)".utf8) + [0] }
    }
    try flush()
  }

  /// Reads what the server says while data goes to it; whether that was an error, which ends the copy.
  private func copyWasRefused(_ receive: (QueryEvent) throws -> Void) throws -> Bool {
    while hasInput {
      let (type, body) = try readMessage()
      var reader = FieldReader(body)
      switch type {
      case UInt8(ascii: "E"):
        try receive(.error(Self.message(&reader)))
        return true
      case UInt8(ascii: "N"): try receive(.notice(Self.message(&reader)))
      case UInt8(ascii: "S"): parameters[reader.string()] = reader.string()
      default: break
      }
    }
    return false
  }

  private var hasInput: Bool {
    if inputStart < input.count { return true }
    var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&state, 1, 0) > 0
  }

  /// Columns, rows and tag of a query that gives one result; throws the server's error.
  public func rows(_ sql: String) throws -> (columns: [ColumnDescription], rows: [[String?]]) {
    var columns: [ColumnDescription] = []
    var rows: [[String?]] = []
    var failure: ServerMessage?
    try query(sql) { event in
      switch event {
      case .columns(let described): columns = described
      case .row(let row): rows.append(row)
      case .error(let message): failure = message
      default: break
      }
    }
    if let failure { throw failure }
    return (columns, rows)
  }

  /// For `CancelToken.cancel`.
  public var cancelToken: CancelToken { CancelToken(url: url, process: process, secret: secret) }

  public func close() {
    guard descriptor >= 0 else { return }
    send("X") { _ in }
    try? flush()
    Foundation.close(descriptor)
    descriptor = -1
  }

  // MARK: Messages

  private static func columns(_ reader: inout FieldReader) -> [ColumnDescription] {
    (0..<reader.int16()).map { _ in
      let name = reader.string()
      let table = UInt32(bitPattern: reader.int32())
      _ = reader.int16()
      let type = UInt32(bitPattern: reader.int32())
      _ = reader.int16()
      let modifier = reader.int32()
      _ = reader.int16()
      return ColumnDescription(name: name, table: table, type: type, typeModifier: modifier)
    }
  }

  private static func message(_ reader: inout FieldReader) -> ServerMessage {
    var fields: [UInt8: String] = [:]
    while true {
      let code = reader.uint8()
      if code == 0 { break }
      fields[code] = reader.string()
    }
    return ServerMessage(fields: fields)
  }

  private static func append(int32 value: Int32, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.bigEndian) { bytes += Array($0) }
  }

  private func send(_ type: Unicode.Scalar, _ body: (inout [UInt8]) -> Void) {
    output.append(UInt8(ascii: type))
    let place = output.count
    output += [0, 0, 0, 0]
    body(&output)
    let length = UInt32(output.count - place)
    for index in 0..<4 { output[place + index] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * index)) }
  }

  private func flush() throws(ConnectionFailure) {
    var sent = 0
    while sent < output.count {
      let count = output.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw ConnectionFailure(description: "server closed the connection unexpectedly")
      }
      sent += count
    }
    output.removeAll(keepingCapacity: true)
  }

  private func fill(_ count: Int) throws(ConnectionFailure) {
    if inputStart == input.count {
      input.removeAll(keepingCapacity: true)
      inputStart = 0
    } else if inputStart > 1 << 20 {
      input.removeFirst(inputStart)
      inputStart = 0
    }
    while input.count - inputStart < count {
      let received = withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { buffer -> Int in
        let received = recv(descriptor, buffer.baseAddress, buffer.count, 0)
        if received > 0 { input.append(contentsOf: buffer[..<received]) }
        return received
      }
      if received < 0, errno == EINTR { continue }
      if received < 0, errno == EAGAIN {
        throw ConnectionFailure(description: "the server has been silent for \(timeLimit) s")
      }
      guard received > 0 else {
        throw ConnectionFailure(
          description: tunnel?.failure.map { "SSL error: \($0)" } ?? "server closed the connection unexpectedly")
      }
    }
  }

  private func readMessage() throws(ConnectionFailure) -> (type: UInt8, body: [UInt8]) {
    try fill(5)
    let type = input[inputStart]
    var length = 0
    for index in 1...4 { length = length << 8 | Int(input[inputStart + index]) }
    guard length >= 4, length < 1 << 30 else {
      throw ConnectionFailure(description: "the server's answer makes no sense")
    }
    try fill(1 + length)
    let body = Array(input[(inputStart + 5)..<(inputStart + 1 + length)])
    inputStart += 1 + length
    return (type, body)
  }
}

/// Reads the fields of one message; what is missing reads as zero or empty.
private struct FieldReader {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func uint8() -> UInt8 {
    guard offset < bytes.count else { return 0 }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func int16() -> Int { Int(uint8()) << 8 | Int(uint8()) }

  mutating func int32() -> Int32 {
    var value: UInt32 = 0
    for _ in 0..<4 { value = value << 8 | UInt32(uint8()) }
    return Int32(bitPattern: value)
  }

  mutating func string() -> String {
    let end = bytes[min(offset, bytes.count)...].firstIndex(of: 0) ?? bytes.count
    defer { offset = min(end + 1, bytes.count) }
    return String(decoding: bytes[min(offset, end)..<end], as: UTF8.self)
  }

  /// The rest as text.
  mutating func text() -> String {
    let start = min(offset, bytes.count)
    offset = bytes.count
    return String(decoding: bytes[start...], as: UTF8.self)
  }

  mutating func nullableText() -> String? {
    let count = Int(int32())
    if count < 0 { return nil }
    let end = min(bytes.count, offset + count)
    defer { offset = end }
    return String(decoding: bytes[offset..<end], as: UTF8.self)
  }
}
