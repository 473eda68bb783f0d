// Plans as text: what is known, and the steps that follow. A cluster is a line of nodes, `1 2? 3! 4- 5~`: silent, dead, leaving, draining;
// a place follows in brackets, a number of replicas after a colon. A range is its replicas, the leaseholder's first: `1 2 3L 4*`, learners
// and those that lag.

import Ranges
import Testing
import Transport

@testable import Placement

@Suite struct PlacementPlanTests {
  private func node(_ number: Int) -> NodeID { NodeID(rawValue: UInt32(number)) }

  private func parse(_ word: Substring) -> (number: Int, marks: Set<Character>, place: [String], count: Int) {
    var rest = word
    let number = Int(rest.prefix { $0.isNumber })!
    rest = rest.drop { $0.isNumber }
    var place: [String] = []
    if let open = rest.firstIndex(of: "["), let close = rest.firstIndex(of: "]") {
      place = rest[rest.index(after: open)..<close].split(separator: "/").map(String.init)
      rest.removeSubrange(open...close)
    }
    var count = 0
    if let colon = rest.firstIndex(of: ":") {
      count = Int(rest[rest.index(after: colon)...])!
      rest = rest[..<colon]
    }
    return (number, Set(rest), place, count)
  }

  private func nodes(_ text: String) -> [PlacementNode] {
    text.split(separator: " ").map { word in
      let (number, marks, place, count) = parse(word)
      return PlacementNode(
        node(number), place: place, health: marks.contains("!") ? .dead : marks.contains("?") ? .silent : .live,
        isLeaving: marks.contains("-"), isDraining: marks.contains("~"), replicaCount: count)
    }
  }

  private func range(_ number: Int, _ text: String) -> PlacementRange {
    var replicas: [ReplicaDescriptor] = []
    var caughtUp: [NodeID] = []
    for (index, word) in text.split(separator: " ").enumerated() {
      let (number, marks, _, _) = parse(word)
      replicas.append(
        ReplicaDescriptor(
          node: node(number), replica: ReplicaID(UInt64(index + 1)), kind: marks.contains("L") ? .learner : .voter))
      if !marks.contains("*") { caughtUp.append(node(number)) }
    }
    return PlacementRange(
      RangeDescriptor(
        id: RangeID(UInt64(number)), span: .all, replicas: replicas, nextReplica: ReplicaID(UInt64(replicas.count + 1))),
      caughtUp: caughtUp)
  }

  /// What is planned for ranges that their first replica's node leads.
  private func plan(_ cluster: String, _ ranges: String...) -> String {
    let ranges = ranges.enumerated().map { range($0.offset + 1, $0.element) }
    let plan = PlacementPlan(own: ranges[0].descriptor.replicas[0].node, nodes: nodes(cluster))
    return plan.steps(for: ranges).map(\.description).joined(separator: "; ")
  }

  @Test(arguments: [
    // Up to three, never to rest at two.
    ("1 2 3", "1", "r1: learner on n2"), ("1 2", "1", ""), ("1", "1", ""), ("1 2 3", "1 2L", "r1: voter on n2"),
    ("1 2 3", "1 2L*", ""), ("1 2 3", "1 2", "r1: learner on n3"), ("1 2 3", "1 2 3L", "r1: voter on n3"),
    ("1 2 3", "1 2 3", ""), ("1 2 3 4", "1 2 3", ""),
    // A learner goes with its node, or when the node that was to be the third has gone.
    ("1 2? 3", "1 2L*", "r1: none on n2"), ("1 2- 3 4", "1 2L", "r1: none on n2"), ("1 2 3?", "1 2L", "r1: none on n2"),
    // The dead are replaced, first the new one and then without the old one; who is silent is waited for.
    ("1 2 3! 4", "1 2 3*", "r1: learner on n4"), ("1 2 3! 4", "1 2 3* 4L*", ""),
    ("1 2 3! 4", "1 2 3* 4L", "r1: voter on n4"),
    ("1 2 3! 4", "1 2 3* 4", "r1: none on n3"), ("1 2 3? 4", "1 2 3*", ""), ("1 2 3!", "1 2 3*", ""),
    // Not as long as the others could not go on.
    ("1 2 3! 4", "1 2* 3* 4*", ""), ("1 2? 3! 4", "1 2 3* 4*", ""), ("1 2? 3! 4", "1 2 3* 4", "r1: none on n3"),
    // Who leaves is replaced; without anybody to take its place it stays, unless nothing is lost with it.
    ("1 2 3- 4", "1 2 3", "r1: learner on n4"), ("1 2 3- 4", "1 2 3 4", "r1: none on n3"), ("1 2 3-", "1 2 3", ""),
    ("1 2 3-!", "1 2 3*", "r1: none on n3"), ("1 2- 3 4", "1 2 3* 4*", ""),
    // A leaseholder that leaves hands on first, as soon as it can.
    ("1- 2 3 4", "1 2 3", "r1: lease to n2"), ("1- 2 3 4", "1 2* 3", "r1: lease to n3"),
    ("1- 2", "1", "r1: learner on n2"),
    ("1- 2", "1 2L", "r1: voter on n2"), ("1- 2", "1 2", "r1: lease to n2"), ("1- 2", "2 1", "r1: none on n1"),
    // Of two copies there stay two, if there is a place.
    ("1 2 3-", "1 3", "r1: learner on n2"), ("1 2 3-", "1 3 2L", "r1: voter on n2"), ("1 3-", "1 3", "r1: none on n3"),
    // One that drains does nothing else.
    ("1~ 2 3 4", "1 2 3", "r1: lease to n2"), ("1~ 2~ 3 4", "1 2 3", "r1: lease to n3"), ("1~ 2 3 4", "1 2* 3*", ""),
    ("1~ 2? 3!", "1 2* 3*", ""), ("1 2~ 3 4", "1", "r1: learner on n3"),
    // Too many: who lags, then who adds least to the spread.
    ("1 2 3 4", "1 2 3 4", "r1: none on n2"), ("1 2 3 4", "1 2 3* 4", "r1: none on n3"),
    ("1 2 3:9 4", "1 2 3 4", "r1: none on n3"), ("1[a] 2[b] 3[c] 4[c]", "1 2 3 4", "r1: none on n3"),
    // Spread first, then few replicas.
    ("1[a/x] 2[a/y]:1 3[b/z]:7", "1", "r1: learner on n3"), ("1 2:5 3:2", "1", "r1: learner on n3"),
    ("1[a/x] 2[a/y]:9 3[a/x]", "1", "r1: learner on n2"),
    // A node that nobody has heard of is no reason to do anything.
    ("1 2", "1 2 3", ""),
  ]) func `One range`(_ cluster: String, _ replicas: String, _ expected: String) {
    #expect(plan(cluster, replicas) == expected, "\(cluster) | \(replicas)")
  }

