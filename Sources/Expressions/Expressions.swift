// Expressions: see Docs/Architecture.md.
