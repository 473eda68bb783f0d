// COPY between a table, or a query, and the client.
// Source: PostgreSQL manual, COPY and 55.2.6 "COPY Operations".

import Catalog
import Execution
import Planning
import SQLTypes
import Transactions

extension Session {
  func runCopy(_ plan: CopyPlan, _ active: ActiveTransaction, _ catalog: CatalogView) async throws(SQLError) {
    switch plan {
    case .into(let target, let options):
      try requireWritable(active, "COPY FROM")
      try await copyIn(target, options, active, catalog)
    case .out(let query, let options): try await copyOut(query, options, active, catalog)
    }
  }

  private func copyIn(
    _ target: CopyTarget, _ options: CopyOptions, _ active: ActiveTransaction, _ catalog: CatalogView
  ) async throws(SQLError) {
    let context = executionContext(parameters: [], active, catalog)
    let copy = try CopyIn(target, options, context)
    client.sendCopyIn(columnCount: target.columns.count, isBinary: false)
    while let piece = try await client.receiveCopyData() {
      if let interruption { throw interruption }
      try await copy.receive(piece)
    }
    let count = try await copy.finish()
    client.send(commandTag: "COPY \(count)")
  }

  private func copyOut(
    _ query: QueryPlan, _ options: CopyOptions, _ active: ActiveTransaction, _ catalog: CatalogView
  ) async throws(SQLError) {
    try requireWritable(active, query)
    var encoder = CopyEncoder(
      columns: query.columns.map { (name: $0.name, type: $0.type) }, options: options, settings: settings.format)
    let execution = try begin(query, parameters: [], active, catalog)
    client.sendCopyOut(columnCount: query.columns.count, isBinary: false)
    var lines: [UInt8] = []
    encoder.encodeHeader(into: &lines)
    var count = 0
    while let batch = try await execution.next() {
      encoder.encode(batch, into: &lines)
      count += batch.rowCount
      lines.withUnsafeBytes { client.send(copyData: $0) }
      lines.removeAll(keepingCapacity: true)
      try await client.drain()
    }
    if !lines.isEmpty { lines.withUnsafeBytes { client.send(copyData: $0) } }
    client.sendCopyDone()
    client.send(commandTag: "COPY \(count)")
  }
}
