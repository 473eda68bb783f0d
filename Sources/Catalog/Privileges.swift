// Who may do what: lists of grants as objects carry them, the roles that somebody acts with, and the questions that statements ask.
// Source: PostgreSQL manual, 5.7 "Privileges", 22.3 "Role Membership"; its acl.c for what is granted from the beginning.

import SQLTypes

public struct Privileges: OptionSet, Sendable, Hashable {
  public let rawValue: UInt16
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  public static let select = Privileges(rawValue: 1 << 0)
  public static let insert = Privileges(rawValue: 1 << 1)
  public static let update = Privileges(rawValue: 1 << 2)
  public static let delete = Privileges(rawValue: 1 << 3)
  public static let truncate = Privileges(rawValue: 1 << 4)
  public static let references = Privileges(rawValue: 1 << 5)
  public static let trigger = Privileges(rawValue: 1 << 6)
  public static let usage = Privileges(rawValue: 1 << 7)
  public static let create = Privileges(rawValue: 1 << 8)
  public static let connect = Privileges(rawValue: 1 << 9)
  public static let temporary = Privileges(rawValue: 1 << 10)

  public static let execute = Privileges(rawValue: 1 << 11)

  public static let ofTables: Privileges = [.insert, .select, .update, .delete, .truncate, .references, .trigger]
  public static let ofSequences: Privileges = [.select, .update, .usage]
  public static let ofSchemas: Privileges = [.usage, .create]
  public static let ofDatabases: Privileges = [.create, .temporary, .connect]
  public static let ofColumns: Privileges = [.select, .insert, .update, .references]

  /// Their words and the letters that stand for them in lists, in the order of those.
  private static let all: [(privilege: Privileges, word: String, letter: Character)] = [
    (.insert, "insert", "a"), (.select, "select", "r"), (.update, "update", "w"), (.delete, "delete", "d"),
    (.truncate, "truncate", "D"), (.references, "references", "x"), (.trigger, "trigger", "t"), (.usage, "usage", "U"),
    (.create, "create", "C"), (.temporary, "temporary", "T"), (.connect, "connect", "c"),
    (.execute, "execute", "X"),
  ]

  public static func named(_ word: String) -> Privileges? {
    all.first { $0.word == word || (word == "temp" && $0.word == "temporary") }?.privilege
  }

  /// `arw`; those that may be passed on with an asterisk.
  func letters(grantable: Privileges) -> String {
    Self.all.filter { contains($0.privilege) }
      .map { grantable.contains($0.privilege) ? "\($0.letter)*" : "\($0.letter)" }.joined()
  }
}

/// What one role has given to another, or to everybody.
public struct Grant: Sendable, Hashable {
  /// Invalid: PUBLIC.
  public var grantee: OID
  public var grantor: OID
  public var privileges: Privileges
  /// Those of them that the grantee may give on.
  public var grantable: Privileges

  public init(grantee: OID, grantor: OID, privileges: Privileges, grantable: Privileges = []) {
    self.grantee = grantee
    self.grantor = grantor
    self.privileges = privileges
    self.grantable = grantable
  }
}

/// A privilege that a statement needs.
public struct AccessRequirement: Sendable, Hashable {
  public var relation: OID
  public var privilege: Privileges
  /// Enough if it is there for each of these; empty: for any column.
  public var columns: [UInt32]
  /// In whose name a view reads; nil: the current role's.
  public var owner: OID?

  public init(relation: OID, privilege: Privileges, columns: [UInt32] = [], owner: OID? = nil) {
    self.relation = relation
    self.privilege = privilege
    self.columns = columns
    self.owner = owner
  }
}

extension TableDescriptor {
  /// All that its owner has over it.
  var ownersPrivileges: Privileges { if case .sequence = kind { .ofSequences } else { .ofTables } }

  /// Its grants, the owner's among them.
  var grants: [Grant] {
    acl ?? [Grant(grantee: owner, grantor: owner, privileges: ownersPrivileges)]
  }
}

