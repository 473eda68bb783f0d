// Functions that put values into text: concat, format, quoting; and bytes into text and back: encode, decode, md5.
// Source: PostgreSQL manual, 9.4, 9.4.1, 9.5.

import SQLTypes

extension FunctionCatalog {
  mutating func addFormatting() {
    addConcatenation()
    addQuoting()
    addFormat()
    addEncodings()
    addByteAccess()
  }

  private mutating func addConcatenation() {
    polymorphic("concat", [.any], .text, .stable, variadic: .any, isStrict: false) { (types) in
      let printers = types.map { TypeInfo.find($0.oid) }
      return { (a, n, context) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          var out: [UInt8] = []
          for index in a.indices where !row.isNull(index) {
            printers[index]?.output(a[index], row.index(index), settings: context.settings, into: &out)
            try out.checkRoom(for: 0)
          }
          return out
        }
      }
    }
    polymorphic("concat_ws", [.text, .any], .text, .stable, variadic: .any, isStrict: false) { (types) in
      let printers = types.map { TypeInfo.find($0.oid) }
      return { (a, n, context) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
          if row.isNull(0) { return nil }
          let separator = a[0].bytes[row.index(0)]
          var out: [UInt8] = []
          var isFirst = true
          for index in a.indices.dropFirst() where !row.isNull(index) {
            if !isFirst { out += separator }
            isFirst = false
            printers[index]?.output(a[index], row.index(index), settings: context.settings, into: &out)
            try out.checkRoom(for: 0)
          }
          return out
        }
      }
    }
    // text || anything that is no array, and the other way round: through the cast to text.
    for textFirst in [true, false] {
      polymorphic(
        "||", textFirst ? [.text, .anynonarray] : [.anynonarray, .text], .text, .stable, form: .infix
      ) { (types) throws(SQLError) in
        let other = types[textFirst ? 1 : 0]
        let cast = TypeRules.cast(other, .text, .explicit)
        let function =
          cast == nil || cast?.isRelabeling == true
          ? nil : cast.map { CastFunctions.function($0, other, .text, isExplicit: true) }
        return { (a, n, context) throws(SQLError) in
          var columns = a
          if let function {
            let index = textFirst ? 1 : 0
            columns[index] = try Evaluator.apply(function, [a[index]], a[index].count, context)
          }
          return try build2(columns, n) { (x: Bytes, y: Bytes, out) throws(SQLError) in
            try out.checkRoom(for: x.count + y.count)
            out.append(x)
            out.append(y)
          }
        }
      }
    }
  }

  private mutating func addQuoting() {
    function("quote_ident", [.text], .text) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Bytes, out) in Quoting.appendIdentifier(x, to: &out) }
    }
    function("quote_literal", [.text], .text) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Bytes, out) in Quoting.appendLiteral(x, to: &out) }
    }
    function("quote_nullable", [.text], .text, isStrict: false) { (a, n, _) throws(SQLError) in
      try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
        if row.isNull(0) { return Array("NULL".utf8) }
        var out: [UInt8] = []
        try row.text(0) { (x) throws(SQLError) -> Void in Quoting.appendLiteral(x, to: &out) }
        return out
      }
    }
    for (name, isStrict) in [("quote_literal", true), ("quote_nullable", false)] {
      polymorphic(name, [.anyelement], .text, .stable, isStrict: isStrict) { (types) in
        let printer = TypeInfo.find(types[0].oid)
        return { (a, n, context) throws(SQLError) in
          try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
            if row.isNull(0) { return Array("NULL".utf8) }
            var text: [UInt8] = []
            printer?.output(a[0], row.index(0), settings: context.settings, into: &text)
            var out: [UInt8] = []
            text.withUnsafeBytes { Quoting.appendLiteral($0, to: &out) }
            return out
          }
        }
      }
    }
  }

  private mutating func addFormat() {
    function("format", [.text], .text, .stable, isStrict: false) { (a, n, context) throws(SQLError) in
      try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
        row.isNull(0) ? nil : try FormatString.render(a[0].bytes[row.index(0)], [], row, context)
      }
    }
    polymorphic("format", [.text, .any], .text, .stable, variadic: .any, isStrict: false) { (types) in
      let printers = types.dropFirst().map { TypeInfo.find($0.oid) }
      return { (a, n, context) throws(SQLError) in
        try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8]? in
          row.isNull(0) ? nil : try FormatString.render(a[0].bytes[row.index(0)], printers, row, context)
        }
      }
    }
  }

  private mutating func addEncodings() {
    for type in [SQLType.text, .bytea] {
      function("md5", [type], .text) { (a, n, _) throws(SQLError) in
        try build1(a, n) { (x: Bytes, out) in
          for byte in MD5.digest(x) { TextEncoding.appendHex(byte, to: &out) }
        }
      }
    }
    function("encode", [.bytea, .text], .text) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Bytes, format: Bytes, out) throws(SQLError) in
        try TextEncoding(named: format).encode(x, to: &out)
      }
    }
    function("decode", [.text, .text], .bytea) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Bytes, format: Bytes, out) throws(SQLError) in
        try TextEncoding(named: format).decode(x, to: &out)
      }
    }
  }

  private mutating func addByteAccess() {
    function("get_byte", [.bytea, .int4], .int4) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, index: Int64) throws(SQLError) -> Int64 in
        guard index >= 0, index < Int64(x.count) else { throw byteIndexOutOfRange(index, x.count) }
        return Int64(x[Int(index)])
      }
    }
    function("set_byte", [.bytea, .int4, .int4], .bytea) { (a, n, _) throws(SQLError) in
      try map3(a, n) { (x: Bytes, index: Int64, value: Int64) throws(SQLError) -> [UInt8] in
        guard index >= 0, index < Int64(x.count) else { throw byteIndexOutOfRange(index, x.count) }
        var bytes = Array(x)
        bytes[Int(index)] = UInt8(truncatingIfNeeded: value)
        return bytes
      }
    }
  }
}

