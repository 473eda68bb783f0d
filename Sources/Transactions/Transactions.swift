// Transactions: see Docs/Architecture.md.
