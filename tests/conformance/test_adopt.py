"""A database that a real Glance made and filled is taken over, worked with, given back, and taken over again.

After each move the service that has it says what the one before it said: image by image, page by page, to each project.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from glancetui.registry.sql.state import GLANCES_HEAD
from tests.backends.glance import HEADERS, Glance, kill, new_glance
from tests.backends.peer import PeerUnavailable, peer_venv
from tests.backends.processes import free_port
from tests.conformance.adopting.api import ADMIN, ALPHA, BETA, GAMMA, Api, operation
from tests.conformance.adopting.comparing import LISTINGS, SKIPPED, Told, differences, told
from tests.conformance.adopting.population import Population, content, wait_for, web_server
from tests.registry.places import KINDS, SERVERS, started
from tests.serving import clean_environment, running_server

OURS = """
[glancetui]
auth = headers
trusted_peers = 127.0.0.1
upload_lease_seconds = {lease}
"""
SOME = LISTINGS[::2]
FEW = ("limit=1000", "limit=7", "visibility=shared", "tag=late")


@dataclass
class Move:
    """One database, and the configuration that both services read."""

    glance: Glance
    population: Population
    more: str  # sections of the configuration that are Glance's
    folder: Path

    @property
    def ids(self) -> Sequence[str]:
        return list(self.population.ids.values())

    def configure(self, lease: float = 3600) -> None:
        """`lease`: so long may an upload that Glance left behind stay as it is."""
        self.glance.configure("delayed_delete = true", self.more + OURS.format(lease=lease))

    def db(self, *arguments: str, fails: bool = False) -> str:
        """`glancetui db …`; what it printed."""
        command = [sys.executable, "-m", "glancetui", "db", *arguments, "--config-file", str(self.glance.conf)]
        done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def ours(self) -> Iterator[Api]:
        arguments = ("--config-file", str(self.glance.conf))
        with running_server(self.folder, auth=None, arguments=arguments) as server:
            yield Api(server.endpoint)

    @contextmanager
    def theirs(self) -> Iterator[Api]:
        with self.glance.running():
            yield Api(self.glance.url)

    @contextmanager
    def engine(self) -> Iterator[sa.Connection]:
        engine = sa.create_engine(self.glance.url_of_database, poolclass=sa.NullPool)
        with engine.connect() as db:
            yield db

    def differences(self, theirs: Told, ours: Told) -> list[str]:
        return differences(theirs, ours, self.population.ids["http location"])

    def rows(self) -> dict[str, list[Any]]:
        """Every row of Glance's tables."""
        tables = sa.MetaData()
        with self.engine() as db:
            tables.reflect(db)
            return {
                table.name: sorted(repr(tuple(row)) for row in db.execute(sa.select(table)))
                for table in tables.sorted_tables
                if not table.name.startswith("gt_")
            }

    def locations_of(self, key: str) -> list[tuple[object, ...]]:
        query = "SELECT value, meta_data, status, deleted_at FROM image_locations WHERE image_id = :id AND NOT deleted"
        with self.engine() as db:
            rows = db.execute(sa.text(query), {"id": self.population.ids[key]})
            return [(url, json.loads(metadata), status, deleted_at) for url, metadata, status, deleted_at in rows]

    def structure(self) -> dict[str, object]:
        """Tables, their columns, indexes and keys."""
        with self.engine() as db:
            look = sa.inspect(db)
            return {
                table: (
                    [
                        repr((column["name"], str(column["type"]), column["nullable"]))
                        for column in look.get_columns(table)
                    ],
                    sorted(str(index["name"]) for index in look.get_indexes(table)),
                    sorted(str(key["name"]) for key in look.get_unique_constraints(table)),
                )
                for table in look.get_table_names()
            }


@contextmanager
def database(kind: str) -> Iterator[str | None]:
    """The URL of a new database as Glance would be given it; None: SQLite in Glance's folder."""
    if kind == "sqlite":
        yield None
        return
    server, home = SERVERS[kind], started(kind)
    name = f"adopt{uuid.uuid4().hex[:12]}"
    try:
        yield server.create_database(home, name)
    finally:
        server.drop_database(home, name)


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.xdist_group(f"adopt-{name}")) for name in KINDS])
def move(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Move]:
    """Filled through Glance, which is stopped; some of its work was cut short."""
    venv = environment()
    with ExitStack() as stack:
        url = stack.enter_context(database(request.param))
        port = stack.enter_context(web_server())
        more = f"[import_filtering_opts]\nallowed_ports = [{port}]\nallowed_hosts = [127.0.0.1]\n"
        glance = new_glance(tmp_path / "glance", venv, url, HEADERS)
        population = Population(Api(glance.url), port)
        moving = Move(glance, population, more, tmp_path)
        glance.configure(more=more)
        glance.load_metadefs()
        with glance.running() as started:
            population.make()
            population.begin_what_never_ends()
            kill(started)
        population.close()
        yield moving


