// The functions behind casts: between types, into a type's modifier, through the text form, and element by element.
// Where two types lie alike in memory (int4 and int8, varchar and text) a cast needs no function at all: the expression is
// only given the other type.
// Source: PostgreSQL manual, 4.2.9, 8, and the catalog `pg_cast`.

import SQLTypes

enum Casts {
  /// Whether a value of `source` is, bit for bit, the same value of `target`.
  static func isRelabel(_ source: SQLType, _ target: SQLType) -> Bool {
    if source.oid == target.oid { return true }
    switch (source.oid.rawValue, target.oid.rawValue) {
    case (21, 23), (21, 20), (23, 20), (700, 701): return true
    case (16, 23): return true
    case (1043, 25), (25, 1043), (25, 1042), (1043, 1042), (19, 25), (19, 1043), (18, 25), (18, 1043): return true
    case (26, 20), (24, 20), (2205, 20), (2206, 20), (4089, 20): return true
    case (26, 24), (26, 2205), (26, 2206), (26, 4089), (24, 26), (2205, 26), (2206, 26), (4089, 26): return true
    default: break
    }
    if source.isArray, target.isArray, let from = source.element, let to = target.element {
      // The array's header names its element type: only text and varchar read each other's.
      return from.oid == to.oid
    }
    return false
  }

  private struct Key: Hashable {
    var source: UInt32
    var target: UInt32
  }

  private static let table: [Key: ScalarFunction] = {
    var builder = CastTable()
    builder.addNumbers()
    builder.addTexts()
    builder.addTimes()
    return builder.entries.reduce(into: [:]) { table, entry in
      table[Key(source: entry.arguments[0].oid.rawValue, target: entry.result.oid.rawValue)] = entry
    }
  }()

  /// The function that casts `source` to `target` where `method` is the one that `TypeRules` found.
  static func function(
    _ source: SQLType, _ target: SQLType, _ method: CastMethod, isExplicit: Bool
  ) -> ScalarFunction? {
    if let known = table[Key(source: source.oid.rawValue, target: target.oid.rawValue)] { return known }
    switch method {
    case .elements: return elements(source, target, isExplicit: isExplicit)
    case .binary where source.isArray: return elements(source, target, isExplicit: isExplicit)
    case .text, .binary, .function: return throughText(source, target)
    }
  }

  // MARK: Text forms

  /// Whether the text form depends on the session's settings.
  private static func dependsOnSettings(_ type: SQLType) -> Bool {
    switch type.category {
    case .dateTime, .timespan: true
    case .array: type.element.map(dependsOnSettings) ?? true
    default: [17, 24, 2205, 2206, 4089, 700, 701].contains(type.oid.rawValue)
    }
  }

  /// Any type to text or text to any type.
  static func throughText(_ source: SQLType, _ target: SQLType) -> ScalarFunction? {
    guard let from = TypeInfo.find(source.oid), let to = TypeInfo.find(target.oid) else { return nil }
    let volatility: Volatility = dependsOnSettings(source) || dependsOnSettings(target) ? .stable : .immutable
    if target.category == .string || target.oid == SQLType.char.oid, from.category != .string {
      let kernel: ScalarKernel = { (a, n, context) throws(SQLError) in
        var result = ColumnVector(.bytes, capacity: n)
        for row in 0..<n {
          if a[0].nulls[row] {
            result.appendNull()
          } else {
            try result.bytes.append { (out) throws(SQLError) -> Void in
              from.output(a[0], row, settings: context.settings, into: &out)
            }
          }
        }
        return result
      }
      return ScalarFunction(to.name, [source], returns: target, volatility: volatility, kernel: kernel)
    }
    let kernel: ScalarKernel = { (a, n, context) throws(SQLError) in
      var result = ColumnVector(to.kind, capacity: n)
      var text: [UInt8] = []
      for row in 0..<n {
        if a[0].nulls[row] {
          result.appendNull()
          continue
        }
        text.removeAll(keepingCapacity: true)
        from.output(a[0], row, settings: context.settings, into: &text)
        result.append(try to.input(text, settings: context.settings))
      }
      return result
    }
    return ScalarFunction(to.name, [source], returns: target, volatility: volatility, kernel: kernel)
  }

  // MARK: Arrays

