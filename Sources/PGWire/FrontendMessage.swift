// What a client may say. Source: PostgreSQL manual, 55.7 "Message Formats".

import Sessions

/// A message from a client, its strings as raw bytes.
enum FrontendMessage: Sendable {
  case startup(major: Int, minor: Int, parameters: [(name: String, value: String)])
  case sslRequest
  case gssEncryptionRequest
  case cancelRequest(process: Int32, secret: Int32)
  case query([UInt8])
  case parse(name: String, query: [UInt8], types: [UInt32])
  case bind(Bind)
  case describe(Target, name: String)
  case execute(portal: String, maximumRowCount: Int32)
  case close(Target, name: String)
  case flush
  case sync
  case copyData([UInt8])
  case copyDone
  case copyFail(String)
  case password([UInt8])
  case functionCall
  case terminate

  enum Target: UInt8, Sendable {
    case statement = 0x53  // S
    case portal = 0x50  // P
  }

  struct Bind: Sendable {
    var portal: String
    var statement: String
    var parameterFormats: FormatCodes
    var parameters: ParameterValues
    var resultFormats: FormatCodes
  }
}
