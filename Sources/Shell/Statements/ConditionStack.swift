// `\if`, `\elif`, `\else`, `\endif`: which parts of a script are read and which are skipped.

struct ConditionStack {
  private struct Branch {
    var isActive: Bool
    /// Whether some branch was taken, or none may be since the whole stands in a skipped one.
    var isDecided: Bool
    var sawElse = false
  }

  private var branches: [Branch] = []

  var isActive: Bool { branches.last?.isActive ?? true }
  var isEmpty: Bool { branches.isEmpty }

  mutating func begin(_ condition: Bool) {
    branches.append(Branch(isActive: isActive && condition, isDecided: !isActive || condition))
  }

  /// Whether the condition after `\elif` has to be looked at.
  var wantsCondition: Bool { branches.last.map { !$0.isDecided } ?? false }

  mutating func otherwise(if condition: Bool) throws(ShellFailure) {
    guard var branch = branches.popLast() else { throw ShellFailure("\\elif: no matching \\if") }
    let failure = branch.sawElse ? ShellFailure("\\elif: cannot occur after \\else") : nil
    branch.isActive = !branch.isDecided && condition
    branch.isDecided = branch.isDecided || condition
    branches.append(branch)
    if let failure { throw failure }
  }

  mutating func otherwise() throws(ShellFailure) {
    guard var branch = branches.popLast() else { throw ShellFailure("\\else: no matching \\if") }
    let failure = branch.sawElse ? ShellFailure("\\else: cannot occur after \\else") : nil
    branch.isActive = !branch.isDecided
    branch.isDecided = true
    branch.sawElse = true
    branches.append(branch)
    if let failure { throw failure }
  }

  mutating func end() throws(ShellFailure) {
    if branches.popLast() == nil { throw ShellFailure("\\endif: no matching \\if") }
  }
}
