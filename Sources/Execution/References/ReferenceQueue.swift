// What one statement's changes ask of foreign keys and of triggers that come after, worked off when its rows are written: parents of new keys are looked for,
// referential actions run, keys that are gone must not be referred to. Actions change rows in turn, and what that asks comes
// to the end of the same queue. A deferred key's checks wait for the commit in `DeferredReferences`.
// Source: PostgreSQL manual, 5.4.5 and SET CONSTRAINTS; its ri_triggers.c.

import Catalog
import Encoding
import Expressions
import Planning
import SQLTypes
import Transactions

/// Plans that foreign keys need while a statement runs, made against the transaction's catalog.
public protocol ReferencePlanner: AnyObject {
  func plan(
    _ statement: ReferentialStatement, for key: ForeignKey, of child: TableDescriptor
  ) throws(SQLError) -> QueryPlan
  func outgoingReference(_ key: ForeignKey, of table: TableDescriptor) throws(SQLError) -> OutgoingReference?
}

/// A change that a foreign key has something to say to.
enum ReferenceEvent {
  /// Rows of the referencing table, new or with a new key; they are looked at again as they are then.
  case added(OutgoingReference, child: TableDescriptor, rows: Batch)
  /// Keys of the referenced table that are gone, and those that took their place: the key's columns alone.
  case removed(IncomingReference, parent: TableDescriptor, old: Batch, new: Batch?)
  case trigger(TriggerCall)
}

/// A transaction's deferred checks, and what SET CONSTRAINTS said of its keys.
public final class DeferredReferences {
  /// By the key's OID, else for all deferrable ones.
  private var modes: [OID: Bool] = [:]
  private var modeOfAll: Bool?
  private(set) var events: [ReferenceEvent] = []

  public init() {}

  public var isEmpty: Bool { events.isEmpty }

  /// `SET CONSTRAINTS`; nil: all.
  public func set(_ keys: [OID]?, isDeferred: Bool) {
    guard let keys else {
      modes = [:]
      modeOfAll = isDeferred
      return
    }
    for key in keys { modes[key] = isDeferred }
  }

  func isDeferred(_ key: ForeignKey) -> Bool {
    key.isDeferrable && (modes[key.oid] ?? modeOfAll ?? key.isInitiallyDeferred)
  }

  func append(_ event: ReferenceEvent) { events.append(event) }

  /// The transaction begins anew.
  public func removeAll() { events = [] }

  /// The transaction is over: `SET CONSTRAINTS` ends with it.
  public func reset() {
    if !modes.isEmpty { modes = [:] }
    modeOfAll = nil
    if !events.isEmpty { events = [] }
  }

  /// Takes out what no longer is deferred, or everything.
  func take(all: Bool) -> [ReferenceEvent] {
    var taken: [ReferenceEvent] = []
    var kept: [ReferenceEvent] = []
    for event in events {
      if all || event.key.map({ !isDeferred($0) }) ?? true { taken.append(event) } else { kept.append(event) }
    }
    events = kept
    return taken
  }
}

extension ReferenceEvent {
  var key: ForeignKey? {
    switch self {
    case .added(let reference, _, _): reference.key
    case .removed(let reference, _, _, _): reference.key
    case .trigger: nil
    }
  }
}

public final class ReferenceQueue {
  private var events: [ReferenceEvent] = []
  private var executions: [Statement: QueryExecution] = [:]

  private struct Statement: Hashable {
    var key: OID
    var kind: ReferentialStatement
  }

  public init() {}

  var isEmpty: Bool { events.isEmpty }

  func append(_ event: ReferenceEvent) { events.append(event) }

  /// Runs everything that waits, and what comes of it. Error 23503.
  func finish(_ context: ExecutionContext) async throws(SQLError) {
    if events.isEmpty { return }
    // What others committed meanwhile counts.
    context.transaction.beginStatement()
    var position = 0
    while position < events.count {
      let event = events[position]
      position += 1
      try await run(event, context)
    }
    events = []
    executions = [:]
  }

