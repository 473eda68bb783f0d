// LogicTest: see Docs/Architecture.md.
