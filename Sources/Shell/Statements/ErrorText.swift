// Errors and notices of the server as psql shows them: severity and message, the line of the statement with a caret under the
// place, detail, hint, context. Source: PostgreSQL manual, psql, `VERBOSITY` and `SHOW_CONTEXT`; libpq's PQerrorMessage.

enum ErrorText {
  enum Verbosity: String, CaseIterable { case terse, `default`, verbose, sqlstate }
  enum ShowContext: String, CaseIterable { case never, errors, always }

  /// - Parameter query: the text that the error's position counts in.
  static func render(
    _ message: ServerMessage, query: String?, verbosity: Verbosity, context: ShowContext = .errors
  ) -> String {
    var text = message.severity + ":  "
    if verbosity == .sqlstate, !message.state.isEmpty { return text + message.state + "\n" }
    if verbosity == .verbose, !message.state.isEmpty { text += message.state + ": " }
    text += message.message
    // The position may count in a statement of the server's own, which comes with the error.
    let internalPosition = message.fields[UInt8(ascii: "p")].flatMap { Int($0) }
    let source = message.position != nil ? query : message.fields[UInt8(ascii: "q")]
    let position = message.position ?? internalPosition
    var excerpt = ""
    if let position {
      if verbosity != .terse, let source {
        excerpt = excerptWithCaret(source, position: position)
      } else {
        text += " at character \(position)"
      }
    }
    text += "\n" + excerpt
    guard verbosity != .terse else { return text }
    if let detail = message.detail { text += "DETAIL:  \(detail)\n" }
    if let hint = message.hint { text += "HINT:  \(hint)\n" }
    if message.position == nil || message.fields[UInt8(ascii: "q")] != nil, excerpt.isEmpty,
      let inner = message.fields[UInt8(ascii: "q")]
    {
      text += "QUERY:  \(inner)\n"
    }
    let isError = ["ERROR", "FATAL", "PANIC"].contains(message.fields[UInt8(ascii: "V")] ?? message.severity)
    if let trace = message.context, context == .always || (context == .errors && isError) {
      text += "CONTEXT:  \(trace)\n"
    }
    guard verbosity == .verbose else { return text }
    for (field, label) in [
      ("s", "SCHEMA NAME"), ("t", "TABLE NAME"), ("c", "COLUMN NAME"), ("d", "DATATYPE NAME"), ("n", "CONSTRAINT NAME"),
    ] as [(Unicode.Scalar, String)] {
      if let value = message.fields[UInt8(ascii: field)] { text += "\(label):  \(value)\n" }
    }
    let file = message.fields[UInt8(ascii: "F")]
    let routine = message.fields[UInt8(ascii: "R")]
    if file != nil || routine != nil {
      text += "LOCATION:  "
      if let routine { text += "\(routine), " }
      if let file, let line = message.fields[UInt8(ascii: "L")] { text += "\(file):\(line)" }
      text += "\n"
    }
    return text
  }

  /// Columns of the statement's line that are shown, and how many stay to the right of the place if the line must be cut.
  private static let shownColumns = 60
  private static let rightMargin = 10

  /// `LINE 2: …` and a caret beneath. `position` counts characters from 1.
  private static func excerptWithCaret(_ query: String, position: Int) -> String {
    let scalars = Array(query.unicodeScalars)
    let place = min(max(0, position - 1), scalars.count)
    var lineNumber = 1
    var lineStart = 0
    var index = 0
    while index < place {
      let isBreak = scalars[index] == "\n" || scalars[index] == "\r"
      if isBreak {
        // A carriage return and a line feed are one break.
        if scalars[index] == "\n" || index + 1 >= scalars.count || scalars[index + 1] != "\n" { lineNumber += 1 }
        lineStart = index + 1
      }
      index += 1
    }
    var lineEnd = place
    while lineEnd < scalars.count, scalars[lineEnd] != "\n", scalars[lineEnd] != "\r" { lineEnd += 1 }
    let line = scalars[lineStart..<lineEnd].map { $0 == "\t" ? " " : $0 }
    let widths = line.map { DisplayWidth.columns(of: $0) ?? 0 }
    let caret = place - lineStart

    // Cut long lines so that the place is seen.
    var first = 0
    var end = line.count
    var isCutAtStart = false
    var isCutAtEnd = false
    if widths.reduce(0, +) > shownColumns {
      let before = widths[..<caret].reduce(0, +)
      if before + rightMargin <= shownColumns {
        // The beginning fits with the place in it.
        var total = widths.reduce(0, +)
        while total > shownColumns {
          end -= 1
          total -= widths[end]
        }
        isCutAtEnd = true
      } else {
        var after = widths[caret...].reduce(0, +)
        while after > rightMargin {
          end -= 1
          after -= widths[end]
          isCutAtEnd = true
        }
        var total = widths[..<end].reduce(0, +)
        while total > shownColumns {
          total -= widths[first]
          first += 1
          isCutAtStart = true
        }
      }
    }
    var text = "LINE \(lineNumber): "
    if isCutAtStart { text += "..." }
    let indent = text.utf8.count + widths[first..<min(max(first, caret), line.count)].reduce(0, +)
    text.unicodeScalars.append(contentsOf: line[first..<end])
    if isCutAtEnd { text += "..." }
    return text + "\n" + String(repeating: " ", count: indent) + "^\n"
  }
}
