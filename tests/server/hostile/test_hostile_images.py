"""Hostile images by every way in, at running services with and without plug-ins.

Of each: no other file is opened (the kernel watches one that they all name), no tool is started before the content was
looked into, the refusal is a sentence, nothing is left in stores, staging and rows, and a good file is taken next.
Every image by every way is `make test-long`; otherwise each image goes one of the ways, and each way takes its share.
"""

from __future__ import annotations

import functools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.backends.images import MIB, need, qemu_image
from tests.backends.watch import Watch, watched
from tests.backends.web import held_back, web_server
from tests.images.waiting import until
from tests.longer import share
from tests.server.api import Api
from tests.server.hostile.corpus import CAP, Hostile, corpus, disc, qcow2
from tests.server.hostile.ways import WAYS, Content, Outcome, Place, Way, bring, ended, put, upload
from tests.serving import running_server, two_stores

CONFIG = """\
[DEFAULT]
image_size_cap = {cap}
enabled_import_methods = [glance-direct,web-download,glance-download,copy-image]
{stores}
[glancetui]
trusted_peers = 127.0.0.1
[image_import_opts]
image_import_plugins = [{plugins}]
[image_conversion]
output_format = {output}
"""
PLUGINS = "image_decompression,image_conversion"
#: Service → its plug-ins and what they convert to.
SERVICES = {"plain": ("", "raw"), "to raw": (PLUGINS, "raw"), "to qcow2": (PLUGINS, "qcow2")}
IMPORTS = ("glance-direct", "web-download", "glance-download")
CASES = [("plain", way) for way in WAYS] + [(name, way) for name in ("to raw", "to qcow2") for way in IMPORTS]
CASES += [("plain", "copy"), ("to raw", "task")]  # which have tests of their own
#: Data that can become no image of this service may become one of another configuration: staged, they stay.
MAY_BE_KEPT = {"over-limit", "conversion-failed"}
CODES = {415, 413, "unsupported-content", "bad-archive", *MAY_BE_KEPT}
FIGURE = "hostile images × ways in"
LOG_CALL = """\
#!/bin/sh
echo "$@" >> {log}
exec {program} "$@"
"""


class Yard(NamedTuple):
    place: Place
    service: str
    watch: Watch
    bait: Path
    images: list[Hostile]
    good: dict[str, Content]
    tools: Path  # a line for each start of qemu-img

    def share(self, way: str) -> list[Hostile]:
        return share(self.images, CASES.index((self.service, way)), len(CASES))

    def tools_on(self, image_id: str) -> list[str]:
        return [line for line in self.tools.read_text().splitlines() if image_id in line]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Hostile], dict[str, Content]]:
    """The bait, what names it, and good files of the same formats."""
    need("qemu-img", "qemu-utils")
    folder = tmp_path_factory.mktemp("corpus")
    bait = tmp_path_factory.mktemp("bait") / "secret.raw"
    bait.write_bytes(b"nobody may read this " * 50_000)
    return bait, corpus(folder, bait), goods(folder)


def goods(folder: Path) -> dict[str, Content]:
    made = {"qcow2": "qcow2", "vmdk": "vmdk", "vpc": "vhd", "vdi": "vdi", "raw": "raw"}
    good = {claim: Content(claim, "bare", qemu_image(folder, kind, MIB).read_bytes()) for kind, claim in made.items()}
    good["vhdx"] = Content("vhdx", "bare", qemu_image(folder, "vhdx", MIB, "block_size=1M").read_bytes())
    good["iso"] = Content("iso", "bare", disc())
    return good


@pytest.fixture(scope="module")
def yards(
    tmp_path_factory: pytest.TempPathFactory, images: tuple[Path, list[Hostile], dict[str, Content]]
) -> Iterator[Callable[[str], Yard]]:
    """Each service is started once, when it is first asked for: parameters of a fixture would make it come and go."""
    with ExitStack() as stack:
        yield functools.cache(
            lambda service: stack.enter_context(running(service, tmp_path_factory.mktemp("hostile"), images))
        )


