// What a cluster knows of each of its nodes: a value under one key, which the node writes each time it starts; and the copy that every store
// keeps, so that a node finds the others after a restart even if the addresses it was told are gone.
//
//   0x04 0x40 0x01                     the number of nodes that ever joined the first: a counter, 8 bytes, little endian
//   0x04 0x40 0x02 node, ordered       one node:
//
//   version 1 | varint node | rpc host, port | sql host, port | locality | binary version | varint start, ns since 1970
//   | machine's boot id | standing, 1 byte | varint since when, ns since 1970 | varint version of the cluster that it knows;  texts are length prefixed, ports varints
//
// Whoever reads one ignores what follows: fields are only ever added at the end.
// A node's record is written before its first transaction. So who reads all records knows everybody who could have begun one before.

import Encoding
import Ranges
import Storage
import Transactions
import Transport

/// What has been decided about a node.
enum NodeStanding: UInt8, Sendable {
  case member = 0
  /// It is being decommissioned: its replicas are moved elsewhere.
  case leaving = 1
  /// It has been decommissioned: nobody talks to it any more, and its number is nobody's.
  case gone = 2
}

/// A member of the cluster as it last started.
struct NodeRecord: Hashable, Sendable {
  var node: NodeID
  var address: NodeAddress
  var sqlAddress: NodeAddress
  var locality: Locality
  var binaryVersion: String
  /// Nanoseconds since 1970.
  var startTime: Int64
  var machineBootID: String
  var standing = NodeStanding.member
  /// When that was decided, in nanoseconds since 1970; 0: never.
  var standingTime: Int64 = 0
  /// The latest version of a cluster that its binary knows.
  var clusterVersion: Int64 = 1

  func encode(into bytes: inout [UInt8]) {
    bytes.append(1)
    ValueEncoding.appendVarint(UInt64(node.rawValue), to: &bytes)
    bytes.append(address: address)
    bytes.append(address: sqlAddress)
    bytes.append(text: locality.description)
    bytes.append(text: binaryVersion)
    ValueEncoding.appendSignedVarint(startTime, to: &bytes)
    bytes.append(text: machineBootID)
    bytes.append(standing.rawValue)
    ValueEncoding.appendSignedVarint(standingTime, to: &bytes)
    ValueEncoding.appendSignedVarint(clusterVersion, to: &bytes)
  }

  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    encode(into: &bytes)
    return bytes
  }

  /// Nil if the bytes are no record.
  init?(_ bytes: [UInt8]) {
    let record = bytes.withUnsafeBytes { raw -> NodeRecord? in
      var reader = ByteReader(raw)
      return NodeRecord(from: &reader)
    }
    guard let record else { return nil }
    self = record
  }

  init?(from reader: inout ByteReader) {
    guard reader.readUInt8() == 1, let node = reader.readNodeID(), let address = reader.readAddress(),
      let sqlAddress = reader.readAddress(), let locality = reader.readText().flatMap({ Locality($0) }),
      let version = reader.readText(), let startTime = reader.readSignedVarint(), let machine = reader.readText()
    else { return nil }
    self.init(
      node: node, address: address, sqlAddress: sqlAddress, locality: locality, binaryVersion: version,
      startTime: startTime, machineBootID: machine)
    // Records of earlier versions end here.
    if let standing = reader.readUInt8().flatMap(NodeStanding.init(rawValue:)), let time = reader.readSignedVarint() {
      self.standing = standing
      standingTime = time
      if let version = reader.readSignedVarint() { clusterVersion = version }
    }
  }

  init(
    node: NodeID, address: NodeAddress, sqlAddress: NodeAddress, locality: Locality, binaryVersion: String,
    startTime: Int64, machineBootID: String
  ) {
    self.node = node
    self.address = address
    self.sqlAddress = sqlAddress
    self.locality = locality
    self.binaryVersion = binaryVersion
    self.startTime = startTime
    self.machineBootID = machineBootID
  }
}

/// Where the cluster keeps them. The kingdom `0x04` is the catalog's, which uses numbers below 0x40 in it.
enum ClusterKeys {
  /// Of nodes that joined; the first node, which began the cluster, is not counted: node n + 1 is the nth to join.
  static let joinedCount = Key([0x04, 0x40, 0x01])
  static let records = Key([0x04, 0x40, 0x02])

  static let settings = Key([0x04, 0x40, 0x03])

  static func setting(_ name: String) -> Key { Key(settings.bytes + Array(name.utf8)) }

  static func settingName(_ key: Key) -> String? {
    String(validating: key.bytes.dropFirst(settings.bytes.count), as: UTF8.self)
  }

  /// Of clocks, by time and node.
  static let clockIncidents = Key([0x04, 0x40, 0x04])

  static func clockIncident(_ incident: ClockIncident) -> Key {
    var key = clockIncidents
    for number in [incident.time, Int64(incident.node.rawValue), Int64(incident.other.rawValue)] {
      KeyEncoding.appendUInt64(UInt64(bitPattern: max(0, number)), to: &key.bytes)
    }
    return key
  }

  static func record(of node: NodeID) -> Key {
    var key = records
    KeyEncoding.appendUInt64(UInt64(node.rawValue), to: &key.bytes)
    return key
  }
}

/// The store's copy of the records.
enum NodeBook {
  /// Its kind among the store's records; 1 and 2 are those of `Ranges`.
  private static let recordKind: UInt8 = 3

  static func encode(_ records: [NodeRecord]) -> [UInt8] {
    var bytes: [UInt8] = []
    ValueEncoding.appendVarint(UInt64(records.count), to: &bytes)
    for record in records { ValueEncoding.appendLengthPrefixed(record.encoded, to: &bytes) }
    return bytes
  }

  static func decode(_ bytes: [UInt8]) -> [NodeRecord]? {
    bytes.withUnsafeBytes { raw -> [NodeRecord]? in
      var reader = ByteReader(raw)
      guard let count = reader.readVarint() else { return nil }
      var records: [NodeRecord] = []
      for _ in 0..<count {
        guard let bytes = reader.readLengthPrefixed(), let record = NodeRecord([UInt8](bytes)) else { return nil }
        records.append(record)
      }
      return records
    }
  }

  /// Empty for a store that has none.
  static func read(from local: LocalStore) throws(StorageError) -> [NodeRecord] {
    guard let bytes = try local.log.storeRecord(recordKind) else { return [] }
    guard let records = decode(bytes) else { throw .corruption("the store's record of the cluster's nodes is damaged") }
    return records
  }

  static func write(_ records: [NodeRecord], to local: LocalStore) throws(StorageError) {
    var batch = LogBatch()
    batch.setStoreRecord(recordKind, encode(records))
    try local.log.write(batch, sync: true)
  }
}

// MARK: - Pieces of bytes

extension [UInt8] {
  mutating func append(text: String) { ValueEncoding.appendLengthPrefixed(Array(text.utf8), to: &self) }

  mutating func append(address: NodeAddress) {
    append(text: address.host)
    ValueEncoding.appendVarint(UInt64(clamping: address.port), to: &self)
  }
}

extension ByteReader {
  mutating func readText() -> String? { readLengthPrefixed().map { String(decoding: $0, as: UTF8.self) } }

  mutating func readAddress() -> NodeAddress? {
    guard let host = readText(), let port = readVarint(), port <= 65_535 else { return nil }
    return NodeAddress(host: host, port: Int(port))
  }

  mutating func readNodeID() -> NodeID? {
    readVarint().flatMap { UInt32(exactly: $0) }.map { NodeID(rawValue: $0) }
  }
}
