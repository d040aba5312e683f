"""Notifications that wait for the message broker."""

from __future__ import annotations

import sqlalchemy as sa

from glancetui.registry.sql.migrations.steps import create_table
from glancetui.registry.sql.tables import BigSize, LongProse, Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "gt_notifications",
        sa.Column("id", BigSize, autoincrement=True, nullable=False),
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("payload", LongProse(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
