"""Ids of purged images, so that none is ever used again: a cache or a volume may still speak of the old image."""

from __future__ import annotations

import sqlalchemy as sa

from glancetui.registry.sql.migrations.steps import create_table
from glancetui.registry.sql.tables import Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "gt_tombstones",
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("purged_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("image_id"),
    )
