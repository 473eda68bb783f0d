// The rule of Docs/Transactions.md by brute force: short histories of transactions over clocks at the worst edges of their bounds, each looked through for an
// order that explains it. Under the whole rule there always is one; without a wait, or reading at `earliest`, sometimes there is not.
//
// Each history is a few transactions over two keys, on three nodes whose clocks are off by as much as they admit. What happens in the order of true
// time is simulated exactly: begin at the gateway's `latest`; reads of both keys, noted as read at that timestamp; a write at the least timestamp that is
// above what was read and written there, which costs a refresh; the wait; the answer.

import Testing

@testable import Clocks

private struct Rule: Sendable {
  var writersWait = true
  var readersWait = true
  var readsAtLatest = true
}

private struct Draw {
  var state: UInt64
  mutating func next(_ bound: Int) -> Int {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Int(truncatingIfNeeded: state >> 33) % bound
  }
}

private struct Operation {
  var gateway: Int
  var begun: Int64
  /// When its reads happen, and its write.
  var acts: Int64
  var writes: Int?
  // What came of it
  var readAt: Int64 = 0
  var read: [Int] = [0, 0]
  var writtenAt: Int64?
  var answered: Int64 = 0
  var isAborted = false
}

private struct Version {
  var timestamp: Int64
  var writer: Int
}

private struct Trial {
  /// Of true time less the clock's reading, the true one and the claimed half width, by node.
  var offsets: [Int64]
  var errors: [Int64]
  var rule: Rule

  func interval(_ node: Int, at time: Int64) -> ClockInterval {
    let wall = time + offsets[node]
    return ClockInterval(earliest: wall - errors[node], latest: wall + errors[node])
  }

  /// Nil if the history can be explained; otherwise it cannot.
  mutating func violates(_ draw: inout Draw) -> Bool {
    var operations: [Operation] = []
    for _ in 0..<5 {
      let begun = Int64(draw.next(60))
      operations.append(
        Operation(
          gateway: draw.next(3), begun: begun, acts: begun + Int64(draw.next(4)),
          writes: draw.next(2) == 0 ? draw.next(2) : nil))
    }
    // Logical counters are left out: the number of the transaction makes timestamps differ, as a gateway's number does.
    var versions: [[Version]] = [[Version(timestamp: .min, writer: 0)], [Version(timestamp: .min, writer: 0)]]
    var readAt: [Int64] = [.min, .min]
    for place in operations.indices.sorted(by: { operations[$0].acts < operations[$1].acts }) {
      let name = place + 1
      let begin = interval(operations[place].gateway, at: operations[place].begun)
      let timestamp = (rule.readsAtLatest ? begin.latest : begin.earliest) * 16 + Int64(name)
      operations[place].readAt = timestamp
      var newest = Int64.min
      for key in 0..<2 {
        readAt[key] = max(readAt[key], timestamp)
        guard let seen = versions[key].last(where: { $0.timestamp <= timestamp }) else { continue }
        operations[place].read[key] = seen.writer
        newest = max(newest, seen.timestamp)
      }
      var waitsFor = newest
      if let key = operations[place].writes {
        let last = versions[key].last?.timestamp ?? .min
        var commit = timestamp
        if last >= commit { commit = last + 16 - (last - Int64(name)) % 16 }
        if readAt[key] > commit { commit = readAt[key] + 16 - (readAt[key] - Int64(name)) % 16 }
        // A refresh: nothing that was read may have changed up to the commit.
        let isStale = (0..<2).contains { key in
          versions[key].contains { $0.timestamp > timestamp && $0.timestamp <= commit }
        }
        if isStale {
          operations[place].isAborted = true
        } else {
          for key in 0..<2 { readAt[key] = max(readAt[key], commit) }
          versions[key].append(Version(timestamp: commit, writer: name))
          versions[key].sort { $0.timestamp < $1.timestamp }
          operations[place].writtenAt = commit
          waitsFor = commit
        }
      }
      let mustWait = operations[place].writtenAt == nil ? rule.readersWait : rule.writersWait
      var answer = operations[place].acts + 1
      if mustWait, waitsFor > .min {
        while interval(operations[place].gateway, at: answer).earliest <= waitsFor / 16 { answer += 1 }
      }
      operations[place].answered = answer
    }
    let done = operations.enumerated().filter { !$0.element.isAborted }
    return !Self.isExplained(done.map { ($0.offset + 1, $0.element) }, state: [0, 0])
  }

  /// Whether some order that agrees with real time gives every transaction what it read: depth-first over who comes next.
  private static func isExplained(_ left: [(name: Int, operation: Operation)], state: [Int]) -> Bool {
    if left.isEmpty { return true }
    for (place, next) in left.enumerated() {
      if left.contains(where: { $0.operation.answered < next.operation.begun }) || next.operation.read != state {
        continue
      }
      var after = state
      if let key = next.operation.writes { after[key] = next.name }
      var rest = left
      rest.remove(at: place)
      if isExplained(rest, state: after) { return true }
    }
    return false
  }
}

@Suite struct ExternalConsistencyTests {
  private func violations(_ rule: Rule, seed: UInt64, count: Int = 40_000) -> Int {
    var draw = Draw(state: seed)
    var found = 0
    for _ in 0..<count {
      let errors = (0..<3).map { _ in Int64(draw.next(6)) }
      // The worst edges: as far off as is admitted, one way or the other.
      let offsets = errors.map { draw.next(2) == 0 ? $0 : -$0 }
      var trial = Trial(offsets: offsets, errors: errors, rule: rule)
      if trial.violates(&draw) { found += 1 }
    }
    return found
  }

  @Test func `Under the rule no history of 40000 contradicts real time`() {
    #expect(violations(Rule(), seed: 0x1234_5678_9ABC_DEF1) == 0)
  }

  @Test func `Without a part of the rule some do`() {
    let seed: UInt64 = 0x9876_5432_1FED_CBA9
    let withoutWriters = violations(Rule(writersWait: false), seed: seed)
    let withoutReaders = violations(Rule(readersWait: false), seed: seed)
    let atEarliest = violations(Rule(readsAtLatest: false), seed: seed)
    #expect(
      withoutWriters > 0 && withoutReaders > 0 && atEarliest > 0, "\(withoutWriters) \(withoutReaders) \(atEarliest)")
    // Much more often it is the writers' wait that counts.
    #expect(withoutWriters > withoutReaders)
  }
}
