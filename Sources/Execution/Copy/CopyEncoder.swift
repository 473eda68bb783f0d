// HOT: batches into a COPY stream, as PostgreSQL's `COPY … TO` writes it.

import SQLTypes

public struct CopyEncoder {
  private let options: CopyOptions
  private let settings: FormatSettings
  private let infos: [TypeInfo]
  private let names: [String]
  private var value: [UInt8] = []

  public init(columns: [(name: String, type: SQLType)], options: CopyOptions, settings: FormatSettings) {
    self.options = options
    self.settings = settings
    infos = columns.map(\.type.behavior)
    names = columns.map(\.name)
  }

  /// The line with the columns' names, if the options ask for one.
  public mutating func encodeHeader(into output: inout [UInt8]) {
    if options.header == .no { return }
    for (index, name) in names.enumerated() {
      if index > 0 { output.append(options.delimiter) }
      if options.format == .csv {
        appendCSV(Array(name.utf8), isForced: false, isSingle: names.count == 1, to: &output)
      } else {
        appendText(Array(name.utf8), to: &output)
      }
    }
    output.append(0x0A)
  }

  /// Encodes a batch and hands over each row's line by itself: clients take a message for a row, as PostgreSQL sends them.
  public mutating func encode(_ batch: Batch, lines send: (UnsafeRawBufferPointer) -> Void) {
    var line: [UInt8] = []
    for row in 0..<batch.rowCount {
      encode(batch, rows: row..<row + 1, into: &line)
      line.withUnsafeBytes { send($0) }
      line.removeAll(keepingCapacity: true)
    }
  }

  public mutating func encode(_ batch: Batch, into output: inout [UInt8]) {
    encode(batch, rows: 0..<batch.rowCount, into: &output)
  }

  private mutating func encode(_ batch: Batch, rows: Range<Int>, into output: inout [UInt8]) {
    for row in rows {
      for index in infos.indices {
        if index > 0 { output.append(options.delimiter) }
        if batch.columns[index].nulls[row] {
          output.append(contentsOf: options.null)
          continue
        }
        value.removeAll(keepingCapacity: true)
        infos[index].output(batch.columns, index, row, settings: settings, into: &value)
        if options.format == .csv {
          appendCSV(
            value, isForced: options.forceQuote.contains(index), isSingle: infos.count == 1, to: &output)
        } else {
          appendText(value, to: &output)
        }
      }
      output.append(0x0A)
    }
  }

  private func appendText(_ value: [UInt8], to output: inout [UInt8]) {
    for byte in value {
      switch byte {
      case 0x08: output.append(contentsOf: [0x5C, UInt8(ascii: "b")])
      case 0x0C: output.append(contentsOf: [0x5C, UInt8(ascii: "f")])
      case 0x0A: output.append(contentsOf: [0x5C, UInt8(ascii: "n")])
      case 0x0D: output.append(contentsOf: [0x5C, UInt8(ascii: "r")])
      case 0x09: output.append(contentsOf: [0x5C, UInt8(ascii: "t")])
      case 0x0B: output.append(contentsOf: [0x5C, UInt8(ascii: "v")])
      case 0x5C, options.delimiter:
        output.append(0x5C)
        output.append(byte)
      default: output.append(byte)
      }
    }
  }

  private func appendCSV(_ value: [UInt8], isForced: Bool, isSingle: Bool, to output: inout [UInt8]) {
    var isQuoted = isForced || value == options.null
    if !isQuoted {
      // A line of its own that reads as the end marker would end the data.
      isQuoted =
        (isSingle && value == Array("\\.".utf8))
        || value.contains { $0 == options.delimiter || $0 == options.quote || $0 == 0x0A || $0 == 0x0D }
    }
    guard isQuoted else {
      output.append(contentsOf: value)
      return
    }
    output.append(options.quote)
    for byte in value {
      if byte == options.quote || byte == options.escape { output.append(options.escape) }
      output.append(byte)
    }
    output.append(options.quote)
  }
}
