"""Who comes in, and what strangers and broken callers can do: end their own connection, no more."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from glancetui.config.settings import RegistryAddress, RegistrySettings
from glancetui.errors import ConfigError, RegistryUnavailable
from glancetui.registry.interface import Registry
from glancetui.registry.service import access, frames, server
from glancetui.registry.service.frames import PREFIX, Request, framed
from glancetui.registry.service.operations import operations_of
from glancetui.registry.service.remote import Remote
from glancetui.registry.service.server import Service
from glancetui.registry.service.stream import Stream
from tests.registry.service.serving import SECRET, admitted, ended, plain, remote, service


class Answering:
    """A registry of which only the last event matters."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()

    def last_event(self) -> int:
        assert self.go.wait(20)
        return 7

    def release_lease(self, name: str, owner: str) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path / "s", Answering(), secret=SECRET) as started:
        yield started


@pytest.fixture
def path(served: Service, tmp_path: Path) -> Path:
    return tmp_path / "s"


def until(true: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def works(path: Path) -> bool:
    caller = remote(path, secret=SECRET)
    with contextlib.closing(caller):
        return bool(caller.last_event() == 7)  # type: ignore[attr-defined]


@pytest.mark.parametrize("wrong", ["", "another secret of this length", SECRET + "x"])
def test_wrong_and_no_secrets_are_refused_with_a_sentence(served: Service, path: Path, wrong: str) -> None:
    caller = remote(path, secret=wrong)
    with contextlib.closing(caller), pytest.raises(RegistryUnavailable, match="does not accept our secret"):
        caller.last_event()  # type: ignore[attr-defined]
    assert served.refusals.counts["wrong secret"] >= 1
    assert works(path)


def test_a_service_without_our_secret_is_not_spoken_to(tmp_path: Path) -> None:
    with service(tmp_path / "s", Answering()):
        caller = remote(tmp_path / "s", secret=SECRET)
        with contextlib.closing(caller), pytest.raises(RegistryUnavailable, match="secret"):
            caller.last_event()  # type: ignore[attr-defined]


def test_one_who_only_repeats_what_it_hears_is_no_registry_of_ours(tmp_path: Path) -> None:
    """Reflecting our own proof, or a greeting, proves nothing."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def reflect() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connected, _ = listener.accept()
                    with connected, contextlib.suppress(OSError):
                        connected.sendall(access._word(access.WELCOME) + b"n" * 32)
                        claim = connected.recv(access.CLAIM)
                        connected.sendall(access._word(access.WELCOME) + claim[-32:])

        threading.Thread(target=reflect, daemon=True).start()
        caller = remote(tmp_path / "s", secret=SECRET)
        with contextlib.closing(caller), pytest.raises(RegistryUnavailable, match="does not know our secret"):
            caller.last_event()  # type: ignore[attr-defined]
        listener.shutdown(socket.SHUT_RDWR)


def test_the_secret_never_crosses(tmp_path: Path) -> None:
    here, there = socket.socketpair()
    with here, there:
        caller = threading.Thread(target=lambda: access.introduce(Stream(here, 100), SECRET.encode()))
        caller.start()
        heard = _Tap(there)
        access.admit(Stream(heard, 100), SECRET.encode())  # type: ignore[arg-type]
        caller.join(10)
    assert len(heard.all) == access.CLAIM
    assert SECRET.encode() not in heard.all


class _Tap:
    def __init__(self, connected: socket.socket) -> None:
        self._socket, self.all = connected, b""

    def recv(self, count: int) -> bytes:
        piece = self._socket.recv(count)
        self.all += piece
        return piece

    def sendall(self, data: bytes) -> None:
        self._socket.sendall(data)


# -- garbage and silence -----------------------------------------------------------------------------------------------

GARBAGE = {
    "a request of HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b" " * 100,
    "zeros": bytes(access.CLAIM),
    "our magic and zeros": access._word(access.WELCOME) + bytes(64),
    "another protocol": access._WORD.pack(b"GTREG", 9, 0) + bytes(64),
    "a claim cut off": access._word(access.WELCOME) + b"x",
    "nothing": b"",
}


@pytest.mark.parametrize("sent", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_handshake_ends_before_anything_is_parsed(
    served: Service, path: Path, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "decode_hello", lambda content: pytest.fail("parsed"))
    with plain(path) as stranger:
        assert len(stranger.recv(1000)) == access.GREETING
        stranger.sendall(sent)
        stranger.shutdown(socket.SHUT_WR)
        assert ended(stranger)
    until(lambda: served.refusals.total == 1 and served.connections == 0)


BROKEN = {
    "a hello that is none": lambda: framed(b"\xc1"),
    "an oversized hello": lambda: (frames.LARGEST_HELLO + 1).to_bytes(PREFIX),
    "a hello cut off": lambda: framed(b"x" * 100)[:50],
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_a_broken_hello_ends_its_connection(served: Service, path: Path, make: Callable[[], bytes]) -> None:
    with plain(path) as caller:
        access.introduce(Stream(caller, 1000), SECRET.encode())
        caller.sendall(make())
        caller.shutdown(socket.SHUT_WR)
        assert ended(caller)
    until(lambda: served.refusals.total == 1 and served.connections == 0)
    assert works(path)


MESSAGES = {
    "no message": framed(b"\xc1\xc1\xc1"),
    "a message of another kind": framed(frames.encode({"a": 1})),
    "nothing in a frame": framed(b""),
    "an oversized frame": (frames.LARGEST_REQUEST + 1).to_bytes(PREFIX) + b"x" * 100,
    "a frame cut off": framed(frames.encode(Request(1, "last_event", msgspec.Raw(b"\x80"))))[:-1],
    "a deep message": framed(b"\x91" * 100_000 + b"\xc0"),
}


@pytest.mark.parametrize("sent", MESSAGES.values(), ids=MESSAGES)
def test_broken_messages_end_their_connection_and_nothing_else(served: Service, path: Path, sent: bytes) -> None:
    stream = admitted(path, secret=SECRET)
    with stream.socket:
        stream.socket.sendall(sent)
        stream.socket.shutdown(socket.SHUT_WR)
        assert ended(stream.socket)
    until(lambda: served.refusals.total == 1 and served.connections == 0)
    assert works(path)


def test_arguments_that_are_none_are_answered_with_a_fault(served: Service, path: Path) -> None:
    stream = admitted(path, secret=SECRET)
    with stream.socket:
        for number, arguments in enumerate((b"\x81\xa5limit\x01", b"\x90", b"\xc0"), 1):
            stream.send(frames.encode(Request(number, "page", msgspec.Raw(arguments))))
            answer = frames.decode_answer(stream.frame() or b"")
            assert answer.number == number
            assert answer.fault is not None
            assert "does not understand the arguments of page" in answer.fault.sentence


def test_strangers_that_say_nothing_are_cut_and_cannot_fill_the_place(
    served: Service, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 0.3)
    monkeypatch.setattr(server, "MOST_STRANGERS", 3)
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(plain(path)) for _ in range(3)]
        until(lambda: served.connections == 3)
        with plain(path) as fourth:
            assert fourth.recv(100)[6] == access.FULL
        assert all(ended(each) for each in silent)
    until(lambda: served.connections == 0)
    assert works(path)


def test_a_caller_that_dribbles_a_frame_is_cut(served: Service, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FRAME_SECONDS", 0.3)
    stream = admitted(path, secret=SECRET)
    with stream.socket:
        stop = threading.Event()

        def dribble() -> None:
            with contextlib.suppress(OSError):
                stream.socket.sendall((1000).to_bytes(PREFIX))
                while not stop.wait(0.02):
                    stream.socket.sendall(b"x")

        thread = threading.Thread(target=dribble)
        thread.start()
        assert ended(stream.socket)
        stop.set()
        thread.join(10)
    until(lambda: served.connections == 0)


def test_a_caller_that_takes_no_answer_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Long(Answering):
        def members(self, image_id: str) -> list[str]:
            return ["x" * 1000] * 10_000

    monkeypatch.setattr(server, "FRAME_SECONDS", 0.3)
    with service(tmp_path / "s", Long()) as served:
        stream = admitted(tmp_path / "s")
        with stream.socket:
            arguments = msgspec.Raw(frames.encode({"image_id": "i"}))
            stream.send(frames.encode(Request(1, "members", arguments)))
            until(lambda: served.connections == 0)


def test_an_idle_connection_ends_with_a_goodbye(served: Service, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.2)
    stream = admitted(path, secret=SECRET)
    with stream.socket:
        assert frames.decode_answer(stream.frame() or b"").number == frames.GOODBYE
        assert stream.frame() is None
    until(lambda: served.connections == 0)
    assert works(path)


def test_more_connections_than_are_taken_are_told_so(
    served: Service, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 1)
    caller = remote(path, secret=SECRET)
    with contextlib.closing(caller):
        assert caller.last_event() == 7  # type: ignore[attr-defined]
        second = remote(path, secret=SECRET)
        with contextlib.closing(second), pytest.raises(RegistryUnavailable, match="as many connections"):
            second.last_event()  # type: ignore[attr-defined]
        assert caller.last_event() == 7  # type: ignore[attr-defined]


def test_a_stop_lets_a_running_call_end_and_tells_idle_callers(tmp_path: Path) -> None:
    target = Answering()
    target.go.clear()
    with service(tmp_path / "s", target) as served:
        idle, busy = admitted(tmp_path / "s"), admitted(tmp_path / "s")
        busy.send(frames.encode(Request(1, "last_event", msgspec.Raw(b"\x80"))))
        until(lambda: served.calls._value < server.MOST_CALLS)
        served.stop()
        assert frames.decode_answer(idle.frame() or b"").number == frames.GOODBYE
        target.go.set()
        assert frames.decode_answer(busy.frame() or b"").number == 1
        assert frames.decode_answer(busy.frame() or b"").number == frames.GOODBYE
        for stream in (idle, busy):
            stream.close()


# -- TLS ---------------------------------------------------------------------------------------------------------------


class Papers:
    """A CA with a certificate for localhost, another for a caller, and one of a stranger's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for ca in ("ca", "strange"):
            self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={ca}",
                          "-keyout", f"{ca}.key", "-out", f"{ca}.pem")  # fmt: skip
        self._sign("service", "ca", "subjectAltName=DNS:localhost,IP:127.0.0.1")
        self._sign("caller", "ca", "extendedKeyUsage=clientAuth")
        self._sign("stranger", "strange", "extendedKeyUsage=clientAuth")

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True, timeout=60)

    def _sign(self, name: str, ca: str, extension: str) -> None:
        (self.folder / f"{name}.ext").write_text(extension + "\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                      "-out", f"{name}.csr")  # fmt: skip
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-days", "2",
                      "-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.pem")  # fmt: skip

    def settings(self, name: str | None, ca: str | None = "ca", secret: str = "") -> RegistrySettings:
        return RegistrySettings(
            secret=secret,
            ca_file=self.folder / f"{ca}.pem" if ca else None,
            cert_file=self.folder / f"{name}.pem" if name else None,
            key_file=self.folder / f"{name}.key" if name else None,
        )


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    try:
        return Papers(tmp_path_factory.mktemp("papers"))
    except FileNotFoundError:
        pytest.skip("openssl is not installed")