  @Test func `What is decided counts for the ranges after it`() {
    #expect(
      plan("1 2 3 4", "1 2 3!", "1", "1", "1", "1", "1", "1")
        == "r2: learner on n2; r3: learner on n3; r4: learner on n4; r5: learner on n2")
  }

  @Test func `Following the plan every range ends where it should, and never has too few able voters`() {
    var random = RandomSource32(seed: 7)
    for _ in 0..<300 {
      var cluster = (1...6).map { PlacementNode(node($0)) }
      for place in cluster.indices where random.next(6) == 0 { cluster[place].health = .dead }
      for place in cluster.indices where random.next(6) == 0 { cluster[place].isLeaving = true }
      let alive = cluster.filter { $0.health == .live }.map(\.id)
      let staying = cluster.filter(\.isKeepingForTest).map(\.id)
      var voters = Array((1...6).map(node).shuffled(with: &random).prefix(3))
      guard voters.filter(alive.contains).count >= 2, staying.count >= 3 else { continue }
      voters.sort { alive.contains($0) && !alive.contains($1) }
      var leader = voters[0]
      var replicas = voters.enumerated().map {
        ReplicaDescriptor(node: $0.element, replica: ReplicaID(UInt64($0.offset + 1)))
      }
      var next: UInt64 = 4
      var count = 0
      while true {
        let descriptor = RangeDescriptor(id: RangeID(1), span: .all, replicas: replicas, nextReplica: ReplicaID(next))
        let plan = PlacementPlan(own: leader, nodes: cluster)
        let range = PlacementRange(descriptor, caughtUp: replicas.map(\.node).filter(alive.contains))
        guard let step = plan.steps(for: [range]).first else { break }
        count += 1
        #expect(count < 20, "the plan does not end: \(descriptor.summary)")
        if count >= 20 { break }
        switch step.change {
        case .transferLease(let node): leader = node
        case .addLearner(let node):
          replicas.append(ReplicaDescriptor(node: node, replica: ReplicaID(next), kind: .learner))
          next += 1
        case .promoteLearner(let node):
          for place in replicas.indices where replicas[place].node == node { replicas[place].kind = .voter }
        case .removeReplica(let node): replicas.removeAll { $0.node == node }
        }
        let voters = replicas.filter { $0.kind == .voter }.map(\.node)
        #expect(voters.filter(alive.contains).count > voters.count / 2)
        #expect(voters.contains(leader))
      }
      #expect(replicas.count == 3 && replicas.allSatisfy { $0.kind == .voter && staying.contains($0.node) })
    }
  }

  @Test func `Replicas are exchanged where that costs no spread, and the leaseholder's stays`() {
    func exchanges(_ cluster: String, _ replicas: String) -> String {
      let range = self.range(1, replicas)
      let plan = PlacementPlan(own: range.descriptor.replicas[0].node, nodes: self.nodes(cluster))
      return plan.exchanges(of: range.descriptor).map { "\($0.from.rawValue)>\($0.to.rawValue)" }.joined(separator: " ")
    }
    #expect(exchanges("1 2 3", "1 2 3") == "")
    #expect(exchanges("1 2 3 4", "1 2 3") == "2>4 3>4")
    #expect(exchanges("1 2 3 4? 5~ 6-", "1 2 3") == "")
    // In zone b there is a node already.
    #expect(exchanges("1[a] 2[b] 3[c] 4[b]", "1 2 3") == "2>4")
    // What is being repaired is left alone.
    #expect(exchanges("1 2 3 4", "1 2") == "")
    #expect(exchanges("1 2 3 4", "1 2 3L") == "")
  }
}

extension PlacementNode {
  fileprivate var isKeepingForTest: Bool { health == .live && !isLeaving }
}

/// A linear congruential generator (Numerical Recipes), for shuffling.
private struct RandomSource32 {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next(_ bound: Int) -> Int {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int(state >> 33) % bound
  }
}

extension Array {
  fileprivate func shuffled(with random: inout RandomSource32) -> Self {
    var copy = self
    for place in copy.indices.dropFirst().reversed() { copy.swapAt(place, random.next(place + 1)) }
    return copy
  }
}
