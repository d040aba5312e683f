"""A synchronous client for any Image API v2 endpoint, ours or a stock Glance."""
