// What should be done next about who has which range and who leads it, as a pure function of what is known: nodes, and the ranges that
// one node leads. A plan has at most one step for each range; the next plan is made when its effects are seen, so nothing is remembered.
//
// What is planned never lowers the number of failures that a range survives below what its number of replicas promises, never takes away a
// replica that the rest cannot do without, and puts a new replica in place before an old one goes. A voter's node that is only silent is
// waited for. For each range, in this order:
//
//   1. the lease leaves a node that is to be stopped or to leave the cluster
//   2. a learner is promoted once it has caught up, or goes with its node
//   3. a replica is added where too few are on nodes that stay
//   4. a replica goes whose node is dead or leaves, or one that is too many
//
// Replicas are spread over what differs in their nodes' localities first, over nodes with few replicas then.
// Source: CockroachDB's order of repairs, reference 2.11; PD's checkers, raft-and-placement 4.3.

import Ranges
import Transport

/// A member of the cluster as a planner sees it.
public struct PlacementNode: Hashable, Sendable {
  public enum Health: Hashable, Sendable {
    case live
    /// Not heard of for a moment: it may be back any time.
    case silent
    /// Not heard of for so long that its replicas are to be replaced.
    case dead
  }

  public var id: NodeID
  /// Where it stands, from the widest to the narrowest.
  public var place: [String]
  public var health: Health
  /// It is to end with no replicas.
  public var isLeaving: Bool
  /// It is about to be stopped, and will be back.
  public var isDraining: Bool
  public var replicaCount: Int

  public init(
    _ id: NodeID, place: [String] = [], health: Health = .live, isLeaving: Bool = false, isDraining: Bool = false,
    replicaCount: Int = 0
  ) {
    self.id = id
    self.place = place
    self.health = health
    self.isLeaving = isLeaving
    self.isDraining = isDraining
    self.replicaCount = replicaCount
  }

  /// Whether it may be given a replica, or a lease.
  var isTaking: Bool { health == .live && !isLeaving && !isDraining }
  /// Whether a replica there is to stay.
  var isKeeping: Bool { health != .dead && !isLeaving }
}

/// A range as its leaseholder sees it.
public struct PlacementRange: Hashable, Sendable {
  public var descriptor: RangeDescriptor
  /// Whose replicas have everything that is committed, or nearly; the leaseholder's is among them.
  public var caughtUp: [NodeID]

  public init(_ descriptor: RangeDescriptor, caughtUp: [NodeID]) {
    self.descriptor = descriptor
    self.caughtUp = caughtUp
  }
}

/// One change of one range.
public struct PlacementStep: Hashable, Sendable, CustomStringConvertible {
  public enum Change: Hashable, Sendable {
    case transferLease(to: NodeID)
    case addLearner(on: NodeID)
    case promoteLearner(on: NodeID)
    case removeReplica(on: NodeID)
  }

  public var range: RangeID
  public var change: Change

  public init(_ range: RangeID, _ change: Change) {
    self.range = range
    self.change = change
  }

  public var description: String {
    switch change {
    case .transferLease(let node): "\(range): lease to \(node)"
    case .addLearner(let node): "\(range): learner on \(node)"
    case .promoteLearner(let node): "\(range): voter on \(node)"
    case .removeReplica(let node): "\(range): none on \(node)"
    }
  }
}

/// What is known, and what follows from it.
public struct PlacementPlan: Sendable {
  /// The leaseholder of all ranges that are planned for.
  public var own: NodeID
  /// Replicas that each range is to have; odd.
  public var factor: Int
  /// Learners that may be filled at a time for this leaseholder: each takes a snapshot.
  public var learnerLimit = 4
  private var nodes: [NodeID: PlacementNode]
  private let sortedNodes: [NodeID]

  public init(own: NodeID, factor: Int = 3, nodes: [PlacementNode]) {
    self.own = own
    self.factor = factor
    self.nodes = [:]
    for node in nodes { self.nodes[node.id] = node }
    sortedNodes = nodes.map(\.id).sorted()
  }

  /// Whether there is certainly nothing to do about a range: cheap, for most of many.
  public func isSettled(_ descriptor: RangeDescriptor) -> Bool {
    guard descriptor.replicas.count == factor, let leader = nodes[own], !leader.isDraining else { return false }
    return descriptor.replicas.allSatisfy { $0.kind == .voter && isKeeping($0.node) }
  }

  /// All that `isSettled` depends on besides the range.
  public struct Ground: Hashable, Sendable {
    var factor: Int
    var isStaying: Bool
    /// Whose replicas are to go.
    var left: [NodeID]
  }

  public var ground: Ground {
    Ground(
      factor: factor, isStaying: nodes[own].map { !$0.isDraining } ?? false, left: sortedNodes.filter { !isKeeping($0) }
    )
  }

  /// Who may be given replicas and leases, in the order of their numbers.
  var takers: [NodeID] { sortedNodes.filter(isTaking) }

  /// The next step of each range that needs one.
  public func steps(for ranges: [PlacementRange]) -> [PlacementStep] {
    var plan = self
    var filling = ranges.count { range in range.descriptor.replicas.contains { $0.kind == .learner } }
    var steps: [PlacementStep] = []
    for range in ranges {
      guard let change = plan.change(of: range, mayAdd: filling < learnerLimit) else { continue }
      // What is decided counts at once, so that not every range takes the same node.
      switch change {
      case .addLearner(let node):
        plan.nodes[node]?.replicaCount += 1
        filling += 1
      case .removeReplica(let node): plan.nodes[node]?.replicaCount -= 1
      case .transferLease, .promoteLearner: break
      }
      steps.append(PlacementStep(range.descriptor.id, change))
    }
    return steps
  }

