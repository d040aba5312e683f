"""Glance's tables as Glance 33 lays them out, our own `gt_*` tables, and the extra indexes that make pages cheap.

On Glance's tables we add indexes and nothing else, so that Glance can be pointed back at the database.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import TypeCompiler

metadata = sa.MetaData()

#: As Glance's tables are. Its three-byte UTF-8 has no room for characters beyond the Basic Multilingual Plane.
ON_MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb3"}

#: In `info` of tables and indexes: the databases, by SQLAlchemy's names, that have them; without it all do.
ONLY = "only"
CONCURRENT = ("mysql", "postgresql")

BigSize = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


class Moment(sa.DateTime):
    """A time in a table of ours: to the microsecond on MySQL too, where Glance's have whole seconds."""


@compiles(Moment, "mysql")
def _moment(_type: Moment, _compiler: TypeCompiler, **_options: Any) -> str:
    return "DATETIME(6)"


class Prose(sa.Text):
    """Text of ours that may hold any character, such as a reason that a store gave."""


@compiles(Prose, "mysql")
def _prose(_type: Prose, _compiler: TypeCompiler, **_options: Any) -> str:
    return "TEXT CHARACTER SET utf8mb4"


class LongProse(sa.Text):
    """As Prose, of more than the 64 KiB that a TEXT of MySQL holds."""


@compiles(LongProse, "mysql")
def _long_prose(_type: LongProse, _compiler: TypeCompiler, **_options: Any) -> str:
    return "MEDIUMTEXT CHARACTER SET utf8mb4"


#: What a page can be sorted by. Each has an index behind an owner and behind a visibility.
SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")


def _key(name: str = "id") -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, nullable=False)


def _times() -> tuple[sa.Column[object], ...]:
    return (sa.Column("created_at", sa.DateTime, nullable=False), sa.Column("updated_at", sa.DateTime))


def _soft_deletion() -> tuple[sa.Column[object], ...]:
    return (sa.Column("deleted_at", sa.DateTime), sa.Column("deleted", sa.Boolean, nullable=False))


def _image_id() -> sa.Column[str]:
    return sa.Column("image_id", sa.String(36), sa.ForeignKey("images.id"), nullable=False)


def _namespace_id() -> sa.Column[int]:
    return sa.Column("namespace_id", sa.Integer, sa.ForeignKey("metadef_namespaces.id"), nullable=False)


# -- Glance's: images --------------------------------------------------------------------------------------------------

