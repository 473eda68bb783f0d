// When ranges are checked, how their replicas are asked, and what becomes of a store that is found wrong.
//
// Each reactor's leaseholders are checked one after the other, so that each has its turn in a given time.

import Encoding
import Reactors
import Storage
import Synchronization
import Transport

/// How fast a store reads for checksums; shared by its reactors.
final class CheckRate: Sendable {
  private let rate = Mutex(SnapshotRate(rate: Limits.checkedBytesPerSecond))
  func pass(_ byteCount: Int, at now: Int64) -> Int64 { rate.withLock { $0.pass(byteCount, at: now) } }
}

/// Asks a replica for its checksum, or tells it that it was wrong. Varint range, replica, number | verdict, if there is one.
struct CheckMessage {
  var range: RangeID
  var replica: ReplicaID
  var number: UInt64
  var verdict: String?

  init(range: RangeID, replica: ReplicaID, number: UInt64, verdict: String?) {
    self.range = range
    self.replica = replica
    self.number = number
    self.verdict = verdict
  }

  var message: NodeMessage {
    var writer = RangeWriter()
    writer.put(range.rawValue)
    writer.put(replica.rawValue)
    writer.put(number)
    writer.put(verdict) { $0.put($1) }
    return NodeMessage(kind: StoreMessageKind.check, body: writer.bytes)
  }

  init(encoded bytes: [UInt8]) throws(MalformedMessage) {
    self = try bytes.span.withUnsafeBytes { (raw) throws(MalformedMessage) -> CheckMessage in
      var reader = RangeReader(raw)
      let (range, replica) = (RangeID(try reader.number()), ReplicaID(try reader.number()))
      let number = try reader.number()
      return CheckMessage(
        range: range, replica: replica, number: number, verdict: try reader.flag() ? try reader.text() : nil)
    }
  }
}

extension Store {
  /// Nanoseconds between looks whether a check is due.
  private static let lookInterval: Int64 = 1_000_000_000

  /// Changes in what time each range's replicas are compared once, from now on; 0: never.
  public func setCheckInterval(nanoseconds: Int64) { options.withLock { $0.checkInterval = max(0, nanoseconds) } }

  func beginChecking() {
    guard let network else { return }
    network.onCall(StoreMessageKind.check) { [weak self] _, message, _ in
      guard let self else { return .failure(CallRefusal("the node is stopping")) }
      return await answerCheck(message)
    }
    for index in environment.reactors.indices { scheduleCheck(shard: index, ChecksDue()) }
  }

  private func scheduleCheck(shard index: Int, _ due: ChecksDue) {
    let shard = confinedShard(index)
    _ = environment.reactors[index].schedule(afterNanoseconds: Self.lookInterval) { [weak self] reactor in
      guard let self, !isStopped else { return }
      reactor.run { [weak self] reactor in
        guard let self else { return }
        var due = due
        let interval = options.withLock { $0.checkInterval }
        let own = shard.access(on: reactor)
        if due.isDue(own.holdings.leaseCount, interval, elapsed: Self.lookInterval) {
          let led = own.sortedReplicas.filter { $0.holdsLease && $0.hasPeers }
          if let next = due.next(led.map(\.id)) { _ = await led[next].checkConsistency() }
        }
        if !isStopped { scheduleCheck(shard: index, due) }
      }
    }
  }

  private func answerCheck(_ message: NodeMessage) async -> Result<NodeMessage, CallRefusal> {
    guard let check = try? CheckMessage(encoded: message.body) else {
      return .failure(CallRefusal("the check makes no sense"))
    }
    let shard = confinedShard(reactorIndex(of: check.range))
    let checksum = await reactor(of: check.range).perform { reactor -> StateChecksum? in
      guard let replica = shard.access(on: reactor).replica(check.range), replica.replicaID == check.replica else {
        return nil
      }
      let checksum = await replica.checksum(of: check.number)
      if checksum != nil, let verdict = check.verdict { shard.access(on: reactor).quarantine(verdict) }
      return checksum
    }
    guard let checksum else { return .failure(CallRefusal("the replica has no checksum of that check")) }
    var writer = RangeWriter()
    checksum.encode(into: &writer)
    return .success(NodeMessage(kind: StoreMessageKind.check, body: writer.bytes))
  }
}

/// Which range is to be checked next, so that each has its turn in a given time, whatever their number. Pure: times come in.
struct ChecksDue {
  private var last: RangeID?
  /// Nanoseconds since the last one was due, times the number of ranges.
  private var waited: Int64 = 0

  /// Whether one is due, of so many.
  mutating func isDue(_ count: Int, _ interval: Int64, elapsed: Int64) -> Bool {
    guard interval > 0, count > 0 else {
      waited = 0
      return false
    }
    waited += elapsed * Int64(count)
    guard waited >= interval else { return false }
    // What could not be done in time is not made up for.
    waited = 0
    return true
  }

  /// - Parameter ranges: ascending.
  /// - Returns: the place of the one whose turn it is.
  mutating func next(_ ranges: [RangeID]) -> Int? {
    if ranges.isEmpty { return nil }
    let place = last.flatMap { last in ranges.firstIndex { $0 > last } } ?? 0
    last = ranges[place]
    return place
  }
}

// MARK: - Quarantine

/// The mark on a store that was found to differ from others: why it must not be used any more.
enum Quarantine {
  /// Its kind among the store's records.
  private static let recordKind: UInt8 = 4

  static func set(_ reason: String, by writer: LogWriter, completion: @escaping @Sendable () -> Void) {
    writer.setRecord(recordKind, Array(reason.utf8), completion: completion)
  }

  /// - Throws: `corruption` if the store has the mark.
  static func check(_ log: LogStore) throws(StorageError) {
    guard let reason = try log.storeRecord(recordKind) else { return }
    throw .corruption(
      "the store must not be used any more, since \(String(decoding: reason, as: UTF8.self)); "
        + "decommission the node, and let it join again with an empty store")
  }
}

extension StoreShard {
  /// This store is wrong: it serves nothing from now on, and never again, and the node ends.
  func quarantine(_ reason: String) {
    guard stopReason == nil else { return }
    logger.critical("the store is wrong and must not be used any more", metadata: ["reason": "\(reason)"])
    stop(reason)
    Quarantine.set(reason, by: writer) { [onFatal] in onFatal(reason) }
  }
}
