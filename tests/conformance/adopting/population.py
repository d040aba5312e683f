"""Images in every state that can be reached, made through the API of a real Glance as its users would."""

from __future__ import annotations

import http.client
import http.server
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from tests.backends.images import qcow2_header
from tests.conformance.adopting.api import (
    ADMIN,
    ALPHA,
    BETA,
    GAMMA,
    OCTETS,
    SERVICE,
    Api,
    Person,
    operation,
)

RAW = {"disk_format": "raw", "container_format": "bare"}
WEB_BYTES = b"what lies on a web server\n" * 500
DEADLINE = 60  # seconds


class Web(http.server.BaseHTTPRequestHandler):
    """`/image` is a file; `/endless` begins and never ends."""

    def do_HEAD(self) -> None:
        self._head(len(WEB_BYTES))

    def do_GET(self) -> None:
        if self.path == "/image":
            self._head(len(WEB_BYTES))
            self.wfile.write(WEB_BYTES)
            return
        self._head(1 << 30)
        self.wfile.write(b"a beginning")
        self.wfile.flush()
        self.server.released.wait()  # type: ignore[attr-defined]  # put there by `web_server`

    def _head(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", OCTETS)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def web_server() -> Iterator[int]:
    """A source for http locations and web-download; yields its port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.daemon_threads = True
    server.released = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.released.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join()


def wait_for(what: str, done: Callable[[], Any]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE} s"
        time.sleep(0.05)  # the pause of a poll with a deadline


def content(seed: str, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


class Population:
    """Makes images and remembers their ids, by what is special about them."""

    def __init__(self, api: Api, web_port: int) -> None:
        self.api, self._web = api, f"http://127.0.0.1:{web_port}"
        self.ids: dict[str, str] = {}
        self.kept_open: list[http.client.HTTPConnection] = []

    def make(self) -> None:
        self._plain()
        self._texts()
        self._states()
        self._stores()
        self._shared()
        self._cached()

    def add(self, key: str, who: Person, **fields: object) -> str:
        self.ids[key] = self.api.create(who, **({"name": key} | fields))
        return self.ids[key]

    def active(self, key: str, who: Person, size: int = 100, store: str | None = None, **fields: object) -> str:
        image = self.add(key, who, **(RAW | fields))
        self.api.upload(image, who, content(key, size), store)
        return image

    def _plain(self) -> None:
        """Enough of them, of several projects and of every visibility, for pages and sorts."""
        visibilities = ("private", "shared", "community", "public")
        for number in range(16):
            who = (ALPHA, BETA, GAMMA, ADMIN)[number % 4]
            visibility = visibilities[number // 4]
            self.active(
                f"plain-{number:02}",
                ADMIN if visibility == "public" else who,
                size=1 + number % 5 * 100,
                name=f"Plain {number % 7}",
                visibility=visibility,
                **({"owner": who.project} if visibility == "public" else {}),
                tags=[f"t{number % 3}", *(["lts"] if number % 2 else [])],
                min_ram=number * 64,
                min_disk=number % 3,
                os_distro=("debian", "fedora")[number % 2],
                os_hidden=number % 11 == 10,
                protected=number % 6 == 5,
            )

    def _texts(self) -> None:
        self.add("nameless", ALPHA, name=None)
        self.add("empty name", ALPHA, name="")
        self.add("no formats", ALPHA)
        self.add("long name", ALPHA, name="n" * 255)
        self.add("accents", ALPHA, name="Größe, façade, Ελλάδα, 磁盘, a'b\"c\\d", ключ="значение")
        self.add("case a", BETA, name="same name", Colour="a")
        self.add("case b", BETA, name="Same Name", colour="a")
        self.add("comma", BETA, name='a,"b",c', tags=["a,b", "ü", "x" * 255, " blank "])
        props = {f"property_{number}": "v" * number * 20 for number in range(40)}
        self.add("many properties", ALPHA, empty="", long="x" * 60_000, **props)
        self.add("nullable", ALPHA, kernel_id=None, ramdisk_id="5e4b1f2c-0000-4000-8000-000000000001")
        removed = self.add("removed property", ALPHA, kept="1", gone="2", back="3", tags=["kept", "gone"])
        self.api.patch(removed, ALPHA, operation("remove", "/gone"), operation("remove", "/back"))
        self.api.patch(removed, ALPHA, operation("add", "/back", "4"), operation("replace", "/kept", "5"))
        self.api.do("DELETE", f"/v2/images/{removed}/tags/gone", ALPHA)
        self.api.do("PUT", f"/v2/images/{removed}/tags/{quote('späť')}", ALPHA)
        self.add("own id", ALPHA, id="0e0e0e0e-1111-4222-8333-444444444444")

    def _states(self) -> None:
        stopped = self.active("deactivated", ALPHA, visibility="shared")
        self.api.do("POST", f"/v2/images/{stopped}/actions/deactivate", ALPHA)
        self.active("empty", ALPHA, size=0)
        disk = self.add("qcow2", BETA, disk_format="qcow2", container_format="bare")
        self.api.upload(disk, BETA, qcow2_header(size=8 << 20))
        self.active("hidden", BETA, os_hidden=True, visibility="community")
        self.active("protected", BETA, protected=True)
        for key in ("deleted queued", "deleted active"):
            image = self.active(key, ALPHA, tags=["x"], a="b") if "active" in key else self.add(key, ALPHA, a="b")
            self.api.do("DELETE", f"/v2/images/{image}", ALPHA)
        self.active("pending_delete", ALPHA)  # deleted later, under delayed_delete
        staged = self.add("uploading", ALPHA, **RAW)
        self.api.do("PUT", f"/v2/images/{staged}/stage", ALPHA, content("staged", 300), kind=OCTETS)

    def _stores(self) -> None:
        self.active("in slow", ALPHA, store="slow")
        both = self.active("in both", ALPHA, visibility="shared")
        self._import(both, ADMIN, {"method": {"name": "copy-image"}, "stores": ["slow"]}, "stores", "fast,slow")
        fetched = self.add("web-download", ALPHA, **RAW)
        method = {"name": "web-download", "uri": f"{self._web}/image"}
        self._import(fetched, ALPHA, {"method": method, "stores": ["fast", "slow"]}, "status", "active")
        staged = self.add("glance-direct", BETA, **RAW)
        self.api.do("PUT", f"/v2/images/{staged}/stage", BETA, content("direct", 300), kind=OCTETS)
        self._import(staged, BETA, {"method": {"name": "glance-direct"}}, "status", "active")
        located = self.add("http location", ALPHA, visibility="shared", **RAW)
        self.api.do("POST", f"/v2/images/{located}/locations", SERVICE, {"url": f"{self._web}/image"})
        self._reaches(located, "os_hash_value")
        wait_for("all tasks", self._tasks_are_over)
        self.refused("refused", self.api)

    def refused(self, key: str, api: Api) -> None:
        """A location whose hash is another than was said."""
        self.ids[key] = image = api.create(ALPHA, name=key, **RAW)
        said = {"os_hash_algo": "sha256", "os_hash_value": "0" * 64}
        body = {"url": f"{self._web}/image", "validation_data": said}
        api.do("POST", f"/v2/images/{image}/locations", SERVICE, body)
        wait_for("the refusal", lambda: api.get(f"/v2/images/{image}/tasks", ADMIN)["tasks"][0]["status"] == "failure")
        assert api.get(f"/v2/images/{image}", ADMIN)["stores"] == "web"

    def _tasks_are_over(self) -> bool:
        """SQLite lets Glance answer 500 to whoever writes while a task does."""
        tasks = self.api.get("/v2/tasks?limit=100", ADMIN)["tasks"]
        return all(task["status"] in {"success", "failure"} for task in tasks)

    def _import(self, image: str, who: Person, body: object, field: str, wanted: str) -> None:
        self.api.do("POST", f"/v2/images/{image}/import", who, body)
        self._reaches(image, field, wanted)
        wait_for("the import's lock", lambda: "os_glance_import_task" not in self.shown(image))

    def _reaches(self, image: str, field: str, wanted: str | None = None) -> None:
        wait_for(f"{field} of {image}", lambda: (found := self.shown(image).get(field)) and wanted in {None, found})

    def shown(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(f"/v2/images/{image}", ADMIN)
        return found

    def _shared(self) -> None:
        image = self.active("shared", ALPHA, visibility="shared")
        other = self.active("shared too", ALPHA, visibility="shared", tags=["lts"])
        for person in (BETA, GAMMA):
            self.api.do("POST", f"/v2/images/{image}/members", ALPHA, {"member": person.project})
            self.api.do("POST", f"/v2/images/{other}/members", ALPHA, {"member": person.project})
        self.api.do("POST", f"/v2/images/{other}/members", ALPHA, {"member": "pending-project"})
        self.api.do("PUT", f"/v2/images/{image}/members/{BETA.project}", BETA, {"status": "accepted"})
        self.api.do("PUT", f"/v2/images/{other}/members/{BETA.project}", BETA, {"status": "rejected"})
        self.api.do("PUT", f"/v2/images/{other}/members/{GAMMA.project}", GAMMA, {"status": "accepted"})
        for _ in range(2):  # a project that came, went, and came again
            self.api.do("POST", f"/v2/images/{image}/members", ALPHA, {"member": "back-and-forth"})
            self.api.do("DELETE", f"/v2/images/{image}/members/back-and-forth", ALPHA)
        self.api.do("POST", f"/v2/images/{image}/members", ALPHA, {"member": "back-and-forth"})

    def _cached(self) -> None:
        """Rows of the image cache: one image read, one that waits."""
        self.api.do("GET", f"/v2/images/{self.ids['in slow']}/file", ALPHA)
        self.api.do("PUT", f"/v2/cache/{self.ids['shared']}", ADMIN)
        wait_for("the cache", lambda: self.api.get("/v2/cache", ADMIN)["cached_images"])

    def begin_what_never_ends(self) -> None:
        """An upload and an import that are under way when Glance is killed."""
        image = self.add("saving", ALPHA, **RAW)
        connection = http.client.HTTPConnection(self.api.address, timeout=60)
        connection.putrequest("PUT", f"/v2/images/{image}/file")
        for name, value in (ALPHA.headers() | {"Content-Type": OCTETS, "Content-Length": "1000000"}).items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(content("saving", 300_000))
        self.kept_open.append(connection)
        self._reaches(image, "status", "saving")
        endless = self.add("importing", ALPHA, **RAW)
        body = {"method": {"name": "web-download", "uri": f"{self._web}/endless"}}
        self.api.do("POST", f"/v2/images/{endless}/import", ALPHA, body)
        self._reaches(endless, "status", "importing")

    def delete_later(self, api: Api) -> None:
        """To be called on a Glance with `delayed_delete`."""
        api.do("DELETE", f"/v2/images/{self.ids['pending_delete']}", ALPHA)

    def close(self) -> None:
        for connection in self.kept_open:
            connection.close()
