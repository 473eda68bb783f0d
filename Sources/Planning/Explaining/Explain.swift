// EXPLAIN's text: the plan as a tree in PostgreSQL's layout and words. Nodes that PostgreSQL has no line for (projections,
// filters) are shown as properties of the node below. Source: the output of PostgreSQL 15.

import Catalog
import Expressions
import SQLTypes

/// What was measured at a node, for `EXPLAIN ANALYZE`; times in milliseconds, for one loop on average.
public struct ExplainMeasure: Sendable, Hashable {
  public var startupTime: Double
  public var totalTime: Double
  /// Rows of one loop on average.
  public var rows: Double
  public var loops: Int
  public init(startupTime: Double, totalTime: Double, rows: Double, loops: Int) {
    self.startupTime = startupTime
    self.totalTime = totalTime
    self.rows = rows
    self.loops = loops
  }
}

public enum Explain {
  /// The lines of `QUERY PLAN`.
  /// - Parameters:
  ///   - measure: with `ANALYZE`, what was measured at each node; nil for one that never ran.
  ///   - planningTime, executionTime: in milliseconds, with `SUMMARY`.
  public static func text(
    _ plan: ExplainPlan, measure: ((PhysicalPlan) -> ExplainMeasure?)? = nil, planningTime: Double? = nil,
    executionTime: Double? = nil
  ) -> [String] {
    var writer = PlanWriter(options: plan.options, measure: measure)
    writer.isQualified = PlanWriter.relationCount(plan.query.root) > 1 || plan.options.isVerbose
    _ = writer.write(plan.query.root, depth: 0, slots: [:])
    if plan.options.showsSummary {
      if let planningTime { writer.lines.append("Planning Time: \(fixed(planningTime, 3)) ms") }
      if let executionTime { writer.lines.append("Execution Time: \(fixed(executionTime, 3)) ms") }
    }
    return writer.lines
  }

  /// A number with so many digits after the point.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = (value * scale).rounded()
    guard let whole = Int64(exactly: scaled) else { return "\(value)" }
    if digits == 0 { return "\(whole)" }
    var text = String(whole.magnitude)
    while text.utf8.count <= digits { text = "0" + text }
    let split = text.index(text.endIndex, offsetBy: -digits)
    return (whole < 0 ? "-" : "") + text[..<split] + "." + text[split...]
  }
}

private struct PlanWriter {
  let options: ExplainOptions
  let measure: ((PhysicalPlan) -> ExplainMeasure?)?
  var isQualified = false
  var lines: [String] = []
  var subplanCount = 0

  static func relationCount(_ plan: PhysicalPlan) -> Int {
    var count = plan.inputs.reduce(0) { $0 + relationCount($1) }
    switch plan.operation {
    case .scan, .virtualTable, .tableFunction: count += 1
    case .values(let rows): count += rows.count > 1 ? 1 : 0
    default: break
    }
    return count
  }

  /// What a node is called, and what is said of it below its line.
  private struct Node {
    var title: String
    var properties: [String] = []
    var columns: [String] = []
  }

  // MARK: Layout

  private func indent(_ depth: Int) -> String { String(repeating: " ", count: depth == 0 ? 0 : (depth - 1) * 6 + 2) }

  private mutating func line(_ title: String, _ plan: PhysicalPlan, _ depth: Int) {
    var text = depth == 0 ? title : indent(depth) + "->  " + title
    if options.showsCosts {
      let estimate = plan.estimate
      text +=
        "  (cost=\(Explain.fixed(estimate.startupCost, 2))..\(Explain.fixed(estimate.totalCost, 2))"
        + " rows=\(Explain.fixed(max(1, estimate.rowCount), 0)) width=\(estimate.width))"
    }
    if let measure {
      if let measured = measure(plan), measured.loops > 0 {
        let times =
          options.showsTiming
          ? "time=\(Explain.fixed(measured.startupTime, 3))..\(Explain.fixed(measured.totalTime, 3)) " : ""
        text += " (actual \(times)rows=\(Explain.fixed(measured.rows, 0)) loops=\(measured.loops))"
      } else {
        text += " (never executed)"
      }
    }
    lines.append(text)
  }

