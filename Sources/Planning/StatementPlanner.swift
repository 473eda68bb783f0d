// The door of this room: a syntax tree and a catalog in, something to run out.
// Contract: everything is resolved against the catalog view given; a plan is good as long as its catalog version, its
// parameter types and (where `dependsOnSettings` says so) the session's settings are the same.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

/// A statement ready to run.
public enum PlannedStatement: Sendable {
  case query(QueryPlan)
  case schema(SchemaOperation)
  case copy(CopyPlan)
  case explain(ExplainPlan)
  /// The statement has `.extractedLiteral` nodes, and with parameters in their place it fails or means something else: plan
  /// the text as it stands.
  case needsLiterals
}

public struct ExplainPlan: Sendable {
  public var options: ExplainOptions
  public var query: QueryPlan
}

public struct StatementPlanner {
  let catalog: CatalogView
  private let settings: FormatSettings
  let statistics: any StatisticsProvider

  /// - Parameter settings: how literals are read; their transaction time is that of 'now'.
  public init(
    catalog: CatalogView, settings: FormatSettings = .standard, statistics: any StatisticsProvider = NoStatistics()
  ) {
    self.catalog = catalog
    self.settings = settings
    self.statistics = statistics
  }

  func makeContext(_ source: [UInt8], _ parameterTypes: [SQLType?], allowsParameters: Bool = true)
    -> BindingContext
  {
    BindingContext(
      names: CatalogNames(catalog: catalog), source: source, settings: settings, parameterTypes: parameterTypes,
      allowsParameters: allowsParameters)
  }

  /// Plans a statement; one that is the session's own (BEGIN, SET, PREPARE …) is refused.
  /// - Parameters:
  ///   - source: the query string that the tree's positions point into, for the positions of errors.
  ///   - parameterTypes: by number; nil where the client left it open. Literals that `LiteralExtraction` took out are
  ///     parameters too, in order; the plan's `parameterTypes` tells how to read them.
  ///   - allowsParameters: false where the protocol has none: `there is no parameter $1`, 42P02.
  public func plan(
    _ statement: Statement, source: [UInt8], parameterTypes: [SQLType?] = [], allowsParameters: Bool = true
  ) throws(SQLError) -> PlannedStatement {
    let context = makeContext(source, parameterTypes, allowsParameters: allowsParameters)
    do {
      let planned = try plan(statement, context)
      // A plan that took a literal's place for more than a value says so itself.
      return planned
    } catch {
      // With the literals themselves it may be right, or fail with a better position.
      if context.sawExtractedLiteral { return .needsLiterals }
      throw error
    }
  }

  /// The type that a type name means: for PREPARE. Errors 42704, 42601.
  public func resolve(_ type: TypeName, source: [UInt8] = []) throws(SQLError) -> SQLType {
    try Binder(makeContext(source, [])).resolveType(type)
  }

  /// A value written in the text of a statement of the session's own, such as an argument of EXECUTE: no columns, no
  /// sub-queries; of the type given. Errors 42804 and others.
  public func planExpression(
    _ expression: Expression, as type: SQLType, source: [UInt8], parameterTypes: [SQLType?] = []
  ) throws(SQLError) -> ScalarExpression {
    let context = makeContext(source, parameterTypes, allowsParameters: !parameterTypes.isEmpty)
    let binder = Binder(context)
    let scope = Scope(parent: nil, ctes: [])
    scope.clause = .execute
    let bound = try binder.bind(expression, scope)
    guard let result = try binder.coerceIfPossible(bound, to: type, .assignment, at: expression.leftmost) else {
      throw context.error(
        .datatypeMismatch,
        "expression of type \(bound.type.shown) cannot be coerced to the expected type \(type.shown)",
        hint: "You will need to rewrite or cast the expression.", at: expression.leftmost)
    }
    return FoldConstants.expression(result)
  }

