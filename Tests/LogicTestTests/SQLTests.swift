// Runs the files of SQLTests/, whose expectations PostgreSQL gave (Scripts/record-sqltests), and SQLite's select1.test where
// the conformance data lies beside the project, against a node in this process: through the wire, every layer, a real store.

import Foundation
import LogicTest
import Server
import Shell
import Testing

private let project = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

private func files() -> [String] {
  let folder = project.appending(path: "SQLTests")
  let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? []
  return names.filter { $0.hasSuffix(".test") }.sorted()
}

@Suite(.serialized) struct SQLTests {
  @Test func filesAreThere() {
    #expect(files().count > 10)
  }

  @Test(arguments: files()) func file(_ name: String) async throws {
    try await run(project.appending(path: "SQLTests").appending(path: name))
  }

  @Test func select1() async throws {
    let file = project.deletingLastPathComponent().appending(path: "shared/conformance/sqllogictest/select1.test")
    guard FileManager.default.fileExists(atPath: file.path(percentEncoded: false)) else { return }
    try await run(file)
  }

  /// A node with an empty store for one file.
  private func run(_ file: URL) async throws {
    let text = try String(contentsOf: file, encoding: .utf8)
    let folder = FileManager.default.temporaryDirectory.appending(path: "meridian-sqltests-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    var configuration = NodeConfiguration(store: folder.path(percentEncoded: false))
    configuration.sqlAddress.port = 0
    configuration.httpAddress.port = 0
    configuration.logLevel = .warning
    let node = try await Node.start(configuration)
    do {
      let client = try WireClient(ConnectionURL(port: node.sqlAddress.port), applicationName: "SQLTests")
      let summary = try LogicTestRunner(client: client).run(file: file.lastPathComponent, text: text) { _, failure in
        if let failure { Issue.record("\(failure.report)") }
      }
      client.close()
      #expect(summary.passed > 0)
    } catch {
      Issue.record("\(file.lastPathComponent): \(error)")
    }
    await node.stop()
  }
}