  // MARK: One range

  private func change(of range: PlacementRange, mayAdd: Bool) -> PlacementStep.Change? {
    let replicas = range.descriptor.replicas
    let voters = replicas.filter { $0.kind == .voter }.map(\.node)
    if let leader = nodes[own], leader.isDraining || leader.isLeaving {
      let successors = voters.filter { isTaking($0) && range.caughtUp.contains($0) && $0 != own }
      if let successor = successors.min(by: { replicaCount($0) < replicaCount($1) }) {
        return .transferLease(to: successor)
      }
      // Its members change under another leaseholder, or when it is back.
      if leader.isDraining { return nil }
    }
    let kept = voters.filter(isKeeping)
    let free = sortedNodes.filter { node in isTaking(node) && !replicas.contains { $0.node == node } }
    if let learner = replicas.first(where: { $0.kind == .learner })?.node {
      guard isKeeping(learner), nodes[learner]?.health == .live else { return .removeReplica(on: learner) }
      guard wantsMore(kept.count, of: voters.count, available: free.count + 1) else {
        return .removeReplica(on: learner)
      }
      return range.caughtUp.contains(learner) ? .promoteLearner(on: learner) : nil
    }
    if wantsMore(kept.count, of: voters.count, available: free.count) {
      return mayAdd ? best(free, beside: kept).map { .addLearner(on: $0) } : nil
    }
    return removal(of: range, voters: voters, kept: kept)
  }

  /// Whether a range that keeps some of its voters shall have one more. An even number survives no more failures than one less does, so
  /// it is no place to rest; but where there were copies there shall not be a single one.
  private func wantsMore(_ kept: Int, of voters: Int, available: Int) -> Bool {
    if kept == 1, voters > 1, available > 0 { return true }
    let most = min(factor, kept + available)
    return kept < (most % 2 == 0 ? most - 1 : most)
  }

  /// The voter that is to go, if one is and the others can do without.
  private func removal(of range: PlacementRange, voters: [NodeID], kept: [NodeID]) -> PlacementStep.Change? {
    var going = voters.filter { $0 != own && !kept.contains($0) }
    // The dead first: they are of least use.
    going.sort { (nodes[$0]?.health == .dead ? 0 : 1, $0) < (nodes[$1]?.health == .dead ? 0 : 1, $1) }
    if kept.count > factor { going += surplus(kept, range) }
    for node in going {
      // Who has merely died may be back, unless somebody else has taken its place.
      guard kept.count >= factor || nodes[node]?.isLeaving == true else { continue }
      if isSafe(without: node, range, voters: voters) { return .removeReplica(on: node) }
    }
    return nil
  }

  /// Whether the others can go on, and survive as many failures as before or as their number promises.
  private func isSafe(without node: NodeID, _ range: PlacementRange, voters: [NodeID]) -> Bool {
    let able = voters.filter { nodes[$0]?.health == .live && range.caughtUp.contains($0) }
    let left = able.filter { $0 != node }
    func quorum(_ count: Int) -> Int { count / 2 + 1 }
    let before = able.count - quorum(voters.count)
    let after = left.count - quorum(voters.count - 1)
    return after >= 0 && after >= min(before, factor - quorum(factor))
  }

  /// Of too many, those that add least to the spread, those with most replicas first.
  private func surplus(_ kept: [NodeID], _ range: PlacementRange) -> [NodeID] {
    struct Merit: Comparable {
      var isCaughtUp: Int
      var closeness: Int
      var replicaCount: Int
      var node: NodeID
      static func < (a: Merit, b: Merit) -> Bool {
        (a.isCaughtUp, -a.closeness, -a.replicaCount, a.node) < (b.isCaughtUp, -b.closeness, -b.replicaCount, b.node)
      }
    }
    let merits = kept.filter { $0 != own }.map { node in
      Merit(
        isCaughtUp: range.caughtUp.contains(node) ? 1 : 0,
        closeness: closeness(of: node, to: kept.filter { $0 != node }), replicaCount: replicaCount(node), node: node)
    }
    return merits.sorted().map(\.node)
  }

  private func best(_ free: [NodeID], beside kept: [NodeID]) -> NodeID? {
    free.min { a, b in
      (closeness(of: a, to: kept), replicaCount(a), a) < (closeness(of: b, to: kept), replicaCount(b), b)
    }
  }

  /// How many parts of their places a node has in common with others.
  func closeness(of node: NodeID, to others: [NodeID]) -> Int {
    let place = nodes[node]?.place ?? []
    return others.reduce(0) { sum, other in
      sum + zip(place, nodes[other]?.place ?? []).prefix { $0 == $1 }.count
    }
  }

  /// Whether somebody else could lead a range, now or once that replica has caught up.
  func hasHeirs(_ descriptor: RangeDescriptor) -> Bool {
    descriptor.replicas.contains { $0.kind == .voter && $0.node != own && isTaking($0.node) }
  }

  /// A node that is not known yet has just joined.
  private func isKeeping(_ node: NodeID) -> Bool { nodes[node]?.isKeeping ?? true }
  private func isTaking(_ node: NodeID) -> Bool { nodes[node]?.isTaking == true }
  private func replicaCount(_ node: NodeID) -> Int { nodes[node]?.replicaCount ?? 0 }
}
