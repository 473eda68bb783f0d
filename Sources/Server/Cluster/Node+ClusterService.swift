// What SQL asks of the cluster: who is a member, where ranges are, the cluster's settings and version.

import Catalog
import Clocks
import Encoding
import Ranges
import Reactors
import SQLTypes
import Sessions
import Transactions
import Transport

extension Node: ClusterService {
  // MARK: Facts

  public func facts() async -> ClusterFacts {
    await environment.reactors[0].perform { reactor in await self.facts(on: reactor) }
  }

  private func facts(on reactor: isolated Reactor) async -> ClusterFacts {
    var facts = ClusterFacts()
    guard let member else { return facts }
    let own = member.identity.node
    let nodes = await nodes(withReports: true, on: reactor).nodes
    facts.nodes = nodes.map { status in
      ClusterFacts.Node(
        node: Int64(status.node.rawValue), address: "\(status.address)", sqlAddress: "\(status.sqlAddress)",
        locality: "\(status.locality)", binaryVersion: status.binaryVersion,
        startTime: Self.microseconds(status.startTime), isLive: status.isLive, state: status.state,
        replicaCount: status.replicaCount.map { Int64($0) }, leaseCount: status.leaseCount.map { Int64($0) },
        clock: ClusterFacts.Clock(
          source: status.clock.source.isEmpty ? nil : status.clock.source,
          error: status.clock.error.map { ClockStatus.milliseconds($0) },
          reference: status.clock.reference.map { Int64($0.rawValue) }, offsets: status.clock.offsetsText))
    }
    let transactions = member.gateways[reactor.index].access(on: reactor).transactions
    let incidents = try? await Self.readClockIncidents(transactions)
    facts.clockIncidents = (incidents ?? []).map { incident in
      ClusterFacts.ClockIncident(
        time: Self.microseconds(incident.time), node: Int64(incident.node.rawValue),
        other: Int64(incident.other.rawValue), kind: incident.kind.name,
        excess: ClockStatus.milliseconds(incident.excess),
        own: Self.claim(incident.own), claim: Self.claim(incident.claim))
    }
    var reports = [(node: own, report: await rangeReport(member))]
    for status in nodes where status.isLive && status.node != own {
      let reply = try? await transport?.call(
        NodeMessage(kind: ClusterCall.ranges), to: status.node, class: .system,
        timeoutNanoseconds: Self.reportTimeout, on: reactor)
      if let report = reply.flatMap({ RangeReport($0) }) { reports.append((status.node, report)) }
    }
    facts.ranges = RangeReport.merged(reports).map { entry, leaseholder in
      func nodes(_ kind: ReplicaDescriptor.Kind) -> [Int64] {
        entry.descriptor.replicas.filter { $0.kind == kind }.map { Int64($0.node.rawValue) }
      }
      return ClusterFacts.Range(
        range: Int64(clamping: entry.descriptor.id.rawValue), span: entry.descriptor.span,
        generation: Int64(clamping: entry.descriptor.generation), voters: nodes(.voter), learners: nodes(.learner),
        leaseholder: leaseholder.map { Int64($0.rawValue) }, lease: entry.lease.map { Int64(clamping: $0) },
        byteCount: leaseholder == nil ? nil : Int64(clamping: entry.byteCount),
        trouble: entry.trouble.isEmpty ? nil : entry.trouble)
    }
    for (node, report) in reports.sorted(by: { $0.node < $1.node }) {
      facts.supports += report.grants.map {
        ClusterFacts.Support(
          supporter: Int64(node.rawValue), supported: Int64($0.node.rawValue), epoch: Int64(clamping: $0.epoch),
          expiration: Self.microseconds($0.expiration), isWithdrawn: $0.isWithdrawn)
      }
    }
    return facts
  }

  private static func claim(_ interval: ClockInterval) -> ClusterFacts.ClockIncident.Claim {
    ClusterFacts.ClockIncident.Claim(
      earliest: microseconds(interval.earliest), latest: microseconds(interval.latest))
  }

  /// Since 2000-01-01 UTC, of nanoseconds since 1970.
  private static func microseconds(_ nanoseconds: Int64) -> Int64 { nanoseconds / 1000 - 946_684_800_000_000 }

  func rangeReport(_ member: Member) async -> RangeReport {
    var report = RangeReport()
    let store = member.store
    for reactor in environment.reactors {
      report.entries += await reactor.perform { reactor in
        store.shard(on: reactor).sortedReplicas.filter(\.isInitialized).map { replica in
          RangeReport.Entry(
            descriptor: replica.descriptor, lease: replica.holdsLease ? replica.leaseSequence : nil,
            byteCount: replica.holdsLease ? replica.approximateByteCount : 0, trouble: replica.trouble ?? "")
        }
      }
    }
    report.grants = store.supportGrants
    return report
  }

  // MARK: Settings

  /// The value in force, as far as it is known here.
  func value(_ setting: ClusterSetting) -> Int64 { settingValues.withLock { $0[setting.name] } ?? setting.initial }

  public var settings: [SettingRow] {
    ClusterSetting.all.map { setting in
      SettingRow(
        name: setting.name, value: setting.text(value(setting)), kind: setting.kind.name, summary: setting.summary,
        bootValue: setting.text(setting.initial))
    }
  }

