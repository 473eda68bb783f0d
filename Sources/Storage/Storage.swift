// Storage: see Docs/Architecture.md.
