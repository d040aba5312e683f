"""Who callers are, in each of the ways that an operator can choose."""
