"""What a server can do to a registry: deadlocks, cut connections, restarts, refusals."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
import sqlalchemy as sa

from glancetui.config.settings import DatabaseSettings
from glancetui.errors import ConfigError, RegistryUnavailable
from glancetui.registry.interface import ImageChange, ImageQuery
from glancetui.registry.sql import SqlRegistry, database, open_registry
from glancetui.registry.sql.database import Database
from glancetui.registry.sql.dialect import Dialect
from glancetui.registry.sql.schema import dialect_of
from glancetui.registry.sql.tables import images
from tests.backends import keeper, mariadb
from tests.registry.making import ACTOR, ADMIN, made, seen
from tests.registry.places import SERVERS, Kept, Place, started

KILL_ME = {
    "mariadb": "KILL {0}",
    "postgresql": "SELECT pg_terminate_backend({0})",
}
WHO_AM_I = {"mariadb": "SELECT CONNECTION_ID()", "postgresql": "SELECT pg_backend_pid()"}


@pytest.fixture(params=SERVERS)
def place(request: pytest.FixtureRequest, kept: Kept, tmp_path: Path) -> Place:
    return kept.empty(request.param, tmp_path)


@pytest.fixture(params=SERVERS)
def own_server(request: pytest.FixtureRequest) -> Iterator[OwnServer]:
    """A server for one test, which may be stopped and started."""
    folder = keeper.new_folder()
    try:
        with ExitStack() as stack:
            yield OwnServer(SERVERS[request.param], folder, stack)
    except keeper.NotInstalled as reason:
        pytest.skip(str(reason))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class OwnServer:
    def __init__(self, server: ModuleType, folder: Path, stack: ExitStack) -> None:
        self._server, self._folder, self._stack = server, folder, stack
        self.start()
        url = server.create_database(folder, "glance")
        self.place = Place(kind=server.__name__.rpartition(".")[2], url=url)

    def start(self) -> None:
        self.process = self._stack.enter_context(self._server.running(self._folder, *self._server.DURABLE))

    def crash(self) -> None:
        self.process.send_signal(self._server.CRASH)
        self.process.wait(30)


def test_a_deadlock_is_resolved_without_anybody_noticing(registry: SqlRegistry) -> None:
    first, second = made(registry).id, made(registry).id
    barrier = threading.Barrier(2)
    attempts: list[str] = []

    def both(one: str, other: str) -> None:
        def work(db: sa.Connection) -> None:
            attempts.append(one)
            for image_id in (one, other):
                db.execute(sa.update(images).where(images.c.id == image_id).values(min_ram=images.c.min_ram + 1))
                if image_id == one and len(attempts) <= 2:
                    barrier.wait(10)

        registry._database.write(work)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(both, first, second), pool.submit(both, second, first)]:
            done.result(60)
    assert [registry.image(image_id, ADMIN).min_ram for image_id in (first, second)] == [2, 2]
    assert len(attempts) > 2


def test_a_change_whose_connection_is_cut_before_it_commits_is_made_once(registry: SqlRegistry, place: Place) -> None:
    image = made(registry)
    attempts: list[int] = []

    def work(db: sa.Connection) -> None:
        attempts.append(1)
        db.execute(sa.update(images).where(images.c.id == image.id).values(min_ram=images.c.min_ram + 1))
        if len(attempts) == 1:
            number = db.execute(sa.text(WHO_AM_I[place.kind])).scalar()
            place.rows(KILL_ME[place.kind].format(number))
            db.execute(sa.text("SELECT 1"))

    registry._database.write(work)
    assert len(attempts) == 2
    assert registry.image(image.id, ADMIN).min_ram == 1


def test_a_connection_lost_in_the_middle_of_a_commit_is_told_and_not_tried_again(
    registry: SqlRegistry, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = made(registry)
    run = type(registry._database.dialect).run

    def cut(self: Dialect, db: sa.Connection, statement: str) -> None:
        if statement == "COMMIT":
            number = db.exec_driver_sql(WHO_AM_I[place.kind]).scalar()
            run(self, db, statement)  # it is committed, and the answer never comes
            place.rows(KILL_ME[place.kind].format(number))
        run(self, db, statement)

    monkeypatch.setattr(type(registry._database.dialect), "run", cut)
    with pytest.raises(RegistryUnavailable, match="not known"):
        registry.change_image(seen(image), ImageChange(min_ram=1), ACTOR)
    monkeypatch.undo()
    after = registry.image(image.id, ADMIN)
    assert (after.min_ram, after.revision) == (1, 1)


def test_a_restart_of_the_server_is_survived_and_no_confirmed_change_lost(own_server: OwnServer) -> None:
    registry = own_server.place.open()
    image = made(registry)
    stop, confirmed, uncertain = threading.Event(), [], []

    def work(name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                registry.add_tag(image.id, f"{name}-{number}", -1, ACTOR)
            except RegistryUnavailable:
                uncertain.append(f"{name}-{number}")
            else:
                confirmed.append(f"{name}-{number}")

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work, name) for name in "abcd"]
        wait_until(lambda: len(confirmed) > 8)
        own_server.crash()
        wait_until(lambda: bool(uncertain))
        own_server.start()
        before = len(confirmed)
        wait_until(lambda: len(confirmed) > before + 8)
        stop.set()
        for worker in workers:
            worker.result(60)
    after = registry.image(image.id, ADMIN)
    assert set(confirmed) <= set(after.tags) <= set(confirmed) | set(uncertain)
    assert after.revision == len(after.tags)
    registry.close()


def wait_until(true: Callable[[], bool]) -> None:
    done = threading.Event()
    for _ in range(3000):
        if true():
            return
        done.wait(0.01)
    raise AssertionError("it did not come about in time")


def test_a_server_that_is_down_is_said_to_be_so(own_server: OwnServer) -> None:
    registry = own_server.place.open()
    own_server.crash()
    for look in (registry.check, lambda: made(registry), own_server.place.open):
        with pytest.raises(RegistryUnavailable) as caught:
            look()
        assert mariadb.PASSWORD not in str(caught.value)
    registry.close()


def test_a_database_that_is_not_there_or_not_ours_to_use_is_a_sentence(place: Place) -> None:
    nowhere = place.url.replace(database_of(place), "nowhere")
    stranger = place.url.replace("//glance", "//stranger")
    for url in (nowhere, stranger):
        with pytest.raises(RegistryUnavailable) as caught:
            open_registry(DatabaseSettings(connection=url, upgrade=True), "n")
        assert mariadb.PASSWORD not in str(caught.value)
    with pytest.raises(RegistryUnavailable, match="Create"):
        open_registry(DatabaseSettings(connection=nowhere, upgrade=True), "n")


def database_of(place: Place) -> str:
    return str(sa.make_url(place.url).database)


def test_a_read_only_database_can_be_read_and_says_what_to_do(place: Place, registry: SqlRegistry) -> None:
    image = made(registry)
    registry.close()
    url = place.url
    if place.kind == "mariadb":
        grant = f"GRANT SELECT ON `{database_of(place)}`.* TO reader@localhost IDENTIFIED BY '{mariadb.PASSWORD}'"
        mariadb.execute(started("mariadb"), grant)
        url = url.replace("glance:", "reader:", 1)
    else:
        place.rows(f"ALTER DATABASE {database_of(place)} SET default_transaction_read_only = on")
    try:
        reader = msgspec.structs.replace(place, url=url).open(upgrade=False)
        assert reader.page(ImageQuery(viewer=ADMIN, limit=5)) == [image]
        with pytest.raises(RegistryUnavailable, match=r"rights|read-only"):
            made(reader)
        reader.close()
    finally:
        if place.kind == "postgresql":
            statement = f"ALTER DATABASE {database_of(place)} RESET default_transaction_read_only"
            SERVERS["postgresql"].execute(started("postgresql"), "SET default_transaction_read_only = off", statement)


def test_no_more_connections_are_opened_than_the_pool_may_have(place: Place) -> None:
    settings = msgspec.structs.replace(place.settings(), max_pool_size=1, max_overflow=1, pool_timeout=0.2)
    registry = open_registry(settings, "n")
    with (
        registry._database.glancing(),
        registry._database.glancing(),
        pytest.raises(RegistryUnavailable, match="in use"),
    ):
        registry.check()
    registry.check()
    registry.close()


def test_a_server_without_a_free_connection_is_waited_for(place: Place) -> None:
    url = of_a_user_with_one_connection(place)
    settings = msgspec.structs.replace(place.settings(), connection=url)
    first, second = (Database(dialect_of(settings)) for _ in range(2))
    with ThreadPoolExecutor(1) as thread:
        with first.glancing():
            asked = thread.submit(second.read, lambda db: db.execute(sa.text("SELECT 2")).scalar())
            with pytest.raises(TimeoutError):
                asked.result(0.2)
        first.close()
        assert asked.result(20) == 2
    second.close()


def test_a_server_that_stays_without_a_free_connection_says_what_to_do(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "_TRIES", 3)
    settings = msgspec.structs.replace(place.settings(), connection=of_a_user_with_one_connection(place))
    first, second = (Database(dialect_of(settings)) for _ in range(2))
    with first.glancing(), pytest.raises(RegistryUnavailable, match="max_connections"):
        second.read(lambda db: db.execute(sa.text("SELECT 2")))
    assert "Given up after 3 attempts" in caplog.text
    for each in (first, second):
        each.close()


def of_a_user_with_one_connection(place: Place) -> str:
    name = f"lonely{uuid.uuid4().hex[:8]}"
    if place.kind == "mariadb":
        grant = f"GRANT SELECT ON `{database_of(place)}`.* TO {name}@localhost IDENTIFIED BY '{mariadb.PASSWORD}'"
        mariadb.execute(started("mariadb"), f"{grant} WITH MAX_USER_CONNECTIONS 1")
    else:
        place.rows(f"CREATE ROLE {name} LOGIN CONNECTION LIMIT 1")
    return place.url.replace("//glance", f"//{name}", 1)


@pytest.mark.parametrize("spelling", ["mysql", "mariadb", "mysql+mysqldb"])
def test_glances_spellings_of_a_url_are_understood(kept: Kept, tmp_path: Path, spelling: str) -> None:
    place = kept.empty("mariadb", tmp_path)
    registry = msgspec.structs.replace(place, url=place.url.replace("mysql+pymysql", spelling)).open()
    registry.check()
    registry.close()


def test_a_url_that_the_driver_does_not_understand_is_the_operators_mistake(place: Place) -> None:
    with pytest.raises(ConfigError, match="connection"):
        open_registry(DatabaseSettings(connection=f"{place.url}&nonsense=1", upgrade=True), "n")
