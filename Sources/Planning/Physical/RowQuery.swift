// Sub-queries over rows that exist only while a statement runs: what ON CONFLICT updates with, what WITH CHECK OPTION asks of a new
// row. The rows stand in a working table; the query gives for each its number and the sub-queries' values.

import Expressions
import SQLTypes

public struct RowQuery: Sendable {
  /// Of the working table, whose columns are the rows' number and the rows' own.
  public var number: Int
  /// Puts out the number, then the values.
  public var plan: PhysicalPlan
}

/// What a view asks of rows that are written through it.
public struct ViewCheck: Sendable {
  public var view: String
  /// Over the row's columns, then the query's values.
  public var condition: ScalarExpression
  public var query: RowQuery?
}

extension PhysicalPlanner {
  /// The query that sub-queries over rows of these columns make, and the columns of its values; nil: there are none.
  func rowQuery(
    over columns: [ColumnID], _ attachments: [Attachment]
  ) -> (query: RowQuery, values: [ColumnID])? {
    if attachments.isEmpty { return nil }
    context.sharedCount += 1
    let number = context.sharedCount
    let position = context.makeColumn("row", .int8, isNullable: false)
    var relation = Relation.workingTable(id: number, name: "rows", [position] + columns)
    var values: [ColumnID] = []
    for attachment in attachments {
      relation = .apply(attachment.kind, relation, attachment.relation, attachment.conditions)
      switch attachment.kind {
      case .scalar(let column, _): values.append(column)
      case .inner, .left: values += attachment.relation.columns.sorted()
      case .semi, .anti: break
      }
    }
    let rewritten = Rewriter.rewrite(relation, context)
    let wanted = [position] + values.map { context.renames[$0] ?? $0 }
    return (RowQuery(number: number, plan: build(rewritten, exactly: wanted).plan), values)
  }
}
