"""Routes of the Image API, one module for each group of paths."""
