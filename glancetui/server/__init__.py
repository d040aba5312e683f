"""The wire: routes, authentication, limits, errors to statuses, and the HTTP server that carries them."""
