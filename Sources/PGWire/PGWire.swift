// PGWire: see Docs/Architecture.md.
