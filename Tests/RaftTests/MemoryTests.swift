// A store holds a hundred thousand groups, most of them idle: what an idle member costs on the heap, measured by
// the pages of this process before and after making many. The bound is the design's: 2 KiB, without its storage.

import Glibc
import Testing

@testable import Raft

/// A storage that costs nothing and knows its members afresh each time, so that members share no memory through it.
private struct EmptyStorage: LogStorage {
  var firstIndex: LogIndex { 1 }
  var lastIndex: LogIndex { 0 }
  func initialState() -> (hardState: HardState, membership: Membership) {
    (HardState(), Membership(voters: PeerSet((1...5).map { PeerID($0) })))
  }
  func entries(_ range: Range<LogIndex>, byteCount: Int) throws(LogStorageError) -> [Entry] { throw .unavailable }
  func term(at index: LogIndex) -> Term? { index == .zero ? .zero : nil }
  func snapshot() -> Snapshot? { nil }
}

/// Resident pages of the whole process: meaningful only when nothing else runs, so it has to be asked for.
@Suite(.serialized, .enabled(if: getenv("MERIDIAN_MEASURE") != nil, "set MERIDIAN_MEASURE and run it alone"))
struct MemoryTests {
  /// Resident bytes of this process (proc(5): the second number of statm is in pages).
  private func residentBytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 128)
    guard fgets(&buffer, 128, file) != nil else { return 0 }
    let numbers = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      .split(separator: " ")
    return (Int(numbers[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Bytes per member of groups of five, as leaders or as followers.
  private func idleBytes(count: Int, isLeader: Bool) -> Int {
    let settings = makeSettings(asynchronous: true)
    // Gives free pages back first, or the new members would live in them uncounted.
    typealias Trim = @convention(c) (Int) -> Int32
    if let trim = dlsym(nil, "malloc_trim") { _ = unsafeBitCast(trim, to: Trim.self)(0) }
    var nodes: [RaftNode<EmptyStorage>] = []
    nodes.reserveCapacity(count)
    let before = residentBytes()
    for seed in 0..<count {
      var node = RaftNode(id: 1, settings: settings, storage: EmptyStorage(), seed: UInt64(seed))
      if isLeader {
        node.campaign()
        _ = node.ready()
        for id in 1...3 { try? node.step(Message(.voteResponse, to: 1, from: PeerID(UInt64(id)), term: 1)) }
        for round in 1...2 {
          _ = try? node.propose([UInt8(round)])
          _ = node.ready()
          for id in 1...5 {
            try? node.step(
              Message(.appendResponse, to: 1, from: PeerID(UInt64(id)), term: 1, index: node.lastEntryID.index))
          }
        }
        precondition(node.isLeader)
        node.tick()
        _ = node.ready()
      }
      nodes.append(node)
    }
    let perNode = (residentBytes() - before) / count
    return withExtendedLifetime(nodes) { perNode }
  }

  @Test func `An idle member of five costs less than 2 KiB`() {
    let follower = idleBytes(count: 6000, isLeader: false)
    print(
      "idle follower: \(follower) bytes, of them \(MemoryLayout<RaftNode<EmptyStorage>>.stride) inline; "
        + "member of the tracker: \(MemoryLayout<ProgressTracker.Member>.stride); "
        + "message: \(MemoryLayout<Message>.stride)")
    #expect(follower < 2048)
  }

  /// Its log is held back from the disk, so three small entries are counted along.
  @Test func `So does an idle leader, with three entries in memory`() {
    let leader = idleBytes(count: 2000, isLeader: true)
    print("idle leader: \(leader) bytes, three entries in memory included")
    #expect(leader < 2048)
  }
}
