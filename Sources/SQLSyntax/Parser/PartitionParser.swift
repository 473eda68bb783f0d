// Partitions: PARTITION BY, PARTITION OF, ATTACH and DETACH. PostgreSQL's grammar: PartitionSpec, PartitionBoundSpec, partition_cmd.

import SQLTypes

extension SyntaxParser {
  /// After PARTITION in CREATE TABLE.
  mutating func partitionSpecification() throws(ParseFailure) -> PartitionSpecification {
    try expect(.by)
    return PartitionSpecification(strategy: try name(), keys: try indexElements())
  }

  /// After CREATE TABLE name, at PARTITION OF.
  mutating func partitionOf(_ table: inout CreateTableStatement) throws(ParseFailure) {
    advance()
    try expect(.of)
    let parent = try qualifiedName()
    if accept(.leftParen) {
      repeat { table.elements.append(try partitionElement()) } while accept(.comma)
      try expect(.rightParen)
    }
    table.partitionOf = PartitionOf(parent: parent, bound: try partitionBound())
  }

  /// A constraint of the table, or a column's name with constraints.
  private mutating func partitionElement() throws(ParseFailure) -> TableElement {
    switch token.keyword {
    case .constraint, .check, .unique, .primary, .foreign: return .constraint(try tableConstraint())
    default: break
    }
    let name = try name()
    if accept(.with) { try expect(.options) }
    var column = ColumnDefinition(name: name, type: TypeName(QualifiedName(Identifier(""))))
    while let constraint = try columnConstraint(&column) { column.constraints.append(constraint) }
    return .column(column)
  }

  /// `FOR VALUES …` or DEFAULT.
  mutating func partitionBound() throws(ParseFailure) -> PartitionBoundSpecification {
    let at = position
    if accept(.default) { return PartitionBoundSpecification(.rest, position: at) }
    try expect(.for)
    try expect(.values)
    if accept(.in) { return PartitionBoundSpecification(.list(try parenthesizedExpressions()), position: at) }
    if accept(.from) {
      let from = try parenthesizedExpressions()
      try expect(.to)
      return PartitionBoundSpecification(.range(from: from, to: try parenthesizedExpressions()), position: at)
    }
    try expect(.with)
    try expect(.leftParen)
    var modulus: Int64?
    var remainder: Int64?
    repeat {
      let place = position
      let word = try name()
      let value = Int64(try signedInteger())
      switch word.text {
      case "modulus":
        if modulus != nil {
          throw grammarError("modulus for hash partition provided more than once", place, state: .duplicateObject)
        }
        modulus = value
      case "remainder":
        if remainder != nil {
          throw grammarError("remainder for hash partition provided more than once", place, state: .duplicateObject)
        }
        remainder = value
      default: throw grammarError("unrecognized hash partition bound specification \"\(word.text)\"", place)
      }
    } while accept(.comma)
    try expect(.rightParen)
    guard let modulus else { throw grammarError("modulus for hash partition must be specified", .unknown) }
    guard let remainder else { throw grammarError("remainder for hash partition must be specified", .unknown) }
    return PartitionBoundSpecification(.hash(modulus: modulus, remainder: remainder), position: at)
  }

  /// ATTACH or DETACH PARTITION of ALTER TABLE.
  mutating func partitionAction() throws(ParseFailure) -> AlterTableAction {
    let attaches = isAt(.attach)
    advance()
    try expect(.partition)
    let name = try qualifiedName()
    if attaches { return .attachPartition(name, try partitionBound()) }
    let isConcurrent = accept(.concurrently)
    return .detachPartition(name, isConcurrent: isConcurrent, finalizes: !isConcurrent && accept(.finalize))
  }
}