extension SchemaDescriptor {
  var grants: [Grant] {
    if let acl { return acl }
    let own = Grant(grantee: owner, grantor: owner, privileges: .ofSchemas)
    // The system's and the first one are open to all.
    let isOpen = database == .invalid || owner == .databaseOwnerRole
    return isOpen ? [own, Grant(grantee: .invalid, grantor: owner, privileges: .usage)] : [own]
  }
}

extension CatalogView {
  /// The roles whose rights a role has: itself, and those that it inherits from.
  func rolesActed(by oid: OID, includingNoInherit: Bool = false) -> Set<OID> {
    var found: Set<OID> = [oid]
    var next = [oid]
    while let current = next.popLast() {
      guard let role = snapshot.role(current), role.inherits || includingNoInherit else { continue }
      for group in role.memberOf where found.insert(group.role).inserted { next.append(group.role) }
    }
    if found.contains(snapshot.database(database)?.owner ?? .invalid) { found.insert(.databaseOwnerRole) }
    return found
  }

  /// Which privileges a role has of those that a list grants.
  func privileges(of role: OID, by grants: [Grant]) -> (held: Privileges, grantable: Privileges) {
    let roles = rolesActed(by: role)
    var (held, grantable): (Privileges, Privileges) = ([], [])
    for grant in grants where grant.grantee == .invalid || roles.contains(grant.grantee) {
      held.formUnion(grant.privileges)
      grantable.formUnion(grant.grantable)
    }
    return (held, grantable)
  }

  public func holds(_ privilege: Privileges, on table: TableDescriptor, role: OID? = nil, columns: [UInt32] = [])
    -> Bool
  {
    let role = role ?? userOID
    if snapshot.role(role)?.isSuperuser == true { return true }
    if table.isVirtual { return privilege == .select }
    if privileges(of: role, by: table.grants).held.contains(privilege) { return true }
    func holds(_ column: ColumnDescriptor) -> Bool { privileges(of: role, by: column.acl).held.contains(privilege) }
    let visible = table.columns.filter { !$0.isHidden }
    return columns.isEmpty
      ? visible.contains(where: holds)
      : columns.allSatisfy { id in visible.contains { $0.id == id && holds($0) } }
  }

  /// Over the relation as a whole: grants on columns do not count.
  public func holdsWhole(_ privilege: Privileges, on table: TableDescriptor) -> Bool {
    if isSuperuser { return true }
    if table.isVirtual { return privilege == .select }
    return privileges(of: userOID, by: table.grants).held.contains(privilege)
  }

  public func holds(_ privilege: Privileges, on schema: SchemaDescriptor, role: OID? = nil) -> Bool {
    let role = role ?? userOID
    if snapshot.role(role)?.isSuperuser == true { return true }
    return privileges(of: role, by: schema.grants).held.contains(privilege)
  }

  /// Error 42501 unless what a statement needs is there.
  public func check(_ requirements: [AccessRequirement]) throws(SQLError) {
    for requirement in requirements {
      guard let table = snapshot.relation(requirement.relation) else { continue }
      guard holds(requirement.privilege, on: table, role: requirement.owner, columns: requirement.columns) else {
        throw .permissionDenied(table)
      }
    }
  }

  /// Error 42501 unless the current role has one of these privileges over a sequence.
  public func require(anyOf wanted: [Privileges], onSequence oid: OID) throws(SQLError) {
    if isSuperuser { return }
    guard let table = snapshot.relation(oid), !wanted.contains(where: { holds($0, on: table) }) else { return }
    throw .permissionDenied(table)
  }

  /// Whether `member` may become `role`.
  public func isMember(_ member: OID, of role: OID) -> Bool {
    snapshot.role(member)?.isSuperuser == true || rolesActed(by: member, includingNoInherit: true).contains(role)
  }
}

