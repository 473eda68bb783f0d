// The flags of `meridian start` that are about other nodes, as texts, and what they mean.

import Clocks
import Transport

/// What an operator said.
public struct ClusterFlags: Sendable {
  /// Where nodes are reached unless something else is said.
  public static let defaultPort = 26258

  public var rpcAddress = ListenAddress(host: "127.0.0.1", port: ClusterFlags.defaultPort)
  /// `host` or `host:port`.
  public var advertisedAddress: String?
  /// Lists of `host` or `host:port`, separated by commas.
  public var join: [String] = []
  /// `name=value,name=value`.
  public var locality = ""
  /// `auto`, or names of sources, separated by commas.
  public var clockSource = "auto"
  /// Nanoseconds.
  public var maximumClockError: Int64?
  /// Nanoseconds.
  public var supportDuration: Int64?

  public init() {}

  /// - Throws: `NodeStartError` naming the flag.
  public func configuration() throws(NodeStartError) -> ClusterConfiguration {
    var cluster = ClusterConfiguration()
    cluster.rpcAddress = NodeAddress(host: rpcAddress.host, port: rpcAddress.port)
    if let text = advertisedAddress {
      guard let address = NodeAddress(text, defaultPort: rpcAddress.port) else {
        throw NodeStartError(description: "--advertise-addr \(text) is not host or host:port")
      }
      guard address.port > 0 else {
        throw NodeStartError(description: "--advertise-addr needs a port when --rpc-addr has none")
      }
      cluster.advertisedAddress = address
    } else if rpcAddress.host == "0.0.0.0" || rpcAddress.host == "::" {
      throw NodeStartError(
        description:
          "--rpc-addr \(rpcAddress) is all interfaces; say with --advertise-addr under which name other nodes reach this one"
      )
    }
    for list in join {
      for part in list.split(separator: ",", omittingEmptySubsequences: false) {
        guard let address = NodeAddress(String(part), defaultPort: Self.defaultPort), address.port > 0 else {
          throw NodeStartError(description: "--join \"\(part)\" is not host or host:port")
        }
        if !cluster.join.contains(address) { cluster.join.append(address) }
      }
    }
    guard let place = Locality(locality) else {
      throw NodeStartError(
        description: "--locality \(locality) is not name=value,name=value with each name once")
    }
    cluster.locality = place
    do throws(UnusableTimeSource) {
      cluster.timeSources = try TimeSourceChoice(clockSource, statedError: maximumClockError)
    } catch {
      throw NodeStartError(description: error.description)
    }
    if let duration = supportDuration {
      guard Self.supportDurations.contains(duration) else {
        throw NodeStartError(description: "--support-duration must be between 600ms and 60s")
      }
      cluster.supportDuration = duration
    }
    return cluster
  }

  /// Below, a busy machine's pauses look like death; beyond, a dead node's ranges wait too long.
  private static let supportDurations: ClosedRange<Int64> = 600_000_000...60_000_000_000

  /// Nanoseconds of `10ms`, `250us` or `1s`, rounded up; nil for anything else, nothing, and more than five seconds.
  public static func clockError(_ text: String) -> Int64? {
    duration(text).flatMap { $0 <= 5_000_000_000 ? $0 : nil }
  }

  /// Nanoseconds of `10ms`, `250us`, `1.5s`, `5m` or `2h`, rounded up; nil for anything else, nothing, and more than a year.
  public static func duration(_ text: String) -> Int64? {
    let units: [(String, Double)] = [("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)]
    guard let unit = units.first(where: { text.hasSuffix($0.0) }), let number = Double(text.dropLast(unit.0.count)),
      number > 0, number * unit.1 <= 365 * 86_400e9
    else { return nil }
    return Int64((number * unit.1).rounded(.up))
  }
}
