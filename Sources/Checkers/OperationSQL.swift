// The steps of transactions in SQL, and what their rows say. Lists, registers and bags are a table each; a bag's rows are found through an
// index beside the primary key.

extension Operation {
  /// Makes room, unless that was done before.
  public static let setUp = [
    "CREATE TABLE IF NOT EXISTS check_lists (id int PRIMARY KEY, items text NOT NULL)",
    "CREATE TABLE IF NOT EXISTS check_registers (id int PRIMARY KEY, value bigint NOT NULL)",
    "CREATE TABLE IF NOT EXISTS check_bags (value bigint, bag int, PRIMARY KEY (value, bag))",
    "CREATE INDEX IF NOT EXISTS check_bags_bag ON check_bags (bag)",
  ]

  /// Removes everything.
  public static let tearDown = "DROP TABLE IF EXISTS check_lists, check_registers, check_bags"

  /// The statement of the step, and one that follows if that gave no row; only the second changes what is missing.
  /// - Parameter isLocking: whether a row that is read is locked, `FOR UPDATE`.
  public func sql(isLocking: Bool) -> (statement: String, otherwise: String?) {
    let lock = isLocking ? " FOR UPDATE" : ""
    switch self {
    case .append(let list, let value):
      return (
        "INSERT INTO check_lists VALUES (\(list), '\(value)') "
          + "ON CONFLICT (id) DO UPDATE SET items = check_lists.items || ',\(value)'", nil
      )
    case .list(let list, _): return ("SELECT items FROM check_lists WHERE id = \(list)\(lock)", nil)
    case .write(let key, let value):
      let insert = "INSERT INTO check_registers VALUES (\(key), \(value))"
      if (key + value).isMultiple(of: 2) {
        return (insert + " ON CONFLICT (id) DO UPDATE SET value = excluded.value", nil)
      }
      return ("UPDATE check_registers SET value = \(value) WHERE id = \(key) RETURNING id", insert)
    case .read(let key, _): return ("SELECT value FROM check_registers WHERE id = \(key)\(lock)", nil)
    case .readAll: return ("SELECT id, value FROM check_registers ORDER BY id", nil)
    case .insert(let bag, let value): return ("INSERT INTO check_bags VALUES (\(value), \(bag))", nil)
    case .bag(let bag, _): return ("SELECT value FROM check_bags WHERE bag = \(bag) ORDER BY value", nil)
    }
  }

  /// The step with what its rows say; nil if they make no sense.
  public func reading(_ rows: [[String?]]) -> Operation? {
    func numbers(_ texts: [String?]) -> [Int]? {
      let numbers = texts.compactMap { $0.flatMap { Int($0) } }
      return numbers.count == texts.count ? numbers : nil
    }
    switch self {
    case .append, .write, .insert: return self
    case .list(let list, _):
      guard let row = rows.first else { return .list(list, []) }
      guard rows.count == 1, let items = row.first ?? nil else { return nil }
      return numbers(items.split(separator: ",").map { String($0) }).map { .list(list, $0) }
    case .read(let key, _):
      guard let row = rows.first else { return .read(key: key, nil) }
      guard rows.count == 1, let value = numbers(row)?.first else { return nil }
      return .read(key: key, value)
    case .readAll:
      let found = rows.compactMap(numbers).filter { $0.count == 2 }
      return found.count == rows.count ? .readAll(found.map { RegisterValue(key: $0[0], value: $0[1]) }) : nil
    case .bag(let bag, _):
      return numbers(rows.map { $0.first ?? nil }).map { .bag(bag, $0) }
    }
  }
}
