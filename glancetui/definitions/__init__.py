"""Metadata definitions as documents: what they look like, what they demand of values, how two of them differ.

Pure: neither a database nor a network is known here, so the service and its clients judge by the same rules.
"""
