// Replicas compared when an operator asks: the asked node passes on to another one what that leads.

import Encoding
import Logging
import Ranges
import Reactors
import Transport

/// What came of comparing the replicas of one range.
public struct RangeCheck: Sendable, Equatable {
  public enum Verdict: UInt8, Sendable {
    case equal, notChecked, different
  }

  public var range: UInt64
  public var verdict: Verdict
  /// In words.
  public var text: String
}

/// That a node compare the replicas of the first range with a higher number that it leads.
struct CheckRequest: ClusterMessage, Equatable {
  /// Nanoseconds for one range.
  static let patience: Int64 = 600_000_000_000

  var node: NodeID
  var after: RangeID

  init(node: NodeID, after: RangeID) {
    self.node = node
    self.after = after
  }

  init?(from reader: inout ByteReader) {
    guard let node = reader.readNodeID(), let after = reader.readVarint() else { return nil }
    self.node = node
    self.after = RangeID(after)
  }

  func encode(into bytes: inout [UInt8]) {
    ValueEncoding.appendVarint(UInt64(node.rawValue), to: &bytes)
    ValueEncoding.appendVarint(after.rawValue, to: &bytes)
  }
}

struct CheckReply: ClusterMessage, Equatable {
  /// Nil: there is no such range.
  var check: RangeCheck?

  init(_ check: RangeCheck?) { self.check = check }

  init?(from reader: inout ByteReader) {
    guard let isThere = reader.readUInt8() else { return nil }
    guard isThere != 0 else { return }
    guard let range = reader.readVarint(), let byte = reader.readUInt8(),
      let verdict = RangeCheck.Verdict(rawValue: byte), let text = reader.readText()
    else { return nil }
    check = RangeCheck(range: range, verdict: verdict, text: text)
  }

  func encode(into bytes: inout [UInt8]) {
    bytes.append(check == nil ? 0 : 1)
    guard let check else { return }
    ValueEncoding.appendVarint(check.range, to: &bytes)
    bytes.append(check.verdict.rawValue)
    bytes.append(text: check.text)
  }
}

extension Node {
  func answerCheck(
    _ message: NodeMessage, isForwarded: Bool, on reactor: isolated Reactor
  ) async -> Result<NodeMessage, CallRefusal> {
    guard let request = CheckRequest(message) else { return .failure(CallRefusal("the request makes no sense")) }
    guard let member, let transport else { return .failure(CallRefusal("the node is in no cluster")) }
    if request.node != member.identity.node {
      guard !isForwarded else { return .failure(CallRefusal("the node asked for is another one")) }
      do throws(TransportError) {
        return .success(
          try await transport.call(
            message, to: request.node, class: .system, timeoutNanoseconds: CheckRequest.patience, on: reactor))
      } catch {
        return .failure(CallRefusal("node \(request.node.rawValue) cannot be asked: \(error)"))
      }
    }
    let check = await firstCheck(after: request.after, member)
    if let check {
      logger.info("replicas compared", metadata: ["range": "\(check.range)", "outcome": "\(check.text)"])
    }
    return .success(CheckReply(check).message(ClusterCall.check))
  }

  private func firstCheck(after last: RangeID, _ member: Member) async -> RangeCheck? {
    let store = member.store
    var next: RangeID?
    for reactor in environment.reactors {
      let first = await reactor.perform { reactor in
        store.shard(on: reactor).sortedReplicas.first { $0.descriptor.id > last && $0.holdsLease }?.descriptor.id
      }
      if let first { next = min(next ?? first, first) }
    }
    guard let range = next else { return nil }
    let outcome = await store.reactor(of: range).perform { reactor -> ConsistencyOutcome in
      guard let replica = store.shard(on: reactor).replica(range) else { return .notChecked("the replica has gone") }
      return await replica.checkConsistency()
    }
    let verdict: RangeCheck.Verdict =
      switch outcome {
      case .equal: .equal
      case .notChecked: .notChecked
      case .different: .different
      }
    return RangeCheck(range: range.rawValue, verdict: verdict, text: "\(outcome)")
  }
}