  private static func elements(_ source: SQLType, _ target: SQLType, isExplicit: Bool) -> ScalarFunction? {
    guard let from = source.element, let to = target.element else { return nil }
    guard let method = TypeRules.castMethod(from, to, isExplicit ? .explicit : .assignment) else { return nil }
    let cast = isRelabel(from, to) ? nil : function(from, to, method, isExplicit: isExplicit)
    if cast == nil && !isRelabel(from, to) { return nil }
    return ScalarFunction(
      TypeInfo.find(target.oid)?.name ?? "array", [source], returns: target, volatility: cast?.volatility ?? .immutable
    ) { (a, n, context) throws(SQLError) in
      var result = ColumnVector(.bytes, capacity: n)
      for row in 0..<n {
        if a[0].nulls[row] {
          result.appendNull()
          continue
        }
        var array = try ArrayValue(a[0].bytes[row])
        array.elementOID = to.oid
        if let cast, !array.elements.isEmpty {
          var column = ColumnVector(from.kind)
          for element in array.elements { column.append(element) }
          let cast = try Evaluator.expand(
            Evaluator.apply(cast, [column], column.count, context), array.elements.count)
          array.elements = (0..<cast.count).map { cast.datum($0) }
        }
        result.bytes.append(array.bytes)
      }
      return result
    }
  }

  // MARK: Modifiers

  /// Fits values of `type` into its modifier.
  static func modifier(_ type: SQLType, isExplicit: Bool) -> ScalarFunction? {
    guard let info = TypeInfo.find(type.oid), type.modifier >= 0 else { return nil }
    let modifier = type.modifier
    if type.oid == SQLType.varchar.oid {
      return ScalarFunction("varchar", [type.unmodified], returns: type) { (a, n, _) throws(SQLError) in
        // Mostly everything fits: then the column stays as it is.
        let limit = Int(modifier) - 4
        let fits = (0..<n).allSatisfy { a[0].bytes.range($0).count <= limit }
        return fits ? a[0] : try fit(a[0], info, modifier, isExplicit: isExplicit)
      }
    }
    return ScalarFunction(info.name, [type.unmodified], returns: type) { (a, n, _) throws(SQLError) in
      try fit(a[0], info, modifier, isExplicit: isExplicit)
    }
  }

  private static func fit(
    _ column: ColumnVector, _ info: TypeInfo, _ modifier: Int32, isExplicit: Bool
  ) throws(SQLError) -> ColumnVector {
    var result = ColumnVector(column.kind, capacity: column.count)
    for row in 0..<column.count {
      result.append(try info.coerce(column.datum(row), modifier: modifier, isExplicit: isExplicit))
    }
    return result
  }
}

/// Collects the casts between particular types.
struct CastTable {
  private(set) var entries: [ScalarFunction] = []

  mutating func add(
    _ source: SQLType, _ target: SQLType, _ volatility: Volatility = .immutable, kernel: @escaping ScalarKernel
  ) {
    entries.append(
      ScalarFunction(
        TypeInfo.find(target.oid)?.name ?? "cast", [source], returns: target, volatility: volatility, broadcasts: true,
        kernel: kernel))
  }