extension SQLError {
  static func permissionDenied(_ table: TableDescriptor) -> SQLError {
    SQLError(.insufficientPrivilege, "permission denied for \(table.kindName) \(table.name)")
  }
}

/// GRANT or REVOKE, resolved.
public struct PrivilegeChange: Sendable {
  public enum Target: Sendable, Hashable {
    case relation(OID), schema(OID), database(OID)
  }
  public var targets: [Target] = []
  /// Nil: all that there are for the target.
  public var privileges: Privileges?
  /// Privileges over single columns, by name.
  public var columnPrivileges: [(privileges: Privileges, columns: [String])] = []
  /// Invalid: PUBLIC.
  public var grantees: [OID] = []
  public var isGrant = true
  /// WITH GRANT OPTION, or GRANT OPTION FOR.
  public var isForOption = false

  public init() {}
}

extension CatalogWriter {
  public func change(_ change: PrivilegeChange, _ notices: inout [SQLError]) throws(SQLError) {
    for target in change.targets {
      switch target {
      case .relation(let oid):
        let table = try table(oid)
        if table.isVirtual, !view.isSuperuser { throw .permissionDenied(table) }
        let grantor = try grantor(table.owner, table.grants, of: "\(table.kindName) \(table.name)")
        let changed = try table.changed { (draft) throws(SQLError) in
          let wanted = change.privileges ?? table.ownersPrivileges
          if change.columnPrivileges.isEmpty || !wanted.isEmpty {
            draft.acl = edited(table.grants, wanted, change, grantor)
          }
          if !change.isGrant, !change.isForOption {
            // What is taken of the whole is taken of its columns.
            for index in draft.columns.indices where !draft.columns[index].acl.isEmpty {
              draft.columns[index].acl = edited(draft.columns[index].acl, wanted, change, grantor)
            }
          }
          for (privileges, names) in change.columnPrivileges {
            for name in names {
              guard let index = draft.columns.firstIndex(where: { $0.name == name && !$0.isHidden }) else {
                throw .undefinedColumn(name, of: table.name)
              }
              draft.columns[index].acl = edited(draft.columns[index].acl, privileges, change, grantor)
            }
          }
        }
        apply(put: [.relation(changed)])
      case .schema(let oid):
        guard var schema = view.schema(oid) else { continue }
        let grantor = try grantor(schema.owner, schema.grants, of: "schema \(schema.name)")
        schema.acl = edited(schema.grants, change.privileges ?? .ofSchemas, change, grantor)
        apply(put: [.schema(schema)])
      case .database(let oid):
        guard let database = view.snapshot.database(oid) else { continue }
        try requireOwner(database.owner, "database \(database.name)")
        notices.append(
          SQLError(.successfulCompletion, "privileges of databases are not kept: everybody may connect"))
      }
    }
  }

  /// In whose name a grant is made: the owner's, or that of who may pass it on. Error 42501.
  private func grantor(_ owner: OID, _ grants: [Grant], of what: String) throws(SQLError) -> OID {
    if view.acts(for: owner) { return owner }
    if view.privileges(of: view.userOID, by: grants).grantable.isEmpty {
      throw SQLError(.insufficientPrivilege, "permission denied for \(what)")
    }
    return view.userOID
  }

  private func edited(_ grants: [Grant], _ wanted: Privileges, _ change: PrivilegeChange, _ grantor: OID) -> [Grant] {
    var result = grants
    for grantee in change.grantees {
      if change.isGrant {
        let grantable: Privileges = change.isForOption ? wanted : []
        if let known = result.firstIndex(where: { $0.grantee == grantee && $0.grantor == grantor }) {
          result[known].privileges.formUnion(wanted)
          result[known].grantable.formUnion(grantable)
        } else {
          result.append(Grant(grantee: grantee, grantor: grantor, privileges: wanted, grantable: grantable))
        }
      } else {
        for index in result.indices where result[index].grantee == grantee && result[index].grantor == grantor {
          result[index].grantable.subtract(wanted)
          if !change.isForOption { result[index].privileges.subtract(wanted) }
        }
        result.removeAll { $0.privileges.isEmpty }
      }
    }
    return result
  }

