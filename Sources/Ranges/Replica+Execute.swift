// Requests as values: the door for gateways on other reactors, and later other nodes.

import Clocks
import Encoding
import Storage

extension Replica {
  /// Serves one request from start to end, waits included.
  public func execute(_ request: RangeRequest, _ header: TransactionHeader) async -> RangeResponse {
    // Nobody need look after a replica that only reads.
    if header.isServedByAny, !holdsLease, let served = serveClosed(request, header) { return served }
    wake()
    if header.readTimestamp.wall > shard.clock.latestAcceptable {
      return .failed(
        .unavailable("a request's timestamp lies too far ahead of this node's clock: some clock is wrong"))
    }
    switch request {
    // What only cleans up is never held back by what the transaction lost.
    // And what is frozen serves nobody, but may go on to the end that it was frozen for.
    case .freeze, .thaw, .keepApart: break
    case .abort, .cancelWait: if !holdsLease { return .failed(stalled(unavailable)) }
    default: if let refusal = refusal(header) { return .failed(stalled(refusal)) }
    }
    switch request {
    case .get(let keys, let lock):
      var block = KeyValueBlock()
      var observed = Timestamp.zero
      for key in keys {
        if let failure = await get(key, header, lock: lock, observed: &observed, waitingInto: &block) {
          return .failed(failure)
        }
      }
      return .rows(block, resume: nil, observed: observed)
    case .scan(let span, let isReverse, let rowLimit, let byteLimit, let lock):
      var block = KeyValueBlock()
      var observed = Timestamp.zero
      var rest = span
      let limits = ScanLimits(
        rows: rowLimit == 0 ? Int.max : rowLimit, bytes: byteLimit, intents: Limits.intentsPerPass)
      if let failure = await scan(
        &rest, header, isReverse: isReverse, limits: limits, lock: lock, observed: &observed,
        waitingInto: &block)
      {
        return .failed(failure)
      }
      return .rows(block, resume: rest.isEmpty ? nil : rest, observed: observed)
    case .write(let write):
      switch await self.write(write, header) {
      case .written(let timestamp): return .written(timestamp)
      case .failed(let failure): return .failed(failure)
      }
    case .refresh(let reads, let timestamp):
      return response(await refresh(reads, header, to: timestamp))
    case .heartbeat: return response(await heartbeat(header))
    case .release(let spans):
      let failure = release(header)
      return response(failure ?? KeySpans.cut(spans, by: descriptor.span).outside.first.map { outOfRange($0) })
    case .abort(let spans): return response(abort(header, spans))
    case .inquire(let inquiry): return await inquire(inquiry)
    case .verify(let fate, let promised): return await verify(fate, promised, header)
    case .conclude(let fate, let isCommitted): return await conclude(fate, isCommitted: isCommitted)
    case .settle(let fates):
      take(fates)
      return .done
    case .resolve(let fate, let spans): return response(await resolve(fate, spans))
    case .forget(let id, let anchor, let settled): return response(forget(id, anchor: anchor, settled: settled))
    case .split(let key, let range, let isPinned, let generation):
      await untilFollowersKeepUp()
      return response(await split(at: key, into: range, isPinned: isPinned, in: generation))
    case .pin(let isPinned, let key): return response(await pin(isPinned, at: key))
    case .describe:
      writeDownCommit()
      return .description(whole)
    case .freeze(let target, let generation): return await freeze(into: target, in: generation)
    case .merge(let right): return response(await merge(right))
    case .keepApart(let range, let key, let generation): return await keepApart(range, from: key, in: generation)
    case .thaw(let generation): return response(await thaw(generation))
    case .cancelWait:
      cancelWait(header.id)
      return .done
    case .clear(let span): return response(await clear(span))
    case .collectGarbage(let threshold): return response(await collectGarbage(below: threshold))
    case .statistics(let span): return .statistics(statistics(span))
    case .newest(let span):
      if let refusal = refusal(of: span) { return .failed(refusal) }
      do throws(StorageError) {
        // Behind too many intents a reader settles them.
        return try newest(span, below: shard.clock.now()) ?? .newest(.zero)
      } catch {
        shard.fail(error)
        return .failed(.unavailable("\(error)"))
      }
    }
  }

  var whole: RangeDescription {
    RangeDescription(
      descriptor: descriptor, byteCount: approximateByteCount, requestsPerSecond: requestRate,
      isDurable: knowsMembersDurably)
  }

  /// Whoever looks for the leaseholder is told if there has been none for long.
  private func stalled(_ failure: RangeFailure) -> RangeFailure {
    guard case .notLeaseholder = failure, let stall else { return failure }
    return .stalled(stall)
  }

  private func response(_ failure: RangeFailure?) -> RangeResponse {
    failure.map(RangeResponse.failed) ?? .done
  }

  /// `get`, waiting as often as need be. Nil: done.
  public func get(
    _ key: Key, _ header: TransactionHeader, lock: LockRequest?, observed: inout Timestamp,
    waitingInto block: inout KeyValueBlock
  ) async -> RangeFailure? {
    while true {
      switch get(key, header, lock: lock, observed: &observed, into: &block) {
      case .done: return nil
      case .failed(let failure): return failure
      case .wait(let read):
        if let failure = await wait(read, header) { return failure }
      }
    }
  }

  /// `scan` of one page, waiting as often as need be; `span` shrinks to what remains. Nil: done.
  public func scan(
    _ span: inout KeySpan, _ header: TransactionHeader, isReverse: Bool, limits: ScanLimits,
    lock: LockRequest?, observed: inout Timestamp, waitingInto block: inout KeyValueBlock
  ) async -> RangeFailure? {
    let rows = block.count
    let bytes = block.byteCount
    while true {
      var left = limits
      if left.rows != Int.max { left.rows -= block.count - rows }
      left.bytes -= block.byteCount - bytes
      if left.rows <= 0 || left.bytes <= 0 { return nil }
      let step = scan(
        &span, header, isReverse: isReverse, limits: left, lock: lock, observed: &observed, into: &block)
      switch step {
      case .done: return nil
      case .failed(let failure): return failure
      case .wait(let read):
        if let failure = await wait(read, header) { return failure }
      }
    }
  }
}
