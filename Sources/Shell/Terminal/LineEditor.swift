// Lines from a person at a terminal: libedit behind its readline interface, which keeps its state in globals, so there is one
// editor in a process, used from one thread. Characters are read here instead of in libedit, so that Ctrl-C ends a line
// without a jump out of a signal handler, and a resized or resumed terminal is drawn anew.

@preconcurrency import CEdit
import Foundation
import Synchronization

/// What came of reading a line.
enum EditedLine: Equatable {
  case line(String)
  /// Ctrl-C: what was typed is to be forgotten.
  case interrupted
  /// Ctrl-D on an empty line.
  case end
}

/// Finds what a word may become.
protocol CompletionSource: AnyObject {
  /// Candidates for the word that ends at the cursor; nil asks for names of files.
  /// - Parameters:
  ///   - line: the line up to the cursor.
  ///   - word: its last word, whose completions replace it.
  func completions(line: String, word: String) -> [String]?
}

final class LineEditor {
  private var history: History
  weak var completions: (any CompletionSource)?

  // Used from libedit's callbacks, which carry no context, only while `readLine` runs on the one thread that edits.
  nonisolated(unsafe) fileprivate static var current: LineEditor?
  fileprivate static let needsRedraw = Atomic<Int>(0)
  fileprivate var wasInterrupted = false

  init(historyPath: String?) {
    history = History(path: historyPath)
    Self.chooseCharacterSet()
    // Before libedit starts, which looks at these once: signals and reading are ours.
    rl_catch_signals = 0
    rl_getc_function = { _ in LineEditor.readCharacter() }
    rl_readline_name = UnsafePointer(strdup("meridian"))
    rl_initialize()
    using_history()
    stifle_history(Int32(History.limit))
    for entry in history.entries { add_history(entry) }
    rl_completer_word_break_characters = strdup(" \t\n,;()=<>+-*/|&'`@[]{}")
    rl_completer_quote_characters = nil
    rl_attempted_completion_function = { text, start, end in LineEditor.complete(text, start, end) }
    var action = sigaction()
    action.__sigaction_handler.sa_handler = {
      let saved = errno
      LineEditor.needsRedraw.store(Int($0), ordering: .relaxed)
      Interrupts.wake()
      errno = saved
    }
    action.sa_flags = SA_RESTART
    sigaction(SIGWINCH, &action, nil)
    sigaction(SIGCONT, &action, nil)
  }

  /// The terminal's characters are UTF-8 unless the environment says otherwise; "C" would show bytes.
  private static func chooseCharacterSet() {
    setlocale(LC_CTYPE, "")
    let name = nl_langinfo(nl_item(CODESET)).map { String(cString: $0) } ?? ""
    if name == "ANSI_X3.4-1968" || name == "US-ASCII" { setlocale(LC_CTYPE, "C.UTF-8") }
  }

  func readLine(prompt: String) -> EditedLine {
    Self.current = self
    defer { Self.current = nil }
    wasInterrupted = false
    // An interrupt that cancelled a statement has done its work.
    Interrupts.clear()
    guard let line = readline(prompt) else {
      let interrupted = wasInterrupted
      Interrupts.clear()
      _ = Foundation.write(1, interrupted ? "^C\n" : "\n", interrupted ? 3 : 1)
      return interrupted ? .interrupted : .end
    }
    defer { free(line) }
    return .line(String(cString: line))
  }

  /// Remembers a statement, all its lines in one entry.
  func remember(_ entry: String) {
    if history.append(entry) { add_history(entry) }
  }

  var entries: [String] { history.entries }

  /// One character from the terminal, whatever its length in UTF-8; -1 at the end and on Ctrl-C.
  private static func readCharacter() -> Int32 {
    guard let first = readByte() else { return -1 }
    let length = first < 0x80 ? 1 : first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    if length == 1 { return Int32(first) }
    var value = Int32(first) & (0xFF >> Int32(length + 1))
    for _ in 1..<length {
      guard let byte = readByte() else { return -1 }
      value = value << 6 | Int32(byte & 0x3F)
    }
    return value
  }

  private static func readByte() -> UInt8? {
    var byte: UInt8 = 0
    while true {
      if Interrupts.pending {
        current?.wasInterrupted = true
        return nil
      }
      if Interrupts.waitForInput(0) {
        let count = read(0, &byte, 1)
        if count == 1 { return byte }
        guard count < 0, errno == EINTR || errno == EAGAIN else { return nil }
        continue
      }
      let signal = needsRedraw.exchange(0, ordering: .relaxed)
      if signal == Int(SIGWINCH) { rl_resize_terminal() }
      if signal == Int(SIGCONT) {
        rl_prep_terminal(1)
        rl_forced_update_display()
      }
    }
  }

  /// libedit's form of completions: what all of them begin with, then each of them, ended by nil, all allocated by malloc.
  private static func complete(
    _ text: UnsafePointer<CChar>?, _ start: Int32, _ end: Int32
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
    guard let text, let source = current?.completions, let buffer = rl_line_buffer else { return nil }
    rl_attempted_completion_over = 1
    let bytes = UnsafeRawBufferPointer(start: buffer, count: Int(max(0, end)))
    let line = String(decoding: bytes, as: UTF8.self)
    let word = String(cString: text)
    guard let found = source.completions(line: line, word: word) else {
      rl_attempted_completion_over = 0
      rl_completion_append_character = 0
      return nil
    }
    rl_completion_append_character = found.count == 1 && found[0].hasSuffix(".") ? 0 : Int32(UInt8(ascii: " "))
    guard let shared = commonPrefix(found) else { return nil }
    let count = found.count == 1 ? 1 : found.count + 1
    let result = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>(
      OpaquePointer(malloc((count + 1) * MemoryLayout<UnsafeMutablePointer<CChar>?>.stride)!))
    result[0] = strdup(shared)
    if found.count > 1 {
      for (index, name) in found.enumerated() { result[index + 1] = strdup(name) }
    }
    result[count] = nil
    return result
  }

  static func commonPrefix(_ texts: [String]) -> String? {
    guard var prefix = texts.first else { return nil }
    for text in texts.dropFirst() { prefix = prefix.commonPrefix(with: text) }
    return prefix
  }
}
