// From a plan to operators: one operator per node, a new tree for each execution or kept with a prepared statement.

import Catalog
import Expressions
import Planning
import SQLTypes

struct OperatorBuilder {
  let context: ExecutionContext
  /// Whether the statement draws from sequences at all: only then are expressions searched for it.
  let drawsFromSequences: Bool
  private let families = SourceFamilies()

  /// By the number that their plans bear.
  private final class SourceFamilies {
    var byNumber: [Int: SourceFamily] = [:]

    func family(_ number: Int) -> SourceFamily {
      if let known = byNumber[number] { return known }
      let made = SourceFamily()
      byNumber[number] = made
      return made
    }
  }

  init(context: ExecutionContext, drawsFromSequences: Bool) {
    self.context = context
    self.drawsFromSequences = drawsFromSequences
  }

  func build(_ plan: PhysicalPlan) throws(SQLError) -> Operator {
    let made = try make(plan)
    guard let instrumentation = context.instrumentation else { return made }
    return InstrumentedOperator(made, instrumentation, plan)
  }

  private func draws(_ expressions: [ScalarExpression]) -> SequenceDraws {
    drawsFromSequences ? SequenceDraws(in: expressions) : .none
  }

  private func make(_ plan: PhysicalPlan) throws(SQLError) -> Operator {
    switch plan.operation {
    case .values(let rows):
      // All rows draw from the same sequences, those of the columns' defaults, as the first; take the most.
      let draws = drawsFromSequences ? SequenceDraws(inRows: rows) : .none
      return ValuesOperator(context, rows: rows, output: plan.output, draws: draws)
    case .scan(let scan):
      return try ScanOperator(context, scan, kinds: plan.output.map(\.storage))
    case .virtualTable(let table, _, let columns):
      return VirtualTableOperator(context, table, columns: columns, output: plan.output)
    case .tableFunction(let function, let arguments, let withOrdinality):
      return TableFunctionOperator(
        context, function, arguments, withOrdinality: withOrdinality, output: plan.output)
    case .filter(let input, let condition):
      return FilterOperator(try build(input), condition)
    case .project(let input, let expressions):
      return ProjectOperator(try build(input), expressions, output: plan.output, draws: draws(expressions))
    case .limit(let input, let count, let offset):
      return LimitOperator(try build(input), count: count, offset: offset)
    case .sort(let input, let keys, let limit):
      return SortOperator(try build(input), keys, limit: limit)
    case .distinct(let input):
      return DistinctOperator(try build(input), output: plan.output)
    case .distinctOn(let input, let expressions):
      return DistinctOnOperator(try build(input), expressions)
    case .aggregate(let input, let keys, let calls):
      return AggregateOperator(try build(input), keys: keys, calls: calls, output: plan.output)
    case .window(let input, let window):
      return WindowOperator(try build(input), window, output: plan.output)
    case .hashJoin(let kind, let left, let right, let leftKeys, let rightKeys, let residual):
      return JoinOperator(
        kind, try build(left), try build(right), .equalKeys(left: leftKeys, right: rightKeys), condition: residual,
        output: plan.output, isRightStable: !right.dependsOnRun)
    case .nestedLoopJoin(let kind, let left, let right, let condition):
      return JoinOperator(
        kind, try build(left), try build(right), .all, condition: condition, output: plan.output,
        isRightStable: !right.dependsOnRun)
    case .apply(let kind, let left, let right, let bindings, let condition):
      return ApplyOperator(
        kind, try build(left), try build(right), bindings, condition: condition, output: plan.output,
        isRightStable: !right.dependsOnRun)
    case .scalarSubquery(let left, let right, let bindings):
      return ScalarSubqueryOperator(
        try build(left), try build(right), bindings, output: plan.output, isRightStable: !right.dependsOnRun)
    case .setOperation(let operation, let left, let right):
      let inputs = [try build(left), try build(right)]
      switch operation {
      case .unionAll: return AppendOperator(context, inputs)
      case .union: return DistinctOperator(AppendOperator(context, inputs), output: plan.output)
      case .intersect, .intersectAll, .except, .exceptAll:
        return CountedSetOperator(inputs[0], inputs[1], operation, output: plan.output)
      }
    case .recursiveUnion(let base, let step, let id, let isDistinct):
      return RecursiveUnionOperator(
        try build(base), try build(step), id: id, isDistinct: isDistinct, output: plan.output)
    case .workingTable(let id, _):
      return WorkingTableOperator(context, id: id, kinds: plan.output.map(\.storage))
    case .materialize(let input, let id):
      return MaterializeOperator(try build(input), id: id, isStable: input.changesRows || !input.dependsOnRun)
    case .lockRows(let input, let table, let keyColumns, let lock):
      return try LockRowsOperator(try build(input), table, keyColumns: keyColumns, lock)
    case .sequence(let first, let main, let after):
      var operators: [Operator] = []
      for plan in first { operators.append(try build(plan)) }
      return SequenceOperator(operators, try build(main), after: after)
    case .insert(let insert):
      let source = try build(insert.source)
      let written = [insert.table.oid] + (insert.partitions?.targets.map(\.table.oid) ?? [])
      let reads = written.contains { insert.source.scanCount(of: $0) > 0 }
      return try InsertOperator(reads ? BufferOperator(source) : source, insert)
    case .update(let update):
      let source = try build(update.source)
      if let number = update.family {
        let family = families.family(number)
        return try UpdateOperator(family.add(source), update, family)
      }
      let streams = update.canStream && update.references.triggers == nil
      return try UpdateOperator(streams ? source : BufferOperator(source), update)
    case .delete(let delete):
      let source = try build(delete.source)
      if let number = delete.family {
        let family = families.family(number)
        return try DeleteOperator(family.add(source), delete, family)
      }
      let isOnlyScan = delete.source.scanCount(of: delete.table.oid) == 1 && delete.references.triggers == nil
      return try DeleteOperator(isOnlyScan ? source : BufferOperator(source), delete)
    }
  }
}

