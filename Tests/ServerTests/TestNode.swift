// A node of the tests' own, in this process, on a store that goes away with it.

import Foundation
import Logging
import Server
import Testing

final class TestNode: Sendable {
  let node: Node
  let folder: String
  var port: Int { node.sqlAddress.port }

  private init(_ node: Node, _ folder: String) {
    self.node = node
    self.folder = folder
  }

  static func configuration(_ folder: String) -> NodeConfiguration {
    var configuration = NodeConfiguration(store: folder + "/store")
    configuration.sqlAddress = ListenAddress(host: "127.0.0.1", port: 0)
    configuration.httpAddress = ListenAddress(host: "127.0.0.1", port: 0)
    configuration.cacheByteCount = 16 << 20
    configuration.reactorCount = 2
    configuration.logLevel = .critical
    return configuration
  }

  static func makeFolder() throws -> String {
    let folder = NSTemporaryDirectory() + "/meridian-server-tests-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }

  /// A store is let go when the node that had it is no longer referred to, which may be a moment after it has stopped.
  static func start(_ folder: String) async throws -> TestNode {
    for _ in 0..<100 {
      do {
        return TestNode(try await Node.start(configuration(folder)), folder)
      } catch let error as NodeStartError where error.description.contains("another process holds the store") {
        try await Task.sleep(nanoseconds: 20_000_000)
      }
    }
    return TestNode(try await Node.start(configuration(folder)), folder)
  }

  func client() async throws -> TestClient { try await TestClient.connect(port: port) }

  func clients(_ count: Int) async throws -> [TestClient] {
    var clients: [TestClient] = []
    for _ in 0..<count { clients.append(try await client()) }
    return clients
  }

  /// One node for all tests that need no more than tables of their own; it goes away with the process.
  static func shared() async throws -> TestNode { try await sharedNode.value }

  private static let sharedNode = Task<TestNode, any Error> {
    let folder = try makeFolder()
    sharedFolder.withLock { $0 = folder }
    atexit { if let folder = sharedFolder.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: folder) } }
    return try await start(folder)
  }
}

private let sharedFolder = Locked<String?>(nil)

/// A value behind a lock.
private final class Locked<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Value
  init(_ value: Value) { self.value = value }
  func withLock<R>(_ body: (inout Value) -> R) -> R { lock.withLock { body(&value) } }
}
