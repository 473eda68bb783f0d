// HOT: RocksDB behind the engine protocols.
//
// Two roles. A `state` engine holds the three families, writes no WAL, and flushes all families at one point of the
// order of writes (`atomic_flush`). A `log` engine holds one family (`data`), has a WAL, and syncs it on demand.
// The handle closes when the last reference goes: snapshots and iterators keep the engine alive.
// `data` of a state engine has a prefix extractor that cuts the timestamp off (MVCCFormat.swift), so that its bloom
// filters answer for a user key as a whole. Measured choices stand beside the options, in RocksEngine+Options.swift.
// Source: rocksdb/c.h 7.8; https://github.com/facebook/rocksdb/wiki/Atomic-flush.

import CRocksDB
import Encoding
import Glibc

/// Memory for blocks read from disk, shared by the engines of a store.
public final class BlockCache: @unchecked Sendable {
  let handle: OpaquePointer

  /// - Parameter byteCount: blocks of both engines together stay about below this; indexes and filters come on top.
  public init(byteCount: Int) {
    handle = rocksdb_cache_create_lru(max(byteCount, 1 << 20))
  }

  deinit {
    rocksdb_cache_destroy(handle)
  }

  /// Bytes held now.
  public var usage: Int { rocksdb_cache_get_usage(handle) }
}

/// Runs a call of RocksDB's and turns its error text into a `StorageError`.
@inline(__always)
func rocks<Result>(
  _ path: String, _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) throws(StorageError) -> Result {
  var text: UnsafeMutablePointer<CChar>?
  let result = body(&text)
  if let text {
    defer { rocksdb_free(text) }
    throw StorageError(rocksText: String(cString: text), path: path)
  }
  return result
}

extension UnsafeRawBufferPointer {
  /// The address as C wants it; any non-null address does for no bytes.
  @inline(__always)
  var characters: UnsafePointer<CChar> {
    guard let baseAddress else { return UnsafePointer(bitPattern: 1).unsafelyUnwrapped }
    return baseAddress.assumingMemoryBound(to: CChar.self)
  }
}

/// A RocksDB instance.
public final class RocksEngine: Engine, @unchecked Sendable {
  /// What an instance is for.
  public enum Role: Sendable {
    /// Versions, locks and local state; unlogged.
    case state
    /// The raft log; synced on demand.
    case log
  }

  public let path: String
  public let role: Role
  let database: OpaquePointer
  private let families: [OpaquePointer]
  private let plainReads: OpaquePointer
  private let pointReads: OpaquePointer
  private let persistedReads: OpaquePointer
  private let plainWrites: OpaquePointer
  private let syncedWrites: OpaquePointer
  private let cache: BlockCache

  /// Opens the instance at `path`, creating it if there is none.
  public init(path: String, role: Role, cache: BlockCache) throws(StorageError) {
    self.path = path
    self.role = role
    self.cache = cache
    let names = role == .state ? ["default", "locks", "local"] : ["default"]
    let general = Self.generalOptions(role)
    let perFamily = ColumnFamily.allCases.prefix(names.count).map {
      Self.familyOptions($0, role: role, cache: cache)
    }
    defer {
      rocksdb_options_destroy(general)
      perFamily.forEach { rocksdb_options_destroy($0) }
    }
    let cNames = names.map { UnsafePointer<CChar>(strdup($0)) }
    defer { cNames.forEach { free(UnsafeMutablePointer(mutating: $0)) } }
    var handles = [OpaquePointer?](repeating: nil, count: names.count)
    let opened = try rocks(path) { error in
      rocksdb_open_column_families(
        general, path, Int32(names.count), cNames, perFamily.map(Optional.some), &handles, error)
    }
    guard let opened else { throw .inputOutput("\(path) did not open") }
    database = opened
    families = handles.compactMap { $0 }
    plainReads = rocksdb_readoptions_create()
    pointReads = rocksdb_readoptions_create()
    persistedReads = rocksdb_readoptions_create()
    plainWrites = rocksdb_writeoptions_create()
    syncedWrites = rocksdb_writeoptions_create()
    if role == .state { rocksdb_readoptions_set_prefix_same_as_start(pointReads, 1) }
    rocksdb_readoptions_set_read_tier(persistedReads, Self.persistedTier)
    if role == .state {
      rocksdb_writeoptions_disable_WAL(plainWrites, 1)
      rocksdb_writeoptions_disable_WAL(syncedWrites, 1)
    } else {
      rocksdb_writeoptions_set_sync(syncedWrites, 1)
    }
    // Batches name families by number, so the numbers must be those of `ColumnFamily`.
    let numbers = families.map { rocksdb_column_family_handle_get_id($0) }
    guard numbers == (0..<UInt32(names.count)).map({ $0 }) else {
      throw .corruption("\(path) numbers its column families \(numbers)")
    }
  }

