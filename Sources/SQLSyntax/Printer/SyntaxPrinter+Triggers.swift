// CREATE TRIGGER, CREATE RULE, and their DROPs.

extension SyntaxPrinter {
  mutating func createTrigger(_ trigger: CreateTriggerStatement) {
    word("CREATE")
    if trigger.orReplace { word("OR REPLACE") }
    if trigger.isConstraint { word("CONSTRAINT") }
    word("TRIGGER")
    name(trigger.name)
    switch trigger.timing {
    case .before: word("BEFORE")
    case .after: word("AFTER")
    case .insteadOf: word("INSTEAD OF")
    }
    for (index, occasion) in trigger.occasions.enumerated() {
      if index > 0 { word("OR") }
      switch occasion {
      case .insert: word("INSERT")
      case .delete: word("DELETE")
      case .truncate: word("TRUNCATE")
      case .update(let columns):
        word("UPDATE")
        if !columns.isEmpty {
          word("OF")
          names(columns)
        }
      }
    }
    word("ON")
    name(trigger.table)
    if let referenced = trigger.referenced {
      word("FROM")
      name(referenced)
    }
    attributes(trigger.attributes)
    if !trigger.transitions.isEmpty { word("REFERENCING") }
    for transition in trigger.transitions {
      word(transition.isNew ? "NEW" : "OLD")
      word(transition.isTable ? "TABLE AS" : "ROW AS")
      name(transition.name)
    }
    word(trigger.isRow ? "FOR EACH ROW" : "FOR EACH STATEMENT")
    if let condition = trigger.condition {
      word("WHEN")
      parenthesized { $0.expression(condition) }
    }
    word("EXECUTE FUNCTION")
    name(trigger.function)
    parenthesized { $0.list(trigger.arguments) { $0.string($1) } }
  }

  mutating func dropFromTable(_ drop: DropFromTableStatement) {
    word("DROP \(drop.kind.rawValue.uppercased())")
    ifExists(drop.ifExists)
    name(drop.name)
    word("ON")
    name(drop.table)
    behavior(drop.behavior)
  }

  mutating func createRule(_ rule: CreateRuleStatement) {
    word(rule.orReplace ? "CREATE OR REPLACE RULE" : "CREATE RULE")
    name(rule.name)
    word("AS ON \(rule.event.rawValue.uppercased()) TO")
    name(rule.table)
    if let condition = rule.condition {
      word("WHERE")
      expression(condition)
    }
    word(rule.isInstead ? "DO INSTEAD" : "DO ALSO")
    if rule.actions.isEmpty {
      word("NOTHING")
    } else if rule.actions.count == 1 {
      statement(rule.actions[0])
    } else {
      parenthesized { printer in
        for action in rule.actions {
          printer.statement(action)
          printer.tight(";")
        }
      }
    }
  }
}
