// The directory of a store, and what it holds.
//
//   DIR/STORE     format version and the store's identity; see below
//   DIR/log/      RocksDB instance of the raft log
//   DIR/state/    RocksDB instance of versions, locks and local state
//
//   STORE:  "meridian store" newline "version 3" newline "id " 32 hexadecimal digits newline
// STORE comes into being by a hard link, so of two processes that start on an empty directory one wins whole. RocksDB's
// own lock files keep a second process out. A directory that holds something else is refused and left as it is.
//
// Applied index: the key `01 'a' range (8 bytes BE)` in `local`, varint index and term. It is written in the same batch
// as the effects of the command, and flushed together with them, so `persistedApplied` says from where to replay.

import Encoding
import Glibc

/// The engines of one store.
public final class LocalStore: Sendable {
  /// 128 bits that name the store for ever.
  public let id: StoreID
  public let state: any Engine
  public let log: LogStore
  /// Nil for a store in memory.
  public let directory: String?

  /// The name of a store.
  public struct StoreID: Hashable, Sendable, CustomStringConvertible {
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
      self.high = high
      self.low = low
    }

    /// 32 hexadecimal digits.
    public var description: String {
      [high, low].map { word in
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
      }.joined()
    }

    init?(_ text: Substring) {
      guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
        let low = UInt64(text.suffix(16), radix: 16)
      else { return nil }
      self.init(high: high, low: low)
    }
  }

  /// Memory for the newest versions of rows in use, to be shared by the readers of all reactors; 0: none.
  public let rowCacheByteCount: Int

  init(id: StoreID, state: any Engine, log: LogStore, directory: String?, rowCacheByteCount: Int = 0) {
    self.id = id
    self.state = state
    self.log = log
    self.directory = directory
    self.rowCacheByteCount = rowCacheByteCount
  }

  /// A store in memory.
  public static func inMemory(id: StoreID = StoreID(high: 0, low: 1)) -> LocalStore {
    LocalStore(id: id, state: MemoryEngine(), log: LogStore(MemoryEngine()), directory: nil)
  }

  /// A store on engines that the caller keeps: in a simulation they outlive the process that opens it.
  public static func on(state: any Engine, log: any Engine, id: StoreID = StoreID(high: 0, low: 1)) -> LocalStore {
    LocalStore(id: id, state: state, log: LogStore(log), directory: nil)
  }

  /// Opens the store in `directory`, creating both if they are not there.
  /// - Parameters:
  ///   - cacheByteCount: memory for what was read from disk: three quarters for blocks, the rest for single rows.
  ///   - newID: names the store if it is created now: random bits, by the caller.
  public static func open(
    directory: String, cacheByteCount: Int, newID: StoreID
  ) throws(StorageError) -> LocalStore {
    try makeDirectory(directory)
    let id = try openIdentity(directory, newID: newID)
    let cache = BlockCache(byteCount: cacheByteCount - cacheByteCount / 4)
    do {
      let log = try RocksEngine(path: directory + "/log", role: .log, cache: cache)
      let state = try RocksEngine(path: directory + "/state", role: .state, cache: cache)
      return LocalStore(
        id: id, state: state, log: LogStore(log), directory: directory, rowCacheByteCount: cacheByteCount / 4)
    } catch {
      if case .locked = error { throw StorageError.locked(path: directory) }
      throw error
    }
  }

  private static func systemError(_ action: String) -> StorageError {
    let code = errno
    let text = "\(action): \(String(cString: strerror(code)))"
    return code == ENOSPC || code == EDQUOT ? .outOfSpace(text) : .inputOutput(text)
  }

  private static func makeDirectory(_ path: String) throws(StorageError) {
    // Missing parents are made too; each prefix that ends before a slash is one.
    var prefixEnd = path.startIndex
    while prefixEnd < path.endIndex {
      let next = path[path.index(after: prefixEnd)...].firstIndex(of: "/") ?? path.endIndex
      let prefix = String(path[..<next])
      if mkdir(prefix, 0o700) != 0 && errno != EEXIST { throw systemError("cannot create \(prefix)") }
      prefixEnd = next
    }
    var information = stat()
    guard stat(path, &information) == 0 else { throw systemError("cannot open \(path)") }
    guard information.st_mode & S_IFMT == S_IFDIR else {
      throw .notAStore(path: path, reason: "it is not a directory")
    }
  }

  private static func openIdentity(_ directory: String, newID: StoreID) throws(StorageError) -> StoreID {
    let path = directory + "/STORE"
    if let text = try readFile(path) { return try parseIdentity(text, directory) }
    let names = try list(directory)
    if let stranger = names.first(where: { !$0.hasPrefix("STORE.") && $0 != "lost+found" }) {
      throw .notAStore(path: directory, reason: "it has no file STORE, but holds \"\(stranger)\"")
    }
    let temporary = path + ".\(getpid()).\(newID)"
    let text = "meridian store\nversion \(knownVersion)\nid \(newID)\n"
    try writeFile(temporary, [UInt8](text.utf8))
    defer { unlink(temporary) }
    if link(temporary, path) != 0 {
      guard errno == EEXIST else { throw systemError("cannot create \(path)") }
      // Another process was faster: what it wrote counts.
      guard let text = try readFile(path) else { throw systemError("cannot read \(path)") }
      return try parseIdentity(text, directory)
    }
    try syncDirectory(directory)
    return newID
  }

  private static let knownVersion = "3"

  private static func parseIdentity(_ text: String, _ directory: String) throws(StorageError) -> StoreID {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count >= 2, lines[0] == "meridian store", lines[1].hasPrefix("version ") else {
      throw .notAStore(path: directory, reason: "its file STORE is damaged")
    }
    let version = lines[1].dropFirst("version ".count)
    guard version == knownVersion else {
      throw .unsupportedVersion(path: directory, found: String(version), known: knownVersion)
    }
    guard lines.count == 4, lines[2].hasPrefix("id "), let id = StoreID(lines[2].dropFirst(3)),
      lines[3].isEmpty
    else { throw .notAStore(path: directory, reason: "its file STORE is damaged") }
    return id
  }

  /// The text of a small file; nil if there is none.
  private static func readFile(_ path: String) throws(StorageError) -> String? {
    let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ENOENT { return nil }
      throw systemError("cannot open \(path)")
    }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = Glibc.read(file, &buffer, buffer.count)
    guard count >= 0 else { throw systemError("cannot read \(path)") }
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  private static func writeFile(_ path: String, _ bytes: [UInt8]) throws(StorageError) {
    let file = Glibc.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw systemError("cannot create \(path)") }
    defer { close(file) }
    guard Glibc.write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else {
      throw systemError("cannot write \(path)")
    }
  }

  private static func syncDirectory(_ path: String) throws(StorageError) {
    let file = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard file >= 0 else { throw systemError("cannot open \(path)") }
    defer { close(file) }
    guard fsync(file) == 0 else { throw systemError("cannot sync \(path)") }
  }

  private static func list(_ path: String) throws(StorageError) -> [String] {
    guard let directory = opendir(path) else { throw systemError("cannot list \(path)") }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }
}

