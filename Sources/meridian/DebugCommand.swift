// `meridian debug`: what is looked at when something seems wrong.

import ArgumentParser
import Foundation
import Server

struct DebugCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "debug", abstract: "Look into a cluster when something seems wrong.",
    subcommands: [CheckConsistencyCommand.self])
}

struct CheckConsistencyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check-consistency",
    abstract: "Compare the replicas of every range.",
    discussion: """
      Each range's replicas work out a checksum of what they hold at the same point of its log, while they go on serving. A
      replica that differs from most is broken: its node stops, and its store does not open again. Then decommission that node,
      and let it join with an empty store. The cluster does this by itself once in consistency.check_interval.

      Prints a line for each range; fails if replicas differ or some could not be compared.

      meridian debug check-consistency --host localhost:26258
      """)

  @OptionGroup var options: ClusterOptions

  mutating func run() async throws {
    let sound = try await options.run { client in
      var seen: Set<UInt64> = []
      var unsound = 0
      for node in try await client.status() where node.isLive {
        var last: UInt64 = 0
        while let check = try await client.check(node.node, after: last) {
          last = check.range
          // Its lease may have moved meanwhile.
          guard seen.insert(check.range).inserted else { continue }
          announce("range \(check.range): \(check.text)")
          if check.verdict != .equal { unsound += 1 }
        }
      }
      announce("\(seen.count) ranges compared, \(unsound) of them not found equal")
      return unsound == 0
    }
    if !sound { throw ExitCode.failure }
  }
}
