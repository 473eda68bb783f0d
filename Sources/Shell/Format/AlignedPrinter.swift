// The aligned format: a column's width is that of its widest line, headers are centred, numbers stand at the right, a cell of
// several lines marks each but its last with `+`. Byte for byte what psql prints.

struct AlignedPrinter {
  private let table: ResultTable
  private let options: PrintOptions
  private let headers: [CellText]
  private let cells: [[CellText]]
  private let widths: [Int]
  private let style: BoxStyle

  init(_ table: ResultTable, _ options: PrintOptions) {
    self.table = table
    self.options = options
    let headers = table.headers.map { CellText($0) }
    let cells = table.rows.map { row in row.map { CellText($0 ?? options.nullText) } }
    var widths = headers.map(\.width)
    for row in cells {
      for (column, cell) in row.enumerated() where column < widths.count && cell.width > widths[column] {
        widths[column] = cell.width
      }
    }
    self.headers = headers
    self.cells = cells
    self.widths = widths
    style = BoxStyle(options.lineStyle)
  }

  /// Columns that a line takes, borders included.
  var totalWidth: Int {
    let count = widths.count
    let frame =
      switch options.border {
      case 0: count
      case 1: count * 3 - (count > 0 ? 1 : 0)
      default: count * 3 + 1
      }
    return widths.reduce(0, +) + frame
  }

  func print(into output: inout [UInt8]) {
    if !options.isTuplesOnly {
      if let title = table.title {
        let width = DisplayWidth.columns(of: title)
        if width < totalWidth { output.pad((totalWidth - width) / 2) }
        output.append(title)
        output.append("\n")
      }
      if options.border == 2 { printRule(.top, into: &output) }
      printHeaders(into: &output)
      printRule(.middle, into: &output)
    }
    for row in cells { printRow(row, into: &output) }
    if options.border == 2 { printRule(.bottom, into: &output) }
    for line in table.footerLines(options) {
      output.append(line)
      output.append("\n")
    }
    output.append("\n")
  }

  private func printRule(_ position: BoxStyle.Position, into output: inout [UInt8]) {
    let (left, cross, right) = style.ends(position)
    let rule = style.horizontal
    if options.border == 1 { output.append(rule) } else if options.border == 2 { output.append(left + rule) }
    for (column, width) in widths.enumerated() {
      for _ in 0..<width { output.append(rule) }
      if column < widths.count - 1 { output.append(options.border == 0 ? " " : rule + cross + rule) }
    }
    if options.border == 2 { output.append(rule + right) } else if options.border == 1 { output.append(rule) }
    output.append("\n")
  }

  private func printHeaders(into output: inout [UInt8]) {
    let height = headers.map(\.lines.count).max() ?? 0
    for line in 0..<max(height, widths.isEmpty ? 0 : 1) {
      if options.border == 2 { output.append(style.vertical) }
      for (column, header) in headers.enumerated() {
        if options.border != 0 { output.append(" ") }
        if line < header.lines.count {
          let space = widths[column] - header.lines[line].width
          output.pad(space / 2)
          output.append(header.lines[line].text)
          output.pad((space + 1) / 2)
        } else {
          output.pad(widths[column])
        }
        output.append(line < header.lines.count - 1 ? style.newlineMark : " ")
        if options.border != 0, column < widths.count - 1 { output.append(style.vertical) }
      }
      if options.border == 2 { output.append(style.vertical) }
      output.append("\n")
    }
  }

  private func printRow(_ row: [CellText], into output: inout [UInt8]) {
    let height = row.map(\.lines.count).max() ?? 0
    for line in 0..<height {
      if options.border == 2 { output.append(style.vertical) }
      for (column, cell) in row.enumerated() {
        let isLast = column == row.count - 1
        let fills = options.border == 2 || !isLast
        if options.border != 0 { output.append(" ") }
        let goesOn = line < cell.lines.count - 1
        if line >= cell.lines.count {
          if fills { output.pad(widths[column]) }
        } else {
          let text = cell.lines[line]
          let space = widths[column] - text.width
          if table.isRightAligned[column] { output.pad(space) }
          output.append(text.text)
          if !table.isRightAligned[column], fills || goesOn { output.pad(space) }
        }
        if goesOn {
          output.append(style.newlineMark)
        } else if fills {
          output.append(" ")
        }
        if options.border != 0, !isLast { output.append(style.vertical) }
      }
      if options.border == 2 { output.append(style.vertical) }
      output.append("\n")
    }
  }
}
