// A proposed change of the members, and its bytes in a log entry.
// A change of one voter may be simple; several at once, or an explicit wish, go through a joint configuration, which is
// left by the leader itself or by an empty change.
//
//   change := (empty: leave the joint configuration)
//           | transition:u8 count:varint { kind:u8 peer:varint }* context:rest
//
// Source: Raft dissertation, section 4.3.

/// What to do with one peer.
public struct MembershipStep: Hashable, Sendable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    case addVoter = 0
    case remove = 1
    /// Changes nothing; the application may attach a meaning.
    case update = 2
    case addLearner = 3
  }

  public var kind: Kind
  /// `PeerID.none` makes the step a step that does nothing.
  public var peer: PeerID

  public init(_ kind: Kind, _ peer: PeerID) {
    self.kind = kind
    self.peer = peer
  }
}

/// A change of the membership.
public struct ConfigurationChange: Hashable, Sendable {
  /// How a joint configuration is passed through.
  public enum Transition: UInt8, Sendable {
    /// Simple where one step suffices, otherwise as `implicit`.
    case automatic = 0
    /// Through a joint configuration that the leader leaves by itself.
    case implicit = 1
    /// Through a joint configuration that is left by an empty change.
    case explicit = 2
  }

  public var transition: Transition
  public var steps: [MembershipStep]
  /// The application's own, carried along.
  public var context: [UInt8]

  public init(_ steps: [MembershipStep] = [], transition: Transition = .automatic, context: [UInt8] = []) {
    self.transition = transition
    self.steps = steps
    self.context = context
  }

  /// Whether this leaves a joint configuration.
  public var leavesJoint: Bool { transition == .automatic && steps.isEmpty }

  /// Whether this enters a joint configuration.
  public var entersJoint: Bool { transition != .automatic || steps.count > 1 }

  /// Whether a joint configuration entered by this is left by the leader itself.
  public var leavesAutomatically: Bool { transition != .explicit }

  // MARK: Bytes

  public func encode() -> [UInt8] {
    if leavesJoint, context.isEmpty { return [] }
    var bytes: [UInt8] = [transition.rawValue]
    ConfigurationChange.append(UInt64(steps.count), to: &bytes)
    for step in steps {
      bytes.append(step.kind.rawValue)
      ConfigurationChange.append(step.peer.rawValue, to: &bytes)
    }
    return bytes + context
  }

  /// Nil when the bytes are no change.
  public init?(decoding bytes: [UInt8]) {
    self.init()
    guard !bytes.isEmpty else { return }
    var position = 1
    guard let transition = Transition(rawValue: bytes[0]),
      let count = ConfigurationChange.read(bytes, &position), count <= UInt64(bytes.count)
    else { return nil }
    self.transition = transition
    for _ in 0..<count {
      guard position < bytes.count, let kind = MembershipStep.Kind(rawValue: bytes[position]) else { return nil }
      position += 1
      guard let peer = ConfigurationChange.read(bytes, &position) else { return nil }
      steps.append(MembershipStep(kind, PeerID(peer)))
    }
    context = Array(bytes[position...])
  }

  private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private static func read(_ bytes: [UInt8], _ position: inout Int) -> UInt64? {
    var number: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < bytes.count else { return nil }
      let byte = bytes[position]
      position += 1
      if shift == 63, byte > 1 { return nil }
      number |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return number }
    }
    return nil
  }
}
