// The options of COPY, checked as PostgreSQL checks them.
// Source: PostgreSQL manual, "COPY".

import SQLTypes

/// How rows are written in a COPY stream.
public struct CopyOptions: Sendable, Hashable {
  public enum Format: Sendable, Hashable { case text, csv }
  public enum Header: Sendable, Hashable { case no, yes, match }

  public var format = Format.text
  public var delimiter = UInt8(ascii: "\t")
  public var null: [UInt8] = Array("\\N".utf8)
  public var header = Header.no
  public var quote = UInt8(ascii: "\"")
  public var escape = UInt8(ascii: "\"")
  /// Columns, by position among those copied, that are always quoted (CSV out), never NULL, or NULL even if quoted (CSV in).
  public var forceQuote: Set<Int> = []
  public var forceNotNull: Set<Int> = []
  public var forceNull: Set<Int> = []

  public init() {}

  /// The value of an option as it was written.
  public enum Value: Sendable, Hashable {
    /// `FREEZE`, `HEADER`: no value means true.
    case none
    /// `FORMAT csv`, `DELIMITER ','`, `HEADER on`, `HEADER 1`.
    case text(String)
    /// `FORCE_QUOTE (a, b)`
    case columns([String])
    /// `FORCE_QUOTE *`
    case all
  }

