// The tables of pg_catalog,
// a line each: OID, kind (r table, v view), name, then column:type, `!` for NOT NULL; deeper lines continue one.
// Source: the catalogs of PostgreSQL 15 itself; domains stand as their base types.

extension SystemRelations {
  static let tables = """
    826 r pg_default_acl oid:oid! defaclrole:oid! defaclnamespace:oid! defaclobjtype:char! defaclacl:_aclitem!
    1213 r pg_tablespace oid:oid! spcname:name! spcowner:oid! spcacl:_aclitem spcoptions:_text
    1214 r pg_shdepend dbid:oid! classid:oid! objid:oid! objsubid:int4! refclassid:oid! refobjid:oid!
      deptype:char!
    1247 r pg_type oid:oid! typname:name! typnamespace:oid! typowner:oid! typlen:int2! typbyval:bool!
      typtype:char! typcategory:char! typispreferred:bool! typisdefined:bool! typdelim:char! typrelid:oid!
      typsubscript:regproc! typelem:oid! typarray:oid! typinput:regproc! typoutput:regproc! typreceive:regproc!
      typsend:regproc! typmodin:regproc! typmodout:regproc! typanalyze:regproc! typalign:char! typstorage:char!
      typnotnull:bool! typbasetype:oid! typtypmod:int4! typndims:int4! typcollation:oid!
      typdefaultbin:pg_node_tree typdefault:text typacl:_aclitem
    1249 r pg_attribute attrelid:oid! attname:name! atttypid:oid! attstattarget:int4! attlen:int2! attnum:int2!
      attndims:int4! attcacheoff:int4! atttypmod:int4! attbyval:bool! attalign:char! attstorage:char!
      attcompression:char! attnotnull:bool! atthasdef:bool! atthasmissing:bool! attidentity:char!
      attgenerated:char! attisdropped:bool! attislocal:bool! attinhcount:int4! attcollation:oid! attacl:_aclitem
      attoptions:_text attfdwoptions:_text attmissingval:anyarray
    1255 r pg_proc oid:oid! proname:name! pronamespace:oid! proowner:oid! prolang:oid! procost:float4!
      prorows:float4! provariadic:oid! prosupport:regproc! prokind:char! prosecdef:bool! proleakproof:bool!
      proisstrict:bool! proretset:bool! provolatile:char! proparallel:char! pronargs:int2! pronargdefaults:int2!
      prorettype:oid! proargtypes:oidvector! proallargtypes:_oid proargmodes:_char proargnames:_text
      proargdefaults:pg_node_tree protrftypes:_oid prosrc:text! probin:text prosqlbody:pg_node_tree
      proconfig:_text proacl:_aclitem
    1259 r pg_class oid:oid! relname:name! relnamespace:oid! reltype:oid! reloftype:oid! relowner:oid! relam:oid!
      relfilenode:oid! reltablespace:oid! relpages:int4! reltuples:float4! relallvisible:int4! reltoastrelid:oid!
      relhasindex:bool! relisshared:bool! relpersistence:char! relkind:char! relnatts:int2! relchecks:int2!
      relhasrules:bool! relhastriggers:bool! relhassubclass:bool! relrowsecurity:bool! relforcerowsecurity:bool!
      relispopulated:bool! relreplident:char! relispartition:bool! relrewrite:oid! relfrozenxid:xid!
      relminmxid:xid! relacl:_aclitem reloptions:_text relpartbound:pg_node_tree
    1260 r pg_authid oid:oid! rolname:name! rolsuper:bool! rolinherit:bool! rolcreaterole:bool! rolcreatedb:bool!
      rolcanlogin:bool! rolreplication:bool! rolbypassrls:bool! rolconnlimit:int4! rolpassword:text
      rolvaliduntil:timestamptz
    1261 r pg_auth_members roleid:oid! member:oid! grantor:oid! admin_option:bool!
    1262 r pg_database oid:oid! datname:name! datdba:oid! encoding:int4! datlocprovider:char! datistemplate:bool!
      datallowconn:bool! datconnlimit:int4! datfrozenxid:xid! datminmxid:xid! dattablespace:oid! datcollate:text!
      datctype:text! daticulocale:text datcollversion:text datacl:_aclitem
    1417 r pg_foreign_server oid:oid! srvname:name! srvowner:oid! srvfdw:oid! srvtype:text srvversion:text
      srvacl:_aclitem srvoptions:_text
    1418 r pg_user_mapping oid:oid! umuser:oid! umserver:oid! umoptions:_text
    2224 r pg_sequence seqrelid:oid! seqtypid:oid! seqstart:int8! seqincrement:int8! seqmax:int8! seqmin:int8!
      seqcache:int8! seqcycle:bool!
    2328 r pg_foreign_data_wrapper oid:oid! fdwname:name! fdwowner:oid! fdwhandler:oid! fdwvalidator:oid!
      fdwacl:_aclitem fdwoptions:_text
    2396 r pg_shdescription objoid:oid! classoid:oid! description:text!
    2600 r pg_aggregate aggfnoid:regproc! aggkind:char! aggnumdirectargs:int2! aggtransfn:regproc!
      aggfinalfn:regproc! aggcombinefn:regproc! aggserialfn:regproc! aggdeserialfn:regproc! aggmtransfn:regproc!
      aggminvtransfn:regproc! aggmfinalfn:regproc! aggfinalextra:bool! aggmfinalextra:bool! aggfinalmodify:char!
      aggmfinalmodify:char! aggsortop:oid! aggtranstype:oid! aggtransspace:int4! aggmtranstype:oid!
      aggmtransspace:int4! agginitval:text aggminitval:text
    2601 r pg_am oid:oid! amname:name! amhandler:regproc! amtype:char!
    2602 r pg_amop oid:oid! amopfamily:oid! amoplefttype:oid! amoprighttype:oid! amopstrategy:int2!
      amoppurpose:char! amopopr:oid! amopmethod:oid! amopsortfamily:oid!
    2603 r pg_amproc oid:oid! amprocfamily:oid! amproclefttype:oid! amprocrighttype:oid! amprocnum:int2!
      amproc:regproc!
    2604 r pg_attrdef oid:oid! adrelid:oid! adnum:int2! adbin:pg_node_tree!
    2605 r pg_cast oid:oid! castsource:oid! casttarget:oid! castfunc:oid! castcontext:char! castmethod:char!
    2606 r pg_constraint oid:oid! conname:name! connamespace:oid! contype:char! condeferrable:bool!
      condeferred:bool! convalidated:bool! conrelid:oid! contypid:oid! conindid:oid! conparentid:oid!
      confrelid:oid! confupdtype:char! confdeltype:char! confmatchtype:char! conislocal:bool! coninhcount:int4!
      connoinherit:bool! conkey:_int2 confkey:_int2 conpfeqop:_oid conppeqop:_oid conffeqop:_oid
      confdelsetcols:_int2 conexclop:_oid conbin:pg_node_tree
    2607 r pg_conversion oid:oid! conname:name! connamespace:oid! conowner:oid! conforencoding:int4!
      contoencoding:int4! conproc:regproc! condefault:bool!
    2608 r pg_depend classid:oid! objid:oid! objsubid:int4! refclassid:oid! refobjid:oid! refobjsubid:int4!
      deptype:char!
    2609 r pg_description objoid:oid! classoid:oid! objsubid:int4! description:text!
    2610 r pg_index indexrelid:oid! indrelid:oid! indnatts:int2! indnkeyatts:int2! indisunique:bool!
      indnullsnotdistinct:bool! indisprimary:bool! indisexclusion:bool! indimmediate:bool! indisclustered:bool!
      indisvalid:bool! indcheckxmin:bool! indisready:bool! indislive:bool! indisreplident:bool! indkey:int2vector!
      indcollation:oidvector! indclass:oidvector! indoption:int2vector! indexprs:pg_node_tree indpred:pg_node_tree
    2611 r pg_inherits inhrelid:oid! inhparent:oid! inhseqno:int4! inhdetachpending:bool!
    2612 r pg_language oid:oid! lanname:name! lanowner:oid! lanispl:bool! lanpltrusted:bool! lanplcallfoid:oid!
      laninline:oid! lanvalidator:oid! lanacl:_aclitem
    2613 r pg_largeobject loid:oid! pageno:int4! data:bytea!
    2615 r pg_namespace oid:oid! nspname:name! nspowner:oid! nspacl:_aclitem
    2616 r pg_opclass oid:oid! opcmethod:oid! opcname:name! opcnamespace:oid! opcowner:oid! opcfamily:oid!
      opcintype:oid! opcdefault:bool! opckeytype:oid!
    2617 r pg_operator oid:oid! oprname:name! oprnamespace:oid! oprowner:oid! oprkind:char! oprcanmerge:bool!
      oprcanhash:bool! oprleft:oid! oprright:oid! oprresult:oid! oprcom:oid! oprnegate:oid! oprcode:regproc!
      oprrest:regproc! oprjoin:regproc!
    2618 r pg_rewrite oid:oid! rulename:name! ev_class:oid! ev_type:char! ev_enabled:char! is_instead:bool!
      ev_qual:pg_node_tree! ev_action:pg_node_tree!
    2619 r pg_statistic starelid:oid! staattnum:int2! stainherit:bool! stanullfrac:float4! stawidth:int4!
      stadistinct:float4! stakind1:int2! stakind2:int2! stakind3:int2! stakind4:int2! stakind5:int2! staop1:oid!
      staop2:oid! staop3:oid! staop4:oid! staop5:oid! stacoll1:oid! stacoll2:oid! stacoll3:oid! stacoll4:oid!
      stacoll5:oid! stanumbers1:_float4 stanumbers2:_float4 stanumbers3:_float4 stanumbers4:_float4
      stanumbers5:_float4 stavalues1:anyarray stavalues2:anyarray stavalues3:anyarray stavalues4:anyarray
      stavalues5:anyarray
    2620 r pg_trigger oid:oid! tgrelid:oid! tgparentid:oid! tgname:name! tgfoid:oid! tgtype:int2! tgenabled:char!
      tgisinternal:bool! tgconstrrelid:oid! tgconstrindid:oid! tgconstraint:oid! tgdeferrable:bool!
      tginitdeferred:bool! tgnargs:int2! tgattr:int2vector! tgargs:bytea! tgqual:pg_node_tree tgoldtable:name
      tgnewtable:name
    2753 r pg_opfamily oid:oid! opfmethod:oid! opfname:name! opfnamespace:oid! opfowner:oid!
    2964 r pg_db_role_setting setdatabase:oid! setrole:oid! setconfig:_text
    2995 r pg_largeobject_metadata oid:oid! lomowner:oid! lomacl:_aclitem
    3079 r pg_extension oid:oid! extname:name! extowner:oid! extnamespace:oid! extrelocatable:bool!
      extversion:text! extconfig:_oid extcondition:_text
    3118 r pg_foreign_table ftrelid:oid! ftserver:oid! ftoptions:_text
    3256 r pg_policy oid:oid! polname:name! polrelid:oid! polcmd:char! polpermissive:bool! polroles:_oid!
      polqual:pg_node_tree polwithcheck:pg_node_tree
    3350 r pg_partitioned_table partrelid:oid! partstrat:char! partnatts:int2! partdefid:oid!
      partattrs:int2vector! partclass:oidvector! partcollation:oidvector! partexprs:pg_node_tree
    3381 r pg_statistic_ext oid:oid! stxrelid:oid! stxname:name! stxnamespace:oid! stxowner:oid!
      stxstattarget:int4! stxkeys:int2vector! stxkind:_char! stxexprs:pg_node_tree
    3394 r pg_init_privs objoid:oid! classoid:oid! objsubid:int4! privtype:char! initprivs:_aclitem!
    3429 r pg_statistic_ext_data stxoid:oid! stxdinherit:bool! stxdndistinct:pg_ndistinct
      stxddependencies:pg_dependencies stxdmcv:pg_mcv_list stxdexpr:_pg_statistic
    3456 r pg_collation oid:oid! collname:name! collnamespace:oid! collowner:oid! collprovider:char!
      collisdeterministic:bool! collencoding:int4! collcollate:text collctype:text colliculocale:text
      collversion:text
    3466 r pg_event_trigger oid:oid! evtname:name! evtevent:name! evtowner:oid! evtfoid:oid! evtenabled:char!
      evttags:_text
    3501 r pg_enum oid:oid! enumtypid:oid! enumsortorder:float4! enumlabel:name!
    3541 r pg_range rngtypid:oid! rngsubtype:oid! rngmultitypid:oid! rngcollation:oid! rngsubopc:oid!
      rngcanonical:regproc! rngsubdiff:regproc!
    3576 r pg_transform oid:oid! trftype:oid! trflang:oid! trffromsql:regproc! trftosql:regproc!
    3592 r pg_shseclabel objoid:oid! classoid:oid! provider:text! label:text!
    3596 r pg_seclabel objoid:oid! classoid:oid! objsubid:int4! provider:text! label:text!
    3600 r pg_ts_dict oid:oid! dictname:name! dictnamespace:oid! dictowner:oid! dicttemplate:oid!
      dictinitoption:text
    3601 r pg_ts_parser oid:oid! prsname:name! prsnamespace:oid! prsstart:regproc! prstoken:regproc!
      prsend:regproc! prsheadline:regproc! prslextype:regproc!
    3602 r pg_ts_config oid:oid! cfgname:name! cfgnamespace:oid! cfgowner:oid! cfgparser:oid!
    3603 r pg_ts_config_map mapcfg:oid! maptokentype:int4! mapseqno:int4! mapdict:oid!
    3764 r pg_ts_template oid:oid! tmplname:name! tmplnamespace:oid! tmplinit:regproc! tmpllexize:regproc!
    6000 r pg_replication_origin roident:oid! roname:text!
    6100 r pg_subscription oid:oid! subdbid:oid! subskiplsn:pg_lsn! subname:name! subowner:oid! subenabled:bool!
      subbinary:bool! substream:bool! subtwophasestate:char! subdisableonerr:bool! subconninfo:text!
      subslotname:name subsynccommit:text! subpublications:_text!
    6102 r pg_subscription_rel srsubid:oid! srrelid:oid! srsubstate:char! srsublsn:pg_lsn
    6104 r pg_publication oid:oid! pubname:name! pubowner:oid! puballtables:bool! pubinsert:bool! pubupdate:bool!
      pubdelete:bool! pubtruncate:bool! pubviaroot:bool!
    6106 r pg_publication_rel oid:oid! prpubid:oid! prrelid:oid! prqual:pg_node_tree prattrs:int2vector
    6237 r pg_publication_namespace oid:oid! pnpubid:oid! pnnspid:oid!
    6243 r pg_parameter_acl oid:oid! parname:text! paracl:_aclitem
    """
}
