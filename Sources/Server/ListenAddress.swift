// `host:port` as flags take it.

/// Where to listen. Names are resolved by the system when listening.
public struct ListenAddress: Sendable, Hashable, CustomStringConvertible {
  public var host: String
  public var port: Int

  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// `host:port`, `[v6]:port`, `:port` (all interfaces) or `port`; nil if it is none of these.
  public init?(_ text: String) {
    let host: Substring
    let digits: Substring
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      host = text[text.index(after: text.startIndex)..<end]
      let rest = text[text.index(after: end)...]
      guard rest.hasPrefix(":") else { return nil }
      digits = rest.dropFirst()
    } else if let colon = text.lastIndex(of: ":") {
      host = text[..<colon]
      digits = text[text.index(after: colon)...]
      if host.contains(":") { return nil }
    } else {
      host = "127.0.0.1"
      digits = Substring(text)
    }
    guard let port = Int(digits), (0...65535).contains(port) else { return nil }
    self.init(host: host.isEmpty ? "0.0.0.0" : String(host), port: port)
  }

  public var isLoopback: Bool {
    host == "localhost" || host == "::1" || (host.hasPrefix("127.") && host.split(separator: ".").count == 4)
  }

  public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
