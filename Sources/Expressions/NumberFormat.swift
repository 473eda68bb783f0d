// to_char and to_number of numbers: templates of digits, separators and signs.
// A sign that the template does not place stands before the first digit and takes one column more than the digits.
// Source: PostgreSQL manual, 9.8, tables 9.29 and 9.30.

import SQLTypes

struct NumberFormat {
  enum Piece {
    case nine, zero
    case point, group
    case sign, minus, plus, signed, currency
    case ordinal(upper: Bool)
    case literal([UInt8])
  }

  private var pieces: [Piece] = []
  private var fills = true
  private var usesBrackets = false
  private var isRoman: (upper: Bool, Void)?
  private var isScientific = false
  /// Digits after `V`, by which the value is multiplied.
  private var shift = 0
  private var integerCount = 0
  private var fractionCount = 0
  /// Where among the integer's digits zeros begin instead of blanks.
  private var zeroStart = Int.max
  /// The last digit after the point that FM may not drop.
  private var lastKept = 0
  private var signAtEnd = false

  init(_ template: Bytes) throws(SQLError) {
    var index = 0
    var seenPoint = false
    var seenV = false
    func starts(_ text: String) -> Bool {
      template[index...].prefix(text.utf8.count).elementsEqual(text.utf8) {
        ($0 >= 97 && $0 <= 122 ? $0 & 0xDF : $0) == $1
      }
    }
    /// Which of the signs has been: of `MI`, `PL` and `SG` any.
    var seenS = false
    var seenOther = false
    func refuse(_ message: String) -> SQLError { SQLError(.syntaxError, message) }
    while index < template.count {
      let byte = template[index]
      let isDigit = byte == UInt8(ascii: "9") || byte == UInt8(ascii: "0")
      let other = ["MI", "PL", "SG"].first(where: starts)
      if isScientific,
        isDigit || other != nil || starts("FM") || starts("PR") || starts("S") || byte == UInt8(ascii: ".")
      {
        throw refuse("\"EEEE\" must be the last pattern used")
      }
      if starts("FM") {
        fills = false
        index += 2
      } else if let other {
        if seenS { throw refuse("cannot use \"S\" and \"\(other)\" together") }
        seenOther = true
        pieces.append(other == "MI" ? .minus : other == "PL" ? .plus : .signed)
        index += 2
      } else if starts("PR") {
        if seenS || seenOther { throw refuse("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together") }
        usesBrackets = true
        index += 2
      } else if starts("RN") {
        isRoman = (byte == UInt8(ascii: "R"), ())
        index += 2
      } else if starts("TH") {
        pieces.append(.ordinal(upper: byte == UInt8(ascii: "T")))
        index += 2
      } else if starts("EEEE") {
        if isScientific { throw refuse("cannot use \"EEEE\" twice") }
        if !fills || usesBrackets || seenS || seenOther || isRoman != nil || seenV {
          throw SQLError(
            .syntaxError, "\"EEEE\" is incompatible with other formats",
            detail: "\"EEEE\" may only be used together with digit and decimal point patterns.")
        }
        isScientific = true
        index += 4
      } else if isDigit {
        let isZero = byte == UInt8(ascii: "0")
        if usesBrackets { throw refuse("\"\(isZero ? "0" : "9")\" must be ahead of \"PR\"") }
        if seenV {
          shift += 1
          integerCount += 1
        } else if seenPoint {
          fractionCount += 1
          if isZero { lastKept = fractionCount }
        } else {
          if isZero && zeroStart == Int.max { zeroStart = integerCount }
          integerCount += 1
        }
        pieces.append(isZero ? .zero : .nine)
        index += 1
      } else if byte == UInt8(ascii: ".") || byte | 32 == UInt8(ascii: "d") {
        if seenPoint { throw SQLError(.syntaxError, "multiple decimal points") }
        if seenV { throw SQLError(.syntaxError, "cannot use \"V\" and decimal point together") }
        seenPoint = true
        pieces.append(.point)
        index += 1
      } else if byte == UInt8(ascii: ",") || byte | 32 == UInt8(ascii: "g") {
        pieces.append(.group)
        index += 1
      } else if byte | 32 == UInt8(ascii: "s") {
        if seenS { throw refuse("cannot use \"S\" twice") }
        if seenOther || usesBrackets { throw refuse("cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together") }
        seenS = true
        signAtEnd = integerCount + fractionCount > 0
        pieces.append(.sign)
        index += 1
      } else if byte | 32 == UInt8(ascii: "v") {
        if seenPoint { throw SQLError(.syntaxError, "cannot use \"V\" and decimal point together") }
        seenV = true
        index += 1
      } else if byte | 32 == UInt8(ascii: "l") {
        pieces.append(.currency)
        index += 1
      } else if byte == UInt8(ascii: "\"") {
        var text: [UInt8] = []
        index += 1
        while index < template.count, template[index] != UInt8(ascii: "\"") {
          if template[index] == UInt8(ascii: "\\"), index + 1 < template.count { index += 1 }
          text.append(template[index])
          index += 1
        }
        index += 1
        pieces.append(.literal(text))
      } else {
        let length = UTF8Text.length(template, at: index)
        pieces.append(.literal(Array(template[index..<index + length])))
        index += length
      }
    }
  }

