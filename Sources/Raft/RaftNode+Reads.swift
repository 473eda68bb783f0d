// Linearizable reads without a log entry. A leader that has committed an entry of its term knows the commit index; a read
// that was asked for before may be served once that index is applied and the leader is known to have led all the while:
// by the answers of a quorum, or by its lease.
// A request may be lost without a word: the reader repeats it.
// Source: Raft dissertation, section 6.4.

extension RaftNode {
  /// A read that reached the leader, from here or from a follower.
  mutating func serveRead(_ request: Message) {
    // Nobody else can lead.
    if tracker.membership.isSingleton {
      answerRead(request, at: log.committed)
    } else if hasCommittedInTerm {
      scheduleRead(request)
    } else {
      deferredReads.append(request)
    }
  }

  private mutating func scheduleRead(_ request: Message) {
    switch settings.readMode {
    case .quorum:
      reads.add(request, at: log.committed)
      reads.acknowledge(id, reads.heartbeatContext)
      broadcastHeartbeat()
    case .lease:
      answerRead(request, at: log.committed)
    }
  }

  /// The first entry of this leader's term is committed: what waited for it goes ahead.
  mutating func releaseDeferredReads() {
    guard !deferredReads.isEmpty, hasCommittedInTerm else { return }
    let requests = deferredReads
    deferredReads = []
    for request in requests { scheduleRead(request) }
  }

  mutating func confirmReads(_ response: Message) {
    reads.acknowledge(response.from, response.context)
    for read in reads.takeConfirmed(tracker.membership.voters) { answerRead(read.request, at: read.index) }
  }

  private mutating func answerRead(_ request: Message, at index: LogIndex) {
    if request.from == .none || request.from == id {
      guard let entry = request.entries.first else { return }
      readStates.append(ReadState(index: index, context: entry.data))
    } else {
      send(Message(.readIndexResponse, to: request.from, index: index, entries: request.entries))
    }
  }
}
