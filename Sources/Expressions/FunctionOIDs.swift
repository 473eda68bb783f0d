// PostgreSQL's object identifiers of its operators (`pg_operator`) and functions (`pg_proc`) over the types that exist
// here, so that catalogs and drivers that know them by number find what they expect. Facts from PostgreSQL 15's catalogs.

import SQLTypes

enum FunctionOIDs {
  private static let known: [Substring: UInt32] = {
    var known: [Substring: UInt32] = [:]
    for line in [operators, functions].flatMap({ $0.split(separator: "\n") }) {
      guard let blank = line.lastIndex(of: " "), let oid = UInt32(line[line.index(after: blank)...]) else { continue }
      known[line[..<blank]] = oid
    }
    return known
  }()

  /// - Parameter arguments: both operands of an infix operator, the one of a prefix operator, all of a function.
  static func oid(_ name: String, _ arguments: [SQLType], _ form: FunctionForm) -> OID? {
    let mark = form == .function ? "f" : form == .infix ? "o" : "p"
    let key = "\(mark) \(name) " + arguments.map { String($0.oid.rawValue) }.joined(separator: ",")
    return known[key[...]].map { OID($0) }
  }
}
