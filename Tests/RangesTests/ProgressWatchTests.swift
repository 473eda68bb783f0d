import Testing

@testable import Ranges

@Suite struct ProgressWatchTests {
  private let time = Limits.stallTime

  @Test func `What is in the way for long stalls the range until it is gone`() {
    var watch = ProgressWatch()
    #expect(watch.note(.noLeaseholder, at: 5) == nil)
    #expect(watch.note(.noLeaseholder, at: time) == nil)
    #expect(watch.note(.noLeaseholder, at: time + 5) == .stalled)
    #expect(watch.isStalled && watch.seconds(at: time + 5) == 10)
    #expect(watch.note(.noLeaseholder, at: time + 6) == nil)
    #expect(watch.note(nil, at: time + 7) == .recovered)
    #expect(!watch.isStalled)
  }

  @Test func `Commands that are committed are progress, a lease that is lost is none`() {
    var watch = ProgressWatch()
    _ = watch.note(.command(3), at: 0)
    _ = watch.note(.command(4), at: time)
    #expect(watch.note(.command(4), at: time + 1) == nil)
    #expect(watch.note(.noLeaseholder, at: time + 2) == nil)
    #expect(watch.note(.noLeaseholder, at: 2 * time) == .stalled)
    #expect(watch.note(.command(5), at: 2 * time + 1) == .recovered)
  }
}
