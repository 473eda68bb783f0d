// Backslash commands: finds out which one stands at a place of a line and carries it out.
// Source: PostgreSQL manual, psql, "Meta-Commands".

import Foundation

extension Shell {
  enum CommandResult {
    case done, failed, quit
    /// Run the statement that is being typed, or the last one, and show it this way.
    case send(ResultWay)
    /// A text that an editor left takes the place of the statement.
    case edited(String)
  }

  /// Carries out the command whose backslash stands at the line's position and moves past it.
  func command(_ line: inout ScannedLine) -> CommandResult {
    var arguments = CommandArguments(
      line, variables: { [unowned self] in variables[$0] }, runProgram: { [unowned self] in programOutput($0) })
    let name = arguments.name()
    if let result = condition(name, &arguments) {
      line.position = arguments.end()
      return result
    }
    guard conditions.isActive else {
      // A skipped command's arguments are skipped with it.
      if ["!", "copy"].contains(name) { _ = arguments.rest() } else { _ = arguments.all() }
      line.position = arguments.end()
      return .done
    }
    let result: CommandResult
    do {
      result = try carryOut(name, &arguments)
    } catch let message as ServerMessage {
      tell(message, query: "")
      result = .failed
    } catch let failure as ConnectionFailure {
      reconnect(after: failure)
      result = .failed
    } catch {
      complain(error)
      result = .failed
    }
    while let extra = arguments.next() {
      if case .failed = result { continue }
      errors.write(
        "\(messagePrefix)\(messagePrefix.isEmpty ? "" : "warning: ")\\\(name): extra argument \"\(extra)\" ignored\n")
    }
    line.position = arguments.end()
    standardOutput.flush()
    errors.flush()
    return result
  }

  private func condition(_ name: String, _ arguments: inout CommandArguments) -> CommandResult? {
    func truth(_ wanted: Bool) -> Bool {
      let text = arguments.all().joined(separator: " ")
      guard wanted else { return false }
      if let value = Variables.truth(text) { return value }
      complain(ShellFailure("unrecognized value \"\(text)\" for \"\\\(name) expression\": Boolean expected"))
      return false
    }
    do {
      switch name {
      case "if": conditions.begin(truth(conditions.isActive))
      case "elif": try conditions.otherwise(if: truth(conditions.wantsCondition))
      case "else": try conditions.otherwise()
      case "endif": try conditions.end()
      default: return nil
      }
      return .done
    } catch {
      complain(error)
      return .failed
    }
  }

  private func carryOut(_ name: String, _ arguments: inout CommandArguments) throws -> CommandResult {
    switch name {
    case "q", "quit": return .quit
    case "?": standardOutput.write(CommandHelp.text)
    case "h", "help": standardOutput.write(SyntaxHelp.text(for: arguments.rest()))
    case "c", "connect": return changeConnection(arguments.all()) ? .done : .failed
    case "conninfo": tellConnection()
    case "copyright": tell("Meridian is free software under the Apache License, version 2.0.")
    case "g", "gx": return .send(resultWay(expanded: name == "gx", &arguments))
    case "gset": return .send(ResultWay(variablePrefix: arguments.next() ?? ""))
    case "gexec": return .send(ResultWay(runsValues: true))
    case "watch": return try watch(arguments.next())
    case "r", "reset":
      scanner.reset()
      if !isQuiet { tell("Query buffer reset (cleared).") }
    case "p", "print":
      let text = scanner.query.isEmpty ? lastQuery : scanner.text
      tell(text.isEmpty ? "Query buffer is empty." : text)
    case "w", "write": return try writeBuffer(arguments.next())
    case "e", "edit": return try edit(arguments.next())
    case "i", "include", "ir", "include_relative": return try include(arguments.next(), name: name)
    case "o", "out": try redirect(to: arguments.next())
    case "echo", "qecho", "warn": echo(name, &arguments)
    case "set": return try setVariable(&arguments)
    case "unset":
      guard let variable = arguments.next() else { throw ShellFailure("\\unset: missing required argument") }
      try variables.unset(variable)
    case "prompt": return try ask(arguments.all())
    case "x": try setOption("expanded", arguments.next())
    case "a":
      let format = options.format == .aligned ? "unaligned" : "aligned"
      try setOption("format", format)
    case "t": try setOption("tuples_only", arguments.next())
    case "C": try setOption("title", arguments.next())
    case "f": try setOption("fieldsep", arguments.next())
    case "pset": return try pset(arguments.all())
    case "timing":
      let argument = arguments.next()
      guard let value = argument.map({ Variables.truth($0) }) ?? !isTiming else {
        throw ShellFailure("unrecognized value \"\(argument ?? "")\" for \"\\timing\": Boolean expected")
      }
      isTiming = value
      if !isQuiet { tell("Timing is \(isTiming ? "on" : "off").") }
    case "copy": return try copy(arguments.rest()) ? .done : .failed
    case "!": return runProgram(arguments.rest())
    case "cd":
      let path = Self.expandHome(arguments.next() ?? "~")
      guard FileManager.default.changeCurrentDirectoryPath(path) else {
        throw ShellFailure("\\cd: could not change directory to \"\(path)\"")
      }
    case "encoding":
      if let encoding = arguments.next() {
        guard ["utf8", "utf-8", "unicode"].contains(encoding.lowercased()) else {
          throw ShellFailure("\(encoding): invalid encoding name or conversion procedure not found")
        }
      } else {
        tell(client?.parameters["client_encoding"] ?? "UTF8")
      }
    case "errverbose": tellLastError()
    case "s": return try history(arguments.next())
    case "setenv":
      guard let variable = arguments.next() else { throw ShellFailure("\\setenv: missing required argument") }
      if let value = arguments.next() { setenv(variable, value, 1) } else { unsetenv(variable) }
    case "getenv":
      guard let variable = arguments.next(), let key = arguments.next() else {
        throw ShellFailure("\\getenv: missing required argument")
      }
      if let value = getenv(key) { try variables.set(variable, String(cString: value)) }
    case "password":
      throw ShellFailure("\\password: use ALTER ROLE … PASSWORD")
    case _ where name.hasPrefix("d") || ["l", "l+", "list", "list+", "z", "sv", "sf"].contains(name):
      return try describe(name, arguments.next(keepsQuotes: true))
    default:
      throw ShellFailure(
        isInteractive ? "invalid command \\\(name)\nTry \\? for help." : "invalid command \\\(name)")
    }
    return .done
  }

