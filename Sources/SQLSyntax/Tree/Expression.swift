// Scalar expressions as written, before any name or type is resolved: the a_expr of PostgreSQL's grammar.
//
// Contract: parentheses are not kept (the printer puts them back where precedence asks); chains of AND and
// of OR are flat lists as in PostgreSQL; no path through a tree made by the parser is deeper than
// `SyntaxLimits.maximumDepth`, so recursion over it is safe. Functions with a grammar of their own (EXTRACT,
// SUBSTRING, AT TIME ZONE …) are calls to the `pg_catalog` function PostgreSQL uses, marked by `syntax`.

/// A scalar expression.
public indirect enum Expression: Sendable, Equatable {
  case literal(Literal, SourcePosition)
  /// A literal whose value was taken out by `LiteralExtraction`: to be bound like a parameter of this kind.
  case extractedLiteral(index: Int, kind: ExtractedLiteral.Kind, SourcePosition)
  /// `$1` is number 1.
  case parameter(Int, SourcePosition)
  case column(ColumnReference)
  /// `*` (no qualifiers) or `t.*`.
  case wildcard(qualifiers: [Identifier], SourcePosition)
  /// `(composite).field`
  case field(Expression, Identifier)
  /// `(composite).*`
  case allFields(Expression, SourcePosition)
  /// `array[1]`, `array[1][2]`, `array[1:2]`: all brackets in a row. `(array[1])[2]` is two nodes, as it is two
  /// steps in PostgreSQL.
  case subscripted(Expression, [Subscript])

  /// A prefix operator.
  case unary(OperatorName, Expression)
  /// An infix operator. Its position is that of the operator.
  case binary(OperatorName, Expression, Expression)
  /// Two or more operands.
  case and([Expression])
  /// Two or more operands.
  case or([Expression])
  case not(Expression, SourcePosition)
  case isTest(Expression, IsTest, negated: Bool, SourcePosition)
  case isDistinctFrom(Expression, Expression, negated: Bool, SourcePosition)
  case between(BetweenExpression)
  case inList(Expression, [Expression], negated: Bool, SourcePosition)
  case inSubquery(Expression, SelectStatement, negated: Bool, SourcePosition)
  case like(LikeExpression)
  /// `x = ANY (array)`, `x LIKE ALL (array)`
  case quantifiedArray(QuantifiedComparison, array: Expression)
  /// `x = ANY (SELECT …)`
  case quantifiedSubquery(QuantifiedComparison, SelectStatement)

  case exists(SelectStatement, SourcePosition)
  case scalarSubquery(SelectStatement, SourcePosition)
  case arraySubquery(SelectStatement, SourcePosition)
  case array([Expression], SourcePosition)
  /// `ROW(a, b)` or `(a, b)`; `isExplicit` tells which.
  case row([Expression], isExplicit: Bool, SourcePosition)

  case function(FunctionCall)
  case cast(Expression, TypeName, SourcePosition)
  /// `date '2020-01-01'`: a cast of a string constant that cannot mean anything else.
  case typedLiteral(TypeName, [UInt8], SourcePosition)
  case collate(Expression, QualifiedName, SourcePosition)
  case caseWhen(CaseExpression)
  case coalesce([Expression], SourcePosition)
  case nullIf(Expression, Expression, SourcePosition)
  case greatest([Expression], SourcePosition)
  case least([Expression], SourcePosition)
  case currentValue(CurrentValue, precision: Int32?, SourcePosition)
  /// `GROUPING(a, b)`
  case grouping([Expression], SourcePosition)
  /// `DEFAULT` in VALUES lists and assignments; the planner refuses it elsewhere.
  case defaultValue(SourcePosition)
  /// `WHERE CURRENT OF cursor`
  case currentOf(Identifier, SourcePosition)
}

/// A constant as written.
public enum Literal: Sendable, Hashable {
  case null
  case boolean(Bool)
  /// Digits only and within int8: int4 when it fits there, else int8, as PostgreSQL types it.
  case integer(Int64)
  /// Any other number, its text as written (`1.50`, `1e10`, `99999999999999999999`): numeric.
  case numeric([UInt8])
  /// A string of unknown type: UTF-8 with escapes already resolved, without NUL.
  case string([UInt8])
  /// `B'0101'` or `X'1F'`, the digits as written.
  case bitString([UInt8], isHexadecimal: Bool)
}

/// `a`, `t.a`, `s.t.a`, `db.s.t.a`.
public struct ColumnReference: Sendable, Hashable {
  /// Everything before the last dot; empty for a bare name.
  public var qualifiers: [Identifier]
  public var name: Identifier

  public init(_ name: Identifier, qualifiers: [Identifier] = []) {
    self.qualifiers = qualifiers
    self.name = name
  }
  /// Where the whole reference begins.
  public var position: SourcePosition { (qualifiers.first ?? name).position }
}

