// Finds deadlocks in waits that were gathered from many ranges, one after the other: some may have ended by the time the last is
// asked. So a cycle counts only if each of its waits was there the last time, too. Each cycle gives one victim, the
// youngest of the lowest priority, and everybody who looks chooses the same.

import Encoding
import Ranges
import Storage

struct DeadlockSearch {
  struct Victim: Equatable {
    var id: TransactionID
    /// Who waits for whom, a line each.
    var cycle: String
  }

  private struct Edge: Hashable {
    var waiter: TransactionID
    var blocker: TransactionID
  }

  private var known: Set<Edge> = []

  /// Takes in all waits there are. Returns whom to send away.
  mutating func victims(among waits: [LockWait]) -> [Victim] {
    var byWaiter: [TransactionID: LockWait] = [:]
    var edges: Set<Edge> = []
    for wait in waits {
      if byWaiter[wait.waiter] == nil {
        byWaiter[wait.waiter] = wait
      } else {
        byWaiter[wait.waiter]?.blockers += wait.blockers
      }
      for blocker in wait.blockers { edges.insert(Edge(waiter: wait.waiter, blocker: blocker)) }
    }
    let lasting = edges.intersection(known)
    known = edges
    let stuck = Self.stuck(lasting)
    var victims: [Victim] = []
    var gone: Set<TransactionID> = []
    func blockers(_ id: TransactionID) -> [TransactionID] {
      if gone.contains(id) { return [] }
      return byWaiter[id]?.blockers.filter {
        stuck.contains($0) && lasting.contains(Edge(waiter: id, blocker: $0))
      } ?? []
    }
    for start in stuck.sorted() {
      while let cycle = DeadlockDetector.cycle(from: start, blockers: blockers) {
        let members = cycle.compactMap { byWaiter[$0] }
        guard let victim = members.min(by: { $0.rank < $1.rank }) else { break }
        gone.insert(victim.waiter)
        let lines = members.enumerated().map { index, member in
          let next = members[(index + 1) % members.count]
          let key = KeyMention.text(member.key)
          return "\(member.name) waits for a lock on \(key), which \(next.name) holds or waits for before it."
        }
        victims.append(Victim(id: victim.waiter, cycle: lines.joined(separator: "\n")))
      }
    }
    return victims
  }

  /// Who waits, by whatever way, for somebody on a cycle: those that are left when all go whose blockers have gone. Most often nobody, so
  /// that a long line costs one look at each of its members.
  private static func stuck(_ edges: Set<Edge>) -> Set<TransactionID> {
    var waitersOf: [TransactionID: [TransactionID]] = [:]
    var blockerCounts: [TransactionID: Int] = [:]
    for edge in edges {
      waitersOf[edge.blocker, default: []].append(edge.waiter)
      blockerCounts[edge.waiter, default: 0] += 1
    }
    var going = waitersOf.keys.filter { blockerCounts[$0] == nil }
    while let next = going.popLast() {
      for waiter in waitersOf[next] ?? [] {
        blockerCounts[waiter]! -= 1
        guard blockerCounts[waiter] == 0 else { continue }
        blockerCounts[waiter] = nil
        going.append(waiter)
      }
    }
    return Set(blockerCounts.keys)
  }
}
