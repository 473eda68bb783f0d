// A graph of dependencies, and its strongly connected components by Tarjan's algorithm (1972), without recursion: a history of 100,000
// transactions is one deep path.

/// Why one transaction must come before another.
enum DependencyKind: UInt8 {
  /// The target wrote the version after one of the source.
  case write
  /// The target read a version of the source.
  case read
  /// The target wrote the version after one that the source read.
  case antiDependency
  /// The target is the next one of the source's client.
  case session
  /// The source was over before the target began.
  case realTime
}

struct Dependency: Hashable {
  var source: Int32
  var target: Int32
  var kind: DependencyKind
  /// The list, and the value that the target wrote, or read last.
  var list = 0
  var value = 0
}

/// Kinds of dependencies.
struct DependencyKinds: OptionSet {
  let rawValue: UInt8

  static func one(_ kind: DependencyKind) -> DependencyKinds { DependencyKinds(rawValue: 1 << kind.rawValue) }
  static let writes = one(.write)
  static let flow: DependencyKinds = [one(.write), one(.read)]
  static let data: DependencyKinds = [one(.write), one(.read), one(.antiDependency)]

  func contains(_ kind: DependencyKind) -> Bool { rawValue & 1 << kind.rawValue != 0 }
}

/// Dependencies by their sources.
struct DependencyGraph {
  let count: Int
  private let starts: [Int32]
  private let edges: [Dependency]

  init(_ count: Int, _ dependencies: [Dependency]) {
    self.count = count
    var starts = [Int32](repeating: 0, count: count + 1)
    for edge in dependencies { starts[Int(edge.source) + 1] += 1 }
    for node in 0..<count { starts[node + 1] += starts[node] }
    var edges = dependencies
    var next = starts
    for edge in dependencies {
      edges[Int(next[Int(edge.source)])] = edge
      next[Int(edge.source)] += 1
    }
    self.starts = starts
    self.edges = edges
  }

  func edges(of node: Int) -> ArraySlice<Dependency> { edges[Int(starts[node])..<Int(starts[node + 1])] }

  /// Components of more than one transaction, over dependencies of some kinds, each in ascending order.
  func components(over kinds: DependencyKinds) -> [[Int]] {
    Self.components(count, degree: { self.edges(of: $0).count }) { node, place in
      let edge = self.edges[Int(self.starts[node]) + place]
      return kinds.contains(edge.kind) ? Int(edge.target) : nil
    }
  }

  /// Transactions that are together on closed walks without two anti-dependencies in a row, over dependencies of some kinds. A walk is in
  /// one of two states, whether its last step was an anti-dependency; the components are those of the graph of transactions and states.
  func componentsWithoutAdjacentAntiDependencies(over kinds: DependencyKinds) -> [[Int]] {
    let found = Self.components(2 * count, degree: { self.edges(of: $0 >> 1).count }) { node, place in
      let edge = self.edges[Int(self.starts[node >> 1]) + place]
      guard kinds.contains(edge.kind) else { return nil }
      let isAnti = edge.kind == .antiDependency
      if isAnti, node & 1 == 1 { return nil }
      return Int(edge.target) << 1 | (isAnti ? 1 : 0)
    }
    return found.map { component in
      var nodes = component.map { $0 >> 1 }
      nodes.sort()
      return nodes.enumerated().filter { $0 == 0 || nodes[$0 - 1] != $1 }.map(\.element)
    }
  }

  /// Tarjan's algorithm.
  /// - Parameter target: the node that the edge at a place leads to; nil if that edge does not count.
  private static func components(
    _ count: Int, degree: (Int) -> Int, target: (_ node: Int, _ place: Int) -> Int?
  ) -> [[Int]] {
    // 0 is new; numbers are those of the visit, and the maximum of what has its component.
    var number = [Int32](repeating: 0, count: count)
    var low = [Int32](repeating: 0, count: count)
    var stack: [Int32] = []
    var path: [(node: Int, place: Int)] = []
    var visits: Int32 = 0
    var found: [[Int]] = []
    for root in 0..<count where number[root] == 0 {
      path.append((root, 0))
      visits += 1
      number[root] = visits
      low[root] = visits
      stack.append(Int32(root))
      while let (node, place) = path.last {
        if place < degree(node) {
          path[path.count - 1].place += 1
          guard let next = target(node, place) else { continue }
          if number[next] == 0 {
            visits += 1
            number[next] = visits
            low[next] = visits
            stack.append(Int32(next))
            path.append((next, 0))
          } else if number[next] != .max {
            low[node] = min(low[node], number[next])
          }
          continue
        }
        path.removeLast()
        if let parent = path.last?.node { low[parent] = min(low[parent], low[node]) }
        if low[node] != number[node] { continue }
        var component: [Int] = []
        while let member = stack.popLast() {
          number[Int(member)] = .max
          component.append(Int(member))
          if Int(member) == node { break }
        }
        if component.count > 1 {
          component.sort()
          found.append(component)
        }
      }
    }
    return found.sorted { $0[0] < $1[0] }
  }
}
