// Draws faults while a group runs. Each kind comes at intervals of its own, from a generator of its own, so that
// switching one off leaves the others as they were.

import Reactors

final class RaftFaults {
  private unowned let group: RaftGroup
  private var isStopped = false
  private var sources: [String: RandomSource] = [:]
  private var hasRotted = false

  init(_ group: RaftGroup) { self.group = group }

  private var faults: FaultSet { group.plan.faults }

  func start() {
    setNetwork()
    every("partitions", .partitions, 8) { [self] random in partition(&random) }
    every("clogging", .clogging, 15) { [self] random in
      group.network.swizzle(now: group.world.now, duration: .second + random.exponential(mean: 3 * .second))
      group.note(20, 0, "machines are clogged")
    }
    every("crashes", .crashes, 6) { [self] random in
      group.crash(random.pick(group.slots), losingPower: false, "killed")
    }
    every("power", .power, 8) { [self] random in losePower(&random) }
    every("pauses", .pauses, 8) { [self] random in
      let slot = random.pick(group.slots)
      let duration = 10 * .millisecond + random.exponential(mean: random.pick([100 * .millisecond, 3 * .second]))
      slot.machine.pause(forNanoseconds: duration)
      group.note(21, slot.peer.rawValue, "\(slot.peer) stands still for \(duration / .millisecond) ms")
    }
    every("clocks", .clocks, 10) { [self] random in
      let slot = random.pick(group.slots)
      slot.machine.clock.setDrift(perMillion: random.draw(Int64(-200_000)...200_000), at: group.world.now)
      if random.chance(percent: 30) {
        slot.machine.clock.jump(byNanoseconds: random.draw(Int64(-3600)...3600) * .second)
      }
    }
    every("slow disks", .slowDisks, 10) { [self] random in
      let disk = random.pick(group.slots).machine.disk
      disk.slowness = random.pick([10, 100, 1000])
      group.world.schedule(afterNanoseconds: random.exponential(mean: 3 * .second)) { disk.slowness = 1 }
    }
    every("failing disks", .failingDisks, 15) { [self] random in
      let disk = random.pick(group.slots).machine.disk
      disk.failuresPerMillion = 300_000
      group.world.schedule(afterNanoseconds: random.exponential(mean: .second)) { disk.failuresPerMillion = 0 }
    }
    every("full disks", .fullDisks, 15) { [self] random in
      let disk = random.pick(group.slots).machine.disk
      disk.capacity = disk.usedByteCount + random.draw(below: 2000)
      group.world.schedule(afterNanoseconds: random.exponential(mean: 3 * .second)) { disk.capacity = nil }
    }
    if let interval = group.plan.contestInterval {
      sources["contests"] = group.world.makeRandom("fault contests")
      contest(interval)
    }
    every("rot", .rot, 20) { [self] random in rot(&random) }
  }

  private func contest(_ interval: Int64) {
    guard var random = sources["contests"] else { return }
    let delay = 1_000 + random.exponential(mean: interval)
    sources["contests"] = random
    group.world.schedule(afterNanoseconds: delay) { [self] in
      guard !isStopped, var random = sources["contests"] else { return }
      var members = group.slots.compactMap(\.member)
      random.shuffle(&members)
      sources["contests"] = random
      let rivals = members.prefix(2)
      if let term = rivals.map(\.node.term).max()?.next {
        for rival in rivals {
          // With pre-votes the term stays until they are in.
          for _ in 0..<3 where rival.node.term < term { rival.act { $0.campaign() } }
        }
      }
      contest(interval)
    }
  }

  /// Nothing new happens; what is under way is the owner's to heal.
  func stop() { isStopped = true }

