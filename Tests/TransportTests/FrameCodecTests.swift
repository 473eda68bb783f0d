// Frames survive whatever pieces they come in; bytes that are no frame are refused before they cost anything.

import NIOCore
import Reactors
import SwiftProtobuf
import Testing

@testable import Transport

@Suite struct FrameCodecTests {
  static func encode(_ frames: [Frame]) -> (bytes: [UInt8], pieces: Int) {
    var bytes: [UInt8] = []
    var pieces = 0
    var buffer = ByteBuffer()
    for frame in frames {
      FrameEncoder.encode(frame, into: &buffer) {
        bytes += $0.readableBytesView
        pieces += 1
      }
    }
    bytes += buffer.readableBytesView
    return (bytes, pieces)
  }

  static func decode(_ bytes: some Collection<UInt8>) throws(FrameError) -> [Frame] {
    var decoder = FrameDecoder()
    decoder.append(ByteBuffer(bytes: Array(bytes)))
    var frames: [Frame] = []
    while let frame = try decoder.next() { frames.append(frame) }
    return frames
  }

  static func draw(_ random: inout RandomSource, small: Bool = false) -> Frame {
    func bytes(_ count: Int) -> [UInt8] {
      let start = [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: min(20, count))
      return start + [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: count - start.count)
    }
    let purpose = random.pick([Frame.Purpose.hello, .rejection, .message, .call, .reply, .refusal, .ping, .pong])
    let large = small ? 40 : random.pick([0, 1, 127, 128, 3000, 40_000])
    return Frame(
      purpose, call: random.chance(percent: 50) ? 0 : random.next(),
      NodeMessage(
        kind: UInt16(truncatingIfNeeded: random.next()), body: bytes(random.draw(0...min(300, large))),
        payloads: (0..<random.draw(0...3)).map { _ in bytes(random.draw(0...large)) }))
  }

  @Test func `The bytes of a frame are those that the decision page draws`() {
    let (bytes, _) = Self.encode([
      Frame(.call, call: 5, NodeMessage(kind: 7, body: [1, 2], payloads: [[9], []]))
    ])
    // Envelope by the protobuf encoding rules: 1: CALL = 4, 2: 7, 3: 5, 4: 2, 5: packed 1, 0.
    let envelope: [UInt8] = [0x08, 4, 0x10, 7, 0x18, 5, 0x20, 2, 0x2A, 2, 1, 0]
    #expect(bytes == [0, 0, 0, 15, 0, 0, 0, 12] + envelope + [1, 2, 9])
  }

  @Test func `Frames survive being cut anywhere`() throws {
    var random = RandomSource(seed: 1)
    for _ in 0..<60 {
      let frames = [Self.draw(&random, small: true)] + (0..<random.draw(1...6)).map { _ in Self.draw(&random) }
      let (bytes, _) = Self.encode(frames)
      var decoder = FrameDecoder()
      var found: [Frame] = []
      var position = 0
      while position < bytes.count {
        let count = min(bytes.count - position, random.pick([1, 2, 7, 500, 30_000]))
        decoder.append(ByteBuffer(bytes: bytes[position..<position + count]))
        position += count
        while let frame = try decoder.next() { found.append(frame) }
      }
      #expect(found == frames)
      #expect(decoder.pendingByteCount == 0)
    }
  }

  @Test func `Large payloads leave as buffers of their own`() {
    let payload = [UInt8](repeating: 1, count: FrameEncoder.separatePayloadByteCount)
    let frame = Frame(.message, NodeMessage(kind: 1, payloads: [[2], payload, payload]))
    // What came before, then each of the payloads.
    #expect(Self.encode([frame]).pieces == 3)
  }

  @Test func `A frame that ends early is waited for, never made up`() throws {
    var random = RandomSource(seed: 2)
    let frame = Self.draw(&random, small: true)
    let (bytes, _) = Self.encode([frame])
    for count in bytes.indices { #expect(try Self.decode(bytes[..<count]).isEmpty) }
    #expect(try Self.decode(bytes) == [frame])
  }

  private static func raw(total: UInt32? = nil, _ envelope: WireEnvelope, rest: Int) -> [UInt8] {
    let bytes = encoded(envelope)
    var buffer = ByteBuffer()
    buffer.writeInteger(total ?? UInt32(bytes.count + rest))
    buffer.writeInteger(UInt32(bytes.count))
    buffer.writeBytes(bytes)
    buffer.writeBytes([UInt8](repeating: 0, count: rest))
    return Array(buffer.readableBytesView)
  }

  @Test func `Lengths that do not come out are refused`() throws {
    var envelope = WireEnvelope()
    envelope.purpose = .message
    envelope.bodyLength = 5
    #expect(try Self.decode(Self.raw(envelope, rest: 5)).count == 1)
    #expect(throws: FrameError.self) { try Self.decode(Self.raw(envelope, rest: 4)) }
    #expect(throws: FrameError.self) { try Self.decode(Self.raw(envelope, rest: 6)) }
    envelope.payloadLengths = [UInt32.max, UInt32.max]
    #expect(throws: FrameError.self) { try Self.decode(Self.raw(envelope, rest: 5)) }
    envelope.payloadLengths = []
    envelope.kind = 65_536
    #expect(throws: FrameError.self) { try Self.decode(Self.raw(envelope, rest: 5)) }
    envelope.kind = 0
    envelope.purpose = .UNRECOGNIZED(99)
    #expect(throws: FrameError.self) { try Self.decode(Self.raw(envelope, rest: 5)) }
    // An envelope longer than its frame.
    #expect(throws: FrameError.self) { try Self.decode([0, 0, 0, 1, 0, 0, 0, 2]) }
    // The first frame of a connection has a bound of its own, which is seen in its first eight bytes.
    #expect(throws: FrameError.self) { try Self.decode([0, 0, 0x10, 0x01, 0, 0, 0, 2]) }
  }

  @Test func `Only after the first frame may others be large, up to their bound`() throws {
    var decoder = FrameDecoder()
    decoder.append(ByteBuffer(bytes: Self.encode([Frame(.ping, NodeMessage(kind: 0))]).bytes))
    #expect(try decoder.next() != nil)
    var header = ByteBuffer()
    header.writeInteger(UInt32(Frame.Limits.messageByteCount + Frame.Limits.envelopeByteCount))
    header.writeInteger(UInt32(Frame.Limits.envelopeByteCount))
    decoder.append(header)
    #expect(try decoder.next() == nil)
    decoder = FrameDecoder()
    decoder.append(ByteBuffer(bytes: Self.encode([Frame(.ping, NodeMessage(kind: 0))]).bytes))
    #expect(try decoder.next() != nil)
    header = ByteBuffer()
    header.writeInteger(UInt32(Frame.Limits.messageByteCount + Frame.Limits.envelopeByteCount + 1))
    header.writeInteger(UInt32(0))
    decoder.append(header)
    #expect(throws: FrameError.self) { try decoder.next() }
  }

  @Test func `Damaged bytes never crash`() {
    var random = RandomSource(seed: 3)
    for _ in 0..<3000 {
      var bytes = Self.encode([Self.draw(&random, small: true), Self.draw(&random, small: true)]).bytes
      for _ in 0..<random.draw(1...4) {
        bytes[random.draw(below: bytes.count)] ^= UInt8(1 << random.draw(below: 8))
      }
      if let frames = try? Self.decode(bytes) {
        for frame in frames {
          _ = Handshake.greeting(frame)
          _ = Handshake.answer(frame)
        }
      }
    }
  }
}