@pytest.fixture
def yard(request: pytest.FixtureRequest, yards: Callable[[str], Yard]) -> Yard:
    return yards(request.param)


@contextmanager
def running(service: str, folder: Path, images: tuple[Path, list[Hostile], dict[str, Content]]) -> Iterator[Yard]:
    plugins, output = SERVICES[service]
    bait, hostile, good = images
    for near in ("fast", "data/staging"):
        (folder / near).mkdir(parents=True)
        for name in (folder / near / bait.name, (folder / near).parent / bait.name):
            os.link(bait, name)
    tools = folder / "tools.log"
    with (
        web_server() as web,
        running_server(
            folder,
            auth="headers",
            config=CONFIG.format(cap=CAP, stores=three_stores(folder, web.port), plugins=plugins, output=output),
            environment={"PATH": f"{logging_qemu(folder, tools)}:{os.environ['PATH']}"},
        ) as server,
        watched(bait) as watch,
    ):
        yield Yard(Place(Api(server.endpoint), web, server, folder), service, watch, bait, hostile, good, tools)


def three_stores(folder: Path, port: int) -> str:
    return two_stores(folder, port).removeprefix("[DEFAULT]\n").replace("slow:file", "slow:file, web:http")


def logging_qemu(folder: Path, log: Path) -> Path:
    """A folder with a `qemu-img` that notes its arguments and becomes the real one."""
    tools = folder / "bin"
    tools.mkdir()
    log.touch()
    program = tools / "qemu-img"
    program.write_text(LOG_CALL.format(log=log, program=shutil.which("qemu-img")))
    program.chmod(0o755)
    return tools


def is_kept(yard: Yard, image: Hostile) -> bool:
    """Whether the service takes it, as bytes that mean nothing to it."""
    is_opened = bool(SERVICES[yard.service][0]) and image.opened is not None
    if image.container_format == "bare" and image.disk_format == SERVICES[yard.service][1]:
        is_opened = False  # it is what others are converted to
    return image.stored and not is_opened


def grouped(cases: list[tuple[str, str]]) -> list[object]:
    return [
        pytest.param(*case, marks=pytest.mark.xdist_group(f"hostile {case[0]}"), id="-".join(case)) for case in cases
    ]


@pytest.mark.slow(seconds=10)
@pytest.mark.parametrize(("yard", "way"), grouped(CASES[:-2]), indirect=["yard"])
def test_hostile_images_are_refused_and_leave_nothing(
    yard: Yard, way: str, record_property: Callable[[str, object], None]
) -> None:
    images = yard.share(way)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(functools.partial(try_one, yard, WAYS[way]), images))
    check_nothing_is_left(yard)
    record_property(FIGURE, len(images))


def try_one(yard: Yard, way: Way, image: Hostile) -> None:
    place, content = yard.place, Content(image.disk_format, image.container_format, image.data)
    outcome = way(place, place.new(content), content)
    if is_kept(yard, image):
        assert outcome.reason is None, (image.name, outcome)
        assert place.api.call("GET", f"/v2/images/{outcome.image_id}/file").raw == image.data
        assert yard.tools_on(outcome.image_id) == []
    else:
        check_refusal(yard, image, outcome)
        take_good(yard, image, way, outcome)
    assert place.api.call("DELETE", f"/v2/images/{outcome.image_id}").status == 204
    until(lambda: place.files_of(outcome.image_id) == [])


def check_refusal(yard: Yard, image: Hostile, outcome: Outcome) -> None:
    image_id, reason, code = outcome
    assert reason is not None, f"{image.name} was taken"
    assert (code in CODES, len(reason.split()) > 4, reason[-1]) == (True, True, "."), (image.name, outcome)
    assert str(yard.place.folder) not in reason
    assert str(yard.bait) not in reason
    if code != "conversion-failed":
        assert yard.tools_on(image_id) == [], image.name
    shown = yard.place.api.show(image_id)
    assert (shown["checksum"], shown["os_hash_value"], shown.get("stores")) == (None, None, None)
    stays = code in MAY_BE_KEPT and shown["status"] == "uploading"
    assert yard.place.files_of(image_id) == ([f"data/staging/{image_id}"] if stays else []), image.name
    assert stays or (shown["status"], shown["size"], shown["virtual_size"]) == ("queued", None, None), image.name


