// Linearizable reads that wait until a quorum has confirmed that the leader still leads.
// Reads are numbered in order of arrival since the election. A heartbeat carries the number of the last one; who answers
// it confirms all up to that number, and a quorum's answers confirm a prefix of the queue.
// Source: Raft dissertation, section 6.4.

/// Reads that wait for a quorum.
struct ReadQueue: Sendable {
  struct Read: Sendable {
    var request: Message
    /// The commit index when the read came: it may be served once that is applied.
    var index: LogIndex
  }

  private var waiting: [Read] = []
  private var confirmedCount: UInt64 = 0
  /// How many reads each member has confirmed.
  private var acknowledgements: [(id: PeerID, count: UInt64)] = []

  var isEmpty: Bool { waiting.isEmpty }

  /// What heartbeats carry to have all waiting reads confirmed.
  var heartbeatContext: Message.Context {
    waiting.isEmpty ? .none : .reads(confirmedCount + UInt64(waiting.count))
  }

  mutating func add(_ request: Message, at index: LogIndex) {
    waiting.append(Read(request: request, index: index))
  }

  mutating func acknowledge(_ id: PeerID, _ context: Message.Context) {
    guard case .reads(let count) = context else { return }
    if let position = acknowledgements.firstIndex(where: { $0.id == id }) {
      acknowledgements[position].count = max(acknowledgements[position].count, count)
    } else {
      acknowledgements.append((id, count))
    }
  }

  /// Takes out the reads that a quorum has confirmed.
  mutating func takeConfirmed(_ voters: JointQuorum) -> [Read] {
    let total = voters.committedIndex { id in acknowledgements.first { $0.id == id }.map { LogIndex($0.count) } }
    guard total.rawValue > confirmedCount else { return [] }
    let count = Int(min(total.rawValue - confirmedCount, UInt64(waiting.count)))
    let confirmed = Array(waiting[..<count])
    waiting.removeFirst(count)
    confirmedCount += UInt64(count)
    return confirmed
  }
}
