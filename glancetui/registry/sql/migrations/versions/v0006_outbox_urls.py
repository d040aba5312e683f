"""An index by which the patrol asks of each object that it finds whether its removal is owed."""

from __future__ import annotations

from glancetui.registry.sql.expressions import INDEXED_CHARACTERS
from glancetui.registry.sql.migrations.steps import create_index, start_of

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("gt_ix_gt_outbox_url", "gt_outbox", [start_of("url")], mysql_length={"url": INDEXED_CHARACTERS})
