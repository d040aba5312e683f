"""Which version of the schema a database has, and bringing it to ours.

Alembic takes half a second to import: it is touched only when there is something to migrate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import sqlalchemy as sa

from glancetui.config.settings import DatabaseSettings
from glancetui.errors import ConfigError
from glancetui.registry.sql.database import Database
from glancetui.registry.sql.dialect import Dialect
from glancetui.registry.sql.mariadb import MariaDb
from glancetui.registry.sql.postgresql import PostgreSql
from glancetui.registry.sql.sqlite import Sqlite

log = logging.getLogger(__name__)

VERSION_TABLE = "gt_alembic_version"
#: The newest migration in `migrations/versions`, oldest first; a test holds them equal.
REVISIONS = ("0001", "0002")
HEAD = REVISIONS[-1]

_KINDS: Mapping[str, Callable[[sa.URL, DatabaseSettings], Dialect]] = {
    "sqlite": Sqlite,
    "mysql": MariaDb,
    "mariadb": MariaDb,
    "postgresql": PostgreSql,
}


def open_database(settings: DatabaseSettings, *, create: bool) -> Database:
    """Raises ConfigError for a URL that names no database we can use, or none that is there unless `create`."""
    try:
        url = sa.make_url(settings.connection)
    except sa.exc.ArgumentError as error:
        raise ConfigError("[database] connection is not a URL such as sqlite:////path/to/glance.sqlite.") from error
    kind = _KINDS.get(url.drivername.partition("+")[0])
    if kind is None:
        raise ConfigError(
            f"[database] connection is for {url.drivername}, which is not supported: use sqlite, mysql or postgresql."
        )
    dialect = kind(url, settings)
    if not dialect.exists():
        if not create:
            raise ConfigError(f"There is no database {dialect.name}. `glancetui db upgrade` makes one.")
        dialect.create()
    return Database(dialect)


def prepare(database: Database, *, upgrade: bool) -> None:
    """Raises ConfigError unless the schema is, or may be made, ours."""
    found = version(database)
    if found == HEAD:
        return
    _refuse_foreign(database, found)
    if not upgrade:
        state = "is empty" if found is None else f"has schema version {found}, this program needs {HEAD}"
        raise ConfigError(f"The database {database.name} {state}. Run `glancetui db upgrade`.")
    migrate(database)


def version(database: Database) -> str | None:
    """The version found; None if the database has none of ours."""
    with database.reading() as db:
        return _version(db)


def _version(db: sa.Connection) -> str | None:
    if VERSION_TABLE not in sa.inspect(db).get_table_names():
        return None
    return db.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant


def _refuse_foreign(database: Database, found: str | None) -> None:
    if found is not None and found not in REVISIONS:
        raise ConfigError(
            f"The database {database.name} has schema version {found}, which this program does not know: it was made "
            "by a newer one. Upgrade glancetui."
        )
    with database.reading() as db:
        names = set(sa.inspect(db).get_table_names())
    # A migration makes its table first: where that is empty, one of ours died half-way and is to be taken up again.
    foreign = "images" in names and VERSION_TABLE not in names
    if foreign:
        raise ConfigError(
            f"The database {database.name} is Glance's and has not been adopted. Stop Glance, make a copy, "
            "then run `glancetui db adopt`."
        )


def damage(database: Database) -> list[str]:
    """What the database's own check of its pages, indexes and references finds; empty if all is well."""
    with database.reading() as db:
        return database.dialect.damage(db)


def migrate(database: Database) -> None:
    """Bring the schema to HEAD in one transaction; of several processes that start at once, one does it."""
    from alembic.config import Config  # half a second
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "glancetui.registry.sql:migrations")
    scripts = ScriptDirectory.from_config(config)
    with database.writing() as db, database.dialect.migrating(db):
        before = _version(db)
        if before == HEAD:
            return
        steps = EnvironmentContext(config, scripts, fn=lambda revision, _: scripts._upgrade_revs(HEAD, revision))
        steps.configure(connection=db, version_table=VERSION_TABLE, transactional_ddl=False)
        steps.run_migrations()
    log.info("The database %s went from schema version %s to %s.", database.name, before, HEAD)
