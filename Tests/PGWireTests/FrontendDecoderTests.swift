// Messages out of bytes, however the network has cut them. The bytes are written out by hand.
// Source: PostgreSQL manual, 55.7 "Message Formats".

import Sessions
import Testing

@testable import PGWire

struct FrontendDecoderTests {
  private static func number(_ value: Int, bytes: Int) -> [UInt8] {
    (0..<bytes).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private static func typed(_ letter: Unicode.Scalar, _ body: [UInt8]) -> [UInt8] {
    [UInt8(ascii: letter)] + number(body.count + 4, bytes: 4) + body
  }

  private static func text(_ text: String) -> [UInt8] { Array(text.utf8) + [0] }

  private static let startup: [UInt8] =
    number(8 + 5 + 4 + 1, bytes: 4) + number(196_608, bytes: 4) + text("user") + text("ann") + [0]

  /// A conversation with small messages, a large one, and small ones again; and what it says.
  private static let conversation: (bytes: [UInt8], messages: [FrontendMessage]) = {
    let large = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let values = number(3, bytes: 4) + [7, 8, 9] + number(-1, bytes: 4)
    let bind =
      text("p") + text("s") + number(2, bytes: 2) + number(0, bytes: 2) + number(1, bytes: 2) + number(2, bytes: 2)
      + values + number(1, bytes: 2) + number(1, bytes: 2)
    let bytes: [UInt8] =
      startup + typed("P", text("s") + text("select $1, $2") + number(1, bytes: 2) + number(23, bytes: 4))
      + typed("B", bind) + typed("D", [UInt8(ascii: "P")] + text("p")) + typed("E", text("p") + number(5, bytes: 4))
      + typed("S", []) + typed("d", large) + typed("c", []) + typed("Q", text("commit")) + typed("X", [])
    let messages: [FrontendMessage] = [
      .startup(major: 3, minor: 0, parameters: [(name: "user", value: "ann")]),
      .parse(name: "s", query: Array("select $1, $2".utf8), types: [23]),
      .bind(
        FrontendMessage.Bind(
          portal: "p", statement: "s", parameterFormats: .each([0, 1]),
          parameters: ParameterValues(count: 2, bytes: values),
          resultFormats: .same(1))),
      .describe(.portal, name: "p"), .execute(portal: "p", maximumRowCount: 5), .sync, .copyData(large), .copyDone,
      .query(Array("commit".utf8)), .terminate,
    ]
    return (bytes, messages)
  }()

  @Test(arguments: [1, 2, 3, 5, 7, 64, 1000, 1023, 65_536, 1 << 20])
  func piecesOfAnySizeMakeTheSameMessages(size: Int) throws {
    let (bytes, messages) = Self.conversation
    var decoder = FrontendDecoder()
    var decoded: [FrontendMessage] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { decoder.append($0) }
      while let message = try decoder.next() { decoded.append(message) }
    }
    #expect(decoder.pendingByteCount == 0)
    #expect(decoded.map { String(describing: $0) } == messages.map { String(describing: $0) })
  }

  /// What is decoded late, after more has come.
  @Test(arguments: [10, 500, 4000])
  func messagesMayPileUp(size: Int) throws {
    let (bytes, messages) = Self.conversation
    var decoder = FrontendDecoder()
    var decoded: [String] = []
    for (turn, start) in stride(from: 0, to: bytes.count, by: size).enumerated() {
      bytes[start..<min(start + size, bytes.count)].withUnsafeBytes { decoder.append($0) }
      if turn % 3 == 2, let message = try decoder.next() { decoded.append(String(describing: message)) }
    }
    while let message = try decoder.next() { decoded.append(String(describing: message)) }
    #expect(decoded == messages.map { String(describing: $0) })
  }
}