images = sa.Table(
    "images",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True, nullable=False),
    sa.Column("name", sa.String(255)),
    sa.Column("size", BigSize),
    sa.Column("status", sa.String(30), nullable=False),
    *_times(),
    *_soft_deletion(),
    sa.Column("disk_format", sa.String(20)),
    sa.Column("container_format", sa.String(20)),
    sa.Column("checksum", sa.String(32)),
    sa.Column("owner", sa.String(255)),
    sa.Column("min_disk", sa.Integer, nullable=False),
    sa.Column("min_ram", sa.Integer, nullable=False),
    sa.Column("protected", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("virtual_size", BigSize),
    sa.Column(
        "visibility",
        sa.Enum("private", "public", "shared", "community", name="image_visibility"),
        nullable=False,
        server_default="shared",
    ),
    sa.Column("os_hidden", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("os_hash_algo", sa.String(64)),
    sa.Column("os_hash_value", sa.String(128)),
    sa.Index("checksum_image_idx", "checksum"),
    sa.Index("created_at_image_idx", "created_at"),
    sa.Index("ix_images_deleted", "deleted"),
    sa.Index("os_hash_value_image_idx", "os_hash_value"),
    sa.Index("os_hidden_image_idx", "os_hidden"),
    sa.Index("owner_image_idx", "owner"),
    sa.Index("updated_at_image_idx", "updated_at"),
    sa.Index("visibility_image_idx", "visibility"),
    **ON_MYSQL,
)

image_properties = sa.Table(
    "image_properties",
    metadata,
    _key(),
    _image_id(),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("value", sa.Text),
    *_times(),
    *_soft_deletion(),
    sa.Index("ix_image_properties_deleted", "deleted"),
    sa.Index("ix_image_properties_image_id", "image_id"),
    sa.UniqueConstraint("image_id", "name", name="ix_image_properties_image_id_name"),
    **ON_MYSQL,
)

image_tags = sa.Table(
    "image_tags",
    metadata,
    _key(),
    _image_id(),
    sa.Column("value", sa.String(255), nullable=False),
    *_times(),
    *_soft_deletion(),
    sa.Index("ix_image_tags_image_id", "image_id"),
    sa.Index("ix_image_tags_image_id_tag_value", "image_id", "value"),
    **ON_MYSQL,
)

image_locations = sa.Table(
    "image_locations",
    metadata,
    _key(),
    _image_id(),
    sa.Column("value", sa.Text, nullable=False),
    *_times(),
    *_soft_deletion(),
    sa.Column("meta_data", sa.Text),
    sa.Column("status", sa.String(30), nullable=False, server_default="active"),
    sa.Index("ix_image_locations_deleted", "deleted"),
    sa.Index("ix_image_locations_image_id", "image_id"),
    **ON_MYSQL,
)

image_members = sa.Table(
    "image_members",
    metadata,
    _key(),
    _image_id(),
    sa.Column("member", sa.String(255), nullable=False),
    sa.Column("can_share", sa.Boolean, nullable=False),
    *_times(),
    *_soft_deletion(),
    sa.Column("status", sa.String(20), nullable=False, server_default="pending"),
    sa.Index("ix_image_members_deleted", "deleted"),
    sa.Index("ix_image_members_image_id", "image_id"),
    sa.Index("ix_image_members_image_id_member", "image_id", "member"),
    sa.UniqueConstraint("image_id", "member", "deleted_at", name="image_members_image_id_member_deleted_at_key"),
    **ON_MYSQL,
)

# -- Glance's: tasks, cache --------------------------------------------------------------------------------------------

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True, nullable=False),
    sa.Column("type", sa.String(30), nullable=False),
    sa.Column("status", sa.String(30), nullable=False),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("expires_at", sa.DateTime),
    *_times(),
    *_soft_deletion(),
    sa.Column("image_id", sa.String(36)),
    sa.Column("request_id", sa.String(64)),
    sa.Column("user_id", sa.String(64)),
    sa.Index("ix_tasks_deleted", "deleted"),
    sa.Index("ix_tasks_image_id", "image_id"),
    sa.Index("ix_tasks_owner", "owner"),
    sa.Index("ix_tasks_status", "status"),
    sa.Index("ix_tasks_type", "type"),
    sa.Index("ix_tasks_updated_at", "updated_at"),
    **ON_MYSQL,
)

task_info = sa.Table(
    "task_info",
    metadata,
    sa.Column("task_id", sa.String(36), sa.ForeignKey("tasks.id"), primary_key=True, nullable=False),
    sa.Column("input", sa.Text),
    sa.Column("result", sa.Text),
    sa.Column("message", sa.Text),
    **ON_MYSQL,
)

node_reference = sa.Table(
    "node_reference",
    metadata,
    sa.Column("node_reference_id", BigSize, primary_key=True, nullable=False),
    sa.Column("node_reference_url", sa.String(255), nullable=False),
    sa.UniqueConstraint("node_reference_url", name="uq_node_reference_node_reference_url"),
    **ON_MYSQL,
)

