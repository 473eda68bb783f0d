// What a range is: its keys, and where its replicas live. Every replica keeps the descriptor beside its applied state; a
// change of it is a command like any other, and each raises the generation.
//
// Of two descriptors that speak of the same keys the one with the higher generation is the newer, whatever their ranges: a
// split gives both halves the next generation, a merge the next of both.
//
//   CRC-32C of the rest, 4 bytes LE | version 3 | varint range, generation, span generation, next replica id
//   | start, end (length prefixed) | varint count, { varint node, replica id | kind, 1 byte }
//   | varint range to the right | flags, 1 byte: 1 its start is kept, 2 frozen | frozen: varint range, generation that it goes into
// Version 2 ended before the range to the right.

import Encoding
import Raft
import Transport

/// A replica's number within its range, given once and never again: the same node gets another one when it comes back.
public struct ReplicaID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  public var rawValue: UInt64
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }
  public static func < (a: ReplicaID, b: ReplicaID) -> Bool { a.rawValue < b.rawValue }
  public var description: String { "\(rawValue)" }
  /// Of a range that is no more: none may come.
  static let max = ReplicaID(.max)

  /// As the range's Raft group knows it.
  var peer: PeerID { PeerID(rawValue) }
}

/// One copy of a range.
public struct ReplicaDescriptor: Hashable, Sendable {
  public enum Kind: UInt8, Sendable {
    case voter = 0
    /// Receives the log without voting.
    case learner = 1
  }

  public var node: NodeID
  public var replica: ReplicaID
  public var kind: Kind

  public init(node: NodeID, replica: ReplicaID, kind: Kind = .voter) {
    self.node = node
    self.replica = replica
    self.kind = kind
  }
}

/// The range to the left that takes a frozen range's keys over, in the only generation in which it may.
public struct MergeTarget: Hashable, Sendable {
  public var range: RangeID
  public var generation: UInt64

  public init(range: RangeID, generation: UInt64) {
    self.range = range
    self.generation = generation
  }
}

/// Which keys a range holds, who has them, and the generation of that statement.
public struct RangeDescriptor: Hashable, Sendable {
  public var id: RangeID
  public var span: KeySpan
  public var generation: UInt64
  /// Raised by splits and merges alone: commands are evaluated for one, and void under another.
  public var spanGeneration: UInt64
  /// In the order of their ids.
  public var replicas: [ReplicaDescriptor]
  public var nextReplica: ReplicaID
  /// The range that begins where this one ends, which changes by nothing but this one's own splits and merges; 0: none, or none that is known.
  public var rightNeighbor = RangeID(0)
  /// A person has cut it off from the range before: it is not merged by itself.
  public var isPinned = false
  /// Set while the range is frozen: nothing is served, and nothing changes, until it is merged or thaws.
  public var mergingInto: MergeTarget?

  public init(
    id: RangeID, span: KeySpan, generation: UInt64 = 1, spanGeneration: UInt64 = 1, replicas: [ReplicaDescriptor],
    nextReplica: ReplicaID
  ) {
    self.id = id
    self.span = span
    self.generation = generation
    self.spanGeneration = spanGeneration
    self.replicas = replicas
    self.nextReplica = nextReplica
  }

  /// The range that a fresh cluster begins with, on its first node: every key.
  public static func first(on node: NodeID) -> RangeDescriptor {
    RangeDescriptor(
      id: RangeID(1), span: .all, replicas: [ReplicaDescriptor(node: node, replica: ReplicaID(1))],
      nextReplica: ReplicaID(2))
  }

  /// What a node without replicas knows before it has asked.
  public static let unknown = RangeDescriptor(
    id: RangeID(1), span: .all, generation: 0, replicas: [], nextReplica: ReplicaID(0))

  public func replica(on node: NodeID) -> ReplicaDescriptor? { replicas.first { $0.node == node } }

  public var isFrozen: Bool { mergingInto != nil }

  /// Whether both have a voter on each of the same nodes, and nothing else.
  public func isBeside(_ other: RangeDescriptor) -> Bool {
    (replicas + other.replicas).allSatisfy { $0.kind == .voter }
      && Set(replicas.map(\.node)) == Set(other.replicas.map(\.node))
  }

