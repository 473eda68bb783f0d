// Encoding: see Docs/Architecture.md.
