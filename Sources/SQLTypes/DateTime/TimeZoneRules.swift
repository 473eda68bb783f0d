// The offsets of a time zone, from the system's TZif files (RFC 8536) or a fixed offset. Immutable; zones are
// parsed
// once per process and cached. Times here are seconds since 1970-01-01 UTC; offsets are seconds east of
// Greenwich.
// After a file's last transition its footer, a POSIX TZ rule, continues for ever.

import Encoding
import Glibc
import Synchronization

public final class TimeZoneRules: Sendable {
  public struct Period: Sendable, Equatable {
    /// Seconds east of Greenwich.
    public var offset: Int
    public var isDaylight: Bool
    public var abbreviation: String
  }

  /// As the setting `TimeZone` shows it.
  public let name: String
  private let transitions: [Int64]
  /// For each transition the index of the period that it begins.
  private let kinds: [UInt8]
  private let periods: [Period]
  private let rule: PosixZoneRule?

  public static let utc = TimeZoneRules(name: "UTC", offset: 0, abbreviation: "UTC")

  init(name: String, offset: Int, abbreviation: String) {
    self.name = name
    transitions = []
    kinds = []
    periods = [Period(offset: offset, isDaylight: false, abbreviation: abbreviation)]
    rule = nil
  }

  init(name: String, rule: PosixZoneRule) {
    self.name = name
    transitions = []
    kinds = []
    periods = [rule.standard]
    self.rule = rule
  }

  init?(name: String, file: [UInt8]) {
    guard let parsed = TZif(file) else { return nil }
    self.name = name
    transitions = parsed.transitions
    kinds = parsed.kinds
    periods = parsed.periods
    rule = parsed.footer
  }

  /// A zone of constant offset, shown as PostgreSQL shows `SET TIME ZONE -8`: `<-08>+08`.
  public static func fixed(offset: Int) -> TimeZoneRules {
    if offset == 0 { return TimeZoneRules(name: "<+00>-00", offset: 0, abbreviation: "+00") }
    var label: [UInt8] = []
    DateTimeText.appendOffset(offset, to: &label)
    var opposite: [UInt8] = []
    DateTimeText.appendOffset(-offset, to: &opposite)
    let text = String(decoding: label, as: UTF8.self)
    return TimeZoneRules(
      name: "<\(text)>\(String(decoding: opposite, as: UTF8.self))", offset: offset, abbreviation: text)
  }

