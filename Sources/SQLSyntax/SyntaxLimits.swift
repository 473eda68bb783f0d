// The bounds of this room, each with its reason.

/// Bounds on what the parser takes.
public enum SyntaxLimits {
  /// Nesting of expressions, queries, joins and types, and so the depth of every tree that the parser returns.
  /// Every pass over a tree recurses; this keeps all of them within the stack of a thread.
  public static let maximumDepth = 500
  /// Bytes of an identifier: NAMEDATALEN - 1. Longer ones are cut, as in PostgreSQL.
  public static let maximumIdentifierLength = 63
  /// Bytes of query text: offsets are 32 bits, and no client sends more than a protocol message.
  public static let maximumSourceLength = 1 << 30
  /// Parameter numbers: the protocol counts them in 16 bits.
  public static let maximumParameter = 65_535
  /// Literals that `LiteralExtraction` takes out of one statement: beyond, plans are not worth caching.
  public static let maximumExtractedLiterals = 256
  /// Bytes of a statement that `LiteralExtraction` looks at.
  public static let maximumExtractionLength = 16_384
}
