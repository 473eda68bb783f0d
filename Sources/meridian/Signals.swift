// The signals that end a node.

import Foundation

/// Waits for SIGTERM or SIGINT; a second one ends the process at once.
func nextEndingSignal() async -> Int32 {
  // A client that goes away is an error of its socket, not a signal.
  Foundation.signal(SIGPIPE, SIG_IGN)
  let signals = AsyncStream<Int32> { continuation in
    let sources = [SIGTERM, SIGINT].map { number in
      Foundation.signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
      source.setEventHandler { continuation.yield(number) }
      source.resume()
      return source
    }
    let holder = SignalSources(sources)
    continuation.onTermination = { _ in holder.restore() }
  }
  for await number in signals { return number }
  return SIGTERM
}

/// Keeps signal sources alive, and gives the signals their default meaning back. `@unchecked Sendable`: never changed.
private final class SignalSources: @unchecked Sendable {
  private let sources: [any DispatchSourceSignal]
  init(_ sources: [any DispatchSourceSignal]) { self.sources = sources }
  func restore() {
    sources.forEach { $0.cancel() }
    for number in [SIGTERM, SIGINT] { Foundation.signal(number, SIG_DFL) }
  }
}

/// Writes a line to stderr, as commands complain.
func complain(_ text: String) { FileHandle.standardError.write(Data("meridian: \(text)\n".utf8)) }

/// Prints a line that scripts wait for.
func announce(_ line: String) {
  print(line)
  fflush(nil)
}
