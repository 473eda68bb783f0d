// HOT: reads of a span at a timestamp, in either direction.
//
// Two cursors walk together, over versions and, unless the caller knows there are none, over intents; both families
// order by stem, so the nearer of the two is the next key. Rows go into the caller's block without an allocation each.
// Intents of others that are in the way are listed and their keys left out: such a scan is repeated once they are
// settled, so what it put into the block is then thrown away by the caller.

import Clocks
import Encoding

/// When a scan stops.
public struct ScanLimits: Sendable {
  public var rows: Int
  /// Bytes of keys and values together; the row that reaches the limit is still delivered.
  public var bytes: Int
  /// Intents of others to list.
  public var intents: Int

  public init(rows: Int = Int.max, bytes: Int = 1 << 30, intents: Int = 100) {
    self.rows = rows
    self.bytes = bytes
    self.intents = intents
  }
}

/// What a scan met.
public struct ScanOutcome: Sendable {
  /// What is left of the span because a limit was reached; nil if all was read.
  public var resume: KeySpan?
  /// The newest version at or below the timestamp that was met, deletions included.
  public var newest = Timestamp.zero
  /// The newest version above the timestamp that was met; `zero` if there was none.
  public var newer = Timestamp.zero
  /// Intents of others that must be settled before the scan means anything.
  public var intents: [Intent] = []

  init() {}
}

extension MVCCReader {
  /// Appends the rows of `span` at the timestamp to `block`, in ascending or descending order of their keys.
  public func scan(
    _ span: KeySpan, _ options: ReadOptions, limits: ScanLimits = ScanLimits(), reverse: Bool = false,
    into block: inout KeyValueBlock
  ) throws(StorageError) -> ScanOutcome {
    guard !span.isEmpty else { return ScanOutcome() }
    guard limits.rows > 0 else {
      var outcome = ScanOutcome()
      outcome.resume = span
      return outcome
    }
    let bounds = IteratorBounds(lower: MVCCFormat.bound(span.start), upper: MVCCFormat.bound(span.end))
    let versions = try source.makeIterator(.data, bounds)
    var locks: (any EngineIterator)?
    if options.mayHaveIntents {
      let lockBounds = options.intentSpan.map {
        IteratorBounds(lower: MVCCFormat.bound($0.start), upper: MVCCFormat.bound($0.end))
      }
      let cursor = try source.makeIterator(.locks, lockBounds ?? bounds)
      if reverse { cursor.seekToLast() } else { cursor.seekToFirst() }
      if cursor.isValid { locks = cursor } else { try cursor.checkStatus() }
    }
    if reverse { versions.seekToLast() } else { versions.seekToFirst() }
    var walk = ScanWalk(
      span: span, options: options, limits: limits, reverse: reverse, versions: versions, locks: locks,
      firstRow: block.count, firstByte: block.byteCount)
    try walk.run(into: &block)
    return walk.outcome
  }
}

/// One scan under way.
struct ScanWalk {
  let span: KeySpan
  let options: ReadOptions
  let limits: ScanLimits
  let reverse: Bool
  let versions: any EngineIterator
  /// Where `versions` stands; the key is good until the next move.
  private var isValid = false
  private var key = UnsafeRawBufferPointer(start: nil, count: 0)
  var locks: (any EngineIterator)?
  let firstRow: Int
  let firstByte: Int
  var outcome = ScanOutcome()
  private var stem: [UInt8] = []
  private var candidate: [UInt8] = []

  init(
    span: KeySpan, options: ReadOptions, limits: ScanLimits, reverse: Bool, versions: any EngineIterator,
    locks: (any EngineIterator)?, firstRow: Int, firstByte: Int
  ) {
    self.span = span
    self.options = options
    self.limits = limits
    self.reverse = reverse
    self.versions = versions
    self.locks = locks
    self.firstRow = firstRow
    self.firstByte = firstByte
    stem.reserveCapacity(128)
    move { _ in }
  }

  /// Moves the cursor over versions and looks where it stands: once a move, since each question is a call into the engine.
  @inline(__always)
  private mutating func move(_ body: (any EngineIterator) -> Void) {
    body(versions)
    isValid = versions.isValid
    if isValid { key = versions.key }
  }

