// HOT: What the server says, appended to one byte buffer that leaves in large pieces.
// Source: PostgreSQL manual, 55.7 "Message Formats" and 55.8 "Error and Notice Message Fields".

import SQLTypes
import Sessions

struct BackendEncoder {
  var bytes: [UInt8] = []

  /// Begins a message; `end(_:)` with the returned place fills its length in.
  @inline(__always)
  private mutating func begin(_ type: Unicode.Scalar) -> Int {
    let head: (UInt8, UInt8, UInt8, UInt8, UInt8) = (UInt8(ascii: type), 0, 0, 0, 0)
    withUnsafeBytes(of: head) { bytes.append(contentsOf: $0) }
    return bytes.count - 4
  }

  private mutating func end(_ place: Int) { set(int32: Int32(truncatingIfNeeded: bytes.count - place), at: place) }

  @inline(__always)
  private mutating func append(int16 value: Int16) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  @inline(__always)
  private mutating func append(int32 value: Int32) {
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  @inline(__always)
  private mutating func set(int32 value: Int32, at place: Int) {
    withUnsafeBytes(of: value.bigEndian) { source in
      bytes.withUnsafeMutableBytes {
        $0.baseAddress!.advanced(by: place).copyMemory(from: source.baseAddress!, byteCount: 4)
      }
    }
  }

  private mutating func append(zeroTerminated text: String) {
    bytes.append(contentsOf: text.utf8)
    bytes.append(0)
  }

  /// Messages without fields.
  @inline(__always)
  private mutating func append(empty type: Unicode.Scalar) {
    let message: (UInt8, UInt8, UInt8, UInt8, UInt8) = (UInt8(ascii: type), 0, 0, 0, 4)
    withUnsafeBytes(of: message) { bytes.append(contentsOf: $0) }
  }

  mutating func authenticationOK() {
    let place = begin("R")
    append(int32: 0)
    end(place)
  }

  /// AuthenticationSASL, AuthenticationSASLContinue, AuthenticationSASLFinal.
  mutating func authentication(_ reply: Login.Reply) {
    let place = begin("R")
    switch reply {
    case .mechanisms(let names):
      append(int32: 10)
      for name in names { append(zeroTerminated: name) }
      bytes.append(0)
    case .challenge(let text):
      append(int32: 11)
      bytes.append(contentsOf: text.utf8)
    case .final(let text):
      append(int32: 12)
      bytes.append(contentsOf: text.utf8)
    }
    end(place)
  }

  mutating func backendKey(process: Int32, secret: Int32) {
    let place = begin("K")
    append(int32: process)
    append(int32: secret)
    end(place)
  }

  mutating func negotiateProtocolVersion(newestMinor: Int32, unknownOptions: [String]) {
    let place = begin("v")
    append(int32: newestMinor)
    append(int32: Int32(unknownOptions.count))
    for option in unknownOptions { append(zeroTerminated: option) }
    end(place)
  }

  mutating func parameterStatus(_ name: String, _ value: String) {
    let place = begin("S")
    append(zeroTerminated: name)
    append(zeroTerminated: value)
    end(place)
  }

  mutating func readyForQuery(_ status: TransactionStatus) {
    let message: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (UInt8(ascii: "Z"), 0, 0, 0, 5, status.rawValue)
    withUnsafeBytes(of: message) { bytes.append(contentsOf: $0) }
  }

  mutating func parseComplete() { append(empty: "1") }
  mutating func bindComplete() { append(empty: "2") }
  mutating func closeComplete() { append(empty: "3") }
  mutating func noData() { append(empty: "n") }
  mutating func emptyQueryResponse() { append(empty: "I") }
  mutating func portalSuspended() { append(empty: "s") }
  mutating func copyDone() { append(empty: "c") }

  mutating func commandComplete(_ tag: String) {
    let place = begin("C")
    append(zeroTerminated: tag)
    end(place)
  }

  mutating func commandComplete(_ tag: RowCountTag) {
    let place = begin("C")
    tag.words.withUTF8Buffer { bytes.append(contentsOf: $0) }
    if tag.rowCount < 10 {
      bytes.append(UInt8(ascii: "0") + UInt8(tag.rowCount))
    } else {
      bytes.append(contentsOf: String(tag.rowCount).utf8)
    }
    bytes.append(0)
    end(place)
  }

  mutating func parameterDescription(_ types: [SQLType]) {
    let place = begin("t")
    append(int16: Int16(truncatingIfNeeded: types.count))
    for type in types { append(int32: Int32(bitPattern: type.oid.rawValue)) }
    end(place)
  }

  mutating func rowDescription(_ columns: [ResultColumn], formats: [ValueFormat]) {
    let place = begin("T")
    append(int16: Int16(truncatingIfNeeded: columns.count))
    for (index, column) in columns.enumerated() {
      append(zeroTerminated: column.name)
      // Table, attribute, type, length, modifier, format: 18 bytes at once.
      let length = TypeInfo.find(column.type.oid)?.length ?? -1
      let first =
        UInt64(column.table.rawValue) << 32 | UInt64(UInt16(bitPattern: column.attribute)) << 16
        | UInt64(column.type.oid.rawValue >> 16)
      let second =
        UInt64(column.type.oid.rawValue & 0xFFFF) << 48 | UInt64(UInt16(bitPattern: length)) << 32
        | UInt64(UInt32(bitPattern: column.type.wireModifier))
      withUnsafeBytes(of: (first.bigEndian, second.bigEndian)) { bytes.append(contentsOf: $0) }
      append(int16: Int16(formats[index].rawValue))
    }
    end(place)
  }

  /// One `DataRow` for each row of the batch.
  mutating func dataRows(_ batch: Batch, _ format: RowFormat, infos: [TypeInfo]) {
    let count = UInt16(truncatingIfNeeded: infos.count)
    let head: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (
      UInt8(ascii: "D"), 0, 0, 0, 0, UInt8(count >> 8), UInt8(count & 0xFF)
    )
    for row in 0..<batch.rowCount {
      let place = bytes.count + 1
      withUnsafeBytes(of: head) { bytes.append(contentsOf: $0) }
      for column in infos.indices {
        if batch.columns[column].nulls[row] {
          append(int32: -1)
          continue
        }
        let length = bytes.count
        append(int32: 0)
        switch format.formats[column] {
        case .text: infos[column].output(batch.columns, column, row, settings: format.settings, into: &bytes)
        case .binary: infos[column].send(batch.columns[column], row, settings: format.settings, into: &bytes)
        }
        set(int32: Int32(truncatingIfNeeded: bytes.count - length - 4), at: length)
      }
      end(place)
    }
  }

  mutating func copyResponse(isOut: Bool, columnCount: Int, isBinary: Bool) {
    let place = begin(isOut ? "H" : "G")
    bytes.append(isBinary ? 1 : 0)
    append(int16: Int16(truncatingIfNeeded: columnCount))
    for _ in 0..<columnCount { append(int16: isBinary ? 1 : 0) }
    end(place)
  }

  mutating func copyData(_ data: UnsafeRawBufferPointer) {
    let place = begin("d")
    bytes.append(contentsOf: data)
    end(place)
  }

  /// `ErrorResponse`, or `NoticeResponse` if `isNotice`.
  mutating func error(_ error: SQLError, severity: String, isNotice: Bool = false) {
    let place = begin(isNotice ? "N" : "E")
    func field(_ code: Unicode.Scalar, _ value: String?, _ bytes: inout [UInt8]) {
      guard let value else { return }
      bytes.append(UInt8(ascii: code))
      // A zero byte would end the field early.
      bytes.append(contentsOf: value.utf8.lazy.filter { $0 != 0 })
      bytes.append(0)
    }
    field("S", severity, &bytes)
    field("V", severity, &bytes)
    field("C", error.state.rawValue, &bytes)
    field("M", error.message, &bytes)
    field("D", error.detail, &bytes)
    field("H", error.hint, &bytes)
    field("P", error.position.map(String.init), &bytes)
    field("W", error.context, &bytes)
    field("s", error.schema, &bytes)
    field("t", error.table, &bytes)
    field("c", error.column, &bytes)
    field("d", error.dataType, &bytes)
    field("n", error.constraint, &bytes)
    bytes.append(0)
    end(place)
  }
}