  deinit {
    families.forEach { rocksdb_column_family_handle_destroy($0) }
    rocksdb_close(database)
    rocksdb_readoptions_destroy(plainReads)
    rocksdb_readoptions_destroy(pointReads)
    rocksdb_readoptions_destroy(persistedReads)
    rocksdb_writeoptions_destroy(plainWrites)
    rocksdb_writeoptions_destroy(syncedWrites)
  }

  /// `kPersistedTier` of rocksdb/options.h: only what no crash can take away.
  private static let persistedTier: Int32 = 2

  func handle(_ family: ColumnFamily) -> OpaquePointer {
    families[Int(family.rawValue)]
  }

  public var sequence: UInt64 { rocksdb_get_latest_sequence_number(database) }

  public func read(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError) {
    try read(family, key, options: plainReads, body)
  }

  public func readPersisted(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError) {
    try read(family, key, options: role == .state ? persistedReads : plainReads, body)
  }

  func read(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, options: OpaquePointer,
    _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError) {
    let slice = try rocks(path) { error in
      rocksdb_get_pinned_cf(database, options, handle(family), key.characters, key.count, error)
    }
    guard let slice else {
      body(nil)
      return
    }
    var count = 0
    let bytes = rocksdb_pinnableslice_value(slice, &count)
    body(UnsafeRawBufferPointer(start: bytes, count: count))
    rocksdb_pinnableslice_destroy(slice)
  }

  public func makeIterator(
    _ family: ColumnFamily, _ bounds: IteratorBounds
  ) throws(StorageError) -> any EngineIterator {
    RocksIterator(self, family, bounds, snapshot: nil, shared: bounds.isPointRead ? pointReads : nil)
  }

  public func write(_ batch: WriteBatch, sync: Bool) throws(StorageError) {
    let native = batch.bytes.withUnsafeBytes { rocksdb_writebatch_create_from($0.characters, $0.count) }
    defer { rocksdb_writebatch_destroy(native) }
    try rocks(path) { error in
      rocksdb_write(database, sync ? syncedWrites : plainWrites, native, error)
    }
  }

  public func snapshot() -> any EngineSnapshot {
    RocksSnapshot(self)
  }

  /// Flushes every family at once. The C interface can flush only single families, which would tear a state engine's
  /// families apart; a manual compaction first flushes all of them atomically, and `local` is the smallest family.
  public func flush() throws(StorageError) {
    let before = property("rocksdb.background-errors")
    if role == .state {
      rocksdb_compact_range_cf(database, handle(.local), nil, 0, nil, 0)
    } else {
      let options = rocksdb_flushoptions_create()
      defer { rocksdb_flushoptions_destroy(options) }
      try rocks(path) { error in rocksdb_flush(database, options, error) }
    }
    if property("rocksdb.background-errors") != before {
      throw .inputOutput("a flush of \(path) failed; its LOG file says why")
    }
  }

  /// Changes with every flush, as well as with other work in the background.
  public var persistedMark: UInt64 { property("rocksdb.current-super-version-number") }

  public func approximateSize(
    _ family: ColumnFamily, start: [UInt8], end: [UInt8]
  ) throws(StorageError) -> UInt64 {
    try start.span.withUnsafeBytes { (start) throws(StorageError) -> UInt64 in
      try end.span.withUnsafeBytes { (end) throws(StorageError) -> UInt64 in
        var size: UInt64 = 0
        let starts: [UnsafePointer<CChar>?] = [start.characters]
        let ends: [UnsafePointer<CChar>?] = [end.characters]
        try rocks(path) { error in
          rocksdb_approximate_sizes_cf(
            database, handle(family), 1, starts, [start.count], ends, [end.count], &size, error)
        }
        return size
      }
    }
  }

