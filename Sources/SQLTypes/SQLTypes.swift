// SQLTypes: see Docs/Architecture.md.
