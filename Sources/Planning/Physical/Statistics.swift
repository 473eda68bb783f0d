// What the planner believes of the data: row counts from outside, and PostgreSQL's default selectivities for the rest.
// Source: PostgreSQL's selfuncs.h (DEFAULT_EQ_SEL and its kin) and costsize.c for the units of cost.

import Catalog
import Expressions
import SQLTypes

/// Approximate facts of tables, kept by whoever counts rows.
public protocol StatisticsProvider: Sendable {
  /// About how many rows the table has; nil if nobody knows.
  func rowCount(of table: OID) -> Double?
}

/// Knows nothing: every table has the default size.
public struct NoStatistics: StatisticsProvider {
  public init() {}
  public func rowCount(of table: OID) -> Double? { nil }
}

enum Cost {
  static let defaultRowCount = 1000.0
  /// Reading one row of a scan that is under way.
  static let row = 0.01
  /// Beginning a scan: finding the place of its first key.
  static let seek = 0.25
  /// Fetching a row of the primary index by its key, for an index that lacks a column.
  static let lookup = 0.2
  /// Evaluating one operator for a row.
  static let `operator` = 0.0025
  /// Putting a row into a hash table, and looking one up.
  static let hashBuild = 0.015
  static let hashProbe = 0.01

  static func sort(_ rows: Double) -> Double { rows < 2 ? 0.01 : rows * (rows.logarithm2) * 0.005 }
}

extension Double {
  var logarithm2: Double {
    var value = self
    var result = 0.0
    while value >= 2 {
      value /= 2
      result += 1
    }
    return result + (value - 1)
  }
}

enum Selectivity {
  static let equality = 0.005
  static let inequality = 1.0 / 3
  static let range = 0.005
  static let match = 0.005

  static func of(_ condition: ScalarExpression) -> Double {
    switch condition {
    case .call(let function, _, _, _):
      switch function.comparison {
      case .equal?: return equality
      case .notEqual?: return 1 - equality
      case .some: return inequality
      case nil: return function.name.hasPrefix("!") ? 1 - match : match
      }
    case .and(let list): return list.reduce(1) { $0 * of($1) }
    case .or(let list): return list.reduce(0) { $0 + of($1) - $0 * of($1) }
    case .not(let operand): return 1 - of(operand)
    case .isNull(_, let negated): return negated ? 1 - equality : equality
    case .inList(_, let list, _, let negated):
      let share = min(0.5, equality * Double(list.count))
      return negated ? 1 - share : share
    case .constant(.int64(0), _), .constant(.null, _): return 0
    case .constant: return 1
    case .isDistinct(_, _, _, let negated): return negated ? equality : 1 - equality
    default: return 0.5
    }
  }

  static func of(_ conditions: [ScalarExpression]) -> Double { conditions.reduce(1) { $0 * of($1) } }
}
