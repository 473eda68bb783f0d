// The key words of PostgreSQL 15's grammar and how each may be used as a name.
//
// Contract: the cases stand in alphabetical order, `absent` first, so that a case's raw value is its line in
// `spelling`. Source: PostgreSQL 15's `pg_get_keywords()`; manual, appendix C.

/// A key word; `absent` for a token that is none.
enum Keyword: UInt16, CaseIterable, Sendable {
  case absent
  case abort, absolute, access, action, add, admin, after, aggregate, all, also, alter, always, analyse
  case analyze, and, any, array, `as`, asc, asensitive, assertion, assignment, asymmetric, at, atomic
  case attach, attribute, authorization, backward, before, begin, between, bigint, binary, bit, boolean
  case both, breadth, by, cache, call, called, cascade, cascaded, `case`, cast, catalog, chain, char
  case character, characteristics, check, checkpoint, `class`, close, cluster, coalesce, collate, collation
  case column, columns, comment, comments, commit, committed, compression, concurrently, configuration
  case conflict, connection, constraint, constraints, content, `continue`, conversion, copy, cost, create
  case cross, csv, cube, current, current_catalog, current_date, current_role, current_schema, current_time
  case current_timestamp, current_user, cursor, cycle, data, database, day, deallocate, dec, decimal
  case declare, `default`, defaults, deferrable, deferred, definer, delete, delimiter, delimiters, depends
  case depth, desc, detach, dictionary, disable, discard, distinct, `do`, document, domain, double, drop
  case each, `else`, enable, encoding, encrypted, end, `enum`, escape, event, except, exclude, excluding
  case exclusive, execute, exists, explain, expression, `extension`, external, extract, `false`, family
  case fetch, filter, finalize, first, float, following, `for`, force, foreign, forward, freeze, from, full
  case function, functions, generated, global, grant, granted, greatest, group, grouping, groups, handler
  case having, header, hold, hour, identity, `if`, ilike, immediate, immutable, implicit, `import`, `in`
  case include, including, increment, index, indexes, inherit, inherits, initially, inline, inner, `inout`
  case input, insensitive, insert, instead, int, integer, intersect, interval, into, invoker, `is`, isnull
  case isolation, join, key, label, language, large, last, lateral, leading, leakproof, least, left, level
  case like, limit, listen, load, local, localtime, localtimestamp, location, lock, locked, logged, mapping
  case match, matched, materialized, maxvalue, merge, method, minute, minvalue, mode, month, move, name
  case names, national, natural, nchar, new, next, nfc, nfd, nfkc, nfkd, no, none_, normalize, normalized
  case not, nothing, notify, notnull, nowait, null, nullif, nulls, numeric, object, of, off, offset, oids
  case old, on, only, `operator`, option, options, or, order, ordinality, others, out, outer, over
  case overlaps, overlay, overriding, owned, owner, parallel, parameter, parser, partial, partition
  case passing, password, placing, plans, policy, position, preceding, precision, prepare, prepared
  case preserve, primary, prior, privileges, procedural, procedure, procedures, program, publication, quote
  case range, read, real, reassign, recheck, recursive, ref, references, referencing, refresh, reindex
  case relative, release, rename, repeatable, replace, replica, reset, restart, restrict, `return`
  case returning, returns, revoke, right, role, rollback, rollup, routine, routines, row, rows, rule
  case savepoint, schema, schemas, scroll, search, second, security, select, sequence, sequences
  case serializable, server, session, session_user, set, setof, sets, share, show, similar, simple, skip
  case smallint, snapshot, some, sql, stable, standalone, start, statement, statistics, stdin, stdout
  case storage, stored, strict, strip, subscription, substring, support, symmetric, sysid, system, table
  case tables, tablesample, tablespace, temp, template, temporary, text, then, ties, time, timestamp, to
  case trailing, transaction, transform, treat, trigger, trim, `true`, truncate, trusted, type, types
  case uescape, unbounded, uncommitted, unencrypted, union, unique, unknown, unlisten, unlogged, until
  case update, user, using, vacuum, valid, validate, validator, value, values, varchar, variadic, varying
  case verbose, version, view, views, volatile, when, `where`, whitespace, window, with, within, without
  case work, wrapper, write, xml, xmlattributes, xmlconcat, xmlelement, xmlexists, xmlforest, xmlnamespaces
  case xmlparse, xmlpi, xmlroot, xmlserialize, xmltable, year, yes, zone

