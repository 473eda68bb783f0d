// The bytes of a simulated file as a value: what readers see, and what a loss of power may leave of it.
//
// Written bytes stand in pages of 4 KiB. For each page that differs from the disk its durable bytes are kept beside it.
// A loss of power keeps, drops or tears each such page; a torn one is mixed from sectors of 512 bytes, which are written
// whole or not at all, except that sectors which held nothing durable may also hold garbage.
// Invariant: what was synced and not written again since, is there after a loss of power.

/// A file's content.
public struct SimulatedFile: Sendable {
  public static let pageByteCount = 4096
  public static let sectorByteCount = 512

  /// What a reader sees.
  public private(set) var bytes: [UInt8] = []
  /// The length that is durable.
  public private(set) var durableCount = 0
  /// Pages that differ from the disk, ascending, with what the disk holds of them.
  private var dirty: [(page: Int, durable: [UInt8])] = []

  public init() {}

  public var isDirty: Bool { !dirty.isEmpty || durableCount != bytes.count }

  /// A part of the content on its way to the disk.
  public struct Sync: Sendable {
    fileprivate var pages: [(page: Int, bytes: [UInt8])]
    fileprivate var count: Int
  }

  // MARK: Writing

  public mutating func append(_ new: [UInt8]) {
    guard !new.isEmpty else { return }
    touch(bytes.count..<bytes.count + new.count)
    bytes += new
  }

  public mutating func truncate(to count: Int) {
    guard count < bytes.count else { return }
    touch(count..<bytes.count)
    bytes.removeSubrange(count...)
  }

  /// Flips a bit, on the disk and in what readers see, as decay does. Nothing notices by itself.
  public mutating func rot(byte: Int, bit: Int) {
    guard byte < durableCount, byte < bytes.count else { return }
    bytes[byte] ^= 1 << UInt8(bit & 7)
    let page = byte / Self.pageByteCount
    if let position = dirty.firstIndex(where: { $0.page == page }) {
      let offset = byte - page * Self.pageByteCount
      if offset < dirty[position].durable.count { dirty[position].durable[offset] ^= 1 << UInt8(bit & 7) }
    }
  }

  /// Keeps the durable bytes of pages that are about to change.
  private mutating func touch(_ range: Range<Int>) {
    let first = range.lowerBound / Self.pageByteCount
    let last = (range.upperBound - 1) / Self.pageByteCount
    for page in first...last {
      var position = dirty.count
      while position > 0, dirty[position - 1].page > page { position -= 1 }
      if position > 0, dirty[position - 1].page == page { continue }
      let start = page * Self.pageByteCount
      let end = min(start + Self.pageByteCount, durableCount, bytes.count)
      dirty.insert((page, start < end ? Array(bytes[start..<end]) : []), at: position)
    }
  }

  // MARK: Syncing

  /// What a sync that begins now will make durable.
  public func beginSync() -> Sync {
    Sync(pages: dirty.map { ($0.page, content(of: $0.page)) }, count: bytes.count)
  }

  public mutating func finishSync(_ sync: Sync) {
    durableCount = sync.count
    for synced in sync.pages {
      guard let position = dirty.firstIndex(where: { $0.page == synced.page }) else { continue }
      if content(of: synced.page) == synced.bytes {
        dirty.remove(at: position)
      } else {
        dirty[position].durable = synced.bytes
      }
    }
    // Pages that became dirty meanwhile remember a length of before.
    for position in dirty.indices {
      let start = dirty[position].page * Self.pageByteCount
      let limit = max(0, min(Self.pageByteCount, durableCount - start))
      if dirty[position].durable.count > limit { dirty[position].durable.removeSubrange(limit...) }
    }
  }

  private func content(of page: Int) -> [UInt8] {
    let start = page * Self.pageByteCount
    let end = min(start + Self.pageByteCount, bytes.count)
    return start < end ? Array(bytes[start..<end]) : []
  }

  // MARK: Loss

  /// What is left after a loss of power, which is durable then.
  public mutating func lose(_ random: inout RandomSource) {
    guard isDirty else { return }
    var count = durableCount
    var images: [(page: Int, bytes: [UInt8])] = []
    for (page, durable) in dirty {
      let current = content(of: page)
      let image: [UInt8]
      switch random.draw(below: 3) {
      case 0: image = durable
      case 1: image = current
      default: image = tear(durable, current, &random)
      }
      images.append((page, image))
    }
    if bytes.count < durableCount {
      // It was cut short; that may not have reached the disk.
      if random.chance(percent: 50) { count = bytes.count }
    } else {
      // It is as long as the last page that was kept.
      for (page, image) in images where !image.isEmpty {
        count = max(count, min(page * Self.pageByteCount + image.count, bytes.count))
      }
    }
    if bytes.count < count { bytes += [UInt8](repeating: 0, count: count - bytes.count) }
    bytes.removeSubrange(count...)
    for (page, image) in images {
      let start = page * Self.pageByteCount
      for offset in 0..<Self.pageByteCount where start + offset < count {
        bytes[start + offset] = offset < image.count ? image[offset] : 0
      }
    }
    dirty = []
    durableCount = bytes.count
  }

  /// A page mixed from sectors of its old and its new content.
  private func tear(_ old: [UInt8], _ new: [UInt8], _ random: inout RandomSource) -> [UInt8] {
    var image: [UInt8] = []
    for start in stride(from: 0, to: max(old.count, new.count), by: Self.sectorByteCount) {
      let end = min(start + Self.sectorByteCount, max(old.count, new.count))
      let holdsDurable = start < old.count
      let draw = random.draw(below: holdsDurable ? 2 : 3)
      for offset in start..<end {
        switch draw {
        case 0: image.append(offset < old.count ? old[offset] : 0)
        case 1: image.append(offset < new.count ? new[offset] : 0)
        default: image.append(UInt8(truncatingIfNeeded: random.next()))
        }
      }
    }
    return image
  }
}
