// Shell: see Docs/Architecture.md.
