// HOT: the portals of a session by name. Most clients use the unnamed one alone, once for each statement: it has a place of its own.

struct PortalTable {
  private var unnamed: Portal?
  private var named: [String: Portal] = [:]

  subscript(name: String) -> Portal? {
    get { name.isEmpty ? unnamed : named[name] }
    set { if name.isEmpty { unnamed = newValue } else { named[name] = newValue } }
  }

  mutating func removeAll() {
    unnamed = nil
    if !named.isEmpty { named.removeAll() }
  }

  var hasNamed: Bool { !named.isEmpty }
  var names: [String] { named.keys.sorted() }

  /// The transaction is over: what it declared is gone, except for cursors that a commit holds.
  mutating func transactionEnds(isCommit: Bool) {
    unnamed = nil
    if named.isEmpty { return }
    for (name, portal) in named {
      if isCommit, portal.scroll?.isHold == true {
        portal.scroll?.isHeld = true
      } else if portal.scroll?.isHeld != true {
        named[name] = nil
      }
    }
  }
}