@contextlib.contextmanager
def served_over_tls(settings: RegistrySettings) -> Iterator[tuple[Service, RegistryAddress]]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    address = RegistryAddress(host="127.0.0.1", port=listener.getsockname()[1], tls=True)
    started = Service(Answering(), operations_of(Registry), settings.secret.encode())
    context = access.service_context(settings)
    thread = threading.Thread(target=started.run, args=([listener], context, 5.0))
    thread.start()
    try:
        yield started, address
    finally:
        started.stop()
        thread.join(20)
        listener.close()


def ask(address: RegistryAddress, settings: RegistrySettings) -> object:
    caller = Remote(operations_of(Registry), address, settings, patience=0.3)
    with contextlib.closing(caller):
        return caller.last_event()  # type: ignore[attr-defined]


def test_over_tls_a_secret_or_a_certificate_is_needed(papers: Papers) -> None:
    with served_over_tls(papers.settings("service", ca=None, secret=SECRET)) as (_, address):
        assert ask(address, papers.settings(None, secret=SECRET)) == 7
        with pytest.raises(RegistryUnavailable, match="secret"):
            ask(address, papers.settings(None))
        with pytest.raises(RegistryUnavailable, match="certificate verify failed"):
            ask(address, papers.settings(None, ca="strange", secret=SECRET))
    with served_over_tls(papers.settings("service")) as (_, address):
        assert ask(address, papers.settings("caller")) == 7
        for settings in (papers.settings(None), papers.settings("stranger")):
            with pytest.raises(RegistryUnavailable):
                ask(address, settings)