@pytest.mark.backend("glance")
@pytest.mark.slow(seconds=90)
@pytest.mark.timeout(600)
def test_what_glance_said_is_said_after_adopting_changing_and_releasing(
    move: Move, record_property: Callable[[str, object], None], request: pytest.FixtureRequest
) -> None:
    move.configure()
    with move.theirs() as api:
        move.population.delete_later(api)
        before = told(api, move.ids)
    rows, structure, left = move.rows(), move.structure(), move.locations_of("refused")

    adopt(move)
    assert move.rows() == rows
    with move.ours() as api:
        assert move.differences(before, told(api, move.ids)) == []
    tell(record_property, request, before)

    move.configure(lease=1)
    with move.ours() as api:
        change_through_ours(move.population, api)
        changed = told(api, move.ids, (ALPHA, BETA), SOME)
    assert "Glance can start" in move.db("release")
    assert move.structure() == structure
    assert move.locations_of("refused by ours") == left
    with move.theirs() as api:
        assert move.differences(told(api, move.ids, (ALPHA, BETA), SOME), changed) == []
        change_through_glance(move.population, api)
        last = told(api, move.ids, (ALPHA, GAMMA), FEW)

    move.db("adopt", "--force")
    with move.ours() as api:
        assert move.differences(last, told(api, move.ids, (ALPHA, GAMMA), FEW)) == []
    unfinished = {row[:ID_ENDS] for row in rows["tasks"] if "'pending'" in row or "'processing'" in row}
    assert len(unfinished) < len(rows["tasks"])
    after = move.rows()
    ours = {row[:ID_ENDS] for row in after["tasks"]} - {row[:ID_ENDS] for row in rows["tasks"]}
    assert len(ours) == 1
    assert kept(after, unfinished | ours) == kept(rows, unfinished)


ID_ENDS = len("('") + 36  # of a row as text, which its task's id begins


def kept(rows: Mapping[str, Sequence[str]], besides: Collection[str]) -> dict[str, list[str]]:
    """What no service of ours touches: definitions, nodes, and tasks `besides` its own and those Glance died over."""
    return {
        name: [row for row in listed if row[:ID_ENDS] not in besides]
        for name, listed in rows.items()
        if name.startswith(("metadef", "node", "task"))
    }


@pytest.mark.backend("glance")
@pytest.mark.slow(seconds=30)
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.xdist_group(f"adopt-{kind}")) for kind in KINDS])
def test_glance_starts_on_a_database_that_glancetui_made(kind: str, tmp_path: Path) -> None:
    with database(kind) as url:
        glance = Glance(tmp_path / "glance", environment(), free_port(), url, HEADERS)
        move = Move(glance, Population(Api(glance.url), 80), "", tmp_path)
        move.configure()
        move.db("upgrade")
        with move.ours() as api:
            ids = made_by_ours(api)
            before = told(api, ids, (ADMIN, ALPHA, BETA), FEW)
        move.db("release")
        assert GLANCES_HEAD in glance.manage("db_version")
        with move.theirs() as api:
            assert differences(told(api, ids, (ADMIN, ALPHA, BETA), FEW), before) == []
            api.patch(ids[0], ALPHA, operation("add", "/later", "yes"))
            ids.append(api.create(BETA, name="by Glance", tags=["late"]))
            after = told(api, ids, (ADMIN, ALPHA, BETA), FEW)
        move.db("adopt")
        with move.ours() as api:
            assert differences(after, told(api, ids, (ADMIN, ALPHA, BETA), FEW)) == []


@pytest.mark.backend("glance")
@pytest.mark.slow(seconds=20)
def test_a_migration_that_glance_has_not_finished_is_refused(tmp_path: Path) -> None:
    glance = Glance(tmp_path / "glance", environment(), free_port())
    move = Move(glance, Population(Api(glance.url), 80), "", tmp_path)
    glance.configure()
    glance.manage("db_expand")
    for arguments in (("adopt",), ("adopt", "--force"), ("adopt", "--dry-run")):
        said = move.db(*arguments, fails=True)
        assert "2024_1_expand01" in said
        assert "`glance-manage db contract`" in said
    glance.manage("db_contract")
    assert "Adopted" in move.db("adopt")


