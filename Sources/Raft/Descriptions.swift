// Entries, messages, states and `Ready` as text: for traces, and byte for byte as etcd/raft's transcripts have them,
// which the conformance tests read. Names follow the transcripts, not the names in this code.
// Source: reference 2.4.

extension MessageKind: CustomStringConvertible {
  public var description: String {
    switch self {
    case .hup: "MsgHup"
    case .beat: "MsgBeat"
    case .propose: "MsgProp"
    case .append: "MsgApp"
    case .appendResponse: "MsgAppResp"
    case .vote: "MsgVote"
    case .voteResponse: "MsgVoteResp"
    case .snapshot: "MsgSnap"
    case .heartbeat: "MsgHeartbeat"
    case .heartbeatResponse: "MsgHeartbeatResp"
    case .unreachable: "MsgUnreachable"
    case .snapshotStatus: "MsgSnapStatus"
    case .checkQuorum: "MsgCheckQuorum"
    case .transferLeader: "MsgTransferLeader"
    case .timeoutNow: "MsgTimeoutNow"
    case .readIndex: "MsgReadIndex"
    case .readIndexResponse: "MsgReadIndexResp"
    case .preVote: "MsgPreVote"
    case .preVoteResponse: "MsgPreVoteResp"
    case .storageAppend: "MsgStorageAppend"
    case .storageAppendResponse: "MsgStorageAppendResp"
    case .storageApply: "MsgStorageApply"
    case .storageApplyResponse: "MsgStorageApplyResp"
    case .forgetLeader: "MsgForgetLeader"
    }
  }
}

extension EntryKind: CustomStringConvertible {
  public var description: String {
    switch self {
    case .normal: "EntryNormal"
    case .singleConfigurationChange: "EntryConfChange"
    case .configurationChange: "EntryConfChangeV2"
    }
  }
}

extension MembershipStep {
  /// `v1`, `l2`, `r3`, `u4`.
  var shorthand: String {
    let letter =
      switch kind {
      case .addVoter: "v"
      case .addLearner: "l"
      case .remove: "r"
      case .update: "u"
      }
    return letter + String(peer.rawValue)
  }
}

extension ConfigurationChange: CustomStringConvertible {
  /// `transition:… changes:{type:… node_id:…} … context:"…"`.
  public var description: String {
    let name =
      switch transition {
      case .automatic: "ConfChangeTransitionAuto"
      case .implicit: "ConfChangeTransitionJointImplicit"
      case .explicit: "ConfChangeTransitionJointExplicit"
      }
    var text = "transition:\(name)"
    for step in steps {
      let kind =
        switch step.kind {
        case .addVoter: "ConfChangeAddNode"
        case .remove: "ConfChangeRemoveNode"
        case .update: "ConfChangeUpdateNode"
        case .addLearner: "ConfChangeAddLearnerNode"
        }
      text += " changes:{type:\(kind) node_id:\(step.peer.rawValue)}"
    }
    if !context.isEmpty { text += " context:\(quoted(context))" }
    return text
  }
}

extension Entry: CustomStringConvertible {
  /// `term/index kind payload`.
  public var description: String {
    let payload =
      switch kind {
      case .normal: quoted(data)
      default: change.map { $0.steps.map(\.shorthand).joined(separator: " ") } ?? "malformed"
      }
    return "\(term)/\(index) \(kind)" + (payload.isEmpty ? "" : " " + payload)
  }
}

extension HardState: CustomStringConvertible {
  public var description: String {
    "Term:\(term)" + (vote == .none ? "" : " Vote:\(vote.rawValue)") + " Commit:\(commit)"
  }
}

extension Snapshot: CustomStringConvertible {
  public var description: String {
    func list(_ set: PeerSet) -> String { "[" + set.map { String($0.rawValue) }.joined(separator: " ") + "]" }
    return "Index:\(index) Term:\(term) ConfState:Voters:\(list(membership.voters.incoming)) "
      + "VotersOutgoing:\(list(membership.voters.outgoing)) Learners:\(list(membership.learners)) "
      + "LearnersNext:\(list(membership.stagedLearners)) AutoLeave:\(membership.leavesAutomatically)"
  }
}

extension Message: CustomStringConvertible {
  public var description: String { describe(indent: "") }

  private func describe(indent: String) -> String {
    func target(_ id: PeerID) -> String {
      switch id {
      case .none: "None"
      case .appendThread: "AppendThread"
      case .applyThread: "ApplyThread"
      default: "\(id)"
      }
    }
    var text = "\(indent)\(target(from))->\(target(to)) \(kind) Term:\(term) Log:\(logTerm)/\(index)"
    if isRejection { text += " Rejected (Hint: \(rejectionHint))" }
    if commit != .zero { text += " Commit:\(commit)" }
    if vote != .none { text += " Vote:\(vote.rawValue)" }
    if entries.count == 1 {
      text += " Entries:[\(entries[0])]"
    } else if entries.count > 1 {
      text += " Entries:["
      for entry in entries { text += "\n\(indent)  \(entry)" }
      text += "\n\(indent)]"
    }
    if let snapshot, !snapshot.isEmpty { text += "\n\(indent)  Snapshot: \(snapshot)" }
    if !responses.isEmpty {
      text += " Responses:["
      for response in responses { text += "\n" + response.describe(indent: indent + "  ") }
      text += "\n\(indent)]"
    }
    return text
  }
}

extension Role: CustomStringConvertible {
  public var description: String {
    switch self {
    case .follower: "StateFollower"
    case .candidate: "StateCandidate"
    case .leader: "StateLeader"
    case .preCandidate: "StatePreCandidate"
    }
  }
}

extension SoftState: CustomStringConvertible {
  public var description: String { "Lead:\(leader.rawValue) State:\(role)" }
}

extension Ready: CustomStringConvertible {
  public var description: String {
    var text = ""
    if let softState { text += "\(softState)\n" }
    if let hardState { text += "HardState \(hardState)\n" }
    if !readStates.isEmpty {
      let states = readStates.map { "{\($0.index) \(quoted($0.context))}" }
      text += "ReadStates [\(states.joined(separator: " "))]\n"
    }
    if !entries.isEmpty { text += "Entries:\n" + entries.map { "\($0)\n" }.joined() }
    if let snapshot { text += "Snapshot \(snapshot)\n" }
    if !committedEntries.isEmpty { text += "CommittedEntries:\n" + committedEntries.map { "\($0)\n" }.joined() }
    if !messages.isEmpty { text += "Messages:\n" + messages.map { "\($0)\n" }.joined() }
    return text.isEmpty ? "<empty Ready>" : "Ready MustSync=\(mustSync):\n" + text
  }
}

/// Bytes between quotation marks; what is no printable ASCII as escapes.
func quoted(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef")
  var text = "\""
  for byte in bytes {
    switch byte {
    case UInt8(ascii: "\""): text += "\\\""
    case UInt8(ascii: "\\"): text += "\\\\"
    case UInt8(ascii: "\n"): text += "\\n"
    case UInt8(ascii: "\t"): text += "\\t"
    case UInt8(ascii: "\r"): text += "\\r"
    case 0x20..<0x7f: text.unicodeScalars.append(Unicode.Scalar(byte))
    default:
      text += "\\x"
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
  }
  return text + "\""
}
