"""The metadata interface and its SQL implementation."""