  // MARK: Statements

  /// `\g (option=value …) target`.
  private func resultWay(expanded: Bool, _ arguments: inout CommandArguments) -> ResultWay {
    var way = ResultWay()
    var options = self.options
    if expanded {
      options.expanded = .on
      way.options = options
    }
    var target = arguments.next()
    if let first = target, first.hasPrefix("(") {
      var words = [first]
      while let last = words.last, !last.hasSuffix(")"), let next = arguments.next() { words.append(next) }
      let list = words.joined(separator: " ").drop { $0 == "(" }
      for pair in list.split(whereSeparator: { $0 == " " || $0 == ")" }) {
        let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
        do {
          try PrintOption.set(parts[0], parts.count > 1 ? parts[1] : nil, in: &options)
        } catch {
          complain(error)
        }
      }
      way.options = options
      target = arguments.next()
    }
    if let start = target, start.hasPrefix("|") {
      let rest = arguments.rest()
      way.target = rest.isEmpty ? start : "\(start) \(rest)"
    } else {
      way.target = target
    }
    return way
  }

  /// `\watch [seconds]`: runs the statement again and again until Ctrl-C or an error.
  private func watch(_ argument: String?) throws -> CommandResult {
    let seconds: Double
    if let argument {
      guard let number = Double(argument), number >= 0, number < 1e6 else {
        throw ShellFailure("\\watch: incorrect interval value \"\(argument)\"")
      }
      seconds = max(number, 0.001)
    } else {
      seconds = 2
    }
    let query = scanner.pending == .nothing ? lastQuery : scanner.text
    scanner.reset()
    guard !query.isEmpty else { throw ShellFailure("\\watch cannot be used with an empty query") }
    lastQuery = query
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.dateFormat = "EEE MMM d HH:mm:ss yyyy"
    Interrupts.clear()
    while true {
      var way = ResultWay()
      var options = self.options
      let interval = seconds == seconds.rounded() ? String(Int(seconds)) : String(seconds)
      let moment = "\(formatter.string(from: Date())) (every \(interval)s)"
      options.title = self.options.title.map { "\($0)\t\(moment)" } ?? moment
      options.pager = .off
      way.options = options
      guard execute(query, way) else { return .failed }
      standardOutput.flush()
      let end = ContinuousClock.now + .seconds(seconds)
      while ContinuousClock.now < end {
        if Interrupts.take() {
          tell("")
          return .done
        }
        usleep(min(50_000, UInt32(max(0.001, seconds) * 1_000_000)))
      }
      if Interrupts.take() { return .done }
    }
  }

  private func writeBuffer(_ path: String?) throws -> CommandResult {
    guard let path else { throw ShellFailure("\\w: missing required argument") }
    let sink = try openTarget(path)
    sink.write((scanner.query.isEmpty ? lastQuery : scanner.text) + "\n")
    sink.close()
    return .done
  }

