// Which replica is nearest, and the newest time that can be read without waiting.

import Clocks
import Encoding
import Testing
import Transport

@testable import Transactions

@Suite struct NearestReplicaTests {
  private func near(_ node: UInt32, _ place: String, roundTrip: Int64?) -> Nearness {
    Nearness(
      NodeID(rawValue: node), own: NodeID(rawValue: 1), place: place.split(separator: ",").map(String.init),
      ownPlace: ["region=eu", "zone=a"], roundTrip: roundTrip)
  }

  @Test func `The own one, then the same place, then the shortest way`() {
    let order = [
      near(1, "region=eu,zone=a", roundTrip: nil),
      near(5, "region=eu,zone=a", roundTrip: 9000),
      near(4, "region=eu,zone=b", roundTrip: 100),
      near(3, "region=eu,zone=c", roundTrip: 200),
      near(6, "region=us,zone=a", roundTrip: 50),
      near(7, "", roundTrip: 60),
      near(2, "region=ap", roundTrip: nil),
      near(8, "region=ap", roundTrip: nil),
    ]
    #expect(order.reversed().sorted() == order)
  }

  @Test func `Of a node that is alone the newest time is now, below what is unfinished`() async throws {
    let test = try await TestStore.open()
    try await test.on { _, system in
      let (here, there) = (KeySpan(key("a")), KeySpan(key("b")))
      let writer = system.begin()
      writer.write("a", 1)
      try await writer.flush()
      let before = system.currentTimestamp()
      #expect(try await system.newestTimestamp(of: [there], atLeast: .zero) > before)
      let newest = try await system.newestTimestamp(of: [there, here], atLeast: .zero)
      #expect(newest < before && !newest.isZero)
      #expect(try await system.newestTimestamp(of: [here], atLeast: before) == before)
      _ = try await writer.commit()
    }
    try await test.close()
  }
}
