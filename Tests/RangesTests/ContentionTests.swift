// What is told of waits for locks: a bounded number, as bytes, and in words.

import Encoding
import Storage
import Testing
import Transport

@testable import Ranges

@Suite struct ContentionTests {
  private func id(_ number: UInt64) -> TransactionID { TransactionID(high: number << 32, low: number) }

  private func event(_ number: Int64) -> ContentionEvent {
    ContentionEvent(
      range: RangeID(7), key: Key("k"), waiter: id(UInt64(number)), waiterLabel: Array("update t".utf8), blocker: id(9),
      blockerLabel: [], beginning: number, duration: 5, outcome: .timedOut)
  }

  @Test func theLastWaitsAreKept() {
    var log = ContentionLog()
    for number in 1...Int64(Limits.contentionEvents + 3) { log.add(event(number)) }
    #expect(log.events.count == Limits.contentionEvents)
    #expect(log.events.first?.beginning == 4)
    #expect(log.lastBlocker(of: id(4), at: Key("k")) == "transaction 00000009")
    #expect(log.lastBlocker(of: id(4), at: Key("l")) == nil)
    #expect(log.lastBlocker(of: id(3), at: Key("k")) == nil)
  }

  @Test func aReportIsReadAsItWasWritten() throws {
    var report = ContentionReport(node: NodeID(rawValue: 3))
    report.events = [event(1), event(2)]
    report.locks = [
      HeldLock(key: Key("a"), transaction: id(1), label: Array("delete".utf8), isExclusive: true, isGranted: true),
      HeldLock(key: Key("a"), transaction: id(2), label: [], isExclusive: false, isGranted: false),
    ]
    var writer = RangeWriter()
    report.encode(into: &writer)
    #expect(try ContentionReport(writer.bytes, from: report.node) == report)
    #expect(throws: MalformedMessage.self) { try ContentionReport(Array(writer.bytes.dropLast()), from: report.node) }
  }

  @Test func locksAreListedByKey() {
    let table = LockTable()
    let owners = (1...3).map { table.owner(id($0), start: .zero, label: Array("s\($0)".utf8)) }
    _ = table.acquire(Key("b"), .exclusive, by: owners[0], policy: .wait)
    _ = table.acquire(Key("a"), .shared, by: owners[1], policy: .wait)
    guard case .wait(let waiter) = table.acquire(Key("b"), .shared, by: owners[2], policy: .wait) else {
      Issue.record("no wait")
      return
    }
    #expect(table.blocker(of: waiter) === owners[0])
    let held = table.held(limit: 10)
    #expect(
      held.map { "\($0.key) \(String(decoding: $0.label, as: UTF8.self)) \($0.isExclusive) \($0.isGranted)" }
        == ["a s2 false true", "b s1 true true", "b s3 false false"])
  }

  @Test func keysInTextsAreToldInOtherWords() {
    let key = Key([0x03, 0x5C, 0x61, 0xFF, 0x20])
    let text = "waits for \(KeyMention.text(key)), then «nothing» and « \\q »"
    #expect(KeyMention.replace(in: text) { $0 == key ? "it" : "\($0)" } == "waits for it, then nothing and « \\q »")
    #expect(KeyMention.replace(in: "« open") { "\($0)" } == "« open")
    for byte in UInt8.min...UInt8.max {
      #expect(Key(described: Key([byte, byte]).description[...]) == Key([byte, byte]))
    }
  }
}
