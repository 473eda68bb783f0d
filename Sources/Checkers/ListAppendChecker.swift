// Lists tell the order of their versions by themselves: whoever reads [1, 2] knows that 2 was appended to the version that 1 had made. So
// the dependencies between transactions that append to lists and read them can be read off what they read, and every cycle of them is a
// proof that no serial order explains the history; every kind of cycle, that some weaker promise was broken.
// Source: Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from Experimental Observations", VLDB 2020.

struct ListAppendChecker {
  /// More of one kind besides cycles are not told.
  static let exampleLimit = 20

  private let history: History
  /// Who appended a value to a list, and whether it appended to that list again.
  private var writers: [ListValue: (number: Int, isLast: Bool)] = [:]
  /// Those that happened, as places in the history, and where each stands in this list.
  private var happened: [Int] = []
  private var place: [Int32]
  /// The longest version of each list that somebody read, and who.
  private var versions: [Int: (values: [Int], reader: Int)] = [:]
  private var anomalies: [Anomaly] = []
  private var counts: [AnomalyKind: Int] = [:]
  private var dependencies: [Dependency] = []

  private struct ListValue: Hashable {
    var list: Int
    var value: Int
  }

  static func check(_ history: History) -> [Anomaly] {
    var checker = ListAppendChecker(history)
    checker.findWriters()
    checker.findWhatHappened()
    checker.checkEachTransaction()
    checker.checkVersions()
    checker.checkLostUpdates()
    checker.findDependencies()
    checker.findCycles()
    return checker.anomalies
  }

  private init(_ history: History) {
    self.history = history
    place = Array(repeating: -1, count: history.transactions.count)
  }

  private mutating func report(_ kind: AnomalyKind, _ transactions: [Int], _ lines: String...) {
    counts[kind, default: 0] += 1
    if counts[kind, default: 0] > Self.exampleLimit { return }
    var seen: Set<Int> = []
    let told = transactions.filter { seen.insert($0).inserted }
    anomalies.append(
      Anomaly(kind, told, (lines + told.map { "  " + history.describe($0) }).joined(separator: "\n")))
  }

  // MARK: What happened

  private mutating func findWriters() {
    for (number, transaction) in history.transactions.enumerated() {
      var last: [Int: Int] = [:]
      for case .append(let list, let value) in transaction.operations {
        if let earlier = last[list] { writers[ListValue(list: list, value: earlier)]?.isLast = false }
        last[list] = value
        writers[ListValue(list: list, value: value)] = (number, true)
      }
    }
  }

  /// What was acknowledged, and what nobody knows of but somebody has seen the effects of; its reads count too, and may show more.
  private mutating func findWhatHappened() {
    let all = history.transactions
    var isKnown = all.map { $0.outcome == .committed }
    var open = all.indices.filter { isKnown[$0] }
    while !open.isEmpty {
      var grown: Set<Int> = []
      for number in open {
        for case .list(let list, let values) in all[number].operations
        where values.count > versions[list]?.values.count ?? -1 {
          versions[list] = (values, number)
          grown.insert(list)
        }
      }
      open = []
      for list in grown.sorted() {
        for value in versions[list]?.values ?? [] {
          guard let writer = writers[ListValue(list: list, value: value)]?.number, !isKnown[writer],
            all[writer].outcome == .unknown
          else { continue }
          isKnown[writer] = true
          open.append(writer)
        }
      }
    }
    happened = all.indices.filter { isKnown[$0] }
    for (index, number) in happened.enumerated() { place[number] = Int32(index) }
  }

  // MARK: Single transactions

  /// Reads against what the same transaction did before.
  private mutating func checkEachTransaction() {
    for number in happened {
      let transaction = history.transactions[number]
      // What it read of a list last, and what it has appended since its begin.
      var read: [Int: [Int]] = [:]
      var own: [Int: [Int]] = [:]
      var sinceRead: [Int: [Int]] = [:]
      for operation in transaction.operations {
        switch operation {
        case .append(let list, let value):
          own[list, default: []].append(value)
          sinceRead[list, default: []].append(value)
        case .list(let list, let values):
          if !values.suffix(own[list]?.count ?? 0).elementsEqual(own[list] ?? []) {
            report(
              .internalInconsistency, [number],
              "T\(number) appended \(own[list] ?? []) to list \(list) and then read \(Operation.text(values))")
          } else if let before = read[list] {
            let expected = before + (sinceRead[list] ?? [])
            if values != expected {
              let isLonger = values.starts(with: before)
              report(
                isLonger ? .nonrepeatableRead : .internalInconsistency, [number],
                "T\(number) read list \(list) as \(Operation.text(before)) and later as \(Operation.text(values))")
            }
          }
          read[list] = values
          sinceRead[list] = []
        default: break
        }
      }
    }
  }

