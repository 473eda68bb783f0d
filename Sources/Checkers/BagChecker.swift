// Rows that are added to bags and never go: what was acknowledged is there for whoever begins later and for everybody after that, what was
// aborted is not, and nothing is there twice. Comments: who sees a row sees the rows that were acknowledged before that one was begun. Upserts: a
// bag gets rows from one transaction at most, and who sees some of a transaction's rows sees all.

struct BagChecker {
  static let exampleLimit = 20

  private struct Row: Hashable {
    var bag: Int
    var value: Int
  }

  private let history: History
  private var anomalies: [Anomaly] = []
  private var writers: [Row: Int] = [:]
  /// The rows of each bag that are there, in the order in which their transactions ended.
  private var rows: [Int: [(value: Int, number: Int)]] = [:]
  /// Those of which nobody was told whether they are.
  private var unknown: [Int: [Row]] = [:]

  static func check(_ history: History, _ workload: Workload) -> [Anomaly] {
    var checker = BagChecker(history)
    checker.findRows()
    checker.checkReads()
    if workload == .comments { checker.checkComments() }
    if workload == .upsert {
      checker.checkUpserts()
      checker.checkFractures()
    }
    return checker.anomalies
  }

  private init(_ history: History) { self.history = history }

  private mutating func report(_ kind: AnomalyKind, order: Anomaly.Order = .data, _ numbers: [Int], _ text: String) {
    if anomalies.count(where: { $0.kind == kind }) >= Self.exampleLimit { return }
    let lines = [text] + numbers.map { "  " + history.describe($0) }
    anomalies.append(Anomaly(kind, order: order, numbers, lines.joined(separator: "\n")))
  }

  /// Reads of transactions that happened, each with the rows that it found.
  private var reads: [(number: Int, bag: Int, values: [Int])] {
    history.transactions.enumerated().filter { $0.element.outcome == .committed }.flatMap { number, transaction in
      transaction.operations.compactMap { operation in
        if case .bag(let bag, let values) = operation { (number, bag, values) } else { nil }
      }
    }
  }

  private mutating func findRows() {
    for (number, transaction) in history.transactions.enumerated() {
      for case .insert(let bag, let value) in transaction.operations {
        writers[Row(bag: bag, value: value)] = number
        if transaction.outcome == .unknown { unknown[bag, default: []].append(Row(bag: bag, value: value)) }
        if transaction.outcome == .committed { rows[bag, default: []].append((value, number)) }
      }
    }
    for bag in rows.keys {
      rows[bag]?.sort {
        (history.transactions[$0.number].ended, $0.value) < (history.transactions[$1.number].ended, $1.value)
      }
    }
  }

  private mutating func checkReads() {
    let all = history.transactions
    // For each row the first end of a transaction that saw it; for each bag the read that began last.
    var seen: [Row: (ended: Int64, number: Int)] = [:]
    var last: [Int: (begun: Int64, number: Int, values: Set<Int>)] = [:]
    for (number, bag, values) in reads {
      if all[number].begun >= last[bag]?.begun ?? .min { last[bag] = (all[number].begun, number, Set(values)) }
      for value in values {
        let row = Row(bag: bag, value: value)
        if all[number].ended < seen[row]?.ended ?? .max { seen[row] = (all[number].ended, number) }
      }
    }
    for (number, bag, values) in reads {
      let found = Set(values)
      if found.count != values.count {
        report(.duplicate, [number], "T\(number) found a row of bag \(bag) twice")
      }
      for value in found.sorted() {
        guard let writer = writers[Row(bag: bag, value: value)] else {
          report(.unwrittenRead, [number], "T\(number) found \(value) in bag \(bag), which nobody inserted")
          continue
        }
        if all[writer].outcome == .aborted {
          report(
            .abortedRead, [number, writer],
            "T\(number) found \(value) in bag \(bag), which T\(writer) inserted, and that was aborted")
        }
      }
      for row in rows[bag] ?? [] {
        guard all[row.number].ended < all[number].begun else { break }
        guard !found.contains(row.value) else { continue }
        if last[bag]?.values.contains(row.value) == false {
          report(
            .lostWrite, [row.number, number],
            "T\(row.number) inserted \(row.value) into bag \(bag) and was acknowledged; T\(number) began later and did not find it, nor "
              + "did the last one who looked")
        } else {
          report(
            .staleRead, order: .realTime, [row.number, number],
            "T\(row.number) inserted \(row.value) into bag \(bag) and was acknowledged; T\(number) began later and did not find it"
          )
        }
      }
      // What was seen, even of a transaction that nobody was told of, stays.
      for row in unknown[bag] ?? [] where !found.contains(row.value) {
        guard let sight = seen[row], sight.ended < all[number].begun else { continue }
        report(
          .staleRead, order: .realTime, [sight.number, number],
          "T\(sight.number) found \(row.value) in bag \(bag); T\(number) began later and did not")
      }
    }
  }

  /// Who sees a row sees all that were acknowledged before its transaction began.
  private mutating func checkComments() {
    let all = history.transactions
    for (number, transaction) in all.enumerated() where transaction.outcome == .committed {
      var seen: Set<Row> = []
      var bags: [Int] = []
      for case .bag(let bag, let values) in transaction.operations {
        bags.append(bag)
        for value in values { seen.insert(Row(bag: bag, value: value)) }
      }
      let newest = seen.compactMap { writers[$0] }.max { all[$0].begun < all[$1].begun }
      guard let newest else { continue }
      for bag in bags {
        for row in rows[bag] ?? [] {
          guard all[row.number].ended < all[newest].begun else { break }
          if seen.contains(Row(bag: bag, value: row.value)) { continue }
          report(
            .causalReverse, order: .realTime, [row.number, newest, number],
            "T\(number) saw what T\(newest) inserted, but not \(row.value) in bag \(bag), which T\(row.number) had inserted, and was over "
              + "before T\(newest) began")
        }
      }
    }
  }

  private mutating func checkUpserts() {
    for bag in rows.keys.sorted() {
      let numbers = (rows[bag] ?? []).map(\.number)
      if numbers.count > 1 {
        report(
          .duplicateUpsert, numbers,
          "\(numbers.map { "T\($0)" }.joined(separator: " and ")) each inserted into bag \(bag), which each had found empty"
        )
      }
    }
    for (number, bag, values) in reads where values.count > 1 {
      report(
        .duplicateUpsert, [number],
        "T\(number) found \(values.count) rows in bag \(bag), each inserted because it was empty")
    }
  }

  /// Who sees a row of a transaction, and looks where that inserted more, sees that too.
  private mutating func checkFractures() {
    for (number, transaction) in history.transactions.enumerated() where transaction.outcome == .committed {
      var seen: [Int: Set<Int>] = [:]
      for case .bag(let bag, let values) in transaction.operations { seen[bag] = Set(values) }
      for bag in seen.keys.sorted() {
        for value in (seen[bag] ?? []).sorted() {
          guard let writer = writers[Row(bag: bag, value: value)] else { continue }
          for case .insert(let other, value) in history.transactions[writer].operations
          where seen[other]?.contains(value) == false {
            report(
              .fracturedRead, [number, writer],
              "T\(number) saw what T\(writer) inserted into bag \(bag), but not what it inserted into bag \(other)")
          }
        }
      }
    }
  }
}
