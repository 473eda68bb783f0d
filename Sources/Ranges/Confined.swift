// Carries something that one reactor owns through code that may run anywhere, and opens only on that reactor.

import Reactors

/// `@unchecked Sendable`: the value is touched on its reactor alone, and `access` makes sure of it.
public struct Confined<Value>: @unchecked Sendable {
  private let value: Value
  private let reactor: Reactor

  /// Called on, or before anything runs on, `reactor`.
  public init(_ value: Value, to reactor: Reactor) {
    self.value = value
    self.reactor = reactor
  }

  public func access(on current: isolated Reactor) -> Value {
    precondition(current === reactor, "what one reactor owns was opened on another")
    return value
  }

  /// For asynchronous code that already runs on the reactor but is not isolated to it in the compiler's eyes.
  public func accessAssumingIsolated() -> Value {
    reactor.preconditionIsolated("what one reactor owns was opened on another")
    return value
  }
}
