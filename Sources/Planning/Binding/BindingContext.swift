// What one statement's binding shares at every level: the catalog, its text for error positions, parameters and their types,
// the columns made so far, CTEs in use, privileges to check, sequences drawn from.

import Catalog
import Expressions
import SQLSyntax
import SQLTypes

/// What is known of a column of the query beyond its id.
struct ColumnInfo: Sendable {
  var name: String
  /// The alias of the table it comes from, for EXPLAIN.
  var qualifier: String?
  var type: SQLType
  var isNullable: Bool
  /// For RowDescription.
  var table: OID = .invalid
  var attribute: Int16 = 0
}

/// Thrown inside as this error, and seen by the caller as `PlannedStatement.needsLiterals`: the meaning of the statement
/// depends on a literal that was taken out of it.
let literalNeeded = SQLError(.internalError, "the statement's meaning depends on an extracted literal")

final class BindingContext {
  let names: CatalogNames
  let source: [UInt8]
  let settings: FormatSettings
  /// Types of parameters, as far as they are decided.
  let parameters: ParameterTypes
  /// Whether parameters beyond those declared may be used (their types are inferred).
  let allowsParameters: Bool
  var columns: [ColumnInfo] = []
  var sharedCount = 0
  /// INSERT, UPDATE and DELETE in WITH, in order: each runs once, whether it is read or not.
  var modifications: [SharedQuery] = []
  /// Whether a literal was read by rules of the session (time zone, date order, 'now').
  var dependsOnSettings = false
  /// Columns that a rewrite replaced by others.
  var renames: [ColumnID: ColumnID] = [:]
  /// How deep views are nested, to stop before the stack does.
  var viewDepth = 0
  /// Whether literals were taken out of the statement for the plan cache; they are its parameters.
  var sawExtractedLiteral = false
  /// When the statement says that it reads.
  var asOf: AsOfClause?
  /// Each relation that a FROM of the statement's own text names, in order.
  var relationMentions: [(name: QualifiedName, table: TableDescriptor)] = []

  /// What names mean in each part of the statement's own text, by where it begins; kept for a view's definition alone.
  private(set) var scopes: [Int: Scope]?

  /// The columns that each NATURAL join pairs, likewise.
  private(set) var naturalNames: [Int: [String]] = [:]

  /// The columns that each join with USING makes of two, where it computes them.
  private(set) var mergedColumns: [Int: [ColumnID]] = [:]

  func keepScopes() { scopes = [:] }

  func noteMerged(_ columns: [ColumnID], at position: SourcePosition) {
    if scopes != nil, viewDepth == 0, !columns.isEmpty { mergedColumns[Int(position.offset)] = columns }
  }

  func noteNatural(_ names: [String], at position: SourcePosition) {
    if scopes != nil, viewDepth == 0 { naturalNames[Int(position.offset)] = names }
  }

  func noteScope(_ scope: Scope, at position: SourcePosition) {
    if scopes != nil, viewDepth == 0, frames.isEmpty { scopes?[Int(position.offset)] = scope }
  }

  /// The functions in SQL whose bodies are being bound, the innermost last.
  var frames: [FunctionFrame] = []
  /// What every part of the statement may name as it may its WITH queries.
  var ambient: [VisibleCTE] = []
  /// The rows that a rule's actions see, while they are bound.
  var ruleRows: RuleRows?
  var rulesUnderWay: [(table: OID, event: RuleDescriptor.Event)] = []
  /// Whether what is bound is a statement of WITH that changes rows.
  var isInWith = false
  /// Primary keys that GROUP BY relies on.
  var neededKeys: Set<OID> = []
  /// Columns that expressions name.
  var mentioned: Set<ColumnID> = []
  /// What is done with which relations, and the ids of their columns here.
  private var accesses: [(requirement: AccessRequirement, table: TableDescriptor, columns: [ColumnID], always: Bool)] =
    []
  /// In whose name the view that is being bound reads.
  var viewOwner: OID?

  /// Notes that a relation is read; `always`: even if no column of it is named.
  func noteReading(_ table: TableDescriptor, _ columns: [ColumnID], always: Bool) {
    if table.isVirtual { return }
    let requirement = AccessRequirement(relation: table.oid, privilege: .select, owner: viewOwner)
    accesses.append((requirement, table, columns, always))
  }

  /// Notes that rows are written; `ordinals`: the columns that are given values.
  func noteWriting(_ privilege: Privileges, _ table: TableDescriptor, ordinals: [Int] = []) {
    let columns = ordinals.map { table.columns[$0].id }
    let requirement = AccessRequirement(
      relation: table.oid, privilege: privilege, columns: columns, owner: viewOwner)
    accesses.append((requirement, table, [], true))
  }

  /// The privileges that the statement needs.
  var requirements: [AccessRequirement] {
    var found: [AccessRequirement] = []
    for access in accesses {
      var requirement = access.requirement
      for (column, id) in zip(access.table.columns.filter { !$0.isHidden }, access.columns) where mentioned.contains(id)
      {
        requirement.columns.append(column.id)
      }
      if !access.always && requirement.columns.isEmpty { continue }
      if !found.contains(requirement) { found.append(requirement) }
    }
    return found
  }

  init(
    names: CatalogNames, source: [UInt8], settings: FormatSettings, parameterTypes: [SQLType?],
    allowsParameters: Bool = true
  ) {
    self.names = names
    self.source = source
    self.settings = settings
    parameters = ParameterTypes(declared: parameterTypes.map { $0 ?? .unknown })
    self.allowsParameters = allowsParameters
  }

  func makeColumn(
    _ name: String, _ type: SQLType, isNullable: Bool = true, qualifier: String? = nil, table: OID = .invalid,
    attribute: Int16 = 0
  ) -> ColumnID {
    columns.append(
      ColumnInfo(
        name: name, qualifier: qualifier, type: type.valueType, isNullable: isNullable, table: table,
        attribute: attribute))
    return columns.count - 1
  }

  func column(_ id: ColumnID) -> ScalarExpression { .column(id, columns[id].type) }

  func error(
    _ state: SQLState, _ message: String, detail: String? = nil, hint: String? = nil, at position: SourcePosition
  ) -> SQLError {
    locate(SQLError(state, message, detail: detail, hint: hint), position)
  }

  /// The error with a position, unless it has one.
  func locate(_ error: SQLError, _ position: SourcePosition) -> SQLError {
    position.offset < 0 ? error : error.at(byteOffset: Int(position.offset), of: source)
  }

  /// Runs `body`; errors without a position get this one.
  func located<T>(_ position: SourcePosition, _ body: () throws(SQLError) -> T) throws(SQLError) -> T {
    do { return try body() } catch { throw locate(error, position) }
  }

  func unsupported(_ what: String, at position: SourcePosition = .unknown) -> SQLError {
    error(.featureNotSupported, "\(what) not supported yet", at: position)
  }
}
