// HOT: What waits to be sent on one connection, first in, first out, bounded in bytes.
// An empty queue takes any frame, so that a bound below the largest frame does not shut it out for good.

import DequeModule

struct SendQueue {
  let limit: Int
  private(set) var byteCount = 0
  private var frames: Deque<Frame> = []

  init(limit: Int) { self.limit = limit }

  var isEmpty: Bool { frames.isEmpty }
  var count: Int { frames.count }

  /// Whether a frame would be taken.
  func hasRoom(for frame: Frame) -> Bool { frames.isEmpty || byteCount + frame.byteCount <= limit }

  /// False if there is no room: the frame is shed.
  mutating func push(_ frame: Frame) -> Bool {
    guard hasRoom(for: frame) else { return false }
    byteCount += frame.byteCount
    frames.append(frame)
    return true
  }

  mutating func pop() -> Frame? {
    guard let frame = frames.popFirst() else { return nil }
    byteCount -= frame.byteCount
    return frame
  }

  /// Drops everything, and says how many one-way messages were among it.
  mutating func removeAll() -> Int {
    let messageCount = frames.count { $0.purpose == .message }
    frames.removeAll()
    byteCount = 0
    return messageCount
  }
}
