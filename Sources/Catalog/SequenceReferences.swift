// Sequences within stored SQL text. They stand there by OID, as in `nextval('16385'::regclass)` or, as the syntax printer
// writes it, `nextval(CAST('16385' AS regclass))`, which PostgreSQL's own reading of `regclass` takes for the relation of that OID; so a sequence may be renamed or moved, and what depends
// on it can be found. For people the OID is shown as the name that finds the relation.

import SQLTypes

public enum SequenceReferences {
  /// `nextval('oid'::regclass)`, the default of a serial column.
  public static func nextValueSQL(_ sequence: OID) -> String { "nextval('\(sequence)'::regclass)" }

  /// The relations that the text names by OID, in order of appearance.
  public static func relations(in sql: String) -> [OID] {
    var found: [OID] = []
    _ = replacing(in: sql) { oid in
      if !found.contains(oid) { found.append(oid) }
      return nil
    }
    return found
  }

  /// The text with each relation shown by `name`; nil leaves the OID.
  static func replacing(in sql: String, name: (OID) -> String?) -> String {
    let bytes = Array(sql.utf8)
    let suffix = Array("::regclass".utf8)
    let cast = Array("CAST(".utf8)
    let castEnd = Array(" AS regclass)".utf8)
    var output: [UInt8] = []
    var position = 0
    while position < bytes.count {
      guard bytes[position] == UInt8(ascii: "'") else {
        output.append(bytes[position])
        position += 1
        continue
      }
      // The literal's end, doubled quotes being part of it.
      var end = position + 1
      while end < bytes.count {
        if bytes[end] == UInt8(ascii: "'") {
          if end + 1 < bytes.count, bytes[end + 1] == UInt8(ascii: "'") { end += 1 } else { break }
        }
        end += 1
      }
      let content = bytes[(position + 1)..<max(position + 1, min(end, bytes.count))]
      let rest = bytes[min(end + 1, bytes.count)...]
      let isCast = output.suffix(cast.count).elementsEqual(cast) && rest.starts(with: castEnd)
      if isCast || rest.starts(with: suffix), !content.isEmpty,
        content.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
        let oid = UInt32(String(decoding: content, as: UTF8.self)), let shown = name(OID(oid))
      {
        // Shown as PostgreSQL does, whichever way it was written.
        if isCast { output.removeLast(cast.count) }
        output.append(contentsOf: quoteLiteral(shown).utf8)
        output.append(contentsOf: suffix)
        end += isCast ? castEnd.count : suffix.count
      } else {
        output.append(contentsOf: bytes[position..<min(end + 1, bytes.count)])
      }
      position = end + 1
    }
    return String(decoding: output, as: UTF8.self)
  }
}
