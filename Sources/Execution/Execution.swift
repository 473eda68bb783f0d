// Execution: see Docs/Architecture.md.
