// The functions that say when a statement reads, `AS OF SYSTEM TIME follower_read_timestamp()` and its kin, and the one that tells
// when it does. Elsewhere than in that clause they are plain functions of the statement's time.
// Source: CockroachDB's documentation, "AS OF SYSTEM TIME" and "Functions and Operators".

import SQLTypes

/// What `AS OF SYSTEM TIME` and the functions of the same meaning have in common.
public enum ReadTimeFunctions {
  public static let follower = "follower_read_timestamp"
  public static let maxStaleness = "with_max_staleness"
  public static let minTimestamp = "with_min_timestamp"

  /// How far in the past `follower_read_timestamp()` lies, in microseconds. Leaseholders promise to write no more at or below
  /// three seconds ago; the rest is for the promise to reach everybody, and for clocks that differ.
  public static let followerLag: Int64 = 4_800_000
}

extension FunctionCatalog {
  mutating func addReadTimes() {
    function("cluster_logical_timestamp", [], .numeric, .volatile) { (_, n, context) throws(SQLError) in
      let now = try context.services.catalogFunction("cluster_logical_timestamp", [])
      return ColumnVector(SQLType.numeric.kind, repeating: now, count: n)
    }
    function(ReadTimeFunctions.follower, [], .timestamptz, .stable) { (_, n, context) in
      ColumnVector(int64s: Array(repeating: context.statementTime - ReadTimeFunctions.followerLag, count: n))
    }
    for rest in [[], [SQLType.bool]] {
      function(ReadTimeFunctions.minTimestamp, [.timestamptz] + rest, .timestamptz, .stable) {
        (a, n, _) throws(SQLError) in
        try mapRows(a, n) { $0.int64(0) }
      }
      function(ReadTimeFunctions.maxStaleness, [.interval] + rest, .timestamptz, .stable) {
        (a, n, context) throws(SQLError) in
        try mapRows(a, n) { (row) throws(SQLError) -> Int64 in
          try DateTime.adding(
            Interval(row.bytes(0)).negated(), toTimestamptz: context.statementTime, zone: context.settings.timeZone)
        }
      }
    }
  }
}
