// How the stored text of a view names what it reads, so that it means the same after a rename: a relation by its OID in the place of
// a schema, its columns by number in the list behind its alias. Within the text the names are those of the time when it was made.
//
//     FROM "␁16385".t AS "␁7.t"("␁1=a", "␁2:b")
//
// reads relation 16385, which had no alias of its own, with column 1 as `a`, and column 2 as `b` because an alias says so.

import Expressions
import SQLTypes

public enum StoredName {
  private static let mark: Character = "\u{1}"

  public static func relation(_ oid: OID) -> String { "\(mark)\(oid)" }

  /// The relation that stands in a schema's place.
  public static func relation(in schema: String) -> OID? {
    guard schema.first == mark else { return nil }
    return UInt32(schema.dropFirst()).map { OID($0) }
  }

  /// The name within the text of a relation that has no alias; `number` tells it from others of that name.
  public static func implicitAlias(_ name: String, number: Int) -> String { "\(mark)\(number).\(name)" }

  /// The name of what USING merges, which has none of its own.
  public static func merged(_ number: Int) -> String { "\(mark)\(number).using" }

  /// Whether an alias stands for the relation's own name.
  public static func isImplicit(_ alias: String) -> Bool { alias.first == mark }

  public struct Column {
    public var id: UInt32
    public var name: String
    /// Written in the alias, rather than the column's own.
    public var isAlias: Bool

    public init(id: UInt32, name: String, isAlias: Bool) {
      self.id = id
      self.name = name
      self.isAlias = isAlias
    }

    public var text: String { "\(mark)\(id)\(isAlias ? ":" : "=")\(name)" }
  }

  public static func column(_ text: String) -> Column? {
    guard text.first == mark, let sign = text.firstIndex(where: { $0 == "=" || $0 == ":" }),
      let id = UInt32(text[text.index(after: text.startIndex)..<sign])
    else { return nil }
    return Column(id: id, name: String(text[text.index(after: sign)...]), isAlias: text[sign] == ":")
  }
}

extension TableDescriptor {
  /// Whether a view's text names what it reads by number, so that renames do it no harm.
  var namesByNumber: Bool {
    guard case .view(let sql) = kind else { return false }
    return sql.utf8.contains(1)
  }
}
