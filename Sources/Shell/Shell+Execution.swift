// Carrying out SQL: sends it, prints what comes back, feeds COPY, measures time, survives a lost connection.

import Foundation

/// How the results of one statement are shown when not as usual: `\g`, `\gx`, `\gset`, `\gexec`.
struct ResultWay {
  /// A file, or a program after `|`.
  var target: String?
  var options: PrintOptions?
  /// A prefix for the variables that take the values of the only row.
  var variablePrefix: String?
  /// Whether every value is a statement to run.
  var runsValues = false
}

extension Shell {
  /// Runs SQL as one query string and shows its results; whether all of it went well.
  @discardableResult
  func execute(_ sql: String, _ way: ResultWay = ResultWay()) -> Bool {
    guard client != nil else {
      complain(ShellFailure("You are currently not connected to a database."))
      return false
    }
    if variables["ECHO"] == "queries" { standardOutput.write(sql + "\n") }
    if !beginIfNeeded(sql) { return false }
    var sink = output
    var closesSink = false
    if let target = way.target {
      do {
        sink = try openTarget(target)
        closesSink = true
      } catch {
        complain(error)
        return false
      }
    }
    var collected: [ResultTable] = []
    let start = ContinuousClock.now
    var isDone = run(sql, copyOutput: sink) { table, tag in
      if way.variablePrefix != nil || way.runsValues {
        if let table { collected.append(table) }
        return
      }
      self.show(table, tag: tag, options: way.options ?? self.options, in: sink)
    }
    let elapsed = ContinuousClock.now - start
    if closesSink { sink.close() }
    if isTiming { tell(Self.timing(elapsed)) }
    if let prefix = way.variablePrefix, isDone { isDone = assign(collected.last, prefix: prefix) }
    if way.runsValues, isDone {
      for value in collected.flatMap(\.rows).joined() {
        guard let value else { continue }
        if variables["ECHO"] == "all", !isInteractive { standardOutput.write(value + "\n") }
        if !execute(value) { isDone = false }
        if Interrupts.pending { break }
      }
    }
    standardOutput.flush()
    return isDone
  }

  /// With AUTOCOMMIT off, begins a transaction before whatever needs one.
  private func beginIfNeeded(_ sql: String) -> Bool {
    guard !variables.isOn("AUTOCOMMIT"), client?.transactionStatus == UInt8(ascii: "I") else { return true }
    let word = sql.drop(while: \.isWhitespace).prefix(while: \.isLetter).lowercased()
    let alone = [
      "begin", "start", "commit", "end", "rollback", "abort", "prepare", "vacuum", "cluster", "discard", "reindex",
    ]
    if alone.contains(word) { return true }
    return run("BEGIN", copyOutput: output) { _, _ in }
  }

  /// The bare run: `receive` gets each result as it completes, a table or nil and the tag. Errors and notices are told.
  func run(_ sql: String, copyOutput: OutputSink, _ receive: (ResultTable?, String) -> Void) -> Bool {
    guard let client else { return false }
    var table: ResultTable?
    var isDone = true
    var copied = false
    let copy = InlineCopy(shell: self)
    standardOutput.flush()
    do {
      try Interrupts.cancelling(client.cancelToken) {
        try client.query(sql, copySource: copy.next) { event in
          switch event {
          case .columns(let columns):
            table = ResultTable(
              headers: columns.map(\.name), isRightAligned: columns.map { ResultTable.isRightAligned(type: $0.type) },
              rows: [])
          case .row(let row): table?.rows.append(row)
          case .complete(let tag):
            variables.report("ERROR", "false")
            variables.report("SQLSTATE", "00000")
            let count = tag.split(separator: " ").last.flatMap { Int($0) }
            variables.report("ROW_COUNT", String(count ?? 0))
            if ["CREATE", "DROP", "ALTER", "TRUNCATE"].contains(tag.prefix { $0 != " " }) { completer.forget() }
            // The count of a COPY to standard output would mix with the data.
            let isSilent = copied && copyOutput === standardOutput
            copied = false
            let finished = table
            table = nil
            if !isSilent { receive(finished, tag) }
          case .empty:
            variables.report("ERROR", "false")
          case .error(let message):
            table = nil
            isDone = false
            tell(message, query: sql)
          case .notice(let message): tellNotice(message)
          case .copyIn: copy.begin()
          case .copyOut: copied = true
          case .copyData(let data): copyOutput.write(data)
          }
        }
      }
    } catch {
      copy.finish()
      reconnect(after: error)
      return false
    }
    copy.finish()
    return isDone
  }

