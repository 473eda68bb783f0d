// Reactors: see Docs/Architecture.md.