cached_images = sa.Table(
    "cached_images",
    metadata,
    sa.Column("id", BigSize, primary_key=True, nullable=False),
    sa.Column("image_id", sa.String(36), nullable=False),
    sa.Column("last_accessed", sa.DateTime, nullable=False),
    sa.Column("last_modified", sa.DateTime, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("hits", sa.Integer, nullable=False),
    sa.Column("checksum", sa.String(32)),
    sa.Column("node_reference_id", BigSize, sa.ForeignKey("node_reference.node_reference_id"), nullable=False),
    sa.UniqueConstraint("image_id", "node_reference_id", name="ix_cached_images_image_id_node_reference_id"),
    **ON_MYSQL,
)

# -- Glance's: metadata definitions ------------------------------------------------------------------------------------

metadef_namespaces = sa.Table(
    "metadef_namespaces",
    metadata,
    _key(),
    sa.Column("namespace", sa.String(80), nullable=False),
    sa.Column("display_name", sa.String(80)),
    sa.Column("description", sa.Text),
    sa.Column("visibility", sa.String(32)),
    sa.Column("protected", sa.Boolean),
    sa.Column("owner", sa.String(255), nullable=False),
    *_times(),
    sa.Index("ix_metadef_namespaces_owner", "owner"),
    sa.UniqueConstraint("namespace", name="uq_metadef_namespaces_namespace"),
    **ON_MYSQL,
)

metadef_objects = sa.Table(
    "metadef_objects",
    metadata,
    _key(),
    _namespace_id(),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("required", sa.Text),
    sa.Column("json_schema", sa.Text, nullable=False),
    *_times(),
    sa.Index("ix_metadef_objects_name", "name"),
    sa.UniqueConstraint("namespace_id", "name", name="uq_metadef_objects_namespace_id_name"),
    **ON_MYSQL,
)

metadef_properties = sa.Table(
    "metadef_properties",
    metadata,
    _key(),
    _namespace_id(),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("json_schema", sa.Text, nullable=False),
    *_times(),
    sa.Index("ix_metadef_properties_name", "name"),
    sa.UniqueConstraint("namespace_id", "name", name="uq_metadef_properties_namespace_id_name"),
    **ON_MYSQL,
)

metadef_tags = sa.Table(
    "metadef_tags",
    metadata,
    _key(),
    _namespace_id(),
    sa.Column("name", sa.String(80), nullable=False),
    *_times(),
    sa.Index("ix_metadef_tags_name", "name"),
    sa.UniqueConstraint("namespace_id", "name", name="uq_metadef_tags_namespace_id_name"),
    **ON_MYSQL,
)

metadef_resource_types = sa.Table(
    "metadef_resource_types",
    metadata,
    _key(),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("protected", sa.Boolean, nullable=False),
    *_times(),
    sa.UniqueConstraint("name", name="uq_metadef_resource_types_name"),
    **ON_MYSQL,
)

metadef_namespace_resource_types = sa.Table(
    "metadef_namespace_resource_types",
    metadata,
    sa.Column(
        "resource_type_id", sa.Integer, sa.ForeignKey("metadef_resource_types.id"), primary_key=True, nullable=False
    ),
    sa.Column("namespace_id", sa.Integer, sa.ForeignKey("metadef_namespaces.id"), primary_key=True, nullable=False),
    sa.Column("properties_target", sa.String(80)),
    sa.Column("prefix", sa.String(80)),
    *_times(),
    sa.Index("ix_metadef_ns_res_types_namespace_id", "namespace_id"),
    **ON_MYSQL,
)

# -- ours --------------------------------------------------------------------------------------------------------------

gt_images = sa.Table(
    "gt_images",
    metadata,
    sa.Column("image_id", sa.String(36), primary_key=True, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("reason", Prose),
    **ON_MYSQL,
)

gt_intents = sa.Table(
    "gt_intents",
    metadata,
    sa.Column("id", BigSize, primary_key=True, autoincrement=True, nullable=False),
    sa.Column("image_id", sa.String(36), nullable=False),
    sa.Column("store", sa.String(255), nullable=False),
    sa.Column("object_id", sa.String(255), nullable=False),
    sa.Column("owner", sa.String(255), nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("job_id", sa.String(36)),
    sa.Index("ix_gt_intents_image_id", "image_id"),
    sa.Index("ix_gt_intents_owner", "owner"),
    sa.Index("ix_gt_intents_expires_at", "expires_at"),
    sa.Index("ix_gt_intents_store_object_id", "store", "object_id"),
    sqlite_autoincrement=True,  # a number is never given twice: a late owner must not meet another's intent
    **ON_MYSQL,
)

gt_outbox = sa.Table(
    "gt_outbox",
    metadata,
    sa.Column("id", BigSize, primary_key=True, autoincrement=True, nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("image_id", sa.String(36), nullable=False),
    sa.Column("store", sa.String(255), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_at", Moment, nullable=False),  # also the end of a claim
    sa.Column("claimed_by", sa.String(255)),
    sa.Column("error", Prose),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index("ix_gt_outbox_due_at", "due_at"),
    sa.Index("ix_gt_outbox_image_id", "image_id"),
    sa.Index("gt_ix_gt_outbox_url", "url", mysql_length={"url": 255}),
    sqlite_autoincrement=True,
    **ON_MYSQL,
)


#: What is owed to the message broker, oldest first.
gt_notifications = sa.Table(
    "gt_notifications",
    metadata,
    sa.Column("id", BigSize, primary_key=True, autoincrement=True, nullable=False),
    sa.Column("message_id", sa.String(36), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("priority", sa.String(16), nullable=False),
    sa.Column("payload", LongProse, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sqlite_autoincrement=True,  # numbers only grow, or a new row could be taken for one that was sent
    **ON_MYSQL,
)


def _told() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("image_id", sa.String(36)),
        sa.Column("project", sa.String(255)),
        sa.Column("user_id", sa.String(255)),
        sa.Column("request_id", sa.String(255)),
        sa.Column("node", sa.String(255)),
        sa.Column("at", Moment, nullable=False),
    )


gt_events = sa.Table(
    "gt_events",
    metadata,
    sa.Column("number", BigSize, primary_key=True, autoincrement=True, nullable=False),
    *_told(),
    sqlite_autoincrement=True,  # numbers only grow, also after old events were pruned
    **ON_MYSQL,
)

#: Where several write at once: committed, not yet numbered. `id` gives no order that a reader could rely on.
gt_new_events = sa.Table(
    "gt_new_events",
    metadata,
    sa.Column("id", BigSize, primary_key=True, autoincrement=True, nullable=False),
    *_told(),
    info={ONLY: CONCURRENT},
    **ON_MYSQL,
)

#: As gt_new_events: the number given last, in the row `events`.
gt_sequences = sa.Table(
    "gt_sequences",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    info={ONLY: CONCURRENT},
    **ON_MYSQL,
)

gt_leases = sa.Table(
    "gt_leases",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True, nullable=False),
    sa.Column("owner", sa.String(255)),  # null: free
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    **ON_MYSQL,
)

gt_tombstones = sa.Table(
    "gt_tombstones",
    metadata,
    sa.Column("image_id", sa.String(36), primary_key=True, nullable=False),
    sa.Column("purged_at", Moment, nullable=False),
    **ON_MYSQL,
)

gt_jobs = sa.Table(
    "gt_jobs",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True, nullable=False),  # the task's as well
    sa.Column("image_id", sa.String(36), nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("owner", sa.String(255)),  # null: free
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),  # of the lease; of a free job: since when it is free
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("site", sa.String(255)),
    sa.Column("spec", LongProse, nullable=False),
    sa.Column("progress", LongProse, nullable=False),
    sa.Column("copies", LongProse, nullable=False),
    sa.Column("failed_stores", LongProse, nullable=False),
    sa.Column("project", sa.String(255)),
    sa.Column("user_id", sa.String(255)),
    sa.Column("request_id", sa.String(255)),
    sa.Column("error_code", sa.String(64)),
    sa.Column("error", Prose),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Index("ix_gt_jobs_state_expires_at", "state", "expires_at"),
    sa.Index("ix_gt_jobs_image_id", "image_id"),
    **ON_MYSQL,
)

#: The names of our own tables; all others are Glance's.
OURS = frozenset(name for name in metadata.tables if name.startswith("gt_"))

# -- extra indexes on Glance's tables ----------------------------------------------------------------------------------

# (owner | visibility, deleted, os_hidden, sort key, tie-breakers)
for _branch in ("owner", "visibility"):
    for _key_name in SORT_KEYS:
        _columns = dict.fromkeys(
            ("deleted", "os_hidden", _key_name, *(() if _key_name == "id" else ("created_at", "id")))
        )
        sa.Index(f"gt_ix_images_{_branch}_{_key_name}", images.c[_branch], *(images.c[_name] for _name in _columns))

# What a listing asks of an image that it found by its id, without reading the row.
sa.Index(
    "gt_ix_images_id",
    *(images.c[name] for name in ("id", "deleted", "visibility", "os_hidden", "owner", "status", "created_at", "name")),
    info={ONLY: ("sqlite",)},
)
sa.Index(
    "gt_ix_image_properties_value",
    image_properties.c.name,
    image_properties.c.value,
    image_properties.c.deleted,
    image_properties.c.image_id,
    mysql_length={"value": 255},
)
sa.Index("gt_ix_image_tags_value", image_tags.c.value, image_tags.c.deleted, image_tags.c.image_id)
sa.Index(
    "gt_ix_image_members_member",
    image_members.c.member,
    image_members.c.status,
    image_members.c.deleted,
    image_members.c.image_id,
)
sa.Index("gt_ix_image_locations_value", image_locations.c.value, mysql_length={"value": 255})