def test_over_tls_goodbyes_and_many_calls_work(papers: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    with served_over_tls(papers.settings("service")) as (served, address):
        caller = Remote(operations_of(Registry), address, papers.settings("caller"))
        with contextlib.closing(caller):
            assert [caller.last_event() for _ in range(50)] == [7] * 50  # type: ignore[attr-defined]
            monkeypatch.setattr(server, "IDLE_SECONDS", 0.1)
            caller.last_event()  # type: ignore[attr-defined]
            until(lambda: served.connections == 0)
            caller.release_lease("a", "b")  # type: ignore[attr-defined]  # a write: it must be certain that it was not heard


def test_strangers_who_speak_no_tls_are_cut(papers: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 0.3)
    with served_over_tls(papers.settings("service")) as (served, address):
        for sent in (b"GET / HTTP/1.1\r\n\r\n", b""):
            with socket.create_connection((address.host, address.port), 10) as stranger:
                stranger.sendall(sent)
                assert ended(stranger)
        until(lambda: served.connections == 0)
        assert ask(address, papers.settings("caller")) == 7


def test_certificates_that_cannot_be_loaded_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("not a certificate")
    settings = RegistrySettings(cert_file=tmp_path / "bad.pem")
    with pytest.raises(ConfigError, match="certificates"):
        access.service_context(settings)
    with pytest.raises(ConfigError, match="certificates"):
        access.caller_context(settings)
