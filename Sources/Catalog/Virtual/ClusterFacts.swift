// What the relations of `meridian_catalog` show: the cluster's nodes and ranges as they report themselves. Nodes are numbers here.

import Encoding
import SQLTypes

public struct ClusterFacts: Sendable {
  /// Times are microseconds since 2000-01-01 UTC.
  public struct Node: Sendable {
    public var node: Int64
    public var address: String
    public var sqlAddress: String
    public var locality: String
    public var binaryVersion: String
    public var startTime: Int64
    public var isLive: Bool
    /// `active`, `draining`, `decommissioning`, `decommissioned`.
    public var state: String
    /// Nil if the node could not be asked.
    public var replicaCount: Int64?
    public var leaseCount: Int64?
    public var clock: Clock

    public init(
      node: Int64, address: String, sqlAddress: String, locality: String, binaryVersion: String, startTime: Int64,
      isLive: Bool, state: String, replicaCount: Int64?, leaseCount: Int64?, clock: Clock
    ) {
      self.node = node
      self.address = address
      self.sqlAddress = sqlAddress
      self.locality = locality
      self.binaryVersion = binaryVersion
      self.startTime = startTime
      self.isLive = isLive
      self.state = state
      self.replicaCount = replicaCount
      self.leaseCount = leaseCount
      self.clock = clock
    }
  }

  /// A node's clock, in words; nothing of a node that could not be asked.
  public struct Clock: Sendable {
    public var source: String?
    public var error: String?
    /// The node whose clock counts, with cluster time.
    public var reference: Int64?
    /// How far other nodes' times of day are ahead.
    public var offsets: String

    public init(source: String?, error: String?, reference: Int64?, offsets: String) {
      self.source = source
      self.error = error
      self.reference = reference
      self.offsets = offsets
    }
  }

  /// Two claims of the time that cannot both hold. Times are microseconds since 2000-01-01 UTC.
  public struct ClockIncident: Sendable {
    public struct Claim: Sendable {
      public var earliest: Int64
      public var latest: Int64

      public init(earliest: Int64, latest: Int64) {
        self.earliest = earliest
        self.latest = latest
      }
    }

    public var time: Int64
    /// Who found it, and whose claim it was.
    public var node: Int64
    public var other: Int64
    public var kind: String
    public var excess: String
    public var own: Claim
    public var claim: Claim

    public init(
      time: Int64, node: Int64, other: Int64, kind: String, excess: String, own: Claim, claim: Claim
    ) {
      self.time = time
      self.node = node
      self.other = other
      self.kind = kind
      self.excess = excess
      self.own = own
      self.claim = claim
    }
  }

  public struct Range: Sendable {
    public var range: Int64
    public var span: KeySpan
    public var generation: Int64
    /// In the order of the replicas.
    public var voters: [Int64]
    public var learners: [Int64]
    /// Nil if nobody who could be asked leads it.
    public var leaseholder: Int64?
    public var lease: Int64?
    /// As the leaseholder's engine estimates it.
    public var byteCount: Int64?
    /// Why it is not as it should be.
    public var trouble: String?

    public init(
      range: Int64, span: KeySpan, generation: Int64, voters: [Int64], learners: [Int64], leaseholder: Int64?,
      lease: Int64?, byteCount: Int64?, trouble: String?
    ) {
      self.range = range
      self.span = span
      self.generation = generation
      self.voters = voters
      self.learners = learners
      self.leaseholder = leaseholder
      self.lease = lease
      self.byteCount = byteCount
      self.trouble = trouble
    }
  }

  /// That one node believes another to live.
  public struct Support: Sendable {
    public var supporter: Int64
    public var supported: Int64
    public var epoch: Int64
    /// Microseconds since 2000-01-01 UTC.
    public var expiration: Int64
    public var isWithdrawn: Bool

    public init(supporter: Int64, supported: Int64, epoch: Int64, expiration: Int64, isWithdrawn: Bool) {
      self.supporter = supporter
      self.supported = supported
      self.epoch = epoch
      self.expiration = expiration
      self.isWithdrawn = isWithdrawn
    }
  }

  /// That a transaction waited for another's lock.
  public struct Contention: Sendable {
    public var node: Int64
    public var range: Int64
    public var key: Key
    public var waiter: String
    /// Nil if the transaction did not tell what it runs.
    public var waitingStatement: String?
    public var blocker: String
    public var blockingStatement: String?
    /// Microseconds since 2000-01-01 UTC.
    public var beginning: Int64
    /// Microseconds.
    public var duration: Int64
    /// `granted`, `timed out`, `cancelled`, `deadlock`, `stopped`.
    public var outcome: String

    public init(
      node: Int64, range: Int64, key: Key, waiter: String, waitingStatement: String?, blocker: String,
      blockingStatement: String?, beginning: Int64, duration: Int64, outcome: String
    ) {
      self.node = node
      self.range = range
      self.key = key
      self.waiter = waiter
      self.waitingStatement = waitingStatement
      self.blocker = blocker
      self.blockingStatement = blockingStatement
      self.beginning = beginning
      self.duration = duration
      self.outcome = outcome
    }
  }

  /// A row lock, or the wait for one.
  public struct Lock: Sendable {
    public var node: Int64
    public var key: Key
    public var transaction: String
    public var statement: String?
    public var isExclusive: Bool
    public var isGranted: Bool

    public init(
      node: Int64, key: Key, transaction: String, statement: String?, isExclusive: Bool, isGranted: Bool
    ) {
      self.node = node
      self.key = key
      self.transaction = transaction
      self.statement = statement
      self.isExclusive = isExclusive
      self.isGranted = isGranted
    }
  }

  /// By number.
  public var nodes: [Node] = []
  /// In the order of their keys.
  public var ranges: [Range] = []
  public var supports: [Support] = []
  /// In the order of their times.
  public var clockIncidents: [ClockIncident] = []
  /// In the order of their beginnings.
  public var contention: [Contention] = []
  public var locks: [Lock] = []

  public init() {}
}