  private mutating func property(_ text: String, _ depth: Int) {
    lines.append(String(repeating: " ", count: depth == 0 ? 2 : depth * 6 + 2) + text)
  }

  private mutating func open(
    _ title: String, _ plan: PhysicalPlan, _ depth: Int, columns: [String], _ properties: [String]
  ) {
    line(title, plan, depth)
    if options.isVerbose && !columns.isEmpty { property("Output: " + columns.joined(separator: ", "), depth) }
    for text in properties { property(text, depth) }
  }

  // MARK: Nodes

  /// Writes the node and those below; gives the names of its columns.
  /// - Parameters:
  ///   - outermost: the node whose costs stand in the line, when nodes without a line of their own are above.
  ///   - filters: conditions of filters right above.
  mutating func write(
    _ plan: PhysicalPlan, depth: Int, slots: [Int: String], outermost: PhysicalPlan? = nil,
    filters: [ScalarExpression] = [],
    outputs: [ScalarExpression]? = nil
  ) -> [String] {
    let shown = outermost ?? plan
    func names(_ columns: [String]) -> ExpressionText { ExpressionText(columns: columns, slots: slots) }
    func filterLines(_ columns: [String], _ more: [ScalarExpression] = []) -> [String] {
      let all = (more + filters).flatMap(\.conjuncts)
      guard let condition = ScalarExpression.conjunction(all) else { return [] }
      return ["Filter: " + wrapped(names(columns).text(condition))]
    }
    func results(_ columns: [String]) -> [String] {
      guard let outputs else { return columns }
      return outputs.map { expression in
        let text = names(columns).text(expression)
        if case .column = expression { return text }
        return wrapped(text)
      }
    }

    switch plan.operation {
    case .project(let input, let expressions):
      if outputs != nil || !filters.isEmpty {
        // A projection below a filter: name its columns, then go on above them.
        let inner = preview(plan, slots)
        _ = inner
        let columns = write(input, depth: depth, slots: slots, outermost: shown, outputs: expressions)
        return results(columns)
      }
      return write(input, depth: depth, slots: slots, outermost: shown, outputs: expressions)
    case .filter(let input, let condition):
      if case .project = input.operation {
        let columns = preview(input, slots)
        open("Subquery Scan", shown, depth, columns: results(columns), filterLines(columns, [condition]))
        return results(write(input, depth: depth + 1, slots: slots))
      }
      return write(
        input, depth: depth, slots: slots, outermost: shown, filters: [condition] + filters, outputs: outputs)

    case .values(let rows):
      if rows.count == 1 {
        let columns = rows[0].map { names([]).text($0) }
        open("Result", shown, depth, columns: results(columns), filterLines(columns))
        return results(columns)
      }
      let columns = plan.output.indices.map { "\"*VALUES*\".column\($0 + 1)" }
      open("Values Scan on \"*VALUES*\"", shown, depth, columns: results(columns), filterLines(columns))
      return results(columns)

    case .scan(let scan): return writeScan(scan, shown, depth, slots, filters, outputs)

    case .virtualTable(let table, let alias, let ids):
      let columns = columnNames(table, alias, ids)
      open(
        "Seq Scan on " + relationName(table, alias), shown, depth, columns: results(columns), filterLines(columns))
      return results(columns)

    case .tableFunction(let function, let arguments, let withOrdinality):
      var columns = function.columns.map { isQualified ? "\(function.name).\($0.name)" : $0.name }
      if withOrdinality { columns.append("ordinality") }
      var properties = filterLines(columns)
      if options.isVerbose {
        properties.insert(
          "Function Call: \(function.name)(" + arguments.map { names([]).text($0) }.joined(separator: ", ") + ")", at: 0
        )
      }
      open("Function Scan on \(function.name)", shown, depth, columns: results(columns), properties)
      return results(columns)

    case .limit(let input, _, _):
      open("Limit", shown, depth, columns: results(preview(plan, slots)), filterLines(preview(plan, slots)))
      return results(write(input, depth: depth + 1, slots: slots))

    case .sort(let input, let keys, _):
      let columns = preview(input, slots)
      open(
        "Sort", shown, depth, columns: results(columns),
        ["Sort Key: " + keys.map { names(columns).text($0) }.joined(separator: ", ")] + filterLines(columns))
      return results(write(input, depth: depth + 1, slots: slots))

    case .distinct(let input):
      let columns = preview(input, slots)
      open(
        "HashAggregate", shown, depth, columns: results(columns),
        ["Group Key: " + columns.joined(separator: ", ")] + filterLines(columns))
      return results(write(input, depth: depth + 1, slots: slots))

    case .distinctOn(let input, _):
      let columns = preview(input, slots)
      open("Unique", shown, depth, columns: results(columns), filterLines(columns))
      return results(write(input, depth: depth + 1, slots: slots))

    case .aggregate(let input, let keys, let calls):
      let below = preview(input, slots)
      let columns = preview(plan, slots)
      // Only nodes above see a call as a column, in parentheses.
      let own = columns.prefix(keys.count) + calls.map { names(below).text($0) }
      let groupKeys = keys.map { names(below).text($0) }
      open(
        keys.isEmpty ? "Aggregate" : "HashAggregate", shown, depth, columns: results(columns),
        (keys.isEmpty ? [] : ["Group Key: " + groupKeys.joined(separator: ", ")]) + filterLines(Array(own)))
      _ = write(input, depth: depth + 1, slots: slots)
      return results(columns)

    case .window(let input, _):
      let columns = preview(plan, slots)
      open("WindowAgg", shown, depth, columns: results(columns), filterLines(columns))
      _ = write(input, depth: depth + 1, slots: slots)
      return results(columns)

    case .hashJoin(let kind, let left, let right, let leftKeys, let rightKeys, let residual):
      let (a, b) = (preview(left, slots), preview(right, slots))
      let columns = preview(plan, slots)
      let pairs = zip(leftKeys, rightKeys).map { "(\(names(a).text($0)) = \(names(b).text($1)))" }
      var properties = ["Hash Cond: " + (pairs.count == 1 ? pairs[0] : "(" + pairs.joined(separator: " AND ") + ")")]
      if let residual { properties.append("Join Filter: " + wrapped(names(a + b).text(residual))) }
      open(joinTitle("Hash", kind), shown, depth, columns: results(columns), properties + filterLines(columns))
      _ = write(left, depth: depth + 1, slots: slots)
      open("Hash", right, depth + 1, columns: b, [])
      _ = write(right, depth: depth + 2, slots: slots)
      return results(columns)

    case .nestedLoopJoin(let kind, let left, let right, let condition):
      let (a, b) = (preview(left, slots), preview(right, slots))
      let columns = preview(plan, slots)
      let properties = condition.map { ["Join Filter: " + wrapped(names(a + b).text($0))] } ?? []
      open(joinTitle("Nested Loop", kind), shown, depth, columns: results(columns), properties + filterLines(columns))
      _ = write(left, depth: depth + 1, slots: slots)
      _ = write(right, depth: depth + 1, slots: slots)
      return results(columns)

    case .apply(let kind, let left, let right, let bindings, let condition):
      let a = preview(left, slots)
      var inner = slots
      for binding in bindings { inner[binding.slot] = names(a).text(binding.value) }
      let b = preview(right, inner)
      let columns = preview(plan, slots)
      let properties = condition.map { ["Join Filter: " + wrapped(names(a + b).text($0))] } ?? []
      open(joinTitle("Nested Loop", kind), shown, depth, columns: results(columns), properties + filterLines(columns))
      _ = write(left, depth: depth + 1, slots: slots)
      _ = write(right, depth: depth + 1, slots: inner)
      return results(columns)

    case .scalarSubquery(let left, let right, let bindings):
      // The left side with the sub-query below it, as PostgreSQL shows its sub-plans.
      subplanCount += 1
      let name = bindings.isEmpty ? "InitPlan \(subplanCount)" : "SubPlan \(subplanCount)"
      let a = preview(left, slots)
      var inner = slots
      for binding in bindings { inner[binding.slot] = names(a).text(binding.value) }
      let columns = a + ["(\(name))"]
      if filters.isEmpty && outputs == nil {
        _ = write(left, depth: depth, slots: slots, outermost: shown)
      } else {
        open("Result", shown, depth, columns: results(columns), filterLines(columns))
        _ = write(left, depth: depth + 1, slots: slots)
      }
      property(name, depth)
      _ = write(right, depth: depth + 1, slots: inner)
      return results(columns)

    case .setOperation(let kind, let left, let right):
      let columns = preview(plan, slots)
      var at = depth
      switch kind {
      case .unionAll: open("Append", shown, depth, columns: results(columns), filterLines(columns))
      case .union:
        open(
          "HashAggregate", shown, depth, columns: results(columns),
          ["Group Key: " + columns.joined(separator: ", ")] + filterLines(columns))
        at += 1
        open("Append", plan, at, columns: columns, [])
      case .intersect: open("HashSetOp Intersect", shown, depth, columns: results(columns), filterLines(columns))
      case .intersectAll: open("HashSetOp Intersect All", shown, depth, columns: results(columns), filterLines(columns))
      case .except: open("HashSetOp Except", shown, depth, columns: results(columns), filterLines(columns))
      case .exceptAll: open("HashSetOp Except All", shown, depth, columns: results(columns), filterLines(columns))
      }
      _ = write(left, depth: at + 1, slots: slots)
      _ = write(right, depth: at + 1, slots: slots)
      return results(columns)

    case .recursiveUnion(let base, let step, _, _):
      let columns = preview(plan, slots)
      open("Recursive Union", shown, depth, columns: results(columns), filterLines(columns))
      _ = write(base, depth: depth + 1, slots: slots)
      _ = write(step, depth: depth + 1, slots: slots)
      return results(columns)

    case .sequence(let first, let main, _):
      let columns = write(main, depth: depth, slots: slots, outermost: shown, filters: filters, outputs: outputs)
      for (number, plan) in first.enumerated() {
        property("CTE \(number + 1)", depth)
        _ = write(plan, depth: depth + 1, slots: slots)
      }
      return columns

    case .workingTable(_, let name):
      let columns = preview(plan, slots)
      open(
        "WorkTable Scan on \(quoteIdentifier(name))", shown, depth, columns: results(columns), filterLines(columns))
      return results(columns)

    case .materialize(let input, _):
      let columns = preview(input, slots)
      open("Materialize", shown, depth, columns: results(columns), filterLines(columns))
      return results(write(input, depth: depth + 1, slots: slots))

    case .lockRows(let input, _, _, _):
      open("LockRows", shown, depth, columns: results(preview(input, slots)), filterLines(preview(input, slots)))
      return results(write(input, depth: depth + 1, slots: slots))

    case .insert(let change): return writeChange("Insert", change.table, change.source, plan, shown, depth, slots)
    case .update(let change): return writeChange("Update", change.table, change.source, plan, shown, depth, slots)
    case .delete(let change): return writeChange("Delete", change.table, change.source, plan, shown, depth, slots)
    }
  }

