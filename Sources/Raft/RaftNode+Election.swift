// Roles and elections. Invariants: a term has one vote; a leader does not become a candidate without having been a
// follower; a member that has not applied a committed change of the members does not campaign, since it would count by
// an old membership.
// Source: Raft dissertation, sections 3.4, 3.10, 9.6.

/// Why an election is held.
enum ElectionKind: Sendable {
  /// To see whether one could be won.
  case preElection
  case election
  /// The leader has asked for it.
  case transfer
}

extension RaftNode {
  // MARK: Ticks

  mutating func tickElection() {
    electionElapsed += 1
    if isPromotable, electionElapsed >= randomizedElectionTimeout {
      electionElapsed = 0
      takeLocal(Message(.hup, from: id))
    }
  }

  mutating func tickLeader() {
    heartbeatElapsed += 1
    electionElapsed += 1
    if electionElapsed >= settings.electionTicks {
      electionElapsed = 0
      if settings.checksQuorum { takeLocal(Message(.checkQuorum, from: id)) }
      // Whoever leadership was handed to should have won by now.
      if role == .leader { transferee = .none }
    }
    if role == .leader, heartbeatElapsed >= settings.heartbeatTicks {
      heartbeatElapsed = 0
      takeLocal(Message(.beat, from: id))
    }
  }

  // MARK: Roles

  /// What every change of role starts with.
  private mutating func reset(_ newTerm: Term) {
    if newTerm != term {
      precondition(newTerm > term, "terms only grow")
      term = newTerm
      vote = .none
    }
    leader = .none
    electionElapsed = 0
    heartbeatElapsed = 0
    drawElectionTimeout()
    transferee = .none
    tracker.resetVotes()
    let last = log.lastIndex
    for position in tracker.members.indices {
      let member = tracker.members[position]
      tracker.members[position].progress = Progress(
        match: member.id == id ? last : .zero, next: last.next, isLearner: member.progress.isLearner)
    }
    pendingChangeIndex = .zero
    uncommittedByteCount = 0
    reads = ReadQueue()
  }

  private mutating func drawElectionTimeout() {
    let ticks = settings.electionTicks
    randomizedElectionTimeout = Int32(ticks + random.draw(below: ticks))
  }

  mutating func becomeFollower(_ newTerm: Term, leader newLeader: PeerID) {
    reset(newTerm)
    leader = newLeader
    role = .follower
    record(.info) { node in .became(.follower, term: node.term) }
  }

  private mutating func becomeCandidate() {
    precondition(role != .leader, "a leader does not campaign")
    reset(term.next)
    vote = id
    role = .candidate
    record(.info) { node in .became(.candidate, term: node.term) }
  }

  /// Leaves term and vote alone: nothing has been promised.
  private mutating func becomePreCandidate() {
    precondition(role != .leader, "a leader does not campaign")
    tracker.resetVotes()
    leader = .none
    role = .preCandidate
    record(.info) { node in .became(.preCandidate, term: node.term) }
  }

  private mutating func becomeLeader() {
    precondition(role != .follower, "a follower does not lead without an election")
    reset(term)
    leader = id
    role = .leader
    if let position = tracker.position(of: id) {
      tracker.members[position].progress.becomeReplicate()
      tracker.members[position].progress.isRecentlyActive = true
    }
    // Some entry up to here may be a change that is not applied. The next one waits for all of them rather than looking.
    pendingChangeIndex = log.lastIndex
    // The entry of its own term that lets this leader commit all earlier ones (dissertation, section 3.6.2).
    let isAppended = extendLog([Entry()])
    precondition(isAppended, "the first entry of a leader has no payload to refuse")
    record(.info) { node in .became(.leader, term: node.term) }
  }

  /// Whether this member may lead: a voter whose log is not about to be replaced.
  var isPromotable: Bool {
    guard let progress = tracker.progress(of: id) else { return false }
    return !progress.isLearner && log.unstable.snapshot == nil
  }

  // MARK: Elections

  mutating func startElection(_ kind: ElectionKind) {
    guard role != .leader else {
      record(.debug) { _ in .alreadyLeads }
      return
    }
    guard isPromotable else {
      record(.warning) { _ in .cannotCampaign }
      return
    }
    if log.applied < log.committed, log.containsChange(log.applied.next..<log.committed.next) {
      record(.warning) { node in .cannotCampaignBeforeApplying(term: node.term) }
      return
    }
    record(.info) { node in .electionStarted(term: node.term) }
    campaign(kind)
  }

  /// Whose votes count.
  private var electorate: JointQuorum {
    var voters = tracker.membership.voters
    if settings.plantedFaults.contains(.countsLearnerVotes) {
      voters.incoming = voters.incoming.union(tracker.membership.learners)
    }
    return voters
  }

  private mutating func campaign(_ kind: ElectionKind) {
    let request: MessageKind
    let electionTerm: Term
    if kind == .preElection {
      becomePreCandidate()
      request = .preVote
      electionTerm = term.next
    } else {
      becomeCandidate()
      request = .vote
      electionTerm = term
    }
    for voter in electorate.all {
      if voter == id {
        // Its own vote, too, counts once it is on disk.
        send(Message(request.voteAnswer, to: id, term: electionTerm))
        continue
      }
      let last = log.lastID
      record(.info) { node in .voteRequested(request, of: voter, last: last, term: node.term) }
      send(
        Message(
          request, to: voter, term: electionTerm, log: last,
          context: kind == .transfer ? .leadershipTransfer : .none))
    }
  }

  mutating func takeAsCandidate(_ message: Message) throws(StepError) {
    switch message.kind {
    case .propose:
      record(.info) { node in .droppedWithoutLeader(.proposal, term: node.term) }
      throw .proposalDropped
    case .append, .heartbeat, .snapshot:
      // Another candidate has won this term.
      becomeFollower(message.term, leader: message.from)
      try takeAsFollower(message)
    case .voteResponse where role == .candidate, .preVoteResponse where role == .preCandidate:
      countVote(message)
    case .timeoutNow:
      record(.debug) { node in .timeoutNowIgnored(from: message.from, term: node.term, node.role) }
    default:
      break
    }
  }

  private mutating func countVote(_ answer: Message) {
    record(.info) { node in
      .voteReceived(answer.kind, from: answer.from, isRejection: answer.isRejection, term: node.term)
    }
    tracker.recordVote(answer.from, isGranted: !answer.isRejection)
    let votes = tracker.tally(electorate)
    record(.info) { _ in .votesCounted(answer.kind, granted: votes.granted, rejected: votes.rejected) }
    switch votes.result {
    case .won where role == .preCandidate:
      campaign(.election)
    case .won:
      becomeLeader()
      broadcastAppend()
    case .lost:
      // Not to the term of a pre-vote, which nobody has entered.
      becomeFollower(term, leader: .none)
    case .pending:
      break
    }
  }
}
