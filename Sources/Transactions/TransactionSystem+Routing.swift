// How requests find their ranges: by what the gateway remembers, by what ranges answer, and by `meta` where nobody knows. A request
// goes to whoever served its range last, then to the others that have a replica, until it is served or patience ends.
//
// What spans several ranges is cut by the callers, since what they know of ranges may change under way: `outOfRange` tells them
// to look again.

import Clocks
import Encoding
import Ranges
import Reactors
import Storage
import Transport

extension TransactionSystem {
  /// How long a request waits for its range to be found, and to be served by anybody.
  private static let patience: Int64 = 15_000_000_000

  private var now: Int64 { reactor.environment.monotonicNow().nanoseconds }

  // MARK: - Finding

  /// The range that holds `key`.
  func range(of key: Key) async throws(TransactionError) -> RangeDescriptor {
    if let known = router.find(key) { return known }
    return try await locate(key, isEnd: false)
  }

  /// The range that holds what lies just below `end`.
  func range(below end: Key) async throws(TransactionError) -> RangeDescriptor {
    if let known = router.find(below: end) { return known }
    return try await locate(end, isEnd: true)
  }

  /// The first range, which every node can ask for: it never loses its beginning.
  private var home: RangeDescriptor {
    router.find(Key.min)
      ?? RangeDescriptor(
        id: MetaKeys.range, span: MetaKeys.span, generation: 0, replicas: [], nextReplica: ReplicaID(0))
  }

  private func locate(_ key: Key, isEnd: Bool) async throws(TransactionError) -> RangeDescriptor {
    func holds(_ range: RangeDescriptor) -> Bool {
      isEnd ? range.span.start < key && key <= range.span.end : range.span.contains(key)
    }
    let deadline = now + Self.patience
    var attempt = 0
    while true {
      let home = home
      if holds(home) { return home }
      let near = shard.descriptors(overlapping: isEnd ? KeySpan(start: home.span.start, end: key) : KeySpan(key))
      if let near = near.last(where: holds), router.learn(near) { return near }
      if let found = try await readMeta(key, isEnd: isEnd, home), holds(found) {
        if router.learn(found) { return found }
        // It is older than what is known of its neighbours: its replicas know better, if `meta` does not soon.
        attempt += 1
        await backOff(attempt + 4)
        return found
      }
      guard now < deadline else {
        throw .unavailable("no range is known that holds key \(key)")
      }
      attempt += 1
      await backOff(attempt + 4)
    }
  }

  /// The last range in `meta` that begins at or below `key`; nil if there is none, or `home` is out of date.
  private func readMeta(
    _ key: Key, isEnd: Bool, _ home: RangeDescriptor
  ) async throws(TransactionError) -> RangeDescriptor? {
    let last = MetaKeys.descriptor(startingAt: key)
    let request = RangeRequest.scan(
      KeySpan(start: MetaKeys.descriptors.start, end: isEnd ? last : last.next), isReverse: true, rowLimit: 1,
      byteLimit: 1 << 16, lock: nil)
    switch await send(request, ownHeader(), to: home) {
    case .rows(let block, _, _): return block.count == 0 ? nil : RangeDescriptor(encoded: block.value(0))
    case .failed(.outOfRange): return nil
    case .failed(let failure): throw TransactionError(failure)
    default: throw .unavailable("a range gave an answer to another question")
    }
  }

  /// Cuts ascending writes where ranges end.
  func split(_ writes: [KeyWrite]) async throws(TransactionError) -> [(range: RangeDescriptor, writes: [KeyWrite])] {
    guard let first = writes.first, let last = writes.last else { return [] }
    let range = try await range(of: first.key)
    if range.span.contains(last.key) { return [(range, writes)] }
    var parts: [(range: RangeDescriptor, writes: [KeyWrite])] = [(range, [])]
    var place = 0
    for write in writes {
      if !parts[place].range.span.contains(write.key) {
        let range = try await self.range(of: write.key)
        // It may have grown since it was looked up for an earlier key: a range is one part, under the name of what is known last.
        if let known = parts.firstIndex(where: { $0.range.id == range.id }) {
          parts[known].range = range
          place = known
        } else {
          parts.append((range, []))
          place = parts.count - 1
        }
      }
      parts[place].writes.append(write)
    }
    return parts
  }

