// Reads of the past on whatever replica is nearest, while faults go on. What stood at a time stands for ever: when everything is over the
// leaseholders are asked for the same, and must give the same answers. Nothing is collected in a simulation, so they can.
// A clock that breaks its bound may take a time for past that has not come yet: what was read there is not kept.

import Checkers
import Clocks
import Encoding
import Ranges
import Reactors
import Storage
import Transactions

/// Used by the thread of its world alone.
final class StaleReads {
  private struct Read {
    var node: Int
    var time: Int64
    var timestamp: Timestamp
    var rows: [Row]
  }

  private struct Row: Equatable {
    var key: [UInt8]
    var value: [UInt8]
  }

  /// So many are kept: all must be read again in the end.
  private static let limit = 150

  private let world: SimulatedWorld
  private var random: RandomSource
  /// Nanoseconds behind true time at which leaseholders close the past.
  private let lag: Int64
  /// Whether all rows together must hold the money of a bank, as transactions over keys write it.
  private let isBank: Bool
  private var reads: [Read] = []
  private(set) var count = 0
  /// Whether the leaseholders have been asked.
  private(set) var isVerified = false

  init(_ world: SimulatedWorld, lag: Int64, isBank: Bool) {
    self.world = world
    self.lag = lag
    self.isBank = isBank
    random = world.makeRandom("stale reads")
  }

  /// Until the next one.
  func pause() -> Int64 { random.exponential(mean: 50 * .millisecond) }

  func pick<Element>(_ elements: [Element]) -> Element { random.pick(elements) }

  /// Reads everything once, at some time in the past.
  /// - Returns: what is wrong with it by itself.
  func read(through system: TransactionSystem, of node: Int, isAlive: () -> Bool) async -> String? {
    let past = random.exponential(mean: lag / 2)
    let asks = random.chance(percent: 30)
    var timestamp = system.currentTimestamp().adding(nanoseconds: -lag - past)
    do throws(TransactionError) {
      if asks {
        timestamp = try await system.newestTimestamp(of: [Self.all], atLeast: timestamp.adding(nanoseconds: -past))
      }
      let rows = try await Self.rows(system.beginRead(asOf: timestamp))
      // Of a process that has died, nobody hears.
      guard isAlive() else { return nil }
      count += 1
      if reads.count < Self.limit, timestamp.wall <= SimulatedClock.epoch + world.now {
        reads.append(Read(node: node, time: world.now, timestamp: timestamp, rows: rows))
      }
      world.note(12, UInt64(rows.count), "node \(node) has read \(rows.count) rows as of \(timestamp.wall)")
      return isBank ? Self.complaint(of: rows) : nil
    } catch {
      // Nobody may serve it just now.
      return nil
    }
  }

  /// Asks the leaseholders for what was read.
  /// - Returns: what has changed since.
  func verify(through system: TransactionSystem) async throws(TransactionError) -> String? {
    while let read = reads.last {
      let rows = try await Self.rows(system.beginRead(asOf: read.timestamp, fromLeaseholders: true))
      if rows != read.rows {
        let place = zip(rows, read.rows).prefix { $0 == $1 }.count
        let key = (place < rows.count ? rows : read.rows)[place].key
        return
          "node \(read.node) read \(read.rows.count) rows at \(read.time) as of \(read.timestamp.wall), and there are "
          + "\(rows.count) as of then; they differ from \(Key(key)) on"
      }
      reads.removeLast()
    }
    isVerified = true
    return nil
  }

  private static let all = KeySpan(start: MetaKeys.span.end, end: Key.max)

  private static func rows(_ transaction: Transaction) async throws(TransactionError) -> [Row] {
    var rows: [Row] = []
    var rest: KeySpan? = all
    while let span = rest {
      var block = KeyValueBlock()
      var options = ScanOptions()
      options.byteLimit = 1 << 14
      rest = try await transaction.scan(span, options, into: &block)
      for row in 0..<block.count { rows.append(Row(key: block.key(row).bytes, value: block.value(row))) }
    }
    // Single keys are read in another way.
    if let row = rows.last {
      var block = KeyValueBlock()
      let isThere = try await transaction.get(Key(row.key), into: &block)
      if !isThere || block.value(0) != row.value { rows.append(Row(key: row.key, value: [])) }
    }
    _ = try await transaction.commit()
    return rows
  }

  private static func complaint(of rows: [Row]) -> String? {
    let sum = KeyClient.sum(rows.map { (Key($0.key), $0.value) })
    return sum == 0 || sum == Workload.accountCount * Workload.openingBalance
      ? nil : "the accounts of the bank held \(sum) together at some time"
  }
}
