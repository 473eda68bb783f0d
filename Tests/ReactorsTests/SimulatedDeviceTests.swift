// The simulated disk keeps what was synced and may lose or tear the rest; the simulated network does what it was told.

import Testing

@testable import Reactors

@Suite struct SimulatedDeviceTests {
  @Test func `A file keeps what was synced, whatever else is lost`() {
    var outcomes: Set<Int> = []
    var torn = 0
    for seed in UInt64(1)...400 {
      var random = RandomSource(seed: seed)
      var file = SimulatedFile()
      var written: [UInt8] = []
      var synced = 0
      for _ in 0..<random.draw(1...12) {
        let bytes = (0..<random.draw(1...3000)).map { _ in UInt8(truncatingIfNeeded: random.next()) | 1 }
        file.append(bytes)
        written += bytes
        if random.chance(percent: 40) {
          let sync = file.beginSync()
          let covered = written.count
          if random.chance(percent: 30) {
            file.append([9, 9])
            written += [9, 9]
          }
          if random.chance(percent: 80) {
            file.finishSync(sync)
            synced = covered
          }
        }
      }
      #expect(file.bytes == written)
      file.lose(&random)
      #expect(file.bytes.count >= synced && file.bytes.count <= written.count)
      #expect(Array(file.bytes.prefix(synced)) == Array(written.prefix(synced)), "seed \(seed)")
      #expect(!file.isDirty)
      outcomes.insert(file.bytes.count == written.count ? 1 : file.bytes.count == synced ? 0 : 2)
      if file.bytes != Array(written.prefix(file.bytes.count)) { torn += 1 }
    }
    #expect(outcomes == [0, 1, 2])
    #expect(torn > 50)
  }

  @Test func `A file cut short and written again is one of its pasts after a loss`() {
    for seed in UInt64(1)...200 {
      var random = RandomSource(seed: seed)
      var file = SimulatedFile()
      file.append([UInt8](repeating: 1, count: 10_000))
      file.finishSync(file.beginSync())
      file.truncate(to: 5_000)
      file.append([UInt8](repeating: 2, count: random.draw(1...8_000)))
      if random.chance(percent: 50) {
        let expected = file.bytes
        file.finishSync(file.beginSync())
        file.lose(&random)
        #expect(file.bytes == expected)
      } else {
        file.lose(&random)
        #expect(file.bytes.prefix(4096).allSatisfy { $0 == 1 })
      }
    }
  }

  /// Runs `body` with a machine in a world of its own, for a simulated minute.
  private func simulate(seed: UInt64 = 1, _ body: (SimulatedMachine) throws -> Void) rethrows {
    let world = SimulatedWorld(seed: seed)
    let machine = SimulatedMachine(0, world)
    try body(machine)
    world.run(until: 60_000_000_000)
  }

  @Test func `A rename replaces whole files, before or after, never in between`() throws {
    var seen: Set<UInt8> = []
    for seed in UInt64(1)...60 {
      try simulate(seed: seed) { machine in
        let disk = machine.disk
        try disk.append("state", [1])
        disk.sync("state", on: machine) { _ in
          disk.syncNames(on: machine) { _ in
            try? disk.append("state.new", [2])
            disk.sync("state.new", on: machine) { error in
              #expect(error == nil)
              disk.rename("state.new", to: "state")
              machine.losePower()
              let content = (try? disk.read("state")) ?? []
              #expect(content == [1] || content == [2])
              seen.formUnion(content)
            }
          }
        }
      }
    }
    #expect(seen == [1, 2])
  }

  @Test func `A full disk refuses, a failing one says so, a loss of power ends what is under way`() throws {
    var answers: [String] = []
    try simulate { machine in
      let disk = machine.disk
      disk.capacity = 10
      try disk.append("log", [UInt8](repeating: 1, count: 10))
      #expect(throws: SimulatedDiskError.full) { try disk.append("log", [1]) }
      #expect(throws: SimulatedDiskError.noSuchFile) { try disk.read("none") }
      disk.failuresPerMillion = 1_000_000
      disk.sync("log", on: machine) { error in
        answers.append("\(error.map { "\($0)" } ?? "done")")
        disk.failuresPerMillion = 0
        disk.sync("log", on: machine) { _ in answers.append("never") }
        machine.losePower()
      }
    }
    #expect(answers == ["failed"])
  }

