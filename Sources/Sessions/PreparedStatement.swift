// Statements prepared by `Parse` or `PREPARE`, and portals: statements bound to values, perhaps half read.

import Execution
import Planning
import SQLSyntax
import SQLTypes

/// A named statement with its parameters' types known. Its plan is made again when the catalog has changed.
final class PreparedStatement {
  let name: String
  let source: [UInt8]
  /// nil: an empty query string.
  let parsed: ParsedStatement?
  /// Whether it says as of which time it reads.
  let readsPast: Bool
  /// What the client said, `unknown` where it left the choice to us.
  let declaredTypes: [SQLType]
  var parameterTypes: [SQLType] = []
  var columns: [ResultColumn] = [] {
    didSet {
      textFormats = [ValueFormat](repeating: .text, count: columns.count)
      lastFormat = nil
    }
  }
  /// What most clients ask for, one list for all of them.
  private(set) var textFormats: [ValueFormat] = []
  /// How its rows were written last, and under which version of the session's settings.
  private var lastFormat: (format: RowFormat, settingsVersion: Int)?
  var plan: QueryPlan?
  /// How many times it was bound, for `pg_prepared_statements`.
  var useCount = 0
  /// Microseconds since 2000-01-01 UTC.
  let prepareTime: Int64
  /// Made by `PREPARE`, not by the protocol.
  let isFromSQL: Bool

  init(
    name: String, source: [UInt8], parsed: ParsedStatement?, declaredTypes: [SQLType], prepareTime: Int64,
    isFromSQL: Bool
  ) {
    self.name = name
    self.source = source
    self.parsed = parsed
    readsPast = parsed?.statement.asOf != nil
    self.declaredTypes = declaredTypes
    self.prepareTime = prepareTime
    self.isFromSQL = isFromSQL
  }
}

/// A session's prepared statements by name.
struct StatementTable {
  private var named: [String: PreparedStatement] = [:]
  /// What was looked for last: most clients run one statement many times, and comparing a name is cheaper than finding it.
  private var last: PreparedStatement?

  mutating func find(_ name: String) -> PreparedStatement? {
    if let last, last.name == name { return last }
    last = named[name]
    return last
  }

  subscript(name: String) -> PreparedStatement? {
    get { named[name] }
    set {
      last = nil
      named[name] = newValue
    }
  }

  mutating func removeAll() {
    last = nil
    named.removeAll()
  }

  var values: some Collection<PreparedStatement> { named.values }
}

/// Where a session's executions are at rest, by plan.
struct ExecutionSlotTable {
  private static let limit = 64
  /// Each holds its plan, so that the identity stays its own.
  private var slots: [ObjectIdentifier: ExecutionSlot] = [:]
  /// The one that was used last.
  private var last: ExecutionSlot?

  mutating func slot(of plan: QueryPlan) -> ExecutionSlot {
    if let last, last.plan === plan { return last }
    if let known = slots[ObjectIdentifier(plan)] {
      last = known
      return known
    }
    // What the client no longer uses goes with the rest, now and then.
    if slots.count >= Self.limit { removeAll() }
    let slot = ExecutionSlot(plan)
    slots[ObjectIdentifier(plan)] = slot
    last = slot
    return slot
  }

  mutating func removeAll() {
    last = nil
    slots.removeAll()
  }
}

extension PreparedStatement {
  /// How its rows are to be written under the session's settings: mostly as the last time.
  func rowFormat(_ formats: [ValueFormat], settingsVersion: Int, _ settings: () -> FormatSettings) -> RowFormat {
    if let lastFormat, lastFormat.settingsVersion == settingsVersion, lastFormat.format.formats == formats {
      return lastFormat.format
    }
    let format = RowFormat(columns: columns, formats: formats, settings: settings())
    // Names of objects are those of one transaction's catalog.
    if !columns.contains(where: \.type.namesObjects) { lastFormat = (format, settingsVersion) }
    return format
  }
}

/// A statement bound to parameter values.
final class Portal {
  let name: String
  let statement: PreparedStatement
  let parameters: [Datum]
  /// One for each column of the result.
  let formats: [ValueFormat]
  /// Set from the first `Execute` until the last row has been read.
  var execution: QueryExecution?
  /// Rows computed and not asked for yet.
  var pending: Batch?
  var rowCount = 0
  var isDone = false
  /// Declared by `DECLARE`: lives to the end of its transaction.
  let isCursor: Bool
  /// What a cursor keeps to go back; nil for other portals.
  var scroll: ScrollState?

  init(
    name: String, statement: PreparedStatement, parameters: [Datum], formats: [ValueFormat], isCursor: Bool = false
  ) {
    self.name = name
    self.statement = statement
    self.parameters = parameters
    self.formats = formats
    self.isCursor = isCursor
  }
}

/// What `Describe` of a statement tells.
public struct StatementDescription {
  public var parameterTypes: [SQLType]
  public var columns: [ResultColumn]
}

/// What `Describe` of a portal tells.
public struct PortalDescription {
  public var columns: [ResultColumn]
  public var formats: [ValueFormat]
}
