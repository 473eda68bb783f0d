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
///
/// One reference: every asynchronous frame of a statement holds room for the error that it may throw, and frames that
/// outgrow a task's memory cost an allocation each.
public struct SQLError: Error, Sendable, Hashable, CustomStringConvertible {
  private struct Fields: Sendable, Hashable {
    var state: SQLState
    var message: String
    var detail: String?
    var hint: String?
    var position: Int?
    var context: String?
    var schema: String?
    var table: String?
    var column: String?
    var dataType: String?
    var constraint: String?
    var retry: RetryAdvice
  }

  /// `@unchecked Sendable`: changed only while nobody else refers to it.
  private final class Storage: @unchecked Sendable {
    var fields: Fields
    init(_ fields: Fields) { self.fields = fields }
  }

  private var storage: Storage

  private var fields: Fields {
    get { storage.fields }
    set {
      if isKnownUniquelyReferenced(&storage) { storage.fields = newValue } else { storage = Storage(newValue) }
    }
  }

  public init(
    _ state: SQLState, _ message: String, detail: String? = nil, hint: String? = nil, position: Int? = nil,
    retry: RetryAdvice? = nil
  ) {
    let advice: RetryAdvice =
      switch state {
      case .serializationFailure, .deadlockDetected: .transaction
      case .statementCompletionUnknown: .ambiguous
      default: .never
      }
    storage = Storage(
      Fields(
        state: state, message: message, detail: detail, hint: hint, position: position, retry: retry ?? advice))
  }

  public var state: SQLState {
    get { fields.state }
    set { fields.state = newValue }
  }
  public var message: String {
    get { fields.message }
    set { fields.message = newValue }
  }
  public var detail: String? {
    get { fields.detail }
    set { fields.detail = newValue }
  }
  public var hint: String? {
    get { fields.hint }
    set { fields.hint = newValue }
  }
  /// 1-based index of a character (not byte) in the statement's text, as in PostgreSQL's `P` field.
  public var position: Int? {
    get { fields.position }
    set { fields.position = newValue }
  }
  /// What the error was raised within, a line per level (`W` field).
  public var context: String? {
    get { fields.context }
    set { fields.context = newValue }
  }
  public var schema: String? {
    get { fields.schema }
    set { fields.schema = newValue }
  }
  public var table: String? {
    get { fields.table }
    set { fields.table = newValue }
  }
  public var column: String? {
    get { fields.column }
    set { fields.column = newValue }
  }
  public var dataType: String? {
    get { fields.dataType }
    set { fields.dataType = newValue }
  }
  public var constraint: String? {
    get { fields.constraint }
    set { fields.constraint = newValue }
  }
  public var retry: RetryAdvice {
    get { fields.retry }
    set { fields.retry = newValue }
  }

  public static func == (left: SQLError, right: SQLError) -> Bool { left.fields == right.fields }

  public func hash(into hasher: inout Hasher) { hasher.combine(fields) }

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
