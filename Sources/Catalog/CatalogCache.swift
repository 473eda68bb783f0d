// The snapshots that a node, or a reactor, keeps. A transaction that uses the catalog reads the version key through itself,
// so that it knows which snapshot is true at its read timestamp; usually that is here already.
//
// The version alone would make every schema change collide with every transaction. So that read is not remembered; instead
// a transaction depends on the descriptors of what its statements use (`QueryPlan.dependencies`), at every isolation level:
// a change of one of them that commits before it does collides with it, and neither needs a lock. Whoever reads the catalog
// itself depends on the version. Invariant: the session takes a new view when the read timestamp has moved.

import Synchronization
import Transactions

public final class CatalogCache: Sendable {
  /// Newest first. More than one, for transactions that began before the last schema change.
  private let snapshots = Mutex<[CatalogSnapshot]>([.genesis])
  static let capacity = 4

  public init() {}

  /// The newest snapshot known here; another node's, or a later one, may be newer. For what needs no exact answer.
  public var newest: CatalogSnapshot { snapshots.withLock { $0[0] } }

  /// The catalog as `storage`'s transaction sees it: one point read if the snapshot is known, none if its version is. `known`, a view whose
  /// transaction is over, is given back if it is of that version and nothing was changed in it.
  public func view(
    in storage: some CatalogStorage, version knownVersion: UInt64? = nil, like known: CatalogView? = nil
  ) async throws(TransactionError) -> CatalogView {
    let version: UInt64
    if let knownVersion {
      version = knownVersion
    } else {
      version = try CatalogSnapshot.decodeVersion(await storage.unrecordedValue(KeyLayout.catalogVersion))
    }
    if let known, known.committed.version == version, !known.hasChanges { return known }
    if let known = snapshots.withLock({ $0.first { $0.version == version } }) { return CatalogView(known) }
    let loaded = try await CatalogSnapshot.load(version: version, from: storage, isPast: version < newest.version)
    keep(loaded)
    return CatalogView(loaded)
  }

  /// After a transaction that changed the catalog has committed: its view is the snapshot of the new version.
  public func publish(_ view: CatalogView) {
    if view.hasChanges { keep(view.snapshot) }
  }

  private func keep(_ snapshot: CatalogSnapshot) {
    snapshots.withLock { all in
      guard !all.contains(where: { $0.version == snapshot.version }) else { return }
      let place = all.firstIndex { $0.version < snapshot.version } ?? all.count
      all.insert(snapshot, at: place)
      if all.count > Self.capacity { all.removeLast() }
    }
  }
}