  /// Reads options by name in the order given.
  /// - Parameters:
  ///   - columns: names of the columns copied, in order.
  ///   - table: the table's name and all its columns; nil for a query.
  ///   - isFrom: `COPY … FROM`.
  /// - Throws: 42601, 22023, 0A000, 42703, 42P10 with PostgreSQL's messages.
  public init(
    _ options: [(name: String, value: Value)], columns: [String], table: (name: String, columns: [String])?,
    isFrom: Bool
  ) throws(SQLError) {
    self.init()
    var given: Set<String> = []
    var delimiter: String?
    var null: String?
    var quote: String?
    var escape: String?
    var lists: [(name: String, value: Value)] = []
    for option in options {
      let name = option.name.lowercased()
      if !given.insert(name).inserted { throw SQLError(.syntaxError, "conflicting or redundant options") }
      switch name {
      case "format":
        switch try CopyOptions.text(option.value, name) {
        case "text": format = .text
        case "csv": format = .csv
        case "binary": throw SQLError(.featureNotSupported, "COPY format \"binary\" is not supported")
        case let other: throw SQLError(.invalidParameterValue, "COPY format \"\(other)\" not recognized")
        }
      case "freeze": _ = try CopyOptions.bool(option.value, name)
      case "delimiter": delimiter = try CopyOptions.text(option.value, name)
      case "null": null = try CopyOptions.text(option.value, name)
      case "header":
        if case .text(let text) = option.value, text.lowercased() == "match" {
          if !isFrom { throw SQLError(.featureNotSupported, "cannot use \"match\" with HEADER in COPY TO") }
          header = .match
        } else {
          header = try CopyOptions.bool(option.value, name) ? .yes : .no
        }
      case "quote": quote = try CopyOptions.text(option.value, name)
      case "escape": escape = try CopyOptions.text(option.value, name)
      case "force_quote", "force_not_null", "force_null": lists.append((name, option.value))
      case "encoding":
        let encoding = try CopyOptions.text(option.value, name).lowercased().filter { $0 != "-" && $0 != "_" }
        if encoding != "utf8" && encoding != "unicode" {
          throw SQLError(.featureNotSupported, "encoding other than UTF8 is not supported")
        }
      default: throw SQLError(.syntaxError, "option \"\(option.name)\" not recognized")
      }
    }
    let isCSV = format == .csv
    self.delimiter = isCSV ? UInt8(ascii: ",") : UInt8(ascii: "\t")
    if let delimiter {
      guard delimiter.utf8.count == 1, let byte = delimiter.utf8.first else {
        throw SQLError(.featureNotSupported, "COPY delimiter must be a single one-byte character")
      }
      self.delimiter = byte
    }
    self.null = Array((null ?? (isCSV ? "" : "\\N")).utf8)
    if [0x0A, 0x0D].contains(self.delimiter) {
      throw SQLError(.invalidParameterValue, "COPY delimiter cannot be newline or carriage return")
    }
    if self.null.contains(0x0A) || self.null.contains(0x0D) {
      throw SQLError(.invalidParameterValue, "COPY null representation cannot use newline or carriage return")
    }
    if !isCSV && Array("\\.abcdefghijklmnopqrstuvwxyz0123456789".utf8).contains(self.delimiter) {
      throw SQLError(.invalidParameterValue, "COPY delimiter cannot be \"\(delimiter ?? "")\"")
    }
    if !isCSV && quote != nil { throw SQLError(.featureNotSupported, "COPY quote available only in CSV mode") }
    if let quote {
      guard quote.utf8.count == 1, let byte = quote.utf8.first else {
        throw SQLError(.featureNotSupported, "COPY quote must be a single one-byte character")
      }
      self.quote = byte
    }
    if isCSV && self.quote == self.delimiter {
      throw SQLError(.invalidParameterValue, "COPY delimiter and quote must be different")
    }
    if !isCSV && escape != nil { throw SQLError(.featureNotSupported, "COPY escape available only in CSV mode") }
    self.escape = self.quote
    if let escape {
      guard escape.utf8.count == 1, let byte = escape.utf8.first else {
        throw SQLError(.featureNotSupported, "COPY escape must be a single one-byte character")
      }
      self.escape = byte
    }
    for (name, value) in lists {
      let words = name.split(separator: "_").joined(separator: " ")
      if !isCSV { throw SQLError(.featureNotSupported, "COPY \(words) available only in CSV mode") }
      if name == "force_quote" && isFrom {
        throw SQLError(.featureNotSupported, "COPY force quote only available using COPY TO")
      }
      if name != "force_quote" && !isFrom {
        throw SQLError(.featureNotSupported, "COPY \(words) only available using COPY FROM")
      }
      var positions: Set<Int> = []
      switch value {
      case .all where name == "force_quote": positions = Set(columns.indices)
      case .columns(let names):
        for column in names {
          guard let position = columns.firstIndex(of: column) else {
            guard table?.columns.contains(column) == true else {
              let place = table.map { " of relation \"\($0.name)\"" } ?? ""
              throw SQLError(.undefinedColumn, "column \"\(column)\"\(place) does not exist")
            }
            throw SQLError(
              .invalidColumnReference, "\(name.uppercased()) column \"\(column)\" not referenced by COPY")
          }
          positions.insert(position)
        }
      default:
        throw SQLError(.invalidParameterValue, "argument to option \"\(name)\" must be a list of column names")
      }
      switch name {
      case "force_quote": forceQuote = positions
      case "force_not_null": forceNotNull = positions
      default: forceNull = positions
      }
    }
    if self.null.contains(self.delimiter) {
      throw SQLError(.featureNotSupported, "COPY delimiter must not appear in the NULL specification")
    }
    if isCSV && self.null.contains(self.quote) {
      throw SQLError(.featureNotSupported, "CSV quote character must not appear in the NULL specification")
    }
  }

  private static func text(_ value: Value, _ name: String) throws(SQLError) -> String {
    guard case .text(let text) = value else { throw SQLError(.syntaxError, "\(name) requires a parameter") }
    return text
  }

  private static func bool(_ value: Value, _ name: String) throws(SQLError) -> Bool {
    if case .none = value { return true }
    if case .text(let text) = value {
      switch text.lowercased() {
      case "true", "on", "1": return true
      case "false", "off", "0": return false
      default: break
      }
    }
    throw SQLError(.syntaxError, "\(name) requires a Boolean value\(name == "header" ? " or \"match\"" : "")")
  }
}
