// SQLSyntax: see Docs/Architecture.md.
