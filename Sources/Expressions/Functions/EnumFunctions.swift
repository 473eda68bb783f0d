// Comparisons of enumerated types, and their labels as values. Source: PostgreSQL manual, 9.10.

import SQLTypes

extension FunctionCatalog {
  mutating func addEnums() {
    for comparison in Comparison.allCases {
      polymorphic(comparison.name, [.anyenum, .anyenum], .bool, form: .infix, comparison: comparison) {
        (types) throws(SQLError) in try comparisonKernel(comparison, types[0])
      }
    }
    for (name, isFirst) in [("enum_first", true), ("enum_last", false)] {
      polymorphic(name, [.anyenum], .anyenum, .stable, isStrict: false) { (types) in
        { (_, n, _) throws(SQLError) in
          let labels = TypeInfo.find(types[0].oid)?.enumLabels ?? []
          let value: Datum = (isFirst ? labels.first : labels.last).map { .int64($0.place) } ?? .null
          return ColumnVector(.int64, repeating: value, count: n)
        }
      }
    }
    polymorphic("enum_range", [.anyenum], .anyarray, .stable, isStrict: false) { (types) in
      { (_, n, _) throws(SQLError) in
        let labels = TypeInfo.find(types[0].oid)?.enumLabels ?? []
        let array = ArrayValue(elementOID: types[0].oid, labels.map { .int64($0.place) })
        return ColumnVector(.bytes, repeating: array.datum, count: n)
      }
    }
    polymorphic("enum_range", [.anyenum, .anyenum], .anyarray, .stable, isStrict: false) { (types) in
      { (a, n, _) throws(SQLError) in
        let labels = TypeInfo.find(types[0].oid)?.enumLabels ?? []
        return try mapAllRows(a, n) { (row) throws(SQLError) -> [UInt8] in
          let first = row.isNull(0) ? Int64.min : row.int64(0)
          let last = row.isNull(1) ? Int64.max : row.int64(1)
          let wanted = labels.filter { $0.place >= first && $0.place <= last }
          return ArrayValue(elementOID: types[0].oid, wanted.map { .int64($0.place) }).bytes
        }
      }
    }
  }
}
