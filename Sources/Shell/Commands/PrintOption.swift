// `\pset`: the options of printing by name, how they are set and how the shell says what they are.
// Source: PostgreSQL manual, psql, `\pset`.

enum PrintOption {
  static let names = [
    "border", "columns", "csv_fieldsep", "expanded", "fieldsep", "fieldsep_zero", "footer", "format", "linestyle",
    "null",
    "pager", "recordsep", "recordsep_zero", "title", "tuples_only",
  ]

  /// Sets an option; without a value, those that are on or off change over.
  static func set(_ name: String, _ value: String?, in options: inout PrintOptions) throws(ShellFailure) {
    switch name {
    case "format":
      guard let value else { return }
      let found = PrintOptions.Format.allCases.filter { $0.rawValue.hasPrefix(value) }
      guard found.count == 1 else { throw ShellFailure("\\pset: allowed formats are aligned, csv, unaligned") }
      options.format = found[0]
    case "border":
      guard let value else { return }
      guard let width = Int(value), width >= 0 else { throw ShellFailure("\\pset: border must be 0, 1 or 2") }
      options.border = min(width, 2)
    case "x", "expanded", "vertical":
      if value == "auto" {
        options.expanded = .auto
      } else if let value {
        options.expanded = try truth(value, name: "expanded") ? .on : .off
      } else {
        options.expanded = options.expanded == .off ? .on : .off
      }
    case "null": if let value { options.nullText = value }
    case "fieldsep": if let value { options.fieldSeparator = value }
    case "fieldsep_zero": options.fieldSeparator = "\0"
    case "recordsep": if let value { options.recordSeparator = value }
    case "recordsep_zero": options.recordSeparator = "\0"
    case "csv_fieldsep":
      guard let value else { return }
      guard value.utf8.count == 1 else {
        throw ShellFailure("\\pset: csv_fieldsep must be a single one-byte character")
      }
      guard !["\"", "\n", "\r"].contains(value) else {
        throw ShellFailure("\\pset: csv_fieldsep cannot be a double quote, a newline, or a carriage return")
      }
      options.csvFieldSeparator = value
    case "t", "tuples_only":
      options.isTuplesOnly =
        try value.map { (text) throws(ShellFailure) in try truth(text, name: name) } ?? !options.isTuplesOnly
    case "footer":
      options.showsDefaultFooter =
        try value.map { (text) throws(ShellFailure) in try truth(text, name: name) } ?? !options.showsDefaultFooter
    case "C", "title": options.title = value
    case "linestyle":
      guard let value else { return }
      guard let style = PrintOptions.LineStyle.allCases.first(where: { $0.rawValue.hasPrefix(value) }) else {
        throw ShellFailure("\\pset: allowed line styles are ascii, unicode")
      }
      options.lineStyle = style
    case "pager":
      if value == "always" {
        options.pager = .always
      } else if let value {
        options.pager = try truth(value, name: "pager") ? .on : .off
      } else {
        options.pager = options.pager == .off ? .on : .off
      }
    case "columns":
      guard let value else { return }
      guard let columns = Int(value), columns >= 0 else { throw ShellFailure("\\pset: columns must be a number") }
      options.columns = columns
    default: throw ShellFailure("\\pset: unknown option: \(name)")
    }
  }

  private static func truth(_ value: String, name: String) throws(ShellFailure) -> Bool {
    guard let truth = Variables.truth(value) else {
      throw ShellFailure("unrecognized value \"\(value)\" for \"\(name)\": Boolean expected")
    }
    return truth
  }

  /// What the shell says after an option was set.
  static func description(_ name: String, _ options: PrintOptions) -> String {
    switch name {
    case "format": "Output format is \(options.format.rawValue)."
    case "border": "Border style is \(options.border)."
    case "x", "expanded", "vertical":
      switch options.expanded {
      case .on: "Expanded display is on."
      case .auto: "Expanded display is used automatically."
      case .off: "Expanded display is off."
      }
    case "null": "Null display is \"\(options.nullText)\"."
    case "fieldsep", "fieldsep_zero":
      options.fieldSeparator == "\0"
        ? "Field separator is zero byte." : "Field separator is \"\(options.fieldSeparator)\"."
    case "recordsep", "recordsep_zero":
      switch options.recordSeparator {
      case "\0": "Record separator is zero byte."
      case "\n": "Record separator is <newline>."
      default: "Record separator is \"\(options.recordSeparator)\"."
      }
    case "csv_fieldsep": "Field separator for CSV is \"\(options.csvFieldSeparator)\"."
    case "t", "tuples_only": "Tuples only is \(options.isTuplesOnly ? "on" : "off")."
    case "footer": "Default footer is \(options.showsDefaultFooter ? "on" : "off")."
    case "C", "title": options.title.map { "Title is \"\($0)\"." } ?? "Title is unset."
    case "linestyle": "Line style is \(options.lineStyle.rawValue)."
    case "pager":
      switch options.pager {
      case .on: "Pager is used for long output."
      case .always: "Pager is always used."
      case .off: "Pager usage is off."
      }
    case "columns": options.columns == 0 ? "Target width is unset." : "Target width is \(options.columns)."
    default: ""
    }
  }

  /// An option's value as the list of `\pset` shows it.
  static func value(_ name: String, _ options: PrintOptions) -> String {
    func quoted(_ text: String) -> String {
      "'" + text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\\n") + "'"
    }
    func onOff(_ value: Bool) -> String { value ? "on" : "off" }
    return switch name {
    case "border": String(options.border)
    case "columns": String(options.columns)
    case "csv_fieldsep": quoted(options.csvFieldSeparator)
    case "expanded": options.expanded.rawValue
    case "fieldsep": quoted(options.fieldSeparator == "\0" ? "" : options.fieldSeparator)
    case "fieldsep_zero": onOff(options.fieldSeparator == "\0")
    case "footer": onOff(options.showsDefaultFooter)
    case "format": options.format.rawValue
    case "linestyle": options.lineStyle.rawValue
    case "null": quoted(options.nullText)
    case "pager": options.pager == .always ? "2" : options.pager == .on ? "1" : "0"
    case "recordsep": quoted(options.recordSeparator == "\0" ? "" : options.recordSeparator)
    case "recordsep_zero": onOff(options.recordSeparator == "\0")
    case "title": options.title.map(quoted) ?? ""
    case "tuples_only": onOff(options.isTuplesOnly)
    default: ""
    }
  }
}

extension Shell {
  func setOption(_ name: String, _ value: String?) throws(ShellFailure) {
    try PrintOption.set(name, value, in: &options)
    // psql says nothing of these two when told which way they go.
    if value != nil, ["t", "tuples_only", "footer"].contains(name) { return }
    if !isQuiet { tell(PrintOption.description(name, options)) }
  }

  func pset(_ arguments: [String]) throws(ShellFailure) -> CommandResult {
    guard let name = arguments.first else {
      for name in PrintOption.names {
        tell(name + String(repeating: " ", count: max(1, 25 - name.count)) + PrintOption.value(name, options))
      }
      return .done
    }
    try setOption(name, arguments.dropFirst().first)
    return .done
  }
}

extension PrintOptions {
  /// Sets an option by its name in `\pset`; an error says what is wrong.
  public mutating func set(_ name: String, _ value: String?) throws {
    try PrintOption.set(name, value, in: &self)
  }
}