  /// What holds at a moment.
  public func period(at time: Int64) -> Period {
    guard let first = transitions.first else { return rule?.period(at: time) ?? periods[0] }
    if time < first { return initialPeriod }
    if time >= transitions[transitions.count - 1], let rule { return rule.period(at: time) }
    var low = 0
    var high = transitions.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if transitions[middle] <= time { low = middle } else { high = middle }
    }
    return periods[Int(kinds[low])]
  }

  /// Before the first transition: the first period that is not daylight saving.
  private var initialPeriod: Period {
    periods.first.map { $0.isDaylight ? periods.first { !$0.isDaylight } ?? $0 : $0 }
      ?? TimeZoneRules.utc.periods[0]
  }

  public func offset(at time: Int64) -> Int { period(at: time).offset }

  /// The offset that a local time has (seconds since 1970-01-01 of a clock on the wall). A skipped hour has
  /// the offset before the change, a repeated hour the one after it, as in PostgreSQL.
  public func period(atLocal local: Int64) -> Period {
    // Offsets are below a day: the moments a day before and after enclose the transition, if there is one.
    let before = period(at: local - 86_400)
    let after = period(at: local + 86_400)
    if before.offset == after.offset {
      // Between two transitions within two days both sides may agree while the middle differs.
      let middle = period(at: local - Int64(before.offset))
      if middle.offset == before.offset { return middle }
    }
    let boundary = self.boundary(between: local - 86_400, and: local + 86_400, before: before)
    let earlier = local - Int64(before.offset)
    let next = period(at: boundary)
    let later = local - Int64(next.offset)
    if earlier < boundary && later < boundary { return before }
    if earlier >= boundary && later >= boundary { return next }
    // A skipped time counts by the offset before the change, a repeated one by the offset after it.
    return next.offset > before.offset ? before : next
  }

  /// What an abbreviation of this zone means at a moment: the latest period of that name that had begun by then, else the
  /// first after it; nil if the zone never had one.
  func period(ofAbbreviation name: String, at time: Int64) -> Period? {
    var low = -1
    var high = transitions.count
    while high - low > 1 {
      let middle = (low + high) / 2
      if transitions[middle] <= time { low = middle } else { high = middle }
    }
    for index in stride(from: low, through: 0, by: -1) where periods[Int(kinds[index])].abbreviation == name {
      return periods[Int(kinds[index])]
    }
    if let rule, transitions.isEmpty || low == transitions.count - 1 {
      if rule.standard.abbreviation == name { return rule.standard }
      if let daylight = rule.daylight, daylight.abbreviation == name { return daylight }
    }
    for index in max(0, low + 1)..<max(transitions.count, low + 1)
    where periods[Int(kinds[index])].abbreviation == name { return periods[Int(kinds[index])] }
    return nil
  }

  /// What a statement calls a time zone, at a moment: an abbreviation of PostgreSQL's set, or a zone's name. nil when there is
  /// none.
  public static func find(_ name: String, at moment: Moment) -> TimeZoneRules? {
    switch ZoneAbbreviation.find(name.lowercased()) {
    case .fixed(let offset, _): return TimeZoneRules(name: name, offset: offset, abbreviation: name)
    case .zone(let zoneName):
      guard let zone = find(zoneName) else { return nil }
      let offset = zone.offset(ofAbbreviation: name.uppercased(), at: moment)
      return TimeZoneRules(name: name, offset: offset, abbreviation: name)
    case nil: return find(name)
    }
  }

  /// A timestamp with or without time zone.
  public enum Moment: Sendable {
    case instant(Int64)
    case local(Int64)
  }

  private func offset(ofAbbreviation name: String, at moment: Moment) -> Int {
    switch moment {
    case .instant(let timestamp):
      let time = DateTime.isInfinite(timestamp: timestamp) ? 0 : DateTime.unixSeconds(timestamp)
      return period(ofAbbreviation: name, at: time)?.offset ?? offset(at: time)
    case .local(let timestamp):
      return offset(
        ofAbbreviation: name, atLocal: DateTime.isInfinite(timestamp: timestamp) ? 0 : DateTime.unixSeconds(timestamp))
    }
  }

  /// The offset that an abbreviation gives to a time of the clock on the wall.
  func offset(ofAbbreviation name: String, atLocal local: Int64) -> Int {
    let usual = period(atLocal: local).offset
    return period(ofAbbreviation: name, at: local - Int64(usual))?.offset ?? usual
  }

  /// The first moment after `start` whose offset differs from `before`'s.
  private func boundary(between start: Int64, and end: Int64, before: Period) -> Int64 {
    var low = start
    var high = end
    while high - low > 1 {
      let middle = low + (high - low) / 2
      if period(at: middle).offset == before.offset && period(at: middle).isDaylight == before.isDaylight {
        low = middle
      } else {
        high = middle
      }
    }
    return high
  }

  // MARK: Finding zones

  private struct Cache: Sendable {
    /// Lower-case IANA name to its true spelling; read from the directory once.
    var names: [String: String]?
    var zones: [String: TimeZoneRules] = [:]
  }

  private static let cache = Mutex(Cache())
  static let directory = "/usr/share/zoneinfo"

  /// The zone of an IANA name (case does not count), an abbreviation's constant offset (`PST`), or a POSIX
  /// rule
  /// (`EST5EDT`, `<+03>-3`). nil when there is none.
  /// The name of the zone so far east of Greenwich: `<+05:30>-05:30`.
  public static func offsetName(seconds: Int) -> String {
    func text(_ seconds: Int, _ sign: String) -> String {
      let (hours, minutes, rest) = (abs(seconds) / 3600, abs(seconds) / 60 % 60, abs(seconds) % 60)
      func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
      return sign + two(hours) + (minutes != 0 || rest != 0 ? ":" + two(minutes) : "")
        + (rest != 0 ? ":" + two(rest) : "")
    }
    return "<\(text(seconds, seconds < 0 ? "-" : "+"))>\(text(seconds, seconds < 0 ? "+" : "-"))"
  }

  public static func find(_ name: String) -> TimeZoneRules? {
    let key = name.lowercased()
    if let found = cache.withLock({ $0.zones[key] }) { return found }
    guard let zone = load(name, key) else { return nil }
    cache.withLock { $0.zones[key] = zone }
    return zone
  }

  /// All zones of the system, by name.
  public static func allNames() -> [String] { listing().values.sorted() }

  private static func listing() -> [String: String] {
    if let names = cache.withLock({ $0.names }) { return names }
    var names: [String: String] = [:]
    collect("", into: &names)
    let found = names
    cache.withLock { $0.names = found }
    return found
  }

  private static func load(_ name: String, _ key: String) -> TimeZoneRules? {
    if key == "utc" { return .utc }
    if let spelling = listing()[key], let file = readFile("\(directory)/\(spelling)"),
      let zone = TimeZoneRules(name: spelling, file: file)
    {
      return zone
    }
    guard let rule = PosixZoneRule(name) else { return nil }
    return TimeZoneRules(name: name, rule: rule)
  }

  private static func collect(_ folder: String, into names: inout [String: String]) {
    guard let handle = opendir(folder.isEmpty ? directory : "\(directory)/\(folder)") else { return }
    defer { closedir(handle) }
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasPrefix(".") || name == "posix" || name == "right" { continue }
      let path = folder.isEmpty ? name : "\(folder)/\(name)"
      if name.contains(".") || name == "leapseconds" || name == "leap-seconds.list" { continue }
      var status = stat()
      guard stat("\(directory)/\(path)", &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        collect(path, into: &names)
      } else {
        names[path.lowercased()] = path
      }
    }
  }

  private static func readFile(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "rb") else { return nil }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 65536)
    let count = fread(&bytes, 1, bytes.count, file)
    bytes.removeSubrange(count...)
    return bytes
  }
}

