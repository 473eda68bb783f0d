// Bytes as text: hex, base64 in lines of 76 characters, and PostgreSQL's escape form; and the MD5 digest.
// Source: PostgreSQL manual, 9.5 (`encode`); RFC 4648, RFC 2045; RFC 1321.

import SQLTypes

enum TextEncoding {
  case hex, base64, escape

  init(named name: Bytes) throws(SQLError) {
    switch String(decoding: name, as: UTF8.self).lowercased() {
    case "hex": self = .hex
    case "base64": self = .base64
    case "escape": self = .escape
    default:
      throw SQLError(
        .invalidParameterValue, "unrecognized encoding: \"\(String(decoding: name, as: UTF8.self))\"")
    }
  }

  private static let hexDigits: [UInt8] = Array("0123456789abcdef".utf8)
  private static let base64Digits: [UInt8] = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  static func appendHex(_ byte: UInt8, to out: inout [UInt8]) {
    out.append(hexDigits[Int(byte >> 4)])
    out.append(hexDigits[Int(byte & 15)])
  }

  func encode(_ bytes: Bytes, to out: inout [UInt8]) throws(SQLError) {
    try out.checkRoom(for: bytes.count * 4)
    switch self {
    case .hex:
      for byte in bytes { TextEncoding.appendHex(byte, to: &out) }
    case .base64:
      var index = 0
      var column = 0
      while index < bytes.count {
        let count = min(3, bytes.count - index)
        var group: UInt32 = 0
        for offset in 0..<3 { group = group << 8 | (offset < count ? UInt32(bytes[index + offset]) : 0) }
        // A line is full at 76 characters.
        if column == 76 {
          out.append(UInt8(ascii: "\n"))
          column = 0
        }
        for offset in 0..<4 {
          let digit = TextEncoding.base64Digits[Int(group >> UInt32(18 - 6 * offset) & 63)]
          out.append(offset <= count ? digit : UInt8(ascii: "="))
        }
        column += 4
        index += count
      }
    case .escape:
      for byte in bytes {
        if byte == 0 || byte >= 0x80 {
          out.append(UInt8(ascii: "\\"))
          out.append(48 + (byte >> 6))
          out.append(48 + (byte >> 3 & 7))
          out.append(48 + (byte & 7))
        } else {
          if byte == UInt8(ascii: "\\") { out.append(byte) }
          out.append(byte)
        }
      }
    }
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 97...102: byte - 87
    case 65...70: byte - 55
    default: nil
    }
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 10 || byte == 13 }

  /// The character at `index`, for a message.
  private static func character(_ text: Bytes, _ index: Int) -> String {
    String(decoding: text.part(index..<index + UTF8Text.length(text, at: index)), as: UTF8.self)
  }

  func decode(_ text: Bytes, to out: inout [UInt8]) throws(SQLError) {
    switch self {
    case .hex:
      var high: UInt8?
      for index in text.indices {
        if high == nil && TextEncoding.isBlank(text[index]) { continue }
        guard let digit = TextEncoding.hexValue(text[index]) else {
          throw SQLError(
            .invalidParameterValue, "invalid hexadecimal digit: \"\(TextEncoding.character(text, index))\"")
        }
        if let first = high {
          out.append(first << 4 | digit)
          high = nil
        } else {
          high = digit
        }
      }
      if high != nil { throw SQLError(.invalidParameterValue, "invalid hexadecimal data: odd number of digits") }
    case .base64:
      var group: UInt32 = 0
      var position = 0
      var padding = 0
      let invalidEnd = SQLError(
        .invalidParameterValue, "invalid base64 end sequence",
        hint: "Input data is missing padding, is truncated, or is otherwise corrupted.")
      for index in text.indices where !TextEncoding.isBlank(text[index]) {
        let byte = text[index]
        if byte == UInt8(ascii: "=") {
          if padding == 0 && position != 2 && position != 3 {
            throw SQLError(.invalidParameterValue, "unexpected \"=\" while decoding base64 sequence")
          }
          padding += 1
          group <<= 6
        } else {
          guard let digit = TextEncoding.base64Digits.firstIndex(of: byte), padding == 0 else {
            throw SQLError(
              .invalidParameterValue,
              "invalid symbol \"\(TextEncoding.character(text, index))\" found while decoding base64 sequence")
          }
          group = group << 6 | UInt32(digit)
        }
        position += 1
        if position == 4 {
          out.append(UInt8(group >> 16 & 255))
          if padding < 2 { out.append(UInt8(group >> 8 & 255)) }
          if padding < 1 { out.append(UInt8(group & 255)) }
          (group, position) = (0, 0)
        }
      }
      if position != 0 { throw invalidEnd }
    case .escape:
      var index = 0
      while index < text.count {
        guard text[index] == UInt8(ascii: "\\") else {
          out.append(text[index])
          index += 1
          continue
        }
        if index + 3 < text.count, text[index + 1] >= 48, text[index + 1] <= 51, text[index + 2] >= 48,
          text[index + 2] <= 55, text[index + 3] >= 48, text[index + 3] <= 55
        {
          out.append((text[index + 1] - 48) << 6 | (text[index + 2] - 48) << 3 | (text[index + 3] - 48))
          index += 4
        } else if index + 1 < text.count, text[index + 1] == UInt8(ascii: "\\") {
          out.append(UInt8(ascii: "\\"))
          index += 2
        } else {
          throw SQLError(.invalidTextRepresentation, "invalid input syntax for type bytea")
        }
      }
    }
  }
}

