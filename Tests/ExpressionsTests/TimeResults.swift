// What PostgreSQL 15 answers; see `PostgreSQLResultsTests`.

let timeResults = #"""
  ('2020-01-31'::date + 1) ⇒ 2020-02-01 : date
  (1 + '2020-01-31'::date) ⇒ 2020-02-01 : date
  ('2020-01-31'::date - 31) ⇒ 2019-12-31 : date
  ('2020-03-01'::date - '2020-02-01'::date) ⇒ 29 : integer
  ('2020-01-31'::date + '1 month'::interval) ⇒ 2020-02-29 00:00:00 : timestamp without time zone
  ('2020-01-31'::date - '1 month'::interval) ⇒ 2019-12-31 00:00:00 : timestamp without time zone
  ('2020-01-31 10:00'::timestamp + '1 mon 1 day 01:00'::interval) ⇒ 2020-03-01 11:00:00 : timestamp without time zone
  ('2020-03-31 10:00'::timestamptz - '1 mon'::interval) ⇒ 2020-02-29 10:00:00+00 : timestamp with time zone
  ('2020-03-02 10:00'::timestamp - '2020-03-01 09:30'::timestamp) ⇒ 1 day 00:30:00 : interval
  ('2020-03-02'::date < '2020-03-02 00:00:01'::timestamp) ⇒ t : boolean
  ('2020-03-02'::date = '2020-03-02 00:00:00+00'::timestamptz) ⇒ t : boolean
  ('1 day'::interval + '2 hours'::interval) ⇒ 1 day 02:00:00 : interval
  ('1 day'::interval - '2 hours'::interval) ⇒ 1 day -02:00:00 : interval
  ('1 day'::interval * 2.5) ⇒ 2 days 12:00:00 : interval
  ('1 day'::interval / 2) ⇒ 12:00:00 : interval
  (2 * '1 day'::interval) ⇒ 2 days : interval
  (- '1 day'::interval) ⇒ -1 days : interval
  ('1 mon'::interval = '30 days'::interval) ⇒ t : boolean
  date_part('year', '2020-02-03'::date) ⇒ 2020 : double precision
  date_part('month', '2020-02-03 04:05:06.789'::timestamp) ⇒ 2 : double precision
  date_part('second', '2020-02-03 04:05:06.789'::timestamp) ⇒ 6.789 : double precision
  date_part('epoch', '2020-02-03 04:05:06.789'::timestamp) ⇒ 1580702706.789 : double precision
  date_part('dow', '2020-02-03'::timestamp) ⇒ 1 : double precision
  date_part('doy', '2020-02-03'::timestamp) ⇒ 34 : double precision
  date_part('week', '2021-01-03'::timestamp) ⇒ 53 : double precision
  date_part('isoyear', '2021-01-03'::timestamp) ⇒ 2020 : double precision
  date_part('quarter', '2020-08-03'::timestamp) ⇒ 3 : double precision
  date_part('century', '2020-08-03'::timestamp) ⇒ 21 : double precision
  date_part('decade', '2020-08-03'::timestamp) ⇒ 202 : double precision
  date_part('millennium', '2020-08-03'::timestamp) ⇒ 3 : double precision
  date_part('milliseconds', '2020-08-03 00:00:01.5'::timestamp) ⇒ 1500 : double precision
  date_part('microseconds', '2020-08-03 00:00:01.5'::timestamp) ⇒ 1500000 : double precision
  date_part('julian', '2020-08-03 12:00'::timestamp) ⇒ 2459065.5 : double precision
  date_part('isodow', '2020-08-02'::timestamp) ⇒ 7 : double precision
  date_part('hour', '2020-08-03 05:06:07+00'::timestamptz) ⇒ 5 : double precision
  date_part('timezone', '2020-08-03 05:06:07+00'::timestamptz) ⇒ 0 : double precision
  date_part('foo', '2020-08-03'::timestamp) ⇒ ERROR: unit "foo" not recognized for type timestamp without time zone
  date_part('day', '1 mon 5 days 03:04:05'::interval) ⇒ 5 : double precision
  date_part('epoch', '1 mon 5 days 03:04:05'::interval) ⇒ 3035045 : double precision
  date_trunc('month', '2020-02-03 04:05:06.789'::timestamp) ⇒ 2020-02-01 00:00:00 : timestamp without time zone
  date_trunc('hour', '2020-02-03 04:05:06.789'::timestamp) ⇒ 2020-02-03 04:00:00 : timestamp without time zone
  date_trunc('week', '2020-02-05'::timestamp) ⇒ 2020-02-03 00:00:00 : timestamp without time zone
  date_trunc('quarter', '2020-08-05'::timestamp) ⇒ 2020-07-01 00:00:00 : timestamp without time zone
  date_trunc('day', '2020-02-03 04:05:06.789+00'::timestamptz) ⇒ 2020-02-03 00:00:00+00 : timestamp with time zone
  date_trunc('year', '2020-02-03'::date) ⇒ 2020-01-01 00:00:00+00 : timestamp with time zone
  date_trunc('foo', '2020-02-03'::timestamp) ⇒ ERROR: unit "foo" not recognized for type timestamp without time zone
  date_trunc('hour', '1 day 03:04:05'::interval) ⇒ 1 day 03:00:00 : interval
  date_trunc('decade', '2025-02-03'::timestamp) ⇒ 2020-01-01 00:00:00 : timestamp without time zone
  date_trunc('millisecond', '2025-02-03 01:02:03.123456'::timestamp) ⇒ 2025-02-03 01:02:03.123 : timestamp without time zone
  age('2020-03-15'::timestamp, '2019-01-20'::timestamp) ⇒ 1 year 1 mon 26 days : interval
  isfinite('infinity'::timestamp) ⇒ f : boolean
  isfinite('2020-01-01'::date) ⇒ t : boolean
  make_date(2020, 2, 29) ⇒ 2020-02-29 : date
  make_date(2021, 2, 29) ⇒ ERROR: date field value out of range: 2021-02-29
  make_timestamp(2013, 7, 15, 8, 15, 23.5) ⇒ 2013-07-15 08:15:23.5 : timestamp without time zone
  to_timestamp(1284352323.5) ⇒ 2010-09-13 04:32:03.5+00 : timestamp with time zone
  '2020-02-03'::date::timestamp ⇒ 2020-02-03 00:00:00 : timestamp without time zone
  '2020-02-03 04:05'::timestamp::date ⇒ 2020-02-03 : date
  '2020-02-03 04:05'::timestamp::timestamptz ⇒ 2020-02-03 04:05:00+00 : timestamp with time zone
  '2020-02-03 04:05+00'::timestamptz::date ⇒ 2020-02-03 : date
  'infinity'::date::timestamp ⇒ infinity : timestamp without time zone
  'infinity'::timestamp::date ⇒ infinity : date
  '2020-02-03'::date::text ⇒ 2020-02-03 : text
  '2020-02-03 04:05:06.789'::timestamp(0) ⇒ 2020-02-03 04:05:07 : timestamp without time zone
  timezone('America/New_York', '2020-07-01 12:00+00'::timestamptz) ⇒ 2020-07-01 08:00:00 : timestamp without time zone
  timezone('America/New_York', '2020-07-01 12:00'::timestamp) ⇒ 2020-07-01 16:00:00+00 : timestamp with time zone
  justify_days('35 days'::interval) ⇒ 1 mon 5 days : interval
  justify_hours('27 hours'::interval) ⇒ 1 day 03:00:00 : interval
  justify_interval('1 mon -1 hour'::interval) ⇒ 29 days 23:00:00 : interval
  ('infinity'::timestamp - '1 day'::interval) ⇒ infinity : timestamp without time zone
  ('2020-01-01'::date + 2147483647) ⇒ ERROR: date out of range
  ('2020-01-01'::date - 'infinity'::date) ⇒ ERROR: cannot subtract infinite dates
  """#
