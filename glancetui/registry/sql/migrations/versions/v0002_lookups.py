"""An index that answers a listing's questions about images found by their ids: pages of shared images cost half."""

from __future__ import annotations

from glancetui.registry.sql.migrations.steps import create_index, database

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if database() == "sqlite":  # elsewhere the row itself is found as fast
        columns = ["id", "deleted", "visibility", "os_hidden", "owner", "status", "created_at", "name"]
        create_index("gt_ix_images_id", "images", columns)
