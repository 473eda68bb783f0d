// Before a frozen range is merged, every node that has a replica of it must have applied that it is frozen, durably: then the merge
// finds it so whenever it is applied there, also after a crash.

import Encoding
import Reactors
import Storage
import Transport

extension Store {
  private enum FrozenLimits {
    /// Nanoseconds that a replica has to apply that its range is frozen.
    static let patience: Int64 = 2_000_000_000
    static let pollInterval: Int64 = 10_000_000
  }

  /// Why a replica of a frozen range is not known to be frozen, durably; nil: it is.
  public func confirmFrozen(
    _ frozen: FrozenRange, on replica: ReplicaDescriptor, from reactor: isolated Reactor
  ) async -> String? {
    let descriptor = frozen.descriptor
    if replica.node == identity.node {
      return await confirmFrozenHere(descriptor.id, replica.replica, descriptor.generation)
    }
    guard let network else { return "this node is alone" }
    var writer = RangeWriter()
    writer.put(descriptor.id.rawValue)
    writer.put(replica.replica.rawValue)
    writer.put(descriptor.generation)
    do throws(TransportError) {
      _ = try await network.call(
        NodeMessage(kind: StoreMessageKind.frozen, body: writer.bytes), to: replica.node, class: .system,
        timeoutNanoseconds: 2 * FrozenLimits.patience, on: reactor)
      return nil
    } catch {
      return "node \(replica.node): \(error)"
    }
  }

  func answerFrozen(_ message: NodeMessage) async -> Result<NodeMessage, CallRefusal> {
    let decoded = try? message.body.span.withUnsafeBytes {
      (raw) throws(MalformedMessage) -> (RangeID, ReplicaID, UInt64) in
      var reader = RangeReader(raw)
      return (RangeID(try reader.number()), ReplicaID(try reader.number()), try reader.number())
    }
    guard let (range, replica, generation) = decoded else { return .failure(CallRefusal("the request makes no sense")) }
    if let refusal = await confirmFrozenHere(range, replica, generation) { return .failure(CallRefusal(refusal)) }
    return .success(NodeMessage(kind: StoreMessageKind.frozen))
  }

  private func confirmFrozenHere(_ range: RangeID, _ id: ReplicaID, _ generation: UInt64) async -> String? {
    let shard = confinedShard(reactorIndex(of: range))
    return await reactor(of: range).perform { reactor -> String? in
      let deadline = reactor.environment.monotonicNow().nanoseconds + FrozenLimits.patience
      while true {
        if let reason = shard.access(on: reactor).stopReason { return reason }
        if let replica = shard.access(on: reactor).replica(range), replica.replicaID == id,
          replica.descriptor.generation == generation, replica.descriptor.isFrozen
        {
          break
        }
        if reactor.environment.monotonicNow().nanoseconds > deadline { return "its replica does not come to be frozen" }
        await reactor.sleep(nanoseconds: FrozenLimits.pollInterval)
      }
      return await shard.access(on: reactor).flushed()
    }
  }
}

extension StoreShard {
  /// Makes durable what is applied so far. Why that failed; nil: it is done.
  fileprivate func flushed() async -> String? {
    let result: Result<Void, StorageError> = await reactor.suspend { continuation in
      snapshotWorker.submit { [engine] in
        do throws(StorageError) {
          continuation.resume(returning: .success(try engine.flush()))
        } catch {
          continuation.resume(returning: .failure(error))
        }
      }
    }
    guard case .failure(let error) = result else { return stopReason }
    fail(error)
    return "\(error)"
  }
}
