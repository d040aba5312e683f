"""One image by its id, as the viewer may see it: one statement."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from glancetui.model import Viewer
from glancetui.registry.sql.database import Database
from glancetui.registry.sql.documents import document
from glancetui.registry.sql.statement import Prepared
from glancetui.registry.sql.tables import gt_images, images
from glancetui.registry.sql.visibility import shown_to_admin, shown_to_anybody, shown_to_project


class Show:
    """The three statements, compiled."""

    def __init__(self, database: Database) -> None:
        self._to_admin = Prepared(_statement(shown_to_admin()), database)
        self._to_project = Prepared(_statement(shown_to_project()), database)
        self._to_anybody = Prepared(_statement(shown_to_anybody()), database)

    def document(self, db: sa.Connection, image_id: str, viewer: Viewer) -> str | None:
        """The image as JSON text; None if there is none that the viewer may see."""
        row = self._for(viewer).first(db, {"image_id": image_id, "project": viewer.project})
        return None if row is None else str(row[0])

    def _for(self, viewer: Viewer) -> Prepared:
        if viewer.is_admin:
            return self._to_admin
        return self._to_anybody if viewer.project is None else self._to_project


def _statement(shown: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return (
        sa.select(document())
        .select_from(images.outerjoin(gt_images, gt_images.c.image_id == images.c.id))
        .where(images.c.id == sa.bindparam("image_id"), shown)
    )
