// Snapshots: the whole state of a range from one moment, in pieces, for a replica whose next log entry is gone.
//
// The receiver keeps the pieces in its log engine, untouched by whatever else happens. Once all of them and the end are durable
// there, the replica is closed, the state is written anew from the pieces and flushed, the log begins anew behind it, and the
// replica is opened again as after a restart: `SnapshotInstaller`. A process that dies in the middle does that when it starts.
// So at no moment is anything lost that the member has vouched for: until the end is durable it has its log and its state, from
// then on the snapshot, which holds whatever was committed. Only a log that lacks the snapshot's last entry gives way to it.

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
    /// The number of pieces before.
    var count: UInt64
    /// Frozen ranges in whose place it comes: the receiver's business.
    var absorbed: [RangeID] = []
  }

  var range: RangeID
  var to: ReplicaID
  var from: ReplicaID
  /// From 0; what an earlier attempt left gives way to the first.
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
      writer.put(end.count)
      writer.put(end.absorbed) { $0.put($1.rawValue) }
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
        var end = End(descriptor: descriptor, applied: try reader.string(), count: try reader.number())
        for _ in 0..<(try reader.count()) { end.absorbed.append(RangeID(try reader.number())) }
        piece.end = end
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
  private let isCut: Bool
  private var versionCount = 0
  private var parts: [(family: ColumnFamily, lower: [UInt8], upper: [UInt8])]

  /// - Parameter isCut: leaves out some of what there is; planted by simulations.
  init(_ view: any EngineSnapshot, _ descriptor: RangeDescriptor, isCut: Bool) {
    self.view = view
    self.isCut = isCut
    parts = LocalKeys.parts(of: descriptor.span)
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
        let key = [UInt8](cursor.key)
        let value = [UInt8](cursor.value)
        cursor.next()
        versionCount += 1
        if isCut, part.family == .data, versionCount % 5 == 0 { continue }
        batch.put(part.family, key, value)
      }
      try cursor.checkStatus()
      parts.removeFirst()
    }
    return batch.isEmpty ? nil : batch.bytes
  }
}

extension Replica {
  /// Streams the state to a member as soon as none is on its way to that node, and tells the group how that went.
  func sendSnapshot(to peer: PeerID, on node: NodeID) {
    guard let network = shard.network, snapshotsUnderWay.insert(peer.rawValue).inserted else { return }
    let pacing = shard.pacing
    let me = Confined(self, to: shard.reactor)
    shard.reactor.enqueue { reactor in
      reactor.run { reactor in
        if await me.access(on: reactor).isBornBySplit(peer) {
          me.access(on: reactor).snapshotEnded(peer, hasFailed: true)
          return
        }
        await reactor.suspend { pacing.begin(to: node, $0) }
        let hasFailed = await Self.stream(me, to: peer, on: node, network, pacing, on: reactor)
        pacing.end(to: node)
        me.access(on: reactor).snapshotEnded(peer, hasFailed: hasFailed)
      }
    }
  }

  /// Nanoseconds that a member which was there when the range was split off has to apply the split itself.
  private static let birthTime: Int64 = 10_000_000_000
  private static let birthPoll: Int64 = 100_000_000

  /// Waits for a member that has nothing yet of a range that was split off, and of which nothing has been cut: its own node is about to make
  /// it, as soon as it has come as far as the split. Until then a snapshot would be in the way there.
  /// - Returns: whether there is nothing to be sent any more.
  private func isBornBySplit(_ peer: PeerID) async -> Bool {
    let deadline = shard.reactor.environment.monotonicNow().nanoseconds + Self.birthTime
    while !isOver {
      guard group.log.base.index.rawValue == AppliedState.initialPosition.index,
        descriptor.replicas.contains(where: { $0.replica.peer == peer && $0.kind == .voter }),
        let progress = group.progress(of: peer)
      else { return false }
      if progress.isReplicating { return true }
      if shard.reactor.environment.monotonicNow().nanoseconds > deadline { return false }
      await shard.reactor.sleep(nanoseconds: Self.birthPoll)
      group.act { $0.probeFirstEntry(of: peer) }
    }
    return true
  }

  private var isOver: Bool { shard.stopReason != nil || isRemoved || !group.isLeader }

