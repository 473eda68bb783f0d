// What clients did to a database and what they were told, as checkers read it: transactions, each with the time from its begin to
// its answer, its steps with what was read, and whether it happened.
//
// Times are nanoseconds of one clock that never goes back. A begin is taken before anything is sent, an end after the answer has come,
// so that an end before a begin means that the first transaction was over, for its client, before the second one was heard of.

/// One step of a transaction, with what it read. Keys and values are numbers; a value is written once for each key, so that who
/// reads it knows who wrote it.
public enum Operation: Sendable, Hashable {
  /// Adds a value at the end of a list.
  case append(list: Int, value: Int)
  /// Reads a list; empty if it does not exist.
  case list(Int, [Int])
  /// Sets a register.
  case write(key: Int, value: Int)
  /// Reads a register; nil if it was never set.
  case read(key: Int, Int?)
  /// Reads every register there is by one statement, in the order of keys.
  case readAll([RegisterValue])
  /// Adds a row of its own to a bag.
  case insert(bag: Int, value: Int)
  /// Reads the rows of a bag by one statement.
  case bag(Int, [Int])
}

/// A register and what it holds.
public struct RegisterValue: Sendable, Hashable {
  public var key: Int
  public var value: Int

  public init(key: Int, value: Int) {
    self.key = key
    self.value = value
  }
}

/// Whether a transaction happened, as far as its client was told.
public enum Outcome: String, Sendable, Hashable, CaseIterable {
  case committed
  /// It certainly did not happen.
  case aborted
  /// The answer to its commit never came, or says that nobody knows.
  case unknown
}

/// One attempt of a client; what is tried again is another one.
public struct RecordedTransaction: Sendable, Hashable {
  /// Who ran it; a client has one transaction at a time.
  public var client: Int
  /// What it asked for.
  public var isolation: Isolation
  public var begun: Int64
  /// When its client knew the outcome, or gave up.
  public var ended: Int64
  public var outcome: Outcome
  /// The steps that were answered, and of a commit that is unknown all there were.
  public var operations: [Operation]

  public init(
    client: Int, isolation: Isolation = .serializable, begun: Int64, ended: Int64, outcome: Outcome = .committed,
    operations: [Operation]
  ) {
    self.client = client
    self.isolation = isolation
    self.begun = begun
    self.ended = ended
    self.outcome = outcome
    self.operations = operations
  }
}

/// All that the clients of one run did.
public struct History: Sendable {
  public private(set) var transactions: [RecordedTransaction]

  public init(_ transactions: [RecordedTransaction] = []) {
    self.transactions = transactions
  }

  /// Notes a transaction. One that is about to commit is noted as unknown first: it may happen even if nobody hears of it any more.
  /// - Returns: its place, for `settle`.
  @discardableResult
  public mutating func add(_ transaction: RecordedTransaction) -> Int {
    transactions.append(transaction)
    return transactions.count - 1
  }

  /// What was told of a transaction, and when.
  public mutating func settle(_ place: Int, _ outcome: Outcome, at time: Int64) {
    transactions[place].outcome = outcome
    transactions[place].ended = time
  }

  /// What the steps of a transaction read, that was noted before it was sent.
  public mutating func complete(_ place: Int, _ operations: [Operation]) { transactions[place].operations = operations }

  public func count(_ outcome: Outcome) -> Int { transactions.count { $0.outcome == outcome } }

  /// A transaction as people read it; numbers are places in the history.
  func describe(_ number: Int) -> String {
    let transaction = transactions[number]
    let steps = transaction.operations.map(\.description).joined(separator: ", ")
    let outcome = transaction.outcome == .committed ? "" : ", \(transaction.outcome.rawValue)"
    return "T\(number) (client \(transaction.client), \(Self.seconds(transaction.begun)) to "
      + "\(Self.seconds(transaction.ended)) s\(outcome)): \(steps)"
  }

  /// Seconds with six digits.
  static func seconds(_ nanoseconds: Int64) -> String {
    let micros = String(nanoseconds / 1000 % 1_000_000)
    return "\(nanoseconds / 1_000_000_000).\(String(repeating: "0", count: 6 - micros.count))\(micros)"
  }
}

extension Operation: CustomStringConvertible {
  public var description: String {
    switch self {
    case .append(let list, let value): "append \(value) to list \(list)"
    case .list(let list, let values): "list \(list) is \(Self.text(values))"
    case .write(let key, let value): "set \(key) to \(value)"
    case .read(let key, let value): "\(key) is \(value.map { "\($0)" } ?? "unset")"
    case .readAll(let found): "all are {\(found.map { "\($0.key): \($0.value)" }.joined(separator: ", "))}"
    case .insert(let bag, let value): "insert \(value) into bag \(bag)"
    case .bag(let bag, let values): "bag \(bag) holds \(Self.text(values))"
    }
  }

  /// Long lists lose their middle.
  static func text(_ values: [Int]) -> String {
    if values.count <= 24 { return "\(values)" }
    let head = values.prefix(8).map { "\($0)" }.joined(separator: ", ")
    let tail = values.suffix(8).map { "\($0)" }.joined(separator: ", ")
    return "[\(head), … \(values.count - 16) more …, \(tail)]"
  }

  /// Whether it changes nothing.
  public var isRead: Bool {
    switch self {
    case .list, .read, .readAll, .bag: true
    case .append, .write, .insert: false
    }
  }
}