def take_good(yard: Yard, image: Hostile, way: Way, outcome: Outcome) -> None:
    """The same image, the same way, a good file."""
    place, image_id = yard.place, outcome.image_id
    if place.api.show(image_id)["status"] == "uploading":  # staged data can only be tried again, or deleted
        again = ended(place, image_id, bring(place, image_id, {"method": {"name": "glance-direct"}}))
        assert again == outcome
        return
    assert way(place, image_id, yard.good[image.disk_format]).reason is None, image.name
    shown, expected = place.api.show(image_id), "web" if way is WAYS["location"] else "fast"
    assert (shown["status"], shown["size"] > 0, shown["stores"]) == ("active", True, expected)


def check_nothing_is_left(yard: Yard) -> None:
    """After all images are deleted."""
    place = yard.place
    for table, where in (("gt_intents", "1"), ("gt_outbox", "1"), ("gt_jobs", "state NOT IN ('succeeded', 'failed')")):
        until(lambda t=table, w=where: not place.rows(f"SELECT 1 FROM {t} WHERE {w}"))  # type: ignore[misc]
    assert place.rows("SELECT value FROM image_locations WHERE deleted = 0") == []
    assert {path for path in place.stored() if not path.endswith(yard.bait.name)} == set()
    assert place.staged() == []
    assert not yard.watch.opened(), "the bait was opened"
    assert not any(yard.bait.name in line for line in yard.tools.read_text().splitlines())


def test_the_watch_would_see_it(tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    bait.touch()
    os.link(bait, tmp_path / "other name")
    with watched(bait) as watch:
        assert not watch.opened()
        (tmp_path / "other name").read_bytes()
        assert watch.opened()


@pytest.mark.slow(seconds=10)
@pytest.mark.parametrize("yard", [pytest.param("plain", marks=pytest.mark.xdist_group("hostile plain"))], indirect=True)
def test_copies_of_data_that_were_exchanged_are_refused(
    yard: Yard, record_property: Callable[[str, object], None]
) -> None:
    """By whoever can write into a store: the copy is compared with what the image was."""
    place, good = yard.place, yard.good["raw"]
    copying = {"method": {"name": "copy-image"}, "stores": ["slow"]}

    def exchange(image: Hostile) -> None:
        image_id = place.new(good)
        assert upload(place, image_id, good).reason is None
        before = place.api.show(image_id)
        (place.folder / "fast" / image_id).write_bytes(image.data)
        outcome = ended(place, image_id, bring(place, image_id, copying, caller="admin"))
        assert (outcome.code, place.files_of(image_id)) == ("source-damaged", [f"fast/{image_id}"]), image.name
        shown = place.api.show(image_id)
        changing = ("updated_at", "os_glance_failed_import", "os_glance_importing_to_stores")
        assert {**shown, **dict.fromkeys(changing)} == {**before, **dict.fromkeys(changing)}
        (place.folder / "fast" / image_id).write_bytes(good.data)
        assert ended(place, image_id, bring(place, image_id, copying, caller="admin")).reason is None
        assert (place.folder / "slow" / image_id).read_bytes() == good.data
        assert place.api.call("DELETE", f"/v2/images/{image_id}").status == 204

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(exchange, yard.share("copy")))
    check_nothing_is_left(yard)
    record_property(FIGURE, len(yard.share("copy")))


