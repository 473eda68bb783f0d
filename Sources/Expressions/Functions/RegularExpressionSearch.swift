// Where in a text a regular expression matches, and what: regexp_instr and regexp_substr with all their arguments.
// Source: PostgreSQL manual, 9.7.3.

import SQLTypes

extension FunctionCatalog {
  mutating func addRegularExpressionSearch() {
    // regexp_substr(string, pattern [, start [, n [, flags [, subexpr ]]]])
    for count in 3...6 {
      let arguments = Array([SQLType.text, .text, .int4, .int4, .text, .int4].prefix(count))
      function("regexp_substr", arguments, .text) { (a, n, _) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
          let search = try RegularExpressionSearch(
            row, start: 2, occurrence: count > 3 ? 3 : nil, flags: count > 4 ? 4 : nil, group: count > 5 ? 5 : nil)
          return try row.text(0) { (text) throws(SQLError) in try search.range(in: text).map { Array(text.part($0)) } }
        }
      }
    }
    // regexp_instr(string, pattern [, start [, n [, endoption [, flags [, subexpr ]]]]])
    for count in 3...7 {
      let arguments = Array([SQLType.text, .text, .int4, .int4, .int4, .text, .int4].prefix(count))
      function("regexp_instr", arguments, .int4) { (a, n, _) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> Int64 in
          var wantsEnd = false
          let search = try RegularExpressionSearch(
            row, start: 2, occurrence: count > 3 ? 3 : nil, end: count > 4 ? 4 : nil, flags: count > 5 ? 5 : nil,
            group: count > 6 ? 6 : nil)
          if count > 4 { wantsEnd = row.int64(4) == 1 }
          return try row.text(0) { (text) throws(SQLError) in
            guard let range = try search.range(in: text) else { return 0 }
            return Int64(UTF8Text.count(text.part(0..<(wantsEnd ? range.upperBound : range.lowerBound)))) + 1
          }
        }
      }
    }
  }
}

/// What one call looks for.
private struct RegularExpressionSearch {
  let expression: RegularExpression
  let start: Int64
  let occurrence: Int64
  let group: Int

  /// The arguments' places; what is not given has its default.
  init(
    _ row: RowReader, start: Int, occurrence: Int?, end: Int? = nil, flags: Int?, group: Int?
  ) throws(SQLError) {
    func invalid(_ name: String, _ value: Int64) -> SQLError {
      SQLError(.invalidParameterValue, "invalid value for parameter \"\(name)\": \(value)")
    }
    self.start = row.int64(start)
    if self.start <= 0 { throw invalid("start", self.start) }
    self.occurrence = occurrence.map(row.int64) ?? 1
    if self.occurrence <= 0 { throw invalid("n", self.occurrence) }
    if let end, row.int64(end) != 0, row.int64(end) != 1 { throw invalid("endoption", row.int64(end)) }
    let letters =
      try flags.map { (place) throws(SQLError) in
        try row.text(place) { (letters) throws(SQLError) in
          try RegularExpressionFlags(letters: letters, allowsGlobal: false)
        }
      } ?? RegularExpressionFlags()
    let wanted = group.map(row.int64) ?? 0
    if wanted < 0 { throw invalid("subexpr", wanted) }
    self.group = Int(wanted)
    expression = try RegularExpression.compiled(row.bytes(1), letters)
  }

  func range(in text: Bytes) throws(SQLError) -> Range<Int>? {
    guard group <= expression.groupCount, start <= Int64(text.count) + 1 else { return nil }
    var from = UTF8Text.offset(text, advancing: Int(start) - 1)
    let match = try RegularExpression.Match(expression)
    var count: Int64 = 0
    while try expression.firstMatch(in: text, from: from, match), let whole = match.range(0) {
      count += 1
      if count == occurrence { return match.range(group) }
      guard let next = RegularExpression.next(after: whole, in: text) else { break }
      from = next
    }
    return nil
  }
}
