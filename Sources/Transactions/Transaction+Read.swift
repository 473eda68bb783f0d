// HOT: reads through a transaction: its own buffered writes over what its ranges hold. A read of a range on the same
// reactor that meets nothing in its way is one synchronous call.

import Clocks
import Encoding
import Ranges
import Storage

extension Transaction {
  /// Reads one key, this transaction's own writes included. Appends key and value to `block` and returns true if it exists.
  public func get(_ key: Key, lock: LockRequest? = nil, into block: inout KeyValueBlock)
    async throws(TransactionError) -> Bool
  {
    let lock = !privateSpans.isEmpty && privateSpans.contains(key) ? nil : lock
    let rows = block.count
    if buffer.isEmpty {
      try await read(key, lock: lock, into: &block)
      return block.count > rows
    }
    guard let own = buffer.find(key) else {
      try await read(key, lock: lock, into: &block)
      return block.count > rows
    }
    if let lock {
      // The lock may be missing, if the write was blind; the value below is older than our own.
      try await read(key, lock: lock, into: &block)
      block.truncate(rows: rows)
    }
    guard let value = own.value else { return false }
    block.append(key: key.bytes, value: value)
    return true
  }

  /// Reads one key as it stands at the read timestamp without remembering that: for what the caller looks after by itself,
  /// see `depend(on:)`.
  public func getUnrecorded(_ key: Key, into block: inout KeyValueBlock) async throws(TransactionError) -> Bool {
    if let own = buffer.find(key) {
      if let value = own.value { block.append(key: key.bytes, value: value) }
      return own.value != nil
    }
    let rows = block.count
    try await read(key, lock: nil, isRecorded: false, into: &block)
    return block.count > rows
  }

  /// Reads many keys at once, in the order given; absent (and skipped) keys add nothing.
  public func get(_ keys: [Key], lock: LockRequest? = nil, into block: inout KeyValueBlock)
    async throws(TransactionError)
  {
    guard let first = keys.first else { return }
    let range = system.router.lookup(first)
    if keys.count > 1, system.replica(range) == nil, keys.allSatisfy({ range.span.contains($0) }) {
      try await readTogether(keys, lock: lock, in: range, into: &block)
      return
    }
    for key in keys { _ = try await get(key, lock: lock, into: &block) }
  }

  /// Appends the rows of `span` in key order, or its reverse, up to the limits. Returns what remains to be scanned, if anything.
  public func scan(_ span: KeySpan, _ options: ScanOptions = ScanOptions(), into block: inout KeyValueBlock)
    async throws(TransactionError) -> KeySpan?
  {
    guard !span.isEmpty else { return nil }
    if buffer.isEmpty { return try await readSpan(span, options, into: &block) }
    let own = buffer.positions(in: span)
    if own.isEmpty { return try await readSpan(span, options, into: &block) }
    var page = KeyValueBlock()
    let rest = try await readSpan(span, options, into: &page)
    return overlay(page, span, rest, options, into: &block)
  }

  /// Reads keys of a range that is served elsewhere with one request, and lays this transaction's writes over them.
  private func readTogether(
    _ keys: [Key], lock: LockRequest?, in range: RangeDescriptor, into block: inout KeyValueBlock
  ) async throws(TransactionError) {
    let areAllPrivate = !privateSpans.isEmpty && keys.allSatisfy { privateSpans.contains($0) }
    let lock = areAllPrivate ? nil : lock
    // A lock may be missing on what was written blindly.
    let asked = lock == nil && !buffer.isEmpty ? keys.filter { buffer.find($0) == nil } : keys
    var page = KeyValueBlock()
    if !asked.isEmpty {
      try await readRemotely(.get(asked, lock: lock), in: range, isLocking: lock != nil, into: &page)
    }
    if mustRecord(lock), !areAllPrivate {
      for key in asked where privateSpans.isEmpty || !privateSpans.contains(key) { reads.add(key) }
    }
    if buffer.isEmpty, block.isEmpty {
      block = page
      return
    }
    var row = 0
    for key in keys {
      // The page is in the order of what was asked, without what is absent.
      let isRow =
        row < page.count
        && key.bytes.withUnsafeBytes { mine in page.withKey(row) { compareBytes(mine, $0) == 0 } }
      if let own = buffer.find(key) {
        if let value = own.value { block.append(key: key.bytes, value: value) }
      } else if isRow {
        block.append(row: row, of: page)
      }
      if isRow { row += 1 }
    }
  }

  // MARK: - One key

  @inline(__always)
  private func read(_ key: Key, lock: LockRequest?, isRecorded: Bool = true, into block: inout KeyValueBlock)
    async throws(TransactionError)
  {
    let range = system.router.lookup(key)
    if lock != nil { mayHoldLocks = true }
    let first = try readHere(key, lock, range, into: &block)
    if case .done = first {
      record(key, lock, isRecorded)
    } else {
      try await read(key, lock: lock, isRecorded: isRecorded, in: range, after: first, into: &block)
    }
  }

