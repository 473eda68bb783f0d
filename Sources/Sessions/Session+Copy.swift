// COPY between a table, or a query, and the client.
// Source: PostgreSQL manual, COPY and 55.2.6 "COPY Operations".

import Catalog
import Execution
import Planning
import SQLSyntax
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
    _ target: CopyInto, _ written: [UtilityOption], _ active: ActiveTransaction, _ catalog: CatalogView
  ) async throws(SQLError) {
    let names = target.fields.map { target.table.columns[$0].name }
    let options = try CopyOptions(
      Self.values(of: written), columns: names,
      table: (target.table.name, target.table.columns.filter { !$0.isHidden }.map(\.name)), isFrom: true)
    active.depend(on: target.dependencies)
    try catalog.check(target.requirements)
    let context = executionContext(parameters: [], active, catalog)
    var into = CopyTarget(
      table: target.table, fields: target.fields, values: target.values, checks: target.checks,
      predicates: target.predicates)
    into.references = target.references
    into.statement = target.statement
    into.partitions = target.partitions
    into.filter = target.filter
    let copy = try CopyIn(into, options, context)
    client.sendCopyIn(columnCount: target.fields.count, isBinary: false)
    while let piece = try await client.receiveCopyData() {
      if let interruption { throw interruption }
      try await copy.receive(piece)
    }
    let count = try await copy.finish()
    client.send(commandTag: "COPY \(count)")
  }

  private func copyOut(
    _ query: QueryPlan, _ written: [UtilityOption], _ active: ActiveTransaction, _ catalog: CatalogView
  ) async throws(SQLError) {
    try requireWritable(active, query)
    let options = try CopyOptions(
      Self.values(of: written), columns: query.columns.map(\.name), table: nil, isFrom: false)
    var encoder = CopyEncoder(
      columns: query.columns.map { (name: $0.name, type: $0.type) }, options: options,
      settings: outputSettings(for: query.columns))
    let execution = try begin(query, parameters: [], active, catalog)
    client.sendCopyOut(columnCount: query.columns.count, isBinary: false)
    var lines: [UInt8] = []
    encoder.encodeHeader(into: &lines)
    if !lines.isEmpty { lines.withUnsafeBytes { client.send(copyData: $0) } }
    var count = 0
    while let batch = try await execution.next() {
      encoder.encode(batch) { client.send(copyData: $0) }
      count += batch.rowCount
      if client.mustDrain { try await client.drain() }
    }
    client.sendCopyDone()
    client.send(commandTag: "COPY \(count)")
  }

  /// The options as the codec reads them.
  private static func values(of options: [UtilityOption]) -> [(name: String, value: CopyOptions.Value)] {
    options.map { option in
      let value: CopyOptions.Value =
        switch option.value {
        case nil: .none
        case .string(let text)?, .word(let text)?: .text(text)
        case .integer(let number)?: .text(String(number))
        case .numeric(let text)?: .text(text)
        case .all?: .all
        case .list(let list)?:
          .columns(
            list.compactMap { item in
              switch item {
              case .word(let name), .string(let name): name
              default: nil
              }
            })
        }
      return (option.name, value)
    }
  }
}
