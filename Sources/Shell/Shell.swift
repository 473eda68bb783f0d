// The interactive shell: reads lines from a person, a file or a string, cuts them into statements and backslash commands and
// carries them out one after the other. Behaves as psql does where psql has an opinion.
// One thread runs all of it; only the interrupt's cancel request comes from another. Source: PostgreSQL manual, psql.

import Foundation

public final class Shell {
  /// What a process's exit status says. Source: PostgreSQL manual, psql, "Exit Status".
  enum ExitStatus {
    static let success: Int32 = 0
    /// The shell's own failure, or that of `-c`.
    static let failure: Int32 = 1
    static let badConnection: Int32 = 2
    /// A script stopped at an error, or by Ctrl-C.
    static let script: Int32 = 3
  }

  let configuration: ShellConfiguration
  var url: ConnectionURL
  var client: WireClient?
  var variables = Variables()
  var options: PrintOptions
  var scanner: StatementScanner
  var conditions = ConditionStack()
  var isTiming = false
  /// What was sent last, for `\g`, `\p` and `\e` with nothing typed.
  var lastQuery = ""
  var lastError: (message: ServerMessage, query: String)?
  /// Standard output, and what `\o` names.
  let standardOutput: OutputSink
  var queryOutput: OutputSink?
  let errors: OutputSink
  var source: (any LineSource)?
  /// Lines to read before the source's next one: what an editor left.
  var pushedLines: [String] = []
  var fileDepth = 0
  var editor: LineEditor?
  lazy var completer = Completer(names: CatalogNames(shell: self))

  var output: OutputSink { queryOutput ?? standardOutput }
  var isInteractive: Bool { source?.isInteractive ?? false }
  var isQuiet: Bool { variables.isOn("QUIET") }

  public convenience init(_ configuration: ShellConfiguration) {
    self.init(configuration, output: OutputSink(descriptor: 1), errors: OutputSink(descriptor: 2))
  }

  init(_ configuration: ShellConfiguration, output: OutputSink, errors: OutputSink) {
    self.configuration = configuration
    url = configuration.url
    options = configuration.print
    standardOutput = output
    self.errors = errors
    scanner = StatementScanner()
    scanner = makeScanner()
  }

  func makeScanner() -> StatementScanner {
    StatementScanner { [unowned self] in variables[$0] }
  }

  // MARK: From start to end

  /// Connects, carries out what the configuration says, and gives the exit status.
  public func run() -> Int32 {
    defer {
      queryOutput?.close()
      standardOutput.flush()
      errors.flush()
      client?.close()
    }
    Interrupts.install()
    do {
      for (name, value) in configuration.variables { try variables.set(name, value) }
      if let file = configuration.outputFile { try redirect(to: file) }
    } catch {
      complain(error)
      return ExitStatus.failure
    }
    do {
      client = try connect(configuration.url)
    } catch {
      complain(error)
      return ExitStatus.badConnection
    }
    let isTerminal = configuration.actions.isEmpty && isatty(0) == 1 && isatty(1) == 1
    reportConnection()
    if configuration.readsStartFile { readStartFile() }
    if !configuration.actions.isEmpty { return runActions() }
    if isTerminal { return runInteractively() }
    return finish(process(DescriptorSource(descriptor: 0, name: nil)))
  }

  private func readStartFile() {
    let path = Self.homePath(".meridianrc")
    guard FileManager.default.fileExists(atPath: path), let source = try? DescriptorSource.file(path) else { return }
    _ = process(source)
  }

  private func runActions() -> Int32 {
    if configuration.isSingleTransaction, !run("BEGIN", copyOutput: output, { _, _ in }) { return ExitStatus.failure }
    var status = ExitStatus.success
    for action in configuration.actions {
      switch action {
      case .command(let text):
        status = runCommandString(text)
      case .file(let path):
        do {
          let source =
            path == "-" ? DescriptorSource(descriptor: 0, name: "<stdin>") : try DescriptorSource.file(path)
          status = finish(process(source))
        } catch {
          complain(error)
          status = ExitStatus.failure
        }
      }
      if status != ExitStatus.success, status != ExitStatus.failure || variables.isOn("ON_ERROR_STOP") { break }
    }
    if configuration.isSingleTransaction {
      let commits = status == ExitStatus.success || !variables.isOn("ON_ERROR_STOP")
      let isEnded = run(commits ? "COMMIT" : "ROLLBACK", copyOutput: output) { _, _ in }
      if !isEnded, status == ExitStatus.success { status = ExitStatus.failure }
    }
    return status
  }

  /// `-c`: one backslash command, or SQL that goes to the server as it is.
  private func runCommandString(_ text: String) -> Int32 {
    let source = StringSource(text)
    self.source = source
    defer { self.source = nil }
    let trimmed = text.drop(while: \.isWhitespace)
    if trimmed.hasPrefix("\\") {
      var line = ScannedLine(String(trimmed))
      switch command(&line) {
      case .done, .quit, .edited: return ExitStatus.success
      case .failed: return ExitStatus.failure
      case .send: return ExitStatus.success
      }
    }
    if variables["ECHO"] == "all" { standardOutput.write(text + "\n") }
    let isDone = execute(text)
    if client == nil { return ExitStatus.badConnection }
    return isDone ? ExitStatus.success : ExitStatus.failure
  }

