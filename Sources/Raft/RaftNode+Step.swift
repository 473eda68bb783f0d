// HOT: the gate that each message passes: terms first, then votes, then what the role makes of it.
// Invariant: whoever learns of a later term is a follower in it, except that asking for or getting a pre-vote changes
// nothing (dissertation, section 9.6).
// A follower that hears from its leader refuses votes while that can still be leading (section 4.2.3); this is also what
// a lease rests on.

extension RaftNode {
  mutating func take(_ message: Message) throws(StepError) {
    if message.term > term {
      if !admitLaterTerm(message) { return }
    } else if message.term < term, message.term != .zero {
      answerEarlierTerm(message)
      return
    }

    switch message.kind {
    case .hup: startElection(settings.usesPreVote ? .preElection : .election)
    case .storageAppendResponse:
      if message.index != .zero { stabilize(message.log) }
      if let snapshot = message.snapshot { finishSnapshot(snapshot.index) }
    case .storageApplyResponse:
      if let last = message.entries.last {
        finishApplying(through: last.index, byteCount: message.entries.encodedByteCount)
        uncommittedByteCount = max(0, uncommittedByteCount - message.entries.payloadByteCount)
      }
    case .vote, .preVote: decideVote(message)
    default:
      switch role {
      case .leader: try takeAsLeader(message)
      case .candidate, .preCandidate: try takeAsCandidate(message)
      case .follower: try takeAsFollower(message)
      }
    }
  }

  /// Joins the message's term where it must. False when the message is not to be answered.
  private mutating func admitLaterTerm(_ message: Message) -> Bool {
    if message.kind.isVoteRequest, message.context != .leadershipTransfer, settings.checksQuorum, leader != .none,
      electionElapsed < settings.electionTicks
    {
      let remaining = settings.electionTicks - Int(electionElapsed)
      record(.info) { node in
        .voteDecided(
          .inLease(remaining: remaining), request: message, last: node.log.lastID, vote: node.vote, term: node.term)
      }
      return false
    }
    // A pre-vote is asked for in a term that nobody is in yet. A refused one names the refuser's term, though.
    if message.kind == .preVote || (message.kind == .preVoteResponse && !message.isRejection) { return true }
    record(.info) { node in .higherTerm(message.kind, from: message.from, term: message.term, own: node.term) }
    switch message.kind {
    case .append, .heartbeat, .snapshot: becomeFollower(message.term, leader: message.from)
    default: becomeFollower(message.term, leader: .none)
    }
    return true
  }

  private mutating func answerEarlierTerm(_ message: Message) {
    let namesTerm = settings.checksQuorum || settings.usesPreVote
    switch message.kind {
    case .heartbeat where namesTerm, .append where namesTerm:
      // This member may be in a later term than everyone else, and its requests for votes may be ignored by those who
      // hear from the leader. Naming the term deposes that leader, and an election gets everybody into one term.
      send(Message(.appendResponse, to: message.from))
    case .preVote:
      // Without an answer two members with and without pre-vote could wait for each other forever.
      record(.info) { node in
        .voteDecided(.rejected, request: message, last: node.log.lastID, vote: node.vote, term: node.term)
      }
      send(Message(.preVoteResponse, to: message.from, term: term, isRejection: true))
    case .storageAppendResponse:
      if message.index != .zero {
        // The entries may have been replaced since by those of another leader, and again by the same ones, with writes
        // under way that say otherwise. The first response of the current term settles it.
        record(.info) { node in .ignoredEarlierWrite(message.kind, term: message.term, own: node.term) }
      }
      // A snapshot holds what is committed, in any term.
      if let snapshot = message.snapshot { finishSnapshot(snapshot.index) }
    default:
      record(.info) { node in .lowerTerm(message.kind, from: message.from, term: message.term, own: node.term) }
    }
  }

  /// Grants or refuses a vote (dissertation, sections 3.4 and 3.6.1).
  private mutating func decideVote(_ request: Message) {
    // Learners vote too: one may have been made a voter without knowing yet, and its vote may be needed to let it know.
    let mayVote =
      vote == request.from || (vote == .none && leader == .none)
      || (request.kind == .preVote && request.term > term)
    let last = log.lastID
    guard mayVote, request.log.isUpToDate(with: last) else {
      record(.info) { node in .voteDecided(.rejected, request: request, last: last, vote: node.vote, term: node.term) }
      send(Message(request.kind.voteAnswer, to: request.from, term: term, isRejection: true))
      return
    }
    record(.info) { node in .voteDecided(.cast, request: request, last: last, vote: node.vote, term: node.term) }
    // The request's term, which a pre-vote does not make this member's: an earlier one would be ignored.
    send(Message(request.kind.voteAnswer, to: request.from, term: request.term))
    if request.kind == .vote {
      electionElapsed = 0
      vote = request.from
    }
  }

  private mutating func stabilize(_ id: EntryID) {
    switch log.stabilize(id) {
    case .done: break
    case .missing: record(.info) { _ in .stabilizationIgnored(id, .missing) }
    case .matchesSnapshot: record(.info) { _ in .stabilizationIgnored(id, .matchesSnapshot) }
    case .mismatch(let term): record(.info) { _ in .stabilizationIgnored(id, .mismatch(term)) }
    }
  }

  private mutating func finishSnapshot(_ index: LogIndex) {
    log.stabilizeSnapshot(index)
    finishApplying(through: index, byteCount: 0)
  }
}