  // MARK: Versions

  private mutating func checkVersions() {
    let all = history.transactions
    for number in happened {
      for case .list(let list, let values) in all[number].operations {
        guard let version = versions[list], !version.values.starts(with: values) else { continue }
        let common = zip(version.values, values).prefix { $0 == $1 }.count
        report(
          .incompatibleOrder, [number, version.reader],
          "list \(list) was read as \(Operation.text(values)) and as \(Operation.text(version.values)), which differ from place "
            + "\(common + 1) on")
        // What is beyond the common part is looked at here, the rest with the longest version.
        for value in values[common...] { checkWriter(list, value, reader: number) }
      }
    }
    for list in versions.keys.sorted() {
      guard let version = versions[list] else { continue }
      var seen: Set<Int> = []
      var missing: (value: Int, writer: Int)?
      for value in version.values {
        if !seen.insert(value).inserted {
          report(.duplicate, [version.reader], "list \(list) holds \(value) twice: \(Operation.text(version.values))")
        }
        checkWriter(list, value, reader: version.reader)
        guard let writer = writers[ListValue(list: list, value: value)]?.number else { continue }
        if all[writer].outcome == .aborted {
          missing = (value, writer)
        } else if let dirty = missing {
          report(
            .dirtyUpdate, [writer, dirty.writer, version.reader],
            "T\(writer) appended \(value) to a version of list \(list) with \(dirty.value), whose transaction T\(dirty.writer) was aborted"
          )
          missing = nil
        }
      }
    }
    checkIntermediateReads()
    checkLostWrites()
  }

  private mutating func checkWriter(_ list: Int, _ value: Int, reader: Int) {
    guard let writer = writers[ListValue(list: list, value: value)]?.number else {
      return report(.unwrittenRead, [reader], "T\(reader) read \(value) in list \(list), which nobody appended")
    }
    if history.transactions[writer].outcome == .aborted {
      report(
        .abortedRead, [reader, writer],
        "T\(reader) read \(value) in list \(list), which T\(writer) appended, and that was aborted")
    }
  }

  private mutating func checkIntermediateReads() {
    for number in happened {
      for case .list(let list, let values) in history.transactions[number].operations {
        guard let last = values.last, let writer = writers[ListValue(list: list, value: last)],
          writer.number != number, !writer.isLast
        else { continue }
        report(
          .intermediateRead, [number, writer.number],
          "T\(number) read list \(list) up to \(last), after which T\(writer.number) appended more to it")
      }
    }
  }

  /// Acknowledged appends that nobody ever saw, although the list was read afterwards.
  private mutating func checkLostWrites() {
    let all = history.transactions
    var latestReads: [Int: (begun: Int64, number: Int)] = [:]
    for number in happened {
      for case .list(let list, _) in all[number].operations where all[number].begun > latestReads[list]?.begun ?? .min {
        latestReads[list] = (all[number].begun, number)
      }
    }
    for (list, values, number) in unseen() {
      // Whose outcome nobody was told may have happened at any time since.
      guard all[number].outcome == .committed, let read = latestReads[list], all[number].ended < read.begun else {
        continue
      }
      report(
        .lostWrite, [number, read.number],
        "T\(number) appended \(values) to list \(list) and was acknowledged; T\(read.number) began later and did not see it, nor did "
          + "anybody else")
    }
  }

  /// What happened and appended something that is in no version that was read.
  private func unseen() -> [(list: Int, values: [Int], number: Int)] {
    let present = versions.mapValues { Set($0.values) }
    return happened.flatMap { number -> [(list: Int, values: [Int], number: Int)] in
      var missing: [Int: [Int]] = [:]
      for case .append(let list, let value) in history.transactions[number].operations
      where present[list]?.contains(value) != true {
        missing[list, default: []].append(value)
      }
      return missing.keys.sorted().map { ($0, missing[$0] ?? [], number) }
    }
  }