  /// How a key word may be used as a name.
  enum Category: UInt8, Sendable {
    /// Any name.
    case unreserved
    /// Columns, tables and so on, but not functions or types.
    case columnName
    /// Functions and types, but not columns or tables.
    case typeOrFunctionName
    /// Only a label after AS.
    case reserved
  }

  /// The word itself, lower case.
  var text: String { Keyword.spellings[Int(rawValue)] }
  var category: Category { Keyword.categories[Int(rawValue)] }
  /// Whether the word can be a column label without AS.
  var isBareLabel: Bool { Keyword.bareLabels[Int(rawValue)] }

  static let spellings: [String] = ("*absent* " + spelling).split(separator: " ").map(String.init)

  private static let categories: [Category] = {
    var table = [Category](repeating: .unreserved, count: allCases.count)
    for word in columnNames { table[Int(word.rawValue)] = .columnName }
    for word in typeOrFunctionNames { table[Int(word.rawValue)] = .typeOrFunctionName }
    for word in reservedWords { table[Int(word.rawValue)] = .reserved }
    return table
  }()

  private static let bareLabels: [Bool] = {
    var table = [Bool](repeating: true, count: allCases.count)
    table[Int(Keyword.absent.rawValue)] = false
    for word in wordsThatNeedAs { table[Int(word.rawValue)] = false }
    return table
  }()

  private static let spelling = """
    abort absolute access action add admin after aggregate all also alter always analyse analyze and \
    any array as asc asensitive assertion assignment asymmetric at atomic attach attribute \
    authorization backward before begin between bigint binary bit boolean both breadth by cache call \
    called cascade cascaded case cast catalog chain char character characteristics check checkpoint \
    class close cluster coalesce collate collation column columns comment comments commit committed \
    compression concurrently configuration conflict connection constraint constraints content continue \
    conversion copy cost create cross csv cube current current_catalog current_date current_role \
    current_schema current_time current_timestamp current_user cursor cycle data database day \
    deallocate dec decimal declare default defaults deferrable deferred definer delete delimiter \
    delimiters depends depth desc detach dictionary disable discard distinct do document domain double \
    drop each else enable encoding encrypted end enum escape event except exclude excluding exclusive \
    execute exists explain expression extension external extract false family fetch filter finalize \
    first float following for force foreign forward freeze from full function functions generated \
    global grant granted greatest group grouping groups handler having header hold hour identity if \
    ilike immediate immutable implicit import in include including increment index indexes inherit \
    inherits initially inline inner inout input insensitive insert instead int integer intersect \
    interval into invoker is isnull isolation join key label language large last lateral leading \
    leakproof least left level like limit listen load local localtime localtimestamp location lock \
    locked logged mapping match matched materialized maxvalue merge method minute minvalue mode month \
    move name names national natural nchar new next nfc nfd nfkc nfkd no none normalize normalized not \
    nothing notify notnull nowait null nullif nulls numeric object of off offset oids old on only \
    operator option options or order ordinality others out outer over overlaps overlay overriding \
    owned owner parallel parameter parser partial partition passing password placing plans policy \
    position preceding precision prepare prepared preserve primary prior privileges procedural \
    procedure procedures program publication quote range read real reassign recheck recursive ref \
    references referencing refresh reindex relative release rename repeatable replace replica reset \
    restart restrict return returning returns revoke right role rollback rollup routine routines row \
    rows rule savepoint schema schemas scroll search second security select sequence sequences \
    serializable server session session_user set setof sets share show similar simple skip smallint \
    snapshot some sql stable standalone start statement statistics stdin stdout storage stored strict \
    strip subscription substring support symmetric sysid system table tables tablesample tablespace \
    temp template temporary text then ties time timestamp to trailing transaction transform treat \
    trigger trim true truncate trusted type types uescape unbounded uncommitted unencrypted union \
    unique unknown unlisten unlogged until update user using vacuum valid validate validator value \
    values varchar variadic varying verbose version view views volatile when where whitespace window \
    with within without work wrapper write xml xmlattributes xmlconcat xmlelement xmlexists xmlforest \
    xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable year yes zone
    """

