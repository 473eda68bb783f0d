// The printers against what psql printed for the same tables, and the measures beneath them.

import Testing

@testable import Shell

@Suite struct FormatTests {
  @Test(arguments: RecordedOutput.cases.indices)
  func printsWhatPsqlPrinted(_ index: Int) throws {
    let recorded = RecordedOutput.cases[index]
    let table = try #require(RecordedOutput.tables[recorded.table])
    var options = PrintOptions()
    for (name, value) in recorded.options { try options.set(name, value) }
    var bytes: [UInt8] = []
    TablePrinter.print(table, options, into: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == recorded.expected, "\(recorded.table) \(recorded.options)")
  }

  @Test func expandsAutomaticallyWhenTheTableIsTooWide() {
    var options = PrintOptions()
    options.expanded = .auto
    let table = ResultTable(headers: ["a"], rows: [["x"]])
    func printed(width: Int?) -> String {
      var bytes: [UInt8] = []
      TablePrinter.print(table, options, width: width, into: &bytes)
      return String(decoding: bytes, as: UTF8.self)
    }
    #expect(printed(width: nil) == " a \n---\n x\n(1 row)\n\n")
    #expect(printed(width: 3) == " a \n---\n x\n(1 row)\n\n")
    #expect(printed(width: 2) == "-[ RECORD 1 ]\na | x\n\n")
  }

  @Test func aTableWithoutColumnsHasRowsAllTheSame() {
    var bytes: [UInt8] = []
    TablePrinter.print(ResultTable(headers: [], rows: [[]]), PrintOptions(), into: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == "--\n(1 row)\n\n")
  }

  // Widths by Unicode 14: EastAsianWidth.txt, and general categories Mn and Me.
  @Test(arguments: [
    ("a", 1), ("é", 1), ("e\u{301}", 1), ("日", 2), ("ｱ", 1), ("Ａ", 2), ("😀", 2), ("한", 2), ("€", 1),
  ])
  func measuresCharacters(_ text: String, _ columns: Int) {
    #expect(DisplayWidth.columns(of: text) == columns)
  }

  // psql: PrintTiming.
  @Test func tellsTime() {
    #expect(Shell.timing(.microseconds(1234)) == "Time: 1.234 ms")
    #expect(Shell.timing(.milliseconds(61_500)) == "Time: 61500.000 ms (01:01.500)")
    #expect(Shell.timing(.seconds(3661)) == "Time: 3661000.000 ms (01:01:01.000)")
    #expect(Shell.timing(.seconds(90_061)) == "Time: 90061000.000 ms (1 d 01:01:01.000)")
  }

  @Test func progressTellsBytesAndSpeed() {
    #expect(
      CopyProgress.line(byteCount: 5_000_000, total: 20_000_000, seconds: 2) == "5.0 MB of 20.0 MB (25 %), 2.5 MB/s")
    #expect(CopyProgress.line(byteCount: 5_000_000, total: nil, seconds: 2) == "5.0 MB, 2.5 MB/s")
  }

  @Test func refusesOptionsThatMakeNoSense() {
    var options = PrintOptions()
    #expect(throws: (any Error).self) { try options.set("csv_fieldsep", "\"") }
    #expect(throws: (any Error).self) { try options.set("nonsense", "1") }
    #expect(throws: (any Error).self) { try options.set("tuples_only", "perhaps") }
    #expect(throws: (any Error).self) { try options.set("border", "wide") }
  }
}
