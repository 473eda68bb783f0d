// HOT: the events of a simulation, soonest first; those of one moment in the order in which they came.
// A binary heap over (time, sequence). The order is total, so a run is a function of what was pushed.

/// A queue of events in virtual time.
struct EventQueue<Payload> {
  struct Event {
    /// Nanoseconds since the beginning of the simulation.
    var time: Int64
    var sequence: UInt64
    var payload: Payload

    func isBefore(_ other: Event) -> Bool {
      time < other.time || (time == other.time && sequence < other.sequence)
    }
  }

  private var heap: [Event] = []

  var isEmpty: Bool { heap.isEmpty }
  var count: Int { heap.count }
  var nextTime: Int64? { heap.first?.time }

  mutating func push(_ event: Event) {
    heap.append(event)
    var position = heap.count - 1
    while position > 0 {
      let parent = (position - 1) / 2
      guard heap[position].isBefore(heap[parent]) else { return }
      heap.swapAt(position, parent)
      position = parent
    }
  }

  mutating func pop() -> Event? {
    guard let last = heap.popLast() else { return nil }
    guard let first = heap.first else { return last }
    var position = 0
    let count = heap.count
    while true {
      var child = 2 * position + 1
      guard child < count else { break }
      if child + 1 < count, heap[child + 1].isBefore(heap[child]) { child += 1 }
      guard heap[child].isBefore(last) else { break }
      heap[position] = heap[child]
      position = child
    }
    heap[position] = last
    return first
  }
}