  public func set(_ name: String, to text: String?) async throws(SQLError) {
    guard let setting = ClusterSetting.named(name) else {
      throw SQLError(.undefinedObject, "unrecognized cluster setting \"\(name)\"")
    }
    let value: Int64? = if let text { try setting.value(text) } else { nil }
    guard self.value(.version) >= setting.since else {
      throw SQLError(
        .objectNotInPrerequisiteState, "cluster setting \"\(name)\" needs version \(setting.since) of the cluster",
        detail: "The cluster is at version \(self.value(.version)).",
        hint: "It rises once every node runs a binary that knows it.")
    }
    if setting.name == ClusterSetting.version.name { try checkUpgrade(to: value) }
    do throws(TransactionError) {
      // That it once was something else must not be forgotten.
      let isRemembered = setting.name == ClusterSetting.externalConsistency.name
      try await store(value ?? (isRemembered ? setting.initial : nil), of: setting)
    } catch {
      throw SQLError(error, relation: { _ in nil })
    }
  }

  private func checkUpgrade(to version: Int64?) throws(SQLError) {
    let current = value(.version)
    guard let version, version >= current else {
      throw SQLError(.objectNotInPrerequisiteState, "the version of a cluster cannot be lowered")
    }
    if let old = knownRecords.first(where: { $0.standing != .gone && $0.clusterVersion < version }) {
      throw SQLError(
        .objectNotInPrerequisiteState, "node \(old.node) does not know version \(version) of the cluster",
        detail: "It runs \(old.binaryVersion), which knows version \(old.clusterVersion).")
    }
  }

  private func store(_ value: Int64?, of setting: ClusterSetting) async throws(TransactionError) {
    guard let member else { throw .limit("the node is in no cluster") }
    let result = await environment.reactors[0].perform { reactor -> Result<Void, TransactionError> in
      let transactions = member.gateways[reactor.index].access(on: reactor).transactions
      var attempt = 0
      while true {
        let writer = transactions.begin(label: "a cluster setting")
        do throws(TransactionError) {
          if let value {
            writer.put(ClusterKeys.setting(setting.name), Array(setting.text(value).utf8))
          } else {
            writer.delete(ClusterKeys.setting(setting.name))
          }
          _ = try await writer.commit()
          return .success(())
        } catch {
          await writer.rollback()
          // Written twice is as good as once.
          switch error {
          case .retry, .ambiguousCommit: attempt += 1
          default: return .failure(error)
          }
          guard attempt < 10 else { return .failure(error) }
          await transactions.backOff(attempt)
        }
      }
    }
    try result.get()
    settingValues.withLock { $0[setting.name] = value }
    applySettings()
  }

  /// Everybody's settings, as they stand.
  func readSettings(_ transactions: TransactionSystem) async throws(TransactionError) {
    let reader = transactions.begin(isReadOnly: true, label: "the cluster's settings")
    var values: [String: Int64] = [:]
    do throws(TransactionError) {
      let block = try await reader.entries(KeySpan(prefix: ClusterKeys.settings))
      let time = reader.readTimestamp.wall
      await reader.rollback()
      for row in 0..<block.count {
        guard let setting = ClusterKeys.settingName(block.key(row)).flatMap({ ClusterSetting.named($0) }),
          let value = try? setting.value(String(decoding: block.value(row), as: UTF8.self))
        else { continue }
        values[setting.name] = value
      }
      let isStrict = values[ClusterSetting.externalConsistency.name].map { $0 != 0 }
      let latest = clock.interval().latest
      clockWatch.changeOrder {
        $0.learn(isStrict: isStrict ?? true, everStood: isStrict != nil, at: time, latest: latest)
      }
    } catch {
      await reader.rollback()
      throw error
    }
    let isNews = settingValues.withLock { known in
      defer { known = values }
      return known != values
    }
    if isNews { applySettings() }
  }

  private func applySettings() {
    guard let store = member?.store else { return }
    store.setVersionLifetime(nanoseconds: value(.versionLifetime))
    store.setSnapshotRate(bytesPerSecond: value(.snapshotRate))
    store.setSplitLoad(UInt64(clamping: value(.splitLoad)))
    let knowsMerges = value(.version) >= ClusterVersion.ofMerges
    store.setMerging(!knowsMerges ? .unknown : value(.merge) != 0 ? .automatic : .onDemand)
    store.setStagesCommits(value(.version) >= ClusterVersion.ofStaging)
    store.setTellsPriorities(value(.version) >= ClusterVersion.ofPriorities)
    let closesPast = value(.version) >= ClusterVersion.ofClosedTimestamps
    store.setClosedLag(nanoseconds: closesPast ? value(.closedLag) : nil)
    store.setCheckInterval(nanoseconds: value(.checkInterval))
    member?.placement.setFactor(Int(value(.replicas)))
  }

  /// A node that is a cluster by itself needs to look only once.
  func beginAlone(on reactor: isolated Reactor) async {
    guard let member else { return }
    do throws(TransactionError) {
      try await readSettings(member.gateways[reactor.index].access(on: reactor).transactions)
      try await upgradeCluster([ownRecord(member)])
    } catch {
      logger.warning("the cluster's settings cannot be read", metadata: ["reason": "\(error)"])
    }
  }

  // MARK: The version

  /// Raises the cluster's version once every member's binary knows a higher one. Any node may; they all come to the same.
  func upgradeCluster(_ records: [NodeRecord]) async throws(TransactionError) {
    guard value(.autoUpgrade) != 0 else { return }
    let known = records.filter { $0.standing != .gone }.map(\.clusterVersion).min() ?? 0
    guard known > value(.version) else { return }
    try await store(min(known, Int64(ClusterVersion.latest)), of: .version)
    logger.info("the cluster's version has risen", metadata: ["version": "\(value(.version))"])
  }
}
