// The functions behind the types' text and binary forms, and the operator classes of B-tree indexes.
// Source: the catalogs of PostgreSQL 15 itself.

extension SystemTypes {
  /// oid, name, result, arguments, volatility, strict.
  static let functionText = """
    31 byteaout 2275 17 i t
    33 charout 2275 18 i t
    34 namein 19 2275 i t
    35 nameout 2275 19 i t
    38 int2in 21 2275 i t
    39 int2out 2275 21 i t
    40 int2vectorin 22 2275 i t
    41 int2vectorout 2275 22 i t
    42 int4in 23 2275 i t
    43 int4out 2275 23 i t
    44 regprocin 24 2275 s t
    45 regprocout 2275 24 s t
    46 textin 25 2275 i t
    47 textout 2275 25 i t
    48 tidin 27 2275 i t
    49 tidout 2275 27 i t
    50 xidin 28 2275 i t
    51 xidout 2275 28 i t
    52 cidin 29 2275 i t
    53 cidout 2275 29 i t
    54 oidvectorin 30 2275 i t
    55 oidvectorout 2275 30 i t
    86 pg_ddl_command_in 32 2275 i t
    87 pg_ddl_command_out 2275 32 i t
    88 pg_ddl_command_recv 32 2281 i t
    90 pg_ddl_command_send 17 32 i t
    109 unknownin 705 2275 i t
    110 unknownout 2275 705 i t
    117 point_in 600 2275 i t
    118 point_out 2275 600 i t
    119 lseg_in 601 2275 i t
    120 lseg_out 2275 601 i t
    121 path_in 602 2275 i t
    122 path_out 2275 602 i t
    123 box_in 603 2275 i t
    124 box_out 2275 603 i t
    195 pg_node_tree_in 194 2275 i t
    196 pg_node_tree_out 2275 194 i t
    197 pg_node_tree_recv 194 2281 s t
    198 pg_node_tree_send 17 194 s t
    200 float4in 700 2275 i t
    201 float4out 2275 700 i t
    214 float8in 701 2275 i t
    215 float8out 2275 701 i t
    267 table_am_handler_in 269 2275 i f
    268 table_am_handler_out 2275 269 i t
    321 json_in 114 2275 i t
    322 json_out 2275 114 i t
    323 json_recv 114 2281 i t
    324 json_send 17 114 i t
    326 index_am_handler_in 325 2275 i f
    327 index_am_handler_out 2275 325 i t
    347 poly_in 604 2275 i t
    348 poly_out 2275 604 i t
    436 macaddr_in 829 2275 i t
    437 macaddr_out 2275 829 i t
    460 int8in 20 2275 i t
    461 int8out 2275 20 i t
    750 array_in 2277 2275,26,23 s t
    751 array_out 2275 2277 s t
    886 cash_in 790 2275 s t
    887 cash_out 2275 790 s t
    910 inet_in 869 2275 i t
    911 inet_out 2275 869 i t
    1031 aclitemin 1033 2275 s t
    1032 aclitemout 2275 1033 s t
    1044 bpcharin 1042 2275,26,23 i t
    1045 bpcharout 2275 1042 i t
    1046 varcharin 1043 2275,26,23 i t
    1047 varcharout 2275 1043 i t
    1084 date_in 1082 2275 s t
    1085 date_out 2275 1082 s t
    1143 time_in 1083 2275,26,23 s t
    1144 time_out 2275 1083 i t
    1150 timestamptz_in 1184 2275,26,23 s t
    1151 timestamptz_out 2275 1184 s t
    1160 interval_in 1186 2275,26,23 s t
    1161 interval_out 2275 1186 s t
    1242 boolin 16 2275 i t
    1243 boolout 2275 16 i t
    1244 byteain 17 2275 i t
    1245 charin 18 2275 i t
    1267 cidr_in 650 2275 i t
    1312 timestamp_in 1114 2275,26,23 s t
    1313 timestamp_out 2275 1114 s t
    1350 timetz_in 1266 2275,26,23 s t
    1351 timetz_out 2275 1266 i t
    1427 cidr_out 2275 650 i t
    1450 circle_in 718 2275 i t
    1451 circle_out 2275 718 i t
    1490 line_in 628 2275 i t
    1491 line_out 2275 628 i t
    1564 bit_in 1560 2275,26,23 i t
    1565 bit_out 2275 1560 i t
    1579 varbit_in 1562 2275,26,23 i t
    1580 varbit_out 2275 1562 i t
    1701 numeric_in 1700 2275,26,23 i t
    1702 numeric_out 2275 1700 i t
    1798 oidin 26 2275 i t
    1799 oidout 2275 26 i t
    2212 regprocedurein 2202 2275 s t
    2213 regprocedureout 2275 2202 s t
    2214 regoperin 2203 2275 s t
    2215 regoperout 2275 2203 s t
    2216 regoperatorin 2204 2275 s t
    2217 regoperatorout 2275 2204 s t
    2218 regclassin 2205 2275 s t
    2219 regclassout 2275 2205 s t
    2220 regtypein 2206 2275 s t
    2221 regtypeout 2275 2206 s t
    2290 record_in 2249 2275,26,23 s t
    2291 record_out 2275 2249 s t
    2292 cstring_in 2275 2275 i t
    2293 cstring_out 2275 2275 i t
    2294 any_in 2276 2275 i t
    2295 any_out 2275 2276 i t
    2296 anyarray_in 2277 2275 i t
    2297 anyarray_out 2275 2277 s t
    2298 void_in 2278 2275 i t
    2299 void_out 2275 2278 i t
    2300 trigger_in 2279 2275 i f
    2301 trigger_out 2275 2279 i t
    2302 language_handler_in 2280 2275 i f
    2303 language_handler_out 2275 2280 i t
    2304 internal_in 2281 2275 i f
    2305 internal_out 2275 2281 i t
    2312 anyelement_in 2283 2275 i t
    2313 anyelement_out 2275 2283 i t
    2400 array_recv 2277 2281,26,23 s t
    2401 array_send 17 2277 s t
    2402 record_recv 2249 2281,26,23 s t
    2403 record_send 17 2249 s t
    2404 int2recv 21 2281 i t
    2405 int2send 17 21 i t
    2406 int4recv 23 2281 i t
    2407 int4send 17 23 i t
    2408 int8recv 20 2281 i t
    2409 int8send 17 20 i t
    2410 int2vectorrecv 22 2281 i t
    2411 int2vectorsend 17 22 i t
    2412 bytearecv 17 2281 i t
    2413 byteasend 17 17 i t
    2414 textrecv 25 2281 s t
    2415 textsend 17 25 s t
    2416 unknownrecv 705 2281 i t
    2417 unknownsend 17 705 i t
    2418 oidrecv 26 2281 i t
    2419 oidsend 17 26 i t
    2420 oidvectorrecv 30 2281 i t
    2421 oidvectorsend 17 30 i t
    2422 namerecv 19 2281 s t
    2423 namesend 17 19 s t
    2424 float4recv 700 2281 i t
    2425 float4send 17 700 i t
    2426 float8recv 701 2281 i t
    2427 float8send 17 701 i t
    2428 point_recv 600 2281 i t
    2429 point_send 17 600 i t
    2430 bpcharrecv 1042 2281,26,23 s t
    2431 bpcharsend 17 1042 s t
    2432 varcharrecv 1043 2281,26,23 s t
    2433 varcharsend 17 1043 s t
    2434 charrecv 18 2281 i t
    2435 charsend 17 18 i t
    2436 boolrecv 16 2281 i t
    2437 boolsend 17 16 i t
    2438 tidrecv 27 2281 i t
    2439 tidsend 17 27 i t
    2440 xidrecv 28 2281 i t
    2441 xidsend 17 28 i t
    2442 cidrecv 29 2281 i t
    2443 cidsend 17 29 i t
    2444 regprocrecv 24 2281 i t
    2445 regprocsend 17 24 i t
    2446 regprocedurerecv 2202 2281 i t
    2447 regproceduresend 17 2202 i t
    2448 regoperrecv 2203 2281 i t
    2449 regopersend 17 2203 i t
    2450 regoperatorrecv 2204 2281 i t
    2451 regoperatorsend 17 2204 i t
    2452 regclassrecv 2205 2281 i t
    2453 regclasssend 17 2205 i t
    2454 regtyperecv 2206 2281 i t
    2455 regtypesend 17 2206 i t
    2456 bit_recv 1560 2281,26,23 i t
    2457 bit_send 17 1560 i t
    2458 varbit_recv 1562 2281,26,23 i t
    2459 varbit_send 17 1562 i t
    2460 numeric_recv 1700 2281,26,23 i t
    2461 numeric_send 17 1700 i t
    2468 date_recv 1082 2281 i t
    2469 date_send 17 1082 i t
    2470 time_recv 1083 2281,26,23 i t
    2471 time_send 17 1083 i t
    2472 timetz_recv 1266 2281,26,23 i t
    2473 timetz_send 17 1266 i t
    2474 timestamp_recv 1114 2281,26,23 i t
    2475 timestamp_send 17 1114 i t
    2476 timestamptz_recv 1184 2281,26,23 i t
    2477 timestamptz_send 17 1184 i t
    2478 interval_recv 1186 2281,26,23 i t
    2479 interval_send 17 1186 i t
    2480 lseg_recv 601 2281 i t
    2481 lseg_send 17 601 i t
    2482 path_recv 602 2281 i t
    2483 path_send 17 602 i t
    2484 box_recv 603 2281 i t
    2485 box_send 17 603 i t
    2486 poly_recv 604 2281 i t
    2487 poly_send 17 604 i t
    2488 line_recv 628 2281 i t
    2489 line_send 17 628 i t
    2490 circle_recv 718 2281 i t
    2491 circle_send 17 718 i t
    2492 cash_recv 790 2281 i t
    2493 cash_send 17 790 i t
    2494 macaddr_recv 829 2281 i t
    2495 macaddr_send 17 829 i t
    2496 inet_recv 869 2281 i t
    2497 inet_send 17 869 i t
    2498 cidr_recv 650 2281 i t
    2499 cidr_send 17 650 i t
    2500 cstring_recv 2275 2281 s t
    2501 cstring_send 17 2275 s t
    2502 anyarray_recv 2277 2281 s t
    2503 anyarray_send 17 2277 s t
    2777 anynonarray_in 2776 2275 i t
    2778 anynonarray_out 2275 2776 i t
    2893 xml_in 142 2275 s t
    2894 xml_out 2275 142 i t
    2898 xml_recv 142 2281 s t
    2899 xml_send 17 142 s t
    2902 varbittypmodin 23 1263 i t
    2903 intervaltypmodin 23 1263 i t
    2904 intervaltypmodout 2275 23 i t
    2905 timestamptypmodin 23 1263 i t
    2906 timestamptypmodout 2275 23 i t
    2907 timestamptztypmodin 23 1263 i t
    2908 timestamptztypmodout 2275 23 i t
    2909 timetypmodin 23 1263 i t
    2910 timetypmodout 2275 23 i t
    2911 timetztypmodin 23 1263 i t
    2912 timetztypmodout 2275 23 i t
    2913 bpchartypmodin 23 1263 i t
    2914 bpchartypmodout 2275 23 i t
    2915 varchartypmodin 23 1263 i t
    2916 varchartypmodout 2275 23 i t
    2917 numerictypmodin 23 1263 i t
    2918 numerictypmodout 2275 23 i t
    2919 bittypmodin 23 1263 i t
    2920 bittypmodout 2275 23 i t
    2921 varbittypmodout 2275 23 i t
    2939 txid_snapshot_in 2970 2275 i t
    2940 txid_snapshot_out 2275 2970 i t
    2941 txid_snapshot_recv 2970 2281 i t
    2942 txid_snapshot_send 17 2970 i t
    2952 uuid_in 2950 2275 i t
    2953 uuid_out 2275 2950 i t
    2961 uuid_recv 2950 2281 i t
    2962 uuid_send 17 2950 i t
    3116 fdw_handler_in 3115 2275 i f
    3117 fdw_handler_out 2275 3115 i t
    3120 void_recv 2278 2281 i t
    3121 void_send 17 2278 i t
    3229 pg_lsn_in 3220 2275 i t
    3230 pg_lsn_out 2275 3220 i t
    3238 pg_lsn_recv 3220 2281 i t
    3239 pg_lsn_send 17 3220 i t
    3311 tsm_handler_in 3310 2275 i f
    3312 tsm_handler_out 2275 3310 i t
    3355 pg_ndistinct_in 3361 2275 i t
    3356 pg_ndistinct_out 2275 3361 i t
    3357 pg_ndistinct_recv 3361 2281 s t
    3358 pg_ndistinct_send 17 3361 s t
    3404 pg_dependencies_in 3402 2275 i t
    3405 pg_dependencies_out 2275 3402 i t
    3406 pg_dependencies_recv 3402 2281 s t
    3407 pg_dependencies_send 17 3402 s t
    3446 macaddr8_recv 774 2281 i t
    3447 macaddr8_send 17 774 i t
    3504 anyenum_in 3500 2275 i t
    3505 anyenum_out 2275 3500 s t
    3594 event_trigger_in 3838 2275 i f
    3595 event_trigger_out 2275 3838 i t
    3610 tsvectorin 3614 2275 i t
    3611 tsvectorout 2275 3614 i t
    3612 tsqueryin 3615 2275 i t
    3613 tsqueryout 2275 3615 i t
    3638 tsvectorsend 17 3614 i t
    3639 tsvectorrecv 3614 2281 i t
    3640 tsquerysend 17 3615 i t
    3641 tsqueryrecv 3615 2281 i t
    3646 gtsvectorin 3642 2275 i t
    3647 gtsvectorout 2275 3642 i t
    3688 ts_typanalyze 16 2281 s t
    3736 regconfigin 3734 2275 s t
    3737 regconfigout 2275 3734 s t
    3738 regconfigrecv 3734 2281 i t
    3739 regconfigsend 17 3734 i t
    3771 regdictionaryin 3769 2275 s t
    3772 regdictionaryout 2275 3769 s t
    3773 regdictionaryrecv 3769 2281 i t
    3774 regdictionarysend 17 3769 i t
    3803 jsonb_send 17 3802 i t
    3804 jsonb_out 2275 3802 i t
    3805 jsonb_recv 3802 2281 i t
    3806 jsonb_in 3802 2275 i t
    3816 array_typanalyze 16 2281 s t
    3832 anyrange_in 3831 2275,26,23 s t
    3833 anyrange_out 2275 3831 s t
    3834 range_in 3831 2275,26,23 s t
    3835 range_out 2275 3831 s t
    3836 range_recv 3831 2281,26,23 s t
    3837 range_send 17 3831 s t
    3916 range_typanalyze 16 2281 s t
    4001 jsonpath_in 4072 2275 i t
    4002 jsonpath_recv 4072 2281 i t
    4003 jsonpath_out 2275 4072 i t
    4004 jsonpath_send 17 4072 i t
    4084 regnamespacein 4089 2275 s t
    4085 regnamespaceout 2275 4089 s t
    4087 regnamespacerecv 4089 2281 i t
    4088 regnamespacesend 17 4089 i t
    4092 regroleout 2275 4096 s t
    4094 regrolerecv 4096 2281 i t
    4095 regrolesend 17 4096 i t
    4098 regrolein 4096 2275 s t
    4110 macaddr8_in 774 2275 i t
    4111 macaddr8_out 2275 774 i t
    4193 regcollationin 4191 2275 s t
    4194 regcollationout 2275 4191 s t
    4196 regcollationrecv 4191 2281 i t
    4197 regcollationsend 17 4191 i t
    4226 anycompatiblemultirange_in 4538 2275,26,23 s t
    4227 anycompatiblemultirange_out 2275 4538 s t
    4229 anymultirange_in 4537 2275,26,23 s t
    4230 anymultirange_out 2275 4537 s t
    4231 multirange_in 4537 2275,26,23 s t
    4232 multirange_out 2275 4537 s t
    4233 multirange_recv 4537 2281,26,23 s t
    4234 multirange_send 17 4537 s t
    4242 multirange_typanalyze 16 2281 s t
    4596 brin_bloom_summary_in 4600 2275 i t
    4597 brin_bloom_summary_out 2275 4600 i t
    4598 brin_bloom_summary_recv 4600 2281 s t
    4599 brin_bloom_summary_send 17 4600 s t
    4638 brin_minmax_multi_summary_in 4601 2275 i t
    4639 brin_minmax_multi_summary_out 2275 4601 i t
    4640 brin_minmax_multi_summary_recv 4601 2281 s t
    4641 brin_minmax_multi_summary_send 17 4601 s t
    5018 pg_mcv_list_in 5017 2275 i t
    5019 pg_mcv_list_out 2275 5017 i t
    5020 pg_mcv_list_recv 5017 2281 s t
    5021 pg_mcv_list_send 17 5017 s t
    5055 pg_snapshot_in 5038 2275 i t
    5056 pg_snapshot_out 2275 5038 i t
    5057 pg_snapshot_recv 5038 2281 i t
    5058 pg_snapshot_send 17 5038 i t
    5070 xid8in 5069 2275 i t
    5081 xid8out 2275 5069 i t
    5082 xid8recv 5069 2281 i t
    5083 xid8send 17 5069 i t
    5086 anycompatible_in 5077 2275 i t
    5087 anycompatible_out 2275 5077 i t
    5088 anycompatiblearray_in 5078 2275 i t
    5089 anycompatiblearray_out 2275 5078 s t
    5090 anycompatiblearray_recv 5078 2281 s t
    5091 anycompatiblearray_send 17 5078 s t
    5092 anycompatiblenonarray_in 5079 2275 i t
    5093 anycompatiblenonarray_out 2275 5079 i t
    5094 anycompatiblerange_in 5080 2275,26,23 s t
    5095 anycompatiblerange_out 2275 5080 s t
    6098 jsonb_subscript_handler 2281 2281 i t
    6179 array_subscript_handler 2281 2281 i t
    6180 raw_array_subscript_handler 2281 2281 i t
    """

