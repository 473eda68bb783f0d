// What a query or a backslash command has to show, and the options that say how. Printers turn the one into text under the
// other; neither knows where the text goes. Source: PostgreSQL manual, psql, `\pset`.

/// Rows of text under headers, with a title above and footers below.
public struct ResultTable: Sendable {
  public var title: String?
  public var headers: [String]
  /// Columns whose values stand at the right edge: those of numeric types.
  public var isRightAligned: [Bool]
  /// nil is NULL.
  public var rows: [[String?]]
  /// Lines beneath; nil stands for the count of rows.
  public var footers: [String]?

  public init(
    title: String? = nil, headers: [String], isRightAligned: [Bool]? = nil, rows: [[String?]], footers: [String]? = nil
  ) {
    self.title = title
    self.headers = headers
    self.isRightAligned = isRightAligned ?? headers.map { _ in false }
    self.rows = rows
    self.footers = footers
  }

  /// Whether psql shows values of this type at the right: numbers and identifiers of objects and transactions.
  public static func isRightAligned(type: UInt32) -> Bool {
    switch type {
    case 20, 21, 23, 26, 28, 29, 700, 701, 790, 1700, 5069: true
    default: false
    }
  }
}

/// How tables are printed: psql's `\pset`.
public struct PrintOptions: Sendable {
  public enum Format: String, Sendable, CaseIterable { case aligned, csv, unaligned }
  public enum Expanded: String, Sendable { case off, on, auto }
  public enum LineStyle: String, Sendable, CaseIterable { case ascii, unicode }
  public enum Pager: String, Sendable { case off, on, always }

  public var format = Format.aligned
  public var border = 1
  public var expanded = Expanded.off
  public var isTuplesOnly = false
  public var showsDefaultFooter = true
  public var nullText = ""
  public var fieldSeparator = "|"
  public var recordSeparator = "\n"
  public var csvFieldSeparator = ","
  public var lineStyle = LineStyle.ascii
  public var title: String?
  public var pager = Pager.on
  /// Columns that `expanded auto` may use; 0 asks the terminal.
  public var columns = 0

  public init() {}
}

/// Prints a table in the format that the options name.
public enum TablePrinter {
  /// - Parameter width: columns of the terminal, nil if the output is none: then `expanded auto` stays flat.
  public static func print(_ table: ResultTable, _ options: PrintOptions, width: Int? = nil, into output: inout [UInt8])
  {
    var options = options
    var table = table
    if table.title == nil { table.title = options.title }
    if options.expanded == .auto {
      let limit = options.columns > 0 ? options.columns : width
      let isTooWide =
        limit.map { options.format == .aligned && AlignedPrinter(table, options).totalWidth > $0 } ?? false
      options.expanded = isTooWide ? .on : .off
    }
    switch (options.format, options.expanded == .on) {
    case (.aligned, false): AlignedPrinter(table, options).print(into: &output)
    case (.aligned, true): ExpandedPrinter(table, options).print(into: &output)
    case (.unaligned, false): UnalignedPrinter(table, options).print(into: &output)
    case (.unaligned, true): UnalignedPrinter(table, options).printExpanded(into: &output)
    case (.csv, false): CSVPrinter(table, options).print(into: &output)
    case (.csv, true): CSVPrinter(table, options).printExpanded(into: &output)
    }
  }

  static func defaultFooter(_ count: Int) -> String { count == 1 ? "(1 row)" : "(\(count) rows)" }
}

extension ResultTable {
  /// The lines to print beneath the rows.
  func footerLines(_ options: PrintOptions) -> [String] {
    if options.isTuplesOnly { return [] }
    if let footers { return footers }
    return options.showsDefaultFooter ? [TablePrinter.defaultFooter(rows.count)] : []
  }
}

extension [UInt8] {
  mutating func append(_ text: String) { append(contentsOf: text.utf8) }

  mutating func pad(_ count: Int, with byte: UInt8 = UInt8(ascii: " ")) {
    if count > 0 { append(contentsOf: repeatElement(byte, count: count)) }
  }
}
