"""The commands: one module per noun, imported only when that noun is typed."""
