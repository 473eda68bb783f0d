// The session's view of its client: where results, notices and COPY data go and come from. The wire implements it over a
// socket, the in-process runner over arrays. Results may be taken back until they have left, which is what makes
// automatic retries possible.

import Planning
import SQLTypes

/// A column of a result, as `RowDescription` tells it.
public typealias ResultColumn = Planning.ResultColumn

/// Text or binary, as `Bind` asks for each column.
public enum ValueFormat: UInt8, Sendable, Hashable {
  case text = 0
  case binary = 1
}

/// How a result's rows are to be written. A class: it goes with each batch, and a statement that runs again has the same.
public final class RowFormat {
  public let columns: [ResultColumn]
  /// One for each column.
  public let formats: [ValueFormat]
  public let settings: FormatSettings

  public init(columns: [ResultColumn], formats: [ValueFormat], settings: FormatSettings) {
    self.columns = columns
    self.formats = formats
    self.settings = settings
  }
}

/// What `CommandComplete` says of a statement that counts its rows: the number stands behind the words.
public struct RowCountTag: Sendable {
  public var words: StaticString
  public var rowCount: Int

  init(_ words: StaticString, _ rowCount: Int) {
    self.words = words
    self.rowCount = rowCount
  }
}

/// `ReadyForQuery`'s letter.
public enum TransactionStatus: UInt8, Sendable, Hashable {
  case idle = 0x49  // I
  case inTransaction = 0x54  // T
  case failed = 0x45  // E
}

/// A place in the output that has not left yet, to go back to.
public struct OutputMark: Sendable, Hashable {
  public var position: Int
  public init(position: Int) { self.position = position }
}

/// Confined to the session's reactor.
public protocol ClientChannel: AnyObject {
  func send(rowDescription columns: [ResultColumn], formats: [ValueFormat])
  func send(_ batch: Batch, _ format: RowFormat)
  func send(commandTag tag: String)
  /// The tag of a statement that counts its rows.
  func send(_ tag: RowCountTag)
  func sendEmptyQuery()
  func sendPortalSuspended()
  func send(notice: SQLError, severity: String)
  func send(parameter name: String, value: String)
  /// COPY … TO STDOUT begins, carries lines, ends.
  func sendCopyOut(columnCount: Int, isBinary: Bool)
  func send(copyData bytes: UnsafeRawBufferPointer)
  func sendCopyDone()
  func sendCopyIn(columnCount: Int, isBinary: Bool)
  /// The next piece of `COPY … FROM STDIN`, cut anywhere; nil at its end. A `CopyFail` is error 57014.
  func receiveCopyData() async throws(SQLError) -> [UInt8]?
  /// Ends a `receiveCopyData` that waits for the client: it throws 57014.
  func interruptCopy()
  /// Tells the client why its connection ends (severity FATAL), and ends it.
  func terminate(_ error: SQLError)

  /// Whether more output is under way than a client should be owed, or none can be any more: time for `drain`.
  var mustDrain: Bool { get }
  /// Waits while more output is under way than a client should be owed.
  func drain() async throws(SQLError)
  /// The end of what was sent so far; output up to a mark may leave at any time once more follows.
  var mark: OutputMark { get }
  /// Takes back what was sent since the mark; false if some of it has left.
  func rewind(to mark: OutputMark) -> Bool
}

extension ClientChannel {
  public func send(_ tag: RowCountTag) { send(commandTag: "\(tag.words)\(tag.rowCount)") }
}
