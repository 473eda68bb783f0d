// Clocks: see Docs/Architecture.md.
