// What PostgreSQL 15 answers; see `PostgreSQLResultsTests`.

let resolutionResults = #"""
  ('a'::text + 1) ⇒ ERROR: operator does not exist: text + integer
  ('1' + 1) ⇒ 2 : integer
  ('a' + 1) ⇒ ERROR: invalid input syntax for type integer: "a"
  ('1' + '2') ⇒ ERROR: operator is not unique: unknown + unknown
  (true + 1) ⇒ ERROR: operator does not exist: boolean + integer
  (- 'a'::text) ⇒ ERROR: operator does not exist: - text
  foo(1) ⇒ ERROR: function foo(integer) does not exist
  length(1) ⇒ ERROR: function length(integer) does not exist
  length(NULL) ⇒ ∅ : integer
  abs('x'::text) ⇒ ERROR: function abs(text) does not exist
  abs('-5') ⇒ 5 : double precision
  abs('-5.5'::varchar) ⇒ ERROR: function abs(character varying) does not exist
  round('2.5') ⇒ 2 : double precision
  sqrt('4') ⇒ 2 : double precision
  (1 = 'x') ⇒ ERROR: invalid input syntax for type integer: "x"
  (1 = '1') ⇒ t : boolean
  (1 = true) ⇒ ERROR: operator does not exist: integer = boolean
  ('2020-01-01'::date = '2020-01-01') ⇒ t : boolean
  ('a'::varchar = 'a'::text) ⇒ t : boolean
  ('a'::varchar = 'b') ⇒ f : boolean
  (1::int2 = 1) ⇒ t : boolean
  (1::oid = 1) ⇒ t : boolean
  (1::int8 = 1::oid) ⇒ t : boolean
  power('2', 3) ⇒ 8 : double precision
  substring(12345, 2) ⇒ ERROR: function substring(integer, integer) does not exist
  substring('12345', '2') ⇒ 2 : text
  lower(5) ⇒ ERROR: function lower(integer) does not exist
  repeat('x', '3') ⇒ xxx : text
  concat() ⇒ ERROR: function concat() does not exist
  concat(1) ⇒ 1 : text
  text(5) ⇒ 5 : text
  int4('5') ⇒ 5 : integer
  int4(5.7) ⇒ 6 : integer
  float8(1) ⇒ 1 : double precision
  date('2020-01-02') ⇒ 2020-01-02 : date
  pg_typeof(1) ⇒ integer : regtype
  pg_typeof('a') ⇒ unknown : regtype
  pg_typeof(NULL) ⇒ unknown : regtype
  pg_typeof(1.5) ⇒ numeric : regtype
  ('a' ~~ 1) ⇒ ERROR: operator does not exist: unknown ~~ integer
  (NULL = NULL) ⇒ ∅ : boolean
  (NULL + NULL) ⇒ ERROR: operator is not unique: unknown + unknown
  round(1.5, 1.5) ⇒ ERROR: function round(numeric, numeric) does not exist
  left('abc', 2::int8) ⇒ ERROR: function left(unknown, bigint) does not exist
  mod(5, 2::int8) ⇒ 1 : bigint
  mod(5::int2, 2::int8) ⇒ 1 : bigint
  ('x'::char(3) || 'y'::char(3)) ⇒ xy : text
  ('x' || 'y'::char(3)) ⇒ xy : text
  ('5'::varchar * 2) ⇒ ERROR: operator does not exist: character varying * integer
  greatest(1, true) ⇒ ERROR: GREATEST types integer and boolean cannot be matched
  coalesce(1, 'a') ⇒ ERROR: invalid input syntax for type integer: "a"
  coalesce(1, 2.5) ⇒ 1 : numeric
  coalesce(NULL, NULL) ⇒ ∅ : text
  coalesce(1, '2'::text) ⇒ ERROR: COALESCE types integer and text cannot be matched
  nullif(1, 1) ⇒ ∅ : integer
  nullif(1, 2) ⇒ 1 : integer
  nullif('a', 'b') ⇒ a : text
  nullif(1, 2.5) ⇒ 1 : numeric
  nullif(1, 'x'::text) ⇒ ERROR: operator does not exist: integer = text
  1::date ⇒ ERROR: cannot cast type integer to date
  1.5::bool ⇒ ERROR: cannot cast type numeric to boolean
  'a'::text::int4 ⇒ ERROR: invalid input syntax for type integer: "a"
  '5'::text::int4 ⇒ 5 : integer
  5::text::int8 ⇒ 5 : bigint
  """#
