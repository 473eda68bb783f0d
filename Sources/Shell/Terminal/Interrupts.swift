// Ctrl-C. A signal handler may do next to nothing, so it only notes the interrupt and writes to two pipes: one wakes a thread,
// which asks the server to cancel the statement that is running, if one is; the other wakes whoever waits for input. Signals
// come to any thread, so that a read which is cut short could not be relied on.

import Foundation
import Synchronization

enum Interrupts {
  private static let isPending = Atomic<Bool>(false)
  private static let cancelEnd = Atomic<Int32>(-1)
  private static let wakeEnd = Atomic<Int32>(-1)
  private static let wakeReadEnd = Atomic<Int32>(-1)
  private static let running = Mutex<CancelToken?>(nil)

  /// Whether an interrupt has come since the last `clear`.
  static var pending: Bool { isPending.load(ordering: .relaxed) }

  static func clear() { isPending.store(false, ordering: .relaxed) }

  /// Whether an interrupt came; forgets it.
  static func take() -> Bool { isPending.exchange(false, ordering: .relaxed) }

  /// Takes over SIGINT.
  static func install() {
    guard cancelEnd.load(ordering: .relaxed) < 0, let cancelling = makePipe(), let waking = makePipe() else { return }
    cancelEnd.store(cancelling.write, ordering: .relaxed)
    wakeEnd.store(waking.write, ordering: .relaxed)
    wakeReadEnd.store(waking.read, ordering: .relaxed)
    let readEnd = cancelling.read
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while true {
        let count = read(readEnd, &byte, 1)
        if count < 0, errno == EINTR { continue }
        guard count == 1 else { return }
        // Under the lock, so that the request is over before the next statement begins.
        running.withLock { token in
          guard let token else { return }
          let note = Array("Cancel request sent\n".utf8)
          _ = write(2, note, note.count)
          token.cancel()
        }
      }
    }
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { _ in
      let saved = errno
      Interrupts.isPending.store(true, ordering: .relaxed)
      var byte: UInt8 = 1
      _ = write(Interrupts.cancelEnd.load(ordering: .relaxed), &byte, 1)
      Interrupts.wake()
      errno = saved
    }
    action.sa_flags = SA_RESTART
    sigaction(SIGINT, &action, nil)
    signal(SIGPIPE, SIG_IGN)
  }

  private static func makePipe() -> (read: Int32, write: Int32)? {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return nil }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      // A full pipe has woken its reader already.
      _ = fcntl(end, F_SETFL, end == ends[1] ? O_NONBLOCK : 0)
    }
    return (ends[0], ends[1])
  }

  /// Ends a `waitForInput`. May be called in a signal handler.
  static func wake() {
    var byte: UInt8 = 1
    _ = write(wakeEnd.load(ordering: .relaxed), &byte, 1)
  }

  /// Waits until the descriptor has something to read or has ended; false if a signal came first.
  static func waitForInput(_ descriptor: Int32) -> Bool {
    let wakeDescriptor = wakeReadEnd.load(ordering: .relaxed)
    var states = [
      pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0),
    ]
    while poll(&states, 2, -1) < 0 {
      if errno != EINTR { return true }
    }
    guard states[1].revents & Int16(POLLIN) != 0 else { return true }
    var bytes = [UInt8](repeating: 0, count: 64)
    _ = read(wakeDescriptor, &bytes, bytes.count)
    return false
  }

  /// Runs `body` while an interrupt cancels nothing: what it reads is what is interrupted.
  static func notCancelling<Result>(_ body: () throws -> Result) rethrows -> Result {
    let token = running.withLock { token in
      defer { token = nil }
      return token
    }
    defer { running.withLock { $0 = token } }
    return try body()
  }

  /// Runs `body` while an interrupt cancels what `token` stands for.
  static func cancelling<Result>(_ token: CancelToken, _ body: () throws -> Result) rethrows -> Result {
    clear()
    running.withLock { $0 = token }
    defer { running.withLock { $0 = nil } }
    return try body()
  }
}
