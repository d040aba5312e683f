"""Image bytes: the driver interface, the drivers, and the catalogue of configured stores."""
