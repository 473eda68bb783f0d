// What sources say, and when they must not be believed. The bytes of ClockBound's shared memory are laid out as its protocol page says.

import Testing

@testable import Clocks

/// A segment as a daemon would write it.
struct Segment {
  var magic: (UInt32, UInt32) = (0x414D_5A4E, 0x4342_0200)
  var version: UInt16 = 2
  var generation: UInt16 = 8
  var asOf: Int64 = 100_000_000_000
  var voidAfter: Int64 = 1_100_000_000_000
  var bound: Int64 = 20_000
  var marker: UInt64 = 7
  var drift: UInt32 = 50_000
  var status: Int32 = 1

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    func put<T: FixedWidthInteger>(_ value: T) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }
    put(magic.0)
    put(magic.1)
    put(UInt32(version == 1 ? 72 : 80))
    put(version)
    put(generation)
    for time in [asOf, voidAfter] {
      put(time / 1_000_000_000)
      put(time % 1_000_000_000)
    }
    put(bound)
    if version == 1 {
      put(drift)
      put(UInt32(0))
      put(status)
      put(UInt32(0))
    } else {
      put(marker)
      put(drift)
      put(status)
      put(UInt8(1))
      bytes += [UInt8](repeating: 0, count: 7)
    }
    return bytes
  }
}

@Suite struct TimeSourceTests {
  static let wall: Int64 = 1_700_000_000_000_000_000

  static func readings(
    monotonic: Int64 = 102_000_000_000, spread: Int64 = 0, kernel: KernelClock? = nil, clockBound: [UInt8]? = nil
  ) -> TimeReadings {
    TimeReadings(
      clocks: ClockReading(wall: wall, monotonic: monotonic, steady: 5), spread: spread, kernel: kernel,
      clockBound: clockBound)
  }

  private func complaint(_ source: some TimeSource, _ readings: TimeReadings) -> String? {
    do throws(UnusableTimeSource) {
      _ = try source.estimate(readings)
      return nil
    } catch {
      return error.description
    }
  }

  @Test(arguments: [UInt16(1), 2]) func `ClockBound's error is its bound and the drift since`(_ version: UInt16) throws
  {
    var segment = Segment()
    segment.version = version
    let readings = Self.readings(clockBound: segment.bytes)
    let interval = try ClockBoundSource().estimate(readings).interval(at: readings.clocks)
    // Two seconds at 50 parts in a million.
    let error: Int64 = 20_000 + 100_000
    #expect(interval == ClockInterval(earliest: Self.wall - error, latest: Self.wall + error))
    // It goes on growing, whatever becomes of the time of day.
    var later = readings.clocks
    later.monotonic += 10_000_000_000
    later.wall -= 3_600_000_000_000
    #expect(
      try ClockBoundSource().estimate(readings).interval(at: later)
        == ClockInterval(
          earliest: Self.wall + 10_000_000_000 - error - 500_000, latest: Self.wall + 10_000_000_000 + error + 500_000))
    #expect(
      try ClockBoundSource().estimate(Self.readings(spread: 40, clockBound: segment.bytes)).upper - error == Self.wall
        - readings.clocks.monotonic + 40)
  }

  @Test func `ClockBound is not believed where its word does not hold`() {
    func why(_ change: (inout Segment) -> Void, monotonic: Int64 = 102_000_000_000) -> String? {
      var segment = Segment()
      change(&segment)
      return complaint(ClockBoundSource(), Self.readings(monotonic: monotonic, clockBound: segment.bytes))
    }
    #expect(why { _ in } == nil)
    #expect(why { $0.status = 2 } == nil)
    #expect(why({ _ in }, monotonic: 1_099_999_999_999) == nil)
    #expect(why({ _ in }, monotonic: 1_100_000_000_000) == "ClockBound has said nothing for 1000 s")
    #expect(why({ _ in }, monotonic: 99_999_999_500) == nil)
    #expect(why({ _ in }, monotonic: 99_999_000_000)?.contains("another run of the machine") == true)
    #expect(why { $0.status = 0 }?.contains("does not know") == true)
    #expect(why { $0.status = 3 }?.contains("disrupted") == true)
    #expect(why { $0.status = 4 }?.contains("unknown status, 4") == true)
    #expect(why { $0.generation = 9 }?.contains("is being written") == true)
    #expect(why { $0.generation = 0 }?.contains("has not been written yet") == true)
    #expect(why { $0.magic.1 = 0 }?.contains("does not begin as it should") == true)
    #expect(why { $0.version = 3 }?.contains("is of version 3") == true)
    #expect(why { $0.drift = 1_000_000_000 }?.contains("bounds that are none") == true)
    #expect(why { $0.bound = -1 }?.contains("bounds that are none") == true)
    #expect(
      why {
        $0.voidAfter = .max; $0.asOf = .max
      }?.contains("another run") == true)
    #expect(complaint(ClockBoundSource(), Self.readings()) == "there is no ClockBound daemon")
    for count in [0, 15, 79] {
      let cut = Array(Segment().bytes.prefix(count))
      #expect(complaint(ClockBoundSource(), Self.readings(clockBound: cut))?.contains("too short") == true)
    }
  }

  @Test func `A copy that was taken while the daemon wrote is taken again`() {
    var writing = Segment()
    writing.generation = 9
    var after = Segment()
    after.generation = 10
    after.bound = 5
    var copies = [Segment().bytes, writing.bytes, after.bytes, after.bytes]
    let copy = ClockBoundSegment.consistentCopy { copies.removeFirst() }
    #expect(copy == after.bytes && copies.isEmpty)
    #expect(ClockBoundSegment.consistentCopy { nil } == nil)
  }

  @Test func `The kernel is believed while its clock is synchronised`() throws {
    let readings = Self.readings(kernel: KernelClock(state: 0, status: 1, maximumError: 12_000))
    let estimate = try KernelClockSource().estimate(readings)
    // Half a millisecond: what a second adds.
    #expect(estimate.interval(at: readings.clocks).error == 12_500_000)
    // As `adjtimex` answers where no time service runs.
    #expect(
      complaint(
        KernelClockSource(), Self.readings(kernel: KernelClock(state: 5, status: 64, maximumError: 16_000_000)))?
        .contains("not synchronised") == true)
    #expect(
      complaint(KernelClockSource(), Self.readings(kernel: KernelClock(state: 0, status: 0x41, maximumError: 1)))?
        .contains("not synchronised") == true)
    #expect(
      complaint(KernelClockSource(), Self.readings(kernel: KernelClock(state: 0, status: 1, maximumError: 16_000_000)))
        == "the kernel's clock may be off by 16 s, as far as the kernel knows")
    #expect(complaint(KernelClockSource(), Self.readings())?.contains("does not tell") == true)
  }

  @Test func `Estimates move apart as they age, faster once nobody vouches for them`() {
    let estimate = ClockEstimate(
      base: .steady, lower: -10, upper: 10, asOf: 1_000_000_000, driftPerBillion: 100_000, trustedUntil: 3_000_000_000)
    func interval(_ steady: Int64) -> ClockInterval {
      estimate.interval(at: ClockReading(wall: 0, monotonic: 0, steady: steady))
    }
    #expect(interval(1_000_000_000) == ClockInterval(earliest: 999_999_990, latest: 1_000_000_010))
    #expect(interval(3_000_000_000).error == 10 + 200_000)
    #expect(interval(5_000_000_000).error == 10 + 200_000 + 1_000_000)
    // A moment before it was made is no reason to be surer.
    #expect(interval(0).error == 10)
  }
}

