// `ALTER … SCATTER`: each leaseholder is asked to give its ranges of a span to nodes at random.

import Encoding
import Placement
import Ranges
import Reactors
import Sessions
import Transport

/// Ranges that the asked node leads, as far as who asks knows.
struct ScatterRequest: ClusterMessage, Equatable {
  /// Nanoseconds for all of them.
  static let patience: Int64 = 600_000_000_000
  /// Ranges that are asked for at a time.
  static let rangeLimit = 64

  var ranges: [RangeID]

  init(_ ranges: [RangeID]) { self.ranges = ranges }

  init?(from reader: inout ByteReader) {
    guard let count = reader.readVarint(), count <= UInt64(Self.rangeLimit) else { return nil }
    ranges = []
    for _ in 0..<count {
      guard let range = reader.readVarint() else { return nil }
      ranges.append(RangeID(range))
    }
  }

  func encode(into bytes: inout [UInt8]) {
    ValueEncoding.appendVarint(UInt64(ranges.count), to: &bytes)
    for range in ranges { ValueEncoding.appendVarint(range.rawValue, to: &bytes) }
  }
}

struct ScatterReply: ClusterMessage, Equatable {
  var scattering: Scattering

  init(_ scattering: Scattering) { self.scattering = scattering }

  init?(from reader: inout ByteReader) {
    func count() -> Int? { reader.readVarint().flatMap { Int(exactly: $0) } }
    guard let ranges = count(), let leases = count(), let replicas = count(), let failures = count() else { return nil }
    scattering = Scattering(ranges: ranges, leases: leases, replicas: replicas, failures: failures)
  }

  func encode(into bytes: inout [UInt8]) {
    for count in [scattering.ranges, scattering.leases, scattering.replicas, scattering.failures] {
      ValueEncoding.appendVarint(UInt64(count), to: &bytes)
    }
  }
}

extension Node {
  public func scatter(_ span: KeySpan) async -> Scattering {
    guard let member, let transport else { return Scattering() }
    var sum = Scattering()
    var led: [NodeID: [RangeID]] = [:]
    for range in await facts().ranges where range.span.overlaps(span) {
      guard let leaseholder = range.leaseholder.flatMap({ UInt32(exactly: $0) }) else {
        sum = sum + Scattering(ranges: 1, failures: 1)
        continue
      }
      led[NodeID(rawValue: leaseholder), default: []].append(RangeID(UInt64(range.range)))
    }
    for (node, all) in led.sorted(by: { $0.key < $1.key }) {
      var rest = all[...]
      while !rest.isEmpty {
        let ranges = Array(rest.prefix(ScatterRequest.rangeLimit))
        rest = rest.dropFirst(ranges.count)
        if node == member.identity.node {
          sum = sum + (await scatter(ranges, member))
          continue
        }
        let reply = await environment.reactors[0].perform { reactor -> ScatterReply? in
          let message = ScatterRequest(ranges).message(ClusterCall.scatter)
          let reply = try? await transport.call(
            message, to: node, class: .system, timeoutNanoseconds: ScatterRequest.patience, on: reactor)
          return reply.flatMap { ScatterReply($0) }
        }
        sum = sum + (reply?.scattering ?? Scattering(ranges: ranges.count, failures: ranges.count))
      }
    }
    return sum
  }

  /// Ranges that this node leads.
  func scatter(_ ranges: [RangeID], _ member: Member) async -> Scattering {
    var sum = Scattering()
    for range in ranges {
      let outcome = await member.placement.scatter(range)
      sum =
        sum
        + Scattering(
          ranges: 1, leases: outcome.hasMovedLease ? 1 : 0, replicas: outcome.hasMovedReplica ? 1 : 0,
          failures: outcome.failure == nil ? 0 : 1)
    }
    return sum
  }
}
