// The bytes of messages, entries, hard states and snapshots: what travels between members and what stands in logs.
//
//   message  := crc32c:u32le of the rest | kind:u8 flags:u8 to from term logTerm index commit vote hint [reads]
//               count { entry } [snapshot]
//   flags    := 1 rejection | 2 snapshot | 4 leadership transfer | 8 reads
//   entry    := term index kind:u8 data
//   state    := term vote commit
//   snapshot := index term membership data
//   membership := flags:u8 (1 leaves automatically) voters outgoing learners staged, each count { peer }
//
// Numbers are varints, data carry a varint of their count. Decoding trusts nothing: what is cut short, fails its
// checksum, speaks of numbers that no group reaches, or is a kind that only a node itself may send, is refused.

import Encoding

extension Message {
  /// Why a message cannot be read.
  public enum DecodingFailure: Error, Hashable, Sendable {
    /// The checksum does not fit: the bytes changed on their way.
    case damaged
    /// The checksum fits, but this is no message: the sender speaks another language.
    case malformed
  }

  /// The message as bytes. Only for messages to other members.
  public func encode() -> [UInt8] {
    precondition(!kind.isLocal && responses.isEmpty, "a \(kind) does not leave its node")
    var bytes: [UInt8] = []
    bytes.reserveCapacity(48 + entries.encodedByteCount)
    bytes += [0, 0, 0, 0, kind.rawValue, 0]
    var flags: UInt8 = isRejection ? 1 : 0
    for number in [
      to.rawValue, from.rawValue, term.rawValue, logTerm.rawValue, index.rawValue, commit.rawValue, vote.rawValue,
      rejectionHint.rawValue,
    ] {
      ValueEncoding.appendVarint(number, to: &bytes)
    }
    switch context {
    case .none: break
    case .leadershipTransfer: flags |= 4
    case .reads(let count):
      flags |= 8
      ValueEncoding.appendVarint(count, to: &bytes)
    }
    ValueEncoding.appendVarint(UInt64(entries.count), to: &bytes)
    for entry in entries { entry.encode(into: &bytes) }
    if let snapshot {
      flags |= 2
      snapshot.encode(into: &bytes)
    }
    bytes[5] = flags
    let checksum = bytes.withUnsafeBytes { CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[4...])) }
    for position in 0..<4 { bytes[position] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * position)) }
    return bytes
  }

  public init(decoding bytes: [UInt8]) throws(DecodingFailure) {
    let decoded = bytes.withUnsafeBytes { raw -> Result<Message, DecodingFailure> in
      var reader = ByteReader(raw)
      guard let checksum = reader.readFixed(UInt32.self), CRC32C.checksum(reader.rest) == checksum else {
        return .failure(.damaged)
      }
      guard let message = Message(body: &reader), reader.isAtEnd else { return .failure(.malformed) }
      return .success(message)
    }
    self = try decoded.get()
  }

  private init?(body reader: inout ByteReader) {
    guard let kind = reader.readUInt8().flatMap(MessageKind.init(rawValue:)), !kind.isLocal,
      let flags = reader.readUInt8(), flags < 16, flags & 12 != 12,
      let to = reader.readPeer(), let from = reader.readPeer(),
      let term = reader.readTerm(), let logTerm = reader.readTerm(), let index = reader.readIndex(),
      let commit = reader.readIndex(), let vote = reader.readPeer(), let hint = reader.readIndex()
    else { return nil }
    self.init(
      kind, to: to, from: from, term: term, log: EntryID(term: logTerm, index: index), commit: commit,
      isRejection: flags & 1 != 0)
    self.vote = vote
    rejectionHint = hint
    if flags & 4 != 0 { context = .leadershipTransfer }
    if flags & 8 != 0 {
      guard let count = reader.readVarint() else { return nil }
      context = .reads(count)
    }
    // An entry takes four bytes at least.
    guard let count = reader.readVarint(), count <= UInt64(reader.remaining / 4) else { return nil }
    entries.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let entry = Entry(decoding: &reader) else { return nil }
      entries.append(entry)
    }
    if flags & 2 != 0 {
      guard let snapshot = Snapshot(decoding: &reader) else { return nil }
      self.snapshot = snapshot
    }
  }
}

