// What PostgreSQL 15 answers; see `PostgreSQLResultsTests`.

let formatResults = #"""
  format('Hello %s', 'World') ⇒ Hello World : text
  format('%s %s', 1, NULL) ⇒ 1  : text
  format('%I', 'Foo Bar') ⇒ "Foo Bar" : text
  format('%L', 'O''Reilly') ⇒ 'O''Reilly' : text
  format('%L', NULL) ⇒ NULL : text
  format('%%') ⇒ % : text
  format('%2$s %1$s', 'a', 'b') ⇒ b a : text
  format('|%10s|', 'foo') ⇒ |       foo| : text
  format('|%-10s|', 'foo') ⇒ |foo       | : text
  format('|%*s|', 10, 'foo') ⇒ |       foo| : text
  format('|%*s|', -10, 'foo') ⇒ |foo       | : text
  format('%s', true) ⇒ t : text
  format('%s', 1.50) ⇒ 1.50 : text
  format('%x', 1) ⇒ ERROR: unrecognized format() type specifier "x"
  format('%s') ⇒ ERROR: too few arguments for format()
  format('%I', NULL) ⇒ ERROR: null values cannot be formatted as an SQL identifier
  format('%1$s %s', 'a', 'b') ⇒ a b : text
  format(NULL) ⇒ ∅ : text
  format('plain') ⇒ plain : text
  """#
