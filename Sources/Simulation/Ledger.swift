// The state machine of simulated groups: a sum, a count, and a hash over everything that was applied, in order. Two states
// at the same entry are equal when their hashes are; an entry that is left out, doubled or exchanged shows for good.
//
//   command := id:varint delta:zig-zag padding
//   state   := crc32c:u32le of the rest | index term hash count sum:zig-zag membership padding

import Encoding
import Raft

struct Ledger: Equatable {
  var index: LogIndex
  var term: Term
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  var commandCount: UInt64 = 0
  var sum: Int64 = 0
  /// The members as of `index`.
  var membership: Membership

  init(after id: EntryID, _ membership: Membership) {
    index = id.index
    term = id.term
    self.membership = membership
  }

  mutating func apply(_ entry: Entry) {
    index = entry.index
    term = entry.term
    mix(entry.index.rawValue)
    mix(entry.term.rawValue)
    mix(UInt64(CRC32C.checksum(entry.data)) << 8 | UInt64(entry.kind.rawValue))
    if let (_, delta) = Self.decode(entry) {
      commandCount += 1
      sum &+= delta
      mix(UInt64(bitPattern: sum))
    }
  }

  private mutating func mix(_ number: UInt64) {
    hash = (hash ^ number) &* 0x0000_0100_0000_01b3
    hash ^= hash >> 31
  }

  // MARK: Commands

  static func command(_ id: UInt64, delta: Int64, paddingCount: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16 + paddingCount)
    ValueEncoding.appendVarint(id, to: &bytes)
    ValueEncoding.appendSignedVarint(delta, to: &bytes)
    for position in 0..<paddingCount { bytes.append(UInt8(truncatingIfNeeded: position &* 31 &+ Int(id & 0xff))) }
    return bytes
  }

  static func decode(_ entry: Entry) -> (id: UInt64, delta: Int64)? {
    guard entry.kind == .normal, !entry.data.isEmpty else { return nil }
    return entry.data.withUnsafeBytes { raw in
      var reader = ByteReader(raw)
      guard let id = reader.readVarint(), let delta = reader.readSignedVarint() else { return nil }
      return (id, delta)
    }
  }

  // MARK: Bytes

  func encode(paddingCount: Int) -> [UInt8] {
    var body: [UInt8] = []
    for number in [index.rawValue, term.rawValue, hash, commandCount] { ValueEncoding.appendVarint(number, to: &body) }
    ValueEncoding.appendSignedVarint(sum, to: &body)
    membership.encode(into: &body)
    body += [UInt8](repeating: 0x5a, count: paddingCount)
    var bytes: [UInt8] = []
    ValueEncoding.appendFixed(CRC32C.checksum(body), to: &bytes)
    return bytes + body
  }

  /// Nil when the bytes are damaged.
  init?(decoding bytes: [UInt8]) {
    let decoded = bytes.withUnsafeBytes { raw -> Ledger? in
      var reader = ByteReader(raw)
      guard let checksum = reader.readFixed(UInt32.self), CRC32C.checksum(reader.rest) == checksum,
        let index = reader.readVarint(), let term = reader.readVarint(), let hash = reader.readVarint(),
        let count = reader.readVarint(), let sum = reader.readSignedVarint(),
        let membership = Membership(decoding: &reader)
      else { return nil }
      var ledger = Ledger(after: EntryID(term: Term(term), index: LogIndex(index)), membership)
      ledger.hash = hash
      ledger.commandCount = count
      ledger.sum = sum
      return ledger
    }
    guard let decoded else { return nil }
    self = decoded
  }
}