  private func record(_ key: Key, _ lock: LockRequest?, _ isRecorded: Bool) {
    if isRecorded, mustRecord(lock), privateSpans.isEmpty || !privateSpans.contains(key) { reads.add(key) }
  }

  /// One attempt at the replica on this reactor; nil: the range is served elsewhere.
  private func readHere(
    _ key: Key, _ lock: LockRequest?, _ range: RangeDescriptor, into block: inout KeyValueBlock
  ) throws(TransactionError) -> ReadStep? {
    guard let replica = system.replica(range) else { return nil }
    if lock != nil { try noteLease(replica.leaseSequence, of: range) }
    return replica.get(key, header, lock: lock, observed: &observed, into: &block)
  }

  /// Goes on after an attempt, until the key is read.
  private func read(
    _ key: Key, lock: LockRequest?, isRecorded: Bool, in range: RangeDescriptor, after first: ReadStep?,
    into block: inout KeyValueBlock
  ) async throws(TransactionError) {
    var step = first
    while true {
      guard let now = step else {
        try await readRemotely(.get([key], lock: lock), in: range, isLocking: lock != nil, into: &block)
        if isRecorded && mustRecord(lock) { reads.add(key) }
        return
      }
      switch now {
      case .done:
        record(key, lock, isRecorded)
        return
      case .wait(let wait):
        guard let replica = system.replica(range) else {
          step = nil
          continue
        }
        try await self.wait(wait, at: replica, of: range)
      case .failed(.writeTooOld(let newer, let key)):
        try await moveForward(above: newer, key: key)
      case .failed(.notLeaseholder):
        step = nil
        continue
      case .failed(let failure): throw TransactionError(failure)
      }
      step = try readHere(key, lock, range, into: &block)
    }
  }

  /// Locks do not outlive the lease under which they were taken: a transaction that holds some is bound to it.
  func noteLease(_ lease: UInt64, of range: RangeDescriptor) throws(TransactionError) {
    if let place = leases.firstIndex(where: { $0.range == range.id }) {
      guard leases[place].lease == lease else {
        throw .retry(reason: "its locks were lost when the range's lease moved", key: nil)
      }
    } else {
      leases.append((range.id, lease))
    }
  }

  /// The header for a request to one range.
  func header(for range: RangeDescriptor) -> TransactionHeader {
    var header = header
    if let bound = leases.first(where: { $0.range == range.id }) { header.locksLease = bound.lease }
    return header
  }

  /// Waits until a read may begin again.
  private func wait(_ wait: ReadWait, at replica: Replica, of range: RangeDescriptor) async throws(TransactionError) {
    if isCancelled {
      replica.abandon(wait)
      throw .cancelled
    }
    waitingAt = range
    let failure = await replica.wait(wait, header)
    waitingAt = nil
    if let failure {
      // Its lease has moved: the request looks for the range again.
      if case .notLeaseholder = failure { return }
      throw TransactionError(failure)
    }
  }

  /// Under a lock nobody changes the key, so only plain reads must be looked at again.
  @inline(__always)
  private func mustRecord(_ lock: LockRequest?) -> Bool {
    lock == nil && !isDeclaredReadOnly && header.isolation != .repeatableRead
  }

  /// Sends a read to another reactor, again whenever the timestamp had to move.
  @discardableResult
  private func readRemotely(
    _ request: RangeRequest, in range: RangeDescriptor, isLocking: Bool, into block: inout KeyValueBlock
  ) async throws(TransactionError) -> KeySpan? {
    if isLocking { mayHoldLocks = true }
    while true {
      if isCancelled { throw .cancelled }
      waitingAt = range
      let reply = await system.ask(request, header(for: range), range)
      waitingAt = nil
      if isLocking, reply.lease != 0 { try noteLease(reply.lease, of: range) }
      switch reply.response {
      case .rows(let rows, let resume, let newest):
        if newest > observed { observed = newest }
        if block.isEmpty {
          block = rows
        } else {
          for row in 0..<rows.count { block.append(row: row, of: rows) }
        }
        return resume
      case .failed(.writeTooOld(let newer, let key)):
        try await moveForward(above: newer, key: key)
      case .failed(let failure): throw TransactionError(failure)
      case .written, .done, .statistics: throw .unavailable("a range gave an answer to another question")
      }
    }
  }

  // MARK: - Spans