/// The contents of a TZif file, version 2 and later.
struct TZif {
  var transitions: [Int64] = []
  var kinds: [UInt8] = []
  var periods: [TimeZoneRules.Period] = []
  var footer: PosixZoneRule?

  private struct Header {
    var version: UInt8
    var isUTCount, isStandardCount, leapCount, timeCount, typeCount, characterCount: Int

    /// Bytes of the data block with times of `timeSize` bytes.
    func dataSize(_ timeSize: Int) -> Int {
      timeCount * timeSize + timeCount + typeCount * 6 + characterCount + leapCount * (timeSize + 4)
        + isStandardCount
        + isUTCount
    }

    init?(_ reader: inout ByteReader) {
      guard let magic = reader.readBytes(4), magic.elementsEqual("TZif".utf8),
        let version = reader.readUInt8(),
        reader.readBytes(15) != nil
      else { return nil }
      var counts: [Int] = []
      for _ in 0..<6 {
        guard let count = reader.readBigEndian(UInt32.self) else { return nil }
        counts.append(Int(count))
      }
      self.version = version
      isUTCount = counts[0]
      isStandardCount = counts[1]
      leapCount = counts[2]
      timeCount = counts[3]
      typeCount = counts[4]
      characterCount = counts[5]
    }
  }

  init?(_ file: [UInt8]) {
    guard let parsed = file.withUnsafeBytes({ TZif(buffer: $0) }) else { return nil }
    self = parsed
  }

  private init?(buffer: UnsafeRawBufferPointer) {
    var reader = ByteReader(buffer)
    guard var header = Header(&reader) else { return nil }
    var timeSize = 4
    if header.version >= UInt8(ascii: "2") {
      guard reader.readBytes(header.dataSize(4)) != nil, let second = Header(&reader) else { return nil }
      header = second
      timeSize = 8
    }
    for _ in 0..<header.timeCount {
      if timeSize == 8 {
        guard let time = reader.readBigEndian(Int64.self) else { return nil }
        transitions.append(time)
      } else {
        guard let time = reader.readBigEndian(Int32.self) else { return nil }
        transitions.append(Int64(time))
      }
    }
    for _ in 0..<header.timeCount {
      guard let kind = reader.readUInt8(), Int(kind) < header.typeCount else { return nil }
      kinds.append(kind)
    }
    var raw: [(offset: Int32, isDaylight: Bool, name: Int)] = []
    for _ in 0..<header.typeCount {
      guard let offset = reader.readBigEndian(Int32.self), let daylight = reader.readUInt8(),
        let name = reader.readUInt8()
      else { return nil }
      raw.append((offset, daylight != 0, Int(name)))
    }
    guard !raw.isEmpty, let characters = reader.readBytes(header.characterCount),
      reader.readBytes(header.leapCount * (timeSize + 4) + header.isStandardCount + header.isUTCount) != nil
    else { return nil }
    for entry in raw {
      guard entry.name < characters.count, abs(Int(entry.offset)) < 86_400 * 2 else { return nil }
      let name = characters[entry.name...].prefix { $0 != 0 }
      periods.append(
        TimeZoneRules.Period(
          offset: Int(entry.offset), isDaylight: entry.isDaylight,
          abbreviation: String(decoding: name, as: UTF8.self)))
    }
    if timeSize == 8, reader.readUInt8() == 10 {
      let line = reader.rest.prefix { $0 != 10 }
      footer = PosixZoneRule(String(decoding: line, as: UTF8.self))
    }
  }
}
