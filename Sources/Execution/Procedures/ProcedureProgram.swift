// A function's body in PL/pgSQL as it is kept between calls: its statements, and the plans of the parts that ran so far. A plan is good
// for the names and types that it was made with; where a record takes another shape there is another plan.

import Catalog
import Expressions
import Planning
import SQLSyntax
import SQLTypes

/// Functions and plans, made against the transaction's catalog.
public protocol ProcedureLibrary: AnyObject {
  /// The program of a function. Errors of its syntax, and 42883.
  func program(of function: OID) throws(SQLError) -> ProcedureProgram
  func plan(
    _ expression: Expression, as type: SQLType?, _ names: ProcedureNames, in function: FunctionDescriptor,
    source: [UInt8]
  ) throws(SQLError) -> ProcedureValue
  /// Error 0A000 for a statement that is no query.
  func plan(
    _ statement: Statement, _ names: ProcedureNames, in function: FunctionDescriptor, source: [UInt8]
  ) throws(SQLError) -> QueryPlan
  /// A plan is about to run: its dependencies, privileges and writes are those of the transaction.
  func admit(_ plan: QueryPlan) throws(SQLError)
  func planCast(from source: SQLType, to target: SQLType) throws(SQLError) -> ScalarExpression
  func type(
    of kind: ProcedureVariable.Kind, _ names: ProcedureNames, in function: FunctionDescriptor
  ) throws(SQLError) -> SQLType?
  func schemaName(of table: TableDescriptor) -> String
  func send(notice: SQLError, severity: String)
}

public final class ProcedureProgram {
  public let function: FunctionDescriptor
  let block: ProcedureBlock
  let source: [UInt8]

  struct Part: Hashable {
    var number: Int
    var names: Int
    /// What an expression's value is assigned to.
    var type: SQLType?
  }

  private var shapes: [ProcedureNames: Int] = [:]
  var values: [Part: ProcedureValue] = [:]
  var queries: [Part: QueryPlan] = [:]
  var casts: [Conversion: ScalarExpression] = [:]

  struct Conversion: Hashable {
    var source: SQLType
    var target: SQLType
  }

  public init(_ function: FunctionDescriptor) throws(SQLError) {
    self.function = function
    source = Array(function.body.utf8)
    block = try Parser.parseProcedure(source)
  }

  /// Carries it out for its effects.
  public func run(_ context: ExecutionContext) async throws(SQLError) {
    try await ProcedureRun(self, context, arguments: []).run()
  }

  /// The number that these names have here.
  func number(of names: ProcedureNames) -> Int {
    if let known = shapes[names] { return known }
    // Records may take any number of shapes.
    if shapes.count >= 256 {
      shapes.removeAll()
      values.removeAll()
      queries.removeAll()
    }
    shapes[names] = shapes.count
    return shapes.count - 1
  }
}
