// Catalog: see Docs/Architecture.md.
