// Messages between the replicas of ranges on different stores, as they travel: many in one message of the transport.
//
//   varint count, { varint range, to, from | kind: 1 raft, its bytes are the next payload
//                                                 2 fortify, varint term
//                                                 3 fortified, varint term, epoch
//                                                 4 you were removed
//                                                 5 nobody leads here any more, varint term
//                                                 6 my state is lost
//                                                 7 the range was merged }

import Raft
import Transport

struct RangeEnvelope: Sendable {
  enum Content: Sendable {
    case group(GroupMessage)
    /// The receiver is no member any more: ids are never used twice.
    case removed
    /// The replica that was asked is gone for good, and no other one of its node leads: what was promised to that node in the term is
    /// void.
    case gone(term: Term)
    /// The sender has a log and a vote, but no state, and nothing that would bring it back: another replica is to take its place.
    case stateless
    /// The range is no more: another one has taken its keys over.
    case merged
  }

  var range: RangeID
  var to: ReplicaID
  var from: ReplicaID
  var content: Content

  init(range: RangeID, to: ReplicaID, from: ReplicaID, content: Content) {
    self.range = range
    self.to = to
    self.from = from
    self.content = content
  }

  init(range: RangeID, to: ReplicaID, from: ReplicaID, message: GroupMessage) {
    self.init(range: range, to: to, from: from, content: .group(message))
  }

  static func encode(_ envelopes: [RangeEnvelope]) -> (body: [UInt8], payloads: [[UInt8]]) {
    var writer = RangeWriter()
    var payloads: [[UInt8]] = []
    writer.put(envelopes) { writer, envelope in
      writer.put(envelope.range.rawValue)
      writer.put(envelope.to.rawValue)
      writer.put(envelope.from.rawValue)
      switch envelope.content {
      case .group(.raft(let message)):
        writer.bytes.append(1)
        payloads.append(message.encode())
      case .group(.fortify(let term)):
        writer.bytes.append(2)
        writer.put(term.rawValue)
      case .group(.fortified(let term, let epoch)):
        writer.bytes.append(3)
        writer.put(term.rawValue)
        writer.put(epoch)
      case .removed: writer.bytes.append(4)
      case .gone(let term):
        writer.bytes.append(5)
        writer.put(term.rawValue)
      case .stateless: writer.bytes.append(6)
      case .merged: writer.bytes.append(7)
      }
    }
    return (writer.bytes, payloads)
  }

  static func decode(_ body: [UInt8], _ payloads: [[UInt8]]) throws(MalformedMessage) -> [RangeEnvelope] {
    var rest = payloads[...]
    return try body.span.withUnsafeBytes { (raw) throws(MalformedMessage) -> [RangeEnvelope] in
      var reader = RangeReader(raw)
      var envelopes: [RangeEnvelope] = []
      for _ in 0..<(try reader.count()) {
        let range = RangeID(try reader.number())
        let to = ReplicaID(try reader.number())
        let from = ReplicaID(try reader.number())
        let content: Content
        switch try reader.byte() {
        case 1:
          guard let bytes = rest.popFirst(), let message = try? Message(decoding: bytes) else {
            throw MalformedMessage()
          }
          content = .group(.raft(message))
        case 2: content = .group(.fortify(term: Term(try reader.number())))
        case 3:
          let term = Term(try reader.number())
          content = .group(.fortified(term: term, epoch: try reader.number()))
        case 4: content = .removed
        case 5: content = .gone(term: Term(try reader.number()))
        case 6: content = .stateless
        case 7: content = .merged
        default: throw MalformedMessage()
        }
        envelopes.append(RangeEnvelope(range: range, to: to, from: from, content: content))
      }
      return envelopes
    }
  }
}
