// The expanded format: a record a block, a column a line. Byte for byte what psql prints.

struct ExpandedPrinter {
  private let table: ResultTable
  private let options: PrintOptions
  private let headers: [CellText]
  private let headerWidth: Int
  private let cells: [[CellText]]
  private let dataWidth: Int
  private let style: BoxStyle

  init(_ table: ResultTable, _ options: PrintOptions) {
    self.table = table
    self.options = options
    headers = table.headers.map { CellText($0) }
    cells = table.rows.map { row in row.map { CellText($0 ?? options.nullText) } }
    style = BoxStyle(options.lineStyle)
    headerWidth = headers.map(\.width).max() ?? 0
    dataWidth = cells.reduce(0) { $1.reduce($0) { max($0, $1.width) } }
    reservesHeaderMark = headers.contains { $0.lines.count > 1 }
  }

  private let reservesHeaderMark: Bool

  func print(into output: inout [UInt8]) {
    if cells.isEmpty || headers.isEmpty {
      printEmpty(into: &output)
      return
    }
    if !options.isTuplesOnly, let title = table.title { output.append(title + "\n") }
    for (index, row) in cells.enumerated() {
      let position: BoxStyle.Position = index == 0 ? .top : .middle
      if !options.isTuplesOnly {
        printRule(position, record: index + 1, into: &output)
      } else if options.border == 2 || index > 0 {
        printRule(position, record: nil, into: &output)
      }
      for (column, cell) in row.enumerated() { printField(headers[column], cell, into: &output) }
    }
    if options.border == 2 { printRule(.bottom, record: nil, into: &output) }
    if !options.isTuplesOnly, let footers = table.footers {
      if options.border < 2, !footers.isEmpty { output.append("\n") }
      for line in footers { output.append(line + "\n") }
    }
    output.append("\n")
  }

  private func printEmpty(into output: inout [UInt8]) {
    guard !options.isTuplesOnly else {
      output.append("\n")
      return
    }
    for line in table.footerLines(options) { output.append(line + "\n") }
    output.append("\n")
  }

  private func printRule(_ position: BoxStyle.Position, record: Int?, into output: inout [UInt8]) {
    let (left, cross, right) = style.ends(position)
    let rule = options.border > 0 ? style.horizontal : " "
    var length = 0
    if options.border == 2 { output.append(left + rule) } else if options.border == 1 { output.append(rule) }
    if let record {
      let label = options.border == 0 ? "* Record \(record)" : "[ RECORD \(record) ]"
      output.append(label)
      length = label.utf8.count
    }
    if options.border != 2 { length += 1 }
    while length < headerWidth {
      output.append(rule)
      length += 1
    }
    length -= headerWidth
    // The label covers what it reaches over of the crossing.
    let middle = options.border > 0 ? [rule, cross, rule] : [" "]
    for piece in middle {
      if length <= 0 { output.append(piece) }
      length -= 1
    }
    length = max(0, length)
    while length < dataWidth {
      output.append(rule)
      length += 1
    }
    if options.border == 2 { output.append(rule + right) }
    output.append("\n")
  }

  private func printField(_ header: CellText, _ cell: CellText, into output: inout [UInt8]) {
    let height = max(header.lines.count, cell.lines.count)
    for line in 0..<height {
      if options.border == 2 { output.append(style.vertical + " ") }
      let headerGoesOn = line < header.lines.count - 1
      if line < header.lines.count {
        output.append(header.lines[line].text)
        output.pad(headerWidth - header.lines[line].width)
      } else {
        output.pad(headerWidth)
      }
      if options.border > 0 || reservesHeaderMark { output.append(headerGoesOn ? style.newlineMark : " ") }
      if options.border > 0 { output.append(style.vertical) }
      let dataGoesOn = line < cell.lines.count - 1
      if line < cell.lines.count {
        let text = cell.lines[line]
        output.append(" " + text.text)
        if dataGoesOn || options.border == 2 { output.pad(dataWidth - text.width) }
        if dataGoesOn {
          output.append(style.newlineMark)
        } else if options.border == 2 {
          output.append(" ")
        }
      } else if options.border == 2 {
        output.pad(dataWidth + 2)
      }
      if options.border == 2 { output.append(style.vertical) }
      output.append("\n")
    }
  }
}
