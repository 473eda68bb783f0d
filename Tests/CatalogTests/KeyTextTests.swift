import Encoding
import SQLTypes
import Testing

@testable import Catalog

@Suite struct KeyTextTests {
  @Test func `Keys are shown with their tables and columns`() {
    #expect(KeyText.text(.min) == "/Min")
    #expect(KeyText.text(.max) == "/Max")
    #expect(KeyText.text(KeyLayout.catalogVersion) == "/System/01")
    #expect(KeyText.text(KeyLayout.table(OID(16384))) == "/Table/16384")
    var key = KeyLayout.index(OID(16384), 2)
    #expect(KeyText.text(key) == "/Table/16384/2")
    KeyEncoding.appendInt64(-70_000, to: &key.bytes)
    KeyEncoding.appendBytes(Array("it's".utf8), to: &key.bytes)
    KeyEncoding.appendNull(.last, to: &key.bytes)
    KeyEncoding.appendBytes([0xFF, 0x00], to: &key.bytes)
    #expect(KeyText.text(key) == "/Table/16384/2/-70000/'it''s'/NULL/\\xff00")
    key.bytes += [0x50, 0x01]
    #expect(KeyText.text(key).hasSuffix("/5001"))
    #expect(KeyText.table(key) == OID(16384))
    #expect(KeyText.table(KeyLayout.catalogVersion) == nil)
  }
}
