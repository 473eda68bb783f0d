// HOT: a COPY stream into typed batches, with PostgreSQL's errors and their context (`COPY t, line 3, column a: "x"`).
// Integers and text are read in place; other types through their input function.

import SQLTypes

public final class CopyDecoder {
  private enum Fast { case int2, int4, int8, text, blankPadded, none }

  private struct Column {
    var name: String
    var info: TypeInfo
    var modifier: Int32
    var fast: Fast
  }

  private let relation: String
  private let options: CopyOptions
  private let settings: FormatSettings
  private let columns: [Column]
  private var reader: CopyLineReader
  private var awaitsHeader: Bool
  private var batch: Batch
  private let kinds: [PhysicalKind]
  /// Line numbers of the rows of the batch given last, and of the one being filled.
  private(set) var lines: [Int] = []
  private var linesNow: [Int] = []
  /// Whether the stream has ended.
  public private(set) var isAtEnd = false

  /// - Parameters:
  ///   - relation: the table's name, for contexts.
  ///   - columns: names and types of the fields of each row.
  public init(
    relation: String, columns: [(name: String, type: SQLType)], options: CopyOptions, settings: FormatSettings
  ) throws(SQLError) {
    self.relation = relation
    self.options = options
    self.settings = settings
    var all: [Column] = []
    for column in columns {
      let info = try TableCodec.info(column.type)
      let fast: Fast =
        switch column.type.oid {
        case SQLType.int2.oid: .int2
        case SQLType.int4.oid: .int4
        case SQLType.int8.oid: .int8
        case SQLType.text.oid: .text
        case SQLType.varchar.oid where column.type.modifier < 0: .text
        case SQLType.bpchar.oid where column.type.modifier >= 4: .blankPadded
        default: .none
        }
      all.append(Column(name: column.name, info: info, modifier: column.type.modifier, fast: fast))
    }
    self.columns = all
    kinds = all.map(\.info.kind)
    reader = CopyLineReader(options)
    awaitsHeader = options.header != .no
    batch = Batch(kinds: kinds)
  }

  public func append(_ bytes: UnsafeRawBufferPointer) { reader.append(bytes) }

  /// No more bytes will come.
  public func finish() { reader.finish() }

  /// The next full batch; nil if more bytes are needed, or, after `finish`, at the end. What is left comes last.
  public func next() throws(SQLError) -> Batch? {
    while batch.rowCount < Batch.maximumRowCount {
      let outcome: CopyLineReader.Outcome
      do throws(SQLError) {
        outcome = try reader.next()
      } catch {
        if reader.hasLine { throw lineError(error) }
        var error = error
        error.context = "COPY \(relation), line \(reader.lineNumber + 1)"
        throw error
      }
      switch outcome {
      case .needsMore: return nil
      case .end:
        isAtEnd = true
        if batch.rowCount == 0 { return nil }
        return take()
      case .row:
        if awaitsHeader {
          awaitsHeader = false
          if options.header == .match { try matchHeader() }
          continue
        }
        try appendRow()
      }
    }
    return take()
  }

  private func take() -> Batch {
    let result = batch
    swap(&lines, &linesNow)
    linesNow.removeAll(keepingCapacity: true)
    batch = Batch(columns: kinds.map { ColumnVector($0, capacity: Batch.maximumRowCount) }, rowCount: 0, unchecked: ())
    return result
  }

  private func matchHeader() throws(SQLError) {
    if reader.fieldCount != columns.count {
      throw lineError(
        SQLError(
          .badCopyFileFormat,
          "wrong number of fields in header line: got \(reader.fieldCount), expected \(columns.count)"))
    }
    for (index, column) in columns.enumerated() {
      let name = String(decoding: reader.bytes[reader.fieldRange(index)], as: UTF8.self)
      if reader.isNull[index] {
        throw lineError(
          SQLError(
            .badCopyFileFormat,
            "column name mismatch in header line field \(index + 1): got null value (\"\(String(decoding: options.null, as: UTF8.self))\"), expected \"\(column.name)\""
          ))
      }
      if name != column.name {
        throw lineError(
          SQLError(
            .badCopyFileFormat,
            "column name mismatch in header line field \(index + 1): got \"\(name)\", expected \"\(column.name)\""))
      }
    }
  }

