// Where a node listens or is reached: `host:port` as flags take it and as nodes tell it each other.

/// A host name or IP address, and a port.
public struct NodeAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
  public var host: String
  public var port: Int

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// `host:port`, `[v6]:port`, or a host alone if there is a usual port; nil if it is none of these.
  public init?(_ text: String, defaultPort: Int? = nil) {
    var host = Substring(text)
    var port = defaultPort
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      if !rest.isEmpty {
        guard rest.hasPrefix(":"), let number = Self.port(rest.dropFirst()) else { return nil }
        port = number
      }
    } else if let colon = text.lastIndex(of: ":") {
      host = text[..<colon]
      guard !host.contains(":"), let number = Self.port(text[text.index(after: colon)...]) else { return nil }
      port = number
    }
    guard !host.isEmpty, let port else { return nil }
    self.init(host: String(host), port: port)
  }

  private static func port(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.count <= 5, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return Int(text).flatMap { $0 <= 65535 ? $0 : nil }
  }

  public static func < (left: NodeAddress, right: NodeAddress) -> Bool {
    (left.host, left.port) < (right.host, right.port)
  }

  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
