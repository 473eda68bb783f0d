// Which ranges have replicas on this store, whichever reactor they live on: so that no two replicas that hold anything overlap,
// and so that whoever asks the wrong one can be told of its neighbour.

import Encoding
import Synchronization

final class StoreDirectory: Sendable {
  /// Replicas that hold something; a replica that waits for its first snapshot is not among them.
  private let descriptors = Mutex<[RangeID: RangeDescriptor]>([:])

  /// A replica holds what the descriptor says.
  func set(_ descriptor: RangeDescriptor) {
    descriptors.withLock { $0[descriptor.id] = descriptor }
  }

  func remove(_ range: RangeID) {
    descriptors.withLock { $0[range] = nil }
  }

  /// In the order of their keys.
  func overlapping(_ span: KeySpan) -> [RangeDescriptor] {
    descriptors.withLock { known in known.values.filter { $0.span.overlaps(span) } }
      .sorted { $0.span.start < $1.span.start }
  }
}
