// The directives of the quorum files: `committed` and `vote` over one majority (cfg) or two (cfg, cfgj).
// Values are given in the order of the voters, each voter once; `_` is a silent one.
// Besides the answer, the driver checks identities that must not change it, and prints only what breaks.
// Source: reference 2.2.

@testable import Raft

func runQuorumDirective(_ directive: Directive) -> String {
  func ids(_ key: String) -> [PeerID] {
    (directive.values(key) ?? []).filter { $0 != "zero" && !$0.isEmpty }.map { PeerID(UInt64($0)!) }
  }
  let isJoint = directive.values("cfgj") != nil
  let (first, second) = (ids("cfg"), ids("cfgj"))
  let quorum = JointQuorum(incoming: PeerSet(first), outgoing: PeerSet(second))
  let mirrored = JointQuorum(incoming: quorum.outgoing, outgoing: quorum.incoming)

  var order: [PeerID] = []
  for id in first + second where !order.contains(id) { order.append(id) }
  func assign<Value>(_ key: String, _ read: (String) -> Value?) -> [PeerID: Value] {
    let values = (directive.values(key) ?? []).filter { !$0.isEmpty }
    var result: [PeerID: Value] = [:]
    for (id, value) in zip(order, values) { result[id] = read(value) }
    return result
  }

  switch directive.command {
  case "committed":
    let indexes = assign("idx") { UInt64($0).map { LogIndex($0) } }
    let index = quorum.committedIndex { indexes[$0] }
    var text = describe(quorum.all) { indexes[$0] }
    if mirrored.committedIndex({ indexes[$0] }) != index { text += "not symmetric\n" }
    if !isJoint {
      if naiveCommittedIndex(first, indexes) != index { text += "differs from the naive computation\n" }
      if quorum.incoming.committedIndex({ indexes[$0] }) != index { text += "differs from half of the joint quorum\n" }
      let doubled = JointQuorum(incoming: quorum.incoming, outgoing: quorum.incoming)
      if doubled.committedIndex({ indexes[$0] }) != index { text += "differs when joined with itself\n" }
      for id in first {
        // Who is below what is committed did not matter, and may be lower still.
        guard let own = indexes[id], own > .zero, own < index else { continue }
        for lower in [own.previous, .zero] where quorum.committedIndex({ $0 == id ? lower : indexes[$0] }) != index {
          text += "changed by lowering \(id)\n"
        }
      }
    }
    return text + "\(index)\n"
  case "vote":
    let votes = assign("votes") { $0 == "_" ? nil : $0 == "y" }
    let result = quorum.voteResult { votes[$0] }
    var text = ""
    if mirrored.voteResult({ votes[$0] }) != result { text += "not symmetric\n" }
    switch result {
    case .pending: text += "VotePending\n"
    case .lost: text += "VoteLost\n"
    case .won: text += "VoteWon\n"
    }
    return text
  default:
    return "unknown command"
  }
}

/// The voters' indexes as bars: the longer, the more of the others are below.
private func describe(_ voters: PeerSet, _ acknowledged: (PeerID) -> LogIndex?) -> String {
  if voters.isEmpty { return "<empty majority quorum>" }
  let width = voters.count
  func pad(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }
  var text = pad(width) + "    idx\n"
  for id in voters {
    let index = acknowledged(id)
    let below = voters.count { (acknowledged($0) ?? .zero) < (index ?? .zero) }
    let bar = index == nil ? "?" + pad(width) : String(repeating: "x", count: below) + ">" + pad(width - below)
    let number = "\(index ?? .zero)"
    text += "\(bar) \(pad(5 - number.count))\(number)    (id=\(id))\n"
  }
  return text
}

/// The highest index that more than half have, by trying each.
func naiveCommittedIndex(_ voters: [PeerID], _ acknowledged: [PeerID: LogIndex]) -> LogIndex {
  if voters.isEmpty { return .unbounded }
  let candidates = acknowledged.values.filter { index in
    voters.count { (acknowledged[$0] ?? .zero) >= index } * 2 > voters.count
  }
  return candidates.max() ?? .zero
}
