// Replicas of a range must be equal. To see that they are, the leaseholder sends a command through the log that changes nothing: each replica
// that applies it takes a view of its state at that index and works out a checksum of it, slowly; the leaseholder collects them.
//
// Those that differ from most are broken, and what they would serve or hand on is wrong: their nodes stop, and their stores do not open again.
// Where there is no majority the leaseholder's state, which clients have seen, counts. A replica that does not answer in time, or that went
// past the command while it was replayed or in a snapshot, says nothing; the next check will see it.

import Encoding
import Raft
import Reactors
import Storage
import Transport

/// What came of comparing a range's replicas.
public enum ConsistencyOutcome: Sendable, CustomStringConvertible {
  /// Those that answered are equal.
  case equal(StateChecksum, replicas: [NodeID], silent: [NodeID])
  /// Which are not, in words; the nodes in question stop.
  case different(String)
  case notChecked(String)

  public var description: String {
    func list(_ nodes: [NodeID]) -> String { nodes.map { "\($0.rawValue)" }.joined(separator: ", ") }
    switch self {
    case .equal(let checksum, let replicas, let silent):
      return "nodes \(list(replicas)) agree at index \(checksum.index): \(checksum)"
        + (silent.isEmpty ? "" : "; no answer from \(list(silent))")
    case .different(let text): return text
    case .notChecked(let reason): return "not checked: \(reason)"
    }
  }
}

/// The answers of other replicas, as they come. Confined to their leaseholder's reactor.
private final class Answers {
  private(set) var values: [StateChecksum?]
  private(set) var left: Int

  init(_ count: Int) {
    values = Array(repeating: nil, count: count)
    left = count
  }

  func put(_ value: StateChecksum?, _ place: Int) {
    values[place] = value
    left -= 1
  }
}

/// A check as one replica makes it. Confined to its replica's reactor.
final class ReplicaCheck {
  let number: UInt64
  /// The members at that index.
  let members: [ReplicaDescriptor]
  /// Nil until it has been worked out.
  var checksum: StateChecksum?
  var hasFailed = false

  init(_ number: UInt64, _ members: [ReplicaDescriptor]) {
    self.number = number
    self.members = members
  }
}

extension Replica {
  private enum CheckLimits {
    /// Bytes read at a time.
    static let sliceBytes = 256 << 10
    /// Nanoseconds for a replica to come as far as the command.
    static let arrival: Int64 = 10_000_000_000
    /// Nanoseconds for a replica to work its checksum out: ranges are a few hundred MiB.
    static let patience: Int64 = 300_000_000_000
    static let pollInterval: Int64 = 20_000_000
  }

  private var now: Int64 { shard.reactor.environment.monotonicNow().nanoseconds }

  // MARK: - Each replica

  /// The command has been applied, and written together with all before it and nothing behind: the state now is what is to be compared.
  func beginCheck(_ number: UInt64) {
    let check = ReplicaCheck(number, descriptor.replicas)
    self.check = check
    let source = ChecksumSource(shard.engine.snapshot(), descriptor, applied)
    let me = Confined(self, to: shard.reactor)
    let result = Confined(check, to: shard.reactor)
    let (worker, rate) = (shard.snapshotWorker, shard.checkRate)
    shard.reactor.enqueue { reactor in
      reactor.run { reactor in
        while true {
          let step: Result<Bool, StorageError> = await reactor.suspend { continuation in
            worker.submit {
              do throws(StorageError) {
                continuation.resume(returning: .success(try source.advance(byByteCount: CheckLimits.sliceBytes)))
              } catch {
                continuation.resume(returning: .failure(error))
              }
            }
          }
          let replica = me.access(on: reactor)
          if replica.isOver(check: result.access(on: reactor)) { return }
          switch step {
          case .failure(let error): return replica.shard.fail(error)
          case .success(false):
            result.access(on: reactor).checksum = source.checksum
            return
          case .success(true): break
          }
          let wait = rate.pass(CheckLimits.sliceBytes, at: reactor.environment.monotonicNow().nanoseconds)
          if wait > 0 { await reactor.sleep(nanoseconds: wait) }
        }
      }
    }
  }

  private func isOver(check: ReplicaCheck) -> Bool {
    let isOver = shard.stopReason != nil || isRemoved || self.check !== check
    if isOver { check.hasFailed = true }
    return isOver
  }

