// What nodes tell each other and keep, as bytes and texts.

import Encoding
import Ranges
import Sessions
import SQLTypes
import Testing
import Transport

@testable import Server

@Suite struct ClusterFormTests {
  private func record(_ node: UInt32) -> NodeRecord {
    NodeRecord(
      node: NodeID(rawValue: node), address: NodeAddress(host: "a", port: 1),
      sqlAddress: NodeAddress(host: "b", port: 2),
      locality: Locality("region=x") ?? Locality(), binaryVersion: "1", startTime: 5, machineBootID: "m")
  }

  @Test func `A record keeps what was decided, and one of an earlier version is read`() {
    var gone = record(3)
    gone.standing = .gone
    gone.standingTime = 7
    gone.clusterVersion = 2
    #expect(NodeRecord(gone.encoded) == gone)
    // The end of it is standing, time and version, a byte each here.
    let old = Array(record(3).encoded.dropLast(3))
    #expect(NodeRecord(old) == record(3))
  }

  @Test func `Reports come back as they were, and those of an earlier version are read`() {
    var report = NodeReport()
    report.replicaCount = 4
    report.isDraining = true
    report.holdings = [NodeReport.Holding(node: NodeID(rawValue: 2), led: 1, known: 3)]
    report.leaving = [NodeID(rawValue: 9)]
    #expect(NodeReport(report.message(ClusterCall.report)) == report)
    var bytes: [UInt8] = []
    NodeReport().encode(into: &bytes)
    bytes.removeLast(3 + 4)
    #expect(NodeReport(NodeMessage(kind: ClusterCall.report, body: bytes)) == NodeReport())
    for reply in [
      DecommissionReply.gone, .leaving(replicaCount: 3, obstacle: nil), .leaving(replicaCount: 0, obstacle: "x"),
      .refused("y"),
    ] {
      #expect(DecommissionReply(reply.message(ClusterCall.decommission)) == reply)
    }
    let scatter = ScatterRequest([RangeID(4), RangeID(.max)])
    #expect(ScatterRequest(scatter.message(ClusterCall.scatter)) == scatter)
    let scattered = ScatterReply(Scattering(ranges: 1, leases: 2, replicas: 3, failures: 4))
    #expect(ScatterReply(scattered.message(ClusterCall.scatter)) == scattered)
    let check = CheckRequest(node: NodeID(rawValue: 3), after: RangeID(9))
    #expect(CheckRequest(check.message(ClusterCall.check)) == check)
    for reply in [CheckReply(nil), CheckReply(RangeCheck(range: 7, verdict: .different, text: "x"))] {
      #expect(CheckReply(reply.message(ClusterCall.check)) == reply)
    }
  }

  @Test func `Of several reports of a range the leaseholder's counts, then the latest`() {
    func descriptor(_ generation: UInt64) -> RangeDescriptor {
      var first = RangeDescriptor.first(on: NodeID(rawValue: 1))
      first.generation = generation
      return first
    }
    func report(_ generation: UInt64, _ lease: UInt64?) -> RangeReport {
      var report = RangeReport()
      report.entries = [RangeReport.Entry(descriptor: descriptor(generation), lease: lease, byteCount: 1)]
      report.grants = [StoreSupportGrant(node: NodeID(rawValue: 2), epoch: 3, expiration: 4, isWithdrawn: true)]
      return report
    }
    #expect(RangeReport(report(2, 7).message(ClusterCall.ranges)) == report(2, 7))
    let nodes = (1...3).map { NodeID(rawValue: $0) }
    let led = RangeReport.merged([(nodes[0], report(2, nil)), (nodes[1], report(1, 5)), (nodes[2], report(1, 4))])
    #expect(led.count == 1 && led[0].leaseholder == nodes[1])
    let unled = RangeReport.merged([(nodes[0], report(1, nil)), (nodes[1], report(2, nil))])
    #expect(unled[0].leaseholder == nil && unled[0].entry.descriptor.generation == 2)
    // Of a range that nobody leads any replica may say why; of one that is led, its leaseholder.
    func troubled(_ report: RangeReport) -> RangeReport {
      var report = report
      report.entries[0].trouble = "t"
      return report
    }
    #expect(RangeReport(troubled(report(2, 7)).message(ClusterCall.ranges)) == troubled(report(2, 7)))
    let stalled = RangeReport.merged([(nodes[0], troubled(report(1, nil))), (nodes[1], report(2, nil))])
    #expect(stalled[0].entry.trouble == "t" && stalled[0].entry.descriptor.generation == 2)
    let served = RangeReport.merged([(nodes[0], troubled(report(2, nil))), (nodes[1], report(1, 5))])
    #expect(served[0].entry.trouble.isEmpty)
  }

  @Test(
    arguments: [
      ("placement.dead_node_time", "90s", "90s"), ("placement.dead_node_time", "120s", "2m"),
      ("placement.dead_node_time", "1.5m", "90s"), ("placement.dead_node_time", "1s", nil),
      ("placement.dead_node_time", "x", nil),
      ("placement.replicas", "5", "5"), ("placement.replicas", "4", nil), ("placement.replicas", "9", nil),
      ("consistency.check_interval", "off", "off"), ("consistency.check_interval", "12h", "12h"),
      ("placement.dead_node_time", "off", nil),
      ("snapshots.bytes_per_second", "64MiB", "64MiB"), ("snapshots.bytes_per_second", "2097152", "2MiB"),
      ("snapshots.bytes_per_second", "1kB", nil), ("cluster.auto_upgrade", "false", "off"),
      ("cluster.auto_upgrade", "2", nil),
    ] as [(String, String, String?)])
  func `Settings have types and bounds`(_ name: String, _ text: String, _ shown: String?) throws {
    let setting = try #require(ClusterSetting.named(name))
    do throws(SQLError) {
      let value = try setting.value(text)
      #expect(setting.text(value) == shown)
      #expect(try setting.value(setting.text(value)) == value)
    } catch {
      #expect(shown == nil && error.state == .invalidParameterValue)
    }
  }

  @Test func `What a setting is initially is one of its values`() throws {
    for setting in ClusterSetting.all { #expect(try setting.value(setting.text(setting.initial)) == setting.initial) }
    #expect(ClusterSetting.all.map(\.name) == ClusterSetting.all.map(\.name).sorted())
  }
}
