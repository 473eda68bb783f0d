// CREATE FUNCTION and DROP FUNCTION.

extension SyntaxPrinter {
  mutating func createFunction(_ function: CreateFunctionStatement) {
    word(function.orReplace ? "CREATE OR REPLACE FUNCTION" : "CREATE FUNCTION")
    name(function.name)
    let inputs = function.parameters.filter { $0.mode != .table }
    parenthesized { $0.list(inputs) { $0.parameter($1) } }
    if function.returnsTable {
      word("RETURNS TABLE")
      parenthesized {
        $0.list(function.parameters.filter { $0.mode == .table }) { printer, parameter in
          if let name = parameter.name { printer.name(name) }
          printer.type(parameter.type)
        }
      }
    } else if let type = function.returns {
      word("RETURNS")
      self.type(type)
    }
    if let language = function.language {
      word("LANGUAGE")
      name(language)
    }
    switch function.volatility {
    case nil: break
    case .immutable: word("IMMUTABLE")
    case .stable: word("STABLE")
    case .volatile: word("VOLATILE")
    }
    if let isStrict = function.isStrict { word(isStrict ? "STRICT" : "CALLED ON NULL INPUT") }
    if function.isWindow { word("WINDOW") }
    for option in function.others { other(option) }
    switch function.body {
    case nil: break
    case .text(let texts):
      word("AS")
      list(texts) { $0.string($1) }
    case .value(let value):
      word("RETURN")
      expression(value)
    case .atomic(let statements):
      word("BEGIN ATOMIC")
      for statement in statements {
        self.statement(statement)
        tight(";")
      }
      word("END")
    }
  }

  private mutating func parameter(_ parameter: FunctionParameter) {
    switch parameter.mode {
    case .input, .table: break
    case .output: word("OUT")
    case .both: word("INOUT")
    case .variadic: word("VARIADIC")
    }
    if let name = parameter.name { self.name(name) }
    type(parameter.type)
    if let value = parameter.defaultValue {
      word("DEFAULT")
      expression(value)
    }
  }

  private mutating func other(_ option: UtilityOption) {
    switch (option.name, option.value) {
    case ("leakproof", .word(let flag)): word(flag == "true" ? "LEAKPROOF" : "NOT LEAKPROOF")
    case ("security", .word(let flag)): word(flag == "true" ? "SECURITY DEFINER" : "SECURITY INVOKER")
    case ("parallel", .word(let how)):
      word("PARALLEL")
      name(Identifier(how))
    case (let name, .numeric(let number)): word("\(name.uppercased()) \(number)")
    default: break
    }
  }

  mutating func dropFunction(_ drop: DropFunctionStatement) {
    word("DROP FUNCTION")
    ifExists(drop.ifExists)
    list(drop.functions) { printer, function in
      printer.name(function.name)
      if let types = function.argumentTypes { printer.parenthesized { $0.list(types) { $0.type($1) } } }
    }
    if drop.behavior == .cascade { word("CASCADE") }
  }
}
