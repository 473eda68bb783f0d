// What a member tells of its replicas when it is asked, and how the reports of several come together.

import Encoding
import Ranges
import Transport

struct RangeReport: ClusterMessage, Equatable {
  struct Entry: Equatable {
    var descriptor: RangeDescriptor
    /// Nil: the node does not lead the range.
    var lease: UInt64?
    /// As the leaseholder's engine estimates it.
    var byteCount: UInt64
    /// Why the range is not as it should be, in words; empty: nothing is known.
    var trouble = ""
  }

  var entries: [Entry] = []
  var grants: [StoreSupportGrant] = []

  init() {}

  init?(from reader: inout ByteReader) {
    guard let count = reader.readVarint() else { return nil }
    for _ in 0..<count {
      guard let bytes = reader.readLengthPrefixed(), let descriptor = RangeDescriptor(encoded: [UInt8](bytes)),
        let lease = reader.readVarint(), let byteCount = reader.readVarint(),
        let trouble = reader.readLengthPrefixed()
      else { return nil }
      entries.append(
        Entry(
          descriptor: descriptor, lease: lease == 0 ? nil : lease, byteCount: byteCount,
          trouble: String(decoding: trouble, as: UTF8.self)))
    }
    guard let grantCount = reader.readVarint() else { return nil }
    for _ in 0..<grantCount {
      guard let node = reader.readNodeID(), let epoch = reader.readVarint(), let expiration = reader.readSignedVarint(),
        let flag = reader.readUInt8()
      else { return nil }
      grants.append(
        StoreSupportGrant(node: node, epoch: epoch, expiration: expiration, isWithdrawn: flag != 0))
    }
  }

  func encode(into bytes: inout [UInt8]) {
    ValueEncoding.appendVarint(UInt64(entries.count), to: &bytes)
    for entry in entries {
      ValueEncoding.appendLengthPrefixed(entry.descriptor.encoded(), to: &bytes)
      ValueEncoding.appendVarint(entry.lease ?? 0, to: &bytes)
      ValueEncoding.appendVarint(entry.byteCount, to: &bytes)
      ValueEncoding.appendLengthPrefixed(Array(entry.trouble.utf8), to: &bytes)
    }
    ValueEncoding.appendVarint(UInt64(grants.count), to: &bytes)
    for grant in grants {
      ValueEncoding.appendVarint(UInt64(grant.node.rawValue), to: &bytes)
      ValueEncoding.appendVarint(grant.epoch, to: &bytes)
      ValueEncoding.appendSignedVarint(grant.expiration, to: &bytes)
      bytes.append(grant.isWithdrawn ? 1 : 0)
    }
  }

  /// What is known of each range: by who leads it in the latest lease, or else by whoever knows its latest form; where nobody leads, what
  /// any of its replicas says of that. In the order of keys.
  static func merged(
    _ reports: [(node: NodeID, report: RangeReport)]
  ) -> [(entry: Entry, leaseholder: NodeID?)] {
    var found: [RangeID: (entry: Entry, leaseholder: NodeID?)] = [:]
    for (node, report) in reports {
      for entry in report.entries {
        let new = (entry, entry.lease == nil ? nil : node)
        guard let old = found[entry.descriptor.id] else {
          found[entry.descriptor.id] = new
          continue
        }
        let isBetter =
          (entry.lease ?? 0, entry.descriptor.generation) > (old.entry.lease ?? 0, old.entry.descriptor.generation)
        var best = isBetter ? new : old
        if best.0.lease == nil, best.0.trouble.isEmpty { best.0.trouble = (isBetter ? old : new).0.trouble }
        found[entry.descriptor.id] = best
      }
    }
    return found.values.sorted {
      ($0.entry.descriptor.span.start, $0.entry.descriptor.id) < (
        $1.entry.descriptor.span.start, $1.entry.descriptor.id
      )
    }
  }
}
