// What PostgreSQL 15 answers; see `PostgreSQLResultsTests`.

let patternResults = #"""
  ('abc' ~~ 'a%') ⇒ t : boolean
  ('abc' ~~ 'a_c') ⇒ t : boolean
  ('abc' ~~ 'a_') ⇒ f : boolean
  ('abc' ~~ '%b%') ⇒ t : boolean
  ('abc' ~~ '%') ⇒ t : boolean
  ('' ~~ '%') ⇒ t : boolean
  ('' ~~ '') ⇒ t : boolean
  ('abc' ~~ '%c') ⇒ t : boolean
  ('abc' ~~ 'abc') ⇒ t : boolean
  ('abc' !~~ 'b%') ⇒ t : boolean
  ('aéc' ~~ 'a_c') ⇒ t : boolean
  ('ABC' ~~* 'a%') ⇒ t : boolean
  ('ÀB' ~~* 'à_') ⇒ t : boolean
  ('a%c' ~~ 'a\%c') ⇒ t : boolean
  ('abc' ~~ 'a\%c') ⇒ f : boolean
  ('abcabcabc' ~~ '%abc%abc') ⇒ t : boolean
  ('mississippi' ~~ 'm%iss%ip%i') ⇒ t : boolean
  ('abc' ~~ 'abc\') ⇒ f : boolean
  ('abcd' ~~ 'abc\') ⇒ ERROR: LIKE pattern must not end with escape character
  ('a%c' ~~ like_escape('a#%c', '#')) ⇒ t : boolean
  ('abc' ~~ like_escape('a#%c', '#')) ⇒ f : boolean
  like_escape('a', 'xx') ⇒ ERROR: invalid escape string
  (NULL ~~ 'a') ⇒ ∅ : boolean
  ('abc'::char(5) ~~ 'abc') ⇒ f : boolean
  ('abc'::char(5) ~~ 'abc  ') ⇒ t : boolean
  ('abc' ~ 'b') ⇒ t : boolean
  ('abc' ~ '^b') ⇒ f : boolean
  ('ABC' ~* 'b') ⇒ t : boolean
  ('abc' !~ 'd') ⇒ t : boolean
  ('abc' ~ 'a.c') ⇒ t : boolean
  (E'a\nc' ~ 'a.c') ⇒ t : boolean
  (E'a\nc' ~ 'a$') ⇒ f : boolean
  (E'a\nc' ~ '(?n)a$') ⇒ t : boolean
  ('foo bar' ~ '\mbar\M') ⇒ t : boolean
  ('foobar' ~ '\mbar\M') ⇒ f : boolean
  ('a1b' ~ '[[:digit:]]') ⇒ t : boolean
  ('a1b' ~ '\d') ⇒ t : boolean
  ('abc' ~ '[') ⇒ ERROR: invalid regular expression: brackets [] not balanced
  ('abc' ~ '(') ⇒ ERROR: invalid regular expression: parentheses () not balanced
  ('abc' ~ '*a') ⇒ ERROR: invalid regular expression: quantifier operand invalid
  ('abc' ~ 'a**') ⇒ ERROR: invalid regular expression: quantifier operand invalid
  ('abc' ~ 'a{2,1}') ⇒ ERROR: invalid regular expression: invalid repetition count(s)
  ('abc' ~ '[b-a]') ⇒ ERROR: invalid regular expression: invalid character range
  ('abc' ~ '[[:foo:]]') ⇒ ERROR: invalid regular expression: invalid character class
  ('abc' ~ 'a\') ⇒ ERROR: invalid regular expression: invalid escape \ sequence
  ('abc' ~ '\Qa') ⇒ ERROR: invalid regular expression: invalid escape \ sequence
  ('a{b' ~ 'a{b') ⇒ t : boolean
  ('aaa' ~ 'a{3}') ⇒ t : boolean
  ('aaa' ~ 'a{256}') ⇒ ERROR: invalid regular expression: invalid repetition count(s)
  ('a]b' ~ '[]]') ⇒ t : boolean
  ('a-b' ~ '[a-]b') ⇒ t : boolean
  ('x' ~ '\x78') ⇒ t : boolean
  ('abab' ~ '(ab)\1') ⇒ t : boolean
  ('foo.bar' ~ '***=foo.bar') ⇒ t : boolean
  ('foobbar' ~ '***=foo.bar') ⇒ f : boolean
  ('ABC' ~ '(?i)abc') ⇒ t : boolean
  ('abc' ~ 'b(?=c)') ⇒ t : boolean
  ('abc' ~ '(?<=a)b') ⇒ t : boolean
  ('école' ~ '^\w+$') ⇒ t : boolean
  ('a b' ~ '^\S+$') ⇒ f : boolean
  regexp_replace('Thomas', '.[mN]a.', 'M') ⇒ ThM : text
  regexp_replace('foobarbaz', 'b..', 'X') ⇒ fooXbaz : text
  regexp_replace('foobarbaz', 'b..', 'X', 'g') ⇒ fooXX : text
  regexp_replace('foobarbaz', 'b(..)', 'X\1Y', 'g') ⇒ fooXarYXazY : text
  regexp_replace('foobarbaz', 'B(..)', 'X\1Y', 'gi') ⇒ fooXarYXazY : text
  regexp_replace('foobarbaz', 'b(..)', '[\&]') ⇒ foo[bar]baz : text
  regexp_replace('abc', '', '-', 'g') ⇒ -a-b-c- : text
  regexp_replace('A PostgreSQL function', 'a|e|i|o|u', 'X', 1, 0, 'i') ⇒ X PXstgrXSQL fXnctXXn : text
  regexp_replace('A PostgreSQL function', 'a|e|i|o|u', 'X', 1, 3, 'i') ⇒ A PostgrXSQL function : text
  regexp_replace('abc', 'b', 'X', 'z') ⇒ ERROR: invalid regular expression option: "z"
  regexp_match('foobarbequebaz', '(bar)(beque)') ⇒ {bar,beque} : text[]
  regexp_match('foobarbequebaz', 'ba.') ⇒ {bar} : text[]
  regexp_match('foo', 'x') ⇒ ∅ : text[]
  regexp_match('foo', '(f)(x)?') ⇒ {f,NULL} : text[]
  regexp_split_to_array('hello world', '\s+') ⇒ {hello,world} : text[]
  regexp_split_to_array('hello', '') ⇒ {h,e,l,l,o} : text[]
  regexp_count('ABCABCAXYaxy', 'A.') ⇒ 3 : integer
  regexp_count('ABCABCAXYaxy', 'A.', 1, 'i') ⇒ 4 : integer
  regexp_instr('foobar', 'b') ⇒ 4 : integer
  regexp_substr('foobar', 'o+') ⇒ oo : text
  regexp_like('Hello', 'hello', 'i') ⇒ t : boolean
  substring('foobar', 'o.b') ⇒ oob : text
  substring('foobar', 'o(.)b') ⇒ o : text
  substring('foobar', 'x') ⇒ ∅ : text
  substring('foobar', '%#"o_b#"%', '#') ⇒ oob : text
  ('abc' ~ similar_to_escape('%(b|d)%')) ⇒ t : boolean
  ('abc' ~ similar_to_escape('(b|c)%')) ⇒ f : boolean
  ('foobar' ~ 'foo|bar') ⇒ t : boolean
  """#
