// Columns within the stored text of a check, a generated column or an index's predicate: which they are, and a new name
// for one. Those texts are printed by the database, over the columns of one table: a name in them is a column unless it is
// called, stands behind a `::` or an `AS` (a type), or is a keyword (a column named so is quoted).

import SQLTypes

enum StoredColumns {
  /// The text with another name for a column.
  static func rename(_ old: String, to new: String, in sql: String) -> String {
    replacing(in: sql) { $0 == old ? new : nil }
  }

  /// The columns of `table` that the text reads, by id.
  static func columns(in sql: String, of table: TableDescriptor) -> [UInt32] {
    var found: Set<UInt32> = []
    _ = replacing(in: sql) { name in
      if let column = table.column(named: name) { found.insert(column.id) }
      return nil
    }
    return found.sorted()
  }

  /// The text with each column's name as `replacement` says; nil leaves it.
  private static func replacing(in sql: String, _ replacement: (String) -> String?) -> String {
    let bytes = Array(sql.utf8)
    var output: [UInt8] = []
    var position = 0
    /// Behind `::` or `AS`: the name of a type.
    var isType = false
    while position < bytes.count {
      let start = position
      let byte = bytes[position]
      switch byte {
      case UInt8(ascii: "'"):
        position = end(ofQuoted: byte, in: bytes, from: position)
        output.append(contentsOf: bytes[start..<position])
        isType = false
      case UInt8(ascii: "\""), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "_"), 0x80...0xFF:
        let isQuoted = byte == UInt8(ascii: "\"")
        position = isQuoted ? end(ofQuoted: byte, in: bytes, from: position) : end(ofWord: bytes, from: position)
        let word = bytes[start..<position]
        let next = nextByte(bytes, from: position)
        // `E'…'` begins with a word; a word that would need quotes as a name is a keyword.
        let isOther = isType || next == UInt8(ascii: "(") || (position < bytes.count && bytes[position] == 0x27)
        if !isOther, let name = name(word, isQuoted: isQuoted), let new = replacement(name) {
          output.append(contentsOf: quoteIdentifier(new).utf8)
        } else {
          output.append(contentsOf: word)
        }
        // `pg_catalog.int4` goes on after its dot.
        if next != UInt8(ascii: ".") { isType = !isQuoted && word.elementsEqual("AS".utf8) }
      case UInt8(ascii: ":") where position + 1 < bytes.count && bytes[position + 1] == byte:
        isType = true
        output.append(contentsOf: [byte, byte])
        position += 2
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        // `1e5` is no name.
        position = end(ofWord: bytes, from: position)
        output.append(contentsOf: bytes[start..<position])
      default:
        output.append(byte)
        position += 1
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  /// The name that a word means; nil for a keyword.
  private static func name(_ word: ArraySlice<UInt8>, isQuoted: Bool) -> String? {
    let text = String(decoding: word, as: UTF8.self)
    if isQuoted {
      return text.dropFirst().dropLast().split(separator: "\"\"", omittingEmptySubsequences: false)
        .joined(separator: "\"")
    }
    return quoteIdentifier(text) == text ? text : nil
  }

  private static func end(ofQuoted quote: UInt8, in bytes: [UInt8], from start: Int) -> Int {
    var position = start + 1
    let hasEscapes = quote == 0x27 && start > 0 && bytes[start - 1] | 0x20 == UInt8(ascii: "e")
    while position < bytes.count {
      if hasEscapes && bytes[position] == UInt8(ascii: "\\") {
        position += 2
      } else if bytes[position] != quote {
        position += 1
      } else if position + 1 < bytes.count, bytes[position + 1] == quote {
        position += 2
      } else {
        return position + 1
      }
    }
    return bytes.count
  }

  private static func end(ofWord bytes: [UInt8], from start: Int) -> Int {
    var position = start
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...0xFF:
        position += 1
      default: return position
      }
    }
    return position
  }

  private static func nextByte(_ bytes: [UInt8], from start: Int) -> UInt8? {
    bytes[start...].first { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\n") }
  }
}
