// What the catalogs show of built-in types beyond `TypeInfo`: read once from compact text.

import SQLTypes

/// A row of `pg_type`.
struct SystemType: Sendable {
  var oid: OID
  var name: String
  var length: Int16
  var isByValue: Bool
  var kind: String
  var category: String
  var isPreferred: Bool
  var delimiter: String
  var element: OID
  var array: OID
  /// Input, output, receive, send, modifier in, modifier out, analyze.
  var functions: [OID]
  var alignment: String
  var storage: String
  var collation: OID
  var subscriptHandler: OID
}

/// A function behind a type, as `pg_proc` shows it.
struct SystemFunction: Sendable {
  var oid: OID
  var name: String
  var result: OID
  var arguments: [OID]
  var volatility: String
  var isStrict: Bool
}

struct SystemOperatorClass: Sendable {
  var oid: OID
  var name: String
  var family: OID
  var familyName: String
  var type: OID
}

enum SystemTypes {
  /// Those that this version has, by OID.
  static let all: [SystemType] = lines(typeText).compactMap { words in
    guard words.count == 21, TypeInfo.find(oid(words[0])) != nil else { return nil }
    return SystemType(
      oid: oid(words[0]), name: words[1], length: Int16(words[2]) ?? -1, isByValue: words[3] == "t", kind: words[4],
      category: words[5], isPreferred: words[6] == "t", delimiter: words[7], element: oid(words[8]),
      array: oid(words[9]), functions: words[10..<17].map(oid), alignment: words[17], storage: words[18],
      collation: oid(words[19]), subscriptHandler: oid(words[20]))
  }

  private static let byOID = Dictionary(uniqueKeysWithValues: all.map { ($0.oid, $0) })

  static func find(_ oid: OID) -> SystemType? { byOID[oid] }

  /// The functions of those types, by OID.
  static let functions: [SystemFunction] = {
    let used = Set(all.flatMap { $0.functions + [$0.subscriptHandler] })
    return lines(functionText).compactMap { words in
      guard words.count == 6, used.contains(oid(words[0])) else { return nil }
      return SystemFunction(
        oid: oid(words[0]), name: words[1], result: oid(words[2]),
        arguments: words[3] == "-" ? [] : words[3].split(separator: ",").map { oid(String($0)) },
        volatility: words[4], isStrict: words[5] == "t")
    }
  }()

  static let operatorClasses: [SystemOperatorClass] = lines(operatorClassText).compactMap { words in
    guard words.count == 5, TypeInfo.find(oid(words[4])) != nil else { return nil }
    return SystemOperatorClass(
      oid: oid(words[0]), name: words[1], family: oid(words[2]), familyName: words[3], type: oid(words[4]))
  }

  private static let operatorClassByType = Dictionary(
    operatorClasses.map { ($0.type, $0.oid) }, uniquingKeysWith: { first, _ in first })

  /// The B-tree operator class that an index on a column of this type uses.
  static func operatorClass(for type: OID) -> OID {
    // `varchar` is ordered as text.
    let type = type == SQLType.varchar.oid ? SQLType.text.oid : type
    if let own = operatorClassByType[type] { return own }
    let isArray = TypeInfo.find(type)?.isArray ?? false
    return isArray ? operatorClassByType[OID(2277)] ?? OID(397) : .invalid
  }

  private static func oid(_ text: String) -> OID { OID(UInt32(text) ?? 0) }

  /// Lines as words; deeper lines continue one.
  private static func lines(_ text: String) -> [[String]] {
    var result: [[String]] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      if line.hasPrefix(" "), !result.isEmpty {
        result[result.count - 1] += words
      } else {
        result.append(words)
      }
    }
    return result
  }
}

/// The operator classes that may be named where a key is.
public enum OperatorClasses {
  public static let names = Set(SystemTypes.operatorClasses.map(\.name))
}
