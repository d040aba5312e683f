"""Which version of the schema a database has, and bringing it to ours.

Alembic takes half a second to import: it is touched only when there is something to migrate.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import sqlalchemy as sa

from glancetui.config.settings import DatabaseSettings
from glancetui.errors import ConfigError
from glancetui.registry.sql.database import Database
from glancetui.registry.sql.dialect import Dialect
from glancetui.registry.sql.mariadb import MariaDb
from glancetui.registry.sql.postgresql import PostgreSql
from glancetui.registry.sql.sqlite import Sqlite
from glancetui.registry.sql.state import HEAD, REVISIONS, VERSION_TABLE, Kind, State, look

__all__ = ["HEAD", "REVISIONS", "VERSION_TABLE"]

log = logging.getLogger(__name__)

_KINDS: Mapping[str, Callable[[sa.URL, DatabaseSettings], Dialect]] = {
    "sqlite": Sqlite,
    "mysql": MariaDb,
    "mariadb": MariaDb,
    "postgresql": PostgreSql,
}


def open_database(settings: DatabaseSettings, *, create: bool) -> Database:
    """Raises ConfigError for a URL that names no database we can use, or none that is there unless `create`."""
    dialect = dialect_of(settings)
    if not dialect.exists():
        if not create:
            raise ConfigError(f"There is no database {dialect.name}. `glancetui db upgrade` makes one.")
        dialect.create()
    return Database(dialect)


def dialect_of(settings: DatabaseSettings) -> Dialect:
    """Raises ConfigError for a URL that names no database we can use."""
    try:
        url = sa.make_url(settings.connection)
    except sa.exc.ArgumentError as error:
        raise ConfigError("[database] connection is not a URL such as sqlite:////path/to/glance.sqlite.") from error
    kind = _KINDS.get(url.drivername.partition("+")[0])
    if kind is None:
        raise ConfigError(
            f"[database] connection is for {url.drivername}, which is not supported: use sqlite, mysql or postgresql."
        )
    return kind(url, settings)


def refuse(found: State, name: str, *, upgrade: bool, adopt: bool = False) -> None:
    """Raises ConfigError unless the schema is, or may be made, ours."""
    match found.kind:
        case Kind.CURRENT:
            return
        case Kind.NEWER:
            raise ConfigError(
                f"The database {name} has schema version {found.version}, which this program does not know: "
                "it was made by a newer one. Upgrade glancetui."
            )
        case Kind.FOREIGN:
            raise ConfigError(f"The database {name} is {found}. Give the service one of its own.")
        case Kind.GLANCE | Kind.HALF_ADOPTED:
            if not adopt:
                raise ConfigError(
                    f"The database {name} is {found}. Stop Glance, make a copy, then run `glancetui db adopt`."
                )
            return
    if not upgrade:
        unmade = found.kind in {Kind.EMPTY, Kind.HALF_MADE}
        what = f"is {found}" if unmade else f"has schema version {found.version}, not {HEAD}"
        raise ConfigError(f"The database {name} {what}. Run `glancetui db upgrade`.")


def prepare(database: Database, *, upgrade: bool, adopt: bool = False) -> None:
    """Raises ConfigError unless the schema is, or may be made, ours."""
    found = state(database)
    refuse(found, database.name, upgrade=upgrade, adopt=adopt)
    if found.kind in {Kind.GLANCE, Kind.HALF_ADOPTED}:
        _adopt(database)
    elif found.kind is not Kind.CURRENT:
        migrate(database)


def refuse_unopened(settings: DatabaseSettings) -> None:
    """As `refuse`, before a connection of ours turns the journal of a database that may not be ours.

    Raises ConfigError, RegistryUnavailable.
    """
    dialect = dialect_of(settings)
    if dialect.changed_by_opening and dialect.exists():
        with looking(settings) as db:
            found = look(db)
        refuse(found, dialect.name, upgrade=settings.upgrade, adopt=settings.adopt)


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


def version(database: Database) -> str | None:
    """The version found; None if the database has none of ours."""
    return state(database).version


@contextmanager
def looking(settings: DatabaseSettings) -> Iterator[sa.Connection]:
    """For reading a database that may not be ours yet: nothing of it is changed, not even SQLite's kind of journal.

    Raises ConfigError if there is none.
    """
    dialect = dialect_of(settings)
    if not dialect.exists():
        raise ConfigError(f"There is no database {dialect.name}. `glancetui db upgrade` makes one.")
    database = Database(dialect.for_looking())
    try:
        with database.glancing() as db:
            yield db
    finally:
        database.close()


def hand_back(settings: DatabaseSettings) -> None:
    """After a release, with the database closed: leave nothing of ours beside it."""
    dialect_of(settings).hand_back()


def damage(settings: DatabaseSettings) -> list[str]:
    """What the database's own check of its pages, indexes and references finds; empty if all is well."""
    with looking(settings) as db:
        return dialect_of(settings).damage(db)


def migrate(database: Database, to: str = HEAD) -> None:
    """Bring the schema to version `to` in one transaction; of several processes that start at once, one does it."""
    from alembic.config import Config  # half a second
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "glancetui.registry.sql:migrations")
    scripts = ScriptDirectory.from_config(config)
    with database.writing() as db, database.dialect.migrating(db):
        before = look(db).version
        if before == to:
            return
        steps = EnvironmentContext(config, scripts, fn=lambda revision, _: scripts._upgrade_revs(to, revision))
        steps.configure(connection=db, version_table=VERSION_TABLE, transactional_ddl=False)
        steps.run_migrations()
    log.info("The database %s went from schema version %s to %s.", database.name, before, to)
