// Whether the clocks of two nodes may serve one cluster. Nodes of one machine read one clock, which has no error against itself. As soon as
// there are two machines, every node must know how far its clock may be off: without that, what one node has acknowledged another one
// might not see. What contradicts a bound is found by `ClockWatch`.

/// What a node knows of its clock.
struct ClockFacts: Hashable, Sendable {
  /// Empty: not known, which is like no other machine.
  var machineBootID: String
  /// Nanoseconds; nil: none is known, as on one machine.
  var maximumError: Int64?
  /// Whether the time of an elected node counts.
  var goesByClusterTime = false
}

enum ClockAgreement {
  static func isSameClock(_ one: String, _ other: String) -> Bool { one == other && !one.isEmpty }

  /// Why a node cannot join a cluster of which `member` is one; nil if it can.
  static func objection(toJoining joiner: ClockFacts, _ member: ClockFacts) -> String? {
    if joiner.goesByClusterTime != member.goesByClusterTime {
      return joiner.goesByClusterTime
        ? "the node was started with --clock-source cluster, and the cluster's nodes were not"
        : "the cluster's nodes were started with --clock-source cluster, and the node was not"
    }
    if joiner.goesByClusterTime { return nil }
    if isSameClock(joiner.machineBootID, member.machineBootID) { return nil }
    let which: String
    switch (joiner.maximumError, member.maximumError) {
    case (.some, .some): return nil
    case (nil, .some): which = "it was started without a bound of its error"
    case (.some, nil): which = "the cluster's nodes were started without a bound of their error"
    case (nil, nil): which = "neither it nor the cluster's nodes were started with a bound of their error"
    }
    return
      "the node runs on another machine than the cluster, so their clocks may differ, and \(which); "
      + "start every node of a cluster over several machines with the bound that its time service keeps (--max-clock-error 10ms), "
      + "with a time service that tells it (--clock-source clockbound or ntp), or, where there is none, with --clock-source cluster"
  }
}