  /// Makes roles members of others, or no more.
  public func changeMembership(
    of members: [OID], in roles: [OID], isGrant: Bool, adminOption: Bool, _ notices: inout [SQLError]
  ) throws(SQLError) {
    for oid in roles {
      guard let role = view.snapshot.role(oid) else { continue }
      let own = view.snapshot.role(named: view.user)
      let isAdministrator = own?.memberOf.contains { $0.role == oid && $0.isAdministrator } ?? false
      guard own?.isSuperuser == true || (own?.createsRoles == true && !role.isSuperuser) || isAdministrator else {
        throw SQLError(
          .insufficientPrivilege,
          role.isSuperuser
            ? "must be superuser to alter superusers" : "must have admin option on role \"\(role.name)\"")
      }
      for memberOID in members {
        guard var member = view.snapshot.role(memberOID) else { continue }
        if isGrant {
          if memberOID == oid || view.rolesActed(by: oid, includingNoInherit: true).contains(memberOID) {
            throw SQLError(
              .invalidGrantOperation, "role \"\(role.name)\" is a member of role \"\(member.name)\"")
          }
          if let known = member.memberOf.firstIndex(where: { $0.role == oid }) {
            if member.memberOf[known].isAdministrator || !adminOption {
              notices.append(
                SQLError(
                  .successfulCompletion, "role \"\(member.name)\" is already a member of role \"\(role.name)\""))
              continue
            }
            member.memberOf[known].isAdministrator = true
          } else {
            member.memberOf.append(RoleMembership(role: oid, isAdministrator: adminOption))
          }
        } else {
          guard let known = member.memberOf.firstIndex(where: { $0.role == oid }) else {
            notices.append(
              SQLError(
                .successfulCompletion, "role \"\(member.name)\" is not a member of role \"\(role.name)\""))
            continue
          }
          if adminOption { member.memberOf[known].isAdministrator = false } else { member.memberOf.remove(at: known) }
        }
        apply(put: [.role(member)])
      }
    }
  }
}

extension DescriptorCoding {
  static func write(_ grants: [Grant], _ tag: UInt64, _ out: inout FieldWriter) {
    for grant in grants {
      out.message(tag) {
        $0.oid(1, grant.grantee)
        $0.oid(2, grant.grantor)
        $0.integer(3, Int64(grant.privileges.rawValue))
        $0.integer(4, Int64(grant.grantable.rawValue))
      }
    }
  }

  static func readGrant(_ bytes: UnsafeRawBufferPointer) -> Grant? {
    var grant = Grant(grantee: .invalid, grantor: .invalid, privileges: [])
    func privileges(_ value: FieldValue) -> Privileges? {
      value.integer.flatMap { UInt16(exactly: $0) }.map { Privileges(rawValue: $0) }
    }
    let isWhole = readFields(bytes) { tag, value in
      switch tag {
      case 1: value.oid.store(in: &grant.grantee)
      case 2: value.oid.store(in: &grant.grantor)
      case 3: privileges(value).store(in: &grant.privileges)
      case 4: privileges(value).store(in: &grant.grantable)
      default: true
      }
    }
    return isWhole ? grant : nil
  }
}

extension CatalogView {
  /// A list of grants as `aclitem[]`: `{alice=arwdDxt/alice,=r/alice}`.
  func text(_ grants: [Grant]) -> String {
    "{"
      + grants.map { grant in
        let grantee = grant.grantee == .invalid ? "" : quoteIdentifier(roleDisplayName(grant.grantee))
        return
          "\(grantee)=\(grant.privileges.letters(grantable: grant.grantable))/\(quoteIdentifier(roleDisplayName(grant.grantor)))"
      }.joined(separator: ",") + "}"
  }
}
