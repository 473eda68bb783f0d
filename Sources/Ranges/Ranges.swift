// Ranges: see Docs/Architecture.md.
