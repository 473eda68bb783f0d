// Plans of statements that came as text with their literals taken out, by what they look like. A plan serves as long as the
// catalog is at the version that it was made for and the session would resolve names the same way, which is part of the key.

import Planning
import SQLSyntax
import SQLTypes

struct PlanCacheKey: Hashable {
  /// The statement with placeholders for literals.
  var text: [UInt8]
  var searchPath: [String]
  var user: String
}

/// Least recently used plans go first; confined to one reactor.
final class PlanCache {
  private struct Entry {
    var plan: QueryPlan
    var lastUse: UInt64
  }

  private var entries: [PlanCacheKey: Entry] = [:]
  private let capacity: Int
  private var uses: UInt64 = 0

  init(capacity: Int) { self.capacity = capacity }

  /// The plan made for this catalog version.
  func find(_ key: PlanCacheKey, catalogVersion: UInt64) -> QueryPlan? {
    guard let index = entries.index(forKey: key) else { return nil }
    guard entries.values[index].plan.catalogVersion == catalogVersion else {
      entries.remove(at: index)
      return nil
    }
    uses += 1
    entries.values[index].lastUse = uses
    return entries.values[index].plan
  }

  func insert(_ key: PlanCacheKey, _ plan: QueryPlan) {
    if entries.count >= capacity { evict() }
    uses += 1
    entries[key] = Entry(plan: plan, lastUse: uses)
  }

  func removeAll() { entries.removeAll() }

  /// Half of the plans go at once, the ones used longest ago: rare, and cheaper than a list for every hit.
  private func evict() {
    let uses = entries.values.map(\.lastUse).sorted()
    let median = uses[uses.count / 2]
    entries = entries.filter { $0.value.lastUse > median }
  }
}
