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
    /// The bit of the field step in which the value may hold the column's exact form, or 0.
    var exactForm: UInt64
  }

  private struct FieldStep {
    var columnID: UInt32
    var info: TypeInfo
    var target: Int
    /// Not 0: the column is in the key, where to look if the field is absent; else an absent field is NULL.
    var keyBit: UInt64
  }

  private let table: TableDescriptor
  private let codec: IndexCodec
  private var keySteps: [KeyStep] = []
  private var suffixSteps: [KeyStep] = []
  private var fieldSteps: [FieldStep] = []
  private var kinds: [PhysicalKind] = []
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
      var keyBit: UInt64 = 0
      if keyIDs.contains(field.columnID) {
        let number = fieldSteps.count { $0.keyBit != 0 }
        // No index that can be made has as many: 32, and those of the primary key behind them.
        guard number < 64 else { throw SQLError(.tooManyColumns, "cannot use more than 32 columns in an index") }
        keyBit = 1 << UInt64(number)
      }
      fieldSteps.append(FieldStep(columnID: field.columnID, info: field.info, target: target, keyBit: keyBit))
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
          exactForm: target < 0 ? 0 : fieldSteps.first { $0.columnID == column.columnID }?.keyBit ?? 0))
    }
    while steps.last?.target == -1 { steps.removeLast() }
    return steps
  }

  /// The rows of `block` in `rows` as a batch.
  func decode(_ block: borrowing KeyValueBlock, rows: Range<Int>) throws(SQLError) -> Batch {
    var batch = Batch(columns: kinds.map { ColumnVector($0, capacity: rows.count) }, rowCount: 0, unchecked: ())
    let prefixCount = codec.prefix.count
    var scratch: ColumnVector?
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
          let absent = fieldSteps.isEmpty ? 0 : try decodeFields(fields, &batch.columns)
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

  /// Returns the bits of the field steps, of key columns, that were absent.
  @inline(__always)
  private func decodeFields(
    _ bytes: UnsafeRawBufferPointer, _ columns: inout [ColumnVector]
  ) throws(SQLError) -> UInt64 {
    var absent: UInt64 = 0
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
        step += 1
      }
    }
    if decoder.isDamaged { throw codec.damaged(table) }
    while step < fieldSteps.count {
      markAbsent(step, &columns, &absent)
      step += 1
    }
    return absent
  }

  @inline(__always)
  private func markAbsent(_ step: Int, _ columns: inout [ColumnVector], _ absent: inout UInt64) {
    if fieldSteps[step].keyBit != 0 {
      absent |= fieldSteps[step].keyBit
    } else {
      columns[fieldSteps[step].target].appendNull()
    }
  }

  @inline(__always)
  private func decodeKey(
    _ steps: [KeyStep], _ reader: inout ByteReader, _ columns: inout [ColumnVector], _ absent: UInt64,
    _ scratch: inout ColumnVector?
  ) throws(SQLError) {
    do throws(SQLError) {
      for step in steps {
        if step.target >= 0 && (step.exactForm == 0 || absent & step.exactForm != 0) {
          try step.info.decodeKey(
            &reader, descending: step.isDescending, modifier: step.modifier, into: &columns[step.target])
        } else {
          // What stands in the key and is not asked for has to be read over.
          if scratch?.kind != step.info.kind { scratch = ColumnVector(step.info.kind) }
          scratch!.removeAll()
          try step.info.decodeKey(&reader, descending: step.isDescending, modifier: step.modifier, into: &scratch!)
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
