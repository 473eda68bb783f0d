// Keys in texts for people.

/// Keys in texts for people that pass through rooms which do not know what a key stands for: `«…»`, to be told in better words by one
/// that does.
public enum KeyMention {
  private static let marks: (open: Character, close: Character) = ("«", "»")

  public static func text(_ key: Key) -> String { "\(marks.open)\(key)\(marks.close)" }

  /// The text with each key in the words of `body`; what is no key between marks stays.
  public static func replace(in text: String, with body: (Key) -> String) -> String {
    var result = ""
    var rest = text[...]
    while let open = rest.firstIndex(of: marks.open) {
      result += rest[..<open]
      let after = rest.index(after: open)
      guard let close = rest[after...].firstIndex(of: marks.close), let key = Key(described: rest[after..<close]) else {
        result.append(marks.open)
        rest = rest[after...]
        continue
      }
      result += body(key)
      rest = rest[rest.index(after: close)...]
    }
    return result + rest
  }
}
