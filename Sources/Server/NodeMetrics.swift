// A node's counters under the names that Prometheus sees.

import Admin
import Ranges
import Sessions
import Storage

enum NodeMetrics {
  static func families(uptime: Double, _ totals: GatewayCounters, _ shards: ShardCounters) -> [MetricFamily] {
    var families: [MetricFamily] = [
      MetricFamily("meridian_uptime_seconds", "Time since the node started.", .gauge, uptime),
      MetricFamily("meridian_sql_sessions", "Clients connected.", .gauge, Double(totals.sessions)),
      MetricFamily(
        "meridian_ranges_unavailable", "Ranges with a replica here that have made no progress for ten seconds.", .gauge,
        Double(shards.stalledRanges)),
      MetricFamily("meridian_replicas", "Replicas here.", .gauge, Double(shards.replicas)),
      MetricFamily(
        "meridian_replicas_awake", "Replicas here that do not rest.", .gauge, Double(shards.awakeReplicas)),
      MetricFamily(
        "meridian_closed_timestamp_lag_seconds",
        "How far the closed timestamps of replicas here that do not lead lie behind, at most.", .gauge,
        Double(shards.closedLag) / 1e9),
    ]
    func counter(_ name: String, _ help: String, _ value: UInt64) {
      families.append(MetricFamily(name, help, .counter, Double(value)))
    }
    counter("meridian_sql_statements_total", "Statements run.", totals.statements)
    counter("meridian_sql_failed_statements_total", "Statements that ended with an error.", totals.failedStatements)
    counter(
      "meridian_sql_retries_total", "Statements and transactions tried again without the client knowing.",
      totals.retries)
    counter("meridian_sql_commits_total", "Transactions committed.", totals.commits)
    counter("meridian_sql_rollbacks_total", "Transactions rolled back.", totals.rollbacks)
    counter("meridian_sql_plan_cache_hits_total", "Simple queries that found their plan.", totals.planCacheHits)
    counter("meridian_sql_plan_cache_misses_total", "Simple queries that had to be planned.", totals.planCacheMisses)
    counter("meridian_range_reads_total", "Point reads served.", shards.reads)
    counter("meridian_range_scans_total", "Scans served.", shards.scans)
    counter(
      "meridian_range_follower_reads_total", "Reads of the past served by replicas that do not lead.",
      shards.closedReads)
    counter(
      "meridian_range_follower_reads_refused_total", "Reads of the past that replicas here left to the leaseholder.",
      shards.closedReadsRefused)
    counter("meridian_range_commands_total", "Replicated commands applied.", shards.commands)
    counter("meridian_range_latch_waits_total", "Requests that waited for a latch.", shards.latchWaits)
    counter("meridian_range_lock_waits_total", "Requests that waited for a lock.", shards.lockWaits)
    counter(
      "meridian_range_locks_inherited_total", "Locks that came here together with a range's lease.",
      shards.locksInherited)
    counter(
      "meridian_range_locks_lost_total", "Locks that did not come along with a lease that was handed on.",
      shards.locksLost)
    counter("meridian_range_deadlocks_total", "Deadlocks broken.", shards.deadlocks)
    counter(
      "meridian_range_refresh_failures_total", "Transactions whose reads could not be moved forward.",
      shards.refreshFailures)
    counter("meridian_range_checks_total", "Ranges led here whose replicas were compared.", shards.checks)
    counter("meridian_range_applied_bytes_total", "Bytes of commands applied.", shards.appliedBytes)
    counter("meridian_range_intents_resolved_total", "Intents turned into versions or removed.", shards.intentsResolved)
    counter(
      "meridian_range_versions_collected_total", "Versions removed by garbage collection.", shards.versionsCollected)
    return families
  }

  /// What the engines of a store say of themselves, each of its state and of its logs.
  static func families(_ store: LocalStore) -> [MetricFamily] {
    var families: [MetricFamily] = []
    for (engine, metrics) in [("state", store.state.metrics()), ("log", store.log.engine.metrics())] {
      for (name, value) in metrics {
        let sample = (labels: [(name: "engine", value: engine)], value: Double(value))
        if let place = families.firstIndex(where: { $0.name == "meridian_storage_" + name }) {
          families[place].samples.append(sample)
        } else {
          families.append(
            MetricFamily("meridian_storage_" + name, "As the storage engine says.", .gauge, samples: [sample]))
        }
      }
    }
    return families
  }
}
