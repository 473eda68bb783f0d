// `meridian logictest`: runs sqllogictest files against a node in this process, or against a server.

import ArgumentParser
import Foundation
import LogicTest
import Server
import Shell

struct LogicTestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logictest",
    abstract: "Run SQL logic tests.",
    discussion: """
      Files are in the format of SQLite's sqllogictest. Each file begins with an empty database of its own: in a node
      within this process, unless --url names a server, whose tables the files then use as they find them.
      """)

  @Argument(help: "Files, or folders that are searched for *.test and *.slt.")
  var files: [String]

  @Option(help: "Run against this server instead.")
  var url: String?

  @Option(help: "Stop after this many failures; 0 goes on to the end.")
  var maxFailures = 20

  mutating func run() async throws {
    let found = try expand(files)
    var total = LogicTestSummary()
    let isTerminal = isatty(2) == 1
    let start = Date()
    for file in found {
      let text: String
      do {
        text = try String(contentsOfFile: file, encoding: .utf8)
      } catch {
        throw ValidationError("cannot read \(file)")
      }
      let target = try await LogicTestTarget(url: url)
      let base = total
      do {
        let client = try WireClient(target.url, applicationName: "meridian logictest")
        let summary = try LogicTestRunner(client: client).run(file: file, text: text) { summary, failure in
          if let failure {
            print(failure.report)
            if maxFailures > 0, base.failed + summary.failed >= maxFailures { throw TooManyFailures(summary: summary) }
          }
          if isTerminal, (summary.passed + summary.failed) % 100 == 0 {
            let line = "\r\(file): \(summary.passed) passed, \(summary.failed) failed "
            FileHandle.standardError.write(Data(line.utf8))
          }
        }
        client.close()
        total.add(summary)
        if isTerminal { FileHandle.standardError.write(Data("\r".utf8)) }
        print("\(file): \(summary.passed) passed, \(summary.failed) failed, \(summary.skipped) skipped")
      } catch let error as TooManyFailures {
        total.add(error.summary)
        await target.stop()
        print("stopped after \(total.failed) failures")
        break
      } catch {
        await target.stop()
        FileHandle.standardError.write(Data("meridian: \(file): \(error)\n".utf8))
        throw ExitCode.failure
      }
      await target.stop()
    }
    let seconds = Date().timeIntervalSince(start)
    print("in \((seconds * 10).rounded() / 10) s:")
    print("\(total.passed) passed, \(total.failed) failed, \(total.skipped) skipped")
    if total.failed > 0 { throw ExitCode.failure }
  }

  private func expand(_ names: [String]) throws -> [String] {
    var found: [String] = []
    for name in names {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: name, isDirectory: &isFolder) else {
        throw ValidationError("\(name) does not exist")
      }
      guard isFolder.boolValue else {
        found.append(name)
        continue
      }
      let contents = FileManager.default.enumerator(atPath: name)?.compactMap { $0 as? String } ?? []
      found += contents.filter { $0.hasSuffix(".test") || $0.hasSuffix(".slt") }.sorted().map { "\(name)/\($0)" }
    }
    if found.isEmpty { throw ValidationError("no *.test or *.slt files there") }
    return found
  }
}

private struct TooManyFailures: Error {
  var summary: LogicTestSummary
}

extension LogicTestSummary {
  fileprivate mutating func add(_ other: LogicTestSummary) {
    passed += other.passed
    failed += other.failed
    skipped += other.skipped
  }
}

/// The server that a file runs against: the one named, or a node of its own on a temporary store.
private struct LogicTestTarget {
  var url: ConnectionURL
  private var node: Node?
  private var folder: URL?

  init(url: String?) async throws {
    if let url {
      do {
        self.url = try ConnectionURL(parsing: url)
      } catch {
        throw ValidationError("\(error)")
      }
      return
    }
    let folder = FileManager.default.temporaryDirectory.appending(path: "meridian-logictest-\(UUID().uuidString)")
    var configuration = NodeConfiguration(store: folder.path(percentEncoded: false))
    configuration.sqlAddress.port = 0
    configuration.httpAddress.port = 0
    configuration.logLevel = .warning
    let node = try await Node.start(configuration)
    self.node = node
    self.folder = folder
    self.url = ConnectionURL(port: node.sqlAddress.port)
  }

  func stop() async {
    await node?.stop()
    if let folder { try? FileManager.default.removeItem(at: folder) }
  }
}