  /// The next one of the same range, with an edit.
  func next(_ edit: (inout RangeDescriptor) -> Void) -> RangeDescriptor {
    var next = self
    next.generation += 1
    edit(&next)
    return next
  }

  /// For people: `n1/1 n2/2 n3/3L`, nodes and replicas, L for a learner.
  public var summary: String {
    replicas.map { "\($0.node)/\($0.replica)\($0.kind == .learner ? "L" : "")" }.joined(separator: " ")
  }

  func node(of peer: PeerID) -> NodeID? { replicas.first { $0.replica.peer == peer }?.node }

  /// The members of its group if no change is under way.
  var membership: Membership {
    Membership(
      voters: PeerSet(replicas.filter { $0.kind == .voter }.map(\.replica.peer)),
      learners: PeerSet(replicas.filter { $0.kind == .learner }.map(\.replica.peer)))
  }

  // MARK: - Bytes

  public func encoded() -> [UInt8] {
    var body: [UInt8] = [3]
    for number in [id.rawValue, generation, spanGeneration, nextReplica.rawValue] {
      ValueEncoding.appendVarint(number, to: &body)
    }
    ValueEncoding.appendLengthPrefixed(span.start.bytes, to: &body)
    ValueEncoding.appendLengthPrefixed(span.end.bytes, to: &body)
    ValueEncoding.appendVarint(UInt64(replicas.count), to: &body)
    for replica in replicas {
      ValueEncoding.appendVarint(UInt64(replica.node.rawValue), to: &body)
      ValueEncoding.appendVarint(replica.replica.rawValue, to: &body)
      body.append(replica.kind.rawValue)
    }
    ValueEncoding.appendVarint(rightNeighbor.rawValue, to: &body)
    body.append((isPinned ? 1 : 0) | (isFrozen ? 2 : 0))
    if let mergingInto {
      ValueEncoding.appendVarint(mergingInto.range.rawValue, to: &body)
      ValueEncoding.appendVarint(mergingInto.generation, to: &body)
    }
    return LocalKeys.sealed(body)
  }

  /// Nil if the bytes are no descriptor.
  public init?(encoded bytes: [UInt8]) {
    let decoded: RangeDescriptor? = LocalKeys.opened(bytes) { reader -> RangeDescriptor? in
      guard let version = reader.readUInt8(), version == 2 || version == 3, let id = reader.readVarint(),
        let generation = reader.readVarint(), let spanGeneration = reader.readVarint(), let next = reader.readVarint(),
        let start = reader.readLengthPrefixed(),
        let end = reader.readLengthPrefixed(), let count = reader.readVarint(), count <= 1000
      else { return nil }
      var replicas: [ReplicaDescriptor] = []
      for _ in 0..<count {
        guard let node = reader.readVarint(), let number = UInt32(exactly: node), let replica = reader.readVarint(),
          let byte = reader.readUInt8(), let kind = ReplicaDescriptor.Kind(rawValue: byte)
        else { return nil }
        replicas.append(
          ReplicaDescriptor(node: NodeID(rawValue: number), replica: ReplicaID(replica), kind: kind))
      }
      var descriptor = RangeDescriptor(
        id: RangeID(id), span: KeySpan(start: Key(copying: start), end: Key(copying: end)), generation: generation,
        spanGeneration: spanGeneration, replicas: replicas, nextReplica: ReplicaID(next))
      if version == 2 { return descriptor }
      guard let neighbor = reader.readVarint(), let flags = reader.readUInt8() else { return nil }
      descriptor.rightNeighbor = RangeID(neighbor)
      descriptor.isPinned = flags & 1 != 0
      if flags & 2 != 0 {
        guard let range = reader.readVarint(), let generation = reader.readVarint() else { return nil }
        descriptor.mergingInto = MergeTarget(range: RangeID(range), generation: generation)
      }
      return descriptor
    }
    guard let decoded else { return nil }
    self = decoded
  }
}
