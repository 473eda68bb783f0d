// Which sources a node goes by: what the operator asked for, and what of it can be used here.
//
// What true time is depends on the source. `bound`, `clockbound` and `ntp` bound UTC, so that several may be asked for, and true time lies
// in all of their intervals. With `one-machine` it is what that machine's clock shows, with `cluster` what the elected node's does: neither
// goes together with another source, and `cluster` not with nodes that use another one.
// The choice stands as long as the process runs. A source that was chosen is never given up for a weaker one behind the operator's back.

/// A kind of time source, by its name on the command line.
public enum TimeSourceKind: String, CaseIterable, Sendable {
  case oneMachine = "one-machine"
  /// The bound that the operator stated.
  case bound
  case clockBound = "clockbound"
  /// The kernel's, which a time service tells it.
  case kernel = "ntp"
  /// The elected reference node's clock.
  case cluster

  /// Nil for what is not asked as it is.
  func source(maximumError: Int64?) -> (any TimeSource)? {
    switch self {
    case .oneMachine: OneClockSource()
    case .bound: maximumError.map { BoundedErrorSource(maximumError: $0) }
    case .clockBound: ClockBoundSource()
    case .kernel: KernelClockSource()
    case .cluster: nil
    }
  }
}

/// The sources that a node goes by.
public struct TimeSourceChoice: Hashable, Sendable {
  /// In the order of `TimeSourceKind`; empty: `auto`, which `resolved` fills in.
  public private(set) var kinds: [TimeSourceKind]
  /// Nanoseconds: what the operator stated.
  public private(set) var statedError: Int64?

  /// Nanoseconds that a clock may be off unless the operator says otherwise; a node whose own may be off by more does not serve.
  public static let permittedError: Int64 = 250_000_000

  /// - Parameters:
  ///   - text: `auto`, or names with commas between them.
  ///   - statedError: of `--max-clock-error`, in nanoseconds.
  /// - Throws: what is wrong with the two, for the operator.
  public init(_ text: String = "auto", statedError: Int64? = nil) throws(UnusableTimeSource) {
    self.statedError = statedError
    var named: Set<TimeSourceKind> = []
    if text != "auto" {
      for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        guard let kind = TimeSourceKind(rawValue: String(part)) else {
          let names = TimeSourceKind.allCases.map(\.rawValue).joined(separator: ", ")
          throw UnusableTimeSource("--clock-source \"\(part)\" is none of auto, \(names)")
        }
        named.insert(kind)
      }
    }
    for alone in [TimeSourceKind.oneMachine, .cluster] where named.contains(alone) && named.count > 1 {
      throw UnusableTimeSource("--clock-source \(alone.rawValue) goes together with no other source")
    }
    if named.contains(.bound), statedError == nil {
      throw UnusableTimeSource("--clock-source bound needs --max-clock-error")
    }
    if named.contains(.oneMachine), statedError != nil {
      throw UnusableTimeSource("--clock-source one-machine has no error: leave --max-clock-error away")
    }
    kinds = TimeSourceKind.allCases.filter(named.contains)
  }

  /// One clock for everybody.
  public static let oneMachine = TimeSourceChoice(kinds: [.oneMachine])
  /// What is there.
  public static let automatic = TimeSourceChoice(kinds: [])

  private init(kinds: [TimeSourceKind]) { self.kinds = kinds }

  /// Nanoseconds that this node's clock may be off at most, for it to serve.
  public var permittedError: Int64 { kinds == [.oneMachine] ? 0 : statedError ?? Self.permittedError }

  public var isClusterTime: Bool { kinds == [.cluster] }

  /// Whether somebody must look at the sources again and again.
  public var changes: Bool { kinds.contains { $0 == .clockBound || $0 == .kernel } }

  public var description: String { kinds.isEmpty ? "auto" : kinds.map(\.rawValue).joined(separator: ",") }

  /// With `auto` decided: the stated bound and ClockBound, as far as they are there; otherwise the nodes must be on one machine. The kernel's
  /// word is an estimate of whoever told it, so that somebody must have asked for it.
  /// - Throws: why a source that was asked for cannot be used.
  public func resolved(_ readings: TimeReadings) throws(UnusableTimeSource) -> TimeSourceChoice {
    var choice = self
    if kinds.isEmpty {
      if statedError != nil { choice.kinds.append(.bound) }
      if (try? ClockBoundSource().estimate(readings)) != nil { choice.kinds.append(.clockBound) }
      if choice.kinds.isEmpty { choice.kinds = [.oneMachine] }
    }
    let intervals = try choice.estimates(readings).map { $0.interval(at: readings.clocks) }
    if let error = intervals.map(\.error).min(), error > choice.permittedError {
      throw UnusableTimeSource(choice.excuse(error))
    }
    return choice
  }

  /// Why a node whose clock may be off by so much does not serve.
  public func excuse(_ error: Int64) -> String {
    "the clock may be off by \(error / 1000) us, and no more than \(permittedError / 1000) us are allowed; "
      + "--max-clock-error says otherwise"
  }

  /// What the sources say now; nothing with cluster time, which other nodes tell.
  /// - Throws: why one cannot be used, or that they contradict each other.
  public func estimates(_ readings: TimeReadings) throws(UnusableTimeSource) -> [ClockEstimate] {
    var estimates: [ClockEstimate] = []
    var common: ClockInterval?
    for kind in kinds {
      guard let source = kind.source(maximumError: statedError) else { continue }
      let estimate: ClockEstimate
      do throws(UnusableTimeSource) {
        estimate = try source.estimate(readings)
      } catch {
        throw UnusableTimeSource(
          "time source \(kind.rawValue) cannot be used: \(error)", isDisruption: error.isDisruption)
      }
      estimates.append(estimate)
      let interval = estimate.interval(at: readings.clocks)
      guard let known = common else {
        common = interval
        continue
      }
      guard let both = known.intersection(interval) else {
        throw UnusableTimeSource(
          "time source \(kind.rawValue) contradicts \(kinds[0].rawValue) by \(known.distance(to: interval) / 1000) us",
          isDisruption: true)
      }
      common = both
    }
    return estimates
  }
}
