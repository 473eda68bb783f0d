// Expressions that descriptors keep as SQL text, made computable: what schema changes need for defaults, checks and the predicates
// of partial indexes.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

extension StatementPlanner {
  /// `sql` over the columns of `table` by ordinal, cast to `type` as an assignment would.
  /// Errors: those of the expression against the table as it is now.
  public func compile(
    _ sql: String, over table: TableDescriptor, as type: SQLType
  ) throws(SQLError) -> ScalarExpression {
    let context = makeContext(Array(sql.utf8), [], allowsParameters: false)
    let binder = Binder(context)
    let row = table.columns.map { context.makeColumn($0.name, $0.type, isNullable: $0.isNullable) }
    let bound = try binder.bind(try Binder.parseExpression(sql), binder.rowScope(table, row, .check))
    let assigned = try binder.assign(bound, to: type, column: table.name, at: .unknown)
    return PhysicalPlanner(context, statistics: NoStatistics()).translate(assigned, row)
  }

  /// What rows of a table must satisfy to stand in it, by ordinal; nil if it is no partition.
  public func partitionGuard(of table: TableDescriptor) throws(SQLError) -> PartitionGuard? {
    let context = makeContext([], [], allowsParameters: false)
    let row = table.columns.map { context.makeColumn($0.name, $0.type, isNullable: $0.isNullable) }
    let planner = PhysicalPlanner(context, statistics: NoStatistics())
    return try Binder(context).partitionGuard(table, row)?.map { planner.translate($0, row) }
  }
}
