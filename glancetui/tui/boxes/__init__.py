"""What opens over a view, asks one thing, and closes."""
