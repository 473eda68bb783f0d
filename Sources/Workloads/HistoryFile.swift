// A history as a file that people can read and that is checked again with `meridian workload verify`: JSON, a line for the workload, and one
// for each transaction.
//
//   {"workload":"append"}
//   {"client":3,"isolation":"serializable","begun":1204000,"ended":1210500,"outcome":"committed","steps":[["append",4,31],["list",5,[1,2]]]}
//
// Times are nanoseconds since the run began. Steps: append list value, list list [values], write key value, read key value-or-null,
// all [[key, value], …], insert bag value, bag bag [values].

import Checkers
import Foundation

/// Why a file is no history.
public struct HistoryFileError: Error, CustomStringConvertible {
  public var description: String
}

/// A workload and the history of its run, as a file.
public enum HistoryFile {
  public static func write(_ workload: Workload, _ history: History, to path: String) throws(HistoryFileError) {
    var text = "{\"workload\":\"\(workload.rawValue)\"}\n"
    for transaction in history.transactions {
      text += line(transaction)
      text += "\n"
    }
    do {
      try Data(text.utf8).write(to: URL(filePath: path))
    } catch {
      throw HistoryFileError(description: "cannot write \(path): \(error.localizedDescription)")
    }
  }

  public static func read(from path: String) throws(HistoryFileError) -> (Workload, History) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw HistoryFileError(description: "cannot read \(path)")
    }
    return try parse(Array(data))
  }

  /// - Parameter bytes: a whole file.
  public static func parse(_ bytes: [UInt8]) throws(HistoryFileError) -> (Workload, History) {
    var workload: Workload?
    var history = History()
    for (number, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
      guard let fields = (try? JSONSerialization.jsonObject(with: Data(line))) as? [String: Any] else {
        throw HistoryFileError(description: "line \(number + 1) is no JSON object")
      }
      if number == 0 {
        workload = (fields["workload"] as? String).flatMap(Workload.init(rawValue:))
      } else if let transaction = transaction(fields) {
        history.add(transaction)
      } else {
        throw HistoryFileError(description: "line \(number + 1) is no transaction")
      }
    }
    guard let workload else { throw HistoryFileError(description: "line 1 names no workload") }
    return (workload, history)
  }

  // MARK: Transactions

  static func line(_ transaction: RecordedTransaction) -> String {
    let steps = transaction.operations.map(text).joined(separator: ",")
    return "{\"client\":\(transaction.client),\"isolation\":\"\(transaction.isolation.rawValue)\","
      + "\"begun\":\(transaction.begun),\"ended\":\(transaction.ended),\"outcome\":\"\(transaction.outcome.rawValue)\","
      + "\"steps\":[\(steps)]}"
  }

  private static func text(_ step: Checkers.Operation) -> String {
    func list(_ numbers: [Int]) -> String { "[" + numbers.map { "\($0)" }.joined(separator: ",") + "]" }
    switch step {
    case .append(let key, let value): return "[\"append\",\(key),\(value)]"
    case .list(let key, let values): return "[\"list\",\(key),\(list(values))]"
    case .write(let key, let value): return "[\"write\",\(key),\(value)]"
    case .read(let key, let value): return "[\"read\",\(key),\(value.map { "\($0)" } ?? "null")]"
    case .readAll(let found): return "[\"all\",[\(found.map { list([$0.key, $0.value]) }.joined(separator: ","))]]"
    case .insert(let bag, let value): return "[\"insert\",\(bag),\(value)]"
    case .bag(let bag, let values): return "[\"bag\",\(bag),\(list(values))]"
    }
  }

  private static func transaction(_ fields: [String: Any]) -> RecordedTransaction? {
    guard let client = fields["client"] as? Int, let begun = fields["begun"] as? Int,
      let ended = fields["ended"] as? Int,
      let isolation = (fields["isolation"] as? String).flatMap(Isolation.init(rawValue:)),
      let outcome = (fields["outcome"] as? String).flatMap(Outcome.init(rawValue:)),
      let steps = fields["steps"] as? [[Any]]
    else { return nil }
    let operations = steps.compactMap(operation)
    guard operations.count == steps.count else { return nil }
    return RecordedTransaction(
      client: client, isolation: isolation, begun: Int64(begun), ended: Int64(ended), outcome: outcome,
      operations: operations)
  }

  private static func operation(_ step: [Any]) -> Checkers.Operation? {
    let name = step.first as? String
    if name == "all", step.count == 2, let pairs = step[1] as? [[Int]], pairs.allSatisfy({ $0.count == 2 }) {
      return .readAll(pairs.map { RegisterValue(key: $0[0], value: $0[1]) })
    }
    guard step.count == 3, let key = step[1] as? Int else { return nil }
    switch (name, step[2]) {
    case ("append", let value as Int): return .append(list: key, value: value)
    case ("list", let values as [Int]): return .list(key, values)
    case ("write", let value as Int): return .write(key: key, value: value)
    case ("read", let value as Int): return .read(key: key, value)
    case ("read", is NSNull): return .read(key: key, nil)
    case ("insert", let value as Int): return .insert(bag: key, value: value)
    case ("bag", let values as [Int]): return .bag(key, values)
    default: return nil
    }
  }
}