  private mutating func writeChange(
    _ verb: String, _ table: TableDescriptor, _ source: PhysicalPlan, _ plan: PhysicalPlan, _ shown: PhysicalPlan,
    _ depth: Int, _ slots: [Int: String]
  ) -> [String] {
    var properties: [String] = []
    if case .insert(let change) = plan.operation {
      switch change.onConflict {
      case .nothing(let arbiters)?:
        properties.append("Conflict Resolution: NOTHING")
        let names = table.allIndexes.filter { arbiters.contains($0.id) }.map(\.name)
        if !names.isEmpty { properties.append("Conflict Arbiter Indexes: " + names.joined(separator: ", ")) }
      case .update(let arbiter, _, let condition, let query)?:
        properties.append("Conflict Resolution: UPDATE")
        let names = table.allIndexes.filter { $0.id == arbiter }.map(\.name)
        properties.append("Conflict Arbiter Indexes: " + names.joined(separator: ", "))
        if let condition {
          let both =
            columnNames(table, table.name, table.columns.map(\.id)) + table.columns.map { "excluded.\($0.name)" }
            + Array(repeating: "(SubPlan)", count: query?.plan.output.count ?? 0)
          properties.append("Conflict Filter: " + ExpressionText(columns: both, slots: slots).text(condition))
        }
      case nil: break
      }
    }
    open("\(verb) on " + relationName(table, table.name), shown, depth, columns: [], properties)
    _ = write(source, depth: depth + 1, slots: slots)
    return preview(plan, slots)
  }

