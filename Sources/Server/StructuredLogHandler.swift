// Log lines on stderr, one event a line: text for people, JSON for machines. Metadata is sorted by name.

import Glibc
import Logging
import Reactors

public enum LogFormat: String, Sendable, CaseIterable {
  case text, json
}

public struct StructuredLogHandler: LogHandler {
  public var logLevel: Logger.Level
  public var metadata: Logger.Metadata = [:]
  private let label: String
  private let format: LogFormat
  private let environment: any Environment

  public init(label: String, format: LogFormat, level: Logger.Level, environment: any Environment) {
    self.label = label
    self.format = format
    self.logLevel = level
    self.environment = environment
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let merged = metadata.merging(event.metadata ?? [:]) { $1 }
    let fields = merged.sorted { $0.key < $1.key }
    let time = Self.timestamp(environment.wallNow())
    var line: String
    switch format {
    case .text:
      line = "\(time) \(event.level) \(label): \(event.message)"
      for (name, value) in fields { line += " \(name)=\(value)" }
    case .json:
      line = "{\"time\":\"\(time)\",\"level\":\"\(event.level)\",\"label\":\(Self.quote(label))"
      line += ",\"message\":\(Self.quote("\(event.message)"))"
      for (name, value) in fields { line += ",\(Self.quote(name)):\(Self.quote("\(value)"))" }
      line += "}"
    }
    line += "\n"
    // One write a line, so that lines of several threads do not mix.
    var bytes = Array(line.utf8)
    _ = write(2, &bytes, bytes.count)
  }

  static func quote(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default:
        if scalar.value < 0x20 {
          let digits = String(scalar.value, radix: 16)
          result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result + "\""
  }

  /// RFC 3339 in UTC with microseconds, from nanoseconds since the Unix epoch.
  static func timestamp(_ nanoseconds: Int64) -> String {
    var seconds = time_t(nanoseconds / 1_000_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func pad(_ value: Int, _ width: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let date = "\(parts.tm_year + 1900)-\(pad(Int(parts.tm_mon) + 1, 2))-\(pad(Int(parts.tm_mday), 2))"
    let time = "\(pad(Int(parts.tm_hour), 2)):\(pad(Int(parts.tm_min), 2)):\(pad(Int(parts.tm_sec), 2))"
    return "\(date)T\(time).\(pad(Int(nanoseconds / 1000 % 1_000_000), 6))Z"
  }
}
