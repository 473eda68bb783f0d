// The locks of one range: unreplicated, in memory; of one priority, first come first served.
//
// Invariants: holders of one key are compatible with each other; the first waiter of a queue is not compatible with the
// holders, so that no lock is free while somebody waits for it; a lock with neither holders nor waiters is not in the table.
// Locks are re-entrant. A holder that wants more goes before everybody else in the queue and waits only for the other
// holders. An intent that somebody met stands here as an exclusive lock of its transaction, so waits for intents and for
// locks are one graph. Losing this table costs a retry, never correctness: whoever counts on a lock names the lease under which he holds it.
// A wait that closes a cycle ends with exactly one victim, the youngest of the lowest priority in the cycle.

import Clocks
import DequeModule
import Encoding
import Storage

/// A transaction as this lock table knows it.
final class LockOwner {
  let id: TransactionID
  /// When it began; the larger, the younger.
  let start: Timestamp
  /// As it said when it asked for a lock here last.
  fileprivate(set) var priority = TransactionPriority.normal
  /// For messages: what the transaction calls itself, when it asked for a lock here last.
  fileprivate(set) var label: [UInt8]
  var name: String { ContentionEvent.name(id, label) }
  fileprivate(set) var held: [KeyLock] = []
  /// What it waits for now.
  fileprivate(set) var waiting: Waiter?
  /// Nil: a transaction of this node.
  var coordinator: Coordinator?
  /// In which it took a lock last.
  var epoch: UInt32 = 0
  /// The earlier lease under which it took its first lock; nil: this one.
  fileprivate(set) var lease: UInt64?
  /// Under earlier leases nobody can have been told that it was given up, of those that met intents of it in other ranges.
  fileprivate(set) var isUnquestioned = false

  var rank: VictimRank { VictimRank(priority: priority, start: start, id: id) }

  init(id: TransactionID, start: Timestamp, label: [UInt8]) {
    self.id = id
    self.start = start
    self.label = label
  }
}

/// The lock of one key.
final class KeyLock {
  struct Holder {
    var owner: LockOwner
    var strength: LockStrength
    /// A locking read saw that no version is newer than its transaction's read timestamp; while the lock is held, none appears.
    var isCurrent: Bool
    /// An intent that somebody met: it stands whether or not the table knows it.
    var isIntent = false
  }

  let key: Key
  fileprivate(set) var holders: [Holder] = []
  fileprivate var queue: Deque<Waiter> = []

  init(_ key: Key) { self.key = key }

  /// Where in the queue somebody of a priority stands, who holds nothing of this lock: behind holders that want more, and those of his own.
  fileprivate func place(for priority: TransactionPriority) -> Int {
    var place = queue.count
    while place > 0, let owner = queue[place - 1].owner, owner.priority < priority,
      !holders.contains(where: { $0.owner === owner })
    {
      place -= 1
    }
    return place
  }
}

/// The answer to a request for a lock.
enum LockAcquisition {
  case granted(KeyLock)
  /// In the queue; after `granted` the lock is held.
  case wait(Waiter)
  /// Held by another, and the policy says not to wait.
  case unavailable
  /// Waiting would close a cycle that this transaction, the youngest, must break.
  case deadlock(String)
  /// A bound was hit.
  case limit(String)
}

final class LockTable {
  private var locks: [Key: KeyLock] = [:]
  private var owners: [TransactionID: LockOwner] = [:]
  /// Whether there may be locks of earlier leases.
  private(set) var hasInherited = false

  var isEmpty: Bool { locks.isEmpty }
  var lockCount: Int { locks.count }

  func owner(_ id: TransactionID) -> LockOwner? { owners[id] }

  /// The owner's entry, made on first use.
  func owner(
    _ id: TransactionID, start: Timestamp, label: [UInt8], priority: TransactionPriority? = nil,
    coordinator: Coordinator? = nil
  ) -> LockOwner {
    if let owner = owners[id] {
      if let priority { owner.priority = priority }
      if !label.isEmpty, owner.label != label { owner.label = label }
      if owner.coordinator == nil { owner.coordinator = coordinator }
      return owner
    }
    let owner = LockOwner(id: id, start: start, label: label)
    if let priority { owner.priority = priority }
    owner.coordinator = coordinator
    owners[id] = owner
    return owner
  }

  /// The oldest first.
  var sortedOwners: [LockOwner] { owners.values.sorted { ($0.start, $0.id) < ($1.start, $1.id) } }

  /// Those that other nodes coordinate, in the order of their ids.
  var remoteOwners: [LockOwner] { owners.values.filter { $0.coordinator != nil }.sorted { $0.id < $1.id } }

