// HOT: what the leader knows of one follower, and how it may send to it.
// Invariant: match < next. Everything up to `match` is known to be in the follower's log; what lies between is under way.
// A follower is probed (one append per heartbeat interval) until an append is acknowledged, then streamed to within a
// window of messages in flight, or held while it takes in a snapshot.
// Source: Raft dissertation, sections 3.5 and 10.2.2.

/// The leader's view of a follower.
public struct Progress: Sendable {
  /// How the leader sends.
  public enum Phase: Sendable {
    /// Where the follower's log ends is unknown: at most one append at a time.
    case probe(isPaused: Bool)
    /// Appends are streamed; `isPaused` once the window has filled.
    case replicate(Inflights, isPaused: Bool)
    /// The follower takes in a snapshot that ends at `pending`; nothing is sent meanwhile.
    case snapshot(pending: LogIndex)
  }

  public internal(set) var match: LogIndex
  /// The next entry to send. While in `snapshot`, the one after it.
  public internal(set) var next: LogIndex
  /// The highest commit index sent. May regress when sends turn out to have been lost.
  public internal(set) var sentCommit: LogIndex = .zero
  public internal(set) var phase: Phase = .probe(isPaused: false)
  public internal(set) var isLearner: Bool
  /// Whether the follower was heard from since the last check for a quorum. Always true of the leader itself.
  public internal(set) var isRecentlyActive: Bool

  public init(match: LogIndex = .zero, next: LogIndex, isLearner: Bool = false, isRecentlyActive: Bool = false) {
    self.match = match
    self.next = next
    self.isLearner = isLearner
    self.isRecentlyActive = isRecentlyActive
  }

  public var isProbing: Bool { if case .probe = phase { true } else { false } }
  public var isReplicating: Bool { if case .replicate = phase { true } else { false } }
  public var isTakingSnapshot: Bool { if case .snapshot = phase { true } else { false } }

  /// Whether appends are withheld for now.
  public var isPaused: Bool {
    switch phase {
    case .probe(let isPaused), .replicate(_, let isPaused): isPaused
    case .snapshot: true
    }
  }

  /// Whether entries are withheld because the window is full; an append without entries may still go out.
  public func isWindowFull(_ limits: InflightLimits) -> Bool {
    if case .replicate(let window, _) = phase { window.isFull(limits) } else { false }
  }

  // MARK: Transitions

  /// Probes from after what is known, or from after a snapshot that has been sent.
  mutating func becomeProbe() {
    if case .snapshot(let pending) = phase {
      next = max(match.next, pending.next)
    } else {
      next = match.next
    }
    phase = .probe(isPaused: false)
    sentCommit = min(sentCommit, next.previous)
  }

  /// Probes from an entry that the follower may have the one before of.
  mutating func becomeProbe(from index: LogIndex) {
    phase = .probe(isPaused: false)
    next = max(match.next, index)
    sentCommit = min(sentCommit, next.previous)
  }

  /// The snapshot did not arrive: probes from where the follower was before it.
  mutating func becomeProbeAfterFailedSnapshot() {
    phase = .probe(isPaused: false)
    becomeProbe()
  }

  mutating func becomeReplicate() {
    phase = .replicate(Inflights(), isPaused: false)
    next = match.next
  }

  mutating func becomeSnapshot(_ pending: LogIndex) {
    phase = .snapshot(pending: pending)
    next = pending.next
    sentCommit = pending
  }

  // MARK: Sending

  /// Changes the window where it lies: the phase lets go of it meanwhile, so that the ring is not copied.
  private mutating func withWindow(_ body: (inout Inflights, inout Bool) -> Void) {
    guard case .replicate(var window, var isPaused) = phase else { return }
    phase = .probe(isPaused: false)
    body(&window, &isPaused)
    phase = .replicate(window, isPaused: isPaused)
  }

  /// An append with `count` entries of `byteCount` bytes from `next` on has been sent.
  mutating func sentEntries(_ count: Int, byteCount: Int, limits: InflightLimits) {
    switch phase {
    case .replicate:
      let last = next + count - 1
      if count > 0 { next = next + count }
      withWindow { window, isPaused in
        if count > 0 { window.add(last, byteCount: byteCount, limits: limits) }
        // A message that fills the window, or finds it full, is the last until something is heard.
        isPaused = window.isFull(limits)
      }
    case .probe:
      if count > 0 { phase = .probe(isPaused: true) }
    case .snapshot:
      preconditionFailure("an append was sent to a peer that takes in a snapshot")
    }
  }

  /// Whether telling the follower of `commit` may move its commit index: pointless once it was told of everything that
  /// it has been sent.
  func canBumpCommit(_ commit: LogIndex) -> Bool { commit > sentCommit && sentCommit < next.previous }

  mutating func pause() {
    switch phase {
    case .probe: phase = .probe(isPaused: true)
    case .replicate: withWindow { _, isPaused in isPaused = true }
    case .snapshot: break
    }
  }

  mutating func resume() {
    switch phase {
    case .probe: phase = .probe(isPaused: false)
    case .replicate: withWindow { _, isPaused in isPaused = false }
    case .snapshot: break
    }
  }

  // MARK: Answers

  /// The follower has everything up to `index`. False when that was known.
  mutating func acknowledge(_ index: LogIndex) -> Bool {
    guard index > match else { return false }
    match = index
    next = max(next, index.next)
    resume()
    return true
  }

  mutating func freeWindow(through index: LogIndex) {
    withWindow { window, _ in window.free(through: index) }
  }

  /// The follower refused an append after `index`, and may match at `hint`. False when the refusal is an old one.
  mutating func retreat(rejected index: LogIndex, hint: LogIndex) -> Bool {
    switch phase {
    case .replicate:
      guard index > match else { return false }
      next = match.next
    case .probe, .snapshot:
      // One probe is under way at a time, so a refusal of another index is a late or repeated one.
      guard next.previous == index else { return false }
      next = max(min(index, hint.next), match.next)
      resume()
    }
    sentCommit = min(sentCommit, next.previous)
    return true
  }

  mutating func releaseIdleMemory() {
    withWindow { window, _ in window.releaseIfIdle() }
  }
}

/// A progress with the limits that its description needs.
public struct ProgressView: Sendable, CustomStringConvertible {
  public var progress: Progress
  public var limits: InflightLimits

  /// `StateX match=M next=N[ learner][ paused][ pendingSnap=P][ inactive][ inflight=K[full]]`
  public var description: String {
    let name =
      switch progress.phase {
      case .probe: "StateProbe"
      case .replicate: "StateReplicate"
      case .snapshot: "StateSnapshot"
      }
    var text = "\(name) match=\(progress.match) next=\(progress.next)"
    if progress.isLearner { text += " learner" }
    if progress.isPaused { text += " paused" }
    if case .snapshot(let pending) = progress.phase, pending > .zero { text += " pendingSnap=\(pending)" }
    if !progress.isRecentlyActive { text += " inactive" }
    if case .replicate(let window, _) = progress.phase, !window.isEmpty {
      text += " inflight=\(window.count)"
      if window.isFull(limits) { text += "[full]" }
    }
    return text
  }
}
