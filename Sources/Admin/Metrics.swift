// Prometheus' text format for a handful of families; values are gathered when they are asked for.
// Source: Prometheus documentation, "Exposition formats", text format 0.0.4.

/// A metric with its samples.
public struct MetricFamily: Sendable {
  public enum Kind: String, Sendable { case counter, gauge }

  public var name: String
  public var help: String
  public var kind: Kind
  /// Labels and value of each sample.
  public var samples: [(labels: [(name: String, value: String)], value: Double)]

  public init(_ name: String, _ help: String, _ kind: Kind, _ value: Double) {
    self.name = name
    self.help = help
    self.kind = kind
    samples = [([], value)]
  }

  public init(
    _ name: String, _ help: String, _ kind: Kind,
    samples: [(labels: [(name: String, value: String)], value: Double)]
  ) {
    self.name = name
    self.help = help
    self.kind = kind
    self.samples = samples
  }

  func append(to text: inout String) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    for sample in samples {
      text += name
      if !sample.labels.isEmpty {
        text += "{" + sample.labels.map { "\($0.name)=\"\(Self.escape($0.value))\"" }.joined(separator: ",") + "}"
      }
      let whole = Int64(exactly: sample.value)
      text += " " + (whole.map { String($0) } ?? String(sample.value)) + "\n"
    }
  }

  private static func escape(_ value: String) -> String {
    value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }

  public static func text(_ families: [MetricFamily]) -> String {
    var text = ""
    for family in families { family.append(to: &text) }
    return text
  }
}
