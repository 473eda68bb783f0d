// What heartbeats carry about clocks.
//
//   question   flags | signed varints: sent, by the asker's oscillator; earliest, latest; read
//   answer     flags | signed varints: earliest, latest; sent and earliest as asked; floor; read
//
//   read    when the node last read whether transactions are ordered as they happen (`RealTimeOrderSwitch`); earlier versions say nothing
//
//   flags   1  the interval is known; the two numbers are 0 otherwise
//           2  cluster time is gone by
//           4  the node has cluster time
//           8  question: a promise is asked for; answer: it is given
//          16  answer: the node is the reference
// Whoever reads one ignores what follows.

import Clocks

struct ClockQuestion: Equatable {
  var sent: Int64
  var interval: ClockInterval?
  var goesByClusterTime: Bool
  var ask: ClusterTime.Ask
  var orderRead: Int64 = 0

  var bytes: [UInt8] {
    var writer = RangeWriter()
    writer.bytes.append(
      (interval == nil ? 0 : 1) | (goesByClusterTime ? 2 : 0) | (ask.hasTime ? 4 : 0) | (ask.wantsLease ? 8 : 0))
    writer.putSigned(sent)
    writer.put(claim: interval)
    writer.putSigned(orderRead)
    return writer.bytes
  }

  init(sent: Int64, interval: ClockInterval?, goesByClusterTime: Bool, ask: ClusterTime.Ask, orderRead: Int64 = 0) {
    self.orderRead = orderRead
    self.sent = sent
    self.interval = interval
    self.goesByClusterTime = goesByClusterTime
    self.ask = ask
  }

  init?(_ bytes: [UInt8]) {
    let decoded = try? bytes.withUnsafeBytes { (raw) throws(MalformedMessage) -> ClockQuestion in
      var reader = RangeReader(raw)
      let flags = try reader.byte()
      return ClockQuestion(
        sent: try reader.signed(), interval: try reader.claim(isKnown: flags & 1 != 0),
        goesByClusterTime: flags & 2 != 0,
        ask: ClusterTime.Ask(wantsLease: flags & 8 != 0, hasTime: flags & 4 != 0),
        orderRead: reader.isAtEnd ? 0 : try reader.signed())
    }
    guard let decoded else { return nil }
    self = decoded
  }
}

struct ClockAnswer: Equatable {
  var interval: ClockInterval?
  var goesByClusterTime: Bool
  /// Of the question: when it was sent, and what the asker's `earliest` was then.
  var sent: Int64
  var asked: Int64
  var answer: ClusterTime.Answer
  var orderRead: Int64 = 0

  var bytes: [UInt8] {
    var writer = RangeWriter()
    writer.bytes.append(
      (interval == nil ? 0 : 1) | (goesByClusterTime ? 2 : 0) | (answer.hasTime ? 4 : 0) | (answer.isPromised ? 8 : 0)
        | (answer.isReference ? 16 : 0))
    writer.put(claim: interval)
    writer.putSigned(sent)
    writer.putSigned(asked)
    writer.putSigned(answer.floor)
    writer.putSigned(orderRead)
    return writer.bytes
  }

  init(
    interval: ClockInterval?, goesByClusterTime: Bool, sent: Int64, asked: Int64, answer: ClusterTime.Answer,
    orderRead: Int64 = 0
  ) {
    self.orderRead = orderRead
    self.interval = interval
    self.goesByClusterTime = goesByClusterTime
    self.sent = sent
    self.asked = asked
    self.answer = answer
  }

  init?(_ bytes: [UInt8]) {
    let decoded = try? bytes.withUnsafeBytes { (raw) throws(MalformedMessage) -> ClockAnswer in
      var reader = RangeReader(raw)
      let flags = try reader.byte()
      let interval = try reader.claim(isKnown: flags & 1 != 0)
      let (sent, asked) = (try reader.signed(), try reader.signed())
      return ClockAnswer(
        interval: interval, goesByClusterTime: flags & 2 != 0, sent: sent, asked: asked,
        answer: ClusterTime.Answer(
          isPromised: flags & 8 != 0, hasTime: flags & 4 != 0, floor: try reader.signed(),
          isReference: flags & 16 != 0),
        orderRead: reader.isAtEnd ? 0 : try reader.signed())
    }
    guard let decoded else { return nil }
    self = decoded
  }
}

extension RangeWriter {
  mutating func put(claim: ClockInterval?) {
    putSigned(claim?.earliest ?? 0)
    putSigned(claim?.latest ?? 0)
  }
}

extension RangeReader {
  mutating func claim(isKnown: Bool = true) throws(MalformedMessage) -> ClockInterval? {
    let (earliest, latest) = (try signed(), try signed())
    guard earliest <= latest else { throw MalformedMessage() }
    return isKnown ? ClockInterval(earliest: earliest, latest: latest) : nil
  }
}
