// Walking through scalar expressions: the columns that they use, substitution, conjuncts, comparison by structure.

import Expressions
import SQLTypes

extension ScalarExpression {
  var children: [ScalarExpression] {
    switch self {
    case .constant, .column, .parameter, .outer: []
    case .call(_, let arguments, _, _), .and(let arguments), .or(let arguments), .coalesce(let arguments, _): arguments
    case .not(let operand), .isNull(let operand, _), .booleanTest(let operand, _): [operand]
    case .isDistinct(let left, let right, _, _): [left, right]
    case .conditional(let branches, let otherwise, _):
      branches.flatMap { [$0.condition, $0.result] } + [otherwise]
    case .inList(let operand, let list, _, _): [operand] + list
    }
  }

  /// The same node over other children.
  func mapChildren(_ transform: (ScalarExpression) -> ScalarExpression) -> ScalarExpression {
    switch self {
    case .constant, .column, .parameter, .outer: self
    case .call(let function, let arguments, let type, let position):
      .call(function, arguments.map(transform), type: type, position: position)
    case .and(let list): .and(list.map(transform))
    case .or(let list): .or(list.map(transform))
    case .not(let operand): .not(transform(operand))
    case .isNull(let operand, let negated): .isNull(transform(operand), negated: negated)
    case .booleanTest(let operand, let test): .booleanTest(transform(operand), test)
    case .isDistinct(let left, let right, let equality, let negated):
      .isDistinct(transform(left), transform(right), equality: equality, negated: negated)
    case .conditional(let branches, let otherwise, let type):
      .conditional(
        branches.map { CaseBranch(condition: transform($0.condition), result: transform($0.result)) },
        otherwise: transform(otherwise), type: type)
    case .coalesce(let list, let type): .coalesce(list.map(transform), type: type)
    case .inList(let operand, let list, let equality, let negated):
      .inList(transform(operand), list.map(transform), equality: equality, negated: negated)
    }
  }

  func collectColumns(into columns: inout Set<ColumnID>) {
    if case .column(let id, _) = self {
      columns.insert(id)
      return
    }
    for child in children { child.collectColumns(into: &columns) }
  }

  var columns: Set<ColumnID> {
    var columns: Set<ColumnID> = []
    collectColumns(into: &columns)
    return columns
  }

  var hasColumns: Bool {
    if case .column = self { return true }
    return children.contains(where: \.hasColumns)
  }

  /// Puts expressions in the place of columns.
  func substituting(_ replacements: [ColumnID: ScalarExpression]) -> ScalarExpression {
    if replacements.isEmpty { return self }
    if case .column(let id, _) = self { return replacements[id] ?? self }
    return mapChildren { $0.substituting(replacements) }
  }

  var isVolatile: Bool {
    if case .call(let function, _, _, _) = self, function.volatility == .volatile { return true }
    return children.contains(where: \.isVolatile)
  }

  /// Whether nothing but the columns decides the value.
  var isImmutable: Bool {
    if case .call(let function, _, _, _) = self, function.volatility != .immutable { return false }
    return children.allSatisfy(\.isImmutable)
  }

  /// Whether the value is the same in every execution: no parameters, no columns, nothing that changes.
  var isConstant: Bool {
    switch self {
    case .constant: true
    case .column, .parameter, .outer: false
    case .call(let function, let arguments, _, _):
      function.volatility == .immutable && arguments.allSatisfy(\.isConstant)
    default: children.allSatisfy(\.isConstant)
    }
  }

  /// Whether evaluation can fail for some value, so that it must not run on rows that a condition would have removed.
  /// Comparisons, boolean logic and NULL tests cannot.
  var isSafe: Bool {
    switch self {
    case .constant, .column, .parameter, .outer: true
    case .call(let function, let arguments, _, _): function.comparison != nil && arguments.allSatisfy(\.isSafe)
    default: children.allSatisfy(\.isSafe)
    }
  }

  /// `AND` taken apart.
  var conjuncts: [ScalarExpression] {
    switch self {
    case .and(let list): list.flatMap(\.conjuncts)
    case .constant(.int64(1), .bool): []
    default: [self]
    }
  }

  static func conjunction(_ list: [ScalarExpression]) -> ScalarExpression? {
    list.isEmpty ? nil : list.count == 1 ? list[0] : .and(list)
  }

  static let `true` = ScalarExpression.constant(.bool(true), .bool)
  static let `false` = ScalarExpression.constant(.bool(false), .bool)
  static func null(_ type: SQLType) -> ScalarExpression { .constant(.null, type) }

  var isNullConstant: Bool {
    if case .constant(.null, _) = self { return true }
    return false
  }

  /// A comparison's operator and operands.
  var comparison: (Comparison, ScalarExpression, ScalarExpression)? {
    guard case .call(let function, let arguments, _, _) = self, let comparison = function.comparison,
      arguments.count == 2
    else { return nil }
    return (comparison, arguments[0], arguments[1])
  }

