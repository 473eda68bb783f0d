// Filling a new replica: the whole state of a range from one moment, in pieces, straight from an engine snapshot into the
// receiver's engine.
//
// Snapshots only ever fill replicas that have nothing: one that fell behind the log is replaced by a new one, so nothing that a
// member has vouched for is ever taken from it. The pieces reach the engine as they come; descriptor and applied state come with
// the last one, are made durable, and only then does the group take the snapshot in. A receiver that dies half way has no applied
// state, and the next attempt begins by clearing what is there.

import Encoding
import Raft
import Reactors
import Storage
import Transport

/// One piece of a snapshot.
struct SnapshotPiece: Sendable {
  /// What ends a snapshot.
  struct End: Sendable {
    var descriptor: RangeDescriptor
    /// As `AppliedState` encodes it.
    var applied: [UInt8]
    /// The group's message that restores the receiver.
    var message: [UInt8]
  }

  var range: RangeID
  var to: ReplicaID
  var from: ReplicaID
  /// 0 for the first piece, which clears what is there.
  var number: UInt64
  var span: KeySpan
  var end: End?

  func encoded() -> [UInt8] {
    var writer = RangeWriter()
    writer.put(range.rawValue)
    writer.put(to.rawValue)
    writer.put(from.rawValue)
    writer.put(number)
    writer.put(span)
    writer.put(end) { writer, end in
      writer.put(end.descriptor.encoded())
      writer.put(end.applied)
      writer.put(end.message)
    }
    return writer.bytes
  }

  init(
    range: RangeID, to: ReplicaID, from: ReplicaID, number: UInt64, span: KeySpan, end: End? = nil
  ) {
    self.range = range
    self.to = to
    self.from = from
    self.number = number
    self.span = span
    self.end = end
  }

  init(encoded bytes: [UInt8]) throws(MalformedMessage) {
    self = try bytes.span.withUnsafeBytes { (raw) throws(MalformedMessage) -> SnapshotPiece in
      var reader = RangeReader(raw)
      var piece = SnapshotPiece(
        range: RangeID(try reader.number()), to: ReplicaID(try reader.number()), from: ReplicaID(try reader.number()),
        number: try reader.number(), span: try reader.span())
      if try reader.flag() {
        guard let descriptor = RangeDescriptor(encoded: try reader.string()) else { throw MalformedMessage() }
        piece.end = End(descriptor: descriptor, applied: try reader.string(), message: try reader.string())
      }
      return piece
    }
  }
}

/// Reads a range's state from a pinned view, a piece at a time, off the reactor.
///
/// `@unchecked Sendable`: used by one piece of work at a time, each begun after the last has ended.
private final class SnapshotSource: @unchecked Sendable {
  private let view: any EngineSnapshot
  private var parts: [(family: ColumnFamily, lower: [UInt8], upper: [UInt8])]

  init(_ view: any EngineSnapshot, _ descriptor: RangeDescriptor) {
    self.view = view
    let records = LocalKeys.records(descriptor.id)
    parts = [
      (.data, descriptor.span.start.bytes, descriptor.span.end.bytes),
      (.locks, descriptor.span.start.bytes, descriptor.span.end.bytes),
      (.local, records, Key(records).prefixEnd.bytes),
    ]
  }

  /// Nil at the end.
  func next() throws(StorageError) -> [UInt8]? {
    var batch = WriteBatch()
    while let part = parts.first {
      let cursor = try view.makeIterator(part.family, IteratorBounds(lower: part.lower, upper: part.upper))
      cursor.seekToFirst()
      while cursor.isValid {
        if batch.byteCount >= Limits.snapshotChunkBytes {
          parts[0].lower = [UInt8](cursor.key)
          return batch.bytes
        }
        batch.put(part.family, [UInt8](cursor.key), [UInt8](cursor.value))
        cursor.next()
      }
      try cursor.checkStatus()
      parts.removeFirst()
    }
    return batch.isEmpty ? nil : batch.bytes
  }
}

