// What PostgreSQL 15 answers; see `PostgreSQLResultsTests`.

let toCharResults = #"""
  to_char('2020-02-03 04:05:06.789'::timestamp, 'YYYY-MM-DD HH24:MI:SS.MS') ⇒ 2020-02-03 04:05:06.789 : text
  to_char('2020-02-03 14:05:06'::timestamp, 'Day, DD Month YYYY HH12:MI AM') ⇒ Monday   , 03 February  2020 02:05 PM : text
  to_char('2020-02-03'::timestamp, 'Dy Mon FMDD YY Q WW IW J') ⇒ Mon Feb 3 20 1 05 06 2458883 : text
  to_char('2020-02-03'::timestamp, 'FMDDth FMMonth YYYY "at" HH:MI:SS p.m.') ⇒ 3rd February 2020 at 12:00:00 a.m. : text
  to_char('2021-01-03'::timestamp, 'IYYY-IW-ID DDD D IDDD CC') ⇒ 2020-53-7 003 1 371 21 : text
  to_char('2021-01-03'::date, 'yyyy/mm/dd') ⇒ 2021/01/03 : text
  to_char('2021-01-03 00:30'::timestamp, 'HH12 hh24 US FF3 SSSS') ⇒ 12 00 000000 000 1800 : text
  to_char('2020-07-01 12:00+00'::timestamptz, 'YYYY-MM-DD HH24:MI TZ OF TZH') ⇒ 2020-07-01 12:00 UTC +00 +00 : text
  to_char('2020-12-21'::timestamp, 'DDTH MONTH mon RM rm DAY dy') ⇒ 21ST DECEMBER  dec XII  xii  MONDAY    mon : text
  to_char('infinity'::timestamp, 'YYYY') ⇒ ∅ : text
  to_char('0044-03-15 BC'::timestamp, 'YYYY BC') ⇒ 0044 BC : text
  to_char('2020-02-03'::timestamp, 'Y,YYY YYY Y') ⇒ 2,020 020 0 : text
  to_char('1 day 02:03:04'::interval, 'HH24:MI:SS') ⇒ 02:03:04 : text
  to_char('15h 2m 12s'::interval, 'HH24:MI:SS') ⇒ 15:02:12 : text
  to_char('1 mon'::interval, 'Month') ⇒ ERROR: invalid format specification for an interval value
  to_char(1234.5, '9,999.99') ⇒  1,234.50 : text
  to_char(-12, '999') ⇒  -12 : text
  to_char(12, '999') ⇒   12 : text
  to_char(485, '000999') ⇒  000485 : text
  to_char(0.1, '0.99') ⇒  0.10 : text
  to_char(0.1, '9.99') ⇒   .10 : text
  to_char(-0.1, '99.99') ⇒   -.10 : text
  to_char(-0.1, 'FM9.99') ⇒ -.1 : text
  to_char(148.5, '999D99') ⇒  148.50 : text
  to_char(148.5, 'FM999.999') ⇒ 148.5 : text
  to_char(148.5, 'FM999.990') ⇒ 148.500 : text
  to_char(12, 'FM999') ⇒ 12 : text
  to_char(0, 'FM9') ⇒ 0 : text
  to_char(0, '9') ⇒  0 : text
  to_char(0, '999.99') ⇒     .00 : text
  to_char(12345.678, 'FM99,999.00') ⇒ 12,345.68 : text
  to_char(1234, 'S9999') ⇒ +1234 : text
  to_char(-1234, 'S9999') ⇒ -1234 : text
  to_char(1234, '9999S') ⇒ 1234+ : text
  to_char(-1234, '9999MI') ⇒ 1234- : text
  to_char(1234, '9999MI') ⇒ 1234  : text
  to_char(-485, '999PR') ⇒ <485> : text
  to_char(485, '999PR') ⇒  485  : text
  to_char(485, 'SG999') ⇒ +485 : text
  to_char(485, 'PL999') ⇒ + 485 : text
  to_char(12, 'RN') ⇒             XII : text
  to_char(1999, 'FMRN') ⇒ MCMXCIX : text
  to_char(482, '999th') ⇒  482nd : text
  to_char(12.4, '99V999') ⇒  12400 : text
  to_char(1000, '99') ⇒  ## : text
  to_char(1000.5, '99.9') ⇒  ##.# : text
  to_char(0.0004859, '9.99EEEE') ⇒  4.86e-04 : text
  to_char(12345, '9.99EEEE') ⇒  1.23e+04 : text
  to_char(1485, '9,999') ⇒  1,485 : text
  to_char(485, '9,999') ⇒    485 : text
  to_char(485, '"Good number:" 999') ⇒ Good number:  485 : text
  to_char(125.8::float8, '999D9') ⇒  125.8 : text
  to_char(-125, '000') ⇒ -125 : text
  to_char(5, '09') ⇒  05 : text
  to_char(3.14, 'FM999') ⇒ 3 : text
  to_date('05 Dec 2000', 'DD Mon YYYY') ⇒ 2000-12-05 : date
  to_date('2000-12-05', 'YYYY-MM-DD') ⇒ 2000-12-05 : date
  to_date('20001205', 'YYYYMMDD') ⇒ 2000-12-05 : date
  to_date('12/05/99', 'MM/DD/YY') ⇒ 1999-12-05 : date
  to_date('2000-13-05', 'YYYY-MM-DD') ⇒ ERROR: date/time field value out of range: "2000-13-05"
  to_date('2000-02-30', 'YYYY-MM-DD') ⇒ ERROR: date/time field value out of range: "2000-02-30"
  to_date('abc', 'YYYY') ⇒ ERROR: invalid value "abc" for "YYYY"
  to_date('2000 60', 'YYYY DDD') ⇒ 2000-02-29 : date
  to_timestamp('05 Dec 2000 13:14:15', 'DD Mon YYYY HH24:MI:SS') ⇒ 2000-12-05 13:14:15+00 : timestamp with time zone
  to_timestamp('2000-12-05 01:14 PM', 'YYYY-MM-DD HH12:MI AM') ⇒ 2000-12-05 13:14:00+00 : timestamp with time zone
  to_timestamp('2000-12-05 01:14:15.25', 'YYYY-MM-DD HH24:MI:SS.MS') ⇒ 2000-12-05 01:14:15.25+00 : timestamp with time zone
  to_timestamp('15 25:00', 'DD HH24:MI') ⇒ ERROR: date/time field value out of range: "15 25:00"
  to_number('12,454.8-', '99G999D9S') ⇒ -12454.8 : numeric
  to_number('1,234', '9,999') ⇒ 1234 : numeric
  to_number('-12.5', '99.9') ⇒ -12.5 : numeric
  to_number('', '99') ⇒ ERROR: invalid input syntax for type numeric: " "
  """#
