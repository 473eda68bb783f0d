// Each register by itself: is there an order of its transactions, within the time of each, in which every one reads what was written last?
//
// Begins and ends are gone through in time; kept are all the states that the register may be in, each with those of the open transactions
// that have taken effect in it. When one ends it must have taken effect, so each state is carried on by every order of open ones that leads
// there. A state that was met is not met again.
// Source: Herlihy and Wing, "Linearizability", 1990; Wing and Gong, "Testing and Verifying Concurrent Objects", 1993; Lowe, "Testing for
// Linearizability", 2017.

struct RegisterChecker {
  /// More states at a time than these are given up on.
  static let stateLimit = 1 << 17

  /// What one transaction did to one register.
  private struct Access {
    var number: Int
    var begun: Int64
    var ended: Int64
    /// Its reads and writes, in order.
    var steps: [(isWrite: Bool, value: Int?)]

    /// What the register holds afterwards; nil if it cannot have read what it read.
    func apply(to value: Int?) -> Int?? {
      var value = value
      for step in steps {
        if step.isWrite { value = step.value } else if step.value != value { return nil }
      }
      return .some(value)
    }
  }

  private struct State: Hashable {
    var value: Int?
    /// The slots of open transactions that have taken effect.
    var done: UInt128
  }

  static func check(_ history: History) -> [Anomaly] {
    var byKey: [Int: [Access]] = [:]
    var anomalies: [Anomaly] = []
    var writers: [RegisterValue: Int] = [:]
    for (number, transaction) in history.transactions.enumerated() {
      var steps: [Int: [(isWrite: Bool, value: Int?)]] = [:]
      for operation in transaction.operations {
        switch operation {
        case .read(let key, let value): steps[key, default: []].append((false, value))
        case .write(let key, let value):
          steps[key, default: []].append((true, value))
          writers[RegisterValue(key: key, value: value)] = number
        default: break
        }
      }
      for key in steps.keys.sorted() {
        byKey[key, default: []].append(
          Access(number: number, begun: transaction.begun, ended: transaction.ended, steps: steps[key] ?? []))
      }
    }
    for key in byKey.keys.sorted() {
      let accesses = byKey[key] ?? []
      if let wrong = misread(key, accesses, writers, history) {
        anomalies.append(wrong)
      } else if let wrong = disorder(key, bounded(accesses, history), history) {
        anomalies.append(wrong)
      }
    }
    return anomalies
  }

  /// A read of what nobody wrote, or of what did not happen.
  private static func misread(
    _ key: Int, _ accesses: [Access], _ writers: [RegisterValue: Int], _ history: History
  ) -> Anomaly? {
    for access in accesses where history.transactions[access.number].outcome == .committed {
      for step in access.steps where !step.isWrite {
        guard let value = step.value else { continue }
        guard let writer = writers[RegisterValue(key: key, value: value)] else {
          return Anomaly(
            .unwrittenRead, [access.number],
            "T\(access.number) read \(value) in register \(key), which nobody wrote\n  \(history.describe(access.number))"
          )
        }
        if history.transactions[writer].outcome == .aborted {
          return Anomaly(
            .abortedRead, [access.number, writer],
            "T\(access.number) read \(value) in register \(key), which T\(writer) wrote, and that was aborted\n"
              + "  \(history.describe(access.number))\n  \(history.describe(writer))")
        }
      }
    }
    return nil
  }

