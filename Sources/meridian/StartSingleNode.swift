// `meridian start-single-node`: one node on one store, until SIGTERM or SIGINT.

import ArgumentParser
import Server

struct StartSingleNode: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Start a node that is a whole cluster by itself.",
    discussion: """
      The node listens on loopback unless told otherwise. When it is ready it prints one line with its version, its
      addresses and a URL to connect to. SIGTERM or SIGINT drains it: sessions end, what was acknowledged is on disk.

      With --certs-dir (see `meridian cert --help`) both doors speak TLS. An SQL client is let in with a certificate of its
      user's name, or with the user's password (SCRAM-SHA-256; CREATE ROLE ... PASSWORD sets it). Beyond loopback SQL
      must be encrypted; on loopback it may come in the clear, with a password. The HTTP pages ask nobody who they are.

      Without --certs-dir nothing is encrypted and nobody is asked for a password: who reaches the port is let in as the
      user that they name. Such a node listens on loopback only, unless --insecure is given.

      A store that was made this way can become the first node of a cluster: start it with `meridian start`, and let
      others join it.
      """)

  @OptionGroup var options: ServingOptions

  mutating func run() async throws {
    let node: Node
    do {
      node = try await Node.start(options.configuration)
    } catch let error as NodeStartError {
      complain(error.description)
      throw ExitCode.failure
    }
    announce(node.readyLine)
    let signal = await nextEndingSignal()
    node.logger.info("stopping", metadata: ["signal": "\(signal)"])
    await node.stop()
  }
}
