// etcd/raft's own data-driven tests, byte for byte: log lines, message order, states. Each file is a test; a mismatch
// names the line, and ends the file, since what follows builds on it.
// The data lies beside the repository (`shared/conformance/etcd-raft`), or where MERIDIAN_SHARED says. Without it the tests
// are skipped, unless CI=true.

import Testing

@testable import Raft

@Suite struct ConformanceTests {
  @Test(.enabled(if: ConformanceData.directory == nil))
  func `The conformance data is there where it must be`() {
    #expect(!ConformanceData.isRequired, "shared/conformance/etcd-raft is missing")
    if !ConformanceData.isRequired { print("skipped: shared/conformance/etcd-raft is not there; see MERIDIAN_SHARED") }
  }

  @Test(.enabled(if: ConformanceData.directory != nil))
  func `All 743 directives are there`() throws {
    func count(_ files: [String]) throws -> Int {
      try files.reduce(0) { try $0 + parseTranscript(ConformanceData.text(of: $1)).count }
    }
    #expect(ConformanceData.quorum.count == 4)
    #expect(ConformanceData.membership.count == 9)
    #expect(ConformanceData.interaction.count == 28)
    #expect(try count(ConformanceData.quorum) == 127)
    #expect(try count(ConformanceData.membership) == 58)
    #expect(try count(ConformanceData.interaction) == 558)
  }

  @Test(arguments: ConformanceData.quorum)
  func quorum(_ file: String) throws {
    try run(file) { runQuorumDirective($0) }
  }

  @Test(arguments: ConformanceData.membership)
  func membership(_ file: String) throws {
    var driver = MembershipDriver()
    try run(file) { driver.run($0) }
  }

  @Test(arguments: ConformanceData.interaction)
  func interaction(_ file: String) throws {
    let environment = InteractionEnvironment()
    try run(file) { environment.run($0) }
  }

  private func run(_ file: String, _ body: (Directive) -> String) throws {
    let directives = try parseTranscript(ConformanceData.text(of: file))
    for (passed, directive) in directives.enumerated() {
      var actual = body(directive)
      if !actual.isEmpty, !actual.hasSuffix("\n") { actual += "\n" }
      if actual == directive.expected { continue }
      let (want, got) = (lines(directive.expected), lines(actual))
      let first = zip(want, got).prefix { $0 == $1 }.count
      Issue.record(
        """
        \(file):\(directive.line) \(directive.command): \(passed) of \(directives.count) directives passed
        line \(first + 1) of the output
          expected: \(first < want.count ? want[first] : "(end)")
          actual:   \(first < got.count ? got[first] : "(end)")
        whole output:
        \(actual)
        """)
      return
    }
  }

  private func lines(_ text: String) -> [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
}