  /// Runs the deferred checks of a transaction, all of them or those that SET CONSTRAINTS made immediate.
  public func runDeferred(
    _ deferred: DeferredReferences, all: Bool, _ context: ExecutionContext
  ) async throws(SQLError) {
    events += deferred.take(all: all)
    try await finish(context)
  }

  private func run(_ event: ReferenceEvent, _ context: ExecutionContext) async throws(SQLError) {
    try await context.breathe()
    switch event {
    case .added(let reference, let child, let rows):
      let present = try await ReferenceLookup(reference, context).current(rows, of: child)
      let missing = try await ReferenceLookup(reference, context).missing(present)
      guard let row = missing.first else { return }
      throw ReferenceLookup.violation(reference, present, Int(row), child, context)
    case .trigger(let call): _ = try await call.run(context)
    case .removed(let reference, let parent, let old, let new):
      for row in 0..<old.rowCount {
        try await run(reference, parent, old, new, row, context)
      }
    }
  }

  private func run(
    _ reference: IncomingReference, _ parent: TableDescriptor, _ old: Batch, _ new: Batch?, _ row: Int,
    _ context: ExecutionContext
  ) async throws(SQLError) {
    let (key, child) = (reference.key, reference.child)
    let values = old.row(row)
    let all = values + (new?.row(row) ?? values)
    let statement: ReferentialStatement
    switch new == nil ? key.onDelete : key.onUpdate {
    case .noAction, .restrict:
      try await requireUnreferenced(reference, parent, old, row, all, context)
      return
    case .cascade: statement = new == nil ? .delete : .update
    case .setNull: statement = .setNull
    case .setDefault: statement = .setDefault
    }
    _ = try await execute(statement, key, child, all, context)
    // Rows whose key was the default have been updated to what they were.
    if statement == .setDefault { try await requireUnreferenced(reference, parent, old, row, all, context) }
  }

  /// Error 23503 if rows still refer to the key, and no other row has taken it over.
  private func requireUnreferenced(
    _ reference: IncomingReference, _ parent: TableDescriptor, _ old: Batch, _ row: Int, _ values: [Datum],
    _ context: ExecutionContext
  ) async throws(SQLError) {
    if try await execute(.findParent, reference.key, reference.child, values, context) { return }
    guard try await execute(.find, reference.key, reference.child, values, context) else { return }
    throw stillReferenced(reference, parent, old, row, context)
  }

  /// Whether the statement gave a row.
  private func execute(
    _ kind: ReferentialStatement, _ key: ForeignKey, _ child: TableDescriptor, _ parameters: [Datum],
    _ context: ExecutionContext
  ) async throws(SQLError) -> Bool {
    let statement = Statement(key: key.oid, kind: kind)
    let execution: QueryExecution
    if let known = executions[statement] {
      execution = known
      execution.context.evaluation.parameters = parameters
      execution.restart(in: context.transaction)
    } else {
      guard let planner = context.referencePlanner else {
        throw SQLError(.internalError, "foreign keys cannot be checked here")
      }
      let plan = try planner.plan(kind, for: key, of: child)
      execution = try QueryExecution(plan, context.nested(parameters: parameters))
      executions[statement] = execution
    }
    var found = false
    while try await execution.nextWithinStatement() != nil { found = true }
    return found
  }

  private func stillReferenced(
    _ reference: IncomingReference, _ parent: TableDescriptor, _ old: Batch, _ row: Int, _ context: ExecutionContext
  ) -> SQLError {
    let names = reference.ordinals.map { parent.columns[$0].name }.joined(separator: ", ")
    let values = reference.ordinals.enumerated().map { index, ordinal in
      RowText.value(old.columns[index], row, parent.columns[ordinal].type.behavior, context.format)
    }.joined(separator: ", ")
    return SQLError(
      .foreignKeyViolation,
      "update or delete on table \"\(parent.name)\" violates foreign key constraint \"\(reference.key.name)\" on table \"\(reference.child.name)\"",
      detail: "Key (\(names))=(\(values)) is still referenced from table \"\(reference.child.name)\"."
    ).of(reference.child, context, constraint: reference.key.name)
  }
}
