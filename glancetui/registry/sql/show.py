"""One image by its id, as the viewer may see it or as it is: one statement."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from glancetui.model import Image, Viewer
from glancetui.registry.sql.database import Database
from glancetui.registry.sql.documents import decode_image, document
from glancetui.registry.sql.pieces import assembled, in_pieces
from glancetui.registry.sql.statement import Prepared
from glancetui.registry.sql.tables import gt_images, images
from glancetui.registry.sql.visibility import shown_to_admin, shown_to_anybody, shown_to_project


class Show:
    """The statements, compiled."""

    def __init__(self, database: Database) -> None:
        self._in_pieces = database.dialect.in_pieces
        self._to_admin = self._prepared(shown_to_admin(), database)
        self._to_project = self._prepared(shown_to_project(), database)
        self._to_anybody = self._prepared(shown_to_anybody(), database)
        self._anyhow = self._prepared(sa.true(), database)

    def image(self, db: sa.Connection, image_id: str, viewer: Viewer) -> Image | None:
        """None if there is none that the viewer may see."""
        return self._read(db, self._for(viewer), {"image_id": image_id, "project": viewer.project})

    def as_it_is(self, db: sa.Connection, image_id: str) -> Image | None:
        """Whoever may see it, deleted or not."""
        return self._read(db, self._anyhow, {"image_id": image_id})

    def _read(self, db: sa.Connection, statement: Prepared, values: dict[str, object]) -> Image | None:
        rows = statement.rows(db, values)
        if self._in_pieces:
            return assembled(rows)
        return decode_image(rows[0][0]) if rows else None

    def _for(self, viewer: Viewer) -> Prepared:
        if viewer.is_admin:
            return self._to_admin
        return self._to_anybody if viewer.project is None else self._to_project

    def _prepared(self, shown: sa.ColumnElement[bool], database: Database) -> Prepared:
        return Prepared(in_pieces(shown) if self._in_pieces else _whole(shown), database)


def _whole(shown: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return (
        sa.select(document())
        .select_from(images.outerjoin(gt_images, gt_images.c.image_id == images.c.id))
        .where(images.c.id == sa.bindparam("image_id"), shown)
    )