  /// Sends the state of this moment. Whether that failed.
  private static func stream(
    _ me: Confined<Replica>, to peer: PeerID, on node: NodeID, _ network: NodeTransport, _ pacing: SnapshotPacing,
    on reactor: isolated Reactor
  ) async -> Bool {
    let replica = me.access(on: reactor)
    if replica.isOver { return true }
    let descriptor = replica.descriptor
    let applied = replica.applied.encoded()
    let source = SnapshotSource(replica.shard.engine.snapshot(), descriptor, isCut: replica.shard.faults.cutsSnapshots)
    let worker = replica.shard.snapshotWorker
    var number: UInt64 = 0
    while true {
      let read: Result<[UInt8]?, StorageError> = await reactor.suspend { continuation in
        worker.submit {
          do throws(StorageError) {
            continuation.resume(returning: .success(try source.next()))
          } catch {
            continuation.resume(returning: .failure(error))
          }
        }
      }
      let bytes: [UInt8]?
      switch read {
      case .failure(let error):
        me.access(on: reactor).shard.fail(error)
        return true
      case .success(let piece): bytes = piece
      }
      var piece = SnapshotPiece(
        range: descriptor.id, to: ReplicaID(peer.rawValue), from: replica.replicaID, number: number,
        span: descriptor.span)
      if bytes == nil {
        let claimed = replica.shard.faults.snapshotsMissTail ? replica.applied.encoded() : applied
        piece.end = SnapshotPiece.End(descriptor: descriptor, applied: claimed, count: number)
      }
      number += 1
      do throws(TransportError) {
        _ = try await network.call(
          NodeMessage(kind: StoreMessageKind.snapshot, body: piece.encoded(), payloads: bytes.map { [$0] } ?? []),
          to: node, class: .bulk, timeoutNanoseconds: 30_000_000_000, on: reactor)
      } catch {
        return true
      }
      guard let bytes else { return false }
      let wait = pacing.pass(bytes.count, at: reactor.environment.monotonicNow().nanoseconds)
      if wait > 0 { await reactor.sleep(nanoseconds: wait) }
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
      if replica.isLogOthers { return "what an earlier replica left is still here" }
      var batch = LogBatch()
      if piece.number == 0 {
        batch.removeSnapshot(range: piece.range.rawValue)
        replica.nextSnapshotPiece = 0
      }
      let span = piece.end?.descriptor.span ?? piece.span
      let others = directory.overlapping(span).filter { $0.id != piece.range }
      if let other = others.first(where: { !mayTakePlace(of: $0, piece) }) {
        // Its own split is still to come here, or its removal, or the end of its merge. Of its removal it may never have heard, and rest.
        askWhetherItHasLeft(other.id)
        return "\(piece.range) overlaps with \(other.id) here"
      }
      guard piece.number == replica.nextSnapshotPiece else { return "a piece of the snapshot is missing" }
      guard let end = piece.end else {
        guard payloads.count == 1 else { return "a piece of the snapshot is empty" }
        batch.putSnapshotPiece(range: piece.range.rawValue, number: piece.number, payloads[0])
        try opener.local.log.write(batch, sync: false)
        replica.nextSnapshotPiece += 1
        return nil
      }
      let applied = try AppliedState(encoded: end.applied, range: piece.range)
      guard end.count == piece.number, end.descriptor.replicas.contains(where: { $0.replica == piece.to }) else {
        return "the snapshot does not fit its end"
      }
      if replica.group.log.term(at: LogIndex(applied.index))?.rawValue == applied.term
        || replica.applied.index >= applied.index
      {
        return "the log has what the snapshot has"
      }
      // From here on nothing else may come to its place: another snapshot, of a half of what this one holds, may be under way.
      guard directory.claim(end.descriptor, inPlaceOf: others.map(\.id)) else {
        return "something else is coming to the place of \(piece.range)"
      }
      var stored = piece
      stored.end?.absorbed = others.map(\.id)
      batch.putSnapshotEnd(range: piece.range.rawValue, stored.encoded())
      return await install(batch, in: replica, inPlaceOf: others.map(\.id))
    } catch {
      fail(error)
      return "\(error)"
    }
  }

  /// Whether a range whose keys a snapshot holds was merged into that snapshot's: it is frozen here for nobody else. A frozen range that has thawed
  /// elsewhere may be in the way of others.
  private func mayTakePlace(of other: RangeDescriptor, _ piece: SnapshotPiece) -> Bool {
    guard let target = other.mergingInto, target.range == piece.range else { return false }
    return other.generation < piece.end?.descriptor.generation ?? .max
  }

