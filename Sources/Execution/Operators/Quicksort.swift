// HOT: Bentley and McIlroy's quicksort, which PostgreSQL sorts with, too: what is equal comes out in the same order here and
// there where it goes in in the same order, so that a query whose ORDER BY leaves ties shows them alike.
// Source: J. L. Bentley, M. D. McIlroy, "Engineering a Sort Function", Software: Practice and Experience 23 (1993). Input that
// is in order already is left alone, as PostgreSQL does; the smaller part is sorted first, so that the stack stays small.

extension Array {
  /// Sorts by `compare`, which answers a negative number, zero or a positive one.
  mutating func quicksort(_ compare: (Element, Element) -> Int) {
    withUnsafeMutableBufferPointer { Self.quicksort($0, 0, $0.count, compare) }
  }

  private static func quicksort(
    _ items: UnsafeMutableBufferPointer<Element>, _ start: Int, _ end: Int, _ compare: (Element, Element) -> Int
  ) {
    var (start, end) = (start, end)
    while true {
      let count = end - start
      if count < 7 {
        for next in start..<end {
          var place = next
          while place > start, compare(items[place - 1], items[place]) > 0 {
            items.swapAt(place, place - 1)
            place -= 1
          }
        }
        return
      }
      if isSorted(items, start, end, compare) { return }
      items.swapAt(start, pivot(items, start, end, compare))

      // Equal to the pivot are start..<a and d+1..<end; less are a..<b, greater c+1...d.
      var (a, b) = (start + 1, start + 1)
      var (c, d) = (end - 1, end - 1)
      while true {
        while b <= c {
          let order = compare(items[b], items[start])
          if order > 0 { break }
          if order == 0 {
            items.swapAt(a, b)
            a += 1
          }
          b += 1
        }
        while b <= c {
          let order = compare(items[c], items[start])
          if order < 0 { break }
          if order == 0 {
            items.swapAt(c, d)
            d -= 1
          }
          c -= 1
        }
        if b > c { break }
        items.swapAt(b, c)
        b += 1
        c -= 1
      }
      // The equal ones go into the middle.
      exchange(items, start, b, count: Swift.min(a - start, b - a))
      exchange(items, b, end, count: Swift.min(d - c, end - d - 1))
      let (less, greater) = (b - a, d - c)
      if less <= greater {
        if less > 1 { quicksort(items, start, start + less, compare) }
        if greater <= 1 { return }
        start = end - greater
      } else {
        if greater > 1 { quicksort(items, end - greater, end, compare) }
        if less <= 1 { return }
        end = start + less
      }
    }
  }

  private static func isSorted(
    _ items: UnsafeMutableBufferPointer<Element>, _ start: Int, _ end: Int, _ compare: (Element, Element) -> Int
  ) -> Bool {
    for place in start + 1..<end where compare(items[place - 1], items[place]) > 0 { return false }
    return true
  }

  /// The middle one; of many the median of three, or of three medians of three.
  private static func pivot(
    _ items: UnsafeMutableBufferPointer<Element>, _ start: Int, _ end: Int, _ compare: (Element, Element) -> Int
  ) -> Int {
    let count = end - start
    var (low, middle, high) = (start, start + count / 2, end - 1)
    if count == 7 { return middle }
    if count > 40 {
      let step = count / 8
      low = median(items, low, low + step, low + 2 * step, compare)
      middle = median(items, middle - step, middle, middle + step, compare)
      high = median(items, high - 2 * step, high - step, high, compare)
    }
    return median(items, low, middle, high, compare)
  }

  private static func median(
    _ items: UnsafeMutableBufferPointer<Element>, _ a: Int, _ b: Int, _ c: Int, _ compare: (Element, Element) -> Int
  ) -> Int {
    if compare(items[a], items[b]) < 0 {
      return compare(items[b], items[c]) < 0 ? b : compare(items[a], items[c]) < 0 ? c : a
    }
    return compare(items[b], items[c]) > 0 ? b : compare(items[a], items[c]) < 0 ? a : c
  }

  /// Swaps the first `count` from `start` with the last `count` before `end`.
  private static func exchange(
    _ items: UnsafeMutableBufferPointer<Element>, _ start: Int, _ end: Int, count: Int
  ) {
    for offset in 0..<Swift.max(0, count) { items.swapAt(start + offset, end - count + offset) }
  }
}
