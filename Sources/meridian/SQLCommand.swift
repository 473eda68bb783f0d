// `meridian sql`: the interactive shell, and scripts.

import ArgumentParser
import Certificates
import Foundation
import Sessions
import Shell

/// How results are printed.
enum ResultFormat: String, CaseIterable, ExpressibleByArgument {
  case aligned, unaligned, csv, expanded
}

struct SQLCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sql",
    abstract: "An SQL shell.",
    discussion: """
      Without --command or --file, reads statements from the terminal, or from standard input if that is none. What it
      connects to is, in this order: the URL or database given, MERIDIAN_URL, the node on this machine.

      meridian sql
      meridian sql postgresql://app@db.example.com:26257/shop
      meridian sql -c 'SELECT count(*) FROM orders' --format csv
      meridian sql -v ON_ERROR_STOP=1 -f schema.sql
      meridian sql --certs-dir certs -U app
      meridian sql 'postgresql://app@db.example.com/shop?sslmode=verify-full&sslrootcert=certs/ca.crt'

      A password is taken from the URL, from PGPASSWORD, or asked for. Of a URL's parameters sslmode, sslrootcert, sslcert
      and sslkey mean what they mean to psql.

      Exit status: 0 all went well, 1 a failure of -c or of the shell itself, 2 no connection, 3 a script stopped at an
      error because ON_ERROR_STOP is set. Commands of the shell begin with a backslash; \\? lists them.
      """)

  @Argument(help: ArgumentHelp("A database, or a URL.", valueName: "database-or-url"))
  var target: String?

  @Option(
    help: ArgumentHelp(
      "What to connect to: postgresql://user:password@host:port/database?sslmode=verify-full.", valueName: "url"))
  var url: String?

  @Option(name: [.customShort("U"), .long], help: "The user to connect as.")
  var user: String?

  @Option(
    help: ArgumentHelp(
      "Verify the server with ca.crt in this folder, and show it client.USER.crt if that is there.",
      valueName: "folder"))
  var certsDir: String?

  @Option(
    name: [.short, .long], parsing: .unconditionalSingleValue,
    help: ArgumentHelp("Run this SQL or backslash command and leave; may be repeated.", valueName: "sql"))
  var command: [String] = []

  @Option(
    name: [.short, .long],
    help: ArgumentHelp("Run a file's statements and leave; - is standard input.", valueName: "path"))
  var file: [String] = []

  @Option(
    name: [.customShort("v"), .customLong("set")], help: ArgumentHelp("Set a variable.", valueName: "name=value"))
  var variables: [String] = []

  @Option(help: "How results are printed: aligned, unaligned, csv, expanded.")
  var format: ResultFormat?

  @Flag(name: [.customShort("x"), .long], help: "Expanded output: a record a block.")
  var expanded = false

  @Flag(name: [.customShort("A"), .customLong("no-align")], help: "Unaligned output.")
  var isUnaligned = false

  @Flag(name: .long, help: "CSV output.")
  var csv = false

  @Flag(name: [.customShort("t"), .long], help: "Rows only: no headers, no counts.")
  var tuplesOnly = false

  @Option(name: [.customShort("F"), .long], help: "What stands between the fields of unaligned output.")
  var fieldSeparator: String?

  @Option(
    name: [.customShort("P"), .long], help: ArgumentHelp("Set a printing option, as \\pset.", valueName: "name=value"))
  var pset: [String] = []

  @Option(name: [.short, .long], help: ArgumentHelp("Send results to a file or |program.", valueName: "target"))
  var output: String?

  @Flag(name: [.short, .long], help: "Say less: no banner, no tags.")
  var quiet = false

  @Flag(name: [.customShort("a"), .long], help: "Show all input of scripts.")
  var echoAll = false

  @Flag(name: [.customShort("e"), .long], help: "Show statements as they are sent.")
  var echoQueries = false

  @Flag(name: [.customShort("E"), .long], help: "Show the queries of backslash commands.")
  var echoHidden = false

  @Flag(name: [.customShort("1"), .long], help: "Run all of -c and -f in one transaction.")
  var singleTransaction = false

  @Flag(name: .long, help: "Do not keep or read ~/.meridian_history.")
  var noHistory = false

  @Flag(name: [.customShort("X"), .long], help: "Do not read ~/.meridianrc.")
  var noRc = false

  mutating func run() throws {
    var configuration = ShellConfiguration(url: try connection(), version: ServerVersion.meridian)
    configuration.actions = try actions()
    for (isOn, name, value) in [
      (quiet, "QUIET", "on"), (echoAll, "ECHO", "all"), (echoQueries, "ECHO", "queries"),
      (echoHidden, "ECHO_HIDDEN", "on"),
    ] where isOn { configuration.variables.append((name, value)) }
    for assignment in variables {
      let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      configuration.variables.append((parts[0], parts.count > 1 ? parts[1] : ""))
    }
    switch format {
    case .aligned: configuration.print.format = .aligned
    case .unaligned: configuration.print.format = .unaligned
    case .csv: configuration.print.format = .csv
    case .expanded: configuration.print.expanded = .on
    case nil: break
    }
    if isUnaligned { configuration.print.format = .unaligned }
    if csv { configuration.print.format = .csv }
    if expanded { configuration.print.expanded = .on }
    if tuplesOnly { configuration.print.isTuplesOnly = true }
    if let fieldSeparator { configuration.print.fieldSeparator = fieldSeparator }
    for option in pset {
      let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      do {
        try configuration.print.set(parts[0], parts.count > 1 ? parts[1] : nil)
      } catch {
        throw ValidationError("\(error)")
      }
    }
    configuration.outputFile = output
    configuration.usesHistory = !noHistory
    configuration.readsStartFile = !noRc
    configuration.isSingleTransaction = singleTransaction
    let status = Shell(configuration).run()
    if status != 0 { throw ExitCode(status) }
  }

  private func connection() throws -> ConnectionURL {
    var text = url ?? ProcessInfo.processInfo.environment["MERIDIAN_URL"]
    var database: String?
    if let target {
      if target.contains("://") { text = target } else { database = target }
    }
    var connection = ConnectionURL()
    if let text {
      do {
        connection = try ConnectionURL(parsing: text)
      } catch {
        throw ValidationError("\(error)")
      }
    }
    if let database { connection.database = database }
    if let user { connection.user = user }
    if connection.password == nil { connection.password = ProcessInfo.processInfo.environment["PGPASSWORD"] }
    if let certsDir {
      let folder = CertificateFolder(certsDir)
      var parameters = [("sslmode", "verify-full"), ("sslrootcert", folder.authorityCertificate)]
      if CertificateFolder.exists(folder.clientCertificate(connection.user)) {
        parameters.append(("sslcert", folder.clientCertificate(connection.user)))
        parameters.append(("sslkey", folder.clientKey(connection.user)))
      }
      // What the URL says itself stands.
      for (name, value) in parameters where !connection.parameters.contains(where: { $0.name == name }) {
        connection.parameters.append(ConnectionURL.Parameter(name: name, value: value))
      }
    }
    return connection
  }

  /// The values of -c and -f in the order in which they stand on the command line, which the parser does not keep.
  private func actions() throws -> [ShellConfiguration.Action] {
    if file.isEmpty { return command.map { .command($0) } }
    if command.isEmpty { return file.map { .file($0) } }
    var actions: [ShellConfiguration.Action] = []
    var (commands, files) = (command[...], file[...])
    for argument in CommandLine.arguments.dropFirst() {
      let isCommand = argument == "--command" || argument.hasPrefix("--command=") || Self.isShort(argument, "c")
      let isFile = argument == "--file" || argument.hasPrefix("--file=") || Self.isShort(argument, "f")
      if isCommand, let next = commands.popFirst() { actions.append(.command(next)) }
      if isFile, let next = files.popFirst() { actions.append(.file(next)) }
    }
    return actions + commands.map { .command($0) } + files.map { .file($0) }
  }

  /// Whether the argument is the flag, alone, at the end of a group of flags, or with its value.
  private static func isShort(_ argument: String, _ letter: Character) -> Bool {
    guard argument.hasPrefix("-"), !argument.hasPrefix("--") else { return false }
    return argument.dropFirst().last == letter || argument.dropFirst().first == letter
  }
}
