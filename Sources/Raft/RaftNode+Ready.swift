// HOT: collects what is to be persisted, sent and applied, and takes note that it was handed out.
// Ordering: answers that vouch for state travel behind the write of that state. In asynchronous mode they are responses of
// the message to the append thread; in synchronous mode the owner sends nothing before it has written, and what this
// member tells itself is taken in `advance`.
// Source: Raft dissertation, section 3.8; reference 1.4.

extension RaftNode {
  /// Whether `ready` would return anything.
  public var hasReady: Bool {
    softState != acceptedSoftState || hardState != acceptedHardState || !messages.isEmpty
      || !messagesAfterAppend.isEmpty || log.unstable.hasEntriesToWrite || log.unstable.hasSnapshotToWrite
      || log.hasEntriesToApply(includingUnstable: appliesUnstable) || !readStates.isEmpty
  }

  /// Committed entries may be applied before this member has them on disk if the owner writes before it applies.
  private var appliesUnstable: Bool { !settings.usesAsynchronousStorage }

  /// What there is to do, if there is anything. One call that changes the member in place: asking first would copy it out of
  /// the object that holds it.
  public mutating func nextReady() -> Ready? { hasReady ? ready() : nil }

  /// Hands out what there is to do. In synchronous mode `advance` must follow before the next call.
  public mutating func ready() -> Ready {
    precondition(!isReadyOutstanding, "a second ready before advance")
    var ready = Ready()
    ready.entries = log.unstable.entriesToWrite
    ready.committedEntries = log.entriesToApply(includingUnstable: appliesUnstable)
    if softState != acceptedSoftState { ready.softState = softState }
    let hardState = hardState
    if hardState != acceptedHardState { ready.hardState = hardState }
    ready.snapshot = log.unstable.snapshotToWrite
    swap(&ready.readStates, &readStates)
    swap(&ready.messages, &messages)
    ready.mustSync =
      !ready.entries.isEmpty || hardState.vote != acceptedHardState.vote || hardState.term != acceptedHardState.term

    if settings.usesAsynchronousStorage {
      addStorageMessages(to: &ready)
    } else {
      for message in messagesAfterAppend {
        if message.to == id { stepsOnAdvance.append(message) } else { ready.messages.append(message) }
      }
      if let response = storageAppendResponse(for: ready) { stepsOnAdvance.append(response) }
      if !ready.committedEntries.isEmpty {
        stepsOnAdvance.append(storageApplyResponse(for: ready.committedEntries))
      }
      isReadyOutstanding = true
    }
    messagesAfterAppend = []

    if let softState = ready.softState { acceptedSoftState = softState }
    if let hardState = ready.hardState { acceptedHardState = hardState }
    log.beginWriting()
    if let last = ready.committedEntries.last {
      log.beginApplying(
        through: last.index, byteCount: ready.committedEntries.encodedByteCount, includingUnstable: appliesUnstable)
    }
    return ready
  }

  /// Synchronous mode: the last `Ready` has been carried out.
  public mutating func advance() {
    precondition(!settings.usesAsynchronousStorage, "the storage threads' responses take the place of advance")
    isReadyOutstanding = false
    let steps = stepsOnAdvance
    stepsOnAdvance = []
    for message in steps { takeLocal(message) }
  }

  // MARK: Messages to and from the local threads

  private mutating func addStorageMessages(to ready: inout Ready) {
    if !ready.entries.isEmpty || ready.hardState != nil || ready.snapshot != nil || !messagesAfterAppend.isEmpty {
      var append = Message(.storageAppend, to: .appendThread, from: id, entries: ready.entries)
      if let hardState = ready.hardState {
        append.term = hardState.term
        append.vote = hardState.vote
        append.commit = hardState.commit
      }
      append.snapshot = ready.snapshot
      // This member's own acknowledgement comes before the news that lets entries go: it finds their terms in memory.
      append.responses = messagesAfterAppend
      if let response = storageAppendResponse(for: ready) { append.responses.append(response) }
      ready.messages.append(append)
    }
    if !ready.committedEntries.isEmpty {
      var apply = Message(.storageApply, to: .applyThread, from: id, entries: ready.committedEntries)
      apply.responses = [storageApplyResponse(for: ready.committedEntries)]
      ready.messages.append(apply)
    }
  }

  /// The news that everything handed out so far is on disk, if anything waits for it.
  ///
  /// Entries may be replaced by another leader's and come back while writes of all three are under way; then the first
  /// write's end must not let go of entries that the second will yet replace on disk. So the response carries the term
  /// and is ignored in a later one. A new term is itself a write, whose response names the last entry of the whole log,
  /// not only of that write; thus the entries are let go in the end.
  private func storageAppendResponse(for ready: Ready) -> Message? {
    let hasUnstableEntries = !log.unstable.entries.isEmpty
    guard hasUnstableEntries || ready.snapshot != nil else { return nil }
    return Message(
      .storageAppendResponse, to: id, from: .appendThread, term: term, log: hasUnstableEntries ? log.lastID : nil,
      snapshot: ready.snapshot)
  }

  private func storageApplyResponse(for entries: [Entry]) -> Message {
    Message(.storageApplyResponse, to: id, from: .applyThread, entries: entries)
  }
}