  /// What the intent that stands at the next key asks for.
  private enum LockStep {
    /// Look at the versions; the intent does not matter.
    case passVersions
    /// The key is done, its versions are to be passed over.
    case skipVersions
    /// The intent stood on a key without versions, and is done.
    case done
    /// A limit is reached.
    case stop
  }

  mutating func run(into block: inout KeyValueBlock) throws(StorageError) {
    while true {
      var isVersionNext = isValid
      if let locks {
        var order = -1
        if isVersionNext {
          order = compareBytes(locks.key, try currentStem())
          if reverse { order = -order }
        }
        if order <= 0 {
          let step = try takeLock(locks, hasVersions: order == 0, into: &block)
          if !locks.isValid { try dropLocks(locks) }
          switch step {
          case .passVersions: isVersionNext = true
          case .skipVersions:
            try rememberStem()
            try skipKey()
            if try isFull(block) { return }
            continue
          case .done:
            if try isFull(block) { return }
            continue
          case .stop: return
          }
        }
      }
      guard isVersionNext else { break }
      try rememberStem()
      if reverse { try takeBackward(into: &block) } else { try takeForward(into: &block) }
      if try isFull(block) { return }
      if !reverse { try skipKey() }
    }
    try versions.checkStatus()
  }

  private mutating func dropLocks(_ cursor: any EngineIterator) throws(StorageError) {
    try cursor.checkStatus()
    locks = nil
  }

  private func currentStem() throws(StorageError) -> UnsafeRawBufferPointer {
    guard let stem = MVCCFormat.stem(of: key) else {
      throw .corruption("key \(Key(copying: key)) has no timestamp")
    }
    return stem
  }

  private mutating func rememberStem() throws(StorageError) {
    let current = try currentStem()
    if stem.count == current.count {
      // As most keys of a table are: nothing but the bytes changes.
      stem.withUnsafeMutableBytes { $0.copyMemory(from: current) }
    } else {
      stem.removeAll(keepingCapacity: true)
      stem.append(contentsOf: current)
    }
  }

  @inline(__always)
  private func isAtStem() -> Bool {
    guard key.count == stem.count + MVCCFormat.suffixCount else { return false }
    return stem.withUnsafeBytes { compareBytes(UnsafeRawBufferPointer(rebasing: key[..<$0.count]), $0) == 0 }
  }

  private func version() throws(StorageError) -> Timestamp {
    guard let version = MVCCFormat.timestamp(of: key) else {
      throw .corruption("key \(Key(copying: key)) has no timestamp")
    }
    return version
  }

  /// Looks at the intent under the cursor and moves past it.
  private mutating func takeLock(
    _ locks: any EngineIterator, hasVersions: Bool, into block: inout KeyValueBlock
  ) throws(StorageError) -> LockStep {
    let key = try MVCCFormat.userKey(stem: locks.key)
    let intent = try Intent(key: key, encoded: locks.value)
    if reverse { locks.previous() } else { locks.next() }
    let others: LockStep = hasVersions ? .passVersions : .done
    let finished: LockStep = hasVersions ? .skipVersions : .done
    if let transaction = options.transaction, transaction.id == intent.transaction {
      switch intent.visible(to: transaction) {
      case .nothing: return others
      case .deleted:
        outcome.newest = max(outcome.newest, intent.timestamp)
        return finished
      case .value(let value):
        outcome.newest = max(outcome.newest, intent.timestamp)
        block.append(key: key.bytes, value: value)
        return finished
      }
    }
    guard intent.blocks(options) else { return others }
    outcome.intents.append(intent)
    if outcome.intents.count >= limits.intents {
      outcome.resume = rest(after: key)
      return .stop
    }
    return finished
  }

  /// What remains of the span beyond `key`.
  private func rest(after key: Key) -> KeySpan? {
    let rest = reverse ? KeySpan(start: span.start, end: key) : KeySpan(start: key.next, end: span.end)
    return rest.isEmpty ? nil : rest
  }