  func releaseIdleMemory() {
    if locks.isEmpty { locks = [:] }
    guard owners.isEmpty else { return }
    owners = [:]
    hasInherited = false
  }

  // MARK: - Acquiring

  func acquire(
    _ key: Key, _ strength: LockStrength, by owner: LockOwner, policy: LockWaitPolicy
  ) -> LockAcquisition {
    guard let lock = locks[key] else {
      guard owner.held.count < Limits.locksPerTransaction else {
        return .limit("a transaction may hold at most \(Limits.locksPerTransaction) row locks")
      }
      let lock = KeyLock(key)
      lock.holders.append(KeyLock.Holder(owner: owner, strength: strength, isCurrent: false))
      locks[key] = lock
      owner.held.append(lock)
      return .granted(lock)
    }
    let mine = lock.holders.firstIndex { $0.owner === owner }
    if let mine {
      if lock.holders[mine].strength >= strength { return .granted(lock) }
      if lock.holders.count == 1 {
        lock.holders[mine].strength = strength
        return .granted(lock)
      }
    } else if !Self.conflicts(strength, owner.priority, with: lock) {
      lock.holders.append(KeyLock.Holder(owner: owner, strength: strength, isCurrent: false))
      owner.held.append(lock)
      return .granted(lock)
    }
    guard policy == .wait else { return .unavailable }
    guard lock.queue.count < Limits.waitersPerLock else {
      return .limit("\(Limits.waitersPerLock) transactions already wait for key \(key)")
    }
    let waiter = Waiter()
    waiter.owner = owner
    waiter.lock = lock
    waiter.strength = strength
    lock.queue.insert(waiter, at: mine == nil ? lock.place(for: owner.priority) : 0)
    owner.waiting = waiter
    if let cycle = breakDeadlocks(startingAt: owner) {
      remove(waiter)
      return .deadlock(cycle)
    }
    // The wait of a victim may have been what stood in the way.
    promote(lock)
    return waiter.isFinished ? .granted(lock) : .wait(waiter)
  }

  /// Whether who asks has to wait for those that hold `lock`, or that stand before him in the queue.
  private static func conflicts(_ strength: LockStrength, _ priority: TransactionPriority, with lock: KeyLock) -> Bool {
    let isExclusive = strength == .exclusive
    return lock.holders.contains { isExclusive || $0.strength == .exclusive }
      || lock.queue.prefix(lock.place(for: priority)).contains { isExclusive || $0.strength == .exclusive }
  }

  /// Who besides `owner` holds an exclusive lock on `key`, or any lock at all.
  func holder(of key: Key, conflictingWith owner: TransactionID) -> LockOwner? {
    guard let lock = locks[key] else { return nil }
    return lock.holders.first { $0.owner.id != owner }?.owner
  }

  /// Whether anybody but `owner` holds `key` or waits for it.
  func isContended(_ key: Key, by owner: LockOwner?) -> Bool {
    guard let lock = locks[key] else { return false }
    return lock.holders.contains { $0.owner !== owner }
  }

  /// Makes an intent that somebody met an exclusive lock of its transaction. False if the key is held by another.
  func addDiscovered(_ key: Key, of owner: LockOwner) -> Bool {
    if let lock = locks[key] {
      if let mine = lock.holders.firstIndex(where: { $0.owner === owner }) {
        lock.holders[mine].strength = .exclusive
        return true
      }
      guard lock.holders.isEmpty else { return false }
      lock.holders.append(KeyLock.Holder(owner: owner, strength: .exclusive, isCurrent: true, isIntent: true))
      owner.held.append(lock)
      return true
    }
    let lock = KeyLock(key)
    lock.holders.append(KeyLock.Holder(owner: owner, strength: .exclusive, isCurrent: true, isIntent: true))
    locks[key] = lock
    owner.held.append(lock)
    return true
  }

  /// Notes that a locking read found nothing newer than its timestamp.
  func markCurrent(_ key: Key, by owner: LockOwner) {
    guard let lock = locks[key] else { return }
    guard let mine = lock.holders.firstIndex(where: { $0.owner === owner }) else { return }
    lock.holders[mine].isCurrent = true
  }

  /// Whether `owner` holds `key` exclusively and knows its newest version.
  func holdsCurrent(_ key: Key, by owner: LockOwner) -> Bool {
    guard let lock = locks[key] else { return false }
    return lock.holders.contains { $0.owner === owner && $0.strength == .exclusive && $0.isCurrent }
  }

  // MARK: - From one leaseholder to the next