private func byteIndexOutOfRange(_ index: Int64, _ count: Int) -> SQLError {
  SQLError(.arraySubscriptError, "index \(index) out of valid range, 0..\(count - 1)")
}

enum Quoting {
  /// Words that cannot stand as a column or table name without quotes (reserved, and those for types and functions, in the
  /// manual's appendix C), sorted.
  private static let keywords: Set<String> = Set(
    """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast char \
    character check coalesce collate collation column concurrently constraint create cross current_catalog current_date \
    current_role current_schema current_time current_timestamp current_user dec decimal default deferrable desc distinct do \
    else end except exists extract false fetch float for foreign freeze from full grant greatest group grouping having ilike \
    in initially inner inout int integer intersect interval into is isnull join lateral leading least left like limit \
    localtime localtimestamp national natural nchar none normalize not notnull null nullif numeric offset on only or order \
    out outer overlaps overlay placing position precision primary real references returning right row select session_user \
    setof similar smallint some substring symmetric table tablesample then time timestamp to trailing treat trim true union \
    unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists \
    xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """.split(separator: " ").map(String.init))

  static func appendIdentifier(_ text: Bytes, to out: inout [UInt8]) {
    let isPlain =
      !text.isEmpty && !(text[0] >= 48 && text[0] <= 57)
      && text.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 }
    if isPlain && !keywords.contains(String(decoding: text, as: UTF8.self)) { return out.append(text) }
    out.append(UInt8(ascii: "\""))
    for byte in text {
      if byte == UInt8(ascii: "\"") { out.append(byte) }
      out.append(byte)
    }
    out.append(UInt8(ascii: "\""))
  }

  static func appendLiteral(_ text: Bytes, to out: inout [UInt8]) {
    if text.contains(UInt8(ascii: "\\")) { out.append(UInt8(ascii: "E")) }
    out.append(UInt8(ascii: "'"))
    for byte in text {
      if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\\") { out.append(byte) }
      out.append(byte)
    }
    out.append(UInt8(ascii: "'"))
  }
}

