"""Metadata definitions in Glance's tables. Statements are portable: they mean the same on every database."""
