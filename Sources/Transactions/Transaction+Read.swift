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
    var rest = keys[...]
    while let first = rest.first {
      let range = try await system.range(of: first)
      if system.replica(range) != nil {
        _ = try await get(first, lock: lock, into: &block)
        rest = rest.dropFirst()
        continue
      }
      // Those of a range that is served elsewhere are asked for together.
      let part = Array(rest.prefix { range.span.contains($0) })
      if try await readTogether(part, lock: lock, in: range, into: &block) { rest = rest.dropFirst(part.count) }
    }
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

  /// Reads keys of a range that is served elsewhere with one request, and lays this transaction's writes over them. False: the range does not
  /// hold them all.
  private func readTogether(
    _ keys: [Key], lock: LockRequest?, in range: RangeDescriptor, into block: inout KeyValueBlock
  ) async throws(TransactionError) -> Bool {
    let areAllPrivate = !privateSpans.isEmpty && keys.allSatisfy { privateSpans.contains($0) }
    let lock = areAllPrivate ? nil : lock
    // A lock may be missing on what was written blindly.
    let asked = lock == nil && !buffer.isEmpty ? keys.filter { buffer.find($0) == nil } : keys
    var page = KeyValueBlock()
    if let first = asked.first {
      let hull = asked.dropFirst().reduce(KeySpan(first)) { hull, key in
        KeySpan(start: min(hull.start, key), end: max(hull.end, key.next))
      }
      guard
        case .read = try await readRemotely(
          .get(asked, lock: lock), in: range, over: hull, isLocking: lock != nil, into: &page)
      else { return false }
    }
    if mustRecord(lock), !areAllPrivate {
      for key in asked where privateSpans.isEmpty || !privateSpans.contains(key) {
        reads.add(key, limit: system.readLimit)
      }
    }
    if buffer.isEmpty, block.isEmpty {
      block = page
      return true
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
    return true
  }

  // MARK: - One key

  @inline(__always)
  private func read(_ key: Key, lock: LockRequest?, isRecorded: Bool = true, into block: inout KeyValueBlock)
    async throws(TransactionError)
  {
    if lock == nil, !header.hasIntents, let replica = system.replica(holding: key) {
      let step = replica.get(
        key, at: header.readTimestamp, uncertainUpTo: header.uncertainUpTo, owner: header.tag, { header },
        observed: &observed, into: &block)
      if case .done = step {
        record(key, nil, isRecorded)
        return
      }
      try await read(key, lock: nil, isRecorded: isRecorded, in: replica.descriptor, after: step, into: &block)
      return
    }
    if lock != nil { mayHoldLocks = true }
    let range = system.router.find(key)
    var first: ReadStep?
    if let range {
      first = try readHere(key, lock, range, into: &block)
      if case .done? = first {
        record(key, lock, isRecorded)
        return
      }
    }
    try await read(key, lock: lock, isRecorded: isRecorded, in: range, after: first, into: &block)
  }

  private func record(_ key: Key, _ lock: LockRequest?, _ isRecorded: Bool) {
    if isRecorded, mustRecord(lock), privateSpans.isEmpty || !privateSpans.contains(key) {
      reads.add(key, limit: system.readLimit)
    }
  }

  /// One attempt at the replica on this reactor; nil: the range is served elsewhere.
  private func readHere(
    _ key: Key, _ lock: LockRequest?, _ range: RangeDescriptor, into block: inout KeyValueBlock
  ) throws(TransactionError) -> ReadStep? {
    guard let replica = system.replica(range) else { return nil }
    if lock != nil {
      // What is not locked there in the end must not look lost later.
      guard replica.descriptor.span.contains(key) else { return .failed(replica.outOfRange(KeySpan(key))) }
      try bind(to: range, lease: replica.lease(of: header.id), over: KeySpan(key))
    }
    if header.hasIntents {
      return replica.get(key, try header(for: range), lock: lock, observed: &observed, into: &block)
    }
    return replica.get(key, header, lock: lock, observed: &observed, into: &block)
  }

  /// Goes on after an attempt, or before the first, until the key is read.
  private func read(
    _ key: Key, lock: LockRequest?, isRecorded: Bool, in known: RangeDescriptor?, after first: ReadStep?,
    into block: inout KeyValueBlock
  ) async throws(TransactionError) {
    var range: RangeDescriptor
    var step = first
    if let known {
      range = known
    } else {
      range = try await system.range(of: key)
      step = try readHere(key, lock, range, into: &block)
    }
    while true {
      switch step {
      // Whoever serves it now is found by asking.
      case nil, .failed(.notLeaseholder)?:
        if case .read = try await readRemotely(
          .get([key], lock: lock), in: range, over: KeySpan(key), isLocking: lock != nil, into: &block)
        {
          record(key, lock, isRecorded)
          return
        }
      case .done?:
        record(key, lock, isRecorded)
        return
      case .wait(let wait)?:
        guard let replica = system.replica(range) else {
          step = nil
          continue
        }
        try await self.wait(wait, at: replica, of: range)
      case .failed(let failure)?: try await cope(with: failure, in: range)
      }
      range = try await system.range(of: key)
      step = try readHere(key, lock, range, into: &block)
    }
  }

  /// Does what must be done before a read that failed is tried again; throws where that is of no use.
  private func cope(with failure: RangeFailure, in range: RangeDescriptor) async throws(TransactionError) {
    switch failure {
    case .writeTooOld(let newer, let key): try await moveForward(above: newer, key: key)
    case .conflict(let inquiries): try await system.settle(inquiries, in: range)
    case .outOfRange(let known): await system.learn(known, refusedBy: range)
    default: throw TransactionError(failure)
    }
  }

  /// Waits until a read may begin again.
  private func wait(_ wait: ReadWait, at replica: Replica, of range: RangeDescriptor) async throws(TransactionError) {
    if isCancelled {
      replica.abandon(wait)
      throw .cancelled
    }
    waitingAt.append(range)
    let failure = await replica.wait(wait, header)
    waitingAt.removeAll { $0.id == range.id }
    if let failure {
      // Its lease has moved: the request looks for the range again.
      if case .notLeaseholder = failure { return }
      throw TransactionError(failure)
    }
  }

  /// Under a lock nobody changes the key, so only plain reads must be looked at again.
  @inline(__always)
  private func mustRecord(_ lock: LockRequest?) -> Bool {
    if !header.uncertainUpTo.isZero, !isHistorical { return lock == nil }
    return lock == nil && !isDeclaredReadOnly && header.isolation != .repeatableRead
  }

  private enum RemoteRead {
    /// What remains of a scan.
    case read(KeySpan?)
    /// The range does not hold what was asked for.
    case moved
  }

  /// Sends a read of what lies in `hull` to another reactor or node, again whenever the timestamp had to move.
  private func readRemotely(
    _ request: RangeRequest, in range: RangeDescriptor, over hull: KeySpan, isLocking: Bool,
    into block: inout KeyValueBlock
  ) async throws(TransactionError) -> RemoteRead {
    var before: RangeBinding?
    if isLocking {
      mayHoldLocks = true
      before = note(range, hull)
    }
    while true {
      if isCancelled { throw .cancelled }
      waitingAt.append(range)
      let reply = await system.ask(request, try header(for: range), range)
      waitingAt.removeAll { $0.id == range.id }
      if case .failed(.outOfRange) = reply.response {
        if isLocking { takeBack(range, to: before) }
        return .moved
      }
      if isLocking, reply.lease != 0 { try bind(to: range, lease: reply.lease, over: hull) }
      switch reply.response {
      case .rows(let rows, let resume, let newest):
        if newest > observed { observed = newest }
        if block.isEmpty {
          block = rows
        } else {
          for row in 0..<rows.count { block.append(row: row, of: rows) }
        }
        return .read(resume)
      case .failed(.writeTooOld(let newer, let key)):
        try await moveForward(above: newer, key: key)
      case .failed(let failure): throw TransactionError(failure)
      default: throw .unavailable("a range gave an answer to another question")
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
      let range = try await options.isReverse ? system.range(below: rest.end) : system.range(of: rest.start)
      guard let part = rest.intersection(range.span) else { continue }
      var left = part
      let isWhole = try await readPart(
        &left, in: range, options, rows: rowsLeft, bytes: bytesLeft, into: &block)
      let isPartDone = left.isEmpty
      if options.isReverse {
        rest.end = isPartDone ? part.start : left.end
      } else {
        rest.start = isPartDone ? part.end : left.start
      }
      if !isPartDone, isWhole { break }
    }
    return rest.isEmpty ? nil : rest
  }

  /// Remembers what a scan has covered, gaps between locked rows included, and takes what is left for the next that it has to cover. Whatever
  /// moves the timestamp must find it there, also in the middle of a scan.
  private func record(_ scanned: inout KeySpan, left: KeySpan, _ options: ScanOptions) {
    let covered =
      options.isReverse
      ? KeySpan(start: left.end, end: scanned.end) : KeySpan(start: scanned.start, end: left.start)
    scanned = left
    guard !covered.isEmpty, options.isRecorded, mustRecord(nil),
      privateSpans.isEmpty || !privateSpans.contains(covered)
    else { return }
    reads.add(covered, limit: system.readLimit)
  }

  /// False: the range does not hold all of what is left of the span, which is to be looked for again.
  private func readPart(
    _ span: inout KeySpan, in range: RangeDescriptor, _ options: ScanOptions, rows: Int, bytes: Int,
    into block: inout KeyValueBlock
  ) async throws(TransactionError) -> Bool {
    if options.lock != nil { mayHoldLocks = true }
    let before = (rows: block.count, bytes: block.byteCount)
    var isLeaseLost = false
    var scanned = span
    while true {
      record(&scanned, left: span, options)
      // Rows delivered before a wait stay; they are locked, or were read in one step with what follows.
      let limits = ScanLimits(
        rows: rows == Int.max ? Int.max : rows - (block.count - before.rows),
        bytes: bytes - (block.byteCount - before.bytes), intents: Limits.intentsPerPass)
      if limits.rows <= 0 || limits.bytes <= 0 { return true }
      guard let replica = isLeaseLost ? nil : system.replica(range) else {
        let request = RangeRequest.scan(
          span, isReverse: options.isReverse, rowLimit: limits.rows == Int.max ? 0 : limits.rows,
          byteLimit: limits.bytes, lock: options.lock)
        let read = try await readRemotely(request, in: range, over: span, isLocking: options.lock != nil, into: &block)
        guard case .read(let rest) = read else { return false }
        if options.isReverse {
          span = rest ?? KeySpan(start: span.start, end: span.start)
        } else {
          span = rest ?? KeySpan(start: span.end, end: span.end)
        }
        record(&scanned, left: span, options)
        return true
      }
      if options.lock != nil {
        guard replica.descriptor.span.contains(span) else {
          await system.learn([replica.descriptor], refusedBy: range)
          return false
        }
        try bind(to: range, lease: replica.lease(of: header.id), over: span)
      }
      let step: ReadStep
      if header.hasIntents {
        step = replica.scan(
          &span, try header(for: range), isReverse: options.isReverse, limits: limits, lock: options.lock,
          observed: &observed, into: &block)
      } else {
        step = replica.scan(
          &span, header, isReverse: options.isReverse, limits: limits, lock: options.lock, observed: &observed,
          into: &block)
      }
      switch step {
      case .done:
        record(&scanned, left: span, options)
        return true
      case .wait(let wait): try await self.wait(wait, at: replica, of: range)
      case .failed(.notLeaseholder): isLeaseLost = true
      case .failed(.outOfRange(let known)):
        await system.learn(known, refusedBy: range)
        return false
      case .failed(let failure): try await cope(with: failure, in: range)
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
    // What may have been there before the transaction began belongs into its snapshot.
    if header.isolation == .repeatableRead, newer > header.uncertainUpTo {
      throw .retry(reason: "a concurrent transaction wrote the row", key: key)
    }
    let target = max(system.store.clock.begin().read, newer)
    if !reads.isEmpty || !dependencies.isEmpty {
      try await hold(try await system.split(footprint(with: reads.footprint)), besides: nil, upTo: target)
    }
    header.readTimestamp = target
  }

  /// Makes sure that what was read holds up to `timestamp`; and, once there is a home for the commit, that what is locked in
  /// other ranges still is.
  /// - Parameter writing: ranges that look at locks themselves, since they are about to be written to.
  func hold(
    _ parts: [(range: RangeDescriptor, reads: ReadFootprint)], besides home: RangeDescriptor?,
    writing: Set<RangeID> = [], upTo timestamp: Timestamp
  ) async throws(TransactionError) {
    var rest = parts
    if let home {
      for binding in bindings
      where binding.isBound && binding.range != home.id && !writing.contains(binding.range)
        && !rest.contains(where: { $0.range.id == binding.range })
      {
        let range = try await system.range(of: binding.hull.start)
        guard range.id == binding.range else {
          throw .retry(reason: "its locks were lost when the range was split", key: nil)
        }
        if binding.prepared == timestamp { continue }
        rest.append((range, ReadFootprint()))
      }
    }
    while let part = rest.popLast() {
      let failure: RangeFailure?
      if let replica = system.replica(part.range) {
        failure = await replica.refresh(part.reads, try header(for: part.range), to: timestamp)
      } else if case .failed(let reason) = await system.send(
        .refresh(part.reads, to: timestamp), try header(for: part.range), to: part.range)
      {
        failure = reason
      } else {
        failure = nil
      }
      switch failure {
      case nil: break
      case .conflict(let inquiries):
        try await system.settle(inquiries, in: part.range)
        rest.append(part)
      case .outOfRange(let known):
        await system.learn(known, refusedBy: part.range)
        rest += try await system.split(part.reads)
      case .some(let failure): throw TransactionError(failure)
      }
    }
  }
}