  /// Category C.
  private static let columnNames: [Keyword] = [
    .between, .bigint, .bit, .boolean, .char, .character, .coalesce, .dec, .decimal, .exists, .extract,
    .float, .greatest, .grouping, .inout, .int, .integer, .interval, .least, .national, .nchar, .none_,
    .normalize, .nullif, .numeric, .out, .overlay, .position, .precision, .real, .row, .setof, .smallint,
    .substring, .time, .timestamp, .treat, .trim, .values, .varchar, .xmlattributes, .xmlconcat,
    .xmlelement, .xmlexists, .xmlforest, .xmlnamespaces, .xmlparse, .xmlpi, .xmlroot, .xmlserialize,
    .xmltable,
  ]

  /// Category T.
  private static let typeOrFunctionNames: [Keyword] = [
    .authorization, .binary, .collation, .concurrently, .cross, .current_schema, .freeze, .full, .ilike,
    .inner, .is, .isnull, .join, .left, .like, .natural, .notnull, .outer, .overlaps, .right, .similar,
    .tablesample, .verbose,
  ]

  /// Category R.
  private static let reservedWords: [Keyword] = [
    .all, .analyse, .analyze, .and, .any, .array, .as, .asc, .asymmetric, .both, .case, .cast, .check,
    .collate, .column, .constraint, .create, .current_catalog, .current_date, .current_role,
    .current_time, .current_timestamp, .current_user, .default, .deferrable, .desc, .distinct, .do,
    .else, .end, .except, .false, .fetch, .for, .foreign, .from, .grant, .group, .having, .in,
    .initially, .intersect, .into, .lateral, .leading, .limit, .localtime, .localtimestamp, .not, .null,
    .offset, .on, .only, .or, .order, .placing, .primary, .references, .returning, .select,
    .session_user, .some, .symmetric, .table, .then, .to, .trailing, .true, .union, .unique, .user,
    .using, .variadic, .when, .where, .window, .with,
  ]

  /// Not usable as a bare column label.
  private static let wordsThatNeedAs: [Keyword] = [
    .array, .as, .char, .character, .create, .day, .except, .fetch, .filter, .for, .from, .grant, .group,
    .having, .hour, .intersect, .into, .isnull, .limit, .minute, .month, .notnull, .offset, .on, .order,
    .over, .overlaps, .precision, .returning, .second, .to, .union, .varying, .where, .window, .with,
    .within, .without, .year,
  ]
}

/// Finds key words by hash of their folded bytes: open addressing, built once.
struct KeywordTable: Sendable {
  private var slots: [UInt16]
  private var bytes: [UInt8]
  private var offsets: [Int32]
  private let mask: Int
  /// No key word is longer or shorter than this.
  static let lengths = 2...17

  static let shared = KeywordTable()

  private init() {
    mask = 2047
    slots = [UInt16](repeating: 0, count: 2048)
    bytes = []
    offsets = []
    for (index, name) in Keyword.spellings.enumerated() {
      offsets.append(Int32(bytes.count))
      bytes += Array(name.utf8)
      guard index > 0 else { continue }
      var hash: UInt32 = KeywordTable.seed
      for byte in name.utf8 { hash = KeywordTable.mix(hash, byte) }
      var slot = Int(hash ^ (hash >> 15)) & mask
      while slots[slot] != 0 { slot = (slot + 1) & mask }
      slots[slot] = UInt16(index)
    }
    offsets.append(Int32(bytes.count))
  }

  /// FNV-1a, step by step while the lexer walks over a word.
  static let seed: UInt32 = 2_166_136_261
  @inline(__always)
  static func mix(_ hash: UInt32, _ byte: UInt8) -> UInt32 { (hash ^ UInt32(byte)) &* 16_777_619 }

  /// The key word with this hash (over folded bytes) that spells `source[range]`, letter case aside.
  func find(_ hash: UInt32, _ source: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Keyword {
    var slot = Int(hash ^ (hash >> 15)) & mask
    while true {
      let index = Int(slots[slot])
      if index == 0 { return .absent }
      let base = Int(offsets[index])
      if Int(offsets[index + 1]) - base == end - start {
        var i = 0
        while i < end - start, bytes[base + i] == foldASCII(source[start + i]) { i += 1 }
        if i == end - start { return Keyword(rawValue: UInt16(index)) ?? .absent }
      }
      slot = (slot + 1) & mask
    }
  }
}

/// Lower case of an ASCII letter; any other byte as it is.
@inline(__always)
func foldASCII(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }
