// Sessions: see Docs/Architecture.md.