  /// The digits before and after the point of a finite value rounded to `scale` digits.
  private static func digits(_ value: Numeric, scale: Int) throws(SQLError) -> (whole: [UInt8], fraction: [UInt8]) {
    var text: [UInt8] = []
    try value.magnitude.rounded(toScale: scale).append(to: &text)
    let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let whole = Array(parts[0].drop { $0 == 48 })
    return (whole, parts.count > 1 ? Array(parts[1]) : [])
  }

  /// NaN and infinity: their words where the digits before the point have room for them, else every digit a `#`.
  private func renderSpecial(_ given: Numeric, to out: inout [UInt8]) {
    let word = given.isNaN ? "NaN" : "Infinity"
    let hasSign = pieces.contains { if case .sign = $0 { true } else { false } }
    let sign = given.isNegative && !given.isNaN ? "-" : hasSign ? "+" : fills ? " " : ""
    if word.count <= integerCount {
      out += (fills ? String(repeating: " ", count: integerCount - word.count) : "").utf8
      out += sign.utf8
      out += word.utf8
      return
    }
    out += sign.utf8
    out += String(repeating: "#", count: integerCount).utf8
    if fractionCount > 0 { out += ("." + String(repeating: "#", count: fractionCount)).utf8 }
  }

  func render(_ given: Numeric, to out: inout [UInt8]) throws(SQLError) {
    if let isRoman { return renderRoman(given, upper: isRoman.upper, to: &out) }
    if isScientific { return try renderScientific(given, to: &out) }
    guard given.isFinite else { return renderSpecial(given, to: &out) }
    var value = given
    if shift > 0 {
      value = try value.multiplied(by: try Numeric(text: "1" + String(repeating: "0", count: shift)))
    }
    let (whole, fraction) = try NumberFormat.digits(value, scale: fractionCount)
    let overflows = whole.count > integerCount
    let isZero = whole.isEmpty && fraction.allSatisfy { $0 == 48 }
    let isNegative = value.isNegative && !isZero
    let placesSign = pieces.contains {
      switch $0 {
      case .sign, .minus, .signed: true
      default: false
      }
    }
    let leading = integerCount - (overflows ? integerCount : whole.count)
    // FM drops the zeros at the end that the template writes as 9.
    let kept = fills ? fractionCount : max(lastKept, (fraction.lastIndex { $0 != 48 } ?? -1) + 1)
    var integerIndex = 0
    var fractionIndex = 0
    var seenPoint = false
    var hasBegun = false

    func begin() {
      if hasBegun { return }
      hasBegun = true
      if usesBrackets {
        if isNegative { out.append(UInt8(ascii: "<")) } else if fills { out.append(32) }
      } else if placesSign {
        if pieces.contains(where: { if case .sign = $0 { true } else { false } }) && !signAtEnd {
          out.append(UInt8(ascii: isNegative ? "-" : "+"))
        }
      } else if isNegative {
        out.append(UInt8(ascii: "-"))
      } else if fills {
        out.append(32)
      }
    }

    for piece in pieces {
      switch piece {
      case .nine, .zero:
        if seenPoint {
          begin()
          if fractionIndex < kept {
            out.append(overflows ? UInt8(ascii: "#") : fractionIndex < fraction.count ? fraction[fractionIndex] : 48)
          }
          fractionIndex += 1
        } else {
          let isLast = integerIndex == integerCount - 1
          if overflows {
            begin()
            out.append(UInt8(ascii: "#"))
          } else if integerIndex >= leading {
            begin()
            out.append(whole[integerIndex - leading])
          } else if integerIndex >= zeroStart
            || (isLast && whole.isEmpty && (fractionCount == 0 || (!fills && kept == 0)))
          {
            begin()
            out.append(48)
          } else if fills {
            out.append(32)
          }
          integerIndex += 1
        }
      case .point:
        begin()
        seenPoint = true
        out.append(UInt8(ascii: "."))
      case .group:
        if hasBegun { out.append(UInt8(ascii: overflows ? "#" : ",")) } else if fills { out.append(32) }
      case .sign:
        if signAtEnd { out.append(UInt8(ascii: isNegative ? "-" : "+")) }
      case .minus:
        if isNegative { out.append(UInt8(ascii: "-")) } else if fills { out.append(32) }
      case .plus:
        if !isNegative { out.append(UInt8(ascii: "+")) } else if fills { out.append(32) }
      case .signed: out.append(UInt8(ascii: isNegative ? "-" : "+"))
      case .currency: if fills { out.append(32) }
      case .ordinal(let upper):
        if !isNegative && fractionCount == 0 {
          let last = whole.suffix(2).reduce(0) { $0 * 10 + Int($1 - 48) }
          let text =
            (11...13).contains(last)
            ? "th" : last % 10 == 1 ? "st" : last % 10 == 2 ? "nd" : last % 10 == 3 ? "rd" : "th"
          out += Array((upper ? text.uppercased() : text).utf8)
        }
      case .literal(let text): out += text
      }
    }
    if usesBrackets {
      if isNegative { out.append(UInt8(ascii: ">")) } else if fills { out.append(32) }
    }
  }

