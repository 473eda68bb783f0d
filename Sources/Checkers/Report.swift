// What a checker found, by its standard names, told so that a person can follow it.

/// One thing that is wrong, and why.
public struct Anomaly: Sendable, Hashable {
  /// What a cycle of dependencies needs besides them.
  public enum Order: Int, Sendable, Hashable, CaseIterable, Comparable {
    case data
    /// The order of each client's own transactions.
    case session
    case realTime

    public static func < (left: Order, right: Order) -> Bool { left.rawValue < right.rawValue }
  }

  public var kind: AnomalyKind
  public var order: Order
  /// Those involved, as places in the history.
  public var transactions: [Int]
  /// What happened, on several lines.
  public var explanation: String

  init(_ kind: AnomalyKind, order: Order = .data, _ transactions: [Int], _ explanation: String) {
    self.kind = kind
    self.order = order
    self.transactions = transactions
    self.explanation = explanation
  }

  /// Such as `G-single-realtime`.
  public var name: String {
    switch order {
    case .data: kind.rawValue
    case .session: kind.rawValue + "-process"
    case .realTime: kind.rawValue + "-realtime"
    }
  }
}

/// What a check found.
public struct Report: Sendable {
  public var workload: Workload
  public var committedCount: Int
  public var abortedCount: Int
  public var unknownCount: Int
  /// Those that the level of their transactions allows.
  public var allowed: [Anomaly] = []
  /// Those that it does not.
  public var violations: [Anomaly] = []

  init(_ workload: Workload, _ history: History, _ anomalies: [Anomaly]) {
    self.workload = workload
    committedCount = history.count(.committed)
    abortedCount = history.count(.aborted)
    unknownCount = history.count(.unknown)
    for anomaly in anomalies {
      let isAllowed = anomaly.transactions.contains { history.transactions[$0].isolation.allows(anomaly.kind) }
      if isAllowed { allowed.append(anomaly) } else { violations.append(anomaly) }
    }
  }

  /// How often each was found, in the order of names.
  public static func counts(_ anomalies: [Anomaly]) -> [(name: String, count: Int)] {
    var counts: [String: Int] = [:]
    for anomaly in anomalies { counts[anomaly.name, default: 0] += 1 }
    return counts.keys.sorted().map { ($0, counts[$0] ?? 0) }
  }

  /// One line.
  public var summary: String {
    let names = { (anomalies: [Anomaly]) in
      Self.counts(anomalies).map { "\($0.name) \($0.count)" }.joined(separator: ", ")
    }
    return "\(workload.rawValue): \(committedCount) committed, \(abortedCount) aborted, \(unknownCount) unknown; "
      + (violations.isEmpty ? "no violation" : "VIOLATED: \(names(violations))")
      + (allowed.isEmpty ? "" : "; allowed at this level: \(names(allowed))")
  }

  /// The summary, then one of each violation, and of each kind that is allowed, in full.
  public var text: String {
    var lines = [summary]
    for (title, anomalies) in [("", violations), (" (allowed)", allowed)] {
      var told: Set<String> = []
      for anomaly in anomalies where told.insert(anomaly.name).inserted {
        lines.append("\n\(anomaly.name)\(title): \(anomaly.explanation)")
      }
    }
    return lines.joined(separator: "\n")
  }
}
