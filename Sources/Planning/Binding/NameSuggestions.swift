// "Perhaps you meant to reference the column …": the nearest names by edit distance.
// Source: PostgreSQL's rules for when a suggestion is worth showing: at most half the name's length away, and at most
// three edits; two columns at the same distance are both named, more are none.

enum NameSuggestions {
  /// Levenshtein distance in bytes, or nil beyond `limit`.
  static func distance(_ a: String, _ b: String, limit: Int) -> Int? {
    let (x, y) = (Array(a.utf8), Array(b.utf8))
    if abs(x.count - y.count) > limit { return nil }
    var row = Array(0...y.count)
    for i in 0..<x.count {
      var previous = row[0]
      row[0] = i + 1
      for j in 0..<y.count {
        let cost = min(row[j] + 1, row[j + 1] + 1, previous + (x[i] == y[j] ? 0 : 1))
        previous = row[j + 1]
        row[j + 1] = cost
      }
    }
    return row[y.count] <= limit ? row[y.count] : nil
  }

  /// A hint for a column that was not found among these tables, or nil.
  static func hint(for name: String, qualifier: String?, in tables: [ScopeTable]) -> String? {
    let maximum = 3
    var best = maximum + 1
    var found: [(table: String, column: String)] = []
    for table in tables where table.isVisible {
      var penalty = 0
      if let qualifier {
        guard let distance = distance(qualifier, table.alias, limit: maximum) else { continue }
        penalty = distance
      }
      for column in table.columns where !column.isHidden {
        guard let own = distance(name, column.name, limit: maximum) else { continue }
        let total = own + penalty
        if total > name.utf8.count / 2 { continue }
        if total < best {
          best = total
          found = [(table.alias, column.name)]
        } else if total == best {
          found.append((table.alias, column.name))
        }
      }
    }
    switch found.count {
    case 1: return "Perhaps you meant to reference the column \"\(found[0].table).\(found[0].column)\"."
    case 2:
      return
        "Perhaps you meant to reference the column \"\(found[0].table).\(found[0].column)\" or the column \"\(found[1].table).\(found[1].column)\"."
    default: return nil
    }
  }
}
