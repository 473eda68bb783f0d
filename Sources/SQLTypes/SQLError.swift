// The one error value that a client can see. Lower rooms use small enums of their own; they become a
// `SQLError` at two
// borders only: the replica's answer, and the executor's way to the session.
// Source: PostgreSQL manual, 55.8 "Error and Notice Message Fields" and 56.3 "Error Message Style Guide".

/// What may be tried again after an error.
public enum RetryAdvice: Sendable, Hashable {
  /// The same statement would fail again.
  case never
  /// The statement may be tried again within its transaction.
  case statement
  /// The whole transaction may be tried again (40001, 40P01).
  case transaction
  /// Whether the transaction committed cannot be known (40003): nobody may retry blindly.
  case ambiguous
}

/// An error as PostgreSQL's clients know it. The message is lower case without a period; detail and hint are
/// sentences.
public struct SQLError: Error, Sendable, Hashable, CustomStringConvertible {
  public var state: SQLState
  public var message: String
  public var detail: String?
  public var hint: String?
  /// 1-based index of a character (not byte) in the statement's text, as in PostgreSQL's `P` field.
  public var position: Int?
  /// What the error was raised within, a line per level (`W` field).
  public var context: String?
  public var schema: String?
  public var table: String?
  public var column: String?
  public var dataType: String?
  public var constraint: String?
  public var retry: RetryAdvice

  public init(
    _ state: SQLState, _ message: String, detail: String? = nil, hint: String? = nil, position: Int? = nil,
    retry: RetryAdvice? = nil
  ) {
    self.state = state
    self.message = message
    self.detail = detail
    self.hint = hint
    self.position = position
    self.retry =
      retry
      ?? {
        switch state {
        case .serializationFailure, .deadlockDetected: .transaction
        case .statementCompletionUnknown: .ambiguous
        default: .never
        }
      }()
  }

  /// The same error, said to be at a byte offset of `source` unless it already has a position.
  public func at(byteOffset: Int, of source: [UInt8]) -> SQLError {
    guard position == nil, byteOffset >= 0 else { return self }
    var copy = self
    copy.position = SQLError.characterPosition(byteOffset: byteOffset, of: source)
    return copy
  }

  /// The 1-based index of the character that begins at or covers `byteOffset`.
  public static func characterPosition(byteOffset: Int, of source: [UInt8]) -> Int {
    // Continuation bytes (10xxxxxx) do not begin a character.
    source.prefix(byteOffset).reduce(into: 1) { count, byte in if byte & 0xC0 != 0x80 { count += 1 } }
  }

  public var description: String {
    var text = "ERROR: \(state): \(message)"
    if let detail { text += "\nDETAIL: \(detail)" }
    if let hint { text += "\nHINT: \(hint)" }
    return text
  }
}