  /// The checksum of a check, once it is known; nil if this replica has none.
  func checksum(of number: UInt64) async -> StateChecksum? {
    let arrival = now + CheckLimits.arrival
    while check?.number != number {
      if now > arrival || isRemoved || shard.stopReason != nil { return nil }
      await shard.reactor.sleep(nanoseconds: CheckLimits.pollInterval)
    }
    guard let check else { return nil }
    while check.checksum == nil, !check.hasFailed {
      await shard.reactor.sleep(nanoseconds: CheckLimits.pollInterval)
    }
    return check.checksum
  }

  // MARK: - The leaseholder

  /// Compares the range's replicas. Those that are wrong are told, and stop their nodes.
  public func checkConsistency() async -> ConsistencyOutcome {
    guard hasPeers, let network = shard.network else { return .notChecked("the range has one replica") }
    guard !isChecking else { return .notChecked("a check is under way") }
    isChecking = true
    defer { isChecking = false }
    let number = shard.randomSeed() | 1
    var command = Command(range: id, batch: WriteBatch(), largestTimestamp: .zero)
    command.check = number
    guard let proposal = propose(command, latch: nil) else { return .notChecked("\(unavailable)") }
    guard case .applied = await proposal.value(on: shard.reactor), let own = check, own.number == number else {
      return .notChecked("the range's lease moved")
    }
    let others = own.members.filter { $0.replica != replicaID }
    let answers = Answers(others.count)
    for (place, member) in others.enumerated() {
      let shared = Confined(answers, to: shard.reactor)
      let range = id
      shard.reactor.enqueue { reactor in
        reactor.run { reactor in
          let answer = await Self.ask(member, range, number, network, on: reactor)
          shared.access(on: reactor).put(answer, place)
        }
      }
    }
    guard let ownChecksum = await checksum(of: number) else { return .notChecked("the replica was closed") }
    while answers.left > 0 { await shard.reactor.sleep(nanoseconds: CheckLimits.pollInterval) }
    var known: [(member: ReplicaDescriptor, checksum: StateChecksum)] = []
    if let me = own.members.first(where: { $0.replica == replicaID }) { known.append((me, ownChecksum)) }
    for (member, answer) in zip(others, answers.values) { if let answer { known.append((member, answer)) } }
    shard.counters.checks &+= 1
    let silent = zip(others, answers.values).filter { $0.1 == nil }.map(\.0.node)
    let right = Self.mostFrequent(known.map(\.checksum))
    let wrong = known.filter { $0.checksum != right }
    if wrong.isEmpty { return .equal(right, replicas: known.map(\.member.node), silent: silent) }
    let text =
      "the replicas of range \(id) differ at index \(right.index): "
      + known.map { "node \($0.member.node.rawValue) has \($0.checksum)" }.joined(separator: ", ")
      + "; wrong: " + wrong.map { "node \($0.member.node.rawValue)" }.joined(separator: ", ")
    shard.logger.critical("replicas differ", metadata: ["range": "\(id)", "reason": "\(text)"])
    for (member, _) in wrong where member.replica != replicaID {
      _ = try? await network.call(
        CheckMessage(range: id, replica: member.replica, number: number, verdict: text).message, to: member.node,
        class: .system, timeoutNanoseconds: CheckLimits.arrival, on: shard.reactor)
    }
    if wrong.contains(where: { $0.member.replica == replicaID }) { shard.quarantine(text) }
    return .different(text)
  }

  private static func ask(
    _ member: ReplicaDescriptor, _ range: RangeID, _ number: UInt64, _ network: NodeTransport,
    on reactor: isolated Reactor
  ) async -> StateChecksum? {
    let question = CheckMessage(range: range, replica: member.replica, number: number, verdict: nil)
    guard
      let reply = try? await network.call(
        question.message, to: member.node, class: .bulk, timeoutNanoseconds: CheckLimits.patience, on: reactor)
    else { return nil }
    return try? reply.body.span.withUnsafeBytes { (raw) throws(MalformedMessage) in
      var reader = RangeReader(raw)
      return try StateChecksum(from: &reader)
    }
  }

  /// The first is the leaseholder's, which counts where no other is more frequent.
  private static func mostFrequent(_ checksums: [StateChecksum]) -> StateChecksum {
    var best = checksums[0]
    func count(_ checksum: StateChecksum) -> Int { checksums.count { $0 == checksum } }
    for checksum in checksums where count(checksum) > count(best) { best = checksum }
    return best
  }
}
