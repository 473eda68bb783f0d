// Admin: see Docs/Architecture.md.
