// What the cluster keeps and shows of its nodes' clocks.
//
//   0x04 0x40 0x04 time, node, other node, ordered     an incident, see `ClockIncident`
//
// Whoever proves that a clock breaks its bound has it on its own disk at once, and tells the cluster when it can: a node that ends for it does so once
// it has been started again.

import Admin
import Clocks
import Encoding
import Logging
import Ranges
import Transactions
import Transport

extension Node {
  /// Incidents that the cluster keeps; the oldest go first.
  private static let keptIncidents = 1000

  /// Has the cluster keep what it has not been told of yet.
  func reportClockIncidents(_ transactions: TransactionSystem) async throws(TransactionError) {
    let incidents = clockWatch.incidents
    if incidents.isEmpty { return }
    let writer = transactions.begin(label: "clock incidents")
    do throws(TransactionError) {
      let known = try await writer.entries(KeySpan(prefix: ClusterKeys.clockIncidents))
      for row in 0..<max(0, known.count + incidents.count - Self.keptIncidents) where row < known.count {
        writer.delete(known.key(row))
      }
      for incident in incidents {
        var bytes: [UInt8] = []
        incident.encode(into: &bytes)
        writer.put(ClusterKeys.clockIncident(incident), bytes)
      }
      _ = try await writer.commit()
    } catch {
      await writer.rollback()
      throw error
    }
    clockWatch.forget(incidents)
  }

  /// All that the cluster keeps, in the order of their times.
  static func readClockIncidents(_ transactions: TransactionSystem) async throws(TransactionError) -> [ClockIncident] {
    let reader = transactions.begin(isReadOnly: true, label: "clock incidents")
    do throws(TransactionError) {
      let block = try await reader.entries(KeySpan(prefix: ClusterKeys.clockIncidents))
      await reader.rollback()
      return (0..<block.count).compactMap { row in
        block.value(row).withUnsafeBytes { raw -> ClockIncident? in
          var bytes = ByteReader(raw)
          return ClockIncident(from: &bytes)
        }
      }
    } catch {
      await reader.rollback()
      throw error
    }
  }

  /// What this node tells of its clock.
  var clockStatus: ClockStatus {
    var status = ClockStatus()
    status.source = clockWatch.choice.description
    status.error = clockWatch.error
    status.reference = clockWatch.reference
    status.offsets = (transport?.peers() ?? []).compactMap { peer in
      peer.clock.map { ClockStatus.Offset(node: peer.id, offset: $0.offset, uncertainty: $0.uncertainty) }
    }
    return status
  }

  func clockMetrics() -> [MetricFamily] {
    guard transport != nil else { return [] }
    var families = [
      MetricFamily(
        "meridian_clock_incidents_total",
        "Times that another node's claim, or a source, contradicted this node's clock.",
        .counter, Double(clockWatch.incidentCount)),
      MetricFamily(
        "meridian_clock_permitted_error_seconds", "By how much the node's clock may be off for it to serve.", .gauge,
        Double(clockWatch.choice.permittedError) / 1e9),
    ]
    if let error = clockWatch.error {
      families.append(
        MetricFamily(
          "meridian_clock_error_seconds", "By how much the node's clock may be off.", .gauge,
          samples: [([("source", clockWatch.choice.description)], Double(error) / 1e9)]))
    }
    if clockWatch.choice.isClusterTime {
      families.append(
        MetricFamily(
          "meridian_clock_reference_node", "The node whose clock counts; 0: none is known.", .gauge,
          Double(clockWatch.reference?.rawValue ?? 0)))
    }
    return families
  }
}
