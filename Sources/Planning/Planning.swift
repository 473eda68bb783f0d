// Planning: see Docs/Architecture.md.
