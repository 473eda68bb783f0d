// How many requests a range serves, and, while they are more than one range is to bear, where it could be cut.

import Encoding
import Reactors

/// Confined to its replica's reactor.
struct RangeLoad {
  /// Requests under this lease and earlier ones.
  fileprivate(set) var requestCount: UInt64 = 0
  fileprivate var lastCount: UInt64 = 0
  /// Requests a second, when that was last looked at.
  fileprivate(set) var rate: UInt64 = 0
  /// Looks for a key while the load is high, since when.
  fileprivate var finder: LoadSplitFinder?
  fileprivate var sampledSince: Int64 = 0
  /// No cut is looked for before.
  fileprivate var restsUntil: Int64 = .min
  /// Why the load is high and stays so, in words.
  fileprivate(set) var trouble: String?

  /// Nothing was asked for between the last two looks, nor since.
  var isNone: Bool { rate == 0 && requestCount == lastCount && finder == nil && trouble == nil }
}

extension Replica {
  private enum LoadLimits {
    /// One request in so many is looked at.
    static let sampling: UInt64 = 4
    /// Nanoseconds for which requests are looked at before the range is cut.
    static let sampleTime: Int64 = 10_000_000_000
    /// Nanoseconds until a range that could not be cut is looked at again.
    static let rest: Int64 = 60_000_000_000
  }

  /// Counts a request that is evaluated here.
  @inline(__always)
  func noteRequest(_ key: Key) {
    wake()
    load.requestCount &+= 1
    if load.finder != nil { sample(KeySpan(key)) }
  }

  @inline(__always)
  func noteRequest(_ span: KeySpan) {
    wake()
    load.requestCount &+= 1
    if load.finder != nil { sample(span) }
  }

  /// Writes of one request, in the order of their keys.
  @inline(__always)
  func noteRequest(_ writes: [KeyWrite]) {
    wake()
    load.requestCount &+= 1
    guard load.finder != nil, let first = writes.first, let last = writes.last else { return }
    sample(KeySpan(start: first.key, end: last.key.next))
  }

  private func sample(_ span: KeySpan) {
    guard load.requestCount % LoadLimits.sampling == 0 else { return }
    load.finder?.note(span) { shard.random(below: $0) }
  }

  /// Requests a second that the range serves here, as of the last look.
  public var requestRate: UInt64 { load.rate }

  /// Looks how much the range has to bear.
  /// - Parameters:
  ///   - limit: requests a second above which a range is cut; 0: it never is.
  ///   - nanoseconds: since the last look.
  /// - Returns: a key that about halves the load, once one is known.
  public func loadSplitKey(above limit: UInt64, sinceLastLook nanoseconds: Int64) -> Key? {
    load.rate = (load.requestCount &- load.lastCount) * 1_000_000_000 / UInt64(max(1, nanoseconds))
    load.lastCount = load.requestCount
    guard limit > 0, load.rate > limit else {
      // What comes and goes is forgotten only when it has gone for long.
      if limit == 0 || load.rate < limit / 2 {
        load.finder = nil
        load.trouble = nil
      }
      return nil
    }
    let now = shard.reactor.environment.monotonicNow().nanoseconds
    guard now >= load.restsUntil else { return nil }
    guard let finder = load.finder else {
      load.finder = LoadSplitFinder()
      load.sampledSince = now
      return nil
    }
    guard now - load.sampledSince >= LoadLimits.sampleTime else { return nil }
    load.finder = nil
    load.restsUntil = now + LoadLimits.rest
    switch finder.verdict(in: descriptor.span) {
    case .split(let key) where key >= MetaKeys.span.end:
      load.trouble = nil
      return key
    case .hotKey(let key, let percent):
      let news = load.trouble == nil
      load.trouble = "of \(load.rate) requests a second \(percent) % want the key \(key)"
      if news {
        shard.logger.warning(
          "a range has more to bear than one is to, and no cut would help",
          metadata: ["range": "\(id)", "reason": "\(load.trouble ?? "")"])
      }
    case .split, .none: load.trouble = nil
    }
    return nil
  }

  /// Why the range is not as it should be, in words.
  public var trouble: String? { stall ?? load.trouble }
}
