// The command line. Each command is a file beside this one.

import ArgumentParser
import Sessions
import Simulation

@main
struct Meridian: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "meridian",
    abstract: "A geo-distributed SQL database that speaks PostgreSQL.",
    discussion: """
      Try it:
        meridian start-single-node --store my-data
        meridian sql
      Or three nodes at once:
        meridian demo --nodes 3
      """,
    version: ServerVersion.meridian,
    subcommands: [
      StartSingleNode.self, StartCommand.self, InitCommand.self, NodeCommand.self, DemoCommand.self, SQLCommand.self,
      CertCommand.self, DebugCommand.self, LogicTestCommand.self, ParseCommand.self, SimulateCommand.self,
      WorkloadCommand.self, Version.self,
    ])
}

struct Version: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print the version.")

  mutating func run() {
    print("meridian \(ServerVersion.meridian) (speaks PostgreSQL \(ServerVersion.postgres))")
  }
}
