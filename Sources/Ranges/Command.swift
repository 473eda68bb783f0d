// What a range's log carries: the outcome of an evaluated request, ready to be applied by every replica alike.
//
//   version, 1 byte (4; 3 if it is no edit and no merge, so that a program that knows nothing of those reads it)
//   of version 4: which change of the range as a whole, 1 byte: 2 edit, 3 merge
//   range id, varint
//   lease sequence, varint          a command proposed under another lease is void (one member: always 1)
//   span generation, varint         a command evaluated for other bounds of the range is void
//   closed timestamp, 12 bytes      no later command of this range writes at or below it (zero: says nothing)
//   largest timestamp, 12 bytes     of the versions and intents written; after a restart the clock starts above it
//   collected below, 12 bytes       what the batch, or one before, removes is seen by no read at or above (zero: says nothing)
//   of a change, with its length: the descriptor of the range that is split off, of the same range from here on, or of the frozen one whose
//                                   keys are taken over; of a merge also the frozen one's applied state, with its length; empty: none
//   check, varint                   each replica works out a checksum of its state behind this command (zero: none is asked for)
//   batch                           the engine changes, as `WriteBatch` encodes them, up to the end
//
// Applying needs no reading and no decision, so it is deterministic, and replay after a crash repeats it exactly.

import Clocks
import Encoding
import Storage

/// A frozen range, as all of its replicas have it.
public struct FrozenRange: Sendable, Equatable {
  public var descriptor: RangeDescriptor
  var applied: AppliedState

  func encode(into bytes: inout [UInt8]) {
    ValueEncoding.appendLengthPrefixed(descriptor.encoded(), to: &bytes)
    ValueEncoding.appendLengthPrefixed(applied.encoded(), to: &bytes)
  }

  init(_ descriptor: RangeDescriptor, _ applied: AppliedState) {
    self.descriptor = descriptor
    self.applied = applied
  }

  init?(from reader: inout ByteReader) {
    guard let bytes = reader.readLengthPrefixed(), let descriptor = RangeDescriptor(encoded: [UInt8](bytes)),
      let state = reader.readLengthPrefixed(),
      let applied = try? AppliedState(encoded: [UInt8](state), range: descriptor.id)
    else { return nil }
    self.descriptor = descriptor
    self.applied = applied
  }
}

/// What a command makes of its range as a whole. It is void unless it makes the generation that follows.
enum RangeChange: Equatable {
  /// The range that takes over what lies from its start on.
  case split(RangeDescriptor)
  /// What the range is from here on; its keys and replicas are the same.
  case edit(RangeDescriptor)
  /// Takes over the keys of a frozen range.
  case merge(FrozenRange)

  /// Whether it was made for a range that is as `descriptor` says.
  func fits(_ descriptor: RangeDescriptor) -> Bool {
    switch self {
    case .split(let right): right.generation == descriptor.generation + 1
    case .edit(let next): next.generation == descriptor.generation + 1
    case .merge(let right):
      right.descriptor.mergingInto == MergeTarget(range: descriptor.id, generation: descriptor.generation)
        && right.descriptor.id == descriptor.rightNeighbor
    }
  }

  /// What says in a command of version 4 which one it is; nil: version 3 will do.
  fileprivate var tag: UInt8? {
    switch self {
    case .split: nil
    case .edit: 2
    case .merge: 3
    }
  }
}

struct Command {
  private static let version: UInt8 = 4
  private static let versionBeforeMerges: UInt8 = 3

  var range: RangeID
  var leaseSequence: UInt64 = 1
  var spanGeneration: UInt64 = 1
  var closedTimestamp = Timestamp.zero
  var largestTimestamp = Timestamp.zero
  var collectedBelow = Timestamp.zero
  var change: RangeChange?
  /// Under this number each replica's state behind the command is compared.
  var check: UInt64 = 0
  var batch: WriteBatch

  init(range: RangeID, batch: WriteBatch, largestTimestamp: Timestamp) {
    self.range = range
    self.batch = batch
    self.largestTimestamp = largestTimestamp
  }

  /// Changes nothing, but keeps later writes above what was read.
  init(_ descriptor: RangeDescriptor, readsBelow timestamp: Timestamp, lease: UInt64) {
    self.init(range: descriptor.id, batch: WriteBatch(), largestTimestamp: .zero)
    spanGeneration = descriptor.spanGeneration
    leaseSequence = lease
    closedTimestamp = timestamp
  }

  /// Whether the bytes of a command say that it takes over the keys of another range.
  static func isMerge(_ bytes: [UInt8]) -> Bool { bytes.count > 2 && bytes[0] == version && bytes[1] == 3 }

  func encoded() -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(batch.byteCount + 40)
    if let tag = change?.tag {
      bytes.append(Self.version)
      bytes.append(tag)
    } else {
      bytes.append(Self.versionBeforeMerges)
    }
    ValueEncoding.appendVarint(range.rawValue, to: &bytes)
    ValueEncoding.appendVarint(leaseSequence, to: &bytes)
    ValueEncoding.appendVarint(spanGeneration, to: &bytes)
    closedTimestamp.appendEncoded(to: &bytes)
    largestTimestamp.appendEncoded(to: &bytes)
    collectedBelow.appendEncoded(to: &bytes)
    switch change {
    case nil: bytes.append(0)
    case .split(let descriptor), .edit(let descriptor):
      ValueEncoding.appendLengthPrefixed(descriptor.encoded(), to: &bytes)
    case .merge(let right): right.encode(into: &bytes)
    }
    ValueEncoding.appendVarint(check, to: &bytes)
    bytes.append(contentsOf: batch.bytes)
    return bytes
  }

  /// Nil if the bytes are no command.
  init?(encoded bytes: [UInt8]) {
    let decoded: Command? = bytes.withUnsafeBytes { raw -> Command? in
      var reader = ByteReader(raw)
      guard let version = reader.readUInt8(), version == Self.version || version == Self.versionBeforeMerges,
        let tag = version == Self.version ? reader.readUInt8() : 1, let range = reader.readVarint(),
        let lease = reader.readVarint(), let spanGeneration = reader.readVarint(),
        let closedBytes = reader.readBytes(Timestamp.encodedCount),
        let closed = Timestamp(encoded: closedBytes),
        let largestBytes = reader.readBytes(Timestamp.encodedCount),
        let largest = Timestamp(encoded: largestBytes),
        let collectedBytes = reader.readBytes(Timestamp.encodedCount),
        let collected = Timestamp(encoded: collectedBytes)
      else { return nil }
      var change: RangeChange?
      switch tag {
      case 1, 2:
        guard let bytes = reader.readLengthPrefixed() else { return nil }
        if tag == 1, bytes.isEmpty { break }
        guard let descriptor = RangeDescriptor(encoded: [UInt8](bytes)) else { return nil }
        change = tag == 1 ? .split(descriptor) : .edit(descriptor)
      case 3:
        guard let right = FrozenRange(from: &reader) else { return nil }
        change = .merge(right)
      default: return nil
      }
      guard let check = reader.readVarint(), let batch = WriteBatch(encoded: [UInt8](reader.rest)) else { return nil }
      var command = Command(range: RangeID(range), batch: batch, largestTimestamp: largest)
      command.leaseSequence = lease
      command.spanGeneration = spanGeneration
      command.collectedBelow = collected
      command.change = change
      command.closedTimestamp = closed
      command.check = check
      return command
    }
    guard let decoded else { return nil }
    self = decoded
  }
}
