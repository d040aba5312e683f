"""What becomes of a call when the service goes away: done again where that is safe, never where it is not."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from glancetui.errors import RegistryUnavailable
from glancetui.model import Viewer
from glancetui.registry.interface import Actor, Registry
from glancetui.registry.service import access, connection, frames, pool
from glancetui.registry.service.frames import Answer, Request
from glancetui.registry.service.stream import Stream
from tests.registry.service.serving import hello_of, remote, service

Step = Callable[[Stream, Request], bool]  # False: the connection ends
ACTOR = Actor(node="n")
EYES = Viewer(project=None, is_admin=True)


def answer(stream: Stream, request: Request) -> bool:
    result = frames.encode(7 if request.operation == "last_event" else None)
    stream.send(frames.encode(Answer(request.number, None, msgspec.Raw(result))))
    return True


def vanish(_stream: Stream, _request: Request) -> bool:
    return False


def say_goodbye(stream: Stream, _request: Request) -> bool:
    stream.send(frames.encode(Answer(frames.GOODBYE)))
    return False


def answer_another(stream: Stream, request: Request) -> bool:
    stream.send(frames.encode(Answer(request.number + 1)))
    return True


def say_nothing(stream: Stream, _request: Request) -> bool:
    with contextlib.suppress(OSError):
        stream.socket.recv(1)
    return False


class Scripted:
    """A service that does with each request what the script says, and answers when that is at its end."""

    def __init__(self, path: Path, *script: Step, names: tuple[str, ...] = ("one",)) -> None:
        self.requests: list[Request] = []
        self._script = iter(script)
        self._names = iter(names)
        self._name = ""
        self._open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connected, _ = self._listener.accept()
                self._name = next(self._names, self._name)
                self._open.append(connected)
                threading.Thread(target=self._serve, args=(connected, self._name), daemon=True).start()

    def _serve(self, connected: socket.socket, name: str) -> None:
        stream = Stream(connected, frames.LARGEST_HELLO)
        with connected, contextlib.suppress(OSError):
            access.admit(stream, b"")
            stream.frame()
            stream.send(frames.encode(hello_of(Registry, name)))
            while (content := stream.frame()) is not None:
                self.requests.append(frames.decode_request(content))
                if not next(self._script, answer)(stream, self.requests[-1]):
                    return

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connected in self._open:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Callable[..., Scripted]]:
    with contextlib.ExitStack() as stack:

        def start(*script: Step, names: tuple[str, ...] = ("one",)) -> Scripted:
            made = Scripted(tmp_path / "s", *script, names=names)
            stack.callback(made.close)
            return made

        yield start


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Registry]:
    made = remote(tmp_path / "s", patience=2.0)
    yield made  # type: ignore[misc]
    made.close()


@pytest.mark.parametrize("step", [vanish, answer_another, say_goodbye])
def test_a_read_whose_answer_got_lost_is_asked_again(
    scripted: Callable[..., Scripted], caller: Registry, step: Step
) -> None:
    served = scripted(step, step, names=("one", "two", "three"))
    assert caller.last_event() == 7
    assert len(served.requests) == 3


def test_a_write_is_not_sent_to_another_process_than_the_one_that_may_have_done_it(
    scripted: Callable[..., Scripted], caller: Registry
) -> None:
    served = scripted(vanish, names=("one", "two"))
    with pytest.raises(RegistryUnavailable, match="nobody knows whether"):
        caller.remove_tag("i", "t", ACTOR)
    assert len(served.requests) == 1
    caller.remove_tag("i", "t", ACTOR)
    assert len(served.requests) == 2


def test_a_write_is_sent_again_to_the_very_process_under_its_number(
    scripted: Callable[..., Scripted], caller: Registry
) -> None:
    served = scripted(vanish, vanish, names=("one",))
    caller.remove_tag("i", "t", ACTOR)
    first, *copies = served.requests
    assert first.age is None
    assert [copy.number for copy in copies] == [first.number] * 2
    assert all(copy.age is not None and 0 <= copy.age < 5 for copy in copies)


def test_a_write_that_a_goodbye_crossed_is_sent_to_whoever_is_there(
    scripted: Callable[..., Scripted], caller: Registry
) -> None:
    served = scripted(say_goodbye, names=("one", "two"))
    caller.remove_tag("i", "t", ACTOR)
    assert [request.age for request in served.requests] == [None, None]


def test_a_write_whose_process_is_gone_for_good_fails_with_what_is_known(
    scripted: Callable[..., Scripted], tmp_path: Path
) -> None:
    served: list[Scripted] = []

    def close_all(_stream: Stream, _request: Request) -> bool:
        served[0].close()
        return False

    served.append(scripted(close_all))
    caller = remote(tmp_path / "s")
    with contextlib.closing(caller), pytest.raises(RegistryUnavailable, match="nobody knows whether"):
        caller.remove_tag("i", "t", ACTOR)  # type: ignore[attr-defined]


def test_callers_of_a_service_that_is_away_wait_a_little_then_not_at_all_and_come_back_by_themselves(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    caller = remote(tmp_path / "s", patience=0.5)
    with contextlib.closing(caller):
        began = time.monotonic()
        with pytest.raises(RegistryUnavailable, match="cannot be reached: No such file"):
            caller.last_event()  # type: ignore[attr-defined]
        assert 0.4 < time.monotonic() - began < 5
        began = time.monotonic()
        for _ in range(100):
            with pytest.raises(RegistryUnavailable):
                caller.last_event()  # type: ignore[attr-defined]
        assert time.monotonic() - began < 0.4
        assert caplog.text.count("cannot be reached") == 1
        with service(tmp_path / "s", Counting()):
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                with contextlib.suppress(RegistryUnavailable):
                    assert caller.last_event() == 0  # type: ignore[attr-defined]
                    break
            else:
                pytest.fail("it did not come back")
        assert "answers again" in caplog.text


class Counting:
    def __init__(self) -> None:
        self.writes: list[str] = []
        self.lock = threading.Lock()

    def remove_tag(self, image_id: str, tag: str, actor: Actor) -> None:
        with self.lock:
            self.writes.append(tag)

    def last_event(self) -> int:
        return len(self.writes)

    def image(self, image_id: str, viewer: object) -> None:
        time.sleep(0.2)
        raise RegistryUnavailable("the database is away")


def test_services_that_are_stopped_and_started_lose_no_call_and_double_none(tmp_path: Path) -> None:
    """An orderly stop says goodbye: every write is certain."""
    target, done = Counting(), threading.Event()
    caller = remote(tmp_path / "s", patience=10.0)

    def work(number: int) -> list[str]:
        written: list[str] = []
        while not done.is_set():
            tag = f"{number}-{len(written)}"
            caller.remove_tag("i", tag, ACTOR)  # type: ignore[attr-defined]
            written.append(tag)
        return written

    with ThreadPoolExecutor(8) as threads, contextlib.closing(caller):
        results = [threads.submit(work, number) for number in range(8)]
        for _ in range(6):
            with service(tmp_path / "s", target):
                before = len(target.writes)
                deadline = time.monotonic() + 10
                while len(target.writes) < before + 50 and time.monotonic() < deadline:
                    time.sleep(0.005)
        with service(tmp_path / "s", target):
            done.set()
            written = [tag for result in results for tag in result.result(20)]
    assert sorted(written) == sorted(target.writes)
    assert len(set(written)) == len(written) >= 300


def test_an_error_of_the_service_is_no_reason_to_ask_again(tmp_path: Path) -> None:
    with service(tmp_path / "s", Counting()) as served:
        caller = remote(tmp_path / "s")
        with contextlib.closing(caller), pytest.raises(RegistryUnavailable, match="the database is away"):
            caller.image("i", EYES)  # type: ignore[attr-defined]
        assert served.refusals.total == 0


def test_more_calls_than_connections_wait_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with service(tmp_path / "s", Counting()) as served:
        caller = remote(tmp_path / "s")

        def call(_: int) -> str:
            with pytest.raises(RegistryUnavailable) as raised:
                caller.image("i", EYES)  # type: ignore[attr-defined]
            return str(raised.value)

        with contextlib.closing(caller), ThreadPoolExecutor(40) as threads:
            assert set(threads.map(call, range(40))) == {"the database is away"}
            assert served.connections <= pool.MOST
            monkeypatch.setattr(pool, "WAIT_SECONDS", 0.05)
            assert "All connections to the registry service are in use. Try again." in threads.map(call, range(40))


def test_a_service_that_hangs_is_given_up_by_all_its_callers(
    scripted: Callable[..., Scripted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes connections, as the kernel of a stopped process does, and says nothing."""
    monkeypatch.setattr(connection, "SILENCE", 0.3)
    monkeypatch.setattr(access, "admit", _once(access.admit))
    scripted(say_nothing)
    caller = remote(tmp_path / "s")
    began = time.monotonic()
    with contextlib.closing(caller):
        with pytest.raises(RegistryUnavailable, match="did not answer within"):
            caller.last_event()  # type: ignore[attr-defined]
        assert time.monotonic() - began < 5


def _once(real: Callable[[Stream, bytes], None]) -> Callable[[Stream, bytes], None]:
    calls = iter(range(1000))

    def admit(stream: Stream, secret: bytes) -> None:
        if next(calls):
            stream.socket.recv(1)
        real(stream, secret)

    return admit


def test_a_long_call_of_a_service_that_lives_is_waited_for(
    scripted: Callable[..., Scripted], caller: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "SILENCE", 0.6)

    def answer_late(stream: Stream, request: Request) -> bool:
        time.sleep(1.5)  # what is tried is just this: an answer that takes long
        return answer(stream, request)

    served = scripted(answer_late)
    assert caller.last_event() == 7
    assert len(served.requests) == 1


def test_a_closed_end_takes_no_calls(tmp_path: Path) -> None:
    caller = remote(tmp_path / "s")
    caller.close()
    with pytest.raises(RegistryUnavailable, match="stopping"):
        caller.last_event()  # type: ignore[attr-defined]
