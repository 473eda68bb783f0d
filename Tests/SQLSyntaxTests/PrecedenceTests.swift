// Operator precedence and associativity: each pair has one raw parse tree in PostgreSQL 15.

import Testing

@testable import SQLSyntax

struct PrecedenceTests {
  @Test(arguments: pairs)
  func bindsAsInPostgreSQL(_ bare: String, _ parenthesized: String) throws {
    let left = try Parser.parseExpression(Array(bare.utf8))
    let right = try Parser.parseExpression(Array(parenthesized.utf8))
    #expect(left == right, "\(String(decoding: SyntaxPrinter.print(left), as: UTF8.self))")
  }

  static let pairs: [(String, String)] = [
    (#"a + b * c ^ d"#, #"a + (b * (c ^ d))"#),
    (#"a - b - c"#, #"(a - b) - c"#),
    (#"a ^ b ^ c"#, #"(a ^ b) ^ c"#),
    (#"- a ^ b"#, #"(- a) ^ b"#),
    (#"- a::integer"#, #"- (a::integer)"#),
    (#"- a[1]"#, #"- (a[1])"#),
    (#"a * - b + c"#, #"(a * (- b)) + c"#),
    (#"a || b || c"#, #"(a || b) || c"#),
    (#"a || b + c"#, #"a || (b + c)"#),
    (#"a = b || c"#, #"a = (b || c)"#),
    (#"~ a + b"#, #"~ (a + b)"#),
    (#"a * ~ b + c"#, #"a * (~ (b + c))"#),
    (#"a < b AND c < d OR e"#, #"((a < b) AND (c < d)) OR e"#),
    (#"NOT a = b"#, #"NOT (a = b)"#),
    (#"NOT a AND b"#, #"(NOT a) AND b"#),
    (#"NOT a IS NULL"#, #"NOT (a IS NULL)"#),
    (#"a = b IS NULL"#, #"(a = b) IS NULL"#),
    (#"a IS NULL = b"#, #"(a IS NULL) = b"#),
    (#"x = a IS NULL = b"#, #"((x = a) IS NULL) = b"#),
    (#"a IS NULL IS NOT NULL"#, #"(a IS NULL) IS NOT NULL"#),
    (#"a IS DISTINCT FROM b = c"#, #"a IS DISTINCT FROM (b = c)"#),
    (#"a BETWEEN b AND c AND d"#, #"(a BETWEEN b AND c) AND d"#),
    (#"a BETWEEN b < c AND d OR e"#, #"(a BETWEEN (b < c) AND d) OR e"#),
    (#"a = b BETWEEN c AND d"#, #"a = (b BETWEEN c AND d)"#),
    (#"a BETWEEN b AND c = d"#, #"(a BETWEEN b AND c) = d"#),
    (#"a IN (1) IN (true)"#, #"(a IN (1)) IN (true)"#),
    (#"a = b IN (c)"#, #"a = (b IN (c))"#),
    (#"a LIKE b || c ESCAPE d"#, #"a LIKE (b || c) ESCAPE d"#),
    (#"a LIKE b = c"#, #"(a LIKE b) = c"#),
    (#"NOT a LIKE b"#, #"NOT (a LIKE b)"#),
    (#"a + b LIKE c + d"#, #"(a + b) LIKE (c + d)"#),
    (#"a COLLATE "C" || b"#, #"(a COLLATE "C") || b"#),
    (#"a || b COLLATE "C""#, #"a || (b COLLATE "C")"#),
    (#"a + b AT TIME ZONE c"#, #"a + (b AT TIME ZONE c)"#),
    (#"a AT TIME ZONE b AT TIME ZONE c"#, #"(a AT TIME ZONE b) AT TIME ZONE c"#),
    (#"a AT TIME ZONE b COLLATE "C""#, #"a AT TIME ZONE (b COLLATE "C")"#),
    (#"a::text COLLATE "C""#, #"(a::text) COLLATE "C""#),
    (#"a::integer::text"#, #"(a::integer)::text"#),
    (#"a = ANY (b) = c"#, #"(a = ANY (b)) = c"#),
    (#"a + b = ANY (c)"#, #"(a + b) = ANY (c)"#),
    (#"a OPERATOR(pg_catalog.+) b * c"#, #"a OPERATOR(pg_catalog.+) (b * c)"#),
    (#"a + b OPERATOR(pg_catalog.*) c"#, #"(a + b) OPERATOR(pg_catalog.*) c"#),
    (#"a <-> b < c"#, #"(a <-> b) < c"#),
    (#"a -> 'b' ->> 'c' = 'd'"#, #"((a -> 'b') ->> 'c') = 'd'"#),
    (#"a*-b"#, #"a * (- b)"#),
    (#"a<-b"#, #"a < (- b)"#),
    (#"a@-b"#, #"a @- b"#),
    (#"a / b % c * d"#, #"((a / b) % c) * d"#),
    (#"a ISNULL AND b NOTNULL"#, #"(a ISNULL) AND (b NOTNULL)"#),
    (#"@ - a"#, #"@ (- a)"#),
    (#"- - a"#, #"- (- a)"#),
    (#"a - -1"#, #"a - (-1)"#),
    (#"a NOT IN (1, 2) AND NOT b"#, #"(a NOT IN (1, 2)) AND (NOT b)"#),
    (#"a IS NOT TRUE OR b IS UNKNOWN"#, #"(a IS NOT TRUE) OR (b IS UNKNOWN)"#),
    (#"a SIMILAR TO b || c"#, #"a SIMILAR TO (b || c)"#),
    (#"a BETWEEN SYMMETRIC b + 1 AND c + 1"#, #"a BETWEEN SYMMETRIC (b + 1) AND (c + 1)"#),
  ]
}