  /// The two sides of `=`.
  var equality: (ScalarExpression, ScalarExpression)? {
    guard let (comparison, left, right) = comparison, comparison == .equal else { return nil }
    return (left, right)
  }

  /// Whether a NULL in any of the columns makes the condition not true.
  func rejectsNull(of columns: Set<ColumnID>) -> Bool {
    switch self {
    case .and(let list): list.contains { $0.rejectsNull(of: columns) }
    case .or(let list): list.allSatisfy { $0.rejectsNull(of: columns) }
    case .isNull(let operand, negated: true): operand.isNullWhenNull(columns)
    case .booleanTest(let operand, .isTrue), .booleanTest(let operand, .isFalse),
      .booleanTest(let operand, .isNotUnknown):
      operand.isNullWhenNull(columns)
    case .not(let operand): operand.isNullWhenNull(columns)
    default: isNullWhenNull(columns)
    }
  }

  /// Whether the value is NULL as soon as all of these columns are.
  func isNullWhenNull(_ columns: Set<ColumnID>) -> Bool {
    switch self {
    case .column(let id, _): columns.contains(id)
    case .call(let function, let arguments, _, _):
      function.isStrict && arguments.contains { $0.isNullWhenNull(columns) }
    case .not(let operand): operand.isNullWhenNull(columns)
    case .and(let list), .or(let list): !list.isEmpty && list.allSatisfy { $0.isNullWhenNull(columns) }
    case .inList(let operand, _, _, _): operand.isNullWhenNull(columns)
    case .constant(.null, _): true
    default: false
    }
  }

  /// The same by structure.
  func isSame(as other: ScalarExpression) -> Bool {
    switch (self, other) {
    case (.constant(let a, let s), .constant(let b, let t)): return a == b && s.oid == t.oid
    case (.column(let a, _), .column(let b, _)), (.outer(let a, _), .outer(let b, _)),
      (.parameter(let a, _), .parameter(let b, _)):
      return a == b
    case (.call(let f, let a, let s, _), .call(let g, let b, let t, _)):
      guard f === g || (f.name == g.name && f.oid == g.oid && (f.oid != .invalid || f.isTold(by: t, as: g))), s == t,
        f.volatility != .volatile
      else { return false }
      return ScalarExpression.areSame(a, b)
    case (.and(let a), .and(let b)), (.or(let a), .or(let b)): return ScalarExpression.areSame(a, b)
    case (.coalesce(let a, let s), .coalesce(let b, let t)): return s == t && ScalarExpression.areSame(a, b)
    case (.not(let a), .not(let b)): return a.isSame(as: b)
    case (.isNull(let a, let m), .isNull(let b, let n)): return m == n && a.isSame(as: b)
    case (.booleanTest(let a, let m), .booleanTest(let b, let n)): return m == n && a.isSame(as: b)
    case (.isDistinct(let a, let b, _, let m), .isDistinct(let c, let d, _, let n)):
      return m == n && a.isSame(as: c) && b.isSame(as: d)
    case (.conditional(let a, let x, let s), .conditional(let b, let y, let t)):
      return s == t && a.count == b.count && x.isSame(as: y)
        && zip(a, b).allSatisfy { $0.condition.isSame(as: $1.condition) && $0.result.isSame(as: $1.result) }
    case (.inList(let a, let l, _, let m), .inList(let b, let k, _, let n)):
      return m == n && a.isSame(as: b) && ScalarExpression.areSame(l, k)
    default: return false
    }
  }

  static func areSame(_ a: [ScalarExpression], _ b: [ScalarExpression]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0.isSame(as: $1) }
  }

  /// The same expression, said to be of another type with the same values in memory.
  func retyped(_ type: SQLType) -> ScalarExpression {
    switch self {
    case .constant(let value, _): .constant(value, type)
    case .column(let id, _): .column(id, type)
    case .parameter(let index, _): .parameter(index, type)
    case .outer(let slot, _): .outer(slot, type)
    case .call(let function, let arguments, _, let position):
      .call(function, arguments, type: type, position: position)
    case .conditional(let branches, let otherwise, _): .conditional(branches, otherwise: otherwise, type: type)
    case .coalesce(let list, _): .coalesce(list, type: type)
    default: self
    }
  }
}

extension ScalarFunction {
  /// Whether its name and types say all about it, though it was made anew for its use: casts, which are named after what they give,
  /// NULLIF, GREATEST and LEAST, ARRAY and ROW.
  fileprivate func isTold(by type: SQLType, as other: ScalarFunction) -> Bool {
    guard arguments == other.arguments else { return false }
    if name.hasPrefix("."), let fields = arguments.first.flatMap(RowShape.of)?.fields {
      return fields.count { "." + $0.name == name } == 1
    }
    return ["nullif", "greatest", "least", "array", "row"].contains(name)
      || (arguments.count == 1 && TypeInfo.find(type.oid)?.name == name)
  }
}