  /// What a transaction leaves to the next leaseholder: locks that stand in this table alone.
  func left(by owner: LockOwner) -> [LockBequest.Lock] {
    owner.held.compactMap { lock in
      guard let mine = lock.holders.first(where: { $0.owner === owner }), !mine.isIntent else { return nil }
      return LockBequest.Lock(key: lock.key, strength: mine.strength, isCurrent: mine.isCurrent)
    }
  }

  /// Takes over all that a transaction held under an earlier lease. False: others are in the way, which is so only of what nobody can have held.
  func inherit(_ left: LockBequest.Owner, coordinator: Coordinator?) -> Bool {
    guard owners[left.id] == nil, Set(left.locks.map(\.key)).count == left.locks.count,
      left.locks.allSatisfy({ lock in locks[lock.key].map { !Self.conflicts(lock.strength, .low, with: $0) } ?? true })
    else { return false }
    let owner = owner(left.id, start: left.start, label: left.label, coordinator: coordinator)
    owner.epoch = left.epoch
    owner.lease = left.lease
    owner.isUnquestioned = left.isUnquestioned
    for held in left.locks {
      let lock = locks[held.key] ?? KeyLock(held.key)
      lock.holders.append(KeyLock.Holder(owner: owner, strength: held.strength, isCurrent: held.isCurrent))
      locks[held.key] = lock
      owner.held.append(lock)
    }
    hasInherited = true
    return true
  }

  // MARK: - Releasing

  /// Drops every lock of a transaction, and its wait. Waiters that may now go on hold their locks already when they wake.
  func release(_ id: TransactionID) {
    guard let owner = owners.removeValue(forKey: id) else { return }
    if let waiting = owner.waiting { cancel(waiting, .cancelled) }
    let held = owner.held
    owner.held = []
    for lock in held {
      lock.holders.removeAll { $0.owner === owner }
      promote(lock)
    }
  }

  /// Drops every lock in a span that is this range's no more, and sends the waiters away. Returns who held some.
  func releaseAll(in span: KeySpan) -> [(id: TransactionID, epoch: UInt32)] {
    var bereaved: [(id: TransactionID, epoch: UInt32)] = []
    var waiters: [Waiter] = []
    for owner in owners.values.sorted(by: { $0.id < $1.id }) {
      var hasLost = false
      owner.held.removeAll { lock in
        guard span.contains(lock.key) else { return false }
        if lock.holders.contains(where: { $0.owner === owner && !$0.isIntent }) { hasLost = true }
        lock.holders.removeAll { $0.owner === owner }
        if lock.holders.isEmpty {
          waiters += lock.queue
          locks[lock.key] = nil
        }
        return true
      }
      if hasLost { bereaved.append((owner.id, owner.epoch)) }
    }
    for waiter in waiters {
      remove(waiter)
      waiter.finish(.granted)
    }
    return bereaved
  }

  /// Drops the locks on keys that hold an intent of their owner now, except where somebody waits: the intent is the
  /// lock, and memory stays bounded by the buffer.
  func dropReplicated(_ owner: LockOwner, _ keys: [Key]) {
    var hasDropped = false
    for key in keys {
      guard let lock = locks[key], lock.queue.isEmpty, lock.holders.count == 1, lock.holders[0].owner === owner else {
        continue
      }
      locks[key] = nil
      lock.holders = []
      hasDropped = true
    }
    if hasDropped { owner.held.removeAll(where: \.holders.isEmpty) }
  }

  /// Takes a waiter out of its queue and ends its wait.
  func cancel(_ waiter: Waiter, _ outcome: WaitOutcome) {
    guard !waiter.isFinished else { return }
    let lock = waiter.lock
    remove(waiter)
    waiter.finish(outcome)
    if let lock { promote(lock) }
  }

  /// Ends every wait: the replica stops.
  func stop(_ reason: String) {
    // In the order of their ids, so that a run repeats.
    let waiters = owners.sorted { $0.key < $1.key }.compactMap(\.value.waiting)
    for waiter in waiters {
      remove(waiter)
      waiter.finish(.stopped(reason))
    }
  }

  private func remove(_ waiter: Waiter) {
    guard let lock = waiter.lock else { return }
    lock.queue.removeAll { $0 === waiter }
    waiter.lock = nil
    waiter.owner?.waiting = nil
    waiter.owner = nil
  }

