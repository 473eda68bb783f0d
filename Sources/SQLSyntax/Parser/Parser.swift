// The door of this room: query text in, syntax trees out.
//
// Contract: any bytes whatever give trees or an `SQLError`, never a trap. Errors are those of PostgreSQL 15:
// 42601 with the position of the offending token, 22021 for bytes that are no UTF-8, 54001 for nesting
// deeper than `SyntaxLimits.maximumDepth`. Nothing is looked up in any catalog.

import SQLTypes

/// Parses PostgreSQL's SQL.
public struct Parser {
  /// The statements of a query string, in order; empty statements give nothing.
  public static func parse(_ sql: [UInt8]) throws(SQLError) -> [ParsedStatement] {
    try withParser(sql, []) { (parser) throws(ParseFailure) in try parser.statements() }
  }

  /// As `parse`, with the literals that `extraction` took out of the same text as `.extractedLiteral` nodes.
  public static func parse(
    _ sql: [UInt8], extracting extraction: LiteralExtraction
  ) throws(SQLError) -> [ParsedStatement] {
    try withParser(sql, extraction.literals) { (parser) throws(ParseFailure) in try parser.statements() }
  }

  /// A single expression, e.g. a default or check constraint kept by the catalog.
  public static func parseExpression(_ sql: [UInt8]) throws(SQLError) -> Expression {
    try withParser(sql, []) { (parser) throws(ParseFailure) in
      let expression = try parser.expression()
      try parser.expectEnd()
      return expression
    }
  }

  /// A single type name: what `regtype`'s input and `to_regtype` read.
  public static func parseType(_ sql: [UInt8]) throws(SQLError) -> TypeName {
    try withParser(sql, []) { (parser) throws(ParseFailure) in
      let type = try parser.typeName()
      try parser.expectEnd()
      return type
    }
  }

  static func withParser<T>(
    _ sql: [UInt8], _ literals: [ExtractedLiteral],
    _ body: (inout SyntaxParser) throws(ParseFailure) -> T
  ) throws(SQLError) -> T {
    try SourceText.check(sql)
    do {
      return try sql.withUnsafeBufferPointer { (source) throws(ParseFailure) in
        var parser = SyntaxParser(source, literals)
        return try body(&parser)
      }
    } catch {
      throw error.error
    }
  }
}