  private func appendRow() throws(SQLError) {
    let count = columns.count
    if count == 0 && reader.fieldCount == 1 && reader.fieldRange(0).isEmpty {
      batch.rowCount += 1
      linesNow.append(reader.lineNumber)
      return
    }
    if reader.fieldCount > count {
      throw lineError(SQLError(.badCopyFileFormat, "extra data after last expected column"))
    }
    let fields = reader.bytes
    do throws(SQLError) {
      try fields.span.withUnsafeBytes { (bytes: UnsafeRawBufferPointer) throws(SQLError) in
        try checkUTF8(bytes)
        for index in 0..<count {
          guard index < reader.fieldCount else {
            throw lineError(
              SQLError(.badCopyFileFormat, "missing data for column \"\(columns[index].name)\""))
          }
          if reader.isNull[index] {
            batch.columns[index].appendNull()
          } else {
            try append(UnsafeRawBufferPointer(rebasing: bytes[reader.fieldRange(index)]), index)
          }
        }
      }
    } catch {
      throw error.context == nil ? lineError(error) : error
    }
    linesNow.append(reader.lineNumber)
    batch.rowCount += 1
  }

  @inline(__always)
  private func append(_ field: UnsafeRawBufferPointer, _ index: Int) throws(SQLError) {
    switch columns[index].fast {
    case .int2:
      if let value = CopyDecoder.integer(field), value >= Int64(Int16.min), value <= Int64(Int16.max) {
        batch.columns[index].int64s.append(value)
        return
      }
    case .int4:
      if let value = CopyDecoder.integer(field), value >= Int64(Int32.min), value <= Int64(Int32.max) {
        batch.columns[index].int64s.append(value)
        return
      }
    case .int8:
      if let value = CopyDecoder.integer(field) {
        batch.columns[index].int64s.append(value)
        return
      }
    case .text:
      batch.columns[index].bytes.append(field)
      return
    case .blankPadded:
      let length = Int(columns[index].modifier) - 4
      if field.count <= length && field.allSatisfy({ $0 < 0x80 }) {
        try batch.columns[index].bytes.append { (buffer: inout [UInt8]) throws(SQLError) in
          buffer.append(contentsOf: field)
          buffer.append(contentsOf: repeatElement(0x20, count: length - field.count))
        }
        return
      }
    case .none: break
    }
    do throws(SQLError) {
      let column = columns[index]
      batch.columns[index].append(try column.info.input(field, modifier: column.modifier, settings: settings))
    } catch {
      var error = error
      error.context =
        "COPY \(relation), line \(reader.lineNumber), column \(columns[index].name): "
        + "\"\(CopyDecoder.shortened(Array(field)))\""
      throw error
    }
  }

  /// A plain decimal integer; nil for what needs the full rules (blanks, overflow, errors).
  @inline(__always)
  private static func integer(_ field: UnsafeRawBufferPointer) -> Int64? {
    guard field.count > 0, field.count <= 18 else { return nil }
    var index = 0
    let isNegative = field[0] == UInt8(ascii: "-")
    if isNegative { index = 1 }
    if index == field.count { return nil }
    var value: Int64 = 0
    while index < field.count {
      let digit = field[index] &- 48
      if digit > 9 { return nil }
      value = value &* 10 &+ Int64(digit)
      index += 1
    }
    return isNegative ? -value : value
  }

  private func lineError(_ error: SQLError) -> SQLError {
    var error = error
    error.context = "COPY \(relation), line \(reader.lineNumber): \"\(CopyDecoder.shortened(reader.line))\""
    return error
  }

  /// PostgreSQL shows at most 100 bytes of a value or line in a context.
  static func shortened(_ bytes: [UInt8]) -> String {
    if bytes.count <= 100 { return String(decoding: bytes, as: UTF8.self) }
    var end = 100
    while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 }
    return String(decoding: bytes[..<end], as: UTF8.self) + "..."
  }
}