  /// Grants the lock to as many waiters from the front of the queue as may hold it together.
  private func promote(_ lock: KeyLock) {
    while let waiter = lock.queue.first, let owner = waiter.owner {
      let mine = lock.holders.firstIndex { $0.owner === owner }
      let others = lock.holders.contains {
        $0.owner !== owner && ($0.strength == .exclusive || waiter.strength == .exclusive)
      }
      guard !others else { return }
      lock.queue.removeFirst()
      if let mine {
        lock.holders[mine].strength = max(lock.holders[mine].strength, waiter.strength)
      } else {
        lock.holders.append(KeyLock.Holder(owner: owner, strength: waiter.strength, isCurrent: false))
        owner.held.append(lock)
      }
      owner.waiting = nil
      waiter.lock = nil
      waiter.owner = nil
      waiter.finish(.granted)
    }
    if lock.holders.isEmpty && lock.queue.isEmpty { locks[lock.key] = nil }
  }

  // MARK: - Deadlocks

  /// Ends every cycle through `owner`, which has just begun to wait. Returns the cycle if `owner` itself is the victim.
  private func breakDeadlocks(startingAt owner: LockOwner) -> String? {
    while let found = DeadlockDetector.cycle(
      from: owner.id, blockers: { id in owners[id].map { blockers($0).map(\.id) } ?? [] })
    {
      let cycle = found.compactMap { owners[$0] }
      let victim = cycle.min { $0.rank < $1.rank } ?? owner
      let description = describe(cycle)
      if victim === owner { return description }
      guard let waiting = victim.waiting else { return nil }
      cancel(waiting, .deadlock(description))
    }
    return nil
  }

  /// Who waits, in no order.
  var waiters: [TransactionID] { owners.values.filter { $0.waiting?.lock != nil }.map(\.id) }

  /// The waits there are, in the order of the transactions.
  var waits: [LockWait] {
    owners.values.filter { $0.waiting?.lock != nil }.sorted { $0.id < $1.id }.compactMap { owner in
      guard let lock = owner.waiting?.lock else { return nil }
      return LockWait(
        waiter: owner.id, start: owner.start, priority: owner.priority, name: owner.name, key: lock.key,
        blockers: blockers(owner).map(\.id))
    }
  }

  /// Who holds, or is to hold next, what a waiter waits for, as its wait begins.
  func blocker(of waiter: Waiter) -> LockOwner? {
    guard let lock = waiter.lock else { return nil }
    return lock.holders.first { $0.owner !== waiter.owner }?.owner ?? lock.queue.first { $0 !== waiter }?.owner
  }

  /// What is held and waited for, in the order of the keys: holders before those who wait.
  func held(limit: Int) -> [HeldLock] {
    var held: [HeldLock] = []
    for lock in locks.values.sorted(by: { $0.key < $1.key }) where held.count < limit {
      held += lock.holders.map {
        HeldLock(
          key: lock.key, transaction: $0.owner.id, label: ContentionEvent.cut($0.owner.label),
          isExclusive: $0.strength == .exclusive, isGranted: true)
      }
      held += lock.queue.compactMap { waiter in
        waiter.owner.map {
          HeldLock(
            key: lock.key, transaction: $0.id, label: ContentionEvent.cut($0.label),
            isExclusive: waiter.strength == .exclusive, isGranted: false)
        }
      }
    }
    return held
  }

  /// A search over several ranges has chosen a transaction to break a deadlock.
  func breakWait(of id: TransactionID, _ cycle: String) {
    if let waiting = owners[id]?.waiting { cancel(waiting, .deadlock(cycle)) }
  }

  /// Whom a transaction waits for: the nearest waiters before it that are incompatible, since those wait for all that
  /// stands before them; at the front of the queue the incompatible holders.
  private func blockers(_ owner: LockOwner) -> [LockOwner] {
    guard let waiter = owner.waiting, let lock = waiter.lock else { return [] }
    var blockers: [LockOwner] = []
    if let place = lock.queue.firstIndex(where: { $0 === waiter }) {
      for earlier in lock.queue[..<place].reversed() {
        guard let other = earlier.owner else { continue }
        if earlier.strength == .exclusive || waiter.strength == .exclusive { blockers.append(other) }
        if earlier.strength == .exclusive { return blockers }
      }
    }
    for holder in lock.holders
    where holder.owner !== owner && (holder.strength == .exclusive || waiter.strength == .exclusive) {
      blockers.append(holder.owner)
    }
    return blockers
  }

  private func describe(_ cycle: [LockOwner]) -> String {
    var lines: [String] = []
    for (index, member) in cycle.enumerated() {
      let next = cycle[(index + 1) % cycle.count]
      let key = member.waiting?.lock.map { KeyMention.text($0.key) } ?? "a key"
      let strength = member.waiting?.strength == .shared ? "a shared" : "an exclusive"
      lines.append(
        "\(member.name) waits for \(strength) lock on \(key), which \(next.name) holds or waits for before it.")
    }
    return lines.joined(separator: "\n")
  }
}
