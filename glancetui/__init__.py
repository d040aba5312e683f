"""glancetui: the OpenStack Image service, whole, as a terminal-first operator toolkit."""

__version__ = "0.1.0"
