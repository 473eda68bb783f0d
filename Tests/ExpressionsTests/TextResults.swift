// What PostgreSQL 15 answers; see `PostgreSQLResultsTests`.

let textResults = #"""
  length('héllo') ⇒ 5 : integer
  char_length('abc  '::char(8)) ⇒ 3 : integer
  length('abc  '::char(8)) ⇒ 3 : integer
  octet_length('abc'::char(8)) ⇒ 8 : integer
  octet_length('héllo') ⇒ 6 : integer
  bit_length('abc') ⇒ 24 : integer
  lower('ABC') ⇒ abc : text
  lower('ÀÉß') ⇒ àéß : text
  upper('straße é') ⇒ STRAßE É : text
  initcap('hello wORLD o''neil x2y') ⇒ Hello World O'Neil X2y : text
  substring('Thomas', 2, 3) ⇒ hom : text
  substring('Thomas', 2) ⇒ homas : text
  substring('Thomas', -1, 3) ⇒ T : text
  substring('Thomas', 3, -1) ⇒ ERROR: negative substring length not allowed
  substring('Thomas', 2147483647, 2147483647) ⇒  : text
  substr('héllo', 2, 2) ⇒ él : text
  left('abcde', 2) ⇒ ab : text
  left('abcde', -2) ⇒ abc : text
  right('abcde', 2) ⇒ de : text
  right('abcde', -2) ⇒ cde : text
  right('héé', 1) ⇒ é : text
  left('abc', -5) ⇒  : text
  strpos('Thomas', 'om') ⇒ 3 : integer
  strpos('ééom', 'om') ⇒ 3 : integer
  strpos('abc', '') ⇒ 1 : integer
  replace('abcdefabcdef', 'cd', 'XX') ⇒ abXXefabXXef : text
  replace('abc', '', 'x') ⇒ abc : text
  replace('aaa', 'a', '') ⇒  : text
  ltrim('zzzytest', 'xyz') ⇒ test : text
  rtrim('testxxzx', 'xyz') ⇒ test : text
  btrim('xyxtrimyyx', 'xyz') ⇒ trim : text
  btrim('  a b ') ⇒ a b : text
  ltrim('  a ') ⇒ a  : text
  rtrim(' a  ') ⇒  a : text
  btrim('éaé', 'é') ⇒ a : text
  lpad('hi', 5) ⇒    hi : text
  lpad('hi', 5, 'xy') ⇒ xyxhi : text
  lpad('hello', 2) ⇒ he : text
  rpad('hi', 5, 'xy') ⇒ hixyx : text
  rpad('hi', 6, 'é') ⇒ hiéééé : text
  lpad('hi', 5, '') ⇒ hi : text
  repeat('Pg', 4) ⇒ PgPgPgPg : text
  repeat('Pg', -1) ⇒  : text
  repeat('abc', 2000000000) ⇒ ERROR: requested length too large
  reverse('abcdé') ⇒ édcba : text
  split_part('abc~@~def~@~ghi', '~@~', 2) ⇒ def : text
  split_part('abc,def,ghi,jkl', ',', -2) ⇒ ghi : text
  split_part('abc', ',', 1) ⇒ abc : text
  split_part('abc', ',', 2) ⇒  : text
  split_part('a,b', ',', 0) ⇒ ERROR: field position must not be zero
  split_part('', ',', 1) ⇒  : text
  translate('12345', '143', 'ax') ⇒ a2x5 : text
  translate('héllo', 'éo', 'e') ⇒ hell : text
  ascii('x') ⇒ 120 : integer
  ascii('é') ⇒ 233 : integer
  ascii('') ⇒ 0 : integer
  chr(65) ⇒ A : text
  chr(233) ⇒ é : text
  chr(0) ⇒ ERROR: null character not permitted
  chr(-1) ⇒ ERROR: character number must be positive
  starts_with('alphabet', 'alph') ⇒ t : boolean
  ('abc' || 'def') ⇒ abcdef : text
  ('abc' || 1) ⇒ abc1 : text
  (1 || 'abc') ⇒ 1abc : text
  ('abc' || NULL) ⇒ ∅ : text
  ('a' || true) ⇒ atrue : text
  ('abc'::char(5) || 'd') ⇒ abcd : text
  ('abc'::varchar || 'd'::text) ⇒ abcd : text
  (1.50 || ' x') ⇒ 1.50 x : text
  concat('abc', 2, NULL, 22) ⇒ abc222 : text
  concat('a', true, 1.5) ⇒ at1.5 : text
  concat_ws(',', 'abcde', 2, NULL, 22) ⇒ abcde,2,22 : text
  concat_ws(NULL, 'a', 'b') ⇒ ∅ : text
  md5('abc') ⇒ 900150983cd24fb0d6963f7d28e17f72 : text
  md5('') ⇒ d41d8cd98f00b204e9800998ecf8427e : text
  md5('The quick brown fox jumps over the lazy dog and then runs away from the very slow bear') ⇒ 46485d77d3f73d48ce6843686784eefd : text
  to_hex(2147483647) ⇒ 7fffffff : text
  to_hex(-1) ⇒ ffffffff : text
  to_hex(255::int8) ⇒ ff : text
  quote_ident('Foo bar') ⇒ "Foo bar" : text
  quote_ident('foo') ⇒ foo : text
  quote_ident('select') ⇒ "select" : text
  quote_ident('a"b') ⇒ "a""b" : text
  quote_literal('O''Reilly') ⇒ 'O''Reilly' : text
  quote_literal('a\b') ⇒ E'a\\b' : text
  quote_literal(42.5) ⇒ '42.5' : text
  quote_nullable(NULL) ⇒ NULL : text
  quote_nullable(42) ⇒ '42' : text
  overlay('Txxxxas', 'hom', 2, 4) ⇒ Thomas : text
  overlay('abcdef', 'XY', 3) ⇒ abXYef : text
  encode('123\000\001'::bytea, 'hex') ⇒ 3132330001 : text
  encode('123\000\001'::bytea, 'base64') ⇒ MTIzAAE= : text
  encode('a'::bytea, 'foo') ⇒ ERROR: unrecognized encoding: "foo"
  decode('MTIzAAE=', 'base64') ⇒ \x3132330001 : bytea
  decode('313233', 'hex') ⇒ \x313233 : bytea
  decode('3132z', 'hex') ⇒ ERROR: invalid hexadecimal digit: "z"
  decode('a\\001b', 'escape') ⇒ \x615c30303162 : bytea
  decode('MTIz*', 'base64') ⇒ ERROR: invalid symbol "*" found while decoding base64 sequence
  length('abc'::bytea) ⇒ 3 : integer
  ('ab'::bytea || 'cd'::bytea) ⇒ \x61626364 : bytea
  substring('abcdef'::bytea, 2, 3) ⇒ \x626364 : bytea
  get_byte('abc'::bytea, 1) ⇒ 98 : integer
  set_byte('abc'::bytea, 1, 65) ⇒ \x614163 : bytea
  ('abc' < 'abd') ⇒ t : boolean
  ('B' < 'a') ⇒ t : boolean
  ('a ' = 'a') ⇒ f : boolean
  ('a '::char(3) = 'a'::char(5)) ⇒ t : boolean
  ('a '::text = 'a'::char(5)) ⇒ f : boolean
  ('a'::name = 'a') ⇒ t : boolean
  'abcdef'::varchar(3) ⇒ abc : character varying
  'abcdef'::char(3) ⇒ abc : character
  'ab'::char(4) ⇒ ab   : character
  'abc'::name ⇒ abc : name
  12::varchar(1) ⇒ 1 : character varying
  true::text ⇒ true : text
  'yes'::bool ⇒ t : boolean
  'maybe'::bool ⇒ ERROR: invalid input syntax for type boolean: "maybe"
  string_to_array('a,b,,c', ',') ⇒ {a,b,"",c} : text[]
  string_to_array('abc', NULL) ⇒ {a,b,c} : text[]
  string_to_array('a,b,x', ',', 'x') ⇒ {a,b,NULL} : text[]
  array_to_string(ARRAY[1, 2, NULL, 3], ',') ⇒ 1,2,3 : text
  array_to_string(ARRAY[1, 2, NULL, 3], ',', '*') ⇒ 1,2,*,3 : text
  """#
