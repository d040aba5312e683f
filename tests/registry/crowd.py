"""Many images of many projects, made by the database itself: enough rows for a plan to matter, in a second or two.

Half the images are one project's, which is what tempts planners to read everything; the rest is spread over hundreds.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from tests.registry.places import Place

IMAGES = 10_000
PROJECT = "p"
#: Of every hundred images: the first of them, and the one after the last.
SHARES = {"private": (0, 60), "shared": (60, 85), "public": (85, 95), "community": (95, 100)}
PUBLIC_IMAGE = f"00000000-0000-4000-8000-{100_000_000_000 + 5 * 7_919 % 10_007}"
EARLY, LATE = datetime(2026, 1, 12), datetime(2026, 1, 26)  # noqa: DTZ001 - the registry's times are UTC without zone
TABLES = ("images", "gt_images", "image_properties", "image_tags", "image_locations", "image_members")

#: `n` from 0: the digits of a number, put together.
_DIGITS = " UNION ALL ".join(f"SELECT {digit} AS d" for digit in range(10))
_NUMBERS = (
    "(SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n "
    f"FROM ({_DIGITS}) a, ({_DIGITS}) b, ({_DIGITS}) c, ({_DIGITS}) e) numbers"
)
#: Ids come in another order than the images, as random ones do: 7919 n mod 10007 is different for each n.
_ID = "'00000000-0000-4000-8000-' || (100000000000 + n * 7919 % 10007)"
_MOMENT = r"'2026-01-' || (10 + n % 19) || ' 12\:' || (10 + n % 47) || '\:00.000000'"  # a colon would be a parameter's
_IMAGE = {
    "id": _ID,
    "name": "'image ' || (n % 5000)",
    "size": "n % 9973",
    "status": "CASE WHEN n % 10 = 0 THEN 'queued' ELSE 'active' END",
    "disk_format": "'qcow2'",
    "container_format": "'bare'",
    "checksum": "'sum ' || n",
    "owner": f"CASE WHEN n % 2 = 0 THEN '{PROJECT}' ELSE 'project-' || (n % 999) END",
    "min_disk": "0",
    "min_ram": "0",
    "protected": "n % 30 = 7",
    "os_hidden": "n % 40 = 3",
    "os_hash_algo": "'sha512'",
    "os_hash_value": "'hash ' || n",
}
_MEMBERSHIP = {"can_share": "false", "status": "'accepted'"}
#: Table, columns beside those that all have, and which images.
_PARTS = (
    ("image_properties", {"name": "'arch'", "value": "'arch ' || (n % 2)"}, "n < 5000"),
    ("image_properties", {"name": "'batch'", "value": "'batch ' || (n % 1000)"}, "true"),
    ("image_tags", {"value": "'common'"}, "n % 3 = 0"),
    ("image_tags", {"value": "'batch ' || (n % 1000)"}, "true"),
    ("image_locations", {"value": f"'/srv/' || {_ID}", "meta_data": "'{}'", "status": "'active'"}, "true"),
    ("image_members", _MEMBERSHIP | {"member": f"'{PROJECT}'"}, "n % 200 = 1"),
    ("image_members", _MEMBERSHIP | {"member": "'project-' || (n % 997)"}, "n % 4 = 0"),
)


def fill(place: Place) -> None:
    """Rows, then statistics of all of them that nothing renews: the same plans each time."""
    with place.connected() as db:
        _prepare(place.kind, db)
        for visibility, (first, past) in SHARES.items():
            chosen = f"n * 37 % 100 >= {first} AND n * 37 % 100 < {past}"
            _insert(db, "images", _IMAGE | {"visibility": f"'{visibility}'"} | _always(place.kind), chosen)
        _insert(db, "gt_images", {"image_id": _ID, "revision": "1"}, "true")
        for table, columns, chosen in _PARTS:
            _insert(db, table, columns | {"image_id": _ID} | _always(place.kind), chosen)
    with place.connected() as db:
        _count(place.kind, db)


def _always(kind: str) -> dict[str, str]:
    moment = f"CAST({_MOMENT} AS timestamp)" if kind == "postgresql" else _MOMENT
    return {"created_at": moment, "updated_at": moment, "deleted": "n % 50 = 11"}


def _insert(db: sa.Connection, table: str, columns: dict[str, str], chosen: str) -> None:
    values = ", ".join(columns.values())
    db.execute(sa.text(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {_NUMBERS} WHERE {chosen}"))


def _prepare(kind: str, db: sa.Connection) -> None:
    """Nothing in the background may count the rows again."""
    if kind == "mariadb":
        db.exec_driver_sql("SET SESSION sql_mode = 'PIPES_AS_CONCAT'")
    for table in TABLES:
        if kind == "mariadb":
            db.exec_driver_sql(f"ALTER TABLE {table} STATS_AUTO_RECALC = 0, STATS_SAMPLE_PAGES = 9999")
        if kind == "postgresql":
            db.exec_driver_sql(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")


def _count(kind: str, db: sa.Connection) -> None:
    """Statistics of all rows, not of some picked by chance."""
    if kind == "postgresql":
        db.exec_driver_sql("SET LOCAL default_statistics_target = 1000")  # 300,000 rows
    for table in TABLES:
        db.exec_driver_sql(f"ANALYZE TABLE {table}" if kind == "mariadb" else f"ANALYZE {table}")