  // MARK: Showing

  /// Shows one result: a table, or the tag of a statement without one.
  func show(_ table: ResultTable?, tag: String, options: PrintOptions, in sink: OutputSink) {
    if let table {
      show(table, options: options, in: sink)
      // A statement that changes rows and returns them tells both.
      guard ["INSERT", "UPDATE", "DELETE", "MERGE"].contains(tag.prefix { $0 != " " }) else { return }
    }
    if !isQuiet, !tag.isEmpty { sink.write(tag + "\n") }
  }

  func show(_ table: ResultTable, options: PrintOptions, in sink: OutputSink) {
    let isTerminal = sink === standardOutput && sink.isTerminal
    let size = isTerminal ? Terminal.size : nil
    var bytes: [UInt8] = []
    TablePrinter.print(table, options, width: size?.columns, into: &bytes)
    guard isTerminal, isInteractive, options.pager != .off, let size, let program = pagerProgram() else {
      sink.write(bytes)
      return
    }
    let lineCount = bytes.reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
    if options.pager == .always || lineCount >= size.rows, let pager = try? OutputSink.program(program) {
      sink.flush()
      pager.write(bytes)
      pager.close()
      Interrupts.clear()
    } else {
      sink.write(bytes)
    }
  }

  /// The program that pages long results; nil for none.
  private func pagerProgram() -> String? {
    let environment = ProcessInfo.processInfo.environment
    if let named = environment["PSQL_PAGER"] ?? environment["PAGER"] {
      return named.allSatisfy(\.isWhitespace) ? nil : named
    }
    return ["/usr/bin/less", "/bin/less", "/usr/bin/more", "/bin/more"].first {
      FileManager.default.isExecutableFile(atPath: $0)
    }
  }

  func openTarget(_ target: String) throws(ShellFailure) -> OutputSink {
    if target.hasPrefix("|") { return try OutputSink.program(String(target.dropFirst())) }
    return try OutputSink.file(Self.expandHome(target))
  }

  /// `\o`: sends results elsewhere, or with nil back to standard output.
  func redirect(to target: String?) throws(ShellFailure) {
    let fresh: OutputSink? = if let target { try openTarget(target) } else { nil }
    queryOutput?.close()
    queryOutput = fresh
  }

  static func expandHome(_ path: String) -> String {
    path == "~" || path.hasPrefix("~/") ? homePath(String(path.dropFirst(2))) : path
  }

  static func timing(_ elapsed: Duration) -> String {
    let (seconds, attoseconds) = elapsed.components
    let milliseconds = Double(seconds) * 1000 + Double(attoseconds) / 1e15
    let plain = "Time: " + String(format: "%.3f ms", milliseconds)
    if milliseconds < 1000 { return plain }
    let total = milliseconds / 1000
    let whole = Int(total)
    let (days, hours, minutes) = (whole / 86400, whole / 3600 % 24, whole / 60 % 60)
    let rest = String(format: "%06.3f", total - Double(whole / 60 * 60))
    if days > 0 { return plain + String(format: " (%d d %02d:%02d:", days, hours, minutes) + rest + ")" }
    if whole >= 3600 { return plain + String(format: " (%02d:%02d:", hours, minutes) + rest + ")" }
    return plain + String(format: " (%02d:", minutes) + rest + ")"
  }

