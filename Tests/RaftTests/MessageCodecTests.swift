// Messages come back from their bytes as they went in; bytes that changed on the way, or were never a message, are
// refused and never crash.

import Encoding
import Testing

@testable import Raft

@Suite struct MessageCodecTests {
  private static func drawNumber(_ random: inout ElectionRandom) -> UInt64 {
    random.next() >> UInt64(2 + random.draw(below: 62))
  }

  private static func drawPeers(_ random: inout ElectionRandom, _ range: ClosedRange<UInt64>) -> PeerSet {
    PeerSet(range.filter { _ in random.draw(below: 2) == 0 }.map { PeerID($0) })
  }

  private static func drawMessage(_ random: inout ElectionRandom) -> Message {
    let kinds = MessageKind.allCases.filter { !$0.isLocal }
    var message = Message(
      kinds[random.draw(below: kinds.count)], to: PeerID(drawNumber(&random)), from: PeerID(drawNumber(&random)),
      term: Term(drawNumber(&random)),
      log: EntryID(term: Term(drawNumber(&random)), index: LogIndex(drawNumber(&random))),
      commit: LogIndex(drawNumber(&random)), isRejection: random.draw(below: 2) == 0)
    message.vote = PeerID(drawNumber(&random))
    message.rejectionHint = LogIndex(drawNumber(&random))
    switch random.draw(below: 3) {
    case 0: message.context = .leadershipTransfer
    case 1: message.context = .reads(random.next())
    default: break
    }
    for _ in 0..<random.draw(below: 4) {
      message.entries.append(
        Entry(
          term: Term(drawNumber(&random)), index: LogIndex(drawNumber(&random)),
          kind: [.normal, .singleConfigurationChange, .configurationChange][random.draw(below: 3)],
          data: (0..<random.draw(below: 300)).map { UInt8(truncatingIfNeeded: $0 * 7) }))
    }
    if random.draw(below: 3) == 0 {
      let outgoing = drawPeers(&random, 4...9)
      let membership = Membership(
        voters: PeerSet([1]).union(drawPeers(&random, 2...5)), outgoing: outgoing,
        learners: drawPeers(&random, 20...22),
        stagedLearners: PeerSet(outgoing.filter { _ in random.draw(below: 2) == 0 }),
        leavesAutomatically: !outgoing.isEmpty && random.draw(below: 2) == 0)
      message.snapshot = Snapshot(
        index: LogIndex(drawNumber(&random)), term: Term(drawNumber(&random)), membership: membership,
        data: [UInt8](repeating: 5, count: random.draw(below: 5000)))
    }
    return message
  }

  @Test func `A message comes back as it was`() throws {
    var random = ElectionRandom(seed: 11)
    for _ in 0..<2000 {
      let message = Self.drawMessage(&random)
      #expect(try Message(decoding: message.encode()) == message)
    }
  }

  @Test func `A flipped bit is found`() {
    var random = ElectionRandom(seed: 12)
    for _ in 0..<500 {
      var bytes = Self.drawMessage(&random).encode()
      bytes[random.draw(below: bytes.count)] ^= 1 << UInt8(random.draw(below: 8))
      #expect(throws: Message.DecodingFailure.damaged) { try Message(decoding: bytes) }
    }
  }

  @Test func `Damage that the checksum does not see never crashes`() {
    var random = ElectionRandom(seed: 13)
    for _ in 0..<4000 {
      var bytes = Self.drawMessage(&random).encode()
      for _ in 0...random.draw(below: 3) {
        bytes[4 + random.draw(below: bytes.count - 4)] = UInt8(truncatingIfNeeded: random.next())
      }
      if random.draw(below: 2) == 0 { bytes.removeLast(random.draw(below: bytes.count - 5)) }
      let checksum = CRC32C.checksum(Array(bytes[4...]))
      for position in 0..<4 { bytes[position] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * position)) }
      if let message = try? Message(decoding: bytes) {
        #expect(!message.kind.isLocal && message.snapshot?.membership.violation == nil)
      }
    }
    for count in 0..<4 {
      #expect(throws: Message.DecodingFailure.damaged) { try Message(decoding: Array(repeating: 0, count: count)) }
    }
  }

  @Test func `What only a node itself may send does not come from outside`() {
    var bytes = Message(.append, to: 1, from: 2, term: 3).encode()
    bytes[4] = MessageKind.hup.rawValue
    let checksum = CRC32C.checksum(Array(bytes[4...]))
    for position in 0..<4 { bytes[position] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * position)) }
    #expect(throws: Message.DecodingFailure.malformed) { try Message(decoding: bytes) }
  }
}
