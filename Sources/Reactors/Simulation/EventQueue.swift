// HOT: the events of a simulation, soonest first; those of one moment in the order in which they came.
// A binary heap over (time, sequence). The order is total, so a run is a function of what was pushed.
// The heap moves plain numbers; what an event carries stays in its slot, so that sifting counts no references.

/// A queue of events in virtual time.
struct EventQueue<Payload> {
  struct Event {
    /// Nanoseconds since the beginning of the simulation.
    var time: Int64
    var sequence: UInt64
    var payload: Payload
  }

  private struct Entry {
    var time: Int64
    var sequence: UInt64
    var slot: Int

    @inline(__always)
    func isBefore(_ other: Entry) -> Bool {
      time < other.time || (time == other.time && sequence < other.sequence)
    }
  }

  private var heap: [Entry] = []
  private var payloads: [Payload?] = []
  private var freeSlots: [Int] = []

  var isEmpty: Bool { heap.isEmpty }
  var count: Int { heap.count }
  var nextTime: Int64? { heap.first?.time }

  mutating func push(_ event: Event) {
    let entry = Entry(time: event.time, sequence: event.sequence, slot: keep(event.payload))
    var position = heap.count
    heap.append(entry)
    while position > 0 {
      let parent = (position - 1) / 2
      guard entry.isBefore(heap[parent]) else { break }
      heap[position] = heap[parent]
      position = parent
    }
    heap[position] = entry
  }

  mutating func pop() -> Event? {
    guard let last = heap.popLast() else { return nil }
    guard let first = heap.first else { return take(last) }
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
    return take(first)
  }

  private mutating func keep(_ payload: Payload) -> Int {
    guard let slot = freeSlots.popLast() else {
      payloads.append(payload)
      return payloads.count - 1
    }
    payloads[slot] = payload
    return slot
  }

  private mutating func take(_ entry: Entry) -> Event {
    guard let payload = payloads[entry.slot].take() else { preconditionFailure("an event without its slot") }
    freeSlots.append(entry.slot)
    return Event(time: entry.time, sequence: entry.sequence, payload: payload)
  }
}
