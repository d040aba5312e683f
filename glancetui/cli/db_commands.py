"""All commands of `glancetui db`, in one application."""

from __future__ import annotations

from glancetui.cli import db_metadefs

app = db_metadefs.app
