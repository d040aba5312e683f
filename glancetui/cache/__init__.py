"""The image cache of a node: its folder, its books, how it is filled, followed, queued for and kept within bounds."""