  private func plan(_ statement: Statement, _ context: BindingContext) throws(SQLError) -> PlannedStatement {
    let statistics = statistics
    if let clause = statement.asOf {
      context.asOf = clause
      // Its parameters are the statement's.
      _ = try Binder(context).bindReadTime(clause, isForStatement: true)
    }
    switch statement {
    case .select(let query) where query.into != nil:
      return try plan(.createTableAs(query.asCreateTable), context)
    case .select, .insert, .update, .delete:
      return .query(try Self.planQuery(statement, context, statistics))
    case .explain(let explain):
      let options = try ExplainOptions(explain.options, context)
      switch explain.statement {
      case .select, .insert, .update, .delete:
        return .explain(
          ExplainPlan(options: options, query: try Self.planQuery(explain.statement, context, statistics)))
      case .createTableAs(let create):
        return .explain(ExplainPlan(options: options, query: try Self.planQuery(create.query, context, statistics)))
      default: throw context.unsupported("explaining this statement is")
      }
    case .copy(let copy): return .copy(try CopyPlan(copy, context, statistics))
    default:
      let planner = SchemaPlanner(binder: Binder(context), source: context.source) { (query) throws(SQLError) in
        try Self.planQuery(query, context, statistics)
      }
      guard let operation = try planner.plan(statement) else { throw context.unsupported("this statement is") }
      return .schema(operation)
    }
  }

  static func planQuery(
    _ statement: Statement, _ context: BindingContext, _ statistics: any StatisticsProvider
  ) throws(SQLError) -> QueryPlan {
    let binder = Binder(context)
    var bound: BoundQuery
    let kind: QueryPlan.Kind
    switch statement {
    case .select(let query):
      bound = try binder.bindQuery(query, parent: nil, ctes: context.ambient)
      kind = .select
    case .insert(let insert):
      bound = try binder.bindInsert(insert, ctes: context.ambient)
      kind = .insert
    case .update(let update):
      bound = try binder.bindUpdate(update, ctes: context.ambient)
      kind = .update
    case .delete(let delete):
      bound = try binder.bindDelete(delete, ctes: context.ambient)
      kind = .delete
    default: throw context.unsupported("this statement is")
    }
    try checkParameters(context)
    if !context.modifications.isEmpty { bound.relation = binder.withModifications(bound.relation) }
    return finish(bound, kind, context, statistics)
  }

  /// Error 42P18 for a parameter whose type nothing tells.
  private static func checkParameters(_ context: BindingContext) throws(SQLError) {
    for (index, type) in context.parameters.types.enumerated() where type.oid == SQLType.unknown.oid {
      throw SQLError(.indeterminateDatatype, "could not determine data type of parameter $\(index + 1)")
    }
  }

  static func finish(
    _ bound: BoundQuery, _ kind: QueryPlan.Kind, _ context: BindingContext, _ statistics: any StatisticsProvider
  ) -> QueryPlan {
    let relation = Rewriter.rewrite(bound.relation, context)
    let planner = PhysicalPlanner(context, statistics: statistics)
    let columns = bound.outputs.map { context.renames[$0.id] ?? $0.id }
    let built = planner.build(relation, exactly: columns)
    let results = bound.outputs.map { output in
      let info = context.columns[output.id]
      return ResultColumn(name: output.name, type: output.type, table: info.table, attribute: info.attribute)
    }
    return QueryPlan(
      kind: kind, root: built.plan, columns: results, parameterTypes: context.parameters.types,
      outerSlotCount: planner.outerSlotCount, sequences: SequenceUse.count(in: built.plan),
      writing: kind == .select ? SequenceUse.writing(in: built.plan) : kind.command,
      catalogVersion: context.names.catalog.version,
      dependencies: context.names.uses.keys, dependsOnSettings: context.dependsOnSettings,
      requirements: context.requirements)
  }
}

extension SelectStatement {
  /// The INTO clause of a SELECT that has one: `CREATE TABLE AS` in another spelling.
  fileprivate var into: IntoClause? {
    if case .select(let core) = body { return core.into }
    return nil
  }

  fileprivate var asCreateTable: CreateTableAsStatement {
    guard case .select(var core) = body, let into = core.into else {
      preconditionFailure("only a SELECT with INTO makes a table")
    }
    core.into = nil
    var query = self
    query.body = .select(core)
    return CreateTableAsStatement(name: into.name, persistence: into.persistence, query: .select(query))
  }
}

/// How many values of which sequences a plan draws for a row.
enum SequenceUse {
  static func count(in plan: PhysicalPlan) -> [OID: Int] {
    var found: [OID: Int] = [:]
    collect(plan, &found)
    return found
  }

