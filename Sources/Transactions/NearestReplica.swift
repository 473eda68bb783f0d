// Reads of the past are asked of the replica that is nearest, whoever leads; what it cannot serve, of the leaseholder as any other read.
// Which is nearest: this node's own, then by what the nodes' places have in common, from the widest part on, then by the time that messages
// take there and back.

import Clocks
import Encoding
import Ranges
import Storage
import Transport

/// How near a node is: the less the nearer.
struct Nearness: Comparable {
  var isOther: Bool
  /// Leading parts of the places that differ, or are missing.
  var distance: Int
  /// Nanoseconds there and back; `max` if that is not known.
  var roundTrip: Int64
  var node: NodeID

  init(_ node: NodeID, own: NodeID, place: [String], ownPlace: [String], roundTrip: Int64?) {
    self.node = node
    isOther = node != own
    distance = ownPlace.count - zip(place, ownPlace).prefix { $0 == $1 }.count
    self.roundTrip = roundTrip ?? .max
  }

  static func < (a: Nearness, b: Nearness) -> Bool {
    if a.isOther != b.isOther { return !a.isOther }
    if a.distance != b.distance { return a.distance < b.distance }
    return a.roundTrip != b.roundTrip ? a.roundTrip < b.roundTrip : a.node < b.node
  }
}

extension TransactionSystem {
  /// How long the nearest replica has to answer before the leaseholder is asked: a page of a scan takes milliseconds.
  private static let nearestPatience: Int64 = 3_000_000_000

  /// The node of the nearest replica that answers; nil if none is known to.
  private func nearestNode(of range: RangeDescriptor) -> NodeID? {
    let own = store.identity.node
    // What the gateway knows of a range may be from before this node got its replica: whoever is always served learns nothing new.
    let here = shard.descriptors(overlapping: KeySpan(range.span.start)).first { $0.id == range.id } ?? range
    if here.replica(on: own) != nil { return own }
    let places = store.places
    let ownPlace = places[own] ?? []
    let near = range.replicas.compactMap { replica -> Nearness? in
      guard let peer = store.network?.peer(replica.node), peer.isUp == true else { return nil }
      return Nearness(
        replica.node, own: own, place: places[replica.node] ?? [], ownPlace: ownPlace, roundTrip: peer.roundTrip)
    }
    return near.min()?.node
  }

  /// What the nearest replica answers to a request that any may serve; nil: the leaseholder is to be asked.
  func askNearest(_ request: RangeRequest, _ header: TransactionHeader, _ range: RangeDescriptor) async -> RangeReply? {
    guard let node = nearestNode(of: range), node != router.leaseholder(of: range.id) else { return nil }
    let reply: RangeReply
    if node == store.identity.node {
      reply = await askHere(request, header, range.id)
    } else {
      do throws(TransportError) {
        reply = try await store.reactorCall(
          request, header, range: range.id, on: node, from: reactor, timeout: Self.nearestPatience)
      } catch {
        return nil
      }
    }
    switch reply.response {
    case .rows, .newest, .failed(.limit): return reply
    case .failed(.notLeaseholder(let known, let leader)):
      if let known { router.learn(known) }
      if let leader, router.leaseholder(of: range.id) == nil { router.setLeaseholder(leader, of: range.id) }
      return nil
    default: return nil
    }
  }

  /// The newest timestamp at which the nearest replicas can serve reads of the spans without waiting for anybody: closed there, and below all
  /// intents. At least `bound`, at which leaseholders can serve what the others cannot.
  public func newestTimestamp(of spans: [KeySpan], atLeast bound: Timestamp) async throws(TransactionError) -> Timestamp
  {
    var newest = currentTimestamp()
    var header = ownHeader()
    header.isServedByAny = store.readsAnywhere
    for span in spans {
      var rest = span
      while !rest.isEmpty, newest > bound {
        let range = try await range(of: rest.start)
        let part = KeySpan(start: rest.start, end: min(rest.end, range.span.end))
        // Of members of an earlier version only leaseholders are asked, and not for this.
        guard store.readsAnywhere || store.network == nil else {
          newest = bound
          break
        }
        switch await ask(.newest(part), header, range).response {
        case .newest(let timestamp): newest = min(newest, timestamp)
        case .failed(.outOfRange): continue
        case .failed(let failure): throw TransactionError(failure)
        default: throw .unavailable("a range gave an answer to another question")
        }
        rest.start = part.end
      }
    }
    return max(newest, bound)
  }
}