  /// Cuts what was read where ranges end; each range is one part, too.
  func split(_ reads: ReadFootprint) async throws(TransactionError) -> [(range: RangeDescriptor, reads: ReadFootprint)]
  {
    var parts: [(range: RangeDescriptor, reads: ReadFootprint)] = []
    func place(of key: Key) async throws(TransactionError) -> Int {
      if let place = parts.lastIndex(where: { $0.range.span.contains(key) }) { return place }
      let range = try await range(of: key)
      if let known = parts.firstIndex(where: { $0.range.id == range.id }) {
        parts[known].range = range
        return known
      }
      parts.append((range, ReadFootprint()))
      return parts.count - 1
    }
    for key in reads.keys {
      let place = try await place(of: key)
      parts[place].reads.keys.append(key)
    }
    for span in reads.spans {
      var rest = span
      while !rest.isEmpty {
        let place = try await place(of: rest.start)
        let end = min(rest.end, parts[place].range.span.end)
        parts[place].reads.spans.append(KeySpan(start: rest.start, end: end))
        rest.start = end
      }
    }
    return parts
  }

  // MARK: - Asking

  /// The replica of a range if it lives on this reactor and serves requests.
  @inline(__always)
  func replica(_ range: RangeDescriptor) -> Replica? {
    guard let replica = shard.replica(range.id), replica.holdsLease else { return nil }
    return replica
  }

  /// The replica that serves `key` on this reactor, if one does; found without a copy of what is known of its range.
  @inline(__always)
  func replica(holding key: Key) -> Replica? {
    if let single = shard.single {
      return single.holdsLease && single.descriptor.span.contains(key) ? single : nil
    }
    guard let id = router.findID(key), let replica = shard.replica(id), replica.holdsLease else { return nil }
    return replica.descriptor.span.contains(key) ? replica : nil
  }

  /// A range has said what it knows of itself and its neighbours.
  func learn(_ descriptors: [RangeDescriptor]) {
    for descriptor in descriptors { router.learn(descriptor) }
  }

  /// The same of a range that has refused what `range` holds, as far as is known here, and will be asked again. Where it has yet to apply what
  /// others have applied and told, a merge, it is given a moment: asked again at once, it would never come to that on this reactor.
  func learn(_ descriptors: [RangeDescriptor], refusedBy range: RangeDescriptor) async {
    var isBehind = false
    for descriptor in descriptors where !router.learn(descriptor) && descriptor.id == range.id { isBehind = true }
    if isBehind { await backOff(4) }
  }

  /// Sends a request to a range, wherever it is served.
  func send(
    _ request: RangeRequest, _ header: TransactionHeader, to range: RangeDescriptor
  ) async -> RangeResponse {
    await ask(request, header, range).response
  }

  /// Sends a request to each range of a span in turn.
  func send(
    over span: KeySpan, _ header: TransactionHeader, _ request: (KeySpan) -> RangeRequest
  ) async throws(TransactionError) {
    var rest = span
    while !rest.isEmpty {
      let range = try await range(of: rest.start)
      let part = KeySpan(start: rest.start, end: min(rest.end, range.span.end))
      switch await send(request(part), header, to: range) {
      case .failed(.outOfRange): continue
      case .failed(let failure): throw TransactionError(failure)
      default: rest.start = part.end
      }
    }
  }