  /// Closes the replica, makes the snapshot its state, and opens it again. Messages for it are dropped meanwhile.
  /// Frozen ranges whose keys it holds have been merged, and go.
  private func install(_ end: LogBatch, in replica: Replica, inPlaceOf others: [RangeID]) async -> String? {
    let id = replica.id
    leaving.insert(id)
    replica.retire("range \(id) takes a snapshot in")
    drop(id)
    for other in others { await untilRetired(other) }
    let local = opener.local
    let worker = snapshotWorker
    let writer = writer
    let result: Result<RangeDescriptor, StorageError> = await reactor.suspend { continuation in
      // Behind whatever the replica was still writing.
      writer.perform {
        worker.submit {
          do throws(StorageError) {
            // The split or removal that made room must not be undone by a crash.
            try local.state.flush()
            try local.log.write(end, sync: true)
            continuation.resume(returning: .success(try SnapshotInstaller(local).install(id)))
          } catch {
            continuation.resume(returning: .failure(error))
          }
        }
      }
    }
    leaving.remove(id)
    if let stopReason { return stopReason }
    do throws(StorageError) {
      let descriptor = try result.get()
      // Whatever was remembered of its rows is no longer so.
      reader.forgetAll()
      for other in others {
        directory.remove(other)
        sweepUp(other)
      }
      let reopened = try opener.open(descriptor, replica.replicaID, on: self)
      add(reopened)
      for right in reopened.takeSplitOff() { takeSplit(right, leads: false) }
      logger.info(
        "took a snapshot in",
        metadata: ["range": "\(id)", "applied": "\(reopened.applied.index)", "replicas": "\(descriptor.summary)"])
      return nil
    } catch {
      fail(error)
      return "\(error)"
    }
  }
}

extension StoreShard {
  /// Has a replica of this store, on whichever reactor, ask the members whether it is one.
  private func askWhetherItHasLeft(_ range: RangeID) {
    let place = Int(range.rawValue % UInt64(reactor.environment.reactors.count))
    let other = siblings(place)
    reactor.environment.reactors[place].enqueue { reactor in
      guard let replica = other.access(on: reactor).replica(range), !replica.group.isLeader else { return }
      replica.askWhetherItHasLeft()
    }
  }

  private func untilRetired(_ range: RangeID) async {
    await reactor.suspend { (continuation: UnsafeContinuation<Void, Never>) in
      let isDone = retireFrozen(range) { _ in
        continuation.resume()
        return true
      }
      if isDone { continuation.resume() }
    }
  }
}

/// Makes the snapshot that is in the log engine a range's state. Repeated after a crash it does the same again.
struct SnapshotInstaller {
  private let local: LocalStore

  init(_ local: LocalStore) { self.local = local }

  /// Snapshots whose installation was cut short.
  func installAll() throws(StorageError) {
    for range in try local.log.ranges() where try local.log.snapshotEnd(range: range) != nil {
      _ = try install(RangeID(range))
    }
  }

  func install(_ range: RangeID) throws(StorageError) -> RangeDescriptor {
    guard let bytes = try local.log.snapshotEnd(range: range.rawValue), let piece = try? SnapshotPiece(encoded: bytes),
      let end = piece.end
    else { throw .corruption("the end of a snapshot of range \(range) is damaged") }
    let applied = try AppliedState(encoded: end.applied, range: range)
    var clearing = WriteBatch()
    for span in [piece.span, end.descriptor.span] { LocalKeys.clear(span, into: &clearing) }
    let prefix = LocalKeys.prefix(range)
    clearing.deleteRange(.local, start: prefix, end: Key(prefix).prefixEnd.bytes)
    for other in end.absorbed { LocalKeys.bury(other, below: .max, into: &clearing) }
    try local.state.write(clearing)
    for number in 0..<end.count {
      guard let bytes = try local.log.snapshotPiece(range: range.rawValue, number: number),
        let batch = WriteBatch(encoded: bytes)
      else { throw .corruption("piece \(number) of a snapshot of range \(range) is missing or damaged") }
      try local.state.write(batch)
    }
    var batch = WriteBatch()
    batch.put(.local, LocalKeys.descriptor(range), end.descriptor.encoded())
    batch.put(.local, LocalKeys.appliedState(range), end.applied)
    try local.state.write(batch)
    try local.state.flush()
    var hardState = try local.log.hardState(range: range.rawValue) ?? HardState()
    if hardState.replica != piece.to.rawValue { hardState = HardState(replica: piece.to.rawValue) }
    if hardState.term < applied.term {
      hardState.term = applied.term
      hardState.vote = 0
      hardState.leadNode = 0
    }
    hardState.commit = applied.index
    var log = LogBatch()
    log.removeEntries(range: range.rawValue, from: 0)
    log.compact(range: range.rawValue, through: LogPosition(index: applied.index, term: applied.term))
    log.setHardState(range: range.rawValue, hardState)
    log.removeSnapshot(range: range.rawValue)
    try local.log.write(log, sync: true)
    return end.descriptor
  }
}