extension Entry {
  public func encode(into bytes: inout [UInt8]) {
    ValueEncoding.appendVarint(term.rawValue, to: &bytes)
    ValueEncoding.appendVarint(index.rawValue, to: &bytes)
    bytes.append(kind.rawValue)
    ValueEncoding.appendLengthPrefixed(data, to: &bytes)
  }

  /// Nil when the bytes end early or mean nothing.
  public init?(decoding reader: inout ByteReader) {
    guard let term = reader.readTerm(), let index = reader.readIndex(),
      let kind = reader.readUInt8().flatMap(EntryKind.init(rawValue:)), let data = reader.readLengthPrefixed()
    else { return nil }
    self.init(term: term, index: index, kind: kind, data: [UInt8](data))
  }
}

extension HardState {
  public func encode(into bytes: inout [UInt8]) {
    ValueEncoding.appendVarint(term.rawValue, to: &bytes)
    ValueEncoding.appendVarint(vote.rawValue, to: &bytes)
    ValueEncoding.appendVarint(commit.rawValue, to: &bytes)
  }

  public init?(decoding reader: inout ByteReader) {
    guard let term = reader.readTerm(), let vote = reader.readPeer(), let commit = reader.readIndex() else {
      return nil
    }
    self.init(term: term, vote: vote, commit: commit)
  }
}

extension Snapshot {
  public func encode(into bytes: inout [UInt8]) {
    ValueEncoding.appendVarint(index.rawValue, to: &bytes)
    ValueEncoding.appendVarint(term.rawValue, to: &bytes)
    membership.encode(into: &bytes)
    ValueEncoding.appendLengthPrefixed(data, to: &bytes)
  }

  public init?(decoding reader: inout ByteReader) {
    guard let index = reader.readIndex(), let term = reader.readTerm(),
      let membership = Membership(decoding: &reader), let data = reader.readLengthPrefixed()
    else { return nil }
    self.init(index: index, term: term, membership: membership, data: [UInt8](data))
  }
}

extension Membership {
  public func encode(into bytes: inout [UInt8]) {
    bytes.append(leavesAutomatically ? 1 : 0)
    for peers in [voters.incoming, voters.outgoing, learners, stagedLearners] {
      ValueEncoding.appendVarint(UInt64(peers.count), to: &bytes)
      for peer in peers { ValueEncoding.appendVarint(peer.rawValue, to: &bytes) }
    }
  }

  /// Nil also when the membership is not sound: no member can be restored with it.
  public init?(decoding reader: inout ByteReader) {
    guard let flags = reader.readUInt8(), flags < 2 else { return nil }
    var sets: [PeerSet] = []
    for _ in 0..<4 {
      guard let count = reader.readVarint(), count <= UInt64(reader.remaining) else { return nil }
      var peers = PeerSet()
      for _ in 0..<count {
        guard let peer = reader.readPeer(), peer != .none else { return nil }
        peers.insert(peer)
      }
      guard peers.count == Int(count) else { return nil }
      sets.append(peers)
    }
    self.init(
      voters: sets[0], outgoing: sets[1], learners: sets[2], stagedLearners: sets[3],
      leavesAutomatically: flags == 1)
    if violation != nil { return nil }
  }
}

extension ByteReader {
  /// Terms and indexes stay below 2^62, so that arithmetic on those of a peer cannot overflow.
  private mutating func readBounded() -> UInt64? {
    guard let number = readVarint(), number < 1 << 62 else { return nil }
    return number
  }

  fileprivate mutating func readTerm() -> Term? { readBounded().map { Term($0) } }
  fileprivate mutating func readIndex() -> LogIndex? { readBounded().map { LogIndex($0) } }

  /// A member: the names of local threads are nobody's.
  fileprivate mutating func readPeer() -> PeerID? {
    guard let number = readVarint(), number < UInt64.max - 1 else { return nil }
    return PeerID(number)
  }
}