/// What stands between brackets.
public enum Subscript: Sendable, Equatable {
  case index(Expression)
  /// `[lower:upper]`, either bound may be missing.
  case slice(Expression?, Expression?)
}

/// One step into a composite or an array.
public enum Indirection: Sendable, Equatable {
  case field(Identifier)
  case subscripted(Subscript)
}

/// The right side of IS [NOT].
public enum IsTest: Sendable, Hashable {
  case null
  case `true`
  case `false`
  case unknown
  case document
  /// `IS [form] NORMALIZED`
  case normalized(NormalForm?)
}

/// Unicode normal forms.
public enum NormalForm: String, Sendable, Hashable {
  case nfc, nfd, nfkc, nfkd
}

/// `value [NOT] BETWEEN [SYMMETRIC] low AND high`
public struct BetweenExpression: Sendable, Equatable {
  public var value: Expression
  public var low: Expression
  public var high: Expression
  public var isSymmetric: Bool
  public var isNegated: Bool
  public var position: SourcePosition

  public init(
    _ value: Expression, low: Expression, high: Expression, isSymmetric: Bool, isNegated: Bool,
    position: SourcePosition
  ) {
    self.value = value
    self.low = low
    self.high = high
    self.isSymmetric = isSymmetric
    self.isNegated = isNegated
    self.position = position
  }
}

/// The pattern matching predicates that are words.
public enum LikeKind: Sendable, Hashable {
  /// Operators `~~` and `!~~`.
  case like
  /// Operators `~~*` and `!~~*`.
  case ilike
  /// Operators `~` and `!~` over `similar_to_escape(pattern)`.
  case similarTo
}

/// `value [NOT] LIKE pattern [ESCAPE escape]`
public struct LikeExpression: Sendable, Equatable {
  public var kind: LikeKind
  public var value: Expression
  public var pattern: Expression
  public var escape: Expression?
  public var isNegated: Bool
  public var position: SourcePosition

  public init(
    _ kind: LikeKind, value: Expression, pattern: Expression, escape: Expression?, isNegated: Bool,
    position: SourcePosition
  ) {
    self.kind = kind
    self.value = value
    self.pattern = pattern
    self.escape = escape
    self.isNegated = isNegated
    self.position = position
  }
}

/// The left side, operator and quantifier of `x op ANY (…)`. LIKE and ILIKE appear as `~~`, `!~~*` and so on.
public struct QuantifiedComparison: Sendable, Equatable {
  public var left: Expression
  public var `operator`: OperatorName
  /// ALL when true, ANY or SOME when false.
  public var isAll: Bool

  public init(_ left: Expression, _ operator: OperatorName, isAll: Bool) {
    self.left = left
    self.operator = `operator`
    self.isAll = isAll
  }
}

/// `CASE [operand] WHEN … THEN … [ELSE …] END`
public struct CaseExpression: Sendable, Equatable {
  public struct Branch: Sendable, Equatable {
    public var condition: Expression
    public var result: Expression
    public init(condition: Expression, result: Expression) {
      self.condition = condition
      self.result = result
    }
  }
  public var operand: Expression?
  public var branches: [Branch]
  public var otherwise: Expression?
  public var position: SourcePosition

  public init(operand: Expression?, branches: [Branch], otherwise: Expression?, position: SourcePosition) {
    self.operand = operand
    self.branches = branches
    self.otherwise = otherwise
    self.position = position
  }
}

/// The parameterless functions that SQL writes without parentheses.
public enum CurrentValue: String, Sendable, Hashable, CaseIterable {
  case currentDate = "current_date"
  case currentTime = "current_time"
  case currentTimestamp = "current_timestamp"
  case localTime = "localtime"
  case localTimestamp = "localtimestamp"
  case currentRole = "current_role"
  case currentUser = "current_user"
  case user = "user"
  case sessionUser = "session_user"
  case currentCatalog = "current_catalog"
  case currentSchema = "current_schema"
}

/// Which grammar a function call was written in.
public enum FunctionSyntax: Sendable, Hashable {
  /// `name(arguments)`
  case call
  /// `EXTRACT(field FROM x)`: arguments are the field as a string literal, and x.
  case extract
  /// `OVERLAY(a PLACING b FROM c FOR d)`: a, b, c[, d].
  case overlay
  /// `POSITION(a IN b)`: arguments b, a.
  case position
  /// `SUBSTRING(a FROM b FOR c)`: a, b[, c]; `SUBSTRING(a FOR c)` is a, 1, c.
  case substring
  /// `SUBSTRING(a SIMILAR b ESCAPE c)`: a, b, c.
  case substringSimilar
  /// `TRIM([BOTH|LEADING|TRAILING] [b] FROM a)`: functions btrim, ltrim, rtrim; arguments a[, b].
  case trim
  /// `NORMALIZE(a, form)`: a[, the form as a string literal].
  case normalize
  /// `a AT TIME ZONE b`: function timezone, arguments b, a.
  case atTimeZone
  /// `(a, b) OVERLAPS (c, d)`: four arguments.
  case overlaps
  /// `COLLATION FOR (a)`: function pg_collation_for.
  case collationFor
}

