// GRANT and REVOKE with their objects, roles and privileges found. Source: PostgreSQL manual, GRANT, REVOKE; its aclchk.c.

import Catalog
import SQLSyntax
import SQLTypes

extension SchemaPlanner {
  func planGrant(_ statement: GrantStatement) throws(SQLError) -> SchemaOperation {
    var change = PrivilegeChange()
    change.isGrant = statement.isGrant
    change.isForOption = statement.grantOption
    for name in statement.grantees {
      if case .public = name {
        if statement.isGrant && statement.grantOption {
          throw SQLError(.invalidGrantOperation, "grant options can only be granted to roles")
        }
        change.grantees.append(.invalid)
      } else {
        change.grantees.append(try role(name))
      }
    }
    let allowed: Privileges
    let kind: String
    switch statement.target {
    case .objects(.schema, let names):
      (allowed, kind) = (.ofSchemas, "schema")
      for name in names { change.targets.append(.schema(try catalog.schema(required: name.name.text).oid)) }
    case .objects(.database, let names):
      (allowed, kind) = (.ofDatabases, "database")
      for name in names {
        guard let database = catalog.snapshot.database(named: name.name.text) else {
          throw SQLError(.invalidCatalogName, "database \"\(name.name.text)\" does not exist")
        }
        change.targets.append(.database(database.oid))
      }
    case .objects(let object, let names) where [.table, .view, .sequence].contains(object):
      for name in names {
        let relation = try context.located(.unknown) { () throws(SQLError) in try binder.names.relation(name) }
        if object == .sequence, relation.kindName != "sequence" {
          throw SQLError(.wrongObjectType, "\"\(relation.name)\" is not a sequence")
        }
        change.targets.append(.relation(relation.oid))
      }
      // GRANT on a table may name a sequence.
      (allowed, kind) = object == .sequence ? (.ofSequences, "sequence") : ([.ofTables, .usage], "relation")
    case .allInSchemas(let what, let names) where what == "tables" || what == "sequences":
      for name in names {
        let schema = try catalog.schema(required: name.text)
        for relation in catalog.snapshot.relations(in: schema.oid)
        where (relation.kindName == "sequence") == (what == "sequences") {
          change.targets.append(.relation(relation.oid))
        }
      }
      (allowed, kind) = what == "sequences" ? (.ofSequences, "sequence") : (.ofTables, "relation")
    case .routines, .allInSchemas, .objects:
      throw context.unsupported("privileges of these objects are")
    }
    if !statement.privileges.isEmpty {
      var whole: Privileges = []
      for item in statement.privileges {
        guard let privilege = Privileges.named(item.name) else {
          throw SQLError(.syntaxError, "unrecognized privilege type \"\(item.name)\"")
        }
        guard allowed.contains(privilege) else {
          throw SQLError(.invalidGrantOperation, "invalid privilege type \(item.name.uppercased()) for \(kind)")
        }
        if item.columns.isEmpty {
          whole.insert(privilege)
        } else {
          guard Privileges.ofColumns.contains(privilege) else {
            throw SQLError(.invalidGrantOperation, "invalid privilege type \(item.name.uppercased()) for column")
          }
          change.columnPrivileges.append((privilege, item.columns.map(\.text)))
        }
      }
      change.privileges = whole
    } else if !statement.allColumns.isEmpty {
      change.privileges = []
      change.columnPrivileges = [(.ofColumns, statement.allColumns.map(\.text))]
    }
    return .changePrivileges(change)
  }
}
