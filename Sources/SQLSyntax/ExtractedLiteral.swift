// A literal that the plan cache of the simple protocol takes out of a statement's text.

/// One literal taken out of a statement: its kind decides how a plan types it, its text is the value to bind.
public struct ExtractedLiteral: Sendable, Equatable {
  /// How PostgreSQL types such a literal; part of the cache key.
  public enum Kind: UInt8, Sendable, Hashable {
    /// Fits int4.
    case integer
    /// Fits int8 but not int4.
    case bigInteger
    case numeric
    /// A string of unknown type.
    case string
  }
  public var kind: Kind
  /// The value: digits of a number as written, or the string with its escapes resolved, in UTF-8.
  public var text: [UInt8]
  /// Byte offset of the literal's first byte in the query string.
  public var position: SourcePosition

  public init(kind: Kind, text: [UInt8], position: SourcePosition) {
    self.kind = kind
    self.text = text
    self.position = position
  }
}
