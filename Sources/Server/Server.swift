// Server: see Docs/Architecture.md.
