"""One module per view: what fills the body of the screen."""