@pytest.mark.slow(seconds=10)
@pytest.mark.parametrize(
    "yard", [pytest.param("to raw", marks=pytest.mark.xdist_group("hostile to raw"))], indirect=True
)
def test_tasks_that_bring_hostile_images_take_them_away_again(
    yard: Yard, record_property: Callable[[str, object], None]
) -> None:
    place = yard.place

    def by_task(content: Content) -> dict[str, object]:
        formats = {"disk_format": content.disk_format, "container_format": content.container_format}
        given = {"import_from": place.web.url(place.served(content.data)), "import_from_format": "raw"}
        body = {"type": "import", "input": {**given, "image_properties": formats}}
        task = place.api.call("POST", "/v2/tasks", body, caller="admin").json
        found: dict[str, object] = {}

        def is_over() -> bool:
            found.update(place.api.call("GET", f"/v2/tasks/{task['id']}", caller="admin").json)
            return found["status"] in {"success", "failure"}

        until(is_over)
        return found

    def try_task(image: Hostile) -> None:
        task = by_task(Content(image.disk_format, image.container_format, image.data))
        image_id = str(task["image_id"])
        if is_kept(yard, image):
            assert task["status"] == "success", (image.name, task)
            assert place.api.call("DELETE", f"/v2/images/{image_id}", caller="admin").status == 204
            return
        assert (task["status"], task["error_code"] in CODES) == ("failure", True), (image.name, task)
        assert place.api.show(image_id) is None
        assert place.files_of(image_id) == []

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(try_task, yard.share("task")))
    assert by_task(yard.good["qcow2"])["status"] == "success"
    (image_id,) = place.api.ids("visibility=all", caller="admin")
    place.api.call("DELETE", f"/v2/images/{image_id}", caller="admin")
    check_nothing_is_left(yard)
    record_property(FIGURE, len(yard.share("task")))


PLAIN = [pytest.param("plain", marks=pytest.mark.xdist_group("hostile plain"))]


@pytest.mark.parametrize("yard", PLAIN, indirect=True)
def test_formats_that_change_during_an_import_do_not_hide_what_was_inspected(yard: Yard) -> None:
    """A bundle is not looked into; were it called a plain image meanwhile, hypervisors would open its backing file."""
    place, path = yard.place, f"/{next(yard.place.numbers)}"
    go_on, reached = threading.Event(), threading.Event()
    place.web.paths[path] = held_back(qcow2(backing=str(yard.bait)).ljust(3 * MIB, b"\0"), 2 * MIB, go_on, reached)
    image_id = place.new(Content("vmdk", "ova", b""))
    bring(place, image_id, {"method": {"name": "web-download", "uri": place.web.url(path)}})
    assert reached.wait(20)
    changes = [("/container_format", "bare"), ("/disk_format", "qcow2")]
    place.api.patch(image_id, *({"op": "replace", "path": path, "value": value} for path, value in changes))
    go_on.set()
    assert place.task(image_id)["status"] == "success"
    shown = place.api.show(image_id)
    assert (shown["disk_format"], shown["container_format"]) == ("vmdk", "ova")
    assert place.api.call("DELETE", f"/v2/images/{image_id}").status == 204


# -- sizes that are not true -----------------------------------------------------------------------------------------
SIZES = [
    (what, chunked, claimed)
    for what in ("file", "stage")
    for chunked in (False, True)
    for claimed in ("0", "1", "999999", "1000001", "99999999999999", "-1", "1e6", "1000000, 1", "0x10", "1" * 30)
]


@pytest.mark.parametrize("yard", PLAIN, indirect=True)
def test_lying_sizes_are_refused_and_leave_nothing(yard: Yard, record_property: Callable[[str, object], None]) -> None:
    place, data = yard.place, bytes(1_000_000)
    for what, chunked, claimed in SIZES:
        image_id = place.new(yard.good["raw"])
        body = iter([data[:500_000], data[500_000:]]) if chunked else data
        headers = {"Content-Type": "application/octet-stream", "x-openstack-image-size": claimed}
        answer = place.api.send("PUT", f"/v2/images/{image_id}/{what}", body, headers)
        assert answer.status in {400, 413}, (what, chunked, claimed, answer)
        until(lambda i=image_id: place.api.show(i)["status"] == "queued")  # type: ignore[misc]
        assert place.files_of(image_id) == []
        assert put(place, image_id, what, data, chunked=chunked).status == 204
        assert place.api.call("DELETE", f"/v2/images/{image_id}").status == 204
    check_nothing_is_left(yard)
    record_property("lying sizes × ways of sending", len(SIZES))