  /// What of a SELECT a read-only transaction may not run.
  static func writing(in plan: PhysicalPlan) -> String? {
    switch plan.operation {
    case .lockRows(_, _, _, let lock): return lock.command
    case .scan(let scan) where scan.lock != nil: return scan.lock?.command
    case .values(let rows):
      for row in rows {
        for expression in row { if let name = drawing(in: expression) { return "\(name)()" } }
      }
    case .insert: return QueryPlan.Kind.insert.command
    case .update: return QueryPlan.Kind.update.command
    case .delete: return QueryPlan.Kind.delete.command
    default: break
    }
    for expression in plan.expressions {
      if let name = drawing(in: expression) { return "\(name)()" }
    }
    for input in plan.inputs {
      if let found = writing(in: input) { return found }
    }
    return nil
  }

  private static func drawing(in expression: ScalarExpression) -> String? {
    if case .call(let function, _, _, _) = expression, function.name == "nextval" || function.name == "setval" {
      return function.name
    }
    for child in expression.children {
      if let found = drawing(in: child) { return found }
    }
    return nil
  }

  private static func collect(_ plan: PhysicalPlan, _ found: inout [OID: Int]) {
    if case .values(let rows) = plan.operation {
      // Each row by itself: the most that one of them takes.
      var most: [OID: Int] = [:]
      for row in rows {
        var own: [OID: Int] = [:]
        for expression in row { collect(expression, &own) }
        for (oid, count) in own { most[oid] = max(most[oid] ?? 0, count) }
      }
      found.merge(most) { $0 + $1 }
    }
    for expression in plan.expressions { collect(expression, &found) }
    for input in plan.inputs { collect(input, &found) }
  }

  private static func collect(_ expression: ScalarExpression, _ found: inout [OID: Int]) {
    if case .call(let function, let arguments, _, _) = expression, function.name == "nextval",
      case .constant(.int64(let oid), _)? = arguments.first, let oid = UInt32(exactly: oid)
    {
      found[OID(oid), default: 0] += 1
    }
    for child in expression.children { collect(child, &found) }
  }
}

extension PhysicalPlan {
  /// The plans below this one.
  public var inputs: [PhysicalPlan] {
    switch operation {
    case .values, .scan, .virtualTable, .tableFunction, .workingTable: []
    case .filter(let input, _), .project(let input, _), .limit(let input, _, _), .sort(let input, _, _),
      .distinct(let input), .distinctOn(let input, _), .aggregate(let input, _, _), .materialize(let input, _),
      .lockRows(let input, _, _, _), .window(let input, _):
      [input]
    case .hashJoin(_, let left, let right, _, _, _), .nestedLoopJoin(_, let left, let right, _),
      .apply(_, let left, let right, _, _), .scalarSubquery(let left, let right, _),
      .setOperation(_, let left, let right):
      [left, right]
    case .recursiveUnion(let base, let step, _, _): [base, step]
    case .sequence(let first, let main, _): first + [main]
    case .insert(let plan): [plan.source]
    case .update(let plan): [plan.source]
    case .delete(let plan): [plan.source]
    }
  }

  /// The expressions of this node alone, but for the rows of `values`.
  var expressions: [ScalarExpression] {
    switch operation {
    case .filter(_, let condition): [condition]
    case .project(_, let expressions), .distinctOn(_, let expressions): expressions
    case .scan(let scan): scan.filter.map { [$0] } ?? []
    case .sort(_, let keys, _): keys.map(\.expression)
    case .aggregate(_, let keys, let calls): keys + calls.flatMap(\.arguments)
    case .window(_, let window): window.expressions
    case .tableFunction(_, let arguments, _): arguments
    case .update(let plan): plan.assignments.map(\.value)
    case .insert(let plan):
      if case .update(_, let assignments, _, _)? = plan.onConflict { assignments.map(\.value) } else { [] }
    default: []
    }
  }
}

extension QueryPlan.Kind {
  /// As messages call it.
  public var command: String {
    switch self {
    case .select: "SELECT"
    case .insert: "INSERT"
    case .update: "UPDATE"
    case .delete: "DELETE"
    }
  }
}
