// Timestamps keep their order through both encodings; the clock never repeats and never goes back.

import Testing

@testable import Clocks

@Suite struct TimestampTests {
  static let ascending: [Timestamp] = [
    .zero, Timestamp(wall: 0, logical: 1), Timestamp(wall: 0, logical: Int32.max), Timestamp(wall: 1),
    Timestamp(wall: 1, logical: 7), Timestamp(wall: 255), Timestamp(wall: 256),
    Timestamp(wall: 1_700_000_000_000_000_000), Timestamp(wall: Int64.max), .max,
  ]

  @Test func encodings() {
    let forward = Self.ascending.map { timestamp -> [UInt8] in
      var bytes: [UInt8] = []
      timestamp.appendEncoded(to: &bytes)
      #expect(bytes.count == 12)
      #expect(bytes.withUnsafeBytes { Timestamp(encoded: $0) } == timestamp)
      return bytes
    }
    let inverted = Self.ascending.map { timestamp -> [UInt8] in
      var bytes: [UInt8] = []
      timestamp.appendInverted(to: &bytes)
      #expect(bytes.count == 12)
      #expect(bytes[0] < 0x80)
      #expect(bytes.withUnsafeBytes { Timestamp(inverted: $0) } == timestamp)
      return bytes
    }
    for index in 1..<Self.ascending.count {
      #expect(forward[index - 1].lexicographicallyPrecedes(forward[index]))
      #expect(inverted[index].lexicographicallyPrecedes(inverted[index - 1]))
    }
    #expect([UInt8](repeating: 0xFF, count: 12).withUnsafeBytes { Timestamp(encoded: $0) } == nil)
    #expect([UInt8](repeating: 0, count: 11).withUnsafeBytes { Timestamp(inverted: $0) } == nil)
  }

  @Test func neighbours() {
    for timestamp in Self.ascending {
      if timestamp != .max {
        #expect(timestamp < timestamp.next)
        #expect(timestamp.next.previous == timestamp)
      }
    }
    #expect(Timestamp.max.next == .max)
    #expect(Timestamp.zero.previous == .zero)
    #expect(Timestamp(wall: 3, logical: Int32.max).next == Timestamp(wall: 4))
    #expect(Timestamp(wall: 1_500_000_000, logical: 2).description == "1.500000000,2")
    #expect(Timestamp(wall: 5).adding(nanoseconds: -9) == .zero)
    #expect(Timestamp(wall: Int64.max).adding(nanoseconds: 1) == .max)
  }
}

@Suite struct ClockTests {
  @Test func readingsAscendWhateverTheWallDoes() {
    var clock = HybridLogicalClock()
    var last = Timestamp.zero
    for wall in [5, 5, 5, 9, 3, 3, 100, 2, 101] as [Int64] {
      let reading = clock.now(wall: wall).timestamp
      #expect(reading > last)
      #expect(reading.wall >= wall)
      last = reading
    }
    #expect(last == Timestamp(wall: 101))
  }

  @Test func updatesPullForward() {
    var clock = HybridLogicalClock()
    clock.update(ClockTimestamp(reached: Timestamp(wall: 50, logical: 4)), wall: 10)
    #expect(clock.now(wall: 10).timestamp == Timestamp(wall: 50, logical: 5))
    #expect(clock.drift(wall: 10) == 40)
    clock.update(ClockTimestamp(reached: Timestamp(wall: 20)), wall: 60)
    #expect(clock.now(wall: 60).timestamp == Timestamp(wall: 60, logical: 1))
    clock.update(ClockTimestamp(reached: Timestamp(wall: 7)), wall: 8)
    #expect(clock.now(wall: 8).timestamp == Timestamp(wall: 60, logical: 2))
  }

  @Test func commitWaits() throws {
    func interval(_ source: some TimeSource, _ wall: Int64) throws(UnusableTimeSource) -> ClockInterval {
      let readings = TimeReadings(clocks: ClockReading(wall: wall, monotonic: 7, steady: 8))
      return try source.estimate(readings).interval(at: readings.clocks)
    }
    let exact = try interval(OneClockSource(), 1000)
    #expect(exact == ClockInterval(earliest: 1000, latest: 1000))
    #expect(commitWait(for: Timestamp(wall: 999), interval: exact) == 0)
    #expect(commitWait(for: Timestamp(wall: 1000), interval: exact) == 1)
    #expect(commitWait(for: .max, interval: exact) > 0)
    let bounded = try interval(BoundedErrorSource(maximumError: 250), 1000)
    #expect(bounded == ClockInterval(earliest: 750, latest: 1250))
    // A transaction that read at `latest` and commits at once waits for twice the error.
    #expect(bounded.commitWait(for: bounded.latestTimestamp) == 501)
    #expect(bounded.isCertainlyAfter(749))
    #expect(!bounded.isCertainlyAfter(750))
    #expect(bounded.isCertainlyBefore(1251))
    #expect(try interval(BoundedErrorSource(maximumError: 5), Int64.max).latest == Int64.max)
  }
}
