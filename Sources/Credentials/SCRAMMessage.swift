// The attributes of SCRAM's messages: `letter=value`, separated by commas, in a fixed order.
// Source: RFC 5802, section 7 "Formal Syntax".

/// Why an exchange ends without success.
public enum SCRAMFailure: Error, Sendable, Hashable {
  /// The client does not know the password.
  case refusal
  /// The message is not one of SCRAM's; the sentence says what is wrong with it.
  case malformed(String)
  /// What the other side asks for is not offered.
  case unsupported(String)
  /// The two sides do not agree on what they saw: somebody may stand between them.
  case mismatch(String, detail: String?)
}

/// Takes a message apart from its beginning to its end.
struct SCRAMReader {
  private(set) var rest: Substring.UTF8View

  init(_ text: String) { rest = text[...].utf8 }

  var isAtEnd: Bool { rest.isEmpty }

  /// The value of the attribute that must come next, up to the comma behind it or to the end.
  mutating func attribute(_ letter: Unicode.Scalar) throws(SCRAMFailure) -> String {
    guard let first = rest.first else {
      throw .malformed("Expected attribute \"\(letter)\" but found end of message.")
    }
    guard first == UInt8(ascii: letter) else {
      throw .malformed("Expected attribute \"\(letter)\" but found \"\(Self.shown(first))\".")
    }
    rest = rest.dropFirst()
    guard rest.first == UInt8(ascii: "=") else {
      throw .malformed("Expected character \"=\" for attribute \"\(letter)\".")
    }
    let value = rest.dropFirst().prefix { $0 != UInt8(ascii: ",") }
    rest = rest[value.endIndex...].dropFirst()
    return String(decoding: value, as: UTF8.self)
  }

  /// Attributes of any letter up to the end, for extensions that may be skipped.
  mutating func skipRest() { rest = rest.suffix(0) }

  mutating func byte() -> UInt8? { rest.popFirst() }

  /// The character as an error message may show it.
  static func shown(_ byte: UInt8) -> String {
    (0x21...0x7E).contains(byte) ? String(UnicodeScalar(byte)) : "0x" + String(byte, radix: 16)
  }
}

/// Whether a nonce has only what RFC 5802 calls printable: 0x21 to 0x7E without the comma.
func isPrintable(nonce: String) -> Bool {
  !nonce.isEmpty && nonce.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }
}
