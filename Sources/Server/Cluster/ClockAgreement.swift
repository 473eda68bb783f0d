// Whether the clocks of two nodes may serve one cluster. Nodes of one machine read one clock, which has no error against itself. As soon as
// there are two machines, every node must know how far its clock may be off: without that, what one node has acknowledged another one
// might not see.

/// What a node knows of its clock.
struct ClockFacts: Hashable, Sendable {
  /// Empty: not known, which is like no other machine.
  var machineBootID: String
  /// Nanoseconds; nil: none was given.
  var maximumError: Int64?
}

enum ClockAgreement {
  static func isSameClock(_ one: String, _ other: String) -> Bool { one == other && !one.isEmpty }

  /// Why a node cannot join a cluster of which `member` is one; nil if it can.
  static func objection(toJoining joiner: ClockFacts, _ member: ClockFacts) -> String? {
    if isSameClock(joiner.machineBootID, member.machineBootID) { return nil }
    let which: String
    switch (joiner.maximumError, member.maximumError) {
    case (.some, .some): return nil
    case (nil, .some): which = "it was started without"
    case (.some, nil): which = "the cluster's nodes were started without"
    case (nil, nil): which = "neither it nor the cluster's nodes were started with"
    }
    return
      "the node runs on another machine than the cluster, so their clocks may differ, and \(which) --max-clock-error; "
      + "start every node of a cluster over several machines with the bound that its time service keeps, for instance 10ms"
  }

  /// Whether two clocks lie further apart than both promised.
  /// - Parameters:
  ///   - offset: nanoseconds that the other clock is ahead, give or take `uncertainty`.
  ///   - bound: of both; the other node's is taken to be no larger than this node's.
  static func isBroken(offset: Int64, uncertainty: Int64, bound: Int64) -> Bool {
    let distance = offset == Int64.min ? Int64.max : abs(offset)
    let (allowed, overflow) = bound.multipliedReportingOverflow(by: 2)
    return !overflow && distance - min(distance, max(0, uncertainty)) > allowed
  }
}
