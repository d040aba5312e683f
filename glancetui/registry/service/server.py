"""The service's end: connections, a thread for each, and the calls that they make on the registry.

A connection has one call at a time, so bounding connections bounds threads, calls and memory. No socket has a timeout:
each connection says until when it may stay in what it does, and the loop that accepts cuts those that stay longer. That
spares a system call for each read, and holds however slowly a peer dribbles.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import secrets
import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from glancetui import __version__
from glancetui.errors import GlancetuiError, LimitExceeded, RegistryUnavailable
from glancetui.registry.service import access, frames
from glancetui.registry.service.access import Refused
from glancetui.registry.service.faults import Fault, fault_of
from glancetui.registry.service.frames import Answer, BrokenFrame, Hello, Request
from glancetui.registry.service.operations import Operation, Operations
from glancetui.registry.service.recent import Recent
from glancetui.registry.service.signature import fingerprint, incompatible, interface_of
from glancetui.registry.service.stream import Stream

if TYPE_CHECKING:
    import ssl

log = logging.getLogger(__name__)

#: In a worker: 16 each of 32 API workers. Each costs a thread, which is little, and a request in memory at most.
MOST_CONNECTIONS = 512
#: Not yet proven to know the secret; so strangers cannot take the places of callers.
MOST_STRANGERS = 64
#: Calls under way at once: more than connections to a database, so that these are what is waited for.
MOST_CALLS = 32
HANDSHAKE_SECONDS = 5.0
FRAME_SECONDS = 30.0  # from the first piece of a request to its last; from the first byte of an answer to its last
IDLE_SECONDS = 300.0  # callers let go after a fifth of it
LINGER_SECONDS = 1.0  # after a goodbye, for a request that was on its way
TICK_SECONDS = 0.5
QUIET_SECONDS = 60.0  # between two lines in the log about connections that were closed for the same reason
MOST_REASONS = 100  # some hold what a caller of another release said
LATER_SECONDS = 0.0005  # an accepting worker waits so long for each connection it has: the one with fewest is first


class Service:
    """Carries calls of `operations` to `registry`. One in a process; `run` is the process's main loop."""

    def __init__(self, registry: object, operations: Operations, secret: bytes, *, shared: bool = False) -> None:
        """`shared`: other processes accept from the same listeners."""
        self.registry = registry
        self._shared = shared
        self.operations = operations
        self.secret = secret
        self.interface = interface_of(operations)
        self.fingerprint = fingerprint(self.interface)
        self.hello = frames.encode(
            Hello(
                release=__version__,
                name=secrets.token_hex(16),
                fingerprint=self.fingerprint,
                interface=self.interface,
            )
        )
        self.recent = Recent()
        self.calls = threading.BoundedSemaphore(MOST_CALLS)
        self.refusals = Refusals()
        self.stopping = threading.Event()
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._wake_up, self._wake = os.pipe()
        os.set_blocking(self._wake, False)

    def run(
        self,
        listeners: Sequence[socket.socket],
        context: ssl.SSLContext | None,
        drain_seconds: float,
        beat: Callable[[], None] = lambda: None,
    ) -> bool:
        """Until `stop`. `context`: the TLS of listeners that are no unix sockets. `beat` is called as long as the loop
        turns. False: calls had to be cut."""
        with selectors.DefaultSelector() as selector:
            for listener in listeners:
                selector.register(listener, selectors.EVENT_READ)
            selector.register(self._wake_up, selectors.EVENT_READ)
            while not self.stopping.is_set():
                for key, _ in selector.select(TICK_SECONDS):
                    if isinstance(key.fileobj, socket.socket):
                        self._accept(key.fileobj, context)
                self._cut_late()
                beat()
        for listener in listeners:
            listener.close()  # what waits to be accepted shall go elsewhere now, not when this process ends
        return self._drain(drain_seconds)

    def stop(self) -> None:
        """From a signal handler or another thread: running calls end, their callers are told to go elsewhere."""
        self.stopping.set()
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake, b"!")

    @property
    def connections(self) -> int:
        return len(self._connections)

    def _accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        if self._shared:
            time.sleep(min(len(self._connections) * LATER_SECONDS, 0.02))
        try:
            connected, _ = listener.accept()
        except OSError:  # another worker was first, or the caller has gone
            return
        connected.setblocking(True)
        with self._lock:
            full = len(self._connections) >= MOST_CONNECTIONS
            full = full or sum(not each.admitted for each in self._connections) >= MOST_STRANGERS
        if full:
            self.refusals.note("there are too many")
            _turn_away(connected, access.FULL, context)
            return
        if connected.family != socket.AF_UNIX:
            _tune(connected)
        connection = Connection(self, connected, None if connected.family == socket.AF_UNIX else context)
        with self._lock:
            self._connections.add(connection)
        try:
            threading.Thread(target=connection.run, name="caller", daemon=True).start()
        except RuntimeError:  # the system has no thread left for us
            self.refusals.note("no thread can be started")
            self.forget(connection)
            connected.close()

    def forget(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)

    def _all(self) -> list[Connection]:
        with self._lock:
            return list(self._connections)

    def _cut_late(self) -> None:
        now = time.monotonic()
        for connection in self._all():
            if now > connection.until:
                connection.cut()

    def _drain(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        for connection in self._all():
            connection.hush()
        while self._all():
            if time.monotonic() > deadline:
                log.warning("%d connections are cut at the end of the drain.", self.connections)
                return False
            self._cut_late()
            time.sleep(0.01)
        return True

    # -- calls ---------------------------------------------------------------------------------------------------------
    def answer(self, caller: str, request: Request) -> bytes:
        operation = self.operations.get(request.operation)
        if operation is None:
            sentence = (
                f"The registry service, release {__version__}, does not know the operation {request.operation}: "
                "upgrade it."
            )
            return frames.encode(Answer(request.number, fault_of(RegistryUnavailable(sentence))))
        if operation.repeatable:
            return self._do(operation, request)
        return self.recent.once(caller, request, lambda: self._do(operation, request))

    def _do(self, operation: Operation, request: Request) -> bytes:
        with self.calls:
            try:
                answer = Answer(request.number, None, operation.call(self.registry, request.arguments))
            except GlancetuiError as error:
                answer = Answer(request.number, fault_of(error))
            except msgspec.DecodeError as error:  # of another release, since a caller of this one checks types
                answer = Answer(request.number, fault_of(_misunderstood(operation.name, error)))
            except Exception:
                log.exception("Operation %s failed unexpectedly.", operation.name)
                answer = Answer(
                    request.number, Fault((), f"The registry failed in {operation.name}; its log says why.")
                )
            encoded = frames.encode(answer)
        if len(encoded) > frames.LARGEST_ANSWER:
            return frames.encode(Answer(request.number, fault_of(_too_long(operation.name, len(encoded)))))
        return encoded


class Connection:
    """One caller. `until` (monotonic): when what it does now has taken too long."""

    def __init__(self, service: Service, connected: socket.socket, context: ssl.SSLContext | None) -> None:
        self._service = service
        self._socket = connected
        self._context = context
        self._stream = Stream(connected, frames.LARGEST_HELLO)
        self.admitted = False
        self.until = time.monotonic() + HANDSHAKE_SECONDS
        self._idle = False
        self._cut = False

    def run(self) -> None:
        try:
            caller = self._let_in()
            self._stream.allow(frames.LARGEST_REQUEST)
            self._serve(caller)
        except (Refused, BrokenFrame) as error:
            self._service.refusals.note(str(error))
        except msgspec.DecodeError as error:
            self._service.refusals.note("a message that is none")
            log.debug("What came is no message: %s", error)
        except OSError as error:
            if not self.admitted:
                self._service.refusals.note(f"the connection ended in the handshake ({error.strerror or error})")
        except Exception:
            log.exception("A connection failed unexpectedly.")
        finally:
            self._service.forget(self)
            self._stream.close()

    def cut(self) -> None:
        """From the accepting loop: it has taken too long. An idle one ends with a goodbye."""
        if self._idle:
            self.hush()
            return
        if not self._cut:
            self._service.refusals.note("it took too long")
        self._cut = True
        _shut(self._socket, socket.SHUT_RDWR)

    def hush(self) -> None:
        """No further request is read; one that is being done is answered."""
        if self._idle:
            self.until = time.monotonic() + FRAME_SECONDS
            _shut(self._socket, socket.SHUT_RD)

    def _let_in(self) -> str:
        if self._context is not None:
            wrapped = self._context.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
            self._socket = self._stream.socket = wrapped  # before it waits: `cut` must reach it
            wrapped.do_handshake()
        access.admit(self._stream, self._service.secret)
        content = self._stream.frame()
        if content is None:
            raise BrokenFrame("a greeting that was cut off")
        theirs = frames.decode_hello(content)
        ours = self._service
        self._stream.send(self._service.hello)  # also to one that does not fit, so that it can say why
        if theirs.fingerprint != ours.fingerprint and (reason := incompatible(ours.interface, theirs.interface)):
            raise Refused(f"its release {theirs.release} does not fit this registry: {reason}")
        self.admitted = True
        return theirs.name

    def _serve(self, caller: str) -> None:
        service, stream = self._service, self._stream
        while not service.stopping.is_set():
            self.until, self._idle = time.monotonic() + IDLE_SECONDS, True
            if service.stopping.is_set():  # set between the two: nobody would hush us
                break
            content = stream.frame(self._begun)
            if content is None:
                break
            self.until, self._idle = math.inf, False
            answer = service.answer(caller, frames.decode_request(content))
            self.until = time.monotonic() + FRAME_SECONDS
            stream.send(answer)
        self._say_goodbye()

    def _begun(self) -> None:
        if self._idle:
            self.until, self._idle = time.monotonic() + FRAME_SECONDS, False

    def _say_goodbye(self) -> None:
        """What comes after it was not read, and its sender can know so."""
        self.until, self._idle = time.monotonic() + LINGER_SECONDS, False
        self._cut = True  # not worth a note
        self._stream.send(frames.encode(Answer(frames.GOODBYE)))
        _shut(self._socket, socket.SHUT_WR)
        while self._socket.recv(65_536):
            pass


class Refusals:
    """Counts connections that were closed for a reason, and logs the first of each kind, then one a minute."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._logged_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def note(self, reason: str) -> None:
        with self._lock:
            if len(self.counts) >= MOST_REASONS and reason not in self.counts:
                reason = "others"
            self.counts[reason] += 1
            now = time.monotonic()
            if now - self._logged_at.get(reason, -math.inf) < QUIET_SECONDS:
                return
            self._logged_at[reason] = now
        log.warning("A connection was closed: %s (%d of these so far).", reason, self.counts[reason])

    @property
    def total(self) -> int:
        return self.counts.total()


def _turn_away(connected: socket.socket, status: int, context: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError), connected:
        if connected.family == socket.AF_UNIX or context is None:
            connected.setblocking(False)
            access.turn_away(connected, status)


def _tune(connected: socket.socket) -> None:
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _shut(connected: socket.socket, how: int) -> None:
    """Under TLS too, where the method of that name would take the connection away from the thread that reads."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connected, how)


def _misunderstood(operation: str, error: Exception) -> RegistryUnavailable:
    return RegistryUnavailable(
        f"The registry service, release {__version__}, does not understand the arguments of {operation}: {error}. "
        "Run the same release on both sides."
    )


def _too_long(operation: str, size: int) -> LimitExceeded:
    return LimitExceeded(
        f"The answer to {operation} has {size} bytes, and {frames.LARGEST_ANSWER} are the most. Ask for fewer at once."
    )