@Suite struct TimeSourceChoiceTests {
  private func choose(_ text: String, _ readings: TimeReadings) -> String { choose(text, nil, readings) }

  private func choose(_ text: String, _ error: Int64?, _ readings: TimeReadings) -> String {
    do throws(UnusableTimeSource) {
      return try TimeSourceChoice(text, statedError: error).resolved(readings).description
    } catch {
      return "error: \(error)"
    }
  }

  private let bare = TimeSourceTests.readings(kernel: KernelClock(state: 5, status: 64, maximumError: 16_000_000))
  private let equipped = TimeSourceTests.readings(
    kernel: KernelClock(state: 0, status: 1, maximumError: 900), clockBound: Segment().bytes)

  @Test func `What is asked for must be usable`() {
    #expect(choose("auto", bare) == "one-machine")
    #expect(choose("auto", 10_000_000, bare) == "bound")
    #expect(choose("auto", equipped) == "clockbound")
    #expect(choose("auto", 10_000_000, equipped) == "bound,clockbound")
    #expect(choose("cluster", bare) == "cluster")
    #expect(choose("one-machine", equipped) == "one-machine")
    #expect(choose("ntp", equipped) == "ntp")
    #expect(choose("ntp,clockbound", equipped) == "clockbound,ntp")
    #expect(
      choose("ntp", bare)
        == "error: time source ntp cannot be used: the kernel's clock is not synchronised: no time service (chrony, ntpd) looks after it"
    )
    #expect(choose("clockbound", bare) == "error: time source clockbound cannot be used: there is no ClockBound daemon")
    #expect(choose("bound", bare) == "error: --clock-source bound needs --max-clock-error")
    #expect(choose("cluster,ntp", equipped) == "error: --clock-source cluster goes together with no other source")
    #expect(choose("one-machine", 5, bare).contains("leave --max-clock-error away"))
    #expect(choose("gps", bare).contains("--clock-source \"gps\" is none of auto, one-machine, bound"))
    #expect(choose("", bare).contains("is none of"))
  }

  @Test func `True time lies in all intervals, and none may be too wide`() throws {
    let choice = try TimeSourceChoice("bound,clockbound,ntp", statedError: 1_000_000)
    let intervals = try choice.estimates(equipped).map { $0.interval(at: equipped.clocks) }
    #expect(intervals.map(\.error) == [1_000_000, 120_000, 1_400_000])
    #expect(
      choose("ntp", 1_000_000, equipped)
        == "error: the clock may be off by 1400 us, and no more than 1000 us are allowed; --max-clock-error says otherwise"
    )
    let wrong = TimeSourceTests.readings(
      kernel: KernelClock(state: 0, status: 1, maximumError: 300_000))
    #expect(choose("ntp", wrong).contains("may be off by 300500 us, and no more than 250000 us"))
    #expect(ClockInterval(earliest: 5, latest: 8).intersection(ClockInterval(earliest: 8, latest: 9))?.earliest == 8)
    #expect(ClockInterval(earliest: 5, latest: 8).intersection(ClockInterval(earliest: 10, latest: 11)) == nil)
    #expect(ClockInterval(earliest: 5, latest: 8).distance(to: ClockInterval(earliest: 10, latest: 11)) == 2)
    #expect(ClockInterval(earliest: -3, latest: 4).middle == 0 && ClockInterval(earliest: -3, latest: 4).error == 4)
    #expect(ClockInterval(earliest: .min, latest: .max).error == .max)
  }
}
