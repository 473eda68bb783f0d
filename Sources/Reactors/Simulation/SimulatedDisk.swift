// A machine's disk: named files over `SimulatedFile`, syncs that take time, faults that are set from outside.
//
// Ordering: a write is visible to readers at once and durable when a sync that began after it has ended well. A name
// (created, renamed, removed) is durable once `syncNames` has ended; after a loss of power a prefix of the changes of
// names since is there. A sync that fails leaves each page it was to write either written or not, and marks it clean:
// who gets the error must not go on (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).

/// Why the disk refuses.
public enum SimulatedDiskError: Error, Hashable, Sendable {
  case full
  case failed
  case noSuchFile
}

/// A simulated disk.
public final class SimulatedDisk {
  /// What a sync takes on a good day, in nanoseconds, on average.
  public var meanSyncTime: Int64 = 1_000_000
  /// How much slower than that the disk is now.
  public var slowness: Int64 = 1
  /// Bytes that fit; nil for no limit.
  public var capacity: Int?
  /// How many in a million syncs fail.
  public var failuresPerMillion = 0
  public private(set) var syncCount = 0

  private unowned let world: SimulatedWorld
  private var timing: RandomSource
  private var damage: RandomSource
  private var files: [Int: SimulatedFile] = [:]
  private var nextFile = 0
  /// Sorted by name; a handful.
  private var names: [(name: String, file: Int)] = []
  private var durableNames: [(name: String, file: Int)] = []
  private var nameChanges: [NameChange] = []
  /// Counts losses of power: a sync that was under way then never ends.
  private var powerCycle = 0

  private enum NameChange {
    case create(String, Int)
    case rename(String, String)
    case remove(String)
  }

  init(_ world: SimulatedWorld, label: String) {
    self.world = world
    timing = world.makeRandom("\(label) timing")
    damage = world.makeRandom("\(label) damage")
  }

  // MARK: Files

  private static func apply(_ change: NameChange, to names: inout [(name: String, file: Int)]) {
    switch change {
    case .create(let name, let file):
      names.removeAll { $0.name == name }
      names.append((name, file))
    case .rename(let from, let to):
      guard let position = names.firstIndex(where: { $0.name == from }) else { return }
      let file = names[position].file
      names.removeAll { $0.name == from || $0.name == to }
      names.append((to, file))
    case .remove(let name): names.removeAll { $0.name == name }
    }
    names.sort { $0.name < $1.name }
  }

  private func change(_ change: NameChange) {
    Self.apply(change, to: &names)
    nameChanges.append(change)
  }

  private func file(_ name: String) throws(SimulatedDiskError) -> Int {
    guard let entry = names.first(where: { $0.name == name }) else { throw .noSuchFile }
    return entry.file
  }

  private func withFile<Result>(
    _ name: String, _ body: (inout SimulatedFile) -> Result
  ) throws(SimulatedDiskError) -> Result {
    body(&files[try file(name), default: SimulatedFile()])
  }

  public var fileNames: [String] { names.map(\.name) }
  public func exists(_ name: String) -> Bool { names.contains { $0.name == name } }

  /// Bytes that all files take.
  public var usedByteCount: Int { names.reduce(0) { $0 + (files[$1.file]?.bytes.count ?? 0) } }

  public func byteCount(_ name: String) -> Int { (try? withFile(name) { $0.bytes.count }) ?? 0 }
  public func durableByteCount(_ name: String) -> Int { (try? withFile(name) { $0.durableCount }) ?? 0 }

  public func read(_ name: String) throws(SimulatedDiskError) -> [UInt8] {
    try withFile(name) { $0.bytes }
  }

  /// Appends to a file, which begins to exist with its first bytes.
  public func append(_ name: String, _ bytes: [UInt8]) throws(SimulatedDiskError) {
    if let capacity, usedByteCount + bytes.count > capacity { throw .full }
    if !exists(name) { create(name) }
    try withFile(name) { $0.append(bytes) }
  }

  /// An empty file, in place of one of the same name.
  public func create(_ name: String) {
    nextFile += 1
    files[nextFile] = SimulatedFile()
    change(.create(name, nextFile))
  }

