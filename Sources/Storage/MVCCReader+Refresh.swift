// HOT: whether what a transaction read still holds at a later timestamp.

import Clocks
import Encoding

extension MVCCReader {
  /// Looks for a reason why reads of `span` at `from` might differ at `to`: a version in (from, to], or an intent of
  /// another transaction at or below `to`. Returns the first such key, or nil if the reads hold.
  public func checkRefresh(
    _ span: KeySpan, from: Timestamp, to: Timestamp, ignoring transaction: TransactionID? = nil,
    mayHaveIntents: Bool = true
  ) throws(StorageError) -> Key? {
    guard !span.isEmpty, from < to else { return nil }
    if span.isSingleKey { return try checkRefresh(span.start, from, to, transaction, mayHaveIntents) }
    let bounds = IteratorBounds(lower: MVCCFormat.bound(span.start), upper: MVCCFormat.bound(span.end))
    var conflict: Key?
    if mayHaveIntents {
      let locks = try source.makeIterator(.locks, bounds)
      locks.seekToFirst()
      while locks.isValid {
        let key = try MVCCFormat.userKey(stem: locks.key)
        let intent = try Intent(key: key, encoded: locks.value)
        if intent.transaction != transaction, intent.timestamp <= to {
          conflict = key
          break
        }
        locks.next()
      }
      try locks.checkStatus()
    }
    let versions = try source.makeIterator(.data, bounds)
    versions.seekToFirst()
    var stem: [UInt8] = []
    var steps = 0
    while versions.isValid {
      let found = versions.key
      guard let here = MVCCFormat.stem(of: found), let version = MVCCFormat.timestamp(of: found) else {
        throw .corruption("key \(Key(copying: found)) has no timestamp")
      }
      if version > from && version <= to {
        let key = try MVCCFormat.userKey(stem: here)
        return conflict.map { min($0, key) } ?? key
      }
      let isSameKey = stem.withUnsafeBytes { compareBytes($0, here) == 0 }
      steps = isSameKey ? steps + 1 : 0
      if !isSameKey {
        stem.removeAll(keepingCapacity: true)
        stem.append(contentsOf: here)
      }
      if steps == Self.stepLimit {
        var target = stem
        if version > to { to.appendInverted(to: &target) } else { target.append(0x80) }
        // Far enough from the limit that the versions behind the target are again stepped over at first.
        steps = 0
        versions.seek(target)
      } else {
        versions.next()
      }
    }
    try versions.checkStatus()
    return conflict
  }

  private func checkRefresh(
    _ key: Key, _ from: Timestamp, _ to: Timestamp, _ transaction: TransactionID?, _ mayHaveIntents: Bool
  ) throws(StorageError) -> Key? {
    if mayHaveIntents, let intent = try intent(key), intent.transaction != transaction, intent.timestamp <= to {
      return key
    }
    // A read at `to` meets the newest version that could conflict.
    let options = ReadOptions(at: to, mayHaveIntents: false)
    let outcome = try key.bytes.span.withUnsafeBytes { (raw) throws(StorageError) in
      try read(raw, options) { _ in }
    }
    return outcome.version > from ? key : nil
  }
}