  /// `\e [file]`: the statement, or a file, in the editor that the environment names.
  private func edit(_ file: String?) throws -> CommandResult {
    let path: String
    let isTemporary = file == nil
    if let file {
      path = Self.expandHome(file)
    } else {
      path = FileManager.default.temporaryDirectory.path + "/meridian.edit.\(getpid()).sql"
      let text = scanner.query.isEmpty ? lastQuery : scanner.text
      guard
        FileManager.default.createFile(
          atPath: path, contents: Data((text.isEmpty ? "" : text + "\n").utf8), attributes: [.posixPermissions: 0o600])
      else { throw ShellFailure("could not open temporary file \"\(path)\"") }
    }
    defer { if isTemporary { unlink(path) } }
    let environment = ProcessInfo.processInfo.environment
    let editor = environment["PSQL_EDITOR"] ?? environment["EDITOR"] ?? environment["VISUAL"] ?? "vi"
    standardOutput.flush()
    guard system("exec \(editor) '\(path)'") == 0 else { throw ShellFailure("could not start editor \"\(editor)\"") }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ShellFailure("\(path): \(String(cString: strerror(errno)))")
    }
    let text = String(decoding: data, as: UTF8.self)
    standardOutput.write(text)
    return .edited(text)
  }

  private func include(_ path: String?, name: String) throws -> CommandResult {
    guard let path else { throw ShellFailure("\\\(name): missing required argument") }
    guard fileDepth < 100 else { throw ShellFailure("\\\(name): files include each other too deeply") }
    let source = try DescriptorSource.file(Self.expandHome(path))
    fileDepth += 1
    defer { fileDepth -= 1 }
    switch process(source) {
    case .finished: return .done
    case .quit: return .done
    case .stopped: return .failed
    }
  }

  // MARK: Texts and variables

  private func echo(_ name: String, _ arguments: inout CommandArguments) {
    var words = arguments.all(keepsQuotes: true)
    let endsLine = words.first != "-n"
    if !endsLine { words.removeFirst() }
    let text = words.joined(separator: " ") + (endsLine ? "\n" : "")
    switch name {
    case "qecho": output.write(text)
    case "warn": errors.write(text)
    default: standardOutput.write(text)
    }
  }

  private func setVariable(_ arguments: inout CommandArguments) throws -> CommandResult {
    guard let variable = arguments.next() else {
      for (name, value) in variables.values.sorted(by: { $0.key < $1.key }) { tell("\(name) = '\(value)'") }
      return .done
    }
    try variables.set(variable, arguments.all().joined())
    return .done
  }

  /// `\prompt [text] name`.
  private func ask(_ arguments: [String]) throws -> CommandResult {
    guard let variable = arguments.last else { throw ShellFailure("\\prompt: missing required argument") }
    standardOutput.write(arguments.count > 1 ? arguments[0] : "")
    standardOutput.flush()
    let source: any LineSource = self.source ?? DescriptorSource(descriptor: 0, name: nil)
    let answer = source.isInteractive ? readPlainLine() : source.readLine(prompt: "")
    guard case .line(let text) = answer else { return .failed }
    try variables.set(variable, text)
    return .done
  }

  private func readPlainLine() -> EditedLine {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while Interrupts.waitForInput(0) || !Interrupts.pending {
      guard read(0, &byte, 1) == 1 else { break }
      if byte == UInt8(ascii: "\n") { return .line(String(decoding: bytes, as: UTF8.self)) }
      bytes.append(byte)
    }
    let interrupted = Interrupts.take()
    return interrupted || bytes.isEmpty ? .interrupted : .line(String(decoding: bytes, as: UTF8.self))
  }

  private func history(_ path: String?) throws -> CommandResult {
    let text = (editor?.entries ?? []).map { $0 + "\n" }.joined()
    guard let path else {
      standardOutput.write(text)
      return .done
    }
    let sink = try openTarget(path)
    sink.write(text)
    sink.close()
    return .done
  }

  private func tellConnection() {
    guard let client else {
      tell("You are currently not connected to a database.")
      return
    }
    let url = client.url
    tell(
      "You are connected to database \"\(url.database)\" as user \"\(url.user)\" on host \"\(url.host)\" at port \"\(url.port)\"."
    )
  }

  // MARK: Programs

  private func runProgram(_ command: String) -> CommandResult {
    standardOutput.flush()
    let shell = ProcessInfo.processInfo.environment["SHELL"] ?? "/bin/sh"
    let status = system(command.isEmpty ? "exec \(shell)" : command)
    Interrupts.clear()
    return status == 0 ? .done : .failed
  }

  /// What a program prints, without the last line break.
  private func programOutput(_ command: String) -> String {
    standardOutput.flush()
    guard let file = popen(command, "re") else { return "" }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = fread(&piece, 1, piece.count, file)
      if count == 0 { break }
      bytes += piece[..<count]
    }
    pclose(file)
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    return String(decoding: bytes, as: UTF8.self)
  }
}