  /// A file that is there from the beginning, durably.
  public func install(_ name: String, _ bytes: [UInt8]) {
    create(name)
    var file = SimulatedFile()
    file.append(bytes)
    file.finishSync(file.beginSync())
    files[nextFile] = file
    commitNames(through: nameChanges.count)
  }

  public func truncate(_ name: String, to count: Int) throws(SimulatedDiskError) {
    try withFile(name) { $0.truncate(to: count) }
  }

  /// Gives a file another name, replacing one that has it.
  public func rename(_ from: String, to: String) { change(.rename(from, to)) }

  public func remove(_ name: String) { change(.remove(name)) }

  // MARK: Syncing

  /// Makes durable what the file holds now; then tells, on `machine`.
  public func sync(
    _ name: String, on machine: SimulatedMachine, _ completion: @escaping (SimulatedDiskError?) -> Void
  ) {
    guard let id = try? file(name) else {
      later(machine) { completion(.noSuchFile) }
      return
    }
    let sync = files[id]?.beginSync()
    let cycle = powerCycle
    let life = machine.life
    let fails = damage.chance(perMillion: failuresPerMillion)
    syncCount += 1
    // The disk works on while the process is paused or dead: its part is an event of its own, before the process's.
    world.schedule(afterNanoseconds: duration()) { [self] in
      guard cycle == powerCycle, let sync else { return }
      if fails {
        files[id]?.lose(&damage)
      } else {
        files[id]?.finishSync(sync)
      }
      tell(machine, life) { completion(fails ? .failed : nil) }
    }
  }

  /// Makes durable which files there are and what they are called; then tells, on `machine`.
  public func syncNames(on machine: SimulatedMachine, _ completion: @escaping (SimulatedDiskError?) -> Void) {
    let covered = nameChanges.count
    let cycle = powerCycle
    let life = machine.life
    syncCount += 1
    world.schedule(afterNanoseconds: duration()) { [self] in
      guard cycle == powerCycle else { return }
      // An earlier sync may have ended meanwhile and taken its part.
      commitNames(through: min(covered, nameChanges.count))
      tell(machine, life) { completion(nil) }
    }
  }

  private func commitNames(through count: Int) {
    for change in nameChanges.prefix(count) { Self.apply(change, to: &durableNames) }
    nameChanges.removeFirst(count)
    dropUnnamedFiles()
  }

  private func dropUnnamedFiles() {
    let used = Set(names.map(\.file) + durableNames.map(\.file) + pendingFiles)
    for id in files.keys where !used.contains(id) { files[id] = nil }
  }

  private var pendingFiles: [Int] {
    nameChanges.compactMap { if case .create(_, let file) = $0 { file } else { nil } }
  }

  private func duration() -> Int64 { (20_000 + timing.exponential(mean: meanSyncTime)) * max(1, slowness) }

  /// Tells the process that asked; a later one on the same machine knows nothing of it.
  private func tell(_ machine: SimulatedMachine, _ life: Int, _ work: @escaping () -> Void) {
    if machine.life == life { world.schedule(afterNanoseconds: 0, on: machine, work) }
  }

  private func later(_ machine: SimulatedMachine, _ work: @escaping () -> Void) {
    world.schedule(afterNanoseconds: duration(), on: machine, work)
  }

  // MARK: Faults

  /// Drops and tears what is not durable.
  public func losePower() {
    powerCycle += 1
    commitNames(through: damage.draw(0...nameChanges.count))
    nameChanges = []
    names = durableNames
    for id in files.keys.sorted() { files[id]?.lose(&damage) }
    dropUnnamedFiles()
  }

  /// Flips a bit below `limit` in a file.
  public func rot(_ name: String, below limit: Int) {
    guard limit > 0 else { return }
    let byte = damage.draw(below: limit)
    let bit = damage.draw(below: 8)
    _ = try? withFile(name) { $0.rot(byte: byte, bit: bit) }
  }

  /// A new, empty disk is put in place of this one.
  public func replace() {
    powerCycle += 1
    files = [:]
    names = []
    durableNames = []
    nameChanges = []
  }
}
