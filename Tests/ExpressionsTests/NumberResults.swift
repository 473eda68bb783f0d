// What PostgreSQL 15 answers; see `PostgreSQLResultsTests`.

let numberResults = #"""
  (1 + 2) ⇒ 3 : integer
  (2147483647 + 1) ⇒ ERROR: integer out of range
  (2147483647::int8 + 1) ⇒ 2147483648 : bigint
  (9223372036854775807 + 1) ⇒ ERROR: bigint out of range
  (32767::int2 + 1::int2) ⇒ ERROR: smallint out of range
  (32767::int2 * 2) ⇒ 65534 : integer
  (7 / 2) ⇒ 3 : integer
  ((- 7) / 2) ⇒ -3 : integer
  ((- 7) % 3) ⇒ -1 : integer
  (7 / 0) ⇒ ERROR: division by zero
  (7 % 0) ⇒ ERROR: division by zero
  ((-2147483648)::int4 / (-1)) ⇒ ERROR: integer out of range
  (NULL / 0) ⇒ ∅ : integer
  (1 + NULL) ⇒ ∅ : integer
  (- (-9223372036854775807)) ⇒ 9223372036854775807 : bigint
  (@ (-5)) ⇒ 5 : integer
  abs(-5) ⇒ 5 : integer
  abs((-2147483648)::int4) ⇒ ERROR: integer out of range
  (5 & 3) ⇒ 1 : integer
  (5 | 3) ⇒ 7 : integer
  (5 # 3) ⇒ 6 : integer
  (~ 5) ⇒ -6 : integer
  (1 << 4) ⇒ 16 : integer
  (1 << 33) ⇒ 2 : integer
  (-8 >> 1) ⇒ -4 : integer
  (1::int8 << 33) ⇒ 8589934592 : bigint
  (2 ^ 10) ⇒ 1024 : double precision
  (2.0 ^ 0.5) ⇒ 1.4142135623730950 : numeric
  (1.5 + 1) ⇒ 2.5 : numeric
  (1.5 * 2) ⇒ 3.0 : numeric
  (1 / 3.0) ⇒ 0.33333333333333333333 : numeric
  (10.0 / 4) ⇒ 2.5000000000000000 : numeric
  (1::float8 / 3) ⇒ 0.3333333333333333 : double precision
  (1e308::float8 * 10) ⇒ ERROR: value out of range: overflow
  (1e-308::float8 * 1e-300::float8) ⇒ ERROR: value out of range: underflow
  (1::float8 / 0) ⇒ ERROR: division by zero
  (0.1::float4 + 0.2::float4) ⇒ 0.3 : real
  (0.1::float4 + 0.2::float8) ⇒ 0.30000000149011613 : double precision
  (0.1::float4)::float8 ⇒ 0.10000000149011612 : double precision
  (1 + 1.5::float8) ⇒ 2.5 : double precision
  (1::int2 + 1::int8) ⇒ 2 : bigint
  round(2.5) ⇒ 3 : numeric
  round(-2.5) ⇒ -3 : numeric
  round(2.5::float8) ⇒ 2 : double precision
  round(3.5::float8) ⇒ 4 : double precision
  round(1234.567, 2) ⇒ 1234.57 : numeric
  round(1234.567, -2) ⇒ 1200 : numeric
  trunc(1234.567, 1) ⇒ 1234.5 : numeric
  trunc(-1.9) ⇒ -1 : numeric
  trunc(-1.9::float8) ⇒ -1 : double precision
  ceil(1.2) ⇒ 2 : numeric
  ceiling(-1.2) ⇒ -1 : numeric
  floor(-1.2) ⇒ -2 : numeric
  ceil(1.2::float8) ⇒ 2 : double precision
  floor(5) ⇒ 5 : double precision
  sign(-3.2) ⇒ -1 : numeric
  sign(-3) ⇒ -1 : double precision
  sqrt(2::float8) ⇒ 1.4142135623730951 : double precision
  sqrt(2) ⇒ 1.4142135623730951 : double precision
  sqrt(-1::float8) ⇒ ERROR: cannot take square root of a negative number
  sqrt(2.0) ⇒ 1.414213562373095 : numeric
  sqrt(-2.0) ⇒ ERROR: cannot take square root of a negative number
  cbrt(27::float8) ⇒ 3.0000000000000004 : double precision
  (|/ 16) ⇒ 4 : double precision
  power(2, 3) ⇒ 8 : double precision
  power(2.0, 3) ⇒ 8.0000000000000000 : numeric
  power(0::float8, -1) ⇒ ERROR: zero raised to a negative power is undefined
  power(-8::float8, 0.3333::float8) ⇒ ERROR: a negative number raised to a non-integer power yields a complex result
  exp(1::float8) ⇒ 2.718281828459045 : double precision
  exp(1.0) ⇒ 2.7182818284590452 : numeric
  exp(1000::float8) ⇒ ERROR: value out of range: overflow
  ln(10::float8) ⇒ 2.302585092994046 : double precision
  ln(10.0) ⇒ 2.3025850929940457 : numeric
  ln(0::float8) ⇒ ERROR: cannot take logarithm of zero
  ln(-1::float8) ⇒ ERROR: cannot take logarithm of a negative number
  ln(0.0) ⇒ ERROR: cannot take logarithm of zero
  log(100::float8) ⇒ 2 : double precision
  log(100.0) ⇒ 2.0000000000000000 : numeric
  log(2.0, 64.0) ⇒ 6.0000000000000000 : numeric
  log10(1000.0) ⇒ 3.0000000000000000 : numeric
  mod(7, 3) ⇒ 1 : integer
  mod(7.5, 2) ⇒ 1.5 : numeric
  div(7.5, 2) ⇒ 3 : numeric
  div(-7, 2) ⇒ -3 : numeric
  gcd(12, 18) ⇒ 6 : integer
  gcd(0, 0) ⇒ 0 : integer
  lcm(4, 6) ⇒ 12 : integer
  lcm(2147483647, 2147483646) ⇒ ERROR: integer out of range
  pi() ⇒ 3.141592653589793 : double precision
  degrees(pi()) ⇒ 180 : double precision
  radians(180) ⇒ 3.141592653589793 : double precision
  sin(1) ⇒ 0.8414709848078965 : double precision
  cos(1) ⇒ 0.5403023058681398 : double precision
  tan(1) ⇒ 1.5574077246549023 : double precision
  asin(2) ⇒ ERROR: input is out of range
  acos(0.5) ⇒ 1.0471975511965979 : double precision
  atan2(1, 2) ⇒ 0.4636476090008061 : double precision
  sin('Infinity'::float8) ⇒ ERROR: input is out of range
  factorial(5) ⇒ 120 : numeric
  factorial(-1) ⇒ ERROR: factorial of a negative number is undefined
  width_bucket(5.35, 0.024, 10.06, 5) ⇒ 3 : integer
  width_bucket(5.35::float8, 0.024, 10.06, 5) ⇒ 3 : integer
  width_bucket(5.35, 10.06, 0.024, 5) ⇒ 3 : integer
  width_bucket(1, 0, 0, 5) ⇒ ERROR: lower bound cannot equal upper bound
  scale(8.4100) ⇒ 4 : integer
  min_scale(8.4100) ⇒ 2 : integer
  trim_scale(8.4100) ⇒ 8.41 : numeric
  greatest(1, 2.5, NULL) ⇒ 2.5 : numeric
  least(1, 2, NULL) ⇒ 1 : integer
  greatest(NULL, NULL) ⇒ ∅ : text
  greatest('a', 'b') ⇒ b : text
  greatest(1, 'x') ⇒ ERROR: invalid input syntax for type integer: "x"
  5::int2 ⇒ 5 : smallint
  32768::int2 ⇒ ERROR: smallint out of range
  2.5::int4 ⇒ 3 : integer
  3.5::int4 ⇒ 4 : integer
  -2.5::int4 ⇒ -3 : integer
  (2.5)::float8::int4 ⇒ 2 : integer
  (3.5)::float8::int4 ⇒ 4 : integer
  3000000000::int4 ⇒ ERROR: integer out of range
  'NaN'::float8::int4 ⇒ ERROR: integer out of range
  'NaN'::numeric::int4 ⇒ ERROR: cannot convert NaN to integer
  1e400::numeric::float8 ⇒ ERROR: "10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" is out of range for type double precision
  123.456::numeric(5,2) ⇒ 123.46 : numeric
  123456.789::numeric(5,2) ⇒ ERROR: numeric field overflow
  '123.456'::numeric(5,1) ⇒ 123.5 : numeric
  '12a'::int4 ⇒ ERROR: invalid input syntax for type integer: "12a"
  '99999999999'::int4 ⇒ ERROR: value "99999999999" is out of range for type integer
  (0.1 + 0.2) ⇒ 0.3 : numeric
  '0.1'::float8 ⇒ 0.1 : double precision
  1::bool ⇒ t : boolean
  0::int4::bool ⇒ f : boolean
  true::int4 ⇒ 1 : integer
  (-1)::oid ⇒ 4294967295 : oid
  5::oid ⇒ 5 : oid
  ('NaN'::float8 = 'NaN'::float8) ⇒ t : boolean
  ('NaN'::float8 > 'Infinity'::float8) ⇒ t : boolean
  (1 = 1.0) ⇒ t : boolean
  (1::int8 < 2::int2) ⇒ t : boolean
  (1.5 > 1) ⇒ t : boolean
  (1 < 1.5::float8) ⇒ t : boolean
  (0.1::float4 = 0.1) ⇒ f : boolean
  (0.1::float4 = 0.1::float8) ⇒ f : boolean
  (10 - 2.5) ⇒ 7.5 : numeric
  (2 * 3.5::numeric) ⇒ 7.0 : numeric
  1.23::text ⇒ 1.23 : text
  (1.0 / 3)::text ⇒ 0.33333333333333333333 : text
  (5.0 % 3) ⇒ 2.0 : numeric
  (12345678901234567890 * 2) ⇒ 24691357802469135780 : numeric
  """#
