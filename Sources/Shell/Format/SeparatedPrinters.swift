// The formats for programs: unaligned (values with a separator between them) and CSV by RFC 4180, both flat and expanded.

struct UnalignedPrinter {
  private let table: ResultTable
  private let options: PrintOptions

  init(_ table: ResultTable, _ options: PrintOptions) {
    self.table = table
    self.options = options
  }

  func print(into output: inout [UInt8]) {
    var isFirst = true
    func begin(_ output: inout [UInt8]) {
      if !isFirst { output.append(options.recordSeparator) }
      isFirst = false
    }
    if !options.isTuplesOnly {
      if let title = table.title {
        begin(&output)
        output.append(title)
      }
      begin(&output)
      output.append(table.headers.joined(separator: options.fieldSeparator))
    }
    for row in table.rows {
      begin(&output)
      for (column, value) in row.enumerated() {
        if column > 0 { output.append(options.fieldSeparator) }
        output.append(value ?? options.nullText)
      }
    }
    for line in table.footerLines(options) {
      begin(&output)
      output.append(line)
    }
    if !isFirst { output.append(options.recordSeparator == "\0" ? "\0" : "\n") }
  }

  func printExpanded(into output: inout [UInt8]) {
    var isFirst = true
    if !options.isTuplesOnly, let title = table.title {
      output.append(title)
      isFirst = false
    }
    for row in table.rows {
      if !isFirst {
        output.append(options.recordSeparator)
        output.append(options.recordSeparator)
      }
      isFirst = false
      for (column, value) in row.enumerated() {
        if column > 0 { output.append(options.recordSeparator) }
        output.append(table.headers[column])
        output.append(options.fieldSeparator)
        output.append(value ?? options.nullText)
      }
    }
    if !options.isTuplesOnly {
      let footers = table.footers ?? []
      if !footers.isEmpty, !isFirst { output.append(options.recordSeparator) }
      for line in footers {
        if !isFirst { output.append(options.recordSeparator) }
        output.append(line)
        isFirst = false
      }
    }
    if !isFirst { output.append(options.recordSeparator == "\0" ? "\0" : "\n") }
  }
}

struct CSVPrinter {
  private let table: ResultTable
  private let options: PrintOptions

  init(_ table: ResultTable, _ options: PrintOptions) {
    self.table = table
    self.options = options
  }

  func print(into output: inout [UInt8]) {
    if !options.isTuplesOnly { line(table.headers, into: &output) }
    for row in table.rows { line(row.map { $0 ?? options.nullText }, into: &output) }
  }

  func printExpanded(into output: inout [UInt8]) {
    for row in table.rows {
      for (column, value) in row.enumerated() {
        line([table.headers[column], value ?? options.nullText], into: &output)
      }
    }
  }

  private func line(_ values: [String], into output: inout [UInt8]) {
    for (column, value) in values.enumerated() {
      if column > 0 { output.append(options.csvFieldSeparator) }
      field(value, into: &output)
    }
    output.append("\n")
  }

  /// Quotes a value that holds the separator, a quote or a line break, or that a COPY would take for its end.
  private func field(_ value: String, into output: inout [UInt8]) {
    let separator = options.csvFieldSeparator.utf8.first
    let needsQuotes =
      value == "\\."
      || value.utf8.contains { byte in
        byte == separator || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
      }
    guard needsQuotes else {
      output.append(value)
      return
    }
    output.append("\"")
    for byte in value.utf8 {
      if byte == UInt8(ascii: "\"") { output.append(byte) }
      output.append(byte)
    }
    output.append("\"")
  }
}