/// RFC 1321.
enum MD5 {
  private static let shifts: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
  /// floor(2^32 × |sin(i + 1)|), as the RFC defines its table.
  private static let sines: [UInt32] = [
    0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501, 0x6980_98d8,
    0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821, 0xf61e_2562, 0xc040_b340,
    0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8, 0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87,
    0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a, 0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c,
    0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70, 0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039,
    0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665, 0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92,
    0xffef_f47d, 0x8584_5dd1, 0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb,
    0xeb86_d391,
  ]

  static func digest(_ message: Bytes) -> [UInt8] {
    var state: (UInt32, UInt32, UInt32, UInt32) = (0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476)
    var padded = Array(message)
    padded.append(0x80)
    while padded.count % 64 != 56 { padded.append(0) }
    let bitCount = UInt64(message.count) &* 8
    for shift in stride(from: 0 as UInt64, to: 64, by: 8) {
      padded.append(UInt8(truncatingIfNeeded: bitCount >> shift))
    }
    var words: [UInt32] = Array(repeating: 0, count: 16)
    for block in stride(from: 0, to: padded.count, by: 64) {
      for word in 0..<16 {
        let at = block + 4 * word
        words[word] =
          UInt32(padded[at]) | UInt32(padded[at + 1]) << 8 | UInt32(padded[at + 2]) << 16 | UInt32(padded[at + 3]) << 24
      }
      var (a, b, c, d) = state
      for step in 0..<64 {
        let mixed: UInt32
        let word: Int
        switch step / 16 {
        case 0: (mixed, word) = ((b & c) | (~b & d), step)
        case 1: (mixed, word) = ((d & b) | (~d & c), (5 * step + 1) % 16)
        case 2: (mixed, word) = (b ^ c ^ d, (3 * step + 5) % 16)
        default: (mixed, word) = (c ^ (b | ~d), (7 * step) % 16)
        }
        let sum = a &+ mixed &+ sines[step] &+ words[word]
        let shift = shifts[step / 16 * 4 + step % 4]
        (a, d, c, b) = (d, c, b, b &+ (sum << shift | sum >> (32 - shift)))
      }
      state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d)
    }
    var digest: [UInt8] = []
    for word in [state.0, state.1, state.2, state.3] {
      for shift in stride(from: 0 as UInt32, to: 32, by: 8) { digest.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }
    return digest
  }
}