extension LocalStore {
  private static func appliedKey(_ range: UInt64) -> [UInt8] {
    var key: [UInt8] = [0x01, UInt8(ascii: "a")]
    ValueEncoding.appendBigEndian(range, to: &key)
    return key
  }

  /// Notes in the batch of a command that the range has applied up to `position`.
  public static func putApplied(range: UInt64, _ position: LogPosition, into batch: inout WriteBatch) {
    var value: [UInt8] = []
    ValueEncoding.appendVarint(position.index, to: &value)
    ValueEncoding.appendVarint(position.term, to: &value)
    batch.put(.local, appliedKey(range), value)
  }

  private func decodeApplied(_ value: [UInt8]?, range: UInt64) throws(StorageError) -> LogPosition {
    guard let value else { return .zero }
    return try value.span.withUnsafeBytes { (raw) throws(StorageError) -> LogPosition in
      var reader = ByteReader(raw)
      guard let index = reader.readVarint(), let term = reader.readVarint(), reader.isAtEnd else {
        throw .corruption("the applied index of range \(range) is malformed")
      }
      return LogPosition(index: index, term: term)
    }
  }

  /// Up to where the range has applied its log; `zero` for a range that has not.
  public func applied(range: UInt64) throws(StorageError) -> LogPosition {
    try decodeApplied(try state.get(.local, Self.appliedKey(range)), range: range)
  }

  /// Up to where the effects of the range's log would survive a crash now; the log above is still needed.
  public func persistedApplied(range: UInt64) throws(StorageError) -> LogPosition {
    try decodeApplied(try state.getPersisted(.local, Self.appliedKey(range)), range: range)
  }
}