  /// Sends a request to whoever serves a range, and again to somebody else until it is served, for up to `patience`.
  func ask(_ request: RangeRequest, _ header: TransactionHeader, _ range: RangeDescriptor) async -> RangeReply {
    if header.isServedByAny, let reply = await askNearest(request, header, range) { return reply }
    var range = range
    let deadline = now + Self.patience
    var attempt = 0
    var tried: [NodeID] = []
    var stalls: [(node: NodeID, reason: String)] = []
    // What is known of the range's replicas may be so old that none of them is where it was: then anybody is asked.
    var asksAnybody = false
    var isInformed = false
    while true {
      let node = nextNode(among: candidates(for: range, orAnybody: asksAnybody), of: range.id, besides: tried)
      let reply: RangeReply
      if node == store.identity.node {
        reply = await askHere(request, header, range.id)
      } else {
        do throws(TransportError) {
          reply = try await store.reactorCall(request, header, range: range.id, on: node, from: reactor)
        } catch {
          router.setLeaseholder(nil, of: range.id)
          if error.mayHaveBeenExecuted, let failure = request.failureIfExecuted(error.description) {
            return RangeReply(response: .failed(failure), lease: 0)
          }
          reply = RangeReply(response: .failed(.notLeaseholder(nil, leader: nil)), lease: 0)
        }
      }
      switch reply.response {
      case .failed(.outOfRange(let known)):
        await learn(known, refusedBy: range)
        return reply
      case .failed(.conflict(let inquiries)):
        do throws(TransactionError) {
          try await settle(inquiries, in: range)
        } catch {
          return RangeReply(response: .failed(.unavailable("an intent is in the way: \(error)")), lease: 0)
        }
        continue
      case .failed(.notLeaseholder(let known, let leader)):
        if let known, known.id == range.id {
          isInformed = true
          if known.generation > range.generation {
            router.learn(known)
            range = known
          }
        }
        tried.append(node)
        if let leader, leader != node, !tried.contains(leader) {
          router.setLeaseholder(leader, of: range.id)
          continue
        }
        router.setLeaseholder(nil, of: range.id)
      case .failed(.stalled(let reason)):
        tried.append(node)
        isInformed = true
        stalls.append((node, reason))
        router.setLeaseholder(nil, of: range.id)
      default:
        router.setLeaseholder(node, of: range.id)
        return reply
      }
      guard candidates(for: range, orAnybody: asksAnybody).allSatisfy(tried.contains) else { continue }
      // The first range is not found by `meta`, and its replicas that are known may all be ones that it has left behind.
      if !asksAnybody, !isInformed || range.id == MetaKeys.range && attempt > 1 {
        asksAnybody = true
        if let own = shard.descriptors(overlapping: KeySpan(range.span.start)).first(where: { $0.id == range.id }),
          own.generation > range.generation
        {
          router.learn(own)
          range = own
        }
        continue
      }
      isInformed = false
      // Nobody serves it now: an election, perhaps; or it has moved, or is no more.
      tried = []
      attempt += 1
      if range.id != MetaKeys.range, attempt > 1, let newer = try? await readMeta(range.span.start, isEnd: false, home),
        newer.generation > range.generation
      {
        router.forget(range.id)
        router.learn(newer)
        guard newer.id == range.id else { return RangeReply(response: .failed(.outOfRange([newer])), lease: 0) }
        range = newer
        continue
      }
      if let reason = hopelessness(of: range, stalls) {
        return RangeReply(response: .failed(.unavailable(reason)), lease: 0)
      }
      stalls = []
      if now > deadline {
        let nodes = candidates(for: range).map(\.description).joined(separator: ", ")
        return RangeReply(
          response: .failed(.unavailable("range \(range.id) is served by none of its replicas (\(nodes))")), lease: 0)
      }
      await backOff(attempt + 4)
    }
  }

  /// Why it makes no sense to wait for a range: each of its replicas has said so, or its node has been silent for long.
  private func hopelessness(of range: RangeDescriptor, _ stalls: [(node: NodeID, reason: String)]) -> String? {
    let replicas = Set(range.replicas.map(\.node))
    let told = stalls.filter { replicas.contains($0.node) }
    if !replicas.isEmpty, replicas.count == told.count { return told[0].reason }
    guard let absence = store.absence(of: range, besides: Set(told.map(\.node)), upSince: beginning) else { return nil }
    return told.first?.reason ?? absence
  }

  /// Who may serve a range: its replicas as far as they are known, and otherwise everybody.
  private func candidates(for range: RangeDescriptor, orAnybody isAnybody: Bool = false) -> [NodeID] {
    let replicas = range.replicas.map(\.node)
    if !replicas.isEmpty, !isAnybody { return replicas }
    let everybody = [store.identity.node] + (store.network?.peerIDs ?? [])
    return replicas + everybody.filter { !replicas.contains($0) }
  }

