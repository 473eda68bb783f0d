// Threads that run submitted closures: a queue under a lock and a condition. Plain pthreads, since the work blocks.

import DequeModule
import Glibc

/// `@unchecked Sendable`: all mutable state is guarded by `mutex`.
final class ThreadWorker: Worker, @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var queue: Deque<@Sendable () -> Void> = []
  private var isStopped = false
  private var threads: [pthread_t] = []
  private let name: String

  init(_ name: String, threads count: Int) {
    self.name = name
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
    for _ in 0..<max(1, count) {
      var thread = pthread_t()
      let argument = Unmanaged.passRetained(self).toOpaque()
      let status = pthread_create(
        &thread, nil,
        { argument in
          Unmanaged<ThreadWorker>.fromOpaque(argument!).takeRetainedValue().loop()
          return nil
        }, argument)
      precondition(status == 0, "the system lets a node start its threads")
      threads.append(thread)
    }
  }

  deinit {
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(condition)
    mutex.deallocate()
    condition.deallocate()
  }

  func submit(_ work: @escaping @Sendable () -> Void) {
    pthread_mutex_lock(mutex)
    if !isStopped { queue.append(work) }
    pthread_mutex_unlock(mutex)
    pthread_cond_signal(condition)
  }

  func stop() {
    pthread_mutex_lock(mutex)
    isStopped = true
    let started = threads
    threads = []
    pthread_mutex_unlock(mutex)
    pthread_cond_broadcast(condition)
    for thread in started { pthread_join(thread, nil) }
  }

  private func loop() {
    nameThisThread()
    while true {
      pthread_mutex_lock(mutex)
      while queue.isEmpty && !isStopped { pthread_cond_wait(condition, mutex) }
      let work = queue.popFirst()
      pthread_mutex_unlock(mutex)
      guard let work else { return }
      work()
    }
  }

  /// Names the thread for debuggers and profilers; Linux keeps 15 bytes.
  private func nameThisThread() {
    let file = open("/proc/thread-self/comm", O_WRONLY)
    guard file >= 0 else { return }
    var bytes = Array(name.utf8.prefix(15))
    _ = write(file, &bytes, bytes.count)
    close(file)
  }
}
