// A set of peers as a sorted array: a handful of ids, one allocation, the same order of iteration everywhere.
// Invariant: strictly ascending.

/// A sorted set of peers.
public struct PeerSet: Hashable, Sendable {
  public private(set) var ids: [PeerID]

  public init() { ids = [] }

  /// Takes ids in any order; repetitions count once.
  public init(_ unordered: some Sequence<PeerID>) {
    ids = []
    for id in unordered { insert(id) }
  }

  private func position(of id: PeerID) -> Int {
    var position = 0
    while position < ids.count, ids[position] < id { position += 1 }
    return position
  }

  public func contains(_ id: PeerID) -> Bool {
    let position = position(of: id)
    return position < ids.count && ids[position] == id
  }

  public mutating func insert(_ id: PeerID) {
    let position = position(of: id)
    guard position == ids.count || ids[position] != id else { return }
    ids.insert(id, at: position)
  }

  public mutating func remove(_ id: PeerID) {
    let position = position(of: id)
    guard position < ids.count, ids[position] == id else { return }
    ids.remove(at: position)
  }

  public func union(_ other: PeerSet) -> PeerSet {
    if other.isEmpty { return self }
    var result = self
    for id in other { result.insert(id) }
    return result
  }

  /// How many peers are in one of the sets but not in the other.
  public func differenceCount(_ other: PeerSet) -> Int {
    ids.count { !other.contains($0) } + other.ids.count { !contains($0) }
  }
}

extension PeerSet: RandomAccessCollection {
  public var startIndex: Int { 0 }
  public var endIndex: Int { ids.count }
  public subscript(position: Int) -> PeerID { ids[position] }
}

extension PeerSet: ExpressibleByArrayLiteral, CustomStringConvertible {
  public init(arrayLiteral elements: PeerID...) { self.init(elements) }

  public var description: String { "(" + ids.map(\.description).joined(separator: " ") + ")" }
}
