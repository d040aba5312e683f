"""Staging and import: how an image gets data that its client does not send itself, or not at once."""
