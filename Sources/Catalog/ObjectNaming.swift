// Names that the database chooses, and how names are written back: PostgreSQL's rules for `t_pkey`, `t_a_b_key`,
// `t_a_seq`, and for quoting identifiers.
// Source: the observable naming of PostgreSQL 15; identifiers have at most 63 bytes (manual, 4.1.1).

import SQLSyntax
import SQLTypes

public enum ObjectNaming {
  /// NAMEDATALEN - 1.
  public static let maximumByteCount = 63

  /// `first_second_label` in at most 63 bytes: the longer of the first two is shortened byte by byte until it fits, never
  /// within a character. `second` and `label` may be empty, and then bring no underscore.
  public static func objectName(_ first: String, _ second: String, _ label: String) -> String {
    var overhead = 0
    if !second.isEmpty { overhead += 1 }
    if !label.isEmpty { overhead += label.utf8.count + 1 }
    let available = maximumByteCount - overhead
    var firstCount = first.utf8.count
    var secondCount = second.utf8.count
    while firstCount + secondCount > available {
      if firstCount > secondCount { firstCount -= 1 } else { secondCount -= 1 }
    }
    var name = clipped(first, toByteCount: firstCount)
    if !second.isEmpty { name += "_" + clipped(second, toByteCount: secondCount) }
    if !label.isEmpty { name += "_" + label }
    return name
  }

  /// The first of `objectName(…, label)`, `…label1`, `…label2` that is not taken.
  public static func choose(
    _ first: String, _ second: String, _ label: String, isTaken: (String) -> Bool
  ) -> String {
    var number = 0
    while true {
      let name = objectName(first, second, number == 0 ? label : "\(label)\(number)")
      if !isTaken(name) { return name }
      number += 1
    }
  }

  /// The columns' part of an index's or constraint's name: joined by underscores, as many as begin within 63 bytes.
  public static func columnsPart(_ names: [String]) -> String {
    var part = ""
    for name in names {
      if !part.isEmpty { part += "_" }
      part += name
      if part.utf8.count >= maximumByteCount { break }
    }
    return clipped(part, toByteCount: maximumByteCount)
  }

  /// At most so many bytes of UTF-8, whole characters only.
  public static func clipped(_ text: String, toByteCount limit: Int) -> String {
    let bytes = text.utf8
    if bytes.count <= limit { return text }
    var end = bytes.index(bytes.startIndex, offsetBy: max(limit, 0))
    while end > bytes.startIndex, bytes[end] & 0xC0 == 0x80 { end = bytes.index(before: end) }
    return String(text[..<end])
  }

  /// The name in `candidates` closest to `name`, if close enough to be a slip of the keyboard: at most half of its
  /// characters (and never more than three) inserted, removed or replaced. For hints.
  public static func closest(to name: String, among candidates: some Sequence<String>) -> String? {
    let wanted = Array(name.unicodeScalars)
    let limit = min(3, max(1, wanted.count / 2))
    var best: (distance: Int, name: String)?
    for candidate in candidates {
      let distance = editDistance(wanted, Array(candidate.unicodeScalars))
      if distance <= limit, distance < best?.distance ?? Int.max { best = (distance, candidate) }
    }
    return best?.name
  }

  private static func editDistance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    if abs(a.count - b.count) > 3 { return Int.max }
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for (j, y) in b.enumerated() {
        let replaced = diagonal + (x == y ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(replaced, row[j] + 1, diagonal + 1)
      }
    }
    return row[b.count]
  }
}

/// The identifier as it must be written: quoted unless it is lower case letters, digits and underscores and no keyword
/// that would mean something else.
public func quoteIdentifier(_ name: String) -> String { SyntaxPrinter.quoteIdentifier(name) }

/// The text as a string constant.
public func quoteLiteral(_ text: String) -> String {
  let doubled = text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
  guard text.utf8.contains(UInt8(ascii: "\\")) else { return "'" + doubled + "'" }
  return "E'" + doubled.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\") + "'"
}
