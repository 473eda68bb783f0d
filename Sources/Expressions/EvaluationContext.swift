// What an expression may know beside its row: parameters, the statement's time, the session, the catalog.

import SQLTypes

/// Answers that functions need from the catalog (`regclass` names, `pg_get_indexdef`, `has_table_privilege`, …) and
/// from sequences. All answers are synchronous: what needs storage was fetched before evaluation began.
public protocol SessionServices: AnyObject {
  var currentUser: String { get }
  var sessionUser: String { get }
  var currentDatabase: String { get }
  /// The schemas of the search path that exist, implicit ones included on request.
  func currentSchemas(includingImplicit: Bool) -> [String]
  /// The value of a run-time parameter as `SHOW` prints it; nil if there is none of that name.
  func setting(_ name: String) -> String?
  /// Answers a function of the catalog by name (`pg_get_indexdef`, `to_regclass`, `obj_description`, …).
  func catalogFunction(_ name: String, _ arguments: [Datum]) throws(SQLError) -> Datum
  /// The next value of a sequence; the executor has reserved it.
  func nextValue(ofSequence oid: OID) throws(SQLError) -> Int64
  func currentValue(ofSequence oid: OID) throws(SQLError) -> Int64
  func setValue(ofSequence oid: OID, to value: Int64, isCalled: Bool) throws(SQLError)
}

/// One statement's surroundings. Confined to the statement's task.
public final class EvaluationContext {
  public var parameters: [Datum] = []
  /// Values of the enclosing applies' current rows, by slot.
  public var outer: [Datum] = []
  /// Microseconds since 2000-01-01 UTC: `now()`, the transaction's begin.
  public var transactionTime: Int64 = 0
  public var statementTime: Int64 = 0
  /// Reads the wall clock, for `clock_timestamp()`; microseconds since 2000-01-01 UTC.
  public var clock: () -> Int64 = { 0 }
  /// 64 random bits from the environment's seeded source.
  public var random: () -> UInt64 = { 0 }
  /// How values are read and shown: time zone, date order and so on.
  public var settings = FormatSettings.standard
  public unowned let services: any SessionServices

  public init(services: any SessionServices) { self.services = services }

  /// The same surroundings with other parameters.
  public func nested(parameters: [Datum]) -> EvaluationContext {
    let inner = EvaluationContext(services: services)
    inner.parameters = parameters
    inner.transactionTime = transactionTime
    inner.statementTime = statementTime
    inner.clock = clock
    inner.random = random
    inner.settings = settings
    return inner
  }
}
