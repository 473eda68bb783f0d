// Identifiers and dotted names, after folding: `Foo` is stored as `foo`, `"Foo"` as `Foo`.
//
// Invariant: an identifier that comes out of the parser has 1 to 63 bytes (NAMEDATALEN - 1), is valid UTF-8
// and holds no NUL. PostgreSQL manual, section 4.1.1.

/// One identifier and where it stood.
public struct Identifier: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The folded (or, when quoted, literal) name.
  public var text: String
  public var position: SourcePosition

  public init(_ text: String, position: SourcePosition = .unknown) {
    self.text = text
    self.position = position
  }
  public init(stringLiteral value: String) { self.init(value) }
  public var description: String { text }
}

/// `name`, `schema.name` or `catalog.schema.name`: of a relation, type, function, collation and so on.
public struct QualifiedName: Sendable, Hashable, CustomStringConvertible {
  public var catalog: Identifier?
  public var schema: Identifier?
  public var name: Identifier

  public init(_ name: Identifier, schema: Identifier? = nil, catalog: Identifier? = nil) {
    self.catalog = catalog
    self.schema = schema
    self.name = name
  }

  /// A name in `pg_catalog`, as the grammar itself makes them (`int` is `pg_catalog.int4`).
  public static func system(_ name: String, _ position: SourcePosition = .unknown) -> QualifiedName {
    QualifiedName(Identifier(name, position: position), schema: Identifier("pg_catalog", position: position))
  }

  /// Where the whole dotted name begins.
  public var position: SourcePosition { (catalog ?? schema ?? name).position }

  /// The parts joined by dots, unquoted, as PostgreSQL prints names in messages.
  public var description: String {
    var text = name.text
    if let schema { text = schema.text + "." + text }
    if let catalog { text = catalog.text + "." + text }
    return text
  }
}

/// An operator: `+`, or `OPERATOR(pg_catalog.+)`.
public struct OperatorName: Sendable, Hashable, ExpressibleByStringLiteral {
  public var schema: Identifier?
  /// The symbol; `!=` is already `<>`.
  public var symbol: String
  public var position: SourcePosition

  public init(_ symbol: String, schema: Identifier? = nil, position: SourcePosition = .unknown) {
    self.schema = schema
    self.symbol = symbol
    self.position = position
  }
  public init(stringLiteral value: String) { self.init(value) }
}

/// A role as GRANT, OWNER TO and the like name it.
public enum RoleName: Sendable, Hashable {
  case named(Identifier)
  case currentRole(SourcePosition)
  case currentUser(SourcePosition)
  case sessionUser(SourcePosition)
  case `public`(SourcePosition)
}
