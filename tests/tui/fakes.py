"""An endpoint that is a list, and an application in front of it."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from textual.pilot import Pilot

from glancetui.client.values import Part, RemoteImage, RemoteMember, RemoteTask
from glancetui.errors import BadRequest, Forbidden, NotFound, Stale
from glancetui.tui.application import GlanceApp
from glancetui.tui.ports import About, Listing, Query
from glancetui.tui.settings import Settings
from tests.tui.caching import DictCache
from tests.tui.definitions import SIZES, WATCHDOG, DictDefinitions

EPOCH = datetime(2026, 11, 2, 12)  # noqa: DTZ001  # the model holds UTC without zone
NOW = datetime(2026, 11, 23, 12)  # noqa: DTZ001
NAMES = ("ubuntu-24.04-server", "debian-13", "cirros-0.6", "win2025-core", "rocky-9", "fedora-43-cloud")
STATUSES = ("active", "active", "queued", "active", "saving", "deactivated")
VISIBILITIES = ("private", "public", "shared", "community")


def document(number: int, **changes: object) -> dict[str, object]:
    """The wire's document of the image `number`: the higher, the newer."""
    at = (EPOCH + timedelta(minutes=number)).isoformat() + "Z"
    return {
        "id": f"{number:08x}-9d0b-4c52-8f1e-0c7a2b9d4e11",
        "name": f"{NAMES[number % len(NAMES)]}-{number}",
        "status": STATUSES[number % len(STATUSES)],
        "visibility": VISIBILITIES[number % len(VISIBILITIES)],
        "size": (number * 7_919_000_003) % (9 << 30),
        "virtual_size": None,
        "disk_format": "qcow2",
        "container_format": "bare",
        "created_at": at,
        "updated_at": at,
        "protected": False,
        "os_hidden": False,
        "tags": ["lts", "server"][: number % 3],
        "min_disk": 2,
        "min_ram": 512,
        "owner": "7d1c0e5cbb3b4c3d8b2a5d6f7a8b9c0d",
        "checksum": "d41d8cd98f00b204e9800998ecf8427e",
        "os_hash_algo": "sha512",
        "os_hash_value": "9af1" * 32,
        "hw_disk_bus": "virtio",
        **changes,
    }


class ListService:
    """Keeps images in a list and answers as the Image API would. `fails` is raised by every call while it is set."""

    def __init__(self, count: int) -> None:
        self.images = {doc["id"]: RemoteImage.from_document(doc) for doc in map(document, range(count))}
        self.definitions = DictDefinitions(WATCHDOG, SIZES)
        self.cache = DictCache(self._enter)
        self.lock = threading.Lock()
        self.fails: Exception | None = None
        self.calls: list[str] = []
        self.pages: list[tuple[str | None, int]] = []
        self.unchanged = 0
        self.cancelled = False
        self.told: Sequence[Part] = ()  # what it says of its own parts
        member = RemoteMember(image_id="", member_id="c0ffee", status="accepted", created_at=EPOCH)
        self.offered = {member.member_id: member}
        self.delay = 0.0
        self.worked: dict[str, list[dict[str, object]]] = {}  # image id → documents of tasks, the newest first
        self._etags = itertools.count(1)
        self._etag = "0"

    def _enter(self, call: str) -> None:
        if self.delay:
            time.sleep(self.delay)
        if self.fails is not None:
            raise self.fails
        self.calls.append(call)

    # What another client does

    def add(self, number: int, **changes: object) -> RemoteImage:
        image = RemoteImage.from_document(document(number, **changes))
        with self.lock:
            self.images[image.id] = image
            self._etag = str(next(self._etags))
        return image

    def change(self, image_id: str, **changes: object) -> RemoteImage:
        with self.lock:
            if image_id not in self.images:
                raise NotFound(f"No image {image_id}.")
            image = RemoteImage.from_document({**self.images[image_id].document, **changes})
            self.images[image_id] = image
            self._etag = str(next(self._etags))
        return image

    def remove(self, image_id: str) -> None:
        with self.lock:
            del self.images[image_id]
            self._etag = str(next(self._etags))

    # What the screens ask

    def about(self) -> About:
        self._enter("about")
        return About(endpoint="127.0.0.1:9292", version="v2.17", caller="admin@demo", cloud="lab", project="7d1c")

    def cancel(self) -> None:
        self.cancelled = True

    def page(self, query: Query, after: str | None, limit: int, etag: str | None = None) -> Listing | None:
        self._enter("page")
        with self.lock:
            ordered = self._ordered(query)
            tag = f"{self._etag}/{query}/{after}/{limit}"
        if etag == tag:
            self.unchanged += 1
            return None
        self.pages.append((after, limit))
        start = 0
        if after is not None:
            ids = [image.id for image in ordered]
            if after not in ids:
                raise BadRequest(f"marker {after} is not there")
            start = ids.index(after) + 1
        images = tuple(ordered[start : start + limit])
        return Listing(images=images, more=len(images) == limit, etag=tag)

    def _ordered(self, query: Query) -> list[RemoteImage]:
        wanted = dict(query.params)
        hidden = wanted.pop("os_hidden", "false") == "true"
        found = [
            image
            for image in self.images.values()
            if (query.hidden_too or image.os_hidden == hidden) and all(_holds(image, *pair) for pair in wanted.items())
        ]
        keys = (query.order.key, "created_at", "id")  # the tie-breakers follow the direction of the key
        return sorted(found, key=lambda image: [_sortable(image, key) for key in keys], reverse=query.order.descending)

    def image(self, image_id: str) -> RemoteImage:
        self._enter("image")
        with self.lock:
            if image_id not in self.images:
                raise NotFound(f"No image {image_id}.")
            return self.images[image_id]

    def members(self, image_id: str) -> Sequence[RemoteMember]:
        self._enter("members")
        image = self.images[image_id]
        if image.visibility != "shared":
            raise Forbidden("Only shared images have members.")
        return list(self.offered.values())

    def tasks(self, image_id: str) -> Sequence[RemoteTask]:
        self._enter(f"tasks {image_id}")
        return [RemoteTask.from_document(each) for each in self.worked.get(image_id, ())]

    def parts(self) -> Sequence[Part]:
        return self.told

    def _still(self, seen: RemoteImage) -> None:
        if not self.image(seen.id).same_as(seen):
            raise Stale("It has changed since it was looked at, and was left alone.")

    def patch(self, seen: RemoteImage, operations: Sequence[Mapping[str, object]]) -> RemoteImage:
        self._enter(f"patch {operations}")
        self._still(seen)
        changed = dict(self.images[seen.id].document)
        for operation in operations:
            name = str(operation["path"])[1:].replace("~1", "/").replace("~0", "~")
            if operation["op"] == "remove":
                del changed[name]
            else:
                changed[name] = operation["value"]
        with self.lock:
            self.images[seen.id] = RemoteImage.from_document(changed)
            self._etag = str(next(self._etags))
        return self.images[seen.id]

    def delete(self, seen: RemoteImage) -> None:
        self._enter(f"delete {seen.id}")
        self._still(seen)
        if self.image(seen.id).protected:
            raise Forbidden("Image is protected and cannot be deleted.")
        self.remove(seen.id)

    def deactivate(self, seen: RemoteImage) -> None:
        self._enter("deactivate")
        self._still(seen)
        self.change(seen.id, status="deactivated")

    def reactivate(self, seen: RemoteImage) -> None:
        self._enter("reactivate")
        self._still(seen)
        self.change(seen.id, status="active")

    def add_location(self, seen: RemoteImage, url: str) -> None:
        self._enter(f"add {url} to {seen.id}")
        self._still(seen)
        listed = self.images[seen.id].document.get("locations") or []
        assert isinstance(listed, list)
        self.change(seen.id, status="active", locations=[*listed, {"url": url, "metadata": {}}])

    def remove_copy(self, seen: RemoteImage, store: str) -> None:
        self._enter(f"remove {seen.id} from {store}")
        self._still(seen)
        self.change(seen.id, stores=",".join(each for each in seen.stores if each != store))

    def add_member(self, image_id: str, project: str) -> None:
        self._enter(f"offer {image_id} to {project}")
        self.offered[project] = RemoteMember(image_id=image_id, member_id=project, status="pending", created_at=EPOCH)

    def remove_member(self, image_id: str, project: str) -> None:
        self._enter(f"withdraw {image_id} from {project}")
        del self.offered[project]


