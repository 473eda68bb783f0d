// One member's log, hard state and received snapshots as a file of records, each with a checksum.
//
//   record := magic:u32le byteCount:u32le crc32c:u32le of the body | body
//   body   := flags:u8 synced [state] [base] [snapshot] count { entry }
//   flags  := 1 state | 2 base | 4 snapshot
//
// `synced` is how much of the file was durable when the record was written. A loss of power may drop or tear records
// behind the last sync; then reading ends at the first bad one, and nothing is lost that anyone was told of. But if a
// later record says that a bad one had been durable, the disk has lost what it had promised to keep: then the member
// must not go on as if it had never vouched for those entries (Alagappan et al., "Protocol-Aware Recovery", 2018).
// `base` begins a journal that was written anew without what is compacted away.

import Encoding
import Raft

struct RaftJournal {
  static let magic: UInt32 = 0x4c4a_524d

  /// What one write adds.
  struct Record: Equatable {
    var syncedByteCount = 0
    var hardState: HardState?
    var base: EntryID?
    var snapshot: Snapshot?
    var entries: [Entry] = []

    var isEmpty: Bool { hardState == nil && base == nil && snapshot == nil && entries.isEmpty }

    func encode(into bytes: inout [UInt8]) {
      var body: [UInt8] = []
      body.reserveCapacity(64 + entries.encodedByteCount)
      body.append((hardState == nil ? 0 : 1) | (base == nil ? 0 : 2) | (snapshot == nil ? 0 : 4))
      ValueEncoding.appendVarint(UInt64(syncedByteCount), to: &body)
      hardState?.encode(into: &body)
      if let base {
        ValueEncoding.appendVarint(base.term.rawValue, to: &body)
        ValueEncoding.appendVarint(base.index.rawValue, to: &body)
      }
      snapshot?.encode(into: &body)
      ValueEncoding.appendVarint(UInt64(entries.count), to: &body)
      for entry in entries { entry.encode(into: &body) }
      ValueEncoding.appendFixed(RaftJournal.magic, to: &bytes)
      ValueEncoding.appendFixed(UInt32(body.count), to: &bytes)
      ValueEncoding.appendFixed(CRC32C.checksum(body), to: &bytes)
      bytes += body
    }

    /// Reads one record; nil when there is none, or a damaged one.
    init?(decoding reader: inout ByteReader) {
      guard reader.readFixed(UInt32.self) == RaftJournal.magic, let count = reader.readFixed(UInt32.self),
        let checksum = reader.readFixed(UInt32.self), let raw = reader.readBytes(Int(count)),
        CRC32C.checksum(raw) == checksum
      else { return nil }
      var body = ByteReader(raw)
      guard let flags = body.readUInt8(), flags < 8, let synced = body.readVarint(), synced < UInt64(Int.max) else {
        return nil
      }
      syncedByteCount = Int(synced)
      if flags & 1 != 0 {
        guard let state = HardState(decoding: &body) else { return nil }
        hardState = state
      }
      if flags & 2 != 0 {
        guard let term = body.readVarint(), let index = body.readVarint() else { return nil }
        base = EntryID(term: Term(term), index: LogIndex(index))
      }
      if flags & 4 != 0 {
        guard let snapshot = Snapshot(decoding: &body) else { return nil }
        self.snapshot = snapshot
      }
      guard let entryCount = body.readVarint(), entryCount <= UInt64(body.remaining) else { return nil }
      for _ in 0..<entryCount {
        guard let entry = Entry(decoding: &body) else { return nil }
        entries.append(entry)
      }
      guard body.isAtEnd else { return nil }
    }

    init(syncedByteCount: Int = 0) { self.syncedByteCount = syncedByteCount }
  }

  /// What a journal amounts to.
  var hardState = HardState()
  var base = EntryID(term: .zero, index: .zero)
  /// The last snapshot received, if it stands at `base`.
  var snapshot: Snapshot?
  var entries: [Entry] = []
  /// Where the last good record ends.
  private(set) var byteCount = 0
  /// What had been durable by its own account.
  private(set) var provableByteCount = 0
  /// Whether something that had been durable is not readable.
  private(set) var isDamaged = false

  init(reading bytes: [UInt8]) {
    bytes.withUnsafeBytes { raw in
      var reader = ByteReader(raw)
      while !reader.isAtEnd {
        let start = reader.offset
        guard let record = Record(decoding: &reader), take(record) else {
          isDamaged = Self.findsProof(of: start, in: raw)
          return
        }
        byteCount = reader.offset
        provableByteCount = max(provableByteCount, record.syncedByteCount)
      }
    }
  }

  private mutating func take(_ record: Record) -> Bool {
    if let hardState = record.hardState { self.hardState = hardState }
    if let base = record.base {
      self.base = base
      entries = []
      snapshot = nil
    }
    if let snapshot = record.snapshot {
      self.snapshot = snapshot
      base = snapshot.id
      entries = []
    }
    let fresh = record.entries.drop { $0.index <= base.index }
    guard let first = fresh.first else { return true }
    let position = Int(first.index.rawValue) - Int(base.index.rawValue) - 1
    guard position <= entries.count else { return false }
    entries.removeSubrange(position...)
    entries += fresh
    return true
  }

  /// Whether a record behind `offset` tells that the bytes there had been durable.
  private static func findsProof(of offset: Int, in raw: UnsafeRawBufferPointer) -> Bool {
    var position = offset + 1
    while position + 12 <= raw.count {
      if UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: position, as: UInt32.self)) == magic {
        var reader = ByteReader(raw, offset: position)
        if let record = Record(decoding: &reader), record.syncedByteCount > offset { return true }
      }
      position += 1
    }
    return false
  }
}
