"""Durable background work: imports, and what comes after them."""

from __future__ import annotations

import sqlalchemy as sa

from glancetui.registry.sql.migrations.steps import add_column, create_index, create_table
from glancetui.registry.sql.tables import LongProse, Moment, Prose

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "gt_jobs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(length=255), nullable=True),
        sa.Column("spec", LongProse(), nullable=False),
        sa.Column("progress", LongProse(), nullable=False),
        sa.Column("copies", LongProse(), nullable=False),
        sa.Column("failed_stores", LongProse(), nullable=False),
        sa.Column("project", sa.String(length=255), nullable=True),
        sa.Column("user_id", sa.String(length=255), nullable=True),
        sa.Column("request_id", sa.String(length=255), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("error", Prose(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_gt_jobs_state_expires_at", "gt_jobs", ["state", "expires_at"])
    create_index("ix_gt_jobs_image_id", "gt_jobs", ["image_id"])
    add_column("gt_intents", sa.Column("job_id", sa.String(length=36), nullable=True))
