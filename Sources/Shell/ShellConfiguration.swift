// What the command line tells the shell.

/// How a shell starts.
public struct ShellConfiguration: Sendable {
  /// What to run instead of reading standard input, in order.
  public enum Action: Sendable {
    /// A string of SQL, or one backslash command.
    case command(String)
    /// A file; `-` is standard input.
    case file(String)
  }

  public var url: ConnectionURL
  /// The shell's own version, for its banner.
  public var version: String
  public var actions: [Action] = []
  public var variables: [(name: String, value: String)] = []
  public var print = PrintOptions()
  public var outputFile: String?
  public var usesHistory = true
  /// Whether `~/.meridianrc` is read first.
  public var readsStartFile = true
  /// Whether the actions run in one transaction.
  public var isSingleTransaction = false

  public init(url: ConnectionURL, version: String) {
    self.url = url
    self.version = version
  }
}
