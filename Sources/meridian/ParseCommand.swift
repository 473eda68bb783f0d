// `meridian parse`: what the parser understood, printed again. The other half of Scripts/parser-oracle.

import ArgumentParser
import Foundation
import SQLSyntax
import SQLTypes

struct ParseCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "parse",
    abstract: "Print SQL as the parser understood it.",
    discussion: "Reads SQL from standard input; prints its statements, one a line, or the error with its position.")

  @Flag(
    name: .customLong("null"), help: "Texts are separated by zero bytes, in and out; an error stops only its own text.")
  var isNullSeparated = false

  mutating func run() throws {
    let input = [UInt8](FileHandle.standardInput.readDataToEndOfFile())
    guard isNullSeparated else {
      let printed = Self.printed(input)
      print(printed.text)
      if printed.isError { throw ExitCode.failure }
      return
    }
    var output: [UInt8] = []
    for text in input.split(separator: 0, omittingEmptySubsequences: false) {
      output += Self.printed(Array(text)).text.utf8
      output.append(0)
    }
    FileHandle.standardOutput.write(Data(output))
  }

  private static func printed(_ sql: [UInt8]) -> (text: String, isError: Bool) {
    do {
      let statements = try Parser.parse(sql)
      return (
        statements.map { String(decoding: SyntaxPrinter.print($0.statement), as: UTF8.self) + ";" }.joined(
          separator: "\n"), false
      )
    } catch {
      let place = error.position.map { " at character \($0)" } ?? ""
      return ("ERROR: \(error.state): \(error.message)\(place)", true)
    }
  }
}