  /// Whether the scan has reached a limit; then says where to go on.
  private mutating func isFull(_ block: KeyValueBlock) throws(StorageError) -> Bool {
    let rows = block.count - firstRow
    guard rows >= limits.rows || block.byteCount - firstByte >= limits.bytes, rows > 0 else { return false }
    outcome.resume = rest(after: block.key(block.count - 1))
    return true
  }

  private mutating func deliver(_ value: UnsafeRawBufferPointer, into block: inout KeyValueBlock)
    throws(StorageError)
  {
    let isWhole = stem.withUnsafeBytes { stem in
      block.append(value: value) { MVCCFormat.appendUserKey(stem: stem, to: &$0) }
    }
    guard isWhole else { throw .corruption("key \(Key(stem)) is not well formed") }
  }

  /// Ascending: the cursor stands on the newest version of `stem`. Leaves it on some version of it, or behind it.
  private mutating func takeForward(into block: inout KeyValueBlock) throws(StorageError) {
    var steps = 0
    while isValid, steps == 0 || isAtStem() {
      let version = try version()
      if version <= options.timestamp {
        outcome.newest = max(outcome.newest, version)
        if let payload = try MVCCFormat.payload(of: versions.value, key: key) {
          try deliver(payload, into: &block)
        }
        return
      }
      outcome.newer = max(outcome.newer, version)
      steps += 1
      if steps == MVCCReader.stepLimit {
        var target = stem
        options.timestamp.appendInverted(to: &target)
        move { $0.seek(target) }
      } else {
        move { $0.next() }
      }
    }
  }

  /// Moves beyond all versions of `stem`, in the direction of the scan.
  private mutating func skipKey() throws(StorageError) {
    var steps = 0
    while isValid, isAtStem() {
      steps += 1
      if steps == MVCCReader.stepLimit {
        var target = stem
        if reverse {
          move { $0.seekForPrevious(target) }
        } else {
          // No version's suffix begins with a byte above 7F.
          target.append(0x80)
          move { $0.seek(target) }
        }
      } else if reverse {
        move { $0.previous() }
      } else {
        move { $0.next() }
      }
    }
  }

  /// Descending: the cursor stands on the oldest version of `stem`. Leaves it before the newest.
  private mutating func takeBackward(into block: inout KeyValueBlock) throws(StorageError) {
    var chosen: Timestamp?
    var steps = 0
    while isValid, steps == 0 || isAtStem() {
      if steps == MVCCReader.stepLimit {
        chosen = try seekVersion() ?? chosen
        break
      }
      let version = try version()
      if version <= options.timestamp {
        chosen = version
        candidate.removeAll(keepingCapacity: true)
        candidate.append(contentsOf: versions.value)
      } else {
        outcome.newer = max(outcome.newer, version)
      }
      steps += 1
      move { $0.previous() }
    }
    guard let chosen else { return }
    outcome.newest = max(outcome.newest, chosen)
    let value = candidate
    let key = stem
    try value.span.withUnsafeBytes { (raw) throws(StorageError) in
      let payload = try key.span.withUnsafeBytes { (key) throws(StorageError) in
        try MVCCFormat.payload(of: raw, key: key)
      }
      if let payload { try deliver(payload, into: &block) }
    }
  }

  /// A key of many versions, descending: finds its version at the timestamp by seeking, notes its newest one, and moves
  /// before it.
  private mutating func seekVersion() throws(StorageError) -> Timestamp? {
    var chosen: Timestamp?
    var target = stem
    Timestamp.max.appendInverted(to: &target)
    move { $0.seek(target) }
    if isValid, isAtStem() {
      let newest = try version()
      if newest > options.timestamp { outcome.newer = max(outcome.newer, newest) }
    }
    target.removeLast(MVCCFormat.suffixCount)
    options.timestamp.appendInverted(to: &target)
    move { $0.seek(target) }
    if isValid, isAtStem() {
      chosen = try version()
      candidate.removeAll(keepingCapacity: true)
      candidate.append(contentsOf: versions.value)
    }
    let before = stem
    move { $0.seekForPrevious(before) }
    return chosen
  }
}
