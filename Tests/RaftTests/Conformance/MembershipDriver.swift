// The directives of the confchange files: `simple`, `enter-joint`, `leave-joint`, each with steps as input; the output is
// the members with their progress, or why the change is refused.
// The last index starts at zero and grows by one with every directive. Source: reference 2.2.

@testable import Raft

struct MembershipDriver {
  private var tracker = ProgressTracker()
  private var lastIndex = LogIndex.zero

  mutating func run(_ directive: Directive) -> String {
    defer { lastIndex = lastIndex.next }
    guard let steps = parseSteps(directive.input) else { return "unknown input: \(directive.input)" }
    let changer = MembershipChanger(tracker, lastIndex: lastIndex)
    do {
      switch directive.command {
      case "simple": tracker = try changer.simple(steps)
      case "enter-joint":
        tracker = try changer.enterJoint(steps, leavesAutomatically: directive.value("autoleave") == "true")
      case "leave-joint":
        if !steps.isEmpty { return "this command takes no input\n" }
        tracker = try changer.leaveJoint()
      default: return "unknown command"
      }
    } catch {
      return "\(error)\n"
    }
    return "\(tracker.membership)\n"
      + describe(tracker.members.map { ($0.id, ProgressView(progress: $0.progress, limits: .init(count: 10))) })
  }
}

/// `v1 l2 r3 u4`: voter, learner, remove, update.
func parseSteps(_ text: String) -> [MembershipStep]? {
  var steps: [MembershipStep] = []
  for token in text.split(separator: " ") {
    guard let id = UInt64(token.dropFirst()) else { return nil }
    switch token.first {
    case "v": steps.append(MembershipStep(.addVoter, PeerID(id)))
    case "l": steps.append(MembershipStep(.addLearner, PeerID(id)))
    case "r": steps.append(MembershipStep(.remove, PeerID(id)))
    case "u": steps.append(MembershipStep(.update, PeerID(id)))
    default: return nil
    }
  }
  return steps
}

func describe(_ progress: [(id: PeerID, progress: ProgressView)]) -> String {
  progress.map { "\($0.id.rawValue): \($0.progress)\n" }.joined()
}
