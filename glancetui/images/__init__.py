"""The rules of images: life cycle, who may what, create and patch, ingest, deliver, members, recovery."""
