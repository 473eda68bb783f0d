// HOT: rows out of blocks of keys and values, straight into column vectors, only the columns that are wanted.
// Fields come by ascending column id and so do the wanted ones: one merge per row, no lookup. A key column whose value
// may also stand in the value (see `IndexCodec`) is read from there first, from the key if it is absent.
// Damage is error XX001, never a trap.

import Catalog
import Encoding
import SQLTypes

/// Which parts of an index's entries become which columns of a batch. A class, so that handing it on costs one count and not one for each
/// of its lists.
final class RowDecoding {
  private struct KeyStep {
    var info: TypeInfo
    var modifier: Int32
    var isDescending: Bool
    /// The output column, or -1: read over it.
    var target: Int
    /// Whether the value may hold the column's exact form.
    var fieldStep: Int
  }

  private struct FieldStep {
    var columnID: UInt32
    var info: TypeInfo
    var target: Int
    /// Absent means "look into the key" rather than NULL.
    var isInKey: Bool
  }

  private let table: TableDescriptor
  private let codec: IndexCodec
  private var keySteps: [KeyStep] = []
  private var suffixSteps: [KeyStep] = []
  private var fieldSteps: [FieldStep] = []
  private var kinds: [PhysicalKind] = []
  private var hasLossyKeys = false
  /// Wanted columns that entries of this index lack: always empty for a primary index.
  private(set) var missing: [UInt32] = []

  init(_ codec: IndexCodec, of table: TableCodec, columns wanted: [UInt32]) throws(SQLError) {
    self.table = table.table
    self.codec = codec
    // A column wanted twice is decoded once and copied.
    var targets: [UInt32: Int] = [:]
    for (target, id) in wanted.enumerated() {
      guard let ordinal = table.table.ordinal(ofColumn: id) else {
        throw SQLError(.undefinedColumn, "column \(id) of relation \"\(table.table.name)\" does not exist")
      }
      kinds.append(table.infos[ordinal].kind)
      if targets[id] == nil { targets[id] = target } else { copies.append((from: targets[id] ?? 0, to: target)) }
      if !codec.ordinals.contains(ordinal) { missing.append(id) }
    }
    let keyIDs = Set((codec.columns + codec.suffix).map(\.columnID))
    for field in codec.fields {
      guard let target = targets[field.columnID] else { continue }
      let isInKey = keyIDs.contains(field.columnID)
      hasLossyKeys = hasLossyKeys || isInKey
      fieldSteps.append(
        FieldStep(columnID: field.columnID, info: field.info, target: target, isInKey: isInKey))
    }
    var taken: Set<UInt32> = []
    keySteps = steps(codec.columns, targets, &taken)
    suffixSteps = steps(codec.suffix, targets, &taken)
  }

  private var copies: [(from: Int, to: Int)] = []

  private func steps(
    _ columns: [KeyColumn], _ targets: [UInt32: Int], _ taken: inout Set<UInt32>
  ) -> [KeyStep] {
    var steps: [KeyStep] = []
    for column in columns {
      let target = taken.insert(column.columnID).inserted ? targets[column.columnID] ?? -1 : -1
      steps.append(
        KeyStep(
          info: column.info, modifier: column.modifier, isDescending: column.isDescending, target: target,
          fieldStep: target < 0 ? -1 : fieldSteps.firstIndex { $0.columnID == column.columnID } ?? -1))
    }
    while steps.last?.target == -1 { steps.removeLast() }
    return steps
  }

  /// The rows of `block` in `rows` as a batch.
  func decode(_ block: borrowing KeyValueBlock, rows: Range<Int>) throws(SQLError) -> Batch {
    var batch = Batch(columns: kinds.map { ColumnVector($0, capacity: rows.count) }, rowCount: 0, unchecked: ())
    let prefixCount = codec.prefix.count
    /// Whether field step `i`, of a key column, was absent. Never empty: the empty array belongs to everybody, and would be copied for each row.
    var absent = [Bool](repeating: false, count: hasLossyKeys ? fieldSteps.count : 1)
    var scratch = ColumnVector(.int64)
    for row in rows {
      try block.withKey(row) { (key: UnsafeRawBufferPointer) throws(SQLError) in
        try block.withValue(row) { (value: UnsafeRawBufferPointer) throws(SQLError) in
          guard key.count >= prefixCount else { throw codec.damaged(table) }
          var suffix = key
          var fields = value
          if !codec.isPrimary {
            guard let parts = IndexCodec.suffix(key: key, value: value) else { throw codec.damaged(table) }
            (suffix, fields) = parts
          }
          if !fieldSteps.isEmpty { try decodeFields(fields, &batch.columns, &absent) }
          if !keySteps.isEmpty {
            var reader = ByteReader(key, offset: prefixCount)
            try decodeKey(keySteps, &reader, &batch.columns, absent, &scratch)
          }
          if !suffixSteps.isEmpty {
            var reader = ByteReader(suffix)
            try decodeKey(suffixSteps, &reader, &batch.columns, absent, &scratch)
          }
        }
      }
    }
    for copy in copies { batch.columns[copy.to] = batch.columns[copy.from] }
    batch.rowCount = rows.count
    return batch
  }

  @inline(__always)
  private func decodeFields(
    _ bytes: UnsafeRawBufferPointer, _ columns: inout [ColumnVector], _ absent: inout [Bool]
  ) throws(SQLError) {
    var decoder = RowDecoder(bytes)
    var step = 0
    while step < fieldSteps.count, let (id, field) = decoder.next() {
      while step < fieldSteps.count, fieldSteps[step].columnID < id {
        markAbsent(step, &columns, &absent)
        step += 1
      }
      if step < fieldSteps.count, fieldSteps[step].columnID == id {
        do throws(SQLError) {
          try fieldSteps[step].info.decodeField(field, into: &columns[fieldSteps[step].target])
        } catch {
          throw codec.damaged(table)
        }
        if hasLossyKeys { absent[step] = false }
        step += 1
      }
    }
    if decoder.isDamaged { throw codec.damaged(table) }
    while step < fieldSteps.count {
      markAbsent(step, &columns, &absent)
      step += 1
    }
  }

  @inline(__always)
  private func markAbsent(_ step: Int, _ columns: inout [ColumnVector], _ absent: inout [Bool]) {
    if fieldSteps[step].isInKey {
      absent[step] = true
    } else {
      columns[fieldSteps[step].target].appendNull()
    }
  }

  @inline(__always)
  private func decodeKey(
    _ steps: [KeyStep], _ reader: inout ByteReader, _ columns: inout [ColumnVector], _ absent: [Bool],
    _ scratch: inout ColumnVector
  ) throws(SQLError) {
    do throws(SQLError) {
      for step in steps {
        if step.target >= 0 && (step.fieldStep < 0 || absent[step.fieldStep]) {
          try step.info.decodeKey(
            &reader, descending: step.isDescending, modifier: step.modifier, into: &columns[step.target])
        } else {
          if scratch.kind != step.info.kind { scratch = ColumnVector(step.info.kind) }
          scratch.removeAll()
          try step.info.decodeKey(&reader, descending: step.isDescending, modifier: step.modifier, into: &scratch)
        }
      }
    } catch {
      throw codec.damaged(table)
    }
  }
}

extension Batch {
  /// A batch whose columns are filled in afterwards.
  init(columns: [ColumnVector], rowCount: Int, unchecked: Void) {
    self.init(columns: [], rowCount: 0)
    self.columns = columns
    self.rowCount = rowCount
  }
}