  mutating func addNumbers() {
    for target in [SQLType.int2, .int4, .int8, .oid] { addToInteger(target) }
    for source in [SQLType.int2, .int4, .int8] {
      add(source, .float8) { (a, n, _) in fast1(a, n) { (x: Int64) in Double(x) } }
      add(source, .float4) { (a, n, _) in fast1(a, n) { (x: Int64) in Double(Float(x)) } }
      add(source, .numeric) { (a, n, _) throws(SQLError) in try map1(a, n) { (x: Int64) in Numeric(x) } }
    }
    add(.int4, .bool) { (a, n, _) in fast1(a, n) { (x: Int64) in (x != 0).int64 } }
    add(.float8, .float4) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Double) throws(SQLError) -> Double in try single(x) }
    }
    add(.float8, .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Double) throws(SQLError) -> Numeric in try Numeric(x) }
    }
    add(.float4, .numeric) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Double) throws(SQLError) -> Numeric in try Numeric(x, significantDigits: 6) }
    }
    add(.numeric, .float8) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) throws(SQLError) -> Double in try x.double() }
    }
    add(.numeric, .float4) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) throws(SQLError) -> Double in try single(try x.double()) }
    }
  }

  private mutating func addToInteger(_ target: SQLType) {
    let name = target == .oid ? "OID" : target.displayName
    let error = SQLError(.numericValueOutOfRange, "\(name) out of range")
    let range: ClosedRange<Int64> =
      switch target {
      case .int2: Int64(Int16.min)...Int64(Int16.max)
      case .int4: Int64(Int32.min)...Int64(Int32.max)
      case .oid: 0...Int64(UInt32.max)
      default: Int64.min...Int64.max
      }
    let narrowed: ScalarKernel = { (a, n, _) throws(SQLError) in
      try checked1(a, n, error) { (x: Int64) in (x, !range.contains(x)) }
    }
    let aliases = [SQLType.oid, .regproc, .regclass, .regtype, SQLType(OID(4089))]
    if target == .oid {
      for alias in aliases {
        add(.int8, alias, kernel: narrowed)
        // Negative numbers are taken bit by bit.
        for source in [SQLType.int2, .int4] {
          add(source, alias) { (a, n, _) in fast1(a, n) { (x: Int64) in x & 0xFFFF_FFFF } }
        }
      }
      return
    }
    if target == .int4 {
      for alias in aliases {
        add(alias, .int4) { (a, n, _) in fast1(a, n) { (x: Int64) in Int64(Int32(truncatingIfNeeded: x)) } }
      }
    }
    for source in [SQLType.int2, .int4, .int8] where source != target { add(source, target, kernel: narrowed) }
    for source in [SQLType.float4, .float8] {
      add(source, target) { (a, n, _) throws(SQLError) in
        try checked1(a, n, error) { (x: Double) -> (Int64, Bool) in
          guard let value = Int64(exactly: x.rounded(.toNearestOrEven)), range.contains(value) else { return (0, true) }
          return (value, false)
        }
      }
    }
    add(.numeric, target) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Numeric) throws(SQLError) -> Int64 in
        let value = try x.int64(typeName: target.displayName)
        if !range.contains(value) { throw error }
        return value
      }
    }
  }

  mutating func addTexts() {
    for target in [SQLType.text, .varchar] {
      add(.bool, target) { (a, n, _) throws(SQLError) in
        try build1(a, n) { (x: Bool, out) in out.append(x ? "true" : "false") }
      }
      add(.bpchar, target) { (a, n, _) throws(SQLError) in
        try build1(a, n) { (x: Bytes, out) in out.append(withoutTrailingBlanks(x)) }
      }
    }
    add(.bool, .bpchar) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Bool, out) in out.append(x ? "true" : "false") }
    }
    for source in [SQLType.text, .varchar, .bpchar] {
      // Cut to 63 bytes, at a character.
      add(source, .name) { (a, n, _) throws(SQLError) in
        try build1(a, n) { (x: Bytes, out) in
          var text = source == .bpchar ? withoutTrailingBlanks(x) : x
          if text.count > 63 {
            var end = 63
            while end > 0 && UTF8Text.isContinuation(text[end]) { end -= 1 }
            text = text.part(0..<end)
          }
          out.append(text)
        }
      }
      add(source, .char) { (a, n, _) throws(SQLError) in
        try build1(a, n) { (x: Bytes, out) in out.append(contentsOf: x.prefix(1)) }
      }
    }
    add(.char, .int4) { (a, n, _) throws(SQLError) in
      try map1(a, n) { (x: Bytes) in Int64(Int8(bitPattern: x.first ?? 0)) }
    }
    add(.int4, .char) { (a, n, _) throws(SQLError) in
      try build1(a, n) { (x: Int64, out) throws(SQLError) in
        guard let byte = Int8(exactly: x) else {
          throw SQLError(.numericValueOutOfRange, "\"char\" out of range")
        }
        if byte != 0 { out.append(UInt8(bitPattern: byte)) }
      }
    }
  }

  mutating func addTimes() {}
}

/// The nearest float4, kept as a Double.
private func single(_ x: Double) throws(SQLError) -> Double {
  let value = Float(x)
  if value.isInfinite && x.isFinite { throw ArithmeticErrors.overflow }
  if value == 0 && x != 0 { throw ArithmeticErrors.underflow }
  return Double(value)
}
