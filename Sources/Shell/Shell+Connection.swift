// The shell's connection: made at the start and by `\c`, made anew when it is lost, and what prompts tell of it.

import Foundation

extension Shell {
  /// Connects; asks for a password if the server wants one and a person is there.
  func connect(_ url: ConnectionURL) throws -> WireClient {
    do {
      return try WireClient(url, applicationName: "meridian sql")
    } catch let failure as ConnectionFailure where failure.needsPassword && isatty(0) == 1 {
      var complete = url
      guard let password = Terminal.readSecret(prompt: "Password for user \(url.user): ") else { throw failure }
      complete.password = password
      return try WireClient(complete, applicationName: "meridian sql")
    }
  }

  /// Sets the variables that tell of the connection.
  func reportConnection() {
    guard let client else { return }
    url = client.url
    completer.forget()
    for (name, value) in [
      ("DBNAME", client.url.database), ("USER", client.url.user), ("HOST", client.url.host),
      ("PORT", String(client.url.port)), ("ENCODING", client.parameters["client_encoding"] ?? "UTF8"),
      ("SERVER_VERSION_NAME", client.parameters["server_version"] ?? ""),
    ] { variables.report(name, value) }
    let version = (client.parameters["server_version"] ?? "").prefix { $0.isNumber || $0 == "." }.split(separator: ".")
    let major = version.first.flatMap { Int($0) } ?? 0
    let minor = version.dropFirst().first.flatMap { Int($0) } ?? 0
    variables.report("SERVER_VERSION_NUM", String(major * 10000 + minor))
  }

  /// What the server calls itself, as far as it matters to a person.
  func serverName() -> String {
    let fallback = "PostgreSQL \(client?.parameters["server_version"] ?? "of an unknown version")"
    guard let version = try? client?.rows("SELECT pg_catalog.version()").rows.first?.first ?? nil else {
      return fallback
    }
    return version.components(separatedBy: " on ").first ?? fallback
  }

  /// Tells that the connection is gone and tries to make a new one.
  func reconnect(after failure: any Error) {
    let wasInteractive = isInteractive
    client?.close()
    client = nil
    errors.write(messagePrefix + "\(failure)\n")
    errors.write(
      "\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.\n")
    guard wasInteractive else {
      complain(ShellFailure("connection to server was lost"))
      return
    }
    errors.write("The connection to the server was lost. Attempting reset: ")
    errors.flush()
    // A server that restarts refuses connections for a moment.
    for attempt in 0..<3 {
      if attempt > 0 { usleep(200_000) }
      if let fresh = try? connect(url) {
        client = fresh
        break
      }
      if Interrupts.pending { break }
    }
    errors.write(client == nil ? "Failed.\n" : "Succeeded.\n")
    errors.flush()
    reportConnection()
  }

  /// `\c [database [user [host [port]]]]`, or a URL; `-` stands for what is now.
  func changeConnection(_ arguments: [String]) -> Bool {
    var wanted = url
    func given(_ index: Int) -> String? { index < arguments.count && arguments[index] != "-" ? arguments[index] : nil }
    if let first = given(0), first.hasPrefix("postgresql://") || first.hasPrefix("postgres://") {
      do {
        wanted = try ConnectionURL(parsing: first)
      } catch {
        complain(error)
        return false
      }
    } else {
      if let database = given(0) { wanted.database = database }
      if let user = given(1) {
        if user != wanted.user { wanted.password = nil }
        wanted.user = user
      }
      if let host = given(2) { wanted.host = host }
      if let text = given(3) {
        guard let port = Int(text), (1...65535).contains(port) else {
          complain(ShellFailure("invalid integer value \"\(text)\" for connection option \"port\""))
          return false
        }
        wanted.port = port
      }
    }
    let old = url
    do {
      let fresh = try connect(wanted)
      client?.close()
      client = fresh
    } catch {
      if isInteractive {
        complain(error)
        if client != nil { complain(ShellFailure("Previous connection kept")) }
      } else {
        complain(ShellFailure("\\connect: \(error)"))
        client?.close()
        client = nil
      }
      return false
    }
    reportConnection()
    if !isQuiet {
      let moved = old.host != url.host || old.port != url.port
      let place = moved ? " on host \"\(url.host)\" at port \"\(url.port)\"" : ""
      tell("You are now connected to database \"\(url.database)\" as user \"\(url.user)\"\(place).")
    }
    return true
  }

  // MARK: Prompts

  /// The prompt for the next line.
  func prompt() -> String {
    guard isInteractive else { return "" }
    let isFirst = scanner.pending == .nothing
    return expandPrompt(variables[isFirst ? "PROMPT1" : "PROMPT2"] ?? "", pending: scanner.pending)
  }

  /// Puts in what stands after percent signs. Source: PostgreSQL manual, psql, "Prompting".
  func expandPrompt(_ template: String, pending: StatementScanner.Pending) -> String {
    var text = ""
    var characters = Array(template)[...]
    while let character = characters.popFirst() {
      guard character == "%", let code = characters.popFirst() else {
        text.append(character)
        continue
      }
      switch code {
      case "/": text += client == nil ? "" : url.database
      case "~": text += client == nil ? "" : url.database == url.user ? "~" : url.database
      case "M", "m":
        text += code == "m" ? url.host.split(separator: ".").first.map(String.init) ?? url.host : url.host
      case ">": text += String(url.port)
      case "n": text += url.user
      case "p": text += String(client?.process ?? 0)
      case "#": text += client?.parameters["is_superuser"] == "on" ? "#" : ">"
      case "R": text += mark(pending)
      case "x":
        switch client?.transactionStatus {
        case UInt8(ascii: "T"): text += "*"
        case UInt8(ascii: "E"): text += "!"
        case UInt8(ascii: "I"): break
        default: text += "?"
        }
      case "[", "]": break
      case ":":
        let name = characters.prefix { $0 != ":" }
        characters = characters.dropFirst(name.count + 1)
        text += variables[String(name)] ?? ""
      default: text.append(code)
      }
    }
    return text
  }

  private func mark(_ pending: StatementScanner.Pending) -> String {
    switch pending {
    case .nothing: conditions.isActive ? client == nil ? "!" : "=" : "@"
    case .statement: "-"
    case .singleQuote: "'"
    case .doubleQuote: "\""
    case .dollarQuote: "$"
    case .comment: "*"
    case .parenthesis: "("
    }
  }
}
