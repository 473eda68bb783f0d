// HOT: Frames to bytes and back.
//
//     total, UInt32 | envelope's count, UInt32 | envelope, protobuf | body | payload | payload | …
//
// Both numbers are big endian; `total` counts what follows the two. The envelope tells how long the body and the payloads are, and the
// sum must come out exactly. A frame that breaks a bound ends the connection: after it nothing can be trusted.
// There is no checksum: TCP and TLS have theirs, and what is stored carries its own.

import NIOCore
import SwiftProtobuf

/// Bytes that are no frame.
public struct FrameError: Error, Hashable, Sendable, CustomStringConvertible {
  public var description: String
}

enum FrameEncoder {
  /// Payloads from this size on go to the socket as buffers of their own, gathered in one system call: below, one more copy into the
  /// buffer of the turn costs less than one more element of the call.
  static let separatePayloadByteCount = 1 << 15

  /// Appends a frame to `buffer`; hands `buffer` and each large payload to `emit` in order, after which `buffer` goes on empty.
  /// The frame is within the limits.
  static func encode(_ frame: Frame, into buffer: inout ByteBuffer, emit: (ByteBuffer) -> Void) {
    precondition(frame.isWithinLimits, "a frame that cannot be sent was accepted")
    var envelope = WireEnvelope()
    envelope.purpose = frame.purpose.wire
    envelope.kind = UInt32(frame.message.kind)
    envelope.call = frame.call
    envelope.bodyLength = UInt32(frame.message.body.count)
    if !frame.message.payloads.isEmpty { envelope.payloadLengths = frame.message.payloads.map { UInt32($0.count) } }
    let bytes = encoded(envelope)
    buffer.writeInteger(UInt32(bytes.count + frame.message.byteCount))
    buffer.writeInteger(UInt32(bytes.count))
    buffer.writeBytes(bytes)
    append(frame.message.body, to: &buffer, emit)
    for payload in frame.message.payloads { append(payload, to: &buffer, emit) }
  }

  private static func append(_ bytes: [UInt8], to buffer: inout ByteBuffer, _ emit: (ByteBuffer) -> Void) {
    guard bytes.count >= separatePayloadByteCount else {
      buffer.writeBytes(bytes)
      return
    }
    if buffer.readableBytes > 0 {
      emit(buffer)
      buffer = ByteBuffer()
    }
    emit(ByteBuffer(bytes: bytes))
  }
}

/// The bytes of a message that has no required fields, which is all that can fail.
func encoded(_ message: some SwiftProtobuf.Message) -> [UInt8] {
  do {
    return try message.serializedBytes()
  } catch {
    preconditionFailure("a message of this room cannot be encoded: \(error)")
  }
}

/// Cuts a stream of bytes, however it comes in pieces, into frames.
struct FrameDecoder {
  private var buffer = ByteBuffer()
  private var isGreeted = false

  var pendingByteCount: Int { buffer.readableBytes }

  mutating func append(_ piece: consuming ByteBuffer) {
    if buffer.readableBytes == 0 {
      buffer = piece
    } else {
      buffer.writeBuffer(&piece)
    }
  }

  /// The next whole frame, or nil until more has come.
  mutating func next() throws(FrameError) -> Frame? {
    let start = buffer.readerIndex
    guard let total = buffer.getInteger(at: start, as: UInt32.self),
      let envelopeCount = buffer.getInteger(at: start + 4, as: UInt32.self)
    else { return nil }
    let limit =
      isGreeted ? Frame.Limits.messageByteCount + Frame.Limits.envelopeByteCount : Frame.Limits.greetingByteCount
    guard total <= limit else {
      throw FrameError(description: "a frame of \(total) bytes is longer than the \(limit) that are allowed")
    }
    guard envelopeCount <= total, envelopeCount <= Frame.Limits.envelopeByteCount else {
      throw FrameError(description: "an envelope of \(envelopeCount) bytes does not fit into its frame of \(total)")
    }
    guard buffer.readableBytes >= 8 + Int(total) else {
      reclaim()
      return nil
    }
    buffer.moveReaderIndex(forwardBy: 8)
    let frame = try decode(envelopeCount: Int(envelopeCount), restCount: Int(total - envelopeCount))
    isGreeted = true
    return frame
  }

  private mutating func decode(envelopeCount: Int, restCount: Int) throws(FrameError) -> Frame {
    let envelope: WireEnvelope
    do {
      envelope = try WireEnvelope(serializedBytes: buffer.readableBytesSpan.extracting(first: envelopeCount))
    } catch {
      throw FrameError(description: "an envelope cannot be decoded: \(error)")
    }
    buffer.moveReaderIndex(forwardBy: envelopeCount)
    guard let purpose = Frame.Purpose(envelope.purpose) else {
      throw FrameError(description: "a frame has an unknown purpose: \(envelope.purpose.rawValue)")
    }
    guard let kind = UInt16(exactly: envelope.kind) else {
      throw FrameError(description: "a message's kind is out of bounds: \(envelope.kind)")
    }
    var sum = UInt64(envelope.bodyLength)
    for length in envelope.payloadLengths { sum += UInt64(length) }
    guard sum == UInt64(restCount), restCount <= Frame.Limits.messageByteCount else {
      throw FrameError(description: "a frame holds \(restCount) bytes, its envelope says \(sum)")
    }
    var message = NodeMessage(kind: kind, body: take(envelope.bodyLength))
    if !envelope.payloadLengths.isEmpty {
      message.payloads.reserveCapacity(envelope.payloadLengths.count)
      for length in envelope.payloadLengths { message.payloads.append(take(length)) }
    }
    return Frame(purpose, call: envelope.call, message)
  }

  /// The sum of the lengths has been compared with what is there.
  private mutating func take(_ count: UInt32) -> [UInt8] { buffer.readBytes(length: Int(count)) ?? [] }

  /// Bytes that have been decoded already do not stay before a frame that is still coming.
  private mutating func reclaim() {
    if buffer.readerIndex > 1 << 16, buffer.readerIndex > buffer.readableBytes { buffer.discardReadBytes() }
  }
}

extension Frame.Purpose {
  fileprivate var wire: WireEnvelope.Purpose {
    switch self {
    case .hello: .hello
    case .rejection: .rejection
    case .message: .message
    case .call: .call
    case .reply: .reply
    case .refusal: .refusal
    case .ping: .ping
    case .pong: .pong
    }
  }

  fileprivate init?(_ wire: WireEnvelope.Purpose) {
    switch wire {
    case .hello: self = .hello
    case .rejection: self = .rejection
    case .message: self = .message
    case .call: self = .call
    case .reply: self = .reply
    case .refusal: self = .refusal
    case .ping: self = .ping
    case .pong: self = .pong
    case .none, .UNRECOGNIZED: return nil
    }
  }
}