  // MARK: Errors

  private var verbosity: ErrorText.Verbosity { variables["VERBOSITY"].flatMap(ErrorText.Verbosity.init) ?? .default }
  private var showContext: ErrorText.ShowContext {
    variables["SHOW_CONTEXT"].flatMap(ErrorText.ShowContext.init) ?? .errors
  }

  /// Tells an error of the server and keeps it for `\errverbose`.
  func tell(_ message: ServerMessage, query: String) {
    lastError = (message, query)
    variables.report("ERROR", "true")
    variables.report("SQLSTATE", message.state)
    variables.report("LAST_ERROR_SQLSTATE", message.state)
    variables.report("LAST_ERROR_MESSAGE", message.message)
    variables.report("ROW_COUNT", "0")
    standardOutput.flush()
    errors.write(messagePrefix + ErrorText.render(message, query: query, verbosity: verbosity, context: showContext))
    if variables["ECHO"] == "errors" { errors.write("\(messagePrefix)STATEMENT:  \(query)\n") }
    errors.flush()
  }

  private func tellNotice(_ message: ServerMessage) {
    standardOutput.flush()
    errors.write(messagePrefix + ErrorText.render(message, query: nil, verbosity: verbosity, context: showContext))
    errors.flush()
  }

  func tellLastError() {
    guard let lastError else {
      tell("There is no previous error.")
      return
    }
    let text = ErrorText.render(lastError.message, query: lastError.query, verbosity: .verbose, context: .always)
    complain(ShellFailure(String(text.dropLast())))
  }

  // MARK: Values into variables

  private func assign(_ table: ResultTable?, prefix: String) -> Bool {
    guard let table else { return true }
    guard table.rows.count == 1 else {
      complain(
        ShellFailure(table.rows.isEmpty ? "no rows returned for \\gset" : "more than one row returned for \\gset"))
      return false
    }
    var isDone = true
    for (name, value) in zip(table.headers, table.rows[0]) {
      do {
        if let value { try variables.set(prefix + name, value) } else { try variables.unset(prefix + name) }
      } catch {
        complain(error)
        isDone = false
      }
    }
    return isDone
  }
}

/// The data of `COPY … FROM STDIN`: the lines that follow, up to `\.`.
private final class InlineCopy {
  private let shell: Shell
  private let source: any LineSource
  private var isOpen = false

  init(shell: Shell) {
    self.shell = shell
    // The text of -c holds no data: that comes from standard input.
    if let source = shell.source, !(source is StringSource) {
      self.source = source
    } else {
      source = DescriptorSource(descriptor: 0, name: nil)
    }
  }

  func begin() {
    isOpen = true
    guard source.isInteractive || isatty(0) == 1 && source is DescriptorSource && source.place.isEmpty else { return }
    if shell.isQuiet { return }
    shell.tell(
      "Enter data to be copied followed by a newline.\nEnd with a backslash and a period on a line by itself, or an EOF signal."
    )
    shell.standardOutput.flush()
  }

  func next() throws -> [UInt8]? {
    guard isOpen else { return nil }
    var piece: [UInt8] = []
    repeat {
      let read = Interrupts.notCancelling { source.readLine(prompt: shell.variables["PROMPT3"] ?? ">> ") }
      switch read {
      case .interrupted: throw ShellFailure("canceled by user")
      case .end:
        isOpen = false
        return piece.isEmpty ? nil : piece
      case .line("\\."):
        isOpen = false
        return piece.isEmpty ? nil : piece
      case .line(let text):
        piece += Array(text.utf8)
        piece.append(UInt8(ascii: "\n"))
      }
    } while piece.count < 1 << 15 && !source.isInteractive
    return piece
  }

  /// Reads what is left of the data when the server did not want all of it, so that it is not taken for statements.
  func finish() {
    guard isOpen, !source.isInteractive else { return }
    while isOpen, (try? next()) != nil {}
  }
}
