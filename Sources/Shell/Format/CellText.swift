// A value as it stands in a cell of an aligned table: its lines, each with its width in columns. Tabs become spaces up to the
// next multiple of eight, control characters their escape, so that no value can break the layout.

struct CellLine {
  var text: String
  var width: Int
}

struct CellText {
  var lines: [CellLine]
  var width: Int

  init(_ value: String) {
    // Most values are plain: printable ASCII on one line.
    var isPlain = true
    for byte in value.utf8 where byte < 0x20 || byte > 0x7E {
      isPlain = false
      break
    }
    if isPlain {
      let count = value.utf8.count
      lines = [CellLine(text: value, width: count)]
      width = count
      return
    }
    lines = []
    width = 0
    var current = CellLine(text: "", width: 0)
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\n":
        lines.append(current)
        width = max(width, current.width)
        current = CellLine(text: "", width: 0)
      case "\r":
        current.text += "\\r"
        current.width += 2
      case "\t":
        repeat {
          current.text += " "
          current.width += 1
        } while current.width % 8 != 0
      default:
        if let columns = DisplayWidth.columns(of: scalar) {
          current.text.unicodeScalars.append(scalar)
          current.width += columns
        } else if scalar.value < 0x80 {
          current.text += "\\x" + Self.hexadecimal(scalar.value, digits: 2)
          current.width += 4
        } else {
          current.text += "\\u" + Self.hexadecimal(scalar.value, digits: 4)
          current.width += 6
        }
      }
    }
    lines.append(current)
    width = max(width, current.width)
  }

  private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}

/// The characters that rules and borders are made of.
struct BoxStyle {
  enum Position { case top, middle, bottom }

  var horizontal: String
  var vertical: String
  /// Left end, crossing and right end of a rule.
  var top: (String, String, String)
  var middle: (String, String, String)
  var bottom: (String, String, String)
  /// At the right of a line that goes on in the next one of its cell.
  var newlineMark: String

  init(_ style: PrintOptions.LineStyle) {
    switch style {
    case .ascii:
      self.init(
        horizontal: "-", vertical: "|", top: ("+", "+", "+"), middle: ("+", "+", "+"), bottom: ("+", "+", "+"),
        newlineMark: "+")
    case .unicode:
      self.init(
        horizontal: "─", vertical: "│", top: ("┌", "┬", "┐"), middle: ("├", "┼", "┤"), bottom: ("└", "┴", "┘"),
        newlineMark: "↵")
    }
  }

  private init(
    horizontal: String, vertical: String, top: (String, String, String), middle: (String, String, String),
    bottom: (String, String, String), newlineMark: String
  ) {
    self.horizontal = horizontal
    self.vertical = vertical
    self.top = top
    self.middle = middle
    self.bottom = bottom
    self.newlineMark = newlineMark
  }

  func ends(_ position: Position) -> (left: String, cross: String, right: String) {
    switch position {
    case .top: top
    case .middle: middle
    case .bottom: bottom
    }
  }
}
