"""The program in front of the real service: publish, see, fetch, delete, and what others do meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from glancetui.app import Opening, Options
from glancetui.client.client import Client
from glancetui.client.metadefs import Metadefs
from glancetui.client.query import ImageQuery
from glancetui.errors import Stale
from glancetui.tui.ports import setting
from glancetui.tui.remote import RemoteService
from tests.serving import running_server
from tests.tui.fakes import screen
from tests.tui.test_acting import heard

MIB = 1 << 20


class Endpoint:
    """Another client of the same service, in place of a list."""

    fails = None

    def __init__(self, url: str) -> None:
        self.client = Client.at(url)

    def names(self) -> dict[str, str]:
        return {image.name or "": image.id for image in self.client.images(ImageQuery())}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory):
    with running_server(tmp_path_factory.mktemp("service")) as server:
        yield server.endpoint


async def test_publishes_a_file_watches_it_fetches_it_and_deletes_it(endpoint: str, tmp_path: Path) -> None:
    file = tmp_path / "a raw disk.img"
    file.write_bytes(os.urandom(3 * MIB))
    other = Endpoint(endpoint)
    async with screen(other, (100, 30), opening=Opening(Options(endpoint=endpoint))) as at:
        await at.sees("No images yet")
        await at.press("n")
        await at.sees("Publish a file", "Name a file")
        form = at.app.screen
        form.query_one("#path").value = str(file)
        await at.sees("recognised raw")
        form.query_one("#name").value = "-odd [name]"
        form.query_one("#properties").value = 'title="two words" os_distro=none'
        await at.press("ctrl+s")
        await at.sees("Transfers", "-odd [name]")
        await at.until(lambda: at.app.session.transfers.row(0).over, 30)
        assert at.app.session.transfers.row(0).sentence == ""
        await at.sees("● done", "3.0 MiB")

        image = other.client.image(other.names()["-odd [name]"])
        assert image.status == "active"
        assert image.properties["title"] == "two words"
        await at.press("2")
        await at.sees("-odd [name]", "● active")

        saved = tmp_path / "fetched.img"
        await at.press("f")
        await at.sees("Save to a file", "Verified by sha512")
        at.app.screen.query_one("#path").value = str(saved)
        await at.press("enter")
        await at.until(lambda: len(at.app.session.transfers) == 2 and at.app.session.transfers.row(0).over, 30)
        assert saved.read_bytes() == file.read_bytes()

        await at.press("D")
        await at.sees("Delete this image?", image.id)
        await at.until(lambda: not at.app.screen.deaf)
        await at.press("y")
        await at.until(lambda: "-odd [name]" not in other.names())
        await at.sees("No images yet", seconds=8)


async def test_what_another_client_does_appears_within_two_seconds(endpoint: str) -> None:
    other = Endpoint(endpoint)
    async with screen(other, opening=Opening(Options(endpoint=endpoint))) as at:
        created = other.client.create({"name": "made-elsewhere"}).image
        await at.sees("made-elsewhere", seconds=2)
        other.client.patch(created.id, [{"op": "replace", "path": "/name", "value": "renamed-elsewhere"}])
        await at.sees("renamed-elsewhere", seconds=2)
        other.client.delete(created.id)
        await at.until(lambda: at.images.source.is_gone(created.id), 2)


async def test_a_refused_upload_shows_the_servers_sentence_and_is_sent_again(endpoint: str, tmp_path: Path) -> None:
    file = tmp_path / "not really.qcow2"
    file.write_bytes(b"no qcow2 at all" * 1000)
    other = Endpoint(endpoint)
    async with screen(other, (100, 30), opening=Opening(Options(endpoint=endpoint))) as at:
        await at.press("n")
        await at.sees("Publish a file")
        form = at.app.screen
        form.query_one("#path").value = str(file)
        await at.until(lambda: form.found is not None)
        form.query_one("#disk_format").value = "qcow2"
        await at.press("ctrl+s")
        await at.until(lambda: at.app.session.transfers.row(0) and at.app.session.transfers.row(0).over, 30)
        assert at.app.session.transfers.row(0).state == "failed"
        await at.sees("✕ failed", "qcow2")
        await at.press("n")  # opens the form again, filled in
        await at.until(lambda: at.app.screen is not at.desk)
        assert at.app.screen.query_one("#path").value == str(file)
        image_id = at.app.session.transfers.row(0).image_id
        await at.until(lambda: at.app.screen.found is not None)
        at.app.screen.query_one("#disk_format").value = "raw"
        at.app.screen.query_one("#tags").value = "mended"
        await at.press("ctrl+s")
        await at.until(lambda: len(at.app.session.transfers) == 2 and at.app.session.transfers.row(0).over, 30)
        assert at.app.session.transfers.row(0).sentence == ""
        image = other.client.image(image_id)  # the one that waited, not a second
        assert (image.status, image.disk_format, image.tags) == ("active", "raw", ("mended",))
        assert other.names()["not really"] == image_id
        other.client.delete(image_id)


async def test_what_changed_on_the_service_since_it_was_seen_is_left_alone(endpoint: str) -> None:
    other = Endpoint(endpoint)
    image = other.client.create({"name": "seen", "visibility": "private"}).image
    service = RemoteService(other.client)
    other.client.patch(image.id, [{"op": "replace", "path": "/min_disk", "value": 3}])
    for change in (service.delete, service.deactivate, lambda seen: service.patch(seen, setting({"name": "x"}))):
        with pytest.raises(Stale):
            change(image)
    now = other.client.image(image.id)
    listed = other.client.page(ImageQuery(), None).images
    assert next(row for row in listed if row.id == image.id).same_as(now)  # a list shows what a single answer does
    service.delete(now)
    assert "seen" not in other.names()


async def test_hidden_images_are_shown_when_asked_for(endpoint: str) -> None:
    other = Endpoint(endpoint)
    hidden = other.client.create({"name": "cannot-be-seen", "os_hidden": True}).image
    async with screen(other, opening=Opening(Options(endpoint=endpoint))) as at:
        assert "cannot-be-seen" not in at.text()
        await at.press("slash", *"hidden=any", "enter")
        await at.sees("cannot-be-seen")
    other.client.delete(hidden.id)


async def test_a_service_that_dies_is_named_and_comes_back(tmp_path: Path) -> None:
    with running_server(tmp_path) as server:
        other = Endpoint(server.endpoint)
        other.client.create({"name": "still-there"})
        async with screen(other, opening=Opening(Options(endpoint=server.endpoint))) as at:
            await at.sees("still-there")
            server.kill()
            await at.sees("✕ unreachable", "still-there", seconds=10)
            port = server.endpoint.rpartition(":")[2]
            with running_server(tmp_path, listen=(f"127.0.0.1:{port}",)):
                await at.press("ctrl+r")
                await at.sees("polling 1s", seconds=20)
                assert "still-there" in at.text()


def test_the_program_starts_a_private_service_and_takes_it_along(tmp_path: Path) -> None:
    from glancetui.tui.private import PrivateService

    service = PrivateService(tmp_path / "data", tmp_path / "state" / "private-service.log")
    endpoint = service.start()
    try:
        assert Client.at(endpoint).versions()
        second = PrivateService(tmp_path / "data", tmp_path / "state" / "private-service.log")
        assert second.start() == endpoint  # the same data is served once
        second.stop()
        assert service.alive
    finally:
        service.stop()
    assert not service.alive


def test_commands_start_without_the_terminal() -> None:
    code = "import sys, glancetui.__main__, glancetui.cli.dispatch; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_definitions_are_made_used_on_an_image_and_deleted(endpoint: str) -> None:
    await use_definitions(endpoint)


async def use_definitions(endpoint: str, owner: str = "") -> None:
    """Make a namespace, use it on an image, delete it. `owner`: of the namespace, where the caller has no project."""
    other = Endpoint(endpoint)
    made = Metadefs(other.client)
    image = other.client.create({"name": "defined", "disk_format": "raw", "container_format": "bare"}).image
    async with screen(other, opening=Opening(Options(endpoint=endpoint))) as at:
        view = at.desk.metadefs
        await at.press("0")
        await at.until(lambda: view.read_at is not None and not view.unread, 20)
        if owner:
            made.create({"namespace": "Site::Racks", "owner": owner, "visibility": "public"})
            await at.until(lambda: "Site::Racks" in view.whole, 20)
        else:
            await at.press("n", *"Site::Racks", "ctrl+s")
        await at.until(lambda: view.current is not None and view.current.name == "Site::Racks")
        await at.press("a", "r")
        await at.sees("Goes on", "another type")
        await at.press("G", "enter", *"OS::Glance::Image", "tab", *"site_", "ctrl+s")
        await at.until(lambda: view.current.name == "OS::Glance::Image")
        await at.press("a", "p", *"row")
        at.app.screen.query_one("#allowed").value = "a b 'c d'"
        await at.press("ctrl+s")
        await at.until(lambda: view.current.name == "row")
        assert made.namespace("Site::Racks")["properties"]["row"]["enum"] == ["a", "b", "c d"]

        at.desk.open_image(image)
        await at.press("a")
        await at.until(lambda: getattr(at.app.screen, "book", None) is not None, 20)
        await at.press(*"site_row", "enter", *"z", "enter")
        await at.sees("'z' is none of a, b, c d")
        await at.press("backspace", "c", "tab", "enter")
        await at.until(lambda: at.desk.image.image.properties.get("site_row") == "c d")

        await at.press("0", "h", "D")
        await at.sees("Delete Site::Racks?")
        await heard(at)
        await at.press(*"Site::Racks", "enter")
        await at.until(lambda: made.find("Site::Racks") is None)
        await at.until(lambda: "Site::Racks" not in view.documents)
