// Errors as PostgreSQL 15 gives them: SQLSTATE, message, position, detail and hint, recorded from a server with the same
// tables.

import SQLTypes
import Testing

@Suite struct BindingErrors {
  @Test func errorsAreThoseOfPostgreSQL() throws {
    let catalog = try TestCatalog(
      """
      CREATE TABLE t (a int PRIMARY KEY, b text, c numeric(10,2), v varchar(10), ts timestamp);
      CREATE TABLE u (a int, x text, y int UNIQUE)
      """)
    for (sql, state, message, position, detail, hint) in recorded {
      guard let error = catalog.error(sql) else {
        Issue.record("no error: \(sql)")
        continue
      }
      let found =
        "\(error.state) \(error.message) at \(error.position ?? 0) (\(error.detail ?? "")) (\(error.hint ?? ""))"
      let expected = "\(state) \(message) at \(position ?? 0) (\(detail ?? "")) (\(hint ?? ""))"
      #expect(found == expected, "\(sql)")
    }
  }

  private var recorded: [(String, String, String, Int?, String?, String?)] {
    [
      (
        "select t.a from t, u group by b", "42803",
        "column \"t.a\" must appear in the GROUP BY clause or be used in an aggregate function", 8, nil, nil
      ),
      ("select nosuch from t", "42703", "column \"nosuch\" does not exist", 8, nil, nil),
      (
        "select bb from t", "42703", "column \"bb\" does not exist", 8, nil,
        "Perhaps you meant to reference the column \"t.b\"."
      ),
      (
        "select t.bb from t", "42703", "column t.bb does not exist", 8, nil,
        "Perhaps you meant to reference the column \"t.b\"."
      ),
      ("select z.a from t", "42P01", "missing FROM-clause entry for table \"z\"", 8, nil, nil),
      ("select a from t, u", "42702", "column reference \"a\" is ambiguous", 8, nil, nil),
      (
        "select public.t.a from t x", "42P01", "invalid reference to FROM-clause entry for table \"t\"", 8, nil,
        "Perhaps you meant to reference the table alias \"x\"."
      ),
      (
        "select t.a from t x", "42P01", "invalid reference to FROM-clause entry for table \"t\"", 8, nil,
        "Perhaps you meant to reference the table alias \"x\"."
      ),
      ("select * from nosuch", "42P01", "relation \"nosuch\" does not exist", 15, nil, nil),
      ("select * from nosch.t", "42P01", "relation \"nosch.t\" does not exist", 15, nil, nil),
      ("select a from t where a = 'x'", "22P02", "invalid input syntax for type integer: \"x\"", 27, nil, nil),
      ("select a from t where a", "42804", "argument of WHERE must be type boolean, not type integer", 23, nil, nil),
      ("select sum(a) from t where sum(a) > 1", "42803", "aggregate functions are not allowed in WHERE", 28, nil, nil),
      ("select (select a, b from t)", "42601", "subquery must return only one column", 8, nil, nil),
      (
        "select a from t union select b from t", "42804", "UNION types integer and text cannot be matched", 30, nil, nil
      ),
      (
        "select a from t union select a, b from t", "42601", "each UNION query must have the same number of columns",
        30, nil, nil
      ),
      (
        "select * from (select a from t) q join (select a from u) r using (b)", "42703",
        "column \"b\" specified in USING clause does not exist in left table", nil, nil, nil
      ),
      (
        "insert into t values (1,2,3,4,5,6,7)", "42601", "INSERT has more expressions than target columns", 33, nil, nil
      ),
      ("insert into t(a,zz) values (1,2)", "42703", "column \"zz\" of relation \"t\" does not exist", 17, nil, nil),
      ("insert into t(a,a) values (1,2)", "42701", "column \"a\" specified more than once", 17, nil, nil),
      (
        "insert into t(a) values ('x'::text)", "42804",
        "column \"a\" is of type integer but expression is of type text", 26, nil,
        "You will need to rewrite or cast the expression."
      ),
      ("insert into t(a,b) values (1)", "42601", "INSERT has more target columns than expressions", 17, nil, nil),
      ("insert into nosuch values (1)", "42P01", "relation \"nosuch\" does not exist", 13, nil, nil),
      ("update t set zz = 1", "42703", "column \"zz\" of relation \"t\" does not exist", 14, nil, nil),
      ("update t set a = 1, a = 2", "42601", "multiple assignments to same column \"a\"", nil, nil, nil),
      (
        "update t set a = 'x'::text", "42804", "column \"a\" is of type integer but expression is of type text", 18,
        nil, "You will need to rewrite or cast the expression."
      ),
      ("select a from t order by 3", "42P10", "ORDER BY position 3 is not in select list", 26, nil, nil),
      ("select a from t group by 3", "42P10", "GROUP BY position 3 is not in select list", 26, nil, nil),
      (
        "select distinct a from t order by b", "42P10",
        "for SELECT DISTINCT, ORDER BY expressions must appear in select list", 35, nil, nil
      ),
      ("select a from t limit 'x'", "22P02", "invalid input syntax for type bigint: \"x\"", 23, nil, nil),
      ("select a from t limit a", "42P10", "argument of LIMIT must not contain variables", 23, nil, nil),
      (
        "select foo(1)", "42883", "function foo(integer) does not exist", 8, nil,
        "No function matches the given name and argument types. You might need to add explicit type casts."
      ),
      (
        "select a from t for update of zz", "42P01", "relation \"zz\" in FOR UPDATE clause not found in FROM clause",
        31, nil, nil
      ),
      (
        "select count(*) from t for update", "0A000", "FOR UPDATE is not allowed with aggregate functions", nil, nil,
        nil
      ),
      (
        "select a from t union select a from u for update", "0A000",
        "FOR UPDATE is not allowed with UNION/INTERSECT/EXCEPT", nil, nil, nil
      ),
      ("select a.b.c.d.e from t", "42601", "improper qualified name (too many dotted names): a.b.c.d.e", 8, nil, nil),
      (
        "select distinct on (a) a, b from t order by b", "42P10",
        "SELECT DISTINCT ON expressions must match initial ORDER BY expressions", 21, nil, nil
      ),
      ("select sum(sum(a)) from t", "42803", "aggregate function calls cannot be nested", 12, nil, nil),
      (
        "select t.b, (select x from u where u.a = t.a) from t group by b", "42803",
        "subquery uses ungrouped column \"t.a\" from outer query", 42, nil, nil
      ),
      (
        "select 1 + 'x'::text", "42883", "operator does not exist: integer + text", 10, nil,
        "No operator matches the given name and argument types. You might need to add explicit type casts."
      ),
      (
        "select max(a,b) from t", "42883", "function max(integer, text) does not exist", 8, nil,
        "No function matches the given name and argument types. You might need to add explicit type casts."
      ),
      ("select a from t, t", "42712", "table name \"t\" specified more than once", nil, nil, nil),
      (
        "select * from t join u on t.a = u.a join t on true", "42712", "table name \"t\" specified more than once", nil,
        nil, nil
      ),
      ("select a from t where (select 1,2) = 1", "42601", "subquery must return only one column", 23, nil, nil),
      ("select a in (select a,b from t) from t", "42601", "subquery has too many columns", 10, nil, nil),
      ("select (1,2) in (select a from t)", "42601", "subquery has too few columns", 14, nil, nil),
      (
        "select case when 1 then 2 end", "42804", "argument of CASE/WHEN must be type boolean, not type integer", 18,
        nil, nil
      ),
      (
        "select case when true then 1 else 'x'::text end", "42804", "CASE types text and integer cannot be matched", 28,
        nil, nil
      ),
      ("select coalesce(1,'x'::text)", "42804", "COALESCE types integer and text cannot be matched", 19, nil, nil),
      ("select a between 1 and 'z' from t", "22P02", "invalid input syntax for type integer: \"z\"", 24, nil, nil),
      ("values (1,2),(3)", "42601", "VALUES lists must all be the same length", 15, nil, nil),
      ("select * from (values (1,'a'),(2,3)) v", "22P02", "invalid input syntax for type integer: \"a\"", 26, nil, nil),
      ("select *", "42601", "SELECT * with no tables specified is not valid", 8, nil, nil),
      ("select t.* from u", "42P01", "missing FROM-clause entry for table \"t\"", 8, nil, nil),
      (
        "select lower(a) from t", "42883", "function lower(integer) does not exist", 8, nil,
        "No function matches the given name and argument types. You might need to add explicit type casts."
      ),
      (
        "select sum(b) from t", "42883", "function sum(text) does not exist", 8, nil,
        "No function matches the given name and argument types. You might need to add explicit type casts."
      ),
      (
        "select '1' + '2'", "42725", "operator is not unique: unknown + unknown", 12, nil,
        "Could not choose a best candidate operator. You might need to add explicit type casts."
      ),
      (
        "insert into t select 1,'a',2,3,4,5,6", "42601", "INSERT has more expressions than target columns", 34, nil, nil
      ),
      ("delete from t using t where true", "42712", "table name \"t\" specified more than once", nil, nil, nil),
      (
        "insert into t values (default, 1, 1) on conflict (b) do nothing", "42P10",
        "there is no unique or exclusion constraint matching the ON CONFLICT specification", nil, nil, nil
      ),
      (
        "insert into t values (1) on conflict do update set b = 'x'", "42601",
        "ON CONFLICT DO UPDATE requires inference specification or constraint name", 26, nil,
        "For example, ON CONFLICT (column_name)."
      ),
      (
        "insert into t values (1) on conflict on constraint nope do nothing", "42704",
        "constraint \"nope\" for table \"t\" does not exist", nil, nil, nil
      ),
      ("select a from t where exists (select zz from u)", "42703", "column \"zz\" does not exist", 38, nil, nil),
      ("select cast('x' as nosuch)", "42704", "type \"nosuch\" does not exist", 20, nil, nil),
      ("select 'x'::int", "22P02", "invalid input syntax for type integer: \"x\"", 8, nil, nil),
      (
        "select a from t group by a+1", "42803",
        "column \"t.a\" must appear in the GROUP BY clause or be used in an aggregate function", 8, nil, nil
      ),
      (
        "select b, count(*) from t having count(*) > 1", "42803",
        "column \"t.b\" must appear in the GROUP BY clause or be used in an aggregate function", 8, nil, nil
      ),
      ("select a from t where a in (1, 'x')", "22P02", "invalid input syntax for type integer: \"x\"", 32, nil, nil),
      ("select a from t order by nosuch", "42703", "column \"nosuch\" does not exist", 26, nil, nil),
      ("select a as q, b as q from t order by q", "42702", "ORDER BY \"q\" is ambiguous", 39, nil, nil),
      ("select count(*) over () from nosuch", "42P01", "relation \"nosuch\" does not exist", 30, nil, nil),
      (
        "select upper(distinct b) from t", "42809", "DISTINCT specified, but upper is not an aggregate function", 8,
        nil, nil
      ),
      ("select count(distinct) from t", "42601", "syntax error at or near \")\"", 22, nil, nil),
      (
        "select upper(*) from t", "42883", "function upper() does not exist", 8, nil,
        "No function matches the given name and argument types. You might need to add explicit type casts."
      ),
      (
        "select a from t where b like 5", "42883", "operator does not exist: text ~~ integer", 25, nil,
        "No operator matches the given name and argument types. You might need to add explicit type casts."
      ),
      (
        "select -b from t", "42883", "operator does not exist: - text", 8, nil,
        "No operator matches the given name and argument type. You might need to add an explicit type cast."
      ),
      ("select not a from t", "42804", "argument of NOT must be type boolean, not type integer", 12, nil, nil),
      ("select a and true from t", "42804", "argument of AND must be type boolean, not type integer", 8, nil, nil),
      ("select a from (select a from t) q where b = 1", "42703", "column \"b\" does not exist", 41, nil, nil),
      ("select q.zz from (select a from t) q", "42703", "column q.zz does not exist", 8, nil, nil),
      (
        "select * from t as x(a1, b1, c1, d1, e1, f1)", "42P10",
        "table \"x\" has 5 columns available but 6 columns specified", nil, nil, nil
      ),
      (
        "with q as (select 1), q as (select 2) select * from q", "42712",
        "WITH query name \"q\" specified more than once", 23, nil, nil
      ),
      (
        "with q(a,b) as (select 1) select * from q", "42P10",
        "WITH query \"q\" has 1 columns available but 2 columns specified", 6, nil, nil
      ),
      ("select a::bool from t where c::uuid is null", "42846", "cannot cast type numeric to uuid", 30, nil, nil),
      (
        "select (select a from t) + true", "42883", "operator does not exist: integer + boolean", 26, nil,
        "No operator matches the given name and argument types. You might need to add explicit type casts."
      ),
      ("select * from t natural join nosuch", "42P01", "relation \"nosuch\" does not exist", 30, nil, nil),
      (
        "select a from u join t on u.a = t.b", "42883", "operator does not exist: integer = text", 31, nil,
        "No operator matches the given name and argument types. You might need to add explicit type casts."
      ),
      ("select 1 where 'x'", "22P02", "invalid input syntax for type boolean: \"x\"", 16, nil, nil),
      ("select a from t where a = any(5)", "42809", "op ANY/ALL (array) requires array on right side", 25, nil, nil),
      (
        "select a from t where a > all(select x from u)", "42883", "operator does not exist: integer > text", 25, nil,
        "No operator matches the given name and argument types. You might need to add explicit type casts."
      ),
      (
        "select nullif(1, 'x'::text)", "42883", "operator does not exist: integer = text", 8, nil,
        "No operator matches the given name and argument types. You might need to add explicit type casts."
      ),
      ("select greatest(1, 'a'::text)", "42804", "GREATEST types integer and text cannot be matched", 20, nil, nil),
      ("select array[1, 'x'::text]", "42804", "ARRAY types integer and text cannot be matched", 17, nil, nil),
      ("select 1 from t order by 'x'", "42601", "non-integer constant in ORDER BY", 26, nil, nil),
      (
        "select 1 union select 2 order by 1+1", "0A000", "invalid UNION/INTERSECT/EXCEPT ORDER BY clause", 34,
        "Only result column names can be used, not expressions or functions.",
        "Add the expression/function to every SELECT, or move the UNION into a FROM clause."
      ),
      ("select a from t union select a from u order by b", "42703", "column \"b\" does not exist", 48, nil, nil),
      (
        "insert into t (a) select b from t", "42804", "column \"a\" is of type integer but expression is of type text",
        26, nil, "You will need to rewrite or cast the expression."
      ),
      ("update t set (a, b) = (1, 2, 3)", "42601", "number of columns does not match number of values", 23, nil, nil),
      ("update t set a = default, b = nosuch", "42703", "column \"nosuch\" does not exist", 31, nil, nil),
      ("insert into t values (1) returning zz", "42703", "column \"zz\" does not exist", 36, nil, nil),
      ("delete from t where a = 'q'", "22P02", "invalid input syntax for type integer: \"q\"", 25, nil, nil),
      (
        "select sum(a) filter (where b) from t", "42804", "argument of FILTER must be type boolean, not type text", 29,
        nil, nil
      ),
      ("select t.a from u, lateral (select t.a) z", "42P01", "missing FROM-clause entry for table \"t\"", 36, nil, nil),
      (
        "select * from u, (select u.a) z", "42P01", "invalid reference to FROM-clause entry for table \"u\"", 26, nil,
        "There is an entry for table \"u\", but it cannot be referenced from this part of the query."
      ),
      (
        "select u.a from t left join u on t.a = v.a", "42P01", "missing FROM-clause entry for table \"v\"", 40, nil, nil
      ),
      ("select date 'foo'", "22007", "invalid input syntax for type date: \"foo\"", 13, nil, nil),
      (
        "select '2020-13-45'::date", "22008", "date/time field value out of range: \"2020-13-45\"", 8, nil,
        "Perhaps you need a different \"datestyle\" setting."
      ),
      ("select 5 % 'x'::numeric", "22P02", "invalid input syntax for type numeric: \"x\"", 12, nil, nil),
      (
        "select substring(a from 1) from t", "42883", "function pg_catalog.substring(integer, integer) does not exist",
        8, nil, "No function matches the given name and argument types. You might need to add explicit type casts."
      ),
      ("select extract(foo from now()) , nosuch", "42703", "column \"nosuch\" does not exist", 34, nil, nil),
      ("select cast(true as date)", "42846", "cannot cast type boolean to date", 8, nil, nil),
      ("select a from t where t.nosuch = 1", "42703", "column t.nosuch does not exist", 23, nil, nil),
      (
        "select (t.a).x from t", "42809", "column notation .x applied to type integer, which is not a composite type",
        9, nil, nil
      ),
      (
        "select a[1] from t", "42804", "cannot subscript type integer because it does not support subscripting", 8, nil,
        nil
      ),
    ]
  }
}
