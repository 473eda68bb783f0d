// Where it is written which ranges there are: at the beginning of the key space, in the first range, which is never cut there.
//
//   02 01                    the last range number given out, 8 bytes LE
//   02 02 | start key        the descriptor of the range that begins there
//
// `meta` is an index, not the truth: each range knows its own bounds, and refuses what lies outside. Whoever leads a range writes
// its descriptor here after every change; a reader that comes too early is told better by the range itself.

import Encoding

public enum MetaKeys {
  /// All of it.
  public static let span = KeySpan(start: Key.min, end: Key([0x03]))
  public static let lastRange = Key([0x02, 0x01])
  public static let descriptors = KeySpan(prefix: Key([0x02, 0x02]))

  public static func descriptor(startingAt key: Key) -> Key { Key([0x02, 0x02] + key.bytes) }

  /// The range that `meta` lies in.
  public static let range = RangeID(1)
}