  public func checkpoint(to target: String) throws(StorageError) {
    let checkpoint = try rocks(path) { error in rocksdb_checkpoint_object_create(database, error) }
    defer { rocksdb_checkpoint_object_destroy(checkpoint) }
    try rocks(path) { error in rocksdb_checkpoint_create(checkpoint, target, 0, error) }
  }

  /// Merges all files of a family, dropping what was deleted. Slow; for tools and measurements.
  public func compact(_ family: ColumnFamily) {
    rocksdb_compact_range_cf(database, handle(family), nil, 0, nil, 0)
  }

  /// The sum of a numeric property over the families; 0 if unknown.
  func property(_ name: String) -> UInt64 {
    var total: UInt64 = 0
    for family in families {
      var value: UInt64 = 0
      if rocksdb_property_int_cf(database, family, name, &value) == 0 { total += value }
    }
    return total
  }

  /// A property of the whole instance; 0 if unknown.
  private func globalProperty(_ name: String) -> UInt64 {
    var value: UInt64 = 0
    return rocksdb_property_int(database, name, &value) == 0 ? value : 0
  }

  private func firstLevelFiles() -> UInt64 {
    var most: UInt64 = 0
    for family in families {
      guard let text = rocksdb_property_value_cf(database, family, "rocksdb.num-files-at-level0") else {
        continue
      }
      most = max(most, UInt64(String(cString: text)) ?? 0)
      rocksdb_free(text)
    }
    return most
  }

  public func pressure() -> EnginePressure {
    var pressure = EnginePressure()
    pressure.firstLevelFiles = firstLevelFiles()
    pressure.pendingCompactionBytes = property("rocksdb.estimate-pending-compaction-bytes")
    pressure.waitingMemoryTables = property("rocksdb.num-immutable-mem-table")
    pressure.isStalled =
      globalProperty("rocksdb.is-write-stopped") != 0
      || globalProperty("rocksdb.actual-delayed-write-rate") != 0
    return pressure
  }

  public func metrics() -> [(name: String, value: UInt64)] {
    [
      ("sequence", sequence),
      ("memory_table_bytes", property("rocksdb.cur-size-all-mem-tables")),
      ("live_data_bytes", property("rocksdb.estimate-live-data-size")),
      ("file_bytes", property("rocksdb.total-sst-files-size")),
      ("table_reader_bytes", property("rocksdb.estimate-table-readers-mem")),
      ("estimated_keys", property("rocksdb.estimate-num-keys")),
      ("pending_compaction_bytes", property("rocksdb.estimate-pending-compaction-bytes")),
      ("first_level_files", firstLevelFiles()),
      ("running_compactions", globalProperty("rocksdb.num-running-compactions")),
      ("running_flushes", globalProperty("rocksdb.num-running-flushes")),
      ("background_errors", globalProperty("rocksdb.background-errors")),
      ("block_cache_bytes", UInt64(cache.usage)),
    ]
  }
}

/// A frozen view of a `RocksEngine`.
final class RocksSnapshot: EngineSnapshot, @unchecked Sendable {
  private let engine: RocksEngine
  private let snapshot: OpaquePointer
  private let plainReads: OpaquePointer
  private let pointReads: OpaquePointer

  init(_ engine: RocksEngine) {
    self.engine = engine
    snapshot = rocksdb_create_snapshot(engine.database)
    plainReads = rocksdb_readoptions_create()
    pointReads = rocksdb_readoptions_create()
    rocksdb_readoptions_set_snapshot(plainReads, snapshot)
    rocksdb_readoptions_set_snapshot(pointReads, snapshot)
    if engine.role == .state { rocksdb_readoptions_set_prefix_same_as_start(pointReads, 1) }
  }

  deinit {
    rocksdb_readoptions_destroy(plainReads)
    rocksdb_readoptions_destroy(pointReads)
    rocksdb_release_snapshot(engine.database, snapshot)
  }

  /// Nothing that is written later shows, so the number stands still.
  var sequence: UInt64 { 0 }

