// Isolation levels, and what may be seen under each.
//
// SERIALIZABLE is strict here: the serial order agrees with real time. REPEATABLE READ is snapshot isolation, with snapshots that hold
// whatever was acknowledged before they were taken: of the cycles of dependencies it allows those with two anti-dependencies in a row, real
// time included, and nothing else. READ COMMITTED takes such a snapshot for every statement, and a write waits for whoever has written the row.
// Source: Adya, "Weak Consistency", 1999; Cerone and Gotsman, "Analysing Snapshot Isolation", 2016; PostgreSQL manual, 13.2.

/// A level of isolation as PostgreSQL names it.
public enum Isolation: String, Sendable, Hashable, CaseIterable {
  case serializable
  case repeatableRead = "repeatable-read"
  case readCommitted = "read-committed"

  /// As SQL spells it.
  public var sql: String {
    switch self {
    case .serializable: "SERIALIZABLE"
    case .repeatableRead: "REPEATABLE READ"
    case .readCommitted: "READ COMMITTED"
    }
  }

  /// Whether something may be seen under it.
  public func allows(_ kind: AnomalyKind) -> Bool {
    switch self {
    case .serializable: false
    case .repeatableRead: kind.strongestAllowing == .repeatableRead
    case .readCommitted: kind.strongestAllowing != nil
    }
  }
}

/// What can be wrong with a history.
public enum AnomalyKind: String, Sendable, Hashable, CaseIterable {
  // Cycles of dependencies
  /// Of writes over writes alone.
  case writeCycle = "G0"
  /// Of writes over writes and reads of writes.
  case circularFlow = "G1c"
  /// With one anti-dependency: read skew.
  case singleAntiDependency = "G-single"
  /// With several anti-dependencies, no two of them in a row: a long fork, say.
  case nonadjacentAntiDependencies = "G-nonadjacent"
  /// With anti-dependencies in a row: write skew.
  case antiDependencies = "G2-item"

  // Reads of what was never there
  case abortedRead = "G1a"
  case intermediateRead = "G1b"
  /// Of a value that nobody wrote.
  case unwrittenRead = "unwritten-read"
  /// A transaction does not see its own writes, or unsees what it has seen.
  case internalInconsistency = "internal"
  /// A transaction reads the same twice and finds more than it has written itself.
  case nonrepeatableRead = "P2"

  // Writes
  /// A write that happened stands on one that did not.
  case dirtyUpdate = "dirty-update"
  /// Two transactions read the same version and both replace it.
  case lostUpdate = "lost-update"
  /// Two reads cannot both be prefixes of one order.
  case incompatibleOrder = "incompatible-order"
  case duplicate = "duplicate"
  /// An acknowledged write that nobody sees afterwards.
  case lostWrite = "lost-write"

  // What a workload promises
  case wrongTotal = "wrong-total"
  case nonlinearizable = "nonlinearizable"
  /// A counter goes back.
  case nonmonotonic = "nonmonotonic"
  /// Two reads see two writes in opposite orders.
  case longFork = "long-fork"
  /// A write is seen without one that was over before it began.
  case causalReverse = "causal-reverse"
  /// A read misses what was acknowledged before it began.
  case staleRead = "stale-read"
  /// Two transactions inserted what each should have found absent.
  case duplicateUpsert = "duplicate-upsert"
  /// A part of a transaction is seen without the rest.
  case fracturedRead = "fractured-read"

  /// The history is too wild for its checker, which vouches for nothing.
  case unchecked = "unchecked"

  /// The strongest level that allows it; nil if none does.
  var strongestAllowing: Isolation? {
    switch self {
    case .antiDependencies, .duplicateUpsert: .repeatableRead
    case .singleAntiDependency, .nonadjacentAntiDependencies, .nonrepeatableRead, .lostUpdate, .wrongTotal,
      .nonlinearizable, .nonmonotonic, .longFork, .causalReverse, .fracturedRead:
      .readCommitted
    case .writeCycle, .circularFlow, .abortedRead, .intermediateRead, .unwrittenRead, .internalInconsistency,
      .dirtyUpdate, .incompatibleOrder, .duplicate, .lostWrite, .staleRead, .unchecked:
      nil
    }
  }
}
