"""Which version of the schema a database has, and bringing it to ours.

Alembic takes half a second to import: it is touched only when there is something to migrate.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from glancetui.config.settings import DatabaseSettings
from glancetui.errors import ConfigError
from glancetui.registry.sql import sqlite
from glancetui.registry.sql.database import Database, explained
from glancetui.registry.sql.state import HEAD, VERSION_TABLE, Kind, State, look

log = logging.getLogger(__name__)


def open_database(settings: DatabaseSettings, *, create: bool) -> Database:
    """Raises ConfigError for a URL that names no database we can use, or none that is there unless `create`."""
    path = file_of(settings, create=create)
    return Database(path, settings)


def file_of(settings: DatabaseSettings, *, create: bool = False) -> Path:
    """Raises ConfigError as `open_database`."""
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
    return path


def prepare(database: Database, *, upgrade: bool, adopt: bool = False) -> None:
    """Raises ConfigError unless the schema is, or may be made, ours."""
    found = state(database)
    match found.kind:
        case Kind.CURRENT:
            return
        case Kind.NEWER:
            raise ConfigError(
                f"The database {database.path} has schema version {found.version}, which this program does not know: "
                "it was made by a newer one. Upgrade glancetui."
            )
        case Kind.FOREIGN:
            raise ConfigError(f"The database {database.path} is {found}. Give the service one of its own.")
        case Kind.GLANCE | Kind.HALF_ADOPTED:
            if not adopt:
                raise ConfigError(
                    f"The database {database.path} is {found}. Stop Glance, make a copy, then run `glancetui db adopt`."
                )
            _adopt(database)
            return
    if not upgrade:
        what = "is empty" if found.kind is Kind.EMPTY else f"has schema version {found.version}, not {HEAD}"
        raise ConfigError(f"The database {database.path} {what}. Run `glancetui db upgrade`.")
    migrate(database)


def _adopt(database: Database) -> None:
    from glancetui.registry.sql.adopt import adopt  # needed once in a database's life

    try:
        adopt(database)
    except ConfigError:
        if state(database).kind is not Kind.CURRENT:  # another process was first
            raise


def state(database: Database) -> State:
    with database.reading() as db:
        return look(db)


@contextmanager
def looking(settings: DatabaseSettings) -> Iterator[sa.Connection]:
    """For reading a database that may not be ours yet: nothing of it is changed, not even SQLite's kind of journal.

    Raises ConfigError if there is none.
    """
    with explained(), sqlite.looking(file_of(settings)) as db:
        yield db


def hand_back(settings: DatabaseSettings) -> None:
    """After a release, with the database closed: leave nothing of ours beside it."""
    sqlite.hand_back(file_of(settings))


def damage(db: sa.Connection) -> list[str]:
    """What the database's own check of its pages, indexes and references finds; empty if all is well."""
    return sqlite.damage(db)


def migrate(database: Database, to: str = HEAD) -> None:
    """Bring the schema to version `to` in one transaction; of several processes that start at once, one does it."""
    from alembic.config import Config  # half a second
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "glancetui.registry.sql:migrations")
    scripts = ScriptDirectory.from_config(config)
    with database.writing() as db:
        before = look(db).version
        if before == to:
            return
        steps = EnvironmentContext(config, scripts, fn=lambda revision, _: scripts._upgrade_revs(to, revision))
        steps.configure(connection=db, version_table=VERSION_TABLE, transactional_ddl=False)
        steps.run_migrations()
    log.info("The database %s went from schema version %s to %s.", database.path, before, to)
