// What PostgreSQL 15 answers; see `PostgreSQLResultsTests`.

let conditionResults = #"""
  CASE WHEN true THEN 1 ELSE 2 END ⇒ 1 : integer
  CASE WHEN false THEN 1 END ⇒ ∅ : integer
  CASE WHEN NULL THEN 1 ELSE 2.5 END ⇒ 2.5 : numeric
  CASE WHEN true THEN 'a' ELSE 'b' END ⇒ a : text
  CASE WHEN true THEN 1 ELSE 'a' END ⇒ ERROR: invalid input syntax for type integer: "a"
  CASE WHEN true THEN 1 ELSE 'a'::text END ⇒ ERROR: CASE types text and integer cannot be matched
  CASE WHEN 1 THEN 2 END ⇒ ERROR: argument of CASE/WHEN must be type boolean, not type integer
  CASE WHEN false THEN (1 / 0) ELSE 5 END ⇒ 5 : integer
  CASE WHEN (1 = 1) THEN 1::int2 WHEN (2 = 2) THEN 2::int8 END ⇒ 1 : bigint
  coalesce(NULL, 3, (1 / 0)) ⇒ 3 : integer
  (true AND NULL) ⇒ ∅ : boolean
  (false AND NULL) ⇒ f : boolean
  (NULL AND false) ⇒ f : boolean
  (true OR NULL) ⇒ t : boolean
  (NULL OR NULL) ⇒ ∅ : boolean
  (NOT NULL) ⇒ ∅ : boolean
  (NOT true) ⇒ f : boolean
  (1 AND true) ⇒ ERROR: argument of AND must be type boolean, not type integer
  ('t' AND 'f') ⇒ f : boolean
  (false AND ((1 / 0) = 1)) ⇒ f : boolean
  (true OR ((1 / 0) = 1)) ⇒ t : boolean
  (1 IN (1, 2, 3)) ⇒ t : boolean
  (4 IN (1, 2, 3)) ⇒ f : boolean
  (4 IN (1, NULL, 3)) ⇒ ∅ : boolean
  (NULL IN (1, 2)) ⇒ ∅ : boolean
  (4 NOT IN (1, 2, 3)) ⇒ t : boolean
  (4 NOT IN (1, NULL)) ⇒ ∅ : boolean
  (1 NOT IN (1, NULL)) ⇒ f : boolean
  (1 IN (1.0, 2)) ⇒ t : boolean
  ('a' IN ('b', 'a')) ⇒ t : boolean
  (1 IN ('a')) ⇒ ERROR: invalid input syntax for type integer: "a"
  (1 IN ('1', 2)) ⇒ t : boolean
  (6 IN (1, 2, 3, 4, 5, 6, 7, 8)) ⇒ t : boolean
  (9 IN (1, 2, 3, 4, 5, 6, 7, 8)) ⇒ f : boolean
  (9 IN (1, 2, 3, 4, NULL, 6, 7, 8)) ⇒ ∅ : boolean
  ('x'::varchar IN ('x', 'y')) ⇒ t : boolean
  (1 IN (1, true)) ⇒ ERROR: operator does not exist: integer = boolean
  (1 IS DISTINCT FROM 2) ⇒ t : boolean
  (1 IS DISTINCT FROM NULL) ⇒ t : boolean
  (NULL IS DISTINCT FROM NULL) ⇒ f : boolean
  (NULL IS NOT DISTINCT FROM 1) ⇒ f : boolean
  (1 IS NULL) ⇒ f : boolean
  (NULL IS NULL) ⇒ t : boolean
  (NULL IS NOT NULL) ⇒ f : boolean
  ((1 = 1) IS TRUE) ⇒ t : boolean
  (NULL IS TRUE) ⇒ f : boolean
  (NULL IS NOT FALSE) ⇒ t : boolean
  (1 IS TRUE) ⇒ ERROR: argument of IS TRUE must be type boolean, not type integer
  """#