  private func joinTitle(_ method: String, _ kind: JoinKind) -> String {
    switch kind {
    case .inner: method == "Hash" ? "Hash Join" : method
    case .left: "\(method) Left Join"
    case .right: "\(method) Right Join"
    case .full: "\(method) Full Join"
    case .semi: "\(method) Semi Join"
    case .anti: "\(method) Anti Join"
    }
  }

  private func wrapped(_ text: String) -> String {
    text.hasPrefix("(") && text.hasSuffix(")") || text.hasPrefix("CASE") || text.utf8.allSatisfy { $0 != 0x20 }
      ? text : "(\(text))"
  }

  // MARK: Scans

  private func relationName(_ table: TableDescriptor, _ alias: String) -> String {
    let name = quoteIdentifier(table.name)
    return alias == table.name ? name : "\(name) \(quoteIdentifier(alias))"
  }

  private func columnNames(_ table: TableDescriptor, _ alias: String, _ ids: [UInt32]) -> [String] {
    ids.map { id in
      let column = table.column(id: id)
      if column?.isIndexExpression == true, let sql = column?.generatedSQL { return sql }
      let name = quoteIdentifier(column?.name ?? "?")
      return isQualified ? "\(quoteIdentifier(alias)).\(name)" : name
    }
  }

  private mutating func writeScan(
    _ scan: ScanPlan, _ shown: PhysicalPlan, _ depth: Int, _ slots: [Int: String], _ filters: [ScalarExpression],
    _ outputs: [ScalarExpression]?
  ) -> [String] {
    let columns = columnNames(scan.table, scan.alias, scan.columns)
    let names = ExpressionText(columns: columns, slots: slots)
    let relation = relationName(scan.table, scan.alias)
    let isBounded = scan.spans.contains { !$0.equal.isEmpty || $0.lower != nil || $0.upper != nil || $0.nextIsNull }
    let held = Set(scan.index.columns.map(\.columnID) + scan.index.included)
    let isCovering =
      !scan.index.isPrimary
      && scan.columns.allSatisfy { id in
        held.contains(id) || scan.table.primaryIndex?.columns.contains { $0.columnID == id } == true
      }
    var title: String
    if scan.index.isPrimary && !isBounded && !scan.isReverse || scan.index.name.isEmpty {
      title = "Seq Scan on \(relation)"
    } else {
      title =
        (isCovering ? "Index Only Scan" : "Index Scan") + (scan.isReverse ? " Backward" : "")
        + " using \(quoteIdentifier(scan.index.name)) on \(relation)"
    }
    var properties: [String] = []
    if isBounded, let condition = indexCondition(scan, slots) { properties.append("Index Cond: " + condition) }
    let all = ((scan.filter.map { [$0] } ?? []) + filters).flatMap(\.conjuncts)
    if let filter = ScalarExpression.conjunction(all) { properties.append("Filter: " + wrapped(names.text(filter))) }
    let results =
      outputs.map { list in
        list.map { expression in
          if case .column = expression { names.text(expression) } else { wrapped(names.text(expression)) }
        }
      } ?? columns
    open(title, shown, depth, columns: results, properties)
    return results
  }

