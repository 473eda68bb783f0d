// What can go wrong below the database.
//
// An expected outcome (no such key, an intent in the way) is a return value; these are faults of the disk, of the
// files, or of how the store was opened. After any of them but `locked`, `unsupportedVersion` and `notAStore` a node
// must not acknowledge further work on the store.

/// A fault of a store.
public enum StorageError: Error, Equatable, Sendable {
  /// Another process, or another opening in this one, holds the store.
  case locked(path: String)
  /// Bytes that fail their checksum or make no sense.
  case corruption(String)
  /// The device is full, or a quota is.
  case outOfSpace(String)
  /// The operating system refused an operation on a file.
  case inputOutput(String)
  /// The store was written by a version that this one does not know.
  case unsupportedVersion(path: String, found: String, known: String)
  /// The directory holds something, and it is not a store.
  case notAStore(path: String, reason: String)
  /// The engine refused a request.
  case refused(String)
}

extension StorageError: CustomStringConvertible {
  /// One sentence without a period, for a log line or a start-up message.
  public var description: String {
    switch self {
    case .locked(let path): "another process holds the store \"\(path)\""
    case .corruption(let text): "the store is corrupt: \(text)"
    case .outOfSpace(let text): "no space left on the store's device: \(text)"
    case .inputOutput(let text): "input/output error: \(text)"
    case .unsupportedVersion(let path, let found, let known):
      "the store \"\(path)\" has format version \(found), this program reads version \(known)"
    case .notAStore(let path, let reason): "\"\(path)\" is not a store: \(reason)"
    case .refused(let text): "the storage engine refused a request: \(text)"
    }
  }
}

extension StorageError {
  /// Sorts RocksDB's status text into its kind.
  init(rocksText text: String, path: String) {
    if text.hasPrefix("Corruption") {
      self = .corruption(text)
    } else if text.contains("No space left") || text.contains("Disk quota exceeded")
      || text.contains("NoSpace")
    {
      self = .outOfSpace(text)
    } else if text.hasPrefix("IO error"), text.contains("lock") || text.contains("LOCK") {
      self = .locked(path: path)
    } else if text.hasPrefix("IO error") {
      self = .inputOutput(text)
    } else {
      self = .refused(text)
    }
  }
}
