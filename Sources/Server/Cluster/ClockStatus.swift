// What a node tells of its clock, to `SHOW CLOCK` and `meridian node status`.
//
//   source, text | signed varint error | varint reference | varint count, { varint node, signed varints offset, uncertainty }

import Encoding
import Transport

/// A node's clock as it reports itself.
struct ClockStatus: Hashable, Sendable {
  /// How far another node's time of day is ahead, in nanoseconds, give or take an uncertainty.
  struct Offset: Hashable, Sendable {
    var node: NodeID
    var offset: Int64
    var uncertainty: Int64
  }

  /// The sources that it goes by; empty if it could not be asked.
  var source = ""
  /// Nanoseconds that its clock may be off; nil if it knows no time.
  var error: Int64?
  /// Whose clock counts, with cluster time.
  var reference: NodeID?
  /// In the order of the nodes.
  var offsets: [Offset] = []

  init() {}

  init?(from reader: inout ByteReader) {
    guard let source = reader.readText(), let error = reader.readSignedVarint(), let reference = reader.readNodeID(),
      let count = reader.readVarint()
    else { return nil }
    self.source = source
    self.error = error < 0 ? nil : error
    self.reference = reference.rawValue == 0 ? nil : reference
    for _ in 0..<count {
      guard let node = reader.readNodeID(), let offset = reader.readSignedVarint(),
        let uncertainty = reader.readSignedVarint()
      else { return nil }
      offsets.append(Offset(node: node, offset: offset, uncertainty: uncertainty))
    }
  }

  func encode(into bytes: inout [UInt8]) {
    bytes.append(text: source)
    ValueEncoding.appendSignedVarint(error ?? -1, to: &bytes)
    ValueEncoding.appendVarint(UInt64(reference?.rawValue ?? 0), to: &bytes)
    ValueEncoding.appendVarint(UInt64(offsets.count), to: &bytes)
    for offset in offsets {
      ValueEncoding.appendVarint(UInt64(offset.node.rawValue), to: &bytes)
      ValueEncoding.appendSignedVarint(offset.offset, to: &bytes)
      ValueEncoding.appendSignedVarint(offset.uncertainty, to: &bytes)
    }
  }

  /// `2: +0.120 ms ± 0.080 ms, 3: …`
  var offsetsText: String {
    offsets.map { offset in
      "\(offset.node.rawValue): \(offset.offset < 0 ? "-" : "+")\(Self.milliseconds(abs(offset.offset))) \u{B1} "
        + Self.milliseconds(offset.uncertainty)
    }.joined(separator: ", ")
  }

  /// `0.120 ms`, rounded up.
  static func milliseconds(_ nanoseconds: Int64) -> String {
    let microseconds = nanoseconds / 1000 + (nanoseconds % 1000 > 0 ? 1 : 0)
    let thousandths = String(microseconds % 1000)
    return "\(microseconds / 1000).\(String(repeating: "0", count: 3 - thousandths.count))\(thousandths) ms"
  }
}
