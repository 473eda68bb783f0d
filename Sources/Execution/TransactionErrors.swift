// The border between the transaction's errors and what clients see: SQLSTATE, PostgreSQL's words, and in the detail what
// collided, with keys told as tables and rows. The only place that makes a `SQLError` of a `TransactionError`.

import Catalog
import Encoding
import SQLTypes
import Transactions

extension SQLError {
  /// - Parameter relation: finds a table's descriptor by OID, to name what a key belongs to.
  public init(_ error: TransactionError, relation: (OID) -> TableDescriptor?) {
    switch error {
    case .retry(let reason, let key):
      self.init(
        .serializationFailure, "could not serialize access due to concurrent transactions",
        detail: SQLError.collision(reason, key, relation), hint: "The transaction might succeed if retried.")
    case .deadlock(let edges):
      self.init(
        .deadlockDetected, "deadlock detected",
        detail: KeyMention.replace(in: edges) { key in
          guard let place = SQLError.location(of: key, relation) else { return "key \(KeyText.text(key))" }
          let row = place.row.map { ", key (\($0.columns))=(\($0.values))" } ?? ""
          return "table \"\(place.table.name)\"\(row)"
        }, hint: "See server log for query details.")
    case .lockNotAvailable(let key, let timedOut):
      if timedOut {
        self.init(.lockNotAvailable, "canceling statement due to lock timeout")
      } else if let table = SQLError.location(of: key, relation)?.table {
        self.init(.lockNotAvailable, "could not obtain lock on row in relation \"\(table.name)\"")
      } else {
        self.init(.lockNotAvailable, "could not obtain lock on row")
      }
    case .cancelled:
      self.init(.queryCanceled, "canceling statement due to user request")
    case .ambiguousCommit(let reason):
      self.init(
        .statementCompletionUnknown, "whether the transaction was committed is not known", detail: sentence(reason))
    case .limit(let reason):
      self.init(.programLimitExceeded, "a limit of the transaction was exceeded", detail: sentence(reason))
    case .unavailable(let reason):
      self.init(.cannotConnectNow, "the data is not available now", detail: sentence(reason))
    }
  }

  private static func collision(_ reason: String, _ key: Key?, _ relation: (OID) -> TableDescriptor?) -> String {
    guard let key else { return sentence(reason) }
    guard let place = location(of: key, relation) else { return "\(sentence(reason)) Key: \(key)." }
    if let row = place.row {
      return "\(sentence(reason)) Table \"\(place.table.name)\", key (\(row.columns))=(\(row.values))."
    }
    return "\(sentence(reason)) Table \"\(place.table.name)\"."
  }

  /// The table that a key belongs to, and the names and values of the index columns in it if they can be read.
  private static func location(
    of key: Key, _ relation: (OID) -> TableDescriptor?
  ) -> (table: TableDescriptor, row: (columns: String, values: String)?)? {
    key.bytes.withUnsafeBytes { bytes in
      var reader = ByteReader(bytes, offset: 1)
      guard bytes.first == KeyLayout.table(.invalid).bytes.first, let oid = reader.readOrderedUInt64(),
        let table = relation(OID(UInt32(truncatingIfNeeded: oid)))
      else { return nil }
      guard let index = reader.readOrderedUInt64(),
        let descriptor = table.allIndexes.first(where: { UInt64($0.id) == index }),
        let codec = try? TableCodec(table).index(descriptor.id)
      else { return (table, nil) }
      var values: [String] = []
      for column in codec.columns {
        var vector = ColumnVector(column.info.kind)
        guard
          (try? column.info.decodeKey(
            &reader, descending: column.isDescending, modifier: column.modifier, into: &vector)) != nil
        else { return (table, nil) }
        values.append(RowText.value(vector, 0, column.info, .standard))
      }
      return (table, (codec.columns.map(\.name).joined(separator: ", "), values.joined(separator: ", ")))
    }
  }
}

/// Upper case at the beginning, a period at the end: PostgreSQL's style for details.
private func sentence(_ reason: String) -> String {
  guard let first = reason.first else { return reason }
  let text = first.uppercased() + reason.dropFirst()
  return text.hasSuffix(".") ? text : text + "."
}