/// A call of a function, aggregate or window function.
public struct FunctionCall: Sendable, Equatable {
  public struct Argument: Sendable, Equatable {
    /// `name => value`
    public var name: Identifier?
    public var value: Expression
    public init(_ value: Expression, name: Identifier? = nil) {
      self.name = name
      self.value = value
    }
  }
  public var name: QualifiedName
  public var syntax: FunctionSyntax
  public var arguments: [Argument]
  /// `count(*)`
  public var isStar: Bool
  public var isDistinct: Bool
  /// The last argument is marked VARIADIC.
  public var isVariadic: Bool
  /// ORDER BY inside the parentheses, or in WITHIN GROUP.
  public var orderBy: [SortItem]
  public var isWithinGroup: Bool
  public var filter: Expression?
  public var over: WindowReference?
  public var position: SourcePosition

  public init(
    _ name: QualifiedName, _ arguments: [Argument] = [], syntax: FunctionSyntax = .call, isStar: Bool = false,
    isDistinct: Bool = false, isVariadic: Bool = false, orderBy: [SortItem] = [], isWithinGroup: Bool = false,
    filter: Expression? = nil, over: WindowReference? = nil, position: SourcePosition = .unknown
  ) {
    self.name = name
    self.syntax = syntax
    self.arguments = arguments
    self.isStar = isStar
    self.isDistinct = isDistinct
    self.isVariadic = isVariadic
    self.orderBy = orderBy
    self.isWithinGroup = isWithinGroup
    self.filter = filter
    self.over = over
    self.position = position
  }
}

/// What follows OVER.
public enum WindowReference: Sendable, Equatable {
  case named(Identifier)
  case specification(WindowSpecification)
}

/// `([name] [PARTITION BY …] [ORDER BY …] [frame])`
public struct WindowSpecification: Sendable, Equatable {
  /// The window this one builds on.
  public var base: Identifier?
  public var partitionBy: [Expression]
  public var orderBy: [SortItem]
  public var frame: WindowFrame?
  public var position: SourcePosition

  public init(
    base: Identifier? = nil, partitionBy: [Expression] = [], orderBy: [SortItem] = [],
    frame: WindowFrame? = nil, position: SourcePosition = .unknown
  ) {
    self.base = base
    self.partitionBy = partitionBy
    self.orderBy = orderBy
    self.frame = frame
    self.position = position
  }
}

/// `ROWS BETWEEN … AND … [EXCLUDE …]`; a frame without BETWEEN ends at the current row.
public struct WindowFrame: Sendable, Equatable {
  public enum Mode: Sendable, Hashable { case range, rows, groups }
  public enum Bound: Sendable, Equatable {
    case unboundedPreceding
    case preceding(Expression)
    case currentRow
    case following(Expression)
    case unboundedFollowing
  }
  public enum Exclusion: Sendable, Hashable { case currentRow, group, ties }
  public var mode: Mode
  public var start: Bound
  public var end: Bound
  public var exclusion: Exclusion?
  /// Written `BETWEEN start AND end`; else the start alone, and the end is the current row.
  public var isBetween: Bool

  public init(_ mode: Mode, start: Bound, end: Bound, exclusion: Exclusion?, isBetween: Bool = true) {
    self.isBetween = isBetween
    self.mode = mode
    self.start = start
    self.end = end
    self.exclusion = exclusion
  }
}

extension Expression {
  /// Where PostgreSQL points when it complains about this expression.
  public var position: SourcePosition {
    switch self {
    case .literal(_, let p), .extractedLiteral(_, _, let p), .parameter(_, let p), .wildcard(_, let p): p
    case .column(let c): c.position
    case .field(let e, _), .allFields(let e, _), .subscripted(let e, _): e.position
    case .unary(let o, _), .binary(let o, _, _): o.position
    case .and(let list), .or(let list): list.first?.position ?? .unknown
    case .not(_, let p), .isTest(_, _, _, let p), .isDistinctFrom(_, _, _, let p): p
    case .between(let b): b.position
    case .inList(_, _, _, let p), .inSubquery(_, _, _, let p): p
    case .like(let l): l.position
    case .quantifiedArray(let q, _), .quantifiedSubquery(let q, _): q.operator.position
    case .exists(_, let p), .scalarSubquery(_, let p), .arraySubquery(_, let p), .array(_, let p): p
    case .row(_, _, let p): p
    case .function(let f): f.position
    case .cast(_, _, let p), .typedLiteral(_, _, let p), .collate(_, _, let p): p
    case .caseWhen(let c): c.position
    case .coalesce(_, let p), .nullIf(_, _, let p), .greatest(_, let p), .least(_, let p): p
    case .currentValue(_, _, let p), .grouping(_, let p), .defaultValue(let p), .currentOf(_, let p): p
    }
  }
}