extension SequenceDraws {
  /// For `VALUES`: enough for any of the rows, for each.
  init(inRows rows: [[ScalarExpression]]) {
    self = .none
    for row in rows { formMaximum(SequenceDraws(in: row)) }
  }
}

extension PhysicalPlan {
  /// The inputs of this node.
  var inputs: [PhysicalPlan] {
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

  /// The expressions of this node itself.
  private var expressions: [ScalarExpression] {
    switch operation {
    case .values(let rows): rows.flatMap { $0 }
    case .scan(let scan):
      scan.spans.flatMap { $0.equal + [$0.lower?.value, $0.upper?.value].compactMap { $0 } }
        + [scan.filter].compactMap { $0 }
    case .virtualTable, .distinct, .setOperation, .materialize, .lockRows, .recursiveUnion, .workingTable, .sequence: []
    case .tableFunction(let function, let arguments, _):
      function.volatility == .volatile ? [ScalarExpression.outer(0, .void)] : arguments
    case .filter(_, let condition): [condition]
    case .project(_, let expressions), .distinctOn(_, let expressions): expressions
    case .limit(_, let count, let offset): [count, offset].compactMap { $0 }
    case .sort(_, let keys, let limit): keys.map(\.expression) + [limit].compactMap { $0 }
    case .aggregate(_, let keys, let calls):
      keys + calls.flatMap { $0.arguments + [$0.filter].compactMap { $0 } + $0.order.map(\.expression) }
    case .window(_, let window): window.expressions
    case .hashJoin(_, _, _, let left, let right, let residual): left + right + [residual].compactMap { $0 }
    case .nestedLoopJoin(_, _, _, let condition): [condition].compactMap { $0 }
    case .apply(_, _, _, let bindings, let condition): bindings.map(\.value) + [condition].compactMap { $0 }
    case .scalarSubquery(_, _, let bindings): bindings.map(\.value)
    case .insert, .update, .delete: []
    }
  }

  /// Whether its rows may differ from one run to the next within an execution: it reads slots that an enclosing apply
  /// fills, or something volatile. Slots that it fills itself do not count, but are not told apart: it errs on that side.
  var dependsOnRun: Bool {
    switch operation {
    case .insert, .update, .delete, .workingTable: return true
    // What a statement of WITH returned is there for all of its readers.
    case .materialize(let input, _) where input.changesRows: return false
    case .recursiveUnion(let base, let step, let id, _): return base.dependsOnRun || step.dependsOnRun(besides: id)
    default: return expressions.contains(where: \.dependsOnRun) || inputs.contains(where: \.dependsOnRun)
    }
  }

  /// Whether its rows depend on more than the rounds of one recursion.
  private func dependsOnRun(besides id: Int) -> Bool {
    if case .workingTable(id, _) = operation { return false }
    switch operation {
    case .insert, .update, .delete, .workingTable: return true
    default: return expressions.contains(where: \.dependsOnRun) || inputs.contains { $0.dependsOnRun(besides: id) }
    }
  }

  /// Whether running it changes rows.
  var changesRows: Bool {
    switch operation {
    case .insert, .update, .delete: true
    default: inputs.contains(where: \.changesRows)
    }
  }

  /// How often a table is read beneath this node.
  func scanCount(of table: OID) -> Int {
    var count = inputs.reduce(0) { $0 + $1.scanCount(of: table) }
    if case .scan(let scan) = operation, scan.table.oid == table { count += 1 }
    return count
  }
}

extension UpdatePlan {
  /// Whether rows may be written while the source is still read: the only scan of the table goes along an index whose
  /// keys stay where they are, so that no row comes into its sight twice.
  var canStream: Bool {
    guard source.scanCount(of: table.oid) == 1, let scan = source.firstScan(of: table.oid) else { return false }
    let changed = Set(assignments.map { table.columns[$0.column].id })
    let keyed = scan.index.columns.map(\.columnID) + (table.primaryIndex?.columns.map(\.columnID) ?? [])
    return changed.isDisjoint(with: keyed)
  }
}

extension PhysicalPlan {
  func firstScan(of table: OID) -> ScanPlan? {
    if case .scan(let scan) = operation, scan.table.oid == table { return scan }
    for input in inputs { if let found = input.firstScan(of: table) { return found } }
    return nil
  }
}