  /// Transactions that read the same version of a list and then appended to it.
  private mutating func checkLostUpdates() {
    struct Base: Hashable {
      var list: Int
      var length: Int
    }
    var updates: [Base: [Int]] = [:]
    for number in happened {
      var read: [Int: Int] = [:]
      var touched: Set<Int> = []
      for operation in history.transactions[number].operations {
        switch operation {
        case .list(let list, let values): if !touched.contains(list) { read[list] = values.count }
        case .append(let list, _):
          guard touched.insert(list).inserted, let length = read[list] else { continue }
          updates[Base(list: list, length: length), default: []].append(number)
        default: break
        }
      }
    }
    for (base, numbers) in updates.filter({ $0.value.count > 1 }).sorted(by: {
      ($0.value[0], $0.key.list) < ($1.value[0], $1.key.list)
    }) {
      report(
        .lostUpdate, numbers,
        "\(numbers.map { "T\($0)" }.joined(separator: " and ")) read the same version of list \(base.list), of length \(base.length), and "
          + "each appended to it")
    }
  }

  // MARK: Dependencies

  private mutating func depend(_ source: Int, _ target: Int, _ kind: DependencyKind, _ list: Int, _ value: Int) {
    guard place[source] >= 0, place[target] >= 0, source != target else { return }
    dependencies.append(
      Dependency(source: place[source], target: place[target], kind: kind, list: list, value: value))
  }

  private func writer(_ list: Int, _ value: Int) -> Int? {
    guard let writer = writers[ListValue(list: list, value: value)]?.number, place[writer] >= 0 else { return nil }
    return writer
  }

  private mutating func findDependencies() {
    let unseen = Dictionary(grouping: unseen(), by: \.list)
    // The writer of each place of a version, for its readers.
    var orders: [Int: [Int?]] = [:]
    for list in versions.keys.sorted() {
      let values = versions[list]?.values ?? []
      let order = values.map { writer(list, $0) }
      orders[list] = order
      var previous: Int?
      for (value, next) in zip(values, order) {
        guard let next else { continue }
        if let previous { depend(previous, next, .write, list, value) }
        previous = next
      }
      for late in unseen[list] ?? [] {
        if let previous { depend(previous, late.number, .write, list, late.values[0]) }
      }
    }
    for number in happened {
      var own: Set<Int> = []
      for operation in history.transactions[number].operations {
        switch operation {
        case .append(let list, _): own.insert(list)
        case .list(let list, let values):
          // What it reads after its own append follows from the order of versions.
          guard !own.contains(list), let version = versions[list]?.values, let order = orders[list],
            version.starts(with: values)
          else { continue }
          if let last = order[..<values.count].last(where: { $0 != nil }), let last {
            depend(last, number, .read, list, values.last ?? 0)
          }
          if let next = order.indices.dropFirst(values.count).first(where: { order[$0] != nil }),
            let writer = order[next]
          {
            depend(number, writer, .antiDependency, list, version[next])
          } else {
            for late in unseen[list] ?? [] { depend(number, late.number, .antiDependency, list, late.values[0]) }
          }
        default: break
        }
      }
    }
    dependencies += RealTimeOrder.sessions(history, happened)
    dependencies += RealTimeOrder.dependencies(history, happened)
  }

  // MARK: Cycles

  private mutating func findCycles() {
    for cycle in CycleSearch.cycles(in: DependencyGraph(happened.count, dependencies)) {
      let numbers = cycle.edges.map { happened[Int($0.source)] }
      var lines = ["a cycle of \(numbers.count) transactions"]
      lines += numbers.map { "  " + history.describe($0) }
      lines += cycle.edges.map { "  " + explain($0) }
      anomalies.append(Anomaly(cycle.kind, order: cycle.order, numbers, lines.joined(separator: "\n")))
    }
  }

  private func explain(_ edge: Dependency) -> String {
    let (source, target) = (happened[Int(edge.source)], happened[Int(edge.target)])
    let (first, second) = (history.transactions[source], history.transactions[target])
    let arrow = "T\(source) before T\(target): "
    switch edge.kind {
    case .write:
      return arrow + "T\(target) appended \(edge.value) to list \(edge.list) after what T\(source) had appended"
    case .read: return arrow + "T\(target) read list \(edge.list) up to \(edge.value), which T\(source) appended"
    case .antiDependency:
      return arrow + "T\(source) read list \(edge.list) without \(edge.value), which T\(target) appended next"
    case .session: return arrow + "client \(first.client) ran T\(source) first"
    case .realTime:
      return arrow + "T\(source) was acknowledged at \(History.seconds(first.ended)) s and T\(target) began at "
        + "\(History.seconds(second.begun)) s"
    }
  }
}