  private func runInteractively() -> Int32 {
    let path = configuration.usesHistory ? variables["HISTFILE"] ?? Self.homePath(".meridian_history") : nil
    let editor = LineEditor(historyPath: path)
    self.editor = editor
    editor.completions = completer
    completer.statement = { [unowned self] in scanner.text }
    if !isQuiet {
      standardOutput.write("meridian sql \(configuration.version), server \(serverName())\n")
      standardOutput.write("Type \"\\?\" for help, \"\\q\" to leave.\n\n")
    }
    return finish(process(EditorSource(editor)))
  }

  private func finish(_ end: SourceEnd) -> Int32 {
    switch end {
    case .finished, .quit: ExitStatus.success
    case .stopped(let status): status
    }
  }

  static func homePath(_ name: String) -> String {
    let home = ProcessInfo.processInfo.environment["HOME"] ?? "."
    return "\(home)/\(name)"
  }

  // MARK: Reading

  /// How reading a source came to its end.
  enum SourceEnd: Equatable {
    case finished
    /// `\q`.
    case quit
    case stopped(Int32)
  }

  /// Reads and carries out a source to its end.
  func process(_ source: any LineSource) -> SourceEnd {
    let outer = (self.source, scanner, conditions)
    self.source = source
    scanner = makeScanner()
    conditions = ConditionStack()
    defer { (self.source, scanner, conditions) = outer }
    /// What a person typed since the last complete statement, for the history.
    var entry: [String] = []
    while true {
      if Interrupts.pending, !source.isInteractive { return .stopped(ExitStatus.script) }
      standardOutput.flush()
      errors.flush()
      let read = pushedLines.isEmpty ? source.readLine(prompt: prompt()) : .line(pushedLines.removeFirst())
      switch read {
      case .interrupted:
        if !source.isInteractive { return .stopped(ExitStatus.script) }
        entry = []
        scanner.reset()
      case .end:
        if !source.isInteractive {
          if scanner.pending != .nothing, conditions.isActive {
            let isDone = execute(scanner.text)
            if let stop = stopReason(isDone) { return .stopped(stop) }
          }
          if !conditions.isEmpty { complain(ShellFailure("reached EOF without finding closing \\endif(s)")) }
        }
        return .finished
      case .line(let text):
        if source.isInteractive {
          if scanner.pending == .nothing, let end = plainWord(text) {
            if end { return .quit }
            continue
          }
          entry.append(text)
        }
        if variables["ECHO"] == "all", !source.isInteractive { standardOutput.write(text + "\n") }
        let end = processLine(text)
        if source.isInteractive, end != nil || scanner.pending == .nothing {
          editor?.remember(entry.joined(separator: "\n"))
          entry = []
        }
        if let end { return end }
      }
    }
  }

  /// `exit`, `quit` and `help` as a person may type them; true leaves, nil is something else.
  private func plainWord(_ text: String) -> Bool? {
    var word = text.trimmingCharacters(in: .whitespaces).lowercased()
    if word.hasSuffix(";") { word.removeLast() }
    switch word {
    case "exit", "quit": return true
    case "help":
      standardOutput.write(
        """
        You are using the shell of Meridian.
        Type:  \\h for help with SQL commands
               \\? for help with the shell's own commands
               \\g or end with a semicolon to run a statement
               \\q to leave

        """)
      return false
    default: return nil
    }
  }

  private func processLine(_ text: String) -> SourceEnd? {
    scanner.beginLine()
    var line = ScannedLine(text)
    while true {
      switch scanner.scan(&line) {
      case .endOfLine: return nil
      case .semicolon:
        let query = scanner.text
        scanner.reset()
        guard conditions.isActive else { continue }
        lastQuery = query
        if let stop = stopReason(execute(query)) { return .stopped(stop) }
      case .backslash:
        switch command(&line) {
        case .done: break
        case .quit: return .quit
        case .failed:
          if let stop = stopReason(false) { return .stopped(stop) }
        case .edited(let text):
          scanner.reset()
          pushedLines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
          if pushedLines.last == "" { pushedLines.removeLast() }
        case .send(let way):
          let query = scanner.pending == .nothing ? lastQuery : scanner.text
          scanner.reset()
          guard !query.isEmpty else { continue }
          lastQuery = query
          if let stop = stopReason(execute(query, way)) { return .stopped(stop) }
        }
      }
    }
  }

  /// The status to stop with after a statement or command, nil to go on.
  private func stopReason(_ isDone: Bool) -> Int32? {
    if isInteractive { return nil }
    if client == nil { return ExitStatus.badConnection }
    if !isDone, variables.isOn("ON_ERROR_STOP") { return ExitStatus.script }
    return nil
  }

  // MARK: Telling

  /// Tells a failure of the shell itself, after its place in a script.
  func complain(_ error: any Error) {
    standardOutput.flush()
    // Beside a place, what it is makes clear that it is not the server that speaks.
    errors.write(messagePrefix + (messagePrefix.isEmpty ? "" : "error: ") + "\(error)\n")
    errors.flush()
  }

  /// What stands before messages from a script.
  var messagePrefix: String {
    guard let source, !source.place.isEmpty else { return "" }
    return "meridian:" + source.place
  }

  func tell(_ text: String) {
    standardOutput.write(text + "\n")
  }
}
