// Functions whose value is the session's: identity, clocks, sequences, catalog, time zone, parameters.

import Expressions
import SQLTypes
import Testing

@Suite struct SessionFunctionTests {
  private let services = TestServices()

  private func value(_ text: String, _ change: (EvaluationContext) -> Void = { _ in }) throws -> String {
    let context = EvaluationContext(services: services)
    change(context)
    var builder = ExpressionBuilder()
    builder.settings = context.settings
    let expression = try MiniSyntax.parse(text, builder: builder)
    let value = try Evaluator.value(expression, context)
    let info = try #require(TypeInfo.find(expression.type.oid))
    return value.isNull ? "∅" : String(decoding: info.text(value, settings: context.settings), as: UTF8.self)
  }

  @Test func identity() throws {
    #expect(try value("current_user()") == "alice")
    #expect(try value("session_user()") == "bob")
    #expect(try value("current_database()") == "db")
    #expect(try value("current_schema()") == "public")
    #expect(try value("current_schemas(true)") == "{pg_catalog,public}")
    #expect(try value("current_setting('search_path')") == "public")
    #expect(try value("current_setting('nothing', true)") == "∅")
    #expect {
      try value("current_setting('nothing')")
    } throws: { ($0 as? SQLError)?.message == "unrecognized configuration parameter \"nothing\"" }
    #expect(try value("pg_get_indexdef(5::oid)") == "pg_get_indexdef/1")
    #expect {
      try value("has_table_privilege('alice', 't', 'select')")
    } throws: { ($0 as? SQLError)?.state == .internalError }
  }

  @Test func clocks() throws {
    let zone = try #require(TimeZoneRules.find("America/New_York"))
    func settle(_ context: EvaluationContext) {
      context.settings.timeZone = zone
      context.transactionTime = 647_524_800_000_000  // 2020-07-08 12:00:00 UTC
      context.statementTime = context.transactionTime + 1
    }
    #expect(try value("now()", settle) == "2020-07-08 08:00:00-04")
    #expect(try value("statement_timestamp()", settle) == "2020-07-08 08:00:00.000001-04")
    #expect(try value("current_date()", settle) == "2020-07-08")
    #expect(try value("localtimestamp()", settle) == "2020-07-08 08:00:00")
    #expect(try value("date_trunc('day', now())", settle) == "2020-07-08 00:00:00-04")
    #expect(try value("('2020-03-07 12:00'::timestamptz + '1 day'::interval)", settle) == "2020-03-08 12:00:00-04")
    #expect(try value("('2020-03-07 12:00'::timestamptz + '24 hours'::interval)", settle) == "2020-03-08 13:00:00-04")
    #expect(try value("to_char(now(), 'HH24:MI TZ OF')", settle) == "08:00 EDT -04")
    #expect(try value("timezone('UTC', now())", settle) == "2020-07-08 12:00:00")
  }

  @Test func sequencesAndRandomness() throws {
    #expect(try value("nextval(7::oid)") == "1")
    #expect(try value("nextval(7::oid)") == "2")
    #expect(try value("currval(7::oid)") == "2")
    #expect(try value("setval(7::oid, 41)") == "41")
    #expect(try value("nextval(7::oid)") == "42")
    #expect(try value("gen_random_uuid()") { $0.random = { 0 } } == "00000000-0000-4000-8000-000000000000")
    #expect(try value("random()") { $0.random = { 1 << 63 } } == "0.5")
    // A volatile function with constant arguments is computed for each row.
    let call = try MiniSyntax.parse("nextval(9::oid)")
    let context = EvaluationContext(services: services)
    #expect(
      try Evaluator.evaluate(call, Batch(columns: [], rowCount: 3), context) == ColumnVector(int64s: [1, 2, 3]))
  }

  @Test func parametersTakeTheTypesOfTheirPlaces() throws {
    let parameters = ParameterTypes(declared: [.unknown])
    let builder = ExpressionBuilder(parameters: parameters)
    let sum = try builder.operator("+", .column(0, .int4), .parameter(0, parameters.type(0)))
    #expect(sum.type == .int4)
    #expect(parameters.types == [.int4])
    #expect {
      try builder.coerce(.parameter(0, .unknown), to: .text, .implicit)
    } throws: { error in
      let error = error as? SQLError
      return error?.message == "inconsistent types deduced for parameter $1" && error?.detail == "integer versus text"
    }
    let context = EvaluationContext(services: services)
    context.parameters = [.int64(4)]
    let batch = Batch(columns: [ColumnVector(int64s: [1, 2])], rowCount: 2)
    #expect(try Evaluator.evaluate(sum, batch, context) == ColumnVector(int64s: [5, 6]))
  }

  @Test func runawayPatternsEnd() throws {
    #expect {
      try value("((repeat('a', 60) || 'b') ~ '^(a|aa)+$')")
    } throws: { ($0 as? SQLError)?.state == .statementTooComplex }
  }
}