def _sortable(image: RemoteImage, key: str) -> tuple[bool, object]:
    value = getattr(image, key)
    return (value is not None, value if value is not None else 0)


def _holds(image: RemoteImage, name: str, value: str) -> bool:
    if name == "tag":
        return value in image.tags
    found = image.document.get(name)
    listed = value.removeprefix("in:").replace('"', "").split(",") if value.startswith("in:") else [value]
    return str(found).lower() in listed or str(found) in listed


class Opening:
    """Hands out a service that is there already."""

    is_private = False

    def __init__(self, service: ListService, **others: ListService) -> None:
        self.service, self.others = service, {"lab": service, **others}

    def __call__(self, note: Callable[[str], None]) -> ListService:
        return self.service

    def endpoint_arguments(self) -> Sequence[str]:
        return ()

    def clouds(self) -> Sequence[str]:
        return ("lab", "other")

    def choose(self, name: str) -> None:
        self.service = self.others[name]


class Screen:
    """A running application, and what a test does to it."""

    def __init__(self, pilot: Pilot[int], service: ListService) -> None:
        self.pilot, self.service = pilot, service

    @property
    def app(self) -> GlanceApp:
        assert isinstance(self.pilot.app, GlanceApp)
        return self.pilot.app

    @property
    def desk(self):
        return self.app.desk

    @property
    def images(self):
        return self.desk.images

    @property
    def table(self):
        return self.desk.images.table

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, holds: Callable[[], object], seconds: float = 5.0) -> None:
        """Wait for a condition, never for a time."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"it never came to be\n{self.text()}"
            await asyncio.sleep(0.02)

    async def sees(self, *words: str, seconds: float = 5.0) -> None:
        """Wait until every word is on the screen."""
        await self.until(lambda: all(word in self.text() for word in words), seconds)

    async def hears(self, words: str) -> None:
        """Wait until a toast has said so; its text may be broken into lines on the screen."""
        await self.until(lambda: any(words in notice.sentence for notice in self.app.session.notices))

    async def calm(self) -> None:
        """Wait until nothing is loading and everything is drawn."""
        await self.until(lambda: not self.images.source.loading)
        await self.pilot.pause()

    def text(self) -> str:
        """The screen as text, line by line."""
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]


@asynccontextmanager
async def screen(
    service: ListService,
    size: tuple[int, int] = (80, 24),
    settings: Settings | None = None,
    *,
    read_only: bool = False,
    opening: Opening | None = None,
):
    """The program on a screen of `size`, its first rows read."""
    given = settings or Settings(motion=False, ascii=False)
    app = GlanceApp(opening or Opening(service), given, read_only=read_only)
    app.session.wall = lambda: NOW
    async with app.run_test(size=size, notifications=True) as pilot:
        running = Screen(pilot, service)
        await running.until(lambda: service.fails is not None or app.session.service is not None)
        await running.calm()
        yield running