  private func readSpan(_ span: KeySpan, _ options: ScanOptions, into block: inout KeyValueBlock)
    async throws(TransactionError) -> KeySpan?
  {
    var rest = span
    let rows = block.count
    let bytes = block.byteCount
    while !rest.isEmpty {
      let rowsLeft = options.rowLimit == 0 ? Int.max : options.rowLimit - (block.count - rows)
      let bytesLeft = options.byteLimit - (block.byteCount - bytes)
      if rowsLeft <= 0 || bytesLeft <= 0 { break }
      let (range, part) = system.router.first(rest, isReverse: options.isReverse)
      var left = part
      try await readPart(
        &left, in: range, options, rows: rowsLeft, bytes: bytesLeft, into: &block)
      let isPartDone = left.isEmpty
      if options.isReverse {
        rest.end = isPartDone ? part.start : left.end
      } else {
        rest.start = isPartDone ? part.end : left.start
      }
      if !isPartDone { break }
    }
    if options.isRecorded, mustRecord(nil), privateSpans.isEmpty || !privateSpans.contains(span) {
      if options.isReverse {
        reads.add(KeySpan(start: rest.isEmpty ? span.start : rest.end, end: span.end))
      } else {
        reads.add(KeySpan(start: span.start, end: rest.isEmpty ? span.end : rest.start))
      }
    }
    return rest.isEmpty ? nil : rest
  }

  private func readPart(
    _ span: inout KeySpan, in range: RangeDescriptor, _ options: ScanOptions, rows: Int, bytes: Int,
    into block: inout KeyValueBlock
  ) async throws(TransactionError) {
    if options.lock != nil { mayHoldLocks = true }
    let before = (rows: block.count, bytes: block.byteCount)
    var isLeaseLost = false
    while true {
      // Rows delivered before a wait stay; they are locked, or were read in one step with what follows.
      let limits = ScanLimits(
        rows: rows == Int.max ? Int.max : rows - (block.count - before.rows),
        bytes: bytes - (block.byteCount - before.bytes), intents: Limits.intentsPerPass)
      if limits.rows <= 0 || limits.bytes <= 0 { return }
      guard let replica = isLeaseLost ? nil : system.replica(range) else {
        let request = RangeRequest.scan(
          span, isReverse: options.isReverse, rowLimit: limits.rows == Int.max ? 0 : limits.rows,
          byteLimit: limits.bytes, lock: options.lock)
        let rest = try await readRemotely(request, in: range, isLocking: options.lock != nil, into: &block)
        span = rest ?? KeySpan(start: span.end, end: span.end)
        return
      }
      if options.lock != nil { try noteLease(replica.leaseSequence, of: range) }
      let step = replica.scan(
        &span, header, isReverse: options.isReverse, limits: limits, lock: options.lock, observed: &observed,
        into: &block)
      switch step {
      case .done: return
      case .wait(let wait): try await self.wait(wait, at: replica, of: range)
      case .failed(.writeTooOld(let newer, let key)):
        try await moveForward(above: newer, key: key)
      case .failed(.notLeaseholder): isLeaseLost = true
      case .failed(let failure): throw TransactionError(failure)
      }
    }
  }

  /// Lays this transaction's writes over a page of a scan.
  private func overlay(
    _ page: KeyValueBlock, _ span: KeySpan, _ rest: KeySpan?, _ options: ScanOptions,
    into block: inout KeyValueBlock
  ) -> KeySpan? {
    var covered = span
    if let rest {
      if options.isReverse { covered.start = rest.end } else { covered.end = rest.start }
    }
    let places = buffer.positions(in: covered)
    var own = 0
    var row = 0
    let limit = options.rowLimit == 0 ? Int.max : options.rowLimit
    let first = block.count
    let firstByte = block.byteCount
    while row < page.count || own < places.count {
      if block.count - first >= limit || block.byteCount - firstByte >= options.byteLimit {
        guard block.count > 0 else { break }
        let last = block.key(block.count - 1)
        return options.isReverse
          ? KeySpan(start: span.start, end: last) : KeySpan(start: last.next, end: span.end)
      }
      if own == places.count {
        block.append(row: row, of: page)
        row += 1
        continue
      }
      let place = options.isReverse ? places.upperBound - 1 - own : places.lowerBound + own
      let entry = buffer.ordered(place)
      var order = -1
      if row < page.count {
        order = entry.key.bytes.withUnsafeBytes { mine in
          page.withKey(row) { theirs in compareBytes(mine, theirs) }
        }
        if options.isReverse { order = -order }
      }
      if order > 0 {
        block.append(row: row, of: page)
        row += 1
        continue
      }
      if order == 0 { row += 1 }
      if let value = entry.value { block.append(key: entry.key.bytes, value: value) }
      own += 1
    }
    return rest
  }

  // MARK: - Moving forward

  /// Moves the read timestamp to now, above `newer`, if what was read so far still holds there.
  func moveForward(above newer: Timestamp, key: Key?) async throws(TransactionError) {
    if header.isolation == .repeatableRead {
      throw .retry(reason: "a concurrent transaction wrote the row", key: key)
    }
    let target = max(system.store.clock.now(), newer)
    if !reads.isEmpty || !dependencies.isEmpty {
      for (range, part) in system.router.split(footprint(with: reads.footprint)) {
        let failure: RangeFailure?
        if let replica = system.replica(range) {
          failure = await replica.refresh(part, header, to: target)
        } else if case .failed(let reason) = await system.send(.refresh(part, to: target), header, to: range) {
          failure = reason
        } else {
          failure = nil
        }
        if let failure { throw TransactionError(failure) }
      }
    }
    header.readTimestamp = target
  }
}
