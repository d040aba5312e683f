"""Which version of the schema a database has, and bringing it to ours.

Alembic takes half a second to import: it is touched only when there is something to migrate.
"""

from __future__ import annotations

import logging

import sqlalchemy as sa

from glancetui.config.settings import DatabaseSettings
from glancetui.errors import ConfigError
from glancetui.registry.sql import sqlite
from glancetui.registry.sql.database import Database

log = logging.getLogger(__name__)

VERSION_TABLE = "gt_alembic_version"
#: The newest migration in `migrations/versions`, oldest first; a test holds them equal.
REVISIONS = ("0001", "0002", "0003")
HEAD = REVISIONS[-1]


def open_database(settings: DatabaseSettings, *, create: bool) -> Database:
    """Raises ConfigError for a URL that names no database we can use, or none that is there unless `create`."""
    try:
        url = sa.make_url(settings.connection)
    except sa.exc.ArgumentError as error:
        raise ConfigError("[database] connection is not a URL such as sqlite:////path/to/glance.sqlite.") from error
    if url.get_backend_name() != "sqlite":
        raise ConfigError(f"[database] connection names {url.get_backend_name()}; only sqlite is supported so far.")
    path = sqlite.path_of(url)
    if not path.exists():
        if not create:
            raise ConfigError(f"There is no database {path}. `glancetui db upgrade` makes one.")
        sqlite.create_file(path)
    return Database(path, settings)


def prepare(database: Database, *, upgrade: bool) -> None:
    """Raises ConfigError unless the schema is, or may be made, ours."""
    found = version(database)
    if found == HEAD:
        return
    _refuse_foreign(database, found)
    if not upgrade:
        state = "is empty" if found is None else f"has schema version {found}, this program needs {HEAD}"
        raise ConfigError(f"The database {database.path} {state}. Run `glancetui db upgrade`.")
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
            f"The database {database.path} has schema version {found}, which this program does not know: it was made "
            "by a newer one. Upgrade glancetui."
        )
    with database.reading() as db:
        foreign = found is None and sa.inspect(db).has_table("images")
    if foreign:
        raise ConfigError(
            f"The database {database.path} is Glance's and has not been adopted. Stop Glance, make a copy, "
            "then run `glancetui db adopt`."
        )


def damage(database: Database) -> list[str]:
    """What the database's own check of its pages, indexes and references finds; empty if all is well."""
    with database.reading() as db:
        return sqlite.damage(db)


def migrate(database: Database) -> None:
    """Bring the schema to HEAD in one transaction; of several processes that start at once, one does it."""
    from alembic.config import Config  # half a second
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "glancetui.registry.sql:migrations")
    scripts = ScriptDirectory.from_config(config)
    with database.writing() as db:
        before = _version(db)
        if before == HEAD:
            return
        steps = EnvironmentContext(config, scripts, fn=lambda revision, _: scripts._upgrade_revs(HEAD, revision))
        steps.configure(connection=db, version_table=VERSION_TABLE, transactional_ddl=False)
        steps.run_migrations()
    log.info("The database %s went from schema version %s to %s.", database.path, before, HEAD)
