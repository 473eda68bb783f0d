// How the two RocksDB instances of a store are set up, and why.
//
// The prefix extractor's name is stored in every file: another transform needs another name, or filters lie.

import CRocksDB
import Glibc

extension RocksEngine {
  /// What one memory table may hold before it is written out, in bytes. Replay after a crash is bounded by it.
  private static let memoryTableByteCount = 64 << 20
  /// Memory tables of one family, the active one included; writes stall when all wait to be written out.
  private static let memoryTableLimit: Int32 = 4

  static func generalOptions(_ role: Role) -> OpaquePointer {
    let options: OpaquePointer = rocksdb_options_create()
    rocksdb_options_set_create_if_missing(options, 1)
    rocksdb_options_set_create_missing_column_families(options, 1)
    rocksdb_options_set_paranoid_checks(options, 1)
    rocksdb_options_set_max_background_jobs(options, 2)
    rocksdb_options_set_max_open_files(options, openFileLimit())
    rocksdb_options_set_bytes_per_sync(options, 1 << 20)
    // An idle node stays idle: no periodic dump of statistics; warnings and errors only, in few small files.
    rocksdb_options_set_stats_dump_period_sec(options, 0)
    rocksdb_options_set_stats_persist_period_sec(options, 0)
    rocksdb_options_set_info_log_level(options, 2)
    rocksdb_options_set_max_log_file_size(options, 16 << 20)
    rocksdb_options_set_keep_log_file_num(options, 4)
    switch role {
    case .state:
      rocksdb_options_set_atomic_flush(options, 1)
    case .log:
      // A torn last record is what a crash leaves; damage before it must not pass for the end of the log.
      rocksdb_options_set_wal_recovery_mode(options, 0)
    }
    return options
  }

  /// Files that one instance may keep open: all (-1, which also spares a look-up per read) where the process may open
  /// plenty (16,384 files of 64 MiB are a terabyte), else a quarter of what it may, since there are two instances, and
  /// sockets besides.
  private static func openFileLimit() -> Int32 {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 256 }
    return limit.rlim_cur >= 16_384 ? -1 : Int32(max(64, limit.rlim_cur / 4))
  }

  static func familyOptions(_ family: ColumnFamily, role: Role, cache: BlockCache) -> OpaquePointer {
    let options = generalOptions(role)
    rocksdb_options_set_write_buffer_size(options, memoryTableByteCount)
    rocksdb_options_set_max_write_buffer_number(options, memoryTableLimit)
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1)
    rocksdb_options_set_target_file_size_base(options, 64 << 20)
    rocksdb_options_set_max_bytes_for_level_base(options, 256 << 20)
    rocksdb_options_set_level0_file_num_compaction_trigger(options, 4)
    rocksdb_options_set_compression(options, Int32(rocksdb_lz4_compression))
    let table: OpaquePointer = rocksdb_block_based_options_create()
    defer { rocksdb_block_based_options_destroy(table) }
    rocksdb_block_based_options_set_block_cache(table, cache.handle)
    rocksdb_block_based_options_set_block_size(table, 8 << 10)
    rocksdb_block_based_options_set_format_version(table, 5)
    // Indexes and filters stay beside the cache, in memory: about 2 bytes a version, and reported in the metrics. In
    // the cache each file visited costs two more look-ups: a cached point read took 2.0 µs instead of 1.7.
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 0)
    if role == .state {
      rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom_full(10))
      if family == .data {
        rocksdb_options_set_prefix_extractor(options, stemExtractor())
        // A row that is not in a memory table is known not to be without a descent through it.
        rocksdb_options_set_memtable_prefix_bloom_size_ratio(options, 0.05)
        rocksdb_block_based_options_set_whole_key_filtering(table, 0)
      }
    }
    rocksdb_options_set_block_based_table_factory(options, table)
    return options
  }

  /// Cuts the timestamp off a data key.
  private static func stemExtractor() -> OpaquePointer {
    rocksdb_slicetransform_create(
      nil,
      { _ in },
      { _, key, count, resultCount in
        resultCount?.pointee = count - MVCCFormat.suffixCount
        return UnsafeMutablePointer(mutating: key)
      },
      { _, _, count in count > MVCCFormat.suffixCount ? 1 : 0 },
      { _, _, _ in 0 },
      { _ in stemExtractorName })
  }
}

/// In every file's properties: a changed transform needs a changed name.
private nonisolated(unsafe) let stemExtractorName: UnsafePointer<CChar> = {
  let name: StaticString = "meridian.stem.1"
  return UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
}()
