// What the storage tests share: engines of both kinds, directories that go away, a seeded generator.

import Encoding
import Glibc
import Storage

enum EngineKind: CaseIterable, Sendable {
  case memory
  case rocks
}

/// A seeded generator (SplitMix64), so that a failure repeats.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

/// A directory under /tmp that is removed with its last reference.
final class ScratchDirectory {
  let path: String

  init() {
    var template = Array("/tmp/meridian-storage-XXXXXX".utf8CString)
    path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
  }

  deinit {
    remove(tree: path)
  }

  private func remove(tree path: String) {
    for name in list(path) { remove(tree: path + "/" + name) }
    Glibc.remove(path)
  }

  func list(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// Copies the plain files of a directory as they are now: what a crash of the process would leave.
  func copyFiles(from source: String, to target: String) {
    mkdir(target, 0o700)
    for name in list(source) where name != "LOCK" {
      var information = stat()
      guard stat(source + "/" + name, &information) == 0, information.st_mode & S_IFMT == S_IFREG else { continue }
      writeFile(target + "/" + name, readFile(source + "/" + name))
    }
  }

  func readFile(_ path: String) -> [UInt8] {
    let file = open(path, O_RDONLY)
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(file, &buffer, buffer.count)
      if count <= 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  func writeFile(_ path: String, _ bytes: [UInt8]) {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    defer { close(file) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count <= 0 { return }
      rest = rest.dropFirst(count)
    }
  }
}

/// An engine with the directory that it lives in.
struct TestEngine {
  let engine: any Engine
  let directory: ScratchDirectory?

  init(_ kind: EngineKind, role: RocksEngine.Role = .state) throws {
    switch kind {
    case .memory:
      engine = MemoryEngine()
      directory = nil
    case .rocks:
      let directory = ScratchDirectory()
      engine = try RocksEngine(
        path: directory.path + "/db", role: role, cache: BlockCache(byteCount: 8 << 20))
      self.directory = directory
    }
  }
}

func bytes(_ text: String) -> [UInt8] {
  Array(text.utf8)
}

func key(_ text: String) -> Key {
  Key(Array(text.utf8))
}

func text(_ bytes: [UInt8]?) -> String? {
  bytes.map { String(decoding: $0, as: UTF8.self) }
}
