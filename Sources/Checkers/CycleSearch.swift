// Names the cycles in a graph of dependencies: for each class of Adya's, and each component that holds one, a short cycle.
//
// Whether there are cycles of a class is told by components, in linear time: G0 by those over writes, G1c by those over writes and reads,
// G-single and G-nonadjacent by those of walks that never take two anti-dependencies in a row, G2-item by those over everything. Only
// inside such a component is a cycle looked for, breadth first.
// Source: Adya, "Weak Consistency", 1999; Kingsbury and Alvaro, "Elle", VLDB 2020; Cerone and Gotsman, "Analysing Snapshot Isolation", 2016.

struct DependencyCycle {
  var kind: AnomalyKind
  var order: Anomaly.Order
  /// Each leads from its source to the source of the next.
  var edges: [Dependency]

  init(_ edges: [Dependency]) {
    self.edges = edges
    let isAnti = edges.map { $0.kind == .antiDependency }
    switch isAnti.count(where: { $0 }) {
    case 0: kind = edges.contains { $0.kind == .read } ? .circularFlow : .writeCycle
    case 1: kind = .singleAntiDependency
    default:
      let isAdjacent = isAnti.indices.contains { isAnti[$0] && isAnti[($0 + 1) % isAnti.count] }
      kind = isAdjacent ? .antiDependencies : .nonadjacentAntiDependencies
    }
    order =
      edges.contains { $0.kind == .realTime } ? .realTime : edges.contains { $0.kind == .session } ? .session : .data
  }
}

struct CycleSearch {
  /// More components than these are not looked into: a history so broken needs no more examples.
  static let componentLimit = 200
  /// Steps of one search for the cycles of one component.
  static let stepLimit = 4_000_000

  private let graph: DependencyGraph
  private var found: [DependencyCycle] = []
  /// For each class the transactions on cycles of it that were found with fewer kinds of edges.
  private var told: [AnomalyKind: Set<Int>] = [:]

  // Of searches: when a state was last reached, and by which edge from which state.
  private var reached: [Int32]
  private var parents: [(state: Int32, edge: Dependency)]
  private var search: Int32 = 0

  static func cycles(in graph: DependencyGraph) -> [DependencyCycle] {
    var search = CycleSearch(graph)
    search.run()
    return search.found
  }

  private init(_ graph: DependencyGraph) {
    self.graph = graph
    reached = Array(repeating: 0, count: 2 * graph.count)
    let none = Dependency(source: 0, target: 0, kind: .write)
    parents = Array(repeating: (0, none), count: 2 * graph.count)
  }

  private mutating func run() {
    for order in Anomaly.Order.allCases {
      var more: DependencyKinds = []
      if order >= .session { more.insert(.one(.session)) }
      if order >= .realTime { more.insert(.one(.realTime)) }
      let all = graph.components(over: .data.union(more))
      if all.isEmpty { continue }
      for component in graph.components(over: .writes.union(more)).prefix(Self.componentLimit) {
        look(in: component, for: [.writeCycle], over: .writes.union(more)) { $0.kind != .antiDependency }
      }
      for component in graph.components(over: .flow.union(more)).prefix(Self.componentLimit) {
        look(in: component, for: [.circularFlow], over: .flow.union(more)) { $0.kind == .read }
      }
      let nonadjacent = graph.componentsWithoutAdjacentAntiDependencies(over: .data.union(more))
      for component in nonadjacent.prefix(Self.componentLimit) {
        let before = found.count
        look(in: component, for: [.singleAntiDependency], over: .flow.union(more)) { $0.kind == .antiDependency }
        look(in: component, for: [.nonadjacentAntiDependencies], over: .data.union(more), mayRepeat: false) {
          $0.kind == .antiDependency
        }
        // There is one, however long it takes, unless the component is one of G1c alone.
        if found.count == before {
          look(
            in: component, for: [.singleAntiDependency, .nonadjacentAntiDependencies], over: .data.union(more),
            mayRepeat: false, stepLimit: .max
          ) { $0.kind == .antiDependency }
        }
      }
      for component in all.prefix(Self.componentLimit) {
        look(in: component, for: [.antiDependencies], over: .data.union(more)) { $0.kind == .antiDependency }
      }
    }
  }

  /// Adds the shortest of the cycles that begin with certain edges of a component, and go on over edges of some kinds, if it is of a class
  /// that is looked for and has not been found among those transactions.
  /// - Parameter mayRepeat: whether two anti-dependencies may follow each other.
  private mutating func look(
    in component: [Int], for kinds: Set<AnomalyKind>, over allowed: DependencyKinds, mayRepeat: Bool = true,
    stepLimit: Int = Self.stepLimit, isFirst: (Dependency) -> Bool
  ) {
    for kind in kinds where component.contains(where: { told[kind]?.contains($0) == true }) { return }
    let members = Set(component)
    var best: DependencyCycle?
    var steps = 0
    outer: for node in component {
      for edge in graph.edges(of: node)
      where allowed.union(.one(.antiDependency)).contains(edge.kind) && members.contains(Int(edge.target))
        && isFirst(edge)
      {
        let walk = close(edge, members, allowed, mayRepeat: mayRepeat, limit: best?.edges.count ?? .max, &steps)
        if let walk {
          let cycle = DependencyCycle(walk)
          if kinds.contains(cycle.kind) {
            best = cycle
            if walk.count == 2 { break outer }
          }
        }
        if steps > stepLimit { break outer }
      }
    }
    guard let best else { return }
    for edge in best.edges { told[best.kind, default: []].insert(Int(edge.source)) }
    found.append(best)
  }

  /// The shortest walk that begins with an edge and ends where that began, of fewer edges than a limit.
  private mutating func close(
    _ first: Dependency, _ members: Set<Int>, _ allowed: DependencyKinds, mayRepeat: Bool, limit: Int,
    _ steps: inout Int
  ) -> [Dependency]? {
    search += 1
    func state(_ edge: Dependency) -> Int { Int(edge.target) << 1 | (edge.kind == .antiDependency ? 1 : 0) }
    let begin = state(first)
    reached[begin] = search
    var level = [begin]
    var length = 1
    while !level.isEmpty, length + 1 < limit {
      length += 1
      var next: [Int] = []
      for current in level {
        for edge in graph.edges(of: current >> 1) where allowed.contains(edge.kind) {
          steps += 1
          let isAnti = edge.kind == .antiDependency
          if !mayRepeat, isAnti, current & 1 == 1 { continue }
          let target = state(edge)
          if edge.target == first.source {
            if !mayRepeat, isAnti { continue }
            var walk = [edge]
            var at = current
            while at != begin {
              walk.append(parents[at].edge)
              at = Int(parents[at].state)
            }
            walk.append(first)
            return walk.reversed()
          }
          guard reached[target] != search, members.contains(Int(edge.target)) else { continue }
          reached[target] = search
          parents[target] = (Int32(current), edge)
          next.append(target)
        }
      }
      level = next
    }
    return nil
  }
}
