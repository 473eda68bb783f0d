// HOT: the newest versions of many keys in ascending order, for writers of many rows.
//
// One cursor walks forward. Where it already stands beyond a key, the key has no version, and nothing is sought: rows that
// are added where there were none cost a comparison each.

import Clocks
import Encoding

/// A cursor over newest versions; good for the engine's state of the moment when it was made.
public final class NewestVersions {
  private let cursor: any EngineIterator
  private var target: [UInt8] = []
  private var hasSought = false

  init(_ cursor: any EngineIterator) {
    self.cursor = cursor
    target.reserveCapacity(128)
  }

  /// The newest version of `key`, deletions included; `zero` if it never had one. Keys are asked for in ascending order.
  public func newest(_ key: Key) throws(StorageError) -> Timestamp {
    key.bytes.withUnsafeBytes { MVCCFormat.makeStem($0, into: &target) }
    if !hasSought || (cursor.isValid && target.withUnsafeBytes { compareBytes(cursor.key, $0) } < 0) {
      cursor.seek(target)
      hasSought = true
      if !cursor.isValid { try cursor.checkStatus() }
    }
    guard cursor.isValid else { return .zero }
    let found = cursor.key
    guard let stem = MVCCFormat.stem(of: found), let version = MVCCFormat.timestamp(of: found) else {
      throw .corruption("key \(Key(copying: found)) has no timestamp")
    }
    return target.withUnsafeBytes { compareBytes(stem, $0) } == 0 ? version : .zero
  }
}

extension MVCCReader {
  public func newestVersions() throws(StorageError) -> NewestVersions {
    NewestVersions(try source.makeIterator(.data, .all))
  }
}
