// A proof that some clock breaks its bound, as it is kept: on the disk of the node that found it first, then in the cluster
// (`meridian_catalog.clock_incidents`).
//
//   kind, 1 byte | signed varints: when, node, other node, excess, own earliest and latest, other's earliest and latest

import Clocks
import Encoding
import Storage
import Transport

/// Two claims that cannot both hold. Times are nanoseconds since 1970.
public struct ClockIncident: Hashable, Sendable {
  public enum Kind: UInt8, Sendable, CaseIterable {
    /// The other node claimed a time later than this node holds for possible.
    case ahead = 1
    /// The other node claimed a time earlier than this node held for possible when it asked.
    case behind = 2
    /// The reference of cluster time said what cannot follow from what was known.
    case reference = 3
    /// Two sources of this node contradict each other, or one has been disrupted.
    case sources = 4

    public var name: String {
      switch self {
      case .ahead: "ahead"
      case .behind: "behind"
      case .reference: "reference"
      case .sources: "sources"
      }
    }
  }

  public var kind: Kind
  /// By the clock of the node that found it.
  public var time: Int64
  public var node: NodeID
  /// The node itself, if it is about its own sources.
  public var other: NodeID
  /// Nanoseconds by which the claims miss each other.
  public var excess: Int64
  public var own: ClockInterval
  public var claim: ClockInterval

  public init(
    kind: Kind, time: Int64, node: NodeID, other: NodeID, excess: Int64, own: ClockInterval, claim: ClockInterval
  ) {
    self.kind = kind
    self.time = time
    self.node = node
    self.other = other
    self.excess = excess
    self.own = own
    self.claim = claim
  }

  public func encode(into bytes: inout [UInt8]) {
    bytes.append(kind.rawValue)
    for number in [
      time, Int64(node.rawValue), Int64(other.rawValue), excess, own.earliest, own.latest, claim.earliest, claim.latest,
    ] {
      ValueEncoding.appendSignedVarint(number, to: &bytes)
    }
  }

  public init?(from reader: inout ByteReader) {
    guard let kind = reader.readUInt8().flatMap(Kind.init(rawValue:)) else { return nil }
    var numbers: [Int64] = []
    for _ in 0..<8 {
      guard let number = reader.readSignedVarint() else { return nil }
      numbers.append(number)
    }
    guard let node = UInt32(exactly: numbers[1]), let other = UInt32(exactly: numbers[2]), numbers[4] <= numbers[5],
      numbers[6] <= numbers[7]
    else { return nil }
    self.init(
      kind: kind, time: numbers[0], node: NodeID(rawValue: node), other: NodeID(rawValue: other), excess: numbers[3],
      own: ClockInterval(earliest: numbers[4], latest: numbers[5]),
      claim: ClockInterval(earliest: numbers[6], latest: numbers[7]))
  }

  /// What a node says of it.
  public var text: String {
    let much = "by \(Double(excess / 1000) / 1000) ms"
    return switch kind {
    case .ahead: "the clock of node \(other) is ahead of what this node's allows \(much)"
    case .behind: "the clock of node \(other) is behind what this node's allows \(much)"
    case .reference: "node \(other), whose clock counts, tells a time that this node's clock does not allow \(much)"
    case .sources: "this node's time sources cannot all be right"
    }
  }
}

/// What a store keeps of its clock: incidents that the cluster has not been told of, and the time that it may have reached.
enum ClockRecords {
  /// Their kinds among the store's records.
  private static let incidentsKind: UInt8 = 5
  private static let ceilingKind: UInt8 = 6
  /// Incidents that are kept; of more, those that came first tell most.
  static let incidentLimit = 100

  static func incidents(_ local: LocalStore) throws(StorageError) -> [ClockIncident] {
    guard let bytes = try local.log.storeRecord(incidentsKind) else { return [] }
    let found = bytes.withUnsafeBytes { raw -> [ClockIncident]? in
      var reader = ByteReader(raw)
      var incidents: [ClockIncident] = []
      while !reader.isAtEnd {
        guard let incident = ClockIncident(from: &reader) else { return nil }
        incidents.append(incident)
      }
      return incidents
    }
    guard let found else { throw .corruption("the store's record of clock incidents is damaged") }
    return found
  }

  static func write(_ incidents: [ClockIncident], to local: LocalStore) throws(StorageError) {
    var bytes: [UInt8] = []
    for incident in incidents { incident.encode(into: &bytes) }
    var batch = LogBatch()
    batch.setStoreRecord(incidentsKind, bytes)
    try local.log.write(batch, sync: true)
  }

  /// Nanoseconds since 1970 that the node may have reached; 0 if it never kept any.
  static func ceiling(_ local: LocalStore) throws(StorageError) -> Int64 {
    guard let bytes = try local.log.storeRecord(ceilingKind) else { return 0 }
    let found = bytes.withUnsafeBytes { raw -> Int64? in
      var reader = ByteReader(raw)
      return reader.readSignedVarint()
    }
    guard let found else { throw .corruption("the store's record of the time that it reached is damaged") }
    return found
  }

  static func write(ceiling: Int64, to local: LocalStore) throws(StorageError) {
    var bytes: [UInt8] = []
    ValueEncoding.appendSignedVarint(ceiling, to: &bytes)
    var batch = LogBatch()
    batch.setStoreRecord(ceilingKind, bytes)
    try local.log.write(batch, sync: true)
  }
}
