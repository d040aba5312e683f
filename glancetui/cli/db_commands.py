"""All commands of `glancetui db`, in one application."""

from __future__ import annotations

from glancetui.cli import db_metadefs  # adds its commands
from glancetui.cli.db import app

__all__ = ["app", "db_metadefs"]