def made_by_ours(api: Api) -> list[str]:
    """Of each thing that a database can hold of an image."""
    raw = {"disk_format": "raw", "container_format": "bare"}
    ids = [api.create(ALPHA, name=f"Größe {number}", tags=["late", f"t{number}"], k="v", **raw) for number in range(9)]
    for image in ids[:6]:
        api.upload(image, ALPHA, content(image, 100), "slow" if image == ids[1] else None)
    api.patch(ids[2], ALPHA, operation("remove", "/k"), operation("replace", "/visibility", "shared"))
    api.do("POST", f"/v2/images/{ids[2]}/members", ALPHA, {"member": BETA.project})
    api.do("PUT", f"/v2/images/{ids[2]}/members/{BETA.project}", BETA, {"status": "accepted"})
    api.do("POST", f"/v2/images/{ids[3]}/actions/deactivate", ADMIN)
    api.do("DELETE", f"/v2/images/{ids[8]}", ALPHA)
    return ids


def environment() -> Path:
    try:
        return peer_venv()
    except PeerUnavailable as error:
        pytest.skip(f"the real Glance cannot be installed: {error}")


def adopt(move: Move) -> None:
    """Seen before it is done, and not done over what may still be under way."""
    structure = move.structure()
    for arguments in (("adopt", "--dry-run"), ("adopt",)):
        said = move.db(*arguments, fails=True)
        assert "--force" in said
        assert move.population.ids["saving"] in said
    dry = move.db("adopt", "--dry-run", "--force")
    assert "CREATE TABLE gt_images" in dry
    assert move.structure() == structure
    assert "2024_1_contract01" in move.db("version")
    assert "db adopt" in move.db("check", fails=True)
    move.db("adopt", "--force")
    move.db("check")


def tell(record_property: Callable[[str, object], None], request: pytest.FixtureRequest, compared: Told) -> None:
    name = request.node.callspec.params["move"]
    record_property("adopt comparison", f"{compared.images} images, {compared.fields} fields on {name}")
    for skipped in SKIPPED if name == KINDS[0] else ():
        record_property("adopt comparison leaves out", skipped)


def change_through_ours(population: Population, api: Api) -> None:
    ids = population.ids
    wait_for("the image left saving", lambda: api.get(f"/v2/images/{ids['saving']}", ADMIN)["status"] == "queued")
    api.upload(ids["saving"], ALPHA, content("second attempt", 400))  # the file that Glance left is out of the way
    ids["new"] = api.create(BETA, name="made by glancetui", disk_format="raw", container_format="bare", tags=["late"])
    api.upload(ids["new"], BETA, content("new", 500), "slow")
    plain = ids["plain-01"]
    api.patch(plain, BETA, operation("replace", "/name", "renamed"), operation("remove", "/os_distro"))
    api.patch(plain, BETA, operation("add", "/os_distro", "arch"), operation("replace", "/tags", ["late", "lts"]))
    api.do("PUT", f"/v2/images/{ids['plain-00']}/tags/late", ALPHA)
    api.do("DELETE", f"/v2/images/{ids['comma']}/tags/x{'x' * 254}", BETA)
    api.do("DELETE", f"/v2/images/{ids['in both']}", ALPHA)
    api.do("DELETE", f"/v2/images/{ids['nameless']}", ALPHA)
    api.do("DELETE", f"/v2/images/{ids['shared']}/members/{BETA.project}", ALPHA)
    api.do("POST", f"/v2/images/{ids['shared']}/members", ALPHA, {"member": "late-project"})
    api.do("PUT", f"/v2/images/{ids['shared']}/members/{GAMMA.project}", GAMMA, {"status": "accepted"})
    api.do("POST", f"/v2/images/{ids['shared']}/members", ALPHA, {"member": BETA.project})
    api.do("POST", f"/v2/images/{ids['deactivated']}/actions/reactivate", ADMIN)
    api.do("POST", f"/v2/images/{ids['shared too']}/actions/deactivate", ALPHA)
    api.upload(ids["refused"], ALPHA, content("not what was refused", 600))
    assert api.get(f"/v2/images/{ids['refused']}", ALPHA)["stores"] == "fast"
    population.refused("refused by ours", api)


def change_through_glance(population: Population, api: Api) -> None:
    """Of what we changed, and of what only Glance ever changed."""
    ids = population.ids
    api.patch(ids["plain-01"], BETA, operation("replace", "/name", "renamed by Glance"))
    api.patch(ids["new"], BETA, operation("add", "/late", "yes"), operation("replace", "/tags", []))
    api.patch(ids["plain-04"], ALPHA, operation("replace", "/visibility", "community"))
    api.do("DELETE", f"/v2/images/{ids['plain-00']}", ALPHA)
    api.do("DELETE", f"/v2/images/{ids['saving']}", ALPHA)
    api.do("DELETE", f"/v2/images/{ids['shared']}/members/late-project", ALPHA)
    ids["newest"] = api.create(GAMMA, name="made by Glance", tags=["late"])
