// What EXPLAIN was asked to show. Source: PostgreSQL manual, EXPLAIN; messages are PostgreSQL's.

import SQLSyntax
import SQLTypes

public struct ExplainOptions: Sendable, Hashable {
  public enum Format: String, Sendable, Hashable { case text }
  /// Run the statement and show what really happened.
  public var isAnalyze = false
  public var isVerbose = false
  public var showsCosts = true
  public var showsBuffers = false
  /// Times of nodes, with `isAnalyze`.
  public var showsTiming = true
  /// Planning and execution time.
  public var showsSummary = false
  public var format = Format.text

  public init() {}

  init(_ options: [UtilityOption], _ context: BindingContext) throws(SQLError) {
    var summary: Bool?
    var timing: Bool?
    for option in options {
      func boolean() throws(SQLError) -> Bool {
        switch option.value {
        case nil: return true
        case .integer(0)?: return false
        case .integer(1)?: return true
        case .word(let word)?, .string(let word)?:
          switch word.lowercased() {
          case "true", "on": return true
          case "false", "off": return false
          default: break
          }
        default: break
        }
        throw SQLError(.syntaxError, "\(option.name) requires a Boolean value")
      }
      switch option.name {
      case "analyze", "analyse": isAnalyze = try boolean()
      case "verbose": isVerbose = try boolean()
      case "costs": showsCosts = try boolean()
      case "buffers": showsBuffers = try boolean()
      case "timing": timing = try boolean()
      case "summary": summary = try boolean()
      case "settings", "wal": _ = try boolean()
      case "format":
        guard case .word(let name)? = option.value ?? .word("") else {
          throw context.error(
            .invalidParameterValue, "unrecognized value for EXPLAIN option \"format\"", at: option.position)
        }
        switch name.lowercased() {
        case "text": format = .text
        case "json", "xml", "yaml":
          throw context.unsupported("EXPLAIN in format \(name.lowercased()) is", at: option.position)
        default:
          throw context.error(
            .invalidParameterValue, "unrecognized value for EXPLAIN option \"format\": \"\(name)\"",
            at: option.position)
        }
      default:
        throw context.error(.syntaxError, "unrecognized EXPLAIN option \"\(option.name)\"", at: option.position)
      }
    }
    if timing == true && !isAnalyze { throw SQLError(.invalidParameterValue, "EXPLAIN option TIMING requires ANALYZE") }
    showsTiming = timing ?? isAnalyze
    showsSummary = summary ?? isAnalyze
  }
}