  /// Does `body` again and again, if the fault is on, about every `seconds`.
  private func every(
    _ label: String, _ fault: FaultSet, _ seconds: Int64, _ body: @escaping (inout RandomSource) -> Void
  ) {
    guard faults.contains(fault) else { return }
    var random = group.world.makeRandom("fault \(label)")
    // Some runs see much of it, some little.
    let mean = seconds * .second * Int64(random.pick([1, 2, 4, 12])) / 4
    sources[label] = random
    next(label, mean, body)
  }

  private func next(_ label: String, _ mean: Int64, _ body: @escaping (inout RandomSource) -> Void) {
    guard var random = sources[label] else { return }
    let delay = 1_000 + random.exponential(mean: mean)
    sources[label] = random
    group.world.schedule(afterNanoseconds: delay) { [self] in
      guard !isStopped, var random = sources[label] else { return }
      body(&random)
      sources[label] = random
      next(label, mean, body)
    }
  }

  private func setNetwork() {
    var random = group.world.makeRandom("fault network")
    let minimumDelay = random.pick([100_000, 500_000, 5_000_000, 30_000_000] as [Int64])
    group.network.minimumDelay = minimumDelay
    group.network.meanDelay = random.pick([50_000, 500_000, 5_000_000])
    group.network.keepsOrder = !faults.contains(.reordering)
    if faults.contains(.reordering) {
      group.network.latePerMillion = random.pick([1_000, 20_000, 200_000])
      group.network.lateness = random.pick([10, 100, 2000]) * .millisecond
    }
    if faults.contains(.loss) { group.network.lossPerMillion = random.pick([1_000, 20_000, 150_000]) }
    if faults.contains(.duplication) { group.network.duplicationPerMillion = random.pick([1_000, 30_000, 200_000]) }
    if faults.contains(.corruption) { group.network.corruptionPerMillion = random.pick([1_000, 20_000]) }
  }

  private func partition(_ random: inout RandomSource) {
    let numbers = group.slots.map(\.machine.id)
    var side: Set<Int> = []
    switch random.draw(below: 3) {
    case 0: side = [random.pick(numbers)]
    case 1:
      // The leader alone, where it hurts most.
      let leaders = group.slots.filter { $0.member?.node.isLeader == true }.map(\.machine.id)
      side = [leaders.isEmpty ? random.pick(numbers) : random.pick(leaders)]
    default: side = Set(numbers.filter { _ in random.chance(percent: 50) })
    }
    let isOneWay = random.chance(percent: 30)
    group.network.partition(side, isOneWay: isOneWay)
    group.note(22, UInt64(side.count), "cut off\(isOneWay ? " one way" : ""): \(side.sorted().map { $0 + 1 })")
    group.world.schedule(afterNanoseconds: 100 * .millisecond + random.exponential(mean: 3 * .second)) { [self] in
      if !isStopped { group.network.join() }
    }
  }

  private func losePower(_ random: inout RandomSource) {
    if random.chance(percent: 15) {
      for slot in group.slots { group.crash(slot, losingPower: true, "power lost everywhere") }
      return
    }
    group.crash(random.pick(group.slots), losingPower: true, "power lost")
  }

  /// Damages what the member's own records prove to have been durable, once in a run: more disks than one the group
  /// need not survive.
  private func rot(_ random: inout RandomSource) {
    guard !hasRotted else { return }
    let slot = random.pick(group.slots)
    guard slot.member != nil || !slot.machine.isUp, let bytes = try? slot.machine.disk.read(RaftGroup.journalName)
    else {
      return
    }
    // The record that proves it must be durable itself.
    let durable = min(bytes.count, slot.machine.disk.durableByteCount(RaftGroup.journalName))
    let limit = min(durable, RaftJournal(reading: Array(bytes[..<durable])).provableByteCount)
    guard limit > 0 else { return }
    hasRotted = true
    slot.machine.disk.rot(RaftGroup.journalName, below: limit)
    group.note(23, slot.peer.rawValue, "a bit rots in the journal of \(slot.peer)")
    group.crash(slot, losingPower: random.chance(percent: 50), "maintenance")
  }
}