  @Test func `Who asked for a sync is told, and no later process in its place`() throws {
    var answers = 0
    try simulate { machine in
      try machine.disk.append("log", [1])
      machine.disk.sync("log", on: machine) { _ in answers += 1 }
      machine.killProcess()
      machine.boot()
      machine.disk.sync("log", on: machine) { _ in answers += 10 }
    }
    #expect(answers == 10)
  }

  @Test func `Bits rot on the disk, too`() throws {
    try simulate { machine in
      let disk = machine.disk
      try disk.append("log", [UInt8](repeating: 0, count: 5000))
      disk.sync("log", on: machine) { _ in
        disk.syncNames(on: machine) { _ in
          disk.rot("log", below: 5000)
          machine.losePower()
          let bytes = (try? disk.read("log")) ?? []
          #expect(bytes.count == 5000 && bytes.reduce(0) { $0 + $1.nonzeroBitCount } == 1)
        }
      }
    }
  }

  @Test func `The network loses, doubles, damages and delays as often as it is told`() {
    var network = SimulatedNetwork(machineCount: 3, random: RandomSource(seed: 3))
    network.lossPerMillion = 100_000
    network.duplicationPerMillion = 50_000
    network.corruptionPerMillion = 20_000
    let fates = (0..<20_000).map { _ in network.send(from: 0, to: 1, byteCount: 10, now: 0) }
    let lost = fates.count { $0.first == nil }
    let doubled = fates.count { $0.second != nil }
    let damaged = fates.count { $0.flippedBit != nil }
    #expect((1800...2200).contains(lost) && (750...1050).contains(doubled) && (250...470).contains(damaged))
    let delays = fates.compactMap(\.first)
    let mean = delays.reduce(0, +) / Int64(delays.count)
    #expect((660_000...740_000).contains(mean), "200 µs and 500 µs on average above them: \(mean)")
    #expect(delays.allSatisfy { $0 >= 200_000 })
    #expect(network.send(from: 2, to: 2, byteCount: 1, now: 0).first != nil)
  }

  @Test func `Links are cut on one side or both, and keep order when asked`() {
    var network = SimulatedNetwork(machineCount: 4, random: RandomSource(seed: 4))
    network.partition([0, 1])
    for (a, b) in [(0, 2), (2, 0), (1, 3), (3, 1)] { #expect(!network.reaches(from: a, to: b)) }
    #expect(network.reaches(from: 0, to: 1) && network.reaches(from: 3, to: 2))
    network.join()
    network.partition([0], isOneWay: true)
    #expect(network.reaches(from: 0, to: 1) != network.reaches(from: 1, to: 0))
    network.heal()
    network.keepsOrder = true
    network.latePerMillion = 300_000
    var last: Int64 = 0
    for now in Int64(0)..<200 {
      let arrival = now + (network.send(from: 0, to: 1, byteCount: 1, now: now).first ?? 0)
      #expect(arrival > last)
      last = arrival
    }
  }

  @Test func `Clogged machines are heard late, not never`() {
    var network = SimulatedNetwork(machineCount: 5, random: RandomSource(seed: 8))
    let second: Int64 = 1_000_000_000
    network.swizzle(now: 0, duration: 10 * second)
    let late = (0..<5).flatMap { from in
      (0..<5).compactMap { network.send(from: from, to: $0, byteCount: 1, now: 5 * second).first }
    }
    #expect(late.count == 25)
    #expect(late.contains { $0 > second / 100 })
    #expect(late.allSatisfy { $0 < 6 * second })
    let later = network.send(from: 0, to: 1, byteCount: 1, now: 11 * second).first ?? 0
    #expect(later < second / 10)
  }
}
