// Data that no descriptor knows any more: dropped tables and indexes, truncated and rewritten tables. The transaction that
// drops it notes the index under `KeyLayout.garbage`; nothing is deleted then, since readers of older snapshots, and of the
// past, still want it. Later the span is cleared whole, versions and all, and the note after it.
//
// What counts is when the drop was committed: a transaction that began before still sees the table. So the notes are read as of the
// time before which nobody reads any more.
//
//   KeyLayout.garbage(table, index)    8 bytes, little endian: wall time of the drop, nanoseconds since the Unix epoch
//
// Clearing twice does no harm, so a crash between the two steps does not either.

import Clocks
import Encoding
import SQLTypes
import Transactions

public enum DroppedStorage {
  static func entry(droppedAt wallTime: Int64) -> [UInt8] {
    var bytes: [UInt8] = []
    ValueEncoding.appendFixed(wallTime, to: &bytes)
    return bytes
  }

  /// The note and the span of data, for what was dropped before `limit`. A damaged note counts as just made.
  static func spans(in block: KeyValueBlock, droppedBefore limit: Int64) -> [(note: Key, data: KeySpan)] {
    var found: [(note: Key, data: KeySpan)] = []
    for row in 0..<block.count {
      let wallTime = block.withValue(row) { bytes in
        var reader = ByteReader(bytes)
        return reader.readFixed(Int64.self)
      }
      guard let wallTime, wallTime < limit else { continue }
      let ids = block.withKey(row) { bytes -> (UInt64, UInt64)? in
        var reader = ByteReader(bytes, offset: KeyLayout.garbageList.bytes.count)
        guard let table = reader.readOrderedUInt64(), let index = reader.readOrderedUInt64() else { return nil }
        return (table, index)
      }
      guard let ids, let table = UInt32(exactly: ids.0), let index = UInt32(exactly: ids.1) else { continue }
      found.append((block.key(row), KeySpan(prefix: KeyLayout.index(OID(table), index))))
    }
    return found
  }

  /// Clears what was dropped before `limit` (nanoseconds since the Unix epoch), and returns how many indexes' data that was.
  /// No transaction, and no read of the past, may still read below `limit`.
  public static func clear(
    in system: TransactionSystem, droppedBefore limit: Int64
  ) async throws(TransactionError) -> Int {
    let past = system.beginRead(asOf: Timestamp(wall: limit - 1, logical: .max), label: "upkeep")
    let committed = try await past.entries(KeySpan(prefix: KeyLayout.garbageList))
    await past.rollback()
    if committed.isEmpty { return 0 }
    // Those that nobody has cleared since.
    let present = system.begin(isReadOnly: true, label: "upkeep")
    let block = try await present.entries(KeySpan(prefix: KeyLayout.garbageList))
    await present.rollback()
    let left = Set((0..<block.count).map { block.key($0) })
    let dropped = spans(in: committed, droppedBefore: limit).filter { left.contains($0.note) }
    for (note, data) in dropped {
      try await system.clear(data)
      let writer = system.begin(label: "upkeep")
      do throws(TransactionError) {
        writer.delete(note)
        _ = try await writer.commit()
      } catch {
        await writer.rollback()
        // Another node was there first, or will be: the next round sees.
        guard case .retry = error else { throw error }
      }
    }
    return dropped.count
  }
}