  func read(
    _ family: ColumnFamily, _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer?) -> Void
  ) throws(StorageError) {
    try engine.read(family, key, options: plainReads, body)
  }

  func makeIterator(
    _ family: ColumnFamily, _ bounds: IteratorBounds
  ) throws(StorageError) -> any EngineIterator {
    RocksIterator(
      engine, family, bounds, snapshot: snapshot, shared: bounds.isPointRead ? pointReads : nil, holding: self
    )
  }
}

/// A cursor of RocksDB's.
final class RocksIterator: EngineIterator {
  private let engine: RocksEngine
  private let holder: AnyObject?
  private let cursor: OpaquePointer
  /// Read options of this iterator alone, with its bounds; nil if it uses shared ones.
  private let ownOptions: OpaquePointer?
  private let boundBytes: UnsafeMutableRawBufferPointer

  init(
    _ engine: RocksEngine, _ family: ColumnFamily, _ bounds: IteratorBounds, snapshot: OpaquePointer?,
    shared: OpaquePointer?, holding holder: AnyObject? = nil
  ) {
    self.engine = engine
    self.holder = holder
    if let shared, bounds.lower == nil, bounds.upper == nil {
      ownOptions = nil
      boundBytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
      cursor = rocksdb_create_iterator_cf(engine.database, shared, engine.handle(family))
      return
    }
    let options: OpaquePointer = rocksdb_readoptions_create()
    let lowerCount = bounds.lower?.count ?? 0
    let upperCount = bounds.upper?.count ?? 0
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(1, lowerCount + upperCount), alignment: 1)
    if let lower = bounds.lower {
      lower.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: bytes[..<lowerCount]).copyMemory(from: $0)
      }
      rocksdb_readoptions_set_iterate_lower_bound(
        options, UnsafeRawBufferPointer(bytes).characters, lowerCount)
    }
    if let upper = bounds.upper {
      upper.withUnsafeBytes { source in
        UnsafeMutableRawBufferPointer(rebasing: bytes[lowerCount..<(lowerCount + upperCount)]).copyMemory(
          from: source)
      }
      rocksdb_readoptions_set_iterate_upper_bound(
        options, UnsafeRawBufferPointer(bytes).characters + lowerCount, upperCount)
    }
    if let snapshot { rocksdb_readoptions_set_snapshot(options, snapshot) }
    if bounds.isPointRead && engine.role == .state {
      rocksdb_readoptions_set_prefix_same_as_start(options, 1)
    } else {
      rocksdb_readoptions_set_total_order_seek(options, 1)
    }
    ownOptions = options
    boundBytes = bytes
    cursor = rocksdb_create_iterator_cf(engine.database, options, engine.handle(family))
  }

  deinit {
    rocksdb_iter_destroy(cursor)
    if let ownOptions {
      rocksdb_readoptions_destroy(ownOptions)
      boundBytes.deallocate()
    }
  }

  func seek(_ key: UnsafeRawBufferPointer) {
    rocksdb_iter_seek(cursor, key.characters, key.count)
  }

  func seekForPrevious(_ key: UnsafeRawBufferPointer) {
    rocksdb_iter_seek_for_prev(cursor, key.characters, key.count)
  }

  func seekToFirst() {
    rocksdb_iter_seek_to_first(cursor)
  }

  func seekToLast() {
    rocksdb_iter_seek_to_last(cursor)
  }

  func next() {
    rocksdb_iter_next(cursor)
  }

  func previous() {
    rocksdb_iter_prev(cursor)
  }

  var isValid: Bool { rocksdb_iter_valid(cursor) != 0 }

  var key: UnsafeRawBufferPointer {
    var count = 0
    let bytes = rocksdb_iter_key(cursor, &count)
    return UnsafeRawBufferPointer(start: bytes, count: count)
  }

  var value: UnsafeRawBufferPointer {
    var count = 0
    let bytes = rocksdb_iter_value(cursor, &count)
    return UnsafeRawBufferPointer(start: bytes, count: count)
  }

  func checkStatus() throws(StorageError) {
    try rocks(engine.path) { error in rocksdb_iter_get_error(cursor, error) }
  }
}
