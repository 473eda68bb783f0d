// `postgresql://user:password@host:port/database?name=value`, as libpq takes it.
// Source: PostgreSQL manual, 34.1.1.2 "Connection URIs".

public struct ConnectionURL: Sendable, Hashable {
  public var user: String
  public var password: String?
  public var host: String
  public var port: Int
  public var database: String
  /// Further parameters, in their order.
  public var parameters: [Parameter]

  public struct Parameter: Sendable, Hashable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  public init(user: String = "postgres", host: String = "127.0.0.1", port: Int = 26257, database: String = "postgres") {
    self.user = user
    self.host = host
    self.port = port
    self.database = database
    parameters = []
  }

  /// Why a URL cannot be used.
  public struct Invalid: Error, CustomStringConvertible {
    public var description: String
  }

  public init(parsing text: String) throws(Invalid) {
    self.init()
    guard let scheme = ["postgresql://", "postgres://"].first(where: { text.hasPrefix($0) }) else {
      throw Invalid(description: "\"\(text)\" is no URL of the form postgresql://user@host:port/database")
    }
    var rest = text.dropFirst(scheme.count)
    if let question = rest.firstIndex(of: "?") {
      for pair in rest[rest.index(after: question)...].split(separator: "&") {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw Invalid(description: "missing value in URL parameter \"\(pair)\"") }
        parameters.append(Parameter(name: try Self.decode(parts[0]), value: try Self.decode(parts[1])))
      }
      rest = rest[..<question]
    }
    if let slash = rest.firstIndex(of: "/") {
      let name = rest[rest.index(after: slash)...]
      if !name.isEmpty { database = try Self.decode(name) }
      rest = rest[..<slash]
    }
    if let at = rest.lastIndex(of: "@") {
      let credentials = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      if let name = credentials.first, !name.isEmpty { user = try Self.decode(name) }
      if credentials.count == 2 { password = try Self.decode(credentials[1]) }
      rest = rest[rest.index(after: at)...]
    }
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else { throw Invalid(description: "missing ] in \"\(text)\"") }
      host = String(rest[rest.index(after: rest.startIndex)..<end])
      rest = rest[rest.index(after: end)...]
      if !rest.isEmpty, !rest.hasPrefix(":") { throw Invalid(description: "unexpected text after ] in \"\(text)\"") }
    } else if let colon = rest.lastIndex(of: ":") {
      if colon != rest.startIndex { host = try Self.decode(rest[..<colon]) }
      rest = rest[colon...]
    } else {
      if !rest.isEmpty { host = try Self.decode(rest) }
      rest = ""
    }
    if rest.hasPrefix(":"), rest.count > 1 {
      guard let number = Int(rest.dropFirst()), (1...65535).contains(number) else {
        throw Invalid(description: "\"\(rest.dropFirst())\" is no port")
      }
      port = number
    }
    for parameter in parameters {
      switch parameter.name {
      case "user": user = parameter.value
      case "password": password = parameter.value
      case "host": host = parameter.value
      case "dbname": database = parameter.value
      case "port": port = Int(parameter.value) ?? port
      default: break
      }
    }
    parameters.removeAll { ["user", "password", "host", "dbname", "port"].contains($0.name) }
  }

  private static func decode(_ text: Substring) throws(Invalid) -> String {
    var bytes: [UInt8] = []
    var iterator = text.utf8.makeIterator()
    while let byte = iterator.next() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = iterator.next().flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }),
        let low = iterator.next().flatMap({ Character(Unicode.Scalar($0)).hexDigitValue })
      else { throw Invalid(description: "invalid percent-encoded text \"\(text)\"") }
      bytes.append(UInt8(high * 16 + low))
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
