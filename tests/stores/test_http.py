"""The http store: the kit over a real nginx, servers that do less than nginx, TLS, proxies, and forbidden addresses."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from glancetui.config.settings import FetchSettings, StoreSettings
from glancetui.errors import ConfigError, ObjectNotFound, ShortRead, StoreUnavailable
from glancetui.model import Location, StoredObject
from glancetui.stores.catalogue import open_driver
from glancetui.stores.driver import CHUNK, Driver
from tests.backends.nginx import Nginx, Nginxes, NotInstalled
from tests.backends.web import Respond, Web, cut_after, redirect, web_server
from tests.stores.contract import ReadingContract, noise, take

DATA = noise(300_000)


def allowed(*ports: int) -> FetchSettings:
    return FetchSettings(allowed_hosts=("127.0.0.1",), allowed_ports=ports, idle_seconds=5)


def at(url: str) -> Location:
    return Location(store="web", url=url)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="module")
def servers(folder: Path) -> Iterator[Nginxes]:
    try:
        found = Nginxes(folder)
    except NotInstalled as error:
        pytest.skip(str(error))
    yield found
    found.close()


@pytest.fixture
def nginx(servers: Nginxes) -> Nginx:
    return servers.now


class TestHttpStore(ReadingContract):
    @pytest.fixture
    def settings(self, servers: Nginxes, nginx: Nginx) -> StoreSettings:
        self.servers, self.nginx = servers, nginx
        return StoreSettings(id="web", kind="http", fetch=allowed(nginx.port))

    def put(self, driver: Driver, object_id: str, content: bytes, step: int = CHUNK) -> Location:
        (self.nginx.root / object_id).write_bytes(content)
        return Location(store=driver.store_id, url=self.nginx.url(object_id))

    def remove(self, driver: Driver, location: Location) -> None:
        (self.nginx.root / location.url.rpartition("/")[2]).unlink()

    @contextlib.contextmanager
    def take_away(self, settings: StoreSettings) -> Iterator[None]:
        with self.servers.away():
            yield


# -- TLS ---------------------------------------------------------------------------------------------------------------


def over_tls(nginx: Nginx, **options: str | bool) -> Driver:
    (nginx.root / "image").write_bytes(DATA)
    return open_driver(StoreSettings(id="web", kind="http", fetch=allowed(nginx.tls_port), options={**options}))


def test_certificates_are_not_checked_unless_asked_for_as_in_glance(nginx: Nginx) -> None:
    assert take(over_tls(nginx), at(nginx.tls_url("image")), 5, 10) == DATA[5:15]


def test_a_certificate_of_the_named_authority_is_trusted(nginx: Nginx) -> None:
    driver = over_tls(nginx, https_ca_certificates_file=str(nginx.authority))
    assert driver.stat(at(nginx.tls_url("image"))).size == len(DATA)


def test_a_certificate_of_another_authority_is_refused(nginx: Nginx) -> None:
    with pytest.raises(StoreUnavailable, match="not trusted"):
        take(over_tls(nginx, https_insecure=False), at(nginx.tls_url("image")))


def test_an_authority_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    options = {"https_ca_certificates_file": str(tmp_path / "none.pem")}
    with pytest.raises(ConfigError, match="https_ca_certificates_file of store web"):
        open_driver(StoreSettings(id="web", kind="http", options={**options}))


# -- servers that do less than nginx -----------------------------------------------------------------------------------


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server() as server:
        yield server


@pytest.fixture
def driver(web: Web) -> Driver:
    return open_driver(StoreSettings(id="web", kind="http", fetch=allowed(web.port)))


def partly(data: bytes, begin: int, end: int, total: str) -> Respond:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(206)
        handler.send_header("Content-Range", f"bytes {begin}-{end}/{total}")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def encoded(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", "3")
    handler.end_headers()
    handler.wfile.write(b"abc")


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(DATA)
    handler.close_connection = True


def test_a_server_without_ranges_is_read_from_its_beginning(web: Web, driver: Driver) -> None:
    web.paths["/image"] = DATA
    assert take(driver, at(web.url("/image")), 250_000, 10) == DATA[250_000:250_010]
    assert take(driver, at(web.url("/image")), 299_999) == DATA[299_999:]
    assert web.headers[0]["range"] == "bytes=250000-250009"


def test_a_server_without_ranges_that_ends_before_the_part_is_a_short_read(web: Web, driver: Driver) -> None:
    web.paths["/image"] = b"0123456789"
    for offset, length in ((4, 100), (20, 1), (20, None)):
        with pytest.raises(ShortRead):
            take(driver, at(web.url("/image")), offset, length)


def test_a_server_that_answers_no_head_tells_its_size_by_the_first_byte(web: Web, driver: Driver) -> None:
    web.paths["/image"] = partly(b"x", 0, 0, "1234")
    assert driver.stat(at(web.url("/image"))) == StoredObject(object_id="image", size=1234)
    web.paths["/plain"] = DATA
    assert driver.stat(at(web.url("/plain"))).size == len(DATA)


@pytest.mark.parametrize("answer", [endless, partly(b"x", 0, 0, "*")])
def test_a_server_that_tells_no_size_is_told_of(web: Web, driver: Driver, answer: Respond) -> None:
    web.paths["/image"] = answer
    with pytest.raises(StoreUnavailable, match="does not tell how long it is"):
        driver.stat(at(web.url("/image")))


def test_another_part_than_asked_for_is_refused(web: Web, driver: Driver) -> None:
    web.paths["/image"] = partly(b"xyz", 0, 2, "300")
    with pytest.raises(StoreUnavailable, match="206"):
        take(driver, at(web.url("/image")), 5, 3)


def test_what_comes_in_another_encoding_is_refused(web: Web, driver: Driver) -> None:
    web.paths["/image"] = encoded
    with pytest.raises(StoreUnavailable, match="another encoding"):
        take(driver, at(web.url("/image")))


def test_a_server_that_hangs_up_is_a_short_read(web: Web, driver: Driver) -> None:
    web.paths["/image"] = cut_after(DATA, 100_000)
    with pytest.raises(ShortRead):
        take(driver, at(web.url("/image")))


def test_a_redirect_is_followed_and_its_range_kept(web: Web, driver: Driver) -> None:
    web.paths["/old"] = redirect("/image")
    web.paths["/image"] = DATA
    assert take(driver, at(web.url("/old")), 7, 3) == DATA[7:10]
    assert [headers.get("range") for headers in web.headers] == ["bytes=7-9", "bytes=7-9"]


# -- addresses that must not be read -----------------------------------------------------------------------------------


def test_no_read_reaches_a_forbidden_address(web: Web) -> None:
    driver = open_driver(StoreSettings(id="web", kind="http"))
    for url in (web.url("/image"), "http://169.254.169.254/latest", "http://[::1]/", "file:///etc/passwd"):
        for attempt in (driver.stat, lambda location: take(driver, location)):
            with pytest.raises(StoreUnavailable):
                attempt(at(url))
    assert web.asked == []


def test_a_redirect_to_a_forbidden_address_is_not_followed(web: Web, driver: Driver) -> None:
    web.paths["/image"] = redirect(f"http://localhost:{web.port}/secret")
    with pytest.raises(StoreUnavailable, match="pass filtering"):
        take(driver, at(web.url("/image")))
    assert web.asked == ["/image"]


def test_the_query_of_a_url_stays_out_of_sentences(web: Web, driver: Driver) -> None:
    web.paths["/image?signature=secret"] = encoded
    with pytest.raises(StoreUnavailable) as caught:
        take(driver, at(web.url("/image?signature=secret")))
    assert "secret" not in str(caught.value)
    with pytest.raises(ObjectNotFound) as absent:
        take(driver, at(web.url("/none?signature=secret")))
    assert "secret" not in str(absent.value)


# -- proxies -----------------------------------------------------------------------------------------------------------


@dataclass
class Tunnels:
    """A proxy that opens tunnels, and notes the heads it was sent."""

    port: int = 0
    refuse: bool = False
    heads: list[str] = field(default_factory=list)


@pytest.fixture
def proxy() -> Iterator[Tunnels]:
    tunnels = Tunnels()
    listener = socket.create_server(("127.0.0.1", 0))
    tunnels.port = listener.getsockname()[1]

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=tunnel, args=(client,), daemon=True).start()

    def tunnel(client: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1000)
        tunnels.heads.append(head.decode())
        if tunnels.refuse:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            client.close()
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=relay, args=(server, client), daemon=True)
        back.start()
        relay(client, server)
        back.join(5)

    def relay(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                sink.sendall(piece)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield tunnels
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def through(proxy: Tunnels, scheme: str, port: int, login: str = "") -> Driver:
    options = {"http_proxy_information": {scheme: f"{login}127.0.0.1:{proxy.port}"}}
    return open_driver(StoreSettings(id="web", kind="http", fetch=allowed(port), options={**options}))


def test_the_proxy_is_asked_for_the_address_that_was_checked(nginx: Nginx, proxy: Tunnels) -> None:
    (nginx.root / "image").write_bytes(DATA)
    driver = through(proxy, "https", nginx.tls_port)
    assert take(driver, at(nginx.tls_url("image")), 3, 4) == DATA[3:7]
    assert proxy.heads[0].startswith(f"CONNECT 127.0.0.1:{nginx.tls_port} HTTP/1.1\r\n")
    assert "Authorization" not in proxy.heads[0]


def test_the_proxy_is_told_who_asks(web: Web, proxy: Tunnels) -> None:
    web.paths["/image"] = DATA
    assert take(through(proxy, "http", web.port, "http://me:p%40ss@"), at(web.url("/image"))) == DATA
    assert "Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in proxy.heads[0]


def test_a_proxy_for_the_other_scheme_is_left_alone(web: Web, proxy: Tunnels) -> None:
    web.paths["/image"] = DATA
    assert take(through(proxy, "https", web.port), at(web.url("/image"))) == DATA
    assert proxy.heads == []


def test_a_proxy_that_refuses_is_named(web: Web, proxy: Tunnels) -> None:
    proxy.refuse = True
    with pytest.raises(StoreUnavailable, match="refuses a tunnel"):
        take(through(proxy, "http", web.port), at(web.url("/image")))
    assert web.asked == []


@pytest.mark.parametrize("text", ["", "http://", "socks5://127.0.0.1:1", "host:port"])
def test_a_proxy_that_cannot_be_read_stops_the_start(text: str) -> None:
    with pytest.raises(ConfigError, match="proxy"):
        open_driver(StoreSettings(id="web", kind="http", options={"http_proxy_information": {"http": text}}))
