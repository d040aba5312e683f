"""Glance's schema as of its release 33, our tables, and our indexes on Glance's tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from glancetui.registry.sql.migrations.steps import (
    LENGTHS,
    add_row,
    create_index,
    create_table,
    database,
    nulls_first,
    start_of,
)
from glancetui.registry.sql.tables import CONCURRENT, BigSize, Moment, Prose

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


#: What a page can be sorted by.
SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")


def upgrade() -> None:
    _glance_tables()
    _our_tables()
    _extra_indexes()


def _glance_tables() -> None:
    create_table(
        "images",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("size", BigSize, nullable=True),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("disk_format", sa.String(length=20), nullable=True),
        sa.Column("container_format", sa.String(length=20), nullable=True),
        sa.Column("checksum", sa.String(length=32), nullable=True),
        sa.Column("owner", sa.String(length=255), nullable=True),
        sa.Column("min_disk", sa.Integer(), nullable=False),
        sa.Column("min_ram", sa.Integer(), nullable=False),
        sa.Column("protected", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("virtual_size", BigSize, nullable=True),
        sa.Column(
            "visibility",
            sa.Enum("private", "public", "shared", "community", name="image_visibility"),
            server_default="shared",
            nullable=False,
        ),
        sa.Column("os_hidden", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("os_hash_algo", sa.String(length=64), nullable=True),
        sa.Column("os_hash_value", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("checksum_image_idx", "images", ["checksum"])
    create_index("created_at_image_idx", "images", ["created_at"])
    create_index("ix_images_deleted", "images", ["deleted"])
    create_index("os_hash_value_image_idx", "images", ["os_hash_value"])
    create_index("os_hidden_image_idx", "images", ["os_hidden"])
    create_index("owner_image_idx", "images", ["owner"])
    create_index("updated_at_image_idx", "images", ["updated_at"])
    create_index("visibility_image_idx", "images", ["visibility"])
    create_table(
        "metadef_namespaces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("namespace", sa.String(length=80), nullable=False),
        sa.Column("display_name", sa.String(length=80), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("visibility", sa.String(length=32), nullable=True),
        sa.Column("protected", sa.Boolean(), nullable=True),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("namespace", name="uq_metadef_namespaces_namespace"),
    )
    create_index("ix_metadef_namespaces_owner", "metadef_namespaces", ["owner"])
    create_table(
        "metadef_resource_types",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("protected", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name="uq_metadef_resource_types_name"),
    )
    create_table(
        "node_reference",
        sa.Column("node_reference_id", BigSize, nullable=False),
        sa.Column("node_reference_url", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("node_reference_id"),
        sa.UniqueConstraint("node_reference_url", name="uq_node_reference_node_reference_url"),
    )
    create_table(
        "tasks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("type", sa.String(length=30), nullable=False),
        sa.Column("status", sa.String(length=30), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("user_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_tasks_deleted", "tasks", ["deleted"])
    create_index("ix_tasks_image_id", "tasks", ["image_id"])
    create_index("ix_tasks_owner", "tasks", ["owner"])
    create_index("ix_tasks_status", "tasks", ["status"])
    create_index("ix_tasks_type", "tasks", ["type"])
    create_index("ix_tasks_updated_at", "tasks", ["updated_at"])
    create_table(
        "cached_images",
        sa.Column("id", BigSize, nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("last_accessed", sa.DateTime(), nullable=False),
        sa.Column("last_modified", sa.DateTime(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("checksum", sa.String(length=32), nullable=True),
        sa.Column("node_reference_id", BigSize, nullable=False),
        sa.ForeignKeyConstraint(
            ["node_reference_id"],
            ["node_reference.node_reference_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("image_id", "node_reference_id", name="ix_cached_images_image_id_node_reference_id"),
    )
    create_table(
        "image_locations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("meta_data", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=30), server_default="active", nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_image_locations_deleted", "image_locations", ["deleted"])
    create_index("ix_image_locations_image_id", "image_locations", ["image_id"])
    create_table(
        "image_members",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("member", sa.String(length=255), nullable=False),
        sa.Column("can_share", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(length=20), server_default="pending", nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("image_id", "member", "deleted_at", name="image_members_image_id_member_deleted_at_key"),
    )
    create_index("ix_image_members_deleted", "image_members", ["deleted"])
    create_index("ix_image_members_image_id", "image_members", ["image_id"])
    create_index("ix_image_members_image_id_member", "image_members", ["image_id", "member"])
    create_table(
        "image_properties",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("image_id", "name", name="ix_image_properties_image_id_name"),
    )
    create_index("ix_image_properties_deleted", "image_properties", ["deleted"])
    create_index("ix_image_properties_image_id", "image_properties", ["image_id"])
    create_table(
        "image_tags",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("value", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["image_id"],
            ["images.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    create_index("ix_image_tags_image_id", "image_tags", ["image_id"])
    create_index("ix_image_tags_image_id_tag_value", "image_tags", ["image_id", "value"])
    create_table(
        "metadef_namespace_resource_types",
        sa.Column("resource_type_id", sa.Integer(), nullable=False),
        sa.Column("namespace_id", sa.Integer(), nullable=False),
        sa.Column("properties_target", sa.String(length=80), nullable=True),
        sa.Column("prefix", sa.String(length=80), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["namespace_id"],
            ["metadef_namespaces.id"],
        ),
        sa.ForeignKeyConstraint(
            ["resource_type_id"],
            ["metadef_resource_types.id"],
        ),
        sa.PrimaryKeyConstraint("resource_type_id", "namespace_id"),
    )
    create_index("ix_metadef_ns_res_types_namespace_id", "metadef_namespace_resource_types", ["namespace_id"])
    create_table(
        "metadef_objects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("namespace_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("required", sa.Text(), nullable=True),
        sa.Column("json_schema", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["namespace_id"],
            ["metadef_namespaces.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("namespace_id", "name", name="uq_metadef_objects_namespace_id_name"),
    )
    create_index("ix_metadef_objects_name", "metadef_objects", ["name"])
    create_table(
        "metadef_properties",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("namespace_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("json_schema", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["namespace_id"],
            ["metadef_namespaces.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("namespace_id", "name", name="uq_metadef_properties_namespace_id_name"),
    )
    create_index("ix_metadef_properties_name", "metadef_properties", ["name"])
    create_table(
        "metadef_tags",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("namespace_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["namespace_id"],
            ["metadef_namespaces.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("namespace_id", "name", name="uq_metadef_tags_namespace_id_name"),
    )
    create_index("ix_metadef_tags_name", "metadef_tags", ["name"])
    create_table(
        "task_info",
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("input", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["tasks.id"],
        ),
        sa.PrimaryKeyConstraint("task_id"),
    )


def _our_tables() -> None:
    create_table(
        "gt_events",
        sa.Column("number", BigSize, autoincrement=True, nullable=False),
        *_told(),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    create_table(
        "gt_images",
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("reason", Prose(), nullable=True),
        sa.PrimaryKeyConstraint("image_id"),
    )
    create_table(
        "gt_intents",
        sa.Column("id", BigSize, autoincrement=True, nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("store", sa.String(length=255), nullable=False),
        sa.Column("object_id", sa.String(length=255), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_gt_intents_expires_at", "gt_intents", ["expires_at"])
    create_index("ix_gt_intents_image_id", "gt_intents", ["image_id"])
    create_index("ix_gt_intents_owner", "gt_intents", ["owner"])
    create_index("ix_gt_intents_store_object_id", "gt_intents", ["store", "object_id"])
    create_table(
        "gt_leases",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    create_table(
        "gt_outbox",
        sa.Column("id", BigSize, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=False),
        sa.Column("store", sa.String(length=255), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("claimed_by", sa.String(length=255), nullable=True),
        sa.Column("error", Prose(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    create_index("ix_gt_outbox_due_at", "gt_outbox", ["due_at"])
    create_index("ix_gt_outbox_image_id", "gt_outbox", ["image_id"])
    if database() in CONCURRENT:
        _event_numbers()


def _told() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("image_id", sa.String(length=36), nullable=True),
        sa.Column("project", sa.String(length=255), nullable=True),
        sa.Column("user_id", sa.String(length=255), nullable=True),
        sa.Column("request_id", sa.String(length=255), nullable=True),
        sa.Column("node", sa.String(length=255), nullable=True),
        sa.Column("at", Moment(), nullable=False),
    )


def _event_numbers() -> None:
    create_table(
        "gt_new_events",
        sa.Column("id", BigSize, autoincrement=True, nullable=False),
        *_told(),
        sa.PrimaryKeyConstraint("id"),
    )
    create_table(
        "gt_sequences",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    add_row("gt_sequences", name="events", last=0)


def _extra_indexes() -> None:
    for branch in ("owner", "visibility"):
        for key in SORT_KEYS:
            ties = () if key == "id" else ("created_at", "id")
            columns = dict.fromkeys((branch, "deleted", "os_hidden", key, *ties))
            create_index(f"gt_ix_images_{branch}_{key}", "images", [nulls_first(name) for name in columns])
    create_index("gt_ix_image_locations_value", "image_locations", [start_of("value")], **LENGTHS)
    create_index("gt_ix_image_members_member", "image_members", ["member", "status", "deleted", "image_id"])
    create_index(
        "gt_ix_image_properties_value",
        "image_properties",
        ["name", start_of("value"), "deleted", "image_id"],
        **LENGTHS,
    )
    create_index("gt_ix_image_tags_value", "image_tags", ["value", "deleted", "image_id"])
