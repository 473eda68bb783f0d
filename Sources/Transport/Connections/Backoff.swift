// How long to wait before the next attempt to connect: twice as long after each failure, up to a bound, and drawn from the upper half of
// that, so that the nodes that lost a peer at the same moment do not all come back to it at the same moment.

import Reactors

struct Backoff {
  let shortest: Int64
  let longest: Int64
  private(set) var failureCount = 0

  init(shortest: Int64, longest: Int64) {
    self.shortest = max(2, shortest)
    self.longest = max(self.shortest, longest)
  }

  /// Takes note of a failure; nanoseconds until the next attempt.
  mutating func fail(_ random: inout RandomSource) -> Int64 {
    var delay = shortest
    for _ in 0..<failureCount where delay < longest { delay = min(longest, delay * 2) }
    failureCount += 1
    return random.draw(delay / 2...delay)
  }

  mutating func succeed() { failureCount = 0 }
}
