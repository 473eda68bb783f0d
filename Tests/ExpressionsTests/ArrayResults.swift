// What PostgreSQL 15 answers; see `PostgreSQLResultsTests`.

let arrayResults = #"""
  ARRAY[1, 2, 3] ⇒ {1,2,3} : integer[]
  ARRAY[1, 2.5] ⇒ {1,2.5} : numeric[]
  ARRAY['a', 'b'] ⇒ {a,b} : text[]
  ARRAY['a', NULL, 'c d'] ⇒ {a,NULL,"c d"} : text[]
  ARRAY[ARRAY[1, 2], ARRAY[3, 4]] ⇒ {{1,2},{3,4}} : integer[]
  (1 = ANY (ARRAY[1, 2])) ⇒ t : boolean
  (3 = ANY (ARRAY[1, 2])) ⇒ f : boolean
  (3 = ANY (ARRAY[1, NULL])) ⇒ ∅ : boolean
  (3 = ANY ('{1,3}')) ⇒ t : boolean
  (3 = ANY ('{1,3}'::int4[])) ⇒ t : boolean
  (3 <> ALL (ARRAY[1, 2])) ⇒ t : boolean
  (1 < ALL (ARRAY[2, NULL])) ⇒ ∅ : boolean
  (1 = ANY (NULL)) ⇒ ∅ : boolean
  (1 = ANY (5)) ⇒ ERROR: op ANY/ALL (array) requires array on right side
  (1 + ANY (ARRAY[1])) ⇒ ERROR: op ANY/ALL (array) requires operator to yield boolean
  ('a' = ANY (ARRAY['a', 'b'])) ⇒ t : boolean
  ('a'::varchar = ANY ('{a,b}')) ⇒ t : boolean
  (ARRAY[1, 2] = ARRAY[1, 2]) ⇒ t : boolean
  (ARRAY[1, 2] < ARRAY[1, 3]) ⇒ t : boolean
  (ARRAY[1, 2] = ARRAY['a']) ⇒ ERROR: operator does not exist: integer[] = text[]
  array_length(ARRAY[1, 2, 3], 1) ⇒ 3 : integer
  array_length(ARRAY[1, 2, 3], 2) ⇒ ∅ : integer
  array_length('{}'::int4[], 1) ⇒ ∅ : integer
  array_upper(ARRAY[1, 2], 1) ⇒ 2 : integer
  array_lower(ARRAY[1, 2], 1) ⇒ 1 : integer
  array_ndims(ARRAY[1, 2]) ⇒ 1 : integer
  cardinality(ARRAY[1, 2]) ⇒ 2 : integer
  cardinality('{}'::int4[]) ⇒ 0 : integer
  array_append(ARRAY[1, 2], 3) ⇒ {1,2,3} : integer[]
  array_prepend(0, ARRAY[1, 2]) ⇒ {0,1,2} : integer[]
  array_cat(ARRAY[1], ARRAY[2, 3]) ⇒ {1,2,3} : integer[]
  (ARRAY[1] || 2) ⇒ {1,2} : integer[]
  (0 || ARRAY[1]) ⇒ {0,1} : integer[]
  (ARRAY[1] || ARRAY[2]) ⇒ {1,2} : integer[]
  (ARRAY[1] || '{2,3}') ⇒ {1,2,3} : integer[]
  array_position(ARRAY['a', 'b'], 'b') ⇒ 2 : integer
  array_remove(ARRAY[1, 2, 1], 1) ⇒ {2} : integer[]
  (ARRAY[1, 2, 3] @> ARRAY[2]) ⇒ t : boolean
  (ARRAY[1, 2] && ARRAY[2, 5]) ⇒ t : boolean
  (ARRAY[1] <@ ARRAY[2, 1]) ⇒ t : boolean
  ARRAY[1, 2]::text[] ⇒ {1,2} : text[]
  '{1,2}'::int4[]::int8[] ⇒ {1,2} : bigint[]
  ARRAY['1', '2']::int4[] ⇒ {1,2} : integer[]
  ARRAY[1, 2]::text ⇒ {1,2} : text
  array_length(5, 1) ⇒ ERROR: function array_length(integer, integer) does not exist
  array_append(ARRAY[1, 2], 'x') ⇒ ERROR: invalid input syntax for type integer: "x"
  """#
