"""The one way in which the service opens an address that a user has named."""