  private func renderRoman(_ value: Numeric, upper: Bool, to out: inout [UInt8]) {
    var text = ""
    if let number = try? value.rounded(toScale: 0).int64(), (1...3999).contains(number) {
      var rest = number
      for (size, numeral) in [
        (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
        (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
      ] as [(Int64, String)] {
        while rest >= size {
          text += numeral
          rest -= size
        }
      }
    } else {
      text = String(repeating: "#", count: 15)
    }
    if fills { out += Array(repeating: 32, count: max(0, 15 - text.utf8.count)) }
    out += Array((upper ? text : text.lowercased()).utf8)
  }

  /// One digit, the fraction, and an exponent of two digits or more.
  private func renderScientific(_ value: Numeric, to out: inout [UInt8]) throws(SQLError) {
    guard value.isFinite else {
      out += Array(repeating: UInt8(ascii: "#"), count: fractionCount + 7)
      return
    }
    var text: [UInt8] = []
    value.magnitude.append(to: &text)
    let point = text.firstIndex(of: UInt8(ascii: ".")) ?? text.count
    let digits = text.filter { $0 != UInt8(ascii: ".") }
    var exponent = 0
    var significant: [UInt8] = [48]
    if let first = digits.firstIndex(where: { $0 != 48 }) {
      exponent = point - 1 - first
      significant = Array(digits[first...])
    }
    // Half away from zero, on the digits: the number may be longer than any scale.
    let wanted = fractionCount + 1
    if significant.count > wanted {
      let roundsUp = significant[wanted] >= UInt8(ascii: "5")
      significant.removeSubrange(wanted...)
      if roundsUp {
        var place = wanted - 1
        while place >= 0, significant[place] == UInt8(ascii: "9") {
          significant[place] = 48
          place -= 1
        }
        if place >= 0 {
          significant[place] += 1
        } else {
          significant.insert(UInt8(ascii: "1"), at: 0)
          significant.removeLast()
          exponent += 1
        }
      }
    }
    significant += Array(repeating: 48, count: wanted - significant.count)
    out.append(value.isNegative ? UInt8(ascii: "-") : 32)
    out.append(significant[0])
    if fractionCount > 0 {
      out.append(UInt8(ascii: "."))
      out += significant[1...]
    }
    let size = String(exponent.magnitude)
    out += Array("e\(exponent < 0 ? "-" : "+")\(size.utf8.count < 2 ? "0" : "")\(size)".utf8)
  }

  /// Reads a number written by this template: digits, the point, and a sign wherever it stands; all else is passed over.
  func read(_ text: Bytes) throws(SQLError) -> Numeric {
    var digits: [UInt8] = []
    var isNegative = false
    var seenPoint = false
    let hasPoint = pieces.contains { if case .point = $0 { true } else { false } }
    reading: for byte in text {
      switch byte {
      case 48...57: digits.append(byte)
      case UInt8(ascii: "."):
        // Where the template has no point, the number ends at one.
        if !hasPoint { break reading }
        if seenPoint { continue }
        seenPoint = true
        digits.append(byte)
      case UInt8(ascii: "-"), UInt8(ascii: "<"): isNegative = true
      default: break
      }
    }
    if digits.allSatisfy({ $0 == UInt8(ascii: ".") }) {
      // As PostgreSQL says it: of the number nothing but a blank sign is left.
      throw SQLError(.invalidTextRepresentation, "invalid input syntax for type numeric: \" \"")
    }
    let value = try Numeric(text: String(decoding: digits, as: UTF8.self))
    let scaled = shift > 0 ? try value.multiplied(by: Numeric(coefficient: 1, scale: shift)) : value
    return isNegative ? scaled.negated : scaled
  }
}

extension FunctionCatalog {
  mutating func addNumberFormats() {
    for type in [SQLType.int4, .int8] {
      function("to_char", [type, .text], .text, .stable) { (a, n, _) throws(SQLError) in
        try build2(a, n) { (x: Int64, template: Bytes, out) throws(SQLError) in
          try NumberFormat(template).render(Numeric(x), to: &out)
        }
      }
    }
    function("to_char", [.numeric, .text], .text, .stable) { (a, n, _) throws(SQLError) in
      try build2(a, n) { (x: Numeric, template: Bytes, out) throws(SQLError) in
        try NumberFormat(template).render(x, to: &out)
      }
    }
    for (type, digits) in [(SQLType.float4, 6), (.float8, 15)] {
      function("to_char", [type, .text], .text, .stable) { (a, n, _) throws(SQLError) in
        try build2(a, n) { (x: Double, template: Bytes, out) throws(SQLError) in
          try NumberFormat(template).render(try Numeric(x, significantDigits: digits), to: &out)
        }
      }
    }
    function("to_number", [.text, .text], .numeric, .stable) { (a, n, _) throws(SQLError) in
      try map2(a, n) { (x: Bytes, template: Bytes) throws(SQLError) -> Numeric? in
        template.isEmpty ? nil : try NumberFormat(template).read(x)
      }
    }
  }
}