  /// What the spans say, as a condition on the index's columns.
  private func indexCondition(_ scan: ScanPlan, _ slots: [Int: String]) -> String? {
    let keys = columnNames(scan.table, scan.alias, scan.index.columns.map(\.columnID))
    let names = ExpressionText(columns: [], slots: slots)
    guard let first = scan.spans.first else { return nil }
    var parts: [String] = []
    for position in first.equal.indices where position < keys.count {
      var values: [ScalarExpression] = []
      for span in scan.spans where position < span.equal.count {
        if !values.contains(where: { $0.isSame(as: span.equal[position]) }) { values.append(span.equal[position]) }
      }
      parts.append(
        values.count == 1
          ? "(\(keys[position]) = \(names.text(values[0])))" : "(\(keys[position]) = ANY (\(names.array(values))))")
    }
    let next = first.equal.count
    if next < keys.count {
      if first.nextIsNull { parts.append("(\(keys[next]) IS NULL)") }
      if let lower = first.lower {
        parts.append("(\(keys[next]) \(lower.isInclusive ? ">=" : ">") \(names.text(lower.value)))")
      }
      if let upper = first.upper {
        parts.append("(\(keys[next]) \(upper.isInclusive ? "<=" : "<") \(names.text(upper.value)))")
      }
    }
    return parts.isEmpty ? nil : parts.count == 1 ? parts[0] : "(" + parts.joined(separator: " AND ") + ")"
  }

