// `meridian workload`: clients of a running cluster whose answers are checked.

import ArgumentParser
import Checkers
import Foundation
import Shell
import Workloads

extension Workload: ExpressibleByArgument {}
extension Isolation: ExpressibleByArgument {}

struct WorkloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workload", abstract: "Run clients against a cluster and check what they are told.",
    subcommands: [WorkloadCheckCommand.self, WorkloadVerifyCommand.self])
}

struct WorkloadCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Run clients for a while and look for anomalies of isolation.",
    discussion: """
      Clients connect to the nodes given, run the transactions of a workload at an isolation level, and go on to the next node
      when one fails. At the end everything is read once more, and the history, with the times of all begins and ends, is
      judged: names of anomalies are those of the literature, and each is shown with the transactions that prove it. Nodes may be
      ended, stopped and cut off meanwhile: what a client was never told counts as unknown.

      append      transactions append to lists and read them; cycles of dependencies, real time included
      bank        transfers between accounts, whose sum must stay
      register    every register by itself must be linearizable
      monotonic   counters only rise, for everybody
      long-fork   nobody sees two writes in opposite orders
      comments    who sees a row sees what was there before it was begun
      set         what was added stays
      upsert      only one of those that find a key absent inserts it

      serializable allows nothing, and includes real time; repeatable-read is snapshot isolation, which allows write skew
      (G2-item, duplicate-upsert); read-committed allows what PostgreSQL's does. Any server that speaks PostgreSQL will do.

      meridian workload check --host db1:26257,db2:26257,db3:26257 --duration 600
      meridian workload check --workload bank --isolation repeatable-read --history bank.jsonl
      meridian workload check --host 'postgresql://app:secret@db1:26257/shop?sslmode=verify-full'

      The tables check_lists, check_registers and check_bags are made anew in the database and dropped at the end.

      Exit status: 0 nothing that the level forbids, 1 an anomaly, 2 the run could not be judged.
      """)

  @Option(help: "append, bank, register, monotonic, long-fork, comments, set or upsert.")
  var workload = Workload.append

  @Option(help: ArgumentHelp("Nodes, with commas between them, or URLs.", valueName: "host:port"))
  var host = "127.0.0.1:26257"

  @Option(name: [.customShort("U"), .long], help: "The user to connect as.")
  var user = "postgres"

  @Option(help: "The database.")
  var database = "postgres"

  @Option(help: "The isolation level: serializable, repeatable-read or read-committed.")
  var isolation = Isolation.serializable

  @Option(help: "Clients at a time; every fourth only reads.")
  var clients = 8

  @Option(help: "Seconds.")
  var duration = 60

  @Option(help: "Lists, registers or bags in use at a time: fewer collide more.")
  var keys = 6

  @Option(help: "Transactions until other keys take their place.")
  var keyLife = 200

  @Option(help: "What is drawn depends on it; what happens does not.")
  var seed: UInt64 = 1

  @Option(help: "Seconds that an answer may take before its connection is given up.")
  var timeLimit = 20

  @Option(help: ArgumentHelp("Keep the history in this file, for `meridian workload verify`.", valueName: "path"))
  var history: String?

  @Flag(help: "Leave the tables.")
  var keep = false

  func validate() throws {
    guard (1...100).contains(clients) else { throw ValidationError("--clients is from 1 to 100") }
    guard (1...86_400).contains(duration) else { throw ValidationError("--duration is from 1 to 86400 seconds") }
    guard (1...1000).contains(keys) else { throw ValidationError("--keys is from 1 to 1000") }
    guard (1...100_000).contains(keyLife) else { throw ValidationError("--key-life is from 1 to 100000") }
    guard (1...3600).contains(timeLimit) else { throw ValidationError("--time-limit is from 1 to 3600 seconds") }
    _ = try urls()
  }

  private func urls() throws -> [ConnectionURL] {
    try host.split(separator: ",").map { text in
      do {
        if text.contains("://") { return try ConnectionURL(parsing: String(text)) }
        var url = try ConnectionURL(parsing: "postgresql://\(text)/")
        url.user = user
        url.database = database
        url.password = ProcessInfo.processInfo.environment["PGPASSWORD"]
        return url
      } catch let error as ConnectionURL.Invalid {
        throw ValidationError(error.description)
      }
    }
  }

  mutating func run() throws {
    var options = WorkloadOptions()
    options.workload = workload
    options.isolation = isolation
    options.urls = try urls()
    options.clientCount = clients
    options.duration = duration
    options.keyCount = keys
    options.keyLife = keyLife
    options.seed = seed
    options.timeLimit = timeLimit
    options.keepsTables = keep
    let run = WorkloadRun(options)
    let outcome: Result<Report, WorkloadFailure>
    do throws(WorkloadFailure) {
      outcome = .success(try run.run { announce($0.line) })
    } catch {
      outcome = .failure(error)
    }
    if let history {
      do throws(HistoryFileError) {
        try HistoryFile.write(workload, run.history, to: history)
      } catch {
        complain(error.description)
      }
    }
    for (state, message) in run.messages { announce("first \(state): \(message)") }
    switch outcome {
    case .success(let report):
      announce(report.text)
      if !report.violations.isEmpty { throw ExitCode.failure }
    case .failure(let failure):
      complain(failure.description)
      throw ExitCode(2)
    }
  }
}

struct WorkloadVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check a history again.",
    discussion: """
      The file is one that `meridian workload check --history` has written: a line of JSON for each transaction.

      Exit status: 0 nothing that the levels of the transactions forbid, 1 an anomaly, 2 the file is no history.
      """)

  @Argument(help: "The history.")
  var file: String

  mutating func run() throws {
    let report: Report
    do throws(HistoryFileError) {
      let (workload, history) = try HistoryFile.read(from: file)
      report = workload.check(history)
    } catch {
      complain(error.description)
      throw ExitCode(2)
    }
    announce(report.text)
    if !report.violations.isEmpty { throw ExitCode.failure }
  }
}