extension Replica {
  /// Streams the state of this moment to a member, and tells the group how that went.
  func sendSnapshot(_ message: Message, to peer: PeerID, on node: NodeID) {
    guard let network = shard.network, snapshotsUnderWay.insert(peer.rawValue).inserted else { return }
    var message = message
    // What is pinned now is the applied state of now, which the message speaks of.
    message.snapshot = Snapshot(
      index: LogIndex(applied.index), term: Term(applied.term), membership: group.membership)
    let end = SnapshotPiece.End(
      descriptor: descriptor, applied: applied.encoded(), message: message.encode())
    let source = SnapshotSource(shard.engine.snapshot(), descriptor)
    let worker = shard.snapshotWorker
    let me = Confined(self, to: shard.reactor)
    let range = id
    let from = replicaID
    let span = descriptor.span
    shard.reactor.enqueue { reactor in
      reactor.run { reactor in
        var number: UInt64 = 0
        var hasFailed = false
        while !hasFailed {
          let read: Result<[UInt8]?, StorageError> = await reactor.suspend { continuation in
            worker.submit {
              do throws(StorageError) {
                continuation.resume(returning: .success(try source.next()))
              } catch {
                continuation.resume(returning: .failure(error))
              }
            }
          }
          switch read {
          case .failure(let error):
            me.access(on: reactor).shard.fail(error)
            return
          case .success(let bytes):
            var piece = SnapshotPiece(
              range: range, to: ReplicaID(peer.rawValue), from: from, number: number, span: span)
            if bytes == nil { piece.end = end }
            number += 1
            do throws(TransportError) {
              _ = try await network.call(
                NodeMessage(kind: StoreMessageKind.snapshot, body: piece.encoded(), payloads: bytes.map { [$0] } ?? []),
                to: node, class: .bulk, timeoutNanoseconds: 30_000_000_000, on: reactor)
            } catch {
              hasFailed = true
            }
            if bytes == nil {
              me.access(on: reactor).snapshotEnded(peer, hasFailed: hasFailed)
              return
            }
          }
        }
        me.access(on: reactor).snapshotEnded(peer, hasFailed: true)
      }
    }
  }

  private func snapshotEnded(_ peer: PeerID, hasFailed: Bool) {
    snapshotsUnderWay.remove(peer.rawValue)
    group.act { $0.reportSnapshot(peer, hasFailed: hasFailed) }
  }
}

extension StoreShard {
  /// Takes a piece of a snapshot in. Nil when it is done; otherwise why not.
  func take(_ piece: SnapshotPiece, _ payloads: [[UInt8]]) async -> String? {
    if let reason = stopReason { return reason }
    do throws(StorageError) {
      var target = replica(piece.range)
      if target == nil || target!.replicaID < piece.to { target = try makeReplica(piece.range, piece.to) }
      guard let replica = target, replica.replicaID == piece.to else { return "the replica has been removed" }
      if replica.isInitialized { return "the replica is filled already" }
      if piece.number == 0 {
        var clearing = WriteBatch()
        MVCC.clear(piece.span, into: &clearing)
        let records = LocalKeys.records(piece.range)
        clearing.deleteRange(.local, start: records, end: Key(records).prefixEnd.bytes)
        try engine.write(clearing)
        reader.noteWritten(clearing)
        replica.nextSnapshotPiece = 0
      }
      guard piece.number == replica.nextSnapshotPiece else { return "a piece of the snapshot is missing" }
      replica.nextSnapshotPiece += 1
      for payload in payloads {
        guard let batch = WriteBatch(encoded: payload) else { return "a piece of the snapshot is damaged" }
        try engine.write(batch)
        reader.noteWritten(batch)
      }
      guard let end = piece.end else { return nil }
      guard let message = try? Message(decoding: end.message), message.kind == .snapshot,
        let snapshot = message.snapshot
      else { return "the snapshot has no end" }
      let applied = try AppliedState(encoded: end.applied, range: piece.range)
      guard applied.index == snapshot.index.rawValue else { return "the snapshot does not fit its message" }
      var batch = WriteBatch()
      batch.put(.local, LocalKeys.descriptor(piece.range), end.descriptor.encoded())
      batch.put(.local, LocalKeys.appliedState(piece.range), end.applied)
      try engine.write(batch)
      let engine = engine
      let worker = snapshotWorker
      let flushed: StorageError? = await reactor.suspend { continuation in
        worker.submit {
          do throws(StorageError) {
            try engine.flush()
            continuation.resume(returning: nil)
          } catch {
            continuation.resume(returning: error)
          }
        }
      }
      if let flushed { throw flushed }
      guard self.replica(piece.range) === replica, !replica.isInitialized, !replica.isRemoved else {
        return "the replica has been removed"
      }
      replica.arrivedSnapshot = (end.descriptor, applied)
      replica.group.receive(.raft(message), from: piece.from.peer)
      return nil
    } catch {
      fail(error)
      return "\(error)"
    }
  }
}