/// `format`'s little language: `%[position$][-][width]type`.
enum FormatString {
  static func render(
    _ format: [UInt8], _ printers: [TypeInfo?], _ row: RowReader, _ context: EvaluationContext
  ) throws(SQLError) -> [UInt8] {
    var out: [UInt8] = []
    var index = 0
    var nextArgument = 0
    let unterminated = SQLError(
      .invalidParameterValue, "unterminated format() type specifier", hint: "For a single \"%\" use \"%%\".")

    func number() throws(SQLError) -> Int? {
      var value: Int?
      while index < format.count, format[index] >= 48, format[index] <= 57 {
        let (next, overflow) = (value ?? 0).multipliedReportingOverflow(by: 10)
        if overflow || next > Int(Int32.max) { throw SQLError(.numericValueOutOfRange, "number is out of range") }
        value = next + Int(format[index] - 48)
        index += 1
      }
      return value
    }
    func argument(_ position: Int?) throws(SQLError) -> Int {
      let chosen: Int
      if let position {
        if position == 0 {
          throw SQLError(
            .invalidParameterValue, "format specifies argument 0, but arguments are numbered from 1")
        }
        chosen = position - 1
      } else {
        chosen = nextArgument
      }
      nextArgument = chosen + 1
      if chosen >= printers.count { throw SQLError(.invalidParameterValue, "too few arguments for format()") }
      return chosen
    }
    func text(_ argument: Int) -> [UInt8]? {
      if row.isNull(argument + 1) { return nil }
      var text: [UInt8] = []
      printers[argument]?.output(
        row.arguments[argument + 1], row.index(argument + 1), settings: context.settings, into: &text)
      return text
    }

    while index < format.count {
      let byte = format[index]
      index += 1
      guard byte == UInt8(ascii: "%") else {
        out.append(byte)
        continue
      }
      guard index < format.count else { throw unterminated }
      if format[index] == UInt8(ascii: "%") {
        out.append(byte)
        index += 1
        continue
      }
      var position: Int?
      var width: Int?
      var alignsLeft = false
      let begin = index
      if let digits = try number() {
        if index < format.count, format[index] == UInt8(ascii: "$") {
          position = digits
          index += 1
        } else {
          index = begin
        }
      }
      while index < format.count, format[index] == UInt8(ascii: "-") {
        alignsLeft = true
        index += 1
      }
      if index < format.count, format[index] == UInt8(ascii: "*") {
        index += 1
        var widthPosition: Int?
        if let digits = try number() {
          guard index < format.count, format[index] == UInt8(ascii: "$") else {
            throw SQLError(.invalidParameterValue, "width argument position must be ended by \"$\"")
          }
          widthPosition = digits
          index += 1
        }
        let given = text(try argument(widthPosition)) ?? Array("0".utf8)
        guard let value = Int32(String(decoding: given, as: UTF8.self)) else {
          throw SQLError(.invalidTextRepresentation, "invalid width argument for format()")
        }
        if value < 0 { alignsLeft = true }
        width = Int(value.magnitude)
      } else {
        width = try number()
      }
      guard index < format.count else { throw unterminated }
      let type = format[index]
      index += UTF8Text.lengthOfCharacter(format, at: index)
      guard type == UInt8(ascii: "s") || type == UInt8(ascii: "I") || type == UInt8(ascii: "L") else {
        throw SQLError(
          .invalidParameterValue,
          "unrecognized format() type specifier \"\(String(decoding: format[(index - 1)..<index], as: UTF8.self))\"",
          hint: "For a single \"%\" use \"%%\".")
      }
      let value = text(try argument(position))
      var piece: [UInt8] = []
      switch type {
      case UInt8(ascii: "I"):
        guard let value else {
          throw SQLError(.nullValueNotAllowed, "null values cannot be formatted as an SQL identifier")
        }
        value.withUnsafeBytes { Quoting.appendIdentifier($0, to: &piece) }
      case UInt8(ascii: "L"):
        if let value {
          value.withUnsafeBytes { Quoting.appendLiteral($0, to: &piece) }
        } else {
          piece = Array("NULL".utf8)
        }
      default: piece = value ?? []
      }
      let padding = max(0, (width ?? 0) - piece.withUnsafeBytes { UTF8Text.count($0) })
      try out.checkRoom(for: padding + piece.count)
      if !alignsLeft { out += Array(repeating: 0x20, count: padding) }
      out += piece
      if alignsLeft { out += Array(repeating: 0x20, count: padding) }
    }
    return out
  }
}

extension UTF8Text {
  static func lengthOfCharacter(_ text: [UInt8], at index: Int) -> Int {
    text.withUnsafeBytes { length($0, at: index) }
  }
}