  /// The default B-tree operator classes: oid, name, family, family's name, type.
  static let operatorClassText = """
    1978 int4_ops 1976 integer_ops 23
    1979 int2_ops 1976 integer_ops 21
    1981 oid_ops 1989 oid_ops 26
    3122 date_ops 434 datetime_ops 1082
    3123 float8_ops 1970 float_ops 701
    3124 int8_ops 1976 integer_ops 20
    3125 numeric_ops 1988 numeric_ops 1700
    3126 text_ops 1994 text_ops 25
    3127 timestamptz_ops 434 datetime_ops 1184
    3128 timestamp_ops 434 datetime_ops 1114
    10000 array_ops 397 array_ops 2277
    10002 bit_ops 423 bit_ops 1560
    10003 bool_ops 424 bool_ops 16
    10004 bpchar_ops 426 bpchar_ops 1042
    10006 bytea_ops 428 bytea_ops 17
    10007 char_ops 429 char_ops 18
    10012 float4_ops 1970 float_ops 700
    10015 inet_ops 1974 network_ops 869
    10022 interval_ops 1982 interval_ops 1186
    10024 macaddr_ops 1984 macaddr_ops 829
    10026 macaddr8_ops 3371 macaddr8_ops 774
    10028 name_ops 1994 text_ops 19
    10032 oidvector_ops 1991 oidvector_ops 30
    10034 record_ops 2994 record_ops 2249
    10038 time_ops 1996 time_ops 1083
    10041 timetz_ops 2000 timetz_ops 1266
    10043 varbit_ops 2002 varbit_ops 1562
    10047 money_ops 2099 money_ops 790
    10050 tid_ops 2789 tid_ops 27
    10053 xid8_ops 5067 xid8_ops 5069
    10065 uuid_ops 2968 uuid_ops 2950
    10067 pg_lsn_ops 3253 pg_lsn_ops 3220
    10069 enum_ops 3522 enum_ops 3500
    10071 tsvector_ops 3626 tsvector_ops 3614
    10074 tsquery_ops 3683 tsquery_ops 3615
    10076 range_ops 3901 range_ops 3831
    10080 multirange_ops 4199 multirange_ops 4537
    10088 jsonb_ops 4033 jsonb_ops 3802
    """
}