  /// What may have happened, each with the time at which it must have. What is unknown happened before whoever read its value ended, and
  /// what nobody read can be left out: nothing depends on it, since every value is written once.
  private static func bounded(_ accesses: [Access], _ history: History) -> [Access] {
    var firstReads: [Int: Int64] = [:]
    for access in accesses where history.transactions[access.number].outcome == .committed {
      for case (false, let value?) in access.steps { firstReads[value] = min(firstReads[value] ?? .max, access.ended) }
    }
    // A read of one that is itself unknown, and was seen, makes what it read certain too.
    var bounded = accesses.filter { history.transactions[$0.number].outcome == .committed }
    var unknown = accesses.filter { history.transactions[$0.number].outcome == .unknown }
    var isGrowing = true
    while isGrowing {
      isGrowing = false
      unknown.removeAll { access in
        let seen = access.steps.compactMap { $0.isWrite ? $0.value.flatMap { firstReads[$0] } : nil }.min()
        guard let seen else { return false }
        var certain = access
        certain.ended = max(seen, access.begun + 1)
        bounded.append(certain)
        for case (false, let value?) in access.steps {
          firstReads[value] = min(firstReads[value] ?? .max, certain.ended)
        }
        isGrowing = true
        return true
      }
    }
    return bounded
  }

  /// What cannot be put in order; nil if all can.
  private static func disorder(_ key: Int, _ accesses: [Access], _ history: History) -> Anomaly? {
    // Begins come before ends of the same moment: those are concurrent.
    let events =
      (accesses.indices.map { (time: accesses[$0].begun, isEnd: false, access: $0) }
      + accesses.indices.map { (time: accesses[$0].ended, isEnd: true, access: $0) })
      .sorted { ($0.time, $0.isEnd ? 1 : 0, $0.access) < ($1.time, $1.isEnd ? 1 : 0, $1.access) }
    var slots: [Int?] = Array(repeating: nil, count: 128)
    var slotOf: [Int: Int] = [:]
    var states: Set<State> = [State(value: nil, done: 0)]
    for event in events {
      guard event.isEnd else {
        guard let slot = slots.firstIndex(of: nil) else {
          return Anomaly(.unchecked, [], "register \(key) has more than \(slots.count) transactions at a time")
        }
        slots[slot] = event.access
        slotOf[event.access] = slot
        continue
      }
      guard let slot = slotOf.removeValue(forKey: event.access) else { continue }
      let bit = UInt128(1) << UInt128(slot)
      var met = states
      var open = Array(states)
      var survivors: Set<State> = []
      while let state = open.popLast() {
        if state.done & bit != 0 {
          survivors.insert(State(value: state.value, done: state.done & ~bit))
          continue
        }
        for (other, access) in slots.enumerated() {
          guard let access, state.done & UInt128(1) << UInt128(other) == 0,
            let value = accesses[access].apply(to: state.value)
          else { continue }
          let next = State(value: value, done: state.done | UInt128(1) << UInt128(other))
          if met.insert(next).inserted { open.append(next) }
        }
        if met.count > Self.stateLimit {
          return Anomaly(.unchecked, [], "register \(key) may be in more than \(Self.stateLimit) states at a time")
        }
      }
      slots[slot] = nil
      if survivors.isEmpty {
        let number = accesses[event.access].number
        let held = Set(states.map(\.value)).sorted { ($0 ?? .min) < ($1 ?? .min) }.map { $0.map { "\($0)" } ?? "unset" }
        let others = slots.compactMap { $0 }.map { accesses[$0].number }.sorted()
        // Who wrote what the failed one read, and who wrote what the register may hold by then.
        let values = Set(states.map(\.value)).union(accesses[event.access].steps.filter { !$0.isWrite }.map(\.value))
        let writers = accesses.filter { access in
          access.steps.contains { $0.isWrite && values.contains($0.value) } && access.number != number
            && !others.contains(access.number)
        }.map(\.number).sorted()
        return Anomaly(
          .nonlinearizable, order: .realTime, [number] + others + writers,
          """
          T\(number) cannot be put anywhere in the order of register \(key): before the end of T\(number) it held \(held.joined(separator: " or "))
            \(history.describe(number))
          Others that were under way then:
          \(others.isEmpty ? "  none" : others.map { "  " + history.describe($0) }.joined(separator: "\n"))
          Who wrote those values:
          \(writers.isEmpty ? "  nobody" : writers.map { "  " + history.describe($0) }.joined(separator: "\n"))
          """)
      }
      states = survivors
    }
    return nil
  }
}
