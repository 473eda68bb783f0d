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
  case explain(ExplainOptions, QueryPlan)
  /// The statement's meaning depends on a literal that was taken out of it: plan the text as it stands.
  case needsLiterals
}

/// What a plan is made under.
public struct PlannerSettings: Sendable {
  /// How literals are read; the transaction's time is that of 'now'.
  public var format: FormatSettings
  /// How many literals `LiteralExtraction` took out of the statement: they are its parameters, in order.
  public var extractedLiteralCount: Int
  /// Whether `$n` may be used beyond the parameter types given.
  public var allowsParameters: Bool

  public init(format: FormatSettings = .standard, extractedLiteralCount: Int = 0, allowsParameters: Bool = true) {
    self.format = format
    self.extractedLiteralCount = extractedLiteralCount
    self.allowsParameters = allowsParameters
  }
}

public enum StatementPlanner {
  /// Whether this is a statement that `plan` takes; the others are the session's own.
  public static func plans(_ statement: Statement) -> Bool {
    switch statement {
    case .select, .insert, .update, .delete, .copy, .explain: true
    default: SchemaPlanner.plans(statement)
    }
  }

  /// Plans a statement.
  /// - Parameters:
  ///   - source: the query string that the tree's positions point into, for the positions of errors.
  ///   - parameterTypes: by number; nil where the client left it open.
  public static func plan(
    _ statement: Statement, source: [UInt8], catalog: CatalogView, parameterTypes: [SQLType?] = [],
    settings: PlannerSettings = PlannerSettings(), statistics: any StatisticsProvider = NoStatistics()
  ) throws(SQLError) -> PlannedStatement {
    let context = BindingContext(
      names: CatalogNames(catalog: catalog), source: source, settings: settings.format, parameterTypes: parameterTypes,
      allowsParameters: settings.allowsParameters)
    context.extractedLiteralCount = settings.extractedLiteralCount
    if settings.extractedLiteralCount > 0 {
      do { return try plan(statement, context, statistics) } catch {
        // With the literals themselves it may still be right, or fail with a better position.
        return .needsLiterals
      }
    }
    return try plan(statement, context, statistics)
  }

  private static func plan(
    _ statement: Statement, _ context: BindingContext, _ statistics: any StatisticsProvider
  ) throws(SQLError) -> PlannedStatement {
    switch statement {
    case .select, .insert, .update, .delete:
      return .query(try planQuery(statement, context, statistics))
    case .explain(let explain):
      let options = try ExplainOptions(explain.options, context)
      switch explain.statement {
      case .select, .insert, .update, .delete:
        return .explain(options, try planQuery(explain.statement, context, statistics))
      case .createTableAs(let create):
        return .explain(options, try planQuery(create.query, context, statistics))
      default: throw context.unsupported("explaining this statement is")
      }
    case .copy(let copy): return .copy(try CopyPlan(copy, context, statistics))
    default: return .schema(try SchemaPlanner(context, statistics).plan(statement))
    }
  }

  static func planQuery(
    _ statement: Statement, _ context: BindingContext, _ statistics: any StatisticsProvider
  ) throws(SQLError) -> QueryPlan {
    let binder = Binder(context)
    let bound: BoundQuery
    let kind: QueryPlan.Kind
    switch statement {
    case .select(let query):
      bound = try binder.bindQuery(query, parent: nil, ctes: [])
      kind = .select
    case .insert(let insert):
      bound = try binder.bindInsert(insert)
      kind = .insert
    case .update(let update):
      bound = try binder.bindUpdate(update)
      kind = .update
    case .delete(let delete):
      bound = try binder.bindDelete(delete)
      kind = .delete
    default: throw context.unsupported("this statement is")
    }
    try checkParameters(context)
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
      isReadOnly: kind == .select && !relation.isVolatile, catalogVersion: context.names.catalog.version,
      dependsOnSettings: context.dependsOnSettings)
  }
}

/// How many values of which sequences a plan draws for a row.
enum SequenceUse {
  static func count(in plan: PhysicalPlan) -> [OID: Int] {
    var found: [OID: Int] = [:]
    collect(plan, &found)
    return found
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
    case .values, .scan, .virtualTable, .tableFunction: []
    case .filter(let input, _), .project(let input, _), .limit(let input, _, _), .sort(let input, _, _),
      .distinct(let input), .distinctOn(let input, _), .aggregate(let input, _, _), .materialize(let input, _),
      .lockRows(let input, _, _, _):
      [input]
    case .hashJoin(_, let left, let right, _, _, _), .nestedLoopJoin(_, let left, let right, _),
      .apply(_, let left, let right, _, _), .scalarSubquery(let left, let right, _), .setOperation(_, let left, let right):
      [left, right]
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
    case .tableFunction(_, let arguments, _): arguments
    case .update(let plan): plan.assignments.map(\.value)
    case .insert(let plan):
      if case .update(_, let assignments, _)? = plan.onConflict { assignments.map(\.value) } else { [] }
    default: []
    }
  }
}
