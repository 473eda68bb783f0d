// The door to temporary files, for operations that outgrow memory. Files are written once from the beginning, read at any
// offset, and gone with their handle, also when the process dies.

import Glibc
import SQLTypes

/// Where temporary files are made; the server says in which directory, a simulation that there is none.
public protocol SpillStorage: Sendable {
  func makeFile() throws(SQLError) -> any SpillFile
}

public protocol SpillFile: AnyObject {
  func append(_ bytes: [UInt8]) throws(SQLError)
  /// At most `count` bytes from `offset` on; fewer only at the end.
  func read(at offset: Int, count: Int) throws(SQLError) -> [UInt8]
}

/// Files in a directory of the operating system, unlinked as soon as they are open.
public struct TemporaryDirectory: SpillStorage {
  public var path: String
  public init(path: String = "/tmp") { self.path = path }

  public func makeFile() throws(SQLError) -> any SpillFile { try TemporaryFile(directory: path) }
}

private final class TemporaryFile: SpillFile {
  private let descriptor: Int32
  private var length = 0

  init(directory: String) throws(SQLError) {
    var template = Array("\(directory)/meridian-spill-XXXXXX".utf8CString)
    descriptor = mkstemp(&template)
    if descriptor < 0 {
      throw SQLError(
        .ioError, "could not create temporary file in \"\(directory)\": \(String(cString: strerror(errno)))")
    }
    unlink(template)
  }

  deinit { close(descriptor) }

  func append(_ bytes: [UInt8]) throws(SQLError) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress! + written, bytes.count - written, length) }
      if count < 0 {
        if errno == EINTR { continue }
        throw SQLError(
          errno == ENOSPC ? .diskFull : .ioError,
          "could not write to temporary file: \(String(cString: strerror(errno)))")
      }
      written += count
      length += count
    }
  }

  func read(at offset: Int, count: Int) throws(SQLError) -> [UInt8] {
    let wanted = max(0, min(count, length - offset))
    var filled = 0
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, initialized in
      while filled < wanted {
        let count = pread(descriptor, buffer.baseAddress! + filled, wanted - filled, offset + filled)
        if count < 0 && errno == EINTR { continue }
        if count <= 0 {
          failure = count == 0 ? EIO : errno
          break
        }
        filled += count
      }
      initialized = filled
    }
    if failure != 0 {
      throw SQLError(.ioError, "could not read from temporary file: \(String(cString: strerror(failure)))")
    }
    return bytes
  }
}