  private func nextNode(among candidates: [NodeID], of range: RangeID, besides tried: [NodeID]) -> NodeID {
    let own = store.identity.node
    if let node = router.leaseholder(of: range), !tried.contains(node) { return node }
    if candidates.contains(own), !tried.contains(own) { return own }
    return candidates.first { !tried.contains($0) } ?? candidates.first ?? own
  }

  func askHere(_ request: RangeRequest, _ header: TransactionHeader, _ range: RangeID) async -> RangeReply {
    let store = store
    return await store.reactor(of: range).perform { reactor in
      guard let replica = store.shard(on: reactor).replica(range) else {
        return RangeReply(response: .failed(.notLeaseholder(nil, leader: nil)), lease: 0)
      }
      return RangeReply(response: await replica.execute(request, header), lease: replica.lease(of: header.id))
    }
  }

  /// Sends a request over a span whose outcome nobody waits for.
  func post(
    over span: KeySpan, _ header: TransactionHeader, _ request: @escaping @Sendable (KeySpan) -> RangeRequest
  ) {
    let me = Confined(self, to: reactor)
    reactor.enqueue { reactor in
      reactor.run { reactor in try? await me.access(on: reactor).send(over: span, header, request) }
    }
  }

  // MARK: - Other ranges' transactions

  /// Finds out how transactions stand whose intents are in the way in `range`, and tells it.
  func settle(_ inquiries: [TransactionInquiry], in range: RangeDescriptor) async throws(TransactionError) {
    var fates: [TransactionFate] = []
    for inquiry in inquiries { fates.append(try await fate(of: inquiry)) }
    if let replica = replica(range) {
      replica.take(fates)
    } else {
      // Whatever comes of it: the request that met the intents looks again.
      _ = await send(.settle(fates), ownHeader(), to: range)
    }
  }

  func fate(of inquiry: TransactionInquiry) async throws(TransactionError) -> TransactionFate {
    while true {
      let range = try await range(of: inquiry.anchor)
      switch await send(.inquire(inquiry), ownHeader(), to: range) {
      case .fate(let fate):
        // Without what was promised: its coordinator may yet say how it ended.
        guard fate.status == .staging, !fate.promised.isEmpty else { return fate }
        _ = try await recover(fate)
      case .failed(.outOfRange): continue
      case .failed(let failure): throw TransactionError(failure)
      default: throw .unavailable("a range gave an answer to another question")
      }
    }
  }

  /// Settles what a transaction that has ended left in other ranges than that of its record; then its record may go.
  func settleElsewhere(_ transaction: UnsettledTransaction) async throws(TransactionError) {
    let fate = transaction.fate
    for span in transaction.spans {
      try await send(over: span, ownHeader()) { .resolve(fate, [$0]) }
    }
    for span in transaction.clears { try await clear(span) }
    let settled = transaction.spans + transaction.clears
    try await send(over: KeySpan(fate.anchor), ownHeader()) { _ in
      .forget(fate.id, anchor: fate.anchor, settled: settled)
    }
  }

  // MARK: - Beside each other

  /// Does pieces of work beside each other on this reactor; the results are in their order.
  func together<Result: Sendable>(_ count: Int, _ work: @escaping (Int) async -> Result) async -> [Result] {
    if count == 1 { return [await work(0)] }
    let collection = Confined(Collection<Result>(count), to: reactor)
    let shared = Confined(work, to: reactor)
    for index in 0..<count {
      reactor.enqueue { reactor in
        reactor.run { reactor in
          let result = await shared.access(on: reactor)(index)
          collection.access(on: reactor).put(result, index)
        }
      }
    }
    return await reactor.suspend { collection.accessAssumingIsolated().wait($0) }
  }
}

/// Results as they come.
private final class Collection<Result: Sendable> {
  private var results: [Result?]
  private var left: Int
  private var continuation: UnsafeContinuation<[Result], Never>?

  init(_ count: Int) {
    results = Array(repeating: nil, count: count)
    left = count
  }

  func put(_ result: Result, _ index: Int) {
    results[index] = result
    left -= 1
    if left == 0 { continuation?.resume(returning: results.compactMap { $0 }) }
  }

  func wait(_ continuation: UnsafeContinuation<[Result], Never>) {
    if left == 0 {
      continuation.resume(returning: results.compactMap { $0 })
    } else {
      self.continuation = continuation
    }
  }
}
