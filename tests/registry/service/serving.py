"""A registry service within the test's process, and ways to speak to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from glancetui.config.settings import RegistryAddress, RegistrySettings
from glancetui.registry.interface import Registry
from glancetui.registry.service import access, frames
from glancetui.registry.service.frames import Hello
from glancetui.registry.service.operations import operations_of
from glancetui.registry.service.remote import Remote
from glancetui.registry.service.server import Service
from glancetui.registry.service.signature import fingerprint, interface_of
from glancetui.registry.service.stream import Stream

SECRET = "a secret of more than sixteen"


@contextmanager
def service(path: Path, target: object, interface: type = Registry, secret: str = "") -> Iterator[Service]:
    """Serves `target` on a unix socket at `path`."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(64)
    listener.setblocking(False)
    started = Service(target, operations_of(interface), secret.encode())
    thread = threading.Thread(target=started.run, args=([listener], None, 5.0))
    thread.start()
    try:
        yield started
    finally:
        started.stop()
        thread.join(20)
        listener.close()
        path.unlink(missing_ok=True)
        assert not thread.is_alive()


def remote(
    path: Path, interface: type = Registry, secret: str = "", node: str | None = None, patience: float = 0.3
) -> Remote:
    settings = RegistrySettings(secret=secret)
    return Remote(operations_of(interface), RegistryAddress(path=path), settings, node, patience)


@contextmanager
def both(path: Path, target: object, interface: type = Registry) -> Iterator[Remote]:
    with service(path, target, interface), closing(remote(path, interface)) as caller:
        yield caller


def plain(path: Path, seconds: float = 10) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(seconds)
    connected.connect(str(path))
    return connected


def hello_of(interface: type, name: str = "test") -> Hello:
    described = interface_of(operations_of(interface))
    return Hello(release="0", name=name, fingerprint=fingerprint(described), interface=described)


def admitted(path: Path, interface: type = Registry, secret: str = "", name: str = "test") -> Stream:
    """A connection that has been let in, for a test that speaks frames itself."""
    stream = Stream(plain(path), frames.LARGEST_ANSWER)
    access.introduce(stream, secret.encode())
    stream.send(frames.encode(hello_of(interface, name)))
    content = stream.frame()
    assert content is not None
    frames.decode_hello(content)
    return stream


def ended(connected: socket.socket) -> bool:
    """Whether the other side closes the connection, within the socket's timeout."""
    try:
        while connected.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True
