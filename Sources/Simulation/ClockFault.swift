// A clock that breaks its bound: one node's, until that node ends for it; then, after a while, another one's.
//
// What is asked: the node ends by itself within some seconds in which it is heard, some node has the incident on its disk, and nobody else ends for
// its clock, unless faults of the network or of machines keep a node from hearing that a majority agrees with it.

import Ranges
import Reactors

/// Used by the thread of its world alone.
final class ClockFault {
  /// Nanoseconds within which the node must have ended, where nothing keeps it from hearing others.
  private static let patience = 12 * Int64.second

  /// Nanoseconds by which a wrong clock is ahead at most, and some: what was acknowledged under its timestamps is seen once they are past.
  static let reach = 3500 * Int64.millisecond

  private let world: SimulatedWorld
  private let nodes: [SimulatedNode]
  private var random: RandomSource
  /// Whether clocks only run too fast or too slow: with cluster time the time of day may be what it likes.
  private let isGradual: Bool
  /// Whether nothing else is wrong.
  private let isAlone: Bool
  /// Whose clock is wrong, in which of its lives, and since when.
  private var victim: (node: SimulatedNode, life: Int, since: Int64)?
  private var fencedCount = 0
  private var othersCount = 0

  init(_ world: SimulatedWorld, _ nodes: [SimulatedNode], random: RandomSource, isGradual: Bool, isAlone: Bool) {
    self.world = world
    self.nodes = nodes
    self.random = random
    self.isGradual = isGradual
    self.isAlone = isAlone
  }

  var summary: String { "\(fencedCount) clocks fenced" + (othersCount > 0 ? ", \(othersCount) beside them" : "") }

  func begin(_ goesOn: @escaping () -> Bool) {
    world.schedule(afterNanoseconds: .second + random.exponential(mean: 3 * .second)) { [self] in
      guard goesOn() else { return }
      if victim.map({ !$0.node.isAlive($0.life) }) ?? true { breakBound() }
      begin(goesOn)
    }
  }

  private func breakBound() {
    victim = nil
    let node = random.pick(nodes)
    guard node.isUp, let machine = node.environments.last?.machine else { return }
    // It has been heard with a right clock before, or nobody could tell which of them came last.
    victim = (node, node.life, world.now)
    if isGradual || random.chance(percent: 30) {
      let drift = random.pick([Int64(-9000), -8000, 8000, 9000])
      world.note(12, UInt64(node.number), "the clock of node \(node.number) drifts by \(drift) parts in a million")
      machine.clock.setDrift(perMillion: drift, at: world.now)
    } else {
      let jump = random.pick([150, 400, 3000]) * Int64.millisecond
      world.note(12, UInt64(node.number), "the clock of node \(node.number) jumps ahead by \(jump / .millisecond) ms")
      machine.clock.jump(byNanoseconds: jump)
    }
  }

  /// A node has ended by itself. What is wrong with that, if anything is.
  func ended(_ node: SimulatedNode, _ reason: String) -> String? {
    guard reason.contains("clock") else { return nil }
    guard let victim, victim.node === node, node.isAlive(victim.life) else {
      othersCount += 1
      return isAlone ? "node \(node.number), whose clock is right, ends for it: \(reason)" : nil
    }
    fencedCount += 1
    let isKept = nodes.contains { other in
      other.watch?.incidents.contains { $0.node.rawValue == node.number || $0.other.rawValue == node.number } ?? false
    }
    return isKept ? nil : "node \(node.number) ended for its clock, and nobody has kept why"
  }

  /// At the end: a clock has been wrong for long, and its node goes on.
  var complaint: String? {
    guard isAlone, let victim, victim.node.isAlive(victim.life) else { return nil }
    // A drift takes a while to leave the bound.
    let since = world.now - victim.since
    return since > Self.patience + 20 * .second
      ? "the clock of node \(victim.node.number) has been wrong for \(since / .second) s, and the node goes on" : nil
  }
}
