// HOT: The calls of one connection that wait for their replies, as a value.
//
// Invariant: a call leaves the table exactly once, by its reply, by its deadline or by the end of the connection, and whoever takes it
// out resumes its waiter. Calls are numbered in the order in which they are sent, so that one number tells which have left.

/// Calls under way. `Waiter` is what their callers wait on.
struct CallTable<Waiter> {
  struct Ended {
    var call: UInt64
    var waiter: Waiter
    /// Whether the request has been handed to the connection.
    var isSent: Bool
  }

  private var waiting: [UInt64: (waiter: Waiter, deadline: Int64)] = [:]
  private var lastCall: UInt64 = 0
  /// Calls up to this one have been handed to the connection.
  private var lastSent: UInt64 = 0

  var isEmpty: Bool { waiting.isEmpty }
  var count: Int { waiting.count }

  /// Adds a call and gives it its number, which is never 0.
  mutating func add(_ waiter: Waiter, deadline: Int64) -> UInt64 {
    lastCall += 1
    waiting[lastCall] = (waiter, deadline)
    return lastCall
  }

  mutating func sent(_ call: UInt64) { lastSent = max(lastSent, call) }

  func isWaiting(_ call: UInt64) -> Bool { waiting[call] != nil }

  /// Takes out the call that a reply belongs to; nil if it has been given up.
  mutating func finish(_ call: UInt64) -> Waiter? { waiting.removeValue(forKey: call)?.waiter }

  /// Takes out the calls whose deadline has come, in the order of their sending.
  mutating func expire(now: Int64) -> [Ended] { take(waiting.filter { $0.value.deadline <= now }.map(\.key)) }

  /// Takes out all calls, in the order of their sending.
  mutating func end() -> [Ended] { take(Array(waiting.keys)) }

  /// The earliest deadline; looks at every call.
  var earliestDeadline: Int64? { waiting.values.map(\.deadline).min() }

  private mutating func take(_ calls: [UInt64]) -> [Ended] {
    calls.sorted().compactMap { call in
      waiting.removeValue(forKey: call).map { Ended(call: call, waiter: $0.waiter, isSent: call <= lastSent) }
    }
  }
}