  // MARK: Names of columns

  /// The names of a plan's columns, without writing anything.
  private func preview(_ plan: PhysicalPlan, _ slots: [Int: String]) -> [String] {
    switch plan.operation {
    case .project(let input, let expressions):
      let names = ExpressionText(columns: preview(input, slots), slots: slots)
      return expressions.map { expression in
        if case .column = expression { return names.text(expression) }
        return wrapped(names.text(expression))
      }
    case .values(let rows):
      if rows.count == 1 { return rows[0].map { ExpressionText(columns: [], slots: slots).text($0) } }
      return plan.output.indices.map { "\"*VALUES*\".column\($0 + 1)" }
    case .scan(let scan): return columnNames(scan.table, scan.alias, scan.columns)
    case .virtualTable(let table, let alias, let ids): return columnNames(table, alias, ids)
    case .tableFunction(let function, _, let withOrdinality):
      return function.columns.map { isQualified ? "\(function.name).\($0.name)" : $0.name }
        + (withOrdinality ? ["ordinality"] : [])
    case .filter(let input, _), .limit(let input, _, _), .sort(let input, _, _), .distinct(let input),
      .distinctOn(let input, _), .materialize(let input, _), .lockRows(let input, _, _, _):
      return preview(input, slots)
    case .aggregate(let input, let keys, let calls):
      let names = ExpressionText(columns: preview(input, slots), slots: slots)
      return keys.map { key in
        if case .column = key { return names.text(key) }
        return wrapped(names.text(key))
      } + calls.map { "(" + names.text($0) + ")" }
    case .window(let input, let window):
      let below = preview(input, slots)
      let names = ExpressionText(columns: below, slots: slots)
      return below + window.calls.map { names.text($0) }
    case .hashJoin(let kind, let left, let right, _, _, _), .nestedLoopJoin(let kind, let left, let right, _):
      let a = preview(left, slots)
      return kind == .semi || kind == .anti ? a : a + preview(right, slots)
    case .apply(let kind, let left, let right, let bindings, _):
      let a = preview(left, slots)
      if kind == .semi || kind == .anti { return a }
      var inner = slots
      for binding in bindings { inner[binding.slot] = ExpressionText(columns: a, slots: slots).text(binding.value) }
      return a + preview(right, inner)
    case .scalarSubquery(let left, _, let bindings):
      return preview(left, slots) + [bindings.isEmpty ? "(InitPlan)" : "(SubPlan)"]
    case .setOperation(_, let left, _): return preview(left, slots)
    case .recursiveUnion(let base, _, _, _): return preview(base, slots)
    case .sequence(_, let main, _): return preview(main, slots)
    case .workingTable(_, let name):
      return plan.output.indices.map { "\(quoteIdentifier(name)).column\($0 + 1)" }
    case .insert(let change):
      return change.returnsRows ? columnNames(change.table, change.table.name, change.table.columns.map(\.id)) : []
    case .update(let change): return change.returnsRows ? preview(change.source, slots) : []
    case .delete(let change): return change.returnsRows ? preview(change.source, slots) : []
    }
  }
}
