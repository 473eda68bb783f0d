// Ctrl-C. A signal handler may do next to nothing, so it only notes the interrupt and wakes a thread through a pipe; that
// thread asks the server to cancel the statement that is running, if one is.

import Foundation
import Synchronization

enum Interrupts {
  private static let isPending = Atomic<Bool>(false)
  private static let writeEnd = Atomic<Int32>(-1)
  private static let running = Mutex<CancelToken?>(nil)

  /// Whether an interrupt has come since the last `clear`.
  static var pending: Bool { isPending.load(ordering: .relaxed) }

  static func clear() { isPending.store(false, ordering: .relaxed) }

  /// Whether an interrupt came; forgets it.
  static func take() -> Bool { isPending.exchange(false, ordering: .relaxed) }

  /// Takes over SIGINT. Blocking reads of this thread return with EINTR then.
  static func install() {
    guard writeEnd.load(ordering: .relaxed) < 0 else { return }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
    _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
    writeEnd.store(ends[1], ordering: .relaxed)
    let readEnd = ends[0]
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while true {
        let count = read(readEnd, &byte, 1)
        if count < 0, errno == EINTR { continue }
        guard count == 1 else { return }
        guard let token = running.withLock({ $0 }) else { continue }
        token.cancel()
        let note = Array("Cancel request sent\n".utf8)
        _ = write(2, note, note.count)
      }
    }
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in
      let saved = errno
      Interrupts.isPending.store(true, ordering: .relaxed)
      var byte: UInt8 = 1
      _ = write(Interrupts.writeEnd.load(ordering: .relaxed), &byte, 1)
      errno = saved
    }
    // No SA_RESTART: the line editor's read is to end.
    sigaction(SIGINT, &action, nil)
    signal(SIGPIPE, SIG_IGN)
  }

  /// Runs `body` while an interrupt cancels what `token` stands for.
  static func cancelling<Result>(_ token: CancelToken, _ body: () throws -> Result) rethrows -> Result {
    clear()
    running.withLock { $0 = token }
    defer { running.withLock { $0 = nil } }
    return try body()
  }
}
